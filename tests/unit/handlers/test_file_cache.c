#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "handlers/file_cache.h"
#include "temp_folder.h"

#define FDS_MAX 4 /* descriptors that the cache keeps */

struct fixture {
    struct temp_folder folder;
    struct wr_root root;
    struct wr_file_cache *cache;
    struct wr_file_moment now; /* an hour on: what was written is settled */
};

static void open_cache(struct fixture *f)
{
    temp_folder_init(&f->folder);
    assert_int_equal(wr_root_open(&f->root, f->folder.path), 0);
    f->cache = wr_file_cache_new(&f->root, FDS_MAX);
    assert_non_null(f->cache);
    f->now.turn = 1;
    f->now.wall_ns = wr_clock_system.wall_ns(NULL) + 3600LL * 1000000000;
}

static void close_cache(struct fixture *f)
{
    wr_file_cache_free(f->cache);
    wr_root_close(&f->root);
    temp_folder_fini(&f->folder);
}

static struct wr_file_entry *get(struct fixture *f, const char *name)
{
    struct wr_file_entry *e = NULL;

    assert_int_equal(wr_file_cache_get(f->cache, wr_slice_of(name), f->now, &e), 0);
    assert_non_null(e);
    return e;
}

static void cache__file_up_to_16_kib__is_kept_in_memory(void **state)
{
    struct fixture f;
    struct wr_file_entry *e;

    (void)state;
    open_cache(&f);
    temp_file_fill(&f.folder, "small", 16384);
    temp_file_fill(&f.folder, "large", 16385);
    e = get(&f, "small");
    assert_int_equal(e->fd, -1);
    assert_non_null(e->content);
    assert_int_equal(e->info.size, 16384);
    assert_int_equal(e->content[16383], 'a' + 16383 % 23);
    wr_file_entry_unref(e);
    e = get(&f, "large");
    assert_true(e->fd >= 0);
    assert_null(e->content);
    wr_file_entry_unref(e);
    close_cache(&f);
}

