/*
 * weir/server.h — a server inside your program.
 *
 *     return weir_serve(8080, "./site");
 *
 * or, with what your program needs of it:
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
 * The threads that a server starts have every signal blocked. docs/embedding.md is the guide.
 *
 * What the functions up to "running" say is noted, at any time; it holds from the next start or
 * weir_server_reload() on. A server that has stopped may be started again.
 *
 * This header is young: until release 1.0 it may change from one version to the next.
 *
 * Threads: one thread at a time calls the functions of a server, but for weir_server_stop(),
 *          weir_server_adopt(), weir_server_log() and weir_server_metrics(), and for
 *          weir_server_run() and weir_server_wait(), which may run and wait while another calls.
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

/*
 * Serves a folder on a port, on every address of this machine, until the process ends. Messages go
 * to standard error. Returns only when it could not start or went wrong, with the error.
 */
WEIR_API int32_t weir_serve(uint16_t port, const char *documents_root);

/* NULL when memory has run out. Serves nothing until it is told what, and where. */
WEIR_API weir_server *weir_server_new(void);

/* Stops at once if it still runs, and frees; NULL is allowed. */
WEIR_API void weir_server_free(weir_server *s);

/* What the last call that failed has to say: a line or, of a configuration, one for each error,
 * without a newline at the end. Valid until the next call. */
WEIR_API const char *weir_server_error(const weir_server *s);

/* ---- what to serve ---- */

/* Serves the files beneath `folder`, which is opened at start, where no other route answers. */
WEIR_API int32_t weir_server_set_folder(weir_server *s, const char *folder);

/*
 * How that folder is served: the keys of a route with "static" in weir.conf(5), but for path and
 * folder, as a JSON object: {"listing": true}. Null takes back what was said before. After an error
 * (WEIR_ECONFIG) that still holds.
 */
WEIR_API int32_t weir_server_set_folder_options(weir_server *s, const char *json);

/*
 * Mounts the files beneath `folder` at a route.
 *
 * A route is written [HOST]/PATH and has that path and all below it, or =[HOST]/PATH for that path
 * alone. HOST has no port; *.example.org is every host below example.org. A route without one is
 * for every host. Of those that match the ones of the host come first, then those of a '*', longer
 * names before shorter, then those of every host; of each exact before prefix, long before short.
 * An app that declines leaves the request to the next.
 */
WEIR_API int32_t weir_server_mount_folder(weir_server *s, const char *route, const char *folder);

/* Mounts the plugin in `file` at a route, with `config`, a JSON object, or NULL. It is loaded at
 * start, in the order of the calls. */
WEIR_API int32_t weir_server_mount_file(weir_server *s, const char *route, const char *file,
                                        const char *config);

/*
 * The same with a plugin that is part of this program: what WEIR_PLUGIN() has defined. `state` is
 * what *state has when its load is called, and what weir_state() gives when it has none. Nothing is
 * copied but the route and the configuration. A reload loads it once more, while the old one still
 * answers the requests that it has.
 */
WEIR_API int32_t weir_server_mount(weir_server *s, const char *route, const weir_plugin *plugin,
                                   const char *config, void *state);

/* Takes back what was mounted at this route, spelled as it was then; WEIR_ENOENT: nothing was. */
WEIR_API int32_t weir_server_unmount(weir_server *s, const char *route);

/* Threads of each plugin that runs in threads (1 to 1024; 0, the default: 8), and requests that may
 * wait for them (0, the default: 1024): past that, clients get a 503. Of a plugin that does not run
 * there they are those of weir_offload(). */
WEIR_API int32_t weir_server_set_threads(weir_server *s, uint32_t threads, uint32_t queue);

/* Coroutines at once, on all loops, of each plugin that runs in coroutines (1 to 1000000; 0, the
 * default: 16384): past that, clients get a 503. Each takes two of the mappings that a process
 * may have (vm.max_map_count, 65530 by default): weir.conf(5). */
WEIR_API int32_t weir_server_set_coroutines(weir_server *s, uint32_t coroutines);

/* Event loops, a thread each; 0, the default: the processors that this process may use. */
WEIR_API int32_t weir_server_set_loops(weir_server *s, uint32_t loops);

/* ---- where ---- */

