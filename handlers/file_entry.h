/*
 * file_entry.h — what a file cache is made of: entries, their variants, and the table that keeps
 * them. Private to file_cache.c, file_codings.c and file_entry.c.
 *
 * Ownership and threads: as in file_cache.h. Errors: 0 or -errno.
 */
#ifndef WR_HANDLERS_FILE_ENTRY_H
#define WR_HANDLERS_FILE_ENTRY_H

#include "base/buf.h"
#include "base/list.h"
#include "handlers/file_cache.h"
#include "handlers/file_known.h"

#define WR_FILE_CACHE_BUCKETS 1024 /* a power of two */

#define WR_SECOND_NS 1000000000LL

/* A representation but the identity. Never changes, for answers point into it: another one goes in
 * front of it. */
struct wr_file_variant {
    struct wr_file_variant *next;
    struct wr_representation rep;
    struct wr_file_entry *sibling; /* which of these two it is from */
    struct wr_encoded *encoded;
    char *memory; /* … or a copy of that, behind some room */
    void *kept;
    char etag[WR_ETAG_MAX];
};

/* What a choice came to, which holds for the rest of the turn: nothing is looked at again in it. */
struct wr_file_choice {
    const struct wr_representation *rep; /* NULL: none yet */
    struct wr_accept_codings accept;
    uint64_t turn;
};

struct wr_file_entry {
    struct wr_file file;
    struct wr_file_cache *cache; /* in which it is kept; NULL: in none, or no more */
    struct wr_list lru;
    struct wr_file_entry *hash_next;
    struct wr_file_entry *parent; /* that is kept, and has this one as a variant */
    uint64_t path_end;            /* what the table knows it by, besides the rest of the path: */
    uint32_t hash;
    unsigned refs;
    uint64_t checked_turn;
    int64_t checked_ns;
    bool is_settled;
    int fd;
    char *content;
    char *memory; /* in which that lies, behind `room` bytes */
    size_t room;
    void *kept;           /* of the identity */
    size_t kept_bytes;    /* of all representations */
    struct wr_body owner; /* wr_file_entry_owner() */
    struct wr_file_choice choice;
    struct wr_file_variant *variants;
    size_t encoded_bytes;          /* of the variants */
    unsigned not_made;             /* bits: codings that are not worth it */
    unsigned looked_for;           /* bits: codings for which there was no sibling … */
    int64_t looked_ns[WR_CODINGS]; /* … at that time */
    const char *name;              /* with the folder, NUL-terminated; file.path is its end */
    char etag[WR_ETAG_MAX];
};

struct wr_file_cache {
    struct wr_root root;
    struct wr_file_info root_info;
    uint64_t followed_turn; /* when the path of the folder was looked at, and what came of it */
    int followed;
    struct wr_list lru; /* the one used last is at the end */
    size_t entries, bytes, fds, encoded_bytes;
    struct wr_file_known known; /* what there was no more room for */
    struct wr_file_cache_setup setup;
    struct wr_file_entry *buckets[WR_FILE_CACHE_BUCKETS];
    char folder[];
};

/* All of a small file comes into memory, as it was in one moment, and its descriptor is closed; one
 * that grows, or will not hold still, is sent from that. file.info is what has just been told of the
 * descriptor. -EAGAIN as wr_file_read() has it. */
int wr_file_entry_load(struct wr_file_entry *e, struct wr_file_moment now);

/* Is the change so old that another one would not carry the same time stamps? */
bool wr_file_has_settled(const struct wr_file_info *info, int64_t wall_ns);

/* Of the file at this moment: is_settled, file.validators, file.identity. */
void wr_file_entry_describe(struct wr_file_entry *e, int64_t wall_ns);

/* The parts of an entity tag. */
void wr_file_etag_begin(struct wr_buf *etag, bool is_weak);
void wr_file_etag_version(struct wr_buf *etag, const struct wr_file_info *info);

/* Is it unchanged on disk? 0; -ESTALE; -EAGAIN: asking would wait for the disk. */
int wr_file_cache_look(const struct wr_file_cache *c, struct wr_file_entry *e,
                       struct wr_file_moment now);

/* It was used just now. */
void wr_file_cache_touch(struct wr_file_cache *c, struct wr_file_entry *e);

/* It is kept no more, and neither is the file that has it as a variant. */
void wr_file_cache_drop(struct wr_file_cache *c, struct wr_file_entry *e);

#endif
