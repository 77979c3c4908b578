#include "io/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/thread.h"

#define NAME_MAX_BYTES 16   /* pthread_setname_np(3), with the NUL */
#define RETRY_MS       1000 /* after a thread_start of a stand-in that has failed */

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
    bool is_started;  /* to be joined */
    bool is_late;     /* started while the pool runs: wr_pool_start() does not wait for it */
    bool is_given_up; /* it was, and its thread_start has failed: it ends, or has ended */
};

struct wr_pool {
    struct wr_pool_setup setup;
    char name[NAME_MAX_BYTES];

    pthread_mutex_t lock; /* for all below */
    enum state state;

    struct wr_list queue;
    size_t queue_n;

    struct pool_thread *idle; /* those who sleep and have not been woken */
    size_t woken_n;           /* woken, and not yet come to look for a job */
    size_t live_n;            /* threads that run jobs, or call thread_start for it */
    size_t busy_n, away_n;    /* those of them that run one now; of these, those that wait in it */
    int64_t retry_at_ms;      /* no stand-in is started before; 0: it may be at once */

    pthread_cond_t reported; /* a thread_start has returned */
    pthread_cond_t rested;   /* no job waits or runs, which so many wait for */
    int waiting_n;
    int reported_n, start_err;

    struct pool_thread threads[];
};

/* ---- under the lock ---- */

static int64_t now_ms(const struct wr_pool *p)
{
    return p->setup.clock->monotonic_ms(p->setup.clock->ctx);
}

static size_t slots(const struct wr_pool *p)
{
    return (size_t)p->setup.threads + (size_t)p->setup.stand_ins;
}

/* How many jobs may begin: none while those that have come back from a wait are too many. */
static size_t places(const struct wr_pool *p)
{
    size_t n = (size_t)p->setup.threads + p->away_n;

    return n > p->busy_n ? n - p->busy_n : 0;
}

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

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

/* So that there is one for each job that may begin, as far as there are. */
static void wake_needed(struct wr_pool *p)
{
    size_t n = min_of(p->queue_n, places(p));

    while (p->idle && p->woken_n < n)
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
    wr_list_append(&p->queue, &j->in_queue);
    p->queue_n++;
}

static bool is_in_queue(const struct wr_job *j)
{
    return j->in_queue.next && !wr_list_is_empty(&j->in_queue);
}

static void remove_job(struct wr_pool *p, struct wr_job *j)
{
    wr_list_remove(&j->in_queue);
    p->queue_n--;
}

static struct wr_job *take_first(struct wr_pool *p)
{
    struct wr_job *j;

    if (p->queue_n == 0)
        return NULL;
    j = WR_CONTAINER_OF(p->queue.next, struct wr_job, in_queue);
    remove_job(p, j);
    return j;
}

/* What threads that are free are about to take does not wait, however long they need to wake up. */
static bool is_full(const struct wr_pool *p)
{
    size_t free_n = min_of(p->live_n - p->busy_n, places(p));

    return p->queue_n >= free_n && p->queue_n - free_n >= p->setup.queue_max;
}

static bool is_without_threads(const struct wr_pool *p)
{
    return p->setup.on_demand && p->state == RUNNING && p->live_n == 0;
}

static bool is_at_rest(const struct wr_pool *p)
{
    return p->queue_n == 0 && p->busy_n == 0;
}

static void tell_if_at_rest(struct wr_pool *p)
{
    if (p->waiting_n > 0 && is_at_rest(p))
        pthread_cond_broadcast(&p->rested);
}

/* ---- threads ---- */

/* NULL: the thread is to end. Under the lock. */
static struct wr_job *next_job(struct pool_thread *t)
{
    struct wr_pool *p = t->pool;

