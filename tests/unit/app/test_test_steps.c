#include "weir_test_fixture.h"

#include <stdio.h>
#include <string.h>

#include "app/builtin.h"

/* Where an app may run; what a client sees is the same. */
static const struct {
    weir_test_setup setup;
    const char *multithread; /* weir.multithread there */
} places[] = {
    {{.runs = WEIR_TEST_ON_LOOP}, "0"},
    {{.runs = WEIR_TEST_IN_THREAD}, "1"},
    {{.runs = WEIR_TEST_IN_THREAD, .serial = 1}, "0"},
    {{.runs = WEIR_TEST_ON_LOOP, .loops = 2}, "1"},
    {{.runs = WEIR_TEST_ON_LOOP, .loops = 2, .serial = 1}, "0"}, /* on its home loop */
    {{.runs = WEIR_TEST_IN_COROUTINE}, "1"},
    {{.runs = WEIR_TEST_IN_COROUTINE, .serial = 1}, "0"},
    {{.runs = WEIR_TEST_IN_COROUTINE, .loops = 2, .serial = 1}, "0"},
};

static unsigned nexts, closes, calls;
static int64_t last_read;
static weir_environ *last_env;
static void *last_loop;

static void count_close(void *arg)
{
    (void)arg;
    closes++;
}

/* Content as it comes, in brackets. */
static int32_t echo_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    char *piece = arg;
    int64_t n = weir_read(env, piece + 1, 8);

    nexts++;
    last_read = n;
    if (n <= 0)
        return (int32_t)n;
    piece[0] = '[';
    piece[n + 1] = ']';
    chunk->data = piece;
    chunk->size = (uint64_t)n + 2;
    return WEIR_CHUNK;
}

/* Three pieces of four bytes. */
static int32_t three_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    static const char pieces[][5] = {"one,", "two,", "3rd,"};
    unsigned *n = arg;

    (void)env;
    nexts++;
    if (*n == WR_COUNT(pieces))
        return WEIR_END;
    chunk->data = pieces[(*n)++];
    chunk->size = 4;
    return WEIR_CHUNK;
}

static int32_t again_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    (void)chunk;
    nexts++;
    return WEIR_AGAIN;
}

/* A room: what one says the others get. */
struct guest {
    weir_environ *env;
    const char *news;
};
static struct guest guests[2];

static int32_t room_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct guest *g = arg;

    (void)env;
    if (!g->news)
        return WEIR_AGAIN;
    chunk->data = g->news;
    chunk->size = strlen(g->news);
    g->news = NULL;
    return WEIR_CHUNK;
}

static void leave_room(void *arg)
{
    struct guest *g = arg;

    g->env = NULL;
    closes++;
}

static weir_body enter_room(weir_environ *env)
{
    struct guest *g = guests[0].env ? &guests[1] : &guests[0];

    g->env = env;
    g->news = NULL;
    return weir_iterable(room_next, leave_room, g);
}

static void tell_room(void)
{
    for (size_t i = 0; i < WR_COUNT(guests); i++)
        if (guests[i].env) {
            guests[i].news = "Hello\n";
            weir_wake(guests[i].env);
        }
}

static weir_body whole(weir_environ *env)
{
    char text[256];
    int64_t n, sum = 0;
    unsigned reads = 0;

    while ((n = weir_read(env, text + sum, sizeof text - (size_t)sum)) > 0) {
        sum += n;
        reads++;
    }
    if (strcmp(weir_get(env, "PATH_INFO"), "/reads") == 0)
        return weir_printf(env, "%u", reads);
    return weir_printf(env, "%d:%.*s", (int)n, (int)sum, text);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");

    calls++;
    last_env = env;
    last_loop = weir_loop_state(env);
    if (strcmp(path, "/refuse") == 0)
        return weir_error(env, 403);
    start_response(env, 200, NULL);
    if (strcmp(path, "/echo") == 0)
        return weir_iterable(echo_next, count_close, weir_alloc(env, 16));
    if (strcmp(path, "/three") == 0)
        return weir_iterable(three_next, count_close,
                             memset(weir_alloc(env, sizeof(unsigned)), 0, sizeof(unsigned)));
    if (strcmp(path, "/again") == 0)
        return weir_iterable(again_next, count_close, NULL);
    if (strcmp(path, "/room") == 0)
        return enter_room(env);
    if (strcmp(path, "/tell") == 0)
        tell_room();
    if (strcmp(path, "/whole") == 0 || strcmp(path, "/reads") == 0)
        return whole(env);
    if (strcmp(path, "/multithread") == 0)
        return weir_text(weir_get(env, "weir.multithread"));
    return weir_text("done");
}

