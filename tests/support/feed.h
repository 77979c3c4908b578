/*
 * feed.h — one case, fed in every way the network may cut it.
 *
 * An incremental parser must give the same outcome however its input arrives. wr_feed_all() calls
 * `run` for the input whole, byte by byte, and split in two at each offset; `run` calls
 * wr_feed_next() until it says false and judges the outcome itself.
 */
#ifndef WR_TESTS_FEED_H
#define WR_TESTS_FEED_H

#include "base/slice.h"

struct wr_feed {
    struct wr_slice input;
    size_t at;     /* bytes given so far */
    size_t split;  /* end of the first part; 0: no split */
    bool bytewise; /* a byte at a time */
};

typedef void wr_feed_fn(struct wr_feed *feed, void *arg);

void wr_feed_all(struct wr_slice input, wr_feed_fn *run, void *arg);

/* The next part; false when all was given. */
bool wr_feed_next(struct wr_feed *feed, struct wr_slice *part);

/* How this feed cuts its input, for messages; valid until the next call. */
const char *wr_feed_name(const struct wr_feed *feed);

#endif
