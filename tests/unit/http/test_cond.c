#include "http/cond.h"

#include <stdlib.h>

#include "support.h"

#define NOW_S INT64_C(1781524800) /* Mon, 15 Jun 2026 12:00:00 GMT */

/* The representation that most rows are about. */
#define MODIFIED_S INT64_C(1580702706)
#define MODIFIED   "Mon, 03 Feb 2020 04:05:06 GMT"
#define BEFORE     "Mon, 03 Feb 2020 04:05:05 GMT"
#define AFTER      "Mon, 03 Feb 2020 04:05:07 GMT"

static struct wr_slice slice_or_absent(const char *text)
{
    return text ? wr_slice_of(text) : wr_slice(NULL, 0);
}

struct tag_row {
    const char *etag; /* NULL: the representation has none */
    const char *list;
    bool is_match;
    const char *why;
};

/* RFC 9110 8.8.3.2, the table of comparisons; then the syntax of 13.1.1 and 13.1.2. */
static const struct tag_row weak[] = {
    {"W/\"1\"", "W/\"1\"", true, "8.8.3.2"},
    {"W/\"1\"", "W/\"2\"", false, "8.8.3.2"},
    {"W/\"1\"", "\"1\"", true, "8.8.3.2"},
    {"\"1\"", "W/\"1\"", true, "8.8.3.2"},
    {"\"1\"", "\"1\"", true, "8.8.3.2"},
    {"\"1\"", "*", true, "13.1.2: there is a representation"},
    {NULL, "*", true, "13.1.2: even without an entity tag"},
    {NULL, "\"1\"", false, "nothing to match"},
};

static const struct tag_row strong[] = {
    {"W/\"1\"", "W/\"1\"", false, "8.8.3.2"},
    {"W/\"1\"", "W/\"2\"", false, "8.8.3.2"},
    {"W/\"1\"", "\"1\"", false, "8.8.3.2"},
    {"\"1\"", "W/\"1\"", false, "8.8.3.2"},
    {"\"1\"", "\"1\"", true, "8.8.3.2"},
    {"\"1\"", "W/\"1\", \"1\"", true, "the strong one in a list"},
    {"\"1\"", "*", true, "13.1.1: there is a representation"},
    {"W/\"1\"", "*", true, "13.1.1: there is a representation"},
    {NULL, "*", true, "13.1.1: there is a representation"},
    {NULL, "\"1\"", false, "nothing to match"},
};

