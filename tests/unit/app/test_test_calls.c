/*
 * What weir/test.h shows of the calls that stream, wherever the app runs.
 */
#include "weir_test_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const weir_test_setup places[] = {
    {.runs = WEIR_TEST_ON_LOOP, .app_queue_bytes = 8},
    {.runs = WEIR_TEST_IN_THREAD, .app_queue_bytes = 8},
    {.runs = WEIR_TEST_IN_THREAD, .serial = 1, .app_queue_bytes = 8},
    {.runs = WEIR_TEST_ON_LOOP, .loops = 2, .serial = 1, .app_queue_bytes = 8},
    {.runs = WEIR_TEST_IN_COROUTINE, .app_queue_bytes = 8},
    {.runs = WEIR_TEST_IN_COROUTINE, .loops = 2, .serial = 1, .app_queue_bytes = 8},
};

static atomic_uint written, disconnects, closes;
static atomic_int last_why, last_write;
static int file = -1;

static void count_close(void *arg)
{
    (void)arg;
    closes++;
}

static void note_why(weir_environ *env, void *arg, int32_t why)
{
    (void)env;
    (void)arg;
    disconnects++;
    last_why = why;
}

/* "abcd" three times, as there is room. */
static void write_more(weir_environ *env, void *arg)
{
    unsigned *n = arg;

    while (*n < 3) {
        last_write = weir_write(env, "abcd", 4);
        if (last_write == WEIR_AGAIN) {
            weir_on_writable(env, write_more, arg);
            return;
        }
        if (last_write < 0)
            return;
        ++*n;
        written += 4;
    }
    weir_finish(env, weir_text("end"));
}

/* In a thread weir_write() waits instead. */
static weir_body begin_writing(weir_environ *env)
{
    unsigned *n = weir_alloc(env, sizeof *n);

    *n = 0;
    weir_defer(env, count_close, NULL);
    write_more(env, n);
    return weir_later(env);
}

static void got_all(weir_environ *env, void *arg, const void *data, int64_t n)
{
    (void)arg;
    if (n < 0)
        weir_finish(env, weir_printf(env, "error %d", (int)n));
    else
        weir_finish(env, weir_printf(env, "%d:%.*s", (int)n, (int)n, (const char *)data));
}

static void got_file(weir_environ *env, void *arg, int64_t n)
{
    (void)arg;
    weir_finish(env, weir_printf(env, "%d", (int)n));
}

static void on_input(weir_environ *env, void *arg)
{
    char text[16];
    int64_t n;

    (void)arg;
    while ((n = weir_read(env, text, sizeof text)) > 0)
        weir_write(env, text, (size_t)n);
    if (n == 0)
        weir_finish(env, weir_text("."));
}

/* A piece, and then no other. */
static int32_t silent_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *has_begun = arg;

    (void)env;
    if (*has_begun)
        return WEIR_AGAIN;
    *has_begun = 1;
    chunk->data = "go ";
    chunk->size = 3;
    return WEIR_CHUNK;
}

static weir_body fall_silent(weir_environ *env)
{
    int *has_begun = weir_alloc(env, sizeof *has_begun);

    *has_begun = strcmp(weir_get(env, "QUERY_STRING"), "mute") == 0;
    return weir_heartbeat(weir_iterable(silent_next, count_close, has_begun), 1000, "beat ");
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");

    start_response(env, 200, NULL);
    weir_on_disconnect(env, note_why, NULL);
    if (strcmp(path, "/write") == 0)
        return begin_writing(env);
    if (strcmp(path, "/all") == 0)
        weir_read_all(env, 8, got_all, NULL);
    else if (strcmp(path, "/file") == 0)
        weir_read_file(env, file, 100, got_file, NULL);
    else if (strcmp(path, "/input") == 0)
        weir_on_input(env, on_input, NULL);
    else
        return fall_silent(env);
    return weir_later(env);
}

static const weir_plugin plugin = {TESTED, .app = app};

static weir_test *start(weir_test_setup setup)
{
    written = disconnects = closes = 0;
    last_why = last_write = 0;
    return started(&plugin, setup);
}

static void write__slow_reader__bounds_what_waits(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        weir_test_exchange *x =
            begin(t, (weir_test_request){.target = "/write", .take = WEIR_TEST_BY_HAND});

        assert_int_equal(written, 8); /* app_queue_bytes */
        assert_int_equal(weir_test_answer(x)->status, 200);
        weir_test_take(x, 4);
        assert_string_equal(weir_test_answer(x)->body, "abcd");
        assert_int_equal(written, 12);
        weir_test_take(x, WEIR_TEST_ALL);
        expect_answer(x, "abcdabcdabcdend");
        assert_int_equal(closes, 1);
        weir_test_end(x);
        stop(t);
    }
}

