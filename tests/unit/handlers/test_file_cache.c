#include "file_cache_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers/file_entry.h"

static void cache__file_up_to_32_kib__is_kept_in_memory(void **state)
{
    struct fixture f;
    struct wr_file_entry *e;

    (void)state;
    open_cache(&f);
    temp_file_fill(&f.folder, "small", 32768);
    temp_file_fill(&f.folder, "large", 32769);
    e = get(&f, "small");
    assert_int_equal(wr_file_of(e)->identity.fd, -1);
    assert_non_null(wr_file_of(e)->identity.content);
    assert_int_equal(wr_file_of(e)->info.size, 32768);
    assert_int_equal(wr_file_of(e)->identity.content[32767], 'a' + 32767 % 23);
    wr_file_entry_unref(e);
    e = get(&f, "large");
    assert_true(wr_file_of(e)->identity.fd >= 0);
    assert_null(wr_file_of(e)->identity.content);
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
    assert_memory_equal(wr_file_of(first)->identity.content, "abc", 3); /* who holds it, keeps it */
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
    assert_memory_equal(wr_file_of(e)->identity.content, "ABC", 3);
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
    assert_memory_equal(wr_file_of(e)->identity.content, "xyz", 3);
    wr_file_entry_unref(e);

    f.now.turn++;
    temp_file_fill(&f.folder, "x", 40000);
    e = get(&f, "x");
    assert_int_equal(wr_file_of(e)->info.size, 40000);
    assert_true(wr_file_of(e)->identity.fd >= 0);
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
    assert_memory_equal(wr_file_of(again)->identity.content, "abc", 3);
    wr_file_entry_unref(first);
    wr_file_entry_unref(again);
    close_cache(&f);
}

static void cache__etag__is_mtime_in_ns_and_size(void **state)
{
    static const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {1000000000, 1}};
    struct fixture f;
    struct wr_file_entry *a, *b, *c, *d;

    (void)state;
    open_cache(&f);
    temp_file_write(&f.folder, "a", WR_SLICE("abc"));
    temp_file_write(&f.folder, "b", WR_SLICE("abcd"));
    temp_file_write(&f.folder, "c", WR_SLICE("abc"));
    temp_file_write(&f.folder, "d", WR_SLICE("0123456789abcdefg"));
    temp_file_date(&f.folder, "a", 1000000000);
    temp_file_date(&f.folder, "b", 1000000000);
    temp_file_date(&f.folder, "c", 1000000001);
    assert_int_equal(utimensat(AT_FDCWD, temp_path(&f.folder, "d"), times, 0), 0);
    a = get(&f, "a");
    b = get(&f, "b");
    c = get(&f, "c");
    d = get(&f, "d");
    /* 10^18 ns in hexadecimal; a second more; a nanosecond more */
    expect_etag(wr_file_of(a)->validators.etag, "\"de0b6b3a7640000-3\"");
    expect_etag(wr_file_of(b)->validators.etag, "\"de0b6b3a7640000-4\"");
    expect_etag(wr_file_of(c)->validators.etag, "\"de0b6b3e2feca00-3\"");
    expect_etag(wr_file_of(d)->validators.etag, "\"de0b6b3a7640001-11\"");
    assert_int_equal(wr_file_of(c)->validators.last_modified_s, 1000000001);
    assert_memory_equal(wr_file_of(c)->last_modified, "Sun, 09 Sep 2001 01:46:41 GMT", 29);
    wr_file_entry_unref(a);
    wr_file_entry_unref(b);
    wr_file_entry_unref(c);
    wr_file_entry_unref(d);
    close_cache(&f);
}

