#include "http/range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct {
    struct wr_slice value;
    uint64_t size, start, length;
    const char *why;
} parts[] = {
    /* RFC 9110 14.1.2, the examples for 10000 bytes */
    {S("bytes=0-499"), 10000, 0, 500, "the first 500 bytes"},
    {S("bytes=500-999"), 10000, 500, 500, "the second 500 bytes"},
    {S("bytes=-500"), 10000, 9500, 500, "the final 500 bytes"},
    {S("bytes=9500-"), 10000, 9500, 500, "the final 500 bytes"},
    {S("bytes=0-0"), 10000, 0, 1, "the first byte"},
    {S("bytes=-1"), 10000, 9999, 1, "the last byte"},
    /* edges */
    {S("bytes=0-"), 10000, 0, 10000, "all of it"},
    {S("bytes=0-9999"), 10000, 0, 10000, "all of it, exactly"},
    {S("bytes=0-10000"), 10000, 0, 10000, "14.1.2: a last-pos past the end"},
    {S("bytes=9999-"), 10000, 9999, 1, "the last byte, open"},
    {S("bytes=9999-9999"), 10000, 9999, 1, "the last byte, exactly"},
    {S("bytes=9999-10000"), 10000, 9999, 1, "one past the end"},
    {S("bytes=-9999"), 10000, 1, 9999, "all but the first"},
    {S("bytes=-10000"), 10000, 0, 10000, "all of it"},
    {S("bytes=-10001"), 10000, 0, 10000, "14.1.2: a suffix that is longer"},
    {S("bytes=0-0"), 1, 0, 1, "a representation of one byte"},
    {S("bytes=0-"), 1, 0, 1, "of one byte, open"},
    {S("bytes=-1"), 1, 0, 1, "of one byte, from behind"},
    {S("bytes=0000-0009"), 1100, 0, 10, "14.1.1: 1*DIGIT, leading zeros"},
    {S("bytes=-0001"), 1100, 1099, 1, "leading zeros"},
    {S("bytes=000000000000000000000000000000000000005-"), 10, 5, 5, "any number of zeros"},
    {S("BYTES=0-1"), 10, 0, 2, "14.1: names of units have no case"},
    {S("bYtEs=0-1"), 10, 0, 2, "14.1: names of units have no case"},
    {S("bytes=0-1,"), 10, 0, 2, "5.6.1.2: an empty element behind"},
    {S("bytes=,0-1"), 10, 0, 2, "5.6.1.2: an empty element in front"},
    {S("bytes=, ,\t0-1 ,,"), 10, 0, 2, "5.6.1.2: empty elements and OWS"},
    /* numbers beyond the type */
    {S("bytes=1-9223372036854775807"), 10, 1, 9, "2^63 - 1"},
    {S("bytes=1-9223372036854775808"), 10, 1, 9, "2^63"},
    {S("bytes=1-18446744073709551615"), 10, 1, 9, "2^64 - 1"},
    {S("bytes=1-18446744073709551616"), 10, 1, 9, "2^64 is not 0"},
    {S("bytes=1-18446744073709551621"), 10, 1, 9, "2^64 + 5 is not 5"},
    {S("bytes=1-99999999999999999999999999999999999999"), 10, 1, 9, "38 digits"},
    {S("bytes=-18446744073709551615"), 10, 0, 10, "2^64 - 1 from behind"},
    {S("bytes=-18446744073709551616"), 10, 0, 10, "2^64 from behind is not 0"},
    {S("bytes=-18446744073709551621"), 10, 0, 10, "2^64 + 5 from behind is not 5"},
    {S("bytes=9223372036854775807-"), UINT64_C(9223372036854775808), INT64_MAX, 1,
     "the last byte of 2^63"},
    {S("bytes=18446744073709551614-"), UINT64_MAX, UINT64_MAX - 1, 1, "the last of 2^64 - 1"},
    {S("bytes=0-18446744073709551615"), UINT64_MAX, 0, UINT64_MAX, "all of 2^64 - 1, and one"},
    {S("bytes=0-99999999999999999999"), UINT64_MAX, 0, UINT64_MAX, "all of it, and more"},
    {S("bytes=-18446744073709551615"), UINT64_MAX, 0, UINT64_MAX, "all of it from behind"},
};

