/*
 * range.h — the Range field. RFC 9110 14.
 *
 * Pure functions, without memory of their own. What a client asks for is bounded here in number and
 * in work, and no byte is ever sent twice: ranges that overlap become one.
 */
#ifndef WR_HTTP_RANGE_H
#define WR_HTTP_RANGE_H

#include <stdint.h>

#include "base/slice.h"

#define WR_RANGES_MAX 16 /* parts of one answer; see wr_ranges_parse() */

enum wr_range_result {
    WR_RANGE_WHOLE,         /* no usable range: another unit, bad syntax, too many: send all */
    WR_RANGE_PARTS,         /* *out is what to send: one part plainly, several as a multipart */
    WR_RANGE_UNSATISFIABLE, /* 416 */
};

struct wr_range {
    uint64_t start, length; /* length is at least 1 */
};

/* Disjoint, with a gap between any two; each within the representation. */
struct wr_ranges {
    struct wr_range v[WR_RANGES_MAX];
    size_t n; /* at least 1 */
};

/*
 * `value` against a representation of `size` bytes; *out is set with WR_RANGE_PARTS alone.
 *
 * Parts are in the order in which they were asked for (15.3.7.2). A range that cannot be satisfied is
 * left out, unless none can: WR_RANGE_UNSATISFIABLE. Those that overlap or touch are one part, at the
 * place of the first of them; a gap stays, however small, for a part may hold nothing that was not
 * asked for. So one part may come of several ranges, and is then answered as if it alone had been
 * asked for (15.3.7.2 allows a multipart of one as well).
 *
 * Numbers of any length are read without overflow. WR_RANGE_WHOLE, for a server may ignore the field
 * (14.2): when one range is invalid, as all are then (14.1.1); when there are more than 64, or more
 * than WR_RANGES_MAX parts of them; when a suffix is asked of an empty representation, which satisfies
 * it (14.1.2) by a part that Content-Range cannot name.
 */
enum wr_range_result wr_ranges_parse(struct wr_slice value, uint64_t size, struct wr_ranges *out);

#endif
