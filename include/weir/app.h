/*
 * weir/app.h — the application interface: all that a handler plugin needs.
 *
 *     #include <weir/app.h>
 *
 *     static weir_body hello(weir_environ *env, weir_start_response *start_response)
 *     {
 *         start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
 *         return weir_text("Hello, World!\n");
 *     }
 *
 *     WEIR_PLUGIN(.name = "hello", .app = hello, .runs = WEIR_ON_LOOP);
 *
 *     cc -shared -fPIC -fvisibility=hidden -Wl,-z,defs -o hello.so hello.c
 *     weir serve ./site --plugin /hello=./hello.so
 *
 * WSGI (PEP 3333) and CGI (RFC 3875) in C: an app is called once for each request, when its header
 * is complete; it asks the environ, calls start_response and returns a body. One spelling for C11,
 * C17 and C++17. Nothing to link against: every call goes through the table that env->host points
 * to, so one binary runs in the weir program, in a host that links libweir, and in a test.
 *
 * These hold for every function, unless it says otherwise:
 *
 * - Lifetime: what it gives (strings, slices, memory) is the request's, valid until its response is
 *   over, also in `next`, `close` and deferred functions, and never to be freed. What it is given
 *   is copied before it returns; but not the bytes of a body or a chunk, nor what `arg` points to.
 * - Thread: it is called where the app runs (.runs below), in the app, in `next` and in callbacks
 *   of this request; never from two threads at a time. A request that waits on the loop may be gone
 *   on with by all that runs on the thread of that loop, until its response is over: by callbacks
 *   of the loop (weir_loop_timer() and its kin), by calls of other requests.
 * - Errors: 0 or a count; below 0 a WEIR_E* number. What a host does not have, as all that is
 * marked "not yet", gives WEIR_ENOTSUP, NULL or 0.
 *
 * Errors need not be checked for HTTP's sake: they stick. After a start_response, weir_header_add
 * or weir_reason that failed, or another mistake of which the log tells, these and all that reads
 * or writes fail too, with WEIR_EFAILED; the client gets a 500 (a 503 for want of memory; a closed
 * connection where something was sent), and close and deferred functions run as ever.
 *
 * The guide: docs/writing-plugins.md. The manual: weir_app(3).
 */
