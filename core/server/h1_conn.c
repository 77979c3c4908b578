/*
 * h1_conn.c — HTTP/1 on a connection: the one place that decides what happens next.
 */
#include "server/h1_conn.h"

#include <errno.h>
#include <stdlib.h>

#include "base/branch.h"
#include "server/dispatch.h"

#define DRAIN_FRESH_MS 250 /* for the first request of who has just connected then */

/* What one step came to. */
enum next {
    GO_ON,     /* another step may do something */
    STOP,      /* wait for the transport, the handler or the body */
    AGAIN,     /* enough for this turn */
    END,       /* close as h->then says, once all is sent */
    BREAK_OFF, /* the same, but the last answer is not all there, or is none */
    ABANDON    /* close at once: the peer is gone */
};

static void run(struct wr_h1 *h);

/* ---- the stream of an exchange ---- */

static struct wr_h1 *h1_of(struct wr_exchange *x)
{
    return x->stream_data;
}

/*
 * Something has changed for this connection. While it runs itself, its run will see that; while
 * another one does, whose answers fill the out buffer, it waits for the next turn.
 */
static void run_or_wait(struct wr_exchange *x)
{
    struct wr_h1 *h = h1_of(x);
    struct wr_worker *w = h->worker;

    if (!w->running)
        run(h);
    else if (w->running != h->conn)
        wr_loop_again(w->loop, &h->conn->source, EPOLLOUT);
}

/* Who reads at a time of its own, in a callback or for a thread, has as much in a turn of the
 * loop as in one of the connection. */
static void begin_reading(struct wr_h1 *h)
{
    uint64_t turn = wr_loop_turn(h->worker->loop);

    if (h->turn == turn)
        return;
    h->turn = turn;
    h->turn_read = 0;
    h->is_over_budget = false;
}

static ssize_t stream_read(struct wr_exchange *x, void *dst, size_t n)
{
    struct wr_h1 *h = h1_of(x);
    struct wr_worker *w = h->worker;
    ssize_t got;

    if (h->tx == WR_H1_TX_DONE && h->rx == WR_H1_RX_BODY) /* its content is being discarded */
        return -ECONNABORTED;
    if (w->running == h->conn)
        return wr_h1_read_body(h, dst, n);
    begin_reading(h);
    got = wr_h1_read_body(h, dst, n);
    wr_h1_set_deadline(h); /* a reader at a time of its own starts the clock itself */
    if (h->is_over_budget) /* it is told of the rest in the next turn */
        wr_loop_again(w->loop, &h->conn->source, EPOLLIN);
    if (h->has_rdhup && h->rx == WR_H1_RX_DONE) /* what ends with that, ends in a turn */
        wr_loop_again(w->loop, &h->conn->source, EPOLLOUT);
    return got;
}

static void stream_set_time(struct wr_exchange *x, int64_t ms)
{
    struct wr_h1 *h = h1_of(x);

    wr_h1_set_time(h, ms);
    if (h->worker->running != h->conn) /* else that follows at the end of its turn */
        wr_h1_set_deadline(h);
}

/* RFC 9110 15.2: HTTP/1.0 has none. */
static int stream_inform(struct wr_exchange *x, int status, const struct wr_response_field *fields,
                         size_t n)
{
    struct wr_h1 *h = h1_of(x);
    int err;

    if (!h->minor)
        return -ENOTSUP;
    err = wr_h1_write_interim(h, status, fields, n);
    if (h->worker->running != h->conn)
        wr_h1_set_deadline(h);
    return err;
}

static const struct wr_stream_ops stream_ops = {
    .respond = run_or_wait,
    .body_ready = run_or_wait,
    .read = stream_read,
    .set_time = stream_set_time,
    .inform = stream_inform,
};

/* ---- steps ---- */

/* Answers a request that breaks a rule, and gives the connection up: what follows on it cannot be
 * told from content. */
