/*
 * worker.h — one loop with all that its connections share: pools, buffers, the rendered date.
 *
 * Threads: everything here belongs to the loop's thread.
 */
#ifndef WR_SERVER_WORKER_H
#define WR_SERVER_WORKER_H

#include <stdlib.h>

#include "base/branch.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/poison.h"
#include "http/date.h"
#include "io/loop.h"
#include "server/addresses.h"
#include "server/conn.h"
#include "server/exchange.h"
#include "server/metrics.h"
#include "server/site.h"
#include "server/tokens.h"

#define WR_WORKER_OUT          ((size_t)64 * 1024)    /* answers of one batch, sent at once */
#define WR_RESPONSE_FIELDS_MAX (WR_WORKER_OUT - 2048) /* bytes: the rest of a head needs room too */
#define WR_WORKER_SCRATCH      ((size_t)256 * 1024)   /* what is read only to be dropped */
#define WR_KNOWN_HOST          64          /* a longer one is looked at in every request */
#define WR_READ_BUFFER         (16 * 1024) /* an ordinary request, and many pipelined ones */

/* The fields of every response; the date's place is filled in. */
#define WR_WORKER_DATE     "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
#define WR_WORKER_DATE_LEN (sizeof WR_WORKER_DATE - 1)
#define WR_WORKER_FIELDS   WR_WORKER_DATE "Server: Weir\r\n"
#define WR_WORKER_STATUS   "HTTP/1.1 200 OK\r\n"
#define WR_WORKER_START    WR_WORKER_STATUS WR_WORKER_FIELDS

/* Bytes that were read and are not consumed yet. Never written to once read, but for the NUL behind a
 * path and those of texts (request.h): slices point here. */
struct wr_read_buffer {
    struct wr_read_buffer *next; /* in the pool */
    unsigned refs;               /* the connection, and an exchange whose head lies here */
    uint32_t start, end, cap;
    char data[]; /* cap bytes, and WR_H1_SLACK more that a parser may load but nobody fills */
};

struct wr_worker {
    int index; /* 0 up, among the server's workers */
    struct wr_loop *loop;
    const struct wr_site *site; /* that new requests are for */
    struct wr_lease *lease;     /* of it */

    char known_host[WR_KNOWN_HOST]; /* the last value of Host that was right */
    uint32_t known_host_n;
    const struct wr_h1_scan *scan; /* how heads are read, with what the processor has */
    uint64_t requests;             /* that came to be exchanges */
    uint64_t random;               /* with the number of a request an id that is unique */
    struct wr_list conns;
    size_t conns_n;
    struct wr_addresses *addresses; /* of the connections on all loops; NULL: nobody counts them */
    struct wr_exchange *free_exchanges;
    size_t free_exchanges_n;
    struct wr_h1 *free_h1; /* h1_conn.c's */
    size_t free_h1_n;
    struct wr_read_buffer *free_buffers;
    size_t free_buffers_n;

    struct wr_conn *running; /* the connection that is being served; NULL between events */
    struct wr_buf out;       /* its answers; nobody else's bytes may go there */
    char *scratch;

    struct wr_metrics metrics;
    struct wr_tokens tokens; /* of its requests */

    int64_t date_s; /* the second that is rendered in `usual_start` */
    char usual_start[sizeof WR_WORKER_START - 1];

    /* Called when a connection has come (+1) or is gone (-1); NULL: nobody counts. */
    void (*on_conns_changed)(struct wr_worker *w, int change);

    /* Called when the last worker has let go of a site that was retired; NULL: nobody waits. */
    void (*on_site_idle)(struct wr_worker *w, struct wr_site *site);

    /* Fills in what all workers of its server have counted; NULL: it is alone. */
    void (*count_all)(struct wr_worker *w, struct wr_metrics_total *out);
};

/* 0 or -errno. `clock` must outlive the worker, `site` too or be switched away from. */
int wr_worker_init(struct wr_worker *w, const struct wr_clock *clock, struct wr_site *site);

/* A lease for wr_worker_switch(); NULL: no memory. */
struct wr_lease *wr_lease_new(struct wr_site *site);

/* From now on requests are for the site of this lease, which is taken. Between events. If it
 * bounds the connections of an address, those that are open count. */
void wr_worker_switch(struct wr_worker *w, struct wr_lease *lease);

