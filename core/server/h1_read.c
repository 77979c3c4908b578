/*
 * h1_read.c — from bytes to a request and its content.
 */
#include "server/h1_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/branch.h"
#include "http/h1_scan.h"

/* That the request began with. */
static const struct wr_config *config_of(const struct wr_h1 *h)
{
    return &h->x->lease->site->config;
}

/* As a client that sends faster than it is read could keep its loop for itself. */
#define READ_TURN_MAX ((size_t)1024 * 1024)

#define TRAILERS_MIN ((size_t)256) /* bytes of memory for their lines; it grows with what comes */

/* ---- buffer ---- */

void wr_h1_drop_input(struct wr_h1 *h)
{
    if (h->in)
        wr_worker_unref_buffer(h->worker, h->in);
    h->in = NULL;
}

void wr_h1_release_input(struct wr_h1 *h)
{
    if (!wr_h1_has_input(h))
        wr_h1_drop_input(h);
}

/* How large a buffer must be for what is unread in `in` and more: a head must lie in one. */
static uint32_t room_wanted(const struct wr_h1 *h)
{
    uint32_t unread = h->in->end - h->in->start;

    return unread < WR_READ_BUFFER / 2 ? WR_READ_BUFFER : 2 * unread;
}

/* It is read again from its first byte. */
static void restart_head(struct wr_h1 *h)
{
    struct wr_request *r = &h->x->request;
    const uint16_t cap = r->fields.cap;

    wr_h1_parser_init(&h->parser);
    r->method_token = r->target = wr_slice(NULL, 0);
    wr_fields_init(&r->fields, r->fields.v, cap);
}

/* Sees to it that `in` has room behind its end. */
static WR_COLD bool make_more_room(struct wr_h1 *h)
{
    struct wr_worker *w = h->worker;
    struct wr_read_buffer *old = h->in, *b;

    if (old->start == old->end && old->refs == 1)
        old->start = old->end = 0;
    if (old->end < old->cap)
        return true;
    /* Bytes never move while an exchange may point to them: the rest goes to another buffer, and a
     * head that was read in part is read again from its new place. */
    b = wr_worker_take_buffer(w, room_wanted(h));
    if (!b)
        return false;
    b->end = old->end - old->start;
    memcpy(b->data, old->data + old->start, b->end);
    wr_h1_drop_input(h);
    h->in = b;
    if (h->rx == WR_H1_RX_HEAD && h->x)
        restart_head(h);
    return true;
}

static bool make_room(struct wr_h1 *h)
{
    if (h->in)
        return make_more_room(h);
    h->in = wr_worker_take_buffer(h->worker, WR_READ_BUFFER);
    return h->in != NULL;
}

/* Has the transport nothing more to give in this turn? */
static bool is_exhausted(struct wr_h1 *h)
{
    if (h->is_eof || !h->is_readable)
        return true;
    if (h->turn_read >= READ_TURN_MAX)
        h->is_over_budget = true;
    return h->is_over_budget;
}

/* As the event does that may follow, or not: a transport need not have one. A reader at a time
 * of its own is told by one. */
static void note_end(struct wr_h1 *h)
{
    struct wr_worker *w = h->worker;

    if (h->x && !h->has_rdhup && w->running != h->conn)
        wr_loop_again(w->loop, &h->conn->source, EPOLLOUT);
    h->has_rdhup = true;
}

/* read() gave nothing: the end, or no more for now, or an error. */
static WR_COLD enum wr_h1_io note_no_bytes(struct wr_h1 *h, ssize_t n)
{
    if (n < 0 && n != -EAGAIN)
        return WR_H1_IO_FAILED;
    h->is_readable = false;
    if (n < 0)
        return WR_H1_IO_BLOCKED;
    h->is_eof = true;
    note_end(h);
    return WR_H1_IO_OK;
}

/* Are there bytes that no event will announce? */
static bool has_hidden(const struct wr_transport *t)
{
    return t->ops->pending && t->ops->pending(t);
}

/* What read() gave, with the flags that follow from it. */
static enum wr_h1_io note_read(struct wr_h1 *h, ssize_t n, size_t cap)
{
    if (n <= 0)
        return note_no_bytes(h, n);
    h->received += (uint64_t)n;
    h->turn_read += (size_t)n;
    if ((size_t)n < cap && !h->has_rdhup && !has_hidden(h->conn->transport))
        h->is_readable = false; /* a short read has drained the socket: no EAGAIN round */
    return WR_H1_IO_OK;
}

