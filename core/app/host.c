/*
 * host.c — the table of functions that plugins call: what weir/app.h wraps.
 */
#include <weir/version.h>

#include <stdio.h>
#include <stdlib.h>

#include "app/app_body.h"
#include "app/events.h"
#include "app/hints.h"
#include "app/input.h"
#include "app/loop_calls.h"
#include "app/mount.h"
#include "app/offload.h"
#include "app/plugin_config.h"
#include "app/remote.h"
#include "app/resume.h"
#include "app/start.h"
#include "app/trailers.h"
#include "app/wait.h"

static void *alloc(weir_environ *env, size_t n)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_arena *arena = &e->x->arena;
    void *p = wr_arena_alloc(arena, n);

    if (!p && !e->has_warned) {
        e->has_warned = true;
        weir_log(env, WEIR_LOG_WARN,
                 "no memory for %zu bytes: a request has %zu, of which %zu are used", n,
                 arena->limit, arena->total);
    }
    return p;
}

__attribute__((format(printf, 3, 0))) static void log_request(weir_environ *env, int32_t level,
                                                              const char *fmt, va_list ap)
{
    wr_mount_log(wr_environ_of(env), level, false, fmt, ap);
}

__attribute__((format(printf, 3, 0))) static void log_host(const weir_host *host, int32_t level,
                                                           const char *fmt, va_list ap)
{
    const struct wr_mount *m = wr_mount_of_host(host);
    char text[WR_LOG_LINE_MAX];

    if (level < WEIR_LOG_ERROR || level > WEIR_LOG_DEBUG)
        level = level < WEIR_LOG_ERROR ? WEIR_LOG_ERROR : WEIR_LOG_DEBUG;
    vsnprintf(text, sizeof text, fmt, ap);
    wr_log(m->log, (enum wr_log_level)level, "%s at %s: %s", m->plugin.name, m->route, text);
}

static int32_t defer(weir_environ *env, weir_release_fn *fn, void *arg)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_deferred *d = wr_arena_alloc(&e->x->arena, sizeof *d);
    bool is_own = !d && fn; /* the app has used the arena up: that is no reason to lose it */

    if (!fn)
        return 0;
    if (!d)
        d = malloc(sizeof *d);
    if (!d)
        return wr_start_fault(e, WEIR_ENOMEM, "no memory for weir_defer");
    *d = (struct wr_deferred){e->deferred, fn, arg, is_own};
    wr_environ_set_more(e);
    e->deferred = d;
    return 0;
}

__attribute__((format(printf, 2, 0))) static int32_t request_fail(weir_environ *env,
                                                                  const char *fmt, va_list ap)
{
    struct wr_environ *e = wr_environ_of(env);
    char text[WR_LOG_LINE_MAX];

    vsnprintf(text, sizeof text, fmt, ap);
    if (wr_client_is_gone(env) && !e->has_logged) { /* who gives up then does what he should */
        weir_log(env, WEIR_LOG_DEBUG, "%s", text);
        e->has_logged = true;
    }
    wr_start_fault(e, WEIR_EFAILED, "%s", text);
    wr_events_tell_failed(e);
    return WEIR_EFAILED;
}

static void *state(weir_environ *env)
{
    return wr_environ_of(env)->mount->state;
}

/* Of the loop that the app runs on: for one in a thread there is none. */
static void *loop_state(weir_environ *env)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_mount *m = e->mount;

    if (m->pool)
        return NULL;
    return m->loops[m->home ? m->home->index : e->x->worker->index].state;
}

static void *thread_state(weir_environ *env)
{
    const struct wr_remote *r = wr_environ_of(env)->remote;

    return r ? r->thread_state : NULL;
}

static const void *extension(const weir_host *host, const char *name)
{
    static const struct {
        const char *name;
        const void *table;
    } known[] = {{"weir.trailers/1", &wr_trailers_table}, {"weir.early-hints/1", &wr_hints_table}};

    (void)host;
    for (size_t i = 0; name && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].table;
    return NULL;
}

const weir_host wr_host_table = {
    .size = sizeof(weir_host),
    .abi_major = WEIR_ABI_MAJOR,
    .abi_minor = WEIR_ABI_MINOR,
    .version = WEIR_VERSION,

    .get = wr_environ_get,
    .get_n = wr_environ_get_n,
    .set = wr_environ_set,
    .each = wr_environ_each,
    .header_each = wr_environ_header_each,
    .alloc = alloc,
    .log = log_request,
    .host_log = log_host,
    .header_add = wr_start_header_add,
    .reason = wr_start_reason,
    .body_close = wr_app_body_close_any,
    .body_next = wr_app_body_next_any,
    .defer = defer,
    .state = state,
    .loop_state = loop_state,
    .thread_state = thread_state,
    .read = wr_input_read,
    .content = wr_input_content,
    .is_gone = wr_client_is_gone,
    .wake = wr_events_wake,

    .config_string = wr_config_string,
    .config_int = wr_config_int,
    .config_number = wr_config_number,
    .config_bool = wr_config_bool,
    .config_has = wr_config_has,
    .config_object = wr_config_object,
    .config_count = wr_config_count,
    .config_item = wr_config_item,
    .config_text = wr_config_text,
    .config_fail = wr_config_fail,

    .extension = extension,

    .body_limit = wr_input_body_limit,
    .write = wr_output_write,
    .on_input = wr_events_on_input,
    .on_writable = wr_output_on_writable,
    .on_disconnect = wr_client_on_disconnect,
    .read_all = wr_sink_read_all,
    .read_file = wr_sink_read_file,
    .token = wr_resume_token,
    .resume = wr_resume,
    .finish = wr_events_finish,
    .sleep = wr_wait_sleep,
    .wait_fd = wr_wait_fd,
    .loop_post = wr_loop_post_call,
    .timer = wr_request_set_timer,
    .watch_fd = wr_request_set_fd,
    .offload = wr_offload,
    /* next and on_start are NULL: not yet there. */
    .request_fail = request_fail,
    .loop_timer = wr_loop_set_timer,
    .loop_watch_fd = wr_loop_set_fd,
};
