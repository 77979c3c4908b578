#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "support.h"

#define PATH_107                                                                                   \
    "/12345678901234567890123456789012345678901234567890"                                          \
    "12345678901234567890123456789012345678901234567890123456"

static void address__what_is_parsed__is_formatted_as_numbers(void **state)
{
    static const struct {
        const char *text, *want;
        int family;
        bool is_wildcard;
    } rows[] = {
        {"127.0.0.1:80", "127.0.0.1:80", AF_INET, false},
        {"0.0.0.0:0", "0.0.0.0:0", AF_INET, false},
        {"255.255.255.255:65535", "255.255.255.255:65535", AF_INET, false},
        {"localhost:8080", "127.0.0.1:8080", AF_INET, false},
        {"LocalHost:1", "127.0.0.1:1", AF_INET, false},
        {"[::1]:8080", "[::1]:8080", AF_INET6, false},
        {"[::]:8080", "[::]:8080", AF_INET6, false},
        {"[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443", AF_INET6, false}, /* RFC 5952 */
        {"[2001:0db8:ffff:ffff:ffff:ffff:255.255.255.255]:65535",
         "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535", AF_INET6, false},
        {":8080", "[::]:8080", AF_INET6, true},
        {"unix:/run/weir.sock", "unix:/run/weir.sock", AF_UNIX, false},
        {"unix:relative", "unix:relative", AF_UNIX, false},
        {"unix:/a:80", "unix:/a:80", AF_UNIX, false},
        {"unix:" PATH_107, "unix:" PATH_107, AF_UNIX, false},
    };

    (void)state;
    assert_int_equal(strlen(PATH_107), 107);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        char text[WR_ADDRESS_TEXT_MAX];
        struct wr_address a;
        const char *why = NULL;

        if (wr_address_parse(rows[i].text, &a, &why) != 0)
            fail_msg("%s: refused: %s", rows[i].text, why);
        if (a.sa.any.sa_family != rows[i].family || a.is_wildcard != rows[i].is_wildcard)
            fail_msg("%s: family %d, wildcard %d", rows[i].text, a.sa.any.sa_family, a.is_wildcard);
        assert_ptr_equal(wr_address_format(&a, text), text);
        if (strcmp(text, rows[i].want) != 0)
            fail_msg("%s: formatted as %s", rows[i].text, text);
    }
}

static void address__lengths__are_those_of_the_family(void **state)
{
    struct wr_address a;
    const char *why;

    (void)state;
    assert_int_equal(wr_address_parse("127.0.0.1:80", &a, &why), 0);
    assert_int_equal(a.len, 16); /* sockaddr_in: 2 + 2 + 4 + 8 */
    assert_int_equal(a.sa.v4.sin_addr.s_addr, htonl(0x7f000001));
    assert_int_equal(a.sa.v4.sin_port, htons(80));
    assert_int_equal(wr_address_parse("[::1]:80", &a, &why), 0);
    assert_int_equal(a.len, 28); /* sockaddr_in6: 2 + 2 + 4 + 16 + 4 */
    assert_int_equal(a.sa.v6.sin6_port, htons(80));
    assert_int_equal(wr_address_parse("unix:/abc", &a, &why), 0);
    assert_int_equal(a.len, 2 + 4 + 1); /* unix(7): the family, the path and its NUL */
    assert_string_equal(a.sa.un.sun_path, "/abc");
}