static int32_t keep_loop(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host;
    (void)state;
    *loop_state = wr_app_loop_of(loop)->worker->loop;
    return 0;
}

static const weir_plugin plugin = {TESTED, .loop_start = keep_loop, .app = app};

static weir_test *start(weir_test_setup setup)
{
    nexts = closes = calls = 0;
    last_read = -1;
    memset(guests, 0, sizeof guests);
    return started(&plugin, setup);
}

static weir_test *start_on_loop(void)
{
    return start((weir_test_setup){.runs = WEIR_TEST_ON_LOOP});
}

/* ---- content ---- */

static void send__pieces__are_answered_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i].setup);

        for (unsigned round = 1; round <= 2; round++) { /* the second one on another loop */
            weir_test_exchange *x =
                begin(t, (weir_test_request){.target = "/echo", .content_length = -1});

            assert_int_equal(weir_test_answer(x)->is_done, 0);
            assert_int_equal(weir_test_send(x, "Hello", 5), 0);
            assert_int_equal(weir_test_answer(x)->status, 200);
            expect_body(x, "[Hello]");
            assert_int_equal(weir_test_send(x, "World", 5), 0);
            expect_body(x, "[Hello][World]");
            assert_int_equal(weir_test_answer(x)->content_read, 10);
            assert_int_equal(weir_test_answer(x)->is_done, 0);
            assert_int_equal(weir_test_send_end(x, NULL), 0);
            expect_end(x, 0);
            assert_int_equal(closes, round);
            assert_int_equal(weir_test_send(x, "!", 1), WEIR_ESTATE);
            assert_int_equal(weir_test_send_end(x, NULL), WEIR_ESTATE);
            weir_test_end(x);
        }
        assert_string_equal(weir_test_log(t), "");
        weir_test_free(t);
    }
}

static void send__known_length__ends_by_itself(void **state)
{
    static const weir_header trailers[] = {{"a", "b"}, {NULL, NULL}};
    weir_test *t = start_on_loop();
    weir_test_exchange *x = begin(
        t,
        (weir_test_request){.target = "/echo", .body = "ab", .body_size = 2, .content_length = 4});

    (void)state;
    expect_body(x, "[ab]");
    assert_int_equal(weir_test_send_end(x, NULL), WEIR_EINVAL);
    assert_int_equal(weir_test_send(x, "cde", 3), WEIR_EINVAL);
    assert_int_equal(weir_test_send(x, "c", 1), 0);
    expect_body(x, "[ab][c]");
    assert_int_equal(weir_test_send(x, "d", 1), 0);
    expect_body(x, "[ab][c][d]");
    expect_end(x, 0);
    assert_int_equal(weir_test_send_end(x, trailers), WEIR_EINVAL);
    assert_int_equal(weir_test_send_end(x, NULL), 0);
    weir_test_end(x);
    weir_test_free(t);
}

static void begin__no_such_request__is_null(void **state)
{
    static const weir_test_request rows[] = {
        {.target = "x"},
        {.method = "a b"},
        {.content_length = -2},
        {.body = "abc", .body_size = 3, .content_length = 2},
        {.version = "HTTP/1.0", .content_length = -1},
    };
    weir_test *t = start_on_loop();

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        assert_null(weir_test_begin(t, &rows[i]));
    assert_int_equal(calls, 0);
    assert_non_null(strstr(weir_test_log(t), "there is no such request"));
    weir_test_free(t);
}

