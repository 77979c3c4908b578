#include "file_cache_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_encoder.h"

#define DATE 1000000000 /* of files; 10^18 ns is de0b6b3a7640000 in hexadecimal */

static const struct wr_accept_codings all = {{1, 1000, 1000, 1000}};

/* "x.css", ANY_SIZE bytes, and its siblings, whose content is their name. */
static void write_style(const struct fixture *f)
{
    temp_file_fill(&f->folder, "x.css", ANY_SIZE);
    temp_file_date(&f->folder, "x.css", DATE);
}

static void write_sibling(const struct fixture *f, const char *name, int64_t date)
{
    temp_file_write(&f->folder, name, wr_slice_of(name));
    temp_file_date(&f->folder, name, date);
}

static int choose(struct fixture *f, const char *name, const struct wr_accept_codings *accept,
                  struct wr_representation *out)
{
    struct wr_file_entry *e = get(f, name);
    int err = wr_file_cache_choose(f->cache, e, accept, f->now, out);

    wr_file_entry_unref(e);
    return err;
}

static void make(struct fixture *f, const char *name, enum wr_coding coding)
{
    struct wr_file_entry *e = get(f, name);
    const struct wr_file *file = wr_file_of(e);
    const struct wr_encodings_source source = {file->info, file->identity.content,
                                               file->identity.fd};

    assert_int_equal(wr_encodings_make(f->encodings, &source, coding), 0);
    wr_file_entry_unref(e);
}

/* Expects a representation that begins with `content`, in this coding. */
static void expect(struct fixture *f, const char *name, const struct wr_accept_codings *accept,
                   enum wr_coding coding, const char *content)
{
    struct wr_file_entry *e = get(f, name);
    struct wr_representation r;

    assert_int_equal(wr_file_cache_choose(f->cache, e, accept, f->now, &r), 0);
    assert_int_equal(r.coding, coding);
    assert_non_null(r.content);
    assert_true(r.size >= strlen(content));
    assert_memory_equal(r.content, content, strlen(content));
    wr_file_entry_unref(e);
}

/* ---- siblings ---- */

static void siblings__by_weight_then_br_zstd_gzip(void **state)
{
    static const struct {
        struct wr_accept_codings accept; /* identity, gzip, br, zstd */
        const char *expected;            /* NULL: the identity */
    } rows[] = {
        {{{1, 1000, 1000, 1000}}, "x.css.br"}, {{{1, 1000, 0, 1000}}, "x.css.zst"},
        {{{1, 1000, 0, 0}}, "x.css.gz"},       {{{1, 1000, 999, 999}}, "x.css.gz"},
        {{{1, 500, 500, 501}}, "x.css.zst"},   {{{1, 1, 1, 1}}, "x.css.br"},
        {{{0, 1, 0, 0}}, "x.css.gz"},          {{{1000, 0, 0, 0}}, NULL},
        {{{1000, 999, 999, 999}}, NULL},       {{{1, 0, 0, 0}}, NULL},
    };
    struct fixture f;

    (void)state;
    open_codings(&f);
    write_style(&f);
    write_sibling(&f, "x.css.br", DATE);
    write_sibling(&f, "x.css.zst", DATE);
    write_sibling(&f, "x.css.gz", DATE);
    for (int round = 0; round < 2; round++, f.now.turn++) {
        for (size_t i = 0; i < WR_COUNT(rows); i++) {
            struct wr_file_entry *e = get(&f, "x.css");
            const char *expected = rows[i].expected ? rows[i].expected : "abc";
            struct wr_representation r;

            assert_int_equal(wr_file_cache_choose(f.cache, e, &rows[i].accept, f.now, &r), 0);
            assert_memory_equal(r.content, expected, strlen(expected));
            assert_int_equal(r.coding == WR_CODING_IDENTITY, !rows[i].expected);
            wr_file_entry_unref(e);
        }
    }
    close_cache(&f);
}

static void siblings__nothing_is_accepted__enodata(void **state)
{
    static const struct wr_accept_codings none = {{0, 0, 0, 0}}, no_identity = {{0, 1000, 0, 0}};
    struct fixture f;
    struct wr_representation r;

    (void)state;
    open_codings(&f);
    temp_file_write(&f.folder, "x.css", WR_SLICE("too small for more"));
    assert_int_equal(choose(&f, "x.css", &none, &r), -ENODATA);
    assert_int_equal(choose(&f, "x.css", &no_identity, &r), -ENODATA);
    close_cache(&f);
}

