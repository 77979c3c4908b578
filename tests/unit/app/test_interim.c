/*
 * What an app says beside its answer: early hints ahead of it, trailers behind it, and those of a request.
 * On the loop and in a thread, where it must come to the same.
 */
#include "support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "test_checks.h"

#define GET  "GET /g HTTP/1.1\r\nHost: a\r\n\r\n"
#define TE   "GET /g HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n"
#define HEAD "HEAD /g HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n"
#define OLD  "GET /g HTTP/1.0\r\nTE: trailers\r\n\r\n"
#define POST "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

#define STEP_MS 10000 /* what is waited for comes long before */

/* What the app does, and the first expectation inside of it that did not hold. */
static weir_body (*act)(weir_environ *env, weir_start_response *start_response);
static atomic_int fault_line;

#define CHECK_APP(condition)                                                                       \
    do {                                                                                           \
        if (!(condition) && atomic_load(&fault_line) == 0)                                         \
            atomic_store(&fault_line, __LINE__);                                                   \
    } while (0)

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    return act(env, start_response);
}

struct site {
    struct test_server server;
    struct test_client client;
    struct test_responses got;
    weir_plugin plugin;
};

static void open_site(struct site *s, int32_t runs, uint64_t body_buffer_max)
{
    s->plugin = (weir_plugin){.magic = WEIR_PLUGIN_MAGIC,
                              .abi_major = WEIR_ABI_MAJOR,
                              .abi_minor = WEIR_ABI_MINOR,
                              .size = sizeof(weir_plugin),
                              .name = "act",
                              .app = app,
                              .runs = runs,
                              .body_buffer_max = body_buffer_max};
    test_server_init(&s->server);
    assert_non_null(test_server_mount(&s->server, &s->plugin, NULL, NULL));
    test_client_open(&s->server, &s->client);
    s->got = (struct test_responses){0};
}

/* Until nothing of the app is under way any more. */
static void settle(struct site *s)
{
    do
        s->server.mounted->ops->wait(s->server.mounted);
    while (wr_loop_run_tasks(s->server.worker.loop));
}

/* An answer, or as much of one as will ever come? */
static bool has_answer(struct site *s, const char *request)
{
    const struct fake_transport *t = &s->client.transport;
    const struct test_response *last;

    test_responses_free(&s->got);
    test_client_responses(&s->client, request[0] == 'H' ? "H" : "G", &s->got);
    last = s->got.n > 0 ? &s->got.v[s->got.n - 1] : NULL;
    return t->is_closed || t->is_shut_down || (last && last->status >= 200 && !last->is_cut);
}

/* The last of the responses that came to this request alone. */
static const struct test_response *ask(struct site *s, const char *request)
{
    s->client.transport.out_n = 0;
    s->server.log_n = 0;
    s->server.log_text[0] = '\0';
    atomic_store(&fault_line, 0);
    test_client_send(&s->client, request);
    while (!has_answer(s, request))
        assert_true(wr_loop_step(s->server.worker.loop, STEP_MS) >= 0);
    settle(s);
    if (atomic_load(&fault_line) > 0)
        fail_msg("line %d, in the app", atomic_load(&fault_line));
    if (s->got.error || s->got.n == 0)
        fail_msg("%zu responses, %s", s->got.n, s->got.error ? s->got.error : "HTTP");
    return &s->got.v[s->got.n - 1];
}

static void close_site(struct site *s)
{
    test_responses_free(&s->got);
    settle(s);
    close_both(&s->server, &s->client);
}

typedef void site_fn(struct site *s);

/* The same in each place where an app may run. */
static void everywhere(site_fn *fn)
{
    static const int32_t places[] = {WEIR_ON_LOOP, WEIR_IN_THREAD};

    for (size_t i = 0; i < WR_COUNT(places); i++) {
        struct site s;

        print_message("%s\n", places[i] == WEIR_ON_LOOP ? "on the loop" : "in a thread");
        open_site(&s, places[i], 0);
        fn(&s);
        close_site(&s);
    }
}

static void check_text(struct wr_slice got, const char *expected)
{
    if (!wr_slice_eq(got, wr_slice_of(expected)))
        fail_msg("%.*s, expected %s", (int)got.n, got.p, expected);
}

