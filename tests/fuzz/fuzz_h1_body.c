/*
 * fuzz_h1_body.c — a chunked body gives the same content and end whole and in pieces, and the
 * same trailers, and they are those of the grammar (h1_grammar.h).
 *
 * The first byte of an input says how the rest is cut.
 */
#include <stdint.h>
#include <stdlib.h>

#include "h1_grammar.h"
#include "http/h1_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
    char *content, *trailers;
    size_t n, trailers_n;
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
        if (o->last == WR_H1_CHUNK_TRAILER) {
            check(data.n > 0 && data.p >= before && data.p + data.n == in.p);
            memcpy(o->trailers + o->trailers_n, data.p, data.n);
            o->trailers_n += data.n;
        }
    } while (o->last == WR_H1_CHUNK_DATA || o->last == WR_H1_CHUNK_TRAILER);
    check(o->last != WR_H1_CHUNK_MORE || in.n == 0);
    o->read += part.n - in.n;
}

static void outcome_free(struct outcome *o)
{
    free(o->content);
    free(o->trailers);
}

/* Decodes `text` in pieces of `piece` bytes; 0: of any size, as `seed` has it. */
static void decode(struct outcome *o, struct wr_slice text, size_t piece, unsigned seed)
{
    struct wr_h1_chunked c = {0};
    bool is_random = piece == 0;

    *o = (struct outcome){
        .last = WR_H1_CHUNK_MORE, .content = malloc(text.n), .trailers = malloc(text.n)};
    check(o->content != NULL && o->trailers != NULL);
    while (o->last == WR_H1_CHUNK_MORE && o->read < text.n) {
        size_t left = text.n - o->read;

        if (is_random) {
            seed = seed * 1103515245U + 12345U;
            piece = 1 + (seed >> 16) % 30;
        }
        decode_part(&c, wr_slice(text.p + o->read, piece < left ? piece : left), o);
    }
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    check(a->last == b->last && a->read == b->read);
    check(a->last != WR_H1_CHUNK_BAD || a->reason == b->reason);
    check(a->n == b->n && memcmp(a->content, b->content, a->n) == 0);
    if (a->last == WR_H1_CHUNK_BAD) /* what came in front of the fault is nobody's */
        return;
    check(a->trailers_n == b->trailers_n && memcmp(a->trailers, b->trailers, a->trailers_n) == 0);
}

/* The names that a trailer cannot have are the decoder's alone: it may leave lines out for that. */
static void check_trailers(const struct outcome *o, const struct grammar_chunked *g)
{
    struct wr_slice lines = wr_slice(o->trailers, o->trailers_n);
    struct wr_field v[GRAMMAR_FIELDS_MAX];
    struct wr_fields f;
    size_t at = 0;

    check(wr_h1_trailers_count(lines) == g->trailers_n);
    if (g->trailers_n > GRAMMAR_FIELDS_MAX)
        return;
    wr_fields_init(&f, v, GRAMMAR_FIELDS_MAX);
    wr_h1_trailers_split(lines, &f);
    for (size_t i = 0; i < g->trailers_n; i++) {
        if (!wr_field_may_trail(g->names[i]))
            continue;
        check(at < f.n && wr_slice_eq(v[at].name, g->names[i]));
        check(wr_slice_eq(v[at].value, g->values[i]));
        at++;
    }
    check(at == f.n);
}

/* The decoder stops at the first octet that no body could have there, so it and the grammar agree on
 * each beginning too. It may give up for the length of extensions and trailers alone. */
static void check_grammar(const struct outcome *o, struct wr_slice text)
{
    struct grammar_chunked g = {.content = malloc(text.n)};
    enum grammar result;

    check(g.content != NULL);
    result = grammar_chunked(text, &g);
    if (o->last == WR_H1_CHUNK_BAD && o->reason == WR_H1_CHUNK_EXTRA) {
        check(text.n > WR_H1_CHUNK_EXTRA_MAX);
    } else {
        check((o->last == WR_H1_CHUNK_END_OF_BODY) == (result == GRAMMAR_VALID));
        check((o->last == WR_H1_CHUNK_MORE) == (result == GRAMMAR_PART));
        check((o->last == WR_H1_CHUNK_BAD) == (result == GRAMMAR_INVALID));
        check(result != GRAMMAR_VALID || o->read == g.n);
        if (result == GRAMMAR_VALID)
            check_trailers(o, &g);
        check(o->n == g.content_n && memcmp(o->content, g.content, g.content_n) == 0);
    }
    free(g.content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct outcome whole, bytes, pieces, random;
    struct wr_slice text;

    if (n < 2)
        return 0;
    text = wr_slice((const char *)data + 1, n - 1);
    decode(&whole, text, text.n, 0);
    decode(&bytes, text, 1, 0);
    decode(&pieces, text, 2U + data[0], 0);
    decode(&random, text, 0, data[0]);
    check_same(&whole, &bytes);
    check_same(&whole, &pieces);
    check_same(&whole, &random);
    check_grammar(&whole, text);
    outcome_free(&whole);
    outcome_free(&bytes);
    outcome_free(&pieces);
    outcome_free(&random);
    return 0;
}
