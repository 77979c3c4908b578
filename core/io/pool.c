#include "io/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/thread.h"

#define NAME_MAX_BYTES 16 /* pthread_setname_np(3), with the NUL */

/*
 *     NEW ─► STARTING ─► RUNNING ─► STOPPING ─► STOPPED
 *      ▲        ▼
 *      └──── FAILED        jobs are run in RUNNING and STOPPING alone
 */
enum state { NEW, STARTING, FAILED, RUNNING, STOPPING, STOPPED };

/* A condition of its own for each thread says which one wakes: the one that slept last, whose
 * caches are warm, and never one too many. */
struct pool_thread {
    struct wr_pool *pool;
    pthread_t thread;
    pthread_cond_t wake;
    struct pool_thread *next_idle;
    bool is_woken;
};

struct wr_pool {
    struct wr_pool_setup setup;
    char name[NAME_MAX_BYTES];

    pthread_mutex_t lock; /* for all below */
    enum state state;

    struct wr_job *first, *last;
    size_t queue_n;

    struct pool_thread *idle; /* those who sleep and have not been woken */
    size_t woken_n;           /* woken, and not yet come to look for a job */
    size_t live_n, busy_n;    /* threads that run jobs; those of them that run one now */
    int started_n;            /* to be joined */

    pthread_cond_t reported; /* a thread_start has returned */
    pthread_cond_t rested;   /* no job waits or runs, which so many wait for */
    int waiting_n;
    int reported_n, start_err;

    struct pool_thread threads[];
};

/* ---- under the lock ---- */

static void wake_one(struct wr_pool *p)
{
    struct pool_thread *t = p->idle;

    p->idle = t->next_idle;
    t->is_woken = true;
    p->woken_n++;
    /* Under the lock: once it is released the job may run, and its end may be what somebody waits
     * for to free the pool. */
    pthread_cond_signal(&t->wake);
}

/* So that there is one for each job that waits, as far as there are. */
static void wake_needed(struct wr_pool *p)
{
    while (p->idle && p->woken_n < p->queue_n)
        wake_one(p);
}

static void wake_all(struct wr_pool *p)
{
    while (p->idle)
        wake_one(p);
}

static void sleep_until_woken(struct pool_thread *t)
{
    struct wr_pool *p = t->pool;

    t->is_woken = false;
    t->next_idle = p->idle;
    p->idle = t;
    while (!t->is_woken)
        pthread_cond_wait(&t->wake, &p->lock);
    p->woken_n--;
}

static void append(struct wr_pool *p, struct wr_job *j)
{
    j->next = NULL;
    if (p->first)
        p->last->next = j;
    else
        p->first = j;
    p->last = j;
    p->queue_n++;
}

static struct wr_job *take_first(struct wr_pool *p)
{
    struct wr_job *j = p->first;

    if (j) {
        p->first = j->next;
        p->queue_n--;
    }
    return j;
}

/* What threads that are free are about to take does not wait, however long they need to wake up. */
static bool is_full(const struct wr_pool *p)
{
    size_t free_n = p->live_n - p->busy_n;

    return p->queue_n >= free_n && p->queue_n - free_n >= p->setup.queue_max;
}

static bool is_without_threads(const struct wr_pool *p)
{
    return p->setup.on_demand && p->state == RUNNING && p->live_n == 0;
}

static bool is_at_rest(const struct wr_pool *p)
{
    return !p->first && p->busy_n == 0;
}

/* ---- threads ---- */

/* NULL: the thread is to end. Under the lock. */
static struct wr_job *next_job(struct pool_thread *t)
{
    struct wr_pool *p = t->pool;

    for (;;) {
        if (p->state == FAILED)
            return NULL;
        if (p->first && p->state != STARTING)
            return take_first(p);
        /* A job that runs may push others, and wait for them: all threads stay until it is over. */
        if (p->state == STOPPING && p->busy_n == 0)
            return NULL;
        sleep_until_woken(t);
    }
}

static void run_jobs(struct pool_thread *t, void *thread_data)
{
    struct wr_pool *p = t->pool;
    struct wr_job *j;

    pthread_mutex_lock(&p->lock);
    while ((j = next_job(t))) {
        p->busy_n++;
        pthread_mutex_unlock(&p->lock);
        j->run(j, thread_data);
        pthread_mutex_lock(&p->lock);
        p->busy_n--;
        if (p->waiting_n > 0 && is_at_rest(p))
            pthread_cond_broadcast(&p->rested);
    }
    if (p->state == STOPPING)
        p->live_n--;
    wake_all(p);
    pthread_mutex_unlock(&p->lock);
}

static void report(struct wr_pool *p, int err)
{
    pthread_mutex_lock(&p->lock);
    p->reported_n++;
    if (err < 0 && p->start_err == 0)
        p->start_err = err;
    pthread_cond_signal(&p->reported);
    pthread_mutex_unlock(&p->lock);
}

static void *run_thread(void *arg)
{
    struct pool_thread *t = arg;
    const struct wr_pool_setup *setup = &t->pool->setup;
    void *thread_data = NULL;
    int err = setup->thread_start ? setup->thread_start(setup->arg, &thread_data) : 0;

    report(t->pool, err);
    if (err < 0)
        return NULL;
    run_jobs(t, thread_data);
    if (setup->thread_stop)
        setup->thread_stop(setup->arg, thread_data);
    return NULL;
}

