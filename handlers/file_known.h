/*
 * file_known.h — which paths were regular files not long ago, of those that a cache has no room for.
 *
 * What is asked for again then need not be looked at before it is opened: of a tree with far more files
 * than a cache keeps, that is most of them. A table of a fixed size, in which the last one of a slot wins;
 * what it says is a hint, that may be missing, and is as sure as 48 bits of a hash. After ten seconds all is
 * forgotten.
 *
 * Threads: those of its owner.
 */
#ifndef WR_HANDLERS_FILE_KNOWN_H
#define WR_HANDLERS_FILE_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

/* All zero at first. */
struct wr_file_known {
    uint32_t *tags; /* 512 KiB, from the first one on; NULL: none yet, or no memory */
    int64_t since_ns;
};

/* `hash` is of a path; all of its bits count. */
void wr_file_known_add(struct wr_file_known *k, uint64_t hash, int64_t wall_ns);
bool wr_file_known_has(struct wr_file_known *k, uint64_t hash, int64_t wall_ns);

void wr_file_known_forget(struct wr_file_known *k);
void wr_file_known_free(struct wr_file_known *k);

#endif
