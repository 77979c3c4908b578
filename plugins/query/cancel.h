/*
 * cancel.h — a thread that cancels queries. PQcancel() opens a connection of its own and waits for
 * it, so no loop may call it. weir_offload() would do it on a thread of the server's, but belongs
 * to a request, and a query is cancelled mostly because its request has ended.
 *
 * One for a route, begun with the first query to cancel. What it has done it tells the loop by
 * weir_loop_post().
 */
#ifndef QUERY_CANCEL_H
#define QUERY_CANCEL_H

#include <weir/app.h>

#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* A query to cancel. It is not told which of a connection's: `session` says whether that is
 * still the same. */
struct cancel {
    struct cancel *next;
    weir_loop *loop;
    void (*done)(void *arg); /* gets this, which is its to free */
    void *connection;
    unsigned long session;
    PGcancel *how;
    int has_failed;
};

struct canceller {
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    pthread_t thread;
    int is_running, is_ending;
    struct cancel *first, **end;
};

static inline void cancel_free(struct cancel *c)
{
    PQfreeCancel(c->how);
    free(c);
}

/* When the loop has stopped, its connections are closed, and nobody is to be told. */
static inline void cancel_tell(struct cancel *c)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int32_t err;

    while ((err = weir_loop_post(c->loop, c->done, c)) == WEIR_ENOMEM)
        nanosleep(&pause, NULL);
    if (err < 0)
        cancel_free(c);
}

static inline struct cancel *canceller_next(struct canceller *k)
{
    struct cancel *c;

    pthread_mutex_lock(&k->lock);
    while (!k->first && !k->is_ending)
        pthread_cond_wait(&k->has_work, &k->lock);
    c = k->is_ending ? NULL : k->first;
    if (c) {
        k->first = c->next;
        if (!k->first)
            k->end = &k->first;
    }
    pthread_mutex_unlock(&k->lock);
    return c;
}

static inline void *canceller_run(void *arg)
{
    struct cancel *c;
    char why[256];

    while ((c = canceller_next(arg))) {
        c->has_failed = !PQcancel(c->how, why, sizeof why);
        cancel_tell(c);
    }
    return NULL;
}

/* Signals are for the threads of the server. Under the lock. */
static inline int canceller_start(struct canceller *k)
{
    sigset_t all, before;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&k->thread, NULL, canceller_run, k);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    k->is_running = err == 0;
    return err == 0;
}

/* Any thread. 0: done will be called on its loop; below 0: it is freed. */
static inline int32_t canceller_add(struct canceller *k, struct cancel *c)
{
    int ok;

    pthread_mutex_lock(&k->lock);
    ok = k->is_running || canceller_start(k);
    if (ok) {
        c->next = NULL;
        *k->end = c;
        k->end = &c->next;
        pthread_cond_signal(&k->has_work);
    }
    pthread_mutex_unlock(&k->lock);
    if (!ok)
        cancel_free(c);
    return ok ? 0 : WEIR_ENOMEM;
}

static inline void canceller_init(struct canceller *k)
{
    *k =
        (struct canceller){.lock = PTHREAD_MUTEX_INITIALIZER, .has_work = PTHREAD_COND_INITIALIZER};
    k->end = &k->first;
}

/* In unload, when the loops have stopped. Waits for the PQcancel() that is under way. */
static inline void canceller_fini(struct canceller *k)
{
    pthread_mutex_lock(&k->lock);
    k->is_ending = 1;
    pthread_cond_signal(&k->has_work);
    pthread_mutex_unlock(&k->lock);
    if (k->is_running)
        pthread_join(k->thread, NULL);
    while (k->first) {
        struct cancel *c = k->first;

        k->first = c->next;
        cancel_free(c);
    }
    pthread_cond_destroy(&k->has_work);
    pthread_mutex_destroy(&k->lock);
}

#endif
