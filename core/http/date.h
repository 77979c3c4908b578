/*
 * date.h — HTTP dates. RFC 9110 5.6.7.
 */
#ifndef WR_HTTP_DATE_H
#define WR_HTTP_DATE_H

#include <stdint.h>

#include "base/slice.h"

#define WR_DATE_LEN 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Writes IMF-fixdate, not terminated; `time_s` (since 1970, UTC) is clamped to years 1 to 9999. */
void wr_date_format(int64_t time_s, char out[static WR_DATE_LEN]);

/*
 * Reads IMF-fixdate, RFC 850 and asctime forms; true and *time_s when `s` is exactly one of them.
 * Ranges are checked (years 1 to 9999), the day's name is not compared with the date, second 60 is
 * taken. A two-digit year is the latest that puts the date at most 50 years after `now_s` (RFC 9110
 * 5.6.7).
 */
bool wr_date_parse(struct wr_slice s, int64_t now_s, int64_t *time_s);

#endif
