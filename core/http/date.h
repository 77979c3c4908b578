/*
 * date.h — HTTP dates, RFC 9110 5.6.7; and the timestamps of logs.
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

#define WR_DATE_TIME_LEN 20 /* "1994-11-06T08:49:37Z" */

/* The form of RFC 3339, for pages and JSON; not terminated, clamped as above. */
void wr_date_time_format(int64_t time_s, char out[static WR_DATE_TIME_LEN]);

#define WR_TIMESTAMP_LEN 24 /* "1994-11-06T08:49:37.123Z" */

/* The form of RFC 3339, for logs; not terminated. `wall_ns`, since 1970, UTC, is cut to
 * milliseconds. */
void wr_timestamp_format(int64_t wall_ns, char out[static WR_TIMESTAMP_LEN]);

#endif
