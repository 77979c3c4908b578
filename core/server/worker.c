#include "server/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/cache_line.h"
#include "base/poison.h"

/* What an idle worker keeps: the busiest turns need about one of each per connection in a batch. */
#define POOL_EXCHANGES 64
#define POOL_BUFFERS   64

/* ---- addresses ---- */

static bool has_address_limit(const struct wr_worker *w)
{
    return w->addresses && w->site->config.connections_per_address_max > 0;
}

static int count_address(struct wr_worker *w, struct wr_conn *c, int64_t max)
{
    int err;

    if (!wr_addresses_has(&c->peer))
        return 0;
    err = wr_addresses_add(w->addresses, &c->peer, max);
    c->is_counted = err == 0;
    return err;
}

/* ---- sites ---- */

/* Two loops count their exchanges in two of them, with every request. */
struct wr_lease *wr_lease_new(struct wr_site *site)
{
    struct wr_lease *lease = wr_calloc_apart(1, sizeof *lease);

    if (!lease)
        return NULL;
    lease->site = site;
    atomic_fetch_add(&site->leases, 1);
    return lease;
}

static void end_lease(struct wr_worker *w, struct wr_lease *lease)
{
    struct wr_site *site = lease->site;

    free(lease);
    if (atomic_fetch_sub(&site->leases, 1) == 1 && w->on_site_idle)
        w->on_site_idle(w, site);
}

static void retire_lease(struct wr_worker *w, struct wr_lease *lease)
{
    lease->is_retired = true;
    if (lease->exchanges == 0)
        end_lease(w, lease);
}

void wr_worker_give_lease(struct wr_worker *w, struct wr_lease *lease)
{
    if (--lease->exchanges == 0 && lease->is_retired)
        end_lease(w, lease);
}

/* One that there is no memory for goes uncounted, as if it had come before the limit did. */
static void count_open(struct wr_worker *w)
{
    if (!has_address_limit(w))
        return;
    WR_LIST_FOREACH (it, &w->conns) {
        struct wr_conn *c = WR_CONTAINER_OF(it, struct wr_conn, link);

        if (!c->is_counted)
            count_address(w, c, 0);
    }
}

void wr_worker_switch(struct wr_worker *w, struct wr_lease *lease)
{
    struct wr_lease *old = w->lease;

    w->lease = lease;
    w->site = lease->site;
    retire_lease(w, old);
    count_open(w);
}

/* ---- life ---- */

int wr_worker_init(struct wr_worker *w, const struct wr_clock *clock, struct wr_site *site)
{
    char *out = malloc(WR_WORKER_OUT);
    int err = -ENOMEM;

    *w = (struct wr_worker){.site = site, .date_s = INT64_MIN};
    if (getrandom(&w->random, sizeof w->random, GRND_NONBLOCK) < 0)
        w->random = (uint64_t)clock->wall_ns(clock->ctx) ^ (uintptr_t)w;
    memcpy(w->usual_start, WR_WORKER_START, sizeof w->usual_start);
    wr_list_init(&w->conns);
    wr_list_init(&w->free_exchanges);
    wr_tokens_init(&w->tokens);
    w->scratch = malloc(WR_WORKER_SCRATCH);
    w->lease = wr_lease_new(site);
    if (out && w->scratch && w->lease)
        w->loop = wr_loop_new(clock, &err);
    if (!w->loop) {
        if (w->lease)
            retire_lease(w, w->lease);
        wr_tokens_fini(&w->tokens);
        free(out);
        free(w->scratch);
        return err;
    }
    w->out = wr_buf_on(out, WR_WORKER_OUT);
    return 0;
}

static void free_exchange(struct wr_exchange *x)
{
    wr_arena_fini(&x->arena);
    free(x);
}

void wr_worker_close_conns(struct wr_worker *w)
{
    w->on_conns_changed = NULL;
    while (!wr_list_is_empty(&w->conns))
        wr_conn_close(WR_CONTAINER_OF(w->conns.next, struct wr_conn, link));
}

void wr_worker_fini(struct wr_worker *w)
{
    struct wr_read_buffer *b;

    wr_worker_close_conns(w);
    wr_loop_free(w->loop); /* runs what was deferred: connections are freed */
    WR_LIST_FOREACH_SAFE (it, &w->free_exchanges)
        free_exchange(WR_CONTAINER_OF(it, struct wr_exchange, pooled));
    while ((b = w->free_buffers)) {
        w->free_buffers = b->next;
        free(b);
    }
    retire_lease(w, w->lease);
    wr_tokens_fini(&w->tokens);
    free(w->out.p);
    free(w->scratch);
}

