/*
 * buf.h — appending bytes to a memory of fixed size.
 *
 * Ownership: the memory is the caller's. Errors are sticky: an append that does not fit appends
 * nothing and sets `overflow`, and so does every one after it; the caller checks once, at the end.
 */
#ifndef WR_BASE_BUF_H
#define WR_BASE_BUF_H

#include <stdarg.h>
#include <stdint.h>

#include "base/slice.h"

struct wr_buf {
    char *p;
    size_t n, cap;
    bool overflow;
};

static inline struct wr_buf wr_buf_on(void *memory, size_t cap)
{
    return (struct wr_buf){.p = memory, .cap = cap};
}

static inline size_t wr_buf_room(const struct wr_buf *b)
{
    return b->cap - b->n;
}

static inline struct wr_slice wr_buf_slice(const struct wr_buf *b)
{
    return wr_slice(b->p, b->n);
}

static inline void wr_buf_append(struct wr_buf *b, const void *p, size_t n)
{
    if (n > wr_buf_room(b) || b->overflow) {
        b->overflow = true;
        return;
    }
    if (n > 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
}

static inline void wr_buf_slice_append(struct wr_buf *b, struct wr_slice s)
{
    wr_buf_append(b, s.p, s.n);
}

/* A string literal. */
#define WR_BUF_LITERAL(b, literal) wr_buf_append((b), "" literal, sizeof(literal) - 1)

static inline void wr_buf_char(struct wr_buf *b, char c)
{
    wr_buf_append(b, &c, 1);
}

#define WR_U64_MAX 20 /* digits of the largest number */

/* Behind its digits at p, where there is room for WR_U64_MAX. */
char *wr_put_u64(char *p, uint64_t value);

/* In decimal. */
void wr_buf_u64(struct wr_buf *b, uint64_t value);

/* In lower-case hexadecimal without leading zeros. */
void wr_buf_hex(struct wr_buf *b, uint64_t value);

void wr_buf_printf(struct wr_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void wr_buf_vprintf(struct wr_buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

#endif