static void content__more_than_the_limit__is_a_413(void **state)
{
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_ON_LOOP, .body_bytes_max = 4});
    weir_test_exchange *x =
        begin(t, (weir_test_request){.target = "/echo", .body = "abcde", .body_size = 5});

    (void)state;
    assert_int_equal(weir_test_answer(x)->status, 413);
    assert_int_equal(calls, 0); /* the header says it */
    weir_test_end(x);
    x = begin(t, (weir_test_request){.target = "/echo", .content_length = -1});
    assert_int_equal(weir_test_send(x, "abcde", 5), 0);
    expect_body(x, "[abcd]");
    expect_end(x, 1);
    assert_int_equal(last_read, WEIR_ETOOBIG);
    weir_test_end(x);
    x = begin(t, (weir_test_request){.target = "/echo", .body = "abcd", .body_size = 4});
    expect_body(x, "[abcd]");
    expect_end(x, 0);
    weir_test_end(x);
    weir_test_free(t);
}

static void continue__is_sent_by_the_first_read_alone(void **state)
{
    static const weir_header expects[] = {{"Expect", "100-Continue"}, {NULL, NULL}};
    weir_test_request request = {
        .target = "/echo", .fields = expects, .body = "ab", .body_size = 2};
    weir_test *t = start_on_loop();
    const weir_test_response *r = weir_test_call(t, &request);
    weir_test_exchange *x;

    (void)state;
    assert_string_equal(r->body, "[ab]");
    assert_int_equal(r->interims_n, 1);
    assert_int_equal(r->interims[0].status, 100);
    assert_int_equal(r->interims[0].content_sent, 0);
    assert_int_equal(r->interims[0].at_ms, 0);
    assert_null(r->interims[0].fields->name);
    request.target = "/refuse"; /* nobody reads: the client sends nothing */
    r = weir_test_call(t, &request);
    assert_int_equal(r->status, 403);
    assert_int_equal(r->interims_n, 0);
    request.target = "/echo";
    request.version = "HTTP/1.0";
    assert_int_equal(weir_test_call(t, &request)->interims_n, 0);
    request = (weir_test_request){.target = "/echo", .fields = expects};
    assert_int_equal(weir_test_call(t, &request)->interims_n, 0); /* there is no content */
    request.content_length = -1;
    x = begin(t, request);
    weir_wake(last_env); /* it reads again */
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(weir_test_answer(x)->interims_n, 1);
    weir_test_end(x);
    weir_test_free(t);
}

/* ---- the reader ---- */

static void take__slow_reader__holds_the_app_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i].setup);
        weir_test_exchange *x =
            begin(t, (weir_test_request){.target = "/three", .take = WEIR_TEST_BY_HAND});

        assert_int_equal(weir_test_answer(x)->status, 200);
        expect_body(x, "");
        assert_int_equal(nexts, 1); /* the head goes out with the first piece */
        weir_test_take(x, 2);
        expect_body(x, "on");
        weir_test_take(x, 2);
        expect_body(x, "one,");
        assert_int_equal(nexts, 1);
        weir_test_take(x, 1);
        expect_body(x, "one,t");
        assert_int_equal(nexts, 2);
        assert_int_equal(weir_test_answer(x)->is_done, 0);
        weir_test_take(x, WEIR_TEST_ALL);
        expect_body(x, "one,two,3rd,");
        expect_end(x, 0);
        assert_int_equal(nexts, 4);
        assert_int_equal(closes, 1);
        weir_test_end(x);
        assert_string_equal(weir_test_log(t), "");
        weir_test_free(t);
    }
}

