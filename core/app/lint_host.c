/*
 * lint_host.c — the host table that a plugin under the checker has: each function looks at who
 * calls it and with what, and calls the real one with the real environ.
 */
#include <stdio.h>
#include <unistd.h>

#include "app/lint_request.h"
#include "base/buf.h"

#define UNSET_BYTE 0xa5 /* what memory of weir_alloc() is full of: it is not zeroed */

/* ---- who calls ---- */

/* Is this one of the threads that call the app? */
static bool is_own_thread(const struct wr_lint_request *r)
{
    return gettid() == r->home ||
           (wr_lint_runs(r->lint) == WEIR_IN_THREAD && wr_lint_has_thread(r->lint, gettid()));
}

/* Nothing of the plugin's for this request runs on this thread. */
static void report_outside(struct wr_lint_request *r, const char *what)
{
    if (atomic_load(&r->hearing) == gettid())
        wr_lint_found(r, WR_LINT_OUTSIDE,
                      "%s in a callback of weir_on_disconnect, which may come while the app is at "
                      "work",
                      what);
    else if (atomic_load(&r->thread) != 0)
        wr_lint_found(r, WR_LINT_TWO_THREADS,
                      "%s while another thread is in a call of this request: that takes "
                      "weir_resume()",
                      what);
    else if (!is_own_thread(r))
        wr_lint_found(r, WR_LINT_TWO_THREADS,
                      "%s in a thread that is none of the app's: there weir_resume() is the way",
                      what);
    else
        wr_lint_found(r, WR_LINT_OUTSIDE, "%s outside of the app, next and callbacks", what);
}

/* What waits on its loop may be gone on with from wherever that is: in a callback of the loop,
 * say. */
static bool is_on_its_loop(const struct wr_lint_request *r)
{
    bool does_wait = r->has_later || r->body.own.kind == WEIR_BODY_ITERABLE;

    return does_wait && wr_lint_runs(r->lint) == WEIR_ON_LOOP && gettid() == r->home &&
           atomic_load(&r->thread) == 0;
}

struct wr_lint_request *wr_lint_enter(weir_environ *env, const char *what, unsigned allowed)
{
    struct wr_lint_request *r = wr_lint_of(env);

    if (wr_lint_is_in_work(r->lint)) {
        wr_lint_report(r->lint, WR_LINT_WORK,
                       "%s in the work of weir_offload: the environ is for done", what);
        return atomic_load(&r->is_over) ? NULL : r;
    }
    if (atomic_load(&r->is_over)) {
        wr_lint_found(r, WR_LINT_STALE, "%s for a request that is over", what);
        return NULL;
    }
    if (allowed & WR_LINT_ANY_TIME || is_on_its_loop(r) ||
        (allowed & WR_LINT_HEARING && atomic_load(&r->hearing) == gettid()))
        return r;
    if (atomic_load(&r->thread) != gettid())
        report_outside(r, what);
    else if (r->where == WR_LINT_IN_END && !(allowed & WR_LINT_AT_END))
        wr_lint_found(r, WR_LINT_AT_THE_END, "%s in close or a deferred function", what);
    return r;
}

/* ---- what the environ gives ---- */

/* In a copy, so that it can be told who writes to it, and who uses it too late. */
static const char *copy_of(struct wr_lint_request *r, const char *p, size_t n, bool is_text)
{
    struct wr_lint_copy *c;
    char *memory;

    for (c = r->copies; c; c = c->next)
        if (c->original == p && c->n == n && c->is_text == is_text)
            return c->p;
    c = wr_arena_alloc(&r->own, sizeof *c);
    memory = wr_arena_alloc(&r->memory, n + 2);
    if (!p || !c || !memory)
        return p;
    memcpy(memory, p, n);
    memory[n] = is_text ? '\0' : (char)UNSET_BYTE; /* a slice is not terminated */
    memory[n + 1] = '\0';
    *c = (struct wr_lint_copy){r->copies, p, memory, n, wr_lint_sum(memory, n), is_text};
    r->copies = c;
    return memory;
}

/* Keys that look right and are never there. */
static void check_key(struct wr_lint_request *r, const char *key, size_t n)
{
    static const char *const never[] = {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_PROXY",
                                        "SCRIPT_FILENAME",   "wsgi.input",          "REMOTE_USER"};
    struct wr_slice name = wr_slice(key, n);
    bool is_http = wr_slice_starts(name, WR_SLICE("HTTP_"));

    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (wr_slice_eq(name, wr_slice_of(never[i]))) {
            wr_lint_found(r, WR_LINT_NO_SUCH_KEY, "there is never a key %s", never[i]);
            return;
        }
    for (size_t i = 0; is_http && i < n; i++)
        if ((key[i] >= 'a' && key[i] <= 'z') || key[i] == '-') {
            wr_lint_found(r, WR_LINT_NO_SUCH_KEY,
                          "the key %.*s: capitals, digits and underscores make one",
                          (int)(n < 40 ? n : 40), key);
            return;
        }
}

