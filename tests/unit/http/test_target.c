#include "http/target.h"

#include <stdlib.h>

#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

enum { OTHER, CONNECT, OPTIONS }; /* methods, as far as they matter */

static const struct {
    const char *text;
    int method;
    enum wr_target_form form;
    const char *scheme, *authority, *raw_path, *query; /* NULL: absent */
    const char *why;
} targets[] = {
    {"/", OTHER, WR_TARGET_ORIGIN, NULL, NULL, "/", NULL, "RFC 9112 3.2.1"},
    {"/where?q=now", OTHER, WR_TARGET_ORIGIN, NULL, NULL, "/where", "q=now", "RFC 9112 3.2.1"},
    {"/?", OTHER, WR_TARGET_ORIGIN, NULL, NULL, "/", "", "an empty query"},
    {"/a?b?c", OTHER, WR_TARGET_ORIGIN, NULL, NULL, "/a", "b?c", "RFC 3986 3.4: '?' in a query"},
    {"/a?b/../c", OTHER, WR_TARGET_ORIGIN, NULL, NULL, "/a", "b/../c", "'/' in a query"},
    {"/?%zz", OTHER, WR_TARGET_ORIGIN, NULL, NULL, "/", "%zz", "the query is not checked"},
    {"//a/b", OTHER, WR_TARGET_ORIGIN, NULL, NULL, "//a/b", NULL, "RFC 9112 3.2.1: no authority"},
    {"/http://a/", OTHER, WR_TARGET_ORIGIN, NULL, NULL, "/http://a/", NULL, "it begins with '/'"},
    {"/*", OPTIONS, WR_TARGET_ORIGIN, NULL, NULL, "/*", NULL, "not just the asterisk"},
    {"/a", OPTIONS, WR_TARGET_ORIGIN, NULL, NULL, "/a", NULL, "OPTIONS of one resource"},
    {"/\xc3\xa9;x=1", OTHER, WR_TARGET_ORIGIN, NULL, NULL, "/\xc3\xa9;x=1", NULL, "UTF-8 and ';'"},
    {"*", OPTIONS, WR_TARGET_ASTERISK, NULL, NULL, NULL, NULL, "RFC 9112 3.2.4"},
    {"a.example:80", CONNECT, WR_TARGET_AUTHORITY, NULL, "a.example:80", NULL, NULL,
     "RFC 9112 3.2.3"},
    {"*", CONNECT, WR_TARGET_AUTHORITY, NULL, "*", NULL, NULL,
     "'*' is a reg-name; not yet checked"},
    {"u@h:x", CONNECT, WR_TARGET_AUTHORITY, NULL, "u@h:x", NULL, NULL, "not yet checked"},
    {"http://h/p?q", OTHER, WR_TARGET_ABSOLUTE, "http", "h", "/p", "q", "RFC 9112 3.2.2"},
    {"http://h/p?q", OPTIONS, WR_TARGET_ABSOLUTE, "http", "h", "/p", "q", "RFC 9112 3.2.2"},
    {"https://h:443/", OTHER, WR_TARGET_ABSOLUTE, "https", "h:443", "/", NULL, "https"},
    {"HtTpS://H/P", OTHER, WR_TARGET_ABSOLUTE, "HtTpS", "H", "/P", NULL, "RFC 3986 3.1: no case"},
    {"http://h", OTHER, WR_TARGET_ABSOLUTE, "http", "h", NULL, NULL, "RFC 9110 4.2.3: no path"},
    {"http://h?q", OTHER, WR_TARGET_ABSOLUTE, "http", "h", NULL, "q", "a query without a path"},
    {"http://h?", OTHER, WR_TARGET_ABSOLUTE, "http", "h", NULL, "",
     "an empty query without a path"},
    {"http://h?a/b", OTHER, WR_TARGET_ABSOLUTE, "http", "h", NULL, "a/b", "'/' behind '?'"},
    {"http://h/?", OTHER, WR_TARGET_ABSOLUTE, "http", "h", "/", "", "an empty query"},
    {"http://h//a", OTHER, WR_TARGET_ABSOLUTE, "http", "h", "//a", NULL, "the path as it came"},
    {"http://[::1]:8/p", OTHER, WR_TARGET_ABSOLUTE, "http", "[::1]:8", "/p", NULL, "IP literal"},
    {"http://u:p@h/", OTHER, WR_TARGET_ABSOLUTE, "http", "u:p@h", "/", NULL, "not yet checked"},
    {"http:///p", OTHER, WR_TARGET_ABSOLUTE, "http", "", "/p", NULL,
     "an empty one, not yet checked"},
    {"http://", OTHER, WR_TARGET_ABSOLUTE, "http", "", NULL, NULL, "an empty one, not yet checked"},
    {"http://h/http://g/", OTHER, WR_TARGET_ABSOLUTE, "http", "h", "/http://g/", NULL, "twice"},
};