static WR_COLD void reject(struct wr_h1 *h, enum wr_h1_reason reason)
{
    struct wr_conn *c = h->conn;
    char peer[WR_PEER_TEXT_MAX];

    wr_peer_format(&c->peer, peer);
    wr_log(&h->x->lease->site->log, WR_LOG_INFO, "%s: %d: %s", peer, wr_h1_reason_status(reason),
           wr_h1_reason_text(reason));
    wr_metrics_refuse(&c->worker->metrics, reason);
    h->rx = WR_H1_RX_DONE;
    h->then = WR_H1_THEN_LINGER;
    h->owes_continue = false;
    wr_exchange_respond_error(h->x, wr_h1_reason_status(reason));
}

static void note_begin(struct wr_h1 *h)
{
    const struct wr_worker *w = h->worker;

    if (wr_access_log_is_timed(&h->x->lease->site->access_log))
        h->x->began_us = wr_loop_read_us(w->loop);
}

static enum next start_response(struct wr_h1 *h);

static bool begin_request(struct wr_h1 *h)
{
    h->x = wr_exchange_new(h->worker, &stream_ops, h);
    if (!h->x)
        return false;
    h->conn->had_request = true;
    h->x->request.peer = h->conn->peer;
    note_begin(h);
    wr_h1_parser_init(&h->parser);
    h->rx = WR_H1_RX_HEAD;
    h->tx = WR_H1_TX_IDLE;
    h->then = WR_H1_THEN_KEEP;
    h->framing = WR_H1_NO_BODY;
    h->rx_left = 0;
    h->minor = h->owes_continue = h->wants_input = false;
    h->x->is_half_closed = h->has_rdhup;
    wr_h1_begin_deadlines(h);
    return true;
}

static enum next after_fill(const struct wr_h1 *h, enum wr_h1_io io)
{
    if (io == WR_H1_IO_FAILED)
        return BREAK_OFF;
    if (h->is_eof)
        return END; /* between requests, or inside a head: nothing to answer */
    return io == WR_H1_IO_OK ? GO_ON : STOP;
}

/* Is the head there, the handler is called, and mostly has answered when it returns. */
static enum next read_request(struct wr_h1 *h)
{
    switch (wr_h1_read_head(h)) {
    case WR_H1_MORE:
        return after_fill(h, wr_h1_fill(h));
    case WR_H1_BAD:
        reject(h, (enum wr_h1_reason)h->parser.reason);
        break;
    case WR_H1_DONE:
        h->x->is_called = true;
        wr_dispatch(h->x);
        h->x->is_called = false;
        break;
    }
    return h->x->state == WR_EXCHANGE_RESPONDING && !h->pending ? start_response(h) : GO_ON;
}

static enum next await_request(struct wr_h1 *h)
{
    enum next next;

    if (!wr_h1_has_input(h)) {
        if (h->conn->is_draining && h->conn->had_request)
            return END;
        if (!h->is_readable && !h->is_eof)
            return STOP;
        next = after_fill(h, wr_h1_fill(h));
        if (next != GO_ON)
            return next;
    }
    return begin_request(h) ? read_request(h) : BREAK_OFF;
}

/* The handler, or its body, is at work, or what they say is not taken: tells of content that is
 * waited for. A client that sends all of its content before it reads is not waited for to read. */
static enum next await_handler(struct wr_h1 *h)
{
    bool has_news = h->is_readable || h->is_eof || wr_h1_has_input(h) || h->rx == WR_H1_RX_DONE;

    if (!h->x || h->tx == WR_H1_TX_DONE || !h->wants_input || !has_news || !h->x->on_input)
        return STOP;
    if (h->is_over_budget)
        return AGAIN;
    h->wants_input = false;
    h->x->on_input(h->x);
    return GO_ON;
}

static enum next after_write(struct wr_h1 *h, enum wr_h1_io io)
{
    switch (io) {
    case WR_H1_IO_OK:
        return GO_ON;
    case WR_H1_IO_BLOCKED:
        h->is_blocked = true;
        return await_handler(h);
    case WR_H1_IO_WAIT:
        return await_handler(h);
    case WR_H1_IO_BUDGET:
        return AGAIN;
    case WR_H1_IO_FAILED:
        break;
    }
    return BREAK_OFF;
}

/*
 * Is the client to be taken for gone? Content that has come before the end of its input is still
 * read, and one that was cut is broken content as ever.
 */
static bool is_gone(const struct wr_h1 *h)
{
    const struct wr_exchange *x = h->x;

    return h->tx != WR_H1_TX_DONE && h->rx == WR_H1_RX_DONE && x->input_status == 0 &&
           (h->has_hup || wr_exchange_ends_with_input(x));
}