static void range__one_satisfiable_range__is_a_part(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(parts); i++) {
        struct wr_ranges got = {0};
        enum wr_range_result result = wr_ranges_parse(parts[i].value, parts[i].size, &got);

        if (result != WR_RANGE_PARTS || got.n != 1 || got.v[0].start != parts[i].start ||
            got.v[0].length != parts[i].length)
            fail_msg("%s of %" PRIu64 " (%s): %d, %zu, %" PRIu64 " +%" PRIu64, parts[i].value.p,
                     parts[i].size, parts[i].why, result, got.n, got.v[0].start, got.v[0].length);
    }
}

struct row {
    struct wr_slice value;
    uint64_t size;
    const char *why;
};

static void expect_all(const struct row *rows, size_t n, enum wr_range_result want)
{
    for (size_t i = 0; i < n; i++) {
        struct wr_ranges got = {0};
        enum wr_range_result result = wr_ranges_parse(rows[i].value, rows[i].size, &got);

        if (result != want)
            fail_msg("\"%s\" of %" PRIu64 " (%s): %d", rows[i].value.p, rows[i].size, rows[i].why,
                     result);
    }
}

/* RFC 9110 14.1.2 says what can be satisfied. */
static const struct row unsatisfiable[] = {
    {S("bytes=10000-"), 10000, "first-pos is the length"},
    {S("bytes=10000-10000"), 10000, "first-pos is the length"},
    {S("bytes=10001-20000"), 10000, "first-pos is past it"},
    {S("bytes=-0"), 10000, "a suffix of no bytes"},
    {S("bytes=-000"), 10000, "a suffix of no bytes"},
    {S("bytes=0-"), 0, "nothing has no first byte"},
    {S("bytes=0-0"), 0, "nothing has no first byte"},
    {S("bytes=-0"), 0, "a suffix of nothing"},
    {S("bytes=1-1"), 1, "the second byte of one"},
    {S("bytes=9223372036854775807-9223372036854775807"), 1100, "2^63 - 1"},
    {S("bytes=9223372036854775808-"), 1100, "2^63"},
    {S("bytes=18446744073709551615-"), 1100, "2^64 - 1"},
    {S("bytes=18446744073709551616-"), 1100, "2^64 is not 0"},
    {S("bytes=18446744073709551621-"), 1100, "2^64 + 5 is not 5"},
    {S("bytes=18446744073709551617-18446744073709551620"), 1100, "2^64 + 1 is not 1"},
    {S("bytes=18446744073709551615-"), UINT64_MAX, "one past the largest size"},
    {S("bytes=5000-6000,7000-"), 1100, "14.1.1: none of several"},
    {S("bytes=-0,1100-,-0"), 1100, "14.1.1: none of several"},
    {S("bytes=,1100-,"), 1100, "one, among empty elements"},
};

static void range__none_satisfiable__is_unsatisfiable(void **state)
{
    (void)state;
    expect_all(unsatisfiable, WR_COUNT(unsatisfiable), WR_RANGE_UNSATISFIABLE);
}

