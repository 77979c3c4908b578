#include "io/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/futex.h"
#include "io/thread.h"

#define NAME_MAX_BYTES 16   /* pthread_setname_np(3), with the NUL */
#define RETRY_MS       1000 /* after a thread_start of a stand-in that has failed */

/*
 *     NEW ─► STARTING ─► RUNNING ─► STOPPING ─► STOPPED
 *      ▲        ▼
 *      └──── FAILED        jobs are run in RUNNING and STOPPING alone
 */
enum state { NEW, STARTING, FAILED, RUNNING, STOPPING, STOPPED };

/* A word of its own for each thread says which one wakes: the one that slept last, whose caches are
 * warm. */
struct pool_thread {
    struct wr_pool *pool;
    pthread_t thread;
    _Atomic uint32_t is_woken;
    struct pool_thread *next; /* of those that sleep, or of those that somebody is about to wake */
    bool is_started;          /* to be joined */
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
    atomic_size_t
        telling_n; /* behind a job, about to look for the next; lowered under the lock alone */
    size_t live_n; /* threads that run jobs, or call thread_start for it */
    size_t busy_n, away_n; /* those of them that run one now; of these, those that wait in it */
    int64_t retry_at_ms;   /* no stand-in is started before; 0: it may be at once */

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

/* To be woken behind the lock: whom that wakes would only wait for it. */
static struct pool_thread *take_idle(struct wr_pool *p)
{
    struct pool_thread *t = p->idle;

    p->idle = t->next;
    t->next = NULL;
    p->woken_n++;
    return t;
}

/* One, if a job may begin and nobody is on his way to look for one; NULL: none. It wakes the
 * next before it begins its job, if there are more. So jobs that are over at once wake few
 * threads, and one that takes long holds up nothing. */
static struct pool_thread *take_needed(struct wr_pool *p)
{
    if (!p->idle || p->queue_n == 0 || places(p) == 0)
        return NULL;
    return p->woken_n == 0 && atomic_load(&p->telling_n) == 0 ? take_idle(p) : NULL;
}

static struct pool_thread *take_all_idle(struct wr_pool *p)
{
    struct pool_thread *all = NULL;

    while (p->idle) {
        struct pool_thread *t = take_idle(p);

        t->next = all;
        all = t;
    }
    return all;
}

/* Lets go of the lock, then wakes those that were taken. Until the last of them is woken the
 * pool cannot be freed, for they are to be joined; afterwards nothing of it is touched. */
static void unlock_and_wake(struct wr_pool *p, struct pool_thread *t)
{
    pthread_mutex_unlock(&p->lock);
    while (t) {
        struct pool_thread *next = t->next;

        atomic_store(&t->is_woken, 1);
        wr_futex_wake(&t->is_woken);
        t = next;
    }
}

static void sleep_until_woken(struct pool_thread *t)
{
    struct wr_pool *p = t->pool;

    atomic_store(&t->is_woken, 0);
    t->next = p->idle;
    p->idle = t;
    pthread_mutex_unlock(&p->lock);
    while (!atomic_load(&t->is_woken))
        wr_futex_wait(&t->is_woken, 0);
    pthread_mutex_lock(&p->lock);
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

/* Without the lock. `telling_n`: counts it from then on; NULL: nobody looks for a job behind it. */
static void run_job(struct wr_job *j, void *thread_data, atomic_size_t *telling_n)
{
    void (*tell)(struct wr_job * j) = j->tell; /* else run() may have freed it */

    j->run(j, thread_data);
    if (telling_n)
        atomic_fetch_add(telling_n, 1);
    if (tell)
        tell(j);
}

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
        unlock_and_wake(p, take_needed(p));
        run_job(j, thread_data, &p->telling_n);
        pthread_mutex_lock(&p->lock);
        atomic_fetch_sub(&p->telling_n, 1);
        p->busy_n--;
        tell_if_at_rest(p);
    }
    if (p->state == STOPPING)
        p->live_n--;
    unlock_and_wake(p, take_all_idle(p));
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
    unlock_and_wake(p, take_needed(p));
}

static void *run_thread(void *arg)
{
    struct pool_thread *t = arg;
    const struct wr_pool_setup *setup = &t->pool->setup;
    void *thread_data = NULL;
    int err;

    wr_thread_interrupt_nobody();
    err = setup->thread_start ? setup->thread_start(setup->arg, &thread_data) : 0;
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

/* As many as so many waiting jobs keep busy, as far as there are places, and there may be and
 * can be threads: they look for jobs by themselves. Under the lock. */
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
    for (size_t i = 0; i < n; i++)
        p->threads[i].pool = p;
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
    struct pool_thread *woken;

    pthread_mutex_lock(&p->lock);
    while (p->reported_n < n)
        pthread_cond_wait(&p->reported, &p->lock);
    if (err == 0)
        err = p->start_err;
    if (err == 0) {
        p->state = RUNNING;
        p->live_n = (size_t)n;
        woken = take_needed(p);
        start_for(p, p->queue_n);
    } else {
        p->state = FAILED;
        woken = take_all_idle(p);
    }
    unlock_and_wake(p, woken);
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
    struct pool_thread *woken = NULL;
    bool is_stopped, is_taken = true;

    pthread_mutex_lock(&p->lock);
    is_stopped = p->state == STOPPED;
    if (!is_stopped) {
        start_for(p, p->queue_n + 1);
        is_taken = !can_refuse || (!is_full(p) && !is_without_threads(p));
        if (is_taken) {
            append(p, j);
            if (p->state != STARTING) /* decide() wakes them */
                woken = take_needed(p);
        }
    }
    unlock_and_wake(p, woken);
    if (is_stopped)
        run_job(j, NULL, NULL);
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
    unlock_and_wake(p, take_needed(p));
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
            run_job(j, NULL, NULL);
    } while (j);
}

void wr_pool_stop(struct wr_pool *p)
{
    enum state before;

    pthread_mutex_lock(&p->lock);
    before = p->state;
    if (before != STOPPED)
        p->state = STOPPING;
    unlock_and_wake(p, take_all_idle(p));
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
    pthread_cond_destroy(&p->reported);
    pthread_cond_destroy(&p->rested);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
