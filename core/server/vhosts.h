/*
 * vhosts.h — the hosts that a site knows by name: exact ones, and wildcards for all below a name.
 *
 * A name is in lower case, without a port, and without the dot of the root. `*.example.org` has all
 * that ends in ".example.org", with one label or more in front; not example.org itself. Of those
 * that have a name the exact one is found first, then wildcards, the longer before the shorter.
 *
 * A look-up hashes the name once, from its end, so that each of its suffixes has its hash on the
 * way; it costs what the name's length does, however many hosts there are, and no more than the
 * longest of them, however long the name.
 *
 * Ownership: owns the names; of the pages that a host points to nothing.
 * Threads:   immutable once it is served, so any thread may look.
 * Errors:    -ENOMEM.
 */
#ifndef WR_SERVER_VHOSTS_H
#define WR_SERVER_VHOSTS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"

struct wr_error_pages;

struct wr_vhost {
    struct wr_slice name; /* "example.org"; of a wildcard with its dot, ".example.org" */
    char *text;           /* owns the bytes of that */
    uint32_t hash;        /* of it */
    size_t first, end;    /* its routes: the router's */
    const struct wr_error_pages *error_pages; /* NULL: none of its own */
};

/* Zeroed to begin with. */
struct wr_vhosts {
    struct wr_vhost *v; /* in the order in which they were added */
    size_t n;
    uint32_t *slots;                  /* of a hash table: 0, or 1 + where it is in v */
    size_t slots_n;                   /* a power of 2, and at least twice n; 0: no slots yet */
    size_t longest, longest_wildcard; /* bytes of a name */
};

/* Whether it can be the host of a route: NULL, or what was expected. */
const char *wr_vhost_check(struct wr_slice host);

/* RFC 3986 3.2.2: with the dot of the root, a name is the same. */
struct wr_slice wr_vhost_without_dot(struct wr_slice host);

/* Finds or adds the host that `text` ("example.org", "*.example.org") says, which wr_vhost_check()
 * finds no fault with. Its place in v, or -ENOMEM; hosts found before are no longer valid. */
ssize_t wr_vhosts_add(struct wr_vhosts *h, struct wr_slice text);

/* The one that `text` says, of a host that was added; NULL: it was not. */
const struct wr_vhost *wr_vhosts_get(const struct wr_vhosts *h, struct wr_slice text);

/* The host that is asked first for what a request names, host[:port] (may be absent), and the one
 * that is asked behind it; NULL: none. */
const struct wr_vhost *wr_vhosts_find(const struct wr_vhosts *h, struct wr_slice host);
const struct wr_vhost *wr_vhosts_behind(const struct wr_vhosts *h, const struct wr_vhost *host);

void wr_vhosts_free(struct wr_vhosts *h);

#endif
