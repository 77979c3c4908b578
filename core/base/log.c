#include "base/log.h"

#include <stdio.h>

#include "base/buf.h"

#define CUT "..."

/* Appends `text` with control characters made visible; what does not fit whole is cut. */
static void append_visible(struct wr_buf *b, struct wr_slice text, bool is_cut)
{
    static const char hex[] = "0123456789abcdef";
    size_t fits = 0; /* how much of the line stays when it is cut */

    for (size_t i = 0; i < text.n && !b->overflow; i++) {
        unsigned char c = (unsigned char)text.p[i];
        const char shown[] = {'\\', 'x', hex[c >> 4], hex[c & 0xf]};

        if (wr_buf_room(b) >= strlen(CUT))
            fits = b->n;
        if (c < 0x20 || c == 0x7f)
            wr_buf_append(b, shown, sizeof shown);
        else
            wr_buf_char(b, (char)c);
    }
    if (b->overflow || is_cut) {
        b->n = fits;
        b->overflow = false;
        WR_BUF_LITERAL(b, CUT);
    }
}

void wr_logv(const struct wr_log *log, enum wr_log_level level, const char *fmt, va_list ap)
{
    char message[WR_LOG_LINE_MAX + 1], line[WR_LOG_LINE_MAX + 1]; /* with their NUL */
    struct wr_buf b = wr_buf_on(line, WR_LOG_LINE_MAX);
    bool is_cut;
    int n;

    if (!log->write || level > log->level)
        return;
    n = vsnprintf(message, sizeof message, fmt, ap);
    if (n < 0)
        return;
    is_cut = (size_t)n > WR_LOG_LINE_MAX;
    append_visible(&b, wr_slice(message, is_cut ? WR_LOG_LINE_MAX : (size_t)n), is_cut);
    line[b.n] = '\0';
    log->write(log->ctx, level, b.p, b.n);
}

void wr_log(const struct wr_log *log, enum wr_log_level level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    wr_logv(log, level, fmt, ap);
    va_end(ap);
}