/* The client sends no more, and a handler or its body is at work, or the client is waited for. */
static WR_COLD enum next note_half_close(struct wr_h1 *h, enum next next)
{
    struct wr_exchange *x = h->x;

    if (!x || x->state == WR_EXCHANGE_PARSED)
        return next;
    if (is_gone(h))
        return ABANDON;
    if (x->is_half_closed)
        return next;
    x->is_half_closed = true;
    if (!x->on_half_close)
        return next;
    x->on_half_close(x);
    return next == AGAIN ? AGAIN : GO_ON;
}

static inline void end_exchange(struct wr_h1 *h)
{
    struct wr_exchange *x = h->x;

    wr_exchange_tell(x);
    h->x = NULL;
    wr_exchange_end(x);
    wr_h1_release_input(h);
}

/* Where the log wants to know when the kernel has the answer, it does not wait for others. */
static WR_COLD enum next note_sent(struct wr_h1 *h)
{
    enum next next;

    if (h->x->sent_us > 0)
        return GO_ON;
    next = after_write(h, wr_h1_flush(h, false));
    if (next == GO_ON)
        h->x->sent_us = wr_loop_read_us(h->worker->loop);
    return next;
}

/* Content that nobody has read is still on its way. */
static WR_COLD enum wr_h1_io discard(struct wr_h1 *h)
{
    enum wr_h1_io io = h->then == WR_H1_THEN_KEEP ? wr_h1_discard(h) : WR_H1_IO_FAILED;

    if (io != WR_H1_IO_OK && io != WR_H1_IO_BLOCKED)
        h->then = WR_H1_THEN_LINGER;
    return io;
}

/* The response is out; the request's content must be too before the next one. */
static inline enum next finish(struct wr_h1 *h)
{
    if (h->x->began_us > 0) {
        enum next sent = note_sent(h);

        if (sent != GO_ON)
            return sent;
    }
    if (h->rx == WR_H1_RX_BODY && discard(h) == WR_H1_IO_BLOCKED)
        return STOP;
    h->x->is_complete = true;
    end_exchange(h);
    if (h->then != WR_H1_THEN_KEEP)
        return END;
    return h->in || h->is_readable || h->is_eof || h->conn->is_draining ? GO_ON : STOP;
}

static inline enum next end_response(struct wr_h1 *h)
{
    h->tx = WR_H1_TX_DONE;
    h->rx_wanted = h->rx_total;
    return h->pending ? GO_ON : finish(h);
}

static enum next write_response(struct wr_h1 *h)
{
    enum wr_h1_io io = h->is_blocked ? WR_H1_IO_BLOCKED : wr_h1_write_body(h);

    return io == WR_H1_IO_OK ? end_response(h) : after_write(h, io);
}

static enum next start_response(struct wr_h1 *h)
{
    enum wr_h1_io io = wr_h1_write_head(h);

    if (io != WR_H1_IO_OK)
        return after_write(h, io);
    h->tx = WR_H1_TX_BODY;
    if (!h->has_tx_body && !h->is_blocked)
        return end_response(h);
    return h->pending ? GO_ON : write_response(h);
}

/* One goes on to the next by itself where nothing has to be waited for. */
static enum next step(struct wr_h1 *h)
{
    if (h->pending)
        return after_write(h, h->is_blocked ? WR_H1_IO_BLOCKED : wr_h1_flush(h, false));
    if (h->is_closing)
        return END;
    if (!h->x)
        return await_request(h);
    if (h->x->state == WR_EXCHANGE_RESPONDING && h->tx == WR_H1_TX_IDLE)
        return start_response(h);
    if (h->rx == WR_H1_RX_HEAD)
        return read_request(h);
    switch ((enum wr_h1_tx)h->tx) {
    case WR_H1_TX_IDLE:
        return await_handler(h);
    case WR_H1_TX_BODY:
        return write_response(h);
    case WR_H1_TX_DONE:
        break;
    }
    return finish(h);
}

/* ---- ends ---- */

