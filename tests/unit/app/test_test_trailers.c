/*
 * What comes before the response and behind it, in weir/test.h: 103, trailers. Wherever the app
 * runs.
 */
#include "weir_test_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const weir_test_setup places[] = {
    {.runs = WEIR_TEST_ON_LOOP},
    {.runs = WEIR_TEST_IN_THREAD},
    {.runs = WEIR_TEST_ON_LOOP, .loops = 2, .serial = 1},
    {.runs = WEIR_TEST_IN_COROUTINE},
    {.runs = WEIR_TEST_IN_COROUTINE, .loops = 2, .serial = 1},
};

static atomic_int informed;

/* The content, and then a trailer. */
static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *is_over = arg;

    if (*is_over) {
        weir_trailer_add(env, "Sum", "42", 2);
        return WEIR_END;
    }
    *is_over = 1;
    chunk->data = "body";
    chunk->size = 4;
    return WEIR_CHUNK;
}

static int32_t add_trailer(void *arg, const char *name, size_t name_n, const char *value,
                           size_t value_n)
{
    char *text = arg;

    snprintf(text + strlen(text), 64 - strlen(text), "%.*s=%.*s;", (int)name_n, name, (int)value_n,
             value);
    return 0;
}

struct listing {
    char text[64];
    int is_over;
};

/* The trailers of the request, when its content is read. */
static int32_t list_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct listing *l = arg;
    char buffer[8];
    int64_t n = 1;

    if (l->is_over)
        return WEIR_END;
    snprintf(l->text, sizeof l->text, "trailers:");
    weir_trailer_each(env, add_trailer, l->text); /* too early: none */
    while (n > 0)
        n = weir_read(env, buffer, sizeof buffer);
    if (n < 0)
        return (int32_t)n;
    weir_trailer_each(env, add_trailer, l->text);
    l->is_over = 1;
    chunk->data = l->text;
    chunk->size = strlen(l->text);
    return WEIR_CHUNK;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct listing *l = weir_alloc(env, sizeof *l);

    memset(l, 0, sizeof *l);
    if (strcmp(weir_get(env, "PATH_INFO"), "/hint") == 0)
        informed = weir_early_hints(env, WEIR_HEADERS({"Link", "</a>"}));
    start_response(env, 200, NULL);
    if (strcmp(weir_get(env, "PATH_INFO"), "/request") == 0)
        return weir_iterable(list_next, NULL, l);
    weir_trailer_add(env, "Sum", NULL, 0);
    return weir_iterable(next, NULL, &l->is_over);
}

static const weir_plugin plugin = {TESTED, .app = app};

static weir_test *start(weir_test_setup setup)
{
    return started(&plugin, setup);
}

static void trailers__of_a_response_in_chunks__are_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        const weir_test_response *r = weir_test_get(t, "/");

        assert_string_equal(r->body, "body");
        assert_string_equal(weir_test_field(r, "Trailer"), "Sum");
        assert_null(weir_test_field(r, "Sum"));
        assert_string_equal(weir_test_find(r->trailers, "sum"), "42");
        assert_null(r->trailers[1].name);
        stop(t);
    }
}

/* RFC 9112 7.1: HTTP/1.0 has no chunks to put them behind; HEAD has no content. */
static void trailers__without_a_place__are_dropped(void **state)
{
    static const weir_test_request rows[] = {{.version = "HTTP/1.0"}, {.method = "HEAD"}};
    weir_test *t = start(places[0]);

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const weir_test_response *r = weir_test_call(t, &rows[i]);

        assert_int_equal(r->status, 200);
        assert_null(weir_test_field(r, "Trailer"));
        assert_null(r->trailers->name);
        assert_int_equal(r->is_cut, 0);
    }
    stop(t);
}

/* Content-Length is none, RFC 9110 6.5.1. */
static void trailers__of_a_request__are_there_at_its_end(void **state)
{
    static const weir_header trailers[] = {
        {"Sum", "7"}, {"Content-Length", "1"}, {"More", "8"}, {NULL, NULL}};
    weir_test_request request = {.target = "/request",
                                 .body = "abc",
                                 .body_size = 3,
                                 .piece = 1,
                                 .content_length = -1,
                                 .trailers = trailers};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        weir_test_request step = {.target = "/request", .content_length = -1};
        weir_test_exchange *x;

        request.trailers = trailers;
        assert_string_equal(weir_test_call(t, &request)->body, "trailers:Sum=7;More=8;");
        request.trailers = NULL;
        assert_string_equal(weir_test_call(t, &request)->body, "trailers:");
        x = weir_test_begin(t, &step);
        assert_int_equal(weir_test_send_end(x, trailers), 0);
        assert_string_equal(weir_test_answer(x)->body, "trailers:Sum=7;More=8;");
        weir_test_end(x);
        stop(t);
    }
}

static void hint__comes_before_the_response(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        const weir_test_response *r = weir_test_get(t, "/hint");
        weir_test_request old = {.target = "/hint", .version = "HTTP/1.0"};

        assert_int_equal(informed, 0);
        assert_int_equal(r->status, 200);
        assert_int_equal(r->interims_n, 1);
        assert_int_equal(r->interims[0].status, 103);
        assert_string_equal(weir_test_find(r->interims[0].fields, "link"), "</a>");
        r = weir_test_call(t, &old); /* RFC 9110 15.2: it knows none */
        assert_int_equal(informed, WEIR_ENOTSUP);
        assert_int_equal(r->interims_n, 0);
        stop(t);
    }
}

WR_TESTS(cmocka_unit_test(trailers__of_a_response_in_chunks__are_there),
         cmocka_unit_test(trailers__without_a_place__are_dropped),
         cmocka_unit_test(trailers__of_a_request__are_there_at_its_end),
         cmocka_unit_test(hint__comes_before_the_response));
