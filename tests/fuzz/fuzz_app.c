/*
 * fuzz_app.c — an app that does whatever it may, and much that it must not, for a client that does
 * whatever it likes: what is to be called once is called once, what the client gets is HTTP and what the
 * app has given, or is visibly not; nobody waits for what has happened, and in the end nothing is left.
 *
 * The first bytes of an input: two of each request (below), two of the server, and two that
 * say which allocation fails. The others are
 * taken in turn by the app (app_program.h) and by the client. In two ways: as bytes on a fake transport,
 * where the app runs on the loop; by weir/test.h, where it is a serial one of two loops.
 */
#include "app_program.h"

#include <stdlib.h>
#include <unistd.h>

#include <weir/test.h>

#include "short_memory.h"
#include "test_server.h"

#define CONTROL   8
#define LONG_MS   10000000 /* beyond every deadline */
#define TURNS_MAX 3000     /* what then still moves does not end */
#define TEXT_MAX  20000

/* first byte of a request */
enum request_flag {
    IS_HEAD = 1,
    IS_CHUNKED = 2,
    IS_10 = 4,
    EXPECTS = 8,
    TAKES_TRAILERS = 16,
    IS_BROKEN = 32,
    IS_SECOND = 64,
    IS_STEPPED = 128 /* of the first: by weir/test.h */
};

