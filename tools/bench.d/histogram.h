/*
 * histogram.h — how often which value came, in buckets that are as wide as the value is large.
 *
 * Values below 256 have a bucket each; above, every power of two is divided into 128 buckets. So a
 * percentile is at most 1/128 above the value that has that rank, and never below it; the largest
 * value is exact. Adding takes a few instructions, and a histogram 58 KiB.
 *
 * The caller owns it, begins with zeros, and uses it on one thread at a time. Nothing fails.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BITS    7
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

struct histogram {
    uint64_t count, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline size_t histogram_bucket(uint64_t value)
{
    int shift = 63 - HISTOGRAM_BITS - __builtin_clzll(value | 1);

    if (shift < 0)
        shift = 0;
    return ((size_t)shift << HISTOGRAM_BITS) + (size_t)(value >> shift);
}

/* The largest value of a bucket. */
static inline uint64_t histogram_edge(size_t bucket)
{
    size_t shift = bucket >> HISTOGRAM_BITS;

    shift -= shift > 0;
    return ((uint64_t)(bucket - (shift << HISTOGRAM_BITS) + 1) << shift) - 1;
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
    h->buckets[histogram_bucket(value)]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

/* A value that `share` (0 to 1) of all values do not exceed; 0 when there are none. */
static inline uint64_t histogram_at(const struct histogram *h, double share)
{
    double wanted = share * (double)h->count * (1 - 1e-12); /* 0.281 * 20000 is above 5620 */
    uint64_t seen = 0, edge;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen && (double)seen >= wanted) {
            edge = histogram_edge(i);
            return edge < h->max ? edge : h->max;
        }
    }
    return h->max;
}

#endif