/* RFC 9110 14.2: a server may ignore Range; it must with a unit it does not know. */
static const struct row malformed[] = {
    {S(""), 10, "empty"},
    {{NULL, 0}, 10, "absent"},
    {S("b"), 10, "one byte"},
    {S("bytes"), 10, "no '='"},
    {S("bytes="), 10, "an empty set: 1#range-spec"},
    {S("bytes=,"), 10, "only empty elements"},
    {S("bytes=, ,"), 10, "only empty elements"},
    {S("=0-1"), 10, "no unit"},
    {S("0-1"), 10, "no unit"},
    {S("items=0-5"), 10, "14.2: another unit"},
    {S("bytesx=0-5"), 10, "14.2: another unit"},
    {S("xbytes=0-5"), 10, "14.2: another unit"},
    {S("byte=0-5"), 10, "14.2: another unit"},
    {S("bytes =0-1"), 10, "white space"},
    {S("bytes= 0-1"), 10, "white space"},
    {S("bytes=\t0-1"), 10, "white space"},
    {S("bytes=0 -1"), 10, "white space"},
    {S("bytes=0- 1"), 10, "white space"},
    {S("bytes=0 - 1"), 10, "white space"},
    {S("bytes=- 1"), 10, "white space"},
    {S("bytes:0-1"), 10, "a colon"},
    {S("bytes=-"), 10, "no number"},
    {S("bytes=--1"), 10, "two hyphens"},
    {S("bytes=0--1"), 10, "two hyphens"},
    {S("bytes=-1-"), 10, "a hyphen behind"},
    {S("bytes=1-2-3"), 10, "three numbers"},
    {S("bytes=1-2-"), 10, "a hyphen behind"},
    {S("bytes=5"), 10, "no hyphen"},
    {S("bytes=+0-1"), 10, "a sign"},
    {S("bytes=0-+1"), 10, "a sign"},
    {S("bytes=-+1"), 10, "a sign"},
    {S("bytes=a-b"), 10, "letters"},
    {S("bytes=0-a"), 10, "a letter"},
    {S("bytes=0-1a"), 10, "a letter behind"},
    {S("bytes=0a-1"), 10, "a letter behind"},
    {S("bytes=0x0-0x1"), 10, "hexadecimal"},
    {S("bytes=0-1.5"), 10, "a fraction"},
    {S("bytes=/-1"), 10, "the octet below '0'"},
    {S("bytes=:-1"), 10, "the octet above '9'"},
    {S("bytes=0-1;2-3"), 10, "a semicolon"},
    {S("bytes=0-1 2-3"), 10, "no comma"},
    {S("bytes=*"), 10, "other-range is of no known meaning"},
    {S("bytes=0-1/10"), 10, "the form of Content-Range"},
    {S("bytes=\"0-1\""), 10, "quoted"},
    {S("bytes=0-1\0"), 10, "NUL"},
    {S("bytes=\0"
       "0-1"),
     10, "NUL"},
    {S("bytes=0-\x7f"), 10, "DEL"},
    {S("bytes=0-\x80"), 10, "0x80"},
    {S("bytes=\xff-1"), 10, "0xFF"},
    {S("bytes=5-2"), 10, "14.1.1: last-pos below first-pos is invalid"},
    {S("bytes=1-0"), 10, "14.1.1: last-pos below first-pos is invalid"},
    {S("bytes=5000-4999"), 10, "14.1.1: also past the end"},
    {S("bytes=18446744073709551616-5"), 10, "14.1.1: also beyond the type"},
    {S("bytes=0-1,x"), 10, "14.1.1: one invalid range makes all invalid"},
    {S("bytes=x,0-1"), 10, "14.1.1: one invalid range makes all invalid"},
    {S("bytes=0-1,3-4,6-7,5-2"), 10, "14.1.1: one invalid range makes all invalid"},
    {S("bytes=5000-,x"), 10, "14.1.1: one invalid range makes all invalid"},
    {S("bytes=0-1,5-2"), 10, "14.1.1: one invalid range makes all invalid"},
    {S("bytes=0-1,bytes=2-3"), 10, "the unit comes once"},
};

static void range__bad_syntax_or_another_unit__is_the_whole(void **state)
{
    (void)state;
    expect_all(malformed, WR_COUNT(malformed), WR_RANGE_WHOLE);
}

