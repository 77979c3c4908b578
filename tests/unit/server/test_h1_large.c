/* Large files over HTTP/1: what the transport is told while they are sent. */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test_checks.h"

#define GET   "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define MIB   ((size_t)1024 * 1024)
#define LARGE (3 * MIB)
#define STEP  (MIB / 16) /* by which a turn may be longer: file_share() in h1_write.c */
#define TURNS 10

/* A body of `size` bytes of a file, in pieces (0: one), which has nothing for a while when `waits_at`
 * bytes are out. */
static struct source {
    struct wr_body base;
    struct wr_exchange *x;
    int fd;
    size_t size, at, waits_at, piece;
    bool is_awaited;
} source;

static int source_peek(struct wr_body *b, struct wr_piece *out, int max)
{
    struct source *s = WR_CONTAINER_OF(b, struct source, base);
    size_t end = s->at < s->waits_at && s->waits_at < s->size ? s->waits_at : s->size;

    (void)max;
    if (s->at == s->size)
        return 0;
    s->is_awaited = s->at == s->waits_at;
    if (s->is_awaited)
        return -EAGAIN;
    if (s->piece > 0 && end > (s->at / s->piece + 1) * s->piece)
        end = (s->at / s->piece + 1) * s->piece;
    *out = (struct wr_piece){.fd = s->fd, .off = (off_t)s->at, .len = end - s->at};
    return 1;
}

static void source_advance(struct wr_body *b, size_t n)
{
    WR_CONTAINER_OF(b, struct source, base)->at += n;
}

static void source_close(struct wr_body *b)
{
    struct source *s = WR_CONTAINER_OF(b, struct source, base);

    close(s->fd);
    s->fd = -1;
}

static const struct wr_body_ops source_ops = {source_peek, source_advance, source_close};

static bool frees_head;

static void serve(struct test_handler *h, struct wr_exchange *x)
{
    (void)h;
    source.x = x;
    x->is_head_free = frees_head;
    x->response.status = 200;
    wr_exchange_set_body(x, &source.base, (int64_t)source.size);
    wr_exchange_respond(x);
}

static void open_source(struct test_server *s, struct test_client *c, size_t size, size_t waits_at)
{
    int fd = memfd_create("weir-test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    source = (struct source){.base.ops = &source_ops, .fd = fd, .size = size, .waits_at = waits_at};
    test_server_init(s);
    s->handler.serve = serve;
    test_client_open(s, c);
}

static void go_on(struct test_server *s)
{
    for (int i = 0; i < TURNS; i++)
        test_server_step(s);
}

/* All of it has come, and it is closed. */
static void check_sent(const struct test_client *c)
{
    struct test_responses r;

    test_client_responses(c, "G", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].content_n, source.size);
    test_responses_free(&r);
    assert_int_equal(source.fd, -1);
}

static void large__file__is_corked_once_until_its_end(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_source(&s, &c, LARGE, SIZE_MAX);
    c.transport.room = 1000;
    test_client_send(&c, GET);
    go_on(&s);
    assert_true(c.transport.is_corked); /* who reads slowly costs no system calls for that */
    test_client_take(&c, 100000, 10);
    assert_true(c.transport.is_corked);
    test_client_take(&c, FAKE_NO_LIMIT, 1);
    go_on(&s);
    assert_false(c.transport.is_corked);
    assert_int_equal(c.transport.corks, 1);
    check_sent(&c);
    close_both(&s, &c);
}

/* It takes several turns, of a MiB each. */
static void large__taken_at_once__is_corked_once(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_source(&s, &c, LARGE, SIZE_MAX);
    test_client_send(&c, GET);
    go_on(&s);
    assert_false(c.transport.is_corked);
    assert_int_equal(c.transport.corks, 1);
    check_sent(&c);
    close_both(&s, &c);
}

/* Also when what the body gives ends within the turn, and when the client has no room for a while. */
static void large__turn__sends_a_mebibyte_at_most(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    for (size_t piece = MIB / 2; piece <= LARGE; piece += MIB / 2) {
        open_source(&s, &c, LARGE, SIZE_MAX);
        source.piece = piece;
        c.transport.room = 200 * 1024;
        test_client_send(&c, GET);
        go_on(&s);
        test_client_take(&c, FAKE_NO_LIMIT, 1);
        for (size_t before = source.at; source.at < LARGE; before = source.at) {
            test_server_step(&s);
            assert_in_range(source.at, before + 1, before + MIB + STEP);
        }
        go_on(&s);
        check_sent(&c);
        close_both(&s, &c);
    }
}

static void large__not_so__is_not_corked(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_source(&s, &c, (size_t)100 * 1024, SIZE_MAX);
    test_client_send(&c, GET);
    go_on(&s);
    assert_int_equal(c.transport.corks, 0);
    check_sent(&c);
    close_both(&s, &c);
}

