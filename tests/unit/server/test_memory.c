/*
 * Each allocation of a connection's life fails once: linked with --wrap for malloc and calloc.
 */
#include "support.h"

#include <stdlib.h>

#include "test_server.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);

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

static const struct wr_peer peer = {{192, 0, 2, 7}, AF_INET, 50000, 80};

/* Allocations of every kind: a large head, content, an output that waits, an error page. */
static void live(struct test_server *s, struct test_client *c)
{
    static char head[20000];

    memset(head, 'v', sizeof head);
    if (wr_conn_open(&s->worker, &c->transport.base, -1, &peer) < 0)
        return;
    if (c->transport.is_closed)
        return;
    c->conn = WR_CONTAINER_OF(s->worker.conns.prev, struct wr_conn, link);
    c->transport.room = 10;
    test_client_send(c, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    test_client_take(c, FAKE_NO_LIMIT, 2);
    test_client_send(c, "GET /a HTTP/1.1\r\nHost: a\r\nX: ");
    test_client_send_slice(c, wr_slice(head, sizeof head));
    test_client_event(c, EPOLLIN);
    test_client_send(c, "\r\n\r\n@\r\n");
}

static void memory__each_allocation_that_fails__costs_one_connection_at_most(void **state)
{
    int runs = 0;

    (void)state;
    do {
        struct test_server s;
        struct test_client c;
        struct test_responses r;
        struct wr_addresses addresses;

        test_server_init(&s);
        wr_addresses_init(&addresses);
        s.worker.addresses = &addresses;
        s.site.config.connections_per_address_max = 1;
        s.handler.serve = test_serve_echo;
        s.site.config.field_bytes_max = s.site.config.head_bytes_max;
        test_client_init(&s, &c);
        has_failed = false;
        fails_in = runs++;
        live(&s, &c);
        fails_in = -1;
        test_client_responses(&c, "", &r);
        for (size_t i = 0; i < r.n; i++)
            assert_true(r.v[i].status == 200 || r.v[i].status == 400 || r.v[i].status == 503);
        if (!has_failed) {
            assert_null(r.error);
            assert_int_equal(r.n, 3);
        }
        assert_int_equal(s.worker.out.n, 0);
        test_responses_free(&r);
        test_client_fini(&c);
        assert_int_equal(s.worker.conns_n, 0);
        assert_int_equal(addresses.n, 0);
        test_client_open(&s, &c); /* and the next has what it needs */
        test_client_send(&c, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        test_client_responses(&c, "", &r);
        assert_null(r.error);
        assert_int_equal(r.n, 1);
        assert_int_equal(r.v[0].status, 200);
        test_responses_free(&r);
        test_client_fini(&c);
        test_server_fini(&s);
        wr_addresses_fini(&addresses);
    } while (has_failed);
    assert_true(runs > 8); /* conn, h1, the address, two buffers, exchange, arena, what waits */
}

WR_TESTS(cmocka_unit_test(memory__each_allocation_that_fails__costs_one_connection_at_most));