static void siblings__etag__has_both_files_and_the_coding(void **state)
{
    struct fixture f;
    struct wr_file_entry *e;
    struct wr_representation r;

    (void)state;
    open_codings(&f);
    write_style(&f);
    write_sibling(&f, "x.css.br", DATE + 1);
    e = get(&f, "x.css");
    assert_int_equal(wr_file_cache_choose(f.cache, e, &all, f.now, &r), 0);
    expect_etag(wr_file_of(e)->validators.etag, "\"de0b6b3a7640000-3e8\"");
    expect_etag(r.etag, "\"de0b6b3e2feca00-8-de0b6b3a7640000-3e8-br\"");
    assert_int_equal(r.size, 8);
    assert_int_equal(r.info->size, 8);
    assert_int_equal(r.info->mtime_s, DATE + 1);
    assert_int_equal(r.fd, -1);
    wr_file_entry_unref(e);
    close_cache(&f);
}

/* The longest that there is: both mtimes are constants. */
static void siblings__etag__constant_mtimes(void **state)
{
    struct fixture f;
    struct wr_file_entry *e;
    struct wr_representation r;
    struct stat of, st;
    char expected[140];

    (void)state;
    open_codings(&f);
    write_style(&f);
    temp_file_date(&f.folder, "x.css", 0);
    write_sibling(&f, "x.css.zst", 0);
    assert_int_equal(stat(temp_path(&f.folder, "x.css"), &of), 0);
    assert_int_equal(stat(temp_path(&f.folder, "x.css.zst"), &st), 0);
    snprintf(expected, sizeof expected, "\"%llx-%llx-9-%llx-%llx-3e8-zstd\"",
             (unsigned long long)(st.st_ctim.tv_sec * SECOND + st.st_ctim.tv_nsec),
             (unsigned long long)st.st_ino,
             (unsigned long long)(of.st_ctim.tv_sec * SECOND + of.st_ctim.tv_nsec),
             (unsigned long long)of.st_ino);
    e = get(&f, "x.css");
    assert_int_equal(wr_file_cache_choose(f.cache, e, &all, f.now, &r), 0);
    expect_etag(r.etag, expected);
    wr_file_entry_unref(e);
    close_cache(&f);
}

static void siblings__older__are_of_what_the_file_was_before(void **state)
{
    static const struct wr_accept_codings br = {{1, 0, 1000, 0}};
    static const struct timespec older[2] = {{DATE - 1, 999999999}, {DATE - 1, 999999999}};
    struct fixture f;

    (void)state;
    open_codings(&f);
    wr_file_cache_free(f.cache);
    wr_encodings_free(f.encodings);
    f.encodings = NULL;
    f.cache = new_cache(&f, true);
    write_style(&f);
    write_sibling(&f, "x.css.br", DATE);
    assert_int_equal(utimensat(AT_FDCWD, temp_path(&f.folder, "x.css.br"), older, 0), 0);
    expect(&f, "x.css", &br, WR_CODING_IDENTITY, "abc");
    temp_file_date(&f.folder, "x.css.br", DATE);
    f.now.turn++;
    f.now.wall_ns += SECOND;
    expect(&f, "x.css", &br, WR_CODING_BR, "x.css.br");
    temp_file_date(&f.folder, "x.css", DATE + 1);
    f.now.turn++;
    expect(&f, "x.css", &br, WR_CODING_IDENTITY, "abc");
    close_cache(&f);
}

static void siblings__what_is_no_file_with_content__is_passed_over(void **state)
{
    struct fixture f;
    char outside[100];

    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        const char *path;

        open_codings(&f);
        write_style(&f);
        write_sibling(&f, "x.css.gz", DATE);
        snprintf(outside, sizeof outside, "%s/x.css.gz", f.folder.path);
        path = temp_path(&f.folder, "x.css.br");
        switch (kind) {
        case 0:
            temp_file_write(&f.folder, "x.css.br", WR_SLICE(""));
            break;
        case 1:
            temp_folder_add(&f.folder, "x.css.br");
            break;
        case 2:
            assert_int_equal(mkfifo(path, 0644), 0);
            break;
        case 3:
            assert_int_equal(symlink("nothing", path), 0);
            break;
        case 4:
            assert_int_equal(symlink("x.css.br", path), 0);
            break;
        default:
            assert_int_equal(symlink(outside, path), 0); /* absolute: it leaves the root */
        }
        expect(&f, "x.css", &all, WR_CODING_GZIP, "x.css.gz");
        close_cache(&f);
    }
}

