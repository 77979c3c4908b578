/*
 * server_loop.h — a server and its loops; private to server.c, accept.c, balance.c, room.c and
 * reload.c.
 *
 * server.c starts, runs and ends the loops; accept.c takes connections in on one; balance.c passes
 * them on to others; room.c makes room for them; reload.c has things done on all loops while they
 * run, and switches them to another site.
 */
#ifndef WR_SERVER_SERVER_LOOP_H
#define WR_SERVER_SERVER_LOOP_H

#include <pthread.h>
#include <signal.h>

#include "base/cache_line.h"
#include "server/server.h"

/* Something to be done on one loop, for who waits on another thread. Under the server's lock. */
struct wr_loop_call {
    struct wr_task task;
    void (*fn)(struct wr_loop_thread *t, void *arg); /* NULL: nothing is due */
    void *arg;
};

/* What is told at most once in a while, with how many it concerned since. Under tally_lock. */
enum wr_tally_kind { WR_TALLY_EVICTED, WR_TALLY_REFUSED, WR_TALLY_KINDS };

struct wr_tally {
    uint64_t n;
    int64_t quiet_until_ms;
    struct wr_peer last; /* whom it concerned last, of those that were refused */
};

/* A worker, its acceptors, and the thread that runs it. What fills its lines is meant.
 * NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct wr_loop_thread {
    struct wr_worker worker; /* first: on_conns_changed() gets back to this struct */
    struct wr_server *server;
    struct wr_list acceptors; /* the loop's: those that are open */
    struct wr_timer resume;   /* accepting, after descriptors had run out */
    struct wr_timer deadline; /* of the drain */
    struct wr_timer telling;  /* the tallies, when they may be told again */
    int64_t look_again_ms;    /* for who may make room: there was nobody */
    struct wr_task stop;
    struct wr_loop_call call;
    atomic_bool is_stop_posted;
    pthread_t thread;
    int err; /* why the loop ended by itself; 0: it has not */
    bool has_loop, has_thread;
    bool is_running;     /* under the server's lock: a thread runs it, calls must be posted */
    bool is_paused;      /* not accepting, at a limit or for want of descriptors */
    bool is_short;       /* that was said, and has not ended */
    int64_t short_at_ms; /* when accepting paused last */
    bool is_stopping, is_stopped;
    bool is_counted;    /* the connection that is about to come: on its way it was */
    unsigned next_look; /* at which other loop, to balance */

    /* What other loops look at when they accept a connection, and write to when they pass one on or
     * want room: apart from what this one alone writes, with every event. */
    alignas(WR_CACHE_LINE) atomic_long open; /* its connections, as the worker counts them */
    atomic_long coming;                      /* that others have passed on */
    atomic_bool takes_over;                  /* it runs, or is about to, and does not stop */
    atomic_bool is_room_posted;
    atomic_bool wants_room; /* it waits until another loop has made some */
    struct wr_task room;    /* another loop wants room, or has made it */
};

struct wr_server {
    /* Written by all loops, for each connection: in a line with what is seldom wanted, apart from
     * what they look at. */
    alignas(WR_CACHE_LINE) atomic_long conns; /* open, or on their way to another loop */
    atomic_uint next_loop;                    /* for connections that are adopted */
    pthread_mutex_t tally_lock;
    int64_t started_ms; /* on the wall's clock */

    const struct wr_clock *clock;
    const char *version; /* NULL: none is told */
    struct wr_site *site;
    struct wr_listenings listenings; /* under lock; the array is ours, what it points to is not */
    struct wr_loop_thread *threads;
    int loops;
    bool is_ready;    /* the site's handlers have been started: they are to be stopped */
    bool is_stepping; /* by the host: no threads of ours */

    pthread_mutex_t lock;
    pthread_cond_t changed;  /* a call is done, a site is idle, is_ending is set */
    int calls_pending;       /* under lock */
    bool is_ending;          /* under lock */
    bool has_removed_paths;  /* under lock */
    struct wr_site *retired; /* under lock */
    pthread_t retirer;
    bool has_retirer;
    pthread_mutex_t call_lock; /* one call on all loops at a time */

    atomic_llong stop_by_ms; /* on the loops' clock; the earliest that anybody asked for */
    atomic_int accepting_n;  /* loops that may still take in a connection */
    atomic_long conns_max;
    struct wr_addresses addresses; /* of the connections, where their number is bounded */
    struct wr_tally tallies[WR_TALLY_KINDS];
};

