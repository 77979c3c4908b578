/*
 * test.c — weir/test.h: a protocol without bytes. It makes exchanges from the test's requests and
 * pulls their bodies; everything from dispatch on is the server's own code.
 */
#include <weir/test.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/image.h"
#include "app/mount.h"
#include "http/status.h"
#include "server/dispatch.h"

#define THREADS   2
#define QUEUE_MAX 16
#define STEP_MS   1000
#define STEPS_MAX 60 /* without a sign of the app: it waits for what will never come */

/* Bytes that grow. */
struct text {
    char *p;
    size_t n, cap;
};

struct weir_test {
    struct wr_site site;
    struct wr_images images;
    struct wr_worker worker;
    bool has_worker;
    char *error; /* NULL: it is loaded */

    pthread_mutex_t log_lock;
    struct text messages;

    /* the request that is under way */
    const weir_test_request *request;
    size_t arrived, read;
    bool wants_input, is_responding, is_done;
    bool may_pull; /* the body has not said that it has nothing for now */

    weir_test_response response;
    weir_header *fields;
    size_t fields_n;
    struct text body;
};

static bool append(struct text *t, const void *p, size_t n)
{
    size_t cap = t->cap > 0 ? t->cap : 1024;
    char *grown;

    while (cap - t->n <= n)
        cap *= 2;
    if (cap > t->cap) {
        grown = realloc(t->p, cap);
        if (!grown)
            return false;
        t->p = grown;
        t->cap = cap;
    }
    if (n > 0)
        memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
    return true;
}

static void write_log(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    static const char *const names[] = {"error: ", "warning: ", "info: ", "debug: "};
    struct weir_test *t = ctx;

    pthread_mutex_lock(&t->log_lock);
    if (append(&t->messages, names[level], strlen(names[level])) && append(&t->messages, line, n))
        append(&t->messages, "\n", 1);
    pthread_mutex_unlock(&t->log_lock);
}

const char *weir_test_log(const weir_test *t)
{
    return t->messages.p ? t->messages.p : "";
}

void weir_test_clear_log(weir_test *t)
{
    pthread_mutex_lock(&t->log_lock);
    t->messages.n = 0;
    if (t->messages.p)
        t->messages.p[0] = '\0';
    pthread_mutex_unlock(&t->log_lock);
}

const char *weir_test_error(const weir_test *t)
{
    return t->error;
}

/* ---- life ---- */

static struct wr_handler *handler_of(struct weir_test *t)
{
    return t->site.router.n > 0 ? t->site.router.v[0].handler : NULL;
}

/* 0, or -1 with `why` filled. */
static int mount(struct weir_test *t, const struct wr_mount_setup *setup, char *why)
{
    struct wr_worker *worker = &t->worker;
    const char *expected = NULL;
    int32_t error = 0;
    struct wr_handler *handler = wr_mount_new(setup, why, &error);
    int err;

    if (!handler)
        return -1;
    err = wr_router_add(&t->site.router, setup->route, handler, &expected);
    if (err < 0) {
        handler->ops->free(handler);
        snprintf(why, WR_WHY_MAX, "the route %s: %s%s", setup->route, expected ? "expected " : "",
                 expected ? expected : strerrordesc_np(-err));
        return -1;
    }
    err = wr_site_prepare(&t->site, &worker, 1, why);
    if (err == 0)
        err = wr_site_start_loop(&t->site, 0, why);
    if (err == 0)
        err = wr_site_start(&t->site, why);
    return err < 0 ? -1 : 0;
}

