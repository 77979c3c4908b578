/*
 * lint_async.c — the functions of the host table that call back, write, finish, and those of
 * extensions. A function that the real table does not have is not in the checker's.
 */
#include <unistd.h>

#include "app/lint_request.h"
#include "http/field.h"

/* What stands in for a callback; in the request's memory of the checker. */
struct callback {
    struct wr_lint_request *r;
    void *arg;
    union {
        weir_event_fn *event;
        weir_disconnect_fn *disconnect;
        weir_read_all_fn *read_all;
        weir_read_file_fn *read_file;
    };
    union { /* NULL: in C */
        weir_event_guard *event;
        weir_disconnect_guard *disconnect;
        weir_read_all_guard *read_all;
        weir_read_file_guard *read_file;
    } guard;
};

void wr_lint_check_argument(struct wr_lint_request *r, const void *arg, const char *what)
{
    if (!arg || !r->frame || atomic_load(&r->thread) != gettid())
        return;
    if (wr_lint_is_on_stack(arg, r->frame))
        wr_lint_found(r, WR_LINT_ARGUMENT,
                      "%s: its argument is a local variable, which is gone when the callback comes",
                      what);
    else if (wr_lint_is_stale(r->lint, arg))
        wr_lint_found(r, WR_LINT_ARGUMENT,
                      "%s: its argument lies in memory of a request that is over", what);
}

static struct callback *new_callback(struct wr_lint_request *r, const char *what, void *arg)
{
    struct callback *c = wr_arena_alloc(&r->own, sizeof *c);

    wr_lint_check_argument(r, arg, what);
    if (c)
        *c = (struct callback){.r = r, .arg = arg};
    return c;
}

/* ---- events ---- */

void wr_lint_call_event(struct wr_lint_request *r, const char *what, weir_event_fn *fn, void *arg,
                        weir_event_guard *guard)
{
    struct wr_lint_call call;

    atomic_fetch_add(&r->wakes, 1);
    wr_lint_begin(r, WR_LINT_IN_CALLBACK, what, &call);
    if (guard)
        guard(fn, &r->base, arg);
    else
        fn(&r->base, arg);
    wr_lint_leave(r, &call);
}

/* What is there may be read a little later, in a callback of the loop: but before the next call,
 * or the end. */
static void lint_on_input(weir_environ *real, void *arg)
{
    struct callback *c = arg;
    struct wr_lint_request *r = c->r;
    unsigned reads = r->reads;

    (void)real;
    wr_lint_check_unread(r);
    wr_lint_call_event(r, "a callback of weir_on_input", c->event, c->arg, c->guard.event);
    r->is_unread = r->reads == reads && !r->is_reader_out && r->input == c;
}

void wr_lint_check_unread(struct wr_lint_request *r)
{
    if (r->is_unread && !r->has_finished && wr_lint_real(r)->error == 0)
        wr_lint_found(r, WR_LINT_UNREAD, "a callback of weir_on_input that does not read");
    r->is_unread = false;
}

static void lint_on_writable(weir_environ *real, void *arg)
{
    const struct callback *c = arg;

    (void)real;
    wr_lint_call_event(c->r, "a callback of weir_on_writable", c->event, c->arg, c->guard.event);
}

/* Without fn *c is NULL, and that is no error. */
static int32_t new_event(struct wr_lint_request *r, const char *what, weir_event_fn *fn, void *arg,
                         struct callback **c)
{
    *c = NULL;
    if (!r)
        return WEIR_ESTALE;
    if (!fn)
        return 0;
    *c = new_callback(r, what, arg);
    if (!*c)
        return WEIR_ENOMEM;
    (*c)->event = fn;
    atomic_fetch_add(&r->waiters, 1);
    return 0;
}

static int32_t on_input(weir_environ *env, weir_event_fn *fn, void *arg, weir_event_guard *guard)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_on_input", 0);
    struct callback *c;
    int32_t err = new_event(r, "weir_on_input", fn, arg, &c);

    if (err < 0)
        return err;
    if (c)
        c->guard.event = guard;
    r->input = c;
    return wr_host_table.on_input(r->real, c ? lint_on_input : NULL, c, NULL);
}

static int32_t on_writable(weir_environ *env, weir_event_fn *fn, void *arg, weir_event_guard *guard)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_on_writable", 0);
    struct callback *c;
    int32_t err = new_event(r, "weir_on_writable", fn, arg, &c);

    if (err < 0)
        return err;
    if (c)
        c->guard.event = guard;
    return wr_host_table.on_writable(r->real, c ? lint_on_writable : NULL, c, NULL);
}

static void call_disconnect(struct callback *c, int32_t why)
{
    if (c->guard.disconnect)
        c->guard.disconnect(c->disconnect, &c->r->base, c->arg, why);
    else
        c->disconnect(&c->r->base, c->arg, why);
}

/* In an app that runs in a thread or a coroutine it may come while the app is at work, and may call
 * nothing but weir_log(): so it is no call of the request. */
