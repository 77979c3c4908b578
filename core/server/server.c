/*
 * server.c — the loops of a server: starting, running, stopping and ending them.
 */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/thread.h"
#include "server/server_loop.h"

static struct wr_loop_thread *thread_of(struct wr_worker *w)
{
    return WR_CONTAINER_OF(w, struct wr_loop_thread, worker);
}

/* ---- stopping ---- */

static void post_stop(struct wr_loop_thread *t)
{
    if (!atomic_exchange(&t->is_stop_posted, true))
        wr_loop_post(t->worker.loop, &t->stop);
}

/* Loops end together: one without connections may be where those of another do their work. */
static void end_if_all_are_done(struct wr_loop_thread *t)
{
    struct wr_server *s = t->server;

    if (t->is_stopped || atomic_load(&s->accepting_n) > 0 || atomic_load(&s->conns) > 0)
        return;
    t->is_stopped = true;
    for (int i = 0; i < s->loops; i++)
        if (&s->threads[i] != t)
            post_stop(&s->threads[i]);
}

void wr_server_count_conn(struct wr_loop_thread *t, int change)
{
    atomic_fetch_add(&t->server->conns, change);
    if (change > 0)
        return;
    if (t->is_paused)
        wr_accept_resume(t);
    if (t->is_stopping)
        end_if_all_are_done(t);
}

static void on_conns_changed(struct wr_worker *w, int change)
{
    struct wr_loop_thread *t = thread_of(w);

    atomic_store_explicit(&t->open, (long)w->conns_n, memory_order_relaxed);
    if (change > 0 && t->is_counted)
        t->is_counted = false;
    else
        wr_server_count_conn(t, change);
}

static void on_drain_deadline(struct wr_timer *timer)
{
    struct wr_loop_thread *t = WR_CONTAINER_OF(timer, struct wr_loop_thread, deadline);

    if (t->worker.conns_n > 0)
        wr_log(&t->worker.site->log, WR_LOG_WARN, "stopping: %zu connections were cut off",
               t->worker.conns_n);
    t->is_stopped = true;
}

static void on_stop(struct wr_task *task)
{
    struct wr_loop_thread *t = WR_CONTAINER_OF(task, struct wr_loop_thread, stop);
    struct wr_loop *loop = t->worker.loop;
    int64_t stop_by_ms;

    atomic_store(&t->is_stop_posted, false);
    stop_by_ms = atomic_load(&t->server->stop_by_ms);
    if (!t->is_stopping) {
        atomic_store_explicit(&t->takes_over, false, memory_order_relaxed);
        wr_accept_end_all(t);
        t->is_stopping = true;
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
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->listenings.n && !s->has_removed_paths; i++)
        wr_listening_remove_path(s->listenings.v[i]);
    s->has_removed_paths = true;
    pthread_mutex_unlock(&s->lock);
}

void wr_server_stop(struct wr_server *s, int64_t drain_ms)
{
    long long stop_by_ms = s->clock->monotonic_ms(s->clock->ctx) + drain_ms;
    long long before_ms = atomic_load(&s->stop_by_ms);
    struct wr_loop_thread *threads = s->threads;
    const int n = s->loops;

    while (stop_by_ms < before_ms &&
           !atomic_compare_exchange_weak(&s->stop_by_ms, &before_ms, stop_by_ms))
        ;
    remove_paths(s);
    /* Once the last loop has heard of it, another thread may free the server. */
    for (int i = 0; i < n; i++)
        post_stop(&threads[i]);
}

bool wr_server_is_stopping(const struct wr_server *s)
{
    return atomic_load(&s->stop_by_ms) != INT64_MAX;
}

/* ---- running ---- */

/* From here on calls are made by who asks for them; those that were posted before are made now. */
static void end_running(struct wr_loop_thread *t)
{
    pthread_mutex_lock(&t->server->lock);
    t->is_running = false;
    pthread_mutex_unlock(&t->server->lock);
    wr_server_take_call(t);
}

/* It will handle nothing any more: its clients are told, and the other loops do not wait for them
 * when they stop. */
