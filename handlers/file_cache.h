/*
 * file_cache.h — files that are served often: their validators and type, a descriptor of large
 * ones, the content of small ones, and in which content codings there is a representation.
 *
 * Coherent with the disk: an entry is looked at again, by one system call, in every turn of the
 * loop in which it is asked for; the requests of one batch share that look. A file that changed
 * within the resolution of its time stamps is served, but not kept. The look goes by the path of the
 * folder as it was given, so that a folder that was replaced (a symbolic link that now leads to the
 * next release, one removed and made anew) is noticed with its files.
 *
 * Never waits for the disk, where the kernel lets itself be asked: -EAGAIN says that it would, and
 * wr_file_warm(), on a thread that may wait, makes that it does not.
 *
 * Codings lie beside the file (a.css.br; an entry of its own, looked at as any), or are made on the
 * fly (encodings.h); only of compressible types (wr_mime_is_compressible()), and never of a file that
 * is itself named like a coding of another. That a file has no such neighbour is believed for a second.
 *
 * Ownership: an entry is held by whoever got it until wr_file_entry_unref(), also when the cache
 * has let it go or is gone. Threads: a cache and its entries belong to one loop; wr_file_warm(),
 * wr_file_is_warm() and wr_file_read_ahead() are for any.
 */
#ifndef WR_HANDLERS_FILE_CACHE_H
#define WR_HANDLERS_FILE_CACHE_H

#include "handlers/encodings.h"
#include "http/accept.h"
#include "http/cond.h"
#include "http/date.h"
#include "io/root.h"
#include "server/body.h"

#define WR_FILE_CONTENT_MAX ((int64_t)32 * 1024) /* bytes of a file that is kept in memory */
#define WR_FILE_ROOM_MAX    ((int64_t)16 * 1024) /* … and of one that has room in front of it */
#define WR_ETAG_MAX         112 /* W/, quotes, six 64-bit numbers in hex, hyphens, a coding's name */

/* A representation of a file in a coding. All of it as long as the entry is held. */
struct wr_representation {
    enum wr_coding coding;
    struct wr_slice etag; /* strong, unless a file it depends on may still change unseen */
    const char *content;  /* NULL: by fd */
    char *room; /* memory in front of `content`, up to it, for a head that is kept with the
                             representation; NULL: none */
    int fd;     /* -1: in `content` */
    const struct wr_file_info *info; /* of the file that it comes from */
    uint64_t size;
    void **kept; /* what wr_file_keep() was given; *kept NULL: nothing yet */
};

struct wr_file_entry; /* in file_cache.c with what is private; this is what others may read: */

struct wr_file {
    struct wr_file_info info;
    struct wr_slice path, type;      /* beneath the folder; the Content-Type value */
    struct wr_validators validators; /* of the identity; the date is that of every coding: none
                                        (-1) where mtime is a constant and no time */
    char last_modified[WR_DATE_LEN]; /* what validators.last_modified_s is, if it is not -1 */
    bool varies;  /* there may be other codings, now or later: Vary belongs to every answer */
    bool is_open; /* what setup.is_open has said of the path */
    struct wr_representation identity;
};

const struct wr_file *wr_file_of(const struct wr_file_entry *e);
void wr_file_entry_ref(struct wr_file_entry *e);
void wr_file_entry_unref(struct wr_file_entry *e);

/* Takes a hold, and gives it as the body of a response: closing that lets go. It gives no piece itself. */
struct wr_body *wr_file_entry_owner(struct wr_file_entry *e);

/* Does the cache keep it, for others to come? */
bool wr_file_is_kept(const struct wr_file_entry *e);

/* Takes `n` bytes of malloc'ed memory that go with a representation of an entry which is kept, once for
 * each, and are freed with it: answers may point into them. */
void wr_file_keep(struct wr_file_entry *e, const struct wr_representation *rep, void *memory,
                  size_t n);

