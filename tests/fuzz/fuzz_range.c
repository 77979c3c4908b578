/*
 * fuzz_range.c — http/range.h against RFC 9110 14.1.2 read naively, with numbers as digits.
 *
 * Input: a letter that chooses the size of the representation, then the value of a Range field.
 */
#include "http/range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS 24 /* room for any size */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t sizes[] = {
    0, 1, 2, 10, 1100, UINT64_C(1) << 32, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX};

static void check(bool claim)
{
    if (!claim)
        abort();
}

/* ---- numbers of any length: digits, compared as such ---- */

static struct wr_slice without_zeros(struct wr_slice digits)
{
    while (digits.n > 1 && digits.p[0] == '0')
        digits = wr_slice(digits.p + 1, digits.n - 1);
    return digits;
}

static int compare(struct wr_slice a, struct wr_slice b)
{
    a = without_zeros(a);
    b = without_zeros(b);
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return memcmp(a.p, b.p, a.n);
}

/* Of a number that is at most a size. */
static uint64_t value_of(struct wr_slice digits)
{
    char text[DIGITS] = "";

    digits = without_zeros(digits);
    check(digits.n < sizeof text);
    memcpy(text, digits.p, digits.n);
    return strtoumax(text, NULL, 10);
}

/* ---- the grammar ---- */

static struct wr_slice digits_of(struct wr_slice s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return wr_slice(s.p, n);
}

/* Beyond it Weir does not compare positions. They cannot be satisfied, in whichever order, and an
 * invalid range may be refused like one (14.2: "ignore or reject"). */
#define LARGEST WR_SLICE("18446744073709551615")

enum spec { INVALID, UNSATISFIABLE, SATISFIABLE };

/* suffix-range = "-" suffix-length */
static enum spec read_suffix(struct wr_slice length, uint64_t size, struct wr_range *out)
{
    char size_text[DIGITS];

    if (length.n == 0 || digits_of(length).n != length.n)
        return INVALID;
    if (compare(length, WR_SLICE("0")) == 0)
        return UNSATISFIABLE;
    snprintf(size_text, sizeof size_text, "%" PRIu64, size);
    out->length = compare(length, wr_slice_of(size_text)) > 0 ? size : value_of(length);
    out->start = size - out->length;
    return SATISFIABLE;
}

/* int-range = first-pos "-" [ last-pos ] */
static enum spec read_spec(struct wr_slice spec, uint64_t size, struct wr_range *out)
{
    struct wr_slice first = digits_of(spec), last;
    char size_text[DIGITS];
    uint64_t end = size;