static void siblings__link_that_stays_beneath__is_one(void **state)
{
    struct fixture f;

    (void)state;
    open_codings(&f);
    write_style(&f);
    write_sibling(&f, "packed", DATE);
    assert_int_equal(symlink("packed", temp_path(&f.folder, "x.css.br")), 0);
    expect(&f, "x.css", &all, WR_CODING_BR, "packed");
    close_cache(&f);
}

static void siblings__replaced_removed_back__next_turn_knows(void **state)
{
    static const struct wr_accept_codings br = {{1, 0, 1000, 0}};
    struct fixture f;
    struct wr_file_entry *held;
    struct wr_representation old;

    (void)state;
    open_folder(&f);
    f.cache = new_cache(&f, true);
    write_style(&f);
    write_sibling(&f, "x.css.br", DATE);
    held = get(&f, "x.css");
    assert_int_equal(wr_file_cache_choose(f.cache, held, &br, f.now, &old), 0);

    f.now.turn++;
    temp_file_write(&f.folder, "next", WR_SLICE("replaced"));
    temp_file_date(&f.folder, "next", DATE);
    {
        char next[100];

        snprintf(next, sizeof next, "%s", temp_path(&f.folder, "next"));
        assert_int_equal(rename(next, temp_path(&f.folder, "x.css.br")), 0);
    }
    expect(&f, "x.css", &br, WR_CODING_BR, "replaced");

    f.now.turn++;
    assert_int_equal(unlink(temp_path(&f.folder, "x.css.br")), 0);
    expect(&f, "x.css", &br, WR_CODING_IDENTITY, "abc");
    assert_memory_equal(old.content, "x.css.br", 8); /* as long as the file is held */
    expect_etag(old.etag, "\"de0b6b3a7640000-8-de0b6b3a7640000-3e8-br\"");

    f.now.turn++;
    write_sibling(&f, "x.css.br", DATE);
    f.now.wall_ns += SECOND;
    expect(&f, "x.css", &br, WR_CODING_BR, "x.css.br");
    wr_file_entry_unref(held);
    close_cache(&f);
}

/* Who holds a file of before still may choose; what is there now is not of that version. */
static void siblings__of_an_entry_that_was_dropped__are_of_its_version(void **state)
{
    struct fixture f;
    struct wr_file_entry *held;
    struct wr_representation r;

    (void)state;
    open_folder(&f);
    f.cache = new_cache(&f, true);
    write_style(&f);
    held = get(&f, "x.css");
    temp_file_write(&f.folder, "x.css", WR_SLICE("next version"));
    temp_file_date(&f.folder, "x.css", DATE + 1);
    write_sibling(&f, "x.css.br", DATE + 1);
    f.now.turn++;
    expect(&f, "x.css", &all, WR_CODING_BR, "x.css.br");
    assert_int_equal(wr_file_cache_choose(f.cache, held, &all, f.now, &r), 0);
    assert_int_equal(r.coding, WR_CODING_IDENTITY);
    assert_int_equal(r.size, ANY_SIZE);
    wr_file_entry_unref(held);
    close_cache(&f);
}

static void siblings__absence__is_believed_for_a_second(void **state)
{
    static const struct wr_accept_codings br = {{1, 0, 1000, 0}};
    struct fixture f;

    (void)state;
    open_folder(&f);
    f.cache = new_cache(&f, true);
    write_style(&f);
    expect(&f, "x.css", &br, WR_CODING_IDENTITY, "abc");
    write_sibling(&f, "x.css.br", DATE + 1);
    f.now.turn++;
    f.now.wall_ns += SECOND - 1;
    expect(&f, "x.css", &br, WR_CODING_IDENTITY, "abc");
    f.now.turn++;
    f.now.wall_ns += 1;
    expect(&f, "x.css", &br, WR_CODING_BR, "x.css.br");
    close_cache(&f);
}

