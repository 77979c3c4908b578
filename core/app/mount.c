#include "app/mount.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "app/app_body.h"
#include "app/image.h"
#include "app/input.h"
#include "app/plugin_config.h"
#include "app/remote.h"
#include "app/start.h"
#include "http/status.h"
#include "server/dispatch.h"

#define FULL_LOG_S 10 /* a full queue is said once in so many seconds */

static struct wr_mount *mount_of(struct wr_handler *h)
{
    return WR_CONTAINER_OF(h, struct wr_mount, base);
}

/* ---- messages ---- */

void wr_mount_log(struct wr_environ *e, int32_t level, bool is_fault, const char *fmt, va_list ap)
{
    const struct wr_mount *m = e->mount;
    const struct wr_request *r = &e->x->request;
    char text[WR_LOG_LINE_MAX], message[WR_LOG_LINE_MAX], id[WR_EXCHANGE_ID_MAX];
    struct wr_buf b = wr_buf_on(text, sizeof text);

    if (level < WEIR_LOG_ERROR || level > WEIR_LOG_DEBUG)
        level = level < WEIR_LOG_ERROR ? WEIR_LOG_ERROR : WEIR_LOG_DEBUG;
    if (!m->log->write || (int)m->log->level < level)
        return;
    vsnprintf(message, sizeof message, fmt, ap);
    wr_buf_printf(&b, "%s at %s, request ", m->plugin.name, m->route);
    wr_buf_append(&b, id, wr_exchange_id(e->x, id));
    if (is_fault)
        wr_buf_printf(&b, ", %.*s %.*s", (int)r->method_token.n, r->method_token.p,
                      r->target.n < 256 ? (int)r->target.n : 256, r->target.p);
    wr_log(m->log, (enum wr_log_level)level, "%.*s: %s", (int)b.n, b.p, message);
}

/* ---- from what an app returned to a response ---- */

static void respond(struct wr_environ *e, int64_t length)
{
    struct wr_exchange *x = e->x;

    e->is_started = e->is_responding = true;
    x->response.status = e->status;
    wr_app_body_open(e);
    wr_exchange_set_body(x, e->ours ? e->ours : &e->out, length);
    wr_exchange_respond(x);
}

static void respond_page(struct wr_environ *e, int status)
{
    e->is_started = e->is_responding = true;
    wr_exchange_respond_error(e->x, status);
}

/* Nothing was sent yet: the client gets a page. */
static void respond_failed(struct wr_environ *e)
{
    int status = e->error == WEIR_ENOMEM ? 503 : 500;

    if (e->error == e->broken && !e->has_logged) /* the content is broken, and not the app */
        status = e->x->input_status ? e->x->input_status : 400;
    wr_exchange_clear_response(e->x);
    respond_page(e, status);
}

/* No content will be sent, whatever the body has. */
static bool is_unread(const struct wr_environ *e)
{
    return e->x->request.method == WR_METHOD_HEAD || wr_status_is_bodiless(e->status) ||
           e->status == 205;
}

/* An iterable of which nothing is wanted: unless it is still to call start_response. */
static bool is_never_asked(const struct wr_environ *e)
{
    return e->status != 0 && is_unread(e);
}

/* A body whose size is known. */
static void conclude_sized(struct wr_environ *e, uint64_t size)
{
    bool is_head = e->x->request.method == WR_METHOD_HEAD;
    int64_t length = (int64_t)size;

    if (e->status == 0) {
        wr_start_fault(e, WEIR_ESTATE, "it returned without start_response");
    } else if (size > INT64_MAX) {
        wr_start_fault(e, WEIR_EINVAL, "a body of %llu bytes", (unsigned long long)size);
    } else if (e->declared >= 0 && e->declared != length && !is_unread(e)) {
        wr_start_fault(e, WEIR_EINVAL, "the body has %llu bytes, its Content-Length is %lld",
                       (unsigned long long)size, (long long)e->declared);
    }
    if (e->error < 0) {
        respond_failed(e);
        return;
    }
    if (e->declared >= 0)
        length = e->declared;
    else if (is_head && e->body.kind == WEIR_BODY_EMPTY)
        length = -1; /* an app that knows HEAD and leaves the content out: its size is not 0 */
    respond(e, e->status == 205 ? 0 : length);
}

