/*
 * Two connections of one worker: code that runs for A turns to B, while A's answers fill the buffer
 * that both share.
 */
#include "support.h"

#include <errno.h>

#include "test_server.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, fields)                                                                         \
    "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" fields "\r\n"
#define EXPECTING POST("/b", "Expect: 100-continue\r\n")

#define BODY_MS  2000
#define WRITE_MS 4000

/* Where A's run is when its code turns to B ... */
enum place { IN_HANDLER, IN_CLOSE, IN_INPUT, PLACES };

struct two {
    struct test_server s;
    struct test_client a, b;
    enum place place;
    void (*deed)(struct test_handler *h); /* ... and what it does there */
    size_t a_room, b_room;                /* from that moment on */
    unsigned deeds;
};

static void act(void *arg)
{
    struct two *t = arg;

    assert_ptr_equal(t->s.worker.running, t->a.conn);
    t->deeds++;
    t->a.transport.room = t->a_room;
    t->b.transport.room = t->b_room;
    t->deed(&t->s.handler);
}

static void act_on_input(struct wr_exchange *x)
{
    struct test_handler *h = WR_CONTAINER_OF(x->route->handler, struct test_handler, base);
    char content[6];

    act(h->arg);
    assert_int_equal(wr_exchange_read(x, content, sizeof content), 5);
    assert_memory_equal(content, "mine!", 5);
    test_serve_hello(h, x);
}

static void serve_a(struct test_handler *h, struct wr_exchange *x)
{
    struct two *t = h->arg;
    struct wr_slice path = x->request.path;
    char byte;

    if (!wr_slice_eq(path, WR_SLICE("/act"))) {
        test_serve_hello(h, x);
        return;
    }
    switch (t->place) {
    case IN_CLOSE:
        x->response.status = 200;
        wr_exchange_set_body(x, test_memory_body(&x->arena, path, act, t), (int64_t)path.n);
        wr_exchange_respond(x);
        break;
    case IN_INPUT:
        x->on_input = act_on_input;
        assert_int_equal(wr_exchange_read(x, &byte, 1), -EAGAIN);
        break;
    default:
        act(t);
        test_serve_hello(h, x);
    }
}

/* What B has sent is with its handler, `serve`. */
static void open_two(struct two *t, const char *sent_by_b, test_serve_fn *serve)
{
    test_server_init(&t->s);
    t->s.site.config.body_idle_ms = BODY_MS;
    t->s.site.config.write_idle_ms = WRITE_MS;
    t->s.handler.arg = t;
    test_client_open(&t->s, &t->a);
    test_client_open(&t->s, &t->b);
    t->s.handler.serve = serve;
    test_client_send(&t->b, sent_by_b);
    t->s.handler.serve = serve_a;
    t->a_room = t->b_room = FAKE_NO_LIMIT;
    t->place = IN_HANDLER;
    t->deeds = 0;
}

static void close_two(struct two *t)
{
    test_client_fini(&t->a);
    test_client_fini(&t->b);
    assert_int_equal(t->s.worker.conns_n, 0);
    test_server_fini(&t->s);
}

static void check(const struct test_client *c, const char *expected)
{
    char got[TEST_DESCRIPTION_MAX];

    test_client_describe(c, "", got);
    assert_string_equal(got, expected);
}

/* A run of A alone, without a turn of the loop. An answer waits in the buffer when its code turns
 * to B, but for content: what is waited for comes in a run of its own. */
static void run_a(struct two *t)
{
    if (t->place == IN_INPUT) {
        test_client_send(&t->a, GET("/first") POST("/act", ""));
        fake_transport_arrive(&t->a.transport, WR_SLICE("mine!" GET("/last")));
    } else {
        fake_transport_arrive(&t->a.transport, WR_SLICE(GET("/first") GET("/act") GET("/last")));
    }
    wr_conn_on_io(t->a.conn, EPOLLIN);
    assert_int_equal(t->deeds, 1);
    assert_int_equal(t->s.worker.out.n, 0);
}

static const size_t rooms[] = {FAKE_NO_LIMIT, 0, 10};

enum { CASES = PLACES * WR_COUNT(rooms) * WR_COUNT(rooms) };

static void set_case(struct two *t, size_t i)
{
    t->place = (enum place)(i % PLACES);
    t->a_room = rooms[i / PLACES % WR_COUNT(rooms)];
    t->b_room = rooms[i / PLACES / WR_COUNT(rooms)];
}

/* What A has is its own and whole; so it is for B, which has `expected` after one turn if it takes
 * it. */
