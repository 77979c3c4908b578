#include "app/private_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE   ((size_t)64 * 1024)
#define STALE_S 60 /* younger ones may be between being made and being locked */

const char *wr_private_copy_parent(int index)
{
    const char *folders[] = {secure_getenv("XDG_RUNTIME_DIR"), secure_getenv("TMPDIR"), "/tmp",
                             "/var/tmp"};
    int n = 0;

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (folders[i] && folders[i][0] == '/' && n++ == index)
            return folders[i];
    return NULL;
}

/* ---- what a process that was killed has left ---- */

/* Is it ours, old, and locked by nobody? Its descriptor then, with the lock; else -1. */
static int lock_stale(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 07777) == 0700 &&
        time(NULL) - st.st_mtim.tv_sec > STALE_S && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Whatever is in it: a copy, which has one name. */
static void remove_folder(const char *folder)
{
    char pattern[PATH_MAX];
    glob_t found;

    /* glob(3) reads the environment only for a '~'. NOLINTBEGIN(concurrency-mt-unsafe) */
    if (snprintf(pattern, sizeof pattern, "%s/*", folder) < PATH_MAX &&
        glob(pattern, GLOB_NOSORT | GLOB_PERIOD, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]); /* fails for "." and ".." */
        globfree(&found);
    }
    rmdir(folder);
}

static void remove_stale(const char *parent)
{
    char pattern[PATH_MAX];
    glob_t found;

    if (snprintf(pattern, sizeof pattern, "%s/weir-plugin-??????", parent) >= PATH_MAX ||
        glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        int fd = lock_stale(found.gl_pathv[i]);

        if (fd < 0)
            continue;
        remove_folder(found.gl_pathv[i]);
        close(fd);
    }
    globfree(&found);
} /* NOLINTEND(concurrency-mt-unsafe) */

/* ---- the copy ---- */

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);

        if (put < 0 && errno != EINTR)
            return -errno;
        if (put > 0) {
            p += put;
            n -= (size_t)put;
        }
    }
    return 0;
}

static int copy_bytes(int from, int to)
{
    char *buffer = malloc(PIECE);
    off_t at = 0;
    ssize_t n = 1;
    int err = buffer ? 0 : -ENOMEM;

    while (err == 0 && n != 0) {
        n = pread(from, buffer, PIECE, at);
        if (n > 0) {
            err = write_all(to, buffer, (size_t)n);
            at += n;
        } else if (n < 0 && errno != EINTR) {
            err = -errno;
        }
    }
    free(buffer);
    return err;
}

static int make_folder(struct wr_private_copy *c, const char *parent)
{
    if (snprintf(c->folder, sizeof c->folder, "%s/weir-plugin-XXXXXX", parent) >= PATH_MAX) {
        c->folder[0] = '\0';
        return -ENAMETOOLONG;
    }
    if (!mkdtemp(c->folder)) {
        c->folder[0] = '\0';
        return -errno;
    }
    c->lock_fd = open(c->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->lock_fd < 0 || flock(c->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return -errno;
    return 0;
}

static int make_file(struct wr_private_copy *c, const char *name, int fd)
{
    const char *slash = strrchr(name, '/');
    int to, err;

    if (snprintf(c->file, sizeof c->file, "%s/%s", c->folder, slash ? slash + 1 : name) >=
        PATH_MAX) {
        c->file[0] = '\0';
        return -ENAMETOOLONG;
    }
    for (char *p = strrchr(c->file, '/'); *p; p++)
        if (*p == '$') /* dlopen(3) would put something in its place */
            *p = '_';
    to = open(c->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (to < 0)
        return -errno;
    err = copy_bytes(fd, to);
    if (close(to) < 0 && err == 0)
        err = -errno;
    return err;
}

int wr_private_copy_make(struct wr_private_copy *c, const char *parent, const char *name, int fd)
{
    int err;

    c->folder[0] = c->file[0] = '\0';
    c->lock_fd = -1;
    remove_stale(parent);
    err = make_folder(c, parent);
    if (err == 0)
        err = make_file(c, name, fd);
    if (err < 0)
        wr_private_copy_remove(c);
    return err;
}

void wr_private_copy_remove(struct wr_private_copy *c)
{
    if (c->file[0])
        unlink(c->file);
    if (c->folder[0])
        rmdir(c->folder);
    if (c->lock_fd >= 0)
        close(c->lock_fd);
    c->file[0] = c->folder[0] = '\0';
    c->lock_fd = -1;
}