/* 0, 1 and 1980 are what reproducible builds and archives write in place of a time. */
static void cache__constant_mtime__etag_has_ctime_and_inode_and_there_is_no_date(void **state)
{
    static const int64_t dates[] = {0, 1, 315532800, 631151999};
    struct fixture f;

    (void)state;
    open_cache(&f);
    for (size_t i = 0; i < WR_COUNT(dates); i++) {
        struct wr_file_entry *e;
        char expected[80];
        struct stat st;

        temp_file_write(&f.folder, "x", WR_SLICE("abc"));
        temp_file_date(&f.folder, "x", dates[i]);
        assert_int_equal(stat(temp_path(&f.folder, "x"), &st), 0);
        snprintf(expected, sizeof expected, "\"%llx-%llx-3\"",
                 (unsigned long long)(st.st_ctim.tv_sec * SECOND + st.st_ctim.tv_nsec),
                 (unsigned long long)st.st_ino);
        f.now.turn++;
        e = get(&f, "x");
        expect_etag(wr_file_of(e)->validators.etag, expected);
        assert_int_equal(wr_file_of(e)->validators.last_modified_s, -1);
        wr_file_entry_unref(e);
    }
    temp_file_date(&f.folder, "x", 631152000);
    f.now.turn++;
    {
        struct wr_file_entry *e = get(&f, "x");

        expect_etag(wr_file_of(e)->validators.etag, "\"8c24d6667470000-3\"");
        assert_int_equal(wr_file_of(e)->validators.last_modified_s, 631152000);
        wr_file_entry_unref(e);
    }
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
    assert_true(wr_slice_starts(wr_file_of(fresh)->validators.etag, WR_SLICE("W/\"")));
    assert_true(wr_slice_eq(wr_slice_from(wr_file_of(fresh)->validators.etag, 2),
                            wr_file_of(settled)->validators.etag));
    f.now.turn++;
    again = get(&f, "x");
    assert_ptr_equal(settled, again);
    wr_file_entry_unref(fresh);
    wr_file_entry_unref(settled);
    wr_file_entry_unref(again);
    close_cache(&f);
}

/* RFC 9110 8.8.2.1 */
/* 50 ms, or 2.5 s where the time is in whole seconds; whatever else a file system tells. */
static void settled__by_the_age_of_the_change(void **state)
{
    static const struct {
        int64_t ctime_s;
        int32_t ctime_ns;
        bool has_settled;
    } rows[] = {
        {1000000000, 900000000, false},
        {1000000000, 450000001, false},
        {1000000000, 449999999, true},
        {1000000000, 0, false},
        {999999998, 0, false},
        {999999997, 0, true},
        {999999990, 1, true},
        {999999989, 999999999, true},
        {1000000001, 1, false},
        {INT64_MAX, 999999999, false},
        {INT64_MAX / 1000000000 + 1, 1, false},
        {INT64_MIN, 0, true},
        {-1, 1, true},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct wr_file_info info = {.ctime_s = rows[i].ctime_s, .ctime_ns = rows[i].ctime_ns};

        if (wr_file_has_settled(&info, 1000000000500000000) != rows[i].has_settled)
            fail_msg("row %zu", i);
    }
}

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
        assert_int_equal(wr_file_of(e)->validators.last_modified_s, now_s);
        assert_memory_equal(wr_file_of(e)->last_modified, expected, WR_DATE_LEN);
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
    struct wr_file_entry *held, *e, *again;
    char name[16];

    (void)state;
    open_cache(&f);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "f%d", i);
        temp_file_write(&f.folder, name, wr_slice_of(name));
    }
    f.now.wall_ns = wr_clock_system.wall_ns(NULL) + HOUR;
    held = get(&f, "f0");
    for (int i = 1; i < FILES; i++) {
        snprintf(name, sizeof name, "f%d", i);
        e = get(&f, name);
        assert_memory_equal(wr_file_of(e)->identity.content, name, strlen(name));
        wr_file_entry_unref(e);
    }
    assert_memory_equal(wr_file_of(held)->identity.content, "f0", 2);
    e = get(&f, "f0");
    assert_ptr_not_equal(e, held);
    wr_file_entry_unref(e);
    e = get(&f, "f1099");
    again = get(&f, "f1099");
    assert_ptr_equal(e, again);
    wr_file_entry_unref(again);
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
        temp_file_fill(&f.folder, name, 40000);
    }
    f.now.wall_ns = wr_clock_system.wall_ns(NULL) + HOUR;
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
    temp_file_fill(&f.folder, "large", 40000);
    e = get(&f, "large");
    close_cache(&f);
    assert_int_equal(pread(wr_file_of(e)->identity.fd, &byte, 1, 1), 1);
    assert_int_equal(byte, 'b');
    wr_file_entry_unref(e);
    wr_file_cache_free(NULL);
}

/* ---- the folder ---- */

/* A site whose folder is `current`, a link that leads to releases/1 or /2. */
struct site {
    struct fixture f;
    char current[80];
};

static void write_in(const struct site *s, const char *name, const char *content)
{
    temp_file_write(&s->f.folder, name, wr_slice_of(content));
}

static void lead_to(const struct site *s, const char *release)
{
    char next[100];

    snprintf(next, sizeof next, "%s.next", s->current);
    assert_int_equal(symlink(release, next), 0);
    assert_int_equal(rename(next, s->current), 0);
}

