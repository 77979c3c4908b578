#include "server/message.h"

#include "http/date.h"

static struct wr_slice level_name(enum wr_log_level level)
{
    switch (level) {
    case WR_LOG_ERROR:
        return WR_SLICE("error");
    case WR_LOG_WARN:
        return WR_SLICE("warning");
    case WR_LOG_INFO:
        return WR_SLICE("info");
    case WR_LOG_DEBUG:
        break;
    }
    return WR_SLICE("debug");
}

void wr_message_format(struct wr_buf *b, enum wr_message_format format, enum wr_log_level level,
                       int64_t wall_ns, const char *line, size_t n)
{
    char time[WR_TIMESTAMP_LEN];
    struct wr_slice name = level_name(level);

    wr_timestamp_format(wall_ns, time);
    if (format == WR_MESSAGE_JSON) {
        WR_BUF_LITERAL(b, "{\"time\":\"");
        wr_buf_append(b, time, sizeof time);
        WR_BUF_LITERAL(b, "\",\"level\":\"");
        wr_buf_slice_append(b, name);
        WR_BUF_LITERAL(b, "\",\"message\":");
        wr_json_text(b, wr_slice(line, n), WR_JSON_GROWTH * WR_LOG_LINE_MAX);
        wr_buf_char(b, '}');
        return;
    }
    if (format == WR_MESSAGE_PLAIN)
        WR_BUF_LITERAL(b, "weir:");
    else
        wr_buf_append(b, time, sizeof time);
    wr_buf_char(b, ' ');
    wr_buf_slice_append(b, name);
    WR_BUF_LITERAL(b, ": ");
    wr_buf_append(b, line, n);
}
