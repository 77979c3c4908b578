/*
 * What an exchange began with it ends with: sites that follow one another on a worker, over fake
 * transports.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "test_server.h"

#define GET(path)   "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST_5      "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
#define POST_CHUNKS "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define MALFORMED   "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"
#define SITES       4

struct generation {
    struct wr_site site;
    struct wr_route route;
    struct test_handler handler;
    struct wr_error_pages pages;
    struct wr_own_page page[2]; /* of all 4xx, of all 5xx */
    char name[3];               /* "g0": what it answers */
    char error_text[3];         /* "e0": what its pages say */
    unsigned lines;             /* in its access log */
    unsigned messages;          /* in its log */
};

static struct fixture {
    struct test_server s;
    struct test_client c;
    struct generation g[SITES];
    char idle[64]; /* the numbers of those that became idle, in their order */
    size_t idle_n;
} f;

static void note_idle(struct wr_worker *w, struct wr_site *site)
{
    (void)w;
    for (int i = 0; i < SITES; i++)
        if (site == &f.g[i].site)
            f.idle[f.idle_n++] = (char)('0' + i);
    assert_true(f.idle_n < sizeof f.idle);
}

static void count_line(void *ctx, const char *line, size_t n)
{
    struct generation *g = ctx;

    (void)line;
    (void)n;
    g->lines++;
}

static void count_message(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    struct generation *g = ctx;

    (void)level;
    (void)line;
    (void)n;
    g->messages++;
}

static void make_generation(struct generation *g, int number)
{
    *g = (struct generation){.name = {'g', (char)('0' + number)},
                             .error_text = {'e', (char)('0' + number)}};
    g->handler = (struct test_handler){.base = f.s.handler.base,
                                       .serve = test_serve_hello,
                                       .status = 200,
                                       .answer = wr_slice(g->name, 2),
                                       .content = malloc(TEST_CONTENT_MAX),
                                       .body = {.base = f.s.handler.body.base},
                                       .body_length = -1};
    assert_non_null(g->handler.content);
    for (int i = 0; i < 2; i++)
        g->page[i] = (struct wr_own_page){
            .status = 4 + i, .type = WR_SLICE("text/plain"), .content = g->error_text, .n = 2};
    g->pages = (struct wr_error_pages){g->page, 2};
    g->route = (struct wr_route){.path = WR_SLICE(""), .handler = &g->handler.base};
    g->site = (struct wr_site){.config = wr_config_default,
                               .log = {count_message, g, WR_LOG_DEBUG},
                               .access_log = {.write = count_line, .ctx = g},
                               .router = {.v = &g->route, .n = 1},
                               .error_pages = &g->pages};
}

static void switch_to(int number)
{
    struct wr_lease *lease = wr_lease_new(&f.g[number].site);

    assert_non_null(lease);
    wr_worker_switch(&f.s.worker, lease);
}

static int set_up(void **state)
{
    (void)state;
    f = (struct fixture){0};
    test_server_init(&f.s);
    for (int i = 0; i < SITES; i++)
        make_generation(&f.g[i], i);
    switch_to(0);
    f.s.worker.on_site_idle = note_idle;
    test_client_open(&f.s, &f.c);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_client_fini(&f.c);
    f.s.worker.on_site_idle = NULL;
    test_server_fini(&f.s);
    for (int i = 0; i < SITES; i++) {
        assert_int_equal(atomic_load(&f.g[i].site.leases), 0);
        free(f.g[i].handler.content);
    }
    return 0;
}

#define expect_idle(numbers) assert_string_equal(f.idle, numbers)

static void expect_from(const struct test_client *c, const char *methods, const char *want)
{
    char got[TEST_DESCRIPTION_MAX];

    test_client_describe(c, methods, got);
    assert_string_equal(got, want);
}

#define expect(want) expect_from(&f.c, "", want)

/* ---- what an exchange keeps ---- */

static void switch__nobody_has_the_old__it_is_idle_at_once(void **state)
{
    (void)state;
    expect_idle("");
    switch_to(1);
    expect_idle("0");
    test_client_send(&f.c, GET("/"));
    expect("200 g1");
    switch_to(2);
    expect_idle("01");
    expect("200 g1");
}

