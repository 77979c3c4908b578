/*
 * status.h — reason phrases and status lines. IANA HTTP Status Code Registry, RFC 9110 15.
 */
#ifndef WR_HTTP_STATUS_H
#define WR_HTTP_STATUS_H

#include "base/slice.h"

/* The registered phrase; empty for a code that is not registered (RFC 9112 4: it may be empty). */
struct wr_slice wr_status_reason(int status);

/* "HTTP/1.1 304 Not Modified\r\n", with so many bytes at p as the longest may have; absent for a
 * code that is not registered. */
#define WR_STATUS_LINE_MAX 48
struct wr_slice wr_status_line(int status);

/* No content may follow the header section: 1xx, 204, 304 (RFC 9110 6.4.1). */
static inline bool wr_status_is_bodiless(int status)
{
    return status < 200 || status == 204 || status == 304;
}

#endif
