/*
 * encoder.h — content codings: gzip by zlib, br by libbrotlienc, zstd by libzstd. RFC 1952, 7932,
 * 8878.
 *
 * In a stream: a wr_encoder is made for one content, takes it piece by piece, and writes to whatever
 * room there is. Or at once: wr_encode(). Calls that are the same give the same bytes: there is no
 * time in them, and no name of a file. Another version of those libraries may give others.
 *
 * What a client needs to decode is bounded: 32 KiB for gzip; for a stream 256 KiB in br and zstd; for
 * what is encoded at once its size, up to 4 MiB in br and 8 MiB in zstd (RFC 9659 allows no more). An
 * encoder of a stream at the default level has 0.3 MiB in gzip, 4.5 in br, 4.1 in zstd. wr_encode()
 * needs, besides as much as `bytes` for the result, 1 MiB for 10 kB and up to 18 MiB for 8 MB. The
 * highest levels of br and zstd need 40 to 90 MiB.
 *
 * Ownership: an encoder is its maker's; input and output are the caller's throughout.
 * Threads:   an encoder belongs to one thread at a time. A megabyte takes 8 to 20 ms at the default
 *            level and up to a second at the highest: nothing for a loop, unless it is small.
 * Errors:    -errno.
 */
#ifndef WR_CODEC_ENCODER_H
#define WR_CODEC_ENCODER_H

#include "base/buf.h"
#include "http/accept.h"

/*
 * Good while a client waits: where more time begins to win little. gzip 6, br 5; zstd 9 at once, 6 in
 * a stream, where it needs a third of the memory. Of 0.87 MB of HTML, JS, CSS and JSON that leaves
 * 24.8 % (16 ms/MB), 22.8 % (17), 23.4 % (13) and 24.1 % (7).
 */
#define WR_LEVEL_DEFAULT (-1)

struct wr_encoder;

enum wr_encoder_op {
    WR_ENCODER_MORE,  /* more will follow: it may keep back what it likes */
    WR_ENCODER_FLUSH, /* what was given so far can be decoded from what has been written then */
    WR_ENCODER_END,   /* this is all */
};

/* What a call of wr_encoder_run() takes from and appends to; both are advanced. */
struct wr_encoder_io {
    struct wr_slice in;
    struct wr_buf out;
};

enum wr_encoder_result {
    WR_ENCODER_DONE, /* `in` has been taken, and the operation is complete */
    /* `out` is full: once more, with the same operation, what is left of `in`, and room. */
    WR_ENCODER_ROOM,
};

/* Levels go from 1, fast, to this, small: gzip 9, br 11, zstd 19; 0 for identity. */
int wr_encoder_level_max(enum wr_coding coding);

/*
 * NULL with errno: EINVAL, identity or no level of this coding; ENOMEM.
 */
struct wr_encoder *wr_encoder_new(enum wr_coding coding, int level);

/* At any moment; NULL is allowed. */
void wr_encoder_free(struct wr_encoder *e);

/*
 * One of wr_encoder_result, or -errno: -ENOMEM, after which it can only be freed; -EINVAL, nothing
 * happened: it has ended, or after WR_ENCODER_ROOM came another operation or other input.
 */
int wr_encoder_run(struct wr_encoder *e, struct wr_encoder_io *io, enum wr_encoder_op op);

/*
 * All of `bytes` at once. *out is malloc'ed, of *n bytes, and theirs who called. -E2BIG: it would not
 * be smaller than `bytes`, and is not worth sending; -EINVAL, -ENOMEM as above. On failure *out and
 * *n stay.
 */
int wr_encode(enum wr_coding coding, int level, struct wr_slice bytes, char **out, size_t *n);

#endif
