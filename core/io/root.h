/*
 * root.h — files beneath a folder, and never outside of it.
 *
 * By openat2(RESOLVE_BENEATH); where that is refused (an old kernel, a container), by a walk of our
 * own with the same outcome: relative symbolic links that stay beneath the root are followed,
 * absolute ones and those that leave it are not.
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

struct wr_root {
    int fd;
    bool no_openat2; /* the walk is used; tests set it too */
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

/* 0 or -errno; -ENOTDIR when `path` is not a folder. */
int wr_root_open(struct wr_root *r, const char *path);
void wr_root_close(struct wr_root *r);

/*
 * Opens a regular file for reading. `path` is relative to the root: no leading '/', no ".." and no
 * empty part; "" is the root itself. A descriptor that the caller closes, with *info set; -EISDIR
 * for a folder; -ENOENT for a FIFO, socket or device, which is not opened.
 */
int wr_root_open_file(const struct wr_root *r, const char *path, struct wr_file_info *info);

/*
 * Is what `path` names still the file of *info, unchanged? One system call; false also when it
 * cannot be told.
 */
bool wr_root_is_unchanged(const struct wr_root *r, const char *path,
                          const struct wr_file_info *info);

/* *info of an open descriptor: 0 or -errno. */
int wr_file_info_of(int fd, struct wr_file_info *info);

/* The same file and the same version of it. */
bool wr_file_info_same(const struct wr_file_info *a, const struct wr_file_info *b);

#endif