    for (;;) {
        if (p->state == FAILED)
            return NULL;
        if (p->queue_n > 0 && places(p) > 0 && p->state != STARTING)
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
        tell_if_at_rest(p);
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

/* There may be a thread that sleeps and could take what this one was for. */
static void give_up(struct pool_thread *t)
{
    struct wr_pool *p = t->pool;

    pthread_mutex_lock(&p->lock);
    t->is_given_up = true;
    p->live_n--;
    p->retry_at_ms = now_ms(p) + RETRY_MS;
    wake_needed(p);
    pthread_mutex_unlock(&p->lock);
}

static void *run_thread(void *arg)
{
    struct pool_thread *t = arg;
    const struct wr_pool_setup *setup = &t->pool->setup;
    void *thread_data = NULL;
    int err = setup->thread_start ? setup->thread_start(setup->arg, &thread_data) : 0;

    if (!t->is_late)
        report(t->pool, err);
    else if (err < 0)
        give_up(t);
    if (err < 0)
        return NULL;
    run_jobs(t, thread_data);
    if (setup->thread_stop)
        setup->thread_stop(setup->arg, thread_data);
    return NULL;
}

/* One that has never been used, or whose thread has ended by now. NULL: none. */
static struct pool_thread *find_slot(struct wr_pool *p)
{
    for (size_t i = 0; i < slots(p); i++) {
        struct pool_thread *t = &p->threads[i];

        if (t->is_given_up && pthread_tryjoin_np(t->thread, NULL) == 0)
            t->is_started = t->is_given_up = false;
        if (!t->is_started)
            return t;
    }
    return NULL;
}

static bool may_start(struct wr_pool *p)
{
    if (p->state != RUNNING || !(p->setup.on_demand || p->setup.stand_ins > 0))
        return false;
    if (p->live_n == slots(p) || p->live_n - p->away_n >= (size_t)p->setup.threads)
        return false;
    if (p->retry_at_ms > 0 && now_ms(p) < p->retry_at_ms)
        return false;
    p->retry_at_ms = 0;
    return true;
}

/* As many as so many waiting jobs keep busy, as far as there are places, and there may be and can be
 * threads: they look for jobs by themselves. Under the lock. */
static void start_for(struct wr_pool *p, size_t jobs)
{
    while (jobs > p->live_n - p->busy_n && may_start(p)) {
        struct pool_thread *t = find_slot(p);

        if (!t)
            return;
        t->is_late = true;
        if (wr_thread_start(&t->thread, p->name, run_thread, t) < 0)
            return;
        t->is_started = true;
        p->live_n++;
    }
}

/* ---- from outside ---- */

struct wr_pool *wr_pool_new(const struct wr_pool_setup *setup)
{
    size_t n = (size_t)setup->threads + (size_t)setup->stand_ins;
    struct wr_pool *p = calloc(1, sizeof *p + n * sizeof(struct pool_thread));

    if (!p)
        return NULL;
    p->setup = *setup;
    wr_list_init(&p->queue);
    snprintf(p->name, sizeof p->name, "%s", setup->name);
    p->setup.name = p->name;
    if (!p->setup.clock)
        p->setup.clock = &wr_clock_system;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->reported, NULL);
    pthread_cond_init(&p->rested, NULL);
    for (size_t i = 0; i < n; i++) {
        p->threads[i].pool = p;
        pthread_cond_init(&p->threads[i].wake, NULL);
    }
    return p;
}

/* Without the lock: no thread is started meanwhile. */
static void join(struct wr_pool *p)
{
    for (size_t i = 0; i < slots(p); i++) {
        if (p->threads[i].is_started)
            pthread_join(p->threads[i].thread, NULL);
        p->threads[i].is_started = false;
    }
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
        p->threads[n].is_started = err == 0;
        n += err == 0;
    }
    err = decide(p, n, err);
    if (err == 0)
        return 0;
    join(p);
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

bool wr_pool_cancel(struct wr_pool *p, struct wr_job *j)
{
    bool was_waiting;

    pthread_mutex_lock(&p->lock);
    was_waiting = is_in_queue(j);
    if (was_waiting) {
        remove_job(p, j);
        tell_if_at_rest(p);
    }
    pthread_mutex_unlock(&p->lock);
    return was_waiting;
}

size_t wr_pool_running(struct wr_pool *p, bool *is_beginning)
{
    size_t n;

    pthread_mutex_lock(&p->lock);
    n = p->busy_n;
    *is_beginning = p->queue_n > 0 && places(p) > 0 && (p->live_n > p->busy_n || may_start(p));
    pthread_mutex_unlock(&p->lock);
    return n;
}

void wr_pool_wait_begin(struct wr_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->away_n++;
    start_for(p, p->queue_n);
    wake_needed(p);
    pthread_mutex_unlock(&p->lock);
}

void wr_pool_wait_end(struct wr_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->away_n--;
    pthread_mutex_unlock(&p->lock);
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
        join(p);
    if (before != STOPPED)
        run_rest(p);
}

void wr_pool_free(struct wr_pool *p)
{
    if (!p)
        return;
    wr_pool_stop(p);
    for (size_t i = 0; i < slots(p); i++)
        pthread_cond_destroy(&p->threads[i].wake);
    pthread_cond_destroy(&p->reported);
    pthread_cond_destroy(&p->rested);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
