/* With the vectors of 16 octets that every AArch64 has. */
#ifdef __aarch64__
#    include <arm_neon.h>

#    include "http/h1_scan.h"

#    define SCAN      wr_h1_scan_neon
#    define SCAN_NAME "neon"
#    define SCAN_WITH
#    define SCAN_BYTES    16
#    define SCAN_FIRST(m) (__builtin_ctzll(m) / 4)

/* Four bits of each octet, which are all 0 or all 1. */
static inline uint64_t mask_of(uint8x16_t v)
{
    uint8x8_t halves = vshrn_n_u16(vreinterpretq_u16_u8(v), 4);

    return vget_lane_u64(vreinterpret_u64_u8(halves), 0);
}

static inline uint8x16_t vector_at(const char *p)
{
    return vld1q_u8((const uint8_t *)p);
}

static inline uint8x16_t equal(uint8x16_t v, char octet)
{
    return vceqq_u8(v, vdupq_n_u8((uint8_t)octet));
}

static inline uint64_t value_mask(const char *p)
{
    uint8x16_t v = vector_at(p);

    return mask_of(vorrq_u8(vcltq_u8(v, vdupq_n_u8(' ')), equal(v, 0x7F)));
}

static inline size_t name_end(uint64_t mask)
{
    return mask ? (size_t)SCAN_FIRST(mask) : SCAN_BYTES;
}

static inline uint64_t usual_value_mask(const char *p)
{
    return value_mask(p);
}

/* A tchar is told by its halves, as in h1_scan_x86.inc. */
static inline struct wr_h1_masks line_masks(const char *p)
{
    static const uint8_t tchars[16] = {0x3A, 0x3F, 0x3E, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F,
                                       0x3E, 0x3E, 0x3D, 0x15, 0x34, 0x15, 0x3D, 0x1C};
    static const uint8_t upper_halves[16] = {0, 0, 1, 2, 4, 8, 16, 32};
    uint8x16_t v = vector_at(p);
    uint8x16_t sets = vqtbl1q_u8(vld1q_u8(tchars), vandq_u8(v, vdupq_n_u8(0x0F)));
    uint8x16_t bits = vqtbl1q_u8(vld1q_u8(upper_halves), vshrq_n_u8(v, 4));

    return (struct wr_h1_masks){mask_of(vceqzq_u8(vandq_u8(sets, bits))), value_mask(p)};
}

static inline uint64_t target_mask(const char *p)
{
    uint8x16_t v = vector_at(p);
    uint8x16_t blank = vcleq_u8(v, vdupq_n_u8(' '));

    return mask_of(vorrq_u8(blank, vorrq_u8(equal(v, '#'), equal(v, 0x7F))));
}

static inline uint64_t path_mask(const char *p)
{
    uint8x16_t v = vector_at(p), next = vector_at(p + 1);
    uint8x16_t odd = vandq_u8(equal(v, '/'), vorrq_u8(equal(next, '/'), equal(next, '.')));

    return mask_of(vorrq_u8(odd, vorrq_u8(equal(v, '?'), equal(v, '%'))));
}

static inline struct wr_h1_masks target_masks(const char *p)
{
    return (struct wr_h1_masks){.name = path_mask(p), .value = target_mask(p)};
}

#    include "http/h1_scan.inc"
#endif
