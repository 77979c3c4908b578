#include "base/slice.h"

#include "support.h"

#define ABSENT ((struct wr_slice){NULL, 0})

static void expect(struct wr_slice got, const char *want)
{
    if (!wr_slice_eq(got, wr_slice_of(want)))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)got.n, got.p, want);
}

static void slice__of_a_literal__has_every_byte_but_the_nul(void **state)
{
    struct wr_slice s = WR_SLICE("a\0b");

    (void)state;
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 3);
    assert_int_equal(WR_SLICE("").n, 0);
    assert_non_null(WR_SLICE("").p);
}

static void slice__of_a_text__ends_before_the_nul(void **state)
{
    const char text[] = "ab\0c";

    (void)state;
    assert_int_equal(wr_slice_of(text).n, 2);
    assert_ptr_equal(wr_slice_of(text).p, text);
    assert_int_equal(wr_slice_of("").n, 0);
}

static void slice__ascii_lower__changes_a_to_z_only(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        char c = (char)i;
        char want = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ", c) && c ? (char)(c + ('a' - 'A')) : c;

        if (wr_ascii_lower(c) != want)
            fail_msg("octet %02x becomes %02x", i, (unsigned char)wr_ascii_lower(c));
    }
}

static const struct {
    struct wr_slice a, b;
    bool eq, ieq;
} comparisons[] = {
    {{"", 0}, {"", 0}, true, true},
    {{NULL, 0}, {"", 0}, true, true},
    {{NULL, 0}, {NULL, 0}, true, true},
    {{"a", 1}, {"", 0}, false, false},
    {{"host", 4}, {"host", 4}, true, true},
    {{"host", 4}, {"hosT", 4}, false, true},
    {{"host", 4}, {"hosts", 5}, false, false},
    {{"host", 4}, {"hosu", 4}, false, false},
    {{"a\0b", 3}, {"a\0c", 3}, false, false},
    /* pairs that differ by the bit 0x20 and are not letters */
    {{"@", 1}, {"`", 1}, false, false},
    {{"[", 1}, {"{", 1}, false, false},
    {{"\r", 1}, {"-", 1}, false, false},
    {{"\xc4", 1}, {"\xe4", 1}, false, false},
};

static void slice__comparison__knows_case_of_ascii_letters_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(comparisons); i++)
        if (wr_slice_eq(comparisons[i].a, comparisons[i].b) != comparisons[i].eq ||
            wr_slice_ieq(comparisons[i].a, comparisons[i].b) != comparisons[i].ieq ||
            wr_slice_ieq(comparisons[i].b, comparisons[i].a) != comparisons[i].ieq)
            fail_msg("row %zu", i);
}

static void slice__starts__compares_the_prefix_only(void **state)
{
    (void)state;
    assert_true(wr_slice_starts(WR_SLICE("abc"), WR_SLICE("ab")));
    assert_true(wr_slice_starts(WR_SLICE("ab"), WR_SLICE("ab")));
    assert_true(wr_slice_starts(WR_SLICE("ab"), WR_SLICE("")));
    assert_true(wr_slice_starts(ABSENT, ABSENT));
    assert_false(wr_slice_starts(WR_SLICE("a"), WR_SLICE("ab")));
    assert_false(wr_slice_starts(WR_SLICE("Abc"), WR_SLICE("ab")));
    assert_false(wr_slice_starts(ABSENT, WR_SLICE("a")));
}

static void slice__from__keeps_the_end(void **state)
{
    const struct wr_slice s = WR_SLICE("abc");

    (void)state;
    expect(wr_slice_from(s, 0), "abc");
    expect(wr_slice_from(s, 2), "c");
    expect(wr_slice_from(s, 3), "");
    assert_ptr_equal(wr_slice_from(s, 3).p, s.p + 3);
}

static const struct {
    const char *text, *trimmed;
} trims[] = {
    {"", ""},
    {"a", "a"},
    {" a", "a"},
    {"a\t", "a"},
    {" \t \ta b\tc\t ", "a b\tc"},
    {" \t ", ""},
    /* RFC 9110 5.6.3: OWS is SP and HTAB, no other white space */
    {"\va\f", "\va\f"},
    {"\r\na\r\n", "\r\na\r\n"},
    {"\xa0", "\xa0"},
};

static void slice__trim__takes_blanks_and_tabs_off_both_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(trims); i++)
        expect(wr_slice_trim(wr_slice_of(trims[i].text)), trims[i].trimmed);
    assert_int_equal(wr_slice_trim(ABSENT).n, 0);
}

static void slice__trim_of_blanks__is_empty_and_not_absent(void **state)
{
    (void)state;
    assert_non_null(wr_slice_trim(WR_SLICE("  ")).p);
}

/* The elements that are wanted, each followed by '|'. */
static const struct {
    const char *list, *elements;
} lists[] = {
    {"", ""},
    {"a", "a|"},
    {"a,b", "a|b|"},
    {" a , b\t,\tc ", "a|b|c|"},
    /* RFC 9110 5.6.1.2: a recipient must parse and ignore empty elements */
    {",a", "a|"},
    {"a,", "a|"},
    {"a,,b", "a|b|"},
    {", ,\t,", ""},
    {",", ""},
    {" ", ""},
    {",,close,", "close|"},
    {"a b,c", "a b|c|"},
};

static void slice__next_token__cuts_a_list_at_its_commas(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(lists); i++) {
        struct wr_slice list = wr_slice_of(lists[i].list), element;
        char got[64] = "";

        while (wr_slice_next_token(&list, &element)) {
            strncat(got, element.p, element.n);
            strcat(got, "|");
        }
        if (strcmp(got, lists[i].elements) != 0)
            fail_msg("\"%s\" gives %s instead of %s", lists[i].list, got, lists[i].elements);
        assert_false(wr_slice_next_token(&list, &element));
    }
}

static void hex_value__is_that_of_the_22_digits_and_of_no_other_octet(void **state)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    static const int values[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                 11, 12, 13, 14, 15, 10, 11, 12, 13, 14, 15};

    (void)state;
    for (int c = 0; c < 256; c++) {
        const char *at = c > 0 ? strchr(digits, c) : NULL;

        assert_int_equal(wr_hex_value((char)c), at ? values[at - digits] : -1);
    }
}

WR_TESTS(cmocka_unit_test(hex_value__is_that_of_the_22_digits_and_of_no_other_octet),
         cmocka_unit_test(slice__of_a_literal__has_every_byte_but_the_nul),
         cmocka_unit_test(slice__of_a_text__ends_before_the_nul),
         cmocka_unit_test(slice__ascii_lower__changes_a_to_z_only),
         cmocka_unit_test(slice__comparison__knows_case_of_ascii_letters_only),
         cmocka_unit_test(slice__starts__compares_the_prefix_only),
         cmocka_unit_test(slice__from__keeps_the_end),
         cmocka_unit_test(slice__trim__takes_blanks_and_tabs_off_both_ends),
         cmocka_unit_test(slice__trim_of_blanks__is_empty_and_not_absent),
         cmocka_unit_test(slice__next_token__cuts_a_list_at_its_commas));