inline enum wr_h1_io wr_h1_fill(struct wr_h1 *h)
{
    struct wr_transport *t = h->conn->transport;
    struct wr_read_buffer *in;
    size_t room;
    ssize_t n;

    if (is_exhausted(h))
        return WR_H1_IO_BLOCKED;
    if (!make_room(h))
        return WR_H1_IO_FAILED;
    in = h->in;
    room = in->cap - in->end;
    n = t->ops->read(t, in->data + in->end, room);
    if (n > 0)
        in->end += (uint32_t)n;
    return note_read(h, n, room);
}

/* ---- head ---- */

static struct wr_slice version_of(int minor)
{
    return minor > 0 ? WR_SLICE("HTTP/1.1") : WR_SLICE("HTTP/1.0");
}

/* Where it came, when it needs no decoding and what is behind it is the blank that ends the target,
 * which nobody reads again: the NUL takes its place. */
static bool keep_path(struct wr_h1 *h, const struct wr_h1_message *m)
{
    struct wr_slice raw = m->target.raw_path;

    if (!m->has_plain_path || m->target.query.p)
        return false;
    h->in->data[raw.p + raw.n - h->in->data] = '\0';
    h->x->request.path = raw;
    return true;
}

/* The decoded path; if it has to be, in the exchange's arena. */
static enum wr_h1_reason set_path(struct wr_h1 *h, const struct wr_h1_message *m)
{
    struct wr_exchange *x = h->x;
    const struct wr_target *target = &m->target;
    struct wr_request *r = &x->request;
    struct wr_slice raw = target->raw_path;
    char *memory;

    r->form = target->form;
    r->query = target->query;
    if (keep_path(h, m))
        return WR_H1_OK;
    if (target->form == WR_TARGET_AUTHORITY)
        return WR_H1_OK;
    if (target->form == WR_TARGET_ASTERISK) {
        r->path = WR_SLICE("*");
        return WR_H1_OK;
    }
    if (!raw.p)
        raw = WR_SLICE("/");
    memory = wr_arena_alloc(&x->arena, raw.n + 1);
    if (!memory)
        return WR_H1_MEMORY;
    return wr_target_decode_path(raw, memory, &r->path) ? WR_H1_OK : WR_H1_TARGET_PATH;
}

static void set_framing(struct wr_h1 *h, const struct wr_h1_framing *framing)
{
    bool has_content =
        framing->kind == WR_H1_CHUNKED || (framing->kind == WR_H1_LENGTH && framing->length > 0);

    h->framing = (uint8_t)framing->kind;
    h->chunked = (struct wr_h1_chunked){0};
    h->trailers = (struct wr_buf){0};
    h->rx_left = framing->length;
    h->rx_total = 0;
    h->rx = has_content ? WR_H1_RX_BODY : WR_H1_RX_DONE;
    h->x->request.content_length = framing->kind == WR_H1_CHUNKED ? -1 : (int64_t)framing->length;
}

static bool is_known_host(const struct wr_worker *w, struct wr_slice host)
{
    return host.n > 0 && host.n == w->known_host_n && wr_bytes_eq(host.p, w->known_host, host.n);
}

static void remember_host(struct wr_worker *w, struct wr_slice host)
{
    if (host.n == 0 || host.n > sizeof w->known_host)
        return;
    memcpy(w->known_host, host.p, host.n);
    w->known_host_n = (uint32_t)host.n;
}

/*
 * RFC 9110 7.4: what is asked by https must not be answered on a connection that is not secured,
 * and none is yet; unless it comes from a gateway that is trusted, which is one that may write to
 * our unix socket.
 */
static bool is_misdirected(const struct wr_request *r)
{
    return r->is_https && r->peer.family != AF_UNIX;
}

/* Fields that change what follows the head. */
#define DECISIVE                                                                                   \
    (wr_fields_bit(WR_FIELD_CONNECTION) | wr_fields_bit(WR_FIELD_EXPECT) |                         \
     wr_fields_bit(WR_FIELD_CONTENT_LENGTH) | wr_fields_bit(WR_FIELD_TRANSFER_ENCODING))

/*
 * Of most heads there is nothing to be found out: HTTP/1.1, a path that is as it will be, one Host that
 * was right in the last request, and no field that frames content or ends the connection.
 */
static bool is_plain(const struct wr_h1_head *head, bool is_host_known)
{
    const struct wr_fields *f = head->fields;

    return is_host_known && head->minor > 0 && head->plain_path == head->target.n &&
           head->method != WR_METHOD_CONNECT && !(f->present & DECISIVE) &&
           !(f->repeated & wr_fields_bit(WR_FIELD_HOST));
}

