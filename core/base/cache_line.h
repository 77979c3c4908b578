/*
 * cache_line.h — memory that no other core's writes slow down.
 *
 * Two threads that write to neighbours in one line of the processor's cache take that line from
 * each other with every write, as if they shared what they do not. What a thread writes often, and
 * what others look at, so begins a line of its own: `alignas(WR_CACHE_LINE)` within a struct, and
 * wr_calloc_apart() for its memory.
 *
 * Threads: any. Errors: NULL without memory.
 */
#ifndef WR_BASE_CACHE_LINE_H
#define WR_BASE_CACHE_LINE_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WR_CACHE_LINE 64

/* As calloc(), in lines that hold nothing else; to be freed by free(). */
static inline void *wr_calloc_apart(size_t n, size_t size)
{
    size_t whole;
    void *p;

    if (__builtin_mul_overflow(n, size, &whole) || whole > SIZE_MAX - WR_CACHE_LINE)
        return NULL;
    whole = (whole + WR_CACHE_LINE - 1) / WR_CACHE_LINE * WR_CACHE_LINE;
    p = aligned_alloc(WR_CACHE_LINE, whole);
    return p ? memset(p, 0, whole) : NULL;
}

#endif
