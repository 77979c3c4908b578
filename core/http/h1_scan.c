/* Which scan, and the one for every processor: words of eight octets. */
#include "http/h1_scan.h"

#ifdef __x86_64__
#    include <cpuid.h>
#endif

/* ---- which ---- */

#ifdef __x86_64__
/* Do the processor and the system have them? By hand: what gcc has for it (__builtin_cpu_supports) brings a
 * constructor of libgcc's with it, and a library has nothing to do in programs that do not call it. */
static bool has_avx2(void)
{
    const unsigned base = bit_OSXSAVE | bit_AVX, more = bit_AVX2 | bit_BMI, saved = 6;
    unsigned a, b, c, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & base) != base)
        return false;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0)); /* which registers are saved */
    if ((a & saved) != saved)
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & more) == more;
}

static bool has_sse42(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSE4_2;
}
#endif

static bool always(void)
{
    return true;
}

static const struct {
    const struct wr_h1_scan *scan;
    bool (*is_possible)(void);
} scans[] = {
#ifdef __x86_64__
    {&wr_h1_scan_avx2, has_avx2},
    {&wr_h1_scan_sse42, has_sse42},
#endif
#ifdef __aarch64__
    {&wr_h1_scan_neon, always},
#endif
    {&wr_h1_scan_plain, always},
};

const struct wr_h1_scan *wr_h1_scan_at(unsigned i)
{
    for (size_t k = 0; k < sizeof scans / sizeof scans[0]; k++)
        if (scans[k].is_possible() && i-- == 0)
            return scans[k].scan;
    return NULL;
}

/* ---- words ---- */

#define SCAN             wr_h1_scan_plain
#define SCAN_NAME        "plain"
#define SCAN_WITH        /* what there is anyway */
#define SCAN_BYTES       8
#define SCAN_FIRST(mask) (__builtin_ctzll(mask) / 8)

#define ONES (UINT64_MAX / 0xFF)
#define LOWS (ONES * 0x7F)

static inline uint64_t word_at(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof word);
    return word;
}

/* The highest bit of each octet that is of none of the classes. */
static inline uint64_t class_mask(const char *p, uint8_t class_bits)
{
    const unsigned char *s = (const unsigned char *)p;

    for (unsigned i = 0; i < SCAN_BYTES; i++)
        if (!(wr_char_class[s[i]] & class_bits))
            return UINT64_C(0x80) << 8 * i;
    return 0;
}

/* The highest bit of each octet that is this one, and of no other. */
static inline uint64_t equal(uint64_t word, char octet)
{
    uint64_t odd = word ^ ONES * (unsigned char)octet;

    return ~(((odd & LOWS) + LOWS) | odd | LOWS);
}

/* Of those that are below 0x20 or DEL the first; a borrow may set bits above it. */
static inline uint64_t value_mask(const char *p)
{
    uint64_t word = word_at(p), del = word ^ ONES * 0x7F;
    uint64_t control = (word - ONES * 0x20) & ~word, is_del = (del - ONES) & ~del;

    return (control | is_del) & ~LOWS;
}

static inline size_t name_end(uint64_t mask)
{
    return mask ? (size_t)SCAN_FIRST(mask) : SCAN_BYTES;
}

static inline uint64_t usual_value_mask(const char *p)
{
    return value_mask(p);
}

static inline struct wr_h1_masks line_masks(const char *p)
{
    return (struct wr_h1_masks){class_mask(p, WR_CHAR_TOKEN), value_mask(p)};
}

static inline uint64_t target_mask(const char *p)
{
    return class_mask(p, WR_CHAR_TARGET);
}

static inline uint64_t path_mask(const char *p)
{
    uint64_t word = word_at(p), next = word_at(p + 1);
    uint64_t odd = equal(word, '/') & (equal(next, '/') | equal(next, '.'));

    return odd | equal(word, '?') | equal(word, '%');
}

static inline struct wr_h1_masks target_masks(const char *p)
{
    return (struct wr_h1_masks){.name = path_mask(p), .value = target_mask(p)};
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#    error "a word's first octet is taken for its lowest"
#endif

#include "http/h1_scan.inc"