static void switch__request_with_its_handler__is_answered_by_the_old(void **state)
{
    (void)state;
    f.g[0].handler.serve = test_serve_later;
    test_client_send(&f.c, GET("/"));
    switch_to(1);
    test_server_step(&f.s);
    expect_idle("");
    test_handler_answer(&f.g[0].handler);
    expect("200 g0");
    expect_idle("0");
    test_client_send(&f.c, GET("/"));
    expect("200 g0|200 g1");
    assert_int_equal(f.g[0].lines, 1);
    assert_int_equal(f.g[1].lines, 1);
    expect_idle("0");
}

static void switch__head_that_has_begun__is_of_the_old(void **state)
{
    (void)state;
    test_client_send(&f.c, "G");
    switch_to(1);
    expect_idle("");
    test_client_send(&f.c, "ET / HTTP/1.1\r\nHost: a\r\n");
    expect_idle("");
    test_client_send(&f.c, "\r\n");
    expect("200 g0");
    expect_idle("0");
}

/* RFC 9112 9.3.2: pipelined; the two behind the first have come, and nobody has looked at them. */
static void switch__pipelined_behind_one_that_is_held__are_of_the_new(void **state)
{
    (void)state;
    f.g[0].handler.serve = test_serve_later;
    test_client_send(&f.c, GET("/1") GET("/2") GET("/3"));
    switch_to(1);
    test_handler_answer(&f.g[0].handler);
    test_server_step(&f.s);
    expect("200 g0|200 g1|200 g1");
    assert_int_equal(f.g[0].handler.served, 1);
    assert_int_equal(f.g[1].handler.served, 2);
    expect_idle("0");
}