static void check_case(struct two *t, const char *expected)
{
    if (t->a_room == FAKE_NO_LIMIT)
        check(&t->a, "200 /first|200 /act|200 /last");
    test_server_step(&t->s);
    if (t->b_room == FAKE_NO_LIMIT)
        check(&t->b, expected);
    test_client_take(&t->b, 1, 10000);
    check(&t->b, expected);
    test_client_take(&t->a, 1, 10000);
    check(&t->a, "200 /first|200 /act|200 /last");
    t->a.transport.room = t->b.transport.room = FAKE_NO_LIMIT;
}

/* And both go on. */
static void check_after(struct two *t, const char *expected_of_b)
{
    test_client_send(&t->a, GET("/again"));
    test_client_send(&t->b, GET("/again"));
    check(&t->a, "200 /first|200 /act|200 /last|200 /again");
    check(&t->b, expected_of_b);
}

/* ---- answers ---- */

static void two__answer_of_the_other__leaves_in_the_next_turn(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct two t;

        open_two(&t, GET("/b"), test_serve_later);
        set_case(&t, i);
        t.deed = test_handler_answer;
        run_a(&t);
        check_case(&t, "200 /b");
        check_after(&t, "200 /b|200 /again");
        close_two(&t);
    }
}

static void body_ready(struct test_handler *h)
{
    h->body.is_slow = false;
    wr_exchange_body_ready(h->body.x);
}

static void two__body_of_the_other__goes_on_in_the_next_turn(void **state)
{
    static const struct wr_slice pieces[] = {{"one", 3}, {"two", 3}};
    static const int64_t lengths[] = {6, -1};
    static const char *const expected[][2] = {{"200 onetwo", "200 onetwo|200 /again"},
                                              {"200~ onetwo", "200~ onetwo|200 /again"}};

    (void)state;
    for (size_t i = 0; i < 2 * (size_t)CASES; i++) {
        struct two t;

        open_two(&t, "", test_serve_body);
        t.s.handler.body.pieces = pieces;
        t.s.handler.body.n = WR_COUNT(pieces);
        t.s.handler.body.is_slow = true;
        t.s.handler.body_length = lengths[i % 2];
        t.s.handler.serve = test_serve_body;
        test_client_send(&t.b, GET("/b"));
        t.s.handler.serve = serve_a;
        set_case(&t, i / 2);
        t.deed = body_ready;
        run_a(&t);
        check_case(&t, expected[i % 2][0]);
        assert_int_equal(t.s.handler.body.closed, 1);
        check_after(&t, expected[i % 2][1]);
        close_two(&t);
    }
}

static void two__answer_to_one_that_is_gone_before_its_turn__is_dropped(void **state)
{
    struct two t;

    (void)state;
    for (int place = 0; place < PLACES; place++) {
        open_two(&t, GET("/b"), test_serve_later);
        t.place = (enum place)place;
        t.deed = test_handler_answer;
        run_a(&t);
        wr_conn_close(t.b.conn);
        test_server_step(&t.s);
        check(&t.b, "END");
        check(&t.a, "200 /first|200 /act|200 /last");
        close_two(&t);
    }
}

static void answer_and_close(struct test_handler *h)
{
    struct two *t = h->arg;

    test_handler_answer(h);
    wr_conn_close(t->b.conn);
}

/* All of it inside one turn, at whose end B's memory goes. */
static void two__answer_to_one_that_goes_in_the_same_turn__is_dropped(void **state)
{
    struct two t;

    (void)state;
    open_two(&t, GET("/b"), test_serve_later);
    t.deed = answer_and_close;
    fake_transport_arrive(&t.a.transport, WR_SLICE(GET("/first") GET("/act") GET("/last")));
    wr_loop_again(t.s.worker.loop, &t.a.conn->source, EPOLLIN);
    test_server_step(&t.s);
    assert_int_equal(t.deeds, 1);
    test_server_step(&t.s);
    check(&t.b, "END");
    check(&t.a, "200 /first|200 /act|200 /last");
    close_two(&t);
}

/* ---- 100 Continue ---- */

static void two__100_of_the_other__goes_to_the_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct two t;

        open_two(&t, EXPECTING, test_serve_read_later);
        set_case(&t, i);
        t.deed = test_handler_read;
        run_a(&t);
        assert_true(t.b.transport.out_n <= t.b_room);
        check_case(&t, "100");
        test_client_send(&t.b, "hello");
        check(&t.b, "100|200 hello");
        check_after(&t, "100|200 hello|200 /again");
        close_two(&t);
    }
}

static void read_and_answer(struct test_handler *h)
{
    char byte;

    assert_int_equal(wr_exchange_read(h->held, &byte, 1), -EAGAIN);
    test_handler_answer(h);
}

