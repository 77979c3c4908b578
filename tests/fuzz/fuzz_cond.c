/*
 * fuzz_cond.c — http/cond.h, range.h, date.h and authority.h.
 *
 * Input: lines. The first has three characters that choose the method (G: GET), the size and the
 * date of the representation from the tables below; the others are, in this order, the entity tag,
 * If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range, Range and Host. A line
 * that is not there, or "-" alone, is an absent field.
 */
#include "http/cond.h"

#include <stdlib.h>

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

static void check_date(struct wr_slice s)
{
    char text[WR_DATE_LEN];
    int64_t time_s, again_s;

    if (!s.p || !wr_date_parse(s, NOW_S, &time_s))
        return;
    check(time_s >= TIME_MIN_S && time_s <= TIME_MAX_S + 1); /* 1: a leap second at the very end */
    wr_date_format(time_s, text);
    check(wr_date_parse(wr_slice(text, sizeof text), NOW_S, &again_s));
    check(again_s == (time_s > TIME_MAX_S ? TIME_MAX_S : time_s));
}

static void check_range(struct wr_slice value, uint64_t size)
{
    struct wr_range part;

    if (wr_range_parse(value, size, &part) != WR_RANGE_PART)
        return;
    check(part.length >= 1);
    check(part.start < size);
    check(part.length <= size - part.start);
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

static void check_precedence(const struct wr_conditions *c, const struct wr_validators *v,
                             bool is_get)
{
    enum wr_cond_result result = wr_cond_evaluate(c, v, is_get, NOW_S);
    struct wr_conditions fewer = *c;

    check(is_get || result != WR_COND_NOT_MODIFIED);
    if (c->if_match.p)
        fewer.if_unmodified_since = wr_slice(NULL, 0);
    if (c->if_none_match.p || !is_get)
        fewer.if_modified_since = wr_slice(NULL, 0);
    check(wr_cond_evaluate(&fewer, v, is_get, NOW_S) == result);
    if (!fewer.if_match.p && !fewer.if_none_match.p && v->last_modified_s == -1)
        check(result == WR_COND_PROCEED);
}

/* If-Range with an entity tag is the same question as If-Match with this tag alone. */
static void check_if_range(struct wr_slice if_range, const struct wr_validators *v)
{
    struct wr_conditions c = {.if_match = if_range};
    int64_t date_s;

    if (!if_range.p || !wr_cond_range_applies(if_range, v, NOW_S))
        return;
    if (wr_date_parse(if_range, NOW_S, &date_s))
        check(date_s == v->last_modified_s && date_s < NOW_S);
    else
        check(wr_cond_evaluate(&c, v, true, NOW_S) == WR_COND_PROCEED);
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
    check_precedence(&c, &v, choice.p[0] == 'G');
    check_if_range(lines[IF_RANGE], &v);
    check_range(lines[RANGE], sizes[(unsigned char)choice.p[1] % (sizeof sizes / sizeof sizes[0])]);
    check_authority(lines[HOST]);
    return 0;
}
