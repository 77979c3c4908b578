#include "http/range.h"

#include <inttypes.h>

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
        struct wr_range got = {0};
        enum wr_range_result result = wr_range_parse(parts[i].value, parts[i].size, &got);

        if (result != WR_RANGE_PART || got.start != parts[i].start || got.length != parts[i].length)
            fail_msg("%s of %" PRIu64 " (%s): %d, %" PRIu64 " +%" PRIu64, parts[i].value.p,
                     parts[i].size, parts[i].why, result, got.start, got.length);
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
        struct wr_range got = {0};
        enum wr_range_result result = wr_range_parse(rows[i].value, rows[i].size, &got);

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
    {S("bytes=5000-,x"), 10, "14.1.1: one invalid range makes all invalid"},
    {S("bytes=0-1,5-2"), 10, "14.1.1: one invalid range makes all invalid"},
    {S("bytes=0-1,bytes=2-3"), 10, "the unit comes once"},
};

static void range__bad_syntax_or_another_unit__is_the_whole(void **state)
{
    (void)state;
    expect_all(malformed, WR_COUNT(malformed), WR_RANGE_WHOLE);
}

static const struct row several[] = {
    {S("bytes=0-0,-1"), 10000, "the example of RFC 9110 14.1.2"},
    {S("bytes=500-600,601-999"), 10000, "adjacent"},
    {S("bytes=500-700,601-999"), 10000, "overlapping"},
    {S("bytes=0-9 , 20-29"), 1100, "OWS"},
    {S("bytes=0-0,0-0"), 10, "the same"},
    {S("bytes=0-0,5000-"), 10, "only one of them can be satisfied"},
    {S("bytes=5000-,0-0"), 10, "only one of them can be satisfied"},
    {S("bytes=-0,-5"), 10, "only one of them can be satisfied"},
};

static void range__several__are_the_whole(void **state)
{
    (void)state;
    expect_all(several, WR_COUNT(several), WR_RANGE_WHOLE);
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

static void range__many__are_the_whole(void **state)
{
    char text[6 + 4000 * 3] = "bytes=";

    (void)state;
    for (size_t i = 0; i < 4000; i++)
        memcpy(text + 6 + i * 3, ",0-", 3);
    expect_all(&(struct row){{text, sizeof text}, 300000, "CVE-2011-3192"}, 1, WR_RANGE_WHOLE);
}

WR_TESTS(cmocka_unit_test(range__one_satisfiable_range__is_a_part),
         cmocka_unit_test(range__none_satisfiable__is_unsatisfiable),
         cmocka_unit_test(range__bad_syntax_or_another_unit__is_the_whole),
         cmocka_unit_test(range__several__are_the_whole),
         cmocka_unit_test(range__suffix_of_nothing__is_the_whole),
         cmocka_unit_test(range__many__are_the_whole));
