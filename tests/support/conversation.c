#include "conversation.h"

#include <stdio.h>
#include <stdlib.h>

#include "handlers/static.h"

#define LARGE    40000 /* above the 32 KiB up to which a file is kept in memory */
#define MEDIUM   20000 /* and not copied above 16 KiB */
#define HOUR_NS  3600000000000
#define TURNS    50 /* of going on: more than any conversation takes */
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define A        "Host: a\r\n"

/* ---- who answers ---- */

static weir_body echo_content(weir_environ *env, weir_start_response *start_response)
{
    size_t n = 0;
    const void *content = weir_content(env, &n);

    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_copy(env, content, n);
}

struct count {
    int at;
    char text[1000];
};

static int32_t next_line(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct count *c = arg;

    (void)env;
    if (c->at == 4)
        return WEIR_END;
    memset(c->text, 'a' + c->at, sizeof c->text);
    *chunk = (weir_chunk){.data = c->text, .size = c->at++ == 2 ? 0 : sizeof c->text};
    return WEIR_CHUNK;
}

static weir_body iterate(weir_environ *env, weir_start_response *start_response)
{
    struct count *c = weir_alloc(env, sizeof *c);

    if (!c)
        return weir_error(env, 503);
    c->at = 0;
    start_response(env, 200, NULL);
    return weir_iterable(next_line, NULL, c);
}

static void serve_posts_later(struct test_handler *h, struct wr_exchange *x)
{
    if (x->request.content_length == 0)
        test_serve_hello(h, x);
    else
        test_serve_read_later(h, x);
}

#define PLUGIN(name_, app_)                                                                        \
    {                                                                                              \
        .magic = WEIR_PLUGIN_MAGIC, .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,      \
        .size = sizeof(weir_plugin), .name = name_, .app = app_, .runs = WEIR_ON_LOOP,             \
        .body_buffer_max = 100                                                                     \
    }

static const weir_plugin echo = PLUGIN("echo", echo_content),
                         iterating = PLUGIN("iterating", iterate);

static const struct wr_slice pieces[] = {{"one", 3}, {"", 0}, {"two and three", 13}, {"!", 1}};

/* ---- what is said ---- */

#define GET(path, fields) "GET " path " HTTP/1.1\r\n" A fields "\r\n"
#define CHUNKS            "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n3\r\nyou\r\n0\r\nT: v\r\n\r\n"