static bool is_same(struct wr_slice got, const char *want)
{
    return want ? got.p && wr_slice_eq(got, wr_slice_of(want)) : !got.p && got.n == 0;
}

static void target__four_forms__are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(targets); i++) {
        struct wr_target got;
        bool ok = wr_target_split(wr_slice_of(targets[i].text), targets[i].method == CONNECT,
                                  targets[i].method == OPTIONS, &got);

        if (!ok || got.form != targets[i].form || !is_same(got.scheme, targets[i].scheme) ||
            !is_same(got.authority, targets[i].authority) ||
            !is_same(got.raw_path, targets[i].raw_path) || !is_same(got.query, targets[i].query))
            fail_msg("%s (%s)", targets[i].text, targets[i].why);
    }
}

static const struct {
    const char *text;
    int method;
    const char *why;
} misfits[] = {
    {"", OTHER, "empty"},
    {"", OPTIONS, "empty"},
    {"", CONNECT, "empty"},
    {"x", OTHER, "one byte"},
    {"file.txt", OTHER, "RFC 9112 3.2: a relative path is none of the forms"},
    {"./a", OTHER, "a relative path"},
    {"../a", OTHER, "a relative path"},
    {"?x", OTHER, "a query alone"},
    {"\\file.txt", OTHER, "a backslash is no '/'"},
    {"%2Ffile.txt", OTHER, "nor is an escape"},
    {"*", OTHER, "RFC 9112 3.2.4: with OPTIONS only"},
    {"**", OPTIONS, "more than the asterisk"},
    {"*?q", OPTIONS, "more than the asterisk"},
    {"*/", OPTIONS, "more than the asterisk"},
    {"h:80", OTHER, "RFC 9112 3.2.3: with CONNECT only"},
    {"h:80", OPTIONS, "RFC 9112 3.2.3: with CONNECT only"},
    {"/a", CONNECT, "RFC 9112 3.2.3: CONNECT has no other form"},
    {"http://h/", CONNECT, "RFC 9112 3.2.3: CONNECT has no other form"},
    {"h:80/", CONNECT, "a path"},
    {"h:80?q", CONNECT, "a query"},
    {"http:", OTHER, "no authority"},
    {"http:/", OTHER, "no authority"},
    {"http:/a", OTHER, "no authority"},
    {"http", OTHER, "a scheme alone"},
    {"http//h/", OTHER, "no colon"},
    {"http:h", OTHER, "no slashes"},
    {"ftp://h/a", OTHER, "another scheme"},
    {"file:///a", OTHER, "another scheme"},
    {"httpx://h/", OTHER, "another scheme"},
    {"xhttp://h/", OTHER, "another scheme"},
    {"https+x://h/", OTHER, "another scheme"},
    {"ws://h/", OTHER, "another scheme"},
    {"://h/", OTHER, "an empty scheme"},
    {"urn:a:b", OTHER, "another scheme"},
};

static void target__none_of_the_forms__is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(misfits); i++) {
        struct wr_target got;

        if (wr_target_split(wr_slice_of(misfits[i].text), misfits[i].method == CONNECT,
                            misfits[i].method == OPTIONS, &got))
            fail_msg("\"%s\" (%s)", misfits[i].text, misfits[i].why);
    }
}

static void target__absent_text__is_refused(void **state)
{
    struct wr_target got;

    (void)state;
    assert_false(wr_target_split(wr_slice(NULL, 0), false, false, &got));
    assert_false(wr_target_split(wr_slice(NULL, 0), true, false, &got));
}

static void target__text_inside_a_longer_one__is_read_by_its_length(void **state)
{
    struct wr_target got;

    (void)state;
    assert_true(wr_target_split(wr_slice("/a?b", 2), false, false, &got));
    assert_true(is_same(got.raw_path, "/a"));
    assert_true(is_same(got.query, NULL));
    assert_false(wr_target_split(wr_slice("http://h", 6), false, false, &got));
    assert_true(wr_target_split(wr_slice("*x", 1), false, true, &got));
}

