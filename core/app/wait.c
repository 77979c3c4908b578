#include "app/wait.h"

#include <poll.h>

#include "app/remote.h"
#include "app/watch.h"

/* ---- on the loop that looks ---- */

static struct wr_remote *remote_of(struct wr_wait *w)
{
    return WR_CONTAINER_OF(w, struct wr_remote, wait);
}

void wr_wait_end(struct wr_wait *w)
{
    if (!w->loop)
        return;
    wr_timer_clear(wr_loop_timers(w->loop), &w->timer);
    wr_loop_remove(w->loop, &w->source);
    w->loop = NULL;
}

static void finish(struct wr_wait *w, int32_t result)
{
    struct wr_environ *e = remote_of(w)->e;

    wr_wait_end(w);
    wr_remote_lock(e);
    w->result = result;
    w->is_done = true;
    wr_remote_signal(e);
    wr_remote_unlock(e);
}

static void on_time(struct wr_timer *t)
{
    struct wr_wait *w = WR_CONTAINER_OF(t, struct wr_wait, timer);

    finish(w, w->fd < 0 ? 0 : WEIR_ETIMEDOUT);
}

static void on_ready(struct wr_source *s, uint32_t events)
{
    finish(WR_CONTAINER_OF(s, struct wr_wait, source), (int32_t)wr_watch_poll_events(events));
}

static int set_timer(struct wr_wait *w)
{
    if (w->timeout_ms == WEIR_NEVER)
        return 0;
    return wr_timer_set(wr_loop_timers(w->loop), &w->timer,
                        wr_loop_read_ms(w->loop) + w->timeout_ms);
}

static void begin(struct wr_wait *w, struct wr_loop *loop)
{
    int err = 0;

    w->loop = loop;
    wr_timer_init(&w->timer, on_time);
    wr_source_init(&w->source, on_ready);
    if (w->fd >= 0)
        err = wr_loop_add(loop, &w->source, w->fd, w->events);
    if (err == 0)
        err = set_timer(w);
    if (err < 0)
        finish(w, wr_watch_error(err));
}

/* The thread has given up when it is over, and its request may be about to go. */
static void on_begin(struct wr_task *t)
{
    struct wr_remote *r = remote_of(WR_CONTAINER_OF(t, struct wr_wait, begin));

    if (!atomic_load(&r->is_over))
        begin(&r->wait, r->e->x->worker->loop);
}

/* ---- where the app runs ---- */

static int32_t check(const struct wr_environ *e)
{
    if (e->error < 0)
        return e->error == WEIR_EGONE ? WEIR_EGONE : WEIR_EFAILED;
    if (wr_remote_is_over(e))
        return WEIR_EGONE;
    return wr_remote_may_wait(e) ? 0 : WEIR_ESTATE;
}

static int32_t wait_for(struct wr_environ *e, int fd, uint32_t events, uint32_t timeout_ms)
{
    struct wr_remote *r = e->remote;
    struct wr_wait *w = &r->wait;
    int32_t result;

    w->fd = fd;
    w->events = events;
    w->timeout_ms = timeout_ms;
    w->is_done = false;
    w->begin.run = on_begin;
    if (r->co)
        begin(w, wr_remote_loop(e));
    else
        wr_loop_post(e->x->worker->loop, &w->begin);
    wr_remote_lock(e);
    while (!w->is_done && !atomic_load(&r->is_over))
        wr_remote_suspend(e);
    result = w->is_done ? w->result : WEIR_EGONE;
    wr_remote_unlock(e);
    if (r->co)
        wr_wait_end(w);
    return result;
}

int32_t wr_wait_sleep(weir_environ *env, uint32_t ms)
{
    struct wr_environ *e = wr_environ_of(env);
    int32_t err = check(e);

    return err < 0 ? err : wait_for(e, -1, 0, ms);
}

/* A look costs no turn. */
static int32_t look(int fd, uint32_t events)
{
    struct pollfd p = {.fd = fd, .events = (short)events};

    if (poll(&p, 1, 0) <= 0)
        return WEIR_ETIMEDOUT;
    return p.revents & POLLNVAL ? WEIR_EINVAL : p.revents;
}

int32_t wr_wait_fd(weir_environ *env, int32_t fd, uint32_t events, uint32_t timeout_ms)
{
    struct wr_environ *e = wr_environ_of(env);
    int wanted = wr_watch_epoll_events(events);
    int32_t err = check(e);

    if (err < 0)
        return err;
    if (wanted <= 0 || fd < 0)
        return WEIR_EINVAL;
    return timeout_ms == 0 ? look(fd, events) : wait_for(e, fd, (uint32_t)wanted, timeout_ms);
}
