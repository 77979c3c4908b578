/* With the vectors of 16 octets that x86-64 has since 2008. */
#ifdef __x86_64__
#    include <immintrin.h>

#    include "http/h1_scan.h"

#    define SCAN       wr_h1_scan_sse42
#    define SCAN_NAME  "sse4.2"
#    define SCAN_WITH  __attribute__((target("sse4.2")))
#    define SCAN_BYTES 16
#    define SCAN_FIRST __builtin_ctzll

#    define VECTOR(p)  _mm_loadu_si128((const __m128i *)(const void *)(p))
#    define ALL(octet) _mm_set1_epi8(octet)
#    define EACH(...)  _mm_setr_epi8(__VA_ARGS__)
#    define EQUAL      _mm_cmpeq_epi8
#    define LESS(a, b) _mm_cmpgt_epi8(b, a)
#    define AND        _mm_and_si128
#    define OR         _mm_or_si128
#    define ADD        _mm_add_epi8
#    define ADD_UP_TO  _mm_adds_epu8
#    define RAISED     _mm_slli_epi16
#    define MINIMUM    _mm_min_epu8
#    define LOOK_UP    _mm_shuffle_epi8
#    define SHIFTED(v) _mm_srli_epi16(v, 4)
#    define NONE       _mm_setzero_si128()
#    define MASK(v)    ((uint32_t)_mm_movemask_epi8(v))
typedef __m128i vector;

#    include "http/h1_scan_x86.inc"
#endif