static weir_test *make(const weir_plugin *plugin, const char *file, const char *route,
                       const char *config)
{
    struct weir_test *t = calloc(1, sizeof *t);
    struct wr_mount_setup setup = {.plugin = plugin,
                                   .route = route ? route : "/",
                                   .config = config,
                                   .config_label = "config",
                                   .threads = THREADS,
                                   .queue_max = QUEUE_MAX};
    char why[WR_WHY_MAX] = "out of memory";
    int32_t error = 0;

    if (!t)
        return NULL;
    pthread_mutex_init(&t->log_lock, NULL);
    t->site.config = wr_config_default;
    t->site.log = (struct wr_log){write_log, t, WR_LOG_DEBUG};
    setup.log = &t->site.log;
    wr_images_init(&t->images);
    if (wr_worker_init(&t->worker, &wr_clock_system, &t->site) < 0)
        goto fail;
    t->has_worker = true;
    if (file) {
        setup.image = wr_image_open(&t->images, file, why, &error);
        if (!setup.image)
            goto fail;
        setup.plugin = wr_image_plugin(setup.image);
    }
    if (mount(t, &setup, why) == 0)
        return t;
fail:
    t->error = strdup(why);
    if (t->error)
        return t;
    weir_test_free(t);
    return NULL;
}

weir_test *weir_test_new(const weir_plugin *plugin, const char *route, const char *config)
{
    return make(plugin, NULL, route, config);
}

weir_test *weir_test_open(const char *file, const char *route, const char *config)
{
    return make(NULL, file, route, config);
}

/* Until nothing of the app is under way. */
static void settle(struct weir_test *t)
{
    struct wr_handler *h = handler_of(t);

    do {
        if (h)
            h->ops->wait(h);
    } while (wr_loop_run_tasks(t->worker.loop));
}

static void forget_response(struct weir_test *t)
{
    for (size_t i = 0; i < t->fields_n; i++) {
        free((char *)(uintptr_t)t->fields[i].name);  /* NOLINT(performance-no-int-to-ptr) */
        free((char *)(uintptr_t)t->fields[i].value); /* NOLINT(performance-no-int-to-ptr) */
    }
    free(t->fields);
    t->fields = NULL;
    t->fields_n = 0;
    t->body.n = 0;
    memset(&t->response, 0, sizeof t->response);
}

void weir_test_free(weir_test *t)
{
    if (!t)
        return;
    if (t->has_worker)
        settle(t);
    wr_site_stop(&t->site);
    wr_site_stop_loop(&t->site, 0);
    wr_site_fini(&t->site);
    if (t->has_worker)
        wr_worker_fini(&t->worker);
    forget_response(t);
    wr_images_fini(&t->images);
    pthread_mutex_destroy(&t->log_lock);
    free(t->messages.p);
    free(t->body.p);
    free(t->error);
    free(t);
}

/* ---- the stream of an exchange ---- */

static void on_respond(struct wr_exchange *x)
{
    struct weir_test *t = x->stream_data;

    t->is_responding = t->may_pull = true;
}

static void on_body_ready(struct wr_exchange *x)
{
    struct weir_test *t = x->stream_data;

    t->may_pull = true;
}

static ssize_t read_content(struct wr_exchange *x, void *dst, size_t n)
{
    struct weir_test *t = x->stream_data;
    size_t there = t->arrived - t->read;

    if (there == 0 && t->arrived < t->request->body_size) {
        t->wants_input = true;
        return -EAGAIN;
    }
    if (n > there)
        n = there;
    if (n > 0)
        memcpy(dst, (const char *)t->request->body + t->read, n);
    t->read += n;
    return (ssize_t)n;
}

static const struct wr_stream_ops stream_ops = {
    .respond = on_respond, .body_ready = on_body_ready, .read = read_content};

/* ---- a request ---- */

static struct wr_slice method_of(const weir_test_request *r)
{
    if (r->method)
        return wr_slice_of(r->method);
    return r->body_size > 0 ? WR_SLICE("POST") : WR_SLICE("GET");
}

