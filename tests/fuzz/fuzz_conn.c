/*
 * fuzz_conn.c — whatever a client sends, and however it sends and takes it: what it gets is HTTP,
 * no more answers than requests, nothing behind a refusal, and in the end nothing is left.
 *
 * The first four bytes of an input: flags (below), bytes of one part, bytes taken at once, and what
 * the client does at the end. So a readable seed is those four and requests.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "handlers/static.h"
#include "test_server.h"

#define CONTROL     4
#define LONG_MS     10000000 /* beyond every deadline */
#define TAKES_MAX   64       /* of the output, between two parts */
#define METHODS_MAX 4096

enum flag {
    IS_STATIC = 1,
    IS_LATE = 2, /* the handler keeps the exchange for a while */
    READS_BYTES = 4,
    HAS_NO_LENGTH = 8,
    HAS_NO_SENDFILE = 16,
    SAYS_PENDING = 32,
    HAS_SMALL_LIMITS = 64,
    READS_NOTHING = 128
};

enum end { ENDS_IN_SILENCE, ENDS_WITH_FIN, ENDS_WITH_RESET, IS_DRAINED, ENDS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char folder[] = "/tmp/weir-fuzz-conn-XXXXXX";

static void check(bool claim)
{
    if (!claim)
        abort();
}

/* ---- a folder of files ---- */

static void add_file(const char *name, size_t size)
{
    char path[100];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    check(f != NULL);
    for (size_t i = 0; i < size; i++)
        fputc('a' + (int)(i % 23), f);
    fclose(f);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static bool has_folder;

static void make_folder(void)
{
    char path[100];

    check(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/d", folder);
    check(mkdir(path, 0700) == 0);
    add_file("index.html", 100);
    add_file("d/index.html", 10);
    add_file("e", 0);
    add_file("l", 40000);
    has_folder = true;
    atexit(remove_folder);
}

/* ---- one run ---- */

static void configure(struct test_server *s, struct test_client *c, unsigned flags)
{
    if (flags & HAS_SMALL_LIMITS) {
        s->site.config.head_bytes_max = 200;
        s->site.config.target_bytes_max = 40;
        s->site.config.fields_max = 6;
        s->site.config.body_bytes_max = 60;
        s->site.config.discard_bytes_max = 8;
    }
    if (flags & IS_STATIC) {
        struct wr_static_setup setup = wr_static_setup_of(folder);

        check(test_server_mount(s, &wr_static_plugin, &setup, NULL) != NULL);
    }
    s->handler.serve = flags & IS_LATE         ? test_serve_read_later
                       : flags & READS_NOTHING ? test_serve_hello
                                               : test_serve_echo;
    s->handler.read_max = flags & READS_BYTES ? 1 : 0;
    s->handler.has_no_length = (flags & HAS_NO_LENGTH) != 0;
    c->transport.says_pending = (flags & SAYS_PENDING) != 0;
    if (flags & HAS_NO_SENDFILE)
        c->transport.ops.sendfile = NULL;
}

/* The late handler: answers at once, or begins to read. */
static void work(struct test_server *s, unsigned flags)
{
    if (!s->handler.held || s->handler.held->on_input)
        return;
    if (flags & READS_NOTHING)
        test_handler_answer(&s->handler);
    else
        test_handler_read(&s->handler);
}

static void let_go_of_cancelled(struct test_server *s)
{
    if (s->handler.held && s->handler.held->state == WR_EXCHANGE_CANCELLED)
        test_handler_answer(&s->handler);
}

static void send_all(struct test_server *s, struct test_client *c, struct wr_slice text,
                     const uint8_t *control)
{
    size_t part = control[1] > 0 ? control[1] : text.n, room = control[2];

    for (size_t at = 0; at < text.n; at += part) {
        size_t n = text.n - at < part ? text.n - at : part;

        if (control[0] & SAYS_PENDING)
            fake_transport_put(&c->transport, wr_slice(text.p + at, n));
        else
            fake_transport_arrive(&c->transport, wr_slice(text.p + at, n));
        test_client_event(c, EPOLLIN);
        if (room > 0)
            test_client_take(c, room, TAKES_MAX);
        work(s, control[0]);
    }
}

static void end_all(struct test_server *s, struct test_client *c, enum end end, unsigned flags)
{
    c->transport.room = FAKE_NO_LIMIT;
    if (end == ENDS_WITH_RESET)
        test_client_reset(c);
    for (int i = 0; i < 2000 && !c->transport.is_closed; i++) {
        size_t before = c->transport.out_n, unread = c->transport.in_n - c->transport.in_at;

        test_client_event(c, EPOLLIN | EPOLLOUT);
        work(s, flags);
        if (c->transport.out_n == before && c->transport.in_n - c->transport.in_at == unread)
            break;
    }
    if (end == ENDS_WITH_FIN)
        test_client_shut_down(c);
    work(s, flags);
    if (end == IS_DRAINED)
        wr_worker_drain(&s->worker);
    for (int i = 0; i < 4; i++) {
        test_server_advance_ms(s, LONG_MS);
        work(s, flags);
    }
    let_go_of_cancelled(s);
    check(c->transport.is_closed);
    check(s->worker.conns_n == 0);
    check(!s->handler.held);
    check(s->worker.out.n == 0);
}

/* ---- what came ---- */

static size_t count(struct wr_slice text, const char *what)
{
    size_t n = 0, len = strlen(what);
    const char *at;

    while (text.n >= len && (at = memmem(text.p, text.n, what, len))) {
        n++;
        text = wr_slice_from(text, (size_t)(at - text.p) + 1);
    }
    return n;
}

/* Whether each answered request was a HEAD, from the access log: the quote behind the time. */
static void read_methods(const char *log, char *methods)
{
    size_t n = 0;

    for (const char *line = log; *line && n < METHODS_MAX - 1; line = strchr(line, '\n') + 1) {
        const char *request = strstr(line, "] \"");

        check(request != NULL);
        methods[n++] = strncmp(request + 3, "HEAD ", 5) == 0 ? 'H' : 'G';
    }
    methods[n] = '\0';
}

/* The log has a line for each final response, with its status and size. */
static void check_log(const struct test_responses *r, const char *log)
{
    const char *line = log;

    for (size_t i = 0; i < r->n; i++) {
        const char *end = strchr(line, '\n'), *at = strstr(line, "] \"");
        char expected[40];

        if (r->v[i].status < 200)
            continue;
        check(end != NULL && at != NULL && at < end);
        at = strchr(at + 3, '"'); /* what clients send has its quotes escaped */
        snprintf(expected, sizeof expected, "\" %d %zu \"", r->v[i].status, r->v[i].content_n);
        check(strncmp(at, expected, strlen(expected)) == 0);
        line = end + 1;
    }
    check(*line == '\0');
}

static void check_output(const struct test_server *s, const struct test_client *c,
                         struct wr_slice text)
{
    static char methods[METHODS_MAX];
    struct test_responses r;
    size_t finals = 0, interims = 0;
    size_t heads = count(text, "\r\n\r\n"), lines = count(text, " HTTP/1.");

    read_methods(s->access_text, methods);
    test_client_responses(c, methods, &r);
    check(!r.error);
    for (size_t i = 0; i < r.n; i++) {
        check(!r.v[i].is_cut);
        check(r.v[i].status == 100 || r.v[i].status >= 200);
        if (r.v[i].status == 100)
            interims++;
        else
            finals++;
    }
    /* A request that is taken has a line and an empty line; one that is not is the last. */
    check(finals <= (heads < lines ? heads : lines) + 1);
    check(interims <= lines);
    check_log(&r, s->access_text);
    test_responses_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct test_server s;
    struct test_client c;
    struct wr_slice text;
    enum end end;

    if (n <= CONTROL)
        return 0;
    if (!has_folder)
        make_folder();
    text = wr_slice((const char *)data + CONTROL, n - CONTROL);
    end = (enum end)(data[3] % ENDS);
    test_server_init(&s);
    test_client_init(&s, &c);
    configure(&s, &c, data[0]);
    if (data[2] > 0)
        c.transport.room = data[2];
    test_client_connect(&c);
    send_all(&s, &c, text, data);
    end_all(&s, &c, end, data[0]);
    if (end != ENDS_WITH_RESET)
        check_output(&s, &c, text);
    test_client_fini(&c);
    test_server_fini(&s);
    return 0;
}
