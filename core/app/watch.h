/*
 * watch.h — timers and descriptors that an app has somebody called for: of a request, or of a loop.
 *
 * A timer is known by its function and argument, a descriptor by its number: setting one again
 * changes it. What is due goes to a list, and `on_due` says so; who makes the calls takes one after
 * the other, so that each may set, move and take back any.
 *
 * Ownership: a set owns what is in it (malloc'ed); its owner clears it.
 * Threads:   that of the loop.
 * Errors:    WEIR_E*.
 */
#ifndef WR_APP_WATCH_H
#define WR_APP_WATCH_H

#include <weir/app.h>

#include "io/loop.h"

union wr_watch_fn {
    weir_event_fn *timer;
    weir_watch_fn *fd;
    weir_loop_fn *loop_timer;
    weir_loop_watch_fn *loop_fd;
};

union wr_watch_guard { /* NULL: in C */
    weir_event_guard *timer;
    weir_watch_guard *fd;
    weir_loop_guard *loop_timer;
    weir_loop_watch_guard *loop_fd;
};

/* Whom to call. */
struct wr_watch_call {
    union wr_watch_fn fn;
    union wr_watch_guard guard;
    void *arg;
    uint32_t ready; /* of a descriptor: those of poll(2) that it is ready for */
};

struct wr_watches {
    struct wr_loop *loop; /* NULL: none is set, nor ever was */
    void (*on_due)(struct wr_watches *ws);
    bool is_once;        /* calls follow later: a descriptor is not looked at in between */
    void *timers;        /* tsearch(3) */
    uint64_t alarm_turn; /* of the loop, in which one was due last */
    struct wr_list fds;
    struct wr_list due_timers, due_fds;
};

void wr_watches_init(struct wr_watches *ws, struct wr_loop *loop,
                     void (*on_due)(struct wr_watches *ws), bool is_once);

/* With a loop or without: forgets all. */
void wr_watches_clear(struct wr_watches *ws);

/* In so many milliseconds; WEIR_NEVER: not at all. */
int32_t wr_watches_set_timer(struct wr_watches *ws, uint32_t ms, const struct wr_watch_call *call);

/* Events of poll(2); 0: none any more. */
int32_t wr_watches_set_fd(struct wr_watches *ws, int fd, uint32_t events,
                          const struct wr_watch_call *call);

/* The next one that is due; false: none is. It counts as called. */
bool wr_watches_take_timer(struct wr_watches *ws, struct wr_watch_call *out);
bool wr_watches_take_fd(struct wr_watches *ws, struct wr_watch_call *out);

/* What is due now, of a request. */
bool wr_watches_are_due(const struct wr_watches *ws);

/* Events of poll(2) as those of epoll(7), and back; -EINVAL: others are among them. */
int wr_watch_epoll_events(uint32_t poll_events);
uint32_t wr_watch_poll_events(uint32_t epoll_events);

/* An error of wr_loop_add() as an app gets it. */
int32_t wr_watch_error(int err);

#endif
