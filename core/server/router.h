/*
 * router.h — from host and path to a handler.
 *
 * A route is written [HOST]/PATH, or =[HOST]/PATH for that path alone; without '=' it also has all
 * paths below. HOST is compared without its port, in any case; `*.example.org` is a wildcard
 * (vhosts.h); a route without one has all hosts, also those that no other route names, and requests
 * that name none: it is what the default host answers with. What matches is tried in this order
 * until one does not decline: routes of the host, of wildcards that have it, longer before shorter,
 * of all; within each exact before prefix, long before short. A prefix ends at a '/': /a has /a and
 * /a/b, not /ab.
 *
 * Ownership: routes own their handlers; one may have several routes. Immutable once it is served,
 *            so any thread may look.
 */
#ifndef WR_SERVER_ROUTER_H
#define WR_SERVER_ROUTER_H

#include "server/handler.h"
#include "server/vhosts.h"

struct wr_route {
    struct wr_slice host; /* in lower case, without a port, "*." in front of a wildcard; absent:
                             every one */
    struct wr_slice path; /* NUL-terminated; exact: as it was written; a prefix has no '/' at its
                             end, so that "/" is "" and "/a/" is "/a" */
    uint32_t hash;        /* of the path; orders those of one length */
    bool is_exact;
    bool is_further; /* its handler has a route before this one */
    struct wr_handler *handler;
    char *text; /* as it was written, for messages; owns the bytes of the above */
};

struct wr_route_slot {
    uint32_t hash;   /* of the path */
    uint32_t number; /* of the route, from 1; 0: free */
};

struct wr_router {
    struct wr_route *v; /* those of each host, then those of all; each in the order in which they
                           are tried */
    size_t n;
    size_t of_all; /* where those of all hosts begin */
    struct wr_vhosts hosts;
    struct wr_route_slot *slots; /* a hash table of them; NULL: they are looked at one by one */
    size_t slots_n;
    size_t longest; /* bytes of their paths, once there are slots */
};

/* Frees every handler, once. */
void wr_router_free(struct wr_router *r);

/*
 * Adds a route; those found before are no longer valid. The path is in its decoded form: '%' is an
 * ordinary character. An IPv6 host is in brackets and compared as it is spelled. 0, with the
 * handler taken; -EEXIST: there is such a route; -EINVAL with *why set to what was expected;
 * -ENOMEM.
 */
int wr_router_add(struct wr_router *r, const char *text, struct wr_handler *handler,
                  const char **why);

/* Adds what has every request that no other route answers, also besides a route "/". 0, with the
 * handler taken, or -ENOMEM. Nothing may be added after it. */
int wr_router_add_last(struct wr_router *r, struct wr_handler *handler);

/* No more are added: from now on finding one takes about as long among many as among few. Else it is
 * right as well, but slow. 0 or -ENOMEM. */
int wr_router_index(struct wr_router *r);

/* Whether it can be the text or the path of a route: NULL, or what was expected. */
const char *wr_route_check(const char *text);
const char *wr_route_check_path(struct wr_slice path);

/* Gives pages of its own to a host, which wr_vhost_check() finds no fault with; it need not have a
 * route. They are not taken, and outlive the router. 0 or -ENOMEM. */
int wr_router_set_pages(struct wr_router *r, const char *host, const struct wr_error_pages *pages);

/* The first route behind `after` (NULL: of all) for this host[:port] (may be absent) and decoded
 * path; NULL when there is none. */
const struct wr_route *wr_router_find(const struct wr_router *r, const struct wr_route *after,
                                      struct wr_slice host, struct wr_slice path);

/* The first of all, where there are few routes and none of a host, without a call. NULL: it is not found
 * that way, ask wr_router_find(). */
const struct wr_route *wr_router_find_quickly(const struct wr_router *r, struct wr_slice path);

#endif