/* Expected is what Content-Range would say of each part, one behind the other. */
static const struct {
    struct wr_slice value;
    uint64_t size;
    const char *want, *why;
} several[] = {
    /* RFC 9110 14.1.2 and 15.3.7.2 */
    {S("bytes=0-0,-1"), 10000, "0-0 9999-9999", "the example of 14.1.2: the first and the last"},
    {S("bytes=0-999,4500-5499,-1000"), 10000, "0-999 4500-5499 9000-9999",
     "14.1.2: the first, middle, and last 1000 bytes"},
    {S("bytes=500-600,601-999"), 10000, "500-999", "14.1.2: a way to say the second 500 bytes"},
    {S("bytes=500-700,601-999"), 10000, "500-999", "14.1.2: another one"},
    {S("bytes=500-999,7000-7999"), 8000, "500-999 7000-7999", "the example of 15.3.7.2"},
    {S("bytes=0-9 , 20-29"), 1100, "0-9 20-29", "OWS"},
    {S("bytes=,0-9,\t,20-29,"), 1100, "0-9 20-29", "empty elements"},
    /* the order in which they were asked for */
    {S("bytes=20-29,0-9"), 100, "20-29 0-9", "not sorted"},
    {S("bytes=-10,0-9,50-59"), 100, "90-99 0-9 50-59", "not sorted"},
    {S("bytes=50-59,0-9,60-69"), 100, "50-69 0-9", "joined in the place of the first"},
    {S("bytes=60-69,0-9,50-59"), 100, "50-69 0-9", "joined in the place of the first"},
    {S("bytes=0-9,60-69,90-,50-59"), 100, "0-9 50-69 90-99", "joined in the place of the second"},
    /* a gap stays, whatever touches is one */
    {S("bytes=0-9,11-19"), 100, "0-9 11-19", "a gap of one byte"},
    {S("bytes=11-19,0-9"), 100, "11-19 0-9", "a gap of one byte, from behind"},
    {S("bytes=0-9,10-19"), 100, "0-19", "none"},
    {S("bytes=10-19,0-9"), 100, "0-19", "none, from behind"},
    {S("bytes=0-9,9-19"), 100, "0-19", "one byte in both"},
    {S("bytes=0-9,0-9"), 100, "0-9", "the same"},
    {S("bytes=0-50,25-75"), 100, "0-75", "overlapping"},
    {S("bytes=25-75,0-50"), 100, "0-75", "overlapping, from behind"},
    {S("bytes=0-99,10-19"), 100, "0-99", "within another"},
    {S("bytes=10-19,0-99"), 100, "0-99", "around another"},
    {S("bytes=0-9,20-29,10-19"), 100, "0-29", "one that closes a gap"},
    {S("bytes=20-29,0-9,10-19"), 100, "0-29", "one that closes a gap, not sorted"},
    {S("bytes=0-9,20-29,40-49,60-69,15-45"), 100, "0-9 15-49 60-69", "over two of four"},
    {S("bytes=60-69,40-49,20-29,0-9,15-45"), 100, "60-69 15-49 0-9", "over two, not sorted"},
    {S("bytes=1-1,3-3,5-5,7-7,9-9,0-"), 10, "0-9", "over all"},
    {S("bytes=0-0,2-2,4-4,2-3"), 10, "0-0 2-4", "the third goes into the second"},
    {S("bytes=0-,0-"), 10, "0-9", "open, twice"},
    {S("bytes=-5,-10"), 100, "90-99", "suffixes"},
    {S("bytes=-5,-10"), 7, "0-6", "suffixes, one longer than all"},
    {S("bytes=-1,0-8"), 10, "0-9", "a suffix that touches"},
    {S("bytes=-1,0-7"), 10, "9-9 0-7", "a suffix that does not"},
    {S("bytes=0-0,-1"), 1, "0-0", "the first and the last of one byte"},
    {S("bytes=0-0,-1"), 2, "0-1", "of two"},
    {S("bytes=0-0,-1"), 3, "0-0 2-2", "of three"},
    /* what cannot be satisfied is left out */
    {S("bytes=0-0,5000-"), 10, "0-0", "behind"},
    {S("bytes=5000-,0-0"), 10, "0-0", "in front"},
    {S("bytes=-0,-5"), 10, "5-9", "a suffix of no bytes"},
    {S("bytes=5000-,0-1,10-,5-,-0"), 10, "0-1 5-9", "among others"},
    {S("bytes=9-10,10-11"), 10, "9-9", "past the end, though it would touch"},
    {S("bytes=0-0,18446744073709551616-"), 10, "0-0", "2^64 is not 0"},
    /* at the largest size */
    {S("bytes=18446744073709551614-,0-18446744073709551613"), UINT64_MAX, "0-18446744073709551614",
     "touching"},
    {S("bytes=18446744073709551614-,0-18446744073709551612"), UINT64_MAX,
     "18446744073709551614-18446744073709551614 0-18446744073709551612", "a gap of one"},
    {S("bytes=0-,18446744073709551614-"), UINT64_MAX, "0-18446744073709551614", "within"},
};

static void write_parts(const struct wr_ranges *ranges, char *out, size_t n)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < ranges->n && at < n; i++)
        at += (size_t)snprintf(out + at, n - at, "%s%" PRIu64 "-%" PRIu64, i > 0 ? " " : "",
                               ranges->v[i].start, ranges->v[i].start + ranges->v[i].length - 1);
}

static void range__several__are_parts_in_the_order_of_the_question(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(several); i++) {
        struct wr_ranges got = {0};
        enum wr_range_result result = wr_ranges_parse(several[i].value, several[i].size, &got);
        char text[1024];

        write_parts(&got, text, sizeof text);
        if (result != WR_RANGE_PARTS || strcmp(text, several[i].want) != 0)
            fail_msg("\"%s\" of %" PRIu64 " (%s): %d, %s", several[i].value.p, several[i].size,
                     several[i].why, result, text);
    }
}

