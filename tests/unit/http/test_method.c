#include "http/method.h"

#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct {
    struct wr_slice token;
    enum wr_method want;
    const char *why;
} rows[] = {
    {S("GET"), WR_METHOD_GET, "RFC 9110 9.3.1"},
    {S("HEAD"), WR_METHOD_HEAD, "RFC 9110 9.3.2"},
    {S("POST"), WR_METHOD_POST, "RFC 9110 9.3.3"},
    {S("PUT"), WR_METHOD_PUT, "RFC 9110 9.3.4"},
    {S("DELETE"), WR_METHOD_DELETE, "RFC 9110 9.3.5"},
    {S("CONNECT"), WR_METHOD_CONNECT, "RFC 9110 9.3.6"},
    {S("OPTIONS"), WR_METHOD_OPTIONS, "RFC 9110 9.3.7"},
    {S("TRACE"), WR_METHOD_TRACE, "RFC 9110 9.3.8"},
    {S("PATCH"), WR_METHOD_PATCH, "RFC 5789 2"},
    {S("get"), WR_METHOD_OTHER, "RFC 9110 9.1: case-sensitive"},
    {S("Get"), WR_METHOD_OTHER, "RFC 9110 9.1: case-sensitive"},
    {S("GEt"), WR_METHOD_OTHER, "RFC 9110 9.1: case-sensitive"},
    {S("patch"), WR_METHOD_OTHER, "RFC 9110 9.1: case-sensitive"},
    {S("G"), WR_METHOD_OTHER, "one character"},
    {S("GE"), WR_METHOD_OTHER, "the beginning of a name"},
    {S("GETS"), WR_METHOD_OTHER, "a name and more"},
    {S("DELET"), WR_METHOD_OTHER, "the beginning of a name"},
    {S("OPTIONSX"), WR_METHOD_OTHER, "a name and more"},
    {S("PROPFIND"), WR_METHOD_OTHER, "registered, but not known here (RFC 4918)"},
    {S("PRI"), WR_METHOD_OTHER, "the preface of HTTP/2 (RFC 9113 3.4)"},
    {S("!#$%&'*+-.^_`|~9"), WR_METHOD_OTHER, "RFC 9110 5.6.2: still a token"},
};

static void method__token__is_known_by_its_exact_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        enum wr_method got = wr_method_of(rows[i].token);

        if (got != rows[i].want)
            fail_msg("%s: %d (%s)", rows[i].token.p, got, rows[i].why);
    }
}

static void method__empty_or_absent_token__is_other(void **state)
{
    (void)state;
    assert_int_equal(wr_method_of(WR_SLICE("")), WR_METHOD_OTHER);
    assert_int_equal(wr_method_of(wr_slice(NULL, 0)), WR_METHOD_OTHER);
}

static void method__token_inside_a_longer_text__is_read_by_its_length(void **state)
{
    (void)state;
    assert_int_equal(wr_method_of(wr_slice("GETTING", 3)), WR_METHOD_GET);
    assert_int_equal(wr_method_of(wr_slice("PUT", 2)), WR_METHOD_OTHER);
}

static void method__name__is_the_token(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_slice name = wr_method_name(rows[i].want);

        if (rows[i].want == WR_METHOD_OTHER)
            assert_null(name.p);
        else
            assert_true(wr_slice_eq(name, rows[i].token));
    }
}

WR_TESTS(cmocka_unit_test(method__token__is_known_by_its_exact_name),
         cmocka_unit_test(method__empty_or_absent_token__is_other),
         cmocka_unit_test(method__token_inside_a_longer_text__is_read_by_its_length),
         cmocka_unit_test(method__name__is_the_token));
