#include "http/range.h"

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

/* suffix-range without its "-": the last bytes. */
static enum wr_range_result read_suffix(struct wr_slice spec, uint64_t size, struct wr_range *out)
{
    uint64_t length;

    if (!take_number(&spec, &length) || spec.n > 0)
        return WR_RANGE_WHOLE;
    if (length == 0)
        return WR_RANGE_UNSATISFIABLE;
    if (size == 0) /* satisfiable, by RFC 9110 14.1.2, with a part that no 206 can name */
        return WR_RANGE_WHOLE;
    if (length > size)
        length = size;
    *out = (struct wr_range){size - length, length};
    return WR_RANGE_PART;
}

/* int-range or suffix-range; WR_RANGE_WHOLE when it is neither. */
static enum wr_range_result read_spec(struct wr_slice spec, uint64_t size, struct wr_range *out)
{
    uint64_t first, last = UINT64_MAX;

    if (spec.p[0] == '-')
        return read_suffix(wr_slice_from(spec, 1), size, out);
    if (!take_number(&spec, &first) || spec.n == 0 || spec.p[0] != '-')
        return WR_RANGE_WHOLE;
    spec = wr_slice_from(spec, 1);
    if (spec.n > 0 && (!take_number(&spec, &last) || spec.n > 0 || last < first))
        return WR_RANGE_WHOLE;
    if (first >= size)
        return WR_RANGE_UNSATISFIABLE;
    if (last >= size)
        last = size - 1;
    *out = (struct wr_range){first, last - first + 1};
    return WR_RANGE_PART;
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

enum wr_range_result wr_range_parse(struct wr_slice value, uint64_t size, struct wr_range *out)
{
    struct wr_slice spec;
    struct wr_range part = {0, 0};
    size_t specs = 0, parts = 0;

    if (!take_unit(&value))
        return WR_RANGE_WHOLE;
    for (; wr_slice_next_token(&value, &spec); specs++) {
        enum wr_range_result result = read_spec(spec, size, &part);

        if (result == WR_RANGE_WHOLE)
            return WR_RANGE_WHOLE;
        if (result == WR_RANGE_PART)
            parts++;
    }
    if (specs > 0 && parts == 0)
        return WR_RANGE_UNSATISFIABLE;
    if (specs != 1)
        return WR_RANGE_WHOLE;
    *out = part;
    return WR_RANGE_PART;
}
