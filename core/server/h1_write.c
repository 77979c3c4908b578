/*
 * h1_write.c — from a response to bytes.
 *
 * Small things are copied behind one another into the worker's out buffer, answers of pipelined
 * requests too, and go out in one send. Large memory goes from where it lies, files by sendfile.
 */
#include "server/h1_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/branch.h"
#include "http/h1_format.h"
#include "http/status.h"

#define COPY_MAX     WR_READY_CONTENT_MAX  /* above it a second iovec is cheaper than a copy */
#define TURN_MAX     ((size_t)1024 * 1024) /* of content: then others have their turn */
#define SEND_STEP    ((size_t)64 * 1024)   /* what the kernel moves at once of a file */
#define CHUNK_HEAD   24                    /* CRLF of the last chunk, 16 digits, CRLF */
#define CORK_MIN     ((size_t)256 * 1024)  /* of a file: fewer segments pay for two system calls */
#define PIECE_COST   512                   /* of the turn's budget: a small piece is work too, */
#define EMPTY_COST   4096                  /* and an empty one brings nobody further */
#define CONTINUE     "HTTP/1.1 100 Continue\r\n\r\n"
#define HEAD_INTERIM 128 /* bytes of the head of an interim response that are not fields */
#define HEAD_FRAMING 512 /* bytes of the head that are not the handler's fields */

/* ---- sending ---- */

/* The transport has taken so much, or none. */
static void note_taken(struct wr_h1 *h, ssize_t sent)
{
    if (sent <= 0)
        return;
    h->has_progress = true;
    h->sent += (uint64_t)sent;
}

static ssize_t note_sending(struct wr_h1 *h, ssize_t sent)
{
    note_taken(h, sent);
    h->has_lost_output |= sent < 0 && sent != -EAGAIN;
    return sent;
}

static ssize_t send_bytes(struct wr_h1 *h, const char *p, size_t n, bool more)
{
    struct wr_transport *t = h->conn->transport;

    return h->has_lost_output ? -EPIPE : note_sending(h, t->ops->write(t, p, n, more));
}

static ssize_t send_two(struct wr_h1 *h, struct wr_slice first, struct wr_slice second)
{
    struct wr_transport *t = h->conn->transport;
    /* Iovecs that are only read. NOLINTBEGIN(performance-no-int-to-ptr) */
    struct iovec v[2] = {{(char *)(uintptr_t)first.p, first.n},
                         {(char *)(uintptr_t)second.p, second.n}};
    /* NOLINTEND(performance-no-int-to-ptr) */

    return h->has_lost_output ? -EPIPE : note_sending(h, t->ops->writev(t, v, 2, false));
}

static enum wr_h1_io io_of_error(ssize_t err)
{
    return err == -EAGAIN ? WR_H1_IO_BLOCKED : WR_H1_IO_FAILED;
}

static enum wr_h1_io flush_pending(struct wr_h1 *h)
{
    while (h->pending) {
        struct wr_h1_pending *p = h->pending;
        ssize_t sent = send_bytes(h, p->data + p->start, p->end - p->start, false);

        if (sent < 0)
            return io_of_error(sent);
        p->start += (size_t)sent;
        if (p->start == p->end) {
            free(p);
            h->pending = NULL;
        }
    }
    return WR_H1_IO_OK;
}

/* Keeps bytes that the transport did not take, behind those that it did not take before. */
static enum wr_h1_io keep(struct wr_h1 *h, const char *bytes, size_t n)
{
    struct wr_h1_pending *old = h->pending, *p;
    size_t waiting = old ? old->end - old->start : 0;

    p = malloc(sizeof *p + waiting + n);
    h->has_lost_output |= !p;
    if (!p)
        return WR_H1_IO_FAILED;
    p->start = 0;
    p->end = waiting + n;
    if (old)
        memcpy(p->data, old->data + old->start, waiting);
    memcpy(p->data + waiting, bytes, n);
    free(old);
    h->pending = p;
    return WR_H1_IO_BLOCKED;
}

/* The same with bytes of the out buffer, which is then free for others. */
static enum wr_h1_io stash(struct wr_h1 *h, const char *bytes, size_t n)
{
    enum wr_h1_io io = keep(h, bytes, n);

    h->worker->out.n = 0;
    return io;
}