const struct conversation conversations[] = {
    {"small file", BY_STATIC, .requests = {GET("/small.txt", "")}, .statuses = "200"},
    {"medium file", BY_STATIC, .requests = {GET("/medium.bin", "")}, .statuses = "200"},
    {"large file", BY_STATIC, .requests = {GET("/large.bin", "")}, .statuses = "200",
     .is_by_sendfile = true},
    {"large file by reading", BY_STATIC, .requests = {GET("/large.bin", "")}, .statuses = "200",
     .is_by_reading = true},
    {"large file, then small", BY_STATIC,
     .requests = {GET("/large.bin", ""), GET("/small.txt", "")}, .statuses = "200 200",
     .is_by_sendfile = true},
    {"head of a file", BY_STATIC,
     .requests = {"HEAD /small.txt HTTP/1.1\r\n" A "\r\n", GET("/small.txt", "")}, .methods = "HG",
     .statuses = "200 200"},
    {"file that has not changed", BY_STATIC,
     .requests = {GET("/small.txt", "If-Modified-Since: Sat, 05 Nov 1994 01:46:40 GMT\r\n")},
     .statuses = "304"},
    {"range", BY_STATIC,
     .requests = {GET("/large.bin", "Range: bytes=100-199\r\n"),
                  GET("/small.txt", "Range: bytes=99-\r\n")},
     .statuses = "206 416", .is_by_sendfile = true},
    {"file, HTTP/1.0", BY_STATIC, .requests = {"GET /small.txt HTTP/1.0\r\n\r\n"},
     .statuses = "200"},
    {"file, HTTP/1.0 and kept", BY_STATIC,
     .requests = {"GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                  GET("/small.txt", "Connection: close\r\n")},
     .statuses = "200 200"},
    {"error pages", BY_STATIC, .requests = {GET("/no", ""), GET("/.git", "")},
     .statuses = "404 404"},
    {"method that is refused, its content read", BY_STATIC,
     .requests = {"POST /small.txt HTTP/1.1\r\n" A "Content-Length: 5\r\n\r\nhello",
                  GET("/small.txt", "")},
     .statuses = "405 200", .is_answered_by_head = true},
    {"pipelining of ten", BY_STATIC,
     .requests = {GET("/small.txt", ""), GET("/no", ""), GET("/small.txt", ""), GET("/empty", ""),
                  GET("/small.txt", ""), GET("/small.txt", ""), GET("/no", ""),
                  GET("/small.txt", "Range: bytes=0-0\r\n"), GET("/small.txt", ""),
                  GET("/small.txt", "Connection: close\r\n")},
     .statuses = "200 404 200 200 200 200 404 206 200 200"},
    {"request that is refused", BY_STATIC,
     .requests = {"GET / HTTP/1.1\r\n" A "Host: b\r\n\r\n" GET("/small.txt", "")},
     .statuses = "400", .is_answered_by_head = true},
    {"content for an app", BY_APP, &echo,
     .requests = {"POST / HTTP/1.1\r\n" A "Content-Length: 5\r\n\r\nhello",
                  "POST / HTTP/1.1\r\n" A CHUNKS},
     .statuses = "200 200"},
    {"too much content for an app", BY_APP, &echo,
     .requests = {"POST / HTTP/1.1\r\n" A "Content-Length: 101\r\n\r\nhello"}, .statuses = "413",
     .is_answered_by_head = true},
    {"app that iterates", BY_APP, &iterating, .requests = {GET("/", ""), GET("/", "")},
     .statuses = "200 200"},
    {"app that iterates, HTTP/1.0", BY_APP, &iterating, .requests = {"GET / HTTP/1.0\r\n\r\n"},
     .statuses = "200"},
    {"content for a handler", BY_HANDLER, .serve = test_serve_echo,
     .requests = {"POST / HTTP/1.1\r\n" A "Content-Length: 5\r\n\r\nhello",
                  "POST / HTTP/1.1\r\n" A CHUNKS},
     .statuses = "200 200"},
    {"content that is read later", BY_HANDLER, .serve = test_serve_read_later,
     .requests = {"POST / HTTP/1.1\r\n" A "Content-Length: 5\r\n\r\nhello",
                  "POST / HTTP/1.1\r\n" A CHUNKS},
     .statuses = "200 200"},
    {"expectation behind an answer", BY_HANDLER, .serve = test_serve_echo,
     .requests = {GET("/", ""),
                  "POST / HTTP/1.1\r\n" A "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"},
     .statuses = "200 200", .expects = true},
    {"expectation behind an answer, read later", BY_HANDLER, .serve = serve_posts_later,
     .requests = {GET("/", ""),
                  "POST / HTTP/1.1\r\n" A "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"},
     .statuses = "200 200", .expects = true},
    {"expectation", BY_HANDLER, .serve = test_serve_echo,
     .requests = {"POST / HTTP/1.1\r\n" A "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"},
     .statuses = "200", .expects = true},
    {"handler that answers later", BY_HANDLER, .serve = test_serve_later,
     .requests = {GET("/1", ""), GET("/2", ""), GET("/3", "")}, .statuses = "200 200 200"},
    {"large memory", BY_HANDLER, .answer_n = LARGE,
     .requests = {GET("/", ""), GET("/", "Connection: close\r\n")}, .statuses = "200 200"},
    {"large memory, HTTP/1.0 without a length", BY_HANDLER, .answer_n = LARGE,
     .has_no_length = true, .requests = {"GET / HTTP/1.0\r\n\r\n"}, .statuses = "200"},
    {"small memory, HTTP/1.0 without a length", BY_HANDLER, .answer_n = 100, .has_no_length = true,
     .requests = {"GET / HTTP/1.0\r\n\r\n"}, .statuses = "200"},
    {"slow body in chunks", BY_HANDLER, .serve = test_serve_body, .has_no_length = true,
     .is_slow = true, .requests = {GET("/", "")}, .statuses = "200"},
    {"slow body with a length", BY_HANDLER, .serve = test_serve_body, .is_slow = true,
     .requests = {GET("/", "")}, .statuses = "200"},
    {"slow body, HTTP/1.0", BY_HANDLER, .serve = test_serve_body, .has_no_length = true,
     .is_slow = true, .requests = {"GET / HTTP/1.0\r\n\r\n"}, .statuses = "200"},
};
const size_t conversations_n = WR_COUNT(conversations);

/* ---- a scene ---- */

static void make_folder(struct temp_folder *f)
{
    temp_folder_init(f);
    temp_file_write(f, "small.txt", WR_SLICE("0123456789"));
    temp_file_date(f, "small.txt", 784000000); /* Sat, 05 Nov 1994 01:46:40 GMT */
    temp_file_write(f, "empty", WR_SLICE(""));
    temp_file_fill(f, "medium.bin", MEDIUM);
    temp_file_fill(f, "large.bin", LARGE);
}

static void join_requests(struct scene *s)
{
    size_t n = 0;

    while (s->requests_n < REQUESTS_MAX && s->as->requests[s->requests_n])
        n += strlen(s->as->requests[s->requests_n++]);
    s->input = malloc(n);
    assert_non_null(s->input);
    for (size_t i = 0; i < s->requests_n; i++) {
        const char *request = s->as->requests[i], *head_end = strstr(request, "\r\n\r\n") + 4;

        memcpy(s->input + s->input_n, request, strlen(request));
        s->heads[i] = s->input_n + (size_t)(head_end - request);
        s->input_n += strlen(request);
        s->ends[i] = s->input_n;
    }
}

static void set_handler(struct scene *s)
{
    static char answer[LARGE];
    struct test_handler *h = &s->server.handler;

    memset(answer, 'x', sizeof answer);
    h->serve = s->as->serve ? s->as->serve : test_serve_hello;
    h->has_no_length = s->as->has_no_length;
    h->answer = s->as->answer_n > 0 ? wr_slice(answer, s->as->answer_n) : wr_slice(NULL, 0);
    h->body.pieces = pieces;
    h->body.n = WR_COUNT(pieces);
    h->body.at = h->body.offset = h->body.closed = 0;
    h->body.is_slow = s->as->is_slow;
    h->body.has_piece = false;
    h->body.x = NULL;
    h->body_length = s->as->has_no_length ? -1 : 17;
    h->served = 0;
}

static void set_wall(struct scene *s)
{
    s->server.time.wall_ns = s->began_wall_ns;
    test_server_step(&s->server);
}

static void check_statuses(const struct scene *s, const struct test_responses *r)
{
    char got[200] = "";
    struct wr_buf b = wr_buf_on(got, sizeof got - 1);

    for (size_t i = 0; i < r->n; i++)
        wr_buf_printf(&b, i > 0 ? " %d" : "%d", r->v[i].status);
    got[b.n] = '\0';
    if (r->error || strcmp(got, s->as->statuses) != 0)
        fail_msg("%s: %s, %s", s->as->name, got, r->error ? r->error : "HTTP");
}

/* Reads what came for so many bytes of input: a method counts once the server has it. */
static struct test_responses parse(const struct scene *s, struct wr_slice out, size_t said)
{
    char methods[REQUESTS_MAX + 1] = "";
    struct test_responses r;
    bool has_end = s->client.transport.is_closed || s->client.transport.is_shut_down;

    for (size_t i = 0; s->as->methods && i < s->requests_n; i++)
        if (said >= (i > 0 ? s->ends[i - 1] : 0) + strlen("HEAD "))
            methods[i] = s->as->methods[i];
    test_responses_parse(&r, out, has_end && !s->client.transport.is_reset, methods);
    return r;
}

/* What comes when nothing is in the way. */
static void record(struct scene *s)
{
    struct wr_slice out;

    scene_begin(s);
    scene_say_all(s);
    out = scene_output(s);
    s->expected = malloc(out.n);
    assert_non_null(s->expected);
    memcpy(s->expected, out.p, out.n);
    s->expected_n = out.n;
    s->output_n = s->client.transport.out_n;
    s->answers = parse(s, wr_slice(s->expected, s->expected_n), s->input_n);
    check_statuses(s, &s->answers);
    assert_int_equal(s->client.transport.sendfiles > 0, s->as->is_by_sendfile);
    s->ends_by_close = s->answers.v[s->answers.n - 1].is_close_delimited;
    s->content_at = out.n - s->answers.v[s->answers.n - 1].content_n;
    scene_end(s, "undisturbed");
}

void scene_open(struct scene *s, const struct conversation *as)
{
    struct wr_static_setup setup;

    *s = (struct scene){.as = as};
    make_folder(&s->folder);
    test_server_init(&s->server);
    setup = wr_static_setup_of(s->folder.path);
    if (as->partner == BY_STATIC)
        assert_non_null(test_server_mount(&s->server, &wr_static_plugin, &setup, NULL));
    if (as->partner == BY_APP)
        assert_non_null(test_server_mount(&s->server, as->app, NULL, NULL));
    /* Files are old enough to be kept by the cache, but no deadline of a loop is due at once. */
    s->began_wall_ns = wr_clock_system.wall_ns(NULL) + HOUR_NS;
    join_requests(s);
    record(s);
}

void scene_close(struct scene *s)
{
    test_responses_free(&s->answers);
    test_server_fini(&s->server);
    temp_folder_fini(&s->folder);
    free(s->input);
    free(s->expected);
}

/* ---- what is done ---- */

void scene_begin(struct scene *s)
{
    set_handler(s);
    set_wall(s);
    s->server.access_n = s->server.log_n = 0;
    test_client_open(&s->server, &s->client);
    if (s->as->is_by_reading)
        s->client.transport.ops.sendfile = NULL;
}

void scene_go_on(struct scene *s)
{
    struct test_handler *h = &s->server.handler;
    bool has_moved = true;

    for (int i = 0; i < TURNS && has_moved; i++) {
        bool is_held = h->held && !h->held->on_input;
        bool is_slow = h->body.x && h->body.is_slow && h->body.closed == 0 && !h->body.has_piece;

        has_moved = is_held || is_slow;
        if (is_held && h->held->request.content_length != 0)
            test_handler_read(h);
        else if (is_held)
            test_handler_answer(h);
        else if (is_slow)
            test_body_go_on(h);
        has_moved |= wr_loop_step(s->server.worker.loop, 0) > 0;
    }
}

void scene_say(struct scene *s, size_t from, size_t to)
{
    if (to > from)
        test_client_send_slice(&s->client, wr_slice(s->input + from, to - from));
    scene_go_on(s);
}

void scene_say_all(struct scene *s)
{
    size_t head = s->as->expects ? s->heads[s->requests_n - 1] : 0;

    scene_say(s, 0, head);
    scene_say(s, head, s->input_n);
}

void scene_wait_s(struct scene *s, int seconds)
{
    for (int i = 0; i < seconds && !s->client.transport.is_closed; i++)
        test_server_advance_ms(&s->server, 1000);
}

/* ---- what must hold ---- */

/* Without the 100, wherever it is: whether one is sent depends on how the content comes. */
static struct wr_slice without_continue(struct wr_slice out)
{
    static char copy[4096];
    const size_t n = strlen(CONTINUE), told = strlen("HTTP/1.1 1");
    const char *at = memmem(out.p, out.n, CONTINUE, told);
    size_t front = at ? (size_t)(at - out.p) : out.n;
    size_t left = out.n - front > n ? out.n - front - n : 0;

    if (!at || memcmp(at, CONTINUE, out.n - front - left) != 0)
        return out;
    assert_true(out.n < sizeof copy);
    memcpy(copy, out.p, front);
    memcpy(copy + front, at + n, left);
    return wr_slice(copy, front + left);
}

struct wr_slice scene_output(const struct scene *s)
{
    struct wr_slice out = fake_transport_output(&s->client.transport);

    return s->as->expects ? without_continue(out) : out;
}

static bool is_front(const struct scene *s, struct wr_slice out)
{
    return out.n <= s->expected_n && memcmp(out.p, s->expected, out.n) == 0;
}

void scene_check_whole(const struct scene *s, size_t at, const char *what)
{
    struct wr_slice out = scene_output(s);

    if (out.n != s->expected_n || !is_front(s, out))
        fail_msg("%s: %s %zu: %zu of %zu bytes came, %s", s->as->name, what, at, out.n,
                 s->expected_n, is_front(s, out) ? "and no more" : "and not those");
}

void scene_check_front(const struct scene *s, size_t at, const char *what)
{
    const struct fake_transport *t = &s->client.transport;
    struct wr_slice out = scene_output(s);
    bool is_ended = (t->is_closed || t->is_shut_down) && !t->is_reset && !t->read_error;

    if (!is_front(s, out))
        fail_msg("%s: %s %zu: %zu other bytes came", s->as->name, what, at, out.n);
    if (s->ends_by_close && out.n >= s->content_at && out.n < s->expected_n && is_ended)
        fail_msg("%s: %s %zu: the cut answer looks whole", s->as->name, what, at);
}

/* How many requests the server can have answered when it has so many bytes. */
static size_t answerable(const struct scene *s, size_t said)
{
    const size_t *ends = s->as->is_answered_by_head ? s->heads : s->ends;
    size_t n = 0;

    while (n < s->requests_n && ends[n] <= said)
        n++;
    return n;
}

static bool is_same(const struct test_response *a, const struct test_response *b)
{
    return a->status == b->status && !a->is_cut && a->content_n == b->content_n &&
           memcmp(a->content, b->content, a->content_n) == 0;
}

static bool is_refusal(const struct test_response *r)
{
    return (r->status == 400 || r->status == 408 || r->status == 413) && r->says_close &&
           !r->is_cut;
}

void scene_check_answers(const struct scene *s, size_t said, const char *what)
{
    struct test_responses r = parse(s, scene_output(s), said);
    size_t same = 0;

    while (same < r.n && same < s->answers.n && is_same(&r.v[same], &s->answers.v[same]))
        same++;
    if (r.error)
        fail_msg("%s: %s %zu: %s", s->as->name, what, said, r.error);
    if (same != answerable(s, said) || r.n > same + 1 || (r.n > same && !is_refusal(&r.v[same])))
        fail_msg("%s: %s %zu: %zu of %zu are answered, then %d", s->as->name, what, said, same,
                 answerable(s, said), r.n > same ? r.v[same].status : 0);
    test_responses_free(&r);
}

static size_t count_lines(const struct scene *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->server.access_n; i++)
        n += s->server.access_text[i] == '\n';
    return n;
}

