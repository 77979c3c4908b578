#define ZLIB_CONST /* input is read alone */
#include "codec/encoder.h"

#include <brotli/encode.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/list.h"

#define SIZE_UNKNOWN UINT64_MAX

/* Bits of the window: 15 is all that RFC 1951 has. */
#define GZIP_WINDOW     15
#define GZIP_FORMAT     16 /* added to the window, it asks zlib for RFC 1952 */
#define GZIP_MEMORY     8  /* of 1 to 9: zlib's own choice */
#define STREAM_WINDOW   18
#define BR_WINDOW_MAX   22
#define ZSTD_WINDOW_MAX 23 /* RFC 9659 3 */

/*
 * zlib writes the end of a flush anew each time that it runs out of room just there, which with less
 * than 6 bytes of room is each time. So it gets no less than this.
 */
#define GZIP_ROOM_MIN 64

struct gzip {
    z_stream z;
    bool is_complete; /* but for what waits */
    size_t start, end;
    char waits[GZIP_ROOM_MIN]; /* from start to end: written for lack of room here */
};

/*
 * libbrotlienc calls exit() when its allocator has no memory, unless it was built not to. So ours
 * leaves it by longjmp(), and knows all that it was asked for, to free it without its help.
 */
struct br {
    BrotliEncoderState *state; /* one of the blocks */
    struct wr_list blocks;
    jmp_buf no_memory;
};

struct br_block {
    struct wr_list link;
    _Alignas(max_align_t) char memory[];
};

struct wr_encoder {
    const struct codec *codec;
    union {
        struct gzip gzip;
        struct br br;
        ZSTD_CCtx *zstd;
    };
    size_t in_left;        /* of the input, and */
    enum wr_encoder_op op; /* what it was for, of the call that found no room */
    bool is_half_done, has_ended, has_failed;
};

struct codec {
    int level_max, level_at_once, level_of_stream; /* the latter two: by default */
    /* 0, or -errno with nothing to close. The level is one of this coding. */
    int (*open)(struct wr_encoder *e, int level, uint64_t size);
    /* As wr_encoder_run() with room for something. */
    int (*run)(struct wr_encoder *e, struct wr_encoder_io *io, enum wr_encoder_op op);
    void (*close)(struct wr_encoder *e);
};

static void take(struct wr_encoder_io *io, size_t n)
{
    if (n > 0)
        io->in = wr_slice_from(io->in, n);
}

static char *room_of(struct wr_encoder_io *io)
{
    return io->out.p + io->out.n;
}

/* The least window that holds `size` bytes, within limits. */
static int window_for(uint64_t size, int least, int most)
{
    int bits = least;

    while (bits < most && size > (uint64_t)1 << bits)
        bits++;
    return bits;
}

/* ---- gzip ---- */

static int gzip_open(struct wr_encoder *e, int level, uint64_t size)
{
    struct gzip *g = &e->gzip;

    (void)size;
    *g = (struct gzip){0};
    /* Without deflateSetHeader() the time in the header is 0, and there is no name. */
    return deflateInit2(&g->z, level, Z_DEFLATED, GZIP_WINDOW + GZIP_FORMAT, GZIP_MEMORY,
                        Z_DEFAULT_STRATEGY) == Z_OK
               ? 0
               : -ENOMEM;
}

static void gzip_close(struct wr_encoder *e)
{
    deflateEnd(&e->gzip.z);
}

/* Its counts are of 32 bits. */
static uInt gzip_count(size_t n)
{
    return n < UINT_MAX ? (uInt)n : UINT_MAX;
}

/* Sets is_complete when all of `in` has been taken and all that the operation asks for is written. */
static void gzip_step(struct gzip *g, struct wr_slice *in, enum wr_encoder_op op)
{
    static const int flushes[] = {[WR_ENCODER_MORE] = Z_NO_FLUSH,
                                  [WR_ENCODER_FLUSH] = Z_SYNC_FLUSH,
                                  [WR_ENCODER_END] = Z_FINISH};
    uInt given = gzip_count(in->n);
    bool is_all = given == in->n;
    int result;

    g->z.next_in = (const Bytef *)in->p;
    g->z.avail_in = given;
    result = deflate(&g->z, is_all ? flushes[op] : Z_NO_FLUSH);
    if (given > g->z.avail_in)
        *in = wr_slice_from(*in, given - g->z.avail_in);
    if (op == WR_ENCODER_END)
        g->is_complete = result == Z_STREAM_END;
    else
        g->is_complete = is_all && g->z.avail_in == 0 && g->z.avail_out > 0;
}

static void gzip_write(struct gzip *g, struct wr_encoder_io *io, enum wr_encoder_op op)
{
    size_t room = wr_buf_room(&io->out);
    uInt given = gzip_count(room);

    if (room >= GZIP_ROOM_MIN) {
        g->z.next_out = (Bytef *)room_of(io);
        g->z.avail_out = given;
        gzip_step(g, &io->in, op);
        io->out.n += given - g->z.avail_out;
        return;
    }
    g->z.next_out = (Bytef *)g->waits;
    g->z.avail_out = sizeof g->waits;
    gzip_step(g, &io->in, op);
    g->start = 0;
    g->end = sizeof g->waits - g->z.avail_out;
}

