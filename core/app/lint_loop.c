/*
 * lint_loop.c — the functions of the host table that are of a loop and of no request, loop_start
 * and loop_stop.
 *
 * The state of a loop is the checker's to the server, and has that of the plugin in it: so
 * loop_stop, which gets nothing else, finds its way. Nodes stay until the checker is freed.
 */
#include <stdlib.h>
#include <unistd.h>

#include "app/lint_request.h"

struct wr_lint_loop_timer {
    struct wr_lint_loop_timer *next;
    struct wr_lint_loop *loop;
    weir_loop_fn *fn;
    void *arg;
    weir_loop_guard *guard;
};

struct wr_lint_loop_watch {
    struct wr_lint_loop_watch *next;
    struct wr_lint_loop *loop;
    struct wr_lint_watch watch;
    weir_loop_watch_fn *fn;
    void *arg;
    weir_loop_watch_guard *guard;
};

/* ---- which loop, which thread ---- */

static struct wr_lint *lint_of(const weir_loop *loop)
{
    return wr_mount_of_host(loop->host)->lint;
}

/* There is one for each for which loop_start was called, and no other is known to a plugin. */
static struct wr_lint_loop *find(struct wr_lint *l, const weir_loop *loop)
{
    struct wr_lint_loop *it;

    pthread_mutex_lock(&l->lock);
    it = l->loops;
    while (it && it->loop != loop)
        it = it->next;
    pthread_mutex_unlock(&l->lock);
    return it;
}

void wr_lint_note_loop(struct wr_lint_request *r)
{
    const struct wr_mount *m = r->lint->mount;
    const struct wr_environ *e = wr_lint_real(r);
    struct wr_lint_loop *loop;

    if (wr_lint_runs(r->lint) == WEIR_IN_THREAD)
        return;
    loop = m->loops[m->home ? m->home->index : e->x->worker->index].state;
    if (loop)
        atomic_store(&loop->thread, gettid());
}

/* As long as nothing has run on the loop, its thread is not known. */
static void check_thread(struct wr_lint_loop *loop, const char *what)
{
    int thread = atomic_load(&loop->thread), starter = atomic_load(&loop->starter);

    if (starter != gettid() && thread != gettid() && thread != 0)
        wr_lint_report(loop->lint, WR_LINT_LOOP_THREAD,
                       "%s on another thread than the loop's: there weir_loop_post() is the way",
                       what);
}

/* ---- a callback ---- */

struct of_loop {
    struct wr_lint_clock began;
    long long busy_since; /* before it */
};

static void begin(struct wr_lint_loop *loop, struct of_loop *call)
{
    atomic_store(&loop->thread, gettid());
    wr_lint_clock_read(&call->began);
    call->busy_since = atomic_exchange(&loop->busy_since, call->began.wall_ns);
}

static void report_lost(struct wr_lint_loop *loop, struct wr_lint_watch *w, const char *what)
{
    wr_lint_report(loop->lint, WR_LINT_CLOSED,
                   "%s closed a descriptor that was watched: weir_loop_watch_fd() with events of 0 "
                   "comes first",
                   what);
    w->is_on = false;
}

static void check_watches(struct wr_lint_loop *loop, const char *what)
{
    struct wr_lint_loop_watch *first;

    pthread_mutex_lock(&loop->lint->lock);
    first = loop->watches; /* others are put before it */
    pthread_mutex_unlock(&loop->lint->lock);
    for (struct wr_lint_loop_watch *node = first; node; node = node->next)
        if (wr_lint_watch_is_lost(&node->watch))
            report_lost(loop, &node->watch, what);
}

static void leave(struct wr_lint_loop *loop, const struct of_loop *call, const char *what)
{
    enum wr_lint_rule rule;
    const char *fault = wr_lint_clock_fault(&call->began, &rule);

    if (fault)
        wr_lint_report(loop->lint, rule, "%s %s on the event loop", what, fault);
    check_watches(loop, what);
    atomic_store(&loop->busy_since, call->busy_since);
}

/* ---- posts ---- */

struct post {
    struct wr_lint_loop *loop;
    weir_release_fn *fn;
    void *arg;
    weir_post_guard *guard;
};

