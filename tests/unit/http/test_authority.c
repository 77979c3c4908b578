#include "http/authority.h"

#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct {
    struct wr_slice text;
    const char *host;
    int32_t port;
    const char *why;
} valid[] = {
    {S("example.com"), "example.com", -1, "RFC 9110 7.2: the port is optional"},
    {S("example.com:8080"), "example.com", 8080, "with a port"},
    {S("Example.COM:80"), "Example.COM", 80, "the case is kept"},
    {S("a"), "a", -1, "one byte"},
    {S(""), "", -1, "RFC 9112 3.2: a target without authority"},
    {{NULL, 0}, "", -1, "absent"},
    {S("example.com:"), "example.com", -1, "RFC 3986 3.2.3: port = *DIGIT"},
    {S(":"), "", -1, "RFC 3986 3.2.2: a reg-name may be empty"},
    {S(":80"), "", 80, "RFC 3986 3.2.2: a reg-name may be empty"},
    {S("127.0.0.1:1"), "127.0.0.1", 1, "IPv4address"},
    {S("999.999.999.999"), "999.999.999.999", -1, "RFC 3986 3.2.2: then it is a reg-name"},
    {S("a:0"), "a", 0, "the smallest port"},
    {S("a:65535"), "a", 65535, "the largest port"},
    {S("a:00080"), "a", 80, "RFC 3986 3.2.3: leading zeros"},
    {S("a:000000000000000000000000000000065535"), "a", 65535, "any number of them"},
    {S("a-._~!$&'()*+,;=Z9"), "a-._~!$&'()*+,;=Z9", -1, "RFC 3986 2.2, 2.3: all allowed marks"},
    {S("na%C3%AFve"), "na%C3%AFve", -1, "RFC 3986 3.2.2: pct-encoded, not decoded"},
    {S("%00"), "%00", -1, "any octet may be escaped"},
    {S("%fF:1"), "%fF", 1, "hex digits of both cases"},
    {S("[::1]"), "[::1]", -1, "IPv6address"},
    {S("[::1]:8080"), "[::1]", 8080, "with a port"},
    {S("[::1]:"), "[::1]", -1, "with an empty port"},
    {S("[::]"), "[::]", -1, "the shortest"},
    {S("[1:2:3:4:5:6:7:8]"), "[1:2:3:4:5:6:7:8]", -1, "RFC 3986 3.2.2: eight h16"},
    {S("[2001:DB8::cafe]"), "[2001:DB8::cafe]", -1, "hex digits of both cases"},
    {S("[0001:2:3:4:5:6:7::]"), "[0001:2:3:4:5:6:7::]", -1, "RFC 3986 3.2.2: \"::\" of one group"},
    {S("[1:2:3:4:5:6:192.0.2.1]"), "[1:2:3:4:5:6:192.0.2.1]", -1, "RFC 3986 3.2.2: ls32"},
    {S("[abcd:abcd:abcd:abcd:abcd:abcd:255.255.255.255]:80"),
     "[abcd:abcd:abcd:abcd:abcd:abcd:255.255.255.255]", 80, "the longest"},
    {S("[::ffff:192.0.2.1]:443"), "[::ffff:192.0.2.1]", 443, "RFC 3986 3.2.2: ls32 as IPv4address"},
    {S("[v1.x]"), "[v1.x]", -1, "IPvFuture"},
    {S("[V1F.a:b!~]:9"), "[V1F.a:b!~]", 9, "IPvFuture, 'v' without case (RFC 5234 2.3)"},
};

static void authority__uri_host_and_port__are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(valid); i++) {
        struct wr_authority got = {.port = -7};

        if (!wr_authority_parse(valid[i].text, &got) || got.port != valid[i].port ||
            !wr_slice_eq(got.host, wr_slice_of(valid[i].host)))
            fail_msg("\"%s\" (%s): \"%.*s\" port %d", valid[i].text.p, valid[i].why,
                     (int)got.host.n, got.host.p, got.port);
    }
}