/*
 * Adds an address: "127.0.0.1:8080", "[::1]:8080", ":8080" (every address), "unix:/path". Port 0
 * takes a free one. The address is bound at start. A server that is to listen nowhere, since it
 * will be handed its connections, has to be told so: weir_server_set(s, "listen", "[]").
 */
WEIR_API int32_t weir_server_listen(weir_server *s, const char *address);

/* Takes an address back that weir_server_listen() has added; WEIR_ENOENT: it has not. */
WEIR_API int32_t weir_server_unlisten(weir_server *s, const char *address);

/*
 * Adds a socket that listens already: inherited from a service manager, or made by the host. It is
 * duplicated: yours stays yours and may be closed. Its file description becomes non-blocking. When
 * an address that is added as well is the one that it is bound to, that is not bound again.
 */
WEIR_API int32_t weir_server_listen_fd(weir_server *s, int fd);

/* ---- configuration ---- */

/*
 * Takes a configuration in JSON, as weir.conf(5) describes it, in place of the one before; what was
 * said by calls stays and is added. `label` stands in messages where a file's name would. Relative
 * paths are those of the current folder. After an error (WEIR_ECONFIG) the one before holds.
 */
WEIR_API int32_t weir_server_configure(weir_server *s, const char *json, const char *label);

/* The same from a file; relative paths in it begin at the folder that it lies in. */
WEIR_API int32_t weir_server_configure_file(weir_server *s, const char *path);

/*
 * One key of the configuration, for instance "limits.body_bytes_max", with its value in JSON; it
 * goes before that of weir_server_configure(). "routes" and "hosts" cannot be set so.
 */
WEIR_API int32_t weir_server_set(weir_server *s, const char *key, const char *json);

/* Does all that a start would, up to loading every plugin, and lets it go again: 0, or the error
 * that a start would meet. Binds no address and opens no log, but looks whether the folder of each
 * is there. */
WEIR_API int32_t weir_server_check(weir_server *s);

enum weir_describe {
    WEIR_DESCRIBE_DEFAULTS,  /* a configuration with every default, and what it means as comments */
    WEIR_DESCRIBE_EFFECTIVE, /* with what holds: JSON, weir_server_set() and defaults; what other
                                calls have mounted, bound and said of logs is not in it */
    WEIR_DESCRIBE_SCHEMA     /* the JSON Schema of configurations, for editors */
};

/* A text for people and tools, to be freed by free(); NULL when memory has run out. */
WEIR_API char *weir_server_describe(weir_server *s, enum weir_describe what);

/* The name or number of the user that the configuration wants the program to become once it has
 * bound its addresses; NULL: none. The library never changes the rights of its process. */
WEIR_API const char *weir_server_user(const weir_server *s);

/* For a host that cannot use what the configuration says at `key`, as weir_server_user() at "user":
 * adds a line to weir_server_error(), with the place of that key. WEIR_ECONFIG. */
WEIR_API int32_t weir_server_refuse(weir_server *s, const char *key, const char *why);

/* Milliseconds that the configuration gives to what is in flight when the program is told to stop
 * (timeouts.stop_ms), for weir_server_stop(). While it runs that of the last start or reload. */
WEIR_API uint32_t weir_server_stop_ms(const weir_server *s);

/* ---- logs ---- */

/* One message: a line without newline, n bytes and a NUL behind them, valid during the call. */
typedef void weir_log_fn(void *arg, int32_t level, const char *line, size_t n);

/* A line for one answered request, in the same way. */
typedef void weir_access_log_fn(void *arg, const char *line, size_t n);

/*
 * Messages up to `level` go to `write`; NULL, the default: to nobody. It is called on threads of
 * the server, several at once, must not block, and may call nothing of the server but
 * weir_server_stop(). Keys of the configuration that say otherwise
 * (log.file, log.level; access_log.file) go before what is said here.
 */
WEIR_API int32_t weir_server_set_log(weir_server *s, int32_t level, weir_log_fn *write, void *arg);
WEIR_API int32_t weir_server_set_access_log(weir_server *s, weir_access_log_fn *write, void *arg);

/*
 * Messages, or a line for each request, to a descriptor, by a thread of their own: a reader that
 * stalls holds up nobody. The descriptor stays yours and open until the server is freed; -1: none.
 */
