/*
 * exchange.h — one request and its response.
 *
 *     PARSED ─► RUNNING ─► RESPONDING ─► FINISHED        freed when both holders let go:
 *        any of them ─► CANCELLED                        the stream, and who answers later
 *
 * A handler is called once, when the head is complete. It sets status, fields and body and calls
 * wr_exchange_respond(), at once or later; it may read the content before, while its body is asked
 * for, or leave it.
 *
 * Ownership: the protocol begins and ends an exchange. Who answers after his call has returned
 *            holds it by wr_exchange_ref() until wr_exchange_unref(); in between the client may go,
 *            which on_end says. The request stays readable as long as anybody holds it.
 * Threads:   loop thread of the connection.
 */
#ifndef WR_SERVER_EXCHANGE_H
#define WR_SERVER_EXCHANGE_H

#include "server/config.h"
#include "server/request.h"
#include "server/response.h"

struct wr_exchange;
struct wr_lease;
struct wr_read_buffer;
struct wr_route;
struct wr_worker;

/* What an exchange asks of the protocol that carries it. */
struct wr_stream_ops {
    /* The response is complete but for the bytes of its body. */
    void (*respond)(struct wr_exchange *x);

    /* A body that had said -EAGAIN has more, or has ended. */
    void (*body_ready)(struct wr_exchange *x);

    /* Content of the request: a count, 0 at its end, -EAGAIN (on_input follows) or -errno. */
    ssize_t (*read)(struct wr_exchange *x, void *dst, size_t n);

    /* Sends an interim response at once, ahead of the final one (RFC 9110 15.2). 0, or -errno;
     * -ENOTSUP: the client knows none. NULL: the protocol has none. */
    int (*inform)(struct wr_exchange *x, int status, const struct wr_response_field *fields,
                  size_t n);

    /* How long the request may take altogether, from its first byte on, in place of what held
     * before; 0: any time. NULL: nobody counts it. */
    void (*set_time)(struct wr_exchange *x, int64_t ms);
};

enum wr_exchange_state {
    WR_EXCHANGE_PARSED,
    WR_EXCHANGE_RUNNING,
    WR_EXCHANGE_RESPONDING,
    WR_EXCHANGE_FINISHED,
    WR_EXCHANGE_CANCELLED
};

struct wr_exchange {
    struct wr_worker *worker;
    struct wr_lease *lease;             /* of the site that it is for */
    const struct wr_stream_ops *stream; /* NULL once the stream has let go */
    void *stream_data;                  /* the protocol's */
    uint64_t id;                        /* number of the request on this worker, from 1 */
    uint64_t body_bytes_max; /* of content, or 413; lower it before the first read alone */
    enum wr_exchange_state state;
    unsigned holders;

    struct wr_read_buffer *head;  /* what the request's slices point into; NULL: the arena alone */
    const struct wr_route *route; /* whose handler has it */
    int input_status;             /* why read() failed, as a status to answer with; 0: it has not */
    bool is_last;      /* what follows it on its connection may be no request: HTTP/1 takes none;
                           streams of HTTP/2 do not follow each other */
    bool is_called;    /* its stream has the handler called, and looks itself at what came of it */
    bool is_told;      /* wr_exchange_tell() */
    bool is_complete;  /* all of the response is sent, or taken over to be */
    bool is_head_free; /* nobody but the server looks at the request any more, nor does the response
                             point into it: it may move, as below */
    bool is_half_closed; /* the client has said that it sends no more than what is on its way */
    uint64_t body_sent;  /* bytes of content that are on their way */
    int64_t began_us;    /* when its first byte was looked at; 0: no log wants to know */
    int64_t sent_us;     /* when the kernel had its last byte; 0: it has not, or as above */

    void (*on_input)(struct wr_exchange *x); /* more can be read; NULL: nobody waits */
    /* is_half_closed has become true, which it may be from the beginning too; once. NULL: it
     * does not matter. */
    void (*on_half_close)(struct wr_exchange *x);
    void (*on_end)(struct wr_exchange *x); /* it is FINISHED or CANCELLED, the body closed */
    void *handler_data;                    /* of who set the three above */

    /* What request.trailers is, and points to; malloc'ed by the protocol, for while content is
     * read the arena may be in use elsewhere. NULL: nothing. */
    struct wr_fields *trailers;
    char *trailer_lines;

    struct wr_arena arena;
    struct wr_exchange *next; /* while it is in the worker's pool */
    struct wr_request request;
    struct wr_response response;
    struct wr_field field_store[WR_FIELDS_USUAL]; /* for more the arena has another */
};

/* ---- for handlers ---- */

/* The slow way of the next: no room, or no value for want of memory. */
void wr_exchange_add_field_slowly(struct wr_exchange *x, struct wr_slice name,
                                  struct wr_slice value);

/* Adds a field; name and value must stay valid until the response is over (literals, arena). */
static inline void wr_exchange_add_field(struct wr_exchange *x, struct wr_slice name,
                                         struct wr_slice value)
{
    struct wr_response *r = &x->response;

    if (value.p && r->n < r->cap)
        r->fields[r->n++] = (struct wr_response_field){name, value};
    else
        wr_exchange_add_field_slowly(x, name, value);
}

