/*
 * pace.h — how long a client is waited for that moves bytes, but perhaps too few of them.
 *
 * An allowance of time, which waiting uses up and bytes earn back, 1/rate of a second each, never
 * beyond what it was at first. So a client that moves nothing is given up when it is used up, and
 * one that trickles soon after: on average over that time it has to keep the rate. Time in which
 * nobody waits for the client, since a handler is at work, costs nothing.
 */
#ifndef WR_SERVER_PACE_H
#define WR_SERVER_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct wr_pace {
    int64_t left_ns;  /* of the allowance, as of since_ms */
    int64_t since_ms; /* when the wait began or was looked at last; 0: nobody waits */
};

/* A full allowance; nobody waits. */
static inline void wr_pace_start(struct wr_pace *p, int64_t full_ms)
{
    *p = (struct wr_pace){full_ms * 1000000, 0};
}

/* Uses up the time until now; the wait goes on. */
static inline void wr_pace_look(struct wr_pace *p, int64_t now_ms)
{
    if (p->since_ms > 0)
        p->left_ns -= (now_ms - p->since_ms) * 1000000;
    p->since_ms = now_ms;
}

static inline void wr_pace_pause(struct wr_pace *p, int64_t now_ms)
{
    wr_pace_look(p, now_ms);
    p->since_ms = 0;
}

/* `n` bytes were moved, at a rate of at least `rate` bytes a second, or 0: any, which fills the
 * allowance. They never make more of it than most_ms. */
static inline void wr_pace_earn(struct wr_pace *p, uint64_t n, int64_t rate, int64_t most_ms)
{
    int64_t most_ns = most_ms * 1000000;
    bool is_full = rate == 0 || n >= (uint64_t)rate * (uint64_t)(most_ms / 1000 + 1);

    if (n == 0)
        return;
    if (p->left_ns >= most_ns)
        return;
    if (!is_full)
        p->left_ns += (int64_t)(n / (uint64_t)rate * 1000000000 +
                                n % (uint64_t)rate * 1000000000 / (uint64_t)rate);
    if (is_full || p->left_ns > most_ns)
        p->left_ns = most_ns;
}

/* When it will be used up: rounded up, since a timer fires at whole milliseconds. */
static inline int64_t wr_pace_due_ms(const struct wr_pace *p)
{
    int64_t left_ms = (p->left_ns + 999999) / 1000000;

    return p->since_ms + (left_ms > 0 ? left_ms : 0);
}

#endif
