/*
 * weir/test.h — calling an app from a test, without a server, a socket or a port.
 *
 *     weir_test *t = weir_test_new(&weir_plugin_v1, "/hello", NULL);
 *     const weir_test_response *r = weir_test_get(t, "/hello/x?y=z");
 *
 *     assert_int_equal(r->status, 200);
 *     assert_string_equal(r->body, "Hello, World!\n");
 *     weir_test_free(t);
 *
 * It is loaded, mounted and called by the code that the server runs; only HTTP/1's bytes are left
 * out. An app that runs in threads does so here (two of them). Part of libweir: only tests link it.
 *
 * Step by step, several requests at a time: clients that are slow, half-close, or leave.
 *
 *     weir_test_request request = {.method = "POST", .target = "/room", .content_length = -1};
 *     weir_test_exchange *x = weir_test_begin(t, &request);
 *
 *     weir_test_send(x, "Hello", 5);
 *     assert_string_equal(weir_test_answer(x)->body, "Hello");
 *     weir_test_leave(x);
 *     weir_test_end(x);
 *
 * Each step returns when nothing moves any more: loops have nothing to do, work of weir_offload()
 * is done, and threads and coroutines of the app wait: for content, for room, for time, for a
 * descriptor, or for the next request. So what a test sees does not depend on luck. Time is the
 * test's own: it stands still until weir_test_advance(), for weir_timer(), weir_sleep(), the
 * timeout of weir_wait_fd() and weir_loop_timer().
 *
 * What comes from outside, by weir_resume() of another thread or by a descriptor that the app
 * watches, is seen by the next step. weir_test_await() waits for it, in real time:
 *
 *     while (!weir_test_answer(x)->is_done)
 *         assert_int_equal(weir_test_await(t, 5000), 0);
 *
 * It never hangs: who waits for what will never come is not waited for. Two kinds of apps are given
 * `patience_ms` of real time, since nobody can tell: a thread that is busy, or blocks in what is
 * not Weir's; and one that moves without end, and no client sees of it. The log says so then, and
 * what each request waits for. (But an app on the loop or in a coroutine must not block: it would
 * hold up the test as it would a server.)
 *
 * Lifetime: strings and structs that are given are copied, but for the plugin. What the functions
 * give is valid until the next call for the same exchange or weir_test. Threads: one thread at a
 * time calls the functions of a weir_test and of its exchanges.
 */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

#include <weir/app.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_TEST_API __attribute__((visibility("default")))

/* How much a client takes of a response. */
#define WEIR_TEST_ALL     SIZE_MAX /* of weir_test_take(): whatever comes */
#define WEIR_TEST_BY_HAND SIZE_MAX /* of .take: nothing but by weir_test_take() */

/* Where the app runs: .runs of a setup. */
#define WEIR_TEST_AS_PLUGIN    0 /* as the plugin says */
#define WEIR_TEST_ON_LOOP      1
#define WEIR_TEST_IN_THREAD    2
#define WEIR_TEST_IN_COROUTINE 3

typedef struct weir_test weir_test;
typedef struct weir_test_exchange weir_test_exchange;

/* What a server's configuration says of a plugin and of its route. Zero is the default of every
 * field, which is not always the server's: tests are small. */
typedef struct weir_test_setup {
    const weir_plugin *plugin; /* it must stay; or NULL and a file, as the server loads it */
    const char *file;
    const char *route;  /* NULL: "/" */
    const char *config; /* JSON; NULL: none */
    int32_t runs;       /* WEIR_TEST_* */
    int32_t serial;     /* 1: as with .serial of the plugin */

    /* Of the app, at most 64; 0: 2. As in a server, one that waits for a client has a stand-in.
     * Of an app that does not run in threads: for its weir_offload(). */
    int32_t threads;
    int32_t queue; /* requests, or what is offloaded, that may wait for one of them; 0: 16 */

    int32_t coroutines;  /* at once; 0: 64 */
    int64_t stack_bytes; /* of each; 0: as the plugin says */

    /* At most 8; 0: 1. Requests go to one after the other. The thread that calls these functions
     * runs them all. */
    int32_t loops;

    int64_t body_bytes_max;  /* of content, or 413; 0: as a server has it */
    int64_t app_queue_bytes; /* that weir_write() may leave to a client; 0: as a server has it */
    int32_t cancels_half_closed; /* 1: as with on_half_close "cancel" */
    int32_t patience_ms;         /* 0: 5000 */

    /* Of real time: so long weir_test_call() waits for what comes from outside, before it lets
     * its own time pass or gives up, where the app has a token or watches a descriptor; 0: not
     * at all. */
    int32_t outside_ms;
    int32_t lint; /* 1: with the checker of `weir lint` around the app */
} weir_test_setup;

