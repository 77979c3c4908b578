/*
 * slice.h — a run of bytes that somebody else owns.
 *
 * Not NUL-terminated. An absent value is { NULL, 0 }; an empty one has a non-NULL p. Two slices
 * never share an offset base, so that one protocol's slices can come from many buffers.
 */
#ifndef WR_BASE_SLICE_H
#define WR_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wr_slice {
    const char *p;
    size_t n;
};

/* Of a string literal; the empty string in front refuses anything else. */
#define WR_SLICE(literal) ((struct wr_slice){"" literal, sizeof(literal) - 1})

static inline struct wr_slice wr_slice(const char *p, size_t n)
{
    return (struct wr_slice){p, n};
}

static inline struct wr_slice wr_slice_of(const char *text)
{
    return (struct wr_slice){text, strlen(text)};
}

static inline char wr_ascii_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Of a hexadecimal digit in either case; -1: it is none. */
static inline int wr_hex_value(char c)
{
    char lower = wr_ascii_lower(c);

    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Eight bytes of each: what differs. */
static inline uint64_t wr_bytes_differ(const char *a, const char *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x ^ y;
}

/* As memcmp() == 0, without a call: for short ones. Words at both ends may overlap. */
static inline bool wr_bytes_eq(const char *a, const char *b, size_t n)
{
    if (n >= sizeof(uint64_t)) {
        const size_t last = n - sizeof(uint64_t);

        for (size_t i = sizeof(uint64_t); i < last; i += sizeof(uint64_t))
            if (wr_bytes_differ(a + i, b + i))
                return false;
        return (wr_bytes_differ(a, b) | wr_bytes_differ(a + last, b + last)) == 0;
    }
    if (n >= sizeof(uint32_t)) {
        uint32_t p, q, r, s;

        memcpy(&p, a, sizeof p);
        memcpy(&q, b, sizeof q);
        memcpy(&r, a + n - sizeof r, sizeof r);
        memcpy(&s, b + n - sizeof s, sizeof s);
        return ((p ^ q) | (r ^ s)) == 0;
    }
    while (n > 0 && a[n - 1] == b[n - 1])
        n--;
    return n == 0;
}

static inline bool wr_slice_eq(struct wr_slice a, struct wr_slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Equal but for ASCII case; never the locale's. */
static inline bool wr_slice_ieq(struct wr_slice a, struct wr_slice b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (wr_ascii_lower(a.p[i]) != wr_ascii_lower(b.p[i]))
            return false;
    return true;
}

static inline bool wr_slice_starts(struct wr_slice s, struct wr_slice prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline struct wr_slice wr_slice_from(struct wr_slice s, size_t start)
{
    return (struct wr_slice){s.p + start, s.n - start};
}

/* Without the optional white space (SP, HTAB) of RFC 9110 5.6.3 at either end. */
static inline struct wr_slice wr_slice_trim(struct wr_slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s.p++, s.n--;
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/*
 * Cuts the next element off a comma-separated list (RFC 9110 5.6.1) and trims it; false at the end.
 * Empty elements are skipped. Does not know quoted strings: lists of tokens only.
 */
static inline bool wr_slice_next_token(struct wr_slice *list, struct wr_slice *element)
{
    while (list->n > 0) {
        const char *comma = memchr(list->p, ',', list->n);
        size_t n = comma ? (size_t)(comma - list->p) : list->n;

        *element = wr_slice_trim(wr_slice(list->p, n));
        *list = wr_slice_from(*list, comma ? n + 1 : n);
        if (element->n > 0)
            return true;
    }
    return false;
}

#endif
