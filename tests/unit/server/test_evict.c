/*
 * Who makes room: connections over fake transports, in every state, with their ages.
 */
#include "support.h"

#include <errno.h>
#include <stdlib.h>

#include "server/evict.h"
#include "test_checks.h"

#define CLIENTS 8
#define GET     "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

static struct test_server s;
static struct test_client c[CLIENTS];

static int set_up(void **state)
{
    (void)state;
    test_server_init(&s);
    s.site.config.keep_alive_ms = s.site.config.head_ms = s.site.config.linger_ms = 60000;
    for (int i = 0; i < CLIENTS; i++)
        test_client_init(&s, &c[i]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < CLIENTS; i++)
        test_client_fini(&c[i]);
    test_server_fini(&s);
    return 0;
}

/* The numbers of those that are closed, in a text. */
static void expect_closed(const char *want)
{
    char got[CLIENTS + 1] = "";
    size_t n = 0;

    for (int i = 0; i < CLIENTS; i++)
        if (c[i].transport.is_closed)
            got[n++] = (char)('0' + i);
    got[n] = '\0';
    assert_string_equal(got, want);
}

static void connect_n(int n)
{
    for (int i = 0; i < n; i++)
        test_client_connect(&c[i]);
}

static uint64_t counted(enum wr_metric id)
{
    return atomic_load(&s.worker.metrics.count[id]);
}

static void evict__idle_longest__goes_first(void **state)
{
    (void)state;
    connect_n(4);
    test_server_advance_ms(&s, 10);
    test_client_send(&c[2], GET);
    test_server_advance_ms(&s, 10);
    test_client_send(&c[0], GET);
    test_server_advance_ms(&s, 10);
    test_client_send(&c[3], GET);
    test_client_send(&c[2], GET); /* again: its time starts anew */
    test_server_advance_ms(&s, 10);
    test_client_send(&c[1], GET);
    test_server_advance_ms(&s, 1000);
    assert_int_equal(wr_evict(&s.worker, 1), 1);
    expect_closed("0");
    assert_int_equal(wr_evict(&s.worker, 2), 2);
    expect_closed("023");
    assert_int_equal(s.worker.conns_n, 1);
    assert_int_equal(wr_evict(&s.worker, 2), 1);
    assert_int_equal(wr_evict(&s.worker, 2), 0);
    assert_int_equal(counted(WR_METRIC_EVICTED), 4);
    assert_int_equal(counted(WR_METRIC_CONNECTIONS), 4);
    check_description(&c[2], "200 /a|200 /a|END"); /* and got nothing more */
    check_description(&c[1], "200 /a|END");
    assert_false(c[1].transport.is_reset);
}

static void evict__younger_than_a_second__stays(void **state)
{
    (void)state;
    connect_n(1);
    test_server_advance_ms(&s, 500);
    test_client_connect(&c[1]);
    test_server_advance_ms(&s, 499);
    assert_int_equal(wr_evict(&s.worker, 9), 0);
    test_server_advance_ms(&s, 1);
    assert_int_equal(wr_evict(&s.worker, 9), 1);
    expect_closed("0");
    test_client_send(&c[1], "GET / HT"); /* a head that begins is as young */
    test_server_advance_ms(&s, 999);
    assert_int_equal(wr_evict(&s.worker, 9), 0);
    test_client_send(&c[1], "TP/1.1\r\n"); /* and grows no younger by more of it */
    test_server_advance_ms(&s, 1);
    assert_int_equal(wr_evict(&s.worker, 9), 1);
    check_description(&c[1], "END");
}

static void evict__heads_that_are_not_whole__go_behind_idle_ones(void **state)
{
    (void)state;
    connect_n(2);
    test_client_send(&c[0], "G");
    test_server_advance_ms(&s, 10);
    test_client_send(&c[1], GET "GET / HTTP/1.1\r\nX: ");
    test_server_advance_ms(&s, 10);
    test_client_connect(&c[2]); /* silent */
    test_server_advance_ms(&s, 10);
    test_client_connect(&c[3]);
    test_client_send(&c[3], GET); /* between requests */
    test_server_advance_ms(&s, 5000);
    assert_int_equal(wr_evict(&s.worker, 2), 2);
    expect_closed("23");
    assert_int_equal(wr_evict(&s.worker, 1), 1);
    expect_closed("023");
    assert_int_equal(wr_evict(&s.worker, 1), 1);
    expect_closed("0123");
    check_description(&c[0], "END");
    check_description(&c[1], "200 /a|END");
    assert_int_equal(s.access_n > 0 && strstr(s.access_text, "408") != NULL, 0);
}