static void lint_on_disconnect(weir_environ *real, void *arg, int32_t why)
{
    struct callback *c = arg;
    struct wr_lint_call call;

    (void)real;
    if (wr_lint_runs(c->r->lint) != WEIR_ON_LOOP) {
        atomic_store(&c->r->hearing, gettid());
        call_disconnect(c, why);
        atomic_store(&c->r->hearing, 0);
        return;
    }
    wr_lint_begin(c->r, WR_LINT_IN_CALLBACK, "a callback of weir_on_disconnect", &call);
    call_disconnect(c, why);
    wr_lint_leave(c->r, &call);
}

static int32_t on_disconnect(weir_environ *env, weir_disconnect_fn *fn, void *arg,
                             weir_disconnect_guard *guard)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_on_disconnect", 0);
    struct callback *c;

    if (!r)
        return WEIR_ESTALE;
    if (!fn)
        return wr_host_table.on_disconnect(r->real, NULL, NULL, NULL);
    c = new_callback(r, "weir_on_disconnect", arg);
    if (!c)
        return WEIR_ENOMEM;
    c->disconnect = fn;
    c->guard.disconnect = guard;
    atomic_fetch_add(&r->waiters, 1); /* an app that is ready to wait for long */
    return wr_host_table.on_disconnect(r->real, lint_on_disconnect, c, NULL);
}

/* ---- all of the content ---- */

static int32_t body_limit(weir_environ *env, uint64_t n)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_body_limit", 0);

    return r ? wr_host_table.body_limit(r->real, n) : WEIR_ESTALE;
}

/* A reader begins; NULL: no memory. */
static struct callback *begin_reader(struct wr_lint_request *r, const char *what, void *arg)
{
    if (r->is_reader_out)
        wr_lint_found(r, WR_LINT_READERS, "%s while weir_read_all or weir_read_file reads", what);
    return new_callback(r, what, arg);
}

static int32_t note_reader(struct wr_lint_request *r, int32_t err)
{
    if (err == 0) {
        r->is_reader_out = r->has_read = true;
        r->is_unread = false;
        atomic_fetch_add(&r->waiters, 1);
    }
    return err;
}

static void end_reader(struct wr_lint_request *r)
{
    r->is_reader_out = false;
    atomic_fetch_add(&r->wakes, 1);
}

static void lint_read_all(weir_environ *real, void *arg, const void *data, int64_t n)
{
    struct callback *c = arg;
    struct wr_lint_call call;

    (void)real;
    end_reader(c->r);
    wr_lint_begin(c->r, WR_LINT_IN_CALLBACK, "a callback of weir_read_all", &call);
    if (c->guard.read_all)
        c->guard.read_all(c->read_all, &c->r->base, c->arg, data, n);
    else
        c->read_all(&c->r->base, c->arg, data, n);
    wr_lint_leave(c->r, &call);
}

static void lint_read_file(weir_environ *real, void *arg, int64_t n)
{
    struct callback *c = arg;
    struct wr_lint_call call;

    (void)real;
    end_reader(c->r);
    wr_lint_begin(c->r, WR_LINT_IN_CALLBACK, "a callback of weir_read_file", &call);
    if (c->guard.read_file)
        c->guard.read_file(c->read_file, &c->r->base, c->arg, n);
    else
        c->read_file(&c->r->base, c->arg, n);
    wr_lint_leave(c->r, &call);
}

static int32_t read_all(weir_environ *env, size_t max, weir_read_all_fn *done, void *arg,
                        weir_read_all_guard *guard)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_read_all", 0);
    struct callback *c;

    if (!r)
        return WEIR_ESTALE;
    c = begin_reader(r, "weir_read_all", arg);
    if (!c)
        return WEIR_ENOMEM;
    c->read_all = done;
    c->guard.read_all = guard;
    return note_reader(r, wr_host_table.read_all(r->real, max, done ? lint_read_all : NULL,
                                                 done ? c : NULL, NULL));
}

static int32_t read_file(weir_environ *env, int32_t fd, uint64_t max, weir_read_file_fn *done,
                         void *arg, weir_read_file_guard *guard)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_read_file", 0);
    struct callback *c;

    if (!r)
        return WEIR_ESTALE;
    c = begin_reader(r, "weir_read_file", arg);
    if (!c)
        return WEIR_ENOMEM;
    c->read_file = done;
    c->guard.read_file = guard;
    return note_reader(r, wr_host_table.read_file(r->real, fd, max, done ? lint_read_file : NULL,
                                                  done ? c : NULL, NULL));
}

/* ---- the answer ---- */

static int32_t write_content(weir_environ *env, const void *p, size_t n)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_write", 0);
    struct wr_lint_wait wait;
    int32_t err;

    if (!r)
        return WEIR_ESTALE;
    if (!p && n > 0) {
        wr_lint_found(r, WR_LINT_WRITE, "weir_write of NULL");
        return WEIR_EINVAL;
    }
    if (wr_lint_real(r)->error == 0) {
        if (wr_lint_real(r)->status == 0)
            wr_lint_found(r, WR_LINT_WRITE, "weir_write before start_response");
        else if (n > 0)
            wr_lint_check_answer(r, wr_lint_real(r)->status, WR_LINT_SOME_CONTENT);
    }
    wr_lint_wait_begin(r, &wait);
    err = wr_host_table.write(r->real, p, n);
    wr_lint_wait_end(r, &wait);
    wr_lint_wait_said(r, err);
    if (err == 0)
        r->written += n;
    return err;
}