/* These hold for both comparisons. */
static const struct tag_row lists[] = {
    {"\"xyzzy\"", "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"", true, "13.1.1, the first"},
    {"\"r2d2xxxx\"", "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"", true, "13.1.1, the second"},
    {"\"c3piozzzz\"", "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"", true, "13.1.1, the last"},
    {"\"other\"", "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"", false, "13.1.1, none"},
    {"\"a\"", "W/\"x\" , \"a\"", true, "a weak one in front"},
    {"\"a\"", "\"b\",\"a\"", true, "5.6.1: no white space"},
    {"\"a\"", "\"b\"\t ,\t \"a\"", true, "5.6.1: OWS"},
    {"\"a\"", ",, \"b\",\t,,\"a\",", true, "5.6.1.2: empty elements"},
    {"\"a\"", "\"b,\\\", \"a\"", true, "8.8.3: a comma and a backslash are etagc"},
    {"\"a\"", "\"x, \"a\"", false, "8.8.3: SP is no etagc, here it breaks"},
    {"\"a,b\"", "\"a,b\"", true, "8.8.3: a comma in the tag"},
    {"\"a,b\"", "\"a\",\"b\"", false, "two others"},
    {"\"a\"", "\"a,\"", false, "a comma inside the quotes"},
    {"\"\"", "\"\"", true, "8.8.3: an empty tag"},
    {"\"\"", "\"a\"", false, "is not every tag"},
    {"\"a\"", "\"\"", false, "and matches no other"},
    {"\"!#[]~\x80\xff\"", "\"!#[]~\x80\xff\"", true, "8.8.3: the ends of etagc, obs-text"},
    {"\"a\"", "\"A\"", false, "8.8.3: opaque, with case"},
    {"\"a\"", "\"aa\"", false, "longer"},
    {"\"aa\"", "\"a\"", false, "shorter"},
    {"\"a\"", "\"xa\"", false, "at the end of another"},
    {"\"a\"", "\"ax\"", false, "at the beginning of another"},
    {"\"a\"", "w/\"a\"", false, "8.8.3: the W has case"},
    {"\"a\"", "w/\"zz\", \"a\"", false, "8.8.3: and here it breaks"},
    {"\"a\"", "W\"a\"", false, "no '/'"},
    {"\"a\"", "/\"a\"", false, "no 'W'"},
    {"\"a\"", "W/ \"a\"", false, "white space in the tag"},
    {"\"a\"", "W/a", false, "weak, no quotes"},
    {"\"a\"", "W/", false, "weak, nothing"},
    {"\"a\"", "W", false, "one byte"},
    {"\"a\"", "a", false, "no quotes"},
    {"\"a\"", "'a'", false, "other quotes"},
    {"\"a\"", "\"", false, "one quote"},
    {"\"a\"", "\"a", false, "no closing quote"},
    {"\"a\"", "a\"", false, "no opening quote"},
    {"\"a\"", "\"a\"x", false, "more behind it"},
    {"\"a\"", "\"a\" \"b\"", false, "no comma"},
    {"\"a\"", "\"a\";q=1", false, "a parameter"},
    {"\"a\"", "\"a\", x", true, "it matches up to where the list breaks"},
    {"\"a\"", "x, \"a\"", false, "and not behind it"},
    {"\"a\"", "\"b\" \"c\", \"a\"", false, "and not behind it"},
    {"\"a\"", "\"\x7f\", \"a\"", false, "8.8.3: DEL is no etagc"},
    {"\"a\"", "\"\x1f\", \"a\"", false, "8.8.3: nor is a control"},
    {"\"a\"", "", false, "empty"},
    {"\"a\"", " ", false, "white space"},
    {"\"a\"", ",", false, "an empty element"},
    {"\"a\"", "**", false, "not the asterisk alone"},
    {"\"a\"", "*, \"b\"", false, "13.1.1: the asterisk is no element of a list"},
    {"\"a\"", "\"b\", *", false, "13.1.1: the asterisk is no element of a list"},
    {"\"a\"", "\"*\"", false, "an entity tag of that name"},
    {"\"*\"", "\"*\"", true, "is one like others"},
};

static enum wr_cond_result evaluate(struct wr_conditions c, struct wr_slice etag,
                                    bool is_get_or_head)
{
    return wr_cond_evaluate(&c, &(struct wr_validators){etag, -1}, is_get_or_head, NOW_S);
}

static void expect_if_none_match(const struct tag_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct wr_conditions c = {.if_none_match = wr_slice_of(rows[i].list)};
        struct wr_slice etag = slice_or_absent(rows[i].etag);
        bool ok = rows[i].is_match ? evaluate(c, etag, true) == WR_COND_NOT_MODIFIED &&
                                         evaluate(c, etag, false) == WR_COND_FAILED
                                   : evaluate(c, etag, true) == WR_COND_PROCEED &&
                                         evaluate(c, etag, false) == WR_COND_PROCEED;

        if (!ok)
            fail_msg("If-None-Match: %s (%s)", rows[i].list, rows[i].why);
    }
}

static void expect_if_match(const struct tag_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct wr_conditions c = {.if_match = wr_slice_of(rows[i].list)};
        struct wr_slice etag = slice_or_absent(rows[i].etag);
        enum wr_cond_result want = rows[i].is_match ? WR_COND_PROCEED : WR_COND_FAILED;

        if (evaluate(c, etag, true) != want || evaluate(c, etag, false) != want)
            fail_msg("If-Match: %s (%s)", rows[i].list, rows[i].why);
    }
}

static void cond__if_none_match__compares_weakly(void **state)
{
    (void)state;
    expect_if_none_match(weak, WR_COUNT(weak));
    expect_if_none_match(lists, WR_COUNT(lists));
}

static void cond__if_match__compares_strongly(void **state)
{
    (void)state;
    expect_if_match(strong, WR_COUNT(strong));
    expect_if_match(lists, WR_COUNT(lists));
}

static void cond__nul_in_a_list__breaks_it(void **state)
{
    const struct wr_slice list = WR_SLICE("\"b\0\", \"a\"");

    (void)state;
    assert_int_equal(
        evaluate((struct wr_conditions){.if_none_match = list}, WR_SLICE("\"a\""), true),
        WR_COND_PROCEED);
}

struct date_row {
    const char *field;
    enum wr_cond_result on_get;
    const char *why;
};

static void expect_date(const char *name, const struct date_row *row, struct wr_conditions c,
                        int64_t modified_s)
{
    const struct wr_validators v = {WR_SLICE("\"a\""), modified_s};
    enum wr_cond_result got = wr_cond_evaluate(&c, &v, true, NOW_S);

    if (got != row->on_get)
        fail_msg("%s: %s (%s): %d", name, row->field, row->why, got);
}

static const struct date_row since_rows[] = {
    {MODIFIED, WR_COND_NOT_MODIFIED, "13.1.3: not later than the date"},
    {AFTER, WR_COND_NOT_MODIFIED, "13.1.3: earlier than the date"},
    {BEFORE, WR_COND_PROCEED, "13.1.3: later than the date"},
    {"Monday, 03-Feb-20 04:05:06 GMT", WR_COND_NOT_MODIFIED, "5.6.7: RFC 850"},
    {"Monday, 03-Feb-20 04:05:05 GMT", WR_COND_PROCEED, "5.6.7: RFC 850"},
    {"Mon Feb  3 04:05:06 2020", WR_COND_NOT_MODIFIED, "5.6.7: asctime"},
    {"Mon Feb  3 04:05:05 2020", WR_COND_PROCEED, "5.6.7: asctime"},
    {"Fri, 31 Dec 9999 23:59:59 GMT", WR_COND_NOT_MODIFIED, "a date in the future counts"},
    {"", WR_COND_PROCEED, "13.1.3: ignored, empty"},
    {"0", WR_COND_PROCEED, "13.1.3: ignored"},
    {"1767225600", WR_COND_PROCEED, "13.1.3: ignored, a number"},
    {"Mon, 01 Jan 2024 25:00:00 GMT", WR_COND_PROCEED, "13.1.3: ignored, hour 25"},
    {"Mon, 01 Jan 2024 00:00:00 +0100", WR_COND_PROCEED, "13.1.3: ignored, a zone"},
    {AFTER ", " AFTER, WR_COND_PROCEED, "13.1.3: ignored, two of them"},
    {"\"a\"", WR_COND_PROCEED, "13.1.3: ignored, an entity tag"},
    {"*", WR_COND_PROCEED, "13.1.3: ignored, an asterisk"},
};

static void cond__if_modified_since__compares_the_date(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(since_rows); i++)
        expect_date("If-Modified-Since", &since_rows[i],
                    (struct wr_conditions){.if_modified_since = wr_slice_of(since_rows[i].field)},
                    MODIFIED_S);
}

static const struct date_row unless_rows[] = {
    {MODIFIED, WR_COND_PROCEED, "13.1.4: not later than the date"},
    {AFTER, WR_COND_PROCEED, "13.1.4: earlier than the date"},
    {BEFORE, WR_COND_FAILED, "13.1.4: later than the date"},
    {"Monday, 03-Feb-20 04:05:05 GMT", WR_COND_FAILED, "5.6.7: RFC 850"},
    {"Mon Feb  3 04:05:05 2020", WR_COND_FAILED, "5.6.7: asctime"},
    {"", WR_COND_PROCEED, "13.1.4: ignored, empty"},
    {"0", WR_COND_PROCEED, "13.1.4: ignored"},
    {BEFORE ", " BEFORE, WR_COND_PROCEED, "13.1.4: ignored, two of them"},
    {"Sun, 31 Nov 1994 08:49:37 GMT", WR_COND_PROCEED, "13.1.4: ignored, no such day"},
};

static void cond__if_unmodified_since__compares_the_date(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(unless_rows); i++)
        expect_date(
            "If-Unmodified-Since", &unless_rows[i],
            (struct wr_conditions){.if_unmodified_since = wr_slice_of(unless_rows[i].field)},
            MODIFIED_S);
}

