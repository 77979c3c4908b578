/*
 * streaming.h — what an app needs that reads and writes piece by piece: an output that waits for
 * the client, callbacks, content that goes to memory or to a file, subscribers, a heartbeat.
 *
 *     weir_write()          output.c      queue ─► peek, before the body that the app returned
 *     weir_on_input() …     events.c      what has happened ─► callback where the app runs
 *     weir_read_all() …     sink.c        content ─► memory or file ─► callback
 *     weir_on_disconnect()  client.c      half closed, gone ─► functions
 *     weir_heartbeat()      app_body.c    nothing for a while ─► a piece
 *
 * In the arena of the exchange: for an app that runs on another thread from the beginning, since it
 * and the loop look at it at once; else when the first of it is used.
 */
#ifndef WR_APP_STREAMING_H
#define WR_APP_STREAMING_H

#include "app/environ.h"
#include "app/watch.h"
#include "io/pool.h"
#include "server/tokens.h"

struct wr_callback {
    weir_event_fn *fn; /* NULL: none */
    void *arg;
    weir_event_guard *guard; /* NULL: in C */
};

struct wr_output_block {
    struct wr_output_block *next;
    size_t n, cap;
    char data[];
};

/* Bytes that were written and that the client has not taken. Under the lock of the remote, if there
 * is one. */
struct wr_output {
    struct wr_output_block *first, *last;
    size_t start;       /* of the first block, which the transport has taken */
    size_t waiting;     /* bytes in all of them, behind that */
    size_t before;      /* so many of them go before the chunk that next has given last */
    size_t room_wanted; /* who was refused, or waits, wanted so much; 0: nobody */
};

struct wr_subscriber {
    struct wr_subscriber *next;
    weir_disconnect_fn *fn;
    void *arg;
    weir_disconnect_guard *guard; /* NULL: in C */
    bool has_heard;               /* that the client has half-closed */
};

enum wr_sink_kind { WR_SINK_NONE, WR_SINK_MEMORY, WR_SINK_FILE };

/* Where weir_read_all() and weir_read_file() gather content. The loop's, but for the kind before
 * the event, and what the job looks at while it is out. */
struct wr_sink {
    enum wr_sink_kind kind;
    uint64_t max;
    union {
        weir_read_all_fn *all;
        weir_read_file_fn *file;
    } done;
    union { /* NULL: in C */
        weir_read_all_guard *all;
        weir_read_file_guard *file;
    } guard;
    void *arg;
    int64_t result; /* what done gets */
    char *data;     /* malloc'ed: the content, or what is to be written next */
    size_t n, cap;
    uint64_t total; /* bytes so far */
    int fd;
    bool is_too_large; /* the content, by its length */
    bool has_begun;    /* the loop reads for it */
    bool is_due;       /* the result is known, done is still to be called */
    bool is_at_end;    /* of the content */
    bool is_writing;   /* the job is out */
    int32_t job_error; /* errno of a write; 0: none */
    struct wr_job job;
    struct wr_task back;
};

/* A call that weir_resume() wants. */
struct wr_resumption {
    struct wr_resumption *next;
    weir_event_fn *fn;
    weir_event_guard *guard; /* NULL: in C */
    void *arg;
    weir_release_fn *drop; /* NULL: nothing to be done */
};

struct wr_streaming {
    struct wr_environ *e; /* whose this is */
    struct wr_output output;
    struct wr_callback on_input, on_writable;
    struct wr_subscriber *subscribers; /* under the lock, as the output */
    struct wr_sink sink;
    weir_body finished; /* what weir_finish() has given */
    bool has_finished;

    /* Under the lock of the worker's tokens, until that is closed. */
    struct wr_token token;
    struct wr_resumption *resumptions, **resumptions_end;

    struct wr_watches watches;   /* of the thread of the app's loop */
    struct wr_offload *offloads; /* the same: that done is to be called for */
    atomic_uint offloads_out;    /* that are not back */

    struct wr_hints
        *_Atomic hints; /* of an app elsewhere, not yet on their way, the last one first */

    struct wr_timer beat; /* of a heartbeat, while next has nothing */
    bool is_beat_due;
    size_t beat_left; /* of one that is being sent */
};

/* Empty, for an environ that has none; NULL: no memory. */
struct wr_streaming *wr_streaming_new(struct wr_environ *e);

/* That of the environ, made if need be. Where the app runs. */
static inline struct wr_streaming *wr_streaming_of(struct wr_environ *e)
{
    return e->s ? e->s : wr_streaming_new(e);
}

/* Where the app runs: has it given a body that nothing can go before any more, nor be added to?
 * The loop may be sending its end. */
static inline bool wr_streaming_has_last_body(const struct wr_environ *e)
{
    if (e->s && e->s->has_finished)
        return e->s->finished.kind != WEIR_BODY_ITERABLE;
    if (!e->has_returned || e->body.kind == WEIR_BODY_LATER)
        return false;
    return e->body.kind != WEIR_BODY_ITERABLE || e->pulled == WEIR_END;
}

/* ---- output.c ---- */

int32_t wr_output_write(weir_environ *env, const void *p, size_t n);
int32_t wr_output_on_writable(weir_environ *env, weir_event_fn *fn, void *arg,
                              weir_event_guard *guard);

/* Where the app runs, behind each call of next: what is written from now on goes behind its
 * chunk. */
void wr_output_mark(struct wr_environ *e);

/* On the loop: the piece that is to be sent next, false: there is none; so many bytes of it
 * were. */
bool wr_output_peek(struct wr_environ *e, struct wr_piece *out);
void wr_output_advance(struct wr_environ *e, size_t n);

void wr_output_free(struct wr_environ *e);

/* ---- sink.c ---- */

int32_t wr_sink_read_all(weir_environ *env, size_t max, weir_read_all_fn *done, void *arg,
                         weir_read_all_guard *guard);
int32_t wr_sink_read_file(weir_environ *env, int32_t fd, uint64_t max, weir_read_file_fn *done,
                          void *arg, weir_read_file_guard *guard);

/* Has it been asked for, and done not been called? Where the app runs. */
static inline bool wr_sink_is_open(const struct wr_environ *e)
{
    return e->s && e->s->sink.kind != WR_SINK_NONE;
}

/* Does the loop read for it? */
static inline bool wr_sink_is_reading(const struct wr_environ *e)
{
    return e->s && e->s->sink.has_begun && !e->s->sink.is_due;
}

/* On the loop: reads on. True: the result is known, and done is to be called. */
bool wr_sink_go_on(struct wr_environ *e);

/* Where the app runs: calls done, with its result or because the request ends. */
void wr_sink_tell(struct wr_environ *e);

/* ---- client.c ---- */

int32_t wr_client_is_gone(weir_environ *env);
int32_t wr_client_on_disconnect(weir_environ *env, weir_disconnect_fn *fn, void *arg,
                                weir_disconnect_guard *guard);

/* On the loop: the client has half-closed (of struct wr_exchange). */
void wr_client_on_half_close(struct wr_exchange *x);

/* Are they called on the loop of the exchange? Those of an app at home on another one in its
 * turn. */
bool wr_client_is_told_here(const struct wr_environ *e);

/* Where subscribers are called: that it has half-closed, those who have not heard; that it is
 * gone. */
void wr_client_tell_half_closed(struct wr_environ *e);
void wr_client_tell_gone(struct wr_environ *e);

#endif
