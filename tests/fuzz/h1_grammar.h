/*
 * h1_grammar.h — RFC 9112 read by recursive descent: what the state machines of core/http are held
 * against. Naive on purpose, a function for each rule of the grammar, over the whole text at once; it
 * shares no code with them but the slice.
 *
 * The grammar is the strict one that core/http/h1_parse.h and h1_body.h document.
 */
#ifndef WR_TESTS_H1_GRAMMAR_H
#define WR_TESTS_H1_GRAMMAR_H

#include "base/slice.h"

#define GRAMMAR_FIELDS_MAX 200

enum grammar {
    GRAMMAR_VALID,  /* the text begins with one */
    GRAMMAR_PART,   /* the text is the beginning of one */
    GRAMMAR_INVALID /* it is neither */
};

struct grammar_head {
    struct wr_slice method, target;
    struct wr_slice names[GRAMMAR_FIELDS_MAX], values[GRAMMAR_FIELDS_MAX];
    size_t fields_n; /* may be above GRAMMAR_FIELDS_MAX: the others are only counted */
    int major, minor;
    size_t n; /* bytes */
};

/* *( CRLF ) request-line *( field-line CRLF ) CRLF, of any version. */
enum grammar grammar_head(struct wr_slice text, struct grammar_head *out);

struct grammar_chunked {
    char *content; /* room for all of the text */
    size_t content_n;
    struct wr_slice names[GRAMMAR_FIELDS_MAX], values[GRAMMAR_FIELDS_MAX]; /* of the trailers */
    size_t trailers_n; /* may be above GRAMMAR_FIELDS_MAX: the others are only counted */
    size_t n;          /* bytes read, of a valid one */
};

/* chunked-body, with sizes of at most 16 digits below 2^63. */
enum grammar grammar_chunked(struct wr_slice text, struct grammar_chunked *out);

#endif