static void cond__date_without_a_modification_date__is_ignored(void **state)
{
    const struct date_row row = {AFTER, WR_COND_PROCEED, "RFC 9110 13.1.3, 13.1.4"};
    const struct date_row early = {BEFORE, WR_COND_PROCEED, "RFC 9110 13.1.3, 13.1.4"};

    (void)state;
    expect_date("If-Modified-Since", &row,
                (struct wr_conditions){.if_modified_since = wr_slice_of(AFTER)}, -1);
    expect_date("If-Unmodified-Since", &early,
                (struct wr_conditions){.if_unmodified_since = wr_slice_of(BEFORE)}, -1);
}

static void cond__modified_at_or_before_the_epoch__counts(void **state)
{
    const struct date_row row = {"Thu, 01 Jan 1970 00:00:00 GMT", WR_COND_NOT_MODIFIED, "0"};
    const struct wr_conditions c = {.if_modified_since = wr_slice_of(row.field)};

    (void)state;
    expect_date("If-Modified-Since", &row, c, 0);
    expect_date("If-Modified-Since", &row, c, -86400);
}

/* All against the entity tag "a", strong, and MODIFIED. */
static const struct {
    const char *if_match, *if_unmodified_since, *if_none_match, *if_modified_since;
    enum wr_cond_result on_get, on_put;
    const char *why;
} combined[] = {
    {NULL, NULL, NULL, NULL, WR_COND_PROCEED, WR_COND_PROCEED, "13.2.2: no condition"},
    {"\"a\"", BEFORE, NULL, NULL, WR_COND_PROCEED, WR_COND_PROCEED,
     "13.1.4: If-Match counts alone"},
    {"\"b\"", AFTER, NULL, NULL, WR_COND_FAILED, WR_COND_FAILED, "13.1.4: If-Match counts alone"},
    {"", AFTER, NULL, NULL, WR_COND_FAILED, WR_COND_FAILED, "an empty If-Match is present"},
    {NULL, NULL, "\"b\"", MODIFIED, WR_COND_PROCEED, WR_COND_PROCEED,
     "13.1.3: If-None-Match counts alone"},
    {NULL, NULL, "\"a\"", BEFORE, WR_COND_NOT_MODIFIED, WR_COND_FAILED,
     "13.1.3: If-None-Match counts alone"},
    {NULL, NULL, "", MODIFIED, WR_COND_PROCEED, WR_COND_PROCEED,
     "an empty If-None-Match is present"},
    {NULL, NULL, "*", NULL, WR_COND_NOT_MODIFIED, WR_COND_FAILED, "13.1.2"},
    {NULL, NULL, NULL, MODIFIED, WR_COND_NOT_MODIFIED, WR_COND_PROCEED,
     "13.1.3: If-Modified-Since is for GET and HEAD"},
    {NULL, BEFORE, NULL, NULL, WR_COND_FAILED, WR_COND_FAILED, "13.1.4: with every method"},
    {"\"a\"", NULL, "\"a\"", NULL, WR_COND_NOT_MODIFIED, WR_COND_FAILED,
     "13.2.2 step 1 true, then step 3"},
    {"\"b\"", NULL, "\"a\"", NULL, WR_COND_FAILED, WR_COND_FAILED, "13.2.2 step 1 comes first"},
    {"\"b\"", NULL, NULL, MODIFIED, WR_COND_FAILED, WR_COND_FAILED, "13.2.2 step 1 comes first"},
    {"\"a\"", NULL, NULL, MODIFIED, WR_COND_NOT_MODIFIED, WR_COND_PROCEED,
     "13.2.2 step 1 true, then step 4"},
    {NULL, BEFORE, "\"a\"", NULL, WR_COND_FAILED, WR_COND_FAILED, "13.2.2 step 2 comes first"},
    {NULL, MODIFIED, "\"a\"", NULL, WR_COND_NOT_MODIFIED, WR_COND_FAILED,
     "13.2.2 step 2 true, then step 3"},
    {NULL, MODIFIED, NULL, MODIFIED, WR_COND_NOT_MODIFIED, WR_COND_PROCEED,
     "13.2.2 step 2 true, then step 4"},
    {NULL, "bogus", NULL, MODIFIED, WR_COND_NOT_MODIFIED, WR_COND_PROCEED,
     "13.1.4: what is no date is ignored"},
    {"*", BEFORE, "*", BEFORE, WR_COND_NOT_MODIFIED, WR_COND_FAILED, "13.2.2: all four"},
    {"*", NULL, "\"b\"", MODIFIED, WR_COND_PROCEED, WR_COND_PROCEED, "13.2.2: steps 1, 3"},
};

