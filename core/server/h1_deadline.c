/*
 * h1_deadline.c — what a connection waits for, how long, and what its lateness means.
 *
 * Some deadlines bound a whole and are set once: a head, content that is only dropped, a request
 * altogether. Content that is wanted and an answer that is taken have a pace instead: pace.h.
 */
#include "server/h1_conn.h"

/* How often a client that takes nothing more is looked at in write_idle_ms: the kernel says how much it
 * has taken by now, not when. */
#define LOOKS_IN_IDLE 4

/* Buffers on the way to a reader, a proxy's and the kernels', move by steps of up to megabytes, and what
 * has come in one step is read for a while. So what a client takes at once earns it more than the
 * allowance that it begins with: a second for each so many bytes, up to so many times as much. */
#define STEP      10240
#define STEPS_MAX 10

#define NOTHING_DUE_MS 60000 /* to the next look at one that waits for nobody */

/* That of the request or, between two, that of the next. */
static const struct wr_config *config_of(const struct wr_h1 *h)
{
    return h->x ? &h->x->lease->site->config : &h->worker->site->config;
}

static int64_t now_of(const struct wr_h1 *h)
{
    return wr_loop_now_ms(h->worker->loop);
}

static enum wr_h1_wait wait_of(const struct wr_h1 *h)
{
    bool has_tx = h->x && h->tx == WR_H1_TX_BODY;

    if (h->pending || (has_tx && h->has_tx_body && !h->is_body_waiting))
        return WR_H1_WAIT_WRITE;
    if (!h->x)
        return h->conn->had_request ? WR_H1_WAIT_NEXT : WR_H1_WAIT_FIRST;
    if (h->rx == WR_H1_RX_HEAD)
        return WR_H1_WAIT_HEAD;
    if (h->rx == WR_H1_RX_BODY && h->tx == WR_H1_TX_DONE)
        return WR_H1_WAIT_DROP;
    return h->rx == WR_H1_RX_BODY && h->wants_input ? WR_H1_WAIT_BODY : WR_H1_WAIT_NOTHING;
}

/* ---- pace ---- */

static bool is_paced(enum wr_h1_wait wait)
{
    return wait == WR_H1_WAIT_BODY || wait == WR_H1_WAIT_WRITE;
}

static struct wr_pace *pace_of(struct wr_h1 *h)
{
    return h->wait == WR_H1_WAIT_BODY ? &h->rx_pace : &h->tx_pace;
}

/* Bytes that the client has taken: what lies in the kernel's buffer it has not, and a large buffer
 * can hide for minutes whether it takes anything. Of a Unix socket the kernel counts its own memory,
 * which may be more than was sent. */
static uint64_t taken_by_client(const struct wr_h1 *h)
{
    const struct wr_transport *t = h->conn->transport;
    int waiting = t->ops->unacknowledged(t);

    if (waiting <= 0)
        return h->sent;
    return h->sent > (uint64_t)waiting ? h->sent - (uint64_t)waiting : 0;
}

/* Accounts for the time since the last look, and for what has been moved in it: `seen` was *last. */
static uint64_t look(struct wr_h1 *h, struct wr_pace *p, uint64_t *last, uint64_t seen)
{
    uint64_t moved = seen > *last ? seen - *last : 0;

    wr_pace_look(p, now_of(h));
    *last = seen;
    if (moved > 0)
        h->moved_ms = now_of(h);
    return moved;
}

/* Content that has come: of chunks what is in them, for their framing can be made long at will. */
static uint64_t content_received(const struct wr_h1 *h)
{
    return h->framing == WR_H1_CHUNKED ? h->rx_total : h->received;
}

static void look_at_reading(struct wr_h1 *h)
{
    const struct wr_config *config = config_of(h);
    uint64_t moved = look(h, &h->rx_pace, &h->rx_seen, content_received(h));

    wr_pace_earn(&h->rx_pace, moved, config->body_rate_min, config->body_idle_ms);
}

/* A client that takes nothing, but sends content, is not idle: it may read only when it has sent all.
 * That counts by the rate of content. */
static void earn_by_content(const struct wr_h1 *h, struct wr_pace *p, uint64_t seen)
{
    const struct wr_config *config = config_of(h);

    wr_pace_earn(p, seen > h->rx_seen ? seen - h->rx_seen : 0, config->body_rate_min,
                 config->write_idle_ms);
}

static void look_at_writing(struct wr_h1 *h)
{
    const struct wr_config *config = config_of(h);
    uint64_t moved = look(h, &h->tx_pace, &h->tx_seen, taken_by_client(h));
    uint64_t received = content_received(h);

    wr_pace_earn(&h->tx_pace, moved, config->write_rate_min, config->write_idle_ms);
    wr_pace_earn(&h->tx_pace, moved / STEP, 1, config->write_idle_ms * STEPS_MAX);
    earn_by_content(h, &h->tx_pace, received);
    if (received > h->rx_seen)
        h->moved_ms = now_of(h);
    h->rx_seen = received;
}

