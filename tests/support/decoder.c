#define ZLIB_CONST
#include "decoder.h"

#include <brotli/decode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define ROOM_AT_FIRST 65536

struct output {
    struct decoded *to;
    size_t cap;
};

/* At least one byte. */
static size_t room(struct output *o)
{
    if (o->to->n == o->cap) {
        o->cap = o->cap ? 2 * o->cap : ROOM_AT_FIRST;
        o->to->p = realloc(o->to->p, o->cap);
        if (!o->to->p)
            abort();
    }
    return o->cap - o->to->n;
}

static void decode_gzip(struct wr_slice bytes, struct decoded *d)
{
    struct output o = {.to = d};
    z_stream z = {.next_in = (const Bytef *)bytes.p, .avail_in = (uInt)bytes.n};
    int result = Z_OK;

    if (inflateInit2(&z, 15 + 16) != Z_OK)
        abort();
    while (result == Z_OK) {
        uInt given = (uInt)room(&o);

        z.next_out = (Bytef *)d->p + d->n;
        z.avail_out = given;
        result = inflate(&z, Z_SYNC_FLUSH);
        d->n += given - z.avail_out;
    }
    d->is_end = result == Z_STREAM_END;
    d->is_bad = !d->is_end && result != Z_BUF_ERROR;
    d->taken = bytes.n - z.avail_in;
    inflateEnd(&z);
}

static void decode_br(struct wr_slice bytes, struct decoded *d)
{
    struct output o = {.to = d};
    BrotliDecoderState *s = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    const uint8_t *in = (const uint8_t *)bytes.p;
    size_t left = bytes.n;

    if (!s)
        abort();
    while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT || BrotliDecoderHasMoreOutput(s)) {
        size_t given = room(&o), out_left = given;
        uint8_t *out = (uint8_t *)d->p + d->n;

        result = BrotliDecoderDecompressStream(s, &left, &in, &out_left, &out, NULL);
        d->n += given - out_left;
    }
    d->is_end = result == BROTLI_DECODER_RESULT_SUCCESS;
    d->is_bad = result == BROTLI_DECODER_RESULT_ERROR;
    d->taken = bytes.n - left;
    BrotliDecoderDestroyInstance(s);
}

static void decode_zstd(struct wr_slice bytes, struct decoded *d)
{
    struct output o = {.to = d};
    ZSTD_DCtx *c = ZSTD_createDCtx();
    ZSTD_inBuffer in = {bytes.p, bytes.n, 0};
    size_t result = 1, given = 0, written = 0;

    if (!c || ZSTD_isError(ZSTD_DCtx_setParameter(c, ZSTD_d_windowLogMax, 23)))
        abort();
    while (result != 0 && !ZSTD_isError(result) && (in.pos < in.size || written == given)) {
        ZSTD_outBuffer out = {NULL, room(&o), 0};

        out.dst = d->p + d->n;
        result = ZSTD_decompressStream(c, &out, &in);
        d->n += out.pos;
        given = out.size;
        written = out.pos;
    }
    d->is_end = result == 0;
    d->is_bad = ZSTD_isError(result);
    d->taken = in.pos;
    ZSTD_freeDCtx(c);
}

struct decoded decode(enum wr_coding coding, struct wr_slice bytes)
{
    static void (*const decoders[WR_CODINGS])(struct wr_slice bytes, struct decoded * d) = {
        [WR_CODING_GZIP] = decode_gzip,
        [WR_CODING_BR] = decode_br,
        [WR_CODING_ZSTD] = decode_zstd,
    };
    struct decoded d = {0};

    decoders[coding](bytes, &d);
    return d;
}

static bool decodes(enum wr_coding coding, struct wr_slice bytes, struct wr_slice content,
                    bool is_whole)
{
    struct decoded d = decode(coding, bytes);
    bool is_so = !d.is_bad && d.is_end == is_whole && d.taken == bytes.n &&
                 wr_slice_eq(wr_slice(d.p, d.n), content);

    free(d.p);
    return is_so;
}

bool decodes_to(enum wr_coding coding, struct wr_slice bytes, struct wr_slice content)
{
    return decodes(coding, bytes, content, true);
}

bool decodes_so_far_to(enum wr_coding coding, struct wr_slice bytes, struct wr_slice content)
{
    return decodes(coding, bytes, content, false);
}
