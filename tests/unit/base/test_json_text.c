#include "base/json_text.h"

#include <jansson.h>
#include <stdio.h>

#include "support.h"

#define NO_LIMIT SIZE_MAX
#define S(text)  WR_SLICE(text)

/* Written by hand from RFC 8259 7, RFC 3629 3 and 4, and the header. */
static const struct {
    struct wr_slice in;
    const char *out, *why;
} cases[] = {
    {{"", 0}, "\"\"", "empty"},
    {{"/a b?c=d", 8}, "\"/a b?c=d\"", "ASCII, and the slash, stay"},
    {{"\"", 1}, "\"\\\"\"", "quote"},
    {{"\\", 1}, "\"\\\\\"", "backslash"},
    {{"\\x1b", 4}, "\"\\\\x1b\"", "what the message log has made visible"},
    {{"\0", 1}, "\"\\u0000\"", "NUL"},
    {{"\n\r\t", 3}, "\"\\u000a\\u000d\\u0009\"", "controls that have short forms too"},
    {{"\x1f \x7e", 3}, "\"\\u001f ~\"", "both ends of what is printed"},
    {{"\x7f", 1}, "\"\\u007f\"", "DEL"},
    {{"\xc2\x80\xc2\x9b\xc2\x9f", 6}, "\"\\u0080\\u009b\\u009f\"", "C1 controls, CSI among them"},
    {{"\xc2\xa0", 2}, "\"\xc2\xa0\"", "the first behind them"},
    {{"\xc3\xa9\xdf\xbf", 4}, "\"\xc3\xa9\xdf\xbf\"", "2 bytes: U+00E9, U+07FF"},
    {{"\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbf", 9},
     "\"\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbf\"",
     "3 bytes: U+0800, U+20AC, U+FFFF"},
    {{"\xed\x9f\xbf\xee\x80\x80", 6}, "\"\xed\x9f\xbf\xee\x80\x80\"", "around the surrogates"},
    {{"\xe2\x80\xa8\xe2\x80\xa9", 6}, "\"\\u2028\\u2029\"", "line and paragraph separator"},
    {{"\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", 12},
     "\"\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\"",
     "4 bytes: U+10000, U+1F600, U+10FFFF"},
    {{"\xe9", 1}, "\"\\u00e9\"", "ISO 8859-1"},
    {{"a\x80z", 3}, "\"a\\u0080z\"", "continuation alone"},
    {{"\xc0\x80", 2}, "\"\\u00c0\\u0080\"", "overlong NUL"},
    {{"\xc1\xbf", 2}, "\"\\u00c1\\u00bf\"", "overlong DEL"},
    {{"\xc0\xa2", 2}, "\"\\u00c0\\u00a2\"", "overlong quote"},
    {{"\xe0\x9f\xbf", 3}, "\"\\u00e0\\u009f\\u00bf\"", "overlong U+07FF"},
    {{"\xf0\x8f\xbf\xbf", 4}, "\"\\u00f0\\u008f\\u00bf\\u00bf\"", "overlong U+FFFF"},
    {{"\xed\xa0\x80", 3}, "\"\\u00ed\\u00a0\\u0080\"", "the first surrogate"},
    {{"\xed\xbf\xbf", 3}, "\"\\u00ed\\u00bf\\u00bf\"", "the last surrogate"},
    {{"\xf4\x90\x80\x80", 4}, "\"\\u00f4\\u0090\\u0080\\u0080\"", "U+110000"},
    {{"\xf5\x80\x80\x80", 4}, "\"\\u00f5\\u0080\\u0080\\u0080\"", "a lead past the last"},
    {{"\xf8\x88\x80\x80\x80", 5},
     "\"\\u00f8\\u0088\\u0080\\u0080\\u0080\"",
     "5 bytes, of the older definition"},
    {{"\xff\xfe", 2}, "\"\\u00ff\\u00fe\"", "never in UTF-8"},
    {{"\xe2\x82", 2}, "\"\\u00e2\\u0082\"", "cut short at the end"},
    {{"\xf0\x9f\x98", 3}, "\"\\u00f0\\u009f\\u0098\"", "cut short at the end"},
    {{"\xe2\x82\xac", 2}, "\"\\u00e2\\u0082\"", "whole behind the end, which is not looked at"},
    {{"\xe2\x82\"", 3}, "\"\\u00e2\\u0082\\\"\"", "a quote in a character does not get through"},
    {{"\xc3\xc3\xa9", 3}, "\"\\u00c3\xc3\xa9\"", "a lead in front of a character"},
};

static void json_text__bytes__are_a_string_of_one_line(void **state)
{
    char out[128];

    (void)state;
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf b = wr_buf_on(out, sizeof out);

        wr_json_text(&b, cases[i].in, NO_LIMIT);
        assert_false(b.overflow);
        if (b.n != strlen(cases[i].out) || memcmp(out, cases[i].out, b.n) != 0)
            fail_msg("%s: %.*s instead of %s", cases[i].why, (int)b.n, out, cases[i].out);
    }
}

