#include "server/router.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

/* ---- what a route's text must be; NULL: it is, else what was expected ---- */

static bool is_host_char(char c)
{
    char lower = wr_ascii_lower(c);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
}

static const char *check_name(struct wr_slice host)
{
    for (size_t i = 0; i < host.n; i++) {
        if (host.p[i] == ':')
            return "a host without scheme and port";
        if (!is_host_char(host.p[i]))
            return "a host of letters, digits, '-', '_' and '.'";
        if (host.p[i] == '.' && (i == 0 || host.p[i - 1] == '.'))
            return "a host without empty labels";
    }
    return NULL;
}

static const char *check_literal(struct wr_slice host)
{
    const char *end = memchr(host.p, ']', host.n);
    char address[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    size_t n;

    if (!end)
        return "a ']' behind the IPv6 address";
    n = (size_t)(end - host.p) - 1;
    if (n >= sizeof address)
        return "an IPv6 address in the brackets";
    memcpy(address, host.p + 1, n);
    address[n] = '\0';
    if (inet_pton(AF_INET6, address, &ignored) != 1)
        return "an IPv6 address in the brackets";
    if (host.n == n + 2)
        return NULL;
    return end[1] == ':' ? "a host without scheme and port" : "a '/' or nothing behind the ']'";
}

const char *wr_route_check_host(struct wr_slice host)
{
    if (host.n == 0)
        return "a host";
    return host.p[0] == '[' ? check_literal(host) : check_name(host);
}

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
    why = path > host ? wr_route_check_host(wr_slice(host, (size_t)(path - host))) : NULL;
    return why ? why : wr_route_check_path(wr_slice_of(path));
}

/* ---- adding ---- */

struct wr_slice wr_route_host_without_dot(struct wr_slice host)
{
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    return host;
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
        out->host = wr_route_host_without_dot(wr_slice(host, host_n));
    out->path = wr_slice(path, (size_t)(end - path));
    return 0;
}

static bool is_same(const struct wr_route *a, const struct wr_route *b)
{
    return a->is_exact == b->is_exact && wr_slice_eq(a->host, b->host) &&
           wr_slice_eq(a->path, b->path);
}

static bool is_before(const struct wr_route *a, const struct wr_route *b)
{
    if ((a->host.n > 0) != (b->host.n > 0))
        return a->host.n > 0;
    if (a->is_exact != b->is_exact)
        return a->is_exact;
    return a->path.n > b->path.n;
}

static int insert(struct wr_router *r, size_t at, const struct wr_route *route)
{
    struct wr_route *v = reallocarray(r->v, r->n + 1, sizeof *v);

    if (!v)
        return -ENOMEM;
    memmove(v + at + 1, v + at, (r->n - at) * sizeof *v);
    v[at] = *route;
    r->v = v;
    r->n++;
    return 0;
}

static int insert_in_order(struct wr_router *r, const struct wr_route *route)
{
    size_t at = 0;

    for (size_t i = 0; i < r->n; i++)
        if (is_same(&r->v[i], route))
            return -EEXIST;
    while (at < r->n && !is_before(route, &r->v[at]))
        at++;
    return insert(r, at, route);
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
    err = insert_in_order(r, &route);
    if (err < 0)
        free(route.text);
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
    return err;
}

/* Has no route behind this one the same handler? */
static bool is_last_of_handler(const struct wr_router *r, size_t at)
{
    for (size_t i = at + 1; i < r->n; i++)
        if (r->v[i].handler == r->v[at].handler)
            return false;
    return true;
}

void wr_router_free(struct wr_router *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (is_last_of_handler(r, i))
            r->v[i].handler->ops->free(r->v[i].handler);
        free(r->v[i].text);
    }
    free(r->v);
    *r = (struct wr_router){0};
}

/* ---- finding ---- */

/* Without port and dot. A ':' in brackets is the address's. */
static struct wr_slice host_name(struct wr_slice host)
{
    const char *end;

    if (host.n == 0)
        return host;
    if (host.p[0] == '[') {
        end = memchr(host.p, ']', host.n);
        return wr_slice(host.p, end ? (size_t)(end - host.p) + 1 : host.n);
    }
    end = memchr(host.p, ':', host.n);
    return wr_route_host_without_dot(wr_slice(host.p, end ? (size_t)(end - host.p) : host.n));
}

static bool has_path(const struct wr_route *route, struct wr_slice path)
{
    size_t n = route->path.n;

    if (!wr_slice_starts(path, route->path))
        return false;
    return path.n == n ? n > 0 : !route->is_exact && path.p[n] == '/';
}

const struct wr_route *wr_router_find(const struct wr_router *r, const struct wr_route *after,
                                      struct wr_slice host, struct wr_slice path)
{
    struct wr_slice name = host_name(host);

    for (size_t i = after ? (size_t)(after - r->v) + 1 : 0; i < r->n; i++) {
        const struct wr_route *route = &r->v[i];

        if (has_path(route, path) && (route->host.n == 0 || wr_slice_ieq(route->host, name)))
            return route;
    }
    return NULL;
}