static const char *get(weir_environ *env, const char *key, size_t key_n)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_get", WR_LINT_AT_END);
    const char *value = r ? wr_host_table.get(r->real, key, key_n) : NULL;

    if (!r)
        return NULL;
    if (!value)
        check_key(r, key, key_n);
    return value ? copy_of(r, value, strlen(value), true) : NULL;
}

static const char *get_n(weir_environ *env, const char *key, size_t key_n, size_t *n)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_get_n", WR_LINT_AT_END);
    const char *value = r ? wr_host_table.get_n(r->real, key, key_n, n) : NULL;

    if (!r)
        return NULL;
    if (!value)
        check_key(r, key, key_n);
    return value ? copy_of(r, value, *n, false) : NULL;
}

static int32_t set(weir_environ *env, const char *key, const char *value)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_set", WR_LINT_AT_END);

    if (!r)
        return WEIR_ESTALE;
    if (!key || !*key)
        wr_lint_found(r, WR_LINT_SET, "weir_set with %s key", key ? "an empty" : "the NULL");
    return wr_host_table.set(r->real, key, value);
}

struct walk {
    struct wr_lint_request *r;
    int32_t (*fn)(void *arg, const char *key, const char *value, size_t n);
    int32_t (*field)(void *arg, const char *name, size_t name_n, const char *value, size_t value_n);
    void *arg;
};

static int32_t visit(void *arg, const char *key, const char *value, size_t n)
{
    const struct walk *w = arg;

    return w->fn(w->arg, copy_of(w->r, key, strlen(key), true), copy_of(w->r, value, n, true), n);
}

static int32_t visit_field(void *arg, const char *name, size_t name_n, const char *value,
                           size_t value_n)
{
    const struct walk *w = arg;

    return w->field(w->arg, copy_of(w->r, name, name_n, false), name_n,
                    copy_of(w->r, value, value_n, false), value_n);
}

static int32_t each(weir_environ *env,
                    int32_t (*fn)(void *arg, const char *key, const char *value, size_t n),
                    void *arg)
{
    struct walk w = {.r = wr_lint_enter(env, "weir_each", WR_LINT_AT_END), .fn = fn, .arg = arg};

    if (!w.r)
        return WEIR_ESTALE;
    return wr_host_table.each(w.r->real, fn ? visit : NULL, &w);
}

static int32_t header_each(weir_environ *env,
                           int32_t (*fn)(void *arg, const char *name, size_t name_n,
                                         const char *value, size_t value_n),
                           void *arg)
{
    struct walk w = {
        .r = wr_lint_enter(env, "weir_header_each", WR_LINT_AT_END), .field = fn, .arg = arg};

    if (!w.r)
        return WEIR_ESTALE;
    return wr_host_table.header_each(w.r->real, fn ? visit_field : NULL, &w);
}

/* ---- memory, clean-up, messages ---- */

/* The real arena counts it, the checker's holds it. */
static void *alloc(weir_environ *env, size_t n)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_alloc", WR_LINT_AT_END);
    void *real, *p;

    if (!r)
        return NULL;
    real = wr_host_table.alloc(r->real, n);
    if (!real)
        return NULL;
    p = wr_arena_alloc(&r->memory, n);
    if (!p)
        return real;
    memset(p, UNSET_BYTE, n);
    return p;
}

/* What is wrong with a message; NULL: nothing. */
static const char *fault_of(int32_t level, const char *fmt)
{
    size_t n = strlen(fmt);

    if (level < WEIR_LOG_ERROR || level > WEIR_LOG_DEBUG)
        return "a message of a level that is none";
    if (n > 0 && fmt[n - 1] == '\n')
        return "a message that ends with a newline: it is a line by itself";
    return NULL;
}

__attribute__((format(printf, 3, 0))) static void log_request(weir_environ *env, int32_t level,
                                                              const char *fmt, va_list ap)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_log", WR_LINT_AT_END | WR_LINT_HEARING);
    const char *fault;

    if (!r)
        return;
    fault = fault_of(level, fmt);
    if (fault)
        wr_lint_found(r, WR_LINT_LOG, "%s", fault);
    wr_host_table.log(r->real, level, fmt, ap);
}