/* In a heap block that ends where the path may, for AddressSanitizer to watch. */
static bool decode(struct wr_slice raw, char **memory, struct wr_slice *path)
{
    *memory = malloc(raw.n + 1);
    assert_non_null(*memory);
    memset(*memory, '~', raw.n + 1);
    return wr_target_decode_path(raw, *memory, path);
}

static const struct {
    struct wr_slice raw, want;
    const char *why;
} paths[] = {
    /* nothing to change */
    {S("/"), S("/"), "the shortest"},
    {S("/a"), S("/a"), "one segment"},
    {S("/a/b.c"), S("/a/b.c"), "two"},
    {S("/a/b/"), S("/a/b/"), "a '/' at the end stays"},
    {S("/a.b/c."), S("/a.b/c."), "dots inside and behind"},
    {S("/a../b"), S("/a../b"), "dots behind a name are part of it"},
    {S("/a..b.txt"), S("/a..b.txt"), "dots inside a name"},
    {S("/;a=b/c;d"), S("/;a=b/c;d"), "rule 6"},
    {S("/a+b"), S("/a+b"), "'+' is no space in a path"},
    {S("/~!$&'()*,=:@"), S("/~!$&'()*,=:@"), "RFC 3986 3.3: pchar"},
    {S("/\\a\\..\\b"), S("/\\a\\..\\b"), "rule 2: a backslash is an ordinary character"},
    {S("/\xc3\xa9\x80\xff"), S("/\xc3\xa9\x80\xff"), "rule 5: bytes above 0x7F as they are"},
    {S("/\x7f\x01"), S("/\x7f\x01"), "controls are for the parser to refuse"},
    /* rule 1: escapes */
    {S("/%41"), S("/A"), "RFC 3986 2.1"},
    {S("/%7e%7E"), S("/~~"), "hex digits of both cases"},
    {S("/na%C3%AFve.txt"), S("/na\xc3\xafve.txt"), "UTF-8"},
    {S("/a%20b"), S("/a b"), "a space"},
    {S("/q%3Fmark"), S("/q?mark"), "'?' in a name"},
    {S("/a%23b"), S("/a#b"), "'#' in a name"},
    {S("/100%25"), S("/100%"), "'%' in a name"},
    {S("/%2541"), S("/%41"), "decoded once"},
    {S("/%252e%252e/a"), S("/%2e%2e/a"), "decoded once: no dot segment"},
    {S("/%01%7F%80%fF"), S("/\x01\x7f\x80\xff"), "any octet but 0"},
    {S("/%0d%0aX:%20y"), S("/\r\nX: y"), "CR and LF"},
    {S("/%c0%af"), S("/\xc0\xaf"), "an overlong '/' is not decoded further"},
    /* rule 2: %2F and %5C */
    {S("/a%2Fb"), S("/a/b"), "%2F is '/'"},
    {S("/a%2fb"), S("/a/b"), "%2f too"},
    {S("/a%2F/b"), S("/a/b"), "and is part of a run"},
    {S("/a%2F"), S("/a/"), "and ends the path"},
    {S("/a%5C..%5Cb"), S("/a\\..\\b"), "%5C is an ordinary character"},
    {S("/a/..%2Fb"), S("/b"), "a segment that ends in %2F"},
    /* rule 3: runs of '/' and dot segments, RFC 3986 5.2.4 */
    {S("//"), S("/"), "a run alone"},
    {S("///"), S("/"), "a longer one"},
    {S("//a"), S("/a"), "a run in front"},
    {S("/a//b"), S("/a/b"), "inside"},
    {S("/a//"), S("/a/"), "at the end"},
    {S("/a////b///"), S("/a/b/"), "more of them"},
    {S("/./a"), S("/a"), "'.' in front"},
    {S("/a/./b"), S("/a/b"), "inside"},
    {S("/a/././b"), S("/a/b"), "twice"},
    {S("/a/b/../c"), S("/a/c"), "'..' inside"},
    {S("/a/../b"), S("/b"), "down to the root"},
    {S("/a/b/../../c"), S("/c"), "twice"},
    {S("/a/b/c/./../../g"), S("/a/g"), "the example of RFC 3986 5.2.4"},
    {S("/a//../b"), S("/b"), "runs become one first"},
    {S("/a/.//../b"), S("/b"), "so that '..' does not remove an empty segment"},
    {S("/a/%2e/b"), S("/a/b"), "an escaped '.'"},
    {S("/a/%2E%2e/b"), S("/b"), "an escaped '..'"},
    {S("/a/.%2e/b"), S("/b"), "half of it escaped"},
    {S("/a/%2e./b"), S("/b"), "the other half"},
    {S("/a%2F..%2Fb"), S("/b"), "with escaped slashes"},
    {S("/..."), S("/..."), "three dots are a name"},
    {S("/..a"), S("/..a"), "so are two with more"},
    {S("/.a"), S("/.a"), "and one with more"},
    {S("/.well-known/x"), S("/.well-known/x"), "RFC 8615"},
    {S("/a/.../b"), S("/a/.../b"), "three dots inside"},
    {S("/a/..;/b"), S("/a/..;/b"), "rule 6: this is a name"},
    {S("/a/.. /b"), S("/a/.. /b"), "so is this"},
    /* rule 4: the end */
    {S("/."), S("/"), "\"/.\""},
    {S("/./"), S("/"), "\"/./\""},
    {S("/a/."), S("/a/"), "RFC 3986 5.2.4 2B"},
    {S("/a/.."), S("/"), "RFC 3986 5.2.4 2C"},
    {S("/a/../"), S("/"), "with a '/'"},
    {S("/a/b/.."), S("/a/"), "the parent, which is a directory"},
    {S("/a/b/../."), S("/a/"), "both"},
    {S("/a/b/./.."), S("/a/"), "both, the other way"},
    {S("/a/b/%2e%2e"), S("/a/"), "escaped"},
    {S("/a/b/..//"), S("/a/"), "and a run"},
};

