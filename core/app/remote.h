/*
 * remote.h — calling an app elsewhere than in the turn of its exchange's loop: on a thread of the
 * mount's pool, in a coroutine, or on the home loop of a serial mount.
 *
 *     IDLE ─► call, pull, events, end ─► OUT: the app runs there ─► SETTLING: the loop takes what
 *       ▲                                or is suspended                came of it
 *       └── or the next job, which was wanted meanwhile ◄───────────────────┘
 *
 * One job at a time for one request, so none of its calls overlap. The exchange is held from the
 * first job to the end. When it ends while a job is out, the end follows that job.
 *
 * Threads: the functions are called on the loop of the exchange, but for those that say otherwise.
 */
#ifndef WR_APP_REMOTE_H
#define WR_APP_REMOTE_H

#include <pthread.h>

#include "app/builtin.h"
#include "app/events.h"
#include "app/mount.h"
#include "app/wait.h"
#include "io/coroutine.h"
#include "io/pool.h"

enum wr_remote_work { WR_REMOTE_CALL, WR_REMOTE_PULL, WR_REMOTE_EVENTS, WR_REMOTE_END };
enum wr_remote_phase { WR_REMOTE_IDLE, WR_REMOTE_OUT, WR_REMOTE_SETTLING };

struct wr_remote {
    struct wr_environ *e;
    struct wr_job job;       /* for the pool */
    struct wr_task there;    /* for the home loop */
    struct wr_task done;     /* back on the loop */
    struct wr_coroutine *co; /* that the job is at work in; NULL: it is in none */
    struct wr_list in_turn;  /* while it waits for that of a serial mount, in coroutines */
    bool has_place;          /* as in_coroutine.h counts them */
    bool is_without_stack;   /* there was none for its coroutine */
    enum wr_remote_work work;
    enum wr_remote_phase phase;
    unsigned events;     /* callbacks that the job is to make */
    void *thread_state;  /* of the thread that the job is on; NULL: none */
    bool is_here;        /* the app runs on the thread of the exchange's loop */
    bool is_due;         /* it is to end as soon as nothing is out */
    bool has_ended;      /* close and deferred functions have been called */
    bool wants_pull;     /* the next piece is, as soon as what is out is back */
    bool wants_again;    /* a wake came while it was asked for: it is not lost */
    bool is_asked;       /* a thread waits for content, of which there was none yet */
    atomic_bool is_over; /* the exchange has ended: what is out may give up */
    atomic_bool is_gone; /* before its response was complete */

    /* What the app and the loop look at at once: the output, subscribers, and what follows of a
     * thread that waits in weir_read() or weir_write(). */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_waiting;       /* a thread does, for content or for room, and has not been called */
    bool is_suspended;     /* a coroutine is */
    bool is_resuming;      /* and the task below is posted */
    struct wr_task resume; /* to the app's loop */
    bool is_reading;
    ssize_t result;
    void *into;
    size_t room;
    struct wr_task read;
    struct wr_wait wait; /* of weir_sleep() and weir_wait_fd() */
};

/* The loop that the app is at home on; of one in a thread, that of the exchange. */
static inline struct wr_app_loop *wr_remote_app_loop(const struct wr_environ *e)
{
    const struct wr_worker *w = e->mount->home ? e->mount->home : e->x->worker;

    return &e->mount->loops[w->index];
}

static inline struct wr_loop *wr_remote_loop(const struct wr_environ *e)
{
    return (e->mount->home ? e->mount->home : e->x->worker)->loop;
}

/* Does it run on the thread of the exchange's loop? */
static inline bool wr_remote_is_here(const struct wr_environ *e)
{
    return !e->mount->pool && (!e->mount->home || e->mount->home == e->x->worker);
}

/* Any thread: nothing where the app runs on the loop of the exchange, for then there is no
 * other. */
static inline void wr_remote_lock(struct wr_environ *e)
{
    if (e->remote && !e->remote->is_here)
        pthread_mutex_lock(&e->remote->lock);
}

static inline void wr_remote_unlock(struct wr_environ *e)
{
    if (e->remote && !e->remote->is_here)
        pthread_mutex_unlock(&e->remote->lock);
}

/* Has the exchange ended? Where the app runs. */
static inline bool wr_remote_is_over(const struct wr_environ *e)
{
    return e->remote ? atomic_load(&e->remote->is_over) : e->is_ended;
}

/* Where the app runs: may it wait there, in a thread or a coroutine and not in a callback? Nor
 * may who has got hold of the request while its coroutine is suspended: he is on another stack. */
static inline bool wr_remote_may_wait(const struct wr_environ *e)
{
    const struct wr_remote *r = e->remote;

    return r && (e->mount->pool || (r->co && !r->is_suspended)) && !e->is_in_callback;
}

/* Where the app runs, under the lock, around a wait for the client: another may take the place of a
 * thread. */
static inline void wr_remote_wait_begin(struct wr_environ *e)
{
    if (e->mount->pool)
        wr_pool_wait_begin(e->mount->pool);
}

static inline void wr_remote_wait_end(struct wr_environ *e)
{
    if (e->mount->pool)
        wr_pool_wait_end(e->mount->pool);
}

/* Where the app runs and may wait, under the lock, which is free meanwhile: until
 * wr_remote_signal(), or for no reason. */
void wr_remote_suspend(struct wr_environ *e);

/* Any thread, under the lock: what is waited for may have come. */
void wr_remote_signal(struct wr_environ *e);

/* Does the app run, or will it? What is marked "app" in environ.h is not the loop's then. */
static inline bool wr_remote_is_out(const struct wr_environ *e)
{
    return e->remote->phase == WR_REMOTE_OUT;
}

/* Readies e->remote and holds the exchange; false: no memory. */
bool wr_remote_open(struct wr_environ *e);

/* Calls the app; false: too many wait for a thread, or are in coroutines. May end the request. */
bool wr_remote_call(struct wr_environ *e);

/* Asks the body for its next piece, unless that is on its way. */
void wr_remote_pull(struct wr_environ *e);

/* Something has happened: goes on with what the loop does, calls back there for the rest. */
void wr_remote_on_events(struct wr_environ *e, unsigned events);

/* The exchange has ended: what waits gives up. */
void wr_remote_tell_over(struct wr_environ *e);

/* The exchange has ended, and its turn has come: what the app wants to be called at the end is
 * called there; then the exchange is let go, and the environ behind it ends. */
void wr_remote_end(struct wr_environ *e);

/* The same, if its turn has come: what was out has come back. */
void wr_remote_try_end(struct wr_environ *e);

/* ---- for in_coroutine.c, on the app's loop ---- */

/* Does the job. */
void wr_remote_work(struct wr_remote *r, void *thread_state);

/* Is that what the app wants at the end? */
static inline bool wr_remote_is_last(const struct wr_remote *r)
{
    return r->work == WR_REMOTE_END;
}

/* Instead: it cannot be done, and the request fails. */
void wr_remote_fail(struct wr_remote *r, const char *why);

/* It is done: goes on, on the loop of the exchange; not in this call, if that is within another.
 * May end the request. */
void wr_remote_job_done(struct wr_remote *r, bool is_nested);

#endif