/* Zero is the default of every field. */
typedef struct weir_test_request {
    const char *method;        /* NULL: GET, or POST where there is content */
    const char *target;        /* path and query, as a client sends them; NULL: "/" */
    const weir_header *fields; /* ends at {NULL, NULL}; NULL: none. Host and Content-Length come by
                                  themselves */
    const void *body;          /* content */
    size_t body_size;
    size_t piece; /* content arrives in pieces of so many bytes, each when the app has done what it
                     could with the one before; 0: at once */

    const char *version; /* NULL: "HTTP/1.1" */

    /* What the client says of it: 0: body_size; -1: nothing, it comes in chunks. If it is more than
     * body_size the rest comes by weir_test_send(). */
    int64_t content_length;
    const weir_header *trailers; /* behind content in chunks, when weir_test_call() ends it */

    /* The client takes so many bytes of the response's content, and as many more when the app
     * has done what it could; 0: all that there is; or WEIR_TEST_BY_HAND. */
    size_t take;

    uint64_t leave_at_content; /* it leaves (RST) when it has sent so much content; 0: it stays */
    uint64_t leave_at_body;    /* or when it has taken so much of the response's */
} weir_test_request;

/* An interim response: 100, 103. */
typedef struct weir_test_interim {
    int32_t status;
    const weir_header *fields; /* ends at {NULL, NULL} */
    uint64_t content_sent;     /* bytes of content that the client had sent then */
    int64_t at_ms;             /* when: weir_test_now() */
} weir_test_interim;

/* As a client would see it, of any protocol. */
typedef struct weir_test_response {
    int32_t status;            /* 0: none yet */
    const weir_header *fields; /* ends at {NULL, NULL} */
    const char *body;          /* so far; with a NUL behind it; never NULL */
    size_t body_size;
    int32_t is_cut; /* 1: the connection would have been closed before the end */

    int32_t is_done;                   /* 1: it is complete, or cut, or the client has left */
    const weir_header *trailers;       /* behind the content; ends at {NULL, NULL} */
    const weir_test_interim *interims; /* in the order they came */
    size_t interims_n;
    uint64_t content_read; /* bytes of the request's that the app has read, or the server for it */
} weir_test_response;

/*
 * Loads the plugin and mounts it at `route` ("/path", NULL: "/") with `config` (JSON, NULL: none).
 * NULL when memory has run out. When the plugin cannot be loaded weir_test_error() says why, and
 * calls give NULL.
 */
WEIR_TEST_API weir_test *weir_test_new(const weir_plugin *plugin, const char *route,
                                       const char *config);

/* The same from a file, as the server loads it. */
WEIR_TEST_API weir_test *weir_test_open(const char *file, const char *route, const char *config);

/* The same with all that can be said. */
WEIR_TEST_API weir_test *weir_test_start(const weir_test_setup *setup);

/* Ends what is open, unloads the plugin and frees all. Waits for threads of the app, as a server
 * does; when that takes longer than `patience_ms`, standard error says for which requests. NULL
 * is allowed. */
WEIR_TEST_API void weir_test_free(weir_test *t);

/* Ends what is open, and calls thread_stop and loop_stop, as weir_test_free() does first: what
 * is in the log then, and what the checker has found, can still be asked for. There are no more
 * requests. */
WEIR_TEST_API void weir_test_stop(weir_test *t);

/* Why it could not be loaded; NULL: it was. */
WEIR_TEST_API const char *weir_test_error(const weir_test *t);

/* ---- a request at once ---- */

/*
 * One request, to the end of its response, when close and deferred functions have run. Where the
 * app waits for time, it passes: a minute at most. If it waits for what will never come, the client
 * leaves: `is_cut` is 1, and the log says so, and for what. The response is valid until the next
 * call or weir_test_free(). NULL when the plugin was not loaded, or no such request can be made, of
 * which the log says why.
 */
WEIR_TEST_API const weir_test_response *weir_test_call(weir_test *t,
                                                       const weir_test_request *request);
WEIR_TEST_API const weir_test_response *weir_test_get(weir_test *t, const char *target);

/*
 * The request again and again, its content whole, byte by byte, and in two pieces at each offset,
 * and the response taken byte by byte: the answers must be equal, but for interim ones, and for the
 * Content-Length that a server adds where it knows it. The response of the last; NULL when one
 * differs, of which the log says how. `piece` and `take` do not count. For content of some
 * kilobytes at most: the app is called once for each byte.
 */
WEIR_TEST_API const weir_test_response *weir_test_splits(weir_test *t,
                                                         const weir_test_request *request);

