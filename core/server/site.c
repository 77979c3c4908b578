#include "server/site.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/pool.h"

#define HELPERS_QUEUE_MAX 1024 /* past it a request waits for the disk itself */
#define MAKERS_QUEUE_MAX  64   /* past it one does without: who came last would wait for seconds */

struct wr_handler *wr_site_next_handler(const struct wr_site *site, size_t *at)
{
    const struct wr_router *r = &site->router;

    while (*at < r->n && r->v[*at].is_further)
        ++*at;
    return *at < r->n ? r->v[(*at)++].handler : NULL;
}

int wr_site_prepare(struct wr_site *site, struct wr_worker *const *workers, int n, char *why)
{
    struct wr_handler *h;
    size_t at = 0;
    int err = wr_router_index(&site->router);

    if (err < 0)
        snprintf(why, WR_WHY_MAX, "out of memory");
    while (err == 0 && (h = wr_site_next_handler(site, &at)))
        if (h->ops->prepare)
            err = h->ops->prepare(h, workers, n, why);
    return err;
}

int wr_site_start_loop(struct wr_site *site, int loop, char *why)
{
    struct wr_handler *h;
    size_t at = 0;
    int err = 0;

    while (err == 0 && (h = wr_site_next_handler(site, &at)))
        if (h->ops->start_loop)
            err = h->ops->start_loop(h, loop, why);
    return err;
}

static int start_pool(const struct wr_pool_setup *setup, struct wr_pool **pool)
{
    *pool = wr_pool_new(setup);
    return *pool ? wr_pool_start(*pool) : -ENOMEM;
}

static int start_helpers(struct wr_site *site, char *why)
{
    const struct wr_pool_setup helpers = {.threads = site->helper_threads,
                                          .queue_max = HELPERS_QUEUE_MAX,
                                          .name = "weir-help",
                                          .on_demand = true};
    const struct wr_pool_setup makers = {.threads = site->helper_threads,
                                         .queue_max = MAKERS_QUEUE_MAX,
                                         .name = "weir-make",
                                         .on_demand = true};
    int err;

    if (site->helper_threads == 0)
        return 0;
    err = start_pool(&helpers, &site->helpers);
    if (err == 0)
        err = start_pool(&makers, &site->makers);
    if (err < 0)
        snprintf(why, WR_WHY_MAX, "cannot start threads: %s", strerrordesc_np(-err));
    return err;
}

int wr_site_start(struct wr_site *site, char *why)
{
    struct wr_handler *h;
    size_t at = 0;
    int err = start_helpers(site, why);

    while (err == 0 && (h = wr_site_next_handler(site, &at)))
        if (h->ops->start)
            err = h->ops->start(h, why);
    return err;
}

void wr_site_stop(struct wr_site *site)
{
    struct wr_handler *h;

    for (size_t at = 0; (h = wr_site_next_handler(site, &at));)
        if (h->ops->stop)
            h->ops->stop(h);
    wr_pool_free(site->helpers);
    wr_pool_free(site->makers);
    site->helpers = site->makers = NULL;
}

void wr_site_stop_loop(struct wr_site *site, int loop)
{
    struct wr_handler *h;

    for (size_t at = 0; (h = wr_site_next_handler(site, &at));)
        if (h->ops->stop_loop)
            h->ops->stop_loop(h, loop);
}

void wr_site_fini(struct wr_site *site)
{
    wr_router_free(&site->router);
    if (site->release)
        site->release(site);
}

void wr_site_warn_if_busy(const struct wr_site *site)
{
    const struct wr_router *r = &site->router;

    for (size_t i = 0; i < r->n; i++) {
        struct wr_handler *h = r->v[i].handler;

        if (!r->v[i].is_further && h->ops->is_busy && h->ops->is_busy(h))
            wr_log(&site->log, WR_LOG_WARN,
                   "stopping: waiting for calls at %s that have not returned", r->v[i].text);
    }
    if ((site->helpers && wr_pool_is_busy(site->helpers)) ||
        (site->makers && wr_pool_is_busy(site->makers)))
        wr_log(&site->log, WR_LOG_WARN,
               "stopping: waiting for a disk, or for content to be encoded");
}

void wr_site_wait(struct wr_site *site)
{
    struct wr_handler *h;

    for (size_t at = 0; (h = wr_site_next_handler(site, &at));)
        if (h->ops->wait)
            h->ops->wait(h);
    if (site->helpers)
        wr_pool_wait(site->helpers);
    if (site->makers)
        wr_pool_wait(site->makers);
}