/* How much of the file there is; what was promised must be there (RFC 9112 6.3). */
static void conclude_file(struct wr_environ *e)
{
    weir_body *b = &e->body;
    struct stat st;

    if (fstat((int)b->fd, &st) < 0)
        wr_start_fault(e, WEIR_EINVAL, "weir_file: descriptor %lld: %s", (long long)b->fd,
                       strerrordesc_np(errno));
    else if (!S_ISREG(st.st_mode))
        wr_start_fault(e, WEIR_EINVAL, "weir_file: descriptor %lld is not a regular file",
                       (long long)b->fd);
    else if (b->offset > (uint64_t)st.st_size ||
             (b->size != WEIR_TO_END && b->size > (uint64_t)st.st_size - b->offset))
        wr_start_fault(
            e, WEIR_EINVAL, "weir_file: the file has %lld bytes, too few for %llu + %llu",
            (long long)st.st_size, (unsigned long long)b->offset, (unsigned long long)b->size);
    else if (b->size == WEIR_TO_END)
        b->size = (uint64_t)st.st_size - b->offset;
    conclude_sized(e, e->error < 0 ? 0 : b->size);
}

/* The head goes out with the first piece, since it may still change before. */
static void conclude_iterable(struct wr_environ *e)
{
    if (is_never_asked(e)) {
        respond(e, e->status == 205 ? 0 : e->declared);
        return;
    }
    e->has_pulled = true;
    switch (e->pulled) {
    case WEIR_CHUNK:
        if (e->chunk.size > 0)
            respond(e, e->declared);
        else
            wr_environ_wake(&e->base); /* empty pieces only, so far */
        break;
    case WEIR_AGAIN:
        if (e->status != 0 && e->declared == 0) { /* there is nothing to wait for */
            respond(e, 0);
            break;
        }
        e->has_pulled = false;
        e->is_awaiting = true;
        if (e->wants_input)
            wr_input_await(e);
        break;
    case WEIR_END:
        respond(e, e->declared >= 0 ? e->declared : 0);
        break;
    default:
        respond_failed(e);
    }
}

/* What the app said of its own content does not hold for a page of ours. */
static void drop_content_fields(struct wr_environ *e, int status)
{
    static const char *const names[] = {"Content-Type",        "Content-Encoding",
                                        "Content-Language",    "Content-Location",
                                        "Content-Disposition", "ETag",
                                        "Last-Modified"};

    if (status == 304) /* it is about the content that the client has */
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        wr_start_drop_field(e, wr_slice_of(names[i]));
    if (status != 416) /* where it has the size alone, RFC 9110 14.4 */
        wr_start_drop_field(e, WR_SLICE("Content-Range"));
}

static void conclude_page(struct wr_environ *e)
{
    int64_t status = e->body.status;

    if (status < 300 || status > 599)
        wr_start_fault(e, WEIR_EINVAL, "weir_error with the status %lld", (long long)status);
    if (e->error < 0) {
        respond_failed(e);
        return;
    }
    drop_content_fields(e, (int)status);
    e->x->response.reason = wr_slice(NULL, 0);
    respond_page(e, (int)status);
}

static void conclude_declined(struct wr_environ *e)
{
    struct wr_exchange *x = e->x;

    if (e->has_read) { /* the next one would take the rest for all of it */
        wr_start_fault(e, WEIR_ESTATE, "weir_decline after weir_read");
        respond_failed(e);
        return;
    }
    wr_start_clear(e);
    e->is_started = e->is_responding = true; /* it has had its say */
    x->on_input = NULL;
    wr_dispatch_next(x);
}

void wr_mount_conclude(struct wr_environ *e)
{
    if (e->error < 0) {
        respond_failed(e);
        return;
    }
    switch (e->body.kind) {
    case WEIR_BODY_EMPTY:
        conclude_sized(e, 0);
        break;
    case WEIR_BODY_MEMORY:
        if (!e->body.data && e->body.size > 0 && !e->ours)
            wr_start_fault(e, WEIR_EINVAL, "a body of %llu bytes at NULL",
                           (unsigned long long)e->body.size);
        conclude_sized(e, e->body.size);
        break;
    case WEIR_BODY_FILE:
        conclude_file(e);
        break;
    case WEIR_BODY_ITERABLE:
        conclude_iterable(e);
        break;
    case WEIR_BODY_ERROR:
        conclude_page(e);
        break;
    case WEIR_BODY_DECLINE:
        conclude_declined(e);
        break;
    case WEIR_BODY_LATER:
        if (e->is_later)
            break;
        wr_start_fault(e, WEIR_ENOTSUP, "weir_later and weir_next are not yet there");
        respond_failed(e);
        break;
    default:
        wr_start_fault(e, WEIR_EINVAL, "a body of the unknown kind %u", (unsigned)e->body.kind);
        respond_failed(e);
    }
}