/* What wr_h1_interpret() and the rest of take_head() come to then. */
static void take_plain_head(struct wr_h1 *h, struct wr_slice host)
{
    struct wr_request *r = &h->x->request;

    r->version = version_of(1);
    h->minor = true;
    r->host = host;
    r->form = WR_TARGET_ORIGIN;
    r->path = r->target;
    h->in->data[r->target.p + r->target.n - h->in->data] = '\0'; /* as in keep_path() */
    h->rx = WR_H1_RX_DONE;
    h->rx_total = 0;
}

/* Of any other. noinline: its room and its registers are not those of most requests. */
__attribute__((noinline)) static enum wr_h1_reason
take_any_head(struct wr_h1 *h, const struct wr_h1_head *head, struct wr_slice host, bool is_known)
{
    struct wr_request *r = &h->x->request;
    struct wr_h1_message m;
    enum wr_h1_reason reason;

    r->version = version_of(head->minor);
    h->minor = head->minor > 0;
    reason = wr_h1_interpret(head, is_known, &m);
    if (reason != WR_H1_OK)
        return reason;
    if (!is_known)
        remember_host(h->worker, host);
    r->host = m.host;
    r->is_https = wr_target_is_https(&m.target);
    if (is_misdirected(r))
        return WR_H1_MISDIRECTED;
    h->owes_continue = m.expects_continue;
    h->then = m.keep_alive ? WR_H1_THEN_KEEP : WR_H1_THEN_CLOSE;
    set_framing(h, &m.framing);
    return set_path(h, &m);
}

/* What the head says becomes the request. */
static enum wr_h1_reason take_head(struct wr_h1 *h, const struct wr_h1_head *head)
{
    struct wr_slice host = wr_fields_get(head->fields, WR_FIELD_HOST);
    bool is_known = is_known_host(h->worker, host);

    if (!is_plain(head, is_known))
        return take_any_head(h, head, host, is_known);
    take_plain_head(h, host);
    return WR_H1_OK;
}

static struct wr_slice unread(const struct wr_h1 *h)
{
    return wr_slice(h->in->data + h->in->start, h->in->end - h->in->start);
}

/* Has all of a new head come, and in the usual form? Else parse_any() goes on with it. */
static inline bool scan_head(struct wr_h1 *h)
{
    const struct wr_config *config = config_of(h);
    const struct wr_h1_line_limits limits = {config->target_bytes_max, config->field_bytes_max};
    struct wr_slice bytes = unread(h);
    size_t n = bytes.n < config->head_bytes_max ? bytes.n : config->head_bytes_max;
    const struct wr_h1_span in = {bytes.p + n, bytes.p + bytes.n + WR_H1_SLACK};

    return wr_h1_scan_lines(h->worker->scan, &h->parser, bytes.p, in, limits, &h->head);
}

/* noinline: its limits, in memory, are not for the usual head to make. */
__attribute__((noinline)) static enum wr_h1_result parse_any(struct wr_h1 *h)
{
    const struct wr_config *config = config_of(h);
    const struct wr_h1_limits limits = {.head_max = config->head_bytes_max,
                                        .target_max = config->target_bytes_max,
                                        .field_max = config->field_bytes_max,
                                        .slack = WR_H1_SLACK,
                                        .scan = h->worker->scan};
    enum wr_h1_result result;

    if (h->parser.line == 0) /* nothing is read, and the head may be of another request */
        h->head = (struct wr_h1_head){.fields = h->head.fields};
    result = wr_h1_parse(&h->parser, &limits, unread(h), &h->head);
    h->minor = h->head.minor > 0;
    return result;
}

/* What of the head is in the buffer. inline: read_other_head() is rare. */
static inline __attribute__((always_inline)) enum wr_h1_result parse_head(struct wr_h1 *h)
{
    struct wr_request *r = &h->x->request;
    const bool is_new = h->parser.scanned == 0;
    enum wr_h1_result result;

    h->head.fields = &r->fields;
    result = is_new && scan_head(h) ? WR_H1_DONE : parse_any(h);
    r->method_token = h->head.method_token;
    r->target = h->head.target;
    r->method = h->head.method;
    return result;
}

/* The exchange keeps the buffer that its head lies in; the connection does too while there is more in it. */
static void give_head(struct wr_h1 *h)
{
    struct wr_read_buffer *in = h->in;

    h->x->head = in;
    if (in->start == in->end)
        h->in = NULL;
    else
        in->refs++;
}

/* It is not all there, or has more fields than most, or is refused. */
static WR_COLD enum wr_h1_result read_other_head(struct wr_h1 *h, enum wr_h1_result result)
{
    if (result == WR_H1_BAD && h->parser.reason == WR_H1_FIELDS_MANY &&
        wr_exchange_more_fields(h->x)) {
        restart_head(h);
        result = parse_head(h);
    }
    if (result == WR_H1_BAD)
        give_head(h);
    return result;
}

