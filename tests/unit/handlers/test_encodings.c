#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "fake_encoder.h"
#include "handlers/encodings.h"
#include "temp_folder.h"

#define MIB      ((size_t)1024 * 1024)
#define THREADS  4
#define VERSIONS 8

static char text[8192];

static struct wr_encodings_source source_of(uint64_t ino)
{
    return (struct wr_encodings_source){
        .version = {.dev = 1, .ino = ino, .size = 4000, .mtime_s = 1, .ctime_s = 2},
        .content = text,
        .fd = -1,
    };
}

static int find(struct wr_encodings *s, uint64_t ino, enum wr_coding coding)
{
    struct wr_encodings_source source = source_of(ino);
    struct wr_encoded *e = NULL;
    int err = wr_encodings_find(s, &source.version, coding, &e);

    if (err == 0)
        wr_encoded_unref(e);
    else
        assert_null(e);
    return err;
}

static int make(struct wr_encodings *s, uint64_t ino, enum wr_coding coding)
{
    struct wr_encodings_source source = source_of(ino);

    return wr_encodings_make(s, &source, coding);
}

static struct wr_encodings *new_encodings(size_t bytes_max)
{
    struct wr_encodings *s = wr_encodings_new(bytes_max);

    fake_reset();
    memset(text, 'x', sizeof text);
    assert_non_null(s);
    return s;
}

static void encodings__made_once__is_found(void **state)
{
    struct wr_encodings *s = new_encodings(MIB);
    struct wr_encodings_source source = source_of(1);
    struct wr_encoded *e;

    (void)state;
    assert_int_equal(find(s, 1, WR_CODING_BR), -ENOENT);
    assert_int_equal(make(s, 1, WR_CODING_BR), 0);
    assert_int_equal(make(s, 1, WR_CODING_BR), 0);
    assert_int_equal(fake.calls, 1);
    assert_int_equal(find(s, 1, WR_CODING_GZIP), -ENOENT); /* another coding is another thing */
    assert_int_equal(wr_encodings_find(s, &source.version, WR_CODING_BR, &e), 0);
    wr_encodings_free(s);
    assert_int_equal(e->n, 2000); /* who holds it, keeps it */
    assert_memory_equal(e->content, "bxbx", 4);
    wr_encoded_unref(e);
}

static void encodings__each_part_of_a_version__tells_it_apart(void **state)
{
    struct wr_encodings *s = new_encodings(MIB);
    struct wr_encodings_source source = source_of(1);
    struct wr_file_info others[7];
    struct wr_encoded *e;

    (void)state;
    assert_int_equal(wr_encodings_make(s, &source, WR_CODING_ZSTD), 0);
    for (size_t i = 0; i < WR_COUNT(others); i++)
        others[i] = source.version;
    others[0].dev++;
    others[1].ino++;
    others[2].size++;
    others[3].mtime_s++;
    others[4].mtime_ns++;
    others[5].ctime_s++;
    others[6].ctime_ns++;
    for (size_t i = 0; i < WR_COUNT(others); i++)
        assert_int_equal(wr_encodings_find(s, &others[i], WR_CODING_ZSTD, &e), -ENOENT);
    wr_encodings_free(s);
}

static void encodings__what_is_not_worth_it__is_remembered(void **state)
{
    static const int errors[] = {-E2BIG, -EINVAL};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(errors); i++) {
        struct wr_encodings *s = new_encodings(MIB);

        fake.errors[WR_CODING_GZIP] = errors[i];
        assert_int_equal(make(s, 1, WR_CODING_GZIP), 0);
        assert_int_equal(find(s, 1, WR_CODING_GZIP), -ENODATA);
        assert_int_equal(make(s, 1, WR_CODING_GZIP), 0);
        assert_int_equal(fake.calls, 1);
        wr_encodings_free(s);
    }
}

