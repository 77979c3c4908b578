/*
 * fuzz_cond.c — http/cond.h, date.h and authority.h. Conditions are evaluated once more here, from
 * RFC 9110 13.2.2 and with entity tags that are read otherwise; dates are compared with those of libc.
 * Of ranges it is looked whether they lie inside; fuzz_range.c knows which they are.
 *
 * Input: lines. The first has three characters that choose the method (G: GET), the size and the
 * date of the representation from the tables below; the others are, in this order, the entity tag,
 * If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range, Range and Host. A line
 * that is not there, or "-" alone, is an absent field.
 */
#include "http/cond.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "http/authority.h"
#include "http/date.h"
#include "http/range.h"

#define NOW_S      INT64_C(1781524800) /* Mon, 15 Jun 2026 12:00:00 GMT */
#define TIME_MIN_S INT64_C(-62135596800)
#define TIME_MAX_S INT64_C(253402300799)

enum {
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
    RANGE,
    HOST
};
#define LINES (HOST + 1)

static const uint64_t sizes[] = {0,         1, 1100, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 1,
                                 UINT64_MAX};
static const int64_t dates[] = {-1, 0, 1580702706, NOW_S - 1, NOW_S, INT64_MAX, INT64_MIN};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool claim)
{
    if (!claim)
        abort();
}

static struct wr_slice take_line(struct wr_slice *text)
{
    const char *end = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;
    struct wr_slice line = wr_slice(text->p, end ? (size_t)(end - text->p) : text->n);

    if (text->n == 0 || wr_slice_eq(line, WR_SLICE("-")))
        line = wr_slice(NULL, 0);
    *text = end ? wr_slice_from(*text, (size_t)(end - text->p) + 1) : wr_slice(NULL, 0);
    return line;
}

/* ---- dates ---- */

/* The forms of RFC 9110 5.6.7; asctime has its day in two digits or with a blank. */
enum form { FIXDATE, RFC850, ASCTIME, ASCTIME_ZERO, FORMS };

#define TEXT_MAX 80