static void target__path__is_decoded_once_and_made_normal(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(paths); i++) {
        char *memory;
        struct wr_slice got = {NULL, 0};
        bool ok = decode(paths[i].raw, &memory, &got);

        if (!ok || !wr_slice_eq(got, paths[i].want))
            fail_msg("%s (%s): \"%.*s\"", paths[i].raw.p, paths[i].why, (int)got.n, got.p);
        assert_ptr_equal(got.p, memory);
        assert_int_equal(got.p[got.n], '\0');
        free(memory);
    }
}

static const struct {
    struct wr_slice raw;
    const char *why;
} broken[] = {
    {S("/%"), "a broken escape"},
    {S("/%4"), "one digit"},
    {S("/a%"), "at the end"},
    {S("/a%4"), "at the end"},
    {S("/%4g"), "no hex digit"},
    {S("/%g4"), "no hex digit"},
    {S("/%zz"), "no hex digit"},
    {S("/% 41"), "a space"},
    {S("/%+4"), "a sign"},
    {S("/%-1"), "a sign"},
    {S("/%4/"), "the octet below '0'"},
    {S("/%4:"), "the octet above '9'"},
    {S("/%4@"), "the octet below 'A'"},
    {S("/%4G"), "the octet above 'F'"},
    {S("/%4`"), "the octet below 'a'"},
    {S("/%0x41"), "an 'x'"},
    {S("/%%41"), "broken by another"},
    {S("/%u0041"), "not in RFC 3986"},
    {S("/%\xff\xff"), "0xFF"},
    {S("/%00"), "NUL"},
    {S("/file.txt%00.html"), "NUL inside"},
    {S("/.%00./a"), "NUL between dots"},
    {S("/a\0"), "a raw NUL at the end"},
    {S("/a\0b/../c"), "a raw NUL inside"},
    {S("/#"), "'#'"},
    {S("/a#b"), "'#' inside"},
    {S("/%41#"), "'#' behind an escape"},
    /* not a path */
    {S("a"), "no '/'"},
    {S("a/b"), "no '/' in front"},
    {S("../a"), "no '/' in front"},
    {S("%2Fa"), "an escaped '/' in front"},
    {S("\\a"), "a backslash in front"},
    {S("\0"), "NUL alone"},
};

static void expect_refused(struct wr_slice raw, const char *why)
{
    char *memory;
    struct wr_slice got;

    if (decode(raw, &memory, &got))
        fail_msg("%s (%s): \"%.*s\"", raw.p, why, (int)got.n, got.p);
    free(memory);
}