static void encodings__more_than_a_quarter_of_the_room__is_not_worth_it(void **state)
{
    struct wr_encodings *s = new_encodings(40000);

    (void)state;
    fake.size = 10001;
    assert_int_equal(make(s, 1, WR_CODING_GZIP), 0);
    assert_int_equal(find(s, 1, WR_CODING_GZIP), -ENODATA);
    fake.size = 10000;
    assert_int_equal(make(s, 2, WR_CODING_GZIP), 0);
    assert_int_equal(find(s, 2, WR_CODING_GZIP), 0);
    wr_encodings_free(s);
}

static void encodings__shortage__is_told_and_tried_again(void **state)
{
    struct wr_encodings *s = new_encodings(MIB);

    (void)state;
    fake.errors[WR_CODING_BR] = -ENOMEM;
    assert_int_equal(make(s, 1, WR_CODING_BR), -ENOMEM);
    assert_int_equal(find(s, 1, WR_CODING_BR), -ENOENT);
    fake.errors[WR_CODING_BR] = 0;
    assert_int_equal(make(s, 1, WR_CODING_BR), 0);
    assert_int_equal(find(s, 1, WR_CODING_BR), 0);
    wr_encodings_free(s);
}

static void encodings__no_room__those_used_longest_ago_go(void **state)
{
    struct wr_encodings *s =
        new_encodings(10000); /* four of 2000 bytes, with what belongs to them */

    (void)state;
    for (uint64_t ino = 1; ino <= 4; ino++)
        assert_int_equal(make(s, ino, WR_CODING_BR), 0);
    for (uint64_t ino = 1; ino <= 4; ino++)
        assert_int_equal(find(s, ino, WR_CODING_BR), 0);
    assert_int_equal(find(s, 1, WR_CODING_BR), 0);
    assert_int_equal(make(s, 5, WR_CODING_BR), 0);
    assert_int_equal(find(s, 1, WR_CODING_BR), 0);
    assert_int_equal(find(s, 2, WR_CODING_BR), -ENOENT);
    assert_int_equal(find(s, 3, WR_CODING_BR), 0);
    assert_int_equal(find(s, 4, WR_CODING_BR), 0);
    assert_int_equal(find(s, 5, WR_CODING_BR), 0);
    wr_encodings_free(s);
}

static void encodings__worthless_without_end__are_bounded(void **state)
{
    struct wr_encodings *s = new_encodings(64 * MIB);

    (void)state;
    fake.errors[WR_CODING_BR] = -E2BIG;
    for (uint64_t ino = 1; ino <= 8193; ino++)
        assert_int_equal(make(s, ino, WR_CODING_BR), 0);
    assert_int_equal(find(s, 1, WR_CODING_BR), -ENOENT);
    assert_int_equal(find(s, 2, WR_CODING_BR), -ENODATA);
    assert_int_equal(find(s, 8193, WR_CODING_BR), -ENODATA);
    wr_encodings_free(s);
}

/* ---- from a descriptor ---- */

struct on_disk {
    struct temp_folder folder;
    struct wr_encodings_source source;
};

static void open_file(struct on_disk *d, size_t size)
{
    temp_folder_init(&d->folder);
    temp_file_fill(&d->folder, "x", size);
    d->source = (struct wr_encodings_source){.fd = open(temp_path(&d->folder, "x"), O_RDONLY)};
    assert_int_equal(wr_file_info_of(d->source.fd, &d->source.version), 0);
}

static void close_file(struct on_disk *d)
{
    close(d->source.fd);
    temp_folder_fini(&d->folder);
}

static void encodings__from_a_descriptor__all_of_it(void **state)
{
    struct wr_encodings *s = new_encodings(MIB);
    struct on_disk d;
    struct wr_encoded *e;

    (void)state;
    open_file(&d, 100000);
    assert_int_equal(wr_encodings_make(s, &d.source, WR_CODING_ZSTD), 0);
    assert_int_equal(wr_encodings_find(s, &d.source.version, WR_CODING_ZSTD, &e), 0);
    assert_int_equal(e->n, 50000);
    assert_memory_equal(e->content, "zaza", 4);
    wr_encoded_unref(e);
    close_file(&d);
    wr_encodings_free(s);
}