static void switch__content_length_within_the_old_bound__is_taken(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        f.g[i].handler.serve = test_serve_echo;
    f.g[0].site.config.body_bytes_max = 5;
    f.g[1].site.config.body_bytes_max = 4;
    test_client_send(&f.c, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Le");
    switch_to(1);
    test_client_send(&f.c, "ngth: 5\r\n\r\nabcde");
    expect("200 abcde");
    test_client_send(&f.c, POST_5 "abcde");
    expect("200 abcde|413! e1|END");
}

static void switch__chunks_within_the_old_bound__are_taken(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        f.g[i].handler.serve = test_serve_echo;
    f.g[0].site.config.body_bytes_max = 5;
    f.g[1].site.config.body_bytes_max = 4;
    test_client_send(&f.c, POST_CHUNKS "2\r\nab\r\n");
    switch_to(1);
    test_client_send(&f.c, "3\r\ncde\r\n0\r\n\r\n");
    expect("200 abcde");
    expect_idle("0");
    test_client_send(&f.c, POST_CHUNKS "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
    expect("200 abcde|413! e1|END");
}

static void switch__chunks_past_the_old_bound__are_refused_by_the_old(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        f.g[i].handler.serve = test_serve_echo;
    f.g[0].site.config.body_bytes_max = 4;
    test_client_send(&f.c, POST_CHUNKS "2\r\nab\r\n");
    switch_to(1);
    test_client_send(&f.c, "3\r\ncde\r\n0\r\n\r\n");
    expect("413! e0|END");
    expect_idle("0");
    assert_int_equal(f.g[0].messages, 1);
    assert_int_equal(f.g[1].messages, 0);
}

/* What nobody reads is dropped up to the bound of the site that the request is for. */
static void switch__discarding__is_bound_by_the_old(void **state)
{
    (void)state;
    f.g[0].handler.serve = test_serve_later;
    f.g[0].site.config.discard_bytes_max = 5;
    f.g[1].site.config.discard_bytes_max = 4;
    test_client_send(&f.c, POST_5);
    switch_to(1);
    test_handler_answer(&f.g[0].handler);
    test_client_send(&f.c, "abcde");
    expect("200 g0");
    test_client_send(&f.c, POST_5);
    expect("200 g0|200! g1|END");
}

static void switch__head_limits__are_those_of_the_old(void **state)
{
    static const struct {
        uint32_t head, target, field;
        uint16_t fields;
        int status;
        const char *first, *rest;
    } rows[] = {
        {40, 8000, 999, 100, 431, "GET / HTTP/1.1\r\nHost: a\r\nX: 1234567890",
         "1234567890\r\n\r\n"},
        {4000, 10, 999, 100, 414, "GET /2345678", "901234 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {4000, 8000, 9, 100, 431, "GET / HTTP/1.1\r\nHost: a\r\nX: 1", "2345678\r\n\r\n"},
        {4000, 8000, 999, 2, 431, "GET / HTTP/1.1\r\nHost: a\r\nX: 1", "\r\nY: 2\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_config *config = &f.g[1].site.config;
        char want[32];

        *config = wr_config_default;
        config->head_bytes_max = rows[i].head;
        config->target_bytes_max = rows[i].target;
        config->field_bytes_max = rows[i].field;
        config->fields_max = rows[i].fields;
        test_client_fini(&f.c);
        switch_to(0);
        test_client_open(&f.s, &f.c);
        test_client_send(&f.c, rows[i].first);
        switch_to(1);
        test_client_send(&f.c, rows[i].rest);
        expect("200 g0");
        test_client_send(&f.c, rows[i].first);
        test_client_send(&f.c, rows[i].rest);
        snprintf(want, sizeof want, "200 g0|%d! e1|END", rows[i].status);
        expect(want);
    }
}

static void switch__error_pages__are_those_of_the_old(void **state)
{
    struct test_client other;

    (void)state;
    test_client_send(&f.c, "GET / HTTP/1.1\r\n");
    switch_to(1);
    test_client_send(&f.c, "no colon\r\n\r\n");
    expect("400! e0|END");
    test_client_open(&f.s, &other);
    test_client_send(&other, MALFORMED);
    expect_from(&other, "", "400! e1|END");
    test_client_fini(&other);
    assert_int_equal(f.g[0].messages, 1);
    assert_int_equal(f.g[1].messages, 1);
    assert_int_equal(f.g[0].lines, 1);
    assert_int_equal(f.g[1].lines, 1);
}

static void switch__handler_that_fails_later__gets_the_page_of_the_old(void **state)
{
    struct wr_exchange *x;

    (void)state;
    f.g[0].handler.serve = test_serve_later;
    test_client_send(&f.c, GET("/"));
    switch_to(1);
    x = f.g[0].handler.held;
    wr_exchange_respond_error(x, 503);
    expect_idle(""); /* it is held */
    wr_exchange_unref(x);
    expect("503 e0");
    expect_idle("0");
}

static void switch__head_that_never_ends__times_out_with_the_page_of_the_old(void **state)
{
    (void)state;
    f.g[0].site.config.head_ms = 1000;
    f.g[1].site.config.head_ms = 500;
    test_client_send(&f.c, "GET / HT");
    switch_to(1);
    test_client_send(&f.c, "TP/1.1\r\n");
    test_server_advance_ms(&f.s, 999);
    expect("");
    test_server_advance_ms(&f.s, 1);
    expect("408! e0|END");
    expect_idle("0");
}

/* ---- when it is idle ---- */

static void switch__body_that_streams__keeps_the_old_to_its_end(void **state)
{
    static const struct wr_slice pieces[] = {{"one", 3}, {"two", 3}};
    struct test_handler *h = &f.g[0].handler;

    (void)state;
    h->serve = test_serve_body;
    h->body.pieces = pieces;
    h->body.n = 2;
    h->body.is_slow = true;
    test_client_send(&f.c, GET("/"));
    test_body_go_on(h);
    switch_to(1);
    test_server_step(&f.s);
    expect_idle("");
    test_body_go_on(h);
    expect_idle("");
    assert_int_equal(f.g[0].lines, 0);
    test_body_go_on(h); /* its end */
    expect("200~ onetwo");
    assert_int_equal(h->body.closed, 1);
    assert_int_equal(f.g[0].lines, 1);
    expect_idle("0");
}

static void switch__client_that_does_not_read__keeps_the_old_until_it_is_gone(void **state)
{
    static const char text[100000];
    static const struct wr_slice piece = {text, sizeof text};
    struct test_handler *h = &f.g[0].handler;

    (void)state;
    h->serve = test_serve_body;
    h->body.pieces = &piece;
    h->body.n = 1;
    f.c.transport.room = 1000;
    test_client_send(&f.c, GET("/"));
    switch_to(1);
    test_server_step(&f.s);
    expect_idle("");
    test_client_reset(&f.c);
    assert_int_equal(h->body.closed, 1);
    expect_idle("0");
}

static void switch__client_gone_while_held__idle_when_it_is_let_go(void **state)
{
    struct test_handler *h = &f.g[0].handler;

    (void)state;
    h->serve = test_serve_later;
    test_client_send(&f.c, GET("/"));
    switch_to(1);
    test_client_reset(&f.c);
    assert_int_equal(h->cancelled, 1);
    assert_true(f.c.transport.is_closed);
    expect_idle("");
    wr_exchange_ref(h->held);
    wr_exchange_unref(h->held);
    expect_idle("");
    wr_exchange_unref(h->held);
    expect_idle("0");
    assert_int_equal(f.g[0].lines, 0);
}

static void switch__client_gone_inside_a_head__idle(void **state)
{
    (void)state;
    test_client_send(&f.c, "GET / HTTP/1.1\r\nHo");
    switch_to(1);
    expect_idle("");
    test_client_shut_down(&f.c);
    expect_idle("0");
}

static void switch__held_after_the_answer__idle_when_it_is_let_go(void **state)
{
    struct test_handler *h = &f.g[0].handler;
    struct wr_exchange *x;

    (void)state;
    h->serve = test_serve_later;
    test_client_send(&f.c, GET("/"));
    x = h->held;
    wr_exchange_ref(x);
    switch_to(1);
    test_handler_answer(h);
    expect("200 g0");
    expect_idle("");
    test_client_send(&f.c, GET("/"));
    expect("200 g0|200 g1");
    wr_exchange_unref(x);
    expect_idle("0");
}

static void switch__again_and_again__each_ends_when_its_own_exchanges_have(void **state)
{
    struct test_client c[SITES - 1];
    static const int order[] = {1, 0, 2};

    (void)state;
    for (int i = 0; i < SITES - 1; i++) {
        f.g[i].handler.serve = test_serve_later;
        test_client_open(&f.s, &c[i]);
        test_client_send(&c[i], GET("/"));
        switch_to(i + 1);
    }
    expect_idle("");
    for (int i = 0; i < SITES - 1; i++)
        test_handler_answer(&f.g[order[i]].handler);
    expect_idle("102");
    for (int i = 0; i < SITES - 1; i++) {
        char want[] = "200 g0";

        want[sizeof want - 2] = (char)('0' + i);
        expect_from(&c[i], "", want);
        test_client_send(&c[i], GET("/"));
        memcpy(want, "200 g", 5);
        assert_int_equal(f.g[3].handler.served, i + 1);
        test_client_fini(&c[i]);
    }
    expect_idle("102");
}

static void switch__several_exchanges__idle_with_the_last(void **state)
{
    struct wr_exchange *held[3];
    struct test_client c[3];

    (void)state;
    f.g[0].handler.serve = test_serve_later;
    for (int i = 0; i < 3; i++) {
        test_client_open(&f.s, &c[i]);
        test_client_send(&c[i], GET("/"));
        held[i] = f.g[0].handler.held;
    }
    switch_to(1);
    for (int i = 0; i < 3; i++) {
        expect_idle("");
        f.g[0].handler.held = held[i];
        test_handler_answer(&f.g[0].handler);
    }
    expect_idle("0");
    for (int i = 0; i < 3; i++)
        test_client_fini(&c[i]);
}

/* A second worker has it too: only the last one to let go says so. */
static void switch__two_workers__idle_with_the_last(void **state)
{
    struct wr_worker other;
    struct wr_lease *lease;

    (void)state;
    assert_int_equal(wr_worker_init(&other, &f.s.clock, &f.g[0].site), 0);
    other.on_site_idle = note_idle;
    switch_to(1);
    expect_idle("");
    lease = wr_lease_new(&f.g[1].site);
    assert_non_null(lease);
    wr_worker_switch(&other, lease);
    expect_idle("0");
    other.on_site_idle = NULL;
    wr_worker_fini(&other);
    expect_idle("0");
}

/* ---- connections between requests ---- */

static void switch__idle_connection__has_the_new_time_behind_its_next_answer(void **state)
{
    (void)state;
    f.g[0].site.config.keep_alive_ms = 5000;
    f.g[1].site.config.keep_alive_ms = 1000;
    test_client_send(&f.c, GET("/"));
    switch_to(1);
    test_client_send(&f.c, GET("/"));
    test_server_advance_ms(&f.s, 999);
    assert_false(f.c.transport.is_closed);
    test_server_advance_ms(&f.s, 1);
    assert_true(f.c.transport.is_closed);
    expect("200 g0|200 g1|END");
}

static void switch__longer_time__holds_behind_the_next_answer_too(void **state)
{
    (void)state;
    f.g[0].site.config.keep_alive_ms = 1000;
    f.g[1].site.config.keep_alive_ms = 5000;
    test_client_send(&f.c, GET("/"));
    switch_to(1);
    test_client_send(&f.c, GET("/"));
    test_server_advance_ms(&f.s, 4999);
    assert_false(f.c.transport.is_closed);
    test_server_advance_ms(&f.s, 1);
    assert_true(f.c.transport.is_closed);
}

/* An upload that is in flight has the time between its pieces that it began with. */
static void switch__content_that_pauses__has_the_time_of_the_old(void **state)
{
    (void)state;
    f.g[0].handler.serve = test_serve_echo;
    f.g[0].site.config.body_idle_ms = 5000;
    f.g[1].site.config.body_idle_ms = 1000;
    test_client_send(&f.c, POST_5 "a");
    switch_to(1);
    test_client_send(&f.c, "b");
    test_server_advance_ms(&f.s, 4999);
    expect("");
    test_client_send(&f.c, "cde");
    expect("200 abcde");
}

static void switch__client_that_reads_slowly__has_the_time_of_the_old(void **state)
{
    static const char text[100000];
    static const struct wr_slice piece = {text, sizeof text};
    struct test_handler *h = &f.g[0].handler;

    (void)state;
    h->serve = test_serve_body;
    h->body.pieces = &piece;
    h->body.n = 1;
    f.g[0].site.config.write_idle_ms = 5000;
    f.g[1].site.config.write_idle_ms = 1000;
    f.c.transport.room = 1000;
    test_client_send(&f.c, GET("/"));
    switch_to(1);
    test_client_take(&f.c, 1000, 1);
    test_server_advance_ms(&f.s, 4999);
    assert_false(f.c.transport.is_closed);
    test_client_take(&f.c, FAKE_NO_LIMIT, 9);
    expect_idle("0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

WR_TESTS(TEST(switch__nobody_has_the_old__it_is_idle_at_once),
         TEST(switch__request_with_its_handler__is_answered_by_the_old),
         TEST(switch__head_that_has_begun__is_of_the_old),
         TEST(switch__pipelined_behind_one_that_is_held__are_of_the_new),
         TEST(switch__content_length_within_the_old_bound__is_taken),
         TEST(switch__chunks_within_the_old_bound__are_taken),
         TEST(switch__chunks_past_the_old_bound__are_refused_by_the_old),
         TEST(switch__discarding__is_bound_by_the_old),
         TEST(switch__head_limits__are_those_of_the_old),
         TEST(switch__error_pages__are_those_of_the_old),
         TEST(switch__handler_that_fails_later__gets_the_page_of_the_old),
         TEST(switch__head_that_never_ends__times_out_with_the_page_of_the_old),
         TEST(switch__body_that_streams__keeps_the_old_to_its_end),
         TEST(switch__client_that_does_not_read__keeps_the_old_until_it_is_gone),
         TEST(switch__client_gone_while_held__idle_when_it_is_let_go),
         TEST(switch__client_gone_inside_a_head__idle),
         TEST(switch__held_after_the_answer__idle_when_it_is_let_go),
         TEST(switch__again_and_again__each_ends_when_its_own_exchanges_have),
         TEST(switch__several_exchanges__idle_with_the_last),
         TEST(switch__two_workers__idle_with_the_last),
         TEST(switch__idle_connection__has_the_new_time_behind_its_next_answer),
         TEST(switch__longer_time__holds_behind_the_next_answer_too),
         TEST(switch__content_that_pauses__has_the_time_of_the_old),
         TEST(switch__client_that_reads_slowly__has_the_time_of_the_old));
