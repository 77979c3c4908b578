/*
 * offload.h — weir_offload(): work on a thread of the mount's, for an app that runs on a loop.
 *
 * What was taken in is waited for: the request stays until its work is back, and `done` is told of
 * it, where the app runs. In a coroutine the app itself waits; in a thread it does the work there.
 */
#ifndef WR_APP_OFFLOAD_H
#define WR_APP_OFFLOAD_H

#include "app/streaming.h"

/* The host table's. */
int32_t wr_offload(weir_environ *env, weir_release_fn *work, weir_event_fn *done, void *arg,
                   weir_work_guard *work_guard, weir_event_guard *guard);

/* On the loop of the exchange, for an app that runs there: the request has ended, and what has
 * not begun is left out. */
void wr_offload_cancel(struct wr_environ *e);

/* Has it some at work? On the loop of the exchange. */
static inline bool wr_offload_is_out(const struct wr_environ *e)
{
    return e->s && atomic_load(&e->s->offloads_out) > 0;
}

/* Where the app runs: calls done of those that are back. */
void wr_offload_tell(struct wr_environ *e);

#endif
