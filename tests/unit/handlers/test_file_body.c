/*
 * Bodies that come from files, in windows of 2 MiB: whether one is in memory is the test's to say, by
 * --wrap for wr_file_is_warm() and wr_file_read_ahead(); malloc() is wrapped, too.
 */
#include "multipart.h"

#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW   (2 * 1024 * 1024)
#define LARGE    (2 * WINDOW + 5) /* three windows */
#define DATE_S   784000000
#define TURNS    40 /* more than any answer here takes */
#define ASKS_MAX 32
#define JOBS_MAX 64 /* that wait for a helper of test_server.h */

struct window {
    uint64_t offset, n;
};

static struct {
    bool is_cold;
    bool fails_malloc; /* the next one behind a question */
    struct window asks[ASKS_MAX], reads[ASKS_MAX];
    size_t asks_n, reads_n;
} disk;

static bool malloc_fails;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
bool __wrap_wr_file_is_warm(int fd, uint64_t offset, uint64_t n);
void __wrap_wr_file_read_ahead(int fd, uint64_t offset, uint64_t n);

void *__wrap_malloc(size_t n)
{
    if (!malloc_fails)
        return __real_malloc(n);
    malloc_fails = false;
    return NULL;
}

bool __wrap_wr_file_is_warm(int fd, uint64_t offset, uint64_t n)
{
    assert_true(fd >= 0 && disk.asks_n < ASKS_MAX);
    disk.asks[disk.asks_n++] = (struct window){offset, n};
    malloc_fails = disk.fails_malloc;
    return !disk.is_cold;
}

void __wrap_wr_file_read_ahead(int fd, uint64_t offset, uint64_t n)
{
    assert_true(fd >= 0 && disk.reads_n < ASKS_MAX);
    disk.reads[disk.reads_n++] = (struct window){offset, n};
}

static void check_windows(const struct window *v, size_t n, const struct window *expected,
                          size_t expected_n)
{
    assert_int_equal(n, expected_n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(v[i].offset, expected[i].offset);
        assert_int_equal(v[i].n, expected[i].n);
    }
}

static const struct window windows[] = {{0, WINDOW}, {WINDOW, WINDOW}, {2 * WINDOW, 5}};

static char letters[LARGE]; /* as temp_file_fill() has them */

static void open_large(struct site *s)
{
    memset(&disk, 0, sizeof disk);
    for (size_t i = 0; i < LARGE; i++)
        letters[i] = (char)('a' + i % 23);
    begin_site(s);
    temp_file_fill(&s->folder, "large.bin", LARGE);
    temp_file_date(&s->folder, "large.bin", DATE_S); /* so that what is written later has another */
    open_site(s);
}

static void go_on(struct site *s)
{
    for (int i = 0; i < TURNS; i++)
        test_server_step(&s->server);
}

/* All of the file has come, and nothing else. */
static void check_whole(const struct test_client *c, const char *content)
{
    struct test_responses r;

    test_client_responses(c, "G", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].status, 200);
    assert_int_equal(r.v[0].content_n, LARGE);
    assert_memory_equal(r.v[0].content, content, LARGE);
    test_responses_free(&r);
}

/* No page says so, for the head has gone: the connection ends before what was promised has come. */
static void check_broken_off(struct site *s, size_t at_most, const char *why)
{
    go_on(s);
    assert_true(s->client.transport.is_shut_down || s->client.transport.is_closed);
    test_responses_free(&s->got);
    test_client_responses(&s->client, "", &s->got);
    assert_true(s->got.n == 0 || (s->got.n == 1 && s->got.v[0].is_cut));
    assert_true(s->got.n == 0 || s->got.v[0].content_n <= at_most);
    assert_non_null(strstr(s->server.log_text, why));
}

/* ---- windows ---- */

static void windows__warm__are_asked_for_and_sent(void **state)
{
    struct site s;

    (void)state;
    open_large(&s);
    send_as(&s, "GET", "/large.bin", "");
    go_on(&s);
    check_whole(&s.client, letters);
    check_windows(disk.asks, disk.asks_n, windows, 3);
    assert_int_equal(disk.reads_n, 0);
    close_site(&s);
}

