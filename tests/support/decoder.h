/*
 * decoder.h — what a client makes of content in a coding: by the decoders of zlib, brotli and zstd,
 * which share no code with the encoders' use of them.
 *
 * The decoders are as strict as a browser may be: a window of 8 MiB at most for zstd (RFC 9659), none
 * larger than RFC 7932's for br; one gzip member. Aborts without memory.
 */
#ifndef WR_TESTS_DECODER_H
#define WR_TESTS_DECODER_H

#include "base/slice.h"
#include "http/accept.h"

struct decoded {
    char *p; /* malloc'ed */
    size_t n;
    size_t taken; /* of the bytes; what is behind the end is not */
    bool is_end;  /* the content is whole */
    bool is_bad;  /* no content of this coding */
};

/* All that can be told from the bytes, which may be the beginning of a stream. */
struct decoded decode(enum wr_coding coding, struct wr_slice bytes);

/* Are the bytes, all of them, `content` in that coding? */
bool decodes_to(enum wr_coding coding, struct wr_slice bytes, struct wr_slice content);

/* The same of what a client has so far: is it the content so far, which has not ended? */
bool decodes_so_far_to(enum wr_coding coding, struct wr_slice bytes, struct wr_slice content);

#endif