static void evict__with_a_request__stays(void **state)
{
    (void)state;
    connect_n(5);
    test_server_advance_ms(&s, 5000);
    s.handler.serve = test_serve_later;
    test_client_send(&c[0], GET); /* the handler has not answered */
    s.handler.serve = test_serve_hello;
    c[1].transport.room = 20;
    test_client_send(&c[1], GET); /* it has not taken its answer */
    s.handler.serve = test_serve_echo;
    test_client_send(&c[2], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    s.handler.serve = test_serve_hello; /* answers, and drops content that has not come */
    test_client_send(&c[3], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    c[4].transport.unacknowledged = 100;
    test_client_send(&c[4], "@\r\n\r\n"); /* lingers; its answer is on its way */
    test_server_advance_ms(&s, 4999);
    assert_int_equal(wr_evict(&s.worker, 9), 0);
    expect_closed("");
    c[4].transport.unacknowledged = 0;
    assert_int_equal(wr_evict(&s.worker, 9), 1);
    expect_closed("4");
    check_description(&c[4], "400!|END");
    test_handler_answer(&s.handler);
    test_client_take(&c[1], FAKE_NO_LIMIT, 9);
    test_client_send(&c[2], "llo");
    test_client_send(&c[3], "llo");
    check_description(&c[0], "200 /a");
    check_description(&c[1], "200 /a");
    check_description(&c[2], "200 hello");
    check_description(&c[3], "200 /");
    test_server_advance_ms(&s, 1000);
    assert_int_equal(wr_evict(&s.worker, 9), 4);
}

/* Five seconds in which a client has done nothing for its request, and only when nobody is idle. */
static void evict__clients_that_stall__go_last(void **state)
{
    (void)state;
    connect_n(7);
    s.handler.serve = test_serve_later;
    test_client_send(&c[0], GET); /* the handler has not answered */
    s.handler.serve = test_serve_hello;
    test_client_send(&c[1], GET); /* idle */
    test_client_send(&c[2], "GET");
    test_server_advance_ms(&s, 10);
    s.handler.serve = test_serve_echo;
    test_client_send(&c[3], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    test_server_advance_ms(&s, 10);
    s.handler.serve = test_serve_hello;
    c[4].transport.room = 20;
    test_client_send(&c[4], GET); /* it has not taken its answer */
    test_server_advance_ms(&s, 10);
    test_client_send(&c[5], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    test_server_advance_ms(&s, 4979);
    assert_int_equal(wr_evict(&s.worker, 1), 1);
    expect_closed("1"); /* as idle as 6, and before it in the list */
    assert_int_equal(wr_evict(&s.worker, 9), 2);
    expect_closed("126");
    test_server_advance_ms(&s, 1);
    assert_int_equal(wr_evict(&s.worker, 9), 1);
    expect_closed("1236");
    test_server_advance_ms(&s, 20);
    assert_int_equal(wr_evict(&s.worker, 1), 1);
    expect_closed("12346");
    assert_true(c[4].transport.is_reset);
    assert_int_equal(wr_evict(&s.worker, 9), 1);
    expect_closed("123456");
    test_handler_answer(&s.handler);
    check_description(&c[0], "200 /a");
}

/* The least rate is 240 bytes a second: who keeps it does not stall, and who is given half of it does
 * for half of the time. */
static void evict__clients_that_move__stay(void **state)
{
    char bytes[240];

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    s.handler.serve = test_serve_echo;
    connect_n(2);
    for (int i = 0; i < 2; i++)
        test_client_send(&c[i], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(wr_evict(&s.worker, 9), 0);
        test_server_advance_ms(&s, 1000);
        test_client_send_slice(&c[0], wr_slice(bytes, 240));
        test_client_send_slice(&c[1], wr_slice(bytes, 120));
    }
    assert_int_equal(wr_evict(&s.worker, 9), 1);
    expect_closed("1");
}

/* What else came on the connection, heads and framing above all, is no content, and earns nothing. */
static void evict__client_that_stalls_within_chunks__goes_as_soon(void **state)
{
    (void)state;
    s.handler.serve = test_serve_echo;
    connect_n(2);
    for (int i = 0; i < 10; i++)
        test_client_send(&c[1], GET);
    for (int i = 0; i < 2; i++)
        test_client_send(&c[i], "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    test_server_advance_ms(&s, 4999);
    assert_int_equal(wr_evict(&s.worker, 9), 0);
    test_server_advance_ms(&s, 1);
    assert_int_equal(wr_evict(&s.worker, 9), 2);
    expect_closed("01");
}

/* What a client takes from the kernel's buffer makes no event; it counts all the same: 48 bytes are worth
 * a fifth of a second. */
static void evict__client_that_has_taken_some__stays_as_long(void **state)
{
    (void)state;
    connect_n(1);
    c[0].transport.room = 48;
    c[0].transport.unacknowledged = 48;
    test_client_send(&c[0], GET);
    test_server_advance_ms(&s, 5000);
    c[0].transport.unacknowledged = 0;
    assert_int_equal(wr_evict(&s.worker, 9), 0);
    test_server_advance_ms(&s, 199);
    assert_int_equal(wr_evict(&s.worker, 9), 0);
    test_server_advance_ms(&s, 1);
    assert_int_equal(wr_evict(&s.worker, 9), 1);
}

static void evict__lingers_for_less_than_a_second__stays(void **state)
{
    (void)state;
    connect_n(1);
    test_server_advance_ms(&s, 5000);
    test_client_send(&c[0], "@\r\n\r\n");
    test_server_advance_ms(&s, 999);
    assert_int_equal(wr_evict(&s.worker, 9), 0);
    test_server_advance_ms(&s, 1);
    assert_int_equal(wr_evict(&s.worker, 9), 1);
    check_description(&c[0], "400!|END");
}

static int wait_for_more(struct wr_transport *t)
{
    t->read_wants = EPOLLIN;
    return -EAGAIN;
}

static void evict__in_its_handshake__goes_behind_idle_ones(void **state)
{
    (void)state;
    s.site.config.handshake_ms = 60000;
    c[0].transport.ops.handshake = wait_for_more;
    connect_n(1);
    test_server_advance_ms(&s, 10);
    test_client_connect(&c[1]);
    test_server_advance_ms(&s, 1000);
    assert_int_equal(wr_evict(&s.worker, 1), 1);
    expect_closed("1");
    assert_int_equal(wr_evict(&s.worker, 1), 1);
    expect_closed("01");
}

/* What has arrived is not lost, though its event has not been looked at. */
static void evict__request_that_has_just_come__is_served(void **state)
{
    (void)state;
    connect_n(3);
    test_client_send(&c[1], "GET /b HTTP/1.1\r\n");
    test_server_advance_ms(&s, 1000);
    fake_transport_put(&c[0].transport, WR_SLICE(GET));
    fake_transport_put(&c[1].transport, WR_SLICE("Host: a\r\n\r\n"));
    c[2].transport.is_eof = true;
    assert_int_equal(wr_evict(&s.worker, 9), 1); /* the one whose client had gone */
    check_description(&c[0], "200 /a");
    check_description(&c[1], "200 /b");
    expect_closed("2");
    assert_int_equal(counted(WR_METRIC_EVICTED), 0);
    test_server_advance_ms(&s, 1000);
    assert_int_equal(wr_evict(&s.worker, 9), 2);
    assert_int_equal(counted(WR_METRIC_EVICTED), 2);
}

/* Time that a reload has changed since moves nobody's age. */
static void evict__after_a_change_of_times__goes_by_age(void **state)
{
    (void)state;
    connect_n(1);
    s.site.config.keep_alive_ms = 5000;
    test_server_advance_ms(&s, 10);
    test_client_connect(&c[1]);
    test_server_advance_ms(&s, 1000);
    assert_int_equal(wr_evict(&s.worker, 1), 1);
    expect_closed("0");
}

/* Of a real crowd the oldest go, whatever the order in which they came to be idle; and no more at once
 * than a look takes. */
static void evict__many__closes_the_oldest_of_all(void **state)
{
    enum { MANY = 1000, STEP = 7 };
    struct test_client *crowd = calloc(MANY, sizeof *crowd);
    int closed = 0;

    (void)state;
    assert_non_null(crowd);
    for (int i = 0; i < MANY; i++)
        test_client_open(&s, &crowd[i]);
    for (int i = 0; i < MANY; i++) { /* 7 and 1000 have no divisor in common: each once */
        test_server_advance_ms(&s, 1);
        test_client_send(&crowd[i * STEP % MANY], GET);
    }
    test_server_advance_ms(&s, 1000);
    assert_int_equal(wr_evict_share(&s.worker, 1), MANY / 32);
    assert_int_equal(wr_evict_share(&s.worker, 200), 200);
    assert_int_equal(wr_evict(&s.worker, MANY), WR_EVICT_MAX);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(crowd[i * STEP % MANY].transport.is_closed, i < WR_EVICT_MAX);
        closed += crowd[i].transport.is_closed;
    }
    assert_int_equal(closed, WR_EVICT_MAX);
    for (int i = 0; i < MANY; i++)
        test_client_fini(&crowd[i]);
    free(crowd);
    assert_int_equal(wr_evict_share(&s.worker, 1), 1);
}

/* ---- what the worker counts of addresses ---- */

static int try_connect(int i, const struct wr_peer *peer)
{
    return wr_conn_open(&s.worker, &c[i].transport.base, -1, peer);
}

static void conn__address_that_is_full__is_reset_unread(void **state)
{
    static const struct wr_peer a = {{192, 0, 2, 1}, AF_INET, 50000, 80},
                                b = {{192, 0, 2, 2}, AF_INET, 50000, 80},
                                local = {.family = AF_UNIX};
    static struct wr_addresses addresses; /* outlives a test that fails */

    (void)state;
    wr_addresses_init(&addresses);
    s.worker.addresses = &addresses;
    s.site.config.connections_per_address_max = 1;
    fake_transport_put(&c[1].transport, WR_SLICE(GET));
    assert_int_equal(try_connect(0, &a), 0);
    assert_int_equal(try_connect(1, &a), -EUSERS);
    assert_int_equal(c[1].transport.reads, 0);
    assert_true(c[1].transport.is_reset);
    assert_int_equal(fake_transport_output(&c[1].transport).n, 0);
    expect_closed("1");
    assert_int_equal(s.worker.conns_n, 1);
    assert_int_equal(counted(WR_METRIC_ADDRESS_FULL), 1);
    assert_int_equal(counted(WR_METRIC_CONNECTIONS), 1);
    assert_int_equal(try_connect(2, &b), 0);
    assert_int_equal(try_connect(3, &local), 0); /* these have no address */
    assert_int_equal(try_connect(4, &local), 0);
    assert_int_equal(addresses.n, 2);
    test_server_advance_ms(&s, 1000);
    assert_int_equal(wr_evict(&s.worker, 9), 4);
    assert_int_equal(addresses.n, 0);
    assert_int_equal(try_connect(5, &a), 0);
    wr_worker_close_conns(&s.worker);
    assert_int_equal(addresses.n, 0);
    wr_addresses_fini(&addresses);
    s.worker.addresses = NULL;
}

static void conn__open_when_the_limit_comes__counts(void **state)
{
    static const struct wr_peer a = {{192, 0, 2, 1}, AF_INET, 50000, 80};
    static struct wr_addresses addresses; /* outlives a test that fails */

    (void)state;
    wr_addresses_init(&addresses);
    s.worker.addresses = &addresses;
    for (int i = 0; i < 3; i++)
        assert_int_equal(try_connect(i, &a), 0);
    assert_int_equal(addresses.n, 0);
    s.site.config.connections_per_address_max = 3;
    for (int i = 0; i < 2; i++) { /* and each once */
        struct wr_lease *lease = wr_lease_new(&s.site);

        assert_non_null(lease);
        wr_worker_switch(&s.worker, lease);
        assert_int_equal(addresses.n, 1);
        assert_int_equal(try_connect(3 + i, &a), -EUSERS);
    }
    wr_conn_close(WR_CONTAINER_OF(s.worker.conns.next, struct wr_conn, link));
    assert_int_equal(try_connect(5, &a), 0);
    s.site.config.connections_per_address_max = 0; /* lifted: none is counted from now on */
    assert_int_equal(try_connect(6, &a), 0);
    wr_worker_close_conns(&s.worker);
    assert_int_equal(addresses.n, 0);
    wr_addresses_fini(&addresses);
    s.worker.addresses = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

WR_TESTS(TEST(evict__idle_longest__goes_first), TEST(evict__younger_than_a_second__stays),
         TEST(evict__heads_that_are_not_whole__go_behind_idle_ones),
         TEST(evict__with_a_request__stays), TEST(evict__clients_that_stall__go_last),
         TEST(evict__clients_that_move__stay),
         TEST(evict__client_that_stalls_within_chunks__goes_as_soon),
         TEST(evict__client_that_has_taken_some__stays_as_long),
         TEST(evict__lingers_for_less_than_a_second__stays),
         TEST(evict__in_its_handshake__goes_behind_idle_ones),
         TEST(evict__request_that_has_just_come__is_served),
         TEST(evict__after_a_change_of_times__goes_by_age),
         TEST(evict__many__closes_the_oldest_of_all),
         TEST(conn__address_that_is_full__is_reset_unread),
         TEST(conn__open_when_the_limit_comes__counts));
