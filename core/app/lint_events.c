/*
 * lint_events.c — the functions of the host table by which a request is answered from elsewhere, or
 * waits without a thread. A function that the real table does not have is not in the checker's.
 *
 * The server knows a timer by function and argument: so there is one node for each pair, and one
 * for each descriptor. They live as long as the request.
 */
#include "app/lint_request.h"
#include "app/remote.h"

#define AGAIN_AT_ONCE 100 /* calls in a row of a timer of 0 ms that sets itself */

struct wr_lint_timer_node {
    struct wr_lint_timer_node *next;
    struct wr_lint_request *r;
    weir_event_fn *fn;
    void *arg;
    weir_event_guard *guard;
    bool is_now;     /* set with 0 ms */
    unsigned in_row; /* calls, each of which has set it with 0 ms */
};

struct wr_lint_watch_node {
    struct wr_lint_watch_node *next;
    struct wr_lint_request *r;
    struct wr_lint_watch watch;
    weir_watch_fn *fn;
    void *arg;
    weir_watch_guard *guard;
};

/* ---- tokens ---- */

static uint64_t token(weir_environ *env)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_token", WR_LINT_AT_END);
    uint64_t number = r ? wr_host_table.token(r->real) : 0;

    if (number == 0)
        return 0;
    if (atomic_exchange(&r->token, number) == 0)
        atomic_fetch_add(&r->waiters, 1);
    return number;
}

void wr_lint_resumed(struct wr_lint_request *r, weir_event_fn *fn, void *arg,
                     weir_event_guard *guard)
{
    wr_lint_call_event(r, "a function of weir_resume", fn, arg, guard);
}

static void check_resume(struct wr_lint *l, uint64_t number, weir_event_fn *fn, const void *arg)
{
    const void *frame;

    if (number == 0)
        wr_lint_report(l, WR_LINT_TOKEN, "weir_resume with the token 0, which is no request's");
    else if (!fn)
        wr_lint_report(l, WR_LINT_TOKEN, "weir_resume without a function");
    if (!arg)
        return;
    frame = wr_lint_frame_of(l, number);
    if (frame && wr_lint_is_on_stack(arg, frame))
        wr_lint_report(l, WR_LINT_ARGUMENT,
                       "weir_resume: its argument is a local variable, which is gone when the "
                       "function is called");
    else if (wr_lint_is_stale(l, arg))
        wr_lint_report(l, WR_LINT_ARGUMENT,
                       "weir_resume: its argument lies in memory of a request that is over");
}

/* The request may be that of another route, which has a checker of its own or none: so whoever
 * makes the call looks whose it is. */
static int32_t resume(const weir_host *host, uint64_t number, weir_event_fn *fn, void *arg,
                      weir_release_fn *drop, weir_event_guard *guard)
{
    check_resume(wr_mount_of_host(host)->lint, number, fn, arg);
    return wr_host_table.resume(host, number, fn, arg, drop, guard);
}

/* ---- timers ---- */

static const char of_timer[] = "a callback of weir_timer";

static void check_in_row(struct wr_lint_timer_node *node)
{
    node->in_row = node->is_now ? node->in_row + 1 : 0;
    if (node->in_row == AGAIN_AT_ONCE)
        wr_lint_found(node->r, WR_LINT_SPINS,
                      "%s that sets itself with 0 ms, again and again: it takes all of a processor",
                      of_timer);
}

static void lint_timer(weir_environ *real, void *arg)
{
    struct wr_lint_timer_node *node = arg;

    (void)real;
    node->is_now = false;
    wr_lint_call_event(node->r, of_timer, node->fn, node->arg, node->guard);
    check_in_row(node);
}

static struct wr_lint_timer_node *timer_node(struct wr_lint_request *r, weir_event_fn *fn,
                                             void *arg)
{
    struct wr_lint_timer_node *node = r->timers;

    while (node && (node->fn != fn || node->arg != arg))
        node = node->next;
    if (node)
        return node;
    node = wr_arena_alloc(&r->own, sizeof *node);
    if (!node)
        return NULL;
    *node = (struct wr_lint_timer_node){.next = r->timers, .r = r, .fn = fn, .arg = arg};
    r->timers = node;
    return node;
}

/* Where an app runs that the server cannot call back at a time. */
static bool is_in_thread(struct wr_lint_request *r, const char *what)
{
    if (wr_lint_runs(r->lint) != WEIR_IN_THREAD)
        return false;
    wr_lint_found(r, WR_LINT_NOT_IN_THREAD,
                  "%s of an app that runs in threads: weir_sleep() and weir_wait_fd() wait there",
                  what);
    return true;
}