/* So many interim responses are ahead of it. */
static void check_failed_behind(struct site *s, unsigned interim, const char *why)
{
    const struct test_response *r = ask(s, GET);

    assert_int_equal(s->got.n, interim + 1);
    assert_int_equal(r->status, 500);
    if (!strstr(s->server.log_text, why))
        fail_msg("the log says %s, expected %s", s->server.log_text, why);
}

static void check_failed(struct site *s, const char *why)
{
    check_failed_behind(s, 0, why);
}

/* ---- early hints ---- */

static weir_body hint_often(weir_environ *env, weir_start_response *start_response)
{
    for (int i = 0; i < 100; i++) {
        char number[12];

        snprintf(number, sizeof number, "%d", i);
        CHECK_APP(weir_early_hints(env, (weir_header[]){{"Link", " </a>; rel=preload "},
                                                        {"X-N", number},
                                                        {NULL, NULL}}) == 0);
    }
    start_response(env, 200, NULL);
    return weir_text("fine");
}

static void check_often(struct site *s)
{
    act = hint_often;
    for (int k = 0; k < 2; k++) {
        const struct test_response *r = ask(s, GET);

        assert_int_equal(s->got.n, 101);
        for (int i = 0; i < 100; i++) {
            char number[12];

            snprintf(number, sizeof number, "%d", i);
            assert_int_equal(s->got.v[i].status, 103);
            assert_int_equal(s->got.v[i].fields, 2);
            check_text(test_field(&s->got.v[i], "Link"), "</a>; rel=preload");
            check_text(test_field(&s->got.v[i], "X-N"), number);
        }
        assert_int_equal(r->status, 200);
        assert_null(test_field(r, "Link").p); /* they are not kept for the answer */
        assert_string_equal(r->content, "fine");
    }
}

static void hints__many__come_ahead_of_the_answer_in_their_order(void **state)
{
    (void)state;
    everywhere(check_often);
}

static weir_body hint_nothing(weir_environ *env, weir_start_response *start_response)
{
    CHECK_APP(weir_early_hints(env, NULL) == 0);
    start_response(env, 200, NULL);
    return weir_text("fine");
}

static weir_body hint_old(weir_environ *env, weir_start_response *start_response)
{
    CHECK_APP(weir_early_hints(env, (weir_header[]){{"A", "b"}, {NULL, NULL}}) == WEIR_ENOTSUP);
    start_response(env, 200, NULL);
    return weir_text("old");
}

static void check_none(struct site *s)
{
    act = hint_nothing;
    assert_string_equal(ask(s, GET)->content, "fine");
    assert_int_equal(s->got.n, 1);
    act = hint_old;
    assert_string_equal(ask(s, OLD)->content, "old");
    assert_int_equal(s->got.n, 1);
}

static void hints__none_or_to_1_0__send_nothing(void **state)
{
    (void)state;
    everywhere(check_none);
}

static int32_t next_too_late(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *at = arg;

    if (*at > 0)
        CHECK_APP(weir_early_hints(env, (weir_header[]){{"A", "b"}, {NULL, NULL}}) == WEIR_ESTATE);
    *chunk = (weir_chunk){.data = "piece", .size = 5};
    return (*at)++ < 2 ? WEIR_CHUNK : WEIR_END;
}

static weir_body hint_too_late(weir_environ *env, weir_start_response *start_response)
{
    int *at = weir_alloc(env, sizeof *at);

    *at = 0;
    start_response(env, 200, NULL);
    return weir_iterable(next_too_late, NULL, at);
}

static void check_too_late(struct site *s)
{
    act = hint_too_late;
    assert_string_equal(ask(s, GET)->content, "piecepiece");
    assert_int_equal(s->got.n, 1);
    assert_false(s->got.v[0].is_cut);
}

static void hints__after_the_head__are_refused_and_harm_nothing(void **state)
{
    (void)state;
    everywhere(check_too_late);
}

