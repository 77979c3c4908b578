/*
 * pool.h — connections to PostgreSQL on a loop of Weir, and the queries that wait for one.
 *
 * A connection outlives the requests that use it: it connects before the first one, reads the rest
 * of what nobody waits for any more, and notices when the server goes. So it is driven by callbacks
 * of the loop, and a query is a guest on it. All is on one loop's thread, and nothing is locked.
 */
#ifndef QUERY_POOL_H
#define QUERY_POOL_H

#include "cancel.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define STATUS_DOWN 503 /* no connection, or it was lost */

/* The memory is the request's: pool_withdraw() takes it back at the latest before that is over. */
struct query {
    struct query *next;
    struct connection *on; /* NULL: it waits, or is over */
    int is_waiting;
    const char *const *values; /* of the statement's parameters */
    int is_over;
};

struct pool_setup {
    const char *connect, *statement;
    int params_n, connections_n;
    unsigned queue_max;
    uint32_t connect_ms, retry_ms;
    struct canceller *canceller;
    /* A row, or what the statement came to. Below 0: enough of it. */
    int (*on_result)(struct query *q, const PGresult *result);
    /* It is over: 0, all results were given; or STATUS_DOWN. */
    void (*on_end)(struct query *q, int status);
};

enum connection_state { CONNECTION_DOWN, CONNECTION_BEGINS, CONNECTION_IDLE, CONNECTION_BUSY };

struct connection {
    struct pool *pool;
    enum connection_state state;
    PGconn *pg;
    int fd;                /* a duplicate of libpq's, see connection_watch(); -1: none */
    struct query *query;   /* NULL and BUSY: what comes is for nobody */
    unsigned long session; /* counts its lives */
    int is_cancelling;     /* the canceller has not answered yet */
    int is_drained;        /* while it has not: the results have come to their end */
    int will_retry;
};

struct pool {
    weir_loop *loop;
    const weir_host *host;
    const struct pool_setup *setup;
    struct connection *all;
    struct query *first, **end; /* they wait */
    unsigned waiting_n;
    int is_down; /* the last attempt to connect has failed */
};

static inline void connection_lost(struct connection *c, const char *why);
static inline void connection_next(struct connection *c);

/* ---- the socket ---- */

static inline void connection_unwatch(struct connection *c)
{
    if (c->fd < 0)
        return;
    weir_loop_watch_fd(c->pool->loop, c->fd, 0, NULL, NULL);
    close(c->fd);
    c->fd = -1;
}

static inline void connection_on_ready(weir_loop *loop, void *arg, uint32_t events);

/* libpq closes its socket when it has failed, in the midst of a call, and a descriptor that is
 * watched must not be closed: so a duplicate is watched, which is ours. */
static inline int connection_watch(struct connection *c, uint32_t events)
{
    if (c->fd < 0)
        c->fd = fcntl(PQsocket(c->pg), F_DUPFD_CLOEXEC, 0);
    return c->fd >= 0 &&
           weir_loop_watch_fd(c->pool->loop, c->fd, events, connection_on_ready, c) == 0;
}

/* ---- connecting ---- */

static inline void connection_on_time(weir_loop *loop, void *arg)
{
    (void)loop;
    connection_lost(arg, "the server does not answer");
}

static inline void connection_be_idle(struct connection *c)
{
    c->state = CONNECTION_IDLE;
    if (connection_watch(c, POLLIN))
        connection_next(c);
    else
        connection_lost(c, "no memory to wait for it");
}

static inline void connection_drop_notice(void *arg, const char *text)
{
    (void)arg;
    (void)text; /* else libpq prints them */
}

static inline void connection_ready(struct connection *c)
{
    struct pool *p = c->pool;

    weir_loop_timer(p->loop, WEIR_NEVER, connection_on_time, c);
    PQsetNoticeProcessor(c->pg, connection_drop_notice, NULL);
    if (PQsetnonblocking(c->pg, 1) != 0) {
        connection_lost(c, "it cannot be made not to block");
        return;
    }
    if (p->is_down)
        weir_host_log(p->host, WEIR_LOG_INFO, "connected to the database again");
    p->is_down = 0;
    connection_be_idle(c);
}

/* Each step may be on another socket: of the next address, or without TLS. */
static inline void connection_step(struct connection *c)
{
    PostgresPollingStatusType next;
    int ok = 1;

    connection_unwatch(c);
    next = PQconnectPoll(c->pg);
    if (next == PGRES_POLLING_READING)
        ok = connection_watch(c, POLLIN);
    else if (next == PGRES_POLLING_WRITING)
        ok = connection_watch(c, POLLOUT);
    else if (next == PGRES_POLLING_OK)
        connection_ready(c);
    else
        connection_lost(c, PQerrorMessage(c->pg));
    if (!ok)
        connection_lost(c, "no memory to wait for it");
}