/* What there is, is not held back while the rest is waited for. */
static void large__that_waits__goes_out_meanwhile(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_source(&s, &c, LARGE, LARGE / 2);
    test_client_send(&c, GET);
    go_on(&s);
    assert_true(source.is_awaited);
    assert_false(c.transport.is_corked);
    assert_int_equal(c.transport.corks, 1);
    source.waits_at = SIZE_MAX;
    wr_exchange_body_ready(source.x);
    go_on(&s);
    assert_false(c.transport.is_corked);
    assert_int_equal(c.transport.corks, 2);
    check_sent(&c);
    close_both(&s, &c);
}

static void large__by_a_transport_without_corks__is_the_same(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_source(&s, &c, LARGE, SIZE_MAX);
    c.transport.ops.cork = NULL;
    test_client_send(&c, GET);
    go_on(&s);
    check_sent(&c);
    close_both(&s, &c);
}

/* ---- the buffer of the head ---- */

#define LONG_HEAD                                                                                  \
    "GET /path?query=1 HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\nUser-Agent: robot\r\n\r\n"

static void check_request(const struct wr_request *r)
{
    assert_true(wr_slice_eq(r->method_token, WR_SLICE("GET")));
    assert_true(wr_slice_eq(r->target, WR_SLICE("/path?query=1")));
    assert_true(wr_slice_eq(r->path, WR_SLICE("/path")));
    assert_true(wr_slice_eq(r->query, WR_SLICE("query=1")));
    assert_true(wr_slice_eq(r->host, WR_SLICE("example.org")));
    assert_int_equal(r->fields.n, 3);
    assert_true(wr_slice_eq(r->fields.v[2].name, WR_SLICE("User-Agent")));
    assert_true(wr_slice_eq(r->fields.v[2].value, WR_SLICE("robot")));
}

static void head__while_the_client_takes_its_time__holds_no_buffer(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    for (int frees = 0; frees < 2; frees++) {
        frees_head = frees;
        open_source(&s, &c, LARGE, SIZE_MAX);
        c.transport.room = 1000;
        test_client_send(&c, LONG_HEAD);
        assert_int_equal(source.x->head == NULL, frees);
        assert_int_equal(s.worker.free_buffers_n, frees); /* the only one there is */
        check_request(&source.x->request);
        test_client_take(&c, FAKE_NO_LIMIT, 1);
        go_on(&s);
        check_sent(&c);
        assert_int_equal(s.worker.free_buffers_n, 1);
        close_both(&s, &c);
    }
    frees_head = false;
}

/* It is copied when the client is waited for, and not before. */
static void head__of_who_takes_all__is_not_copied(void **state)
{
    struct test_server s;
    struct test_client c;
    const char *at;

    (void)state;
    frees_head = true;
    open_source(&s, &c, LARGE, LARGE / 2);
    test_client_send(&c, LONG_HEAD);
    go_on(&s);
    assert_non_null(source.x->head);
    at = source.x->arena.at;
    c.transport.room = 0;
    source.waits_at = SIZE_MAX;
    wr_exchange_body_ready(source.x);
    assert_null(source.x->head);
    assert_true(source.x->arena.at > at);
    at = source.x->arena.at;
    test_client_take(&c, 1000, 10); /* once */
    assert_ptr_equal(source.x->arena.at, at);
    test_client_take(&c, FAKE_NO_LIMIT, 1);
    go_on(&s);
    check_sent(&c);
    frees_head = false;
    close_both(&s, &c);
}

/* What has come behind it stays where it is, and is answered. */
static void head__with_another_behind_it__leaves_that(void **state)
{
    struct test_server s;
    struct test_client c;
    struct test_responses r;

    (void)state;
    frees_head = true;
    open_source(&s, &c, LARGE, SIZE_MAX);
    c.transport.room = 1000;
    test_client_send(&c, LONG_HEAD "HEAD /next HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_null(source.x->head);
    test_client_take(&c, FAKE_NO_LIMIT, 1);
    go_on(&s);
    test_client_responses(&c, "GH", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.v[0].content_n, LARGE);
    test_responses_free(&r);
    frees_head = false;
    close_both(&s, &c);
}

WR_TESTS(cmocka_unit_test(large__file__is_corked_once_until_its_end),
         cmocka_unit_test(large__taken_at_once__is_corked_once),
         cmocka_unit_test(large__turn__sends_a_mebibyte_at_most),
         cmocka_unit_test(large__not_so__is_not_corked),
         cmocka_unit_test(large__that_waits__goes_out_meanwhile),
         cmocka_unit_test(large__by_a_transport_without_corks__is_the_same),
         cmocka_unit_test(head__while_the_client_takes_its_time__holds_no_buffer),
         cmocka_unit_test(head__of_who_takes_all__is_not_copied),
         cmocka_unit_test(head__with_another_behind_it__leaves_that));