static const struct {
    weir_header field;
    const char *why;
} wrong_hints[] = {
    {{"a b", "c"}, "\"a b\" is not the name of a field"},
    {{"A", "b\nc"}, "a control character in the field A"},
    {{"Transfer-Encoding", "chunked"}, "Transfer-Encoding is the connection's"},
    {{"content-length", "5"}, "Content-Length in early hints"},
    {{"A", NULL}, "the field A has no value"},
};
static size_t wrong_at;

static weir_body hint_wrong(weir_environ *env, weir_start_response *start_response)
{
    const weir_header fields[] = {{"Link", "</a>"}, wrong_hints[wrong_at].field, {NULL, NULL}};

    CHECK_APP(weir_early_hints(env, fields) == WEIR_EINVAL);
    CHECK_APP(weir_early_hints(env, fields + 2) == WEIR_EFAILED);
    CHECK_APP(start_response(env, 200, NULL) == WEIR_EFAILED);
    return weir_text("fine");
}

static weir_body hint_large(weir_environ *env, weir_start_response *start_response)
{
    char *large = malloc(70001);

    memset(large, 'x', 70000);
    large[70000] = '\0';
    CHECK_APP(weir_early_hints(env, (weir_header[]){{"A", large}, {NULL, NULL}}) == WEIR_ETOOBIG);
    free(large);
    start_response(env, 200, NULL);
    return weir_text("fine");
}

/* 63488 bytes are 1670 times 38: a name, ": ", a value and CRLF, and 32 for each 103. A client that does
 * not read would have all of them kept for it. */
#define HINTS_MAX 1670

static weir_body hint_on(weir_environ *env, weir_start_response *start_response)
{
    int32_t err = 0;
    int calls = 0;

    while (err == 0 && calls < 3000) {
        err = weir_early_hints(env, (weir_header[]){{"A", "b"}, {NULL, NULL}});
        calls += err == 0;
    }
    CHECK_APP(err == WEIR_ETOOBIG);
    CHECK_APP(calls == HINTS_MAX);
    start_response(env, 200, NULL);
    return weir_text("fine");
}

static void check_wrong_hints(struct site *s)
{
    act = hint_wrong;
    for (wrong_at = 0; wrong_at < WR_COUNT(wrong_hints); wrong_at++)
        check_failed(s, wrong_hints[wrong_at].why);
    act = hint_large;
    check_failed(s, "bytes of early hints");
    act = hint_on;
    check_failed_behind(s, HINTS_MAX, "more than 63488 bytes of early hints");
}

static void hints__that_are_wrong__are_a_500_and_a_line_in_the_log(void **state)
{
    (void)state;
    everywhere(check_wrong_hints);
}

/* ---- trailers of an answer ---- */

static int32_t add(weir_environ *env, const char *name, const char *value)
{
    return weir_trailer_add(env, name, value, value ? strlen(value) : 0);
}

static void add_too_late(void *env)
{
    CHECK_APP(add(env, "A", "too late") == WEIR_ESTATE);
}

static int32_t next_trailed(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *at = arg;

    *chunk = (weir_chunk){.data = "piece", .size = 5};
    if ((*at)++ < 2)
        return WEIR_CHUNK;
    CHECK_APP(add(env, "Promised", " \tkept ") == 0);
    CHECK_APP(add(env, "Surprise", "") == 0);
    CHECK_APP(add(env, "Nothing", NULL) == WEIR_ESTATE);
    return WEIR_END;
}

static weir_body stream_trailed(weir_environ *env, weir_start_response *start_response)
{
    int *at = weir_alloc(env, sizeof *at);

    *at = 0;
    if (strcmp(weir_get(env, "REQUEST_METHOD"), "HEAD") != 0) /* then next is not asked */
        weir_defer(env, add_too_late, env);
    CHECK_APP(add(env, "Promised", NULL) == 0);
    start_response(env, 200, NULL);
    CHECK_APP(add(env, "Early", "1") == 0);
    CHECK_APP(add(env, "promised", NULL) == 0);
    return weir_iterable(next_trailed, NULL, at);
}

static weir_body stream_sized(weir_environ *env, weir_start_response *start_response)
{
    weir_header_add(env, "Content-Length", "10", 2);
    return stream_trailed(env, start_response);
}

#define STREAMED "Early: 1\r\nPromised: kept\r\nSurprise: \r\n"