/* As many as so many waiting jobs keep busy, as far as there may be and can be: they look for jobs by
 * themselves. Under the lock. */
static void start_for(struct wr_pool *p, size_t jobs)
{
    while (p->setup.on_demand && p->state == RUNNING && p->started_n < p->setup.threads &&
           jobs > p->live_n - p->busy_n) {
        struct pool_thread *t = &p->threads[p->started_n];

        if (wr_thread_start(&t->thread, p->name, run_thread, t) < 0)
            return;
        p->started_n++;
        p->live_n++;
    }
}

/* ---- from outside ---- */

struct wr_pool *wr_pool_new(const struct wr_pool_setup *setup)
{
    struct wr_pool *p = calloc(1, sizeof *p + (size_t)setup->threads * sizeof(struct pool_thread));

    if (!p)
        return NULL;
    p->setup = *setup;
    snprintf(p->name, sizeof p->name, "%s", setup->name);
    p->setup.name = p->name;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->reported, NULL);
    pthread_cond_init(&p->rested, NULL);
    for (int i = 0; i < setup->threads; i++) {
        p->threads[i].pool = p;
        pthread_cond_init(&p->threads[i].wake, NULL);
    }
    return p;
}

static void join(struct wr_pool *p, int n)
{
    for (int i = 0; i < n; i++)
        pthread_join(p->threads[i].thread, NULL);
}

/* Waits for the first `n` threads, then lets jobs begin, or the threads end. */
static int decide(struct wr_pool *p, int n, int err)
{
    pthread_mutex_lock(&p->lock);
    while (p->reported_n < n)
        pthread_cond_wait(&p->reported, &p->lock);
    if (err == 0)
        err = p->start_err;
    if (err == 0) {
        p->state = RUNNING;
        p->live_n = (size_t)n;
        p->started_n = n;
        wake_needed(p);
        start_for(p, p->queue_n);
    } else {
        p->state = FAILED;
        wake_all(p);
    }
    pthread_mutex_unlock(&p->lock);
    return err;
}

int wr_pool_start(struct wr_pool *p)
{
    int n = 0, err = 0;

    pthread_mutex_lock(&p->lock);
    if (p->state == NEW) {
        p->state = STARTING;
        p->reported_n = p->start_err = 0;
    } else {
        err = -EINVAL;
    }
    pthread_mutex_unlock(&p->lock);
    if (err < 0)
        return err;
    if (p->setup.on_demand)
        return decide(p, 0, 0);
    while (n < p->setup.threads && err == 0) {
        err = wr_thread_start(&p->threads[n].thread, p->name, run_thread, &p->threads[n]);
        n += err == 0;
    }
    err = decide(p, n, err);
    if (err == 0)
        return 0;
    join(p, n);
    pthread_mutex_lock(&p->lock);
    p->state = NEW;
    pthread_mutex_unlock(&p->lock);
    return err;
}

/* False: refused. */
static bool give(struct wr_pool *p, struct wr_job *j, bool can_refuse)
{
    bool is_stopped, is_taken = true;

    pthread_mutex_lock(&p->lock);
    is_stopped = p->state == STOPPED;
    if (!is_stopped) {
        start_for(p, p->queue_n + 1);
        is_taken = !can_refuse || (!is_full(p) && !is_without_threads(p));
        if (is_taken) {
            append(p, j);
            if (p->state != STARTING) /* decide() wakes them */
                wake_needed(p);
        }
    }
    pthread_mutex_unlock(&p->lock);
    if (is_stopped)
        j->run(j, NULL);
    return is_taken;
}

bool wr_pool_submit(struct wr_pool *p, struct wr_job *j)
{
    return give(p, j, true);
}

void wr_pool_push(struct wr_pool *p, struct wr_job *j)
{
    give(p, j, false);
}

bool wr_pool_is_busy(struct wr_pool *p)
{
    bool is_busy;

    pthread_mutex_lock(&p->lock);
    is_busy = p->state == RUNNING && !is_at_rest(p);
    pthread_mutex_unlock(&p->lock);
    return is_busy;
}

void wr_pool_wait(struct wr_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->waiting_n++;
    while (p->state == RUNNING && !is_at_rest(p))
        pthread_cond_wait(&p->rested, &p->lock);
    p->waiting_n--;
    pthread_mutex_unlock(&p->lock);
}

/* What came without threads: before the start, or while they ended. */
static void run_rest(struct wr_pool *p)
{
    struct wr_job *j;

    do {
        pthread_mutex_lock(&p->lock);
        j = take_first(p);
        if (!j)
            p->state = STOPPED;
        pthread_mutex_unlock(&p->lock);
        if (j)
            j->run(j, NULL);
    } while (j);
}

void wr_pool_stop(struct wr_pool *p)
{
    enum state before;

    pthread_mutex_lock(&p->lock);
    before = p->state;
    if (before != STOPPED)
        p->state = STOPPING;
    wake_all(p);
    pthread_mutex_unlock(&p->lock);
    if (before == RUNNING)
        join(p, p->started_n);
    if (before != STOPPED)
        run_rest(p);
}

void wr_pool_free(struct wr_pool *p)
{
    if (!p)
        return;
    wr_pool_stop(p);
    for (int i = 0; i < p->setup.threads; i++)
        pthread_cond_destroy(&p->threads[i].wake);
    pthread_cond_destroy(&p->reported);
    pthread_cond_destroy(&p->rested);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
