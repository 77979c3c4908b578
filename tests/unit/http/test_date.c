#include "http/date.h"

#include <stdio.h>

#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

#define NOW_S INT64_C(1781524800) /* Mon, 15 Jun 2026 12:00:00 GMT */

/* Seconds come from GNU date, `date -u -d TEXT +%s`. */
static const struct {
    int64_t time_s;
    const char *text;
    const char *why;
} instants[] = {
    {784111777, "Sun, 06 Nov 1994 08:49:37 GMT", "the example of RFC 9110 5.6.7"},
    {0, "Thu, 01 Jan 1970 00:00:00 GMT", "the epoch"},
    {1, "Thu, 01 Jan 1970 00:00:01 GMT", "just after it"},
    {-1, "Wed, 31 Dec 1969 23:59:59 GMT", "just before it"},
    {1580702706, "Mon, 03 Feb 2020 04:05:06 GMT", "every number has a leading zero"},
    {951782400, "Tue, 29 Feb 2000 00:00:00 GMT", "2000 is a leap year: divisible by 400"},
    {951868799, "Tue, 29 Feb 2000 23:59:59 GMT", "the last second of a leap day"},
    {951868800, "Wed, 01 Mar 2000 00:00:00 GMT", "and the next"},
    {1709251199, "Thu, 29 Feb 2024 23:59:59 GMT", "2024 is a leap year: divisible by 4"},
    {1677628800, "Wed, 01 Mar 2023 00:00:00 GMT", "2023 is none"},
    {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT", "day 366"},
    {1735689600, "Wed, 01 Jan 2025 00:00:00 GMT", "and the next"},
    {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT", "2100 is no leap year: divisible by 100"},
    {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT", "and the next second"},
    {-2208988800, "Mon, 01 Jan 1900 00:00:00 GMT", "1900"},
    {-2203977600, "Wed, 28 Feb 1900 00:00:00 GMT", "1900 is no leap year"},
    {-2203891200, "Thu, 01 Mar 1900 00:00:00 GMT", "and the next day"},
    {-2077704000, "Mon, 29 Feb 1904 12:00:00 GMT", "a leap day before the epoch"},
    {-11670998400, "Tue, 29 Feb 1600 00:00:00 GMT", "a leap year before the calendar's use"},
    {13574563200, "Tue, 29 Feb 2400 00:00:00 GMT", "the next that is divisible by 400"},
    {-62035891200, "Sun, 29 Feb 0004 00:00:00 GMT", "the first leap day"},
    {2147483647, "Tue, 19 Jan 2038 03:14:07 GMT", "2^31 - 1"},
    {4294967296, "Sun, 07 Feb 2106 06:28:16 GMT", "2^32"},
    {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT", "the last of four digits"},
    {-62135596800, "Mon, 01 Jan 0001 00:00:00 GMT", "the first"},
};

static void expect_format(int64_t time_s, const char *want, const char *why)
{
    char got[WR_DATE_LEN + 1];

    memset(got, '~', sizeof got);
    wr_date_format(time_s, got);
    if (memcmp(got, want, WR_DATE_LEN) != 0)
        fail_msg("%s (%s): \"%.*s\"", want, why, WR_DATE_LEN, got);
    assert_int_equal(got[WR_DATE_LEN], '~');
}

static void date__instant__is_written_as_imf_fixdate(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(instants); i++)
        expect_format(instants[i].time_s, instants[i].text, instants[i].why);
}

static void date__time_outside_four_digit_years__is_clamped(void **state)
{
    (void)state;
    expect_format(253402300800, "Fri, 31 Dec 9999 23:59:59 GMT", "one second past the end");
    expect_format(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT", "largest");
    expect_format(-62135596801, "Mon, 01 Jan 0001 00:00:00 GMT", "one second before the beginning");
    expect_format(INT64_MIN, "Mon, 01 Jan 0001 00:00:00 GMT", "smallest");
}

static void date__written_instant__is_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(instants); i++) {
        int64_t got = 42;

        if (!wr_date_parse(wr_slice_of(instants[i].text), NOW_S, &got) || got != instants[i].time_s)
            fail_msg("%s (%s): %lld", instants[i].text, instants[i].why, (long long)got);
    }
}

/* A calendar that counts on its fingers. */
struct day {
    int year, month, day, weekday;
};

static void next_day(struct day *d)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = d->year % 400 == 0 || (d->year % 4 == 0 && d->year % 100 != 0);
    int length = d->month == 1 && is_leap ? 29 : lengths[d->month];

    d->weekday = (d->weekday + 1) % 7;
    if (++d->day <= length)
        return;
    d->day = 1;
    if (++d->month < 12)
        return;
    d->month = 0;
    d->year++;
}

static void date__every_day_from_1600_to_2401__follows_a_counted_calendar(void **state)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct day d = {1600, 0, 1, 6}; /* 1 January 1600 was a Saturday */

    (void)state;
    for (int64_t time_s = -11676096000; d.year < 2401; time_s += 86400, next_day(&d)) {
        char want[64];
        int64_t got = 0;

        snprintf(want, sizeof want, "%.3s, %02d %.3s %04d 00:00:00 GMT", days + 3 * d.weekday,
                 d.day, months + 3 * d.month, d.year);
        expect_format(time_s, want, "counted");
        if (!wr_date_parse(wr_slice_of(want), NOW_S, &got) || got != time_s)
            fail_msg("%s is read as %lld", want, (long long)got);
    }
}

