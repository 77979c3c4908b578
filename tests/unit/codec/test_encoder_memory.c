/*
 * Each allocation of an encoder fails once, those of the libraries too: linked with --wrap for what
 * encoder.c calls, which gives zlib and zstd allocators of ours; brotli has one of encoder.c.
 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_createCCtx_advanced */
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "codec/encoder.h"
#include "decoder.h"
#include "support.h"

static int fails_in = -1; /* allocations until one fails; -1: none does */
static bool has_failed;

static bool fails(void)
{
    if (fails_in < 0 || fails_in-- > 0)
        return false;
    has_failed = true;
    return true;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *old, size_t n);
void *__wrap_realloc(void *old, size_t n);
void *__wrap_realloc(void *old, size_t n)
{
    return fails() ? NULL : __real_realloc(old, n);
}

/* ---- those of the libraries ---- */

static void *allocate(void *opaque, size_t n)
{
    (void)opaque;
    return fails() ? NULL : __real_malloc(n);
}

static void *allocate_items(void *opaque, uInt items, uInt size)
{
    return allocate(opaque, (size_t)items * size);
}

static void release(void *opaque, void *p)
{
    (void)opaque;
    free(p);
}

int __real_deflateInit2_(z_streamp z, int level, int method, int window, int memory, int strategy,
                         const char *version, int size);
int __wrap_deflateInit2_(z_streamp z, int level, int method, int window, int memory, int strategy,
                         const char *version, int size);
int __wrap_deflateInit2_(z_streamp z, int level, int method, int window, int memory, int strategy,
                         const char *version, int size)
{
    z->zalloc = allocate_items;
    z->zfree = release;
    return __real_deflateInit2_(z, level, method, window, memory, strategy, version, size);
}

ZSTD_CCtx *__wrap_ZSTD_createCCtx(void);
ZSTD_CCtx *__wrap_ZSTD_createCCtx(void)
{
    return ZSTD_createCCtx_advanced((ZSTD_customMem){allocate, release, NULL});
}

/* ---- tests ---- */

static char content[100000], room[100000];

static void fill(void)
{
    unsigned x = 1;

    for (size_t i = 0; i < sizeof content; i++) {
        x = x * 1103515245U + 12345U;
        content[i] = "<div class=\"weir\">"[x >> 16 & 15];
    }
}

/* Half of the content, a flush, the rest. 0, or -ENOMEM, which stays. */
static int stream(enum wr_coding coding)
{
    size_t half = sizeof content / 2;
    struct wr_encoder_io io = {.in = wr_slice(content, half), .out = wr_buf_on(room, sizeof room)};
    struct wr_encoder *e = wr_encoder_new(coding, WR_LEVEL_DEFAULT);
    int result;

    if (!e)
        return -errno;
    result = wr_encoder_run(e, &io, WR_ENCODER_FLUSH);
    if (result == WR_ENCODER_DONE) {
        io.in = wr_slice(content + half, half);
        result = wr_encoder_run(e, &io, WR_ENCODER_END);
    }
    fails_in = -1;
    if (result < 0)
        assert_int_equal(wr_encoder_run(e, &io, WR_ENCODER_END), -ENOMEM);
    else
        assert_true(decodes_to(coding, wr_buf_slice(&io.out), wr_slice(content, sizeof content)));
    wr_encoder_free(e);
    return result;
}

static int at_once(enum wr_coding coding)
{
    char *p = NULL;
    size_t n = 0;
    int err = wr_encode(coding, WR_LEVEL_DEFAULT, wr_slice(content, sizeof content), &p, &n);

    fails_in = -1;
    if (err < 0)
        assert_null(p);
    else
        assert_true(decodes_to(coding, wr_slice(p, n), wr_slice(content, sizeof content)));
    free(p);
    return err;
}

/* How many of its allocations failed, one in each run. */
static int sweep(enum wr_coding coding, int (*run)(enum wr_coding coding), int *survived)
{
    int at = 0;

    for (;; at++) {
        int result;

        fails_in = at;
        has_failed = false;
        result = run(coding);
        if (!has_failed) {
            assert_int_equal(result, 0);
            return at;
        }
        assert_true(result == -ENOMEM || result == 0);
        *survived += result == 0;
    }
}

static void memory__each_allocation_that_fails__is_told(void **state)
{
    (void)state;
    fill();
    for (unsigned c = WR_CODING_GZIP; c < WR_CODINGS; c++) {
        int survived = 0;

        assert_in_range(sweep((enum wr_coding)c, stream, &survived), 2, 1000);
        assert_int_equal(survived, 0);
        assert_in_range(sweep((enum wr_coding)c, at_once, &survived), 4, 1000);
        assert_int_equal(survived, 1); /* what only makes the result's memory smaller */
    }
}

WR_TESTS(cmocka_unit_test(memory__each_allocation_that_fails__is_told));