static void cache__unchanged_file__is_the_same_entry(void **state)
{
    struct fixture f;
    struct wr_file_entry *first, *again;

    (void)state;
    open_cache(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    first = get(&f, "x");
    again = get(&f, "x");
    assert_ptr_equal(first, again);
    wr_file_entry_unref(again);
    f.now.turn++;
    again = get(&f, "x");
    assert_ptr_equal(first, again);
    wr_file_entry_unref(again);
    wr_file_entry_unref(first);
    close_cache(&f);
}

static void cache__one_turn__has_one_look_at_the_disk(void **state)
{
    struct fixture f;
    struct wr_file_entry *first, *again;

    (void)state;
    open_cache(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    first = get(&f, "x");
    assert_int_equal(unlink(temp_path(&f.folder, "x")), 0);
    again = get(&f, "x"); /* as it was when the turn began */
    assert_ptr_equal(first, again);
    wr_file_entry_unref(again);
    f.now.turn++;
    assert_int_equal(wr_file_cache_get(f.cache, WR_SLICE("x"), f.now, &again), -ENOENT);
    assert_memory_equal(first->content, "abc", 3); /* who holds it, keeps it */
    wr_file_entry_unref(first);
    close_cache(&f);
}

static void cache__every_kind_of_change__is_seen_in_the_next_turn(void **state)
{
    struct fixture f;
    struct wr_file_entry *e;

    (void)state;
    open_cache(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    temp_file_date(&f.folder, "x", 784000000);
    wr_file_entry_unref(get(&f, "x"));

    f.now.turn++;
    temp_file_write(&f.folder, "x", WR_SLICE("ABC")); /* same size, and same date again */
    temp_file_date(&f.folder, "x", 784000000);
    e = get(&f, "x");
    assert_memory_equal(e->content, "ABC", 3);
    wr_file_entry_unref(e);

    f.now.turn++;
    temp_file_write(&f.folder, "y", WR_SLICE("xyz"));
    temp_file_date(&f.folder, "y", 784000000);
    {
        char from[512];

        snprintf(from, sizeof from, "%s", temp_path(&f.folder, "y"));
        assert_int_equal(rename(from, temp_path(&f.folder, "x")), 0);
    }
    e = get(&f, "x");
    assert_memory_equal(e->content, "xyz", 3);
    wr_file_entry_unref(e);

    f.now.turn++;
    temp_file_fill(&f.folder, "x", 20000);
    e = get(&f, "x");
    assert_int_equal(e->info.size, 20000);
    assert_true(e->fd >= 0);
    wr_file_entry_unref(e);
    close_cache(&f);
}

/* A change within the resolution of time stamps could not be told from the one before. */
static void cache__fresh_change__is_served_and_not_kept(void **state)
{
    struct fixture f;
    struct wr_file_entry *first, *again;

    (void)state;
    open_cache(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    f.now.wall_ns = wr_clock_system.wall_ns(NULL);
    first = get(&f, "x");
    again = get(&f, "x");
    assert_ptr_not_equal(first, again);
    assert_memory_equal(again->content, "abc", 3);
    wr_file_entry_unref(first);
    wr_file_entry_unref(again);
    close_cache(&f);
}

static void cache__etag__changes_with_size_and_time(void **state)
{
    struct fixture f;
    struct wr_file_entry *a, *b, *c;

    (void)state;
    open_cache(&f);
    temp_file_write(&f.folder, "a", WR_SLICE("abc"));
    temp_file_write(&f.folder, "b", WR_SLICE("abcd"));
    temp_file_write(&f.folder, "c", WR_SLICE("abc"));
    temp_file_date(&f.folder, "a", 1);
    temp_file_date(&f.folder, "b", 1);
    temp_file_date(&f.folder, "c", 2);
    a = get(&f, "a");
    b = get(&f, "b");
    c = get(&f, "c");
    /* 10^9 ns in hexadecimal, and the size */
    assert_true(wr_slice_eq(a->validators.etag, WR_SLICE("\"3b9aca00-3\"")));
    assert_true(wr_slice_eq(b->validators.etag, WR_SLICE("\"3b9aca00-4\"")));
    assert_true(wr_slice_eq(c->validators.etag, WR_SLICE("\"77359400-3\"")));
    assert_memory_equal(c->last_modified, "Thu, 01 Jan 1970 00:00:02 GMT", 29);
    wr_file_entry_unref(a);
    wr_file_entry_unref(b);
    wr_file_entry_unref(c);
    close_cache(&f);
}

/* RFC 9110 8.8.3: weak while a change could still go unseen; the opaque part stays. */
static void cache__etag__is_strong_when_the_file_has_settled_and_is_kept(void **state)
{
    struct fixture f;
    struct wr_file_entry *fresh, *settled, *again;

    (void)state;
    open_cache(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    f.now.wall_ns = wr_clock_system.wall_ns(NULL);
    fresh = get(&f, "x");
    f.now.turn++;
    f.now.wall_ns += 1000000000;
    settled = get(&f, "x");
    assert_ptr_not_equal(fresh, settled);
    assert_true(wr_slice_starts(fresh->validators.etag, WR_SLICE("W/\"")));
    assert_true(wr_slice_eq(wr_slice_from(fresh->validators.etag, 2), settled->validators.etag));
    f.now.turn++;
    again = get(&f, "x");
    assert_ptr_equal(settled, again);
    wr_file_entry_unref(fresh);
    wr_file_entry_unref(settled);
    wr_file_entry_unref(again);
    close_cache(&f);
}

/* RFC 9110 8.8.2.1 */
static void cache__date_from_the_future__is_that_of_the_request(void **state)
{
    struct fixture f;
    char expected[WR_DATE_LEN];
    int64_t now_s;

    (void)state;
    open_cache(&f);
    now_s = f.now.wall_ns / 1000000000;
    wr_date_format(now_s, expected);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    for (int64_t ahead = 0; ahead < 3; ahead++) {
        static const int64_t aheads[] = {30 * 86400, 1, 0};
        struct wr_file_entry *e;

        temp_file_date(&f.folder, "x", now_s + aheads[ahead]);
        f.now.turn++;
        e = get(&f, "x");
        assert_int_equal(e->validators.last_modified_s, now_s);
        assert_memory_equal(e->last_modified, expected, WR_DATE_LEN);
        wr_file_entry_unref(e);
    }
    close_cache(&f);
}

static void cache__errors__are_those_of_the_root(void **state)
{
    struct fixture f;
    struct wr_file_entry *e = NULL;

    (void)state;
    open_cache(&f);
    temp_folder_add(&f.folder, "d");
    assert_int_equal(wr_file_cache_get(f.cache, WR_SLICE("nope"), f.now, &e), -ENOENT);
    assert_int_equal(wr_file_cache_get(f.cache, WR_SLICE("d"), f.now, &e), -EISDIR);
    assert_null(e);
    close_cache(&f);
}

static void cache__more_than_1024_files__drops_those_used_longest_ago(void **state)
{
    enum { FILES = 1100 };
    struct fixture f;
    struct wr_file_entry *held, *e;
    char name[16];

    (void)state;
    open_cache(&f);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "f%d", i);
        temp_file_write(&f.folder, name, wr_slice_of(name));
    }
    f.now.wall_ns = wr_clock_system.wall_ns(NULL) + 3600LL * 1000000000;
    held = get(&f, "f0");
    for (int i = 1; i < FILES; i++) {
        snprintf(name, sizeof name, "f%d", i);
        e = get(&f, name);
        assert_memory_equal(e->content, name, strlen(name));
        wr_file_entry_unref(e);
    }
    assert_int_equal(held->refs, 1); /* the cache has let go, its holder has not */
    assert_memory_equal(held->content, "f0", 2);
    e = get(&f, "f0");
    assert_ptr_not_equal(e, held);
    wr_file_entry_unref(e);
    e = get(&f, "f1099");
    assert_int_equal(e->refs, 2); /* the cache's, and ours */
    wr_file_entry_unref(e);
    wr_file_entry_unref(held);
    close_cache(&f);
}

static int open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 200; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void cache__more_large_files_than_descriptors__drops_those_used_longest_ago(void **state)
{
    struct fixture f;
    char name[16];
    int before;

    (void)state;
    open_cache(&f);
    for (int i = 0; i < 3 * FDS_MAX; i++) {
        snprintf(name, sizeof name, "f%d", i);
        temp_file_fill(&f.folder, name, 20000);
    }
    f.now.wall_ns = wr_clock_system.wall_ns(NULL) + 3600LL * 1000000000;
    before = open_descriptors();
    for (int i = 0; i < 3 * FDS_MAX; i++) {
        snprintf(name, sizeof name, "f%d", i);
        wr_file_entry_unref(get(&f, name));
        assert_true(open_descriptors() <= before + FDS_MAX);
    }
    assert_int_equal(open_descriptors(), before + FDS_MAX);
    close_cache(&f);
}

static void cache__freed__leaves_an_entry_to_its_holder(void **state)
{
    struct fixture f;
    struct wr_file_entry *e;
    char byte;

    (void)state;
    open_cache(&f);
    temp_file_fill(&f.folder, "large", 20000);
    e = get(&f, "large");
    close_cache(&f);
    assert_int_equal(pread(e->fd, &byte, 1, 1), 1);
    assert_int_equal(byte, 'b');
    wr_file_entry_unref(e);
    wr_file_cache_free(NULL);
}

WR_TESTS(cmocka_unit_test(cache__file_up_to_16_kib__is_kept_in_memory),
         cmocka_unit_test(cache__unchanged_file__is_the_same_entry),
         cmocka_unit_test(cache__one_turn__has_one_look_at_the_disk),
         cmocka_unit_test(cache__every_kind_of_change__is_seen_in_the_next_turn),
         cmocka_unit_test(cache__fresh_change__is_served_and_not_kept),
         cmocka_unit_test(cache__etag__changes_with_size_and_time),
         cmocka_unit_test(cache__etag__is_strong_when_the_file_has_settled_and_is_kept),
         cmocka_unit_test(cache__date_from_the_future__is_that_of_the_request),
         cmocka_unit_test(cache__errors__are_those_of_the_root),
         cmocka_unit_test(cache__more_than_1024_files__drops_those_used_longest_ago),
         cmocka_unit_test(cache__more_large_files_than_descriptors__drops_those_used_longest_ago),
         cmocka_unit_test(cache__freed__leaves_an_entry_to_its_holder));