static const struct {
    struct wr_slice text;
    int64_t want;
    const char *why;
} valid[] = {
    /* the three examples of RFC 9110 5.6.7 */
    {S("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777, "IMF-fixdate"},
    {S("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777, "RFC 850"},
    {S("Sun Nov  6 08:49:37 1994"), 784111777, "asctime"},
    {S("Sun Nov 06 08:49:37 1994"), 784111777, "asctime: date3 = month SP ( 2DIGIT / SP DIGIT )"},
    {S("Wed Nov 16 08:49:37 1994"), 784975777, "asctime, two digits"},
    {S("Mon, 06 Nov 1994 08:49:37 GMT"), 784111777, "the name of the day is not compared"},
    {S("Monday, 06-Nov-94 08:49:37 GMT"), 784111777, "nor here"},
    {S("Sat Nov  6 08:49:37 1994"), 784111777, "nor here"},
    {S("Sat, 31 Dec 2016 23:59:60 GMT"), 1483228800, "a leap second: the one after 23:59:59"},
    {S("Saturday, 31-Dec-16 23:59:60 GMT"), 1483228800, "a leap second"},
    {S("Sat Dec 31 23:59:60 2016"), 1483228800, "a leap second"},
    {S("Sun, 30 Apr 2000 00:00:00 GMT"), 957052800, "the last day of a month of 30"},
    {S("Tuesday, 29-Feb-00 00:00:00 GMT"), 951782400, "the leap day of 2000"},
    {S("Tue Feb 29 00:00:00 2000"), 951782400, "the leap day of 2000"},
};

static void date__three_forms__are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(valid); i++) {
        int64_t got = 42;

        if (!wr_date_parse(valid[i].text, NOW_S, &got) || got != valid[i].want)
            fail_msg("%s (%s): %lld", valid[i].text.p, valid[i].why, (long long)got);
    }
}

static const struct {
    struct wr_slice text;
    const char *why;
} invalid[] = {
    {S(""), "empty"},
    {{NULL, 0}, "absent"},
    {S("S"), "one byte"},
    {S("1767225600"), "a number"},
    {S("Sun, 06 Nov 1994 08:49:37 GM"), "one byte short"},
    {S("Sun, 06 Nov 1994 08:49:37 GMT "), "one byte more"},
    {S(" Sun, 06 Nov 1994 08:49:37 GMT"), "white space in front"},
    {S("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"), "two of them"},
    {S("Sun, 06 Nov 1994 08:49:37 GMT\0"), "NUL behind"},
    {S("Sun, 06 Nov 1994 08:49:37"), "no zone"},
    {S("Sun, 06 Nov 1994 08:49:37 UTC"), "RFC 9110 5.6.7: only GMT"},
    {S("Sun, 06 Nov 1994 08:49:37 +0000"), "RFC 9110 5.6.7: only GMT"},
    {S("Sun, 06 Nov 1994 08:49:37 +0100"), "RFC 9110 5.6.7: only GMT"},
    {S("sun, 06 Nov 1994 08:49:37 GMT"), "RFC 9110 5.6.7: case-sensitive"},
    {S("Sun, 06 nov 1994 08:49:37 GMT"), "RFC 9110 5.6.7: case-sensitive"},
    {S("SUN, 06 NOV 1994 08:49:37 GMT"), "RFC 9110 5.6.7: case-sensitive"},
    {S("Sun, 06 Nov 1994 08:49:37 gmt"), "RFC 9110 5.6.7: case-sensitive"},
    {S("Xxx, 06 Nov 1994 08:49:37 GMT"), "no day of this name"},
    {S("Sunday, 06 Nov 1994 08:49:37 GMT"), "long name in the short form"},
    {S("Sun, 06-Nov-94 08:49:37 GMT"), "short name in the RFC 850 form"},
    {S("Sunday, 06-Nov-1994 08:49:37 GMT"), "RFC 850 with four digits"},
    {S("Sun, 06 Nov 94 08:49:37 GMT"), "IMF-fixdate with two digits"},
    {S("Sunday Nov  6 08:49:37 1994"), "long name in the asctime form"},
    {S("Sun, 06 Nob 1994 08:49:37 GMT"), "no month of this name"},
    {S("Sun, 06 November 1994 08:49:37 GMT"), "a long month"},
    {S("Sun, 6 Nov 1994 08:49:37 GMT"), "one digit"},
    {S("Sun,  6 Nov 1994 08:49:37 GMT"), "a space for a digit"},
    {S("Sun, 06  Nov 1994 08:49:37 GMT"), "two spaces"},
    {S("Sun,\t06 Nov 1994 08:49:37 GMT"), "a tab"},
    {S("Sun 06 Nov 1994 08:49:37 GMT"), "no comma"},
    {S("Sun, 06 Nov 1994 8:49:37 GMT"), "one digit"},
    {S("Sun, 06 Nov 1994 08:49 GMT"), "no second"},
    {S("Sun, 06 Nov 1994 08.49.37 GMT"), "dots"},
    {S("Sun, 06 Nov 1994 08:49:3a GMT"), "a letter"},
    {S("Sun, 06 Nov 1994 08:49:3/ GMT"), "the octet below '0'"},
    {S("Sun, 06 Nov 1994 08:49:3: GMT"), "the octet above '9'"},
    {S("Sun, 06 Nov -994 08:49:37 GMT"), "a sign"},
    {S("Sun, +6 Nov 1994 08:49:37 GMT"), "a sign"},
    {S("Sun, 06 Nov 19940 08:49:37 GMT"), "five digits"},
    {S("Sun, 06 N\0v 1994 08:49:37 GMT"), "NUL inside"},
    {S("Sun, 06 Nov 1994 08:49:37\x80GMT"), "0x80"},
    {S("\xff\xff\xff, 06 Nov 1994 08:49:37 GMT"), "0xFF"},
    {S("Sun Nov 6 08:49:37 1994"), "asctime, day of one character"},
    {S("Sun Nov   6 08:49:37 1994"), "asctime, day of three"},
    {S("Sun Nov  6 08:49:37 94"), "asctime with two digits"},
    {S("Sun Nov  6 08:49:37 1994 GMT"), "asctime with a zone"},
    {S("Sun Nov  6 08:49:37 19945"), "asctime with five digits"},
    {S("Sun, 00 Nov 1994 08:49:37 GMT"), "day 0"},
    {S("Sun Nov  0 08:49:37 1994"), "day 0"},
    {S("Mon, 32 Jan 2024 00:00:00 GMT"), "day 32"},
    {S("Mon, 31 Apr 2024 00:00:00 GMT"), "April has 30 days"},
    {S("Mon, 31 Jun 2024 00:00:00 GMT"), "June has 30 days"},
    {S("Mon, 31 Sep 2024 00:00:00 GMT"), "September has 30 days"},
    {S("Mon, 31 Nov 2024 00:00:00 GMT"), "November has 30 days"},
    {S("Monday, 31-Nov-24 00:00:00 GMT"), "November has 30 days"},
    {S("Mon Nov 31 00:00:00 2024"), "November has 30 days"},
    {S("Mon, 30 Feb 2024 00:00:00 GMT"), "no February has 30"},
    {S("Mon, 29 Feb 2023 00:00:00 GMT"), "2023 is no leap year"},
    {S("Mon, 29 Feb 1900 00:00:00 GMT"), "1900 is no leap year"},
    {S("Mon, 29 Feb 2100 00:00:00 GMT"), "2100 is no leap year"},
    {S("Mon, 01 Jan 2024 24:00:00 GMT"), "hour 24: RFC 9110 5.6.7 has 00 to 23"},
    {S("Mon, 01 Jan 2024 25:00:00 GMT"), "hour 25"},
    {S("Mon, 01 Jan 2024 00:60:00 GMT"), "minute 60"},
    {S("Mon, 01 Jan 2024 00:00:61 GMT"), "second 61"},
    {S("Mon, 01 Jan 0000 00:00:00 GMT"), "there was no year 0"},
};

static void date__anything_else__is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(invalid); i++) {
        int64_t got = 42;

        if (wr_date_parse(invalid[i].text, NOW_S, &got))
            fail_msg("\"%s\" (%s): %lld", invalid[i].text.p, invalid[i].why, (long long)got);
        assert_int_equal(got, 42);
    }
}

