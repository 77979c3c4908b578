/*
 * pool.h — a bounded number of threads, and jobs that wait for one of them.
 *
 * Jobs of one pool begin in the order they came, none before every thread has started.
 * wr_pool_submit() is refused when `queue_max` jobs wait, those not counted that a free thread is
 * about to take; wr_pool_push() never is: it is for what must happen (closing, releasing), and what
 * belongs to work that was let in.
 *
 * Ownership: a job is embedded in its owner's struct; run() may free it.
 * Threads:   submit and push from any, also from a job; new, start, stop and free from one.
 * Errors:    0 or -errno.
 */
#ifndef WR_IO_POOL_H
#define WR_IO_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct wr_pool;

struct wr_job {
    /* `thread_data` is what setup.thread_start has set for this thread. */
    void (*run)(struct wr_job *j, void *thread_data);
    struct wr_job *next; /* the pool's, while it waits */
};

struct wr_pool_setup {
    int threads;      /* at least 1 */
    size_t queue_max; /* jobs that may wait */
    const char *name; /* of the threads, at most 15 characters; copied */
    bool on_demand;   /* a thread begins when a job would wait for one; without the two below */

    /* On each thread as it begins, on several at a time; NULL: nothing. Below 0: it has failed, and
     * wr_pool_start() gives that number, of several the first. */
    int (*thread_start)(void *arg, void **thread_data);
    /* On each thread where thread_start has succeeded, after its last job; NULL: nothing. */
    void (*thread_stop)(void *arg, void *thread_data);
    void *arg;
};

/* NULL: no memory. */
struct wr_pool *wr_pool_new(const struct wr_pool_setup *setup);

/* Starts the threads, and waits until each has called thread_start; or, on demand, none. On failure all
 * have ended, no job has run, and it may be tried again. -EINVAL: it has been started, or stopped. */
int wr_pool_start(struct wr_pool *p);

/* False: too many wait, or there is no thread and none could be started; the job was not taken. */
bool wr_pool_submit(struct wr_pool *p, struct wr_job *j);
void wr_pool_push(struct wr_pool *p, struct wr_job *j);

/* Does a job wait or run? Returns when none does: not from a job. */
bool wr_pool_is_busy(struct wr_pool *p);
void wr_pool_wait(struct wr_pool *p);

/* Runs all that waits, and what that pushes, then ends the threads; without threads (not started)
 * it runs them itself, with thread_data NULL. Afterwards jobs are run by who pushes or submits
 * them, in that call, with NULL: there is no thread left. */
void wr_pool_stop(struct wr_pool *p);

/* Stops it if it runs; NULL is allowed. */
void wr_pool_free(struct wr_pool *p);

#endif
