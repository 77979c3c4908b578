/*
 * wait.h — weir_sleep() and weir_wait_fd(): an app that waits for time or for a descriptor, in a
 * thread or in a coroutine.
 *
 * A loop looks at the clock and at the descriptor: that of the app for a coroutine, that of the
 * exchange for a thread, so that both end at once when the client leaves.
 */
#ifndef WR_APP_WAIT_H
#define WR_APP_WAIT_H

#include <weir/app.h>

#include "io/loop.h"

struct wr_environ;

/* What is waited for. All zero at first. */
struct wr_wait {
    struct wr_timer timer;
    struct wr_source source;
    struct wr_task begin; /* for a thread */
    struct wr_loop *loop; /* which looks; NULL: none does */
    int fd;               /* -1: for time alone */
    uint32_t events;
    uint32_t timeout_ms;
    int32_t result;
    bool is_done; /* under the lock of the remote */
};

/* The host table's. */
int32_t wr_wait_sleep(weir_environ *env, uint32_t ms);
int32_t wr_wait_fd(weir_environ *env, int32_t fd, uint32_t events, uint32_t timeout_ms);

/* On the loop that looks: the exchange has ended, and nobody waits any more. */
void wr_wait_end(struct wr_wait *w);

#endif
