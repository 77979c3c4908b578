#include "base/buf.h"

#include <stdio.h>

#define DIGITS_MAX 20 /* of UINT64_MAX */

static void append_number(struct wr_buf *b, uint64_t value, unsigned base)
{
    char digits[DIGITS_MAX];
    size_t at = sizeof digits;

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    wr_buf_append(b, digits + at, sizeof digits - at);
}

void wr_buf_u64(struct wr_buf *b, uint64_t value)
{
    append_number(b, value, 10);
}

void wr_buf_hex(struct wr_buf *b, uint64_t value)
{
    append_number(b, value, 16);
}

void wr_buf_vprintf(struct wr_buf *b, const char *fmt, va_list ap)
{
    size_t room = wr_buf_room(b);
    int n = vsnprintf(room > 0 ? b->p + b->n : NULL, room, fmt, ap);

    /* The terminating NUL needs a byte too; it is not counted. */
    if (n < 0 || (size_t)n >= room || b->overflow)
        b->overflow = true;
    else
        b->n += (size_t)n;
}

void wr_buf_printf(struct wr_buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    wr_buf_vprintf(b, fmt, ap);
    va_end(ap);
}
