/*
 * tokens.h — numbers that stand for requests, for who is on another thread.
 *
 * A request of which somebody wants to hear later has a token while that is possible. Whoever has
 * the number finds it under the lock of the loop's table, or learns that there is none any more. So
 * a number is as good as its owner's lifetime, and a stale one is merely stale.
 *
 *     63                      10 9     0
 *     |  count of this loop     | loop |      0: no token
 *
 * A number is never given again: the count alone takes 57 years at ten million a second.
 *
 * Ownership: a token is embedded in what it stands for.
 * Threads:   any, under the lock; init and fini of one.
 */
#ifndef WR_SERVER_TOKENS_H
#define WR_SERVER_TOKENS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_TOKEN_LOOP_BITS 10 /* as many loops as a server may have */

/* All zero at first. */
struct wr_token {
    uint64_t number; /* 0: it has none yet */
    bool is_open;    /* it can be found */
    struct wr_token *next;
};

struct wr_tokens {
    pthread_mutex_t lock;
    uint64_t count; /* that were given */
    struct wr_token **buckets;
    size_t buckets_n; /* a power of 2, or 0 */
    size_t n;         /* that are open */
};

void wr_tokens_init(struct wr_tokens *ts);

/* From now on each is stale. It may still be looked in, and the lock stays: threads of a plugin
 * have numbers until its unload has returned, which comes after the loops. */
void wr_tokens_fini(struct wr_tokens *ts);

/* Which loop's it is. */
static inline unsigned wr_token_loop(uint64_t number)
{
    return (unsigned)(number & ((1U << WR_TOKEN_LOOP_BITS) - 1));
}

static inline void wr_tokens_lock(struct wr_tokens *ts)
{
    pthread_mutex_lock(&ts->lock);
}

static inline void wr_tokens_unlock(struct wr_tokens *ts)
{
    pthread_mutex_unlock(&ts->lock);
}

/* ---- under the lock ---- */

/* Gives it a number of this loop. False: no memory. */
bool wr_tokens_open(struct wr_tokens *ts, struct wr_token *t, unsigned loop);

/* Nobody finds it any more; its number stays. Does nothing where it is not open. */
void wr_tokens_close(struct wr_tokens *ts, struct wr_token *t);

/* NULL: stale, or never given. */
struct wr_token *wr_tokens_find(const struct wr_tokens *ts, uint64_t number);

#endif
