/*
 * remote.h — calling an app elsewhere than on the loop of its exchange: on a thread of the mount's
 * pool, or on the home loop of a serial mount.
 *
 *     loop: call, pull, end ─► job ─► there: the app runs ─► done ─► loop: what follows
 *
 * One job at a time for one request, so none of its calls overlap. The exchange is held from the
 * first job to the end. When it ends while a job is out, the end follows that job.
 *
 * Threads: the functions are called on the loop of the exchange.
 */
#ifndef WR_APP_REMOTE_H
#define WR_APP_REMOTE_H

#include <pthread.h>

#include "app/environ.h"
#include "io/pool.h"

enum wr_remote_work { WR_REMOTE_CALL, WR_REMOTE_PULL, WR_REMOTE_END };

struct wr_remote {
    struct wr_environ *e;
    struct wr_job job;    /* for the pool */
    struct wr_task there; /* for the home loop */
    struct wr_task done;  /* back on the loop */
    enum wr_remote_work work;
    bool is_busy;     /* a job is out */
    bool is_due;      /* it is to end as soon as nothing is out */
    bool wants_again; /* a wake came while it was: it is not lost */
    atomic_bool is_gone;

    /* a thread that waits in weir_read() */
    pthread_mutex_t lock; /* of the four below */
    pthread_cond_t has_read;
    bool is_reading;
    ssize_t result;
    void *into;
    size_t room;
    struct wr_task read;
};

/* Readies e->remote and holds the exchange; false: no memory. */
bool wr_remote_open(struct wr_environ *e);

/* Calls the app; false: too many wait for a thread. */
bool wr_remote_call(struct wr_environ *e);

/* Asks the body for its next piece, unless a job is out. */
void wr_remote_pull(struct wr_environ *e);

/* There is more, says a wake. True: a job is out, after which the body is asked again should it say
 * that it has nothing. Only a wake may say so: an event of the connection means nothing here. */
bool wr_remote_note_wake(struct wr_environ *e);

/* Nobody waits for the answer any more. */
void wr_remote_tell_gone(struct wr_environ *e);

/* The exchange has ended, and its turn has come: what the app wants to be called at the end is called there; then the
 * exchange is let go, and the environ behind it ends. */
void wr_remote_end(struct wr_environ *e);

/* The same, if its turn has come: what was out has come back. */
void wr_remote_try_end(struct wr_environ *e);

#endif
