#include "app/watch.h"

#include <errno.h>
#include <poll.h>
#include <search.h>
#include <stdlib.h>

/* One of the same function and argument is the same. */
struct alarm {
    struct wr_timer timer;
    struct wr_source soon; /* for the next turn */
    struct wr_list due;
    struct wr_watches *of;
    struct wr_watch_call call;
};

struct watched {
    struct wr_source source;
    struct wr_list all, due;
    struct wr_watches *of;
    struct wr_watch_call call;
    int fd;
    uint32_t events; /* of epoll, without EPOLLONESHOT */
};

/* ---- events ---- */

#define WATCHABLE ((uint32_t)(POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLERR | POLLHUP))

/* Linux gives both the same numbers. */
_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLPRI == EPOLLPRI &&
                   POLLRDHUP == EPOLLRDHUP && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP,
               "events of poll(2) are those of epoll(7)");

int wr_watch_epoll_events(uint32_t poll_events)
{
    return poll_events & ~WATCHABLE ? -EINVAL : (int)poll_events;
}

uint32_t wr_watch_poll_events(uint32_t epoll_events)
{
    return epoll_events & WATCHABLE;
}

int32_t wr_watch_error(int err)
{
    switch (err) {
    case -ENOMEM:
    case -ENOSPC: /* fs.epoll.max_user_watches */
        return WEIR_ENOMEM;
    case -EEXIST:
        return WEIR_EBUSY;
    default: /* -EBADF, -EPERM */
        return WEIR_EINVAL;
    }
}

/* ---- the set ---- */

void wr_watches_init(struct wr_watches *ws, struct wr_loop *loop,
                     void (*on_due)(struct wr_watches *ws), bool is_once)
{
    *ws = (struct wr_watches){.loop = loop, .on_due = on_due, .is_once = is_once};
    wr_list_init(&ws->fds);
    wr_list_init(&ws->due_timers);
    wr_list_init(&ws->due_fds);
}

static void free_alarm(struct alarm *a)
{
    wr_timer_clear(wr_loop_timers(a->of->loop), &a->timer);
    wr_loop_forget(a->of->loop, &a->soon);
    wr_list_remove(&a->due);
    free(a);
}

static void free_node(void *node)
{
    free_alarm(node);
}

static void free_watched(struct watched *w)
{
    wr_loop_remove(w->of->loop, &w->source);
    wr_list_remove(&w->all);
    wr_list_remove(&w->due);
    free(w);
}

void wr_watches_clear(struct wr_watches *ws)
{
    if (!ws->loop)
        return;
    tdestroy(ws->timers, free_node);
    ws->timers = NULL;
    WR_LIST_FOREACH_SAFE (it, &ws->fds)
        free_watched(WR_CONTAINER_OF(it, struct watched, all));
}

bool wr_watches_are_due(const struct wr_watches *ws)
{
    return ws->loop && !(wr_list_is_empty(&ws->due_timers) && wr_list_is_empty(&ws->due_fds));
}

/* ---- timers ---- */

static int compare(uintptr_t a, uintptr_t b)
{
    return (a > b) - (a < b);
}

static int compare_alarms(const void *a, const void *b)
{
    const struct wr_watch_call *x = &((const struct alarm *)a)->call;
    const struct wr_watch_call *y = &((const struct alarm *)b)->call;
    int by_fn = compare((uintptr_t)x->fn.timer, (uintptr_t)y->fn.timer);

    return by_fn != 0 ? by_fn : compare((uintptr_t)x->arg, (uintptr_t)y->arg);
}

static void tell_alarm(struct alarm *a)
{
    struct wr_watches *ws = a->of;

    ws->alarm_turn = wr_loop_turn(ws->loop);
    wr_list_append(&ws->due_timers, &a->due);
    ws->on_due(ws);
}

static void on_alarm(struct wr_timer *t)
{
    tell_alarm(WR_CONTAINER_OF(t, struct alarm, timer));
}

static void on_soon(struct wr_source *s, uint32_t events)
{
    (void)events;
    tell_alarm(WR_CONTAINER_OF(s, struct alarm, soon));
}

static struct alarm *new_alarm(struct wr_watches *ws, const struct wr_watch_call *call)
{
    struct alarm *a = malloc(sizeof *a);

    if (!a)
        return NULL;
    *a = (struct alarm){.of = ws, .call = *call};
    wr_timer_init(&a->timer, on_alarm);
    wr_source_init(&a->soon, on_soon);
    wr_list_init(&a->due);
    if (tsearch(a, &ws->timers, compare_alarms))
        return a;
    free(a);
    return NULL;
}

static void forget_alarm(struct alarm *a)
{
    tdelete(a, &a->of->timers, compare_alarms);
    free_alarm(a);
}

/* One that sets itself anew for now would be due in this turn again, and so without end: it is
 * in one that follows. 0, or below 0: no memory. */
static int set_alarm(struct alarm *a, uint32_t ms)
{
    struct wr_watches *ws = a->of;
    struct wr_timers *timers = wr_loop_timers(ws->loop);

    if (ms > 0 || ws->alarm_turn != wr_loop_turn(ws->loop)) {
        wr_loop_forget(ws->loop, &a->soon);
        return wr_timer_set(timers, &a->timer, wr_loop_read_ms(ws->loop) + ms);
    }
    wr_timer_clear(timers, &a->timer);
    wr_loop_again(ws->loop, &a->soon, EPOLLIN);
    return 0;
}