static void open_site(struct site *s)
{
    struct wr_file_cache_setup setup = {.folder = s->current, .fds_max = FDS_MAX};
    int err;

    open_folder(&s->f);
    snprintf(s->current, sizeof s->current, "%s/current", s->f.folder.path);
    temp_folder_add(&s->f.folder, "one");
    temp_folder_add(&s->f.folder, "two");
    write_in(s, "one/x", "first");
    write_in(s, "one/only", "one");
    write_in(s, "two/x", "other"); /* of equal size */
    write_in(s, "two/new", "two");
    temp_file_date(&s->f.folder, "one/x", 1000000000);
    temp_file_date(&s->f.folder, "two/x", 1000000000);
    lead_to(s, "one");
    s->f.cache = wr_file_cache_new(&setup, &err);
    assert_non_null(s->f.cache);
}

static void close_site(struct site *s)
{
    close_cache(&s->f);
}

static void folder__link_that_leads_elsewhere__next_turn_has_the_new_release(void **state)
{
    struct site s;

    (void)state;
    for (int cached = 0; cached < 2; cached++) {
        open_site(&s);
        if (cached)
            expect_content(&s.f, "x", "first");
        s.f.now.turn++;
        lead_to(&s, "two");
        expect_content(&s.f, "x", "other");
        expect_content(&s.f, "new", "two");
        assert_int_equal(error_of(&s.f, "only"), -ENOENT);
        s.f.now.turn++;
        lead_to(&s, "one");
        expect_content(&s.f, "only", "one"); /* a miss alone finds out as well */
        expect_content(&s.f, "x", "first");
        assert_int_equal(error_of(&s.f, "new"), -ENOENT);
        close_site(&s);
    }
}

static void folder__root_of_the_cache__is_the_one_that_is_there(void **state)
{
    struct site s;
    struct stat st, two;

    (void)state;
    open_site(&s);
    lead_to(&s, "two");
    expect_content(&s.f, "x", "other");
    assert_int_equal(stat(temp_path(&s.f.folder, "two"), &two), 0);
    assert_int_equal(fstat(wr_file_cache_root(s.f.cache)->fd, &st), 0);
    assert_int_equal(st.st_ino, two.st_ino);
    close_site(&s);
}

static void folder__removed_and_made_again__is_served_again(void **state)
{
    struct site s;
    char moved[100];

    (void)state;
    open_site(&s);
    expect_content(&s.f, "x", "first");
    assert_int_equal(unlink(s.current), 0);
    s.f.now.turn++;
    expect_content(&s.f, "x", "first"); /* the folder is still somewhere */
    expect_content(&s.f, "only", "one");
    assert_int_equal(unlink(temp_path(&s.f.folder, "one/x")), 0);
    assert_int_equal(unlink(temp_path(&s.f.folder, "one/only")), 0);
    assert_int_equal(rmdir(temp_path(&s.f.folder, "one")), 0);
    s.f.now.turn++;
    assert_int_equal(error_of(&s.f, "x"), -ENOENT);
    assert_int_equal(error_of(&s.f, "only"), -ENOENT);
    assert_int_equal(mkdir(s.current, 0755), 0);
    write_in(&s, "current/x", "again");
    s.f.now.turn++;
    expect_content(&s.f, "x", "again");
    snprintf(moved, sizeof moved, "%s.moved", s.current);
    assert_int_equal(rename(s.current, moved), 0);
    s.f.now.turn++;
    expect_content(&s.f, "x", "again"); /* between the two steps of a switch */
    assert_int_equal(symlink("two", s.current), 0);
    s.f.now.turn++;
    expect_content(&s.f, "x", "other");
    close_site(&s);
}

static void folder__replaced_by_a_file__what_was_there_answers(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    assert_int_equal(unlink(s.current), 0);
    write_in(&s, "current", "no folder");
    expect_content(&s.f, "x", "first");
    close_site(&s);
}

static void folder__name_with_slashes_behind_it__is_the_same(void **state)
{
    struct fixture f;
    char slashes[80];
    struct wr_file_cache_setup setup = {.folder = slashes};
    int err;

    (void)state;
    open_folder(&f);
    snprintf(slashes, sizeof slashes, "%s//", f.folder.path);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    f.cache = wr_file_cache_new(&setup, &err);
    assert_non_null(f.cache);
    expect_content(&f, "x", "abc");
    f.now.turn++;
    expect_content(&f, "x", "abc");
    close_cache(&f);
}