static void give_up(struct wr_loop_thread *t, int err)
{
    struct wr_server *s = t->server;
    long conns = (long)t->worker.conns_n;

    wr_log(&t->worker.site->log, WR_LOG_ERROR, "an event loop failed: %s", strerrordesc_np(-err));
    t->err = err;
    wr_worker_close_conns(&t->worker);
    atomic_fetch_sub(&s->conns, conns);
    if (!t->is_stopping)
        atomic_fetch_sub(&s->accepting_n, 1);
    t->is_stopping = true;
    if (atomic_load(&s->stop_by_ms) != INT64_MAX)
        end_if_all_are_done(t);
}

static void *run_loop(void *arg)
{
    struct wr_loop_thread *t = arg;

    while (!t->is_stopped && t->err == 0) {
        int err = wr_loop_step(t->worker.loop, -1);

        if (err < 0)
            give_up(t, err);
    }
    atomic_store_explicit(&t->takes_over, false, memory_order_relaxed);
    wr_accept_close_all(t);
    end_running(t);
    return NULL;
}

/* What is passed on to it before it runs waits for it. */
static int start_thread(struct wr_loop_thread *t)
{
    int err = wr_thread_start(&t->thread, "weir-loop", run_loop, t);

    t->has_thread = err == 0;
    return err;
}

/* From here on calls are posted. What the loops are to listen on is that of the moment: should
 * another thread reload by now, its switch waits until the loops can be called. */
static struct wr_listenings begin_running(struct wr_server *s)
{
    struct wr_listenings listenings;

    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->loops; i++)
        s->threads[i].is_running = true;
    listenings = s->listenings;
    pthread_mutex_unlock(&s->lock);
    return listenings;
}

/* The loops from `first` on, each in a thread; those before it only listen. */
static int start_threads(struct wr_server *s, int first)
{
    struct wr_listenings listenings;
    int err = 0;

    pthread_mutex_lock(&s->call_lock);
    listenings = begin_running(s);
    for (int i = 0; i < s->loops && err == 0; i++) {
        atomic_store_explicit(&s->threads[i].takes_over, true, memory_order_relaxed);
        err = wr_accept_start(&s->threads[i], &listenings);
        if (err == 0 && i >= first)
            err = start_thread(&s->threads[i]);
    }
    for (int i = 0; i < s->loops && err < 0; i++)
        if (!s->threads[i].has_thread)
            end_running(&s->threads[i]);
    pthread_mutex_unlock(&s->call_lock);
    if (err < 0) {
        wr_server_stop(s, 0);
        wr_server_wait(s);
    }
    return err;
}

int wr_server_start(struct wr_server *s)
{
    return start_threads(s, 0);
}

int wr_server_start_stepping(struct wr_server *s)
{
    s->is_stepping = true;
    return wr_accept_start(&s->threads[0], &s->listenings);
}

int wr_server_wait(struct wr_server *s)
{
    int err = 0;

    for (int i = 0; i < s->loops; i++) {
        if (s->threads[i].has_thread)
            pthread_join(s->threads[i].thread, NULL);
        s->threads[i].has_thread = false;
        if (s->threads[i].err < 0)
            err = s->threads[i].err;
    }
    return err;
}

/* ---- connections of the host ---- */

struct adoption {
    struct wr_task task;
    struct wr_loop_thread *t;
    struct wr_transport *transport;
    int fd;
    struct wr_peer peer;
};

static void on_adopt(struct wr_task *task)
{
    struct adoption *a = WR_CONTAINER_OF(task, struct adoption, task);

    if (a->t->is_stopping) {
        a->transport->ops->close(a->transport);
    } else {
        wr_room_make(a->t); /* it is open already, and comes in in any case */
        wr_room_admit(&a->t->worker, a->transport, a->fd, &a->peer);
    }
    free(a);
}