/* Not all of it was taken at once, or something is in front of it. */
static WR_COLD enum wr_h1_io flush_slowly(struct wr_h1 *h, bool more)
{
    struct wr_buf *out = &h->worker->out;
    enum wr_h1_io io = h->pending ? flush_pending(h) : WR_H1_IO_OK;
    size_t at = 0;

    if (io == WR_H1_IO_BLOCKED && out->n > 0) /* a 100 behind the last answer */
        return stash(h, out->p, out->n);
    if (io != WR_H1_IO_OK) {
        out->n = 0;
        return io;
    }
    while (at < out->n) {
        ssize_t sent = send_bytes(h, out->p + at, out->n - at, more);

        if (sent == -EAGAIN)
            return stash(h, out->p + at, out->n - at);
        if (sent < 0) {
            out->n = 0;
            return WR_H1_IO_FAILED;
        }
        at += (size_t)sent;
    }
    out->n = 0;
    return WR_H1_IO_OK;
}

inline enum wr_h1_io wr_h1_flush(struct wr_h1 *h, bool more)
{
    struct wr_buf *out = &h->worker->out;
    ssize_t sent;

    if (h->pending || h->has_lost_output)
        return flush_slowly(h, more);
    if (out->n == 0)
        return WR_H1_IO_OK;
    sent = send_bytes(h, out->p, out->n, more);
    if (WR_LIKELY(sent == (ssize_t)out->n)) {
        out->n = 0;
        return WR_H1_IO_OK;
    }
    if (sent > 0) { /* the rest, until it says that it is full */
        out->n -= (size_t)sent;
        memmove(out->p, out->p + sent, out->n);
        return flush_slowly(h, more);
    }
    if (sent == -EAGAIN)
        return stash(h, out->p, out->n);
    out->n = 0;
    return WR_H1_IO_FAILED;
}

/* Sends the out buffer and, behind it, a piece of memory: *taken bytes of the piece went too. */
static enum wr_h1_io flush_with(struct wr_h1 *h, const struct wr_piece *piece, size_t len,
                                size_t *taken)
{
    struct wr_buf *out = &h->worker->out;
    ssize_t sent = out->n > 0 ? send_two(h, wr_buf_slice(out), wr_slice(piece->mem, len))
                              : send_bytes(h, piece->mem, len, false);
    size_t out_n = out->n;
    enum wr_h1_io io;

    *taken = 0;
    if (sent == -EAGAIN)
        return out_n > 0 ? stash(h, out->p, out_n) : WR_H1_IO_BLOCKED;
    out->n = 0;
    if (sent < 0)
        return WR_H1_IO_FAILED;
    if ((size_t)sent < out_n) {
        io = stash(h, out->p + sent, out_n - (size_t)sent);
        return io == WR_H1_IO_FAILED ? io : flush_pending(h); /* until it says that it is full */
    }
    *taken = (size_t)sent - out_n;
    return WR_H1_IO_OK;
}

/* Past the out buffer, behind what is pending. */
static enum wr_h1_io send_now(struct wr_h1 *h, struct wr_slice text)
{
    enum wr_h1_io io = flush_pending(h);
    ssize_t sent = 0;

    if (io == WR_H1_IO_FAILED)
        return io;
    if (io == WR_H1_IO_OK)
        sent = send_bytes(h, text.p, text.n, false);
    if (sent < 0 && sent != -EAGAIN)
        return WR_H1_IO_FAILED;
    if (sent < 0)
        sent = 0;
    return (size_t)sent == text.n ? WR_H1_IO_OK : keep(h, text.p + sent, text.n - (size_t)sent);
}

enum wr_h1_io wr_h1_write_continue(struct wr_h1 *h)
{
    static const struct wr_slice text = {CONTINUE, sizeof CONTINUE - 1};
    struct wr_buf *out = &h->worker->out;

    h->owes_continue = false;
    if (h->worker->running != h->conn) /* the out buffer may be another's */
        return send_now(h, text);
    if (text.n > wr_buf_room(out) && wr_h1_flush(h, true) == WR_H1_IO_FAILED)
        return WR_H1_IO_FAILED;
    wr_buf_slice_append(out, text);
    return wr_h1_flush(h, false);
}

/* ---- head ---- */

/* Has the handler begun to read? It may go on behind the head. */
static bool is_reading(const struct wr_h1 *h)
{
    return h->wants_input || h->rx_left < (uint64_t)h->x->request.content_length;
}

