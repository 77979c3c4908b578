/*
 * h1_conn.h — HTTP/1 on a connection; private to h1_conn.c, h1_read.c, h1_write.c and h1_deadline.c.
 *
 *     rx: HEAD ─► BODY ─► DONE          tx: IDLE ─► BODY ─► DONE
 *           └──────► DONE (no content)
 *
 * Two half-machines, for a response may begin before the content was read, or without it. When tx
 * is done, content that nobody read is dropped up to a bound, else the connection is given up; the
 * next request follows when rx is done too and the connection may be kept.
 *
 * h1_conn.c drives: it is the only place that decides what happens next. h1_read.c turns bytes into
 * a request and its content, h1_write.c a response into bytes, and h1_deadline.c knows how long all of
 * that may take; none of them calls back into h1_conn.c.
 *
 * An idle connection has nothing of this: the struct, exchange and buffers come with an event and go
 * with the last byte of a response.
 */
#ifndef WR_SERVER_H1_CONN_H
#define WR_SERVER_H1_CONN_H

#include "base/buf.h"
#include "http/h1_head.h"
#include "server/pace.h"
#include "server/worker.h"

#define WR_H1_DRAIN_HEAD_MS 1000 /* for a head that is not whole when the server stops */

enum wr_h1_rx { WR_H1_RX_HEAD, WR_H1_RX_BODY, WR_H1_RX_DONE };
enum wr_h1_tx { WR_H1_TX_IDLE, WR_H1_TX_BODY, WR_H1_TX_DONE };

/* What becomes of the connection after the current response. */
enum wr_h1_then { WR_H1_THEN_KEEP, WR_H1_THEN_CLOSE, WR_H1_THEN_LINGER };

/* What a try to move bytes came to. */
enum wr_h1_io {
    WR_H1_IO_OK,      /* done, or something was moved */
    WR_H1_IO_BLOCKED, /* the transport takes or gives no more for now */
    WR_H1_IO_WAIT,    /* the body has nothing yet; body_ready() follows */
    WR_H1_IO_BUDGET,  /* enough for this turn */
    WR_H1_IO_FAILED   /* the connection is lost, or the response cannot be completed */
};

/* What the connection waits for: its deadline is that of this. */
enum wr_h1_wait {
    WR_H1_WAIT_NOTHING, /* of the client: a handler is at work */
    WR_H1_WAIT_FIRST,   /* the first byte of the first request */
    WR_H1_WAIT_NEXT,    /* of another one */
    WR_H1_WAIT_HEAD,    /* the rest of a head */
    WR_H1_WAIT_BODY,    /* content that the handler wants */
    WR_H1_WAIT_DROP,    /* content that nobody wants, behind the answer */
    WR_H1_WAIT_WRITE    /* the client, to take what is sent */
};

/* Bytes that the transport did not take: the worker's out buffer belongs to the next connection. */
struct wr_h1_pending {
    size_t start, end;
    char data[];
};

struct wr_h1 {
    struct wr_h1 *next; /* in the worker's pool */
    struct wr_worker *worker;
    struct wr_conn *conn;

    /* 0 when the connection wakes: from here */
    struct wr_exchange *x;         /* the current one; NULL between requests */
    struct wr_read_buffer *in;     /* read and not consumed; NULL: nothing */
    struct wr_h1_pending *pending; /* NULL: all was taken */
    uint64_t received, sent;       /* bytes from and to the transport since then; of those that were
                                      sent before, the ones that are still on their way count too */
    int64_t wait_due_ms;           /* h1_deadline.c's; 0: never */
    uint8_t rx, tx, then;          /* the enums above */
    uint8_t framing;               /* of the request: enum wr_h1_framing_kind */
    bool is_readable : 1;          /* there may be more to read */
    bool is_eof : 1;               /* the peer has said that it sends no more */
    bool has_rdhup : 1;            /* an event said so: read on until the end shows */
    bool has_hup : 1;              /* nor does it receive any more */
    bool minor : 1;                /* HTTP/1.1 */
    bool is_tx_chunked : 1, has_tx_body : 1;
    bool has_lost_output : 1; /* the transport or memory failed: nothing may follow what is out */
    bool ends_by_close : 1;   /* of content that is not all out, the client sees that end */
    bool is_body_waiting : 1; /* the body said -EAGAIN: not the transport's fault */
    bool owes_continue : 1;   /* the client waits for a 100 */
    bool wants_input : 1;     /* the handler's last read said -EAGAIN */
    bool has_progress : 1;    /* the transport took bytes in this turn */
    bool is_blocked : 1;      /* and in it has said that it takes no more */
    bool is_over_budget : 1;  /* it is read on in the next one */
    bool is_corked : 1;       /* the transport, while a large file is sent */
    bool is_closing : 1;      /* as `then` says, when all is sent */
    bool is_broken_off : 1;   /* and the last answer is not all of it */
    bool has_paces : 1;       /* the request has waited for its client once */
    uint8_t wait;             /* enum wr_h1_wait; up to here, then set */

    size_t turn_sent; /* bytes of content in this turn */
    size_t turn_read; /* bytes from the transport in this turn */
    uint64_t turn;    /* of the loop, which that was last */

