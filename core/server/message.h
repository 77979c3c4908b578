/*
 * message.h — the formats in which messages for people are written down.
 *
 *     WR_MESSAGE_PLAIN    weir: warning: text
 *     WR_MESSAGE_TEXT     2026-11-21T07:31:18.123Z warning: text
 *     WR_MESSAGE_JSON     {"time":"2026-11-21T07:31:18.123Z","level":"warning","message":"text"}
 *
 * Plain is for standard error, where whoever collects it notes the time. Levels are error, warning,
 * info and debug; times are UTC.
 */
#ifndef WR_SERVER_MESSAGE_H
#define WR_SERVER_MESSAGE_H

#include "base/json_text.h"
#include "base/log.h"

enum wr_message_format { WR_MESSAGE_PLAIN, WR_MESSAGE_TEXT, WR_MESSAGE_JSON };

/* Bytes that a message of WR_LOG_LINE_MAX takes at most. */
#define WR_MESSAGE_MAX (WR_JSON_GROWTH * WR_LOG_LINE_MAX + 128)

/*
 * Appends a message, without a newline. `line` comes from a log's sink, where control characters are
 * shown as \xNN already; plain and text leave it as it is, in JSON it is escaped as json_text.h says
 * and cut to WR_JSON_GROWTH * WR_LOG_LINE_MAX bytes.
 */
void wr_message_format(struct wr_buf *b, enum wr_message_format format, enum wr_log_level level,
                       int64_t wall_ns, const char *line, size_t n);

#endif