static void take__in_a_request__is_so_much_a_turn(void **state)
{
    weir_test *t = start_on_loop();
    weir_test_request request = {.target = "/three", .take = 5};
    weir_test_exchange *x;

    (void)state;
    assert_string_equal(weir_test_call(t, &request)->body, "one,two,3rd,");
    x = begin(t, (weir_test_request){.target = "/room"});
    weir_test_take(x, 2); /* from now on, no others */
    weir_test_get(t, "/tell");
    expect_body(x, "He");
    weir_test_end(x);
    weir_test_free(t);
}

/* ---- clients that go ---- */

static void half_close__content_is_complete__is_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i].setup);
        weir_test_exchange *x =
            begin(t, (weir_test_request){.target = "/three", .take = WEIR_TEST_BY_HAND});

        weir_test_half_close(x);
        weir_test_half_close(x);
        assert_int_equal(weir_test_answer(x)->is_done, 0);
        weir_test_take(x, WEIR_TEST_ALL);
        expect_body(x, "one,two,3rd,");
        expect_end(x, 0);
        weir_test_end(x);
        weir_test_free(t);
    }
}

static void half_close__content_is_not__it_is_lost(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i].setup);
        weir_test_exchange *x =
            begin(t, (weir_test_request){.target = "/echo", .content_length = -1});

        weir_test_half_close(x);
        assert_int_equal(last_read, WEIR_EBADMSG);
        assert_int_equal(weir_test_answer(x)->status, 400);
        expect_end(x, 0);
        assert_int_equal(closes, 1);
        assert_int_equal(weir_test_send(x, "a", 1), WEIR_ESTATE);
        weir_test_end(x);
        weir_test_free(t);
    }
}

static void half_close__cancels__where_the_route_says_so(void **state)
{
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_ON_LOOP, .cancels_half_closed = 1});
    weir_test_exchange *x = begin(t, (weir_test_request){.target = "/again"});

    (void)state;
    weir_test_half_close(x);
    expect_end(x, 1);
    assert_int_equal(closes, 1);
    weir_test_end(x);
    weir_test_free(t);
}

static void leave__body_is_closed_once(void **state)
{
    static const char *const targets[] = {"/again", "/echo", "/three"};

    (void)state;
    for (size_t i = 0; i < (size_t)WR_COUNT(places) * WR_COUNT(targets); i++) {
        weir_test *t = start(places[i / WR_COUNT(targets)].setup);
        weir_test_exchange *x =
            begin(t, (weir_test_request){.target = targets[i % WR_COUNT(targets)],
                                         .content_length = -1,
                                         .take = WEIR_TEST_BY_HAND});

        assert_int_equal(closes, 0);
        weir_test_leave(x);
        assert_int_equal(closes, 1);
        expect_end(x, 0);
        assert_int_equal(weir_test_send(x, "a", 1), WEIR_ESTATE);
        weir_test_end(x);
        x = begin(t, (weir_test_request){.target = "/again"});
        weir_test_end(x); /* leaves too */
        assert_int_equal(closes, 2);
        begin(t, (weir_test_request){.target = "/again"});
        weir_test_free(t); /* so too */
        assert_int_equal(closes, 3);
    }
}

static void leave__at_a_byte__of_content_or_of_the_response(void **state)
{
    weir_test_request sending = {
        .target = "/echo", .body = "abcdef", .body_size = 6, .piece = 2, .leave_at_content = 3};
    weir_test_request taking = {.target = "/three", .leave_at_body = 5};
    weir_test *t = start_on_loop();
    const weir_test_response *r = weir_test_call(t, &sending);

    (void)state;
    assert_string_equal(r->body, "[ab][c]");
    assert_int_equal(r->is_done, 1);
    assert_int_equal(closes, 1);
    r = weir_test_call(t, &taking);
    assert_string_equal(r->body, "one,t");
    assert_int_equal(r->is_done, 1);
    assert_int_equal(r->is_cut, 0);
    assert_int_equal(closes, 2);
    assert_string_equal(weir_test_log(t), "");
    weir_test_free(t);
}

/* ---- several at a time ---- */

