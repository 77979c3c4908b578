#include "test_server.h"

#include <errno.h>
#include <stdlib.h>

/* ---- handler ---- */

static struct test_handler *handler_of(struct wr_exchange *x)
{
    return WR_CONTAINER_OF(x->route->handler, struct test_handler, base);
}

static void count_cancel(struct wr_exchange *x)
{
    handler_of(x)->cancelled += x->state == WR_EXCHANGE_CANCELLED;
}

static void hold(struct test_handler *h, struct wr_exchange *x)
{
    wr_exchange_ref(x);
    h->held = x;
    x->on_end = count_cancel;
}

/* The exchange, no longer held by `h`: answering may bring the next one. The ref is the caller's.
 */
static struct wr_exchange *let_go(struct test_handler *h)
{
    struct wr_exchange *x = h->held;

    h->held = NULL;
    return x;
}

static void respond_with(struct test_handler *h, struct wr_exchange *x, struct wr_slice text)
{
    int64_t length = h->has_no_length ? -1 : (int64_t)text.n;

    x->response.status = h->status;
    wr_exchange_add_field(x, WR_SLICE("Content-Type"), WR_SLICE("text/plain"));
    /* An absent text is one that there was no memory for. */
    wr_exchange_set_body(x, text.p ? test_memory_body(&x->arena, text, NULL, NULL) : NULL, length);
    wr_exchange_respond(x);
}

void test_serve_hello(struct test_handler *h, struct wr_exchange *x)
{
    respond_with(h, x, h->answer.p ? h->answer : x->request.path);
}

void test_serve_later(struct test_handler *h, struct wr_exchange *x)
{
    hold(h, x);
}

void test_handler_answer(struct test_handler *h)
{
    struct wr_exchange *x = let_go(h);

    test_serve_hello(h, x);
    wr_exchange_unref(x);
}

void test_serve_body(struct test_handler *h, struct wr_exchange *x)
{
    h->body.x = x;
    x->response.status = h->status;
    wr_exchange_set_body(x, &h->body.base, h->body_length);
    wr_exchange_respond(x);
}

static void finish_echo(struct test_handler *h, struct wr_exchange *x, ssize_t result)
{
    bool is_held = h->held == x;

    if (is_held)
        let_go(h);
    if (result < 0)
        wr_exchange_respond_error(x, x->input_status ? x->input_status : 400);
    else
        respond_with(h, x, wr_arena_dup(&x->arena, wr_slice(h->content, h->content_n)));
    if (is_held)
        wr_exchange_unref(x);
}

static void read_on(struct wr_exchange *x)
{
    struct test_handler *h = handler_of(x);
    ssize_t n;

    do {
        size_t room = TEST_CONTENT_MAX - h->content_n;

        n = wr_exchange_read(x, h->content + h->content_n,
                             h->read_max > 0 && h->read_max < room ? h->read_max : room);
        if (n > 0)
            h->content_n += (size_t)n;
    } while (n > 0);
    h->read_result = n;
    if (n != -EAGAIN)
        finish_echo(h, x, n);
}

static void on_input(struct wr_exchange *x)
{
    handler_of(x)->inputs++;
    read_on(x);
}

void test_serve_echo(struct test_handler *h, struct wr_exchange *x)
{
    h->content_n = 0;
    x->on_input = on_input;
    x->on_end = count_cancel;
    read_on(x);
}

void test_serve_read_later(struct test_handler *h, struct wr_exchange *x)
{
    h->content_n = 0;
    hold(h, x);
}

void test_handler_read(struct test_handler *h)
{
    h->held->on_input = on_input;
    read_on(h->held);
}

static void serve(struct wr_handler *base, struct wr_exchange *x)
{
    struct test_handler *h = WR_CONTAINER_OF(base, struct test_handler, base);

    h->served++;
    h->serve(h, x);
}

static void free_nothing(struct wr_handler *base)
{
    (void)base;
}

static const struct wr_handler_ops handler_ops = {
    .name = "test", .serve = serve, .free = free_nothing};

/* ---- body ---- */

static struct test_body *body_of(struct wr_body *b)
{
    return WR_CONTAINER_OF(b, struct test_body, base);
}