static void folder__that_is_not_there__is_an_error(void **state)
{
    struct wr_file_cache_setup setup = {.folder = "/tmp/weir-test-no-such-folder"};
    int err = 0;

    (void)state;
    assert_null(wr_file_cache_new(&setup, &err));
    assert_int_equal(err, -ENOENT);
    setup.folder = "/dev/null";
    assert_null(wr_file_cache_new(&setup, &err));
    assert_int_equal(err, -ENOTDIR);
}

/* The look at a cached file follows any link; only the same file compares equal. */
static void folder__cached_file_that_becomes_a_link_out_of_it__is_refused(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    expect_content(&s.f, "x", "first");
    s.f.now.turn++;
    assert_int_equal(unlink(temp_path(&s.f.folder, "one/x")), 0);
    assert_int_equal(symlink("../two/x", temp_path(&s.f.folder, "one/x")), 0);
    assert_int_equal(error_of(&s.f, "x"), -EXDEV);
    s.f.now.turn++;
    assert_int_equal(error_of(&s.f, "x"), -EXDEV);
    close_site(&s);
}

static struct wr_slice type_of(void *ctx, struct wr_slice path)
{
    const char *const *type = ctx;

    return wr_slice_eq(path, WR_SLICE("x")) ? wr_slice_of(*type) : WR_SLICE("text/plain");
}

static void cache__type__is_what_the_setup_says_or_by_the_name(void **state)
{
    const char *type = "model/odd";
    struct fixture f;
    struct wr_file_cache_setup setup = {.type_of = type_of, .ctx = &type};
    struct wr_file_entry *e;
    int err;

    (void)state;
    open_folder(&f);
    setup.folder = f.folder.path;
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    temp_file_write(&f.folder, "x.css", WR_SLICE("abc"));
    f.cache = wr_file_cache_new(&setup, &err);
    assert_non_null(f.cache);
    e = get(&f, "x");
    assert_true(wr_slice_eq(wr_file_of(e)->type, WR_SLICE("model/odd")));
    wr_file_entry_unref(e);
    wr_file_cache_free(f.cache);
    f.cache = new_cache(&f, false);
    e = get(&f, "x.css");
    assert_true(wr_slice_eq(wr_file_of(e)->type, WR_SLICE("text/css; charset=utf-8")));
    assert_true(wr_slice_eq(wr_file_of(e)->path, WR_SLICE("x.css")));
    wr_file_entry_unref(e);
    close_cache(&f);
}

WR_TESTS(cmocka_unit_test(cache__file_up_to_32_kib__is_kept_in_memory),
         cmocka_unit_test(cache__unchanged_file__is_the_same_entry),
         cmocka_unit_test(cache__one_turn__has_one_look_at_the_disk),
         cmocka_unit_test(cache__every_kind_of_change__is_seen_in_the_next_turn),
         cmocka_unit_test(cache__fresh_change__is_served_and_not_kept),
         cmocka_unit_test(cache__etag__is_mtime_in_ns_and_size),
         cmocka_unit_test(cache__constant_mtime__etag_has_ctime_and_inode_and_there_is_no_date),
         cmocka_unit_test(cache__etag__is_strong_when_the_file_has_settled_and_is_kept),
         cmocka_unit_test(settled__by_the_age_of_the_change),
         cmocka_unit_test(cache__date_from_the_future__is_that_of_the_request),
         cmocka_unit_test(cache__errors__are_those_of_the_root),
         cmocka_unit_test(cache__more_than_1024_files__drops_those_used_longest_ago),
         cmocka_unit_test(cache__more_large_files_than_descriptors__drops_those_used_longest_ago),
         cmocka_unit_test(cache__freed__leaves_an_entry_to_its_holder),
         cmocka_unit_test(folder__link_that_leads_elsewhere__next_turn_has_the_new_release),
         cmocka_unit_test(folder__root_of_the_cache__is_the_one_that_is_there),
         cmocka_unit_test(folder__removed_and_made_again__is_served_again),
         cmocka_unit_test(folder__replaced_by_a_file__what_was_there_answers),
         cmocka_unit_test(folder__name_with_slashes_behind_it__is_the_same),
         cmocka_unit_test(folder__that_is_not_there__is_an_error),
         cmocka_unit_test(folder__cached_file_that_becomes_a_link_out_of_it__is_refused),
         cmocka_unit_test(cache__type__is_what_the_setup_says_or_by_the_name));