/*
 * Says "close" while it can still be said (RFC 9112 9.6): where nobody has read so far, nobody will read
 * all of it. So also to a client that expects a 100 and gets none: whether it sends its content all the
 * same cannot be known (RFC 9110 10.1.1), and must not depend on when the first of it comes.
 */
static void decide_persistence(struct wr_h1 *h)
{
    bool is_too_much = h->framing == WR_H1_LENGTH &&
                       h->rx_left > h->x->lease->site->config.discard_bytes_max && !is_reading(h);

    if (h->x->is_last)
        h->then = WR_H1_THEN_LINGER;
    if (h->then == WR_H1_THEN_KEEP &&
        (h->conn->is_draining || (h->rx == WR_H1_RX_BODY && (h->owes_continue || is_too_much))))
        h->then = WR_H1_THEN_LINGER;
}

/* RFC 9110 10.1.4: it can use what comes behind the content, and nobody in between drops it. */
static bool takes_trailers(const struct wr_request *r)
{
    for (unsigned i = 0; i < r->fields.n; i++) {
        const struct wr_field *f = &r->fields.v[i];

        if (wr_slice_ieq(f->name, WR_SLICE("TE")) &&
            wr_list_has_token(f->value, WR_SLICE("trailers")))
            return true;
    }
    return false;
}

/* Content of a known length is framed by that, unless there is something to come behind it. */
static bool is_chunked(const struct wr_h1 *h)
{
    const struct wr_response *r = &h->x->response;

    if (r->length < 0)
        return true;
    return r->may_have_trailers && r->status != 205 && takes_trailers(&h->x->request);
}

static void decide_framing(struct wr_h1 *h)
{
    const struct wr_exchange *x = h->x;
    const struct wr_response *r = &x->response;
    bool may_have_body = !wr_status_is_bodiless(r->status) && x->request.method != WR_METHOD_HEAD;

    h->is_tx_chunked = may_have_body && h->minor && is_chunked(h);
    h->has_tx_body = may_have_body && (r->length != 0 || h->is_tx_chunked);
    h->tx_left = h->has_tx_body && r->length >= 0 ? (uint64_t)r->length : 0;
    h->chunk_left = 0;
    h->is_body_waiting = false;
    h->ends_by_close = h->has_tx_body && r->length < 0 && !h->minor; /* HTTP/1.0 */
    if (h->ends_by_close && h->then == WR_H1_THEN_KEEP)
        h->then = WR_H1_THEN_LINGER; /* the client has not said that it sends no more */
}

/* Date and Server, but for those that the handler has set. */
static struct wr_slice own_fields(struct wr_worker *w, const struct wr_response *r)
{
    struct wr_slice both = wr_worker_common_fields(w);

    if (r->has_date)
        both = wr_slice_from(both, WR_WORKER_DATE_LEN);
    if (r->has_server)
        both.n = r->has_date ? 0 : WR_WORKER_DATE_LEN;
    return both;
}

/* What these take as lines, and somewhat more. */
static size_t room_of(const struct wr_response_field *fields, size_t n)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        size += fields[i].name.n + fields[i].value.n + sizeof ": \r\n";
    return size;
}

/* The status line, and what the server says of itself. */
static void format_start(struct wr_h1 *h, struct wr_buf *b)
{
    const struct wr_response *r = &h->x->response;

    if (r->status == 200 && !r->reason.p && !r->has_date && !r->has_server) {
        memcpy(b->p + b->n, wr_worker_usual_start(h->worker), sizeof WR_WORKER_START - 1);
        b->n += sizeof WR_WORKER_START - 1;
        return;
    }
    wr_h1_format_status(b, r->status, r->reason);
    wr_buf_slice_append(b, own_fields(h->worker, r));
}

/* What the connection is to say of itself. */
static WR_COLD void format_connection(const struct wr_h1 *h, struct wr_buf *b)
{
    if (h->then != WR_H1_THEN_KEEP)
        WR_BUF_LITERAL(b, "Connection: close\r\n");
    else if (!h->minor)
        WR_BUF_LITERAL(b, "Connection: keep-alive\r\n");
}

