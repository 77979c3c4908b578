/*
 * in_coroutine.h — the jobs of an app that runs in coroutines: each has a stack while it is at
 * work, on the app's loop.
 *
 * A job begins at once, in the call that sends it. Those of a serial mount begin one after the
 * other, when the one before has ended: one that is suspended keeps the turn.
 *
 * Threads: that of the app's loop, unless it says otherwise.
 */
#ifndef WR_APP_IN_COROUTINE_H
#define WR_APP_IN_COROUTINE_H

#include <stdatomic.h>

#include "io/loop.h"

struct wr_mount;
struct wr_remote;

/* Of a serial mount: who has the turn, who waits for it. */
struct wr_turn {
    struct wr_remote *holder; /* NULL: nobody */
    struct wr_list waiting;
    struct wr_task next;
    bool is_posted; /* that is */
};

/* Of a mount, all zero but the first line at first. */
struct wr_in_coroutine {
    long used_max; /* calls at a time, each with a stack */
    size_t stack_bytes;
    atomic_long used;    /* on all loops */
    atomic_long waiting; /* calls that wait for the turn */
    struct wr_turn turn;
};

void wr_in_coroutine_init(struct wr_in_coroutine *c);

/* Any thread: may another call come in? If so its place is taken. */
bool wr_in_coroutine_admit(struct wr_remote *r);

/* Begins the job, unless it is not its turn; behind it wr_remote_job_done() follows.
 * `is_nested`: that must not happen in this call. */
void wr_in_coroutine_begin(struct wr_remote *r, bool is_nested);

/* Takes a job back that waits for its turn. False: it does not, or its turn is about to come. */
bool wr_in_coroutine_cancel(struct wr_remote *r);

/* Goes on with one that is suspended. */
void wr_in_coroutine_resume(struct wr_remote *r);

#endif