/* Who could not read all of it may have been answered more than he knows. */
static void check_access_log(const struct scene *s, const char *what)
{
    const struct fake_transport *t = &s->client.transport;
    struct test_responses r = parse(s, scene_output(s), s->client.transport.in_n);
    bool has_all = t->fail_at == FAKE_NO_LIMIT && t->room == FAKE_NO_LIMIT;
    size_t lines = count_lines(s), whole = r.n;

    while (whole > 0 && r.v[whole - 1].is_cut)
        whole--;
    if (lines < whole || lines > s->answers.n || (has_all && lines != whole))
        fail_msg("%s: %s: %zu answers, %zu lines in the log", s->as->name, what, whole, lines);
    test_responses_free(&r);
}

static void check_nothing_is_kept(const struct scene *s, const char *what)
{
    const struct wr_worker *w = &s->server.worker;
    const struct test_handler *h = &s->server.handler;
    bool has_body = s->as->serve == test_serve_body;

    if (!s->client.transport.is_closed)
        fail_msg("%s: %s: the connection is still open", s->as->name, what);
    if (w->lease->exchanges > 0 || w->out.n > 0 || w->running ||
        (has_body && h->body.closed != h->served))
        fail_msg("%s: %s: %zu exchanges, %zu bytes, %u bodies of %u closed", s->as->name, what,
                 w->lease->exchanges, w->out.n, h->body.closed, h->served);
}

static void check_next(struct scene *s, const char *what)
{
    struct test_responses r;
    struct test_client c;

    s->server.handler.serve = test_serve_hello;
    test_client_open(&s->server, &c);
    test_client_send(&c, "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_responses(&c, "", &r);
    if (r.error || r.n != 1 || r.v[0].status != 200 || r.v[0].is_cut)
        fail_msg("%s: %s: the next is not served", s->as->name, what);
    test_responses_free(&r);
    test_client_fini(&c);
}

void scene_end(struct scene *s, const char *what)
{
    test_client_shut_down(&s->client);
    scene_go_on(s);
    check_nothing_is_kept(s, what);
    if (!s->is_unlogged)
        check_access_log(s, what);
    test_client_fini(&s->client);
    assert_int_equal(s->server.worker.conns_n, 0);
    check_next(s, what);
}

bool scene_tries(size_t at, size_t n)
{
    static int is_long = -1;
    const size_t copied = (size_t)16 * 1024; /* content up to here is copied */

    if (is_long < 0) {
        const char *text = getenv("WEIR_LONG");

        is_long = text && strcmp(text, "1") == 0;
    }
    return is_long || at < 700 || at + 50 > n || (at + 5 > copied && at < copied + 400) ||
           at % 211 == 0;
}