/*
 * Would closing now lose something? What the client still sends meets a closed socket, which
 * answers with a reset, and a reset may overtake what the client has not read (RFC 9112 9.6). Safe
 * is a client that sends no more: it has closed, or said that it would not. Where we close of our
 * own accord, the next request may be on its way: safe is a client that has all of its answer.
 */
static bool must_linger(const struct wr_h1 *h)
{
    const struct wr_transport *t = h->conn->transport;

    if (h->is_eof)
        return false;
    if (h->then == WR_H1_THEN_LINGER || wr_h1_has_input(h) || h->is_readable)
        return true;
    return h->then == WR_H1_THEN_KEEP && t->ops->unacknowledged(t) != 0;
}

/* All is out. */
static WR_COLD void end_connection(struct wr_h1 *h)
{
    if (h->ends_by_close && h->is_broken_off) {
        wr_conn_close(h->conn);
        return;
    }
    h->ends_by_close = false;
    if (!must_linger(h)) {
        wr_conn_close(h->conn);
        return;
    }
    wr_h1_drop_input(h); /* nobody will read it, and lingering may take a while */
    wr_conn_linger(h->conn);
}

/*
 * The response cannot be completed, but what is out of it, and answers before it, may still be on
 * their way to a client that takes them slowly. It gets them, and then the connection's end where
 * it would have to read on: not a reset, though it may go on sending.
 */
static WR_COLD void break_off(struct wr_h1 *h)
{
    if (h->x)
        end_exchange(h);
    h->then = WR_H1_THEN_LINGER;
    h->is_closing = h->is_broken_off = true;
}

/* What is pending was tried in this run: once more would be a system call for nothing. */
static enum wr_h1_io flush_rest(struct wr_h1 *h)
{
    if (h->worker->out.n == 0)
        return h->pending ? WR_H1_IO_BLOCKED : WR_H1_IO_OK;
    return wr_h1_flush(h, false);
}

/* ---- between requests ---- */

/* Of the pool; NULL: that is empty. */
static inline struct wr_h1 *take_h1(struct wr_worker *w)
{
    struct wr_h1 *h = w->free_h1;

    if (!h)
        return NULL;
    WR_UNPOISON(h, sizeof *h);
    w->free_h1 = h->next;
    w->free_h1_n--;
    return h;
}

/* It becomes the state of a connection that was idle. */
static inline struct wr_h1 *begin_state(struct wr_conn *c, struct wr_h1 *h)
{
    memset(&h->x, 0, offsetof(struct wr_h1, rx) - offsetof(struct wr_h1, x));
    memset(&h->rx, 0, offsetof(struct wr_h1, wait) - offsetof(struct wr_h1, rx));
    h->conn = c;
    h->wait = c->had_request ? WR_H1_WAIT_NEXT : WR_H1_WAIT_FIRST;
    h->wait_since_ms = c->since_ms;
    c->proto_data = h;
    return h;
}

/* The state of a connection that was idle; NULL: no memory. */
static WR_COLD struct wr_h1 *wake(struct wr_conn *c)
{
    struct wr_h1 *h = take_h1(c->worker);

    if (!h) {
        h = malloc(sizeof *h);
        if (!h)
            return NULL;
        h->worker = c->worker;
    }
    return begin_state(c, h);
}

static void release(struct wr_h1 *h)
{
    struct wr_worker *w = h->worker;

    h->conn->proto_data = NULL;
    if (w->free_h1_n == WR_WORKER_POOL) {
        free(h);
        return;
    }
    h->next = w->free_h1;
    w->free_h1 = h;
    w->free_h1_n++;
    WR_POISON(h, sizeof *h);
}

void wr_h1_free_pool(struct wr_worker *w)
{
    struct wr_h1 *h;

    while ((h = w->free_h1)) {
        WR_UNPOISON(h, sizeof *h);
        w->free_h1 = h->next;
        free(h);
    }
}

/* Is there nothing that the next event would have to know? */
static bool is_idle(const struct wr_h1 *h)
{
    return !h->x && !h->in && !h->pending && !(h->is_readable || h->has_rdhup || h->is_eof);
}