static int body_peek(struct wr_body *base, struct wr_piece *out, int max)
{
    struct test_body *b = body_of(base);

    (void)max;
    if (b->closed > 0)
        abort();
    if (b->is_slow && !b->has_piece)
        return -EAGAIN;
    if (b->at == b->n)
        return b->end_error;
    *out = (struct wr_piece){
        .mem = b->pieces[b->at].p + b->offset, .fd = -1, .len = b->pieces[b->at].n - b->offset};
    return 1;
}

static void body_advance(struct wr_body *base, size_t n)
{
    struct test_body *b = body_of(base);

    if (n > b->pieces[b->at].n - b->offset)
        abort();
    b->offset += n;
    if (b->offset < b->pieces[b->at].n)
        return;
    b->offset = 0;
    b->at++;
    b->has_piece = false;
}

static void body_close(struct wr_body *base)
{
    body_of(base)->closed++;
}

static const struct wr_body_ops body_ops = {body_peek, body_advance, body_close};

void test_body_go_on(struct test_handler *h)
{
    h->body.has_piece = true;
    if (h->body.closed == 0)
        wr_exchange_body_ready(h->body.x);
}

/* ---- server ---- */

static void append_line(char **text, size_t *n, const char *line, size_t line_n)
{
    char *grown = realloc(*text, *n + line_n + 2);

    if (!grown)
        abort();
    memcpy(grown + *n, line, line_n);
    *n += line_n;
    grown[(*n)++] = '\n';
    grown[*n] = '\0';
    *text = grown;
}

/* Apps in threads log too. */
static void keep_log_line(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    struct test_server *s = ctx;

    (void)level;
    pthread_mutex_lock(&s->log_lock);
    append_line(&s->log_text, &s->log_n, line, n);
    pthread_mutex_unlock(&s->log_lock);
}

static void keep_access_line(void *ctx, const char *line, size_t n)
{
    struct test_server *s = ctx;

    append_line(&s->access_text, &s->access_n, line, n);
}

/* A pool that is not started keeps what it is given; one that was stopped does it at once. */
static void new_helpers(struct test_server *s)
{
    const struct wr_pool_setup setup = {.threads = 1, .queue_max = 64, .name = "test"};

    s->site.makers = s->site.helpers = s->helpers = wr_pool_new(&setup);
    if (!s->helpers)
        abort();
}

void test_server_init(struct test_server *s)
{
    *s = (struct test_server){
        /* the time of RFC 9110's examples: Sun, 06 Nov 1994 08:49:37 GMT */
        .time = {.now_ms = 1000, .wall_ns = 784111777LL * 1000000000},
        .site = {.config = wr_config_default,
                 .log = {keep_log_line, s, WR_LOG_DEBUG},
                 .access_log = {.write = keep_access_line, .ctx = s}},
        .log_lock = PTHREAD_MUTEX_INITIALIZER,
        .handler = {.base = {.ops = &handler_ops},
                    .serve = test_serve_hello,
                    .status = 200,
                    .content = malloc(TEST_CONTENT_MAX),
                    .body = {.base = {&body_ops}}},
        .log_text = calloc(1, 1),
        .access_text = calloc(1, 1),
    };
    s->clock = wr_fake_clock_of(&s->time);
    s->route = (struct wr_route){.path = WR_SLICE(""), .handler = &s->handler.base};
    s->site.router = (struct wr_router){.v = &s->route, .n = 1};
    if (!s->handler.content || !s->log_text || !s->access_text ||
        wr_worker_init(&s->worker, &s->clock, &s->site) < 0)
        abort();
    new_helpers(s);
    wr_pool_stop(s->helpers);
}

static bool start_mounted(struct test_server *s, char *why)
{
    const struct wr_handler_ops *ops = s->mounted->ops;
    struct wr_worker *worker = &s->worker;

    return ops->prepare(s->mounted, &worker, 1, why) == 0 &&
           ops->start_loop(s->mounted, 0, why) == 0 && ops->start(s->mounted, why) == 0;
}

static void stop_mounted(struct test_server *s)
{
    const struct wr_handler_ops *ops = s->mounted->ops;

    ops->stop(s->mounted);
    ops->stop_loop(s->mounted, 0);
    ops->free(s->mounted);
}

