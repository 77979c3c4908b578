/*
 * access_log.h — one line for each answered request, in one of three formats:
 *
 * WR_ACCESS_COMBINED, that of Apache and nginx:
 *
 *     127.0.0.1 - - [21/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 5120 "referer" "user agent"
 *
 * WR_ACCESS_EXTENDED, with two more behind that, the seconds that the request took and its id:
 *
 *     ... "user agent" 0.001234 5f3a01-1c
 *
 * WR_ACCESS_JSON, an object with these members in this order, here on lines of their own:
 *
 *     {"time":"2026-11-21T12:00:00.123Z","remote":"127.0.0.1","method":"GET","target":"/?q",
 *      "protocol":"HTTP/1.1","host":"example.org","status":200,"bytes":5120,"duration_s":0.001234,
 *      "referer":null,"user_agent":"curl/7.88.1","id":"5f3a01-1c"}
 *
 * What is absent is "-" in the first two and null in JSON, where no member is ever left out: a
 * request that was refused before it had a method, a client that sent no Referer, a request that
 * came when no log asked how long it took.
 *
 * A request takes from the moment at which its first byte is looked at (for the first of a
 * connection right after it was read, for one behind another when that has been answered) until the
 * kernel has the last byte of the answer. To know that, each answer is sent by itself, where
 * otherwise those of pipelined requests go out together.
 *
 * Times are UTC. What clients sent is escaped, so that no request can forge a line: in the first two
 * as \xNN for control characters, quotes, backslashes and bytes above 0x7E, in JSON as json_text.h
 * says. Each of these texts is cut when it has 1000 bytes.
 */
#ifndef WR_SERVER_ACCESS_LOG_H
#define WR_SERVER_ACCESS_LOG_H

#include "server/exchange.h"

#define WR_ACCESS_LINE_MAX 6144 /* bytes: five texts of a client, and the rest */

enum wr_access_format { WR_ACCESS_COMBINED, WR_ACCESS_EXTENDED, WR_ACCESS_JSON };

struct wr_access_log {
    /* One line without its newline, n bytes and a NUL behind them; called on loop threads, several at once. */
    void (*write)(void *ctx, const char *line, size_t n);
    void *ctx;
    enum wr_access_format format;
};

/* Does it want began_us and sent_us of exchanges? */
static inline bool wr_access_log_is_timed(const struct wr_access_log *log)
{
    return log->write && log->format != WR_ACCESS_COMBINED;
}

void wr_access_log_write(const struct wr_access_log *log, const struct wr_exchange *x,
                         int64_t wall_ns);

#endif