/* An event that brought nothing does not make the wait begin anew. */
static inline void fall_idle(struct wr_h1 *h)
{
    struct wr_conn *c = h->conn;
    bool is_waiting =
        (h->wait == WR_H1_WAIT_NEXT || h->wait == WR_H1_WAIT_FIRST) && c->timer.due_ms > 0;

    if (is_waiting)
        c->since_ms = h->wait_since_ms;
    release(h);
    if (!is_waiting)
        wr_h1_begin_idle(c);
}

/* ---- turns ---- */

/* As often as it comes to something; nothing of this is out yet. */
static enum next run_steps(struct wr_h1 *h)
{
    uint32_t budget = h->worker->site->config.pipelined_max;
    enum next next;

    do {
        next = step(h);
        if (next == GO_ON && !h->x && --budget == 0) /* one is over */
            next = AGAIN;
        if (WR_UNLIKELY(h->has_rdhup) && (next == STOP || next == AGAIN))
            next = note_half_close(h, next);
    } while (next == GO_ON);
    return next == STOP && h->is_over_budget ? AGAIN : next;
}

/* It has work still, or waits. */
static void end_turn_busy(struct wr_h1 *h, enum next next)
{
    if (next == AGAIN)
        wr_loop_again(h->worker->loop, &h->conn->source, EPOLLOUT);
    wr_h1_release_input(h);
    if (next == STOP && is_idle(h))
        fall_idle(h);
    else
        wr_h1_set_deadline(h);
}

/* What was done is done, and the connection stays. */
static inline void end_turn(struct wr_h1 *h, enum next next)
{
    if (WR_LIKELY(next == STOP && is_idle(h)))
        fall_idle(h);
    else
        end_turn_busy(h, next);
}

/* It ends, or what was collected was not all taken. */
static WR_COLD void end_turn_badly(struct wr_h1 *h, enum next next, enum wr_h1_io io)
{
    if (io == WR_H1_IO_FAILED)
        next = ABANDON;
    else if (io != WR_H1_IO_OK && next != ABANDON)
        next = STOP; /* the rest is pending: go on when the transport takes more */
    if (next == ABANDON)
        wr_conn_close(h->conn);
    else if (next == END)
        end_connection(h);
    else
        end_turn(h, next);
}

/* The out buffer is the worker's: it leaves this turn empty. */
static void run(struct wr_h1 *h)
{
    struct wr_worker *w = h->worker;
    enum next next;
    enum wr_h1_io io;

    w->running = h->conn;
    h->has_progress = h->is_blocked = h->is_over_budget = false;
    h->turn_sent = h->turn_read = 0;
    h->turn = wr_loop_turn(w->loop);
    next = run_steps(h);
    if (next == END)
        h->is_closing = true;
    if (next == BREAK_OFF) {
        break_off(h);
        next = END;
    }
    io = flush_rest(h);
    if (h->has_lost_output)
        io = WR_H1_IO_FAILED;
    w->running = NULL;
    if (io == WR_H1_IO_OK && next <= AGAIN)
        end_turn(h, next);
    else
        end_turn_badly(h, next, io);
}

static inline void on_io(struct wr_h1 *h, uint32_t events)
{
    if (events & (h->conn->transport->read_wants | EPOLLRDHUP | EPOLLHUP))
        h->is_readable = true;
    if (WR_UNLIKELY(events & (EPOLLRDHUP | EPOLLHUP))) {
        h->has_rdhup = true;
        h->has_hup |= (events & EPOLLHUP) != 0;
    }
    run(h);
}

/* Something is wrong, or the pool is empty. */
static WR_COLD void on_io_slowly(struct wr_conn *c, uint32_t events)
{
    struct wr_h1 *h = c->proto_data ? c->proto_data : wake(c);

    if (events & EPOLLERR || !h)
        wr_conn_close(c);
    else
        on_io(h, events);
}

static void h1_on_io(struct wr_conn *c, uint32_t events)
{
    struct wr_h1 *h = c->proto_data;

    if (!h && (h = take_h1(c->worker)))
        begin_state(c, h);
    if (WR_UNLIKELY(events & EPOLLERR || !h))
        on_io_slowly(c, events);
    else
        on_io(h, events);
}

/* A handler that has not answered in time, or waits for content that has not come: it is
 * cancelled, and the server answers in its place. */
