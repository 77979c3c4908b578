/*
 * environ.h — the request as an app sees it, and what is remembered of its call.
 *
 * One for each app that is called for an exchange; one that declined stays behind the next, for
 * what it deferred. At the end they end one after the other, the last one first. Lives in the arena
 * of the exchange.
 *
 * Threads: made and ended on the loop of the exchange. While a job of the app runs elsewhere
 *          (remote.h) the members marked "app" belong to its thread, else to the loop.
 */
#ifndef WR_APP_ENVIRON_H
#define WR_APP_ENVIRON_H

#include <weir/app.h>

#include <stdatomic.h>

#include "server/worker.h"

struct wr_environ_texts;
struct wr_lint_request;
struct wr_mount;
struct wr_remote;
struct wr_streaming;

/* A value that weir_set() made: it counts before the request's own. */
struct wr_environ_value {
    struct wr_environ_value *next;
    struct wr_slice key, value; /* value.p NULL: made absent */
};

struct wr_deferred {
    struct wr_deferred *next;
    weir_release_fn *fn;
    void *arg;
    bool is_own; /* malloc'ed */
};

struct wr_hints;
struct wr_trailer_list;

/* In the order in which one is made ready: what differs, what is zero at first, what is set when it is
 * used. */
struct wr_environ {
    weir_environ base; /* first */
    struct wr_exchange *x;
    struct wr_mount *mount;
    const struct wr_route *route; /* that led to it */
    int64_t declared;             /* app: Content-Length by it; -1: none */

    /* zero at first, from here */
    struct wr_environ *previous;  /* of an app that has declined */
    struct wr_remote *remote;     /* NULL: the app runs on the exchange's loop */
    struct wr_streaming *s;       /* NULL: nothing of it has been used, on the loop */
    struct wr_lint_request *lint; /* whose stand-in the app has; NULL: none, no checker */

    /* app: what it asked and said */
    struct wr_environ_value *values; /* the last one first */
    struct wr_environ_texts *texts;  /* of the request's own; NULL: none was needed */
    struct wr_deferred *deferred;
    struct wr_buf *trailer_names;         /* that were added before something was sent */
    struct wr_trailer_list *trailer_list; /* all, with their values; both NULL: none */
    size_t head_bytes;                    /* of its fields */
    size_t hint_bytes;                    /* of its early hints, all of them */
    uint64_t given;                       /* bytes that were written, and of all chunks */
    int32_t status;                       /* of start_response; 0: not called */
    uint32_t has_more; /* not 0: by wr_environ_set_more(); as wide as status, to be asked with it */
    int32_t error;     /* sticky; 0: none */
    int32_t broken;    /* what weir_read() said of content that is broken; 0: nothing */
    int32_t pulled;    /* what the last pull came to */
    uint32_t empties;  /* chunks without a byte, in a row */

    /* Side by side, for an app that returns all there is sets them all; the last two are the loop's. */
    bool has_returned;  /* the app has; its body may still be later */
    bool is_started;    /* something is on its way: start_response comes too late */
    bool has_body;      /* it is known what the protocol is to pull */
    bool is_responding; /* the response was handed over */

    bool is_in_later_call; /* next or a callback is running */
    bool has_new_pull;     /* and nobody has looked at it */
    bool is_in_callback;   /* where reading and writing do not wait */
    bool is_concluding; /* weir_finish() has given the body, which is still to be answered with */
    bool has_logged;    /* a fault of the app is in the log */
    bool has_warned;    /* that the arena is used up, too */
    bool has_read;      /* some of the content */
    bool has_asked;     /* for content, in any way */
    bool is_too_large;  /* the content, for weir_body_limit() or a sink: no read gives any of it */
    bool is_starved;    /* the last read said WEIR_AGAIN, and nothing has come since */
    bool is_in_next;    /* weir_read() on the loop may be told of more */
    bool wants_input;   /* it said WEIR_AGAIN in next */
    bool wants_call;    /* on_input is to be called, elsewhere, when there is something to read */

    /* loop */
    uint8_t source;   /* enum wr_app_source: what the last piece was of */
    bool is_failed;   /* what is pulled cannot be completed */
    bool has_pulled;  /* `pulled` is not used up */
    bool is_awaiting; /* next said WEIR_AGAIN: not asked until somebody says that there is more */
    bool is_ended;    /* the exchange is; what the app wants at the end may be still to be called */
    bool is_held;     /* the exchange, behind all that, until `wake` has run */
    bool is_end_waiting;  /* its turn to end has come, and something is still at work for it */
    bool is_declined;     /* nothing is called for it any more, but at the end */
    bool is_content_lent; /* it is the previous one's, which ends later */
    bool is_gathering, is_gathered;
    bool has_fetched;
    unsigned due;         /* callbacks, as enum wr_event, for an app elsewhere */
    atomic_uint events;   /* enum wr_event; not 0: `wake` is posted */
    uint64_t left;        /* of chunk, or of the whole, to be sent */
    struct wr_body *ours; /* what wr_builtin_body() has said; NULL: the body below */

    /* content gathered for body_buffer_max, or fetched for an app on another loop; malloc'ed */
    char *content;
    size_t content_n, content_cap, content_read;

    /* set when it is used, from here; of body what is zero is WEIR_BODY_EMPTY */
    weir_body body;     /* app: its own */
    weir_chunk chunk;   /* app: the last one */
    int64_t fetched;    /* loop: what the last fetch came to */
    struct wr_body out; /* loop: what the protocol pulls */
    struct wr_task wake;
};

static inline struct wr_environ *wr_environ_of(weir_environ *env)
{
    return WR_CONTAINER_OF(env, struct wr_environ, base);
}

/*
 * Whoever keeps more for an app than status, fields and content in memory says so first: streaming, trailers,
 * Content-Length, a fault, events, functions that are deferred, a body that is to be closed. Else neither
 * the answer nor the end of the request looks for any of that. Where the app runs; of one that does not run on
 * the loop at once, or comes behind another, serve_otherwise() has said so for all of it.
 */
void wr_environ_set_more(struct wr_environ *e);

/* Is the app, next or a callback running? Where the app runs. */
static inline bool wr_environ_is_in_call(const struct wr_environ *e)
{
    return !e->has_returned || e->is_in_later_call;
}

/* What weir_set() has made for an app that has declined is there for the next. */
void wr_environ_pass_on(struct wr_environ *from, struct wr_environ *to);

/* ---- the host table's functions, as the wrappers in weir/app.h ---- */

const char *wr_environ_get(weir_environ *env, const char *key, size_t key_n);
const char *wr_environ_get_n(weir_environ *env, const char *key, size_t key_n, size_t *n);
int32_t wr_environ_set(weir_environ *env, const char *key, const char *value);
int32_t wr_environ_each(weir_environ *env,
                        int32_t (*fn)(void *arg, const char *key, const char *value, size_t n),
                        void *arg);
int32_t wr_environ_header_each(weir_environ *env,
                               int32_t (*fn)(void *arg, const char *name, size_t name_n,
                                             const char *value, size_t value_n),
                               void *arg);

#endif