/* The wait goes on, or is over: something may have moved. */
static void note_moved(struct wr_h1 *h)
{
    if (h->wait == WR_H1_WAIT_BODY)
        look_at_reading(h);
    else if (h->wait == WR_H1_WAIT_WRITE && h->has_progress)
        look_at_writing(h);
}

static void end_pace(struct wr_h1 *h)
{
    wr_pace_pause(pace_of(h), now_of(h));
}

/* Answers from before the connection was idle may be on their way still: who takes those is not idle. */
static void count_earlier(struct wr_h1 *h)
{
    const struct wr_transport *t = h->conn->transport;
    int waiting = t->ops->unacknowledged(t);

    if (waiting > 0 && (uint64_t)waiting > h->sent)
        h->sent = (uint64_t)waiting;
}

/* What the client took while it was not waited for counts too; of content only what is waited for. */
static void begin_pace(struct wr_h1 *h)
{
    if (!h->has_paces) {
        wr_pace_start(&h->rx_pace, config_of(h)->body_idle_ms);
        wr_pace_start(&h->tx_pace, config_of(h)->write_idle_ms);
        h->has_paces = true;
    }
    pace_of(h)->since_ms = h->wait_since_ms;
    h->rx_seen = content_received(h);
    if (h->wait == WR_H1_WAIT_WRITE) {
        count_earlier(h);
        look_at_writing(h);
    }
    h->moved_ms = h->wait_since_ms;
}

/* ---- setting ---- */

/* A server that stops waits less for a head, also for one that begins then. */
static int64_t head_ms_of(const struct wr_conn *c, const struct wr_config *config)
{
    int64_t head_ms = config->head_ms;

    return c->is_draining && head_ms > WR_H1_DRAIN_HEAD_MS ? WR_H1_DRAIN_HEAD_MS : head_ms;
}

void wr_h1_begin_idle(struct wr_conn *c)
{
    const struct wr_config *config = &c->worker->site->config;
    int64_t ms = c->had_request ? config->keep_alive_ms : head_ms_of(c, config);

    if (c->had_request)
        c->since_ms = wr_loop_now_ms(c->worker->loop);
    wr_conn_set_deadline(c, c->since_ms + ms);
}

/* When a client that is waited for to take bytes is to be looked at again: it may have. */
static int64_t next_look_ms(const struct wr_h1 *h)
{
    int64_t due_ms = wr_pace_due_ms(&h->tx_pace);
    int64_t look_ms = h->tx_pace.since_ms + config_of(h)->write_idle_ms / LOOKS_IN_IDLE + 1;

    return look_ms < due_ms ? look_ms : due_ms;
}

/* When what is waited for is late, or to be looked at; 0: never. */
static int64_t due_of(const struct wr_h1 *h)
{
    const struct wr_config *config = config_of(h);

    switch ((enum wr_h1_wait)h->wait) {
    case WR_H1_WAIT_FIRST:
    case WR_H1_WAIT_HEAD:
        return h->wait_since_ms + head_ms_of(h->conn, config);
    case WR_H1_WAIT_NEXT:
        return h->wait_since_ms + config->keep_alive_ms;
    case WR_H1_WAIT_DROP:
        return h->wait_since_ms + config->body_idle_ms;
    case WR_H1_WAIT_BODY:
        return wr_pace_due_ms(&h->rx_pace);
    case WR_H1_WAIT_WRITE:
        return next_look_ms(h);
    case WR_H1_WAIT_NOTHING:
        break;
    }
    return 0;
}

/* Of a request whose answer is not out yet; 0: there is none, or it may take any time. */
static int64_t request_due_of(const struct wr_h1 *h)
{
    bool is_due = h->x && h->tx != WR_H1_TX_DONE && h->request_ms > 0;

    return is_due ? h->request_since_ms + h->request_ms : 0;
}

static void arm(struct wr_h1 *h)
{
    int64_t due_ms = h->wait_due_ms, request_due_ms = request_due_of(h);

    if (request_due_ms > 0 && (due_ms == 0 || request_due_ms < due_ms))
        due_ms = request_due_ms;
    /* Where nothing is due the timer stays where it is: if it fires, it finds nothing late. But it is
     * always set: to set one that is not may fail, and that closes the connection, under the feet of a
     * handler that reads. */
    if (due_ms == 0 && h->conn->timer.due_ms == 0)
        due_ms = now_of(h) + NOTHING_DUE_MS;
    if (due_ms > 0 && due_ms != h->conn->timer.due_ms)
        wr_conn_set_deadline(h->conn, due_ms);
}

void wr_h1_set_time(struct wr_h1 *h, int64_t ms)
{
    h->request_ms = ms;
}

void wr_h1_begin_deadlines(struct wr_h1 *h)
{
    const struct wr_config *config = config_of(h);

    h->wait = WR_H1_WAIT_NOTHING; /* that of the last head is not this one's */
    h->wait_due_ms = 0;
    h->request_since_ms = now_of(h);
    h->request_ms = config->request_ms;
    h->tx_seen = h->sent;
    h->has_paces = false;
}