struct wr_handler *test_server_mount(struct test_server *s, const weir_plugin *plugin, void *state,
                                     const char *config)
{
    struct wr_mount_setup setup = {.plugin = plugin,
                                   .route = "/",
                                   .config = config,
                                   .config_label = "config",
                                   .state = state,
                                   .log = &s->site.log,
                                   .threads = 2,
                                   .queue_max = 4,
                                   .coroutines = 4};
    char why[WR_WHY_MAX];
    int32_t err;

    s->mounted = wr_mount_new(&setup, why, &err);
    if (s->mounted && start_mounted(s, why)) {
        s->route.handler = s->mounted;
        return s->mounted;
    }
    wr_log(&s->site.log, WR_LOG_ERROR, "%s", why);
    if (s->mounted)
        stop_mounted(s);
    return s->mounted = NULL;
}

void test_server_hold_helpers(struct test_server *s)
{
    wr_pool_free(s->helpers);
    new_helpers(s);
}

void test_server_run_helpers(struct test_server *s)
{
    wr_pool_stop(s->helpers);
    test_server_step(s);
}

static void unmount(struct test_server *s)
{
    wr_worker_close_conns(&s->worker);
    wr_pool_stop(s->helpers);
    do
        s->mounted->ops->wait(s->mounted);
    while (wr_loop_run_tasks(s->worker.loop));
    stop_mounted(s);
}

void test_server_fini(struct test_server *s)
{
    if (s->mounted)
        unmount(s);
    wr_pool_free(s->helpers);
    wr_worker_fini(&s->worker);
    free(s->handler.content);
    free(s->log_text);
    free(s->access_text);
}

void test_server_step(struct test_server *s)
{
    if (wr_loop_step(s->worker.loop, 0) < 0)
        abort();
}

void test_server_advance_ms(struct test_server *s, int64_t ms)
{
    wr_fake_clock_advance(&s->time, ms);
    test_server_step(s);
}

/* ---- client ---- */

void test_client_init(struct test_server *s, struct test_client *c)
{
    *c = (struct test_client){.server = s};
    fake_transport_init(&c->transport);
}

void test_client_connect(struct test_client *c)
{
    static const struct wr_peer peer = {{192, 0, 2, 7}, AF_INET, 50000, 80};
    struct wr_worker *w = &c->server->worker;

    if (wr_conn_open(w, &c->transport.base, -1, &peer) < 0)
        abort();
    if (!c->transport.is_closed)
        c->conn = WR_CONTAINER_OF(w->conns.prev, struct wr_conn, link);
    test_server_step(c->server);
}

void test_client_open(struct test_server *s, struct test_client *c)
{
    test_client_init(s, c);
    test_client_connect(c);
}

void test_client_fini(struct test_client *c)
{
    if (c->conn && !c->transport.is_closed)
        wr_conn_close(c->conn);
    test_server_step(c->server); /* frees it */
    fake_transport_fini(&c->transport);
}

void test_client_event(struct test_client *c, uint32_t events)
{
    if (!c->transport.is_closed)
        wr_conn_on_io(c->conn, events);
    test_server_step(c->server);
}

void test_client_send_slice(struct test_client *c, struct wr_slice bytes)
{
    fake_transport_arrive(&c->transport, bytes);
    test_client_event(c, EPOLLIN);
}

void test_client_send(struct test_client *c, const char *text)
{
    test_client_send_slice(c, wr_slice_of(text));
}

void test_client_shut_down(struct test_client *c)
{
    c->transport.is_eof = true;
    test_client_event(c, EPOLLIN | EPOLLRDHUP);
}

void test_client_reset(struct test_client *c)
{
    c->transport.read_error = -ECONNRESET;
    c->transport.fail_at = 0;
    c->transport.write_error = -ECONNRESET;
    test_client_event(c, EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
}

void test_client_take(struct test_client *c, size_t bytes, unsigned times)
{
    for (unsigned i = 0; i < times && !c->transport.is_closed; i++) {
        size_t before = c->transport.out_n;

        c->transport.room = bytes;
        test_client_event(c, EPOLLOUT);
        if (c->transport.out_n == before)
            break;
    }
}