static void answer_and_read(struct test_handler *h)
{
    struct wr_exchange *x = h->held;
    char byte;

    wr_exchange_ref(x);
    test_handler_answer(h);
    assert_int_equal(wr_exchange_read(x, &byte, 1), -EAGAIN);
    wr_exchange_unref(x);
}

static void two__100_of_the_other__comes_before_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * (size_t)CASES; i++) {
        struct two t;

        open_two(&t, EXPECTING, test_serve_later);
        set_case(&t, i / 2);
        t.deed = i % 2 == 0 ? read_and_answer : answer_and_read;
        run_a(&t);
        check_case(&t, "100|200 /b");
        test_client_send(&t.b, "hello");
        check_after(&t, "100|200 /b|200 /again");
        close_two(&t);
    }
}

static void serve_first_and_hold(struct test_handler *h, struct wr_exchange *x)
{
    if (wr_slice_eq(x->request.path, WR_SLICE("/before")))
        test_serve_hello(h, x);
    else
        test_serve_read_later(h, x);
}

/* An answer of B waits already: in part, when its client takes more, or all of it. */
static void two__100_of_the_other__stays_behind_what_waits(void **state)
{
    static const size_t before[] = {0, 10};

    (void)state;
    for (size_t i = 0; i < 2 * (size_t)CASES; i++) {
        struct two t;

        open_two(&t, "", test_serve_hello);
        t.b.transport.room = before[i % 2];
        t.s.handler.serve = serve_first_and_hold;
        test_client_send(&t.b, GET("/before") EXPECTING);
        t.s.handler.serve = serve_a;
        assert_non_null(t.s.handler.held);
        assert_int_equal(t.b.transport.out_n, before[i % 2]);
        set_case(&t, i / 2);
        t.deed = test_handler_read;
        run_a(&t);
        check_case(&t, "200 /before|100");
        test_client_send(&t.b, "hello");
        check(&t.b, "200 /before|100|200 hello");
        check_after(&t, "200 /before|100|200 hello|200 /again");
        close_two(&t);
    }
}

static void two__100_that_the_other_does_not_take__has_a_deadline(void **state)
{
    struct two t;

    (void)state;
    open_two(&t, EXPECTING, test_serve_read_later);
    t.b_room = 10;
    t.deed = test_handler_read;
    run_a(&t);
    test_server_advance_ms(&t.s, WRITE_MS - 1);
    assert_false(t.b.transport.is_closed);
    test_server_advance_ms(&t.s, 1);
    assert_true(t.b.transport.is_closed);
    assert_int_equal(t.s.handler.cancelled, 1);
    test_handler_answer(&t.s.handler); /* to nobody */
    check(&t.a, "200 /first|200 /act|200 /last");
    close_two(&t);
}

static void two__content_that_the_other_does_not_send__has_a_deadline(void **state)
{
    struct two t;

    (void)state;
    open_two(&t, EXPECTING, test_serve_read_later);
    t.deed = test_handler_read;
    run_a(&t);
    test_server_advance_ms(&t.s, BODY_MS - 1);
    check(&t.b, "100");
    test_server_advance_ms(&t.s, 1);
    check(&t.b, "100|408!|END");
    close_two(&t);
}

static void two__100_to_one_that_was_reset__fails_its_read_alone(void **state)
{
    struct two t;

    (void)state;
    for (int place = 0; place < PLACES; place++) {
        open_two(&t, EXPECTING, test_serve_read_later);
        t.place = (enum place)place;
        t.b.transport.fail_at = 0;
        t.deed = test_handler_read;
        run_a(&t);
        assert_int_equal(t.s.handler.read_result, -ECONNABORTED);
        test_server_step(&t.s);
        assert_true(t.b.transport.is_closed);
        check(&t.a, "200 /first|200 /act|200 /last");
        close_two(&t);
    }
}

WR_TESTS(cmocka_unit_test(two__answer_of_the_other__leaves_in_the_next_turn),
         cmocka_unit_test(two__body_of_the_other__goes_on_in_the_next_turn),
         cmocka_unit_test(two__answer_to_one_that_is_gone_before_its_turn__is_dropped),
         cmocka_unit_test(two__answer_to_one_that_goes_in_the_same_turn__is_dropped),
         cmocka_unit_test(two__100_of_the_other__goes_to_the_other),
         cmocka_unit_test(two__100_of_the_other__comes_before_its_answer),
         cmocka_unit_test(two__100_of_the_other__stays_behind_what_waits),
         cmocka_unit_test(two__100_that_the_other_does_not_take__has_a_deadline),
         cmocka_unit_test(two__content_that_the_other_does_not_send__has_a_deadline),
         cmocka_unit_test(two__100_to_one_that_was_reset__fails_its_read_alone));