#ifndef WEIR_APP_H
#define WEIR_APP_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
#    ifdef __cpp_exceptions
#        include <cxxabi.h>
#    endif
#    include <exception>
#    include <initializer_list>
#    define WEIR_CAST_(type, value) static_cast<type>(value)
extern "C" {
#else
#    define WEIR_CAST_(type, value) ((type)(value))
#endif

/* Of this header. A host runs plugins of its own major and of its minor or an older one. */
#define WEIR_ABI_MAJOR 1
#define WEIR_ABI_MINOR 0

/* name, number, text for people */
#define WEIR_ERRORS(X)                                                                             \
    X(WEIR_EINVAL, -5000, "an argument is not valid")                                              \
    X(WEIR_ENOMEM, -5001, "out of memory")                                                         \
    X(WEIR_ESTATE, -5002, "not possible in this state")                                            \
    X(WEIR_EADDRINUSE, -5003, "the address is in use")                                             \
    X(WEIR_EACCES, -5004, "permission denied")                                                     \
    X(WEIR_ENOENT, -5005, "no such file or folder")                                                \
    X(WEIR_ENOTDIR, -5006, "not a folder")                                                         \
    X(WEIR_EADDRNOTAVAIL, -5007, "the address is not one of this machine")                         \
    X(WEIR_ESYSTEM, -5008, "a system call failed")                                                 \
    X(WEIR_ENOTSUP, -5009, "this Weir does not have that")                                         \
    X(WEIR_EGONE, -5010, "the client is gone")                                                     \
    X(WEIR_ESTALE, -5011, "the request is finished")                                               \
    X(WEIR_EFAILED, -5012, "an earlier call for this request failed")                              \
    X(WEIR_ETOOBIG, -5013, "larger than the limit")                                                \
    X(WEIR_EBADMSG, -5014, "the request's content is broken")                                      \
    X(WEIR_ETIMEDOUT, -5015, "it took too long")                                                   \
    X(WEIR_EPLUGIN, -5016, "the plugin cannot be loaded")                                          \
    X(WEIR_ECONFIG, -5017, "the configuration is not valid")                                       \
    X(WEIR_EBUSY, -5018, "taken, or too many wait for it")

#ifdef __cplusplus /* whose enumerators do not mix with numbers without a warning */
#    define WEIR_ERROR_CONSTANT_(name, number, text) constexpr int32_t name = (number);
WEIR_ERRORS(WEIR_ERROR_CONSTANT_)
constexpr int32_t WEIR_OK = 0;
#else
#    define WEIR_ERROR_CONSTANT_(name, number, text) name = (number),
enum weir_error { WEIR_ERRORS(WEIR_ERROR_CONSTANT_) WEIR_OK = 0 };
#endif
#undef WEIR_ERROR_CONSTANT_

/* Levels of messages. */
#define WEIR_LOG_ERROR 0
#define WEIR_LOG_WARN  1
#define WEIR_LOG_INFO  2
#define WEIR_LOG_DEBUG 3

/* Where an app runs: .runs. */
#define WEIR_IN_THREAD 0 /* on a bounded pool of threads: it may block. The default */
#define WEIR_ON_LOOP   1 /* on the event loop: it must not block; several loops call it at once */
#define WEIR_IN_COROUTINE                                                                          \
    2 /* on the loop, with a stack of its own: what waits there holds up nobody */

/* What next says, and nothing else. WEIR_AGAIN is also said by weir_read and weir_write, on the
 * loop and in callbacks. */
#define WEIR_END   0    /* no more */
#define WEIR_CHUNK 1    /* *chunk is set */
#define WEIR_AGAIN (-1) /* nothing for now */
#define WEIR_FAIL  (-2) /* it cannot be completed; so says every other negative number */

/* Why weir_on_disconnect() calls. */
#define WEIR_HALF_CLOSED 1 /* the client sends no more; it may still want the answer */
#define WEIR_GONE        2 /* nobody waits for the answer any more */

#define WEIR_REPLACE  0x10000    /* or-ed with a status */
#define WEIR_CLOSE_FD 1          /* flag of weir_file() */
#define WEIR_TO_END   UINT64_MAX /* length of weir_file(): up to the end of the file */
#define WEIR_NEVER    UINT32_MAX /* milliseconds: no time at all */

typedef struct weir_host weir_host;
typedef struct weir_environ weir_environ;
typedef struct weir_config weir_config;
typedef struct weir_loop weir_loop;

/* The first and only visible member of each, for ever; all else is asked through it. */
struct weir_environ {
    const weir_host *host;
};
struct weir_config {
    const weir_host *host;
};
struct weir_loop {
    const weir_host *host;
};

/* A field of a response. Two pointers for ever. */
typedef struct weir_header {
    const char *name, *value;
} weir_header;

/* A piece of a body. Valid until the next call of next, or close. The words in reserve are zero, or
 * what weir_chunk_file() says. */
typedef struct weir_chunk {
    const void *data;
    uint64_t size;
    uint64_t reserved[2];
} weir_chunk;

typedef int32_t weir_next_fn(weir_environ *env, void *arg, weir_chunk *chunk);
typedef void weir_release_fn(void *arg);

/* Callbacks of a request: called where its app runs, after the app has returned, never while
 * another of its calls is under way, nor after close. They may call what the app may; but in
 * them nothing waits: weir_read() and weir_write() say WEIR_AGAIN, in a thread and in a
 * coroutine too. weir_on_disconnect() has rules of its own. */
typedef void weir_event_fn(weir_environ *env, void *arg);
typedef void weir_disconnect_fn(weir_environ *env, void *arg, int32_t why);
typedef void weir_watch_fn(weir_environ *env, void *arg, uint32_t events);
typedef void weir_read_all_fn(weir_environ *env, void *arg, const void *data, int64_t n);
typedef void weir_read_file_fn(weir_environ *env, void *arg, int64_t n);

/* Callbacks of a loop, on its thread, between requests. */
typedef void weir_loop_fn(weir_loop *loop, void *arg);
typedef void weir_loop_watch_fn(weir_loop *loop, void *arg, uint32_t events);

/* What the wrappers below pass with them in C++: called in their place, it calls them and
 * catches what they throw. NULL in C. */
typedef void weir_event_guard(weir_event_fn *fn, weir_environ *env, void *arg);
typedef void weir_disconnect_guard(weir_disconnect_fn *fn, weir_environ *env, void *arg,
                                   int32_t why);
typedef void weir_read_all_guard(weir_read_all_fn *done, weir_environ *env, void *arg,
                                 const void *data, int64_t n);
typedef void weir_read_file_guard(weir_read_file_fn *done, weir_environ *env, void *arg, int64_t n);
typedef void weir_watch_guard(weir_watch_fn *fn, weir_environ *env, void *arg, uint32_t events);
typedef int32_t weir_work_guard(weir_release_fn *work, void *arg); /* below 0: it has thrown */
typedef void weir_loop_guard(weir_loop_fn *fn, weir_loop *loop, void *arg);
typedef void weir_loop_watch_guard(weir_loop_watch_fn *fn, weir_loop *loop, void *arg,
                                   uint32_t events);
typedef void weir_post_guard(weir_release_fn *fn, weir_loop *loop, void *arg);

/* Kinds of bodies. */
#define WEIR_BODY_EMPTY    0
#define WEIR_BODY_MEMORY   1
#define WEIR_BODY_FILE     2
#define WEIR_BODY_ITERABLE 3
#define WEIR_BODY_ERROR    4
#define WEIR_BODY_DECLINE  5
#define WEIR_BODY_LATER    6

/*
 * What an app returns; made by the functions below. It may be copied, but it is moved: who returns
 * it or passes it on no longer owns it. Exactly 64 bytes.
 */
typedef struct weir_body {
    uint32_t kind, flags;
    union {
        const void *data;
        int64_t fd;
        int64_t status;
        uint64_t word1;
    };
    uint64_t size;
    uint64_t offset;
    union {
        weir_next_fn *next;
        uint64_t word4;
    };
    union {
        weir_release_fn *close;
        uint64_t word5;
    };
    union {
        void *arg;
        uint64_t word6;
    };
    union { /* calls next, if it is set: C++ catches exceptions in it */
        int32_t (*guard)(weir_next_fn *next, weir_environ *env, void *arg, weir_chunk *chunk);
        uint64_t word7;
    };
} weir_body;

/*
 * Gives status (200 to 599) and fields, an array that ends at {NULL, NULL}; NULL: none. Checked and
 * copied at once, sent with the first piece of the body that is not empty. Until then it may be
 * called again with status | WEIR_REPLACE, which forgets the fields of before (the exc_info of
 * WSGI); a second call without it fails. It must have been called before the app returns; when the
 * body is an iterable, before its first chunk; when it comes later, before weir_finish(); and
 * before weir_write(). The function is the same until the response is over: who needs it in `next`
 * or in a callback keeps the pointer.
 *
 * WEIR_EINVAL: a status or field that is refused. WEIR_ESTATE: a second call, or something was
 * sent. WEIR_ETOOBIG: more than 62 KiB of fields. WEIR_ENOMEM, WEIR_EFAILED.
 *
 * Refused are CR, LF, NUL and other control characters, names that are no token, and what belongs
 * to the connection (Connection, Keep-Alive, Proxy-Authenticate, Proxy-Authorization,
 * Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade). Content-Length may be given, and must
 * then be right; of a body whose size is known it is known. Date and Server are added where they
 * are not given.
 */
typedef int32_t weir_start_response(weir_environ *env, int32_t status, const weir_header *fields);

/* An app. May be called by several threads at once, unless .serial says otherwise. */
typedef weir_body weir_app(weir_environ *env, weir_start_response *start_response);

/* The array for start_response: WEIR_HEADERS({"Content-Type", "text/plain"}, {"ETag", etag}). In
 * C++ it lives until the end of the expression that it stands in. */
#ifdef __cplusplus
#    define WEIR_HEADERS(...)                                                                      \
        (std::initializer_list<weir_header>{__VA_ARGS__, {nullptr, nullptr}}.begin())
#else
#    define WEIR_HEADERS(...) ((const weir_header[]){__VA_ARGS__, {NULL, NULL}})
#endif

/* ---- the table of functions ---- */

/* Grows at its end alone: `size` says how far it goes. Plugins call the wrappers below instead. */
struct weir_host {
    uint32_t size;
    uint16_t abi_major, abi_minor;
    const char *version; /* of the Weir that runs: "0.1.0" */

    const char *(*get)(weir_environ *env, const char *key, size_t key_n);
    const char *(*get_n)(weir_environ *env, const char *key, size_t key_n, size_t *n);
    int32_t (*set)(weir_environ *env, const char *key, const char *value);
    int32_t (*each)(weir_environ *env,
                    int32_t (*fn)(void *arg, const char *key, const char *value, size_t n),
                    void *arg);
    int32_t (*header_each)(weir_environ *env,
                           int32_t (*fn)(void *arg, const char *name, size_t name_n,
                                         const char *value, size_t value_n),
                           void *arg);
    void *(*alloc)(weir_environ *env, size_t n);
    void (*log)(weir_environ *env, int32_t level, const char *fmt, va_list ap);
    void (*host_log)(const weir_host *host, int32_t level, const char *fmt, va_list ap);
    int32_t (*header_add)(weir_environ *env, const char *name, const char *value, size_t n);
    int32_t (*reason)(weir_environ *env, const char *text);
    void (*body_close)(weir_environ *env, weir_body *body);
    int32_t (*body_next)(weir_environ *env, weir_body *body, weir_chunk *chunk);
    int32_t (*defer)(weir_environ *env, weir_release_fn *fn, void *arg);
    void *(*state)(weir_environ *env);
    void *(*loop_state)(weir_environ *env);
    void *(*thread_state)(weir_environ *env);
    int64_t (*read)(weir_environ *env, void *buf, size_t n);
    const void *(*content)(weir_environ *env, size_t *n);
    int32_t (*is_gone)(weir_environ *env);
    int32_t (*wake)(weir_environ *env);

    const char *(*config_string)(const weir_config *config, const char *key, const char *absent);
    int64_t (*config_int)(const weir_config *config, const char *key, int64_t absent);
    double (*config_number)(const weir_config *config, const char *key, double absent);
    int32_t (*config_bool)(const weir_config *config, const char *key, int32_t absent);
    int32_t (*config_has)(const weir_config *config, const char *key);
    const weir_config *(*config_object)(const weir_config *config, const char *key);
    size_t (*config_count)(const weir_config *config, const char *key);
    const weir_config *(*config_item)(const weir_config *config, const char *key, size_t i);
    const char *(*config_text)(const weir_config *config);
    int32_t (*config_fail)(const weir_config *config, const char *fmt, va_list ap);

    const void *(*extension)(const weir_host *host, const char *name);

    int32_t (*body_limit)(weir_environ *env, uint64_t n);
    int32_t (*write)(weir_environ *env, const void *p, size_t n);
    int32_t (*on_input)(weir_environ *env, weir_event_fn *fn, void *arg, weir_event_guard *guard);
    int32_t (*on_writable)(weir_environ *env, weir_event_fn *fn, void *arg,
                           weir_event_guard *guard);
    int32_t (*on_disconnect)(weir_environ *env, weir_disconnect_fn *fn, void *arg,
                             weir_disconnect_guard *guard);
    int32_t (*read_all)(weir_environ *env, size_t max, weir_read_all_fn *done, void *arg,
                        weir_read_all_guard *guard);
    int32_t (*read_file)(weir_environ *env, int32_t fd, uint64_t max, weir_read_file_fn *done,
                         void *arg, weir_read_file_guard *guard);

    uint64_t (*token)(weir_environ *env);
    int32_t (*resume)(const weir_host *host, uint64_t token, weir_event_fn *fn, void *arg,
                      weir_release_fn *drop, weir_event_guard *guard);
    int32_t (*finish)(weir_environ *env, const weir_body *body);
    int32_t (*sleep)(weir_environ *env, uint32_t ms);
    int32_t (*wait_fd)(weir_environ *env, int32_t fd, uint32_t events, uint32_t timeout_ms);
    int32_t (*loop_post)(weir_loop *loop, weir_release_fn *fn, void *arg, weir_post_guard *guard);
    int32_t (*timer)(weir_environ *env, uint32_t ms, weir_event_fn *fn, void *arg,
                     weir_event_guard *guard);
    int32_t (*watch_fd)(weir_environ *env, int32_t fd, uint32_t events, weir_watch_fn *fn,
                        void *arg, weir_watch_guard *guard);
    int32_t (*offload)(weir_environ *env, weir_release_fn *work, weir_event_fn *done, void *arg,
                       weir_work_guard *work_guard, weir_event_guard *guard);
    /* Two are not there yet; they are here so that the order stands. */
    int32_t (*next)(weir_environ *env, weir_start_response *start_response, weir_body *body);
    int32_t (*on_start)(weir_environ *env, int32_t (*fn)(weir_environ *env, void *arg), void *arg);
    int32_t (*request_fail)(weir_environ *env, const char *fmt, va_list ap);
    int32_t (*loop_timer)(weir_loop *loop, uint32_t ms, weir_loop_fn *fn, void *arg,
                          weir_loop_guard *guard);
    int32_t (*loop_watch_fd)(weir_loop *loop, int32_t fd, uint32_t events, weir_loop_watch_fn *fn,
                             void *arg, weir_loop_watch_guard *guard);
};

#define WEIR_HAS_(host, member)                                                                    \
    ((host)->size >= offsetof(weir_host, member) + sizeof((host)->member) && (host)->member != NULL)
#define WEIR_CALL_(host, member, args, otherwise)                                                  \
    (WEIR_HAS_(host, member) ? (host)->member args : (otherwise))

/* ---- what was asked ---- */

/*
 * The value of a key, NUL-terminated, or NULL. Keys are the meta-variables of CGI and WSGI:
 *
 *   REQUEST_METHOD  SCRIPT_NAME (the route: "" or "/path", never "/")  PATH_INFO (what follows it,
 *   decoded; may be "")  QUERY_STRING (always there, as it came)  CONTENT_TYPE  CONTENT_LENGTH
 *   HTTP_* (HTTP_USER_AGENT; repeated fields joined by ", ", Cookie by "; "; no names with an
 *   underscore, no HTTP_PROXY)  SERVER_NAME  SERVER_PORT  SERVER_PROTOCOL  SERVER_SOFTWARE
 *   REMOTE_ADDR  REMOTE_PORT  GATEWAY_INTERFACE  REQUEST_URI (as it came)  REQUEST_SCHEME
 *   HTTPS ("on", or absent)  DOCUMENT_ROOT  PATH_TRANSLATED  REQUEST_ID
 *   weir.version  weir.url_scheme  weir.multithread  weir.multiprocess  weir.run_once
 *
 * and those that weir_set() made. weir.version is that of this interface, "1.0"; weir.multithread
 * is "1" when two calls may be made at once, else "0"; the other two are "0". NULL also when memory
 * has run out.
 */
static inline const char *weir_get(weir_environ *env, const char *key)
{
    return WEIR_CALL_(env->host, get, (env, key, strlen(key)), NULL);
}

/* The same as a slice of *n bytes, mostly of the request as it lies: not terminated, not copied. */
static inline const char *weir_get_n(weir_environ *env, const char *key, size_t *n)
{
    *n = 0;
    return WEIR_CALL_(env->host, get_n, (env, key, strlen(key), n), NULL);
}

/* Sets a key for whoever asks from now on, also for the next app when this one declines; NULL
 * makes it absent. WEIR_EINVAL: the key is empty. WEIR_ENOMEM. */
static inline int32_t weir_set(weir_environ *env, const char *key, const char *value)
{
    return WEIR_CALL_(env->host, set, (env, key, value), WEIR_ENOTSUP);
}

/* Calls fn for every key that is there, in no order to rely on. Something other than 0 ends it, and
 * is returned. `key` and `value` are NUL-terminated. */
static inline int32_t
weir_each(weir_environ *env, int32_t (*fn)(void *arg, const char *key, const char *value, size_t n),
          void *arg)
{
    return WEIR_CALL_(env->host, each, (env, fn, arg), WEIR_ENOTSUP);
}

/* Calls fn for every field of the request as it came, in order, with repeats. Neither name nor
 * value is NUL-terminated. Something other than 0 ends it, and is returned. */
static inline int32_t weir_header_each(weir_environ *env,
                                       int32_t (*fn)(void *arg, const char *name, size_t name_n,
                                                     const char *value, size_t value_n),
                                       void *arg)
{
    return WEIR_CALL_(env->host, header_each, (env, fn, arg), WEIR_ENOTSUP);
}

/* ---- memory, clean-up, messages ---- */

/* n bytes of the request's arena, aligned for every type, not zeroed. NULL when that is used up
 * (4 MiB), which is no mistake: a 503 is the right answer. */
static inline void *weir_alloc(weir_environ *env, size_t n)
{
    return WEIR_CALL_(env->host, alloc, (env, n), NULL);
}

/* Calls fn(arg) after the response, in every ending, where the app runs: when the body is closed,
 * the last one first. Without memory for it the request fails, and it is called at once: what it
 * frees is not to be used after that. */
static inline void weir_defer(weir_environ *env, void (*fn)(void *arg), void *arg)
{
    if (WEIR_CALL_(env->host, defer, (env, fn, arg), WEIR_ENOTSUP) < 0)
        fn(arg);
}

/* One line in the server's log, of a level WEIR_LOG_*, with plugin, route and request. Longer
 * ones are cut at 1 KiB; control characters are escaped. */
__attribute__((format(printf, 3, 0))) static inline void weir_vlog(weir_environ *env, int32_t level,
                                                                   const char *fmt, va_list ap)
{
    if (WEIR_HAS_(env->host, log))
        env->host->log(env, level, fmt, ap);
}

__attribute__((format(printf, 3, 4))) static inline void weir_log(weir_environ *env, int32_t level,
                                                                  const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    weir_vlog(env, level, fmt, ap);
    va_end(ap);
}

/*
 * The request cannot be answered: the message is in the log as a mistake is, with plugin, route and
 * request, and sticks. The client gets a 500 where nothing was sent, else a closed connection,
 * whatever is returned or finished after it. For where no error can be returned, as in callbacks.
 * Gives WEIR_EFAILED, so that next may return it.
 */
__attribute__((format(printf, 2, 3))) static inline int32_t weir_fail(weir_environ *env,
                                                                      const char *fmt, ...)
{
    int32_t err = WEIR_ENOTSUP;
    va_list ap;

    va_start(ap, fmt);
    if (WEIR_HAS_(env->host, request_fail))
        err = env->host->request_fail(env, fmt, ap);
    va_end(ap);
    return err;
}

/* weir_log() where there is no request: in load, loop_start, thread_start. Any thread, until unload
 * has returned. */
__attribute__((format(printf, 3, 4))) static inline void
weir_host_log(const weir_host *host, int32_t level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (WEIR_HAS_(host, host_log))
        host->host_log(host, level, fmt, ap);
    va_end(ap);
}

/* What load, loop_start and thread_start have set; NULL: nothing. On the loop there is no state of
 * a thread, in a thread none of a loop. */
static inline void *weir_state(weir_environ *env)
{
    return WEIR_CALL_(env->host, state, (env), NULL);
}

static inline void *weir_loop_state(weir_environ *env)
{
    return WEIR_CALL_(env->host, loop_state, (env), NULL);
}

static inline void *weir_thread_state(weir_environ *env)
{
    return WEIR_CALL_(env->host, thread_state, (env), NULL);
}

#if defined(__cplusplus) && defined(__cpp_exceptions)
#    define WEIR_TRY_ try
/* Of a function that fails with `result` when an exception leaves it, which `say` reports. */
#    define WEIR_CATCH_(say, object, result)                                                       \
        catch (const std::exception &thrown)                                                       \
        {                                                                                          \
            say(object, WEIR_LOG_ERROR, "an exception was thrown: %s", thrown.what());             \
            return result;                                                                         \
        }                                                                                          \
        catch (...)                                                                                \
        {                                                                                          \
            say(object, WEIR_LOG_ERROR, "something was thrown that is no std::exception");         \
            return result;                                                                         \
        }

/* As `say` for a request, which then fails for that alone. */
#    define WEIR_SAY_FAILED_(env, level, ...) weir_fail(env, __VA_ARGS__)

/* Callbacks: what one throws makes the request fail; or is logged alone, where it may be called
 * beside the app. */
extern "C++" {
template <bool Fails, typename... More> struct weir_guarded_ {
    typedef void function(weir_environ *env, void *arg, More... more);

    static void fail(weir_environ *env, const char *text, const char *what)
    {
        if (Fails)
            weir_fail(env, "%s%s", text, what);
        else
            weir_log(env, WEIR_LOG_ERROR, "%s%s", text, what);
    }

    static void call(function *fn, weir_environ *env, void *arg, More... more)
    {
        WEIR_TRY_
        {
            fn(env, arg, more...);
        }
        catch (const std::exception &thrown)
        {
            fail(env, "a callback threw an exception: ", thrown.what());
        }
        catch (...)
        {
            fail(env, "a callback threw what is no std::exception", "");
        }
    }
};

/* The guard of a function of this type. */
template <bool Fails, typename... More>
inline void (*weir_guard_of_(void (*)(weir_environ *env, void *arg, More... more)))(
    void (*fn)(weir_environ *env, void *arg, More... more), weir_environ *env, void *arg,
    More... more)
{
    return weir_guarded_<Fails, More...>::call;
}

/* Callbacks of a loop: what one throws is logged alone. */
struct weir_loop_guarded_ {
    template <typename... More>
    static void call(void (*fn)(weir_loop *loop, void *arg, More... more), weir_loop *loop,
                     void *arg, More... more)
    {
        WEIR_TRY_
        {
            fn(loop, arg, more...);
        }
        WEIR_CATCH_(weir_host_log, loop->host, )
    }

    static void post(weir_release_fn *fn, weir_loop *loop, void *arg)
    {
        WEIR_TRY_
        {
            fn(arg);
        }
        WEIR_CATCH_(weir_host_log, loop->host, )
    }

    /* On a thread where there is no request: it fails when this is known to its loop. */
    static int32_t work(weir_release_fn *work, void *arg)
    {
        try {
            work(arg);
        } catch (...) {
            return WEIR_EFAILED;
        }
        return 0;
    }
};
}

/* Around a call that may suspend a coroutine, be it in a catch block or while an exception
 * unwinds. The runtime of C++ knows for each thread which exceptions are in flight (Itanium C++
 * ABI, 2.2.2): what runs meanwhile on the same thread would meet these, and end others than its
 * own. */
extern "C++" {
class weir_exceptions_put_by_
{
    struct weir_in_flight_ {
        void *caught;
        unsigned int uncaught;
    };
    void *const place;
    weir_in_flight_ kept;

  public:
    weir_exceptions_put_by_() : place(abi::__cxa_get_globals()), kept()
    {
        const weir_in_flight_ none = {};

        memcpy(&kept, place, sizeof kept);
        memcpy(place, &none, sizeof none);
    }

    ~weir_exceptions_put_by_()
    {
        memcpy(place, &kept, sizeof kept);
    }

    weir_exceptions_put_by_(const weir_exceptions_put_by_ &) = delete;
    weir_exceptions_put_by_ &operator=(const weir_exceptions_put_by_ &) = delete;
};
}
#    define WEIR_PUT_EXCEPTIONS_BY_ const weir_exceptions_put_by_ weir_put_by_;

#    define WEIR_GUARD_(fails, fn) weir_guard_of_<fails>(fn)
#    define WEIR_LOOP_GUARD_       weir_loop_guarded_::call
#    define WEIR_LOOP_WATCH_GUARD_ weir_loop_guarded_::call<uint32_t>
#    define WEIR_POST_GUARD_       weir_loop_guarded_::post
#    define WEIR_WORK_GUARD_       weir_loop_guarded_::work
#else
#    define WEIR_PUT_EXCEPTIONS_BY_
#    define WEIR_GUARD_(fails, fn) NULL
#    define WEIR_LOOP_GUARD_       NULL
#    define WEIR_LOOP_WATCH_GUARD_ NULL
#    define WEIR_POST_GUARD_       NULL
#    define WEIR_WORK_GUARD_       NULL
#endif

/* ---- its content ---- */

/*
 * The app is called when the header is complete: content is read by it, as it comes, and what is
 * not read the client does not get rid of. The first read is what sends 100 Continue to who waits
 * for it.
 *
 * Gives bytes, 0 at the end (a read of 0 bytes gives 0 too, and asks for nothing), or WEIR_E*:
 * WEIR_EGONE, WEIR_EBADMSG, WEIR_ETOOBIG, WEIR_ETIMEDOUT, WEIR_EFAILED; WEIR_ESTATE while
 * weir_read_all() or weir_read_file() reads. In a thread and in a coroutine it waits, in the app
 * and in `next`. On the loop and in callbacks it does not: WEIR_AGAIN when there is nothing for
 * now, and then weir_on_input() tells of more; inside `next`, say WEIR_AGAIN too, and next is
 * called again when there is more. With .body_buffer_max all of it is there before the app is
 * called.
 */
static inline int64_t weir_read(weir_environ *env, void *buf, size_t n)
{
    WEIR_PUT_EXCEPTIONS_BY_
    return WEIR_CALL_(env->host, read, (env, buf, n), WEIR_ENOTSUP);
}

/* All of the content, *n bytes (not terminated), as .body_buffer_max has gathered it; NULL without
 * that, and not NULL when it is empty. What weir_read() gives is not affected. */
static inline const void *weir_content(weir_environ *env, size_t *n)
{
    *n = 0;
    return WEIR_CALL_(env->host, content, (env, n), NULL);
}

/*
 * At most n bytes of content for this request; a limit above the route's own changes nothing.
 * Before the first read, and not with .body_buffer_max: else WEIR_ESTATE, and nothing changes.
 * WEIR_ETOOBIG, once it is clear that there is more: at once by Content-Length, so that the client
 * need not send what nobody wants, else from weir_read(). A 413 is yours to give; a `next` that
 * passes the number on has one given.
 */
static inline int32_t weir_body_limit(weir_environ *env, uint64_t n)
{
    return WEIR_CALL_(env->host, body_limit, (env, n), WEIR_ENOTSUP);
}

/*
 * Calls fn once for each time that weir_read() says WEIR_AGAIN, when there is more to read, or the
 * end of it, or why it is lost; and once, soon, where nothing was read yet: this call counts as the
 * first read. So fn reads until WEIR_AGAIN, 0 or an error. NULL: no more. Later callbacks take the
 * place of this one. Until the response is over. WEIR_ENOMEM, WEIR_EFAILED.
 */
static inline int32_t weir_on_input(weir_environ *env, void (*fn)(weir_environ *env, void *arg),
                                    void *arg)
{
    return WEIR_CALL_(env->host, on_input, (env, fn, arg, WEIR_GUARD_(true, fn)), WEIR_ENOTSUP);
}

/*
 * Reads what is left of the content, at most max bytes, and calls done(env, arg, data, n) with it:
 * n bytes, valid until the response is over, not terminated, not NULL where n is 0; or n below 0, a
 * WEIR_E* as of weir_read(), or WEIR_ENOMEM, and data is NULL. More than max: WEIR_ETOOBIG; what
 * came of it is lost, and weir_read() says so too. No thread waits meanwhile. The app returns
 * weir_later(env), and done calls weir_finish(); or an iterable that says WEIR_AGAIN, and done
 * calls weir_wake().
 *
 * 0: done will be called exactly once, after the app has returned; with WEIR_EGONE, before close,
 * when the request ends without. weir_read() gives WEIR_ESTATE until then. Below 0 it will not be
 * called: WEIR_EINVAL without done, WEIR_ESTATE after another weir_read_all() or weir_read_file()
 * for this request, WEIR_EGONE when the request is over, as in close, WEIR_ENOMEM, WEIR_EFAILED.
 */
static inline int32_t
weir_read_all(weir_environ *env, size_t max,
              void (*done)(weir_environ *env, void *arg, const void *data, int64_t n), void *arg)
{
    return WEIR_CALL_(env->host, read_all, (env, max, done, arg, WEIR_GUARD_(true, done)),
                      WEIR_ENOTSUP);
}

/* The same into a regular file, from the descriptor's offset on, in 64 KiB of memory: n is how
 * much was written, or WEIR_ESYSTEM when a write has failed, of which the log says why; what
 * came before is in the file then. The descriptor is yours, and stays open until done is called:
 * the server writes to it in a thread of its own. */
static inline int32_t weir_read_file(weir_environ *env, int32_t fd, uint64_t max,
                                     void (*done)(weir_environ *env, void *arg, int64_t n),
                                     void *arg)
{
    return WEIR_CALL_(env->host, read_file, (env, fd, max, done, arg, WEIR_GUARD_(true, done)),
                      WEIR_ENOTSUP);
}

/* ---- the client ---- */

/* 1 when nobody waits for the answer any more: an app that works for long may give up. A reset or a
 * failed write says so; a client that only closes its side may still want the answer (unless the
 * route's on_half_close is "cancel"). */
static inline int32_t weir_is_gone(weir_environ *env)
{
    return WEIR_CALL_(env->host, is_gone, (env), 0);
}

/*
 * Calls fn(env, arg, why) when the client half-closes, WEIR_HALF_CLOSED, and when it is gone before
 * the response is over, WEIR_GONE, each at most once, on the loop; for a .serial app that runs
 * there, in its turn. So of an app in a thread or a coroutine fn may be called while that is at
 * work: it must not block, nor call anything of the request but weir_log(); it sets a flag, say, or
 * cancels what the app waits for. Each call adds a function, the last one is called first; close
 * and deferred functions come after them, so that is where to free what they use. WEIR_EGONE: it is
 * gone already, and fn will not be called. WEIR_EINVAL without fn, WEIR_ENOMEM.
 */
static inline int32_t weir_on_disconnect(weir_environ *env,
                                         void (*fn)(weir_environ *env, void *arg, int32_t why),
                                         void *arg)
{
    return WEIR_CALL_(env->host, on_disconnect, (env, fn, arg, WEIR_GUARD_(false, fn)),
                      WEIR_ENOTSUP);
}

/* ---- the answer ---- */

/* A field more, by the same rules as start_response, before it or after, until something is sent;
 * n bytes of value. WEIR_REPLACE forgets it too. */
static inline int32_t weir_header_add(weir_environ *env, const char *name, const char *value,
                                      size_t n)
{
    return WEIR_CALL_(env->host, header_add, (env, name, value, n), WEIR_ENOTSUP);
}

/* A reason phrase of one's own behind the status; clients pay no heed to it. */
static inline int32_t weir_reason(weir_environ *env, const char *text)
{
    return WEIR_CALL_(env->host, reason, (env, text), WEIR_ENOTSUP);
}

static inline weir_body weir_body_of_(uint32_t kind)
{
    weir_body body;

    memset(&body, 0, sizeof body);
    body.kind = kind;
    return body;
}

/* n bytes that stay valid until the response is over: static ones, or from weir_alloc(). */
static inline weir_body weir_bytes(const void *p, size_t n)
{
    /* all at once: member by member, compilers copy it several times on its way to the caller */
    weir_body body = {WEIR_BODY_MEMORY, 0, {p}, n, 0, {NULL}, {NULL}, {NULL}, {NULL}};

    return body;
}

/* A string literal, or another string that stays. */
static inline weir_body weir_text(const char *text)
{
    return weir_bytes(text, strlen(text));
}

/* n bytes that are yours: release(arg) is called exactly once, where the app runs, when they are no
 * longer needed. */
static inline weir_body weir_owned(const void *p, size_t n, void (*release)(void *arg), void *arg)
{
    weir_body body = weir_bytes(p, n);

    body.close = release;
    body.arg = arg;
    return body;
}

/* No content. */
static inline weir_body weir_empty(void)
{
    return weir_body_of_(WEIR_BODY_EMPTY);
}

/*
 * The server's own page for a status from 300 to 599, for which start_response need not be called;
 * if it was, its fields go out too, but for those that describe content (Content-*, ETag,
 * Last-Modified; Content-Range stays with 416, all of them with 304).
 */
static inline weir_body weir_error(weir_environ *env, int32_t status)
{
    weir_body body = weir_body_of_(WEIR_BODY_ERROR);

    (void)env;
    body.status = status;
    return body;
}

/* This app does not answer: the next route that matches may (the folder that is served, say), or
 * the client gets a 404. What was started is forgotten. Not after weir_read(), but content that
 * .body_buffer_max has gathered is there for the next. */
static inline weir_body weir_decline(void)
{
    return weir_body_of_(WEIR_BODY_DECLINE);
}

/* Answered later, by weir_finish(): from a callback of this request, of weir_timer(),
 * weir_read_all() and their kin, or from any thread by weir_resume(). No thread waits meanwhile.
 * Who is never answered waits until it leaves, or until the time of a request is over
 * (timeouts.request_ms). */
static inline weir_body weir_later(weir_environ *env)
{
    (void)env;
    return weir_body_of_(WEIR_BODY_LATER);
}

/* A copy of n bytes, in the request's arena. Without memory for it the client gets a 503; so too
 * below. */
static inline weir_body weir_copy(weir_environ *env, const void *p, size_t n)
{
    void *copy = weir_alloc(env, n);

    if (!copy)
        return weir_error(env, 503);
    if (n > 0)
        memcpy(copy, p, n);
    return weir_bytes(copy, n);
}

/* Formatted text. */
__attribute__((format(printf, 2, 3))) static inline weir_body weir_printf(weir_environ *env,
                                                                          const char *fmt, ...)
{
    va_list ap;
    char *text;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return weir_error(env, 500);
    text = WEIR_CAST_(char *, weir_alloc(env, WEIR_CAST_(size_t, n) + 1));
    if (!text)
        return weir_error(env, 503);
    va_start(ap, fmt);
    vsnprintf(text, WEIR_CAST_(size_t, n) + 1, fmt, ap);
    va_end(ap);
    return weir_bytes(text, WEIR_CAST_(size_t, n));
}

/* `length` bytes of a regular file from `offset`, by sendfile(2); WEIR_TO_END: up to its end. The
 * descriptor stays yours, and open until the response is over, or with WEIR_CLOSE_FD becomes the
 * server's to close. A file that is shorter: 500, or a closed connection when it shrinks later. */
static inline weir_body weir_file(weir_environ *env, int32_t fd, uint64_t offset, uint64_t length,
                                  uint32_t flags)
{
    weir_body body = weir_body_of_(WEIR_BODY_FILE);

    (void)env;
    body.fd = fd;
    body.flags = flags;
    body.offset = offset;
    body.size = length;
    return body;
}

#if defined(__cplusplus) && defined(__cpp_exceptions)
static inline int32_t weir_guard_next_(weir_next_fn *next, weir_environ *env, void *arg,
                                       weir_chunk *chunk)
{
    WEIR_TRY_
    {
        return next(env, arg, chunk);
    }
    WEIR_CATCH_(WEIR_SAY_FAILED_, env, WEIR_FAIL)
}
#endif

/*
 * Pieces one after the other. next(env, arg, chunk) sets *chunk and says WEIR_CHUNK; WEIR_END;
 * WEIR_AGAIN, and is called again after weir_wake() or when there is more to weir_read(); or
 * WEIR_FAIL. It is asked only when the connection can take more, and not again when as many bytes
 * as Content-Length have come; with HEAD, 204, 205 and 304 not at all, unless start_response is
 * still to come. close(arg), which may be NULL, is called exactly once, in every ending; not during
 * next. An exception that leaves next in C++ is a WEIR_FAIL; close must not throw.
 */
static inline weir_body weir_iterable(int32_t (*next)(weir_environ *env, void *arg,
                                                      weir_chunk *chunk),
                                      void (*close)(void *arg), void *arg)
{
    weir_body body = weir_body_of_(WEIR_BODY_ITERABLE);

    body.next = next;
    body.close = close;
    body.arg = arg;
#if defined(__cplusplus) && defined(__cpp_exceptions)
    body.guard = weir_guard_next_;
#endif
    return body;
}

/* In `next`: the piece is `size` bytes of a file from `offset`, sent by sendfile(2). The descriptor
 * is yours, and stays open until the next call of next, or close. No regular file, or one that is
 * shorter, is a mistake; one that shrinks later a closed connection.
 */
static inline void weir_chunk_file(weir_chunk *chunk, int32_t fd, uint64_t offset, uint64_t size)
{
    chunk->data = NULL;
    chunk->size = size;
    chunk->reserved[0] = WEIR_CAST_(uint64_t, WEIR_CAST_(uint32_t, fd)) + 1;
    chunk->reserved[1] = offset;
}

/* Of an iterable: `text`, a string that stays, is sent each time that it had nothing for `ms`
 * milliseconds, so that whoever is on the way does not give the connection up. It is content
 * like all else, and costs no thread. From start_response on: the first one takes the head
 * along. None with 0, for another kind of body, and where Content-Length is given. */
static inline weir_body weir_heartbeat(weir_body body, uint32_t ms, const char *text)
{
    if (body.kind == WEIR_BODY_ITERABLE) {
        body.flags = ms;
        body.data = text;
        body.size = strlen(text);
    }
    return body;
}

/* After a WEIR_AGAIN of next: there is more now. None is lost: one that comes while next runs
 * has it called again; several may become one. Where next waits for no wake it does nothing.
 * From a thread of the executor of this request: its loop, or one of the pool. The request must
 * still be there: until its close has been called it is. 0. */
static inline int32_t weir_wake(weir_environ *env)
{
    return WEIR_CALL_(env->host, wake, (env), WEIR_ENOTSUP);
}

/* Closes a body that will not be returned; *body is empty then. */
static inline void weir_body_close(weir_environ *env, weir_body *body)
{
    if (WEIR_HAS_(env->host, body_close))
        env->host->body_close(env, body);
}

/* The next piece of any body, for middleware that passes on what another made: as `next` above.
 * weir_body_close() is still to follow. */
static inline int32_t weir_body_next(weir_environ *env, weir_body *body, weir_chunk *chunk)
{
    return WEIR_CALL_(env->host, body_next, (env, body, chunk), WEIR_ENOTSUP);
}

/*
 * The body of a request for which the app returns weir_later(): as if the app had returned this
 * one. In a callback of the request, or in the app before that returns; other threads go by
 * weir_resume(). The body is taken in any case, and closed when this fails: WEIR_ESTATE, when it
 * was called before, or the app has returned another body; WEIR_EINVAL, with weir_later(), which is
 * a fault; WEIR_EGONE, WEIR_EFAILED, WEIR_ENOMEM.
 */
static inline int32_t weir_finish(weir_environ *env, weir_body body)
{
    if (WEIR_HAS_(env->host, finish))
        return env->host->finish(env, &body);
    weir_body_close(env, &body);
    return WEIR_ENOTSUP;
}

/*
 * Bytes of the body, before what the app returns: weir_empty() is what follows if that was all.
 * They are copied, all or none, and the head goes out with them: start_response must have been
 * called, and comes too late after it. In `next` and in callbacks they go before the next chunk. Of
 * 0 bytes: nothing.
 *
 * There is room while these bytes and those that wait for the client are at most
 * limits.app_queue_bytes, and always when none wait. On the loop and in callbacks: WEIR_AGAIN
 * without room, and nothing was taken; weir_on_writable() tells when there is some. In a thread and
 * in a coroutine it waits for room, as long as the client takes anything. WEIR_EGONE: nobody waits
 * for it any more. WEIR_ESTATE: a body has been returned that is no iterable, or next has said
 * WEIR_END. Other errors are mistakes, and stick.
 */
static inline int32_t weir_write(weir_environ *env, const void *p, size_t n)
{
    WEIR_PUT_EXCEPTIONS_BY_
    return WEIR_CALL_(env->host, write, (env, p, n), WEIR_ENOTSUP);
}

/* Calls fn once for each time that weir_write() says WEIR_AGAIN, when it would take more; and
 * once, soon, where it has not said so. NULL: no more. Later callbacks take the place of this
 * one. Until the body is over. WEIR_ENOMEM, WEIR_EFAILED. */
static inline int32_t weir_on_writable(weir_environ *env, void (*fn)(weir_environ *env, void *arg),
                                       void *arg)
{
    return WEIR_CALL_(env->host, on_writable, (env, fn, arg, WEIR_GUARD_(true, fn)), WEIR_ENOTSUP);
}

/* ---- configuration ---- */

/*
 * The route's own JSON object, as load gets it; a part of it, with the functions that give parts.
 * `key` is one of its keys; NULL means the value itself. Each gives `absent` when there is no such
 * key; for a value of another type too, and then the load fails and says where. Strings and parts
 * are valid until unload has returned. Thread: load's, during load.
 */
static inline const char *weir_config_string(const weir_config *config, const char *key,
                                             const char *absent)
{
    return WEIR_CALL_(config->host, config_string, (config, key, absent), absent);
}

/* A whole number: 3, not 3.0. */
static inline int64_t weir_config_int(const weir_config *config, const char *key, int64_t absent)
{
    return WEIR_CALL_(config->host, config_int, (config, key, absent), absent);
}

static inline double weir_config_number(const weir_config *config, const char *key, double absent)
{
    return WEIR_CALL_(config->host, config_number, (config, key, absent), absent);
}

/* 1 for true, 0 for false. */
static inline int32_t weir_config_bool(const weir_config *config, const char *key, int32_t absent)
{
    return WEIR_CALL_(config->host, config_bool, (config, key, absent), absent);
}

/* 1 when the key is there, whatever its type. */
static inline int32_t weir_config_has(const weir_config *config, const char *key)
{
    return WEIR_CALL_(config->host, config_has, (config, key), 0);
}

/* The object at `key`; NULL when there is none. */
static inline const weir_config *weir_config_object(const weir_config *config, const char *key)
{
    return WEIR_CALL_(config->host, config_object, (config, key), NULL);
}

/* The number of items in the array at `key`, 0 when there is none, and item `i` of it, or NULL. */
static inline size_t weir_config_count(const weir_config *config, const char *key)
{
    return WEIR_CALL_(config->host, config_count, (config, key), 0);
}

static inline const weir_config *weir_config_item(const weir_config *config, const char *key,
                                                  size_t i)
{
    return WEIR_CALL_(config->host, config_item, (config, key, i), NULL);
}

/* The object as JSON text, for a parser of your own; "{}" when none was given. Keys count as asked
 * for then; else one that nobody asked for is reported after load. */
static inline const char *weir_config_text(const weir_config *config)
{
    return WEIR_CALL_(config->host, config_text, (config), NULL);
}

/* Says why load fails, in one line, and gives the number to return:
 *     return weir_config_fail(config, "cannot open %s: %s", path, strerror(errno)); */
__attribute__((format(printf, 2, 3))) static inline int32_t
weir_config_fail(const weir_config *config, const char *fmt, ...)
{
    int32_t err = WEIR_ECONFIG;
    va_list ap;

    va_start(ap, fmt);
    if (WEIR_HAS_(config->host, config_fail))
        err = config->host->config_fail(config, fmt, ap);
    va_end(ap);
    return err;
}

/* ---- extensions ---- */

/* The table of a named extension ("weir.websocket/1"), or NULL: this host has none of that name.
 * Any thread. */
static inline const void *weir_extension(const weir_host *host, const char *name)
{
    return WEIR_CALL_(host, extension, (host, name), NULL);
}

/*
 * Trailer fields, behind the content: "weir.trailers/1".
 *
 * weir_trailer_add(): a field behind the response's content, by the rules of start_response; not
 * what frames, routes, authenticates or describes content (RFC 9110 6.5.1). Until the body has
 * ended: of one whose size is known, until it was given; after that, WEIR_ESTATE. One that is added
 * before the head is sent is announced there (Trailer); with value NULL that is all that is done,
 * and a later call of this name gives the value. They reach a client of HTTP/1.1 whose answer comes
 * in chunks; when it has said "TE: trailers", also one of a known size does. Else they are dropped:
 * nothing may hang on them.
 *
 * weir_trailer_each(): calls fn for every trailer field of the request, when weir_read() has given
 * 0. They are never among its fields: what a proxy checked there it has not here. As
 * weir_header_each().
 */
typedef struct weir_trailers {
    uint32_t size;
    int32_t (*add)(weir_environ *env, const char *name, const char *value, size_t n);
    int32_t (*each)(weir_environ *env,
                    int32_t (*fn)(void *arg, const char *name, size_t name_n, const char *value,
                                  size_t value_n),
                    void *arg);
} weir_trailers;

static inline int32_t weir_trailer_add(weir_environ *env, const char *name, const char *value,
                                       size_t n)
{
    const weir_trailers *t =
        WEIR_CAST_(const weir_trailers *, weir_extension(env->host, "weir.trailers/1"));

    return t ? t->add(env, name, value, n) : WEIR_ENOTSUP;
}

static inline int32_t weir_trailer_each(weir_environ *env,
                                        int32_t (*fn)(void *arg, const char *name, size_t name_n,
                                                      const char *value, size_t value_n),
                                        void *arg)
{
    const weir_trailers *t =
        WEIR_CAST_(const weir_trailers *, weir_extension(env->host, "weir.trailers/1"));

    return t ? t->each(env, fn, arg) : WEIR_ENOTSUP;
}

/*
 * 103 Early Hints (RFC 8297): "weir.early-hints/1". Sends these fields, Link for one, at once,
 * ahead of the response; may be called again. Checked as those of start_response, and not kept for
 * it. WEIR_ENOTSUP: to a client of HTTP/1.0, which knows no interim responses. WEIR_ESTATE: the
 * response has begun. WEIR_ETOOBIG, a mistake: more than 62 KiB of them for one request, in all
 * calls.
 */
typedef struct weir_early_hints_table {
    uint32_t size;
    int32_t (*send)(weir_environ *env, const weir_header *fields);
} weir_early_hints_table;

static inline int32_t weir_early_hints(weir_environ *env, const weir_header *fields)
{
    const weir_early_hints_table *t =
        WEIR_CAST_(const weir_early_hints_table *, weir_extension(env->host, "weir.early-hints/1"));

    return t ? t->send(env, fields) : WEIR_ENOTSUP;
}

/* ---- answered from elsewhere ---- */

/*
 * A number that stands for this request, for weir_resume(): in other threads nothing else may. It
 * is never that of another request of this server, and the same each time. 0: no memory, or the
 * request is over.
 */
static inline uint64_t weir_token(weir_environ *env)
{
    return WEIR_CALL_(env->host, token, (env), 0);
}

/*
 * Calls fn(env, arg) as a callback of the request of this token: where its app runs, after that has
 * returned, so that it wakes no coroutine; those of one thread in their order. Or drop(arg), which
 * may be NULL, when there is no such request, or it ends before: in this call, or where the app
 * runs. Exactly one of them is called, once, whatever this returns. `host` is that of any plugin's
 * route of this server whose unload has not returned: env->host, or what load got. A reload ends
 * routes, and with them their hosts, where the file stays the same: threads that all routes of a
 * file share let go of a route's host in its unload.
 *
 * Any thread, also one that is not the server's, until unload has returned; any number of times
 * until the request is finished: its response is over, or weir_finish() has given a body that is no
 * iterable. WEIR_ESTALE: it is, or there never was one. WEIR_ENOMEM. WEIR_EINVAL: without fn.
 */
static inline int32_t weir_resume(const weir_host *host, uint64_t token,
                                  void (*fn)(weir_environ *env, void *arg), void *arg,
                                  void (*drop)(void *arg))
{
    if (WEIR_HAS_(host, resume))
        return host->resume(host, token, fn, arg, drop, WEIR_GUARD_(true, fn));
    if (drop)
        drop(arg);
    return WEIR_ENOTSUP;
}

/* ---- waiting without a thread ---- */

/*
 * Calls fn(env, arg) once, when `ms` milliseconds have passed; with 0, soon. One that is set for
 * the same fn and arg is moved; WEIR_NEVER takes it back. It is forgotten when the response is
 * over: fn is not called after that. Of an app on the loop or in a coroutine; in a thread
 * WEIR_ESTATE. A coroutine that waits has not returned, so fn does not come meanwhile, and ends no
 * wait. WEIR_EGONE: the request is over. WEIR_EINVAL: without fn. WEIR_ENOMEM.
 */
static inline int32_t weir_timer(weir_environ *env, uint32_t ms,
                                 void (*fn)(weir_environ *env, void *arg), void *arg)
{
    return WEIR_CALL_(env->host, timer, (env, ms, fn, arg, WEIR_GUARD_(true, fn)), WEIR_ENOTSUP);
}

/*
 * Calls fn(env, arg, ready) whenever the descriptor is ready for some of `events`, those of
 * poll(2): POLLIN, POLLOUT, POLLPRI, POLLRDHUP; with `ready` those that are, POLLERR and POLLHUP
 * among them. A second call for it changes the events, fn and arg; events of 0 end it, which must
 * come before the descriptor is closed. It ends with the response too. What made it ready may be
 * gone when fn is called: it should not block. A descriptor has one watcher on a loop: WEIR_EBUSY,
 * it has another. WEIR_EINVAL: it is none that can be watched (a regular file is always ready), or
 * without fn. Where, and other errors: as weir_timer().
 */
static inline int32_t weir_watch_fd(weir_environ *env, int32_t fd, uint32_t events,
                                    void (*fn)(weir_environ *env, void *arg, uint32_t events),
                                    void *arg)
{
    return WEIR_CALL_(env->host, watch_fd, (env, fd, events, fn, arg, WEIR_GUARD_(true, fn)),
                      WEIR_ENOTSUP);
}

/*
 * For what would block the loop: calls work(arg) on a thread of its own, one of at most `threads`
 * of the route, and then done(env, arg), which may be NULL, as a callback of the request.
 *
 * On the loop and in callbacks it returns at once. In a coroutine and in a thread work and done
 * have been called when it returns 0; there `arg` may be a local variable. When the request ends,
 * work that has not begun is left out, and what has is waited for: done is called in any case,
 * exactly once, before close; whether work has run, `arg` must tell it then. In a coroutine:
 * WEIR_EGONE, and neither was called.
 *
 * Below 0 neither is called: WEIR_EBUSY, more than `queue` of the route wait for a thread;
 * WEIR_EGONE, the request is over; WEIR_EINVAL, without work; WEIR_ENOMEM.
 */
static inline int32_t weir_offload(weir_environ *env, void (*work)(void *arg),
                                   void (*done)(weir_environ *env, void *arg), void *arg)
{
    WEIR_PUT_EXCEPTIONS_BY_
    return WEIR_CALL_(env->host, offload,
                      (env, work, done, arg, WEIR_WORK_GUARD_, WEIR_GUARD_(true, done)),
                      WEIR_ENOTSUP);
}

/*
 * Waits `ms` milliseconds: in a coroutine others run meanwhile, in a thread it keeps that. 0;
 * WEIR_EGONE, at once and ever after: nobody waits for the answer any more, and the app is to
 * return. WEIR_ESTATE: on the loop and in callbacks, where nothing waits.
 */
static inline int32_t weir_sleep(weir_environ *env, uint32_t ms)
{
    WEIR_PUT_EXCEPTIONS_BY_
    return WEIR_CALL_(env->host, sleep, (env, ms), WEIR_ENOTSUP);
}

/*
 * Waits until the descriptor is ready for some of `events`, those of poll(2), and gives those that
 * it is ready for, POLLERR and POLLHUP among them: more than 0. WEIR_ETIMEDOUT: it was not within
 * so many milliseconds, WEIR_NEVER: it may take any time. WEIR_EBUSY, WEIR_EINVAL: as
 * weir_watch_fd(). WEIR_EGONE, WEIR_ESTATE: as weir_sleep().
 */
static inline int32_t weir_wait_fd(weir_environ *env, int32_t fd, uint32_t events,
                                   uint32_t timeout_ms)
{
    WEIR_PUT_EXCEPTIONS_BY_
    return WEIR_CALL_(env->host, wait_fd, (env, fd, events, timeout_ms), WEIR_ENOTSUP);
}

/* ---- of a loop, for what many requests share: connections to a backend, say ---- */

/*
 * Any thread, from loop_start until unload has returned: calls fn(arg) on the loop's thread, in the
 * order of one thread's calls, at the latest before its loop_stop. It is no callback of a request:
 * fn goes to that by weir_resume(), or with what loop_start has set. WEIR_ESTATE, and fn is not
 * called: loop_stop was, or is being. WEIR_ENOMEM. What a loop_start that fails has posted is not
 * called.
 */
static inline int32_t weir_loop_post(weir_loop *loop, void (*fn)(void *arg), void *arg)
{
    return WEIR_CALL_(loop->host, loop_post, (loop, fn, arg, WEIR_POST_GUARD_), WEIR_ENOTSUP);
}

/* As weir_timer(), of no request: until loop_stop has returned. On the loop's thread alone,
 * which is that of loop_start and loop_stop, of apps that run on the loop or in coroutines, and
 * of callbacks of this loop. */
static inline int32_t weir_loop_timer(weir_loop *loop, uint32_t ms,
                                      void (*fn)(weir_loop *loop, void *arg), void *arg)
{
    return WEIR_CALL_(loop->host, loop_timer, (loop, ms, fn, arg, WEIR_LOOP_GUARD_), WEIR_ENOTSUP);
}

/* As weir_watch_fd(), of no request. Where and how long: as weir_loop_timer(). */
static inline int32_t weir_loop_watch_fd(weir_loop *loop, int32_t fd, uint32_t events,
                                         void (*fn)(weir_loop *loop, void *arg, uint32_t events),
                                         void *arg)
{
    return WEIR_CALL_(loop->host, loop_watch_fd,
                      (loop, fd, events, fn, arg, WEIR_LOOP_WATCH_GUARD_), WEIR_ENOTSUP);
}

/* ---- not yet: these give WEIR_ENOTSUP, or a body that is a 500, and do nothing else ---- */

/* What the next route answers; the body of one that is not there is a 500. */
static inline weir_body weir_next(weir_environ *env, weir_start_response *start_response)
{
    weir_body body = weir_error(env, 500);

    if (WEIR_HAS_(env->host, next))
        env->host->next(env, start_response, &body);
    return body;
}

static inline int32_t weir_on_start(weir_environ *env, int32_t (*fn)(weir_environ *env, void *arg),
                                    void *arg)
{
    return WEIR_CALL_(env->host, on_start, (env, fn, arg), WEIR_ENOTSUP);
}

/* ---- the descriptor ---- */

#define WEIR_PLUGIN_MAGIC 0x72696557U /* "Weir" in memory */
#define WEIR_UNLOADABLE   1U /* flag: leaves nothing behind, may be unmapped after unload */

/*
 * What a plugin is: filled in by WEIR_PLUGIN(), zero is the default of every field. Callbacks
 * return 0, or a negative number when they have failed.
 *
 * Order: load once for each route it is mounted on; loop_start for each loop, thread_start on each
 * thread of the pool; requests; thread_stop, loop_stop, unload. One that fails undoes what was
 * started. C globals are shared by all routes of one file in one server.
 */
typedef struct weir_plugin {
    uint32_t magic;
    uint16_t abi_major, abi_minor;
    uint32_t size; /* of this struct, in the plugin */
    uint32_t flags;

    const char *name; /* required; for logs: a short word */
    const char *version, *description;

    /* Prepares; *state is what weir_state() gives. weir_config_fail() says why it fails. */
    int32_t (*load)(const weir_host *host, const weir_config *config, void **state);
    void (*unload)(void *state); /* not after a load that returned an error */

    /* State of a loop: before its first request, and after its last; on the loop's thread while
     * that runs (a reload), else on the thread that starts or frees the server. What loop_stop
     * leaves of timers and watched descriptors is forgotten behind it. */
    int32_t (*loop_start)(const weir_host *host, weir_loop *loop, void *state, void **loop_state);
    void (*loop_stop)(void *state, void *loop_state);

    /* State of a thread of the pool, on that thread; several begin at once. Stand-ins, which
     * take the place of threads that wait in weir_read() or weir_write(), begin later. */
    int32_t (*thread_start)(const weir_host *host, void *state, void **thread_state);
    void (*thread_stop)(void *state, void *thread_state);

    weir_app *app; /* required */
    int32_t runs;
    int32_t serial; /* 1: never two calls at once for this route, all on one thread */

    /* Not 0: the app is called when all of the content is there, at most so many bytes; a request
     * with more is answered with 413. */
    uint64_t body_buffer_max;

    void (*retire)(void *state);                             /* not yet: reload */
    int32_t (*selftest)(const weir_host *host, void *state); /* not yet: reload */

    /* JSON Schema of the configuration, checked before load: type, properties, required,
     * additionalProperties (true or false), items, enum, minimum, maximum, minLength, maxLength,
     * default, description; others are refused. */
    const char *config_schema;

    /* Of an app that runs in coroutines: of the stack of each, 16 KiB to 64 MiB; 0: 256 KiB.
     * Only what is touched of it is memory. Weir's own functions use up to 12 KiB, those that
     * log most. Configuration may say otherwise. */
    uint64_t stack_bytes;

    uint64_t reserved[7];
} weir_plugin;

/* The exported symbol; -DWEIR_PLUGIN_SYMBOL=x lets several plugins live in one program. */
#ifndef WEIR_PLUGIN_SYMBOL
#    define WEIR_PLUGIN_SYMBOL weir_plugin_v1
#endif

#ifdef __cplusplus
static_assert(sizeof(weir_body) == 64, "a body is 64 bytes");
static_assert(sizeof(weir_header) == 2 * sizeof(void *), "a header is two pointers");
#else
_Static_assert(sizeof(weir_body) == 64, "a body is 64 bytes");
_Static_assert(sizeof(weir_header) == 2 * sizeof(void *), "a header is two pointers");
#endif

/* WEIR_EACH_(f, a, b, c) is f(a) f(b) f(c), of 24 at most. */
#define WEIR_JOIN2_(a, b)                                                                          a##b
#define WEIR_JOIN_(a, b)                                                                           WEIR_JOIN2_(a, b)
#define WEIR_25TH_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, ...) y
#define WEIR_COUNT_(...)                                                                           \
    WEIR_25TH_(__VA_ARGS__, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,   \
               6, 5, 4, 3, 2, 1, 0)
#define WEIR_EACH_1_(f, a)       f(a)
#define WEIR_EACH_2_(f, a, ...)  f(a) WEIR_EACH_1_(f, __VA_ARGS__)
#define WEIR_EACH_3_(f, a, ...)  f(a) WEIR_EACH_2_(f, __VA_ARGS__)
#define WEIR_EACH_4_(f, a, ...)  f(a) WEIR_EACH_3_(f, __VA_ARGS__)
#define WEIR_EACH_5_(f, a, ...)  f(a) WEIR_EACH_4_(f, __VA_ARGS__)
#define WEIR_EACH_6_(f, a, ...)  f(a) WEIR_EACH_5_(f, __VA_ARGS__)
#define WEIR_EACH_7_(f, a, ...)  f(a) WEIR_EACH_6_(f, __VA_ARGS__)
#define WEIR_EACH_8_(f, a, ...)  f(a) WEIR_EACH_7_(f, __VA_ARGS__)
#define WEIR_EACH_9_(f, a, ...)  f(a) WEIR_EACH_8_(f, __VA_ARGS__)
#define WEIR_EACH_10_(f, a, ...) f(a) WEIR_EACH_9_(f, __VA_ARGS__)
#define WEIR_EACH_11_(f, a, ...) f(a) WEIR_EACH_10_(f, __VA_ARGS__)
#define WEIR_EACH_12_(f, a, ...) f(a) WEIR_EACH_11_(f, __VA_ARGS__)
#define WEIR_EACH_13_(f, a, ...) f(a) WEIR_EACH_12_(f, __VA_ARGS__)
#define WEIR_EACH_14_(f, a, ...) f(a) WEIR_EACH_13_(f, __VA_ARGS__)
#define WEIR_EACH_15_(f, a, ...) f(a) WEIR_EACH_14_(f, __VA_ARGS__)
#define WEIR_EACH_16_(f, a, ...) f(a) WEIR_EACH_15_(f, __VA_ARGS__)
#define WEIR_EACH_17_(f, a, ...) f(a) WEIR_EACH_16_(f, __VA_ARGS__)
#define WEIR_EACH_18_(f, a, ...) f(a) WEIR_EACH_17_(f, __VA_ARGS__)
#define WEIR_EACH_19_(f, a, ...) f(a) WEIR_EACH_18_(f, __VA_ARGS__)
#define WEIR_EACH_20_(f, a, ...) f(a) WEIR_EACH_19_(f, __VA_ARGS__)
#define WEIR_EACH_21_(f, a, ...) f(a) WEIR_EACH_20_(f, __VA_ARGS__)
#define WEIR_EACH_22_(f, a, ...) f(a) WEIR_EACH_21_(f, __VA_ARGS__)
#define WEIR_EACH_23_(f, a, ...) f(a) WEIR_EACH_22_(f, __VA_ARGS__)
#define WEIR_EACH_24_(f, a, ...) f(a) WEIR_EACH_23_(f, __VA_ARGS__)
#define WEIR_EACH_(f, ...)                                                                         \
    WEIR_JOIN_(WEIR_JOIN_(WEIR_EACH_, WEIR_COUNT_(__VA_ARGS__)), _)(f, __VA_ARGS__)

/*
 * The note .note.weir says the same for who does not run the plugin: ABI, then the fields as they
 * are written, macros replaced, each ended by a NUL. What is not a literal there is not known.
 */
#define WEIR_NOTE_TYPE          1
#define WEIR_NOTE_FIELD_(field) #field "\0"
#define WEIR_NOTE_(...)                                                                            \
    __extension__ static const struct {                                                            \
        uint32_t owner_size, size, type;                                                           \
        char owner[8];                                                                             \
        uint16_t abi_major, abi_minor;                                                             \
        char fields[sizeof(WEIR_EACH_(WEIR_NOTE_FIELD_, __VA_ARGS__))];                            \
    } WEIR_JOIN_(WEIR_PLUGIN_SYMBOL, _note_)                                                       \
        __attribute__((used, section(".note.weir"), aligned(4))) = {                               \
            5,                                                                                     \
            sizeof(WEIR_EACH_(WEIR_NOTE_FIELD_, __VA_ARGS__)) + 4,                                 \
            WEIR_NOTE_TYPE,                                                                        \
            "Weir",                                                                                \
            WEIR_ABI_MAJOR,                                                                        \
            WEIR_ABI_MINOR,                                                                        \
            WEIR_EACH_(WEIR_NOTE_FIELD_, __VA_ARGS__)};

#define WEIR_EXPORT_ __attribute__((visibility("default")))

#ifdef __cplusplus
} /* extern "C" */

