#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"

#define PORT_MAX 65535

static bool parse_port(const char *text, in_port_t *port)
{
    unsigned value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (unsigned)(*text - '0');
        if (value > PORT_MAX)
            return false;
    }
    *port = htons((in_port_t)value);
    return true;
}

static int parse_unix(const char *path, struct wr_address *out, const char **why)
{
    size_t n = strlen(path);

    *why = "unix: wants a path of 1 to 107 characters, as in unix:/run/weir.sock";
    if (n == 0 || n >= sizeof out->sa.un.sun_path)
        return -EINVAL;
    out->sa.un.sun_family = AF_UNIX;
    memcpy(out->sa.un.sun_path, path, n + 1);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    return 0;
}

static void set_v4(struct wr_address *out, struct in_addr ip, in_port_t port)
{
    out->sa.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = ip, .sin_port = port};
    out->len = sizeof out->sa.v4;
}

static void set_v6(struct wr_address *out, struct in6_addr ip, in_port_t port)
{
    out->sa.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = ip, .sin6_port = port};
    out->len = sizeof out->sa.v6;
}

static int parse_ip(struct wr_slice host, in_port_t port, struct wr_address *out)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    struct in_addr v4;
    bool is_bracketed = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';

    if (wr_slice_ieq(host, WR_SLICE("localhost")))
        host = WR_SLICE("127.0.0.1");
    if (is_bracketed)
        host = wr_slice(host.p + 1, host.n - 2);
    if (host.n >= sizeof text)
        return -EINVAL;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    if (is_bracketed) {
        if (inet_pton(AF_INET6, text, &v6) != 1)
            return -EINVAL;
        set_v6(out, v6, port);
        return 0;
    }
    if (inet_pton(AF_INET, text, &v4) != 1)
        return -EINVAL;
    set_v4(out, v4, port);
    return 0;
}

int wr_address_parse(const char *text, struct wr_address *out, const char **why)
{
    const char *colon = strrchr(text, ':');
    struct wr_slice host;
    in_port_t port;

    *out = (struct wr_address){0};
    if (strncmp(text, "unix:", strlen("unix:")) == 0)
        return parse_unix(text + strlen("unix:"), out, why);
    *why = "expected ADDR:PORT, as in 127.0.0.1:8080, [::1]:8080, :8080 or unix:/run/weir.sock";
    if (!colon)
        return -EINVAL;
    if (!parse_port(colon + 1, &port)) {
        *why = "the port is a number from 0 to 65535";
        return -EINVAL;
    }
    host = wr_slice(text, (size_t)(colon - text));
    if (host.n == 0) {
        out->is_wildcard = true;
        set_v6(out, in6addr_any, port);
        return 0;
    }
    if (host.p[0] != '[' && memchr(host.p, ':', host.n))
        *why = "an IPv6 address stands in brackets, as in [::1]:8080";
    else
        *why = "the address is a number, as in 127.0.0.1 or [::1], or localhost";
    return parse_ip(host, port, out);
}

/* A path need not end in a NUL; a name that begins with one is abstract, and written with an '@'. */
static void format_unix(const struct wr_address *a, char out[static WR_ADDRESS_TEXT_MAX])
{
    const char *path = a->sa.un.sun_path;
    int n = (int)(a->len - offsetof(struct sockaddr_un, sun_path));

    if (n > 0 && !path[0])
        snprintf(out, WR_ADDRESS_TEXT_MAX, "unix:@%.*s", n - 1, path + 1);
    else
        snprintf(out, WR_ADDRESS_TEXT_MAX, "unix:%.*s", n, path);
}

const char *wr_address_format(const struct wr_address *a, char out[static WR_ADDRESS_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN] = "";

    switch (a->sa.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &a->sa.v4.sin_addr, ip, sizeof ip);
        snprintf(out, WR_ADDRESS_TEXT_MAX, "%s:%d", ip, ntohs(a->sa.v4.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &a->sa.v6.sin6_addr, ip, sizeof ip);
        snprintf(out, WR_ADDRESS_TEXT_MAX, "[%s]:%d", ip, ntohs(a->sa.v6.sin6_port));
        break;
    default:
        format_unix(a, out);
    }
    return out;
}

bool wr_address_is_same(const struct wr_address *a, const struct wr_address *b)
{
    if (a->sa.any.sa_family != b->sa.any.sa_family)
        return false;
    switch (a->sa.any.sa_family) {
    case AF_INET:
        return a->sa.v4.sin_port == b->sa.v4.sin_port &&
               a->sa.v4.sin_addr.s_addr == b->sa.v4.sin_addr.s_addr;
    case AF_INET6:
        return a->sa.v6.sin6_port == b->sa.v6.sin6_port && a->is_wildcard == b->is_wildcard &&
               a->sa.v6.sin6_scope_id == b->sa.v6.sin6_scope_id &&
               memcmp(&a->sa.v6.sin6_addr, &b->sa.v6.sin6_addr, sizeof a->sa.v6.sin6_addr) == 0;
    default:
        return a->len == b->len && memcmp(&a->sa.un, &b->sa.un, a->len) == 0;
    }
}

unsigned short wr_address_port(const struct wr_address *a)
{
    if (a->sa.any.sa_family == AF_UNIX)
        return 0;
    return ntohs(a->sa.any.sa_family == AF_INET ? a->sa.v4.sin_port : a->sa.v6.sin6_port);
}

bool wr_address_takes_any_port(const struct wr_address *a)
{
    return a->sa.any.sa_family != AF_UNIX && wr_address_port(a) == 0;
}

void wr_peer_of(const struct sockaddr_storage *from, struct wr_peer *out)
{
    *out = (struct wr_peer){.family = (unsigned char)from->ss_family};
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)from;

        memcpy(out->ip, &v4->sin_addr, sizeof v4->sin_addr);
        out->port = ntohs(v4->sin_port);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)from;

        out->port = ntohs(v6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) { /* of a socket that takes both */
            out->family = AF_INET;
            memcpy(out->ip, v6->sin6_addr.s6_addr + 12, 4);
        } else {
            memcpy(out->ip, &v6->sin6_addr, sizeof v6->sin6_addr);
        }
    }
}

/* Up to three digits. */
static char *put_byte(char *at, unsigned byte)
{
    if (byte >= 100)
        *at++ = (char)('0' + byte / 100);
    if (byte >= 10)
        *at++ = (char)('0' + byte / 10 % 10);
    *at++ = (char)('0' + byte % 10);
    return at;
}

/* Most are, and inet_ntop() prints them with the whole of printf(). */
static size_t format_v4(const unsigned char *ip, char *out)
{
    char *at = put_byte(out, ip[0]);

    for (int i = 1; i < 4; i++) {
        *at++ = '.';
        at = put_byte(at, ip[i]);
    }
    *at = '\0';
    return (size_t)(at - out);
}

size_t wr_peer_format(const struct wr_peer *p, char out[static WR_PEER_TEXT_MAX])
{
    if (p->family == AF_INET)
        return format_v4(p->ip, out);
    if (p->family != AF_INET6) {
        memcpy(out, "unix", sizeof "unix");
        return strlen("unix");
    }
    if (!inet_ntop(AF_INET6, p->ip, out, WR_PEER_TEXT_MAX))
        out[0] = '\0';
    return strlen(out);
}