static void address__anything_else__is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *text, *why; /* a word of the reason */
    } rows[] = {
        {"", "expected"},
        {"8080", "expected"},
        {"127.0.0.1", "expected"},
        {":", "port"},
        {"127.0.0.1:", "port"},
        {"127.0.0.1:65536", "port"},
        {"127.0.0.1:99999999999999999999", "port"},
        {"127.0.0.1:-1", "port"},
        {"127.0.0.1:+1", "port"},
        {"127.0.0.1: 80", "port"},
        {"127.0.0.1:80 ", "port"},
        {"127.0.0.1:http", "port"},
        {"127.0.0.1:0x50", "port"},
        {"127.0.0.1:8\xd9\xa0", "port"},
        {"[::1]", "port"},
        {"::1:80", "brackets"},
        {"fe80::1:80", "brackets"},
        {"example.com:80", "number"},
        {"127.0.0:80", "number"},
        {"127.0.0.1.1:80", "number"},
        {"127.0.0.256:80", "number"},
        {" 127.0.0.1:80", "number"},
        {"127.0.0.1 :80", "number"},
        {"[127.0.0.1]:80", "number"},
        {"[]:80", "number"},
        {"[:80", "number"},
        {"]:80", "number"},
        {"[::1:80", "number"},
        {"[::g]:80", "number"},
        {"[::1%lo]:80", "number"},
        {"[localhost]:80", "number"},
        {"[2001:0db8:ffff:ffff:ffff:ffff:255.255.255.2555]:80", "number"},
        {"unix:", "1 to 107"},
        {"unix:" PATH_107 "x", "1 to 107"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_address a;
        const char *why = NULL;

        if (wr_address_parse(rows[i].text, &a, &why) != -EINVAL)
            fail_msg("\"%s\": not refused", rows[i].text);
        if (!why || !strstr(why, rows[i].why))
            fail_msg("\"%s\": the reason is \"%s\"", rows[i].text, why ? why : "");
    }
}

static void address__same__is_the_same_place(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } rows[] = {
        {"127.0.0.1:80", "127.0.0.1:80", true},
        {"127.0.0.1:80", "localhost:80", true},
        {"127.0.0.1:80", "127.0.0.1:81", false},
        {"127.0.0.1:80", "127.0.0.2:80", false},
        {"127.0.0.1:0", "127.0.0.1:0", true},
        {"127.0.0.1:80", "[::1]:80", false},
        {"127.0.0.1:80", "[::ffff:127.0.0.1]:80", false},
        {"0.0.0.0:80", ":80", false},
        {"[::1]:80", "[::1]:80", true},
        {"[::1]:80", "[0:0:0:0:0:0:0:1]:80", true},
        {"[2001:db8::a]:80", "[2001:DB8::A]:80", true},
        {"[::1]:80", "[::1]:81", false},
        {"[::1]:80", "[::2]:80", false},
        {":80", ":80", true},
        {":80", ":81", false},
        {":80", "[::]:80", false}, /* the one takes IPv4 too */
        {"unix:/a", "unix:/a", true},
        {"unix:/a", "unix:/b", false},
        {"unix:/a", "unix:/ab", false},
        {"unix:/a", "unix:a", false},
        {"unix:/a", "127.0.0.1:80", false},
        {"unix:" PATH_107, "unix:" PATH_107, true},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_address a, b;
        const char *why;

        assert_int_equal(wr_address_parse(rows[i].a, &a, &why), 0);
        assert_int_equal(wr_address_parse(rows[i].b, &b, &why), 0);
        b.unix_mode = 0600; /* permissions, and what a bound one has, make no difference */
        b.socket_dev = 7;
        b.socket_ino = 8;
        if (wr_address_is_same(&a, &b) != rows[i].is_same ||
            wr_address_is_same(&b, &a) != rows[i].is_same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
    }
}

/* RFC 4007 6: a link-local address means another place on each link. */
static void address__same_on_another_link__is_another(void **state)
{
    struct wr_address a, b;
    const char *why;

    (void)state;
    assert_int_equal(wr_address_parse("[fe80::1]:80", &a, &why), 0);
    a.sa.v6.sin6_scope_id = 2; /* as getsockname(2) says it of an adopted socket */
    b = a;
    assert_true(wr_address_is_same(&a, &b));
    b.sa.v6.sin6_scope_id = 3;
    assert_false(wr_address_is_same(&a, &b));
}

