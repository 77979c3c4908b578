/*
 * metrics.h — what a worker counts: what came, what was answered, and which limit met whom; and all
 * that a server has counted, as text.
 *
 * Threads: a worker's counters are written by its own thread alone, and read by any: relaxed loads
 *          and stores, no read-modify-write, so that counting costs what an increment costs.
 */
#ifndef WR_SERVER_METRICS_H
#define WR_SERVER_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "http/h1_parse.h"
#include "http/method.h"

/* id, name, its label or "", what it counts. Rows of one name stand together; the first says what,
 * in a text without a backslash. */
#define WR_METRICS(X)                                                                              \
    X(UNANSWERED, "requests_unanswered", "",                                                       \
      "Requests that ended without an answer: their client had gone, or the server stopped.")      \
    X(CONTENT_RECEIVED, "request_content_bytes", "",                                               \
      "Bytes of content of requests that were read, without framing.")                             \
    X(CONTENT_SENT, "response_content_bytes", "",                                                  \
      "Bytes of content of responses that were sent, without framing.")                            \
    X(CONNECTIONS, "connections", "", "Connections that were taken in.")                           \
    X(PASSED, "connections_passed", "",                                                            \
      "Connections that one loop has accepted and passed to another, which had fewer.")            \
    X(EVICTED, "connections_closed", "reason=\"evicted\"",                                         \
      "Connections that a limit or a deadline has closed.")                                        \
    X(ADDRESS_FULL, "connections_closed", "reason=\"connections_per_address_max\"", "")            \
    X(FIRST_TIMEOUT, "connections_closed", "reason=\"first_request\"", "")                         \
    X(KEEP_ALIVE_TIMEOUT, "connections_closed", "reason=\"keep_alive_ms\"", "")                    \
    X(DROP_TIMEOUT, "connections_closed", "reason=\"body_idle_ms\"", "")                           \
    X(WRITE_TIMEOUT, "connections_closed", "reason=\"write_idle_ms\"", "")                         \
    X(WRITE_SLOW, "connections_closed", "reason=\"write_rate_min\"", "")                           \
    X(REQUEST_TIMEOUT, "connections_closed", "reason=\"request_ms\"", "")                          \
    X(LINGER_TIMEOUT, "connections_closed", "reason=\"linger_ms\"", "")                            \
    X(ACCEPT_PAUSES, "accept_pauses", "",                                                          \
      "Times that accepting has paused for want of descriptors or memory, or at a limit.")

enum wr_metric {
#define X(id, name, label, doc) WR_METRIC_##id,
    WR_METRICS(X)
#undef X
        WR_METRIC_COUNT
};

#define WR_METRICS_METHODS (WR_METHOD_OTHER + 1)
#define WR_METRICS_CLASSES 5 /* of statuses: 1xx to 5xx */

struct wr_metrics {
    _Atomic uint64_t count[WR_METRIC_COUNT];
    _Atomic uint64_t answered[WR_METRICS_METHODS][WR_METRICS_CLASSES]; /* requests */
    _Atomic uint64_t refused[WR_H1_REASON_COUNT]; /* requests, by the rule that they broke */
};

static inline void wr_metric_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void wr_metrics_count(struct wr_metrics *m, enum wr_metric id)
{
    wr_metric_add(&m->count[id], 1);
}

static inline void wr_metrics_refuse(struct wr_metrics *m, enum wr_h1_reason reason)
{
    wr_metric_add(&m->refused[reason], 1);
}

/* A request was answered with this status, from 100 to 599. */
static inline void wr_metrics_answer(struct wr_metrics *m, enum wr_method method, int status)
{
    wr_metric_add(&m->answered[method][(unsigned)status / 100 - 1], 1);
}

/* ---- of all workers ---- */

/* The sum of what workers have counted, and what is known of their server. */
struct wr_metrics_total {
    struct wr_metrics sum;
    long connections;    /* that are open */
    int64_t started_ms;  /* since 1970, UTC; 0: unknown */
    const char *version; /* NULL: unknown */
};

/* Adds what a worker has counted by now. Any thread. */
void wr_metrics_add(struct wr_metrics *sum, const struct wr_metrics *worker);

/* In the text format of Prometheus, version 0.0.4; malloc'ed. NULL: no memory. */
char *wr_metrics_text(const struct wr_metrics_total *total);

#endif