    snprintf(size_text, sizeof size_text, "%" PRIu64, size);
    if (spec.p[0] == '-')
        return read_suffix(wr_slice(spec.p + 1, spec.n - 1), size, out);
    if (first.n == 0 || first.n == spec.n || spec.p[first.n] != '-')
        return INVALID;
    last = wr_slice(spec.p + first.n + 1, spec.n - first.n - 1);
    if (digits_of(last).n != last.n)
        return INVALID;
    if (last.n > 0 && compare(last, first) < 0)
        return compare(last, LARGEST) >= 0 ? UNSATISFIABLE : INVALID;
    if (compare(first, wr_slice_of(size_text)) >= 0)
        return UNSATISFIABLE;
    if (last.n > 0 && compare(last, wr_slice_of(size_text)) < 0)
        end = value_of(last) + 1;
    *out = (struct wr_range){value_of(first), end - value_of(first)};
    return SATISFIABLE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_unit(struct wr_slice value)
{
    static const char unit[] = "bytes=";

    for (size_t i = 0; i < sizeof unit - 1; i++)
        if (i == value.n || (value.p[i] != unit[i] && value.p[i] != unit[i] - 'a' + 'A'))
            return false;
    return value.p[5] == '=';
}

/* What http/range.h says of its bounds. */
#define SPECS_MAX 64
#define PARTS_MAX 16

struct set {
    enum spec all;
    size_t specs; /* those that are not empty */
    struct wr_range v[SPECS_MAX];
    size_t n;
};

static void take_spec(struct set *set, struct wr_slice spec, uint64_t size)
{
    struct wr_range part;
    enum spec one = read_spec(spec, size, &part);

    if (one == INVALID || ++set->specs > SPECS_MAX)
        set->all = INVALID;
    if (set->all == INVALID || one != SATISFIABLE)
        return;
    set->all = SATISFIABLE;
    set->v[set->n++] = part;
}

/* range-set = 1#range-spec, with empty elements (5.6.1.2) */
static void read_set(struct wr_slice text, uint64_t size, struct set *set)
{
    size_t at = 0;

    *set = (struct set){.all = UNSATISFIABLE};
    if (text.n > 0 && is_blank(text.p[0]))
        set->all = INVALID;
    while (at <= text.n && set->all != INVALID) {
        size_t start = at, end;

        while (at < text.n && text.p[at] != ',')
            at++;
        end = at++;
        while (start < end && is_blank(text.p[start]))
            start++;
        while (end > start && is_blank(text.p[end - 1]))
            end--;
        if (start < end)
            take_spec(set, wr_slice(text.p + start, end - start), size);
    }
    if (set->specs == 0)
        set->all = INVALID;
}

/* Is there a byte that is not in the one, nor in the other, and lies between them? */
static bool is_gap(const struct wr_range *a, const struct wr_range *b)
{
    const struct wr_range *first = a->start < b->start ? a : b, *second = first == a ? b : a;

    return second->start - first->start > first->length;
}

/* Joins the first two that touch; false: there are none. */
static bool join_two(struct set *set)
{
    for (size_t i = 0; i < set->n; i++)
        for (size_t j = i + 1; j < set->n; j++) {
            struct wr_range *a = &set->v[i], b = set->v[j];
            uint64_t last_a = a->start + (a->length - 1), last_b = b.start + (b.length - 1);

            if (is_gap(a, &b))
                continue;
            a->start = a->start < b.start ? a->start : b.start;
            a->length = (last_a > last_b ? last_a : last_b) - a->start + 1;
            memmove(&set->v[j], &set->v[j + 1], (set->n - j - 1) * sizeof set->v[0]);
            set->n--;
            return true;
        }
    return false;
}

/* ---- what is promised ---- */

static enum wr_range_result expect(struct wr_slice value, uint64_t size, struct set *set)
{
    if (!is_unit(value))
        return WR_RANGE_WHOLE;
    read_set(wr_slice(value.p + 6, value.n - 6), size, set);
    if (set->all == INVALID)
        return WR_RANGE_WHOLE;
    if (set->all == UNSATISFIABLE)
        return WR_RANGE_UNSATISFIABLE;
    if (size == 0) /* a part without a byte, which 206 cannot say */
        return WR_RANGE_WHOLE;
    while (join_two(set))
        ;
    return set->n <= PARTS_MAX ? WR_RANGE_PARTS : WR_RANGE_WHOLE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct wr_ranges ranges;
    struct set expected;
    enum wr_range_result result;
    struct wr_slice value;
    uint64_t size;

    if (n < 1)
        return 0;
    size = sizes[data[0] % (sizeof sizes / sizeof sizes[0])];
    value = wr_slice((const char *)data + 1, n - 1);
    while (value.n > 0 && is_blank(value.p[value.n - 1])) /* as every field value is trimmed */
        value.n--;
    result = wr_ranges_parse(value, size, &ranges);
    check(result == expect(value, size, &expected));
    if (result != WR_RANGE_PARTS)
        return 0;
    check(ranges.n == expected.n);
    for (size_t i = 0; i < ranges.n; i++)
        check(ranges.v[i].start == expected.v[i].start &&
              ranges.v[i].length == expected.v[i].length);
    return 0;
}