static void target__bad_escape_nul_hash_or_no_slash_in_front__is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(broken); i++)
        expect_refused(broken[i].raw, broken[i].why);
}

/* rule 3 */
static const struct {
    struct wr_slice raw;
    const char *why;
} climbing[] = {
    {S("/.."), "above the root"},
    {S("/../"), "above the root"},
    {S("/../a"), "above the root"},
    {S("/../../a"), "twice"},
    {S("/a/../.."), "after a segment"},
    {S("/a/../../a"), "and back"},
    {S("/a/b/../../../c"), "after two"},
    {S("/./.."), "'.' is no segment to climb from"},
    {S("/././.././a"), "nor are more of them"},
    {S("//.."), "nor is an empty one"},
    {S("///../a"), "nor are more of them"},
    {S("/a//../.."), "runs become one first"},
    {S("/%2e%2e/a"), "escaped"},
    {S("/.%2e/a"), "half escaped"},
    {S("/%2E%2E%2Fa"), "with its '/'"},
    {S("/a/..%2f..%2fb"), "with its '/'"},
    {S("/..%2F"), "with its '/'"},
};

static void target__dot_dot_above_root__is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(climbing); i++)
        expect_refused(climbing[i].raw, climbing[i].why);
}

static void target__absent_path__is_the_root(void **state)
{
    char *memory;
    struct wr_slice got;

    (void)state;
    assert_true(decode(wr_slice(NULL, 0), &memory, &got)); /* RFC 9110 4.2.3 */
    assert_true(wr_slice_eq(got, WR_SLICE("/")));
    assert_int_equal(got.p[1], '\0');
    assert_int_equal(memory[0], '~');
    free(memory);
}

static void target__escape_cut_off_by_the_end__is_refused(void **state)
{
    (void)state;
    expect_refused(wr_slice("/a%41", 4), "its second digit is behind the end");
    expect_refused(wr_slice("/a%41", 3), "both digits are behind the end");
}

static void target__every_escape__is_its_octet(void **state)
{
    static const char upper[] = "0123456789ABCDEF", lower[] = "0123456789abcdef";

    (void)state;
    for (int octet = 1; octet < 256; octet++) {
        const char raw[] = {'/', 'x', '%', upper[octet / 16], lower[octet % 16], 'x'};
        char *memory;
        struct wr_slice got;

        if (!decode(wr_slice(raw, sizeof raw), &memory, &got) || got.n != 4 ||
            (unsigned char)got.p[2] != octet)
            fail_msg("%%%02x", octet);
        free(memory);
    }
}

static void target__long_path_of_dot_segments__is_taken_in_linear_time(void **state)
{
    enum { PAIRS = 1000000 };
    char *raw = malloc(PAIRS * 5), *memory;
    struct wr_slice got;

    (void)state;
    assert_non_null(raw);
    for (size_t i = 0; i < PAIRS; i++)
        memcpy(raw + i * 2, "/a", 2);
    for (size_t i = 0; i < PAIRS; i++)
        memcpy(raw + (size_t)PAIRS * 2 + i * 3, "/..", 3);
    assert_true(decode(wr_slice(raw, (size_t)PAIRS * 5), &memory, &got));
    assert_true(wr_slice_eq(got, WR_SLICE("/")));
    free(memory);
    assert_false(decode(wr_slice(raw + 2, (size_t)PAIRS * 5 - 2), &memory, &got));
    free(memory);
    free(raw);
}

WR_TESTS(cmocka_unit_test(target__four_forms__are_split),
         cmocka_unit_test(target__none_of_the_forms__is_refused),
         cmocka_unit_test(target__absent_text__is_refused),
         cmocka_unit_test(target__text_inside_a_longer_one__is_read_by_its_length),
         cmocka_unit_test(target__path__is_decoded_once_and_made_normal),
         cmocka_unit_test(target__bad_escape_nul_hash_or_no_slash_in_front__is_refused),
         cmocka_unit_test(target__dot_dot_above_root__is_refused),
         cmocka_unit_test(target__absent_path__is_the_root),
         cmocka_unit_test(target__escape_cut_off_by_the_end__is_refused),
         cmocka_unit_test(target__every_escape__is_its_octet),
         cmocka_unit_test(target__long_path_of_dot_segments__is_taken_in_linear_time));