struct wr_file_cache_setup {
    const char *folder;             /* absolute; copied. Opened by its path, also again */
    struct wr_encodings *encodings; /* outlives the cache; NULL: nothing is encoded on the fly */
    bool has_siblings;              /* a.css.br, .zst, .gz, when not older, are codings of a.css */
    size_t fds_max;                 /* descriptors that it keeps */
    size_t room; /* bytes in front of content of up to WR_FILE_ROOM_MAX: wr_representation.room */
    /* The Content-Type value of a path, for as long as the cache is there; NULL: wr_mime_of_path(). */
    struct wr_slice (*type_of)(void *ctx, struct wr_slice path);
    /* May a client ask for this path by its name? NULL: any. For who wants to know it of an entry
     * without looking at the path again: the cache itself gives all. */
    bool (*is_open)(void *ctx, struct wr_slice path);
    void *ctx;
};

struct wr_file_cache;

struct wr_file_moment {
    uint64_t turn; /* of the loop */
    int64_t wall_ns;
    bool may_wait; /* for the disk */
};

/* NULL with *err set to -errno, as wr_root_open() has it. */
struct wr_file_cache *wr_file_cache_new(const struct wr_file_cache_setup *setup, int *err);
void wr_file_cache_free(struct wr_file_cache *c); /* NULL is allowed */

/*
 * The folder as it is now. For this thread alone, and only until the next call of this cache, which may
 * close it: another thread opens the folder itself.
 */
const struct wr_root *wr_file_cache_root(const struct wr_file_cache *c);

/*
 * The regular file at `path`, which is NUL-terminated and as wr_root_open_file() has it. 0 with
 * *out held for the caller; -EAGAIN, never with now.may_wait: the disk is to be waited for
 * (wr_file_warm()); or the error of wr_root_open_file().
 * While nothing is at the path of the folder, what was there answers, where it was moved to.
 */
int wr_file_cache_get(struct wr_file_cache *c, struct wr_slice path, struct wr_file_moment now,
                      struct wr_file_entry **out);

/*
 * The same where that is all there is to do: the entry is kept, and is as the disk has it. `path` needs no
 * NUL. NULL: ask wr_file_cache_get(). Not held for the caller: wr_file_entry_ref().
 */
struct wr_file_entry *wr_file_cache_find(struct wr_file_cache *c, struct wr_slice path,
                                         struct wr_file_moment now);

/*
 * Of the codings that are accepted the best that there is: by weight, then what lies beside the
 * file before what is made on the fly, then br, zstd, gzip. 0 with *out filled; -ENODATA: none is
 * accepted, not even the identity; -EAGAIN, never with now.may_wait: the disk is to be waited for
 * (wr_file_warm()); -EINPROGRESS: out->coding is to be made (wr_encodings_make() of the identity), or
 * ask again without it in `accept`.
 */
int wr_file_cache_choose(struct wr_file_cache *c, struct wr_file_entry *e,
                         const struct wr_accept_codings *accept, struct wr_file_moment now,
                         struct wr_representation *out);

/* What wr_file_cache_choose() gave last, if that was in this turn and for the same; else NULL. As long as
 * the entry is held. */
const struct wr_representation *wr_file_cache_chosen(const struct wr_file_entry *e,
                                                     const struct wr_accept_codings *accept,
                                                     uint64_t turn);

/* Brings what a look-up of `path` beneath `folder` needs, and with siblings that of each, into the
 * kernel's memory. Waits for the disk. */
void wr_file_warm(const char *folder, const char *path, bool has_siblings);

/*
 * Is this range of the file, which does not reach past its end, in the kernel's memory? Both ends are
 * tried, and since Linux 6.5 all between them is counted (cachestat(2)). True where the kernel cannot
 * tell.
 */
bool wr_file_is_warm(int fd, uint64_t offset, uint64_t n);

/* Brings it there. Waits for the disk. */
void wr_file_read_ahead(int fd, uint64_t offset, uint64_t n);

/* ".br" with its dot: what the name of a sibling in this coding ends with. */
struct wr_slice wr_file_sibling_ending(enum wr_coding coding);

#endif
