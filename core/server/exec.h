/*
 * exec.h — where a handler runs: on the loop now; a thread pool, coroutines, a process later.
 *
 * Whatever runs a handler elsewhere holds the exchange (wr_exchange_ref()) meanwhile, and comes
 * back by a post to the loop of its connection before it touches anything but the request:
 * response, state and stream belong to the loop, which may end the exchange at any moment.
 */
#ifndef WR_SERVER_EXEC_H
#define WR_SERVER_EXEC_H

#include "server/exchange.h"

struct wr_handler;

struct wr_handler_ops {
    const char *name; /* for the log */

    /* Answers `x`, at once or later. */
    void (*serve)(struct wr_handler *h, struct wr_exchange *x);
    void (*free)(struct wr_handler *h);
};

struct wr_handler {
    const struct wr_handler_ops *ops;
    const struct wr_executor *executor;
};

struct wr_executor {
    const char *name;

    /* Sees to it that h->ops->serve(h, x) is called once. */
    void (*submit)(const struct wr_executor *e, struct wr_handler *h, struct wr_exchange *x);
};

/* Calls the handler right here, on the loop: it must not block. */
extern const struct wr_executor wr_exec_loop;

#endif