static void address__takes_any_port__port_0_of_tcp(void **state)
{
    static const struct {
        const char *text;
        bool want;
        unsigned short port;
    } rows[] = {{"127.0.0.1:0", true, 0},    {":0", true, 0},    {"[::1]:0", true, 0},
                {"127.0.0.1:80", false, 80}, {":81", false, 81}, {"[::1]:65535", false, 65535},
                {"unix:/run/s", false, 0}};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_address a;
        const char *why;

        assert_int_equal(wr_address_parse(rows[i].text, &a, &why), 0);
        assert_int_equal(wr_address_takes_any_port(&a), rows[i].want);
        assert_int_equal(wr_address_port(&a), rows[i].port);
    }
}

static struct wr_peer peer_of(const void *sa, size_t n)
{
    struct sockaddr_storage from = {0};
    struct wr_peer p;

    memcpy(&from, sa, n);
    wr_peer_of(&from, &p);
    return p;
}

static struct wr_peer peer_v6(const char *ip, int port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port)};

    assert_int_equal(inet_pton(AF_INET6, ip, &v6.sin6_addr), 1);
    return peer_of(&v6, sizeof v6);
}

static void expect_peer(const struct wr_peer *p, const char *want)
{
    char text[WR_PEER_TEXT_MAX];

    assert_int_equal(wr_peer_format(p, text), strlen(want));
    assert_string_equal(text, want);
}

static void peer__each_family__is_kept_and_formatted(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(50000)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct wr_peer p;

    (void)state;
    assert_int_equal(inet_pton(AF_INET, "192.0.2.17", &v4.sin_addr), 1);
    p = peer_of(&v4, sizeof v4);
    assert_int_equal(p.family, AF_INET);
    assert_int_equal(p.port, 50000);
    expect_peer(&p, "192.0.2.17");

    p = peer_v6("2001:db8::17", 65535);
    assert_int_equal(p.family, AF_INET6);
    assert_int_equal(p.port, 65535);
    expect_peer(&p, "2001:db8::17");

    p = peer_v6("2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff", 1);
    expect_peer(&p, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");

    p = peer_of(&un, sizeof(sa_family_t)); /* as accept(2) gives it for one without a name */
    assert_int_equal(p.family, AF_UNIX);
    assert_int_equal(p.port, 0);
    expect_peer(&p, "unix");
}

/* Each number of each place, in decimal without zeros in front (RFC 1123 2.1 by way of RFC 3986 3.2.2:
 * dec-octet). */
static void peer__v4__has_each_number_as_it_is_written(void **state)
{
    (void)state;
    for (unsigned place = 0; place < 4; place++)
        for (unsigned n = 0; n < 256; n++) {
            struct wr_peer p = {.family = AF_INET};
            char want[32];
            unsigned v[4] = {1, 20, 255, 0};

            v[place] = n;
            for (int i = 0; i < 4; i++)
                p.ip[i] = (unsigned char)v[i];
            snprintf(want, sizeof want, "%u.%u.%u.%u", v[0], v[1], v[2], v[3]);
            expect_peer(&p, want);
        }
}

/* RFC 4291 2.5.5.2: what a socket that takes both families says of an IPv4 peer. */
static void peer__v4_mapped__is_an_ipv4_peer(void **state)
{
    struct wr_peer p = peer_v6("::ffff:192.0.2.17", 4711);

    (void)state;
    assert_int_equal(p.family, AF_INET);
    assert_int_equal(p.port, 4711);
    expect_peer(&p, "192.0.2.17");
}

WR_TESTS(cmocka_unit_test(address__what_is_parsed__is_formatted_as_numbers),
         cmocka_unit_test(address__lengths__are_those_of_the_family),
         cmocka_unit_test(address__anything_else__is_refused_with_a_reason),
         cmocka_unit_test(address__same__is_the_same_place),
         cmocka_unit_test(address__same_on_another_link__is_another),
         cmocka_unit_test(address__takes_any_port__port_0_of_tcp),
         cmocka_unit_test(peer__each_family__is_kept_and_formatted),
         cmocka_unit_test(peer__v4__has_each_number_as_it_is_written),
         cmocka_unit_test(peer__v4_mapped__is_an_ipv4_peer));
