/*
 * pool.h — a bounded number of threads, and jobs that wait for one of them.
 *
 * Jobs of one pool begin in the order they came, none before every thread has started.
 * wr_pool_submit() is refused when `queue_max` jobs wait, those not counted that a free thread is
 * about to take; wr_pool_push() never is: it is for what must happen (closing, releasing), and what
 * belongs to work that was let in.
 *
 * A job that waits for somebody (a slow client) may say so, by wr_pool_wait_begin(): it then holds
 * none of the `threads` places in which jobs run, and the next job begins, on a stand-in if every
 * other thread has a job. When the wait is over it goes on at once, so that for a while more jobs
 * may run than there are places: as many as have come back. None begins until there is a place
 * again.
 *
 * A stand-in is a thread like the others, begun when a job would wait although there is a place for
 * it. It stays until the pool stops, asleep while there is nothing for it. One whose thread_start
 * fails ends, and no other is tried for a second; what waits is for the other threads then.
 *
 * Its threads have the scheduling policy SCHED_BATCH, where they would have the usual one: they
 * interrupt nobody when they wake up, and so not who gives them jobs.
 *
 * Ownership: a job is embedded in its owner's struct; its last call, tell() or run(), may free it.
 * Threads:   submit, push and cancel from any, also from a job; wait_begin and wait_end from a job;
 *            new, start, stop and free from one.
 * Errors:    0 or -errno.
 */
#ifndef WR_IO_POOL_H
#define WR_IO_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/list.h"

struct wr_pool;

/* All zero but `run` at first. */
struct wr_job {
    /* `thread_data` is what setup.thread_start has set for this thread. */
    void (*run)(struct wr_job *j, void *thread_data);
    /* Behind run() on the same thread, for telling who waits for it that it is done, and nothing
     * else; NULL: nothing. What that one submits at once needs no other thread to be woken, for
     * this one is about to look. */
    void (*tell)(struct wr_job *j);
    struct wr_list in_queue; /* the pool's */
};

struct wr_pool_setup {
    int threads;      /* at least 1 */
    size_t queue_max; /* jobs that may wait */
    const char *name; /* of the threads, at most 15 characters; copied */
    bool on_demand;   /* a thread begins when a job would wait for one; without the hooks below */
    int stand_ins;    /* that there may be at most; 0: a job that waits keeps its place */

    /* On each thread as it begins, on several at a time; NULL: nothing. Below 0: it has failed, and
     * wr_pool_start() gives that number, of several the first; nobody is told of a stand-in's. */
    int (*thread_start)(void *arg, void **thread_data);
    /* On each thread where thread_start has succeeded, after its last job; NULL: nothing. */
    void (*thread_stop)(void *arg, void *thread_data);
    void *arg;

    const struct wr_clock *clock; /* borrowed; NULL: wr_clock_system */
};

/* NULL: no memory. */
struct wr_pool *wr_pool_new(const struct wr_pool_setup *setup);

/* Starts the threads, and waits until each has called thread_start; or, on demand, none. On
 * failure all have ended, no job has run, and it may be tried again. -EINVAL: it has been
 * started, or stopped. */
int wr_pool_start(struct wr_pool *p);

/* False: too many wait, or there is no thread and none could be started; the job was not taken. */
bool wr_pool_submit(struct wr_pool *p, struct wr_job *j);
void wr_pool_push(struct wr_pool *p, struct wr_job *j);

/* Takes back a job that waits, in constant time. True: it will not run, may be freed or given
 * again, and another may wait in its stead. False: it has begun, or is over, or was never given;
 * whether its memory is still there at all, the caller must know. */
bool wr_pool_cancel(struct wr_pool *p, struct wr_job *j);

/* Called by a job, on its thread, around what it waits for: in pairs, not one within another.
 * Neither waits for anything but the pool's lock. Without effect where there are no stand-ins,
 * and in a job that the caller of wr_pool_stop(), or of a push behind it, runs. */
void wr_pool_wait_begin(struct wr_pool *p);
void wr_pool_wait_end(struct wr_pool *p);

/* How many jobs have begun and not ended, those that wait in it included; *is_beginning: one
 * more is about to, without the end of another. Any thread. */
size_t wr_pool_running(struct wr_pool *p, bool *is_beginning);

/* Is a job in the queue, or has one begun and not ended? Returns when none is: not from a job. */
bool wr_pool_is_busy(struct wr_pool *p);
void wr_pool_wait(struct wr_pool *p);

/* Runs all that waits, and what that pushes, then ends the threads; without threads (not started)
 * it runs them itself, with thread_data NULL. Afterwards jobs are run by who pushes or submits
 * them, in that call, with NULL: there is no thread left. Stand-ins that live help to the end; none
 * begins any more. */
void wr_pool_stop(struct wr_pool *p);

/* Stops it if it runs; NULL is allowed. */
void wr_pool_free(struct wr_pool *p);

#endif
