#include "server/vhosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#define SLOTS_MIN 16

/* ---- what a host's text must be; NULL: it is, else what was expected ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_char(char c)
{
    char lower = wr_ascii_lower(c);

    return (lower >= 'a' && lower <= 'z') || is_digit(c) || c == '-' || c == '_' || c == '.';
}

static const char *check_name(struct wr_slice host)
{
    for (size_t i = 0; i < host.n; i++) {
        if (host.p[i] == ':')
            return "a host without scheme and port";
        if (host.p[i] == '*')
            return "a '*' as the whole first label alone, as in *.example.org";
        if (!is_host_char(host.p[i]))
            return "a host of letters, digits, '-', '_' and '.'";
        if (host.p[i] == '.' && (i == 0 || host.p[i - 1] == '.'))
            return "a host without empty labels";
    }
    return NULL;
}

/* Is its last label a number? Then it is an address, and no name (WHATWG URL, "ends in a number"). */
static bool is_address(struct wr_slice host)
{
    size_t n = host.n;

    while (n > 0 && is_digit(host.p[n - 1]))
        n--;
    return n < host.n && (n == 0 || host.p[n - 1] == '.');
}

/* `host` begins with '*'. */
static const char *check_wildcard(struct wr_slice host)
{
    struct wr_slice name = wr_slice_from(host, host.n > 1 && host.p[1] == '.' ? 2 : host.n);

    if (host.n == 1)
        return "a name behind the '*', as in *.example.org; without a host a route is for every "
               "one";
    if (host.p[1] != '.')
        return "a '*' as the whole first label alone, as in *.example.org";
    if (name.n == 0 || is_address(wr_vhost_without_dot(name)))
        return "a name behind the '*', as in *.example.org";
    return check_name(name);
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

const char *wr_vhost_check(struct wr_slice host)
{
    if (host.n == 0)
        return "a host";
    if (host.p[0] == '[')
        return check_literal(host);
    return host.p[0] == '*' ? check_wildcard(host) : check_name(host);
}

/* ---- names ---- */

struct wr_slice wr_vhost_without_dot(struct wr_slice host)
{
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

/* Without port and dot. A ':' in brackets is the address's. */
static struct wr_slice name_of(struct wr_slice host)
{
    const char *end;

    if (host.n == 0)
        return host;
    if (host.p[0] == '[') {
        end = memchr(host.p, ']', host.n);
        return wr_slice(host.p, end ? (size_t)(end - host.p) + 1 : host.n);
    }
    end = memchr(host.p, ':', host.n);
    return wr_vhost_without_dot(wr_slice(host.p, end ? (size_t)(end - host.p) : host.n));
}

/* "*.example.org." is kept as ".example.org". */
static struct wr_slice name_of_text(struct wr_slice text)
{
    return wr_vhost_without_dot(wr_slice_from(text, text.n > 0 && text.p[0] == '*'));
}

/* ---- the table ---- */

#define HASH_START 2166136261U

/* FNV-1a. Letters of either case have the same; so have a few others, and no harm is done. */
static uint32_t hash_octet(uint32_t hash, char c)
{
    return (hash ^ ((unsigned char)c | 0x20U)) * 16777619U;
}

static uint32_t hash_of(struct wr_slice name)
{
    uint32_t hash = HASH_START;

    for (size_t i = name.n; i > 0; i--)
        hash = hash_octet(hash, name.p[i - 1]);
    return hash;
}

/* Where it begins to look; the low bits alone hardly mix. */
static size_t slot_of(const struct wr_vhosts *h, uint32_t hash)
{
    return (hash ^ hash >> 16) & (h->slots_n - 1);
}

static const struct wr_vhost *look_up(const struct wr_vhosts *h, struct wr_slice name,
                                      uint32_t hash)
{
    size_t at = slot_of(h, hash);

    for (; h->slots[at] != 0; at = (at + 1) & (h->slots_n - 1)) {
        const struct wr_vhost *host = &h->v[h->slots[at] - 1];

        /* Most clients send lower case. */
        if (host->hash == hash && (wr_slice_eq(host->name, name) || wr_slice_ieq(host->name, name)))
            return host;
    }
    return NULL;
}

static void enter(struct wr_vhosts *h, size_t i)
{
    size_t at = slot_of(h, h->v[i].hash);

    while (h->slots[at] != 0)
        at = (at + 1) & (h->slots_n - 1);
    h->slots[at] = (uint32_t)i + 1;
}

/* Makes room for one more, in both. */
static int reserve(struct wr_vhosts *h)
{
    size_t n = h->slots_n > 0 ? h->slots_n : SLOTS_MIN;
    struct wr_vhost *v = reallocarray(h->v, h->n + 1, sizeof *v);
    uint32_t *slots;

    if (!v)
        return -ENOMEM;
    h->v = v;
    if (2 * (h->n + 1) <= h->slots_n)
        return 0;
    while (2 * (h->n + 1) > n)
        n *= 2;
    slots = calloc(n, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    free(h->slots);
    h->slots = slots;
    h->slots_n = n;
    for (size_t i = 0; i < h->n; i++)
        enter(h, i);
    return 0;
}

static char *lower_copy(struct wr_slice name)
{
    char *copy = malloc(name.n + 1);

    for (size_t i = 0; copy && i < name.n; i++)
        copy[i] = wr_ascii_lower(name.p[i]);
    if (copy)
        copy[name.n] = '\0';
    return copy;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

const struct wr_vhost *wr_vhosts_get(const struct wr_vhosts *h, struct wr_slice text)
{
    struct wr_slice name = name_of_text(text);

    return h->n > 0 ? look_up(h, name, hash_of(name)) : NULL;
}

ssize_t wr_vhosts_add(struct wr_vhosts *h, struct wr_slice text)
{
    const struct wr_vhost *found = wr_vhosts_get(h, text);
    struct wr_slice name = name_of_text(text);
    char *copy;

    if (found)
        return found - h->v;
    copy = reserve(h) == 0 ? lower_copy(name) : NULL;
    if (!copy)
        return -ENOMEM;
    h->v[h->n] =
        (struct wr_vhost){.name = wr_slice(copy, name.n), .text = copy, .hash = hash_of(name)};
    enter(h, h->n);
    h->longest = max_size(h->longest, name.n);
    if (copy[0] == '.')
        h->longest_wildcard = max_size(h->longest_wildcard, name.n);
    return (ssize_t)h->n++;
}

void wr_vhosts_free(struct wr_vhosts *h)
{
    for (size_t i = 0; i < h->n; i++)
        free(h->v[i].text);
    free(h->v);
    free(h->slots);
    *h = (struct wr_vhosts){0};
}

/* ---- finding ---- */

/* There is a label in front of this dot: more than nothing, and not an empty one. */
static bool is_behind_label(struct wr_slice name, size_t dot)
{
    return dot > 0 && name.p[dot - 1] != '.';
}

/* The longest wildcard that has the name, which begins in front of it; *hash is that of the last
 * `longest` bytes of it. */
static const struct wr_vhost *find_wildcard(const struct wr_vhosts *h, struct wr_slice name,
                                            size_t longest, uint32_t *hash)
{
    size_t stop = name.n > longest ? name.n - longest : 0;
    const struct wr_vhost *best = NULL, *found;
    uint32_t sum = HASH_START;

    for (size_t at = name.n; at > stop;) {
        char c = name.p[--at];

        sum = hash_octet(sum, c);
        if (c != '.' || name.n - at > h->longest_wildcard || !is_behind_label(name, at))
            continue;
        found = look_up(h, wr_slice_from(name, at), sum);
        best = found ? found : best;
    }
    *hash = sum;
    return best;
}

const struct wr_vhost *wr_vhosts_find(const struct wr_vhosts *h, struct wr_slice host)
{
    const struct wr_vhost *wildcard, *exact = NULL;
    struct wr_slice name;
    uint32_t hash;

    if (h->n == 0)
        return NULL;
    name = name_of(host);
    wildcard = find_wildcard(h, name, h->longest, &hash);
    /* One that begins with a dot is no name, and would be found as the wildcard that is kept so. */
    if (name.n > 0 && name.n <= h->longest && name.p[0] != '.')
        exact = look_up(h, name, hash);
    return exact ? exact : wildcard;
}

const struct wr_vhost *wr_vhosts_behind(const struct wr_vhosts *h, const struct wr_vhost *host)
{
    uint32_t hash;

    if (h->longest_wildcard == 0)
        return NULL;
    return find_wildcard(h, host->name, h->longest_wildcard, &hash);
}
