#include "http/date.h"

#include "base/buf.h"

/*
 * The Gregorian calendar, also before it was made. Days are counted from 1 March of year 0, so that
 * the leap day is the last of its year and lengths of months follow one formula.
 */
#define DAY_S           86400
#define SECOND_NS       INT64_C(1000000000)
#define YEAR_MIN        1
#define YEAR_MAX        9999
#define TIME_MIN_S      INT64_C(-62135596800) /* 1 January of year 1, 00:00:00 */
#define TIME_MAX_S      INT64_C(253402300799) /* 31 December of year 9999, 23:59:59 */
#define TIME_MIN_DAY    306
#define DAYS_400_YEARS  146097
#define TWO_DIGIT_AHEAD 50 /* years, RFC 9110 5.6.7 */

struct civil {
    int year, month, day, hour, minute, second; /* months and days from 1 */
};

/* From Monday, which 1 January of year 1 was. */
static const struct wr_slice day_names[] = {
    {"Monday", 6}, {"Tuesday", 7},  {"Wednesday", 9}, {"Thursday", 8},
    {"Friday", 6}, {"Saturday", 8}, {"Sunday", 6},
};

static const struct wr_slice month_names[] = {
    {"Jan", 3}, {"Feb", 3}, {"Mar", 3}, {"Apr", 3}, {"May", 3}, {"Jun", 3},
    {"Jul", 3}, {"Aug", 3}, {"Sep", 3}, {"Oct", 3}, {"Nov", 3}, {"Dec", 3},
};

#define SHORT_NAME 3

static int64_t clamp_time(int64_t time_s)
{
    if (time_s < TIME_MIN_S)
        return TIME_MIN_S;
    return time_s > TIME_MAX_S ? TIME_MAX_S : time_s;
}

static struct civil civil_of(int64_t time_s)
{
    int64_t since = clamp_time(time_s) - TIME_MIN_S, days = since / DAY_S + TIME_MIN_DAY;
    int second = (int)(since % DAY_S), era = (int)(days / DAYS_400_YEARS);
    int of_era = (int)(days % DAYS_400_YEARS);
    int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (year * 365 + year / 4 - year / 100);
    int month = (of_year * 5 + 2) / 153; /* from March, 0 */
    bool after_december = month >= 10;

    return (struct civil){
        .year = era * 400 + year + (after_december ? 1 : 0),
        .month = after_december ? month - 9 : month + 3,
        .day = of_year - (month * 153 + 2) / 5 + 1,
        .hour = second / 3600,
        .minute = second / 60 % 60,
        .second = second % 60,
    };
}

static int64_t seconds_of(const struct civil *c)
{
    int64_t year = c->month > 2 ? c->year : c->year - 1;
    int month = (c->month + 9) % 12; /* from March, 0 */
    int64_t days =
        year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + c->day - 1;
    int of_day = (c->hour * 60 + c->minute) * 60 + c->second;

    return TIME_MIN_S + (days - TIME_MIN_DAY) * DAY_S + of_day;
}

static void append_digits(struct wr_buf *b, int value, size_t n)
{
    char digits[4];

    for (size_t i = n; i-- > 0; value /= 10)
        digits[i] = (char)('0' + value % 10);
    wr_buf_append(b, digits, n);
}

void wr_date_format(int64_t time_s, char out[static WR_DATE_LEN])
{
    struct civil c = civil_of(time_s);
    int64_t days = (clamp_time(time_s) - TIME_MIN_S) / DAY_S;
    struct wr_buf b = wr_buf_on(out, WR_DATE_LEN);

    wr_buf_append(&b, day_names[days % 7].p, SHORT_NAME);
    WR_BUF_LITERAL(&b, ", ");
    append_digits(&b, c.day, 2);
    wr_buf_char(&b, ' ');
    wr_buf_slice_append(&b, month_names[c.month - 1]);
    wr_buf_char(&b, ' ');
    append_digits(&b, c.year, 4);
    wr_buf_char(&b, ' ');
    append_digits(&b, c.hour, 2);
    wr_buf_char(&b, ':');
    append_digits(&b, c.minute, 2);
    wr_buf_char(&b, ':');
    append_digits(&b, c.second, 2);
    WR_BUF_LITERAL(&b, " GMT");
}

/* RFC 3339 5.6, without fraction and zone. */
static void append_date_time(struct wr_buf *b, const struct civil *c)
{
    append_digits(b, c->year, 4);
    wr_buf_char(b, '-');
    append_digits(b, c->month, 2);
    wr_buf_char(b, '-');
    append_digits(b, c->day, 2);
    wr_buf_char(b, 'T');
    append_digits(b, c->hour, 2);
    wr_buf_char(b, ':');
    append_digits(b, c->minute, 2);
    wr_buf_char(b, ':');
    append_digits(b, c->second, 2);
}