static void siblings__absence__is_forgotten_when_the_file_or_the_clock_changes(void **state)
{
    static const struct wr_accept_codings br = {{1, 0, 1000, 0}};
    struct fixture f;

    (void)state;
    open_folder(&f);
    f.cache = new_cache(&f, true);
    write_style(&f);
    expect(&f, "x.css", &br, WR_CODING_IDENTITY, "abc");
    write_sibling(&f, "x.css.br", DATE + 1);
    temp_file_date(&f.folder, "x.css", DATE + 1);
    f.now.turn++;
    expect(&f, "x.css", &br, WR_CODING_BR, "x.css.br");

    assert_int_equal(unlink(temp_path(&f.folder, "x.css.br")), 0);
    for (int i = 0; i < 2; i++) { /* the first drops the file with its sibling */
        f.now.turn++;
        expect(&f, "x.css", &br, WR_CODING_IDENTITY, "abc");
    }
    write_sibling(&f, "x.css.br", DATE + 1);
    f.now.turn++;
    f.now.wall_ns -= HOUR / 2; /* back */
    expect(&f, "x.css", &br, WR_CODING_BR, "x.css.br");
    close_cache(&f);
}

/* Descriptors of files in the folder, and of the folder. */
static int descriptors_of(const struct fixture *f)
{
    int n = 0;

    for (int fd = 0; fd < 200; fd++) {
        char path[64], target[128];

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof target) > 0)
            n += strncmp(target, f->folder.path, strlen(f->folder.path)) == 0;
    }
    return n;
}

static void write_large(const struct fixture *f, int i)
{
    char name[32];

    snprintf(name, sizeof name, "f%d.js", i);
    temp_file_fill(&f->folder, name, 40000);
    snprintf(name, sizeof name, "f%d.js.br", i);
    temp_file_fill(&f->folder, name, 34000);
}

static void choose_large(struct fixture *f, int i, const struct wr_accept_codings *accept,
                         enum wr_coding coding)
{
    char name[32];
    struct wr_representation r;
    struct wr_file_entry *e;

    snprintf(name, sizeof name, "f%d.js", i);
    e = get(f, name);
    assert_int_equal(wr_file_cache_choose(f->cache, e, accept, f->now, &r), 0);
    assert_int_equal(r.coding, coding);
    assert_true(r.fd >= 0);
    assert_int_equal(r.size, coding == WR_CODING_BR ? 34000 : 40000);
    wr_file_entry_unref(e);
    assert_true(descriptors_of(f) <= FDS_MAX + 1);
}

static void siblings__of_large_files__have_descriptors_that_are_counted(void **state)
{
    static const struct wr_accept_codings br = {{1, 0, 1000, 0}}, identity = {{1000, 0, 0, 0}};
    struct fixture f;

    (void)state;
    open_folder(&f);
    f.cache = new_cache(&f, true);
    for (int i = 0; i < 3 * FDS_MAX; i++)
        write_large(&f, i);
    for (int i = 0; i < 3 * FDS_MAX; i++)
        choose_large(&f, i, &br, WR_CODING_BR);
    /* A sibling that goes first, for its file is used still, does not stay open in there. */
    choose_large(&f, 0, &br, WR_CODING_BR);
    for (int i = 0; i < FDS_MAX; i++)
        choose_large(&f, i, &identity, WR_CODING_IDENTITY);
    for (int i = 0; i < FDS_MAX; i++) {
        choose_large(&f, 0, &br, WR_CODING_BR);
        choose_large(&f, 0, &identity, WR_CODING_IDENTITY);
        choose_large(&f, 1, &identity, WR_CODING_IDENTITY);
        choose_large(&f, 0, &identity, WR_CODING_IDENTITY);
        choose_large(&f, 2, &identity, WR_CODING_IDENTITY);
        choose_large(&f, 0, &identity, WR_CODING_IDENTITY);
        choose_large(&f, 3, &identity, WR_CODING_IDENTITY);
    }
    close_cache(&f);
}

