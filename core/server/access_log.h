/*
 * access_log.h — one line for each answered request, in the combined format of Apache and nginx:
 *
 *     127.0.0.1 - - [21/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 5120 "referer" "user agent"
 *
 * Times are UTC. What clients sent is escaped (\xNN for control characters, quotes, backslashes and
 * bytes above 0x7E), so that no request can forge a line.
 */
#ifndef WR_SERVER_ACCESS_LOG_H
#define WR_SERVER_ACCESS_LOG_H

#include "server/exchange.h"

#define WR_ACCESS_LINE_MAX                                                                         \
    5120 /* bytes: three texts of a client, cut to 1000 each, and the rest                         \
          */

struct wr_access_log {
    /* One line without its newline; called on loop threads, several at once. */
    void (*write)(void *ctx, const char *line, size_t n);
    void *ctx;
};

void wr_access_log_write(const struct wr_access_log *log, const struct wr_exchange *x,
                         int64_t wall_s);

#endif
