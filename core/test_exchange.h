/*
 * test_exchange.h — what the files of weir/test.h share: a protocol without bytes.
 *
 *     test.c            mounting, turns, time, requests at once
 *     test_exchange.c   the stream of an exchange, and what its client does
 *     test_request.c    from a weir_test_request to an exchange's request
 *     test_answer.c     what the client has got
 *     test_waits.c      who works, and who waits for what
 *     test_lint.c       the checker of `weir lint`
 *
 *     begin ─► dispatch ─► settle ─► nothing moves ─► next turn (a piece, room) ─► settle ...
 *
 * Everything from dispatch on is the server's own code. A turn is what clients do of themselves; it
 * comes when nothing moves any more, so that what an app sees does not depend on its threads' luck.
 *
 * Ownership: an exchange holds its wr_exchange until the app has let go of it, beyond the end of
 * the
 *            response; weir_test_free() waits for that.
 * Threads:   the test's, which runs the loops; the app's threads come back by posts.
 */
#ifndef WR_TEST_EXCHANGE_H
#define WR_TEST_EXCHANGE_H

#include <weir/test.h>

#include <pthread.h>
#include <stdatomic.h>

#include "app/image.h"
#include "app/mount.h"

#define WR_TEST_LOOPS_MAX 8

/* Bytes that grow, with a NUL behind them. */
struct wr_test_text {
    char *p;
    size_t n, cap;
};

/* Copies of fields, with {NULL, NULL} behind them. */
struct wr_test_fields {
    weir_header *v;
    size_t n;
};

struct weir_test {
    struct wr_site site;
    struct wr_images images;
    struct wr_worker workers[WR_TEST_LOOPS_MAX];
    int workers_n; /* those that are there */
    struct wr_clock clock;
    atomic_llong now_ms; /* threads of the app may ask for it */
    struct wr_handler_limits limits;
    int threads; /* of the app */
    int patience_ms;
    int outside_ms; /* of real time, for what comes from outside */
    char *error;    /* NULL: it is loaded */
    bool is_stopped;

    pthread_mutex_t log_lock;
    struct wr_test_text messages;

    struct wr_list exchanges;
    uint64_t begun_n;         /* requests */
    uint64_t news;            /* counts what a client could see */
    weir_test_exchange *last; /* of weir_test_call() */
    struct wr_mount *mount;
    struct wr_mount *checked; /* with the checker; NULL: without */
    char *findings;           /* as they were told last */
};

struct weir_test_exchange {
    struct wr_list link;
    weir_test *t;
    struct wr_exchange *x; /* NULL: the app has let go of it */
    bool is_open;          /* the client is there, and the response is not over */
    bool is_given_up;      /* to be freed with x */
    bool is_11;            /* not HTTP/1.0 */
    bool takes_trailers;   /* TE: trailers */

    /* content of the request: read <= arrived <= content.n */
    struct wr_test_text content;
    size_t arrived, read;
    size_t first, piece; /* sizes of the first piece, and of the others; 0: all there is */
    int64_t declared;    /* Content-Length; -1: in chunks */
    bool has_ended;      /* the client has sent its end */
    bool is_half_closed;
    bool owes_continue;   /* a 100 on the first read */
    bool awaits_continue; /* the client waits for that, or for a response */
    bool wants_input;
    uint64_t leave_at_content, leave_at_body;
    struct wr_test_fields sent_trailers;
    struct wr_field *trailer_list;
    struct wr_fields trailers;

    /* the response */
    bool is_responding, may_pull, has_head;
    size_t take;       /* a turn; WEIR_TEST_BY_HAND: as told */
    uint64_t may_take; /* bytes of content altogether */
    struct wr_test_text body;
    struct wr_test_fields fields, got_trailers;
    weir_test_interim *interims;
    struct wr_test_fields *interim_fields; /* of each */
    size_t interims_n;
    weir_test_response response;
};

/* What weir_test_call() knows beyond its request. */
struct wr_test_way {
    bool ends;    /* content in chunks ends with the body */
    size_t first; /* size of the first piece; 0: as the others */
};

/* ---- test.c ---- */

/* Runs all until nothing moves, without turns. False: it gave up, says the log. */
bool wr_test_settle(weir_test *t);

/* The same with turns, to their end. */
bool wr_test_run(weir_test *t);

/* ---- test_lint.c ---- */

/* The mount has a checker. */
void wr_test_set_checker(weir_test *t);

/* ---- test_exchange.c ---- */

weir_test_exchange *wr_test_begin(weir_test *t, const weir_test_request *request,
                                  const struct wr_test_way *way);

/* Tells the app of content and gives its body room, as far as it goes. True: something has
 * happened. */
bool wr_test_move(weir_test_exchange *s);

/* What the client does next of itself. True: something. */
bool wr_test_turn(weir_test_exchange *s);

/* Lets go of what the app has let go of; what was given up is freed. */
void wr_test_reap(weir_test *t);

/* The client is gone, or the server. */
void wr_test_let_go(weir_test_exchange *s, bool is_cut);

/* ---- test_waits.c ---- */

/* Does anybody work on a thread, and wait for nothing that the test has to do? */
bool wr_test_is_working(weir_test *t);

/* Does anybody at all, for whatever? */
bool wr_test_is_busy(const weir_test *t);

/* May something come for it from outside: by its token, or by a descriptor? */
bool wr_test_hears_outside(const weir_test_exchange *s);

/* To standard error, when the app holds it although its client is gone. */
void wr_test_print_held(const weir_test_exchange *s);

/* Says what its app waits for, unless its response is done. */
void wr_test_log_wait(const weir_test_exchange *s);

/* ---- test_request.c ---- */

/* The request's head; false: there is no such request, or no memory. */
bool wr_test_set_request(weir_test_exchange *s, const weir_test_request *request);

/* ---- test_answer.c ---- */

/* False: no memory. */
bool wr_test_append(struct wr_test_text *t, const void *p, size_t n);
bool wr_test_keep_field(struct wr_test_fields *f, struct wr_slice name, struct wr_slice value);
bool wr_test_keep_fields(struct wr_test_fields *f, const weir_header *fields);
void wr_test_forget_fields(struct wr_test_fields *f);

bool wr_test_keep_head(weir_test_exchange *s);
bool wr_test_keep_trailers(weir_test_exchange *s);
bool wr_test_keep_interim(weir_test_exchange *s, int status, const struct wr_response_field *fields,
                          size_t n);

/* As much of the piece as was had at once, or -errno. */
ssize_t wr_test_keep_piece(weir_test_exchange *s, const struct wr_piece *piece, size_t n);

/* Does the response have content, and does it end with trailers? */
bool wr_test_has_content(const weir_test_exchange *s);
bool wr_test_has_trailers(const weir_test_exchange *s);

/* Brings s->response up to date. */
void wr_test_show(weir_test_exchange *s);

/* NULL: the two are equal but for interim responses; else in what they differ. */
const char *wr_test_compare(const weir_test_response *a, const weir_test_response *b);

#endif