void wr_builtin_finish(weir_environ *env, weir_body body)
{
    struct wr_environ *e = wr_environ_of(env);

    e->is_later = false;
    e->body = body;
    wr_mount_conclude(e);
}

/* ---- calling it ---- */

void wr_mount_call(struct wr_environ *e)
{
    e->body = e->mount->plugin.app(&e->base, wr_start_response);
    if (e->body.kind != WEIR_BODY_ITERABLE)
        return;
    if (!e->body.next)
        wr_start_fault(e, WEIR_EINVAL, "an iterable without next");
    if (e->error < 0 || is_never_asked(e))
        return;
    wr_app_body_pull(e);
}

/* What comes is more than the threads and their queue take. */
static void refuse_full(struct wr_environ *e)
{
    struct wr_mount *m = e->mount;
    long long now_s = wr_loop_wall_s(e->x->worker->loop);
    long long before_s = atomic_load(&m->full_at_s);

    if (now_s - before_s >= FULL_LOG_S &&
        atomic_compare_exchange_strong(&m->full_at_s, &before_s, now_s))
        wr_log(m->log, WR_LOG_WARN,
               "%s at %s: its %d threads are busy and %zu requests wait: others get a 503",
               m->plugin.name, m->route, m->threads, m->queue_max);
    wr_exchange_add_field(e->x, WR_SLICE("Retry-After"), WR_SLICE("1"));
    respond_page(e, 503);
}

static void call(struct wr_environ *e)
{
    if (e->remote) {
        if (!wr_remote_call(e))
            refuse_full(e);
        return;
    }
    wr_mount_call(e);
    wr_mount_conclude(e);
}

void wr_mount_serve_gathered(struct wr_environ *e)
{
    call(e);
}

void wr_mount_resume(struct wr_environ *e)
{
    if (e->remote && wr_remote_note_wake(e))
        return;
    e->is_awaiting = false;
    if (e->is_responding) {
        wr_exchange_body_ready(e->x);
    } else if (e->remote) {
        wr_remote_pull(e);
    } else {
        wr_app_body_pull(e);
        wr_mount_conclude(e);
    }
}

/* ---- waking ---- */

/* The last that is posted for a request that has ended meanwhile lets go of it. */
static void on_wake(struct wr_task *task)
{
    struct wr_environ *e = WR_CONTAINER_OF(task, struct wr_environ, wake);

    atomic_store(&e->is_woken, false);
    if (!e->is_ended)
        wr_mount_resume(e);
    else if (e->remote)
        wr_remote_try_end(e);
    else
        wr_exchange_unref(e->x);
}

int32_t wr_environ_wake(weir_environ *env)
{
    struct wr_environ *e = wr_environ_of(env);

    if (!atomic_exchange(&e->is_woken, true))
        wr_loop_post(e->x->worker->loop, &e->wake);
    return 0;
}

/* ---- the end ---- */

bool wr_mount_has_end(const struct wr_environ *e)
{
    return e->deferred || e->body.close ||
           (e->body.kind == WEIR_BODY_FILE && e->body.flags & WEIR_CLOSE_FD);
}

void wr_mount_end(struct wr_environ *e)
{
    wr_app_body_close(e);
    while (e->deferred) {
        struct wr_deferred *d = e->deferred, it = *d;

        e->deferred = it.next;
        if (it.is_own)
            free(d);
        it.fn(it.arg);
    }
}

static void end_here(struct wr_environ *e)
{
    if (wr_mount_has_end(e))
        wr_mount_end(e);
    wr_input_free(e);
    if (atomic_load(&e->is_woken))
        wr_exchange_ref(e->x); /* until the wake has come */
}

/* One after the other, since they share the arena: one that ends elsewhere goes on with the rest. */
void wr_mount_end_chain(struct wr_environ *e)
{
    while (e && !e->remote) {
        struct wr_environ *previous = e->previous;

        end_here(e);
        e = previous;
    }
    if (e)
        wr_remote_end(e);
}

/* Nothing but to be forgotten: most. */
static bool has_nothing_left(const struct wr_environ *e)
{
    return !e->previous && !e->remote && !e->content && !e->deferred && !e->body.close &&
           e->body.kind != WEIR_BODY_FILE && !atomic_load(&e->is_woken);
}

