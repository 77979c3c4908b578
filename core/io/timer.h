/*
 * timer.h — deadlines on the loop's clock.
 *
 * A binary heap whose entries are moved lazily: pushing a deadline further away, which a connection
 * does with every request, only stores the new time; the heap hears of it when the old one comes.
 *
 * Threads: those of one heap belong to one loop thread.
 */
#ifndef WR_IO_TIMER_H
#define WR_IO_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/branch.h"

struct wr_timer {
    void (*fire)(struct wr_timer *t);
    int64_t due_ms;    /* when to fire; 0: not set */
    int64_t queued_ms; /* its place in the heap: never later than due_ms */
    uint32_t index;    /* 1 + place in the heap; 0: not in it */
};

struct wr_timers {
    struct wr_timer **heap;
    uint32_t n, cap;
};

void wr_timers_init(struct wr_timers *ts);
void wr_timers_fini(struct wr_timers *ts); /* timers still set are forgotten, not fired */

void wr_timer_init(struct wr_timer *t, void (*fire)(struct wr_timer *t));

/* The slow way of the next: to another place in the heap. */
WR_COLD int wr_timer_move(struct wr_timers *ts, struct wr_timer *t, int64_t due_ms);

/* Sets or moves the deadline; 0, or -ENOMEM with the timer as it was. due_ms is above 0. */
static inline int wr_timer_set(struct wr_timers *ts, struct wr_timer *t, int64_t due_ms)
{
    if (t->index == 0 || due_ms < t->queued_ms)
        return wr_timer_move(ts, t, due_ms);
    t->due_ms = due_ms;
    return 0;
}

/* Does nothing when it is not set. After it the timer's memory may go. */
void wr_timer_clear(struct wr_timers *ts, struct wr_timer *t);

/* Fires all that are due; a callback may set and clear any timer. */
void wr_timers_run(struct wr_timers *ts, int64_t now_ms);

/*
 * Milliseconds until the next look is needed, 0 when one is due, -1 when no timer is set. May be
 * too early for a deadline that was pushed away since, never too late.
 */
int64_t wr_timers_next(const struct wr_timers *ts, int64_t now_ms);

#endif
