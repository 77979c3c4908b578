#include "server/site.h"

/* Was this handler met at an earlier route? */
static bool is_again(const struct wr_router *r, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (r->v[i].handler == r->v[at].handler)
            return true;
    return false;
}

struct wr_handler *wr_site_next_handler(const struct wr_site *site, size_t *at)
{
    const struct wr_router *r = &site->router;

    while (*at < r->n && is_again(r, *at))
        ++*at;
    return *at < r->n ? r->v[(*at)++].handler : NULL;
}

int wr_site_prepare(struct wr_site *site, struct wr_worker *const *workers, int n, char *why)
{
    struct wr_handler *h;
    size_t at = 0;
    int err = 0;

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

int wr_site_start(struct wr_site *site, char *why)
{
    struct wr_handler *h;
    size_t at = 0;
    int err = 0;

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

        if (!is_again(r, i) && h->ops->is_busy && h->ops->is_busy(h))
            wr_log(&site->log, WR_LOG_WARN,
                   "stopping: waiting for calls at %s that have not returned", r->v[i].text);
    }
}

void wr_site_wait(struct wr_site *site)
{
    struct wr_handler *h;

    for (size_t at = 0; (h = wr_site_next_handler(site, &at));)
        if (h->ops->wait)
            h->ops->wait(h);
}