static void check_streamed(struct site *s)
{
    const struct test_response *r;

    act = stream_trailed;
    r = ask(s, GET);
    assert_string_equal(r->content, "piecepiece");
    check_text(test_field(r, "Trailer"), "Promised, Early");
    check_text(r->trailers, STREAMED);
    act = stream_sized;
    r = ask(s, TE);
    assert_true(r->is_chunked);
    check_text(test_field(r, "Trailer"), "Promised, Early");
    check_text(r->trailers, STREAMED);
    r = ask(s, HEAD);
    check_text(test_field(r, "Content-Length"), "10");
    assert_null(test_field(r, "Trailer").p);
}

static void trailers__of_an_iterable__may_be_known_at_its_end(void **state)
{
    (void)state;
    everywhere(check_streamed);
}

static int32_t next_sized(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    *chunk = (weir_chunk){.data = arg, .size = 10};
    return WEIR_CHUNK;
}

/* Where there is no place for them: of ten bytes, all are given. */
static weir_body stream_dropped(weir_environ *env, weir_start_response *start_response)
{
    static char text[] = "0123456789";

    CHECK_APP(add(env, "A", "1") == 0);
    start_response(env, 200, (weir_header[]){{"Content-Length", "10"}, {NULL, NULL}});
    return weir_iterable(next_sized, NULL, text);
}

static weir_body text_trailed(weir_environ *env, weir_start_response *start_response)
{
    CHECK_APP(add(env, "A", "1") == 0);
    CHECK_APP(add(env, "a", "2") == 0);
    CHECK_APP(add(env, "AB", "\x80") == 0);
    start_response(env, 200, NULL);
    return weir_text("text");
}

static void check_places(struct site *s)
{
    static const char *const dropped[] = {GET, OLD};
    const struct test_response *r;

    act = text_trailed;
    r = ask(s, TE);
    assert_true(r->is_chunked);
    assert_string_equal(r->content, "text");
    check_text(test_field(r, "Trailer"), "A, AB");
    check_text(r->trailers, "A: 1\r\na: 2\r\nAB: \x80\r\n");
    act = stream_dropped;
    for (size_t i = 0; i < WR_COUNT(dropped); i++) {
        r = ask(s, dropped[i]);
        assert_string_equal(r->content, "0123456789");
        check_text(test_field(r, "Content-Length"), "10");
        assert_null(test_field(r, "Trailer").p);
        assert_int_equal(r->trailers.n, 0);
    }
}

static void trailers__of_a_known_size__come_to_who_can_use_them(void **state)
{
    (void)state;
    everywhere(check_places);
}

/* More names and fields than there is room for at first. */
static weir_body text_many(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    for (int i = 0; i < 20; i++) {
        char name[20];

        snprintf(name, sizeof name, "Name-%02d", i);
        CHECK_APP(add(env, name, name) == 0);
    }
    return weir_text("text");
}

static void check_many(struct site *s)
{
    const struct test_response *r;
    char names[1024], lines[2048];
    struct wr_buf n = wr_buf_on(names, sizeof names), l = wr_buf_on(lines, sizeof lines);

    for (int i = 0; i < 20; i++) {
        wr_buf_printf(&n, "%sName-%02d", i > 0 ? ", " : "", i);
        wr_buf_printf(&l, "Name-%02d: Name-%02d\r\n", i, i);
    }
    act = text_many;
    r = ask(s, TE);
    assert_true(wr_slice_eq(test_field(r, "Trailer"), wr_buf_slice(&n)));
    assert_true(wr_slice_eq(r->trailers, wr_buf_slice(&l)));
}

static void trailers__many__come_all(void **state)
{
    (void)state;
    everywhere(check_many);
}

static weir_body replace(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    CHECK_APP(add(env, "Old", "1") == 0);
    CHECK_APP(add(env, "Older", NULL) == 0);
    start_response(env, WEIR_REPLACE | 404, NULL);
    CHECK_APP(add(env, "New", "2") == 0);
    return weir_text("text");
}

static weir_body give_up(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    CHECK_APP(add(env, "Old", "1") == 0);
    return weir_error(env, 404);
}