int32_t wr_watches_set_timer(struct wr_watches *ws, uint32_t ms, const struct wr_watch_call *call)
{
    struct alarm key = {.call = *call};
    void *found = tfind(&key, &ws->timers, compare_alarms);
    struct alarm *a = found ? *(struct alarm **)found : NULL;

    if (!call->fn.timer)
        return WEIR_EINVAL;
    if (ms == WEIR_NEVER) {
        if (a)
            forget_alarm(a);
        return 0;
    }
    if (!a)
        a = new_alarm(ws, call);
    if (!a)
        return WEIR_ENOMEM;
    if (set_alarm(a, ms) < 0) {
        forget_alarm(a);
        return WEIR_ENOMEM;
    }
    wr_list_remove(&a->due); /* it was, and nobody had been told: now it is later */
    return 0;
}

bool wr_watches_take_timer(struct wr_watches *ws, struct wr_watch_call *out)
{
    struct alarm *a;

    if (!ws->loop || wr_list_is_empty(&ws->due_timers))
        return false;
    a = WR_CONTAINER_OF(ws->due_timers.next, struct alarm, due);
    *out = a->call;
    forget_alarm(a);
    return true;
}

/* ---- descriptors ---- */

static void on_ready(struct wr_source *s, uint32_t events)
{
    struct watched *w = WR_CONTAINER_OF(s, struct watched, source);
    struct wr_watches *ws = w->of;

    /* They may be of before its events were changed. */
    events &= w->events | EPOLLERR | EPOLLHUP;
    if (events == 0)
        return;
    w->call.ready |= wr_watch_poll_events(events);
    if (wr_list_is_empty(&w->due))
        wr_list_append(&ws->due_fds, &w->due);
    ws->on_due(ws);
}

static uint32_t events_of(const struct watched *w)
{
    return w->events | (w->of->is_once ? (uint32_t)EPOLLONESHOT : 0);
}

/* Who has this descriptor here; *is_taken: somebody else has it. */
static struct watched *find_watched(struct wr_watches *ws, int fd, bool *is_taken)
{
    struct wr_source *s = wr_loop_source(ws->loop, fd);
    struct watched *w = s && s->fn == on_ready ? WR_CONTAINER_OF(s, struct watched, source) : NULL;

    *is_taken = s && !(w && w->of == ws);
    return *is_taken ? NULL : w;
}

static int32_t add_watched(struct wr_watches *ws, int fd, uint32_t events,
                           const struct wr_watch_call *call)
{
    struct watched *w = malloc(sizeof *w);
    int err;

    if (!w)
        return WEIR_ENOMEM;
    *w = (struct watched){.of = ws, .call = *call, .fd = fd, .events = events};
    wr_source_init(&w->source, on_ready);
    wr_list_init(&w->all);
    wr_list_init(&w->due);
    err = wr_loop_add(ws->loop, &w->source, fd, events_of(w));
    if (err < 0) {
        free(w);
        return wr_watch_error(err);
    }
    wr_list_append(&ws->fds, &w->all);
    return 0;
}

/* What was ready for the events of before is no news for these. */
static int32_t change_watched(struct watched *w, uint32_t events, const struct wr_watch_call *call)
{
    int err;

    w->call = *call;
    w->events = events;
    wr_list_remove(&w->due);
    err = wr_loop_change(w->of->loop, &w->source, events_of(w));
    if (err == -ENOENT) { /* closed meanwhile, and the number is another descriptor's */
        wr_loop_forget(w->of->loop, &w->source);
        err = wr_loop_add(w->of->loop, &w->source, w->fd, events_of(w));
    }
    if (err == 0)
        return 0;
    free_watched(w);
    return wr_watch_error(err);
}

int32_t wr_watches_set_fd(struct wr_watches *ws, int fd, uint32_t events,
                          const struct wr_watch_call *call)
{
    bool is_taken;
    struct watched *w = find_watched(ws, fd, &is_taken);
    int wanted = wr_watch_epoll_events(events);

    if (events == 0) {
        if (w)
            free_watched(w);
        return 0;
    }
    if (wanted < 0 || !call->fn.fd || fd < 0)
        return WEIR_EINVAL;
    if (is_taken)
        return WEIR_EBUSY;
    return w ? change_watched(w, (uint32_t)wanted, call)
             : add_watched(ws, fd, (uint32_t)wanted, call);
}

bool wr_watches_take_fd(struct wr_watches *ws, struct wr_watch_call *out)
{
    struct watched *w;

    if (!ws->loop || wr_list_is_empty(&ws->due_fds))
        return false;
    w = WR_CONTAINER_OF(ws->due_fds.next, struct watched, due);
    *out = w->call;
    w->call.ready = 0;
    wr_list_remove(&w->due);
    if (ws->is_once) /* it is closed, where this fails: then there is nothing to hear of */
        wr_loop_change(ws->loop, &w->source, events_of(w));
    return true;
}