static bool set_target(struct wr_exchange *x, const char *text)
{
    struct wr_request *r = &x->request;
    struct wr_target target;
    char *path;

    r->target = wr_slice_of(text);
    if (!wr_target_split(r->target, r->method == WR_METHOD_CONNECT, r->method == WR_METHOD_OPTIONS,
                         &target))
        return false;
    r->form = target.form;
    r->host = target.authority; /* else that of the field */
    r->is_https = wr_target_is_https(&target);
    r->query = target.query;
    if (target.form == WR_TARGET_AUTHORITY || target.form == WR_TARGET_ASTERISK)
        return true;
    path = wr_arena_alloc(&x->arena, target.raw_path.n + 1);
    return path && wr_target_decode_path(target.raw_path, path, &r->path);
}

static bool set_fields(struct wr_exchange *x, const weir_test_request *request)
{
    struct wr_fields *f = &x->request.fields;
    char length[24];
    struct wr_slice copy;

    assert(f->v); /* wr_exchange_new() */
    for (const weir_header *h = request->fields; h && h->name; h++)
        if (!wr_fields_add(f, wr_slice_of(h->name), wr_slice_of(h->value)))
            return false;
    if (!wr_fields_find(f, WR_FIELD_HOST) &&
        !wr_fields_add(f, WR_SLICE("Host"), WR_SLICE("localhost")))
        return false;
    if (!x->request.host.p)
        x->request.host = wr_fields_get(f, WR_FIELD_HOST);
    if (request->body_size == 0 || wr_fields_find(f, WR_FIELD_CONTENT_LENGTH))
        return true;
    snprintf(length, sizeof length, "%zu", request->body_size);
    copy = wr_arena_dup(&x->arena, wr_slice_of(length));
    return copy.p && wr_fields_add(f, WR_SLICE("Content-Length"), copy);
}

static bool set_request(struct wr_exchange *x, const weir_test_request *request)
{
    struct wr_request *r = &x->request;

    r->method_token = method_of(request);
    if (!wr_is_token(r->method_token))
        return false;
    r->method = wr_method_of(r->method_token);
    r->version = WR_SLICE("HTTP/1.1");
    r->content_length = (int64_t)request->body_size;
    r->peer =
        (struct wr_peer){.ip = {127, 0, 0, 1}, .family = AF_INET, .port = 50000, .own_port = 80};
    return set_target(x, request->target ? request->target : "/") && set_fields(x, request);
}

/* ---- its response ---- */

static bool keep_field(struct weir_test *t, struct wr_slice name, struct wr_slice value)
{
    weir_header *grown = realloc(t->fields, (t->fields_n + 2) * sizeof *grown);

    if (!grown)
        return false;
    t->fields = grown;
    grown[t->fields_n] = (weir_header){strndup(name.p, name.n), strndup(value.p, value.n)};
    grown[t->fields_n + 1] = (weir_header){NULL, NULL};
    t->fields_n++;
    return grown[t->fields_n - 1].name && grown[t->fields_n - 1].value;
}

static bool keep_head(struct weir_test *t, const struct wr_response *r)
{
    char length[24];
    bool is_kept = true;

    t->response.status = r->status;
    for (unsigned i = 0; i < r->n && is_kept; i++)
        is_kept = keep_field(t, r->fields[i].name, r->fields[i].value);
    if (is_kept && r->length >= 0 && r->status != 304 && r->status != 204) {
        snprintf(length, sizeof length, "%lld", (long long)r->length);
        is_kept = keep_field(t, WR_SLICE("Content-Length"), wr_slice_of(length));
    }
    return is_kept;
}

static ssize_t keep_piece(struct weir_test *t, const struct wr_piece *piece, size_t n)
{
    char buffer[4096];
    ssize_t got;

    if (piece->mem)
        return append(&t->body, piece->mem, n) ? (ssize_t)n : -ENOMEM;
    got = pread(piece->fd, buffer, n < sizeof buffer ? n : sizeof buffer, piece->off);
    if (got <= 0)
        return got < 0 ? -errno : -EIO; /* shorter than was promised */
    return append(&t->body, buffer, (size_t)got) ? got : -ENOMEM;
}