static void date__every_beginning_of_a_date__is_refused(void **state)
{
    static const char *const dates[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
                                        "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(dates); i++)
        for (size_t n = 0; n < strlen(dates[i]); n++) {
            int64_t got;

            if (wr_date_parse(wr_slice(dates[i], n), NOW_S, &got))
                fail_msg("\"%.*s\"", (int)n, dates[i]);
        }
}

/* RFC 9110 5.6.7: more than 50 years in the future means the most recent such year in the past. */
static const struct {
    int64_t now_s;
    const char *text;
    int64_t want;
    const char *why;
} centuries[] = {
    {NOW_S, "Monday, 15-Jun-26 12:00:00 GMT", 1781524800, "now"},
    {NOW_S, "Monday, 15-Jun-76 12:00:00 GMT", 3359448000, "in 50 years, not more: 2076"},
    {NOW_S, "Monday, 15-Jun-76 12:00:01 GMT", 203688001, "in 50 years and a second: 1976"},
    {NOW_S, "Friday, 01-Jan-77 00:00:00 GMT", 220924800, "in more than 50 years: 1977"},
    {NOW_S, "Friday, 31-Dec-99 23:59:59 GMT", 946684799, "1999"},
    {NOW_S, "Tuesday, 29-Feb-00 00:00:00 GMT", 951782400, "2000"},
    {928195200, "Wednesday, 01-Jun-05 00:00:00 GMT", 1117584000, "in June 1999: 2005"},
    {928195200, "Tuesday, 01-Jun-99 00:00:00 GMT", 928195200, "in June 1999: 1999"},
    {928195200, "Tuesday, 01-Jun-49 00:00:00 GMT", 2506118400, "in June 1999: 2049, in 50 years"},
    {928195200, "Thursday, 01-Dec-49 00:00:00 GMT", -633830400, "in June 1999: 1949"},
    {0, "Thursday, 01-Jan-70 00:00:00 GMT", 0, "at the epoch"},
    {2529619200, "Sunday, 28-Feb-00 00:00:00 GMT", 4107456000, "in February 2050: 2100"},
    {4107456000, "Thursday, 01-Jan-99 00:00:00 GMT", 4070908800, "in 2100: 2099"},
};

static void date__two_digit_year__is_at_most_50_years_ahead(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(centuries); i++) {
        int64_t got = 42;

        if (!wr_date_parse(wr_slice_of(centuries[i].text), centuries[i].now_s, &got) ||
            got != centuries[i].want)
            fail_msg("%s (%s): %lld", centuries[i].text, centuries[i].why, (long long)got);
    }
}

