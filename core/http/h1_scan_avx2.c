/* With the vectors of 32 octets that x86-64 has since 2013. */
#ifdef __x86_64__
#    include <immintrin.h>

#    include "http/h1_scan.h"

#    define SCAN       wr_h1_scan_avx2
#    define SCAN_NAME  "avx2"
#    define SCAN_WITH  __attribute__((target("avx2,bmi")))
#    define SCAN_BYTES 32
#    define SCAN_FIRST __builtin_ctzll

#    define VECTOR(p)  _mm256_loadu_si256((const __m256i *)(const void *)(p))
#    define ALL(octet) _mm256_set1_epi8(octet)
#    define EACH(...)  _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)
#    define EQUAL      _mm256_cmpeq_epi8
#    define LESS(a, b) _mm256_cmpgt_epi8(b, a)
#    define AND        _mm256_and_si256
#    define OR         _mm256_or_si256
#    define ADD        _mm256_add_epi8
#    define ADD_UP_TO  _mm256_adds_epu8
#    define RAISED     _mm256_slli_epi16
#    define MINIMUM    _mm256_min_epu8
#    define LOOK_UP    _mm256_shuffle_epi8
#    define SHIFTED(v) _mm256_srli_epi16(v, 4)
#    define NONE       _mm256_setzero_si256()
#    define MASK(v)    ((uint32_t)_mm256_movemask_epi8(v))
typedef __m256i vector;

#    include "http/h1_scan_x86.inc"
#endif
