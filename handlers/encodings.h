/*
 * encodings.h — the content of files in content codings that were made on the fly: once for all
 * loops of a folder, and kept as long as there is room.
 *
 * What is kept is known by the version of the file that it was made from (struct wr_file_info), so
 * a file that changes never meets what was made of it before.
 *
 * Ownership: an encoded content is held by whoever got it until wr_encoded_unref(), also when the
 *            cache has let it go or is gone.
 * Threads:   any, all functions.
 * Errors:    0 or -errno.
 */
#ifndef WR_HANDLERS_ENCODINGS_H
#define WR_HANDLERS_ENCODINGS_H

#include <stdatomic.h>

#include "http/accept.h"
#include "io/root.h"

#define WR_ENCODED_SOURCE_MIN ((int64_t)512)             /* below, headers outweigh what is saved */
#define WR_ENCODED_SOURCE_MAX ((int64_t)8 * 1024 * 1024) /* above, it takes too long to wait for */

struct wr_encoded {
    atomic_uint refs;
    uint64_t
        hash; /* of the content: its entity tag has it, for libraries differ in what they make */
    size_t n;
    char *content;
};

void wr_encoded_unref(struct wr_encoded *e);

/* Of bytes; the same on every machine, for the nodes of a cluster to agree. Contents that differ in
 * eight bytes alone never have the same; a hash for who means no harm. */
uint64_t wr_content_hash(struct wr_slice content);

struct wr_encodings;

/* Keeps at most `bytes_max` bytes; those used last stay. NULL: no memory. */
struct wr_encodings *wr_encodings_new(size_t bytes_max);
void wr_encodings_free(struct wr_encodings *s); /* NULL is allowed; no call is under way */

/*
 * 0 with *out held for the caller; -ENODATA: it is not worth it, for the coding does not make it
 * smaller, or has failed for good, or the result would take more than a quarter of the room; -ENOENT:
 * it has not been made, or was dropped.
 */
int wr_encodings_find(struct wr_encodings *s, const struct wr_file_info *version,
                      enum wr_coding coding, struct wr_encoded **out);

/* What is encoded: `version.size` bytes. */
struct wr_encodings_source {
    struct wr_file_info version;
    const char *content; /* NULL: by fd */
    int fd;
};

/*
 * Makes it, unless it is there; takes the time that it takes, also that of another thread which is at
 * it already, and whose outcome it shares. After 0 wr_encodings_find() says what came of it; on
 * failure nothing is kept, and another time it may succeed: -EAGAIN, the file changed while it was read;
 * -ENOMEM; or what reading said. The version must have settled: a change that leaves it equal would be
 * taken for it.
 */
int wr_encodings_make(struct wr_encodings *s, const struct wr_encodings_source *source,
                      enum wr_coding coding);

#endif
