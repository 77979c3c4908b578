/*
 * Each allocation fails once: linked with --wrap for malloc, calloc and realloc.
 */
#include "file_cache_fixture.h"

#include <errno.h>

#include "fake_encoder.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static int fails_in = -1; /* allocations until one fails; -1: none does */
static bool has_failed;

static bool fails(void)
{
    if (fails_in < 0 || fails_in-- > 0)
        return false;
    has_failed = true;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

static const struct wr_accept_codings all = {{1, 1000, 1000, 1000}};
static const struct wr_accept_codings zstd = {{1, 0, 0, 1000}};

/* Asks for the file in that coding, made if need be. Whatever fails, what comes is right. */
static void ask(struct fixture *f, const char *name, const struct wr_accept_codings *accept)
{
    struct wr_file_entry *e;
    struct wr_representation r;
    int err = wr_file_cache_get(f->cache, wr_slice_of(name), f->now, &e);

    if (err < 0) {
        assert_int_equal(err, -ENOMEM);
        return;
    }
    err = wr_file_cache_choose(f->cache, e, accept, f->now, &r);
    if (err == -EINPROGRESS) {
        const struct wr_file *file = wr_file_of(e);
        const struct wr_encodings_source source = {file->info, file->identity.content,
                                                   file->identity.fd};

        err = wr_encodings_make(f->encodings, &source, r.coding);
        if (err == 0)
            err = wr_file_cache_choose(f->cache, e, accept, f->now, &r);
        else
            assert_int_equal(err, -ENOMEM);
    }
    if (err == 0) {
        static const char *const first[WR_CODINGS] = {"abc", "g", "x.css.br", "zaza"};

        if (r.fd < 0)
            assert_memory_equal(r.content, first[r.coding], strlen(first[r.coding]));
        if (!has_failed && strcmp(name, "x.css") == 0)
            assert_int_equal(r.coding, accept == &all ? WR_CODING_BR : WR_CODING_ZSTD);
    }
    wr_file_entry_unref(e);
}

static void live(struct fixture *f)
{
    const struct wr_file_cache_setup setup = {
        .folder = f->folder.path, .has_siblings = true, .fds_max = FDS_MAX};
    struct wr_file_cache_setup with = setup;
    int err = 0;

    f->encodings = wr_encodings_new(ENCODED);
    if (!f->encodings)
        return;
    with.encodings = f->encodings;
    f->cache = wr_file_cache_new(&with, &err);
    if (!f->cache) {
        assert_int_equal(err, -ENOMEM);
        return;
    }
    for (int i = 0; i < 2; i++, f->now.turn++) {
        ask(f, "x.css", &all);
        ask(f, "x.css", &zstd);
        ask(f, "large.js", &zstd);
    }
}

static void memory__each_allocation_that_fails__costs_one_answer_at_most(void **state)
{
    struct temp_folder folder;
    bool any_failed;
    int runs = 0;

    (void)state;
    temp_folder_init(&folder);
    temp_file_fill(&folder, "x.css", ANY_SIZE);
    temp_file_fill(&folder, "large.js", 40000);
    temp_file_write(&folder, "x.css.br", WR_SLICE("x.css.br"));
    do {
        struct fixture f = {.folder = folder,
                            .now = {1, wr_clock_system.wall_ns(NULL) + HOUR, true}};

        fake_reset();
        has_failed = false;
        fails_in = runs++;
        live(&f);
        fails_in = -1;
        any_failed = has_failed;
        has_failed = false;
        if (f.cache) { /* and the next has what it needs */
            f.now.wall_ns += SECOND;
            ask(&f, "x.css", &all);
            ask(&f, "x.css", &zstd);
        }
        wr_file_cache_free(f.cache);
        wr_encodings_free(f.encodings);
    } while (any_failed);
    assert_true(runs > 10); /* encodings, cache, entries, contents, variants, what is made */
    temp_folder_fini(&folder);
}

WR_TESTS(cmocka_unit_test(memory__each_allocation_that_fails__costs_one_answer_at_most));
