/*
 * A large file on a disk that is to be waited for, as its clients see it. Linked with --wrap: what the
 * kernel has in memory is the test's to say, and what a helper reads is counted.
 */
#include "support.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "handlers/file_cache.h"
#include "handlers/static.h"
#include "temp_folder.h"
#include "test_server.h"

#define HOUR_MS 3600000 /* after it all that was written is settled */
#define LARGE   40000   /* bytes; above 32 KiB it is sent from its descriptor */
#define WHOLE   "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"
#define FIRST   "GET /large HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\n\r\n"

static struct {
    bool is_cold;
    int reads;
    uint64_t bytes_read;
} disk;

bool __wrap_wr_file_is_warm(int fd, uint64_t offset, uint64_t n);
void __wrap_wr_file_read_ahead(int fd, uint64_t offset, uint64_t n);

bool __wrap_wr_file_is_warm(int fd, uint64_t offset, uint64_t n)
{
    (void)fd;
    (void)offset;
    (void)n;
    return !disk.is_cold;
}

void __wrap_wr_file_read_ahead(int fd, uint64_t offset, uint64_t n)
{
    (void)fd;
    (void)offset;
    disk.reads++;
    disk.bytes_read += n;
}

struct site {
    struct temp_folder folder;
    struct test_server server;
    struct test_client clients[2];
    struct test_responses got;
};

static void open_site(struct site *s)
{
    struct wr_static_setup setup;

    *s = (struct site){0};
    memset(&disk, 0, sizeof disk);
    temp_folder_init(&s->folder);
    temp_file_fill(&s->folder, "large", LARGE);
    temp_file_date(&s->folder, "large", 1000000000);
    test_server_init(&s->server);
    setup = wr_static_setup_of(s->folder.path);
    assert_non_null(test_server_mount(&s->server, &wr_static_plugin, &setup, NULL));
    s->server.time.wall_ns = wr_clock_system.wall_ns(NULL) + HOUR_MS * 1000000LL;
    test_server_step(&s->server);
    for (int i = 0; i < 2; i++)
        test_client_open(&s->server, &s->clients[i]);
}

static void close_site(struct site *s)
{
    test_responses_free(&s->got);
    for (int i = 0; i < 2; i++)
        test_client_fini(&s->clients[i]);
    test_server_fini(&s->server); /* which counts descriptors */
    temp_folder_fini(&s->folder);
}

static const struct test_response *response_of(struct site *s, int client)
{
    test_responses_free(&s->got);
    test_client_responses(&s->clients[client], "G", &s->got);
    assert_int_equal(s->got.n, 1);
    return &s->got.v[0];
}

static void check_whole(struct site *s, int client)
{
    const struct test_response *r = response_of(s, client);

    assert_int_equal(r->status, 200);
    assert_false(r->is_cut);
    assert_int_equal(r->content_n, LARGE);
    for (size_t i = 0; i < LARGE; i++)
        assert_int_equal(r->content[i], 'a' + i % 23);
}

/* With other bytes, of the same size: only its date tells. */
static void write_over(struct site *s)
{
    static char other[LARGE];

    memset(other, 'Z', sizeof other);
    temp_file_write(&s->folder, "large", wr_slice(other, sizeof other));
}

static void cold__file__is_read_by_a_helper_before_it_is_sent(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    disk.is_cold = true;
    test_server_hold_helpers(&s.server);
    test_client_send(&s.clients[0], WHOLE);
    assert_int_equal(s.clients[0].transport.sendfiles, 0);
    test_server_run_helpers(&s.server);
    assert_int_equal(disk.reads, 1);
    assert_int_equal(disk.bytes_read, LARGE);
    check_whole(&s, 0);
    close_site(&s);
}

/* The head, with its validators, was made of what the file had before. */
static void cold__file_written_over_while_it_is_read__is_never_sent(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    disk.is_cold = true;
    test_server_hold_helpers(&s.server);
    test_client_send(&s.clients[0], WHOLE);
    write_over(&s);
    test_server_run_helpers(&s.server);
    test_client_take(&s.clients[0], FAKE_NO_LIMIT, 10);
    assert_int_equal(s.clients[0].transport.sendfiles, 0);
    assert_true(s.clients[0].transport.is_shut_down);
    assert_non_null(strstr(s.server.log_text, "large was written over while it was sent"));
    close_site(&s);
}

static void cold__file_replaced_while_it_is_read__is_sent_as_it_was(void **state)
{
    struct site s;
    char other[128];

    (void)state;
    open_site(&s);
    disk.is_cold = true;
    temp_file_write(&s.folder, "other", WR_SLICE("other"));
    snprintf(other, sizeof other, "%s", temp_path(&s.folder, "other"));
    test_server_hold_helpers(&s.server);
    test_client_send(&s.clients[0], WHOLE);
    assert_int_equal(rename(other, temp_path(&s.folder, "large")), 0);
    test_server_run_helpers(&s.server);
    check_whole(&s, 0);
    close_site(&s);
}

/* Half of it has been sent when it changes. */
static void change__written_over_while_it_is_sent__is_broken_off(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    open_site(&s);
    s.clients[0].transport.room = LARGE / 2;
    test_client_send(&s.clients[0], WHOLE);
    write_over(&s);
    test_client_take(&s.clients[0], FAKE_NO_LIMIT, 10);
    r = response_of(&s, 0);
    assert_true(r->is_cut);
    assert_true(r->content_n > 0 && r->content_n < LARGE);
    for (size_t i = 0; i < r->content_n; i++)
        assert_int_equal(r->content[i], 'a' + i % 23);
    close_site(&s);
}

static void cold__same_file_for_two__is_read_once(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    disk.is_cold = true;
    test_server_hold_helpers(&s.server);
    for (int i = 0; i < 2; i++)
        test_client_send(&s.clients[i], WHOLE);
    test_server_run_helpers(&s.server);
    assert_int_equal(disk.reads, 1);
    check_whole(&s, 0);
    check_whole(&s, 1);
    close_site(&s);
}

/* One byte that is being read is not all that another answer begins with. */
static void cold__part_and_whole__are_read_each(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    disk.is_cold = true;
    test_server_hold_helpers(&s.server);
    test_client_send(&s.clients[0], FIRST);
    test_client_send(&s.clients[1], WHOLE);
    test_server_run_helpers(&s.server);
    assert_int_equal(disk.reads, 2);
    assert_int_equal(disk.bytes_read, 1 + LARGE);
    assert_int_equal(response_of(&s, 0)->content_n, 1);
    check_whole(&s, 1);
    close_site(&s);
}

static void cold__client_gone_while_it_is_read__lets_go_of_the_file(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    disk.is_cold = true;
    test_server_hold_helpers(&s.server);
    test_client_send(&s.clients[0], WHOLE);
    test_client_reset(&s.clients[0]);
    assert_true(s.clients[0].transport.is_closed);
    test_server_run_helpers(&s.server);
    close_site(&s);
}

WR_TESTS(cmocka_unit_test(cold__file__is_read_by_a_helper_before_it_is_sent),
         cmocka_unit_test(cold__file_written_over_while_it_is_read__is_never_sent),
         cmocka_unit_test(cold__file_replaced_while_it_is_read__is_sent_as_it_was),
         cmocka_unit_test(change__written_over_while_it_is_sent__is_broken_off),
         cmocka_unit_test(cold__same_file_for_two__is_read_once),
         cmocka_unit_test(cold__part_and_whole__are_read_each),
         cmocka_unit_test(cold__client_gone_while_it_is_read__lets_go_of_the_file));
