/*
 * accept.c — taking connections in, on one loop.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "io/listener.h"
#include "server/server_loop.h"

#define ACCEPTS_MAX      64   /* in one turn: those who are connected have theirs too */
#define BACKLOG_MAX      4096 /* connections that may wait on a listener when it is closed */
#define SHORTAGE_OVER_MS 10000
#define ACCEPT_PAUSE_MS  100 /* after which a lack of descriptors is looked at again */
#define CLOSE_WAIT_MS    1   /* for handshakes that the kernel is about to finish on this machine */

static struct wr_acceptor *acceptor_at(struct wr_list *link)
{
    return WR_CONTAINER_OF(link, struct wr_acceptor, link);
}

static int await_resume(struct wr_loop_thread *t)
{
    struct wr_loop *loop = t->worker.loop;

    return wr_timer_set(wr_loop_timers(loop), &t->resume, wr_loop_now_ms(loop) + ACCEPT_PAUSE_MS);
}

static void pause_accepting(struct wr_loop_thread *t, const char *why)
{
    struct wr_loop *loop = t->worker.loop;

    if (!t->is_short)
        wr_log(&t->worker.site->log, WR_LOG_WARN,
               "cannot accept connections: %s; serving on with those that are open", why);
    t->is_short = true;
    t->short_at_ms = wr_loop_now_ms(loop);
    if (await_resume(t) < 0)
        return; /* no memory for the timer: a pause would have no end */
    if (!t->is_paused)
        wr_metrics_count(&t->worker.metrics, WR_METRIC_ACCEPT_PAUSES);
    t->is_paused = true;
    WR_LIST_FOREACH (it, &t->acceptors)
        wr_loop_remove(loop, &acceptor_at(it)->source);
}

static void pause_full(struct wr_loop_thread *t)
{
    int64_t max = t->worker.site->config.connections_max;

    pause_accepting(t, max > 0 && atomic_load(&t->server->conns_max) == max
                           ? "as many are open as limits.connections_max allows"
                           : "as many are open as its descriptors allow");
}

/* All who waited are in. A shortage has ended when that holds for a while: at the limit every
 * connection that closes lets another in, and the log would say so each time. */
static void note_all_in(struct wr_loop_thread *t)
{
    if (!t->is_short || wr_loop_now_ms(t->worker.loop) - t->short_at_ms < SHORTAGE_OVER_MS)
        return;
    t->is_short = false;
    wr_log(&t->worker.site->log, WR_LOG_WARN, "accepting connections without delay again");
}

