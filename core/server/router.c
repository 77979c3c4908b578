#include "server/router.h"

#include <errno.h>
#include <stdlib.h>

#include "base/branch.h"

/* ---- what a route's text must be; NULL: it is, else what was expected ---- */

/* The path of a request has been decoded and freed of these: such a route would never be found. */
const char *wr_route_check_path(struct wr_slice path)
{
    size_t start = 1; /* of the segment */

    if (path.n == 0 || path.p[0] != '/')
        return "a path that begins with '/'";
    for (size_t i = 1; i <= path.n; i++) {
        bool is_end = i == path.n;
        size_t n = i - start;

        if (is_end || path.p[i] == '/') {
            if (n == 0 && !is_end)
                return "a path without \"//\"";
            if ((n == 1 || n == 2) && memcmp(path.p + start, "..", n) == 0)
                return "a path without \".\" and \"..\"";
            start = i + 1;
        } else if (path.p[i] == '?' || path.p[i] == '#') {
            return "a path without '?' and '#'";
        } else if ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f) {
            return "a path without control characters";
        }
    }
    return NULL;
}

const char *wr_route_check(const char *text)
{
    const char *host = text + (*text == '=');
    const char *path = strchr(host, '/');
    const char *why;

    if (!path)
        return "a path that begins with '/'";
    why = path > host ? wr_vhost_check(wr_slice(host, (size_t)(path - host))) : NULL;
    return why ? why : wr_route_check_path(wr_slice_of(path));
}

/* ---- adding ---- */

