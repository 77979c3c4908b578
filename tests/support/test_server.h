/*
 * test_server.h — a worker without sockets: clients are fake transports, time is moved by hand, and
 * what the handler does is the test's to say.
 *
 *     struct test_server s;  struct test_client c;
 *     test_server_init(&s);  test_client_open(&s, &c);
 *     test_client_send(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
 *     test_client_responses(&c, "G", &r);
 *
 * Its parser of responses was written from RFC 9112 and shares no code with the server.
 */
#ifndef WR_TESTS_TEST_SERVER_H
#define WR_TESTS_TEST_SERVER_H

#include <pthread.h>

#include "app/mount.h"
#include "fake_clock.h"
#include "fake_transport.h"
#include "server/worker.h"
#include "simple_body.h"

#define TEST_CONTENT_MAX (1U << 20) /* of what the echo handler takes */

struct test_handler;

/* Answers x, or keeps it. */
typedef void test_serve_fn(struct test_handler *h, struct wr_exchange *x);

/* A body that a test writes: pieces in turn, -EAGAIN in front of each when `is_slow`. */
struct test_body {
    struct wr_body base;
    const struct wr_slice *pieces;
    size_t n, at, offset;
    bool is_slow;   /* a piece is there only after test_body_go_on() */
    bool has_piece; /* the next piece may be given */
    int end_error;  /* given at the end instead of 0 */
    unsigned closed;
    struct wr_exchange *x;
};

struct test_handler {
    struct wr_handler base;
    test_serve_fn *serve;
    void *arg; /* the test's */

    unsigned served, cancelled, inputs; /* calls */

    /* of test_serve_hello: */
    int status;             /* 200 unless set */
    struct wr_slice answer; /* absent: the request's path */
    bool has_no_length;     /* length -1 */

    /* of test_serve_later, and of others that wait: */
    struct wr_exchange *held; /* the last one; by ref */

    /* of test_serve_echo and test_serve_read_later: */
    size_t read_max; /* bytes of one read; 0: a whole buffer */
    char *content;   /* what was read of the last request */
    size_t content_n;
    ssize_t read_result; /* of the last read */

    struct test_body body; /* of test_serve_body */
    int64_t body_length;
};

/* Answers at once with `status` and `answer`. */
test_serve_fn test_serve_hello;

/* Keeps the exchange; test_handler_answer() is to follow. */
test_serve_fn test_serve_later;

/* Reads all of the content at once and as it comes, then answers with it; with input_status when it
 * fails. */
test_serve_fn test_serve_echo;

/* Keeps the exchange; reading begins with test_handler_read(). */
test_serve_fn test_serve_read_later;

/* Answers with `body`, whose pieces the test has set. */
test_serve_fn test_serve_body;

/* Answers what is held, as test_serve_hello does, and lets go of it. */
void test_handler_answer(struct test_handler *h);

/* Reads on in what is held, as the echo handler does. */
void test_handler_read(struct test_handler *h);

/* A slow body's next piece, or its end, is there. */
void test_body_go_on(struct test_handler *h);

struct test_server {
    struct wr_fake_clock time;
    struct wr_clock clock;
    struct wr_site site;   /* its config changed before the first client opens; has one route: */
    struct wr_route route; /* of every path, to `handler`, unless the test sets another */
    struct wr_worker worker;
    struct wr_handler *mounted; /* NULL: nothing */
    struct wr_pool *helpers;    /* the site's: without threads, see test_server_hold_helpers() */
    struct test_handler handler;
    pthread_mutex_t log_lock;
    char *log_text, *access_text; /* lines, each with its newline; NUL-terminated */
    size_t log_n, access_n;
};

struct test_client {
    struct test_server *server;
    struct fake_transport transport;
    struct wr_conn *conn; /* dangling once the transport is closed */
};

/* Aborts when it cannot be had. */
void test_server_init(struct test_server *s);

/* Mounts a plugin as the only route, whose log is the server's; freed by test_server_fini(). NULL:
 * it could not be loaded or started, and the log says why. */
struct wr_handler *test_server_mount(struct test_server *s, const weir_plugin *plugin, void *state,
                                     const char *config);
void test_server_fini(struct test_server *s);

/* What the site's helpers are given is done at once, on this thread; from now on it waits until
 * test_server_run_helpers(), which takes a turn behind it. Then it is as to begin with. */
void test_server_hold_helpers(struct test_server *s);
void test_server_run_helpers(struct test_server *s);

/* One turn of the loop, without waiting. */
void test_server_step(struct test_server *s);

/* Moves the time and takes a turn. */
void test_server_advance_ms(struct test_server *s, int64_t ms);

void test_client_init(struct test_server *s, struct test_client *c);
void test_client_connect(struct test_client *c); /* what was put before is read at once */
void test_client_open(struct test_server *s, struct test_client *c); /* both */
void test_client_fini(struct test_client *c);

/* An event, unless the connection is closed; a turn of the loop follows. */
void test_client_event(struct test_client *c, uint32_t events);

/* Sends text, or bytes, in one part. */
void test_client_send(struct test_client *c, const char *text);
void test_client_send_slice(struct test_client *c, struct wr_slice bytes);

/* FIN behind what was sent. */
void test_client_shut_down(struct test_client *c);

/* The connection is reset. */
void test_client_reset(struct test_client *c);

/* Gives room for `bytes` more of output and says so, `times` times or until nothing comes. */
void test_client_take(struct test_client *c, size_t bytes, unsigned times);

/* ---- what came ---- */

#define TEST_FIELDS_MAX 32

struct test_response {
    int status, minor;
    struct wr_slice names[TEST_FIELDS_MAX], values[TEST_FIELDS_MAX];
    size_t fields;
    struct wr_slice trailers; /* lines behind chunked content, each with its CRLF */
    char *content;            /* decoded; NUL-terminated */
    size_t content_n;
    bool is_chunked;
    bool is_close_delimited;
    bool says_close, says_keep_alive;
    bool is_cut; /* content ended before it was complete */
};

struct test_responses {
    struct test_response *v;
    size_t n;
    const char *error; /* what is wrong with the bytes behind the last; NULL: nothing */
};

/*
 * Reads all of `out`. `methods`: a letter for each final response, 'H' where the request was a
 * HEAD; behind its end all are others. `is_closed`: no more will come.
 */
void test_responses_parse(struct test_responses *r, struct wr_slice out, bool is_closed,
                          const char *methods);
void test_responses_free(struct test_responses *r);

/* The value of a field that came once; absent when it did not come, or came twice. */
struct wr_slice test_field(const struct test_response *r, const char *name);

#define TEST_DESCRIPTION_MAX 4096

/*
 * What the client has, in a line to compare: responses divided by '|', each a status, its flags and
 * behind a blank its content, unless it is a page (text/html). "END" at the end: no more can come.
 *
 *     !  Connection: close      +  Connection: keep-alive    ~  chunked
 *     $  until the connection's end    ?  content is cut     error: text  not HTTP
 */
void test_client_describe(const struct test_client *c, const char *methods,
                          char out[static TEST_DESCRIPTION_MAX]);

/* Parses what the client has. */
void test_client_responses(const struct test_client *c, const char *methods,
                           struct test_responses *r);

#endif
