/*
 * cond.h — conditional requests. RFC 9110 13.
 */
#ifndef WR_HTTP_COND_H
#define WR_HTTP_COND_H

#include <stdint.h>

#include "base/slice.h"

/* The selected representation. */
struct wr_validators {
    struct wr_slice etag;    /* quoted, with W/ when weak; absent: none */
    int64_t last_modified_s; /* -1: none */
};

/* The request's fields; a field that came more than once is joined with ", "; p NULL: absent. */
struct wr_conditions {
    struct wr_slice if_match, if_none_match, if_modified_since, if_unmodified_since;
};

enum wr_cond_result { WR_COND_PROCEED, WR_COND_NOT_MODIFIED, WR_COND_FAILED };

/*
 * In the order of RFC 9110 13.2.2. `is_get_or_head` chooses between 304 and 412 and whether
 * If-Modified-Since counts. Dates that are not valid are ignored (13.1.3, 13.1.4). An entity tag
 * list that is not well-formed matches up to where it breaks.
 */
enum wr_cond_result wr_cond_evaluate(const struct wr_conditions *c, const struct wr_validators *v,
                                     bool is_get_or_head, int64_t now_s);

/*
 * If-Range: true when the Range field may be used, that is when `if_range` is a strong match for
 * the ETag or exactly the Last-Modified date, which must be strong too: at least one second older
 * than `now_s` (RFC 9110 13.1.5, 8.8.2.2). An absent field is no condition: true.
 */
bool wr_cond_range_applies(struct wr_slice if_range, const struct wr_validators *v, int64_t now_s);

#endif
