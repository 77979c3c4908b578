/*
 * weir/server.h — a server inside your program.
 *
 *     weir_server *s = weir_server_new();
 *
 *     if (weir_server_set_folder(s, "./site") < 0 ||
 *         weir_server_listen(s, "127.0.0.1:8080") < 0 || weir_server_start(s) < 0)
 *         fprintf(stderr, "%s\n", weir_server_error(s));
 *     ...
 *     weir_server_stop(s, 10000);
 *     weir_server_wait(s);
 *     weir_server_free(s);
 *
 * No global state, no signal handler, no atexit, no exit: several servers may live in one process.
 * The threads that a server starts have every signal blocked.
 *
 * This header is young: until release 1.0 it may change from one version to the next.
 *
 * Threads: one thread at a time calls the functions of a server, but for weir_server_stop().
 * Errors:  0 or a count; below 0 an error of weir/error.h, of which weir_server_error() tells more.
 */
#ifndef WEIR_SERVER_H
#define WEIR_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include <weir/app.h>
#include <weir/error.h>
#include <weir/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_API __attribute__((visibility("default")))

typedef struct weir_server weir_server;

/* NULL when memory has run out. Serves nothing until it is told what, and where. */
WEIR_API weir_server *weir_server_new(void);

/* Stops at once if it still runs, and frees; NULL is allowed. */
WEIR_API void weir_server_free(weir_server *s);

/* What the last call that failed has to say, in one line; valid until the next call. */
WEIR_API const char *weir_server_error(const weir_server *s);

/* ---- before it starts ---- */

/* Serves the files beneath `folder`, which is opened at start, where no other route answers. */
WEIR_API int32_t weir_server_set_folder(weir_server *s, const char *folder);

/*
 * Mounts the plugin in `file` at a route, with `config`, a JSON object, or NULL. It is loaded at
 * start, in the order of the calls.
 *
 * A route is written [HOST]/PATH and has that path and all below it, or =[HOST]/PATH for that path
 * alone. Of those that match the ones of the host come first, then exact before prefix, long before
 * short; an app that declines leaves the request to the next.
 */
WEIR_API int32_t weir_server_mount_file(weir_server *s, const char *route, const char *file,
                                        const char *config);

/*
 * The same with a plugin that is part of this program: what WEIR_PLUGIN() has defined. `state` is
 * what *state has when its load is called, and what weir_state() gives when it has none. Nothing is
 * copied but the route and the configuration.
 */
WEIR_API int32_t weir_server_mount(weir_server *s, const char *route, const weir_plugin *plugin,
                                   const char *config, void *state);

/* Threads of each plugin that runs in threads (1 to 1024; 0, the default: 8), and requests that may
 * wait for them (0, the default: 1024): past that, clients get a 503. */
WEIR_API int32_t weir_server_set_threads(weir_server *s, uint32_t threads, uint32_t queue);

/*
 * Adds an address: "127.0.0.1:8080", "[::1]:8080", ":8080" (every address), "unix:/path". Port 0
 * takes a free one. The address is bound at start.
 */
WEIR_API int32_t weir_server_listen(weir_server *s, const char *address);

/* Event loops, a thread each; 0, the default: the processors that this process may use. */
WEIR_API int32_t weir_server_set_loops(weir_server *s, uint32_t loops);

/* One message: a line without newline, n bytes and a NUL behind them, valid during the call. */
typedef void weir_log_fn(void *arg, int32_t level, const char *line, size_t n);

/*
 * Messages up to `level` go to `write`; NULL, the default: to nobody. It is called on threads of
 * the server, several at once, and must not block.
 */
WEIR_API int32_t weir_server_set_log(weir_server *s, int32_t level, weir_log_fn *write, void *arg);

/*
 * Messages, or one line in combined format for each request, to a descriptor, by a thread of their
 * own: a reader that stalls holds up nobody. The descriptor stays yours and open until the server
 * is freed.
 */
WEIR_API int32_t weir_server_set_log_fd(weir_server *s, int32_t level, int fd);
WEIR_API int32_t weir_server_set_access_log_fd(weir_server *s, int fd);

/* ---- running ---- */

/* Opens folder and addresses and serves in threads of its own. */
WEIR_API int32_t weir_server_start(weir_server *s);

/* The same without threads: one loop, driven by the three functions below in your own. */
WEIR_API int32_t weir_server_start_stepping(weir_server *s);

/* Address number `i`, from 0, as it is bound: "127.0.0.1:34567"; NULL past the last, and before the
 * start. Valid until the server is freed. */
WEIR_API const char *weir_server_address(const weir_server *s, uint32_t i);

/*
 * Stops: no new connections; what is in flight may take drain_ms milliseconds (0: none). Returns at
 * once. Call it again to shorten the time. Any thread, from the return of a start that succeeded
 * until weir_server_free() is called; not from a signal handler.
 */
WEIR_API void weir_server_stop(weir_server *s, uint32_t drain_ms);

/* Waits until a server with threads of its own has stopped; an error when a loop had failed. */
WEIR_API int32_t weir_server_wait(weir_server *s);

/* ---- stepping ---- */

/* A descriptor that polls readable when there is work ... */
WEIR_API int weir_server_fd(weir_server *s);

/* ... the milliseconds after which to step in any case, -1: none ... */
WEIR_API int32_t weir_server_timeout(weir_server *s);

/* ... and the step: waits at most timeout_ms, -1 for ever. Events handled, or an error. */
WEIR_API int32_t weir_server_step(weir_server *s, int32_t timeout_ms);

/* 1 after weir_server_stop(), when all is done; else 0. */
WEIR_API int32_t weir_server_is_stopped(weir_server *s);

#ifdef __cplusplus
}
#endif

#endif