static void on_end(struct wr_exchange *x)
{
    if (has_nothing_left(x->handler_data))
        return;
    for (struct wr_environ *e = x->handler_data; e; e = e->previous) {
        e->is_ended = true;
        if (e->remote)
            wr_remote_tell_gone(e);
    }
    wr_mount_end_chain(x->handler_data);
}

/* ---- the handler ---- */

static struct wr_environ *make_environ(struct wr_mount *m, struct wr_exchange *x)
{
    struct wr_environ *e = wr_arena_alloc(&x->arena, sizeof *e);
    bool is_elsewhere = m->pool || (m->home && m->home != x->worker);

    if (!e)
        return NULL;
    memset(e, 0, sizeof *e);
    e->base.host = &m->host;
    e->x = x;
    e->mount = m;
    e->route = x->route;
    e->declared = -1;
    e->wake.run = on_wake;
    if (is_elsewhere && !wr_remote_open(e))
        return NULL;
    e->previous = x->handler_data;
    if (e->previous) {
        wr_input_pass_on(e->previous, e);
        wr_environ_pass_on(e->previous, e);
    }
    x->handler_data = e;
    x->on_end = on_end;
    return e;
}

static void serve(struct wr_handler *h, struct wr_exchange *x)
{
    struct wr_environ *e = make_environ(mount_of(h), x);

    if (!e)
        wr_exchange_respond_error(x, 503);
    else if (e->mount->plugin.body_buffer_max == 0 || wr_input_gather(e))
        call(e);
}

bool wr_mount_is_concurrent(const struct wr_mount *m)
{
    if (m->plugin.serial)
        return false;
    return m->plugin.runs == WEIR_ON_LOOP ? m->loops_n > 1 : m->threads > 1;
}

/* ---- life ---- */

static int fail_start(const struct wr_mount *m, char *why, const char *what, int err)
{
    snprintf(why, WR_WHY_MAX, "%s at %s: %s failed (%d)", m->plugin.name, m->route, what, err);
    return -ECANCELED;
}

static int prepare(struct wr_handler *h, struct wr_worker *const *workers, int n, char *why)
{
    struct wr_mount *m = mount_of(h);

    m->loops = calloc((size_t)n, sizeof *m->loops);
    if (!m->loops) {
        snprintf(why, WR_WHY_MAX, "out of memory");
        return -ENOMEM;
    }
    m->loops_n = n;
    for (int i = 0; i < n; i++)
        m->loops[i] = (struct wr_app_loop){.base.host = &m->host, .worker = workers[i], .count = n};
    if (m->plugin.runs == WEIR_ON_LOOP && m->plugin.serial && n > 1)
        m->home = workers[0];
    return 0;
}

static int start_loop(struct wr_handler *h, int loop, char *why)
{
    struct wr_mount *m = mount_of(h);
    struct wr_app_loop *l = &m->loops[loop];
    int32_t err = 0;

    if (m->plugin.loop_start)
        err = m->plugin.loop_start(&m->host, &l->base, m->state, &l->state);
    if (err != 0)
        return fail_start(m, why, "loop_start", err);
    l->has_started = true;
    return 0;
}

static int start_thread(void *arg, void **state)
{
    struct wr_mount *m = arg;
    int32_t err = 0;

    if (m->plugin.thread_start)
        err = m->plugin.thread_start(&m->host, m->state, state);
    return err > 0 ? WEIR_EINVAL : err; /* it says 0 or an error */
}

static void stop_thread(void *arg, void *state)
{
    struct wr_mount *m = arg;

    if (m->plugin.thread_stop)
        m->plugin.thread_stop(m->state, state);
}

static int start_pool(struct wr_mount *m, char *why)
{
    struct wr_pool_setup setup = {
        .threads = m->plugin.serial ? 1 : m->threads,
        .queue_max = m->queue_max,
        .name = "weir-app",
        .thread_start = start_thread,
        .thread_stop = stop_thread,
        .arg = m,
    };
    int err;

    m->pool = wr_pool_new(&setup);
    if (!m->pool) {
        snprintf(why, WR_WHY_MAX, "out of memory");
        return -ENOMEM;
    }
    err = wr_pool_start(m->pool);
    return err < 0 ? fail_start(m, why, err == -EAGAIN ? "starting threads" : "thread_start", err)
                   : 0;
}

static int start(struct wr_handler *h, char *why)
{
    struct wr_mount *m = mount_of(h);

    return m->plugin.runs == WEIR_IN_THREAD ? start_pool(m, why) : 0;
}

static bool is_busy(struct wr_handler *h)
{
    struct wr_mount *m = mount_of(h);

    return m->pool && wr_pool_is_busy(m->pool);
}