static void gzip_write_what_waits(struct gzip *g, struct wr_encoder_io *io)
{
    size_t n = g->end - g->start, room = wr_buf_room(&io->out);

    if (n > room)
        n = room;
    wr_buf_append(&io->out, g->waits + g->start, n);
    g->start += n;
}

static int gzip_run(struct wr_encoder *e, struct wr_encoder_io *io, enum wr_encoder_op op)
{
    struct gzip *g = &e->gzip;

    for (;;) {
        gzip_write_what_waits(g, io);
        if (g->is_complete && g->start == g->end) {
            g->is_complete = false;
            return WR_ENCODER_DONE;
        }
        if (wr_buf_room(&io->out) == 0)
            return WR_ENCODER_ROOM;
        gzip_write(g, io, op);
    }
}

/* ---- br ---- */

static void *br_alloc(void *opaque, size_t n)
{
    struct br *b = opaque;
    struct br_block *block = NULL;

    if (n <= SIZE_MAX - sizeof *block)
        block = malloc(sizeof *block + n);
    if (!block)
        longjmp(b->no_memory, 1);
    wr_list_append(&b->blocks, &block->link);
    return block->memory;
}

static void br_block_free(struct br_block *block)
{
    wr_list_remove(&block->link);
    free(block);
}

static void br_free(void *opaque, void *memory)
{
    (void)opaque;
    if (memory)
        br_block_free(WR_CONTAINER_OF(memory, struct br_block, memory));
}

static void br_close(struct wr_encoder *e)
{
    WR_LIST_FOREACH_SAFE (it, &e->br.blocks) {
        br_block_free(WR_CONTAINER_OF(it, struct br_block, link));
    }
}

static BrotliEncoderState *br_new(struct br *b)
{
    if (setjmp(b->no_memory))
        return NULL;
    return BrotliEncoderCreateInstance(br_alloc, br_free, b);
}

static int br_open(struct wr_encoder *e, int level, uint64_t size)
{
    bool is_known = size != SIZE_UNKNOWN;
    int window = is_known ? window_for(size, BROTLI_MIN_WINDOW_BITS, BR_WINDOW_MAX) : STREAM_WINDOW;
    BrotliEncoderState *s;

    wr_list_init(&e->br.blocks);
    s = br_new(&e->br);
    if (!s) {
        br_close(e);
        return -ENOMEM;
    }
    BrotliEncoderSetParameter(s, BROTLI_PARAM_QUALITY, (uint32_t)level);
    BrotliEncoderSetParameter(s, BROTLI_PARAM_LGWIN, (uint32_t)window);
    if (is_known)
        BrotliEncoderSetParameter(s, BROTLI_PARAM_SIZE_HINT,
                                  size < UINT32_MAX ? (uint32_t)size : UINT32_MAX);
    e->br.state = s;
    return 0;
}

/* Until all is taken or the room is full. It fails for lack of memory only. */
static int br_step(BrotliEncoderState *s, struct wr_encoder_io *io, BrotliEncoderOperation op)
{
    const uint8_t *in = (const uint8_t *)io->in.p;
    uint8_t *out = (uint8_t *)room_of(io);
    size_t in_left = io->in.n, room = wr_buf_room(&io->out), room_left = room;

    if (!BrotliEncoderCompressStream(s, op, &in_left, &in, &room_left, &out, NULL))
        return -ENOMEM;
    take(io, io->in.n - in_left);
    io->out.n += room - room_left;
    return in_left > 0 || BrotliEncoderHasMoreOutput(s) ? WR_ENCODER_ROOM : WR_ENCODER_DONE;
}

static int br_run(struct wr_encoder *e, struct wr_encoder_io *io, enum wr_encoder_op op)
{
    static const BrotliEncoderOperation ops[] = {[WR_ENCODER_MORE] = BROTLI_OPERATION_PROCESS,
                                                 [WR_ENCODER_FLUSH] = BROTLI_OPERATION_FLUSH,
                                                 [WR_ENCODER_END] = BROTLI_OPERATION_FINISH};

    if (setjmp(e->br.no_memory))
        return -ENOMEM;
    return br_step(e->br.state, io, ops[op]);
}

/* ---- zstd ---- */

static int zstd_result(size_t result)
{
    if (!ZSTD_isError(result))
        return 0;
    return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? -ENOMEM : -EINVAL;
}

/* The levels up to the highest allow themselves no window above ZSTD_WINDOW_MAX. With the size known it
 * is as small as the content. There is no checksum, as is usual in HTTP: others see to that. */
static int zstd_open(struct wr_encoder *e, int level, uint64_t size)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    int err;

    if (!c)
        return -ENOMEM;
    err = zstd_result(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level));
    if (err == 0 && size == SIZE_UNKNOWN)
        err = zstd_result(ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, STREAM_WINDOW));
    else if (err == 0)
        err = zstd_result(ZSTD_CCtx_setPledgedSrcSize(c, size));
    if (err < 0)
        ZSTD_freeCCtx(c);
    else
        e->zstd = c;
    return err;
}