enum wr_h1_result wr_h1_read_head(struct wr_h1 *h)
{
    enum wr_h1_result result = parse_head(h);
    enum wr_h1_reason reason;

    if (WR_UNLIKELY(result != WR_H1_DONE))
        result = read_other_head(h, result);
    if (WR_UNLIKELY(result != WR_H1_DONE))
        return result;
    h->in->start += h->parser.line;
    reason = take_head(h, &h->head);
    give_head(h);
    if (WR_LIKELY(reason == WR_H1_OK))
        return WR_H1_DONE;
    h->parser.reason = (uint8_t)reason;
    return WR_H1_BAD;
}

/* ---- content ---- */

/* The content is lost: what has been read of it is not all of it. */
static WR_COLD ssize_t fail_body(struct wr_h1 *h, enum wr_h1_reason reason)
{
    struct wr_conn *c = h->conn;
    char peer[WR_PEER_TEXT_MAX];

    wr_metrics_refuse(&c->worker->metrics, reason);
    h->rx = WR_H1_RX_DONE;
    h->then = WR_H1_THEN_LINGER;
    h->x->input_status = wr_h1_reason_status(reason);
    wr_peer_format(&c->peer, peer);
    wr_log(&h->x->lease->site->log, WR_LOG_INFO, "%s: %s", peer, wr_h1_reason_text(reason));
    return reason == WR_H1_BODY_CUT ? -ECONNABORTED : -EBADMSG;
}

/* So much content in chunks. What is only dropped is none the worse for being more than its handler
 * would have read. */
static bool is_too_much(const struct wr_h1 *h, uint64_t n)
{
    bool is_dropped = h->tx == WR_H1_TX_DONE;

    return n > h->x->body_bytes_max && (!is_dropped || n > config_of(h)->body_bytes_max);
}

static ssize_t read_buffered(struct wr_h1 *h, void *dst, size_t n)
{
    struct wr_read_buffer *in = h->in;
    size_t available = in->end - in->start;

    if (n > available)
        n = available;
    memcpy(dst, in->data + in->start, n);
    in->start += (uint32_t)n;
    return (ssize_t)n;
}

/* Straight into the reader's memory: content of a known length is copied once, by the kernel. */
static ssize_t read_through(struct wr_h1 *h, void *dst, size_t n)
{
    struct wr_transport *t = h->conn->transport;
    ssize_t got;

    if (h->is_eof)
        return fail_body(h, WR_H1_BODY_CUT);
    if (is_exhausted(h))
        return -EAGAIN;
    got = t->ops->read(t, dst, n);
    switch (note_read(h, got, n)) {
    case WR_H1_IO_BLOCKED:
        return -EAGAIN;
    case WR_H1_IO_OK:
        return got > 0 ? got : fail_body(h, WR_H1_BODY_CUT);
    default:
        return fail_body(h, WR_H1_BODY_CUT);
    }
}

static ssize_t read_length(struct wr_h1 *h, void *dst, size_t n)
{
    ssize_t got;

    if (n > h->rx_left)
        n = (size_t)h->rx_left;
    got = wr_h1_has_input(h) ? read_buffered(h, dst, n) : read_through(h, dst, n);
    if (got > 0) {
        h->rx_left -= (uint64_t)got;
        if (h->rx_left == 0)
            h->rx = WR_H1_RX_DONE;
    }
    return got;
}

/* Nobody asks for those of content that is only dropped. */
static bool wants_trailers(const struct wr_h1 *h)
{
    return h->tx != WR_H1_TX_DONE;
}

/* 0, or -errno: the content is lost. */
static ssize_t keep_trailers(struct wr_h1 *h, struct wr_slice lines)
{
    struct wr_buf *b = &h->trailers;

    if (!wants_trailers(h))
        return 0;
    if (lines.n > wr_buf_room(b)) {
        size_t cap = b->n + lines.n > TRAILERS_MIN / 2 ? 2 * (b->n + lines.n) : TRAILERS_MIN;
        char *larger = realloc(h->x->trailer_lines, cap);

        if (!larger)
            return fail_body(h, WR_H1_MEMORY);
        h->x->trailer_lines = b->p = larger;
        b->cap = cap;
    }
    wr_buf_slice_append(b, lines);
    return 0;
}