static void range__suffix_of_nothing__is_the_whole(void **state)
{
    static const struct row rows[] = {
        {S("bytes=-1"), 0, "RFC 9110 14.1.2: satisfiable, but no 206 can say it"},
        {S("bytes=-500"), 0, "the same"},
        {S("bytes=-500,0-"), 0, "with one that is not"},
        {S("bytes=0-,-500"), 0, "with one that is not, in front"},
    };

    (void)state;
    expect_all(rows, WR_COUNT(rows), WR_RANGE_WHOLE);
}

/* "bytes=" and n specs, each a byte of its own: 0, `step`, 2 * step … */
static struct wr_slice singles(char *text, size_t room, size_t n, size_t step)
{
    size_t at = (size_t)snprintf(text, room, "bytes=");

    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, room - at, "%s%zu-%zu", i > 0 ? "," : "", i * step,
                               i * step);
    assert_true(at < room);
    return wr_slice(text, at);
}

static void expect_singles(size_t n, size_t step, enum wr_range_result want, size_t want_n)
{
    char text[4096];
    struct wr_ranges got = {0};
    struct wr_slice value = singles(text, sizeof text, n, step);

    if (wr_ranges_parse(value, 100000, &got) != want || got.n != want_n)
        fail_msg("%s: %zu parts", text, got.n);
}

static void range__parts__are_sixteen_at_most(void **state)
{
    (void)state;
    expect_singles(WR_RANGES_MAX, 2, WR_RANGE_PARTS, WR_RANGES_MAX);
    expect_singles(WR_RANGES_MAX + 1, 2, WR_RANGE_WHOLE, 0);
    expect_singles(64, 2, WR_RANGE_WHOLE, 0);
}

static void range__specs__are_sixty_four_at_most(void **state)
{
    (void)state;
    expect_singles(64, 1, WR_RANGE_PARTS, 1);
    expect_singles(65, 1, WR_RANGE_WHOLE, 0);
}

/* What is too much for one answer until the last of them closes the gaps. */
static void range__parts__are_counted_when_all_are_joined(void **state)
{
    char text[4096];
    struct wr_slice value = singles(text, sizeof text - 3, 40, 2);
    struct wr_ranges got = {0};

    (void)state;
    memcpy(text + value.n, ",1-", 3);
    assert_int_equal(wr_ranges_parse(wr_slice(text, value.n + 3), 100, &got), WR_RANGE_PARTS);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.v[0].start, 0);
    assert_int_equal(got.v[0].length, 100);
}

#define MANY 1000000

/* "bytes=", then `piece` a million times. */
static enum wr_range_result parse_many(const char *piece, struct wr_ranges *out)
{
    size_t piece_n = strlen(piece), n = 6 + MANY * piece_n;
    char *text = malloc(n);
    enum wr_range_result result;

    assert_non_null(text);
    memcpy(text, "bytes=", 6);
    for (size_t i = 0; i < MANY; i++)
        memcpy(text + 6 + i * piece_n, piece, piece_n);
    *out = (struct wr_ranges){0};
    result = wr_ranges_parse(wr_slice(text, n), 300000, out);
    free(text);
    return result;
}

static void range__a_million__is_the_whole_soon(void **state)
{
    struct wr_ranges got;

    (void)state;
    assert_int_equal(parse_many("0-,", &got), WR_RANGE_WHOLE); /* CVE-2011-3192 */
    assert_int_equal(parse_many(",0-", &got), WR_RANGE_WHOLE);
    assert_int_equal(parse_many("-300000,", &got), WR_RANGE_WHOLE);
    assert_int_equal(parse_many("300000-,", &got), WR_RANGE_WHOLE); /* none that is satisfiable */
    assert_int_equal(parse_many(",", &got), WR_RANGE_WHOLE);
    assert_int_equal(parse_many("9", &got), WR_RANGE_WHOLE);
}

WR_TESTS(cmocka_unit_test(range__one_satisfiable_range__is_a_part),
         cmocka_unit_test(range__none_satisfiable__is_unsatisfiable),
         cmocka_unit_test(range__bad_syntax_or_another_unit__is_the_whole),
         cmocka_unit_test(range__several__are_parts_in_the_order_of_the_question),
         cmocka_unit_test(range__suffix_of_nothing__is_the_whole),
         cmocka_unit_test(range__parts__are_sixteen_at_most),
         cmocka_unit_test(range__specs__are_sixty_four_at_most),
         cmocka_unit_test(range__parts__are_counted_when_all_are_joined),
         cmocka_unit_test(range__a_million__is_the_whole_soon));
