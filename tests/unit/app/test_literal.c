/*
 * Values by hand, from C17 6.4.4.1 and 6.4.5 and from C++17 [lex.string]; a compiler was asked in
 * case of doubt.
 */
#include "app/literal.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

/* In memory of the size that is promised, so that AddressSanitizer sees a byte too many. */
static char *exact_copy(const char *text)
{
    size_t n = strlen(text);
    char *copy = malloc(n > 0 ? n : 1);

    assert_non_null(copy);
    memcpy(copy, text, n);
    return copy;
}

static void literal__string__is_read_as_a_compiler_does(void **state)
{
    static const struct {
        const char *source, *value; /* NULL: not a literal */
    } cases[] = {
        {"\"a\"", "a"},
        {"\"\"", ""},
        {"(\"a\" \"b\")", "ab"},
        {"( ( \"a\" ) )", "a"},
        {"\"a\"\"b\" \"c\"", "abc"},
        {"u8\"a\" u8\"b\"", "ab"},
        {"\"\\a\\b\\f\\n\\r\\t\\v\\e\\\\\\\"\\'\\?\"", "\a\b\f\n\r\t\v\x1b\\\"'?"},
        {"\"\\x41\\x000042\"", "AB"},
        {"\"\\x4\" \"1\"", "\x04"
                           "1"},
        {"\"\\101\\1018\\7\"", "AA8\a"},
        {"\"\\377\\xff\"", "\xff\xff"},
        {"\"\\u00e9\\u20ac\\U0001f600\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\"\\u{e9}\\x{41}\\o{102}\"", "\xc3\xa9"
                                       "AB"},
        {"\"a\\0b\"", "a"},
        {"\"\xc3\xa9\"", "\xc3\xa9"},
        {"R\"(a\\n\")\"", "a\\n\""},
        {"R\"x(a)\"b)x\"", "a)\"b"},
        {"R\"(a\nb)\" \"c\"", "a\nbc"},
        {"u8R\"(a)\"", "a"},
        {"R\"0123456789abcdef(a)0123456789abcdef\"", "a"},
        {"R\"0123456789abcdefg(a)0123456789abcdefg\"", NULL},
        {"R\"x(a)y\"", NULL},
        {"R\"a b(a)a b\"", NULL},
        {"R\"(a", NULL},
        {"R\"", NULL},
        {"", NULL},
        {"()", NULL},
        {"name", NULL},
        {"\"a\" name", NULL},
        {"name \"a\"", NULL},
        {"(\"a\") (\"b\")", NULL},
        {"(\"a\"", NULL},
        {"\"a\" + 1", NULL},
        {"&\"a\"[0]", NULL},
        {"L\"a\"", NULL},
        {"U\"a\"", NULL},
        {"u\"a\"", NULL},
        {"'a'", NULL},
        {"((void *)0)", NULL},
        {"\"a", NULL},
        {"\"a\\", NULL},
        {"\"a\\\"", NULL},
        {"\"\\q\"", NULL},
        {"\"\\x\"", NULL},
        {"\"\\x100\"", NULL},
        {"\"\\400\"", NULL},
        {"\"\\u123\"", NULL},
        {"\"\\ud800\"", NULL},
        {"\"\\U00110000\"", NULL},
        {"\"\\u{}\"", NULL},
        {"\"\\o7\"", NULL},
        {"\"\\N{DIGIT ONE}\"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        size_t n = strlen(cases[i].source);
        char *source = exact_copy(cases[i].source), *value = malloc(n + 1);
        bool is_literal = wr_literal_string(wr_slice(source, n), value);

        if (is_literal != (cases[i].value != NULL))
            fail_msg("%s", cases[i].source);
        if (is_literal)
            assert_string_equal(value, cases[i].value);
        free(source);
        free(value);
    }
}

/* Cut anywhere, it is read within its memory. */
static void literal__string_cut__is_bounded(void **state)
{
    static const char whole[] = "(u8\"a\\x41\\101\\u{20ac}\\U0001f600\" uR\"ab(c)ab\" R\"(\n)\")";

    (void)state;
    for (size_t start = 0; start < sizeof whole; start++)
        for (size_t end = start; end < sizeof whole; end++) {
            size_t n = end - start;
            char *source = malloc(n > 0 ? n : 1), *value = malloc(n + 1);

            assert_true(source && value);
            memcpy(source, whole + start, n);
            if (wr_literal_string(wr_slice(source, n), value))
                assert_true(strlen(value) <= n);
            assert_true(wr_literal_int(wr_slice(source, n)) >= -1);
            free(source);
            free(value);
        }
}

static void literal__int__is_a_number(void **state)
{
    static const struct {
        const char *source;
        int value;
    } cases[] = {
        {"0", 0},           {"1", 1},
        {"(1)", 1},         {" ( ( 2 ) ) ", 2},
        {"0x1F", 31},       {"0Xa", 10},
        {"010", 8},         {"2U", 2},
        {"2ull", 2},        {"2147483647", 2147483647},
        {"2147483648", -1}, {"0x80000000", -1},
        {"4294967297", -1}, {"99999999999999999999", -1},
        {"-1", -1},         {"", -1},
        {"()", -1},         {"0x", -1},
        {"08", -1},         {"1 + 1", -1},
        {"RUNS", -1},       {"1.0", -1},
        {"'1'", -1},        {"\"1\"", -1},
        {"(1", -1},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char *source = exact_copy(cases[i].source);
        int value = wr_literal_int(wr_slice(source, strlen(cases[i].source)));

        if (value != cases[i].value)
            fail_msg("%s: %d", cases[i].source, value);
        free(source);
    }
}

static void literal__field__is_the_one_named(void **state)
{
    static const struct {
        const char *source, *value; /* NULL: not this one */
    } cases[] = {
        {".name = 1", " 1"},    {".name=", ""},     {" . name =x", "x"}, {".name", NULL},
        {".names = 1", NULL},   {".nam = 1", NULL}, {"name = 1", NULL},  {".xname = 1", NULL},
        {".name[0] = 1", NULL}, {"", NULL},         {".", NULL},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_slice text = wr_slice_of(cases[i].source);

        if (wr_literal_field(&text, "name") != (cases[i].value != NULL))
            fail_msg("%s", cases[i].source);
        assert_true(
            wr_slice_eq(text, wr_slice_of(cases[i].value ? cases[i].value : cases[i].source)));
    }
}

WR_TESTS(cmocka_unit_test(literal__string__is_read_as_a_compiler_does),
         cmocka_unit_test(literal__string_cut__is_bounded),
         cmocka_unit_test(literal__int__is_a_number),
         cmocka_unit_test(literal__field__is_the_one_named));