static void encodings__file_that_changed__is_eagain_and_nothing_is_kept(void **state)
{
    static const size_t sizes[] = {30000, 30001, 29999}; /* of 30000 before */

    (void)state;
    for (size_t i = 0; i < WR_COUNT(sizes); i++) {
        struct wr_encodings *s = new_encodings(MIB);
        struct on_disk d;
        struct wr_encoded *e;

        open_file(&d, 30000);
        temp_file_fill(&d.folder, "x", sizes[i]);
        temp_file_date(&d.folder, "x", 1000000000);
        assert_int_equal(wr_encodings_make(s, &d.source, WR_CODING_ZSTD), -EAGAIN);
        assert_int_equal(wr_encodings_find(s, &d.source.version, WR_CODING_ZSTD, &e), -ENOENT);
        assert_int_equal(fake.calls, 0);
        close_file(&d);
        wr_encodings_free(s);
    }
}

static void encodings__more_than_8_mib__is_not_worth_it(void **state)
{
    struct wr_encodings *s = new_encodings(64 * MIB);
    struct wr_encodings_source source = {.version = {.size = 8 * (int64_t)MIB + 1}, .fd = -1};
    struct wr_encoded *e;

    (void)state;
    assert_int_equal(wr_encodings_make(s, &source, WR_CODING_GZIP), 0);
    assert_int_equal(wr_encodings_find(s, &source.version, WR_CODING_GZIP, &e), -ENODATA);
    assert_int_equal(fake.calls, 0);
    wr_encodings_free(s);
}

static void encodings__unreadable__is_told(void **state)
{
    struct wr_encodings *s = new_encodings(MIB);
    struct wr_encodings_source source = {.version = {.size = 1000}, .fd = -1};
    struct wr_encoded *e;

    (void)state;
    assert_int_equal(wr_encodings_make(s, &source, WR_CODING_GZIP), -EBADF);
    assert_int_equal(wr_encodings_find(s, &source.version, WR_CODING_GZIP, &e), -ENOENT);
    wr_encodings_free(s);
    wr_encodings_free(NULL);
}

static uint64_t hash_with(size_t size, char first)
{
    struct wr_encodings *s = new_encodings(MIB);
    struct wr_encodings_source source = source_of(1);
    struct wr_encoded *e;
    uint64_t hash;

    text[0] = first;
    fake.size = size;
    assert_int_equal(wr_encodings_make(s, &source, WR_CODING_BR), 0);
    assert_int_equal(wr_encodings_find(s, &source.version, WR_CODING_BR, &e), 0);
    hash = e->hash;
    wr_encoded_unref(e);
    wr_encodings_free(s);
    return hash;
}

/* Its entity tag has it: equal for equal bytes, and else not. */
static void encodings__hash__is_of_the_bytes(void **state)
{
    uint64_t hashes[40];

    (void)state;
    for (size_t size = 1; size <= WR_COUNT(hashes); size++) {
        hashes[size - 1] = hash_with(size, 'x');
        assert_int_equal(hashes[size - 1], hash_with(size, 'x'));
        if (size > 1)
            assert_int_not_equal(hashes[size - 1], hash_with(size, 'y'));
        for (size_t i = 0; i + 1 < size; i++)
            assert_int_not_equal(hashes[i], hashes[size - 1]);
    }
}

/* ---- threads ---- */

struct maker {
    pthread_t thread;
    struct wr_encodings *s;
    int err;   /* of making */
    int found; /* right after it */
};

int __real_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);

static atomic_int waiting; /* that have gone to sleep, but for the encoder */

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    waiting += c != &fake.changed;
    return __real_pthread_cond_wait(c, m);
}

static void *run_maker(void *arg)
{
    struct maker *m = arg;

    m->err = make(m->s, 1, WR_CODING_BR);
    m->found = find(m->s, 1, WR_CODING_BR);
    return NULL;
}