    /* set with each request */
    struct wr_h1_parser parser;
    struct wr_h1_head head; /* as far as the parser is; what it says is in x->request by then */
    struct wr_h1_chunked chunked;
    struct wr_buf trailers; /* the exchange's trailer_lines, so far */
    uint64_t rx_left;       /* of a body with Content-Length */
    uint64_t rx_total;      /* content read so far */
    uint64_t rx_wanted;     /* of it, before the answer was complete: the rest is only dropped */
    uint64_t tx_left;       /* of a response with Content-Length */
    uint64_t chunk_left;    /* of the chunk whose size line is out */

    /* h1_deadline.c's: */
    struct wr_pace rx_pace, tx_pace; /* once has_paces */
    uint64_t rx_seen, tx_seen;       /* content that had come, and bytes taken, at the last look */
    int64_t moved_ms;                /* when one of those had grown */
    int64_t wait_since_ms;
    int64_t request_since_ms; /* when the first byte of the current request was looked at */
    int64_t request_ms;       /* that it may take from then on as a whole; 0: any time */
};

/* Frees those that the worker keeps for the next connections that wake. */
void wr_h1_free_pool(struct wr_worker *w);

/* ---- h1_read.c ---- */

/* Reads once from the transport into `in`. OK: bytes came or the end did (is_eof). */
enum wr_h1_io wr_h1_fill(struct wr_h1 *h);

/* Parses what is in `in`. MORE, BAD (parser.reason says why), or DONE: x->request is set, rx is decided. */
enum wr_h1_result wr_h1_read_head(struct wr_h1 *h);

/* As wr_stream_ops.read; a violation sets x->input_status and closes after the response. */
ssize_t wr_h1_read_body(struct wr_h1 *h, void *dst, size_t n);

/* As if a read had found this violation. */
void wr_h1_fail_input(struct wr_h1 *h, enum wr_h1_reason reason);

/* Drops content that nobody read. OK: rx is done; FAILED: more than the bound, or broken. */
enum wr_h1_io wr_h1_discard(struct wr_h1 *h);

/* Lets go of the buffer if nothing is unread in it, or in any case. */
void wr_h1_release_input(struct wr_h1 *h);
void wr_h1_drop_input(struct wr_h1 *h);

static inline bool wr_h1_has_input(const struct wr_h1 *h)
{
    return h->in && h->in->start < h->in->end;
}

/* ---- h1_deadline.c ---- */

/* A request begins: the times that it may take begin too. */
void wr_h1_begin_deadlines(struct wr_h1 *h);

/* As wr_stream_ops.set_time; wr_h1_set_deadline() is to follow. */
void wr_h1_set_time(struct wr_h1 *h, int64_t ms);

/* After anything has happened: sets the deadline of what is waited for now. */
void wr_h1_set_deadline(struct wr_h1 *h);

/* Of the time that a client has whose content, or taking of an answer, is waited for, what is used up
 * now; 0: nothing, or the server does not wait for that. */
int64_t wr_h1_used_ms(const struct wr_h1 *h);

enum wr_h1_lateness {
    WR_H1_IN_TIME,         /* after all: it was looked at, and the deadline set anew */
    WR_H1_LATE_REFUSE,     /* answer as to a request that breaks a rule: reason */
    WR_H1_LATE_REPLACE,    /* the same, in place of a handler that has not answered */
    WR_H1_LATE_FAIL_INPUT, /* the handler that waits for content is to hear: reason */
    WR_H1_LATE_CLOSE       /* nobody is there who could be told: metric */
};

struct wr_h1_late {
    enum wr_h1_lateness what;
    enum wr_h1_reason reason;
    enum wr_metric metric;
    const char *text; /* for the log; NULL: idle, which is worth no line */
};

/* The deadline has passed: what is to be done. */
struct wr_h1_late wr_h1_look_at_deadline(struct wr_h1 *h);

/* Nothing is in flight any more: sets the deadline of that. For want of memory the connection is closed
 * then. */
void wr_h1_begin_idle(struct wr_conn *c);

/* That deadline has passed. */
struct wr_h1_late wr_h1_look_at_idle(const struct wr_conn *c);

/* ---- h1_write.c ---- */

/* Puts the head of x->response into the out buffer, small content behind it, and decides its framing. */
enum wr_h1_io wr_h1_write_head(struct wr_h1 *h);

/* Moves the body on, as far as it goes. OK: all of the response is at least in the out buffer. */
enum wr_h1_io wr_h1_write_body(struct wr_h1 *h);

/* Sends 100 Continue, if it is owed. */
enum wr_h1_io wr_h1_write_continue(struct wr_h1 *h);

/* Sends an interim response at once: 0, also when it became pending, or -errno. */
int wr_h1_write_interim(struct wr_h1 *h, int status, const struct wr_response_field *fields,
                        size_t n);

/* Sends what is pending and in the out buffer. What is not taken becomes pending: BLOCKED. */
enum wr_h1_io wr_h1_flush(struct wr_h1 *h, bool more);

#endif
