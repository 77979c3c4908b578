/*
 * handler.h — who answers requests.
 *
 * A handler is called on the loop of the request and must not block it. One that works elsewhere (a
 * thread, another loop) holds the exchange meanwhile by wr_exchange_ref() and comes back by a post
 * to its loop. In between it may read the request, use the arena, and set status and fields of the
 * response; body, state and stream belong to the loop, which may end the exchange at any moment.
 */
#ifndef WR_SERVER_HANDLER_H
#define WR_SERVER_HANDLER_H

#include "server/exchange.h"

struct wr_handler;

struct wr_handler_ops {
    const char *name; /* for the log */

    /*
     * Before the first request, in this order: once, with all `n` workers of the server; once for
     * each loop, on its thread if it runs already; once. NULL: nothing to do. 0, or -errno with
     * `why`, of WR_WHY_MAX bytes, filled.
     */
    int (*prepare)(struct wr_handler *h, struct wr_worker *const *workers, int n, char *why);
    int (*start_loop)(struct wr_handler *h, int loop, char *why);
    int (*start)(struct wr_handler *h, char *why);

    /* Answers `x`, at once or later, or passes it on (wr_dispatch_next()). */
    void (*serve)(struct wr_handler *h, struct wr_exchange *x);

    /* Does something work elsewhere? NULL: never. */
    bool (*is_busy)(struct wr_handler *h);

    /* All exchanges have ended and no loop runs: returns when nothing works elsewhere. What was
     * posted to the loops is run then, and this is called again, until nothing was. NULL: nothing
     * ever does. */
    void (*wait)(struct wr_handler *h);

    /* After the last request, also when it was started in part: once; once for each loop, on its
     * thread if it still runs. NULL: nothing to do. */
    void (*stop)(struct wr_handler *h);
    void (*stop_loop)(struct wr_handler *h, int loop);
    void (*free)(struct wr_handler *h);
};

#define WR_WHY_MAX 1024

/* What holds for the requests of one handler in place of what the site has. */
struct wr_handler_limits {
    int64_t body_bytes_max;   /* of content, or 413; -1: as the site */
    int64_t request_ms;       /* for a request altogether; 0: any time; -1: as the site */
    bool is_half_closed_gone; /* a client that half-closes is treated as one that is gone */
};

struct wr_handler {
    const struct wr_handler_ops *ops;
    bool has_route;                         /* the router's; false to begin with */
    const struct wr_handler_limits *limits; /* NULL: those of the site; outlives the handler */
};

#endif