static void windows__cold__are_read_before_they_are_sent(void **state)
{
    struct site s;

    (void)state;
    open_large(&s);
    disk.is_cold = true;
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/large.bin", "");
    go_on(&s);
    assert_true(s.client.transport.out_n < 4096); /* the head at most */
    assert_int_equal(disk.reads_n, 0);
    test_server_run_helpers(&s.server);
    go_on(&s);
    check_whole(&s.client, letters);
    check_windows(disk.asks, disk.asks_n, windows, 3); /* what was read is not asked for again */
    check_windows(disk.reads, disk.reads_n, windows, 3);
    close_site(&s);
}

/* The next answer is not held up by the disk for ever: another client is served meanwhile. */
static void windows__cold__hold_up_nobody_else(void **state)
{
    struct site s;
    struct test_client other;
    struct test_responses r;

    (void)state;
    open_large(&s);
    temp_file_write(&s.folder, "small", WR_SLICE("small"));
    disk.is_cold = true;
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/large.bin", "");
    test_client_open(&s.server, &other);
    test_client_send(&other, "GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_responses(&other, "G", &r);
    assert_int_equal(r.n, 1);
    assert_string_equal(r.v[0].content, "small");
    test_responses_free(&r);
    test_client_fini(&other);
    test_server_run_helpers(&s.server);
    go_on(&s);
    check_whole(&s.client, letters);
    close_site(&s);
}

static void run_nothing(struct wr_job *j, void *thread_data)
{
    (void)j;
    (void)thread_data;
}

/* Nobody has time to read: then the loop waits for the disk. */
static void windows__cold_and_nobody_helps__are_sent_all_the_same(void **state)
{
    static struct wr_job jobs[JOBS_MAX];
    enum { NO_POOL, FULL, NO_MEMORY, CASES };
    struct site s;

    (void)state;
    for (int i = 0; i < CASES; i++) {
        open_large(&s);
        disk.is_cold = true;
        disk.fails_malloc = i == NO_MEMORY;
        if (i == NO_POOL)
            s.server.site.helpers = NULL;
        if (i == FULL) {
            test_server_hold_helpers(&s.server);
            for (size_t k = 0; k < JOBS_MAX; k++) {
                jobs[k] = (struct wr_job){.run = run_nothing};
                assert_true(wr_pool_submit(s.server.helpers, &jobs[k]));
            }
        }
        send_as(&s, "GET", "/large.bin", "");
        go_on(&s);
        check_whole(&s.client, letters);
        assert_int_equal(disk.asks_n, 3);
        assert_int_equal(disk.reads_n, 0);
        close_site(&s);
    }
}

static void windows__head__needs_none(void **state)
{
    struct site s;

    (void)state;
    open_large(&s);
    disk.is_cold = true;
    check_field(ask_as(&s, "HEAD", "/large.bin", ""), "Content-Length", "4194309");
    assert_int_equal(disk.asks_n, 0);
    close_site(&s);
}

/* ---- several for one window ---- */

static void several__for_one_window__one_reads(void **state)
{
    struct site s;
    struct test_client other;

    (void)state;
    open_large(&s);
    disk.is_cold = true;
    test_client_open(&s.server, &other);
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/large.bin", "");
    test_client_send(&other, "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    wr_pool_stop(s.server.helpers);
    assert_int_equal(disk.reads_n, 1);
    go_on(&s);
    check_whole(&s.client, letters);
    check_whole(&other, letters);
    test_client_fini(&other);
    close_site(&s);
}

/* What a small part has read is not what the whole waits for. */
static void several__from_one_place__each_has_what_it_needs(void **state)
{
    struct site s;
    struct test_client other;
    static const struct window reads[] = {{0, 10}, {0, WINDOW}};

    (void)state;
    open_large(&s);
    disk.is_cold = true;
    test_client_open(&s.server, &other);
    test_server_hold_helpers(&s.server);
    test_client_send(&other, "GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n");
    send_as(&s, "GET", "/large.bin", "");
    test_client_send(&other, "GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n");
    wr_pool_stop(s.server.helpers);
    check_windows(disk.reads, disk.reads_n, reads, 2);
    go_on(&s);
    check_whole(&s.client, letters);
    test_client_fini(&other);
    close_site(&s);
}

static void several__elsewhere__each_reads_its_own(void **state)
{
    static const struct window reads[] = {{0, 100}, {1000000, 50}};
    struct site s;
    struct test_client other;

    (void)state;
    open_large(&s);
    disk.is_cold = true;
    test_client_open(&s.server, &other);
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/large.bin", "Range: bytes=0-99\r\n");
    test_client_send(&other, "GET /large.bin HTTP/1.1\r\nHost: a\r\n"
                             "Range: bytes=1000000-1000049\r\n\r\n");
    test_server_run_helpers(&s.server);
    go_on(&s);
    check_windows(disk.reads, disk.reads_n, reads, 2);
    assert_memory_equal(response(&s, false)->content, letters, 100);
    test_client_fini(&other);
    close_site(&s);
}

static void several__one_leaves__the_other_is_served(void **state)
{
    struct site s;
    struct test_client other;

    (void)state;
    open_large(&s);
    disk.is_cold = true;
    test_client_open(&s.server, &other);
    test_server_hold_helpers(&s.server);
    test_client_send(&other, "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    send_as(&s, "GET", "/large.bin", "");
    test_client_reset(&other);
    assert_true(other.transport.is_closed);
    test_server_run_helpers(&s.server);
    go_on(&s);
    check_whole(&s.client, letters);
    test_client_fini(&other);
    close_site(&s);
}

/* Whatever comes from the client meanwhile, it waits once. */
static void several__pipelined__wait_once_and_come_in_order(void **state)
{
    struct site s;
    struct test_responses r;

    (void)state;
    open_large(&s);
    temp_file_write(&s.folder, "small", WR_SLICE("small"));
    disk.is_cold = true;
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/large.bin", "");
    test_client_send(&s.client, "GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_event(&s.client, EPOLLOUT);
    test_client_send(&s.client, "HEAD /small HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_event(&s.client, EPOLLIN | EPOLLOUT);
    assert_int_equal(disk.asks_n, 1);
    assert_true(s.client.transport.out_n < 4096);
    test_server_run_helpers(&s.server);
    go_on(&s);
    check_windows(disk.reads, disk.reads_n, windows, 3);
    test_client_responses(&s.client, "GGH", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.v[0].content_n, LARGE);
    assert_memory_equal(r.v[0].content, letters, LARGE);
    assert_string_equal(r.v[1].content, "small");
    test_responses_free(&r);
    close_site(&s);
}

/* ---- clients and servers that go ---- */

static void gone__while_a_window_is_read__nothing_is_left(void **state)
{
    struct site s;

    (void)state;
    for (int removes = 0; removes < 2; removes++) {
        open_large(&s);
        disk.is_cold = true;
        test_server_hold_helpers(&s.server);
        send_as(&s, "GET", "/large.bin", "");
        test_client_reset(&s.client);
        assert_true(s.client.transport.is_closed);
        if (removes) { /* the cache lets go of it as well, before it has been read */
            assert_int_equal(unlink(temp_path(&s.folder, "large.bin")), 0);
            test_client_fini(&s.client);
            test_client_open(&s.server, &s.client);
            send_as(&s, "GET", "/large.bin", "");
            assert_int_equal(response(&s, false)->status, 404);
        }
        test_server_run_helpers(&s.server);
        assert_int_equal(disk.reads_n, 0); /* nobody waits for it any more */
        close_site(&s);                    /* descriptors are counted at the end */
    }
}

static void gone__server_ends_while_a_window_is_read__it_ends(void **state)
{
    struct site s;

    (void)state;
    open_large(&s);
    disk.is_cold = true;
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/large.bin", "");
    close_site(&s);
}

/* ---- files that change ---- */

/* Takes a part of the first window, so that the answer has begun. */
static void begin_answer(struct site *s)
{
    s->client.transport.room = 100000;
    send_as(s, "GET", "/large.bin", "");
    assert_int_equal(s->client.transport.out_n, 100000);
}

static void end_answer(struct site *s)
{
    test_client_take(&s->client, FAKE_NO_LIMIT, TURNS);
    go_on(s);
}

static void overwrite(struct site *s)
{
    static char other[LARGE];

    memset(other, 'X', sizeof other);
    temp_file_write(&s->folder, "large.bin", wr_slice(other, LARGE));
}

static void rewritten__while_it_is_sent__is_broken_off(void **state)
{
    struct site s;

    (void)state;
    open_large(&s);
    begin_answer(&s);
    overwrite(&s);
    end_answer(&s);
    check_broken_off(&s, 100000, "large.bin was written over while it was sent");
    assert_null(memchr(s.got.v[0].content, 'X', s.got.v[0].content_n));
    close_site(&s);
}

/* The head has the entity tag of what was there before it waited. */
static void rewritten__while_the_first_window_is_read__is_broken_off(void **state)
{
    struct site s;

    (void)state;
    open_large(&s);
    disk.is_cold = true;
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/large.bin", "");
    overwrite(&s);
    test_server_run_helpers(&s.server);
    check_broken_off(&s, 0, "large.bin was written over while it was sent");
    close_site(&s);
}

static void rewritten__between_two_parts__is_broken_off(void **state)
{
    struct site s;

    (void)state;
    open_large(&s);
    s.client.transport.room = 100000;
    send_as(&s, "GET", "/large.bin", "Range: bytes=0-199999, 300000-399999\r\n");
    overwrite(&s);
    end_answer(&s);
    check_broken_off(&s, 100000, "large.bin was written over");
    close_site(&s);
}

static void grown__while_it_is_sent__is_sent_as_far_as_it_went(void **state)
{
    struct site s;
    FILE *f;

    (void)state;
    open_large(&s);
    begin_answer(&s);
    f = fopen(temp_path(&s.folder, "large.bin"), "ae");
    assert_non_null(f);
    fputs("more", f);
    fclose(f);
    end_answer(&s);
    check_whole(&s.client, letters);
    close_site(&s);
}

static void cut__while_it_is_sent__is_broken_off(void **state)
{
    struct site s;

    (void)state;
    open_large(&s);
    begin_answer(&s);
    assert_int_equal(truncate(temp_path(&s.folder, "large.bin"), 300000), 0);
    end_answer(&s);
    check_broken_off(&s, 300000, "became shorter");
    close_site(&s);
}

static void replaced_or_removed__while_it_is_sent__is_sent_as_it_was(void **state)
{
    struct site s;
    char from[512];

    (void)state;
    for (int removes = 0; removes < 2; removes++) {
        open_large(&s);
        begin_answer(&s);
        temp_file_fill(&s.folder, "other", LARGE);
        snprintf(from, sizeof from, "%s", temp_path(&s.folder, "other"));
        if (removes)
            assert_int_equal(unlink(temp_path(&s.folder, "large.bin")), 0);
        else
            assert_int_equal(rename(from, temp_path(&s.folder, "large.bin")), 0);
        end_answer(&s);
        check_whole(&s.client, letters);
        close_site(&s);
    }
}

/* ---- readers that take their time ---- */

/* Nor does what was asked, for the log, need it. */
static void slow__reader__holds_no_read_buffer(void **state)
{
    static const char *const ranges[] = {"", "Range: bytes=0-3000000\r\n",
                                         "Range: bytes=0-1999999, 2500000-2999999\r\n"};
    struct site s;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(ranges); i++) {
        open_large(&s);
        s.client.transport.room = 100000;
        send_as(&s, "GET", "/large.bin?a=b", ranges[i]);
        assert_int_equal(s.client.transport.out_n, 100000);
        assert_int_equal(s.server.worker.free_buffers_n, 1);
        end_answer(&s);
        assert_non_null(s.server.access_text);
        assert_non_null(strstr(s.server.access_text, "\"GET /large.bin?a=b HTTP/1.1\" 20"));
        close_site(&s);
    }
}

/* ---- several parts ---- */

static void parts__each__has_windows_of_its_own(void **state)
{
    static const struct window reads[] = {
        {LARGE - 7, 7}, {1, WINDOW}, {WINDOW + 1, 99}, {2 * WINDOW - 4000, 3000}};
    const struct wr_slice whole = {letters, LARGE};
    struct site s;
    struct parts parts;

    (void)state;
    open_large(&s);
    disk.is_cold = true;
    send_as(&s, "GET", "/large.bin", "Range: bytes=-7, 1-2097251, 4190304-4193303\r\n");
    go_on(&s);
    take_parts(response(&s, false), &parts);
    assert_int_equal(parts.n, 3);
    check_part(&parts.v[0], "application/octet-stream", LARGE - 7, LARGE - 1, whole);
    check_part(&parts.v[1], "application/octet-stream", 1, 2097251, whole);
    check_part(&parts.v[2], "application/octet-stream", 4190304, 4193303, whole);
    check_windows(disk.reads, disk.reads_n, reads, 4);
    close_site(&s);
}

/* However little the client takes at a time. */
static void parts__taken_in_crumbs__are_the_same(void **state)
{
    const struct wr_slice whole = {letters, LARGE};
    struct site s;
    struct parts parts;

    (void)state;
    open_large(&s);
    s.client.transport.room = 0;
    send_as(&s, "GET", "/large.bin", "Range: bytes=5-99, 3000-3050, -1\r\n");
    test_client_take(&s.client, 7, 1000);
    take_parts(response(&s, false), &parts);
    assert_int_equal(parts.n, 3);
    check_part(&parts.v[0], "application/octet-stream", 5, 99, whole);
    check_part(&parts.v[1], "application/octet-stream", 3000, 3050, whole);
    check_part(&parts.v[2], "application/octet-stream", LARGE - 1, LARGE - 1, whole);
    close_site(&s);
}

WR_TESTS(cmocka_unit_test(windows__warm__are_asked_for_and_sent),
         cmocka_unit_test(windows__cold__are_read_before_they_are_sent),
         cmocka_unit_test(windows__cold__hold_up_nobody_else),
         cmocka_unit_test(windows__cold_and_nobody_helps__are_sent_all_the_same),
         cmocka_unit_test(windows__head__needs_none),
         cmocka_unit_test(several__for_one_window__one_reads),
         cmocka_unit_test(several__from_one_place__each_has_what_it_needs),
         cmocka_unit_test(several__elsewhere__each_reads_its_own),
         cmocka_unit_test(several__pipelined__wait_once_and_come_in_order),
         cmocka_unit_test(several__one_leaves__the_other_is_served),
         cmocka_unit_test(gone__while_a_window_is_read__nothing_is_left),
         cmocka_unit_test(gone__server_ends_while_a_window_is_read__it_ends),
         cmocka_unit_test(rewritten__while_it_is_sent__is_broken_off),
         cmocka_unit_test(rewritten__while_the_first_window_is_read__is_broken_off),
         cmocka_unit_test(rewritten__between_two_parts__is_broken_off),
         cmocka_unit_test(grown__while_it_is_sent__is_sent_as_far_as_it_went),
         cmocka_unit_test(cut__while_it_is_sent__is_broken_off),
         cmocka_unit_test(replaced_or_removed__while_it_is_sent__is_sent_as_it_was),
         cmocka_unit_test(slow__reader__holds_no_read_buffer),
         cmocka_unit_test(parts__each__has_windows_of_its_own),
         cmocka_unit_test(parts__taken_in_crumbs__are_the_same));
