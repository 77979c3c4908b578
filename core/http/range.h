/*
 * range.h — the Range field. RFC 9110 14.
 */
#ifndef WR_HTTP_RANGE_H
#define WR_HTTP_RANGE_H

#include <stdint.h>

#include "base/slice.h"

enum wr_range_result {
    WR_RANGE_WHOLE, /* no usable range: another unit, bad syntax, several ranges: send all */
    WR_RANGE_PART,  /* *out is the part to send */
    WR_RANGE_UNSATISFIABLE, /* 416 */
};

struct wr_range {
    uint64_t start, length; /* length is at least 1 */
};

/*
 * `value` against a representation of `size` bytes; *out is set with WR_RANGE_PART alone. Numbers
 * of any length are read without overflow. More than one range in the set: WR_RANGE_WHOLE (a server
 * may ignore Range, 14.2), unless none of them can be satisfied: WR_RANGE_UNSATISFIABLE.
 */
enum wr_range_result wr_range_parse(struct wr_slice value, uint64_t size, struct wr_range *out);

#endif