/* Calls of a plugin that catch what is thrown. Make() is its descriptor as written. */
template <weir_plugin (*Make)()> struct weir_guard_ {
#    ifdef __cpp_exceptions
    static weir_body app(weir_environ *env, weir_start_response *start_response)
    {
        constexpr weir_app *call = Make().app;

        WEIR_TRY_
        {
            return call(env, start_response);
        }
        WEIR_CATCH_(WEIR_SAY_FAILED_, env, weir_error(env, 500))
    }

    static int32_t load(const weir_host *host, const weir_config *config, void **state)
    {
        constexpr auto call = Make().load;

        WEIR_TRY_
        {
            return call(host, config, state);
        }
        WEIR_CATCH_(weir_host_log, host, weir_config_fail(config, "load threw an exception"))
    }

    static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **own)
    {
        constexpr auto call = Make().loop_start;

        WEIR_TRY_
        {
            return call(host, loop, state, own);
        }
        WEIR_CATCH_(weir_host_log, host, WEIR_EFAILED)
    }

    static int32_t thread_start(const weir_host *host, void *state, void **own)
    {
        constexpr auto call = Make().thread_start;

        WEIR_TRY_
        {
            return call(host, state, own);
        }
        WEIR_CATCH_(weir_host_log, host, WEIR_EFAILED)
    }