/* The content has ended. The same. */
static ssize_t set_trailers(struct wr_h1 *h)
{
    struct wr_slice lines = wr_buf_slice(&h->trailers);
    size_t n = wr_h1_trailers_count(lines);
    struct {
        struct wr_fields fields;
        struct wr_field v[];
    } * t;

    if (n == 0 || !wants_trailers(h))
        return 0;
    if (n > config_of(h)->fields_max)
        return fail_body(h, WR_H1_FIELDS_MANY);
    t = malloc(sizeof *t + n * sizeof *t->v);
    if (!t)
        return fail_body(h, WR_H1_MEMORY);
    wr_fields_init(&t->fields, t->v, (uint16_t)n);
    wr_h1_trailers_split(lines, &t->fields);
    h->x->request.trailers = h->x->trailers = &t->fields;
    return 0;
}

/* Decodes at most n bytes of what is buffered: a count, 0 for "nothing in it" or -errno. */
static ssize_t decode_buffered(struct wr_h1 *h, void *dst, size_t n)
{
    struct wr_read_buffer *in = h->in;
    size_t available = in->end - in->start;
    struct wr_slice bytes = wr_slice(in->data + in->start, n < available ? n : available), data;
    enum wr_h1_reason reason = WR_H1_OK;
    enum wr_h1_chunk result = wr_h1_chunked_next(&h->chunked, &bytes, &data, &reason);

    in->start = (uint32_t)(bytes.p - in->data);
    switch (result) {
    case WR_H1_CHUNK_MORE:
        return 0;
    case WR_H1_CHUNK_TRAILER:
        return keep_trailers(h, data);
    case WR_H1_CHUNK_END_OF_BODY:
        h->rx = WR_H1_RX_DONE;
        return set_trailers(h);
    case WR_H1_CHUNK_BAD:
        return fail_body(h, reason);
    case WR_H1_CHUNK_DATA:
        break;
    }
    h->rx_total += data.n;
    if (is_too_much(h, h->rx_total))
        return fail_body(h, WR_H1_BODY_LARGE);
    memcpy(dst, data.p, data.n);
    return (ssize_t)data.n;
}

static ssize_t read_chunked(struct wr_h1 *h, void *dst, size_t n)
{
    while (h->rx == WR_H1_RX_BODY) {
        if (wr_h1_has_input(h)) {
            ssize_t got = decode_buffered(h, dst, n);

            if (got != 0)
                return got;
            continue;
        }
        if (h->is_eof)
            return fail_body(h, WR_H1_BODY_CUT);
        switch (wr_h1_fill(h)) {
        case WR_H1_IO_OK:
            break;
        case WR_H1_IO_BLOCKED:
            return -EAGAIN;
        default:
            return fail_body(h, WR_H1_BODY_CUT);
        }
    }
    return 0;
}

ssize_t wr_h1_read_body(struct wr_h1 *h, void *dst, size_t n)
{
    ssize_t got;

    h->wants_input = false;
    if (h->rx == WR_H1_RX_DONE)
        return h->x->input_status ? -EBADMSG : 0;
    if (n == 0)
        return 0;
    if (wr_exchange_is_too_large(h->x) && h->tx != WR_H1_TX_DONE)
        return fail_body(h, WR_H1_BODY_LARGE); /* the handler allows less than its route */
    if (wr_h1_has_input(h))
        h->owes_continue = false; /* the client has not waited */
    if (h->owes_continue && wr_h1_write_continue(h) == WR_H1_IO_FAILED)
        return fail_body(h, WR_H1_BODY_CUT);
    got = h->framing == WR_H1_CHUNKED ? read_chunked(h, dst, n) : read_length(h, dst, n);
    h->wants_input = got == -EAGAIN;
    if (got > 0)
        wr_metric_add(&h->worker->metrics.count[WR_METRIC_CONTENT_RECEIVED], (uint64_t)got);
    return got;
}

void wr_h1_fail_input(struct wr_h1 *h, enum wr_h1_reason reason)
{
    fail_body(h, reason);
}

enum wr_h1_io wr_h1_discard(struct wr_h1 *h)
{
    struct wr_worker *w = h->worker;
    uint64_t bound = config_of(h)->discard_bytes_max;

    if (h->framing == WR_H1_LENGTH && h->rx_left > bound)
        return WR_H1_IO_FAILED;
    while (h->rx == WR_H1_RX_BODY) {
        ssize_t got = wr_h1_read_body(h, w->scratch, WR_WORKER_SCRATCH);

        if (got == -EAGAIN)
            return WR_H1_IO_BLOCKED;
        if (got < 0)
            return WR_H1_IO_FAILED;
        if (h->framing == WR_H1_CHUNKED && h->rx_total - h->rx_wanted > bound)
            return WR_H1_IO_FAILED;
    }
    return WR_H1_IO_OK;
}