/* The caller has seen that there is room. */
static void format_head(struct wr_h1 *h, struct wr_buf *b)
{
    const struct wr_response *r = &h->x->response;

    format_start(h, b);
    if (r->block) {
        memcpy(b->p + b->n, r->block->lines.p, r->block->lines.n);
        b->n += r->block->lines.n;
    }
    for (unsigned i = 0; i < r->n; i++)
        wr_h1_format_field(b, r->fields[i].name, r->fields[i].value);
    /* RFC 9110 8.6: none with 1xx and 204; with 304 it would be the length of the 200. */
    if (h->is_tx_chunked)
        WR_BUF_LITERAL(b, "Transfer-Encoding: chunked\r\n");
    else if (r->length >= 0 && r->status != 304 && r->status != 204)
        wr_h1_format_length(b, (uint64_t)r->length);
    if (h->is_tx_chunked && r->may_have_trailers && r->trailer_names.p)
        wr_h1_format_field(b, WR_SLICE("Trailer"), r->trailer_names);
    if (h->then != WR_H1_THEN_KEEP || !h->minor)
        format_connection(h, b);
    memcpy(b->p + b->n, "\r\n", 2);
    b->n += 2;
}

/* Bytes that the head takes at most. */
static size_t size_of_head(const struct wr_response *r)
{
    size_t size = HEAD_FRAMING + r->reason.n + r->trailer_names.n + room_of(r->fields, r->n);

    return r->block ? size + r->block->lines.n : size;
}

static WR_COLD enum wr_h1_io refuse_head(const struct wr_h1 *h, size_t size)
{
    wr_log(&h->x->lease->site->log, WR_LOG_ERROR,
           "a response head of %zu bytes is larger than the %zu that can be sent", size,
           h->worker->out.cap);
    return WR_H1_IO_FAILED;
}

/* ---- head and content of most answers ---- */

#define LENGTH "Content-Length: "
#define AROUND (sizeof WR_WORKER_START + sizeof LENGTH + WR_U64_MAX + sizeof "\r\n\r\n")

/* Is it small content that lies in memory, and no field but those of a block? */
static bool is_plain(const struct wr_response *r)
{
    bool is_special = r->has_date || r->has_server || r->may_have_trailers;

    return r->n == 0 && !is_special && !r->reason.p && r->content.p && r->content.n <= COPY_MAX &&
           r->length == (int64_t)r->content.n;
}

/* Is nothing to be said of the connection, and may more be sent in this turn? */
static bool goes_on(const struct wr_h1 *h)
{
    return h->rx == WR_H1_RX_DONE && h->then == WR_H1_THEN_KEEP && h->minor && !h->x->is_last &&
           !h->conn->is_draining && h->turn_sent < TURN_MAX;
}

/* Then all that the rest of this file finds out is known: its length frames it. */
static bool is_usual(const struct wr_h1 *h)
{
    const struct wr_exchange *x = h->x;

    return is_plain(&x->response) && x->request.method != WR_METHOD_HEAD && goes_on(h);
}

/* Its content is on its way, as far as the response is concerned. */
static void note_usual(struct wr_h1 *h, size_t content_n)
{
    h->x->body_sent = content_n;
    wr_metric_add(&h->worker->metrics.count[WR_METRIC_CONTENT_SENT], content_n);
    h->turn_sent += content_n + PIECE_COST;
    h->has_tx_body = h->ends_by_close = false;
}

/* Copies: 8 to 32 bytes without a call, by words that may overlap. Returns the end. */
static inline char *put(char *to, struct wr_slice bytes)
{
    const char *p = bytes.p;
    size_t n = bytes.n;

    if (n >= 8 && n <= 16) {
        memcpy(to, p, 8);
        memcpy(to + n - 8, p + n - 8, 8);
    } else if (n > 16 && n <= 32) {
        memcpy(to, p, 16);
        memcpy(to + n - 16, p + n - 16, 16);
    } else {
        memcpy(to, p, n);
    }
    return to + n;
}

