/*
 * body.h — where response bytes come from.
 *
 * A body is pulled by the protocol's writer when the socket can take more; it never pushes. A
 * filter is a body that owns another.
 *
 * Ownership: wr_exchange_set_body() takes the body; close runs exactly once, in every ending.
 * Lifetime:  pieces of peek() stay valid until the matching advance(), or close().
 * Threads:   loop thread of the exchange.
 * Errors:    0 or a count; -EAGAIN: nothing yet, wr_exchange_body_ready() follows; other negatives
 *            are final.
 */
#ifndef WR_SERVER_BODY_H
#define WR_SERVER_BODY_H

#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"

struct wr_body;

struct wr_piece {
    const void *mem; /* NULL: `len` bytes of `fd` from `off` */
    int fd;
    off_t off;
    size_t len;
};

/* A piece may be empty; that is not the end. */
struct wr_body_ops {
    int (*peek)(struct wr_body *b, struct wr_piece *out,
                int max); /* count | 0 end | -EAGAIN | -err */
    void (*advance)(struct wr_body *b, size_t n);
    void (*close)(struct wr_body *b);
};

struct wr_body {
    const struct wr_body_ops *ops;
};

#endif