static void check_replaced(struct site *s)
{
    const struct test_response *r;

    act = replace;
    r = ask(s, TE);
    assert_int_equal(r->status, 404);
    check_text(test_field(r, "Trailer"), "New");
    check_text(r->trailers, "New: 2\r\n");
    act = give_up;
    r = ask(s, TE);
    assert_int_equal(r->status, 404);
    assert_false(r->is_chunked);
    assert_null(test_field(r, "Trailer").p);
}

static void trailers__of_an_answer_that_is_replaced__are_forgotten(void **state)
{
    (void)state;
    everywhere(check_replaced);
}

static const struct {
    const char *name, *value;
    size_t n;
    const char *why;
} wrong_trailers[] = {
    {"", "x", 1, "\"\" is not the name of a field"},
    {"a:", "x", 1, "\"a:\" is not the name of a field"},
    {NULL, "x", 1, "is not the name of a field"},
    {"A", "b\r\nC: d", 7, "a control character in the field A"},
    {"A", "b\0c", 3, "a control character in the field A"},
    {"A", NULL, 3, "the trailer A has no value"},
    {"Connection", "close", 5, "the field Connection is the connection's"},
    {"trailer", NULL, 0, "the field trailer is the connection's"},
    {"Content-Length", "5", 1, "Content-Length cannot be a trailer"},
    {"host", "x", 1, "host cannot be a trailer"},
    {"Set-Cookie", "a=b", 3, "Set-Cookie cannot be a trailer"},
    {"Content-Type", NULL, 0, "Content-Type cannot be a trailer"},
};

static weir_body add_wrong(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    CHECK_APP(weir_trailer_add(env, wrong_trailers[wrong_at].name, wrong_trailers[wrong_at].value,
                               wrong_trailers[wrong_at].n) == WEIR_EINVAL);
    CHECK_APP(add(env, "A", "b") == WEIR_EFAILED);
    return weir_text("text");
}

static weir_body add_large(weir_environ *env, weir_start_response *start_response)
{
    char *large = malloc(70000);

    memset(large, 'x', 70000);
    start_response(env, 200, NULL);
    CHECK_APP(weir_trailer_add(env, "A", large, 70000) == WEIR_ETOOBIG);
    free(large);
    return weir_text("text");
}

static int32_t next_wrong(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *at = arg;

    *chunk = (weir_chunk){.data = "piece", .size = 5};
    if ((*at)++ == 0)
        return WEIR_CHUNK;
    CHECK_APP(add(env, "Host", "x") == WEIR_EINVAL);
    return WEIR_END;
}

static weir_body stream_wrong(weir_environ *env, weir_start_response *start_response)
{
    int *at = weir_alloc(env, sizeof *at);

    *at = 0;
    start_response(env, 200, NULL);
    return weir_iterable(next_wrong, NULL, at);
}

static void check_wrong_trailers(struct site *s)
{
    act = add_wrong;
    for (wrong_at = 0; wrong_at < WR_COUNT(wrong_trailers); wrong_at++)
        check_failed(s, wrong_trailers[wrong_at].why);
    act = add_large;
    check_failed(s, "bytes of trailers");
    act = stream_wrong;
    assert_true(ask(s, GET)->is_cut);
    assert_non_null(strstr(s->server.log_text, "Host cannot be a trailer"));
}

static void trailers__that_are_wrong__are_a_fault_of_the_app(void **state)
{
    (void)state;
    everywhere(check_wrong_trailers);
}

/* ---- trailers of a request ---- */

static int32_t tell(void *arg, const char *name, size_t name_n, const char *value, size_t value_n)
{
    wr_buf_printf(arg, "%.*s=%.*s;", (int)name_n, name, (int)value_n, value);
    return 0;
}

static int32_t stop(void *arg, const char *name, size_t name_n, const char *value, size_t value_n)
{
    ++*(int *)arg;
    (void)name;
    (void)name_n;
    (void)value;
    (void)value_n;
    return 7;
}

struct reading {
    char text[256];
    struct wr_buf b;
    bool is_told;
};

