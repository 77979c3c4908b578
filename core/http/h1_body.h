/*
 * h1_body.h — where the content of a request begins and ends. RFC 9112 6 and 7.
 */
#ifndef WR_HTTP_H1_BODY_H
#define WR_HTTP_H1_BODY_H

#include "http/h1_parse.h"

enum wr_h1_framing_kind { WR_H1_NO_BODY, WR_H1_LENGTH, WR_H1_CHUNKED };

struct wr_h1_framing {
    enum wr_h1_framing_kind kind;
    uint64_t length; /* of WR_H1_LENGTH; at most INT64_MAX */
};

/*
 * The decision of RFC 9112 6.3 for a request, stricter where a recipient may be: Content-Length
 * once only, Transfer-Encoding exactly one `chunked`, never both. WR_H1_OK or why not.
 */
enum wr_h1_reason wr_h1_framing_of(const struct wr_fields *fields, int minor,
                                   struct wr_h1_framing *out);

/*
 * The chunked coding, decoded in place: a finite state machine that gives out slices of its input.
 * Extensions are checked and dropped. Trailers are checked and given out as the lines they are, for
 * who wants to keep them; they are never merged into the header.
 */
#define WR_H1_CHUNK_EXTRA_MAX 16384 /* bytes of extensions and trailer section in one message */

struct wr_h1_chunked { /* all zero: at the start of a body */
    uint64_t left;     /* of the chunk that is being read */
    uint32_t extra;    /* bytes of extensions and trailers so far */
    uint8_t state;
    uint8_t digits; /* of the size that is being read */
};

enum wr_h1_chunk {
    WR_H1_CHUNK_DATA,
    WR_H1_CHUNK_TRAILER,
    WR_H1_CHUNK_MORE,
    WR_H1_CHUNK_END_OF_BODY,
    WR_H1_CHUNK_BAD
};

/*
 * Reads from the front of *in, which it shortens by what it took. DATA: *data is a piece of
 * content, never empty, inside the old *in. TRAILER: the same of the trailer fields; their pieces in
 * a row are the lines, each with its CRLF, without the empty one at the end. MORE: all was read.
 * END_OF_BODY: *in begins behind the body. BAD: *reason says why; the message is lost.
 */
enum wr_h1_chunk wr_h1_chunked_next(struct wr_h1_chunked *c, struct wr_slice *in,
                                    struct wr_slice *data, enum wr_h1_reason *reason);

/* Of the lines that were given out as TRAILER, when the end of the body was: how many there are. */
size_t wr_h1_trailers_count(struct wr_slice lines);

/* The fields of these, but for those that mean something in the header alone: wr_field_may_trail().
 * `out` has room for all; its slices point into `lines`. */
void wr_h1_trailers_split(struct wr_slice lines, struct wr_fields *out);

#endif
