/*
 * server.h — workers and what they listen on: the life of a server from start to stop.
 *
 *     NEW ─► RUNNING ─► STOPPING ─► STOPPED
 *
 * wr_server_stop() closes the listeners, lets what is in flight finish, and closes the rest at the
 * deadline.
 *
 * A server runs either in threads of its own, one a loop, or as a single loop that the host drives.
 *
 * Threads: one thread makes, starts, waits for and frees a server; wr_server_stop() from any.
 * Errors:  0 or -errno; where there is a `why`, it says more.
 */
#ifndef WR_SERVER_SERVER_H
#define WR_SERVER_SERVER_H

#include "server/worker.h"

#define WR_SERVER_ADDRESSES_MAX 64

struct wr_server;

struct wr_server_setup {
    struct wr_config config;
    struct wr_log log;
    struct wr_access_log access_log; /* .write NULL: none */
    const struct wr_clock *clock;
    struct wr_router router; /* taken: freed with the server, or by a failing wr_server_new() */
    const struct wr_address *addresses;
    int addresses_n;
    int loops; /* at least 1 */
};

/* Opens the listeners and starts the handlers; nobody is served yet. NULL with *err set and `why`,
 * of WR_WHY_MAX bytes, filled. */
struct wr_server *wr_server_new(const struct wr_server_setup *setup, char *why, int *err);

/* Stops at once, if it runs, and frees. */
void wr_server_free(struct wr_server *s);

/* The address of a listener as it is bound: port 0 has become a number. */
const struct wr_address *wr_server_address(const struct wr_server *s, int i);

/* Serves in threads of its own. */
int wr_server_start(struct wr_server *s);

/* Serves when the caller steps it: one loop, whatever setup.loops said is 1. */
int wr_server_start_stepping(struct wr_server *s);

/* Any thread, and more than once: the earliest deadline counts. */
void wr_server_stop(struct wr_server *s, int64_t drain_ms);

/* Waits until all threads have ended. 0, or -errno of a loop that failed. */
int wr_server_wait(struct wr_server *s);

/* While stepping: as wr_loop_fd(), wr_loop_timeout() and wr_loop_step(). */
int wr_server_fd(const struct wr_server *s);
int wr_server_timeout(const struct wr_server *s);
int wr_server_step(struct wr_server *s, int timeout_ms);

/* While stepping: stopping has come to its end. */
bool wr_server_is_stopped(const struct wr_server *s);

#endif
