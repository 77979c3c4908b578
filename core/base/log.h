/*
 * log.h — where messages for people go.
 *
 * A sink is passed in by whoever owns the server; nothing here is global. A message is one whole
 * line without its newline: control characters in it are shown as \xNN, so that a peer cannot
 * forge lines.
 *
 * Threads: the sink is called from every thread of the server, several at once.
 */
#ifndef WR_BASE_LOG_H
#define WR_BASE_LOG_H

#include <stdarg.h>
#include <stddef.h>

enum wr_log_level { WR_LOG_ERROR, WR_LOG_WARN, WR_LOG_INFO, WR_LOG_DEBUG };

#define WR_LOG_LINE_MAX 1024 /* bytes; a longer message is cut and ends in "..." */

struct wr_log {
    /* n bytes, and a NUL behind them */
    void (*write)(void *ctx, enum wr_log_level level, const char *line, size_t n);
    void *ctx;
    enum wr_log_level level; /* messages above it are dropped */
};

void wr_log(const struct wr_log *log, enum wr_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void wr_logv(const struct wr_log *log, enum wr_log_level level, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

#endif