static void room__two_are_in_it__both_hear(void **state)
{
    weir_test *t = start_on_loop();
    weir_test_exchange *a = begin(t, (weir_test_request){.target = "/room"});
    weir_test_exchange *b = begin(t, (weir_test_request){.target = "/room"});

    (void)state;
    assert_string_equal(weir_test_get(t, "/tell")->body, "done");
    expect_body(a, "Hello\n");
    expect_body(b, "Hello\n");
    weir_test_leave(a);
    assert_int_equal(closes, 1);
    assert_string_equal(weir_test_get(t, "/tell")->body, "done");
    expect_body(a, "Hello\n");
    expect_body(b, "Hello\nHello\n");
    guests[1].news = "more";
    weir_wake(guests[1].env); /* by who is no request */
    expect_body(b, "Hello\nHello\n");
    assert_int_equal(weir_test_run(t), 0);
    expect_body(b, "Hello\nHello\nmore");
    weir_test_end(a);
    weir_test_end(b);
    assert_int_equal(closes, 2);
    weir_test_free(t);
}

/* One reads, so does another on its stand-in; the third waits for a place. */
static void threads__all_wait__others_queue_or_are_refused(void **state)
{
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_IN_THREAD, .threads = 1, .queue = 1});
    weir_test_request request = {.target = "/whole", .content_length = -1};
    weir_test_exchange *runs[2] = {begin(t, request), begin(t, request)};
    weir_test_exchange *queued = begin(t, request), *refused = begin(t, request);

    (void)state;
    assert_int_equal(weir_test_answer(refused)->status, 503);
    assert_int_equal(calls, 2);
    weir_test_send(queued, "c", 1);
    weir_test_send_end(queued, NULL);
    assert_int_equal(weir_test_answer(queued)->status, 0);
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test_send(runs[i], i == 0 ? "a" : "b", 1);
        weir_test_send_end(runs[i], NULL);
    }
    expect_body(runs[0], "0:a");
    expect_body(runs[1], "0:b");
    expect_body(queued, "0:c");
    weir_test_end(runs[0]);
    weir_test_end(runs[1]);
    weir_test_end(queued);
    weir_test_end(refused);
    weir_test_free(t);
}

/* ---- what never comes ---- */

static void call__app_waits_for_what_never_comes__is_reported(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test_request promised = {.target = "/echo", .content_length = 3};
        weir_test *t = start(places[i].setup);
        const weir_test_response *r = weir_test_get(t, "/again");

        assert_int_equal(r->status, 0); /* the head goes out with the first piece */
        assert_int_equal(r->is_cut, 1);
        assert_int_equal(r->is_done, 1);
        assert_int_equal(closes, 1);
        assert_non_null(strstr(weir_test_log(t), "waits for what will never come"));
        r = weir_test_call(t, &promised);
        assert_int_equal(r->is_cut, 1);
        assert_int_equal(closes, 2);
        assert_string_equal(weir_test_get(t, "/")->body, "done");
        weir_test_free(t);
    }
}

/* ---- the rest ---- */

static void start__setup__says_where_the_app_runs(void **state)
{
    weir_test *t;
    void *first;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        t = start(places[i].setup);
        assert_string_equal(weir_test_get(t, "/multithread")->body, places[i].multithread);
        weir_test_free(t);
    }
    t = start((weir_test_setup){.runs = WEIR_TEST_ON_LOOP, .loops = 2});
    weir_test_get(t, "/");
    first = last_loop;
    assert_non_null(first);
    weir_test_get(t, "/");
    assert_ptr_not_equal(last_loop, first);
    weir_test_get(t, "/");
    assert_ptr_equal(last_loop, first);
    weir_test_free(t);
}