/* The one that is at work is waited for, and what it meets is everybody's. */
static void check_waiting(int err, int found)
{
    struct maker makers[THREADS];
    struct wr_encodings *s = new_encodings(MIB);

    waiting = 0;
    fake.is_held = true;
    fake.errors[WR_CODING_BR] = err;
    for (size_t i = 0; i < THREADS; i++) {
        makers[i] = (struct maker){.s = s};
        assert_int_equal(pthread_create(&makers[i].thread, NULL, run_maker, &makers[i]), 0);
    }
    while (waiting < THREADS - 1)
        sched_yield();
    assert_int_equal(find(s, 1, WR_CODING_BR), -ENOENT);
    fake_hold(false);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(makers[i].thread, NULL), 0);
        assert_int_equal(makers[i].err, err);
        if (err == 0)
            assert_int_equal(makers[i].found, 0);
    }
    assert_int_equal(find(s, 1, WR_CODING_BR), found);
    assert_int_equal(fake.calls, 1);
    wr_encodings_free(s);
}

static void encodings__others_that_want_the_same__wait_for_it(void **state)
{
    (void)state;
    check_waiting(0, 0);
}

static void encodings__others_that_want_the_same__share_the_failure(void **state)
{
    (void)state;
    check_waiting(-ENOMEM, -ENOENT);
}

static void *run_any(void *arg)
{
    struct maker *m = arg;
    int made = 0;

    for (unsigned i = 0; i < 2000; i++) {
        struct wr_encodings_source source = {
            .version = {.ino = i / 2 % VERSIONS, .size = 4000}, .content = text, .fd = -1};
        enum wr_coding coding = i / 2 / VERSIONS % 2 ? WR_CODING_BR : WR_CODING_GZIP;
        struct wr_encoded *e;

        if (wr_encodings_find(m->s, &source.version, coding, &e) == 0) {
            made += e->content[0] == (coding == WR_CODING_BR ? 'b' : 'g');
            wr_encoded_unref(e);
        } else if (wr_encodings_make(m->s, &source, coding) < 0) {
            m->err++;
        }
    }
    m->err -= made == 0;
    return NULL;
}

/* Room for few of them: found, made, dropped and let go at once. Each is asked for twice, or threads that
 * do not overlap would drop each of them before it is asked for again. */
static void encodings__any_thread__may_do_anything(void **state)
{
    struct maker makers[THREADS];
    struct wr_encodings *s = new_encodings(12000);

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        makers[i] = (struct maker){.s = s};
        assert_int_equal(pthread_create(&makers[i].thread, NULL, run_any, &makers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(makers[i].thread, NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(makers[i].err, 0);
    wr_encodings_free(s);
}

WR_TESTS(cmocka_unit_test(encodings__made_once__is_found),
         cmocka_unit_test(encodings__each_part_of_a_version__tells_it_apart),
         cmocka_unit_test(encodings__what_is_not_worth_it__is_remembered),
         cmocka_unit_test(encodings__more_than_a_quarter_of_the_room__is_not_worth_it),
         cmocka_unit_test(encodings__shortage__is_told_and_tried_again),
         cmocka_unit_test(encodings__no_room__those_used_longest_ago_go),
         cmocka_unit_test(encodings__worthless_without_end__are_bounded),
         cmocka_unit_test(encodings__from_a_descriptor__all_of_it),
         cmocka_unit_test(encodings__file_that_changed__is_eagain_and_nothing_is_kept),
         cmocka_unit_test(encodings__more_than_8_mib__is_not_worth_it),
         cmocka_unit_test(encodings__unreadable__is_told),
         cmocka_unit_test(encodings__hash__is_of_the_bytes),
         cmocka_unit_test(encodings__others_that_want_the_same__wait_for_it),
         cmocka_unit_test(encodings__others_that_want_the_same__share_the_failure),
         cmocka_unit_test(encodings__any_thread__may_do_anything));