/* Fresh ones are served and not kept, and neither is then what has them. */
static void siblings__fresh__are_not_kept(void **state)
{
    static const struct wr_accept_codings br = {{1, 0, 1000, 0}};
    struct fixture f;
    struct stat st;

    (void)state;
    open_folder(&f);
    f.cache = new_cache(&f, true);
    write_large(&f, 0);
    f.now.wall_ns = wr_clock_system.wall_ns(NULL);
    assert_int_equal(stat(temp_path(&f.folder, "f0.js"), &st), 0);
    do /* until its change is so much later that the file alone has settled */
        temp_file_fill(&f.folder, "f0.js.br", 34000);
    while (wr_clock_system.wall_ns(NULL) - f.now.wall_ns < SECOND / 5);
    f.now.wall_ns = st.st_ctim.tv_sec * SECOND + st.st_ctim.tv_nsec + SECOND / 10;
    for (int i = 0; i < 5; i++, f.now.turn++) {
        struct wr_file_entry *e = get(&f, "f0.js");
        struct wr_representation r;

        assert_true(wr_slice_starts(wr_file_of(e)->validators.etag, WR_SLICE("\"")));
        assert_int_equal(wr_file_cache_choose(f.cache, e, &br, f.now, &r), 0);
        assert_int_equal(r.coding, WR_CODING_BR);
        assert_true(wr_slice_starts(r.etag, WR_SLICE("W/\""))); /* RFC 9110 8.8.3 */
        wr_file_entry_unref(e);
        assert_int_equal(descriptors_of(&f), 1); /* of the folder */
    }
    close_cache(&f);
}

static void varies__compressible_type_and_codings__whatever_is_there(void **state)
{
    static const struct {
        const char *name;
        bool expected;
    } rows[] = {
        {"x.css", true},     {"x.html", true},    {"x.svg", true},      {"x.wasm", true},
        {"x.json", true},    {"x.jpg", false},    {"x.bin", false},     {"x", false},
        {"x.css.gz", false}, {"x.css.br", false}, {"x.css.zst", false},
    };
    struct fixture f;

    (void)state;
    open_codings(&f);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        temp_file_write(&f.folder, rows[i].name, WR_SLICE(""));
        for (int setup = 0; setup < 4; setup++) {
            struct fixture part = f;
            struct wr_file_entry *e;

            part.encodings = setup & 1 ? f.encodings : NULL;
            part.cache = new_cache(&part, setup & 2);
            e = get(&part, rows[i].name);
            assert_int_equal(wr_file_of(e)->varies, rows[i].expected && setup > 0);
            wr_file_entry_unref(e);
            wr_file_cache_free(part.cache);
        }
    }
    close_cache(&f);
}

/* Not even where the type would allow it: what is named like a coding of another file is one. */
static struct wr_slice text_type(void *ctx, struct wr_slice path)
{
    (void)ctx;
    (void)path;
    return WR_SLICE("text/plain");
}

static void siblings__of_siblings__are_not_looked_for(void **state)
{
    struct fixture f;
    struct wr_file_cache_setup setup = {.has_siblings = true, .type_of = text_type};
    int err;

    (void)state;
    open_folder(&f);
    setup.folder = f.folder.path;
    f.cache = wr_file_cache_new(&setup, &err);
    assert_non_null(f.cache);
    write_sibling(&f, "x.br", DATE);
    write_sibling(&f, "x.br.gz", DATE);
    expect(&f, "x.br", &all, WR_CODING_IDENTITY, "x.br");
    close_cache(&f);
}

static void siblings__switched_off__are_not_looked_for(void **state)
{
    struct fixture f;

    (void)state;
    open_cache(&f);
    write_style(&f);
    write_sibling(&f, "x.css.br", DATE);
    expect(&f, "x.css", &all, WR_CODING_IDENTITY, "abc");
    close_cache(&f);
}

/* ---- made on the fly ---- */

static void made__first_to_be_made_then_there(void **state)
{
    static const struct wr_accept_codings identity = {{1000, 0, 0, 0}};
    struct fixture f;
    struct wr_representation r;

    (void)state;
    fake_reset();
    open_codings(&f);
    write_style(&f);
    assert_int_equal(choose(&f, "x.css", &all, &r), -EINPROGRESS);
    assert_int_equal(r.coding, WR_CODING_BR);
    make(&f, "x.css", WR_CODING_BR);
    f.now.turn++;
    for (int i = 0; i < 3; i++, f.now.turn++)
        expect(&f, "x.css", &all, WR_CODING_BR, "baba");
    expect(&f, "x.css", &identity, WR_CODING_IDENTITY, "abc");
    assert_int_equal(fake.calls, 1);
    close_cache(&f);
}