static int32_t finish(weir_environ *env, const weir_body *body)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_finish", 0);
    weir_body taken;

    if (!r) {
        weir_body copy = *body;

        wr_host_table.body_close(env, &copy);
        return WEIR_ESTALE;
    }
    if (r->has_finished || (r->has_returned && !r->has_later)) {
        wr_lint_found(r, WR_LINT_FINISH, "weir_finish for a request that has its body already");
        return wr_host_table.finish(r->real, body);
    }
    r->has_finished = true;
    taken = wr_lint_take_body(r, *body, r->frame);
    return wr_host_table.finish(r->real, &taken);
}

__attribute__((format(printf, 2, 0))) static int32_t request_fail(weir_environ *env,
                                                                  const char *fmt, va_list ap)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_fail", 0);

    return r ? wr_host_table.request_fail(r->real, fmt, ap) : WEIR_ESTALE;
}

/* ---- extensions: what they are given is the stand-in ---- */

static void check_trailer(struct wr_lint_request *r, const char *name, const char *value, size_t n)
{
    struct wr_slice text = wr_slice_of(name ? name : "");

    if (wr_is_token(text) && !wr_field_may_trail(text))
        wr_lint_found(r, WR_LINT_TRAILER, "the field %.*s cannot be a trailer",
                      (int)(text.n < 40 ? text.n : 40), text.p);
    else
        (void)wr_lint_check_field(r, name, value ? value : "", value ? n : 0);
}

static int32_t trailer_add(weir_environ *env, const char *name, const char *value, size_t n)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_trailer_add", 0);
    const weir_trailers *t;

    if (!r)
        return WEIR_ESTALE;
    if (wr_lint_real(r)->error == 0)
        check_trailer(r, name, value, n);
    t = wr_host_table.extension(env->host, "weir.trailers/1");
    return t ? t->add(r->real, name, value, n) : WEIR_ENOTSUP;
}

static int32_t trailer_each(weir_environ *env,
                            int32_t (*fn)(void *arg, const char *name, size_t name_n,
                                          const char *value, size_t value_n),
                            void *arg)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_trailer_each", WR_LINT_AT_END);
    const weir_trailers *t;

    if (!r)
        return WEIR_ESTALE;
    t = wr_host_table.extension(env->host, "weir.trailers/1");
    return t ? t->each(r->real, fn, arg) : WEIR_ENOTSUP;
}

static void check_hints(struct wr_lint_request *r, const weir_header *fields)
{
    bool is_right = true, has_link = false;

    for (; fields && fields->name && is_right; fields++) {
        struct wr_slice name = wr_slice_of(fields->name);

        has_link |= wr_slice_ieq(name, WR_SLICE("Link"));
        if (wr_slice_ieq(name, WR_SLICE("Content-Length"))) {
            wr_lint_found(r, WR_LINT_HINTS, "early hints with a Content-Length");
            return;
        }
        is_right = wr_lint_check_field(r, fields->name, fields->value,
                                       fields->value ? strlen(fields->value) : 1);
    }
    if (is_right && !has_link)
        wr_lint_found(r, WR_LINT_HINTS, "early hints without Link");
}

static int32_t send_hints(weir_environ *env, const weir_header *fields)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_early_hints", 0);
    const weir_early_hints_table *t;

    if (!r)
        return WEIR_ESTALE;
    if (wr_lint_real(r)->error == 0)
        check_hints(r, fields);
    t = wr_host_table.extension(env->host, "weir.early-hints/1");
    return t ? t->send(r->real, fields) : WEIR_ENOTSUP;
}

static const weir_trailers trailers = {sizeof trailers, trailer_add, trailer_each};
static const weir_early_hints_table early_hints = {sizeof early_hints, send_hints};

/* One that is not known here would get the stand-in for an environ: it is not there. */
const void *wr_lint_extension(const weir_host *host, const char *name)
{
    if (!name || !wr_host_table.extension(host, name))
        return NULL;
    if (strcmp(name, "weir.trailers/1") == 0)
        return &trailers;
    if (strcmp(name, "weir.early-hints/1") == 0)
        return &early_hints;
    return NULL;
}

/* ---- the table ---- */

void wr_lint_fill_async(weir_host *host)
{
#define FILL(member, function) host->member = wr_host_table.member ? (function) : NULL
    FILL(body_limit, body_limit);
    FILL(write, write_content);
    FILL(on_input, on_input);
    FILL(on_writable, on_writable);
    FILL(on_disconnect, on_disconnect);
    FILL(read_all, read_all);
    FILL(read_file, read_file);
    FILL(finish, finish);
    FILL(request_fail, request_fail);
#undef FILL
}