/* False: there is no room. */
static bool write_usual(struct wr_h1 *h, struct wr_buf *out)
{
    const struct wr_field_block *block = h->x->response.block;
    struct wr_slice content = h->x->response.content;
    struct wr_slice lines = block ? block->lines : wr_slice("", 0);
    char *p = out->p + out->n;

    if (lines.n + content.n + AROUND > wr_buf_room(out))
        return false;
    memcpy(p, wr_worker_usual_start(h->worker), sizeof WR_WORKER_START - 1);
    p += sizeof WR_WORKER_START - 1;
    p = put(p, lines);
    memcpy(p, LENGTH, sizeof LENGTH - 1);
    p = wr_put_u64(p + sizeof LENGTH - 1, content.n);
    memcpy(p, "\r\n\r\n", 4); /* NOLINT(bugprone-not-null-terminated-result) */
    out->n = (size_t)(put(p + 4, content) - out->p);
    note_usual(h, content.n);
    return true;
}

/* ---- answers that lie ready ---- */

/* The one that the response still is: NULL when it has other content, or is another status. */
static struct wr_ready_answer *ready_of(const struct wr_response *r)
{
    struct wr_ready_answer *a = r->block ? r->block->ready : NULL;
    bool is_that = a && a->content.p == r->content.p && a->content.n == r->content.n;

    return is_that && a->status == r->status ? a : NULL;
}

static void set_date(struct wr_ready_answer *a, struct wr_worker *w)
{
    const char *start = wr_worker_usual_start(w); /* which renders the second */

    if (a->date_s == w->date_s)
        return;
    memcpy(a->date, start + strlen(WR_WORKER_STATUS), WR_WORKER_DATE_LEN);
    a->date_s = w->date_s;
}

/*
 * From where it lies, when nothing is to go with it: in front of it in the out buffer, or behind it to one
 * who has sent more; and when no log wants to know how long it took. What is not taken at once goes by the
 * out buffer as if all had. False: there is no room in that.
 */
static bool write_ready(struct wr_h1 *h, struct wr_buf *out, struct wr_ready_answer *a)
{
    ssize_t sent = 0;

    if (a->n > wr_buf_room(out))
        return false;
    set_date(a, h->worker);
    note_usual(h, a->content.n);
    if (out->n == 0 && !wr_h1_has_input(h) && !h->is_readable && h->x->began_us == 0) {
        wr_exchange_tell(h->x);
        sent = send_bytes(h, a->p, a->n, false);
    }
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < a->n)
        wr_buf_append(out, a->p + sent, a->n - (size_t)sent);
    return true;
}

/* ---- heads of all kinds ---- */

static __attribute__((noinline)) enum wr_h1_io write_any_head(struct wr_h1 *h)
{
    struct wr_buf *out = &h->worker->out;
    size_t size = size_of_head(&h->x->response);

    decide_persistence(h);
    decide_framing(h);
    if (size > wr_buf_room(out)) {
        enum wr_h1_io io = wr_h1_flush(h, true);

        if (io != WR_H1_IO_OK)
            return io;
    }
    if (size > out->cap)
        return refuse_head(h, size);
    format_head(h, out);
    h->owes_continue = false; /* whoever reads the content now, reads it behind the answer */
    return WR_H1_IO_OK;
}

enum wr_h1_io wr_h1_write_head(struct wr_h1 *h)
{
    struct wr_buf *out = &h->worker->out;
    struct wr_ready_answer *ready;
    bool is_written = false;

    if (is_usual(h)) {
        ready = ready_of(&h->x->response);
        if (ready)
            is_written = write_ready(h, out, ready);
        else if (h->x->response.status == 200)
            is_written = write_usual(h, out);
    }
    return is_written ? WR_H1_IO_OK : write_any_head(h);
}

/* ---- interim responses ---- */

int wr_h1_write_interim(struct wr_h1 *h, int status, const struct wr_response_field *fields,
                        size_t n)
{
    size_t size = HEAD_INTERIM + room_of(fields, n);
    enum wr_h1_io io = WR_H1_IO_OK;
    char *text = malloc(size);
    struct wr_buf b = wr_buf_on(text, size);

    if (!text)
        return -ENOMEM;
    wr_h1_format_status(&b, status, wr_slice(NULL, 0));
    for (size_t i = 0; i < n; i++)
        wr_h1_format_field(&b, fields[i].name, fields[i].value);
    WR_BUF_LITERAL(&b, "\r\n");
    if (h->worker->running == h->conn) /* else the out buffer may be another's */
        io = wr_h1_flush(h, true);
    if (io != WR_H1_IO_FAILED)
        io = send_now(h, wr_buf_slice(&b));
    free(text);
    return io == WR_H1_IO_FAILED ? -ECONNABORTED : 0;
}