/* Any will do, since who chooses paths of requests cannot make those of routes alike. */
static uint32_t hash_of(struct wr_slice path)
{
    const uint64_t odd = 0x9E3779B97F4A7C15U;
    uint64_t hash = path.n, word = 0;

    for (size_t i = 0; i + sizeof word < path.n; i += sizeof word) {
        memcpy(&word, path.p + i, sizeof word);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    if (path.n >= sizeof word)
        memcpy(&word, path.p + path.n - sizeof word, sizeof word);
    for (size_t i = 0; i < path.n && path.n < sizeof word; i++)
        word = word << 8 | (unsigned char)path.p[i];
    return (uint32_t)((hash ^ word) * odd >> 32);
}

/* `text` has passed wr_route_check(). In one block, "=Host/path/" stands first as it is, then once more as
 * "host/path". */
static int parse(const char *text, struct wr_route *out)
{
    size_t n = strlen(text), host_n;
    char *host, *path, *end;

    *out = (struct wr_route){.is_exact = *text == '=', .text = malloc(2 * (n + 1))};
    if (!out->text)
        return -ENOMEM;
    memcpy(out->text, text, n + 1);
    host = out->text + n + 1;
    n -= out->is_exact;
    memcpy(host, text + out->is_exact, n + 1);
    path = strchr(host, '/');
    end = host + n;
    if (!out->is_exact && end[-1] == '/')
        *--end = '\0';
    host_n = (size_t)(path - host);
    for (size_t i = 0; i < host_n; i++)
        host[i] = wr_ascii_lower(host[i]);
    if (host_n > 0)
        out->host = wr_vhost_without_dot(wr_slice(host, host_n));
    out->path = wr_slice(path, (size_t)(end - path));
    out->hash = hash_of(out->path);
    return 0;
}

/* In which order those of one host are tried: less than 0 when `a` is before `b`. Those of one
 * length, of which a path can match but one, are in an order as well, so that they can be bisected:
 * that of their hashes, for paths of one site begin alike. */
static int compare(const struct wr_route *a, const struct wr_route *b)
{
    if (a->is_exact != b->is_exact)
        return a->is_exact ? -1 : 1;
    if (a->path.n != b->path.n)
        return a->path.n > b->path.n ? -1 : 1;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->path.n > 0 ? memcmp(a->path.p, b->path.p, a->path.n) : 0;
}

/* The first in v[at..end) that is not before `route`. */
static size_t lower_bound(const struct wr_route *v, size_t at, size_t end,
                          const struct wr_route *route)
{
    while (at < end) {
        size_t middle = at + (end - at) / 2;

        if (compare(&v[middle], route) < 0)
            at = middle + 1;
        else
            end = middle;
    }
    return at;
}

static int insert(struct wr_router *r, size_t at, const struct wr_route *route)
{
    struct wr_route *v = reallocarray(r->v, r->n + 1, sizeof *v);

    if (!v)
        return -ENOMEM;
    free(r->slots);
    r->slots = NULL;
    memmove(v + at + 1, v + at, (r->n - at) * sizeof *v);
    v[at] = *route;
    r->v = v;
    r->n++;
    return 0;
}

static int insert_in_order(struct wr_router *r, size_t first, size_t end,
                           const struct wr_route *route)
{
    size_t at = lower_bound(r->v, first, end, route);

    if (at < end && compare(&r->v[at], route) == 0)
        return -EEXIST;
    return insert(r, at, route);
}

/* Where the host is among r->hosts, after it has been added if need be; or -ENOMEM. */
static ssize_t find_host(struct wr_router *r, struct wr_slice text)
{
    size_t n = r->hosts.n;
    ssize_t at = wr_vhosts_add(&r->hosts, text);

    if (r->hosts.n > n)
        r->hosts.v[at].first = r->hosts.v[at].end = r->of_all;
    return at;
}

/* Routes of hosts lie in the order in which the hosts were added. */
static int insert_of_host(struct wr_router *r, const struct wr_route *route)
{
    ssize_t at = find_host(r, route->host);
    struct wr_vhosts *hosts = &r->hosts;
    int err;

    if (at < 0)
        return (int)at;
    err = insert_in_order(r, hosts->v[at].first, hosts->v[at].end, route);
    if (err < 0)
        return err;
    hosts->v[at].end++;
    for (size_t i = (size_t)at + 1; i < hosts->n; i++) {
        hosts->v[i].first++;
        hosts->v[i].end++;
    }
    r->of_all++;
    return 0;
}

/* Marks all routes of a handler but the first. Most have but one, and need no search. */
static void note_route(struct wr_router *r, struct wr_handler *handler)
{
    bool is_further = false;

    for (size_t i = 0; i < r->n && handler->has_route; i++) {
        if (r->v[i].handler != handler)
            continue;
        r->v[i].is_further = is_further;
        is_further = true;
    }
    handler->has_route = true;
}

int wr_router_add(struct wr_router *r, const char *text, struct wr_handler *handler,
                  const char **why)
{
    const char *expected = wr_route_check(text);
    struct wr_route route;
    int err;

    if (expected) {
        *why = expected;
        return -EINVAL;
    }
    err = parse(text, &route);
    if (err < 0)
        return err;
    route.handler = handler;
    err =
        route.host.n > 0 ? insert_of_host(r, &route) : insert_in_order(r, r->of_all, r->n, &route);
    if (err < 0)
        free(route.text);
    else
        note_route(r, handler);
    return err;
}

int wr_router_add_last(struct wr_router *r, struct wr_handler *handler)
{
    struct wr_route route;
    int err = parse("/", &route);

    if (err < 0)
        return err;
    route.handler = handler;
    err = insert(r, r->n, &route);
    if (err < 0)
        free(route.text);
    else
        note_route(r, handler);
    return err;
}

int wr_router_set_pages(struct wr_router *r, const char *host, const struct wr_error_pages *pages)
{
    ssize_t at = find_host(r, wr_slice_of(host));

    if (at < 0)
        return (int)at;
    r->hosts.v[at].error_pages = pages;
    return 0;
}

void wr_router_free(struct wr_router *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (!r->v[i].is_further)
            r->v[i].handler->ops->free(r->v[i].handler);
        free(r->v[i].text);
    }
    free(r->v);
    free(r->slots);
    wr_vhosts_free(&r->hosts);
    *r = (struct wr_router){0};
}

/* ---- finding ---- */

#define WALK_MAX 16 /* so many routes are looked at one by one */

/* What tells most of them apart comes first. */
static inline bool has_path(const struct wr_route *route, struct wr_slice path)
{
    size_t n = route->path.n;

    if (path.n < n || (path.n == n ? n == 0 : route->is_exact || path.p[n] != '/'))
        return false;
    return wr_bytes_eq(path.p, route->path.p, n);
}

static inline const struct wr_route *walk(const struct wr_route *v, size_t at, size_t end,
                                          struct wr_slice path)
{
    for (; at < end; at++)
        if (has_path(&v[at], path))
            return &v[at];
    return NULL;
}

/* Where the search for it begins among the slots. Those of one host, or of all, end at `end`. */
static size_t slot_of(const struct wr_router *r, uint32_t hash, bool is_exact, size_t end)
{
    return (hash + (uint32_t)end * 2654435769U + is_exact) & (r->slots_n - 1);
}