/* As libc knows the calendar. A leap second is the one after the 59th. */
static void write_date(char out[static TEXT_MAX], int64_t time_s, enum form form, bool is_leap)
{
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = time_s;
    struct tm tm;
    int year, second;

    check(gmtime_r(&t, &tm) != NULL);
    year = tm.tm_year + 1900;
    second = is_leap ? 60 : tm.tm_sec;
    if (form == FIXDATE)
        snprintf(out, TEXT_MAX, "%.3s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                 tm.tm_mday, months[tm.tm_mon], year, tm.tm_hour, tm.tm_min, second);
    else if (form == RFC850)
        snprintf(out, TEXT_MAX, "%s, %02d-%s-%02d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                 months[tm.tm_mon], year % 100, tm.tm_hour, tm.tm_min, second);
    else
        snprintf(out, TEXT_MAX,
                 form == ASCTIME ? "%.3s %s %2d %02d:%02d:%02d %04d"
                                 : "%.3s %s %02d %02d:%02d:%02d %04d",
                 days[tm.tm_wday], months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, second,
                 year);
}

/* Nobody compares the name of the day with the date. */
static bool is_same_behind_day(struct wr_slice s, const char *text)
{
    const char *blank = s.n > 0 ? memchr(s.p, ' ', s.n) : NULL;

    return blank && wr_slice_eq(wr_slice(blank, s.n - (size_t)(blank - s.p)),
                                wr_slice_of(strchr(text, ' ')));
}

static bool is_written_as(struct wr_slice s, int64_t time_s)
{
    char text[TEXT_MAX];

    for (enum form form = FIXDATE; form < FORMS; form++) {
        write_date(text, time_s, form, false);
        if (is_same_behind_day(s, text))
            return true;
        write_date(text, time_s - 1, form, true);
        if (is_same_behind_day(s, text))
            return true;
    }
    return false;
}

/* What is written so is read. Two digits of a year are of the last fifty years or the next. */
static void check_written(int64_t time_s)
{
    const int64_t fifty_years_s = INT64_C(50) * 365 * 86400;
    char text[TEXT_MAX];
    int64_t again_s;

    for (enum form form = FIXDATE; form < FORMS; form++) {
        if (form == RFC850 &&
            (time_s > NOW_S + fifty_years_s || time_s < NOW_S - fifty_years_s + 30 * 86400))
            continue;
        write_date(text, time_s, form, false);
        check(wr_date_parse(wr_slice_of(text), NOW_S, &again_s));
        check(again_s == time_s);
    }
}

static void check_date(struct wr_slice s)
{
    char text[WR_DATE_LEN];
    int64_t time_s, again_s;

    if (!s.p || !wr_date_parse(s, NOW_S, &time_s))
        return;
    check(is_written_as(s, time_s));
    if (time_s <= TIME_MAX_S)
        check_written(time_s);
    check(time_s >= TIME_MIN_S && time_s <= TIME_MAX_S + 1); /* 1: a leap second at the very end */
    wr_date_format(time_s, text);
    check(wr_date_parse(wr_slice(text, sizeof text), NOW_S, &again_s));
    check(again_s == (time_s > TIME_MAX_S ? TIME_MAX_S : time_s));
}

/* ---- ranges and authorities ---- */

static void check_range(struct wr_slice value, uint64_t size)
{
    struct wr_ranges ranges;

    if (wr_ranges_parse(value, size, &ranges) != WR_RANGE_PARTS)
        return;
    check(ranges.n >= 1 && ranges.n <= WR_RANGES_MAX);
    for (size_t i = 0; i < ranges.n; i++) {
        check(ranges.v[i].length >= 1);
        check(ranges.v[i].start < size);
        check(ranges.v[i].length <= size - ranges.v[i].start);
    }
}

static void check_authority(struct wr_slice text)
{
    struct wr_authority a;

    if (!wr_authority_parse(text, &a))
        return;
    check(a.port >= -1 && a.port <= 65535);
    check(a.host.n <= text.n && a.host.p == text.p);
    check(a.port == -1 || a.host.n + 1 < text.n);
    for (size_t i = 0; i < text.n; i++)
        check(text.p[i] > 0x20 && text.p[i] < 0x7f && !strchr("/?#@\\\"", text.p[i]));
}

/* ---- conditions ---- */

struct tag {
    bool is_weak;
    struct wr_slice text; /* between the quotes */
};

/* entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE at s.p; its length, or 0. */
static size_t read_tag(struct wr_slice s, struct tag *tag)
{
    size_t start = s.n >= 2 && memcmp(s.p, "W/", 2) == 0 ? 2 : 0;
    const char *end;

    if (start >= s.n || s.p[start] != '"')
        return 0;
    end = memchr(s.p + start + 1, '"', s.n - start - 1);
    if (!end)
        return 0;
    tag->is_weak = start > 0;
    tag->text = wr_slice(s.p + start + 1, (size_t)(end - s.p) - start - 1);
    for (size_t i = 0; i < tag->text.n; i++)
        if ((unsigned char)tag->text.p[i] <= ' ' || tag->text.p[i] == 0x7f)
            return 0;
    return (size_t)(end - s.p) + 1;
}

/* RFC 9110 8.8.3.2 */
static bool is_match(const struct tag *a, const struct tag *b, bool is_strong)
{
    return wr_slice_eq(a->text, b->text) && !(is_strong && (a->is_weak || b->is_weak));
}

/* Is the tag of the representation in the list, as far as that is well-formed? */
static bool is_listed(struct wr_slice list, struct wr_slice etag, bool is_strong)
{
    struct tag own, tag;
    size_t at = 0;

    if (list.n == 1 && list.p[0] == '*')
        return true;
    if (!etag.p || read_tag(etag, &own) != etag.n || etag.n == 0)
        return false;
    while (at < list.n) {
        size_t n;

        if (strchr(" \t,", list.p[at]) && list.p[at]) {
            at++;
            continue;
        }
        n = read_tag(wr_slice_from(list, at), &tag);
        at += n;
        while (at < list.n && (list.p[at] == ' ' || list.p[at] == '\t'))
            at++;
        if (n == 0 || (at < list.n && list.p[at] != ','))
            return false;
        if (is_match(&own, &tag, is_strong))
            return true;
    }
    return false;
}

/* Whether the representation was changed after the date; -1: the field is to be ignored. */
static int is_later(struct wr_slice field, const struct wr_validators *v)
{
    int64_t date_s;

    if (v->last_modified_s == -1 || !wr_date_parse(field, NOW_S, &date_s))
        return -1;
    return v->last_modified_s > date_s;
}

/* RFC 9110 13.2.2, step by step */
static enum wr_cond_result expect(const struct wr_conditions *c, const struct wr_validators *v,
                                  bool is_get)
{
    if (c->if_match.p) {
        if (!is_listed(c->if_match, v->etag, true))
            return WR_COND_FAILED;
    } else if (c->if_unmodified_since.p && is_later(c->if_unmodified_since, v) == 1) {
        return WR_COND_FAILED;
    }
    if (c->if_none_match.p) {
        if (is_listed(c->if_none_match, v->etag, false))
            return is_get ? WR_COND_NOT_MODIFIED : WR_COND_FAILED;
    } else if (is_get && c->if_modified_since.p && is_later(c->if_modified_since, v) == 0) {
        return WR_COND_NOT_MODIFIED;
    }
    return WR_COND_PROCEED;
}

/* RFC 9110 13.1.5 */
static bool expect_range(struct wr_slice if_range, const struct wr_validators *v)
{
    struct tag own, tag;
    int64_t date_s;

    if (!if_range.p)
        return true;
    if (if_range.n > 0 && read_tag(if_range, &tag) == if_range.n)
        return v->etag.n > 0 && read_tag(v->etag, &own) == v->etag.n && is_match(&own, &tag, true);
    return v->last_modified_s != -1 && wr_date_parse(if_range, NOW_S, &date_s) &&
           date_s == v->last_modified_s && date_s < NOW_S;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wr_slice text = wr_slice((const char *)data, size), choice = take_line(&text),
                    lines[LINES];
    struct wr_validators v;
    struct wr_conditions c;

    if (choice.n != 3)
        return 0;
    for (size_t i = 0; i < LINES; i++) {
        lines[i] = take_line(&text);
        check_date(lines[i]);
    }
    v = (struct wr_validators){
        lines[ETAG], dates[(unsigned char)choice.p[2] % (sizeof dates / sizeof dates[0])]};
    c = (struct wr_conditions){.if_match = lines[IF_MATCH],
                               .if_none_match = lines[IF_NONE_MATCH],
                               .if_modified_since = lines[IF_MODIFIED_SINCE],
                               .if_unmodified_since = lines[IF_UNMODIFIED_SINCE]};
    check(wr_cond_evaluate(&c, &v, choice.p[0] == 'G', NOW_S) ==
          expect(&c, &v, choice.p[0] == 'G'));
    check(wr_cond_range_applies(lines[IF_RANGE], &v, NOW_S) == expect_range(lines[IF_RANGE], &v));
    check_range(lines[RANGE], sizes[(unsigned char)choice.p[1] % (sizeof sizes / sizeof sizes[0])]);
    check_authority(lines[HOST]);
    return 0;
}