static inline void connection_begin(struct connection *c)
{
    const char *const keys[] = {"dbname", "client_encoding", "fallback_application_name", NULL};
    const char *const values[] = {c->pool->setup->connect, "UTF8", "weir", NULL};

    c->state = CONNECTION_BEGINS;
    c->pg = PQconnectStartParams(keys, values, 1);
    if (!c->pg || PQstatus(c->pg) == CONNECTION_BAD)
        connection_lost(c, c->pg ? PQerrorMessage(c->pg) : "out of memory");
    else if (weir_loop_timer(c->pool->loop, c->pool->setup->connect_ms, connection_on_time, c) <
                 0 ||
             !connection_watch(c, POLLOUT))
        connection_lost(c, "no memory to wait for it");
}

static inline void connection_on_retry(weir_loop *loop, void *arg)
{
    struct connection *c = arg;

    (void)loop;
    c->will_retry = 0;
    if (c->state == CONNECTION_DOWN)
        connection_begin(c);
}

static inline void connection_retry(struct connection *c)
{
    if (c->state == CONNECTION_DOWN && !c->will_retry)
        c->will_retry =
            weir_loop_timer(c->pool->loop, c->pool->setup->retry_ms, connection_on_retry, c) == 0;
}

/* ---- the end of one ---- */

static inline struct query *pool_take(struct pool *p)
{
    struct query *q = p->first;

    if (!q)
        return NULL;
    p->first = q->next;
    if (!p->first)
        p->end = &p->first;
    p->waiting_n--;
    q->is_waiting = 0;
    return q;
}

static inline void pool_end(struct pool *p, struct query *q, int status)
{
    q->on = NULL;
    q->is_over = 1;
    p->setup->on_end(q, status);
}

/* Those who wait learn it at once, when there is no other connection that they could wait for. */
static inline void pool_note_lost(struct pool *p)
{
    struct query *q;

    for (int i = 0; i < p->setup->connections_n; i++)
        if (p->all[i].state >= CONNECTION_IDLE)
            return;
    p->is_down = 1;
    while ((q = pool_take(p)))
        pool_end(p, q, STATUS_DOWN);
}

/* In one line. */
static inline void connection_tell(struct connection *c, const char *why)
{
    char text[512];

    snprintf(text, sizeof text, "%s", why);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\n')
            *at = at[1] == '\0' ? '\0' : ' ';
    weir_host_log(c->pool->host, WEIR_LOG_WARN, "no connection to the database: %s", text);
}

/* `why` may be libpq's, and is gone with the connection. */
static inline void connection_lost(struct connection *c, const char *why)
{
    struct query *q = c->query;

    if (!c->pool->is_down)
        connection_tell(c, why);
    weir_loop_timer(c->pool->loop, WEIR_NEVER, connection_on_time, c);
    connection_unwatch(c);
    PQfinish(c->pg);
    c->pg = NULL;
    c->query = NULL;
    c->state = CONNECTION_DOWN;
    c->is_cancelling = c->is_drained = 0;
    c->session++;
    if (q)
        pool_end(c->pool, q, STATUS_DOWN);
    pool_note_lost(c->pool);
    connection_retry(c);
}

/* ---- a query ---- */

/* What libpq has not got rid of yet waits for room; answers it reads meanwhile, else both would
 * wait. */
static inline void connection_flush(struct connection *c)
{
    int left = PQflush(c->pg);

    if (left < 0)
        connection_lost(c, PQerrorMessage(c->pg));
    else if (!connection_watch(c, left > 0 ? POLLIN | POLLOUT : POLLIN))
        connection_lost(c, "no memory to wait for it");
}

static inline void connection_ask(struct connection *c, struct query *q)
{
    const struct pool_setup *s = c->pool->setup;

    c->query = q;
    q->on = c;
    c->state = CONNECTION_BUSY;
    c->is_drained = 0;
    if (!PQsendQueryParams(c->pg, s->statement, s->params_n, NULL, q->values, NULL, NULL, 0) ||
        !PQsetSingleRowMode(c->pg))
        connection_lost(c, PQerrorMessage(c->pg));
    else
        connection_flush(c);
}

static inline void connection_next(struct connection *c)
{
    struct query *q = pool_take(c->pool);

    if (q)
        connection_ask(c, q);
}

static inline void connection_done(struct connection *c)
{
    struct query *q = c->query;

    c->query = NULL;
    c->is_drained = 1;
    if (q)
        pool_end(c->pool, q, 0);
    if (!c->is_cancelling)
        connection_be_idle(c);
}

/* The canceller has answered. What it was to cancel may have ended by itself before: only now
 * can the connection be used again, for else the next query would be what is cancelled. */
