#include "io/timer.h"

#include <errno.h>
#include <stdlib.h>

#define HEAP_MIN 64

void wr_timers_init(struct wr_timers *ts)
{
    *ts = (struct wr_timers){0};
}

void wr_timers_fini(struct wr_timers *ts)
{
    for (uint32_t i = 0; i < ts->n; i++)
        ts->heap[i]->index = 0;
    free(ts->heap);
    wr_timers_init(ts);
}

void wr_timer_init(struct wr_timer *t, void (*fire)(struct wr_timer *t))
{
    *t = (struct wr_timer){.fire = fire};
}

static void place(struct wr_timers *ts, uint32_t at, struct wr_timer *t)
{
    ts->heap[at] = t;
    t->index = at + 1;
}

static void sift_up(struct wr_timers *ts, uint32_t at, struct wr_timer *t)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;

        if (ts->heap[parent]->queued_ms <= t->queued_ms)
            break;
        place(ts, at, ts->heap[parent]);
        at = parent;
    }
    place(ts, at, t);
}

static void sift_down(struct wr_timers *ts, uint32_t at, struct wr_timer *t)
{
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= ts->n)
            break;
        if (child + 1 < ts->n && ts->heap[child + 1]->queued_ms < ts->heap[child]->queued_ms)
            child++;
        if (t->queued_ms <= ts->heap[child]->queued_ms)
            break;
        place(ts, at, ts->heap[child]);
        at = child;
    }
    place(ts, at, t);
}

static void remove_at(struct wr_timers *ts, uint32_t at)
{
    struct wr_timer *last = ts->heap[--ts->n];

    ts->heap[at]->index = 0;
    if (at == ts->n)
        return;
    if (at > 0 && last->queued_ms < ts->heap[(at - 1) / 2]->queued_ms)
        sift_up(ts, at, last);
    else
        sift_down(ts, at, last);
}

static int insert(struct wr_timers *ts, struct wr_timer *t, int64_t due_ms)
{
    if (ts->n == ts->cap) {
        uint32_t cap = ts->cap > 0 ? 2 * ts->cap : HEAP_MIN;
        struct wr_timer **heap = realloc(ts->heap, cap * sizeof(struct wr_timer *));

        if (!heap)
            return -ENOMEM;
        ts->heap = heap;
        ts->cap = cap;
    }
    t->due_ms = t->queued_ms = due_ms;
    sift_up(ts, ts->n++, t);
    return 0;
}

int wr_timer_move(struct wr_timers *ts, struct wr_timer *t, int64_t due_ms)
{
    if (t->index == 0)
        return insert(ts, t, due_ms);
    t->due_ms = t->queued_ms = due_ms;
    sift_up(ts, t->index - 1, t);
    return 0;
}

void wr_timer_clear(struct wr_timers *ts, struct wr_timer *t)
{
    if (t->index > 0)
        remove_at(ts, t->index - 1);
    t->due_ms = 0;
}

void wr_timers_run(struct wr_timers *ts, int64_t now_ms)
{
    while (ts->n > 0 && ts->heap[0]->queued_ms <= now_ms) {
        struct wr_timer *t = ts->heap[0];

        if (t->due_ms > now_ms) {
            t->queued_ms = t->due_ms;
            sift_down(ts, 0, t);
            continue;
        }
        wr_timer_clear(ts, t);
        t->fire(t);
    }
}

int64_t wr_timers_next(const struct wr_timers *ts, int64_t now_ms)
{
    if (ts->n == 0)
        return -1;
    return ts->heap[0]->queued_ms > now_ms ? ts->heap[0]->queued_ms - now_ms : 0;
}
