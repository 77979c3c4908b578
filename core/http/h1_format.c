#include "http/h1_format.h"

#include "http/status.h"

void wr_h1_format_status(struct wr_buf *b, int status, struct wr_slice reason)
{
    if (status == 200 && !reason.p) {
        WR_BUF_LITERAL(b, "HTTP/1.1 200 OK\r\n");
        return;
    }
    WR_BUF_LITERAL(b, "HTTP/1.1 ");
    wr_buf_u64(b, (uint64_t)status);
    WR_BUF_LITERAL(b, " ");
    wr_buf_slice_append(b, reason.p ? reason : wr_status_reason(status));
    WR_BUF_LITERAL(b, "\r\n");
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