static void lint_post(void *arg)
{
    const struct post it = *(const struct post *)arg;
    struct of_loop call;

    free(arg);
    begin(it.loop, &call);
    if (it.guard)
        it.guard(it.fn, it.loop->loop, it.arg);
    else
        it.fn(it.arg);
    leave(it.loop, &call, "a function of weir_loop_post");
}

static int32_t loop_post(weir_loop *loop, weir_release_fn *fn, void *arg, weir_post_guard *guard)
{
    struct wr_lint *l = lint_of(loop);
    struct wr_lint_loop *it = find(l, loop);
    struct post *post = fn && it ? malloc(sizeof *post) : NULL;
    int32_t err;

    if (!post)
        return fn && it ? WEIR_ENOMEM : wr_host_table.loop_post(loop, fn, arg, guard);
    *post = (struct post){it, fn, arg, guard};
    atomic_store(&l->has_of_loop, true);
    if (wr_lint_is_stale(l, arg))
        wr_lint_report(l, WR_LINT_ARGUMENT,
                       "weir_loop_post: its argument lies in memory of a request that is over");
    err = wr_host_table.loop_post(loop, lint_post, post, NULL);
    if (err < 0)
        free(post);
    return err;
}

/* ---- timers ---- */

static void lint_timer(weir_loop *loop, void *arg)
{
    const struct wr_lint_loop_timer *node = arg;
    struct of_loop call;

    begin(node->loop, &call);
    if (node->guard)
        node->guard(node->fn, loop, node->arg);
    else
        node->fn(loop, node->arg);
    leave(node->loop, &call, "a callback of weir_loop_timer");
}

/* Known by function and argument, as the server does. */
static struct wr_lint_loop_timer *timer_node(struct wr_lint_loop *loop, weir_loop_fn *fn, void *arg)
{
    struct wr_lint_loop_timer *node;

    pthread_mutex_lock(&loop->lint->lock);
    node = loop->timers;
    while (node && (node->fn != fn || node->arg != arg))
        node = node->next;
    if (!node && (node = malloc(sizeof *node))) {
        *node =
            (struct wr_lint_loop_timer){.next = loop->timers, .loop = loop, .fn = fn, .arg = arg};
        loop->timers = node;
    }
    pthread_mutex_unlock(&loop->lint->lock);
    return node;
}

static int32_t loop_timer(weir_loop *loop, uint32_t ms, weir_loop_fn *fn, void *arg,
                          weir_loop_guard *guard)
{
    struct wr_lint_loop *it = find(lint_of(loop), loop);
    struct wr_lint_loop_timer *node;

    if (!fn || !it)
        return wr_host_table.loop_timer(loop, ms, fn, arg, guard);
    check_thread(it, "weir_loop_timer");
    node = timer_node(it, fn, arg);
    if (!node)
        return WEIR_ENOMEM;
    node->guard = guard;
    atomic_store(&it->lint->has_of_loop, true);
    return wr_host_table.loop_timer(loop, ms, lint_timer, node, NULL);
}

/* ---- descriptors ---- */

static void lint_watch(weir_loop *loop, void *arg, uint32_t events)
{
    static const char what[] = "a callback of weir_loop_watch_fd";
    struct wr_lint_loop_watch *node = arg;
    int64_t before = wr_lint_watch_measure(node->watch.fd);
    struct of_loop call;

    begin(node->loop, &call);
    if (node->guard)
        node->guard(node->fn, loop, node->arg, events);
    else
        node->fn(loop, node->arg, events);
    leave(node->loop, &call, what);
    if (wr_lint_watch_is_idle(&node->watch, events, before))
        wr_lint_report(node->loop->lint, WR_LINT_UNHANDLED,
                       "%s that leaves the descriptor as it was: it is called again at once", what);
}

static struct wr_lint_loop_watch *watch_node(struct wr_lint_loop *loop, int32_t fd)
{
    struct wr_lint_loop_watch *node;

    pthread_mutex_lock(&loop->lint->lock);
    node = loop->watches;
    while (node && node->watch.fd != fd)
        node = node->next;
    if (!node && (node = malloc(sizeof *node))) {
        *node = (struct wr_lint_loop_watch){.next = loop->watches, .loop = loop, .watch.fd = fd};
        loop->watches = node;
    }
    pthread_mutex_unlock(&loop->lint->lock);
    return node;
}