#    endif

    static constexpr weir_plugin make()
    {
        weir_plugin plugin = Make();
#    ifdef __cpp_exceptions
        if (plugin.app)
            plugin.app = app;
        if (plugin.load)
            plugin.load = load;
        if (plugin.loop_start)
            plugin.loop_start = loop_start;
        if (plugin.thread_start)
            plugin.thread_start = thread_start;
#    endif
        return plugin;
    }
};

#    define WEIR_SET_FIELD_(field) static_cast<void>(weir_described_ field);
#    define WEIR_PLUGIN(...)                                                                       \
        WEIR_NOTE_(__VA_ARGS__)                                                                    \
        static constexpr weir_plugin WEIR_JOIN_(WEIR_PLUGIN_SYMBOL, _make_)()                      \
        {                                                                                          \
            weir_plugin weir_described_ = {};                                                      \
            weir_described_.magic = WEIR_PLUGIN_MAGIC;                                             \
            weir_described_.abi_major = WEIR_ABI_MAJOR;                                            \
            weir_described_.abi_minor = WEIR_ABI_MINOR;                                            \
            weir_described_.size = sizeof(weir_plugin);                                            \
            WEIR_EACH_(WEIR_SET_FIELD_, __VA_ARGS__)                                               \
            return weir_described_;                                                                \
        }                                                                                          \
        extern "C" WEIR_EXPORT_ const weir_plugin WEIR_PLUGIN_SYMBOL;                              \
        constexpr weir_plugin WEIR_PLUGIN_SYMBOL =                                                 \
            weir_guard_<WEIR_JOIN_(WEIR_PLUGIN_SYMBOL, _make_)>::make()

#else /* C */

/*
 * Defines and exports the descriptor; ends with a semicolon:
 *     WEIR_PLUGIN(.name = "hello", .app = hello, .runs = WEIR_ON_LOOP);
 * In C++ an exception that leaves app is caught: the client gets a 500, the log says what it was.
 */
#    define WEIR_PLUGIN(...)                                                                       \
        WEIR_NOTE_(__VA_ARGS__)                                                                    \
        extern WEIR_EXPORT_ const weir_plugin WEIR_PLUGIN_SYMBOL;                                  \
        const weir_plugin WEIR_PLUGIN_SYMBOL = {.magic = WEIR_PLUGIN_MAGIC,                        \
                                                .abi_major = WEIR_ABI_MAJOR,                       \
                                                .abi_minor = WEIR_ABI_MINOR,                       \
                                                .size = sizeof(weir_plugin),                       \
                                                __VA_ARGS__}
#endif

#endif