WEIR_API int32_t weir_server_set_log_fd(weir_server *s, int32_t level, int fd);
WEIR_API int32_t weir_server_set_access_log_fd(weir_server *s, int fd);

/* A message of the host, a line without newline, to where those of the server go: of a running one,
 * as it is configured; before, to what the calls above have said. Any thread, until
 * weir_server_free() is called. */
WEIR_API void weir_server_log(weir_server *s, int32_t level, const char *line);

/* Opens the log files of a running server anew, after they have been moved away. One that cannot be
 * opened is written on as it is. */
WEIR_API int32_t weir_server_reopen_logs(weir_server *s);

/* ---- metrics ---- */

/*
 * What the server has counted since its last start, over all loops and across reloads, in the text
 * format of Prometheus (0.0.4): docs/configuration.md has the list. To be freed by free(); NULL
 * when memory has run out. A server that does not run has counted nothing: the text is whole then
 * too. Any thread, also of the server itself and while it is started, reloaded or stopped, from the
 * return of weir_server_new() until weir_server_free() is called; it waits for nobody's request.
 */
WEIR_API char *weir_server_metrics(weir_server *s);

/* ---- running ---- */

/* Binds the addresses, which start otherwise does: for a host that gives up rights in between. Who
 * connects waits for the start. */
WEIR_API int32_t weir_server_bind(weir_server *s);

/* Opens what is to be served and serves in threads of its own. */
WEIR_API int32_t weir_server_start(weir_server *s);

/* Serves, with the calling thread as that of the first loop, until weir_server_stop() has been
 * called and all is done. An error when it cannot start, or a loop had failed. */
WEIR_API int32_t weir_server_run(weir_server *s);

/* As weir_server_start(), without threads: one loop, driven by the functions of the last section in
 * your own. */
WEIR_API int32_t weir_server_start_stepping(weir_server *s);

/* Address number `i`, from 0, as it is bound: "127.0.0.1:34567"; NULL past the last, and before
 * bind or start. Valid until the next reload, bind or start. */
WEIR_API const char *weir_server_address(const weir_server *s, uint32_t i);

/*
 * Switches a running server to what has been configured by now. All is made ready first: on an
 * error nothing has changed and the old serves on. Then every loop switches between two events:
 * requests in flight end with what they began with, listeners that stay keep who waits on them,
 * addresses that are no longer named are closed when those who wait there are in. Plugins are
 * loaded anew, from files that have changed too. The number of loops stays.
 *
 * Blocks while plugins load. Not from a callback of the server. WEIR_ESTATE when it does not run,
 * or has been told to stop.
 */
WEIR_API int32_t weir_server_reload(weir_server *s);

/* Serves a connected stream socket. The descriptor is taken: on success, and on an error too.
 * Any thread, from the return of a start that succeeded until weir_server_free() is called; so
 * it leaves weir_server_error() as it is. */
WEIR_API int32_t weir_server_adopt(weir_server *s, int fd);

/*
 * Stops: no new connections; what is in flight may take drain_ms milliseconds (0: none). Returns at
 * once. Call it again to shorten the time. Any thread, from the return of a start that succeeded
 * (of weir_server_run(): from its call) until weir_server_free() is called; not from a signal
 * handler.
 */
WEIR_API void weir_server_stop(weir_server *s, uint32_t drain_ms);

/* Waits until a server with threads of its own has stopped; an error when a loop had failed. Then
 * all that it had loaded and opened is let go, and it may be started again. */
WEIR_API int32_t weir_server_wait(weir_server *s);

/* ---- stepping: for a server that weir_server_start_stepping() has started ---- */

/* A descriptor that polls readable when there is work ... */
WEIR_API int weir_server_fd(weir_server *s);

/* ... the milliseconds after which to step in any case, -1: none ... */
WEIR_API int32_t weir_server_timeout(weir_server *s);

/* ... and the step: waits at most timeout_ms, -1 for ever. Events handled, or an error. */
WEIR_API int32_t weir_server_step(weir_server *s, int32_t timeout_ms);

/* 1 after weir_server_stop(), when all is done; else 0. Then weir_server_wait() lets go of all, and
 * the server may be started again. */
WEIR_API int32_t weir_server_is_stopped(weir_server *s);

#ifdef __cplusplus
}
#endif

#endif
