#include "http/h1_format.h"

#include "http/status.h"

/* With a phrase or a code that is not registered, or little room. */
__attribute__((noinline)) static void format_unusual(struct wr_buf *b, int status,
                                                     struct wr_slice reason)
{
    WR_BUF_LITERAL(b, "HTTP/1.1 ");
    wr_buf_u64(b, (uint64_t)status);
    WR_BUF_LITERAL(b, " ");
    wr_buf_slice_append(b, reason.p ? reason : wr_status_reason(status));
    WR_BUF_LITERAL(b, "\r\n");
}

void wr_h1_format_status(struct wr_buf *b, int status, struct wr_slice reason)
{
    struct wr_slice line = wr_status_line(status);

    if (!line.p || reason.p || wr_buf_room(b) < WR_STATUS_LINE_MAX || b->overflow) {
        format_unusual(b, status, reason);
        return;
    }
    /* More than the line, and the next is written over it: a copy of a fixed size is no call. */
    memcpy(b->p + b->n, line.p, WR_STATUS_LINE_MAX);
    b->n += line.n;
}

void wr_h1_format_field(struct wr_buf *b, struct wr_slice name, struct wr_slice value)
{
    char *p = b->p + b->n;

    /* Checked once and written straight: this runs for every field of every response. */
    if (name.n + value.n + strlen(": \r\n") > wr_buf_room(b)) {
        b->overflow = true;
        return;
    }
    memcpy(p, name.p, name.n);
    p += name.n;
    *p++ = ':';
    *p++ = ' ';
    if (value.n > 0)
        memcpy(p, value.p, value.n);
    p += value.n;
    *p++ = '\r';
    *p++ = '\n';
    b->n = (size_t)(p - b->p);
}

void wr_h1_format_length(struct wr_buf *b, uint64_t length)
{
    WR_BUF_LITERAL(b, "Content-Length: ");
    wr_buf_u64(b, length);
    WR_BUF_LITERAL(b, "\r\n");
}

void wr_h1_format_chunk(struct wr_buf *b, uint64_t size)
{
    wr_buf_hex(b, size);
    WR_BUF_LITERAL(b, "\r\n");
}