void wr_h1_set_deadline(struct wr_h1 *h)
{
    enum wr_h1_wait wait = wait_of(h), before = (enum wr_h1_wait)h->wait;

    if (is_paced(before) && (h->x || h->pending)) /* else it counts for nothing any more */
        note_moved(h);
    if (wait == before && !is_paced(wait) && h->wait_due_ms > 0)
        return;
    if (wait != before) {
        if (is_paced(before))
            end_pace(h);
        h->wait = (uint8_t)wait;
        h->wait_since_ms = now_of(h);
        if (is_paced(wait))
            begin_pace(h);
    }
    h->wait_due_ms = due_of(h);
    arm(h);
}

int64_t wr_h1_used_ms(const struct wr_h1 *h)
{
    const struct wr_config *config = config_of(h);
    bool is_writing = h->wait == WR_H1_WAIT_WRITE;
    struct wr_pace p = is_writing ? h->tx_pace : h->rx_pace; /* a copy: it is only looked at */
    int64_t full_ms = is_writing ? config->write_idle_ms : config->body_idle_ms;
    int64_t rate = is_writing ? config->write_rate_min : config->body_rate_min;
    uint64_t seen, last;

    if (h->wait == WR_H1_WAIT_DROP)
        return now_of(h) - h->wait_since_ms;
    if (!is_paced((enum wr_h1_wait)h->wait))
        return 0;
    seen = is_writing ? taken_by_client(h) : content_received(h);
    last = is_writing ? h->tx_seen : h->rx_seen;
    wr_pace_look(&p, now_of(h));
    wr_pace_earn(&p, seen > last ? seen - last : 0, rate, full_ms);
    if (is_writing)
        earn_by_content(h, &p, content_received(h));
    return full_ms - p.left_ns / 1000000;
}

/* ---- lateness ---- */

#define IN_TIME          ((struct wr_h1_late){WR_H1_IN_TIME, .reason = WR_H1_OK})
#define LATE(what_, why) ((struct wr_h1_late){WR_H1_LATE_##what_, .reason = (why)})
#define CLOSE(id, text_)                                                                           \
    ((struct wr_h1_late){WR_H1_LATE_CLOSE, .metric = WR_METRIC_##id, .text = (text_)})

/* The request as a whole has taken too long. What it is told then may have to wait behind answers that
 * the client has not taken, for which it has the time of writing: it is not late twice. */
static struct wr_h1_late late_request(struct wr_h1 *h)
{
    h->request_ms = 0;
    if (h->x->state == WR_EXCHANGE_RESPONDING)
        return CLOSE(REQUEST_TIMEOUT, "its answer took longer than request_ms");
    if (h->rx == WR_H1_RX_HEAD)
        return LATE(REFUSE, WR_H1_HEAD_TIMEOUT);
    return LATE(REPLACE, h->wait == WR_H1_WAIT_BODY ? WR_H1_REQUEST_CONTENT : WR_H1_REQUEST_ANSWER);
}

/* Did bytes come, or go, but too few of them? */
static bool is_slow(const struct wr_h1 *h, int64_t idle_ms)
{
    return now_of(h) - h->moved_ms < idle_ms;
}

static struct wr_h1_late late_wait(struct wr_h1 *h)
{
    const struct wr_config *config = config_of(h);

    switch ((enum wr_h1_wait)h->wait) {
    case WR_H1_WAIT_FIRST:
        return CLOSE(FIRST_TIMEOUT, NULL);
    case WR_H1_WAIT_NEXT:
        return CLOSE(KEEP_ALIVE_TIMEOUT, NULL);
    case WR_H1_WAIT_HEAD:
        return LATE(REFUSE, WR_H1_HEAD_TIMEOUT);
    case WR_H1_WAIT_DROP:
        return CLOSE(DROP_TIMEOUT,
                     "content that nobody reads did not end in timeouts.body_idle_ms");
    case WR_H1_WAIT_BODY:
        return LATE(FAIL_INPUT,
                    is_slow(h, config->body_idle_ms) ? WR_H1_BODY_SLOW : WR_H1_BODY_TIMEOUT);
    case WR_H1_WAIT_WRITE:
        if (is_slow(h, config->write_idle_ms))
            return CLOSE(WRITE_SLOW, "it takes its answer more slowly than limits.write_rate_min");
        return CLOSE(WRITE_TIMEOUT, "it took nothing of its answer in timeouts.write_idle_ms");
    case WR_H1_WAIT_NOTHING:
        break;
    }
    arm(h);
    return IN_TIME;
}

struct wr_h1_late wr_h1_look_at_deadline(struct wr_h1 *h)
{
    int64_t now_ms = now_of(h), request_due_ms = request_due_of(h);

    if (request_due_ms > 0 && now_ms >= request_due_ms)
        return late_request(h);
    if (h->wait == WR_H1_WAIT_WRITE) {
        look_at_writing(h);
        if (wr_pace_due_ms(&h->tx_pace) > now_ms) {
            h->wait_due_ms = due_of(h);
            arm(h);
            return IN_TIME;
        }
    }
    return late_wait(h);
}

struct wr_h1_late wr_h1_look_at_idle(const struct wr_conn *c)
{
    return c->had_request ? CLOSE(KEEP_ALIVE_TIMEOUT, NULL) : CLOSE(FIRST_TIMEOUT, NULL);
}
