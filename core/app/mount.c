#include "app/mount.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/app_body.h"
#include "app/field_memory.h"
#include "app/image.h"
#include "app/input.h"
#include "app/lint.h"
#include "app/loop_calls.h"
#include "app/offload.h"
#include "app/plugin_config.h"
#include "app/remote.h"
#include "app/resume.h"
#include "base/branch.h"

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

/* ---- the end ---- */

static bool has_streaming_end(const struct wr_streaming *s)
{
    return s->has_finished || s->subscribers || s->watches.loop || s->offloads || s->resumptions;
}

bool wr_mount_has_end(const struct wr_environ *e)
{
    return e->deferred || wr_app_body_wants_close(&e->body) || wr_sink_is_open(e) ||
           (e->s && has_streaming_end(e->s));
}

void wr_mount_end(struct wr_environ *e)
{
    if (!wr_client_is_told_here(e) && wr_client_is_gone(&e->base))
        wr_client_tell_gone(e);
    if (e->s) {
        wr_watches_clear(&e->s->watches);
        wr_sink_tell(e);
        wr_offload_tell(e);
        wr_resume_tell(e);
    }
    wr_app_body_close_any(&e->base, &e->body);
    if (e->s && e->s->has_finished)
        wr_app_body_close_any(&e->base, &e->s->finished);
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
    e->is_held = atomic_load(&e->events) != 0;
    if (e->is_held)
        wr_exchange_ref(e->x);
}

/* One after the other, since they share the arena: one that ends elsewhere, or that waits for a
 * thread that writes for it, goes on with the rest. */
void wr_mount_end_chain(struct wr_environ *e)
{
    while (e && !e->remote) {
        struct wr_environ *previous = e->previous;

        e->is_end_waiting = (e->s && e->s->sink.is_writing) || wr_offload_is_out(e);
        if (e->is_end_waiting) {
            wr_exchange_ref(e->x);
            return;
        }
        end_here(e);
        e = previous;
    }
    if (e)
        wr_remote_end(e);
}

void wr_mount_end_waited(struct wr_environ *e)
{
    struct wr_exchange *x = e->x;

    if (e->remote) {
        wr_remote_try_end(e);
    } else if (e->is_end_waiting) {
        wr_mount_end_chain(e);
        wr_exchange_unref(x);
    }
}

static void tell_over(struct wr_environ *e)
{
    bool is_gone = !e->x->is_complete;

    e->is_ended = true;
    if (e->remote)
        wr_remote_tell_over(e);
    if (e->s && e->s->beat.due_ms > 0)
        wr_timer_clear(wr_loop_timers(e->x->worker->loop), &e->s->beat);
    if (is_gone && e->s && wr_client_is_told_here(e))
        wr_client_tell_gone(e);
    wr_resume_close(e);
    if (e->s && wr_remote_is_here(e))
        wr_watches_clear(&e->s->watches);
    if (e->s && !e->remote)
        wr_offload_cancel(e);
}

static void on_end(struct wr_exchange *x)
{
    struct wr_environ *first = x->handler_data;

    for (struct wr_environ *e = first; e; e = e->previous)
        tell_over(e);
    wr_mount_end_chain(first);
}

/* Most are only to be forgotten. */
void wr_environ_set_more(struct wr_environ *e)
{
    if (e->has_more != 0) /* and, of an app elsewhere, the loop may be looking at it */
        return;
    e->has_more = 1;
    e->x->on_end = on_end;
}

/* ---- the handler ---- */

static void log_full(const struct wr_mount *m)
{
    if (m->pool)
        wr_log(m->log, WR_LOG_WARN,
               "%s at %s: its %d threads are busy and %zu requests wait: others get a 503",
               m->plugin.name, m->route, m->threads, m->queue_max);
    else if (m->plugin.serial)
        wr_log(m->log, WR_LOG_WARN, "%s at %s: %zu requests wait for their turn: others get a 503",
               m->plugin.name, m->route, m->queue_max);
    else
        wr_log(m->log, WR_LOG_WARN, "%s at %s: its %ld coroutines are at work: others get a 503",
               m->plugin.name, m->route, m->in_coroutine.used_max);
}