/* ---- with the checker: .lint of the setup ---- */

/*
 * What it has found so far: "" or a line each, by number, as "W02 (3 times): start_response again
 * without WEIR_REPLACE". docs/lint.md has the numbers. The checker looks at each call, and changes
 * no answer. Valid until the next call of this function.
 */
WEIR_TEST_API const char *weir_test_findings(weir_test *t);

/*
 * Has a call of the plugin (the app, next, a callback, close …) been under way for more than `ms`
 * milliseconds of real time, waits apart in which others are called? 1: it has, and `text`, of n
 * bytes, says which, as "GET /x: the app". Any thread, while another calls the functions of t, but
 * weir_test_free(): so it can give up where an app on the loop never returns, after a last
 * weir_test_findings().
 */
WEIR_TEST_API int32_t weir_test_stuck(const weir_test *t, int32_t ms, char *text, size_t n);

/*
 * Sends a set of requests to this target (NULL: that of the route): GET and HEAD, whose answers are
 * compared; POST without content and with it, at once and in pieces; methods that are rare, and one
 * that nobody knows; clients that are slow, leave, or come together. How many there were.
 */
WEIR_TEST_API int32_t weir_test_probe(weir_test *t, const char *target);

/* ---- step by step ---- */

/*
 * A request whose header is complete; with the content that `request` has, as its `piece` says.
 * NULL as in weir_test_call(). To be ended by weir_test_end().
 */
WEIR_TEST_API weir_test_exchange *weir_test_begin(weir_test *t, const weir_test_request *request);

/*
 * More content, n bytes, and its end; behind content in chunks there may be trailers (NULL: none).
 * 0; WEIR_EINVAL: more, or less, than Content-Length says, or trailers behind it, and nothing was
 * sent; WEIR_ESTATE: the client has ended it, half-closed, or left; WEIR_ENOMEM. It need not be
 * ended where Content-Length says when it is. What is sent when the response is done nobody reads.
 */
WEIR_TEST_API int32_t weir_test_send(weir_test_exchange *x, const void *p, size_t n);
WEIR_TEST_API int32_t weir_test_send_end(weir_test_exchange *x, const weir_header *trailers);

/* The client takes n bytes of the response's content more, as they come; from now on no others, if
 * `take` of its request was not WEIR_TEST_BY_HAND. WEIR_TEST_ALL: all that comes. */
WEIR_TEST_API void weir_test_take(weir_test_exchange *x, size_t n);

/* The client sends no more (FIN); if its content is not complete, it is lost. */
WEIR_TEST_API void weir_test_half_close(weir_test_exchange *x);

/* The client is gone (RST). */
WEIR_TEST_API void weir_test_leave(weir_test_exchange *x);

/* What it has got so far: the struct is the same until weir_test_end(), what it points to until
 * the next call. Never NULL. */
WEIR_TEST_API const weir_test_response *weir_test_answer(const weir_test_exchange *x);

/* Leaves, if its response is not done, and frees it. NULL is allowed. */
WEIR_TEST_API void weir_test_end(weir_test_exchange *x);

/* Until nothing moves any more: after something that no function here has done, such as
 * weir_resume() by a thread of the test, or a byte written to a pipe that the app watches. 0;
 * WEIR_ETIMEDOUT: something still moves, says the log. */
WEIR_TEST_API int32_t weir_test_run(weir_test *t);

/* The same when something has come from outside, for which it waits `ms` of real time at most;
 * the test's own stands still. 0; WEIR_ETIMEDOUT: nothing came, or as above. What came before
 * this call is not lost. */
WEIR_TEST_API int32_t weir_test_await(weir_test *t, uint32_t ms);

/* ---- time ---- */

/* Lets time pass: what is due happens one after the other, each at its time. 0, or
 * WEIR_ETIMEDOUT as above, and time stands where that was. */
WEIR_TEST_API int32_t weir_test_advance(weir_test *t, uint32_t ms);

/* Milliseconds that have passed since it was made. */
WEIR_TEST_API int64_t weir_test_now(const weir_test *t);

/* ---- fields, and the log ---- */

/* The value of the first field of this name, in any case; NULL: there is none. */
WEIR_TEST_API const char *weir_test_field(const weir_test_response *r, const char *name);

/* The same among other fields: trailers, those of interim responses. */
WEIR_TEST_API const char *weir_test_find(const weir_header *fields, const char *name);

/* What the log has so far, one message a line, as "error: hello /hello GET / …". */
WEIR_TEST_API const char *weir_test_log(const weir_test *t);

/* Forgets it. */
WEIR_TEST_API void weir_test_clear_log(weir_test *t);

#ifdef __cplusplus
}
#endif

#endif