/* The last exchange of a lease that was retired has let go of it. */
WR_COLD void wr_worker_end_lease(struct wr_worker *w, struct wr_lease *lease);

/* One exchange fewer has this lease. */
static inline void wr_worker_give_lease(struct wr_worker *w, struct wr_lease *lease)
{
    if (--lease->exchanges == 0 && lease->is_retired)
        wr_worker_end_lease(w, lease);
}

/* Closes every connection at once. */
void wr_worker_close_conns(struct wr_worker *w);

/* The rest, when nobody holds an exchange any more but by what has been posted to the loop. */
void wr_worker_fini(struct wr_worker *w);

/* Asks every connection to finish what is in flight and close. */
void wr_worker_drain(struct wr_worker *w);

/* The second has changed. */
WR_COLD void wr_worker_render_date(struct wr_worker *w, int64_t now_s);

/* The usual status line, then Date and Server as field lines; and these alone. Rendered once a second:
 * sizeof w->usual_start bytes. */
static inline const char *wr_worker_usual_start(struct wr_worker *w)
{
    int64_t now_s = wr_loop_wall_s(w->loop);

    if (now_s != w->date_s)
        wr_worker_render_date(w, now_s);
    return w->usual_start;
}

static inline struct wr_slice wr_worker_common_fields(struct wr_worker *w)
{
    const size_t status_n = strlen(WR_WORKER_STATUS);

    return wr_slice(wr_worker_usual_start(w) + status_n, sizeof w->usual_start - status_n);
}

/* 0; -EUSERS: its address has as many as the site allows; -ENOMEM. */
int wr_worker_add_conn(struct wr_worker *w, struct wr_conn *c);
void wr_worker_remove_conn(struct wr_worker *w, struct wr_conn *c);

/* What its server has counted by now, on all workers. */
void wr_worker_count(struct wr_worker *w, struct wr_metrics_total *out);

/* ---- pools: the last that was given is the next that is taken, for it is still in the cache ---- */

#define WR_WORKER_POOL                                                                             \
    64 /* of each, that an idle worker keeps: about what a batch of events needs */

/* When the pool is empty; NULL: no memory. */
WR_COLD struct wr_exchange *wr_worker_new_exchange(struct wr_worker *w);
WR_COLD struct wr_read_buffer *wr_worker_new_buffer(uint32_t cap);

/* When it is full. */
WR_COLD void wr_worker_free_exchange(struct wr_exchange *x);

/* With no more than its arena and its worker set; NULL: no memory. */
static inline struct wr_exchange *wr_worker_take_exchange(struct wr_worker *w)
{
    struct wr_exchange *x = w->free_exchanges;

    if (!x)
        return wr_worker_new_exchange(w);
    w->free_exchanges = x->next;
    w->free_exchanges_n--;
    x->arena.limit = w->site->config.arena_bytes_max;
    return x;
}

static inline void wr_worker_give_exchange(struct wr_worker *w, struct wr_exchange *x)
{
    if (w->free_exchanges_n == WR_WORKER_POOL) {
        wr_worker_free_exchange(x);
        return;
    }
    x->next = w->free_exchanges;
    w->free_exchanges = x;
    w->free_exchanges_n++;
}

/* Empty, with one reference and room for at least `cap` bytes; NULL: no memory. */
static inline struct wr_read_buffer *wr_worker_take_buffer(struct wr_worker *w, uint32_t cap)
{
    struct wr_read_buffer *b = w->free_buffers;

    if (!b || cap > WR_READ_BUFFER)
        return wr_worker_new_buffer(cap);
    w->free_buffers = b->next;
    w->free_buffers_n--;
    WR_UNPOISON(b->data, b->cap);
    b->refs = 1;
    b->start = b->end = 0;
    return b;
}

static inline void wr_worker_unref_buffer(struct wr_worker *w, struct wr_read_buffer *b)
{
    if (--b->refs > 0)
        return;
    if (b->cap != WR_READ_BUFFER || w->free_buffers_n == WR_WORKER_POOL) {
        free(b);
        return;
    }
    WR_POISON(b->data, b->cap); /* where slices of a request have pointed */
    b->next = w->free_buffers;
    w->free_buffers = b;
    w->free_buffers_n++;
}

#endif
