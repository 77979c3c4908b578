#include "server/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/branch.h"
#include "server/worker.h"

#define EDGES        ((uint32_t)(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET))
#define LINGER_READS 16 /* of the scratch buffer in one turn, so that one flood holds up nobody */

static void set_state(struct wr_conn *c, enum wr_conn_state next)
{
    static const uint8_t allowed[WR_CONN_STATES] = {
        [WR_CONN_HANDSHAKE] = 1 << WR_CONN_OPEN | 1 << WR_CONN_CLOSED,
        [WR_CONN_OPEN] = 1 << WR_CONN_LINGER | 1 << WR_CONN_CLOSED,
        [WR_CONN_LINGER] = 1 << WR_CONN_CLOSED,
    };

    assert(allowed[c->state] & 1 << next);
    (void)allowed;
    c->state = (uint8_t)next;
    c->since_ms = wr_loop_now_ms(c->worker->loop);
}

/* ---- deadline ---- */

void wr_conn_set_deadline(struct wr_conn *c, int64_t due_ms)
{
    if (wr_timer_set(wr_loop_timers(c->worker->loop), &c->timer, due_ms) < 0)
        wr_conn_close(c);
}

static void set_deadline_in(struct wr_conn *c, int64_t ms)
{
    wr_conn_set_deadline(c, wr_loop_now_ms(c->worker->loop) + ms);
}

void wr_conn_shorten_deadline(struct wr_conn *c, int64_t ms)
{
    int64_t due_ms = wr_loop_now_ms(c->worker->loop) + ms;

    if (due_ms < c->timer.due_ms)
        wr_conn_set_deadline(c, due_ms);
}

static void on_timer(struct wr_timer *t)
{
    struct wr_conn *c = WR_CONTAINER_OF(t, struct wr_conn, timer);

    switch ((enum wr_conn_state)c->state) {
    case WR_CONN_OPEN:
        c->proto->on_deadline(c);
        break;
    case WR_CONN_LINGER:
        wr_metrics_count(&c->worker->metrics, WR_METRIC_LINGER_TIMEOUT);
        wr_conn_close(c);
        break;
    case WR_CONN_HANDSHAKE:
        wr_conn_close(c);
        break;
    case WR_CONN_CLOSED:
    case WR_CONN_STATES:
        break;
    }
}

/* ---- events ---- */

static void linger(struct wr_conn *c)
{
    struct wr_worker *w = c->worker;
    ssize_t n = 1;

    for (int i = 0; i < LINGER_READS && n > 0; i++)
        n = c->transport->ops->read(c->transport, w->scratch, WR_WORKER_SCRATCH);
    if (n > 0)
        wr_loop_again(w->loop, &c->source, EPOLLIN);
    else if (n != -EAGAIN)
        wr_conn_close(c);
}

static void handshake(struct wr_conn *c)
{
    int r = c->transport->ops->handshake(c->transport);

    if (r == 0) {
        set_state(c, WR_CONN_OPEN);
        wr_timer_clear(wr_loop_timers(c->worker->loop), &c->timer); /* the protocol sets its own */
    } else if (r != -EAGAIN) {
        wr_conn_close(c);
    }
}

/* While it is not open, or not yet. */
static WR_COLD void on_other_io(struct wr_conn *c, uint32_t events)
{
    if (c->state == WR_CONN_LINGER)
        linger(c);
    if (c->state != WR_CONN_HANDSHAKE)
        return;
    handshake(c);
    if (c->state == WR_CONN_OPEN) /* what came behind it will not be announced again */
        c->proto->on_io(c, events | c->transport->read_wants);
}

void wr_conn_on_io(struct wr_conn *c, uint32_t events)
{
    if (WR_LIKELY(c->state == WR_CONN_OPEN))
        c->proto->on_io(c, events);
    else
        on_other_io(c, events);
}

static void on_source(struct wr_source *s, uint32_t events)
{
    wr_conn_on_io(WR_CONTAINER_OF(s, struct wr_conn, source), events);
}

/* ---- life ---- */

static void free_conn(struct wr_task *t)
{
    struct wr_conn *c = WR_CONTAINER_OF(t, struct wr_conn, free_task);

    free(c);
}

int wr_conn_open(struct wr_worker *w, struct wr_transport *t, int fd, const struct wr_peer *peer)
{
    struct wr_conn *c = malloc(sizeof *c);
    int err = -ENOMEM;

    if (!c) {
        t->ops->close(t);
        return err;
    }
    *c = (struct wr_conn){.worker = w,
                          .transport = t,
                          .proto = &wr_proto_h1,
                          .peer = *peer,
                          .state = t->ops->handshake ? WR_CONN_HANDSHAKE : WR_CONN_OPEN,
                          .since_ms = wr_loop_now_ms(w->loop),
                          .free_task.run = free_conn};
    wr_source_init(&c->source, on_source);
    wr_timer_init(&c->timer, on_timer);
    err = c->proto->open ? c->proto->open(c) : 0;
    if (err == 0 && (err = wr_worker_add_conn(w, c)) < 0)
        c->proto->close(c);
    if (err == -EUSERS)
        t->ops->reset(t); /* nothing was read, and nothing of it stays in the kernel */
    if (err < 0) {
        t->ops->close(t);
        free(c);
        return err;
    }
    if (c->state == WR_CONN_HANDSHAKE)
        set_deadline_in(c, w->site->config.handshake_ms);
    wr_conn_on_io(c, EPOLLIN);
    if (c->state != WR_CONN_CLOSED && fd >= 0) {
        err = wr_loop_add(w->loop, &c->source, fd, EDGES);
        if (err < 0)
            wr_conn_close(c);
    }
    return err;
}

void wr_conn_close(struct wr_conn *c)
{
    struct wr_worker *w = c->worker;

    if (c->state == WR_CONN_CLOSED)
        return;
    set_state(c, WR_CONN_CLOSED);
    c->proto->close(c);
    wr_loop_forget(w->loop, &c->source);
    wr_timer_clear(wr_loop_timers(w->loop), &c->timer);
    c->transport->ops->close(c->transport);
    c->transport = NULL;
    wr_loop_defer(w->loop, &c->free_task);
    wr_worker_remove_conn(w, c);
}

void wr_conn_linger(struct wr_conn *c)
{
    if (c->state != WR_CONN_OPEN)
        return;
    if (c->transport->ops->shutdown(c->transport) < 0) {
        wr_conn_close(c);
        return;
    }
    set_state(c, WR_CONN_LINGER);
    set_deadline_in(c, c->worker->site->config.linger_ms);
    if (c->state == WR_CONN_LINGER)
        linger(c);
}

void wr_conn_drain(struct wr_conn *c)
{
    c->is_draining = true;
    if (c->state == WR_CONN_OPEN)
        c->proto->drain(c);
    else if (c->state == WR_CONN_HANDSHAKE)
        wr_conn_close(c);
}
