/*
 * root.h — files beneath a folder, and never outside of it.
 *
 * By openat2(RESOLVE_BENEATH); where that is refused (an old kernel, a container, a machine on which
 * files are renamed without end), by a walk of our own with the same outcome: relative symbolic links that stay beneath the root are followed,
 * absolute ones and those that leave it are not.
 *
 * Whether the disk is to be waited for can be asked since Linux 5.12 (RESOLVE_CACHED) and, of
 * content, 4.14 (RWF_NOWAIT); where it cannot, the functions that must not wait do.
 *
 * Threads: any, once opened.
 * Errors:  -errno: -ENOENT, -ENOTDIR, -ELOOP and -EXDEV (it would leave the root) are "not found";
 *          -EACCES is "not allowed"; anything else is the machine's trouble.
 */
#ifndef WR_IO_ROOT_H
#define WR_IO_ROOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/slice.h"

struct wr_root {
    int fd;
    bool no_openat2; /* the walk is used; tests set it too */
    bool is_memory;  /* on a file system without a disk: there is nothing to wait for */
};

enum wr_file_kind { WR_FILE_REGULAR, WR_FILE_DIRECTORY, WR_FILE_OTHER };

/* What identifies a file and a version of its content. */
struct wr_file_info {
    enum wr_file_kind kind;
    dev_t dev;
    ino_t ino;
    int64_t size;
    int64_t mtime_s, ctime_s;
    int32_t mtime_ns, ctime_ns;
};

/* Where bytes of a file go. */
struct wr_file_bytes {
    char *p;
    size_t n;
    uint64_t offset;
};

/* 0 or -errno; -ENOTDIR when `path` is not a folder. */
int wr_root_open(struct wr_root *r, const char *path);
void wr_root_close(struct wr_root *r);

/*
 * Opens a regular file for reading. `path` is relative to the root: no leading '/', no ".." and no
 * empty part; "" is the root itself. A descriptor that the caller closes, with *info set; -EISDIR
 * for a folder; -ENOENT for a FIFO, socket or device, which is not opened.
 */
int wr_root_open_file(const struct wr_root *r, const char *path, struct wr_file_info *info);

/* The same, but -EAGAIN when the look-up would wait for the disk. */
int wr_root_open_file_cached(const struct wr_root *r, const char *path, struct wr_file_info *info);

/* The same of what was a regular file not long ago, so that it is opened without a look at what it is. Should
 * it have become a FIFO or a device meanwhile, that is opened, without waiting, and closed. */
int wr_root_reopen_file_cached(const struct wr_root *r, const char *path,
                               struct wr_file_info *info);

/* Would a look-up of `path` go without waiting, whatever comes of it? True where it cannot be told. */
bool wr_root_is_cached(const struct wr_root *r, const char *path);

/*
 * Is what the absolute `path` names still the file of *info, unchanged? One system call; false also
 * when it cannot be told.
 */
bool wr_file_is_unchanged(const char *path, const struct wr_file_info *info);

/* A name in a folder, and what is behind it: a regular file or a folder. */
struct wr_folder_entry {
    struct wr_slice name; /* any octets but NUL and '/'; a NUL is behind it */
    struct wr_file_info info;
};

/* What is in a folder, in no order. */
struct wr_folder {
    struct wr_folder_entry *v;
    size_t n;
    bool is_cut; /* there is more than the limits let in */
    char *names; /* which `v` points into */
};

struct wr_folder_limits {
    size_t entries;
    size_t names; /* bytes, of all of them, each with its NUL */
};

/*
 * Reads the folder at `path`, which is as above, or with a '/' behind it. 0, with *out to be freed;
 * else -errno, and nothing is to be freed: -ENOTDIR for what is no folder, -EACCES for one that may
 * not be read, or not be searched. Blocks for as long as the disk takes: a system call a name.
 *
 * A symbolic link counts as what it leads to. Left out is what wr_root_open_file() would not find
 * either (a link that leaves the root, leads nowhere or to itself; a FIFO, socket or device), and
 * what vanishes meanwhile. A file that may not be read is an entry like others. Whatever is added
 * or renamed meanwhile may be in it or not.
 */
int wr_root_read_folder(const struct wr_root *r, const char *path,
                        const struct wr_folder_limits *limits, struct wr_folder *out);

/* It is empty then. */
void wr_folder_free(struct wr_folder *f);

/* *info of an open descriptor: 0 or -errno. */
int wr_file_info_of(int fd, struct wr_file_info *info);

/*
 * pread(2), which no signal interrupts: bytes read, 0 at the end, or -errno. Without `may_wait`
 * -EAGAIN when the first of them would have to come from the disk.
 */
ssize_t wr_file_read(int fd, struct wr_file_bytes to, bool may_wait);

/* The same file and the same version of it. */
bool wr_file_info_same(const struct wr_file_info *a, const struct wr_file_info *b);

#endif