static bool is_shortage(int err)
{
    return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

/* Of accept4(): of that connection alone, which is gone with it. */
static bool concerns_one(int err)
{
    return err < 0 && err != -EINVAL && !is_shortage(err);
}

/* 0, or -ENOMEM: it is closed. */
static int take_in(struct wr_loop_thread *t, int fd, const struct wr_peer *peer)
{
    struct wr_transport *transport = wr_transport_tcp_new(fd);

    if (!transport) {
        close(fd);
        return -ENOMEM;
    }
    wr_room_admit(&t->worker, transport, fd, peer);
    return 0;
}

/* 1: one was accepted; 0: no more; -EINVAL: it does not listen any more; another -errno: see above. */
static int accept_one(struct wr_acceptor *a)
{
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof from;
    int err, fd = accept4(a->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct wr_loop_thread *to;
    struct wr_peer peer;

    if (fd < 0)
        return errno == EAGAIN ? 0 : -errno;
    wr_peer_of(&from, &peer);
    peer.own_port = a->port;
    to = wr_balance_choose(a->owner);
    if (to != a->owner && wr_balance_pass(a->owner, to, fd, &peer))
        return 1;
    err = take_in(a->owner, fd, &peer);
    return err < 0 ? err : 1;
}

/* While the loop stops it is one of those who had connected before, as in end_acceptor(). */
void wr_accept_passed(struct wr_loop_thread *t, int fd, const struct wr_peer *peer)
{
    int err = take_in(t, fd, peer);

    if (err < 0)
        wr_log(&t->worker.site->log, WR_LOG_WARN, "a connection was dropped: %s",
               strerrordesc_np(-err));
    if (t->is_stopping)
        wr_worker_drain(&t->worker);
}

static void close_acceptor(struct wr_loop_thread *t, struct wr_acceptor *a)
{
    wr_loop_remove(t->worker.loop, &a->source);
    wr_list_remove(&a->link);
    wr_listener_close(a->fd, a->is_shared);
    a->fd = -1;
}

/* The host has shut down the socket that it had given: it would be ready without end. */
static void give_up(struct wr_loop_thread *t, struct wr_acceptor *a)
{
    wr_log(&t->worker.site->log, WR_LOG_ERROR,
           "a listening socket was shut down (port %u): no connection comes in there any more",
           (unsigned)a->port);
    close_acceptor(t, a);
}

static void on_acceptable(struct wr_source *s, uint32_t events)
{
    struct wr_acceptor *a = WR_CONTAINER_OF(s, struct wr_acceptor, source);
    struct wr_loop_thread *t = a->owner;
    int failed = 0, r = 1;

    (void)events;
    if (!wr_room_make(t)) {
        pause_full(t);
        return;
    }
    for (int i = 0; i < ACCEPTS_MAX && r > 0 && !wr_room_is_full(t->server); i++) {
        r = accept_one(a);
        if (!concerns_one(r))
            continue;
        if (++failed < ACCEPTS_MAX) /* else it is no matter of one connection, and would not end */
            r = 1;
    }
    if (r == -EMFILE && wr_room_evict(t) > 0)
        return; /* others took the descriptors: those who wait are in the next turn's events */
    if (r == -EINVAL)
        give_up(t, a);
    else if (r < 0)
        pause_accepting(t, strerrordesc_np(-r));
    else if (r == 0)
        note_all_in(t);
}

/* Does anybody come within this time? */
static bool is_waited_at(const struct wr_acceptor *a, int timeout_ms)
{
    struct pollfd p = {.fd = a->fd, .events = POLLIN};

    return poll(&p, 1, timeout_ms) > 0 && (p.revents & POLLIN);
}

static bool is_anybody_waiting(const struct wr_loop_thread *t)
{
    WR_LIST_FOREACH (it, &t->acceptors)
        if (is_waited_at(acceptor_at(it), 0))
            return true;
    return false;
}

/* ---- which ---- */

/* Level-triggered: what the budget left over is said again. */
static int watch(struct wr_loop_thread *t, struct wr_acceptor *a)
{
    return wr_loop_add(t->worker.loop, &a->source, a->fd,
                       EPOLLIN | (a->is_shared ? EPOLLEXCLUSIVE : 0));
}

static int take_acceptor(struct wr_loop_thread *t, struct wr_acceptor *a)
{
    if (a->owner || a->fd < 0)
        return 0;
    a->owner = t;
    wr_source_init(&a->source, on_acceptable);
    wr_list_append(&t->acceptors, &a->link);
    return t->is_paused ? 0 : watch(t, a);
}

int wr_accept_start(struct wr_loop_thread *t, const struct wr_listenings *listenings)
{
    int err = 0;

    for (size_t i = 0; i < listenings->n; i++)
        for (int k = t->worker.index; k < listenings->v[i]->n && err == 0; k += t->server->loops)
            err = take_acceptor(t, &listenings->v[i]->acceptors[k]);
    return err;
}

void wr_accept_more(struct wr_loop_thread *t, const struct wr_listenings *listenings)
{
    int err = wr_accept_start(t, listenings);

    if (err == 0)
        return;
    pause_accepting(t, strerrordesc_np(-err));
    wr_accept_start(t, listenings); /* the rest: to be watched with all others, later */
}

void wr_accept_refuse(struct wr_loop_thread *t, const struct wr_listenings *listenings)
{
    for (size_t i = 0; i < listenings->n; i++)
        for (int k = t->worker.index; k < listenings->v[i]->n; k += t->server->loops) {
            struct wr_acceptor *a = &listenings->v[i]->acceptors[k];

            if (!a->owner && a->fd >= 0)
                wr_listener_close(a->fd, a->is_shared);
            if (!a->owner)
                a->fd = -1;
        }
}

static void resume(struct wr_loop_thread *t)
{
    int err = 0;

    t->is_paused = false;
    atomic_store(&t->wants_room, false);
    wr_timer_clear(wr_loop_timers(t->worker.loop), &t->resume);
    WR_LIST_FOREACH (it, &t->acceptors)
        if (err == 0)
            err = watch(t, acceptor_at(it));
    if (err < 0)
        pause_accepting(t, strerrordesc_np(-err));
}

void wr_accept_resume(struct wr_loop_thread *t)
{
    if (!t->is_paused || t->is_stopping)
        return;
    if (wr_room_is_full(t->server))
        await_resume(t);
    else
        resume(t);
}

/* At a limit those who are idle grow old enough to go: they do when somebody waits for that. */
static void on_resume(struct wr_timer *timer)
{
    struct wr_loop_thread *t = WR_CONTAINER_OF(timer, struct wr_loop_thread, resume);
    bool may_go_on;

    if (t->is_stopping || !t->is_paused)
        return;
    may_go_on = !wr_room_is_full(t->server) || !is_anybody_waiting(t) || wr_room_make(t);
    if (!t->is_paused) /* who went to make room has resumed it */
        return;
    if (may_go_on)
        resume(t);
    else
        await_resume(t);
}

void wr_accept_init(struct wr_loop_thread *t)
{
    wr_list_init(&t->acceptors);
    wr_timer_init(&t->resume, on_resume);
}

/* ---- the end ---- */

static void end_acceptor(struct wr_loop_thread *t, struct wr_acceptor *a)
{
    /* A client whose connect() has returned may not be in the queue yet. */
    for (int k = 0; k < BACKLOG_MAX && is_waited_at(a, CLOSE_WAIT_MS) && wr_room_make(t); k++) {
        int r = accept_one(a);

        if (r < 0 && !concerns_one(r))
            break;
    }
    close_acceptor(t, a);
}

void wr_accept_end_of(struct wr_loop_thread *t, struct wr_listening *l)
{
    for (int k = t->worker.index; k < l->n; k += t->server->loops)
        if (l->acceptors[k].fd >= 0 && l->acceptors[k].owner)
            end_acceptor(t, &l->acceptors[k]);
}

void wr_accept_end_all(struct wr_loop_thread *t)
{
    wr_timer_clear(wr_loop_timers(t->worker.loop), &t->resume);
    WR_LIST_FOREACH_SAFE (it, &t->acceptors)
        end_acceptor(t, acceptor_at(it));
}

void wr_accept_close_all(struct wr_loop_thread *t)
{
    WR_LIST_FOREACH_SAFE (it, &t->acceptors)
        close_acceptor(t, acceptor_at(it));
}
