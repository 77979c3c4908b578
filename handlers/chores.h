/*
 * chores.h — what requests of a loop wait for while a thread does it: a disk, a content coding, a
 * listing.
 *
 *     begin ─► work, on a thread ─► posted ─► waiters resume, finish: on the loop
 *
 * Several requests may wait for one chore. One that ends meanwhile leaves; a chore that a thread works
 * on goes on, for what it brings is worth having. One that nobody waits for when its turn comes is left
 * out: what clients that have gone asked for holds up neither others nor the end of the server.
 *
 * Ownership: a chore is embedded in its maker's struct, whose finish() frees it; the waiters are the
 *            requests'. The chores live until the last one is back, also after wr_chores_close().
 * Threads:   the loop's, but for work().
 */
#ifndef WR_HANDLERS_CHORES_H
#define WR_HANDLERS_CHORES_H

#include <stdatomic.h>

#include "base/list.h"
#include "io/loop.h"
#include "io/pool.h"

struct wr_chores;
struct wr_chore;

struct wr_waiter {
    struct wr_list among;   /* the waiters of a chore */
    struct wr_chore *chore; /* of which it is one, while it waits */
    void (*resume)(struct wr_waiter *w, struct wr_chore *c);
};

struct wr_chore_ops {
    void (*work)(struct wr_chore *c);   /* on a thread; may be left out: wr_chore_is_worked() */
    void (*finish)(struct wr_chore *c); /* after the last waiter has resumed: frees it */
};

/* Zeroed to begin with, but for ops. */
struct wr_chore {
    const struct wr_chore_ops *ops;
    struct wr_chores *chores;
    struct wr_list among, waiters;
    atomic_size_t wanted; /* by so many: the waiters, and who has begun it until he joins */
    bool is_joined, is_worked;
    struct wr_job job;
    struct wr_task done;
};

/* NULL: no memory. */
struct wr_chores *wr_chores_new(struct wr_loop *loop);

/* Nobody waits any more, and none is begun. */
void wr_chores_close(struct wr_chores *s);

/* Hands it to the pool, for who joins next; false: too many wait there, and it is the caller's as
 * before. */
bool wr_chore_begin(struct wr_chores *s, struct wr_chore *c, struct wr_pool *pool);

/* One with these ops that is under way and of which is(c, key) says so; NULL: none. */
struct wr_chore *wr_chores_find(struct wr_chores *s, const struct wr_chore_ops *ops,
                                bool (*is)(const struct wr_chore *c, const void *key),
                                const void *key);

/* Has its work been done? Whoever joins just when the last one has left may find that it has not. For
 * waiters, and finish(). */
static inline bool wr_chore_is_worked(const struct wr_chore *c)
{
    return c->is_worked;
}

/* A waiter that was zeroed or has left may wait; leaving twice does nothing. */
void wr_chore_join(struct wr_chore *c, struct wr_waiter *w);
void wr_waiter_leave(struct wr_waiter *w);
bool wr_waiter_waits(const struct wr_waiter *w);

#endif
