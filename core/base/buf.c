#include "base/buf.h"

#include <stdio.h>

/* How many digits the number has. */
static size_t decimals(uint64_t value)
{
    size_t n = 1;

    for (; value >= 10000; value /= 10000)
        n += 4;
    return n + (value >= 10) + (value >= 100) + (value >= 1000);
}

/* `n` bytes at the end, to be written; NULL: there is no room. */
static char *extend(struct wr_buf *b, size_t n)
{
    if (n > wr_buf_room(b) || b->overflow) {
        b->overflow = true;
        return NULL;
    }
    b->n += n;
    return b->p + b->n - n;
}

static const char pairs[] = "00010203040506070809"
                            "10111213141516171819"
                            "20212223242526272829"
                            "30313233343536373839"
                            "40414243444546474849"
                            "50515253545556575859"
                            "60616263646566676869"
                            "70717273747576777879"
                            "80818283848586878889"
                            "90919293949596979899";

/* From the last digit to the first, two at a time: a division each. */
static char *put_many(char *p, uint64_t value, size_t n)
{
    char *end = p + n;

    for (; n >= 2; value /= 100) {
        n -= 2;
        memcpy(p + n, pairs + 2 * (value % 100), 2);
    }
    if (n > 0)
        *p = (char)('0' + value);
    return end;
}

char *wr_put_u64(char *p, uint64_t value)
{
    if (value >= 100)
        return put_many(p, value, decimals(value));
    if (value >= 10) {
        memcpy(p, pairs + 2 * value, 2);
        return p + 2;
    }
    *p = (char)('0' + value);
    return p + 1;
}

void wr_buf_u64(struct wr_buf *b, uint64_t value)
{
    size_t n = decimals(value);
    char *p = extend(b, n);

    if (p)
        put_many(p, value, n);
}

void wr_buf_hex(struct wr_buf *b, uint64_t value)
{
    size_t n = value > 0 ? (size_t)(67 - __builtin_clzll(value)) / 4 : 1;
    char *p = extend(b, n);

    while (p && n > 0) {
        p[--n] = "0123456789abcdef"[value % 16];
        value /= 16;
    }
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