/* Who is at the other end; -EINVAL for what is no connected stream socket. */
static int ready_connection(int fd, struct wr_peer *peer)
{
    struct wr_address own = {.len = sizeof own.sa};
    struct sockaddr_storage from = {0};
    socklen_t from_len = sizeof from, len = sizeof(int);
    const int on = 1;
    int type = 0, flags = fcntl(fd, F_GETFL);

    if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
        return errno == ENOTSOCK ? -EINVAL : -errno;
    if (type != SOCK_STREAM || getpeername(fd, (struct sockaddr *)&from, &from_len) < 0)
        return -EINVAL;
    if (getsockname(fd, &own.sa.any, &own.len) < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    if (own.sa.any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* slower without, no more */
    wr_peer_of(&from, peer);
    peer->own_port = wr_address_port(&own);
    return 0;
}

int wr_server_adopt(struct wr_server *s, int fd)
{
    unsigned next = atomic_fetch_add(&s->next_loop, 1);
    struct adoption *a = malloc(sizeof *a);
    int err = a ? 0 : -ENOMEM;

    if (err == 0 && wr_server_is_stopping(s))
        err = -ESHUTDOWN;
    if (err == 0) {
        *a = (struct adoption){.task.run = on_adopt, .fd = fd};
        a->t = &s->threads[next % (unsigned)s->loops];
        err = ready_connection(fd, &a->peer);
    }
    if (err == 0 && !(a->transport = wr_transport_tcp_new(fd)))
        err = -ENOMEM;
    if (err == 0) {
        wr_loop_post(a->t->worker.loop, &a->task);
        return 0;
    }
    free(a);
    close(fd);
    return err;
}

/* ---- on the host's thread: SIGPIPE may be anything there, and sendfile(2) must not raise it ---- */

void wr_mask_pipe(struct wr_masked_pipe *m)
{
    sigset_t pending;

    sigemptyset(&m->pipe);
    sigaddset(&m->pipe, SIGPIPE);
    sigpending(&pending);
    m->was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &m->pipe, &m->before);
}

void wr_unmask_pipe(const struct wr_masked_pipe *m)
{
    static const struct timespec at_once = {0};

    if (!m->was_pending)
        while (sigtimedwait(&m->pipe, NULL, &at_once) == SIGPIPE)
            ;
    pthread_sigmask(SIG_SETMASK, &m->before, NULL);
}

int wr_server_start_others(struct wr_server *s)
{
    return start_threads(s, 1);
}

int wr_server_run(struct wr_server *s)
{
    struct wr_masked_pipe m;
    int err;

    wr_mask_pipe(&m);
    run_loop(&s->threads[0]);
    err = wr_server_wait(s);
    wr_unmask_pipe(&m);
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

int wr_server_step(struct wr_server *s, int timeout_ms)
{
    struct wr_masked_pipe m;
    int n;

    wr_mask_pipe(&m);
    n = wr_loop_step(s->threads[0].worker.loop, timeout_ms);
    wr_unmask_pipe(&m);
    if (s->retired)
        wr_server_end_idle_sites(s);
    return n;
}

bool wr_server_is_stopped(const struct wr_server *s)
{
    return s->threads[0].is_stopped;
}

/* ---- metrics ---- */

void wr_server_count(const struct wr_server *s, struct wr_metrics_total *out)
{
    *out = (struct wr_metrics_total){
        .connections = atomic_load(&s->conns), .started_ms = s->started_ms, .version = s->version};
    for (int i = 0; i < s->loops; i++)
        wr_metrics_add(&out->sum, &s->threads[i].worker.metrics);
}

static void count_all(struct wr_worker *w, struct wr_metrics_total *out)
{
    wr_server_count(thread_of(w)->server, out);
}

/* ---- life ---- */

static int init_thread(struct wr_server *s, int index)
{
    struct wr_loop_thread *t = &s->threads[index];
    int err = wr_worker_init(&t->worker, s->clock, s->site);

    if (err < 0)
        return err;
    t->has_loop = true;
    t->server = s;
    t->worker.index = index;
    t->worker.addresses = &s->addresses;
    t->worker.on_conns_changed = on_conns_changed;
    t->worker.on_site_idle = wr_server_note_idle_site;
    t->worker.count_all = count_all;
    t->stop.run = on_stop;
    wr_server_init_call(t);
    wr_accept_init(t);
    wr_room_init(t);
    wr_timer_init(&t->deadline, on_drain_deadline);
    return 0;
}

static bool copy_listenings(struct wr_server *s, const struct wr_listenings *from)
{
    if (from->n == 0)
        return true;
    s->listenings.v = calloc(from->n, sizeof(struct wr_listening *));
    if (!s->listenings.v)
        return false;
    memcpy(s->listenings.v, from->v, from->n * sizeof(struct wr_listening *));
    s->listenings.n = from->n;
    return true;
}

struct wr_server *wr_server_new(const struct wr_server_setup *setup, char *why, int *err)
{
    struct wr_server *s = wr_calloc_apart(1, sizeof *s);

    *err = -ENOMEM;
    if (!s) {
        snprintf(why, WR_WHY_MAX, "out of memory");
        wr_site_fini(setup->site);
        return NULL;
    }
    s->clock = setup->clock;
    s->version = setup->version;
    s->started_ms = s->clock->wall_ns(s->clock->ctx) / 1000000;
    s->site = setup->site;
    s->loops = setup->loops;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->call_lock, NULL);
    pthread_mutex_init(&s->tally_lock, NULL);
    wr_addresses_init(&s->addresses);
    pthread_cond_init(&s->changed, NULL);
    atomic_init(&s->stop_by_ms, INT64_MAX);
    atomic_init(&s->accepting_n, setup->loops);
    s->threads = wr_calloc_apart((size_t)setup->loops, sizeof *s->threads);
    if (s->threads && copy_listenings(s, &setup->listenings))
        *err = 0;
    wr_server_bound_conns(s, &s->site->config);
    for (int i = 0; i < setup->loops && *err == 0; i++)
        *err = init_thread(s, i);
    if (*err < 0)
        snprintf(why, WR_WHY_MAX, "cannot start: %s", strerrordesc_np(-*err));
    else
        *err = wr_server_start_site(s, s->site, why);
    s->is_ready = *err == 0;
    if (s->is_ready)
        return s;
    wr_server_free(s);
    return NULL;
}

/* What is posted to any loop, by who works elsewhere or by another loop. True: something was. */
static bool run_tasks(struct wr_server *s)
{
    bool has_run = false;

    for (int i = 0; i < s->loops; i++)
        has_run |= wr_loop_run_tasks(s->threads[i].worker.loop);
    return has_run;
}

/* Every exchange has been ended: what handlers still do elsewhere comes to its end here. */
static void settle(struct wr_server *s)
{
    wr_site_warn_if_busy(s->site);
    for (const struct wr_site *site = s->retired; site; site = site->next)
        wr_site_warn_if_busy(site);
    do {
        wr_site_wait(s->site);
        for (struct wr_site *site = s->retired; site; site = site->next)
            wr_site_wait(site);
    } while (run_tasks(s));
}

static void close_all(struct wr_server *s)
{
    for (int i = 0; i < s->loops; i++) {
        struct wr_loop_thread *t = &s->threads[i];

        t->is_stopping = t->is_stopped =
            true; /* no connection that was adopted or passed on late */
        wr_accept_close_all(t);
        wr_worker_close_conns(&t->worker);
    }
}

static bool has_threads(const struct wr_server *s)
{
    for (int i = 0; s->threads && i < s->loops; i++)
        if (s->threads[i].has_thread)
            return true;
    return false;
}

/* The site of a server that could not be made has been ended already, and its paths stay: whoever
 * has bound them may try again. */
static void end_sites(struct wr_server *s)
{
    remove_paths(s);
    close_all(s);
    settle(s);
    wr_server_end_idle_sites(s);
    wr_site_stop(s->site);
    for (int i = 0; i < s->loops; i++)
        wr_site_stop_loop(s->site, i);
}

void wr_server_free(struct wr_server *s)
{
    if (has_threads(s)) {
        wr_server_stop(s, 0);
        wr_server_wait(s);
    }
    wr_server_join_retirer(s);
    if (s->is_ready)
        end_sites(s);
    for (int i = 0; s->threads && i < s->loops; i++)
        if (s->threads[i].has_loop)
            wr_worker_fini(&s->threads[i].worker);
    wr_site_fini(s->site);
    pthread_cond_destroy(&s->changed);
    wr_addresses_fini(&s->addresses);
    pthread_mutex_destroy(&s->tally_lock);
    pthread_mutex_destroy(&s->call_lock);
    pthread_mutex_destroy(&s->lock);
    free(s->listenings.v);
    free(s->threads);
    free(s);
}
