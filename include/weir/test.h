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
 * Threads: one thread at a time calls the functions of a weir_test.
 */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

#include <weir/app.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_TEST_API __attribute__((visibility("default")))

typedef struct weir_test weir_test;

/* Zero is the default of every field. */
typedef struct weir_test_request {
    const char *method;        /* NULL: GET, or POST where there is content */
    const char *target;        /* path and query, as a client sends them; NULL: "/" */
    const weir_header *fields; /* ends at {NULL, NULL}; NULL: none. Host and Content-Length come by
                                  themselves */
    const void *body;          /* content */
    size_t body_size;
    size_t
        piece; /* content arrives in pieces of so many bytes, one a turn of the loop; 0: at once */
} weir_test_request;

/* As a client would see it, of any protocol. */
typedef struct weir_test_response {
    int32_t status;
    const weir_header *fields; /* ends at {NULL, NULL} */
    const char *body;          /* with a NUL behind it; never NULL */
    size_t body_size;
    int32_t is_cut; /* 1: the connection would have been closed before the end */
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

/* Unloads the plugin and frees all. NULL is allowed. */
WEIR_TEST_API void weir_test_free(weir_test *t);

/* Why it could not be loaded; NULL: it was. */
WEIR_TEST_API const char *weir_test_error(const weir_test *t);

/*
 * One request, to the end of its response, when close and deferred functions have run. The response
 * is valid until the next call or weir_test_free(). NULL when the plugin was not loaded, or no such
 * request can be made, of which the log says why.
 */
WEIR_TEST_API const weir_test_response *weir_test_call(weir_test *t,
                                                       const weir_test_request *request);
WEIR_TEST_API const weir_test_response *weir_test_get(weir_test *t, const char *target);

/* The value of the first field of this name, in any case; NULL: there is none. */
WEIR_TEST_API const char *weir_test_field(const weir_test_response *r, const char *name);

/* What the log has so far, one message a line, as "error: hello /hello GET / …". */
WEIR_TEST_API const char *weir_test_log(const weir_test *t);

/* Forgets it. */
WEIR_TEST_API void weir_test_clear_log(weir_test *t);

#ifdef __cplusplus
}
#endif

#endif