static inline void connection_on_cancelled(void *arg)
{
    struct cancel *k = arg;
    struct connection *c = k->connection;
    int is_same = k->session == c->session, has_failed = k->has_failed;

    cancel_free(k);
    if (!is_same)
        return;
    c->is_cancelling = 0;
    if (c->is_drained)
        connection_be_idle(c);
    else if (has_failed)
        connection_lost(c, "a query could not be cancelled");
}

/* Nobody waits for its query any more. */
static inline void connection_cancel(struct connection *c)
{
    struct cancel *k = malloc(sizeof *k);

    c->query = NULL;
    if (k) {
        *k = (struct cancel){.loop = c->pool->loop,
                             .done = connection_on_cancelled,
                             .connection = c,
                             .session = c->session,
                             .how = PQgetCancel(c->pg)};
        c->is_cancelling = canceller_add(c->pool->setup->canceller, k) == 0;
    }
    if (!c->is_cancelling)
        connection_lost(c, "a query could not be cancelled");
}

static inline void connection_take(struct connection *c, const PGresult *result)
{
    struct query *q = c->query;

    if (q && c->pool->setup->on_result(q, result) < 0) {
        q->on = NULL;
        q->is_over = 1;
        connection_cancel(c);
    }
}

/* All that has come. */
static inline void connection_collect(struct connection *c)
{
    unsigned long session = c->session;

    while (c->session == session && c->state == CONNECTION_BUSY && !PQisBusy(c->pg)) {
        PGresult *result = PQgetResult(c->pg);
        ExecStatusType status = PQresultStatus(result);

        if (!result && (c->is_drained || PQstatus(c->pg) == CONNECTION_BAD))
            return;
        if (!result)
            connection_done(c);
        else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            connection_lost(c, "the statement is a COPY, which is for no client of HTTP");
        else
            connection_take(c, result);
        PQclear(result);
    }
}

static inline void connection_on_ready(weir_loop *loop, void *arg, uint32_t events)
{
    struct connection *c = arg;
    int is_there;

    (void)loop;
    if (c->state == CONNECTION_BEGINS) {
        connection_step(c);
        return;
    }
    if (events & POLLOUT) {
        connection_flush(c);
        if (c->state == CONNECTION_DOWN)
            return;
    }
    is_there = PQconsumeInput(c->pg);
    connection_collect(c); /* also what came before the end */
    if (c->state >= CONNECTION_IDLE && (!is_there || PQstatus(c->pg) == CONNECTION_BAD))
        connection_lost(c, PQerrorMessage(c->pg));
}

/* ---- the pool ---- */

/* 0: on_end will be called, perhaps in here; or STATUS_DOWN: there is no room, or no connection. */
static inline int pool_ask(struct pool *p, struct query *q)
{
    for (int i = 0; i < p->setup->connections_n; i++) {
        struct connection *c = &p->all[i];

        if (c->state == CONNECTION_IDLE) {
            connection_ask(c, q);
            return 0;
        }
        connection_retry(c);
    }
    if (p->is_down || p->waiting_n >= p->setup->queue_max)
        return STATUS_DOWN;
    q->next = NULL;
    q->is_waiting = 1;
    *p->end = q;
    p->end = &q->next;
    p->waiting_n++;
    return 0;
}

/* on_end will not be called any more. */
static inline void pool_withdraw(struct pool *p, struct query *q)
{
    if (q->on) {
        struct connection *c = q->on;

        q->on = NULL;
        connection_cancel(c);
    }
    for (struct query **at = &p->first; q->is_waiting && *at; at = &(*at)->next)
        if (*at == q) {
            *at = q->next;
            if (!*at)
                p->end = at;
            p->waiting_n--;
            q->is_waiting = 0;
            break;
        }
    q->is_over = 1;
}

/* In loop_start. NULL: no memory. */
static inline struct pool *pool_new(const weir_host *host, weir_loop *loop,
                                    const struct pool_setup *setup)
{
    struct pool *p = calloc(1, sizeof *p);

    if (p)
        p->all = calloc((size_t)setup->connections_n, sizeof *p->all);
    if (!p || !p->all) {
        free(p);
        return NULL;
    }
    p->loop = loop;
    p->host = host;
    p->setup = setup;
    p->end = &p->first;
    for (int i = 0; i < setup->connections_n; i++) {
        p->all[i].pool = p;
        p->all[i].fd = -1;
    }
    for (int i = 0; i < setup->connections_n; i++)
        connection_begin(&p->all[i]);
    return p;
}

/* In loop_stop. */
static inline void pool_free(struct pool *p)
{
    for (int i = 0; i < p->setup->connections_n; i++) {
        connection_unwatch(&p->all[i]);
        PQfinish(p->all[i].pg);
    }
    free(p->all);
    free(p);
}

#endif