static void made__etag__has_the_files_and_the_hash(void **state)
{
    struct fixture f;
    struct wr_file_entry *e;
    struct wr_representation r;
    struct wr_encoded *made;
    char expected[80];

    (void)state;
    fake_reset();
    open_codings(&f);
    write_style(&f);
    make(&f, "x.css", WR_CODING_BR);
    e = get(&f, "x.css");
    assert_int_equal(wr_encodings_find(f.encodings, &wr_file_of(e)->info, WR_CODING_BR, &made), 0);
    snprintf(expected, sizeof expected, "\"de0b6b3a7640000-3e8-br-%llx\"",
             (unsigned long long)made->hash);
    wr_encoded_unref(made);
    assert_int_equal(wr_file_cache_choose(f.cache, e, &all, f.now, &r), 0);
    expect_etag(r.etag, expected);
    assert_int_equal(r.size, ANY_SIZE / 2);
    assert_int_equal(r.fd, -1);
    assert_ptr_equal(r.info, &wr_file_of(e)->info);
    wr_file_entry_unref(e);
    close_cache(&f);
}

/* What is not worth it is passed over, and the identity remains. */
static void made__not_worth_it__the_rest_is_chosen_from(void **state)
{
    static const enum wr_coding codings[] = {WR_CODING_BR, WR_CODING_ZSTD, WR_CODING_GZIP};
    struct fixture f;
    struct wr_representation r;

    (void)state;
    fake_reset();
    open_codings(&f);
    write_style(&f);
    for (size_t i = 0; i < WR_COUNT(codings); i++) {
        fake.errors[codings[i]] = -E2BIG;
        assert_int_equal(choose(&f, "x.css", &all, &r), -EINPROGRESS);
        assert_int_equal(r.coding, codings[i]);
        make(&f, "x.css", codings[i]);
    }
    expect(&f, "x.css", &all, WR_CODING_IDENTITY, "abc");
    {
        static const struct wr_accept_codings no_identity = {{0, 1000, 1000, 1000}};

        assert_int_equal(choose(&f, "x.css", &no_identity, &r), -ENODATA);
    }
    close_cache(&f);
}

static void made__only_of_sizes_that_are_worth_it(void **state)
{
    static const struct {
        off_t size;
        int expected;
    } rows[] = {{0, 0},
                {511, 0},
                {512, -EINPROGRESS},
                {20000, -EINPROGRESS},
                {8 * 1024 * 1024, -EINPROGRESS},
                {8 * 1024 * 1024 + 1, 0}};
    struct fixture f;

    (void)state;
    open_codings(&f);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_representation r;

        temp_file_write(&f.folder, "x.css", WR_SLICE(""));
        assert_int_equal(truncate(temp_path(&f.folder, "x.css"), rows[i].size), 0);
        f.now.turn++;
        assert_int_equal(choose(&f, "x.css", &all, &r), rows[i].expected);
    }
    close_cache(&f);
}

static void made__file_that_may_still_change_unseen__is_left_alone(void **state)
{
    struct fixture f;
    struct wr_representation r;

    (void)state;
    open_codings(&f);
    write_style(&f);
    f.now.wall_ns = wr_clock_system.wall_ns(NULL);
    assert_int_equal(choose(&f, "x.css", &all, &r), 0);
    assert_int_equal(r.coding, WR_CODING_IDENTITY);
    close_cache(&f);
}

/* Of equal weight what lies there goes before what is made; a greater weight goes before both. */
static void made__behind_siblings_of_the_same_weight(void **state)
{
    static const struct wr_accept_codings prefers_br = {{1, 999, 1000, 999}};
    struct fixture f;
    struct wr_representation r;

    (void)state;
    fake_reset();
    open_codings(&f);
    write_style(&f);
    write_sibling(&f, "x.css.gz", DATE);
    expect(&f, "x.css", &all, WR_CODING_GZIP, "x.css.gz");
    assert_int_equal(choose(&f, "x.css", &prefers_br, &r), -EINPROGRESS);
    assert_int_equal(r.coding, WR_CODING_BR);
    make(&f, "x.css", WR_CODING_BR);
    expect(&f, "x.css", &prefers_br, WR_CODING_BR, "baba");
    expect(&f, "x.css", &all, WR_CODING_GZIP, "x.css.gz");
    close_cache(&f);
}

static void made__changed_file__is_made_anew(void **state)
{
    struct fixture f;
    struct wr_representation r;

    (void)state;
    fake_reset();
    open_codings(&f);
    write_style(&f);
    make(&f, "x.css", WR_CODING_BR);
    expect(&f, "x.css", &all, WR_CODING_BR, "baba");
    f.now.turn++;
    write_style(&f); /* of equal size and date */
    assert_int_equal(choose(&f, "x.css", &all, &r), -EINPROGRESS);
    close_cache(&f);
}