static int32_t set_watch(struct wr_lint_loop_watch *node, uint32_t events,
                         const struct wr_lint_loop_watch *wanted)
{
    struct wr_lint_loop *loop = node->loop;
    int32_t fd = node->watch.fd;
    int32_t err = wr_host_table.loop_watch_fd(loop->loop, fd, events,
                                              wanted->fn ? lint_watch : NULL, node, NULL);
    enum wr_lint_rule rule;
    const char *fault = wr_lint_watch_fault(fd, events, err, &rule);

    if (events != 0 && !wanted->fn)
        wr_lint_report(loop->lint, WR_LINT_WATCH, "weir_loop_watch_fd without a function");
    else if (events != 0 && fault)
        wr_lint_report(loop->lint, rule, "weir_loop_watch_fd %s", fault);
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
    return err;
}

static int32_t loop_watch_fd(weir_loop *loop, int32_t fd, uint32_t events, weir_loop_watch_fn *fn,
                             void *arg, weir_loop_watch_guard *guard)
{
    const struct wr_lint_loop_watch wanted = {.fn = fn, .arg = arg, .guard = guard};
    struct wr_lint_loop *it = find(lint_of(loop), loop);
    struct wr_lint_loop_watch *node;

    if (!it)
        return wr_host_table.loop_watch_fd(loop, fd, events, fn, arg, guard);
    check_thread(it, "weir_loop_watch_fd");
    node = watch_node(it, fd);
    if (!node)
        return WEIR_ENOMEM;
    if (wr_lint_watch_is_another(&node->watch))
        report_lost(it, &node->watch, "it");
    atomic_store(&it->lint->has_of_loop, true);
    return set_watch(node, events, &wanted);
}

/* ---- loop_start and loop_stop ---- */

static int32_t lint_loop_start(const weir_host *host, weir_loop *loop, void *state,
                               void **loop_state)
{
    struct wr_lint *l = wr_mount_of_host(host)->lint;
    struct wr_lint_loop *it = calloc(1, sizeof *it);
    int32_t err = 0;

    if (!it)
        return WEIR_ENOMEM;
    it->lint = l;
    it->loop = loop;
    pthread_mutex_lock(&l->lock);
    it->next = l->loops;
    l->loops = it;
    pthread_mutex_unlock(&l->lock);
    atomic_store(&it->starter, gettid());
    if (l->plugin.loop_start)
        err = l->plugin.loop_start(host, loop, state, &it->state);
    atomic_store(&it->starter, 0);
    *loop_state = it;
    return err;
}

/* A descriptor that is watched no more and still open is one that nobody will close. */
static void check_left(struct wr_lint_loop *loop)
{
    for (struct wr_lint_loop_watch *node = loop->watches; node; node = node->next) {
        if (wr_lint_watch_is_lost(&node->watch))
            report_lost(loop, &node->watch, "loop_stop");
        else if (node->watch.is_on)
            wr_lint_report(loop->lint, WR_LINT_LEFT,
                           "loop_stop leaves a descriptor that is watched, and open");
        node->watch.is_on = false;
    }
}

static void lint_loop_stop(void *state, void *loop_state)
{
    struct wr_lint_loop *loop = loop_state;

    atomic_store(&loop->starter, gettid());
    if (loop->lint->plugin.loop_stop)
        loop->lint->plugin.loop_stop(state, loop->state);
    check_left(loop);
    atomic_store(&loop->starter, 0);
}

void wr_lint_wrap_loop(struct wr_lint *l)
{
    l->mount->plugin.loop_start = lint_loop_start;
    l->mount->plugin.loop_stop = lint_loop_stop;
}

void wr_lint_free_loops(struct wr_lint *l)
{
    while (l->loops) {
        struct wr_lint_loop *loop = l->loops;

        l->loops = loop->next;
        while (loop->timers) {
            struct wr_lint_loop_timer *node = loop->timers;

            loop->timers = node->next;
            free(node);
        }
        while (loop->watches) {
            struct wr_lint_loop_watch *node = loop->watches;

            loop->watches = node->next;
            free(node);
        }
        free(loop);
    }
}

/* ---- the table ---- */

void wr_lint_fill_loop(weir_host *host)
{
#define FILL(member, function) host->member = wr_host_table.member ? (function) : NULL
    FILL(loop_post, loop_post);
    FILL(loop_timer, loop_timer);
    FILL(loop_watch_fd, loop_watch_fd);
#undef FILL
}