/* of the server */
enum server_flag {
    HAS_SMALL_QUEUE = 1,
    HAS_SMALL_BODY = 2,
    SAYS_PENDING = 4,
    HAS_NO_SENDFILE = 8,
    HAS_NO_ROOM = 16,
    CANCELS = 32, /* on_half_close */
    GATHERS = 64  /* body_buffer_max */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* ---- requests ---- */

static void set_content(struct app_program *p, const uint8_t *data)
{
    for (unsigned i = 0; i < APP_RUNS_MAX; i++) {
        struct app_run *run = &p->runs[i];

        app_program_set_content(run, data[2 * i + 1] * 16U);
        run->is_unread = data[2 * i] & IS_HEAD;
        run->is_10 = data[2 * i] & IS_10;
    }
}

static void add(struct wr_buf *b, const char *text)
{
    wr_buf_append(b, text, strlen(text));
}

static void add_chunks(struct wr_buf *b, const struct app_run *run, unsigned flags)
{
    size_t part = run->sent_n / 3 + 1;

    for (size_t at = 0; at < run->sent_n; at += part) {
        size_t n = run->sent_n - at < part ? run->sent_n - at : part;

        wr_buf_printf(b, flags & IS_BROKEN && at > 0 ? "%zxg\r\n" : "%zx\r\n", n);
        wr_buf_append(b, run->sent + at, n);
        add(b, "\r\n");
    }
    add(b, "0\r\nX-Sum: 1\r\n\r\n");
}

static void add_request(struct wr_buf *b, const struct app_run *run, unsigned flags)
{
    bool is_chunked = flags & IS_CHUNKED && !(flags & IS_10);

    wr_buf_printf(b, "%s /%u HTTP/1.%d\r\nHost: a\r\n", flags & IS_HEAD ? "HEAD" : "POST", run->id,
                  flags & IS_10 ? 0 : 1);
    if (flags & EXPECTS)
        add(b, "Expect: 100-continue\r\n");
    if (flags & TAKES_TRAILERS)
        add(b, "TE: trailers\r\nConnection: TE\r\n");
    if (is_chunked)
        add(b, "Transfer-Encoding: chunked\r\n\r\n");
    else
        wr_buf_printf(b, "Content-Length: %zu\r\n\r\n", run->sent_n);
    if (is_chunked)
        add_chunks(b, run, flags);
    else
        wr_buf_append(b, run->sent, run->sent_n);
}

/* ---- a client on a connection ---- */

struct talk {
    struct test_server server;
    struct test_client client;
    struct app_program program;
    struct wr_buf text; /* what it sends */
    size_t at;          /* and has sent */
    bool may_cut;       /* it has not waited for all */
};

static void send_part(struct talk *t, size_t n)
{
    if (n > t->text.n - t->at)
        n = t->text.n - t->at;
    fake_transport_arrive(&t->client.transport, wr_slice(t->text.p + t->at, n));
    t->at += n;
    test_client_event(&t->client, EPOLLIN);
}

/* It waits for no more: a FIN, a reset, or so long that every deadline passes. */
static void give_up(struct talk *t, unsigned choice)
{
    if (app_byte(&t->program.steps) % 8 != 0)
        return;
    t->may_cut = true;
    if (choice == 11)
        test_server_advance_ms(&t->server, 61000);
    else if (choice == 12)
        test_client_shut_down(&t->client);
    else
        test_client_reset(&t->client);
}

static void client_step(struct talk *t)
{
    struct app_steps *s = &t->program.steps;
    unsigned choice = app_byte(s) % 16;

    app_show("client: %u\n", choice);
    if (choice < 3) {
        send_part(t, app_byte(s) * 8U);
    } else if (choice < 5) {
        test_client_take(&t->client, app_byte(s) * 4U + 1, 1);
    } else if (choice < 8) {
        app_program_poke(&t->program.runs[app_byte(s) % APP_RUNS_MAX]);
        test_server_step(&t->server);
    } else if (choice < 10) {
        app_program_wake(&t->program.runs[app_byte(s) % APP_RUNS_MAX]);
        test_server_step(&t->server);
    } else if (choice == 10) {
        test_server_advance_ms(&t->server, app_byte(s));
    } else if (choice < 14) {
        give_up(t, choice);
    } else {
        if (choice == 15)
            t->client.transport.room = FAKE_NO_LIMIT;
        test_client_event(&t->client, EPOLLIN | EPOLLOUT);
    }
}

static void settle(struct talk *t)
{
    struct test_client *c = &t->client;

    for (int i = 0; i < TURNS_MAX; i++) {
        size_t before = c->transport.out_n, unread = c->transport.in_n - c->transport.in_at;
        int calls = t->program.runs[0].calls + t->program.runs[1].calls;

        test_client_event(c, EPOLLIN | EPOLLOUT);
        test_server_step(&t->server);
        if (c->transport.is_closed ||
            (c->transport.out_n == before && c->transport.in_n - c->transport.in_at == unread &&
             t->program.runs[0].calls + t->program.runs[1].calls == calls))
            return;
    }
    app_check_claim(false, "it comes to rest");
}

/* All is sent and taken; then whoever still waits is told to go on. */
static void end_talk(struct talk *t)
{
    t->client.transport.room = FAKE_NO_LIMIT;
    if (!t->client.transport.is_eof)
        send_part(t, t->text.n - t->at);
    settle(t);
    t->may_cut |= short_memory_hits() > 0;
    for (unsigned i = 0; i < APP_RUNS_MAX && !t->may_cut; i++)
        app_program_check_quiet(&t->program.runs[i]);
    t->program.steps.at = t->program.steps.n;
    for (int i = 0; i < 4 && !t->client.transport.is_closed; i++) {
        for (unsigned r = 0; r < APP_RUNS_MAX; r++) {
            app_program_poke(&t->program.runs[r]);
            app_program_wake(&t->program.runs[r]);
        }
        test_server_step(&t->server);
        settle(t);
    }
    t->may_cut |= short_memory_hits() > 0;
    short_memory_plan(-1, false);
}

static bool has_app_field(const struct test_response *r)
{
    return test_field(r, "X-App").p != NULL;
}

static void check_response(struct talk *t, unsigned i, const struct test_response *r)
{
    struct fake_transport *transport = &t->client.transport;
    struct app_answer a = {.may_be_cut = t->may_cut};

    if (r) {
        a.status = r->status;
        a.is_apps = has_app_field(r);
        a.content = r->content;
        a.n = r->content_n;
        a.is_cut = r->is_cut || (r->is_close_delimited && transport->is_reset);
    }
    app_program_check_answer(&t->program.runs[i], &a);
}

static void check_output(struct talk *t, const uint8_t *data)
{
    char methods[3] = {data[0] & IS_HEAD ? 'H' : 'P', data[2] & IS_HEAD ? 'H' : 'P', '\0'};
    struct test_responses r;
    unsigned finals = 0;
    bool is_over = false;

    test_client_responses(&t->client, methods, &r);
    app_show("%.*s\n%s\n", (int)t->client.transport.out_n, t->client.transport.out,
             r.error ? r.error : "");
    APP_CHECK(!r.error || t->may_cut);
    for (size_t i = 0; i < r.n; i++) {
        APP_CHECK(!is_over);
        if (r.v[i].status < 200)
            continue;
        APP_CHECK(finals < 3);
        if (finals < APP_RUNS_MAX)
            check_response(t, finals, &r.v[i]);
        is_over = r.v[i].says_close || r.v[i].is_cut;
        finals++;
    }
    if (!is_over && !t->client.transport.is_closed && !t->client.transport.is_shut_down)
        for (; finals < APP_RUNS_MAX; finals++)
            if (t->program.runs[finals].has_begun)
                check_response(t, finals, NULL);
    test_responses_free(&r);
}

/* The client's memory does not run out. */
static void make_client_ready(struct fake_transport *t)
{
    const size_t cap = (size_t)256 * 1024, parts = 4096;

    t->in = malloc(cap);
    t->out = malloc(cap);
    t->part_ends = calloc(parts, sizeof *t->part_ends);
    APP_CHECK(t->in && t->out && t->part_ends);
    t->in_cap = t->out_cap = cap;
    t->parts_cap = parts;
}

static void drop_line(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    (void)ctx;
    (void)level;
    app_show("%.*s\n", (int)n, line);
}

static void drop_access_line(void *ctx, const char *line, size_t n)
{
    (void)ctx;
    (void)line;
    (void)n;
}

static void configure(struct talk *t, unsigned flags, weir_plugin *plugin)
{
    struct wr_config *config = &t->server.site.config;

    if (flags & HAS_SMALL_QUEUE)
        config->app_queue_bytes = 300;
    if (flags & HAS_SMALL_BODY)
        config->body_bytes_max = 200;
    if (flags & GATHERS)
        plugin->body_buffer_max = 500;
    t->client.transport.says_pending = (flags & SAYS_PENDING) != 0;
    if (flags & HAS_NO_SENDFILE)
        t->client.transport.ops.sendfile = NULL;
    if (flags & HAS_NO_ROOM)
        t->client.transport.room = 0;
}

static void talk(const uint8_t *data, size_t n)
{
    static struct talk t;
    static char text[TEXT_MAX];
    static const struct wr_handler_limits cancels = {
        .body_bytes_max = -1, .request_ms = -1, .is_half_closed_gone = true};
    weir_plugin plugin = app_program_plugin;

    t = (struct talk){.text = wr_buf_on(text, sizeof text)};
    app_program_init(&t.program, data + CONTROL, n - CONTROL);
    set_content(&t.program, data);
    add_request(&t.text, &t.program.runs[0], data[0]);
    if (data[0] & IS_SECOND)
        add_request(&t.text, &t.program.runs[1], data[2]);
    test_server_init(&t.server);
    test_client_init(&t.server, &t.client);
    make_client_ready(&t.client.transport);
    t.server.site.log.write = drop_line;
    t.server.site.access_log.write = drop_access_line;
    configure(&t, data[4], &plugin);
    APP_CHECK(test_server_mount(&t.server, &plugin, NULL, NULL) != NULL);
    if (data[4] & CANCELS)
        t.server.mounted->limits = &cancels;
    test_client_connect(&t.client);
    short_memory_plan(data[6] - 1, data[7] & 1);
    send_part(&t, data[5] * 4U);
    for (int i = 0; i < 200 && t.program.steps.at < t.program.steps.n; i++)
        client_step(&t);
    end_talk(&t);
    check_output(&t, data);
    for (int i = 0; i < 3; i++)
        test_server_advance_ms(&t.server, LONG_MS);
    if (!t.client.transport.is_closed)
        test_client_reset(&t.client);
    test_server_step(&t.server);
    for (unsigned i = 0; i < APP_RUNS_MAX; i++)
        app_program_check_end(&t.program.runs[i]);
    APP_CHECK(t.client.transport.is_closed && t.server.worker.conns_n == 0);
    test_client_fini(&t.client);
    test_server_fini(&t.server);
    app_program_fini(&t.program);
}

/* By weir/test.h: the app is a serial one of two loops, at home on one of them. */
static void step_through(const uint8_t *data, size_t n)
{
    static struct app_program p;
    const weir_test_setup setup = {.runs = WEIR_TEST_ON_LOOP,
                                   .loops = 2,
                                   .serial = 1,
                                   .app_queue_bytes = data[4] & HAS_SMALL_QUEUE ? 300 : 0,
                                   .body_bytes_max = data[4] & HAS_SMALL_BODY ? 200 : 0,
                                   .cancels_half_closed = (data[4] & CANCELS) != 0};

    app_program_init(&p, data + CONTROL, n - CONTROL);
    set_content(&p, data);
    app_program_step_through(&p, &setup, &p.steps);
    app_program_fini(&p);
}

static int next_descriptor(void)
{
    int fd = dup(STDIN_FILENO);

    close(fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int before = -1;

    if (n <= CONTROL)
        return 0;
    if (data[0] & IS_STEPPED)
        step_through(data, n);
    else
        talk(data, n);
    APP_CHECK(before < 0 ||
              next_descriptor() == before); /* but for the first, which makes a file */
    before = next_descriptor();
    return 0;
}
