#include "server/evict.h"

#include <string.h>

#include "server/worker.h"

#define SHARE 32 /* one of so many goes at a time */

struct candidate {
    struct wr_conn *conn;
    enum wr_in_flight in_flight;
    int64_t since_ms;
};

/* Those to close, the best first. */
struct choice {
    struct candidate v[WR_EVICT_MAX];
    size_t n, most;
};

/* Of one that lingers, the answer: when it has arrived there is nothing to lose. */
static enum wr_in_flight lingering(const struct wr_conn *c)
{
    return c->transport->ops->unacknowledged(c->transport) == 0 ? WR_IN_FLIGHT_NOTHING
                                                                : WR_IN_FLIGHT_REQUEST;
}

static struct candidate look_at(struct wr_conn *c)
{
    struct candidate k = {c, WR_IN_FLIGHT_REQUEST, c->since_ms};

    switch ((enum wr_conn_state)c->state) {
    case WR_CONN_HANDSHAKE:
        k.in_flight = WR_IN_FLIGHT_HEAD;
        break;
    case WR_CONN_OPEN:
        k.in_flight = c->proto->in_flight(c, &k.since_ms);
        break;
    case WR_CONN_LINGER:
        k.in_flight = lingering(c);
        break;
    default:
        break;
    }
    return k;
}

static bool may_go(const struct candidate *k, int64_t now_ms)
{
    int64_t age_ms = now_ms - k->since_ms;

    if (k->in_flight == WR_IN_FLIGHT_STALLED)
        return age_ms >= WR_EVICT_STALLED_MS;
    return k->in_flight != WR_IN_FLIGHT_REQUEST && age_ms >= WR_EVICT_AGE_MS;
}

static bool goes_before(const struct candidate *a, const struct candidate *b)
{
    return a->in_flight != b->in_flight ? a->in_flight < b->in_flight : a->since_ms < b->since_ms;
}

static void add(struct choice *ch, const struct candidate *k)
{
    size_t at = ch->n;

    while (at > 0 && goes_before(k, &ch->v[at - 1]))
        at--;
    if (at == ch->most)
        return;
    if (ch->n < ch->most)
        ch->n++;
    memmove(ch->v + at + 1, ch->v + at, (ch->n - at - 1) * sizeof ch->v[0]);
    ch->v[at] = *k;
}

size_t wr_evict_share(const struct wr_worker *w, size_t needed)
{
    size_t share = w->conns_n / SHARE;

    return share > needed ? share : needed;
}

/* True: it is gone. A request that has come meanwhile, whose event may be in this very batch, is
 * served: closing would reset it. */
static bool close_if_silent(struct wr_conn *c, int64_t now_ms)
{
    struct candidate now;

    wr_conn_on_io(c, EPOLLIN | c->transport->read_wants);
    if (c->state == WR_CONN_CLOSED)
        return true;
    now = look_at(c);
    if (!may_go(&now, now_ms))
        return false;
    if (now.in_flight == WR_IN_FLIGHT_STALLED) /* what it has not taken is not kept for it */
        c->transport->ops->reset(c->transport);
    wr_conn_close(c);
    wr_metrics_count(&c->worker->metrics, WR_METRIC_EVICTED);
    return true;
}

size_t wr_evict(struct wr_worker *w, size_t most)
{
    struct choice ch = {.n = 0, .most = most < WR_EVICT_MAX ? most : WR_EVICT_MAX};
    int64_t now_ms = wr_loop_now_ms(w->loop);
    size_t gone = 0;

    WR_LIST_FOREACH (it, &w->conns) {
        struct candidate k = look_at(WR_CONTAINER_OF(it, struct wr_conn, link));

        if (may_go(&k, now_ms))
            add(&ch, &k);
    }
    for (size_t i = 0; i < ch.n; i++) /* if one closes another: memory goes after the batch */
        if (ch.v[i].conn->state == WR_CONN_CLOSED || close_if_silent(ch.v[i].conn, now_ms))
            gone++;
    return gone;
}
