#include "server/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/cache_line.h"
#include "http/h1_scan.h"
#include "server/h1_conn.h"

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

void wr_worker_end_lease(struct wr_worker *w, struct wr_lease *lease)
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
        wr_worker_end_lease(w, lease);
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

    *w = (struct wr_worker){.site = site, .date_s = INT64_MIN, .scan = wr_h1_scan_at(0)};
    if (getrandom(&w->random, sizeof w->random, GRND_NONBLOCK) < 0)
        w->random = (uint64_t)clock->wall_ns(clock->ctx) ^ (uintptr_t)w;
    memcpy(w->usual_start, WR_WORKER_START, sizeof w->usual_start);
    wr_list_init(&w->conns);
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

void wr_worker_close_conns(struct wr_worker *w)
{
    w->on_conns_changed = NULL;
    while (!wr_list_is_empty(&w->conns))
        wr_conn_close(WR_CONTAINER_OF(w->conns.next, struct wr_conn, link));
}

void wr_worker_fini(struct wr_worker *w)
{
    struct wr_read_buffer *b;
    struct wr_exchange *x;

    wr_worker_close_conns(w);
    wr_loop_free(w->loop); /* runs what was deferred: connections are freed */
    wr_h1_free_pool(w);
    while ((x = w->free_exchanges)) {
        w->free_exchanges = x->next;
        wr_worker_free_exchange(x);
    }
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

void wr_worker_render_date(struct wr_worker *w, int64_t now_s)
{
    wr_date_format(now_s, w->usual_start + strlen(WR_WORKER_STATUS "Date: "));
    w->date_s = now_s;
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

struct wr_exchange *wr_worker_new_exchange(struct wr_worker *w)
{
    struct wr_exchange *x = malloc(sizeof *x);

    if (!x)
        return NULL;
    x->worker = w;
    wr_arena_init(&x->arena, w->site->config.arena_bytes_max);
    return x;
}

void wr_worker_free_exchange(struct wr_exchange *x)
{
    wr_arena_fini(&x->arena);
    free(x);
}

struct wr_read_buffer *wr_worker_new_buffer(uint32_t cap)
{
    struct wr_read_buffer *b;

    if (cap < WR_READ_BUFFER)
        cap = WR_READ_BUFFER;
    b = malloc(sizeof *b + cap + WR_H1_SLACK);
    if (!b)
        return NULL;
    *b = (struct wr_read_buffer){.refs = 1, .cap = cap};
    return b;
}