static void wait_for_jobs(struct wr_handler *h)
{
    struct wr_mount *m = mount_of(h);

    if (m->pool)
        wr_pool_wait(m->pool);
}

static void stop(struct wr_handler *h)
{
    struct wr_mount *m = mount_of(h);

    wr_pool_free(m->pool);
    m->pool = NULL;
}

static void stop_loop(struct wr_handler *h, int loop)
{
    struct wr_mount *m = mount_of(h);

    if (loop >= m->loops_n || !m->loops[loop].has_started)
        return;
    m->loops[loop].has_started = false;
    if (m->plugin.loop_stop)
        m->plugin.loop_stop(m->state, m->loops[loop].state);
}

static void free_mount(struct wr_handler *h)
{
    struct wr_mount *m = mount_of(h);

    if (m->is_loaded && m->plugin.unload)
        m->plugin.unload(m->state);
    wr_plugin_config_free(m->config);
    wr_image_unref(m->image);
    free(m->loops);
    free(m->document_root);
    free(m->route);
    free(m);
}

static const struct wr_handler_ops mount_ops = {
    .name = "app",
    .prepare = prepare,
    .start_loop = start_loop,
    .start = start,
    .serve = serve,
    .is_busy = is_busy,
    .wait = wait_for_jobs,
    .stop = stop,
    .stop_loop = stop_loop,
    .free = free_mount,
};

/* ---- loading ---- */

static void warn_unasked(void *arg, const char *place)
{
    const struct wr_mount *m = arg;

    wr_log(m->log, WR_LOG_WARN, "%s: %s does not know this key", place, m->plugin.name);
}

/* 0, or a WEIR_E* number with `why` filled. */
static int32_t load(struct wr_mount *m, const struct wr_mount_setup *setup, char *why)
{
    const struct wr_plugin_config_source source = {.label = setup->config_label,
                                                   .text = setup->config,
                                                   .schema = m->plugin.config_schema,
                                                   .origin = setup->config_origin,
                                                   .pointer = setup->config_pointer};
    const char *said;
    int32_t err = 0;

    m->config = wr_plugin_config_new(&source, &m->host, why, WR_WHY_MAX);
    if (!m->config)
        return WEIR_ECONFIG;
    if (m->plugin.load)
        err = m->plugin.load(&m->host, wr_plugin_config_root(m->config), &m->state);
    m->is_loaded = err == 0;
    said = wr_plugin_config_error(m->config);
    if (err == 0 && !said) {
        wr_plugin_config_each_unasked(m->config, warn_unasked, m);
        return 0;
    }
    if (said)
        snprintf(why, WR_WHY_MAX, "%s", said);
    else
        snprintf(why, WR_WHY_MAX, "its load failed (%d) and did not say why", err);
    /* What has a place in a file is an error of the file, whatever load returned. */
    return err < 0 && !(said && setup->config_origin.line > 0) ? err : WEIR_ECONFIG;
}

static bool copy_texts(struct wr_mount *m, const struct wr_mount_setup *setup)
{
    m->route = strdup(setup->route);
    if (setup->document_root)
        m->document_root = strdup(setup->document_root);
    return m->route && (m->document_root || !setup->document_root);
}

struct wr_handler *wr_mount_new(const struct wr_mount_setup *setup, char *why, int32_t *err)
{
    struct wr_mount *m = calloc(1, sizeof *m);

    if (!m) {
        wr_image_unref(setup->image);
        snprintf(why, WR_WHY_MAX, "out of memory");
        *err = WEIR_ENOMEM;
        return NULL;
    }
    m->base.ops = &mount_ops;
    m->host = wr_host_table;
    m->image = setup->image;
    m->log = setup->log;
    m->state = setup->state;
    m->threads = setup->threads;
    m->queue_max = setup->queue_max;
    atomic_init(&m->full_at_s, 0);
    *err = wr_plugin_check(setup->plugin, &m->plugin, why);
    if (setup->runs != WR_MOUNT_AS_PLUGIN)
        m->plugin.runs = setup->runs == WR_MOUNT_ON_LOOP ? WEIR_ON_LOOP : WEIR_IN_THREAD;
    if (*err == 0 && !copy_texts(m, setup)) {
        snprintf(why, WR_WHY_MAX, "out of memory");
        *err = WEIR_ENOMEM;
    }
    if (*err == 0)
        *err = load(m, setup, why);
    if (*err == 0)
        return &m->base;
    free_mount(&m->base);
    return NULL;
}