__attribute__((format(printf, 3, 0))) static void log_host(const weir_host *host, int32_t level,
                                                           const char *fmt, va_list ap)
{
    const char *fault = fault_of(level, fmt);

    if (fault)
        wr_lint_report(wr_mount_of_host(host)->lint, WR_LINT_LOG, "%s", fault);
    wr_host_table.host_log(host, level, fmt, ap);
}

struct deferred {
    struct wr_lint_request *r;
    weir_release_fn *fn;
    void *arg;
};

static void call_deferred(void *arg)
{
    const struct deferred *d = arg;
    struct wr_lint_call call;

    wr_lint_begin(d->r, WR_LINT_IN_END, "a deferred function", &call);
    d->fn(d->arg);
    wr_lint_leave(d->r, &call);
}

static int32_t defer(weir_environ *env, weir_release_fn *fn, void *arg)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_defer", WR_LINT_AT_END);
    struct deferred *d;

    if (!r)
        return WEIR_ESTALE;
    wr_lint_check_argument(r, arg, "weir_defer");
    d = fn ? wr_arena_alloc(&r->own, sizeof *d) : NULL;
    if (!d)
        return wr_host_table.defer(r->real, fn, arg);
    *d = (struct deferred){r, fn, arg};
    r->has_deferred = true;
    return wr_host_table.defer(r->real, call_deferred, d);
}

/* ---- bodies of others ---- */

static void body_close(weir_environ *env, weir_body *body)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_body_close", WR_LINT_AT_END);

    if (r && body->kind == WEIR_BODY_ITERABLE && r->over_next == body->next &&
        r->over_arg == body->arg)
        r->over_next = NULL;
    wr_host_table.body_close(r ? r->real : env, body);
}

/* An iterable that is asked with the stand-in. */
struct asked {
    weir_environ *env;
    const weir_body *own;
};

static int32_t ask(weir_environ *real, void *arg, weir_chunk *chunk)
{
    const struct asked *a = arg;

    (void)real;
    return a->own->guard ? a->own->guard(a->own->next, a->env, a->own->arg, chunk)
                         : a->own->next(a->env, a->own->arg, chunk);
}

/* The real function keeps what it wants to remember in the body. */
static int32_t next_of_iterable(struct wr_lint_request *r, weir_body *body, weir_chunk *chunk)
{
    const weir_body own = *body;
    struct asked asked = {&r->base, &own};
    int32_t said;

    if (r->over_next && r->over_next == own.next && r->over_arg == own.arg)
        wr_lint_found(r, WR_LINT_AFTER_END, "weir_body_next of a body that has ended");
    body->next = ask;
    body->arg = &asked;
    body->guard = NULL;
    said = wr_host_table.body_next(r->real, body, chunk);
    body->next = own.next;
    body->arg = own.arg;
    body->guard = own.guard;
    if (said != WEIR_CHUNK && said != WEIR_AGAIN) {
        r->over_next = own.next;
        r->over_arg = own.arg;
    }
    return said;
}

static int32_t body_next(weir_environ *env, weir_body *body, weir_chunk *chunk)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_body_next", 0);

    if (!r)
        return WEIR_ESTALE;
    return body->kind == WEIR_BODY_ITERABLE ? next_of_iterable(r, body, chunk)
                                            : wr_host_table.body_next(r->real, body, chunk);
}

/* ---- states ---- */

static void *state(weir_environ *env)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_state", WR_LINT_AT_END);

    return r ? wr_host_table.state(r->real) : NULL;
}

static void *loop_state(weir_environ *env)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_loop_state", WR_LINT_AT_END);
    const struct wr_lint_loop *loop; /* as our loop_start has said */

    if (!r)
        return NULL;
    if (wr_lint_runs(r->lint) == WEIR_IN_THREAD)
        wr_lint_found(r, WR_LINT_NO_SUCH_STATE, "weir_loop_state of an app that runs in threads");
    loop = wr_host_table.loop_state(r->real);
    return loop ? loop->state : NULL;
}

static void *thread_state(weir_environ *env)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_thread_state", WR_LINT_AT_END);

    if (!r)
        return NULL;
    if (wr_lint_runs(r->lint) != WEIR_IN_THREAD)
        wr_lint_found(r, WR_LINT_NO_SUCH_STATE,
                      "weir_thread_state of an app that runs on the loop");
    return wr_host_table.thread_state(r->real);
}

/* ---- content, the client ---- */

