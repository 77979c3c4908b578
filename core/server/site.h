/*
 * site.h — what a server serves and how: one generation of its configuration.
 *
 *     made ─► started ─► served by every worker ─► retired ─► idle ─► stopped, freed
 *
 * A reload makes a new one; each worker switches to it between two events. An exchange ends with
 * the site that it began with: a worker counts its exchanges of each site in a lease, so that a
 * request costs no atomic operation, and lets go of the site when it has been retired and the
 * count is zero.
 *
 * Ownership: the server's. It owns its handlers; `release` lets go of what its maker keeps for it.
 * Threads:   immutable once a worker has it, but for the references.
 */
#ifndef WR_SERVER_SITE_H
#define WR_SERVER_SITE_H

#include <stdatomic.h>

#include "base/log.h"
#include "server/access_log.h"
#include "server/config.h"
#include "server/error_pages.h"
#include "server/router.h"

struct wr_site {
    struct wr_config config;
    struct wr_log log;
    struct wr_access_log access_log; /* .write NULL: none is kept */
    struct wr_router router;
    const struct wr_error_pages *error_pages; /* NULL: the server's own */

    /* Threads for what a loop must not wait for: `helpers` for a disk, `makers` for content that is
     * made, which takes long, so that nobody waits for a disk behind it. */
    int helper_threads;               /* of each, at most; 0: no handler wants them */
    struct wr_pool *helpers, *makers; /* while it is started, and there are any */

    void (*release)(struct wr_site *site); /* last of all; NULL: nothing. May free the struct */

    atomic_int leases;    /* workers that still have it */
    struct wr_site *next; /* among those that are retired */
};

/* What a worker has of a site. */
struct wr_lease {
    struct wr_site *site;
    size_t exchanges; /* that began with it */
    bool is_retired;
};

/* Calls each handler once, however many routes it has: NULL behind the last. *at is 0 to begin with. */
struct wr_handler *wr_site_next_handler(const struct wr_site *site, size_t *at);

/* What `start` of all handlers allocates and begins beside the loops; then, once for each loop, what
 * they have there; then their threads. 0, or -errno with `why`, of WR_WHY_MAX bytes, filled. After
 * a failure it is to be stopped as if all had been started. */
int wr_site_prepare(struct wr_site *site, struct wr_worker *const *workers, int n, char *why);
int wr_site_start_loop(struct wr_site *site, int loop, char *why);
int wr_site_start(struct wr_site *site, char *why);

/* The other way round, when no exchange has it any more. */
void wr_site_stop(struct wr_site *site);
void wr_site_stop_loop(struct wr_site *site, int loop);

/* Frees what it owns, and releases it. */
void wr_site_fini(struct wr_site *site);

/* Something still works elsewhere for it: says so in the log. */
void wr_site_warn_if_busy(const struct wr_site *site);

/* Every exchange has ended: waits until nothing works elsewhere, see wr_handler_ops.wait. */
void wr_site_wait(struct wr_site *site);

#endif
