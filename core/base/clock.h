/*
 * clock.h — where time comes from; passed in, never global, so that tests move it by hand.
 */
#ifndef WR_BASE_CLOCK_H
#define WR_BASE_CLOCK_H

#include <stdint.h>

struct wr_clock {
    int64_t (*monotonic_ms)(void *ctx); /* for intervals and deadlines; never goes back */
    int64_t (*monotonic_us)(void *ctx); /* the same time in microseconds, for durations */
    int64_t (*wall_ns)(void *ctx);      /* since 1970, UTC; may jump */
    void *ctx;
};

/* The system's clock. Any thread. */
extern const struct wr_clock wr_clock_system;

#endif