static const struct {
    struct wr_slice text;
    const char *why;
} invalid[] = {
    {S("user@example.com"), "RFC 9110 4.2.4: user information"},
    {S("user:pw@example.com"), "RFC 9110 4.2.4: user information"},
    {S("@example.com"), "RFC 9110 4.2.4: empty user information"},
    {S("localhost:abc"), "RFC 3986 3.2.3: port = *DIGIT"},
    {S("a:+1"), "a sign"},
    {S("a:-1"), "a sign"},
    {S("a: 80"), "white space"},
    {S("a:80 "), "white space"},
    {S("a:8x"), "a digit, then none"},
    {S("a:0x50"), "hexadecimal"},
    {S("a:/"), "the octet below '0'"},
    {S("a::"), "the octet above '9'"},
    {S("a:80:80"), "two ports"},
    {S("::1"), "RFC 3986 3.2.2: an IPv6address has brackets"},
    {S("a:65536"), "one more than the largest port"},
    {S("a:99999"), "larger"},
    {S("a:2147483648"), "2^31"},
    {S("a:4294967376"), "2^32 + 80"},
    {S("a:9223372036854775808"), "2^63"},
    {S("a:18446744073709551616"), "2^64"},
    {S("a:18446744073709551621"), "2^64 + 5"},
    {S("[::1"), "no closing bracket"},
    {S("["), "no closing bracket, one byte"},
    {S("[:"), "no closing bracket"},
    {S("[]"), "nothing inside"},
    {S("::1]"), "no opening bracket"},
    {S("[::1]]"), "two closing brackets"},
    {S("[[::1]]"), "brackets inside"},
    {S("[::1]80"), "a port without ':'"},
    {S("[::1].example"), "a name behind the literal"},
    {S("a[::1]"), "a literal behind a name"},
    {S("[::g]"), "no hex digit"},
    {S("[example.com]"), "a name in brackets"},
    {S("[fe80::1%25eth0]"), "RFC 9844: zones are not for URIs"},
    {S("[fe80::1%eth0]"), "RFC 9844: zones are not for URIs"},
    {S("[:]"), "no address"},
    {S("[.]"), "no address"},
    {S("[:::]"), "three colons"},
    {S("[1::2::3]"), "\"::\" twice"},
    {S("[1:2:3:4:5:6:7]"), "seven groups"},
    {S("[1:2:3:4:5:6:7:8:9]"), "nine groups"},
    {S("[1:2:3:4:5:6:7::8]"), "\"::\" of none"},
    {S("[:1:2:3:4:5:6:7:8]"), "a colon in front"},
    {S("[1:2:3:4:5:6:7:]"), "a colon at the end"},
    {S("[::12345]"), "five digits"},
    {S("[::00001]"), "five digits"},
    {S("[2001:DB8::a.b]"), "RFC 3986 3.2.2: no IPv4address"},
    {S("[::192.0.2]"), "RFC 3986 3.2.2: no IPv4address"},
    {S("[::192.0.2.256]"), "RFC 3986 3.2.2: dec-octet"},
    {S("[::192.0.2.01]"), "RFC 3986 3.2.2: dec-octet"},
    {S("[192.0.2.1]"), "RFC 3986 3.2.2: an IPv4address has no brackets"},
    {S("[1234:1234:1234:1234:1234:1234:1234:1234:1234:1234]"), "longer than any"},
    {S("[::1 ]"), "white space"},
    {S("[::\0001]"), "NUL"},
    {S("[v]"), "IPvFuture without a version"},
    {S("[v.x]"), "IPvFuture without a version"},
    {S("[v1]"), "IPvFuture without a dot"},
    {S("[v1.]"), "IPvFuture without an address"},
    {S("[vg.x]"), "a version that is not hexadecimal"},
    {S("[v1.a/b]"), "'/' in IPvFuture"},
    {S("[v1.%41]"), "no escapes in IPvFuture"},
    {S("[x1.a]"), "not 'v'"},
    {S("%"), "a broken escape"},
    {S("%4"), "a broken escape"},
    {S("a%4"), "a broken escape at the end"},
    {S("%4g"), "a broken escape"},
    {S("%g4"), "a broken escape"},
    {S("a%:80"), "an escape broken by the port"},
    {S("%%41"), "an escape broken by an escape"},
    {S("a/b"), "'/' ends an authority"},
    {S("a?b"), "'?' ends an authority"},
    {S("a#b"), "'#' ends an authority"},
    {S("a b"), "SP"},
    {S(" a"), "SP in front"},
    {S("a\tb"), "HTAB"},
    {S("local\\host"), "RFC 3986 2: not an allowed character"},
    {S("{x}"), "RFC 3986 2: not an allowed character"},
    {S("<a>"), "RFC 3986 2: not an allowed character"},
    {S("a\"b"), "RFC 3986 2: not an allowed character"},
    {S("a^b"), "RFC 3986 2: not an allowed character"},
    {S("a`b"), "RFC 3986 2: not an allowed character"},
    {S("a|b"), "RFC 3986 2: not an allowed character"},
    {S("a\0"), "NUL at the end"},
    {S("\0a"), "NUL in front"},
    {S("local\x01host"), "a control character"},
    {S("a\x7f"), "DEL"},
    {S("\x80"), "0x80"},
    {S("localh\xf6st"), "Latin-1"},
    {S("\xff"), "0xFF"},
};

static void authority__anything_else__is_refused(void **state)
{
    struct wr_authority got;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(invalid); i++)
        if (wr_authority_parse(invalid[i].text, &got))
            fail_msg("\"%s\" (%s)", invalid[i].text.p, invalid[i].why);
}

/* RFC 3986 3.2.2: reg-name = *( unreserved / pct-encoded / sub-delims ), written out. */
static void authority__one_octet__is_a_host_when_a_reg_name_may_have_it(void **state)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._~"
                                  "!$&'()*+,;=";

    (void)state;
    for (int octet = 0; octet < 256; octet++) {
        const char text[] = {'h', (char)octet, 'h'};
        bool want = octet != 0 && strchr(allowed, octet);
        struct wr_authority got;

        if (wr_authority_parse(wr_slice(text, sizeof text), &got) != want)
            fail_msg("0x%02x", octet);
    }
}

static void authority__text_inside_a_longer_one__is_read_by_its_length(void **state)
{
    const char cut[2] = {'%', '4'}; /* for AddressSanitizer: "%41" would be too long */
    struct wr_authority got;

    (void)state;
    assert_true(wr_authority_parse(wr_slice("host:8080", 6), &got));
    assert_int_equal(got.port, 8);
    assert_false(wr_authority_parse(wr_slice("[::1]", 4), &got));
    assert_false(wr_authority_parse(wr_slice(cut, sizeof cut), &got));
}

WR_TESTS(cmocka_unit_test(authority__uri_host_and_port__are_split),
         cmocka_unit_test(authority__anything_else__is_refused),
         cmocka_unit_test(authority__one_octet__is_a_host_when_a_reg_name_may_have_it),
         cmocka_unit_test(authority__text_inside_a_longer_one__is_read_by_its_length));