static void splits__answers_are_equal__gives_one(void **state)
{
    weir_test_request request = {.target = "/whole", .body = "Hello, World", .body_size = 12};
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_IN_THREAD});
    const weir_test_response *r = weir_test_splits(t, &request);

    (void)state;
    assert_non_null(r);
    assert_string_equal(r->body, "0:Hello, World");
    assert_int_equal(calls, 13); /* whole, byte by byte, and at 11 offsets */
    assert_string_equal(weir_test_log(t), "");
    request.target = "/reads"; /* which tells how often it has read */
    assert_null(weir_test_splits(t, &request));
    assert_non_null(strstr(weir_test_log(t), "another content when content comes in pieces"));
    weir_test_free(t);
}

static void start__setup_that_is_none__says_what_was_expected(void **state)
{
    static const struct {
        weir_test_setup setup;
        const char *expected;
    } rows[] = {
        {{0}, "a plugin or a file"},
        {{.plugin = &plugin, .file = "x.so"}, "a plugin or a file"},
        {{.plugin = &plugin, .runs = 4}, "for runs"},
        {{.plugin = &plugin, .runs = -1}, "for runs"},
        {{.plugin = &plugin, .coroutines = 1000001}, "1000000 coroutines"},
        {{.plugin = &plugin, .coroutines = -1}, "1000000 coroutines"},
        {{.plugin = &plugin, .stack_bytes = 16383}, "for stack_bytes 0, or 16384 to 67108864"},
        {{.plugin = &plugin, .stack_bytes = 67108865}, "for stack_bytes"},
        {{.plugin = &plugin, .outside_ms = -1}, "no number below 0"},
        {{.plugin = &plugin, .threads = 65}, "64 threads"},
        {{.plugin = &plugin, .loops = 9}, "8 loops"},
        {{.plugin = &plugin, .queue = -1}, "no number below 0"},
        {{.file = "/nonexistent.so"}, "/nonexistent.so"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        weir_test *t = weir_test_start(&rows[i].setup);

        assert_non_null(strstr(weir_test_error(t), rows[i].expected));
        assert_null(weir_test_get(t, "/"));
        assert_null(weir_test_begin(t, &(weir_test_request){0}));
        assert_null(weir_test_splits(t, &(weir_test_request){0}));
        assert_int_equal(weir_test_run(t), 0);
        assert_int_equal(weir_test_advance(t, 10), 0);
        weir_test_free(t);
    }
}

static void find__name_in_any_case__gives_the_first(void **state)
{
    static const weir_header fields[] = {{"A", "1"}, {"b", "2"}, {"a", "3"}, {NULL, NULL}};

    (void)state;
    assert_string_equal(weir_test_find(fields, "a"), "1");
    assert_string_equal(weir_test_find(fields, "B"), "2");
    assert_null(weir_test_find(fields, "c"));
    weir_test_end(NULL);
}

WR_TESTS(cmocka_unit_test(send__pieces__are_answered_at_once),
         cmocka_unit_test(start__setup__says_where_the_app_runs),
         cmocka_unit_test(send__known_length__ends_by_itself),
         cmocka_unit_test(begin__no_such_request__is_null),
         cmocka_unit_test(content__more_than_the_limit__is_a_413),
         cmocka_unit_test(continue__is_sent_by_the_first_read_alone),
         cmocka_unit_test(take__slow_reader__holds_the_app_up),
         cmocka_unit_test(take__in_a_request__is_so_much_a_turn),
         cmocka_unit_test(half_close__content_is_complete__is_answered),
         cmocka_unit_test(half_close__content_is_not__it_is_lost),
         cmocka_unit_test(half_close__cancels__where_the_route_says_so),
         cmocka_unit_test(leave__body_is_closed_once),
         cmocka_unit_test(leave__at_a_byte__of_content_or_of_the_response),
         cmocka_unit_test(room__two_are_in_it__both_hear),
         cmocka_unit_test(threads__all_wait__others_queue_or_are_refused),
         cmocka_unit_test(call__app_waits_for_what_never_comes__is_reported),
         cmocka_unit_test(splits__answers_are_equal__gives_one),
         cmocka_unit_test(start__setup_that_is_none__says_what_was_expected),
         cmocka_unit_test(find__name_in_any_case__gives_the_first));
