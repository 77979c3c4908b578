/*
 * fuzz_h1_body.c — a chunked body gives the same content and end whole and in pieces.
 *
 * The first byte of an input says how the rest is cut.
 */
#include <stdint.h>
#include <stdlib.h>

#include "http/h1_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
    char *content;
    size_t n;
    enum wr_h1_chunk last;
    enum wr_h1_reason reason;
    size_t read;
};

static void check(bool claim)
{
    if (!claim)
        abort();
}

/* All of `part`; the content goes behind what is there. */
static void decode_part(struct wr_h1_chunked *c, struct wr_slice part, struct outcome *o)
{
    struct wr_slice in = part;

    do {
        struct wr_slice data = {NULL, 0};
        const char *before = in.p;

        o->last = wr_h1_chunked_next(c, &in, &data, &o->reason);
        check(in.p >= before && in.p + in.n == part.p + part.n);
        if (o->last == WR_H1_CHUNK_DATA) {
            check(data.n > 0 && data.p >= before && data.p + data.n == in.p);
            memcpy(o->content + o->n, data.p, data.n);
            o->n += data.n;
        }
    } while (o->last == WR_H1_CHUNK_DATA);
    check(o->last != WR_H1_CHUNK_MORE || in.n == 0);
    o->read += part.n - in.n;
}

/* Decodes `text` in pieces of `piece` bytes. */
static void decode(struct outcome *o, struct wr_slice text, size_t piece)
{
    struct wr_h1_chunked c = {0};

    *o = (struct outcome){.last = WR_H1_CHUNK_MORE, .content = malloc(text.n)};
    check(o->content != NULL);
    while (o->last == WR_H1_CHUNK_MORE && o->read < text.n) {
        size_t left = text.n - o->read;

        decode_part(&c, wr_slice(text.p + o->read, piece < left ? piece : left), o);
    }
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    check(a->last == b->last && a->read == b->read);
    check(a->last != WR_H1_CHUNK_BAD || a->reason == b->reason);
    check(a->n == b->n && memcmp(a->content, b->content, a->n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct outcome whole, bytes, pieces;
    struct wr_slice text;

    if (n < 2)
        return 0;
    text = wr_slice((const char *)data + 1, n - 1);
    decode(&whole, text, text.n);
    decode(&bytes, text, 1);
    decode(&pieces, text, 2U + data[0]);
    check_same(&whole, &bytes);
    check_same(&whole, &pieces);
    check(whole.n <= whole.read);
    if (whole.last == WR_H1_CHUNK_END_OF_BODY) /* "0", CRLF, CRLF at least */
        check(whole.read - whole.n >= 5 && memcmp(text.p + whole.read - 2, "\r\n", 2) == 0);
    free(whole.content);
    free(bytes.content);
    free(pieces.content);
    return 0;
}
