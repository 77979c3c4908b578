#include "http/authority.h"

#include <arpa/inet.h>

#include "http/field.h"

#define PORT_MAX 65535

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex_digit(char c)
{
    return wr_hex_value(c) >= 0;
}

/* How much of the beginning of `s` is a reg-name. */
static size_t name_length(struct wr_slice s)
{
    size_t n = 0;

    if (s.n == 0) /* it may be absent */
        return 0;
    for (;;) {
        n = (size_t)(wr_skip_class(s.p + n, s.p + s.n, WR_CHAR_NAME) - s.p);
        if (s.n - n <= 2 || s.p[n] != '%' || !is_hex_digit(s.p[n + 1]) || !is_hex_digit(s.p[n + 2]))
            return n;
        n += 3;
    }
}

/* Between the brackets. inet_pton() takes just what the grammar of RFC 3986 does, and no zone. */
static bool is_ipv6(struct wr_slice s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ignored;

    if (s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return strlen(text) == s.n && inet_pton(AF_INET6, text, &ignored) == 1;
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_ipvfuture(struct wr_slice s)
{
    size_t dot = 1;

    if (s.n == 0 || wr_ascii_lower(s.p[0]) != 'v')
        return false;
    while (dot < s.n && is_hex_digit(s.p[dot]))
        dot++;
    if (dot == 1 || dot == s.n || s.p[dot] != '.')
        return false;
    for (size_t i = dot + 1; i < s.n; i++)
        if (!wr_is_name_char(s.p[i]) && s.p[i] != ':')
            return false;
    return s.n > dot + 1;
}

/* With both brackets; 0 when it is not well-formed. */
static size_t literal_length(struct wr_slice s)
{
    const char *end = memchr(s.p, ']', s.n);
    struct wr_slice inside;

    if (!end)
        return 0;
    inside = wr_slice(s.p + 1, (size_t)(end - s.p) - 1);
    return is_ipv6(inside) || is_ipvfuture(inside) ? inside.n + 2 : 0;
}

static bool read_port(struct wr_slice s, int32_t *port)
{
    int32_t value = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i]))
            return false;
        value = value * 10 + (s.p[i] - '0');
        if (value > PORT_MAX)
            return false;
    }
    *port = s.n > 0 ? value : -1;
    return true;
}

bool wr_authority_parse(struct wr_slice text, struct wr_authority *out)
{
    bool is_literal = text.n > 0 && text.p[0] == '[';
    size_t n = is_literal ? literal_length(text) : name_length(text);

    *out = (struct wr_authority){.host = wr_slice(text.p, n), .port = -1};
    if (is_literal && n == 0)
        return false;
    if (n == text.n)
        return true;
    return text.p[n] == ':' && read_port(wr_slice_from(text, n + 1), &out->port);
}