/* ---- body ---- */

/* How much of a piece of `len` bytes may go now; opens a chunk when one is needed. */
static size_t frame_piece(struct wr_h1 *h, size_t len)
{
    struct wr_buf *out = &h->worker->out;

    if (!h->is_tx_chunked) {
        bool is_bounded = h->x->response.length >= 0;

        return is_bounded && len > h->tx_left ? (size_t)h->tx_left : len;
    }
    if (h->chunk_left == 0) {
        wr_h1_format_chunk(out, len);
        h->chunk_left = len;
    }
    return len < h->chunk_left ? len : (size_t)h->chunk_left;
}

/* Accounts for n bytes of the body that are on their way. */
static void note_sent(struct wr_h1 *h, size_t n)
{
    struct wr_exchange *x = h->x;

    wr_exchange_advance(x, n);
    wr_metric_add(&h->worker->metrics.count[WR_METRIC_CONTENT_SENT], n);
    h->turn_sent += n;
    if (h->is_tx_chunked) {
        h->chunk_left -= n;
        if (h->chunk_left == 0)
            WR_BUF_LITERAL(&h->worker->out, "\r\n");
    }
    if (x->response.length >= 0)
        h->tx_left -= n;
}

static enum wr_h1_io send_memory(struct wr_h1 *h, const struct wr_piece *piece, size_t len)
{
    struct wr_buf *out = &h->worker->out;
    enum wr_h1_io io;
    size_t taken;

    if (len <= COPY_MAX && len + CHUNK_HEAD <= wr_buf_room(out)) {
        wr_buf_append(out, piece->mem, len);
        note_sent(h, len);
        return WR_H1_IO_OK;
    }
    io = flush_with(h, piece, len, &taken);
    if (taken > 0)
        note_sent(h, taken);
    return io;
}

/* For transports that cannot send from a descriptor. */
static ssize_t send_by_reading(struct wr_h1 *h, int fd, off_t off, size_t len)
{
    char *scratch = h->worker->scratch;
    ssize_t n = pread(fd, scratch, len < WR_WORKER_SCRATCH ? len : WR_WORKER_SCRATCH, off);

    if (n <= 0)
        return n < 0 ? -errno : 0;
    return h->conn->transport->ops->write(h->conn->transport, scratch, (size_t)n, false);
}

static void set_cork(struct wr_h1 *h, bool on)
{
    struct wr_transport *t = h->conn->transport;

    if (h->is_corked == on || !t->ops->cork)
        return;
    h->is_corked = on;
    t->ops->cork(t, on);
}

/* What this turn may still send of a file, in whole steps: the file is read by pages. */
static size_t file_share(const struct wr_h1 *h)
{
    size_t left = h->turn_sent < TURN_MAX ? TURN_MAX - h->turn_sent : 0;

    return left > 0 ? (left + SEND_STEP - 1) / SEND_STEP * SEND_STEP : SEND_STEP;
}

static enum wr_h1_io send_file(struct wr_h1 *h, const struct wr_piece *piece, size_t len)
{
    struct wr_transport *t = h->conn->transport;
    size_t share = file_share(h);
    enum wr_h1_io io;
    off_t off = piece->off;
    ssize_t sent;

    if (len >= CORK_MIN)
        set_cork(h, true);
    io = wr_h1_flush(h, true);
    if (io != WR_H1_IO_OK)
        return io;
    if (len > share)
        len = share;
    sent = t->ops->sendfile ? t->ops->sendfile(t, piece->fd, &off, len)
                            : send_by_reading(h, piece->fd, off, len);
    h->has_lost_output |= sent < 0 && sent != -EAGAIN;
    if (sent < 0)
        return io_of_error(sent);
    if (sent == 0) { /* it was cut while it was sent: what was promised cannot be kept */
        const struct wr_exchange *x = h->x;

        wr_log(
            &h->x->lease->site->log, WR_LOG_WARN,
            "route %s, %.*s: a file became shorter while it was sent: %llu bytes of the response "
            "are missing",
            x->route ? x->route->text : "-", (int)x->request.path.n, x->request.path.p,
            (unsigned long long)(h->is_tx_chunked ? h->chunk_left : h->tx_left));
        return WR_H1_IO_FAILED;
    }
    note_taken(h, sent);
    note_sent(h, (size_t)sent);
    return WR_H1_IO_OK;
}