/* What comes is more than the threads and their queue take, or the coroutines. */
static void refuse_full(struct wr_environ *e)
{
    struct wr_mount *m = e->mount;
    long long now_s = wr_loop_wall_s(e->x->worker->loop);
    long long before_s = atomic_load(&m->full_at_s);

    if (now_s - before_s >= FULL_LOG_S &&
        atomic_compare_exchange_strong(&m->full_at_s, &before_s, now_s))
        log_full(m);
    wr_exchange_add_field(e->x, WR_SLICE("Retry-After"), WR_SLICE("1"));
    wr_mount_respond_page(e, 503);
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

/* What an earlier app of this request has left, who has declined. */
static void take_over(struct wr_environ *e, struct wr_environ *previous)
{
    assert(e->has_more != 0);
    e->previous = previous;
    wr_input_pass_on(previous, e);
    wr_environ_pass_on(previous, e);
}

/* In steps of which the compiler makes a few stores each; all at once it would make a loop of it. */
static inline void clear(struct wr_environ *e)
{
#define FROM offsetof(struct wr_environ, previous)
#define N    (offsetof(struct wr_environ, body.data) - FROM)
#define STEP ((size_t)64)
    char *p = (char *)e + FROM;

    _Static_assert(N >= 3 * STEP && N <= 4 * STEP, "three steps and a rest");
    memset(p, 0, STEP);
    memset(p + STEP, 0, STEP);
    memset(p + 2 * STEP, 0, STEP);
    memset(p + 3 * STEP, 0, N - 3 * STEP);
#undef FROM
#undef N
#undef STEP
}

static inline struct wr_environ *make_environ(struct wr_mount *m, struct wr_exchange *x)
{
    struct wr_environ *e = wr_arena_alloc(&x->arena, sizeof *e);

    if (!e)
        return NULL;
    clear(e);
    e->base.host = &m->host;
    e->x = x;
    e->mount = m;
    e->route = x->route;
    e->declared = -1;
    return e;
}

/* What is not an app on this loop that is called at once: it is elsewhere, is checked, wants the content
 * first, or is not the first one. */
__attribute__((noinline)) static void serve_otherwise(struct wr_mount *m, struct wr_exchange *x)
{
    bool is_elsewhere = m->plugin.runs != WEIR_ON_LOOP || (m->home && m->home != x->worker);
    struct wr_environ *e = make_environ(m, x);

    if (!e || (is_elsewhere && !wr_remote_open(e))) {
        wr_exchange_respond_error(x, 503);
        return;
    }
    wr_environ_set_more(e);
    if (m->lint) /* the app has another */
        e->base.host = &wr_host_table;
    if (x->handler_data)
        take_over(e, x->handler_data);
    x->handler_data = e;
    x->on_half_close = wr_client_on_half_close;
    /* What came in chunks, and was gathered for an app that has declined, may be more than this
     * route allows. */
    if (e->is_gathered && e->content_n > x->body_bytes_max)
        wr_exchange_respond_error(x, 413);
    else if (m->plugin.body_buffer_max == 0 || wr_input_gather(e))
        call(e);
}

static void serve(struct wr_handler *h, struct wr_exchange *x)
{
    struct wr_mount *m = mount_of(h);
    struct wr_environ *e;

    if (WR_UNLIKELY(!m->is_direct || x->handler_data)) {
        serve_otherwise(m, x);
        return;
    }
    e = make_environ(m, x);
    if (WR_UNLIKELY(!e)) {
        wr_exchange_respond_error(x, 503);
        return;
    }
    x->handler_data = e;
    wr_mount_run(e);
}

bool wr_mount_is_concurrent(const struct wr_mount *m)
{
    if (m->plugin.serial)
        return false;
    return m->plugin.runs != WEIR_ON_LOOP || m->loops_n > 1; /* one thread has a stand-in */
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
    m->memories = calloc((size_t)n, sizeof(struct wr_field_memory *));
    if (!m->loops || !m->memories) {
        snprintf(why, WR_WHY_MAX, "out of memory");
        return -ENOMEM;
    }
    m->loops_n = n;
    for (int i = 0; i < n; i++)
        m->loops[i] = (struct wr_app_loop){.base.host = &m->host, .worker = workers[i], .count = n};
    for (int i = 0; i < n; i++)
        if (!wr_loop_calls_init(&m->loops[i])) {
            snprintf(why, WR_WHY_MAX, "out of memory");
            return -ENOMEM;
        }
    if (m->plugin.runs != WEIR_IN_THREAD && m->plugin.serial && n > 1)
        m->home = workers[0];
    m->is_direct =
        m->plugin.runs == WEIR_ON_LOOP && !m->home && !m->lint && m->plugin.body_buffer_max == 0;
    return 0;
}

static int start_loop(struct wr_handler *h, int loop, char *why)
{
    struct wr_mount *m = mount_of(h);
    struct wr_app_loop *l = &m->loops[loop];
    int32_t err = 0;

    if (m->plugin.loop_start)
        err = m->plugin.loop_start(&m->host, &l->base, m->state, &l->state);
    if (err != 0) {
        wr_loop_calls_fini(l); /* now: what it has asked for would find a loop without a state */
        return fail_start(m, why, "loop_start", err);
    }
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
        .stand_ins = m->plugin.serial ? 0 : m->threads, /* for those that wait for a client */
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

/* None begins before it is needed. */
static int start_offload(struct wr_mount *m, char *why)
{
    struct wr_pool_setup setup = {.threads = m->threads,
                                  .queue_max = m->queue_max,
                                  .on_demand = true,
                                  .name = "weir-offload"};

    m->offload = wr_pool_new(&setup);
    if (m->offload && wr_pool_start(m->offload) == 0)
        return 0;
    snprintf(why, WR_WHY_MAX, "out of memory");
    return -ENOMEM;
}

static int start(struct wr_handler *h, char *why)
{
    struct wr_mount *m = mount_of(h);

    return m->plugin.runs == WEIR_IN_THREAD ? start_pool(m, why) : start_offload(m, why);
}

static bool is_busy(struct wr_handler *h)
{
    struct wr_mount *m = mount_of(h);

    return (m->pool && wr_pool_is_busy(m->pool)) || (m->offload && wr_pool_is_busy(m->offload));
}

static void wait_for_jobs(struct wr_handler *h)
{
    struct wr_mount *m = mount_of(h);

    if (m->pool)
        wr_pool_wait(m->pool);
    if (m->offload)
        wr_pool_wait(m->offload);
}

static void stop(struct wr_handler *h)
{
    struct wr_mount *m = mount_of(h);

    wr_pool_free(m->pool);
    wr_pool_free(m->offload);
    m->pool = m->offload = NULL;
}

static void stop_loop(struct wr_handler *h, int loop)
{
    struct wr_mount *m = mount_of(h);
    struct wr_app_loop *l;

    if (loop >= m->loops_n)
        return;
    l = &m->loops[loop];
    if (l->has_started) {
        wr_loop_calls_stop(l);
        if (m->plugin.loop_stop)
            m->plugin.loop_stop(m->state, l->state);
    }
    l->has_started = false;
    wr_loop_calls_fini(l);
    wr_coroutines_free(l->coroutines);
    l->coroutines = NULL;
}

static void free_mount(struct wr_handler *h)
{
    struct wr_mount *m = mount_of(h);

    if (m->is_loaded && m->plugin.unload)
        m->plugin.unload(m->state);
    wr_plugin_config_free(m->config);
    wr_lint_free(m->lint);
    for (int i = 0; i < m->loops_n; i++) {
        wr_loop_calls_free(&m->loops[i]);
        wr_field_memory_free(m->memories[i]);
    }
    wr_image_unref(m->image);
    free(m->loops);
    free(m->memories);
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
    if (m->lint)
        wr_lint_set_loading(m->lint, true);
    if (m->plugin.load)
        err = m->plugin.load(&m->host, wr_plugin_config_root(m->config), &m->state);
    if (m->lint)
        wr_lint_set_loading(m->lint, false);
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

static bool add_checker(struct wr_mount *m)
{
    m->lint = wr_lint_new(m);
    if (m->lint)
        wr_lint_check_plugin(m->lint);
    return m->lint != NULL;
}

/* What the configuration says counts before what the plugin does. */
static void choose_runs(struct wr_mount *m, const struct wr_mount_setup *setup)
{
    static const int32_t runs[] = {[WR_MOUNT_ON_LOOP] = WEIR_ON_LOOP,
                                   [WR_MOUNT_IN_THREAD] = WEIR_IN_THREAD,
                                   [WR_MOUNT_IN_COROUTINE] = WEIR_IN_COROUTINE};
    size_t stack = m->plugin.stack_bytes > 0 ? (size_t)m->plugin.stack_bytes : WR_STACK_BYTES;

    if (setup->runs != WR_MOUNT_AS_PLUGIN)
        m->plugin.runs = runs[setup->runs];
    m->in_coroutine.stack_bytes = (setup->stack_bytes > 0 ? setup->stack_bytes : stack) +
                                  (setup->lint ? WR_LINT_STACK_BYTES : 0);
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
    m->in_coroutine = (struct wr_in_coroutine){.used_max = setup->coroutines};
    wr_in_coroutine_init(&m->in_coroutine);
    atomic_init(&m->full_at_s, 0);
    *err = wr_plugin_check(setup->plugin, &m->plugin, why);
    choose_runs(m, setup);
    if (*err == 0 && (!copy_texts(m, setup) || (setup->lint && !add_checker(m)))) {
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