static int32_t next_read(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct reading *r = arg;
    char content[3];
    int64_t n;

    if (r->is_told)
        return WEIR_END;
    do {
        n = weir_read(env, content, sizeof content);
        if (n > 0)
            wr_buf_append(&r->b, content, (size_t)n);
    } while (n > 0);
    if (n == WEIR_AGAIN)
        return WEIR_AGAIN;
    CHECK_APP(n == 0);
    CHECK_APP(weir_trailer_each(env, tell, &r->b) == 0);
    r->is_told = true;
    *chunk = (weir_chunk){.data = r->text, .size = r->b.n};
    return WEIR_CHUNK;
}

static weir_body read_all(weir_environ *env, weir_start_response *start_response)
{
    struct reading *r = weir_alloc(env, sizeof *r);

    r->b = wr_buf_on(r->text, sizeof r->text);
    r->is_told = false;
    CHECK_APP(weir_trailer_each(env, NULL, NULL) == WEIR_EINVAL);
    start_response(env, 200, NULL);
    return weir_iterable(next_read, NULL, r);
}

static weir_body read_gathered(weir_environ *env, weir_start_response *start_response)
{
    int calls = 0;
    weir_body body = read_all(env, start_response);

    CHECK_APP(weir_trailer_each(env, stop, &calls) == 7);
    CHECK_APP(calls == 1);
    return body;
}

static void check_read(struct site *s)
{
    act = read_all;
    assert_string_equal(
        ask(s, POST "5\r\nhello\r\n0\r\nA: b\r\nHost: evil\r\nC-d:\t e f \r\n\r\n")->content,
        "helloA=b;C-d=e f;");
    assert_string_equal(ask(s, POST "5\r\nhello\r\n0\r\n\r\n")->content, "hello");
}

static void trailers__of_a_request__are_told_when_it_is_read(void **state)
{
    (void)state;
    everywhere(check_read);
}

static void trailers__of_a_request_that_is_gathered__are_there_at_once(void **state)
{
    static const int32_t places[] = {WEIR_ON_LOOP, WEIR_IN_THREAD};

    (void)state;
    act = read_gathered;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        struct site s;

        open_site(&s, places[i], 100);
        assert_string_equal(ask(&s, POST "5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n")->content,
                            "helloA=b;C=d;");
        close_site(&s);
    }
}

static weir_body look_up(weir_environ *env, weir_start_response *start_response)
{
    const weir_trailers *t = weir_extension(env->host, "weir.trailers/1");
    const weir_early_hints_table *h = weir_extension(env->host, "weir.early-hints/1");

    CHECK_APP(t && t->size == sizeof *t && t->add && t->each);
    CHECK_APP(h && h->size == sizeof *h && h->send);
    CHECK_APP(!weir_extension(env->host, "weir.trailers/2"));
    CHECK_APP(!weir_extension(env->host, "weir.trailers"));
    CHECK_APP(!weir_extension(env->host, ""));
    start_response(env, 200, NULL);
    return weir_text("fine");
}

static void check_names(struct site *s)
{
    act = look_up;
    assert_string_equal(ask(s, GET)->content, "fine");
}

static void extensions__are_known_by_their_whole_name(void **state)
{
    (void)state;
    everywhere(check_names);
}

WR_TESTS(cmocka_unit_test(hints__many__come_ahead_of_the_answer_in_their_order),
         cmocka_unit_test(hints__none_or_to_1_0__send_nothing),
         cmocka_unit_test(hints__after_the_head__are_refused_and_harm_nothing),
         cmocka_unit_test(hints__that_are_wrong__are_a_500_and_a_line_in_the_log),
         cmocka_unit_test(trailers__of_an_iterable__may_be_known_at_its_end),
         cmocka_unit_test(trailers__of_a_known_size__come_to_who_can_use_them),
         cmocka_unit_test(trailers__many__come_all),
         cmocka_unit_test(trailers__of_an_answer_that_is_replaced__are_forgotten),
         cmocka_unit_test(trailers__that_are_wrong__are_a_fault_of_the_app),
         cmocka_unit_test(trailers__of_a_request__are_told_when_it_is_read),
         cmocka_unit_test(trailers__of_a_request_that_is_gathered__are_there_at_once),
         cmocka_unit_test(extensions__are_known_by_their_whole_name));