static void zstd_close(struct wr_encoder *e)
{
    ZSTD_freeCCtx(e->zstd);
}

static int zstd_run(struct wr_encoder *e, struct wr_encoder_io *io, enum wr_encoder_op op)
{
    static const ZSTD_EndDirective ops[] = {[WR_ENCODER_MORE] = ZSTD_e_continue,
                                            [WR_ENCODER_FLUSH] = ZSTD_e_flush,
                                            [WR_ENCODER_END] = ZSTD_e_end};

    for (;;) {
        ZSTD_inBuffer in = {io->in.p, io->in.n, 0};
        ZSTD_outBuffer out = {room_of(io), wr_buf_room(&io->out), 0};
        size_t left = ZSTD_compressStream2(e->zstd, &out, &in, ops[op]);

        if (ZSTD_isError(left))
            return zstd_result(left);
        take(io, in.pos);
        io->out.n += out.pos;
        if (io->in.n == 0 && (op == WR_ENCODER_MORE || left == 0))
            return WR_ENCODER_DONE;
        if (wr_buf_room(&io->out) == 0)
            return WR_ENCODER_ROOM;
    }
}

/* ---- all of them ---- */

static const struct codec codecs[WR_CODINGS] = {
    [WR_CODING_GZIP] = {9, 6, 6, gzip_open, gzip_run, gzip_close},
    [WR_CODING_BR] = {BROTLI_MAX_QUALITY, 5, 5, br_open, br_run, br_close},
    [WR_CODING_ZSTD] = {19, 9, 6, zstd_open, zstd_run, zstd_close},
};

int wr_encoder_level_max(enum wr_coding coding)
{
    return codecs[coding].level_max;
}

static int make(struct wr_encoder **out, enum wr_coding coding, int level, uint64_t size)
{
    const struct codec *codec = &codecs[coding];
    struct wr_encoder *e;
    int err;

    if (level == WR_LEVEL_DEFAULT)
        level = size == SIZE_UNKNOWN ? codec->level_of_stream : codec->level_at_once;
    if (level < 1 || level > codec->level_max)
        return -EINVAL;
    e = calloc(1, sizeof *e);
    if (!e)
        return -ENOMEM;
    e->codec = codec;
    err = codec->open(e, level, size);
    if (err < 0)
        free(e);
    else
        *out = e;
    return err;
}

struct wr_encoder *wr_encoder_new(enum wr_coding coding, int level)
{
    struct wr_encoder *e = NULL;
    int err = make(&e, coding, level, SIZE_UNKNOWN);

    if (err < 0)
        errno = -err;
    return e;
}

void wr_encoder_free(struct wr_encoder *e)
{
    if (!e)
        return;
    e->codec->close(e);
    free(e);
}

/* Before an operation is complete the libraries take no other one, nor more for this one. */
static bool goes_on(const struct wr_encoder *e, const struct wr_encoder_io *io,
                    enum wr_encoder_op op)
{
    return !e->is_half_done || (op == e->op && io->in.n == e->in_left);
}

int wr_encoder_run(struct wr_encoder *e, struct wr_encoder_io *io, enum wr_encoder_op op)
{
    int result = WR_ENCODER_ROOM;

    if (e->has_failed)
        return -ENOMEM;
    if (e->has_ended || !goes_on(e, io, op))
        return -EINVAL;
    if (wr_buf_room(&io->out) > 0)
        result = e->codec->run(e, io, op);
    e->has_failed = result < 0;
    e->is_half_done = result == WR_ENCODER_ROOM;
    e->has_ended = result == WR_ENCODER_DONE && op == WR_ENCODER_END;
    e->op = op;
    e->in_left = io->in.n;
    return result;
}

/* To memory of one byte less than the content. */
static int encode_smaller(struct wr_encoder *e, struct wr_slice bytes, char *memory, size_t *n)
{
    size_t room = bytes.n > 0 ? bytes.n - 1 : 0;
    struct wr_encoder_io io = {.in = bytes, .out = wr_buf_on(memory, room)};
    int result = wr_encoder_run(e, &io, WR_ENCODER_END);

    *n = io.out.n;
    return result == WR_ENCODER_ROOM ? -E2BIG : result;
}

int wr_encode(enum wr_coding coding, int level, struct wr_slice bytes, char **out, size_t *n)
{
    struct wr_encoder *e = NULL;
    size_t encoded_n = 0;
    int err = make(&e, coding, level, bytes.n);
    char *memory, *fitted;

    if (err < 0)
        return err;
    memory = malloc(bytes.n > 0 ? bytes.n : 1);
    err = memory ? encode_smaller(e, bytes, memory, &encoded_n) : -ENOMEM;
    wr_encoder_free(e);
    if (err < 0) {
        free(memory);
        return err;
    }
    fitted = realloc(memory, encoded_n);
    *out = fitted ? fitted : memory;
    *n = encoded_n;
    return 0;
}
