/*
 * file_cache.h — files that are served often: their validators and type, a descriptor of large
 * ones, the content of small ones.
 *
 * Coherent with the disk: an entry is looked at again, by one system call, in every turn of the
 * loop in which it is asked for; the requests of one batch share that look. A file that changed
 * within the resolution of its time stamps is served, but not kept, and its entity tag is weak.
 *
 * Ownership: an entry is held by whoever got it until wr_file_entry_unref(), also when the cache
 * has let it go or is gone. Threads:   a cache belongs to one loop.
 */
#ifndef WR_HANDLERS_FILE_CACHE_H
#define WR_HANDLERS_FILE_CACHE_H

#include "base/list.h"
#include "http/cond.h"
#include "http/date.h"
#include "io/root.h"

#define WR_FILE_CONTENT_MAX ((int64_t)16 * 1024) /* bytes of a file that is kept in memory */
#define WR_ETAG_MAX         40 /* W/, quotes, two 64-bit numbers in hex, a hyphen */

struct wr_file_entry {
    struct wr_list lru;
    struct wr_file_entry *hash_next;
    uint32_t hash;
    unsigned refs;
    uint64_t checked_turn;
    struct wr_file_info info;
    int fd;        /* -1: the content is in memory */
    char *content; /* info.size bytes; NULL: by fd */
    struct wr_slice path, type;
    struct wr_validators validators; /* the ETag's bytes are below */
    char etag[WR_ETAG_MAX];
    char last_modified[WR_DATE_LEN];
};

struct wr_file_cache;

struct wr_file_moment {
    uint64_t turn; /* of the loop */
    int64_t wall_ns;
};

/* `root` must outlive the cache, which keeps at most fds_max descriptors. NULL: no memory. */
struct wr_file_cache *wr_file_cache_new(const struct wr_root *root, size_t fds_max);
void wr_file_cache_free(struct wr_file_cache *c);

/*
 * The regular file at `path`, which is NUL-terminated and as wr_root_open_file() has it. 0 with
 * *out held for the caller, or the error of wr_root_open_file().
 */
int wr_file_cache_get(struct wr_file_cache *c, struct wr_slice path, struct wr_file_moment now,
                      struct wr_file_entry **out);

void wr_file_entry_unref(struct wr_file_entry *e);

#endif