static void cond__fields_together__are_taken_in_the_order_of_13_2_2(void **state)
{
    const struct wr_validators v = {WR_SLICE("\"a\""), MODIFIED_S};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(combined); i++) {
        struct wr_conditions c = {
            .if_match = slice_or_absent(combined[i].if_match),
            .if_none_match = slice_or_absent(combined[i].if_none_match),
            .if_modified_since = slice_or_absent(combined[i].if_modified_since),
            .if_unmodified_since = slice_or_absent(combined[i].if_unmodified_since),
        };

        if (wr_cond_evaluate(&c, &v, true, NOW_S) != combined[i].on_get ||
            wr_cond_evaluate(&c, &v, false, NOW_S) != combined[i].on_put)
            fail_msg("row %zu (%s)", i, combined[i].why);
    }
}

static void cond__two_digit_year__depends_on_now(void **state)
{
    const struct wr_conditions c = {.if_modified_since =
                                        WR_SLICE("Monday, 03-Feb-75 00:00:00 GMT")};
    const struct wr_validators v = {WR_SLICE("\"a\""), MODIFIED_S};

    (void)state;
    assert_int_equal(wr_cond_evaluate(&c, &v, true, NOW_S), WR_COND_NOT_MODIFIED); /* 2075 */
    assert_int_equal(wr_cond_evaluate(&c, &v, true, MODIFIED_S), WR_COND_PROCEED); /* 1975 */
}