static int32_t timer(weir_environ *env, uint32_t ms, weir_event_fn *fn, void *arg,
                     weir_event_guard *guard)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_timer", 0);
    struct wr_lint_timer_node *node = NULL;
    int32_t err;

    if (!r)
        return WEIR_ESTALE;
    if (!is_in_thread(r, "weir_timer") && ms != WEIR_NEVER)
        wr_lint_check_argument(r, arg, "weir_timer");
    if (fn && !(node = timer_node(r, fn, arg)))
        return WEIR_ENOMEM;
    if (node)
        node->guard = guard;
    err = wr_host_table.timer(r->real, ms, node ? lint_timer : NULL, node, NULL);
    if (err == 0 && node) {
        node->is_now = ms == 0;
        atomic_fetch_add(&r->waiters, 1);
    }
    return err;
}

/* ---- descriptors ---- */

static void report_lost(struct wr_lint_request *r, struct wr_lint_watch *w, const char *what)
{
    if (!wr_remote_is_over(wr_lint_real(r))) /* with the response its watches have ended */
        wr_lint_found(r, WR_LINT_CLOSED,
                      "%s closed a descriptor that was watched: weir_watch_fd() with events of 0 "
                      "comes first",
                      what);
    w->is_on = false;
}

void wr_lint_check_watches(struct wr_lint_request *r)
{
    for (struct wr_lint_watch_node *node = r->watches; node; node = node->next)
        if (wr_lint_watch_is_lost(&node->watch))
            report_lost(r, &node->watch, atomic_load(&r->what));
}

static void call_watch(struct wr_lint_watch_node *node, uint32_t events)
{
    struct wr_lint_request *r = node->r;
    struct wr_lint_call call;

    atomic_fetch_add(&r->wakes, 1);
    wr_lint_begin(r, WR_LINT_IN_CALLBACK, "a callback of weir_watch_fd", &call);
    if (node->guard)
        node->guard(node->fn, &r->base, node->arg, events);
    else
        node->fn(&r->base, node->arg, events);
    wr_lint_leave(r, &call);
}

static void lint_watch(weir_environ *real, void *arg, uint32_t events)
{
    struct wr_lint_watch_node *node = arg;
    int64_t before = wr_lint_watch_measure(node->watch.fd);

    (void)real;
    call_watch(node, events);
    if (wr_lint_watch_is_idle(&node->watch, events, before) && !node->r->has_finished)
        wr_lint_found(node->r, WR_LINT_UNHANDLED,
                      "a callback of weir_watch_fd that leaves the descriptor as it was: it is "
                      "called again at once");
}

static struct wr_lint_watch_node *watch_node(struct wr_lint_request *r, int32_t fd)
{
    struct wr_lint_watch_node *node = r->watches;

    while (node && node->watch.fd != fd)
        node = node->next;
    if (node)
        return node;
    node = wr_arena_alloc(&r->own, sizeof *node);
    if (!node)
        return NULL;
    *node = (struct wr_lint_watch_node){.next = r->watches, .r = r, .watch.fd = fd};
    r->watches = node;
    return node;
}

static void report_fault(struct wr_lint_request *r, const char *what, int32_t fd, uint32_t events,
                         int32_t said)
{
    enum wr_lint_rule rule;
    const char *fault = wr_lint_watch_fault(fd, events, said, &rule);
    bool is_harmless = rule == WR_LINT_BLOCKING && wr_lint_runs(r->lint) == WEIR_IN_THREAD;

    if (fault && !is_harmless)
        wr_lint_found(r, rule, "%s %s", what, fault);
}

static int32_t set_watch(struct wr_lint_watch_node *node, uint32_t events,
                         const struct wr_lint_watch_node *wanted)
{
    struct wr_lint_request *r = node->r;
    int32_t fd = node->watch.fd;
    int32_t err =
        wr_host_table.watch_fd(r->real, fd, events, wanted->fn ? lint_watch : NULL, node, NULL);

    if (events != 0 && !wanted->fn)
        wr_lint_found(r, WR_LINT_WATCH, "weir_watch_fd without a function");
    else if (events != 0)
        report_fault(r, "weir_watch_fd", fd, events, err);
    if (err < 0)
        return err;
    if (events == 0) {
        node->watch.is_on = false;
        return err;
    }
    node->fn = wanted->fn;
    node->arg = wanted->arg;
    node->guard = wanted->guard;
    if (!node->watch.is_on)
        (void)wr_lint_watch_begin(&node->watch, fd);
    atomic_fetch_add(&r->waiters, 1);
    return err;
}

static int32_t watch_fd(weir_environ *env, int32_t fd, uint32_t events, weir_watch_fn *fn,
                        void *arg, weir_watch_guard *guard)
{
    const struct wr_lint_watch_node wanted = {.fn = fn, .arg = arg, .guard = guard};
    struct wr_lint_request *r = wr_lint_enter(env, "weir_watch_fd", 0);
    struct wr_lint_watch_node *node;

    if (!r)
        return WEIR_ESTALE;
    if (!is_in_thread(r, "weir_watch_fd") && events != 0)
        wr_lint_check_argument(r, arg, "weir_watch_fd");
    node = watch_node(r, fd);
    if (!node)
        return WEIR_ENOMEM;
    if (wr_lint_watch_is_another(&node->watch))
        report_lost(r, &node->watch, atomic_load(&r->what));
    return set_watch(node, events, &wanted);
}