void wr_date_time_format(int64_t time_s, char out[static WR_DATE_TIME_LEN])
{
    struct civil c = civil_of(time_s);
    struct wr_buf b = wr_buf_on(out, WR_DATE_TIME_LEN);

    append_date_time(&b, &c);
    wr_buf_char(&b, 'Z');
}

void wr_timestamp_format(int64_t wall_ns, char out[static WR_TIMESTAMP_LEN])
{
    int64_t rest_ns = wall_ns % SECOND_NS, time_s = wall_ns / SECOND_NS - (rest_ns < 0);
    struct civil c = civil_of(time_s);
    struct wr_buf b = wr_buf_on(out, WR_TIMESTAMP_LEN);

    append_date_time(&b, &c);
    wr_buf_char(&b, '.');
    append_digits(&b, (int)((rest_ns < 0 ? rest_ns + SECOND_NS : rest_ns) / 1000000), 3);
    wr_buf_char(&b, 'Z');
}

/* The take_ functions cut what they name off the beginning of *s; false when it is not there. */
static bool take(struct wr_slice *s, struct wr_slice text)
{
    if (!wr_slice_starts(*s, text))
        return false;
    *s = wr_slice_from(*s, text.n);
    return true;
}

static bool take_digits(struct wr_slice *s, size_t n, int *value)
{
    *value = 0;
    if (s->n < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        *value = *value * 10 + (s->p[i] - '0');
    }
    *s = wr_slice_from(*s, n);
    return true;
}

static bool take_day_name(struct wr_slice *s, bool is_long)
{
    for (size_t i = 0; i < 7; i++)
        if (take(s, wr_slice(day_names[i].p, is_long ? day_names[i].n : SHORT_NAME)))
            return true;
    return false;
}

static bool take_month(struct wr_slice *s, int *month)
{
    for (*month = 1; *month <= 12; ++*month)
        if (take(s, month_names[*month - 1]))
            return true;
    return false;
}

static bool take_time(struct wr_slice *s, struct civil *c)
{
    return take_digits(s, 2, &c->hour) && take(s, WR_SLICE(":")) && take_digits(s, 2, &c->minute) &&
           take(s, WR_SLICE(":")) && take_digits(s, 2, &c->second);
}

static bool read_imf_fixdate(struct wr_slice s, struct civil *c)
{
    return take_day_name(&s, false) && take(&s, WR_SLICE(", ")) && take_digits(&s, 2, &c->day) &&
           take(&s, WR_SLICE(" ")) && take_month(&s, &c->month) && take(&s, WR_SLICE(" ")) &&
           take_digits(&s, 4, &c->year) && take(&s, WR_SLICE(" ")) && take_time(&s, c) &&
           wr_slice_eq(s, WR_SLICE(" GMT"));
}

/* Leaves the year at its two digits. */
static bool read_rfc850(struct wr_slice s, struct civil *c)
{
    return take_day_name(&s, true) && take(&s, WR_SLICE(", ")) && take_digits(&s, 2, &c->day) &&
           take(&s, WR_SLICE("-")) && take_month(&s, &c->month) && take(&s, WR_SLICE("-")) &&
           take_digits(&s, 2, &c->year) && take(&s, WR_SLICE(" ")) && take_time(&s, c) &&
           wr_slice_eq(s, WR_SLICE(" GMT"));
}

static bool read_asctime(struct wr_slice s, struct civil *c)
{
    return take_day_name(&s, false) && take(&s, WR_SLICE(" ")) && take_month(&s, &c->month) &&
           take(&s, WR_SLICE(" ")) && take_digits(&s, take(&s, WR_SLICE(" ")) ? 1 : 2, &c->day) &&
           take(&s, WR_SLICE(" ")) && take_time(&s, c) && take(&s, WR_SLICE(" ")) &&
           take_digits(&s, 4, &c->year) && s.n == 0;
}

/* The latest year with these last two digits that is not too far in the future. */
static int full_year(struct civil c, int64_t now_s)
{
    struct civil latest = civil_of(now_s);

    latest.year += TWO_DIGIT_AHEAD;
    c.year = latest.year - (latest.year + 100 - c.year) % 100;
    return seconds_of(&c) > seconds_of(&latest) ? c.year - 100 : c.year;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool is_valid(const struct civil *c)
{
    return c->year >= YEAR_MIN && c->year <= YEAR_MAX && c->day >= 1 &&
           c->day <= days_in_month(c->year, c->month) && c->hour <= 23 && c->minute <= 59 &&
           c->second <= 60;
}

bool wr_date_parse(struct wr_slice s, int64_t now_s, int64_t *time_s)
{
    struct civil c = {0};

    if (read_rfc850(s, &c))
        c.year = full_year(c, now_s);
    else if (!read_imf_fixdate(s, &c) && !read_asctime(s, &c))
        return false;
    if (!is_valid(&c))
        return false;
    *time_s = seconds_of(&c);
    return true;
}