static void json_text__cut__is_at_the_end_of_a_character(void **state)
{
    static const struct {
        struct wr_slice in;
        size_t most;
        const char *out;
    } cuts[] = {
        {{"abc", 3}, 3, "\"abc\""},
        {{"abc", 3}, 2, "\"ab\""},
        {{"abc", 3}, 0, "\"\""},
        {{"a\"b", 3}, 3, "\"a\\\"\""},
        {{"a\"b", 3}, 2, "\"a\""},
        {{"a\nb", 3}, 7, "\"a\\u000a\""},
        {{"a\nb", 3}, 6, "\"a\""},
        {{"\xf0\x9f\x98\x80x", 5}, 4, "\"\xf0\x9f\x98\x80\""},
        {{"\xf0\x9f\x98\x80x", 5}, 3, "\"\""},
        {{"\xe2\x82\xac\xe2\x82\xac", 6}, 5, "\"\xe2\x82\xac\""},
        {{"x\xe9", 2}, 6, "\"x\""},
    };
    char out[128];

    (void)state;
    for (size_t i = 0; i < WR_COUNT(cuts); i++) {
        struct wr_buf b = wr_buf_on(out, sizeof out);

        wr_json_text(&b, cuts[i].in, cuts[i].most);
        if (b.n != strlen(cuts[i].out) || memcmp(out, cuts[i].out, b.n) != 0)
            fail_msg("cut %zu: %.*s instead of %s", i, (int)b.n, out, cuts[i].out);
    }
}

static void json_text__no_room__sets_overflow(void **state)
{
    char out[4];
    struct wr_buf b = wr_buf_on(out, sizeof out);

    (void)state;
    wr_json_text(&b, S("abc"), NO_LIMIT);
    assert_true(b.overflow);
}

/* What jansson, which refuses all that is not valid JSON and UTF-8, makes of it. */
static json_t *parse(struct wr_slice text)
{
    json_error_t error;
    json_t *json = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (!json)
        fail_msg("%s: %.*s", error.text, (int)text.n, text.p);
    if (!json_is_string(json))
        fail_msg("no string: %.*s", (int)text.n, text.p);
    return json;
}

/* Each byte of `in` as the character of ISO 8859-1, in UTF-8. */
static size_t from_latin1(struct wr_slice in, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];

        if (c >= 0x80)
            out[n++] = (char)(0xc0 | c >> 6);
        out[n++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
    }
    return n;
}

static void check_lines(struct wr_slice out)
{
    for (size_t i = 0; i < out.n; i++) {
        unsigned char c = (unsigned char)out.p[i];

        assert_true(c >= 0x20 && c != 0x7f);
        assert_false(c == 0xc2 && (unsigned char)out.p[i + 1] < 0xa0);
    }
}

/* `is_utf8`: it is to come back; else its bytes as characters. */
static void check_return(struct wr_slice in, bool is_utf8)
{
    char out[64], want[16];
    struct wr_buf b = wr_buf_on(out, sizeof out);
    size_t want_n = in.n;
    json_t *json;

    wr_json_text(&b, in, NO_LIMIT);
    assert_false(b.overflow);
    check_lines(wr_buf_slice(&b));
    json = parse(wr_buf_slice(&b));
    if (is_utf8)
        memcpy(want, in.p, in.n);
    else
        want_n = from_latin1(in, want);
    assert_int_equal(json_string_length(json), want_n);
    assert_memory_equal(json_string_value(json), want, want_n);
    json_decref(json);
}

static void json_text__every_two_bytes__come_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 0x10000; i++) {
        const unsigned char in[] = {(unsigned char)(i >> 8), (unsigned char)i};
        bool is_pair = in[0] >= 0xc2 && in[0] <= 0xdf && in[1] >= 0x80 && in[1] <= 0xbf;

        check_return(wr_slice((const char *)in, 2), is_pair);
    }
}

/* RFC 3629 3 writes the encoding; surrogates are not encoded. */
static void json_text__every_character__comes_back(void **state)
{
    (void)state;
    for (unsigned c = 0x800; c <= 0x10ffff; c += c < 0x10000 ? 1 : 61) {
        const unsigned char three[] = {(unsigned char)(0xe0 | c >> 12),
                                       (unsigned char)(0x80 | (c >> 6 & 0x3f)),
                                       (unsigned char)(0x80 | (c & 0x3f))};
        const unsigned char four[] = {
            (unsigned char)(0xf0 | c >> 18), (unsigned char)(0x80 | (c >> 12 & 0x3f)),
            (unsigned char)(0x80 | (c >> 6 & 0x3f)), (unsigned char)(0x80 | (c & 0x3f))};

        if (c < 0x10000)
            check_return(wr_slice((const char *)three, 3), c < 0xd800 || c > 0xdfff);
        else
            check_return(wr_slice((const char *)four, 4), true);
    }
}

/* xorshift32: the same bytes in each run. */
static uint32_t next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    return *x ^= *x << 5;
}

static void json_text__random_bytes_cut_anywhere__are_valid_and_short_enough(void **state)
{
    static const unsigned char alphabet[] = {'a',  '"',  '\\', '\n', 0x00, 0x7f, 0x80, 0xbf,
                                             0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff, 0xa8};
    uint32_t seed = 1;
    char in[24], out[24 * WR_JSON_GROWTH + 2];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t n = next_random(&seed) % sizeof in, most = next_random(&seed) % 60;
        struct wr_buf b = wr_buf_on(out, sizeof out);

        for (size_t k = 0; k < n; k++)
            in[k] = (char)alphabet[next_random(&seed) % sizeof alphabet];
        wr_json_text(&b, wr_slice(in, n), most);
        assert_false(b.overflow);
        assert_true(b.n <= most + 2);
        json_decref(parse(wr_buf_slice(&b)));
    }
}

WR_TESTS(cmocka_unit_test(json_text__bytes__are_a_string_of_one_line),
         cmocka_unit_test(json_text__cut__is_at_the_end_of_a_character),
         cmocka_unit_test(json_text__no_room__sets_overflow),
         cmocka_unit_test(json_text__every_two_bytes__come_back),
         cmocka_unit_test(json_text__every_character__comes_back),
         cmocka_unit_test(json_text__random_bytes_cut_anywhere__are_valid_and_short_enough));