static int64_t read_content(weir_environ *env, void *buf, size_t n)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_read", 0);
    struct wr_lint_wait wait;
    int64_t said;

    if (!r)
        return WEIR_ESTALE;
    if (!buf && n > 0) {
        wr_lint_found(r, WR_LINT_READ, "weir_read into NULL");
        return WEIR_EINVAL;
    }
    if (r->read_said < WEIR_AGAIN && r->read_said != WEIR_EFAILED && r->read_said != WEIR_ESTATE)
        wr_lint_found(r, WR_LINT_READ, "weir_read after it has failed");
    if (r->is_reader_out)
        wr_lint_found(r, WR_LINT_READERS, "weir_read while weir_read_all or weir_read_file reads");
    wr_lint_wait_begin(r, &wait);
    said = wr_host_table.read(r->real, buf, n);
    wr_lint_wait_end(r, &wait);
    wr_lint_wait_said(r, said);
    r->read_said = said;
    r->has_read = true;
    r->is_unread = false;
    r->reads++;
    r->read_n += said > 0 ? (uint64_t)said : 0;
    return said;
}

static const void *content(weir_environ *env, size_t *n)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_content", WR_LINT_AT_END);

    return r ? wr_host_table.content(r->real, n) : NULL;
}

static int32_t is_gone(weir_environ *env)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_is_gone", WR_LINT_AT_END);

    return r ? wr_host_table.is_gone(r->real) : 1;
}

static int32_t wake(weir_environ *env)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_wake", WR_LINT_ANY_TIME);

    if (!r)
        return WEIR_ESTALE;
    if (!is_own_thread(r))
        wr_lint_found(r, WR_LINT_WAKER,
                      "weir_wake from a thread that is none of %s: there weir_resume() is the way",
                      wr_lint_runs(r->lint) == WEIR_IN_THREAD ? "the pool" : "its loop");
    if (atomic_load(&r->thread) != gettid())
        wr_lint_note_next(r->lint, r->body.own.next, true);
    atomic_fetch_add(&r->wakes, 1);
    return wr_host_table.wake(r->real);
}

/* ---- configuration ---- */

static void enter_config(const weir_config *config, const char *what)
{
    struct wr_lint *l = wr_mount_of_host(config->host)->lint;

    if (atomic_load(&l->loader) != gettid())
        wr_lint_report(l, WR_LINT_CONFIG, "%s outside of load", what);
}

static const char *config_string(const weir_config *config, const char *key, const char *absent)
{
    enter_config(config, "weir_config_string");
    return wr_host_table.config_string(config, key, absent);
}

static int64_t config_int(const weir_config *config, const char *key, int64_t absent)
{
    enter_config(config, "weir_config_int");
    return wr_host_table.config_int(config, key, absent);
}

static double config_number(const weir_config *config, const char *key, double absent)
{
    enter_config(config, "weir_config_number");
    return wr_host_table.config_number(config, key, absent);
}

static int32_t config_bool(const weir_config *config, const char *key, int32_t absent)
{
    enter_config(config, "weir_config_bool");
    return wr_host_table.config_bool(config, key, absent);
}

static int32_t config_has(const weir_config *config, const char *key)
{
    enter_config(config, "weir_config_has");
    return wr_host_table.config_has(config, key);
}

static const weir_config *config_object(const weir_config *config, const char *key)
{
    enter_config(config, "weir_config_object");
    return wr_host_table.config_object(config, key);
}

static size_t config_count(const weir_config *config, const char *key)
{
    enter_config(config, "weir_config_count");
    return wr_host_table.config_count(config, key);
}

static const weir_config *config_item(const weir_config *config, const char *key, size_t i)
{
    enter_config(config, "weir_config_item");
    return wr_host_table.config_item(config, key, i);
}

static const char *config_text(const weir_config *config)
{
    enter_config(config, "weir_config_text");
    return wr_host_table.config_text(config);
}

/* ---- the table ---- */

void wr_lint_fill_host(weir_host *host)
{
    host->get = get;
    host->get_n = get_n;
    host->set = set;
    host->each = each;
    host->header_each = header_each;
    host->alloc = alloc;
    host->log = log_request;
    host->host_log = log_host;
    host->header_add = wr_lint_header_add;
    host->reason = wr_lint_reason;
    host->body_close = body_close;
    host->body_next = body_next;
    host->defer = defer;
    host->state = state;
    host->loop_state = loop_state;
    host->thread_state = thread_state;
    host->read = read_content;
    host->content = content;
    host->is_gone = is_gone;
    host->wake = wake;
    host->config_string = config_string;
    host->config_int = config_int;
    host->config_number = config_number;
    host->config_bool = config_bool;
    host->config_has = config_has;
    host->config_object = config_object;
    host->config_count = config_count;
    host->config_item = config_item;
    host->config_text = config_text;
    host->extension = wr_lint_extension;
    wr_lint_fill_async(host);
    wr_lint_fill_events(host);
    wr_lint_fill_loop(host);
}