/* Behind the last chunk. What the transport does not take becomes pending on the way, so that this is
 * not begun a second time. */
static enum wr_h1_io write_trailers(struct wr_h1 *h)
{
    const struct wr_response *r = &h->x->response;
    struct wr_buf *out = &h->worker->out;

    WR_BUF_LITERAL(out, "0\r\n");
    for (size_t i = 0; i < r->trailers_n; i++) {
        const struct wr_response_field *f = &r->trailers[i];
        size_t size = room_of(f, 1) + CHUNK_HEAD;

        if (size > wr_buf_room(out) && wr_h1_flush(h, true) == WR_H1_IO_FAILED)
            return WR_H1_IO_FAILED;
        if (size > out->cap) {
            wr_log(&h->x->lease->site->log, WR_LOG_ERROR,
                   "a trailer field of %zu bytes is larger than the %zu that can be sent", size,
                   out->cap);
            return WR_H1_IO_FAILED;
        }
        wr_h1_format_field(out, f->name, f->value);
    }
    WR_BUF_LITERAL(out, "\r\n");
    return WR_H1_IO_OK;
}

/* The body has said its end. */
static enum wr_h1_io end_body(struct wr_h1 *h)
{
    if (h->tx_left > 0 || h->chunk_left > 0) {
        unsigned long long missing = h->tx_left + h->chunk_left;

        wr_log(&h->x->lease->site->log, WR_LOG_ERROR, "a body ended %llu bytes before its length",
               missing);
        return WR_H1_IO_FAILED;
    }
    h->has_tx_body = false;
    return h->is_tx_chunked ? write_trailers(h) : WR_H1_IO_OK;
}

/* Bounded by its length in words of our own only, in chunks: a client could not see that it is not what
 * was meant. */
static bool is_too_long(const struct wr_h1 *h, size_t len)
{
    if (!h->is_tx_chunked || h->x->response.length < 0 || len <= h->tx_left)
        return false;
    wr_log(&h->x->lease->site->log, WR_LOG_ERROR, "a body is longer than its length, %lld bytes",
           (long long)h->x->response.length);
    return true;
}

static enum wr_h1_io write_piece(struct wr_h1 *h)
{
    struct wr_buf *out = &h->worker->out;
    struct wr_piece piece;
    int count;
    size_t len;

    if (wr_buf_room(out) < (size_t)2 * CHUNK_HEAD) {
        enum wr_h1_io io = wr_h1_flush(h, false);

        if (io != WR_H1_IO_OK)
            return io;
    }
    if (h->x->response.length >= 0 && h->tx_left == 0 && !h->is_tx_chunked)
        return end_body(h);
    count = wr_exchange_peek(h->x, &piece);
    h->is_body_waiting = count == -EAGAIN;
    if (count == -EAGAIN)
        return WR_H1_IO_WAIT;
    if (count < 0)
        return WR_H1_IO_FAILED;
    if (count == 0)
        return end_body(h);
    if (piece.len == 0) { /* nothing, but not the end either: in chunks it would say so */
        wr_exchange_advance(h->x, 0);
        h->turn_sent += EMPTY_COST;
        return WR_H1_IO_OK;
    }
    if (is_too_long(h, piece.len))
        return WR_H1_IO_FAILED;
    h->turn_sent += PIECE_COST;
    len = frame_piece(h, piece.len);
    return piece.mem ? send_memory(h, &piece, len) : send_file(h, &piece, len);
}

static enum wr_h1_io write_pieces(struct wr_h1 *h)
{
    while (h->has_tx_body) {
        enum wr_h1_io io;

        if (h->turn_sent >= TURN_MAX)
            return WR_H1_IO_BUDGET;
        io = write_piece(h);
        if (io != WR_H1_IO_OK)
            return io;
    }
    return WR_H1_IO_OK;
}

enum wr_h1_io wr_h1_write_body(struct wr_h1 *h)
{
    enum wr_h1_io io = write_pieces(h);

    if (io == WR_H1_IO_BLOCKED && h->x->is_head_free) /* it may take hours */
        wr_exchange_own_head(h->x);
    if (io != WR_H1_IO_BLOCKED && io != WR_H1_IO_BUDGET) /* else more of it follows soon */
        set_cork(h, false);
    return io;
}
