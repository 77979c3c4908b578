#include "http/range.h"

#define SPECS_MAX                                                                                  \
    64 /* past it the field is ignored: at most so many are compared with each other */

/* Reads digits off the beginning of *s; one too large for the type becomes its largest value,
 * which is past the end of every representation. False: there is no digit. */
static bool take_number(struct wr_slice *s, uint64_t *value)
{
    size_t n = 0;

    *value = 0;
    for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
        unsigned digit = (unsigned)(s->p[n] - '0');

        if (*value > (UINT64_MAX - digit) / 10)
            *value = UINT64_MAX;
        else
            *value = *value * 10 + digit;
    }
    *s = wr_slice_from(*s, n);
    return n > 0;
}

/* What came of one range-spec. */
enum spec {
    SPEC_INVALID, /* bad syntax, or a part that no 206 can name */
    SPEC_UNSATISFIABLE,
    SPEC_PART
};

/* suffix-range without its "-": the last bytes. */
static enum spec read_suffix(struct wr_slice spec, uint64_t size, struct wr_range *out)
{
    uint64_t length;

    if (!take_number(&spec, &length) || spec.n > 0)
        return SPEC_INVALID;
    if (length == 0)
        return SPEC_UNSATISFIABLE;
    if (size == 0) /* satisfiable, by RFC 9110 14.1.2, with a part that has no first byte */
        return SPEC_INVALID;
    if (length > size)
        length = size;
    *out = (struct wr_range){size - length, length};
    return SPEC_PART;
}

/* int-range or suffix-range. */
static enum spec read_spec(struct wr_slice spec, uint64_t size, struct wr_range *out)
{
    uint64_t first, last = UINT64_MAX;

    if (spec.p[0] == '-')
        return read_suffix(wr_slice_from(spec, 1), size, out);
    if (!take_number(&spec, &first) || spec.n == 0 || spec.p[0] != '-')
        return SPEC_INVALID;
    spec = wr_slice_from(spec, 1);
    if (spec.n > 0 && (!take_number(&spec, &last) || spec.n > 0 || last < first))
        return SPEC_INVALID;
    if (first >= size)
        return SPEC_UNSATISFIABLE;
    if (last >= size)
        last = size - 1;
    *out = (struct wr_range){first, last - first + 1};
    return SPEC_PART;
}

/* Cuts "bytes=" off; the name of a unit has no case (RFC 9110 14.1). */
static bool take_unit(struct wr_slice *value)
{
    const struct wr_slice unit = WR_SLICE("bytes=");

    if (value->n < unit.n || !wr_slice_ieq(wr_slice(value->p, unit.n), unit))
        return false;
    *value = wr_slice_from(*value, unit.n);
    /* A list may not begin with white space (5.6.1). */
    return value->n > 0 && value->p[0] != ' ' && value->p[0] != '\t';
}

/* The parts so far, in the order in which they were asked for; no two overlap or touch. */
struct parts {
    struct wr_range v[SPECS_MAX];
    size_t n;
};

static bool is_joined(const struct wr_range *a, const struct wr_range *b)
{
    return a->start <= b->start + b->length && b->start <= a->start + a->length;
}

static struct wr_range join(const struct wr_range *a, const struct wr_range *b)
{
    uint64_t end_a = a->start + a->length, end_b = b->start + b->length;
    uint64_t start = a->start < b->start ? a->start : b->start;

    return (struct wr_range){start, (end_a > end_b ? end_a : end_b) - start};
}

/* One pass is enough: what does not touch `part` does not touch what `part` is joined with. */
static void add_part(struct parts *parts, const struct wr_range *part)
{
    struct wr_range all = *part;
    size_t place = parts->n, kept = 0;

    for (size_t i = 0; i < parts->n; i++) {
        if (!is_joined(&parts->v[i], part)) {
            parts->v[kept++] = parts->v[i];
            continue;
        }
        all = join(&all, &parts->v[i]);
        if (place == parts->n)
            place = kept++;
    }
    if (place == parts->n)
        place = kept++;
    parts->v[place] = all;
    parts->n = kept;
}

enum wr_range_result wr_ranges_parse(struct wr_slice value, uint64_t size, struct wr_ranges *out)
{
    struct wr_slice spec;
    struct wr_range part = {0, 0};
    struct parts parts;
    size_t specs = 0;

    parts.n = 0;
    if (!take_unit(&value))
        return WR_RANGE_WHOLE;
    for (; wr_slice_next_token(&value, &spec); specs++) {
        enum spec kind = specs < SPECS_MAX ? read_spec(spec, size, &part) : SPEC_INVALID;

        if (kind == SPEC_INVALID)
            return WR_RANGE_WHOLE;
        if (kind == SPEC_PART)
            add_part(&parts, &part);
    }
    if (specs == 0 || parts.n > WR_RANGES_MAX)
        return WR_RANGE_WHOLE;
    if (parts.n == 0)
        return WR_RANGE_UNSATISFIABLE;
    memcpy(out->v, parts.v, parts.n * sizeof parts.v[0]);
    out->n = parts.n;
    return WR_RANGE_PARTS;
}