/* The route of this path; NULL: there is none from `at` on. */
static const struct wr_route *look_up(const struct wr_router *r, const struct wr_route *wanted,
                                      size_t at, size_t end)
{
    size_t slot = slot_of(r, wanted->hash, wanted->is_exact, end);

    for (; r->slots[slot].number > 0; slot = (slot + 1) & (r->slots_n - 1)) {
        size_t found = r->slots[slot].number - 1;

        if (r->slots[slot].hash == wanted->hash && found >= at && found < end &&
            compare(&r->v[found], wanted) == 0)
            return &r->v[found];
    }
    return NULL;
}

/* To what is above it, of at most `max` bytes: the time for a long path must not grow with each '/' that
 * its sender has put there. False: there is nothing. */
static bool shorten(struct wr_route *wanted, size_t max)
{
    const char *path = wanted->path.p;
    size_t n = wanted->path.n;

    do {
        while (n > 0 && path[n - 1] != '/')
            n--;
        if (n == 0)
            return false;
        n--;
    } while (n > max);
    wanted->path.n = n;
    wanted->hash = hash_of(wanted->path);
    return true;
}

/* The same as walk(): the path as an exact one, then as a prefix, then what is above it. */
static const struct wr_route *probe(const struct wr_router *r, size_t at, size_t end,
                                    struct wr_slice path)
{
    struct wr_route wanted = {.path = path, .hash = hash_of(path), .is_exact = true};
    const struct wr_route *found = look_up(r, &wanted, at, end);

    wanted.is_exact = false;
    while (!found) {
        found = look_up(r, &wanted, at, end);
        if (!found && !shorten(&wanted, r->longest))
            break;
    }
    return found;
}

static inline bool is_walked(const struct wr_router *r, size_t n)
{
    return !r->slots || n <= WALK_MAX;
}

static const struct wr_route *search(const struct wr_router *r, size_t at, size_t end,
                                     struct wr_slice path)
{
    return !is_walked(r, end - at) ? probe(r, at, end, path) : walk(r->v, at, end, path);
}

static void fill_slots(struct wr_router *r, size_t at, size_t end)
{
    for (size_t i = at; i < end; i++) {
        size_t slot = slot_of(r, r->v[i].hash, r->v[i].is_exact, end);

        while (r->slots[slot].number > 0)
            slot = (slot + 1) & (r->slots_n - 1);
        r->slots[slot] = (struct wr_route_slot){r->v[i].hash, (uint32_t)i + 1};
    }
}

int wr_router_index(struct wr_router *r)
{
    free(r->slots);
    r->slots = NULL;
    r->longest = 0;
    if (r->n <= WALK_MAX)
        return 0;
    for (r->slots_n = 1; r->slots_n < 2 * r->n;)
        r->slots_n *= 2;
    r->slots = calloc(r->slots_n, sizeof *r->slots);
    if (!r->slots)
        return -ENOMEM;
    for (size_t i = 0; i < r->hosts.n; i++)
        fill_slots(r, r->hosts.v[i].first, r->hosts.v[i].end);
    fill_slots(r, r->of_all, r->n);
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].path.n > r->longest)
            r->longest = r->v[i].path.n;
    return 0;
}

/* Of the host itself and of the wildcards that have it, from v[at] on. */
static const struct wr_route *search_hosts(const struct wr_router *r, const struct wr_vhost *host,
                                           size_t at, struct wr_slice path)
{
    for (;;) {
        const struct wr_route *found = search(r, at, host->end, path);

        if (found)
            return found;
        host = wr_vhosts_behind(&r->hosts, host);
        if (!host)
            return NULL;
        at = host->first;
    }
}

const struct wr_route *wr_router_find(const struct wr_router *r, const struct wr_route *after,
                                      struct wr_slice host, struct wr_slice path)
{
    size_t at = after ? (size_t)(after - r->v) + 1 : 0;
    const struct wr_vhost *of = NULL;
    const struct wr_route *found;

    if (path.n == 0)
        return NULL;
    if (r->hosts.n == 0) /* most */
        return search(r, at, r->n, path);
    if (!after)
        of = wr_vhosts_find(&r->hosts, host);
    else if (after->host.n > 0)
        of = wr_vhosts_get(&r->hosts, after->host);
    found = of ? search_hosts(r, of, after ? at : of->first, path) : NULL;
    return found ? found : search(r, at > r->of_all ? at : r->of_all, r->n, path);
}

const struct wr_route *wr_router_find_quickly(const struct wr_router *r, struct wr_slice path)
{
    if (WR_UNLIKELY(r->hosts.n > 0 || !is_walked(r, r->n) || path.n == 0))
        return NULL;
    return walk(r->v, 0, r->n, path);
}