/* Two of 6 MiB fit into the 16 that entries may hold; `encodings` has room for all. */
static void made__what_entries_hold__is_bounded(void **state)
{
    struct fixture f;
    struct wr_file_entry *e[3], *again;
    struct wr_representation r[3];

    (void)state;
    fake_reset();
    open_codings(&f);
    fake.size = (size_t)6 * 1024 * 1024;
    for (size_t i = 0; i < 3; i++) {
        const char *name = i == 0 ? "0.css" : i == 1 ? "1.css" : "2.css";

        temp_file_fill(&f.folder, name, ANY_SIZE);
        make(&f, name, WR_CODING_BR);
        e[i] = get(&f, name);
        assert_int_equal(wr_file_cache_choose(f.cache, e[i], &all, f.now, &r[i]), 0);
    }
    again = get(&f, "1.css");
    assert_ptr_equal(again, e[1]);
    wr_file_entry_unref(again);
    again = get(&f, "0.css");
    assert_ptr_not_equal(again, e[0]);
    wr_file_entry_unref(again);
    assert_memory_equal(r[0].content, "baba", 4); /* who holds it, keeps it */
    for (size_t i = 0; i < 3; i++)
        wr_file_entry_unref(e[i]);
    close_cache(&f);
}

static void made__cache_and_encodings_gone__holder_keeps_it(void **state)
{
    struct fixture f;
    struct wr_file_entry *e;
    struct wr_representation r, beside;
    static const struct wr_accept_codings gzip = {{1, 1000, 0, 0}}, br = {{1, 0, 1000, 0}};

    (void)state;
    fake_reset();
    open_codings(&f);
    write_style(&f);
    write_sibling(&f, "x.css.gz", DATE);
    make(&f, "x.css", WR_CODING_BR);
    e = get(&f, "x.css");
    wr_file_entry_ref(e);
    assert_int_equal(wr_file_cache_choose(f.cache, e, &br, f.now, &r), 0);
    assert_int_equal(wr_file_cache_choose(f.cache, e, &gzip, f.now, &beside), 0);
    close_cache(&f);
    wr_file_entry_unref(e);
    assert_memory_equal(r.content, "baba", 4);
    assert_memory_equal(beside.content, "x.css.gz", 8);
    wr_file_entry_unref(e);
}

WR_TESTS(cmocka_unit_test(siblings__by_weight_then_br_zstd_gzip),
         cmocka_unit_test(siblings__nothing_is_accepted__enodata),
         cmocka_unit_test(siblings__etag__has_both_files_and_the_coding),
         cmocka_unit_test(siblings__etag__constant_mtimes),
         cmocka_unit_test(siblings__older__are_of_what_the_file_was_before),
         cmocka_unit_test(siblings__what_is_no_file_with_content__is_passed_over),
         cmocka_unit_test(siblings__link_that_stays_beneath__is_one),
         cmocka_unit_test(siblings__replaced_removed_back__next_turn_knows),
         cmocka_unit_test(siblings__of_an_entry_that_was_dropped__are_of_its_version),
         cmocka_unit_test(siblings__absence__is_believed_for_a_second),
         cmocka_unit_test(siblings__absence__is_forgotten_when_the_file_or_the_clock_changes),
         cmocka_unit_test(siblings__of_large_files__have_descriptors_that_are_counted),
         cmocka_unit_test(siblings__fresh__are_not_kept),
         cmocka_unit_test(varies__compressible_type_and_codings__whatever_is_there),
         cmocka_unit_test(siblings__of_siblings__are_not_looked_for),
         cmocka_unit_test(siblings__switched_off__are_not_looked_for),
         cmocka_unit_test(made__first_to_be_made_then_there),
         cmocka_unit_test(made__etag__has_the_files_and_the_hash),
         cmocka_unit_test(made__not_worth_it__the_rest_is_chosen_from),
         cmocka_unit_test(made__only_of_sizes_that_are_worth_it),
         cmocka_unit_test(made__file_that_may_still_change_unseen__is_left_alone),
         cmocka_unit_test(made__behind_siblings_of_the_same_weight),
         cmocka_unit_test(made__changed_file__is_made_anew),
         cmocka_unit_test(made__what_entries_hold__is_bounded),
         cmocka_unit_test(made__cache_and_encodings_gone__holder_keeps_it));