/* ---- server.c ---- */

/* On the host's thread SIGPIPE may be anything, and sendfile(2) must not raise it. */
struct wr_masked_pipe {
    sigset_t pipe, before;
    bool was_pending;
};

/* A connection has come to this loop, or was passed on (+1), or is gone (-1). On its thread. */
void wr_server_count_conn(struct wr_loop_thread *t, int change);

void wr_mask_pipe(struct wr_masked_pipe *m);

/* What came meanwhile is taken away. */
void wr_unmask_pipe(const struct wr_masked_pipe *m);

/* ---- accept.c: on the loop's thread ---- */

void wr_accept_init(struct wr_loop_thread *t);

/* Takes connections from all that are open in `listenings` and not yet taken from: with fewer loops
 * than acceptors a loop has several. 0 or -errno. */
int wr_accept_start(struct wr_loop_thread *t, const struct wr_listenings *listenings);

/* The same; what cannot be had for now is tried again later. */
void wr_accept_more(struct wr_loop_thread *t, const struct wr_listenings *listenings);

/* Closes them instead: whoever connected there would wait for a loop that does not run. */
void wr_accept_refuse(struct wr_loop_thread *t, const struct wr_listenings *listenings);

/* After a connection has gone: another may come in. */
void wr_accept_resume(struct wr_loop_thread *t);

/* Takes in who waits, then closes: who has connected already is served, while closing alone would
 * reset them. */
void wr_accept_end_of(struct wr_loop_thread *t, struct wr_listening *l);
void wr_accept_end_all(struct wr_loop_thread *t);

/* Closes at once. */
void wr_accept_close_all(struct wr_loop_thread *t);

/* Takes in a connection that another loop has accepted. */
void wr_accept_passed(struct wr_loop_thread *t, int fd, const struct wr_peer *peer);

/* ---- balance.c: on the loop's thread ---- */

/* Which loop is to have the connection that this one has just accepted: itself, mostly. */
struct wr_loop_thread *wr_balance_choose(struct wr_loop_thread *t);

/* Passes it on; false: no memory, the descriptor is the caller's still. */
bool wr_balance_pass(struct wr_loop_thread *from, struct wr_loop_thread *to, int fd,
                     const struct wr_peer *peer);

/* ---- room.c: on the loop's thread ---- */

void wr_room_init(struct wr_loop_thread *t);

/* No more connections may be open. Any thread. */
bool wr_room_is_full(struct wr_server *s);

/* Closes some of this loop's connections that are idle; how many. */
size_t wr_room_evict(struct wr_loop_thread *t);

/* Sees to it that another connection may come in, if it can. Else false, and other loops are asked:
 * wr_accept_resume() may follow. */
bool wr_room_make(struct wr_loop_thread *t);

/* Opens a connection, or tells why not. Takes the transport. */
void wr_room_admit(struct wr_worker *w, struct wr_transport *transport, int fd,
                   const struct wr_peer *peer);

/* ---- reload.c ---- */

/* Calls fn for each loop, on its thread if one runs it, else here; returns when all have returned. */
void wr_server_call_each(struct wr_server *s, void (*fn)(struct wr_loop_thread *t, void *arg),
                         void *arg);

/* Makes the call that is due here, if one is. On the thread that runs, or has run, this loop. */
void wr_server_take_call(struct wr_loop_thread *t);

void wr_server_init_call(struct wr_loop_thread *t);

/* Readies a site for requests; `why` is filled on failure, and what was begun ended. 0 or -errno. */
int wr_server_start_site(struct wr_server *s, struct wr_site *site, char *why);

/* Ends one that no exchange has any more, and frees it. */
void wr_server_end_site(struct wr_server *s, struct wr_site *site);

/* Ends those that are retired and idle; while stepping, between two steps. */
void wr_server_end_idle_sites(struct wr_server *s);

void wr_server_note_idle_site(struct wr_worker *w, struct wr_site *site);

/* Waits for the thread that ends retired sites; what is left of them is the caller's. */
void wr_server_join_retirer(struct wr_server *s);

/* As many connections as the configuration says and as leave descriptors for what else there is. */
void wr_server_bound_conns(struct wr_server *s, const struct wr_config *config);

#endif