static void cond__long_list__is_read_in_linear_time(void **state)
{
    enum { TAGS = 500000 };
    char *text = malloc(TAGS * 4);
    struct wr_conditions c = {.if_none_match = {text, (size_t)TAGS * 4}};

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < TAGS; i++)
        memcpy(text + i * 4, "\"a\",", 4);
    assert_int_equal(evaluate(c, WR_SLICE("\"b\""), true), WR_COND_PROCEED);
    memcpy(text + (size_t)TAGS * 4 - 4, "\"b\" ", 4);
    assert_int_equal(evaluate(c, WR_SLICE("\"b\""), true), WR_COND_NOT_MODIFIED);
    memset(text, ' ', (size_t)TAGS * 4);
    assert_int_equal(evaluate(c, WR_SLICE("\"b\""), true), WR_COND_PROCEED);
    memset(text, '"', (size_t)TAGS * 4);
    assert_int_equal(evaluate(c, WR_SLICE("\"b\""), true), WR_COND_PROCEED);
    free(text);
}

static const struct {
    const char *if_range, *etag;
    int64_t modified_s, now_s;
    bool applies;
    const char *why;
} ranges[] = {
    {"\"a\"", "\"a\"", MODIFIED_S, NOW_S, true, "13.1.5: a strong match"},
    {"\"a\"", "\"a\"", -1, NOW_S, true, "the date does not matter then"},
    {"\"b\"", "\"a\"", MODIFIED_S, NOW_S, false, "another"},
    {"W/\"a\"", "\"a\"", MODIFIED_S, NOW_S, false, "13.1.5: strong comparison"},
    {"\"a\"", "W/\"a\"", MODIFIED_S, NOW_S, false, "13.1.5: strong comparison"},
    {"W/\"a\"", "W/\"a\"", MODIFIED_S, NOW_S, false, "13.1.5: strong comparison"},
    {"\"a\"", NULL, MODIFIED_S, NOW_S, false, "no entity tag to match"},
    {"\"a\", \"b\"", "\"a\"", MODIFIED_S, NOW_S, false, "13.1.5: one, no list"},
    {"\"a\" ", "\"a\"", MODIFIED_S, NOW_S, false, "more behind it"},
    {"\"a", "\"a\"", MODIFIED_S, NOW_S, false, "no closing quote"},
    {"\"a", "\"a", MODIFIED_S, NOW_S, false, "an invalid one on both sides"},
    {"a", "\"a\"", MODIFIED_S, NOW_S, false, "no quotes"},
    {"*", "\"a\"", MODIFIED_S, NOW_S, false, "13.1.5: an asterisk is none"},
    {"bogus", "\"a\"", MODIFIED_S, NOW_S, false, "neither"},
    {"", "\"a\"", MODIFIED_S, NOW_S, false, "empty"},
    {MODIFIED, "\"a\"", MODIFIED_S, NOW_S, true, "13.1.5: exactly the date"},
    {MODIFIED, NULL, MODIFIED_S, NOW_S, true, "without an entity tag"},
    {MODIFIED, "W/\"a\"", MODIFIED_S, NOW_S, true, "a weak one does not matter"},
    {"Monday, 03-Feb-20 04:05:06 GMT", "\"a\"", MODIFIED_S, NOW_S, true, "5.6.7: RFC 850"},
    {"Mon Feb  3 04:05:06 2020", "\"a\"", MODIFIED_S, NOW_S, true, "5.6.7: asctime"},
    {AFTER, "\"a\"", MODIFIED_S, NOW_S, false, "13.1.5: exactly, not later"},
    {BEFORE, "\"a\"", MODIFIED_S, NOW_S, false, "13.1.5: exactly, not earlier"},
    {MODIFIED, "\"a\"", -1, NOW_S, false, "no date to compare it with"},
    {"Wed, 31 Dec 1969 23:59:59 GMT", "\"a\"", -1, NOW_S, false, "-1 is not a date"},
    {MODIFIED, "\"a\"", MODIFIED_S, MODIFIED_S + 1, true, "8.8.2.2: one second older is strong"},
    {MODIFIED, "\"a\"", MODIFIED_S, MODIFIED_S, false, "8.8.2.2: modified in this second: weak"},
    {MODIFIED, "\"a\"", MODIFIED_S, MODIFIED_S - 1, false, "8.8.2.2: in the future"},
    {"\"a\"", "\"a\"", MODIFIED_S, MODIFIED_S, true, "that is about dates only"},
};

