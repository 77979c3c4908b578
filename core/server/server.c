#include "server/server.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/listener.h"
#include "io/thread.h"

#define ACCEPTS_MAX      64   /* in one turn: those who are connected have theirs too */
#define FIXED_FDS        16   /* logs, root, standard descriptors, a few of the host's */
#define FILES_SHARE      8    /* an eighth of all descriptors is left to files */
#define BACKLOG_MAX      4096 /* connections that may wait on a listener when the server stops */
#define SHORTAGE_OVER_MS 10000
#define ACCEPT_PAUSE_MS  100 /* after which a lack of descriptors is looked at again */

struct acceptor {
    struct wr_source source;
    struct loop_thread *owner;
    int fd; /* -1: closed */
    unsigned short port;
};

/* A worker, its listeners, and the thread that runs it. */
struct loop_thread {
    struct wr_worker worker; /* first: on_conns_changed() gets back to this struct */
    struct wr_server *server;
    struct acceptor *acceptors;
    struct wr_timer resume;   /* accepting, after descriptors had run out */
    struct wr_timer deadline; /* of the drain */
    struct wr_task stop;
    atomic_bool is_stop_posted;
    pthread_t thread;
    int err; /* why the loop ended by itself; 0: it has not */
    bool has_loop, has_thread;
    bool is_paused;      /* not accepting, for want of descriptors */
    bool is_short;       /* that was said, and has not ended */
    int64_t short_at_ms; /* when accepting paused last */
    bool is_stopping, is_stopped;
};

struct wr_server {
    struct wr_server_setup setup;
    struct wr_address addresses[WR_SERVER_ADDRESSES_MAX];
    struct loop_thread *threads;
    int opened_n; /* of addresses: those whose listeners are, or were, ours */
    atomic_bool has_removed_paths;
    atomic_llong stop_by_ms; /* on the loops' clock; the earliest that anybody asked for */
    atomic_long conns;       /* open, on all loops */
    atomic_int accepting_n;  /* loops that may still take in a connection */
    long conns_max;
};

static struct loop_thread *thread_of(struct wr_worker *w)
{
    return WR_CONTAINER_OF(w, struct loop_thread, worker);
}

/* ---- accepting ---- */

/* As many connections as leave descriptors for files: without those they would be of no use. */
static bool is_full(struct wr_server *s)
{
    return atomic_load_explicit(&s->conns, memory_order_relaxed) >= s->conns_max;
}

static void await_resume(struct loop_thread *t)
{
    struct wr_loop *loop = t->worker.loop;

    wr_timer_set(wr_loop_timers(loop), &t->resume, wr_loop_now_ms(loop) + ACCEPT_PAUSE_MS);
}

static void pause_accepting(struct loop_thread *t, const char *why)
{
    struct wr_loop *loop = t->worker.loop;

    if (!t->is_short)
        wr_log(t->worker.log, WR_LOG_WARN,
               "cannot accept connections: %s; serving on with those that are open", why);
    t->is_short = t->is_paused = true;
    t->short_at_ms = wr_loop_now_ms(loop);
    for (int i = 0; i < t->server->setup.addresses_n; i++)
        wr_loop_remove(loop, &t->acceptors[i].source);
    await_resume(t);
}

/* All who waited are in. A shortage has ended when that holds for a while: at the limit every
 * connection that closes lets another in, and the log would say so each time. */
static void note_all_in(struct loop_thread *t)
{
    if (!t->is_short || wr_loop_now_ms(t->worker.loop) - t->short_at_ms < SHORTAGE_OVER_MS)
        return;
    t->is_short = false;
    wr_log(t->worker.log, WR_LOG_WARN, "accepting connections without delay again");
}

