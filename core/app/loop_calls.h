/*
 * loop_calls.h — what an app has called on a loop for no request: weir_loop_post(), and the timers
 * and descriptors of weir_loop_timer() and weir_loop_watch_fd(); and those of requests, which are
 * the same but for whom they call.
 */
#ifndef WR_APP_LOOP_CALLS_H
#define WR_APP_LOOP_CALLS_H

#include "app/builtin.h"

/* Readies what a loop has of this; false: no memory. */
bool wr_loop_calls_init(struct wr_app_loop *l);

/* On the loop's thread, before loop_stop: runs what was posted; from now on nothing is taken. */
void wr_loop_calls_stop(struct wr_app_loop *l);

/* Behind loop_stop, or a loop_start that has failed: forgets timers and descriptors, and posts
 * that no wr_loop_calls_stop() has run. */
void wr_loop_calls_fini(struct wr_app_loop *l);

/* The rest, with the mount. */
void wr_loop_calls_free(struct wr_app_loop *l);

/* Where the app runs: calls those that are due. */
void wr_loop_calls_tell(struct wr_environ *e);

/* ---- the host table's ---- */

int32_t wr_loop_post_call(weir_loop *loop, weir_release_fn *fn, void *arg, weir_post_guard *guard);
int32_t wr_loop_set_timer(weir_loop *loop, uint32_t ms, weir_loop_fn *fn, void *arg,
                          weir_loop_guard *guard);
int32_t wr_loop_set_fd(weir_loop *loop, int32_t fd, uint32_t events, weir_loop_watch_fn *fn,
                       void *arg, weir_loop_watch_guard *guard);
int32_t wr_request_set_timer(weir_environ *env, uint32_t ms, weir_event_fn *fn, void *arg,
                             weir_event_guard *guard);
int32_t wr_request_set_fd(weir_environ *env, int32_t fd, uint32_t events, weir_watch_fn *fn,
                          void *arg, weir_watch_guard *guard);

#endif