static void date__leap_day_in_a_century_without_it__is_refused(void **state)
{
    const struct wr_slice leap_day = WR_SLICE("Monday, 29-Feb-00 00:00:00 GMT");
    int64_t got;

    (void)state;
    assert_false(wr_date_parse(leap_day, -633830400, &got)); /* in December 1949: 1900 */
    assert_false(wr_date_parse(leap_day, 2532038400, &got)); /* in March 2050: 2100 */
    assert_true(wr_date_parse(leap_day, -626054400, &got));  /* in March 1950: 2000 */
    assert_int_equal(got, 951782400);
}

static void date__two_digit_year_at_the_ends_of_time__does_not_overflow(void **state)
{
    const struct wr_slice text = WR_SLICE("Monday, 01-Jan-99 00:00:00 GMT");
    int64_t got;

    (void)state;
    assert_false(wr_date_parse(text, INT64_MIN, &got)); /* in year 1: 99 before year 1, or -1 */
    assert_true(wr_date_parse(text, INT64_MAX, &got));  /* in year 9999: 9999 */
    assert_int_equal(got, 253370764800);
}

/* Seconds as above; RFC 3339 5.6. */
static void date__instant__is_written_as_date_time(void **state)
{
    static const struct {
        int64_t time_s;
        const char *text;
    } times[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {784111777, "1994-11-06T08:49:37Z"},
        {1709251199, "2024-02-29T23:59:59Z"},
        {-62135596800, "0001-01-01T00:00:00Z"},
        {253402300799, "9999-12-31T23:59:59Z"},
        {INT64_MIN, "0001-01-01T00:00:00Z"},
        {INT64_MAX, "9999-12-31T23:59:59Z"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(times); i++) {
        char got[WR_DATE_TIME_LEN + 1];

        memset(got, '~', sizeof got);
        wr_date_time_format(times[i].time_s, got);
        if (memcmp(got, times[i].text, WR_DATE_TIME_LEN) != 0)
            fail_msg("%s: \"%.*s\"", times[i].text, WR_DATE_TIME_LEN, got);
        assert_int_equal(got[WR_DATE_TIME_LEN], '~');
    }
}

/* Seconds as above; RFC 3339 5.6. */
static void date__instant__is_written_as_timestamp(void **state)
{
    static const struct {
        int64_t wall_ns;
        const char *text;
    } timestamps[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {INT64_C(784111777000000000), "1994-11-06T08:49:37.000Z"},
        {INT64_C(784111777009999999), "1994-11-06T08:49:37.009Z"},
        {INT64_C(1709251199999999999), "2024-02-29T23:59:59.999Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000000, "1969-12-31T23:59:59.999Z"},
        {-1000001, "1969-12-31T23:59:59.998Z"},
        {-1000000000, "1969-12-31T23:59:59.000Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145Z"}, /* -9223372036.854775808 s */
        {INT64_MAX, "2262-04-11T23:47:16.854Z"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(timestamps); i++) {
        char got[WR_TIMESTAMP_LEN + 1];

        memset(got, '~', sizeof got);
        wr_timestamp_format(timestamps[i].wall_ns, got);
        if (memcmp(got, timestamps[i].text, WR_TIMESTAMP_LEN) != 0)
            fail_msg("%s: \"%.*s\"", timestamps[i].text, WR_TIMESTAMP_LEN, got);
        assert_int_equal(got[WR_TIMESTAMP_LEN], '~');
    }
}

WR_TESTS(cmocka_unit_test(date__instant__is_written_as_imf_fixdate),
         cmocka_unit_test(date__time_outside_four_digit_years__is_clamped),
         cmocka_unit_test(date__written_instant__is_read_back),
         cmocka_unit_test(date__every_day_from_1600_to_2401__follows_a_counted_calendar),
         cmocka_unit_test(date__three_forms__are_read),
         cmocka_unit_test(date__anything_else__is_refused),
         cmocka_unit_test(date__every_beginning_of_a_date__is_refused),
         cmocka_unit_test(date__two_digit_year__is_at_most_50_years_ahead),
         cmocka_unit_test(date__leap_day_in_a_century_without_it__is_refused),
         cmocka_unit_test(date__two_digit_year_at_the_ends_of_time__does_not_overflow),
         cmocka_unit_test(date__instant__is_written_as_date_time),
         cmocka_unit_test(date__instant__is_written_as_timestamp));