/* The same with a copy of the value in the arena. */
void wr_exchange_add_field_copy(struct wr_exchange *x, struct wr_slice name, struct wr_slice value);

/* The fields of response.block become fields like others, for who looks through them or drops one. */
void wr_exchange_spread_block(struct wr_exchange *x);

/* The response has this content, which stays where it is until that is over; `owner` is closed then, and
 * never asked for a piece. NULL: nobody wants to know. */
void wr_exchange_set_content(struct wr_exchange *x, struct wr_slice content, struct wr_body *owner);

/* Takes the body (NULL after a failed allocation: the response becomes a 503). */
void wr_exchange_set_body(struct wr_exchange *x, struct wr_body *body, int64_t length);

/* The slow way of the next: its stream is to be told, or something has gone wrong. */
void wr_exchange_respond_slowly(struct wr_exchange *x);

/* Hands the response over; the handler does not touch the exchange again unless it holds it. */
static inline void wr_exchange_respond(struct wr_exchange *x)
{
    if (x->is_called && x->state == WR_EXCHANGE_RUNNING && !x->response.out_of_memory)
        x->state = WR_EXCHANGE_RESPONDING;
    else
        wr_exchange_respond_slowly(x);
}

/* Responds with the server's own page for `status`; fields added before go out with it. */
void wr_exchange_respond_error(struct wr_exchange *x, int status);

/* A read of content that turns out to be longer than body_bytes_max fails, and input_status is
 * 413. */
ssize_t wr_exchange_read(struct wr_exchange *x, void *dst, size_t n);

/* Before the first read: content may have `n` bytes, or fewer where less was allowed already.
 * -EMSGSIZE: it is known to have more, and every read will say so. */
int wr_exchange_limit_body(struct wr_exchange *x, uint64_t n);

/* Is the content known to be longer than it may be? What comes in chunks is not. */
static inline bool wr_exchange_is_too_large(const struct wr_exchange *x)
{
    int64_t length = x->request.content_length;

    return length > 0 && (uint64_t)length > x->body_bytes_max;
}

/* As wr_stream_ops.inform; -EALREADY: the response has begun. */
int wr_exchange_inform(struct wr_exchange *x, int status, const struct wr_response_field *fields,
                       size_t n);

void wr_exchange_body_ready(struct wr_exchange *x);

/* ---- for protocols: the content of the response ---- */

static inline bool wr_response_has_body(const struct wr_response *r)
{
    return r->content.p || r->body;
}

/* As wr_body_ops.peek and advance, of body_sent bytes that are gone already. */
static inline int wr_exchange_peek(const struct wr_exchange *x, struct wr_piece *piece)
{
    const struct wr_response *r = &x->response;

    if (r->content.p) {
        struct wr_slice rest = wr_slice_from(r->content, (size_t)x->body_sent);

        *piece = (struct wr_piece){.mem = rest.p, .len = rest.n, .fd = -1};
        return rest.n > 0;
    }
    return r->body ? r->body->ops->peek(r->body, piece, 1) : 0;
}

static inline void wr_exchange_advance(struct wr_exchange *x, size_t n)
{
    x->body_sent += n;
    if (!x->response.content.p)
        x->response.body->ops->advance(x->response.body, n);
}

#define WR_EXCHANGE_ID_MAX 48

/* The request's id, not terminated: unique over workers and restarts, for it is a random number of
 * the worker and that of the request. Returns its length. */
size_t wr_exchange_id(const struct wr_exchange *x, char out[static WR_EXCHANGE_ID_MAX]);

/* No fields yet, and room for the usual number of them. */
void wr_exchange_init_fields(struct wr_exchange *x);

/* Room for as many fields as the site allows, those that are there kept. False: it was there
 * already, or there is no memory. */
bool wr_exchange_more_fields(struct wr_exchange *x);

/*
 * Before anybody has looked at the request, or when is_head_free: a small head is copied to the arena, and
 * the buffer that it was read into is free. For what may wait long; without memory nothing changes.
 */
void wr_exchange_own_head(struct wr_exchange *x);

void wr_exchange_ref(struct wr_exchange *x);
void wr_exchange_unref(struct wr_exchange *x);

/* ---- for protocols ---- */

/* From the worker's pool, empty, held by the stream; NULL: no memory. */
struct wr_exchange *wr_exchange_new(struct wr_worker *w, const struct wr_stream_ops *stream,
                                    void *stream_data);

/*
 * A new exchange for the request of `old`, whose handler has not answered: that is cancelled and
 * let go as by wr_exchange_end(), its route, lease and id are those of the new one. NULL: no
 * memory, and the old one is as it was.
 */
struct wr_exchange *wr_exchange_replace(struct wr_exchange *old);

/* Drops what a response has so far, its body closed, so that another can take its place. */
void wr_exchange_clear_response(struct wr_exchange *x);

/* Does its route take a client that half-closes for one that is gone? */
bool wr_exchange_ends_with_input(const struct wr_exchange *x);

/* The line of the request in the access log, and the counters of those that were answered, or not: at its
 * end, or right before a whole answer is sent, for who has it may look. Once. */
void wr_exchange_tell(struct wr_exchange *x);

/*
 * The stream lets go: the body is closed, the handler is told. The memory goes back to the pool now
 * or when the last holder lets go.
 */
void wr_exchange_end(struct wr_exchange *x);

#endif
