/*
 * fake_clock.h — time that a test moves by hand.
 *
 *     struct wr_fake_clock fake = {.now_ms = 1000};
 *     struct wr_clock clock = wr_fake_clock_of(&fake);
 *
 * Both times stand still between two calls of wr_fake_clock_advance(). One thread.
 */
#ifndef WR_TESTS_FAKE_CLOCK_H
#define WR_TESTS_FAKE_CLOCK_H

#include "base/clock.h"

struct wr_fake_clock {
    int64_t now_ms;  /* monotonic */
    int64_t more_us; /* and so many microseconds; a test may set it */
    int64_t wall_ns; /* since 1970; a test may set it, also back */
};

/* A clock that shows `fake`, which must outlive it. */
struct wr_clock wr_fake_clock_of(struct wr_fake_clock *fake);

/* Moves both times on. */
void wr_fake_clock_advance(struct wr_fake_clock *fake, int64_t ms);

#endif