/* ---- what waits ---- */

/* Does nothing wait here? */
static bool check_wait(struct wr_lint_request *r, const char *what)
{
    if (wr_lint_runs(r->lint) == WEIR_ON_LOOP)
        wr_lint_found(r, WR_LINT_WAITS, "%s on the event loop, where nothing waits", what);
    else if (r->where == WR_LINT_IN_CALLBACK)
        wr_lint_found(r, WR_LINT_WAITS, "%s in a callback, where nothing waits", what);
    else
        return false;
    return true;
}

/* In a thread it keeps that, which counts. */
static void end_wait(struct wr_lint_request *r, const struct wr_lint_wait *wait, int32_t said)
{
    int64_t waited_ns = r->waited_ns;

    wr_lint_wait_end(r, wait);
    if (wr_lint_runs(r->lint) == WEIR_IN_THREAD)
        r->waited_ns = waited_ns;
    wr_lint_wait_said(r, said);
}

static int32_t sleep_ms(weir_environ *env, uint32_t ms)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_sleep", 0);
    struct wr_lint_wait wait;
    int32_t said;

    if (!r)
        return WEIR_ESTALE;
    (void)check_wait(r, "weir_sleep");
    wr_lint_wait_begin(r, &wait);
    said = wr_host_table.sleep(r->real, ms);
    end_wait(r, &wait, said);
    return said;
}

static int32_t wait_fd(weir_environ *env, int32_t fd, uint32_t events, uint32_t timeout_ms)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_wait_fd", 0);
    struct wr_lint_wait wait;
    int32_t said;

    if (!r)
        return WEIR_ESTALE;
    if (!check_wait(r, "weir_wait_fd"))
        wr_lint_check_watches(r);
    wr_lint_wait_begin(r, &wait);
    said = wr_host_table.wait_fd(r->real, fd, events, timeout_ms);
    end_wait(r, &wait, said);
    report_fault(r, "weir_wait_fd", fd, events, said);
    return said;
}

/* ---- work ---- */

struct work {
    struct wr_lint_request *r;
    weir_release_fn *work;
    weir_event_fn *done;
    void *arg;
    weir_work_guard *work_guard;
    weir_event_guard *guard;
};

static int32_t run_work(struct work *w)
{
    struct wr_lint_work here;
    int32_t said = 0;

    wr_lint_begin_work(w->r->lint, &here);
    if (w->work_guard)
        said = w->work_guard(w->work, w->arg);
    else
        w->work(w->arg);
    wr_lint_end_work(w->r->lint, &here);
    return said;
}

static void lint_work(void *arg)
{
    (void)run_work(arg);
}

/* In place of the above, so that what the plugin's own says is heard. */
static int32_t guard_work(weir_release_fn *work, void *arg)
{
    (void)work;
    return run_work(arg);
}

static void lint_done(weir_environ *real, void *arg)
{
    const struct work *w = arg;

    (void)real;
    wr_lint_call_event(w->r, "done of weir_offload", w->done, w->arg, w->guard);
}

static int32_t call_offload(struct work *w)
{
    return wr_host_table.offload(w->r->real, w->work ? lint_work : NULL, w->done ? lint_done : NULL,
                                 w, guard_work, NULL);
}

/* Has done been called when it returns? Then `arg` may be a local variable. */
static bool is_awaited(const struct wr_lint_request *r)
{
    int32_t runs = wr_lint_runs(r->lint);

    return runs == WEIR_IN_THREAD || (runs == WEIR_IN_COROUTINE && r->where != WR_LINT_IN_CALLBACK);
}

static int32_t offload_and_wait(struct work *w)
{
    struct wr_lint_wait wait;
    int32_t err;

    wr_lint_wait_begin(w->r, &wait);
    err = call_offload(w);
    end_wait(w->r, &wait, err);
    return err;
}

static int32_t offload(weir_environ *env, weir_release_fn *work, weir_event_fn *done, void *arg,
                       weir_work_guard *work_guard, weir_event_guard *guard)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_offload", 0);
    struct work *w;
    int32_t err;

    if (!r)
        return WEIR_ESTALE;
    w = wr_arena_alloc(&r->own, sizeof *w);
    if (!w)
        return WEIR_ENOMEM;
    *w = (struct work){r, work, done, arg, work_guard, guard};
    if (is_awaited(r))
        return offload_and_wait(w);
    wr_lint_check_argument(r, arg, "weir_offload");
    err = call_offload(w);
    if (err == 0 && done)
        atomic_fetch_add(&r->waiters, 1);
    return err;
}

/* ---- the table ---- */

void wr_lint_fill_events(weir_host *host)
{
#define FILL(member, function) host->member = wr_host_table.member ? (function) : NULL
    FILL(token, token);
    FILL(resume, resume);
    FILL(timer, timer);
    FILL(watch_fd, watch_fd);
    FILL(sleep, sleep_ms);
    FILL(wait_fd, wait_fd);
    FILL(offload, offload);
#undef FILL
}