static void replace_handler(struct wr_h1 *h, enum wr_h1_reason reason)
{
    struct wr_exchange *x = wr_exchange_replace(h->x);

    if (!x) {
        wr_conn_close(h->conn);
        return;
    }
    h->x = x;
    h->wants_input = false;
    reject(h, reason);
}

/* It has not taken what was sent, and will not: else the kernel keeps that, megabytes of it, for
 * minutes after nobody counts the connection any more. */
static void drop_unsent(struct wr_h1 *h)
{
    struct wr_transport *t = h->conn->transport;

    if (h->wait == WR_H1_WAIT_WRITE)
        t->ops->reset(t);
}

static void close_late(struct wr_conn *c, const struct wr_h1_late *late)
{
    struct wr_h1 *h = c->proto_data;
    const struct wr_site *site = h && h->x ? h->x->lease->site : c->worker->site;
    char peer[WR_PEER_TEXT_MAX];

    wr_metrics_count(&c->worker->metrics, late->metric);
    if (late->text) {
        wr_peer_format(&c->peer, peer);
        wr_log(&site->log, WR_LOG_INFO, "%s: closed: %s", peer, late->text);
    }
    if (h)
        drop_unsent(h);
    wr_conn_close(c);
}

static void h1_on_deadline(struct wr_conn *c)
{
    struct wr_h1 *h = c->proto_data;
    struct wr_h1_late late;

    if (!h) {
        late = wr_h1_look_at_idle(c);
        close_late(c, &late);
        return;
    }
    late = wr_h1_look_at_deadline(h);
    switch (late.what) {
    case WR_H1_IN_TIME:
        break;
    case WR_H1_LATE_REFUSE:
        h->is_readable = false;
        reject(h, late.reason);
        break;
    case WR_H1_LATE_REPLACE:
        replace_handler(h, late.reason);
        break;
    case WR_H1_LATE_FAIL_INPUT:
        wr_h1_fail_input(h, late.reason);
        run(h);
        break;
    case WR_H1_LATE_CLOSE:
        close_late(c, &late);
        break;
    }
}

static void h1_drain(struct wr_conn *c)
{
    struct wr_h1 *h = c->proto_data;

    if (!c->had_request) {
        wr_conn_shorten_deadline(c, DRAIN_FRESH_MS);
        return;
    }
    if (!h)
        h = wake(c);
    if (!h)
        wr_conn_close(c);
    else if (!h->x && !h->pending)
        end_connection(h);
    else if (h->x && h->rx == WR_H1_RX_HEAD)
        wr_conn_shorten_deadline(c, WR_H1_DRAIN_HEAD_MS);
}

static enum wr_in_flight h1_in_flight(const struct wr_conn *c, int64_t *since_ms)
{
    const struct wr_h1 *h = c->proto_data;
    int64_t used_ms = h ? wr_h1_used_ms(h) : 0;

    *since_ms = h ? h->wait_since_ms : c->since_ms; /* begins anew behind each request, and head */
    if (used_ms > 0) {
        *since_ms = wr_loop_now_ms(c->worker->loop) - used_ms;
        return WR_IN_FLIGHT_STALLED;
    }
    if (!h)
        return WR_IN_FLIGHT_NOTHING;
    if (h->pending || h->is_closing)
        return WR_IN_FLIGHT_REQUEST;
    if (!h->x)
        return wr_h1_has_input(h) ? WR_IN_FLIGHT_REQUEST : WR_IN_FLIGHT_NOTHING;
    return h->rx == WR_H1_RX_HEAD ? WR_IN_FLIGHT_HEAD : WR_IN_FLIGHT_REQUEST;
}

static void h1_close(struct wr_conn *c)
{
    struct wr_h1 *h = c->proto_data;

    if (!h)
        return;
    if (h->ends_by_close) /* it is not all out: the client must not take it for whole (RFC 9112 8) */
        c->transport->ops->reset(c->transport);
    c->proto_data = NULL;
    if (h->x)
        end_exchange(h);
    wr_h1_drop_input(h);
    free(h->pending);
    release(h);
}

const struct wr_proto_ops wr_proto_h1 = {
    .name = "http/1.1",
    .on_io = h1_on_io,
    .on_deadline = h1_on_deadline,
    .drain = h1_drain,
    .in_flight = h1_in_flight,
    .close = h1_close,
};