static bool is_shortage(int err)
{
    return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

/* 1: one was accepted, or failed by itself; 0: no more; -errno: none can be had for now. */
static int accept_one(struct acceptor *a)
{
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof from;
    int fd = accept4(a->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct wr_transport *transport;
    struct wr_peer peer;
    int err;

    if (fd < 0 && errno == EAGAIN)
        return 0;
    if (fd < 0)
        return is_shortage(-errno) ? -errno : 1; /* the others concern that connection alone */
    transport = wr_transport_tcp_new(fd);
    if (!transport) {
        close(fd);
        return -ENOMEM;
    }
    wr_peer_of(&from, &peer);
    peer.own_port = a->port;
    err = wr_conn_open(&a->owner->worker, transport, fd, &peer);
    if (err < 0)
        wr_log(a->owner->worker.log, WR_LOG_WARN, "a connection was dropped: %s",
               strerrordesc_np(-err));
    return 1;
}

static void on_acceptable(struct wr_source *s, uint32_t events)
{
    struct acceptor *a = WR_CONTAINER_OF(s, struct acceptor, source);
    struct loop_thread *t = a->owner;
    int r = 1;

    (void)events;
    if (is_full(t->server)) {
        pause_accepting(t, "as many are open as its descriptors allow");
        return;
    }
    for (int i = 0; i < ACCEPTS_MAX && r > 0 && !is_full(t->server); i++)
        r = accept_one(a);
    if (r < 0)
        pause_accepting(t, strerrordesc_np(-r));
    else if (r == 0)
        note_all_in(t);
}

static int listen_on_loop(struct loop_thread *t)
{
    const struct wr_server *s = t->server;

    for (int i = 0; i < s->setup.addresses_n; i++) {
        bool is_shared = s->addresses[i].sa.any.sa_family == AF_UNIX;
        /* Level-triggered: what the budget left over is said again. */
        uint32_t events = EPOLLIN | (is_shared ? EPOLLEXCLUSIVE : 0);
        int err = wr_loop_add(t->worker.loop, &t->acceptors[i].source, t->acceptors[i].fd, events);

        if (err < 0)
            return err;
    }
    return 0;
}

static void resume_accepting(struct loop_thread *t)
{
    int err;

    if (!t->is_paused || t->is_stopping)
        return;
    if (is_full(t->server)) {
        await_resume(t);
        return;
    }
    t->is_paused = false;
    wr_timer_clear(wr_loop_timers(t->worker.loop), &t->resume);
    err = listen_on_loop(t);
    if (err < 0)
        pause_accepting(t, strerrordesc_np(-err));
}

static void on_resume(struct wr_timer *timer)
{
    resume_accepting(WR_CONTAINER_OF(timer, struct loop_thread, resume));
}

static void close_acceptors(struct loop_thread *t)
{
    for (int i = 0; i < t->server->setup.addresses_n; i++) {
        struct acceptor *a = &t->acceptors[i];

        if (a->fd < 0)
            continue;
        if (t->has_loop)
            wr_loop_remove(t->worker.loop, &a->source);
        close(a->fd);
        a->fd = -1;
    }
}

/* ---- stopping ---- */

/* Loops end together: one without connections may be where those of another do their work. */
static void end_if_all_are_done(struct loop_thread *t)
{
    struct wr_server *s = t->server;

    if (t->is_stopped || atomic_load(&s->accepting_n) > 0 || atomic_load(&s->conns) > 0)
        return;
    t->is_stopped = true;
    for (int i = 0; i < s->setup.loops; i++)
        if (&s->threads[i] != t && !atomic_exchange(&s->threads[i].is_stop_posted, true))
            wr_loop_post(s->threads[i].worker.loop, &s->threads[i].stop);
}

static void on_conns_changed(struct wr_worker *w, int change)
{
    struct loop_thread *t = thread_of(w);

    atomic_fetch_add(&t->server->conns, change);
    if (change > 0)
        return;
    if (t->is_paused)
        resume_accepting(t);
    if (t->is_stopping)
        end_if_all_are_done(t);
}

static void on_drain_deadline(struct wr_timer *timer)
{
    struct loop_thread *t = WR_CONTAINER_OF(timer, struct loop_thread, deadline);

    if (t->worker.conns_n > 0)
        wr_log(t->worker.log, WR_LOG_WARN, "stopping: %zu connections were cut off",
               t->worker.conns_n);
    t->is_stopped = true;
}

/* Who has connected already is served: closing the listeners would reset them. */
static void accept_waiting(struct loop_thread *t)
{
    for (int i = 0; i < t->server->setup.addresses_n; i++)
        for (int k = 0; k < BACKLOG_MAX && !is_full(t->server); k++)
            if (accept_one(&t->acceptors[i]) <= 0)
                break;
}

static void on_stop(struct wr_task *task)
{
    struct loop_thread *t = WR_CONTAINER_OF(task, struct loop_thread, stop);
    struct wr_loop *loop = t->worker.loop;
    int64_t stop_by_ms;

    atomic_store(&t->is_stop_posted, false);
    stop_by_ms = atomic_load(&t->server->stop_by_ms);
    if (!t->is_stopping) {
        accept_waiting(t);
        t->is_stopping = true;
        wr_timer_clear(wr_loop_timers(loop), &t->resume);
        close_acceptors(t);
        atomic_fetch_sub(&t->server->accepting_n, 1);
        wr_worker_drain(&t->worker);
    }
    end_if_all_are_done(t);
    if (!t->is_stopped && (stop_by_ms <= wr_loop_now_ms(loop) ||
                           wr_timer_set(wr_loop_timers(loop), &t->deadline, stop_by_ms) < 0))
        t->is_stopped = true;
}

/* Once, and before the listeners close: a successor may then bind the same path. */
static void remove_paths(struct wr_server *s)
{
    if (atomic_exchange(&s->has_removed_paths, true))
        return;
    for (int i = 0; i < s->opened_n; i++)
        wr_listener_unlink(&s->addresses[i]);
}

void wr_server_stop(struct wr_server *s, int64_t drain_ms)
{
    const struct wr_clock *clock = s->setup.clock;
    long long stop_by_ms = clock->monotonic_ms(clock->ctx) + drain_ms;
    long long before_ms = atomic_load(&s->stop_by_ms);
    struct loop_thread *threads = s->threads;
    const int n = s->setup.loops;

    while (stop_by_ms < before_ms &&
           !atomic_compare_exchange_weak(&s->stop_by_ms, &before_ms, stop_by_ms))
        ;
    remove_paths(s);
    /* Once the last loop has heard of it, another thread may free the server. */
    for (int i = 0; i < n; i++)
        if (!atomic_exchange(&threads[i].is_stop_posted, true))
            wr_loop_post(threads[i].worker.loop, &threads[i].stop);
}

/* ---- running ---- */

static void *run_loop(void *arg)
{
    struct loop_thread *t = arg;

    while (!t->is_stopped) {
        int err = wr_loop_step(t->worker.loop, -1);

        if (err < 0) {
            wr_log(t->worker.log, WR_LOG_ERROR, "an event loop failed: %s", strerrordesc_np(-err));
            t->err = err;
            break;
        }
    }
    close_acceptors(t);
    return NULL;
}

int wr_server_start(struct wr_server *s)
{
    for (int i = 0; i < s->setup.loops; i++) {
        struct loop_thread *t = &s->threads[i];
        int err = listen_on_loop(t);

        if (err == 0)
            err = wr_thread_start(&t->thread, "weir-loop", run_loop, t);
        if (err < 0) {
            wr_server_stop(s, 0);
            wr_server_wait(s);
            return err;
        }
        t->has_thread = true;
    }
    return 0;
}

int wr_server_start_stepping(struct wr_server *s)
{
    return listen_on_loop(&s->threads[0]);
}

int wr_server_wait(struct wr_server *s)
{
    int err = 0;

    for (int i = 0; i < s->setup.loops; i++) {
        if (s->threads[i].has_thread)
            pthread_join(s->threads[i].thread, NULL);
        s->threads[i].has_thread = false;
        if (s->threads[i].err < 0)
            err = s->threads[i].err;
    }
    return err;
}

int wr_server_fd(const struct wr_server *s)
{
    return wr_loop_fd(s->threads[0].worker.loop);
}

int wr_server_timeout(const struct wr_server *s)
{
    return wr_loop_timeout(s->threads[0].worker.loop);
}

/* On the host's thread SIGPIPE may be anything; here it must not be raised by sendfile(2). */
int wr_server_step(struct wr_server *s, int timeout_ms)
{
    static const struct timespec at_once = {0};
    sigset_t pipe, before, pending;
    bool was_pending;
    int n;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    n = wr_loop_step(s->threads[0].worker.loop, timeout_ms);
    if (!was_pending)
        while (sigtimedwait(&pipe, NULL, &at_once) == SIGPIPE)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}

bool wr_server_is_stopped(const struct wr_server *s)
{
    return s->threads[0].is_stopped;
}

/* ---- life ---- */

/* Of the descriptors that the process may have, what listeners, loops, files and the host leave. */
static long most_conns(const struct wr_server_setup *setup)
{
    struct rlimit limit;
    long all, others = FIXED_FDS + (long)setup->loops * (2 + setup->addresses_n);

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
        return INT_MAX;
    all = (long)limit.rlim_cur;
    others += all / FILES_SHARE;
    return all > others ? all - others : 1;
}

static int init_thread(struct wr_server *s, int index)
{
    struct loop_thread *t = &s->threads[index];
    const struct wr_server_setup *setup = &s->setup;
    int err =
        wr_worker_init(&t->worker, setup->clock, &setup->config, &setup->log, &s->setup.router);

    if (err < 0)
        return err;
    t->has_loop = true;
    t->worker.index = index;
    t->worker.on_conns_changed = on_conns_changed;
    if (setup->access_log.write)
        t->worker.access_log = &s->setup.access_log;
    t->stop.run = on_stop;
    wr_timer_init(&t->resume, on_resume);
    wr_timer_init(&t->deadline, on_drain_deadline);
    return 0;
}

static int alloc_acceptors(struct wr_server *s, struct loop_thread *t)
{
    t->server = s;
    t->acceptors = calloc((size_t)s->setup.addresses_n, sizeof *t->acceptors);
    if (!t->acceptors)
        return -ENOMEM;
    for (int i = 0; i < s->setup.addresses_n; i++) {
        t->acceptors[i] = (struct acceptor){.owner = t, .fd = -1};
        wr_source_init(&t->acceptors[i].source, on_acceptable);
    }
    return 0;
}

static int open_listeners(struct wr_server *s, int address, char *why)
{
    struct wr_address *a = &s->addresses[address];
    char text[WR_ADDRESS_TEXT_MAX];
    int *fds = calloc((size_t)s->setup.loops, sizeof *fds);
    int err = fds ? wr_listener_open(a, s->setup.loops, fds) : -ENOMEM;

    if (err < 0)
        snprintf(why, WR_WHY_MAX, "cannot listen on %s: %s", wr_address_format(a, text),
                 strerrordesc_np(-err));
    for (int i = 0; i < s->setup.loops && err == 0; i++) {
        s->threads[i].acceptors[address].fd = fds[i];
        s->threads[i].acceptors[address].port = wr_address_port(a);
    }
    free(fds);
    s->opened_n += err == 0;
    return err;
}

static int start_handlers(struct wr_server *s, char *why)
{
    const struct wr_router *r = &s->setup.router;
    struct wr_worker **workers = calloc((size_t)s->setup.loops, sizeof(struct wr_worker *));
    int err = workers ? 0 : -ENOMEM;

    if (err < 0)
        snprintf(why, WR_WHY_MAX, "out of memory");
    for (int i = 0; i < s->setup.loops && err == 0; i++)
        workers[i] = &s->threads[i].worker;
    for (size_t i = 0; i < r->n && err == 0; i++) {
        struct wr_handler *h = r->v[i].handler;

        if (h->ops->start)
            err = h->ops->start(h, workers, s->setup.loops, why);
    }
    free(workers);
    return err;
}

struct wr_server *wr_server_new(const struct wr_server_setup *setup, char *why, int *err)
{
    struct wr_server *s = calloc(1, sizeof *s);
    struct wr_router router = setup->router;

    *err = -ENOMEM;
    if (!s) {
        snprintf(why, WR_WHY_MAX, "out of memory");
        wr_router_free(&router);
        return NULL;
    }
    s->setup = *setup;
    s->setup.addresses = s->addresses;
    s->conns_max = most_conns(setup);
    atomic_init(&s->stop_by_ms, INT64_MAX);
    atomic_init(&s->accepting_n, setup->loops);
    memcpy(s->addresses, setup->addresses, (size_t)setup->addresses_n * sizeof *setup->addresses);
    s->threads = calloc((size_t)setup->loops, sizeof *s->threads);
    *err = s->threads ? 0 : -ENOMEM;
    for (int i = 0; i < setup->loops && *err == 0; i++)
        *err = alloc_acceptors(s, &s->threads[i]);
    for (int i = 0; i < setup->loops && *err == 0; i++)
        *err = init_thread(s, i);
    if (*err < 0)
        snprintf(why, WR_WHY_MAX, "cannot start: %s", strerrordesc_np(-*err));
    for (int i = 0; i < setup->addresses_n && *err == 0; i++)
        *err = open_listeners(s, i, why);
    if (*err == 0)
        *err = start_handlers(s, why);
    if (*err == 0)
        return s;
    wr_server_free(s);
    return NULL;
}

/* What is posted to any loop, by who works elsewhere or by another loop. True: something was. */
static bool run_tasks(struct wr_server *s)
{
    bool has_run = false;

    for (int i = 0; s->threads && i < s->setup.loops; i++)
        if (s->threads[i].has_loop)
            has_run |= wr_loop_run_tasks(s->threads[i].worker.loop);
    return has_run;
}

/* Every exchange has been ended: what handlers still do elsewhere comes to its end here. */
static void settle_handlers(struct wr_server *s)
{
    const struct wr_router *r = &s->setup.router;

    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].handler->ops->is_busy && r->v[i].handler->ops->is_busy(r->v[i].handler))
            wr_log(&s->setup.log, WR_LOG_WARN,
                   "stopping: waiting for calls at %s that have not returned", r->v[i].text);
    do {
        for (size_t i = 0; i < r->n; i++)
            if (r->v[i].handler->ops->wait)
                r->v[i].handler->ops->wait(r->v[i].handler);
    } while (run_tasks(s));
}

void wr_server_free(struct wr_server *s)
{
    if (s->threads && s->threads[0].has_thread) {
        wr_server_stop(s, 0);
        wr_server_wait(s);
    }
    remove_paths(s);
    for (int i = 0; s->threads && i < s->setup.loops; i++) {
        struct loop_thread *t = &s->threads[i];

        if (t->acceptors)
            close_acceptors(t);
        if (t->has_loop)
            wr_worker_close_conns(&t->worker);
    }
    settle_handlers(s);
    wr_router_free(&s->setup.router);
    for (int i = 0; s->threads && i < s->setup.loops; i++) {
        if (s->threads[i].has_loop)
            wr_worker_fini(&s->threads[i].worker);
        free(s->threads[i].acceptors);
    }
    free(s->threads);
    free(s);
}

const struct wr_address *wr_server_address(const struct wr_server *s, int i)
{
    return &s->addresses[i];
}