static void end_body(struct weir_test *t, bool is_cut)
{
    t->response.is_cut = is_cut;
    t->is_done = true;
}

static bool has_content(const struct wr_exchange *x)
{
    const struct wr_response *r = &x->response;

    return x->request.method != WR_METHOD_HEAD && !wr_status_is_bodiless(r->status) &&
           r->length != 0 && r->body;
}

/* Pulls the body as far as it goes, as a protocol does that never blocks. */
static void pull_body(struct weir_test *t, struct wr_exchange *x)
{
    const struct wr_response *r = &x->response;
    struct wr_body *body = r->body;
    struct wr_piece piece;

    if (!has_content(x)) {
        end_body(t, false);
        return;
    }
    while (r->length < 0 || t->body.n < (uint64_t)r->length) {
        int count = body->ops->peek(body, &piece, 1);
        ssize_t n;

        if (count == -EAGAIN) {
            t->may_pull = false;
            return;
        }
        if (count <= 0) {
            end_body(t, count < 0 || r->length >= 0);
            return;
        }
        n = keep_piece(t, &piece, piece.len);
        if (n < 0) {
            end_body(t, true);
            return;
        }
        body->ops->advance(body, (size_t)n);
    }
    end_body(t, false);
}

/* One turn: content arrives, the app hears of it, the body is asked. */
static void turn(struct weir_test *t, struct wr_exchange *x)
{
    size_t left = t->request->body_size - t->arrived, piece = t->request->piece;
    bool has_news = left > 0;

    t->arrived += piece > 0 && piece < left ? piece : left;
    if (t->wants_input && x->on_input && has_news) {
        t->wants_input = false;
        x->on_input(x);
    }
    if (t->is_responding && t->may_pull)
        pull_body(t, x);
}

static void run(struct weir_test *t, struct wr_exchange *x)
{
    int idle = 0;

    wr_dispatch(x);
    for (turn(t, x); !t->is_done; turn(t, x)) {
        bool has_more = t->arrived < t->request->body_size;

        if (wr_loop_step(t->worker.loop, has_more ? 0 : STEP_MS) > 0 || has_more)
            idle = 0;
        else if (++idle == STEPS_MAX)
            end_body(t, true);
    }
    if (t->is_responding && !keep_head(t, &x->response))
        t->response.is_cut = true;
}

const weir_test_response *weir_test_call(weir_test *t, const weir_test_request *request)
{
    static const weir_header none = {NULL, NULL};
    struct wr_exchange *x;
    bool is_valid;

    forget_response(t);
    if (t->error)
        return NULL;
    x = wr_exchange_new(&t->worker, &stream_ops, t);
    if (!x)
        return NULL;
    t->request = request;
    t->arrived = request->piece > 0 ? 0 : request->body_size;
    t->read = 0;
    t->wants_input = t->is_responding = t->is_done = false;
    is_valid = set_request(x, request) && append(&t->body, "", 0);
    if (is_valid)
        run(t, x);
    else
        wr_log(&t->site.log, WR_LOG_ERROR, "there is no such request: %s %s",
               request->method ? request->method : "GET", request->target ? request->target : "/");
    wr_exchange_end(x);
    settle(t);
    t->response.fields = t->fields ? t->fields : &none;
    t->response.body = t->body.p;
    t->response.body_size = t->body.n;
    return is_valid ? &t->response : NULL;
}

const weir_test_response *weir_test_get(weir_test *t, const char *target)
{
    weir_test_request request = {0};

    request.target = target;
    return weir_test_call(t, &request);
}

const char *weir_test_field(const weir_test_response *r, const char *name)
{
    for (const weir_header *h = r->fields; h->name; h++)
        if (wr_slice_ieq(wr_slice_of(h->name), wr_slice_of(name)))
            return h->value;
    return NULL;
}