static void cond__if_range__needs_a_strong_validator(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(ranges); i++) {
        const struct wr_validators v = {slice_or_absent(ranges[i].etag), ranges[i].modified_s};

        if (wr_cond_range_applies(wr_slice_of(ranges[i].if_range), &v, ranges[i].now_s) !=
            ranges[i].applies)
            fail_msg("row %zu, If-Range: %s (%s)", i, ranges[i].if_range, ranges[i].why);
    }
}

static void cond__range_without_if_range__applies(void **state)
{
    const struct wr_validators none = {.last_modified_s = -1};

    (void)state;
    assert_true(wr_cond_range_applies(wr_slice(NULL, 0), &none, NOW_S));
}

WR_TESTS(cmocka_unit_test(cond__if_none_match__compares_weakly),
         cmocka_unit_test(cond__if_match__compares_strongly),
         cmocka_unit_test(cond__nul_in_a_list__breaks_it),
         cmocka_unit_test(cond__if_modified_since__compares_the_date),
         cmocka_unit_test(cond__if_unmodified_since__compares_the_date),
         cmocka_unit_test(cond__date_without_a_modification_date__is_ignored),
         cmocka_unit_test(cond__modified_at_or_before_the_epoch__counts),
         cmocka_unit_test(cond__fields_together__are_taken_in_the_order_of_13_2_2),
         cmocka_unit_test(cond__two_digit_year__depends_on_now),
         cmocka_unit_test(cond__long_list__is_read_in_linear_time),
         cmocka_unit_test(cond__if_range__needs_a_strong_validator),
         cmocka_unit_test(cond__range_without_if_range__applies));
