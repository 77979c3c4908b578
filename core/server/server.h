/*
 * server.h — workers and what they listen on: the life of a server from start to stop.
 *
 *     NEW ─► RUNNING ─► STOPPING ─► STOPPED
 *
 * wr_server_stop() closes the listeners, lets what is in flight finish, and closes the rest at the
 * deadline.
 *
 * A server runs in threads of its own, one a loop; the same with the calling thread as the first;
 * or as a single loop that the host drives.
 *
 * Threads: one thread makes, starts, reloads and frees a server; stop and adopt from any; run and
 *          wait while another reloads.
 * Errors:  0 or -errno; where there is a `why`, of WR_WHY_MAX bytes, it says more.
 */
#ifndef WR_SERVER_SERVER_H
#define WR_SERVER_SERVER_H

#include "server/listening.h"
#include "server/worker.h"

struct wr_server;

struct wr_server_setup {
    const struct wr_clock *clock;
    struct wr_site *site; /* taken, also on failure */
    struct wr_listenings
        listenings;      /* the array is copied, what it points to outlives the server */
    int loops;           /* at least 1, at most the acceptors of each listening */
    const char *version; /* for its metrics; outlives the server. NULL: none is told */
};

/* Makes the loops and starts the handlers; nobody is served yet. NULL with *err and `why` set. */
struct wr_server *wr_server_new(const struct wr_server_setup *setup, char *why, int *err);

/* Stops at once, if it runs, and frees. */
void wr_server_free(struct wr_server *s);

/* Serves in threads of its own. */
int wr_server_start(struct wr_server *s);

/* The same in two steps, with the calling thread as that of the first loop: once the first has
 * returned 0 another thread may reload; the second serves until it has stopped. */
int wr_server_start_others(struct wr_server *s);
int wr_server_run(struct wr_server *s);

/* Serves when the caller steps it: for a server with one loop. */
int wr_server_start_stepping(struct wr_server *s);

/* Any thread, and more than once: the earliest deadline counts. */
void wr_server_stop(struct wr_server *s, int64_t drain_ms);

/* It has been told to stop. Any thread. */
bool wr_server_is_stopping(const struct wr_server *s);

/* Waits until all threads have ended. 0, or -errno of a loop that failed. */
int wr_server_wait(struct wr_server *s);

/*
 * Serves `site`, which is taken in any case, and listens on `listenings`, which may have some of
 * those that it has now. When it returns 0, every loop has switched, and nobody but the caller has
 * the listenings any more that it no longer listens on; the old site goes when its last exchange
 * does. On failure nothing has changed.
 */
int wr_server_reload(struct wr_server *s, struct wr_site *site,
                     const struct wr_listenings *listenings, char *why);

/* How many it has: those of its listenings may be more. */
int wr_server_loops(const struct wr_server *s);

/* A message to the log of the site that is served now. Any thread. */
void wr_server_log(struct wr_server *s, enum wr_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Fills in what it has counted since it was made, on all loops. Any thread. */
void wr_server_count(const struct wr_server *s, struct wr_metrics_total *out);

/* Serves a connected stream socket, which is taken in any case. Any thread. */
int wr_server_adopt(struct wr_server *s, int fd);

/* While stepping: as wr_loop_fd(), wr_loop_timeout() and wr_loop_step(). */
int wr_server_fd(const struct wr_server *s);
int wr_server_timeout(const struct wr_server *s);
int wr_server_step(struct wr_server *s, int timeout_ms);

/* While stepping: stopping has come to its end. */
bool wr_server_is_stopped(const struct wr_server *s);

#endif