void wr_worker_drain(struct wr_worker *w)
{
    WR_LIST_FOREACH_SAFE (it, &w->conns)
        wr_conn_drain(WR_CONTAINER_OF(it, struct wr_conn, link));
}

struct wr_slice wr_worker_usual_start(struct wr_worker *w)
{
    int64_t now_s = wr_loop_wall_s(w->loop);

    if (now_s != w->date_s) {
        wr_date_format(now_s, w->usual_start + strlen(WR_WORKER_STATUS "Date: "));
        w->date_s = now_s;
    }
    return wr_slice(w->usual_start, sizeof w->usual_start);
}

struct wr_slice wr_worker_common_fields(struct wr_worker *w)
{
    return wr_slice_from(wr_worker_usual_start(w), strlen(WR_WORKER_STATUS));
}

int wr_worker_add_conn(struct wr_worker *w, struct wr_conn *c)
{
    int64_t max = w->site->config.connections_per_address_max;
    int err = has_address_limit(w) ? count_address(w, c, max) : 0;

    if (err == -EUSERS)
        wr_metrics_count(&w->metrics, WR_METRIC_ADDRESS_FULL);
    if (err < 0)
        return err;
    wr_list_append(&w->conns, &c->link);
    w->conns_n++;
    wr_metrics_count(&w->metrics, WR_METRIC_CONNECTIONS);
    if (w->on_conns_changed)
        w->on_conns_changed(w, 1);
    return 0;
}

void wr_worker_remove_conn(struct wr_worker *w, struct wr_conn *c)
{
    wr_list_remove(&c->link);
    w->conns_n--;
    if (c->is_counted)
        wr_addresses_remove(w->addresses, &c->peer);
    if (w->on_conns_changed)
        w->on_conns_changed(w, -1);
}

void wr_worker_count(struct wr_worker *w, struct wr_metrics_total *out)
{
    *out = (struct wr_metrics_total){.connections = (long)w->conns_n};
    if (w->count_all)
        w->count_all(w, out);
    else
        wr_metrics_add(&out->sum, &w->metrics);
}

/* ---- pools ---- */

struct wr_exchange *wr_worker_take_exchange(struct wr_worker *w)
{
    struct wr_exchange *x;

    if (!wr_list_is_empty(&w->free_exchanges)) {
        x = WR_CONTAINER_OF(w->free_exchanges.next, struct wr_exchange, pooled);
        wr_list_remove(&x->pooled);
        w->free_exchanges_n--;
        x->arena.limit = w->site->config.arena_bytes_max;
        return x;
    }
    x = malloc(sizeof *x);
    if (!x)
        return NULL;
    x->worker = w;
    wr_list_init(&x->pooled);
    wr_arena_init(&x->arena, w->site->config.arena_bytes_max);
    return x;
}

void wr_worker_give_exchange(struct wr_worker *w, struct wr_exchange *x)
{
    if (w->free_exchanges_n == POOL_EXCHANGES) {
        free_exchange(x);
        return;
    }
    /* At the front: the one used last is the one still in the processor's cache. */
    wr_list_append(w->free_exchanges.next, &x->pooled);
    w->free_exchanges_n++;
}

struct wr_read_buffer *wr_worker_take_buffer(struct wr_worker *w, uint32_t cap)
{
    struct wr_read_buffer *b = w->free_buffers;

    if (b && cap <= WR_READ_BUFFER) {
        w->free_buffers = b->next;
        w->free_buffers_n--;
    } else {
        if (cap < WR_READ_BUFFER)
            cap = WR_READ_BUFFER;
        b = malloc(sizeof *b + cap);
        if (!b)
            return NULL;
        b->cap = cap;
    }
    WR_UNPOISON(b->data, b->cap);
    b->refs = 1;
    b->start = b->end = 0;
    return b;
}

void wr_worker_unref_buffer(struct wr_worker *w, struct wr_read_buffer *b)
{
    if (--b->refs > 0)
        return;
    if (b->cap != WR_READ_BUFFER || w->free_buffers_n == POOL_BUFFERS) {
        free(b);
        return;
    }
    WR_POISON(b->data, b->cap); /* where slices of a request have pointed */
    b->next = w->free_buffers;
    w->free_buffers = b;
    w->free_buffers_n++;
}