static void write__reader_leaves__nobody_waits_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        weir_test_exchange *x =
            begin(t, (weir_test_request){.target = "/write", .take = WEIR_TEST_BY_HAND});

        weir_test_leave(x);
        assert_int_equal(disconnects, 1);
        assert_int_equal(last_why, WEIR_GONE);
        assert_int_equal(closes, 1);
        weir_test_end(x);
        stop(t);
    }
}

static void half_close__subscribers__hear_it_and_then_that_it_is_gone(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        weir_test_exchange *x = begin(t, (weir_test_request){.target = "/silent"});

        weir_test_half_close(x);
        assert_int_equal(disconnects, 1);
        assert_int_equal(last_why, WEIR_HALF_CLOSED);
        weir_test_leave(x);
        assert_int_equal(disconnects, 2);
        assert_int_equal(last_why, WEIR_GONE);
        assert_int_equal(closes, 1);
        weir_test_end(x);
        stop(t);
    }
}

static void read_all__pieces__come_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        weir_test_exchange *x =
            begin(t, (weir_test_request){.target = "/all", .content_length = -1});

        weir_test_send(x, "Hel", 3);
        weir_test_send(x, "lo", 2);
        assert_int_equal(weir_test_answer(x)->is_done, 0);
        weir_test_send_end(x, NULL);
        expect_answer(x, "5:Hello");
        weir_test_end(x);
        x = begin(t, (weir_test_request){.target = "/all", .content_length = -1});
        weir_test_send(x, "123456789", 9);
        expect_answer(x, "error -5013"); /* WEIR_ETOOBIG */
        weir_test_end(x);
        stop(t);
    }
}

static void read_all__splits__make_no_difference(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        const weir_test_response *r = weir_test_splits(
            t, &(weir_test_request){.target = "/all", .body = "Hello", .body_size = 5});

        assert_non_null(r);
        assert_string_equal(r->body, "5:Hello");
        r = weir_test_splits(
            t, &(weir_test_request){.target = "/input", .body = "Hello", .body_size = 5});
        assert_non_null(r);
        assert_string_equal(r->body, "Hello.");
        stop(t);
    }
}

static void read_file__content__is_written_by_a_helper(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        FILE *f = tmpfile();
        weir_test *t = start(places[i]);
        weir_test_exchange *x;
        char text[8] = "";

        assert_non_null(f);
        file = fileno(f);
        x = begin(t, (weir_test_request){.target = "/file", .body = "Hello", .body_size = 5});
        expect_answer(x, "5");
        assert_int_equal(pread(file, text, sizeof text - 1, 0), 5);
        assert_string_equal(text, "Hello");
        weir_test_end(x);
        stop(t);
        fclose(f);
    }
}

static void heartbeat__is_a_matter_of_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        weir_test_exchange *x = begin(t, (weir_test_request){.target = "/silent"});

        weir_test_advance(t, 999);
        assert_string_equal(weir_test_answer(x)->body, "go ");
        weir_test_advance(t, 1);
        assert_string_equal(weir_test_answer(x)->body, "go beat ");
        weir_test_advance(t, 2000);
        assert_string_equal(weir_test_answer(x)->body, "go beat beat beat ");
        weir_test_end(x);
        assert_int_equal(closes, 1);
        stop(t);
    }
}

/* The head need not wait for a piece that may come in an hour. */
static void heartbeat__before_any_piece__begins_the_response(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        weir_test_exchange *x = begin(t, (weir_test_request){.target = "/silent?mute"});

        weir_test_advance(t, 999);
        assert_int_equal(weir_test_answer(x)->status, 0);
        weir_test_advance(t, 1);
        assert_int_equal(weir_test_answer(x)->status, 200);
        assert_string_equal(weir_test_answer(x)->body, "beat ");
        weir_test_advance(t, 1000);
        assert_string_equal(weir_test_answer(x)->body, "beat beat ");
        weir_test_end(x);
        assert_int_equal(closes, 1);
        stop(t);
    }
}

WR_TESTS(cmocka_unit_test(write__slow_reader__bounds_what_waits),
         cmocka_unit_test(write__reader_leaves__nobody_waits_on),
         cmocka_unit_test(half_close__subscribers__hear_it_and_then_that_it_is_gone),
         cmocka_unit_test(read_all__pieces__come_together),
         cmocka_unit_test(read_all__splits__make_no_difference),
         cmocka_unit_test(read_file__content__is_written_by_a_helper),
         cmocka_unit_test(heartbeat__is_a_matter_of_time),
         cmocka_unit_test(heartbeat__before_any_piece__begins_the_response));
