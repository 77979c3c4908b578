#include "io/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINKS_MAX 40 /* followed in one path, as the kernel has it */
#define RACES_MAX 8  /* times to try again when a rename runs against the look-up */

#define FOLDER_BATCH ((size_t)32 * 1024) /* bytes of names that one system call reads */

void wr_root_close(struct wr_root *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

/* File systems that also forget which names they do not have: RESOLVE_CACHED would say of each such
 * look-up that it waits. */
static bool is_memory(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

int wr_root_open(struct wr_root *r, const char *path)
{
    struct stat st;

    *r = (struct wr_root){.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (r->fd < 0)
        return -errno;
    /* O_PATH asks for no right to the folder itself: without that nothing in it would be found. */
    if (fstatat(r->fd, ".", &st, 0) < 0) {
        int err = -errno;

        wr_root_close(r);
        return err;
    }
    r->is_memory = is_memory(r->fd);
    return 0;
}

static void info_of_stat(const struct stat *st, struct wr_file_info *info)
{
    *info = (struct wr_file_info){
        .kind = S_ISREG(st->st_mode)   ? WR_FILE_REGULAR
                : S_ISDIR(st->st_mode) ? WR_FILE_DIRECTORY
                                       : WR_FILE_OTHER,
        .dev = st->st_dev,
        .ino = st->st_ino,
        .size = st->st_size,
        .mtime_s = st->st_mtim.tv_sec,
        .ctime_s = st->st_ctim.tv_sec,
        .mtime_ns = (int32_t)st->st_mtim.tv_nsec,
        .ctime_ns = (int32_t)st->st_ctim.tv_nsec,
    };
}

int wr_file_info_of(int fd, struct wr_file_info *info)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    info_of_stat(&st, info);
    return 0;
}

bool wr_file_info_same(const struct wr_file_info *a, const struct wr_file_info *b)
{
    return a->kind == b->kind && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s &&
           a->ctime_ns == b->ctime_ns;
}

bool wr_file_is_unchanged(const char *path, const struct wr_file_info *info)
{
    struct wr_file_info now;
    struct stat st;

    /* May follow a link out of a root: harmless, for only the file that was once found beneath it
     * compares equal. */
    if (fstatat(AT_FDCWD, path, &st, AT_NO_AUTOMOUNT) < 0)
        return false;
    info_of_stat(&st, &now);
    return wr_file_info_same(&now, info);
}

ssize_t wr_file_read(int fd, struct wr_file_bytes to, bool may_wait)
{
    const struct iovec v = {to.p, to.n};
    ssize_t n;

    do {
        n = may_wait ? pread(fd, to.p, to.n, (off_t)to.offset)
                     : preadv2(fd, &v, 1, (off_t)to.offset, RWF_NOWAIT);
        if (n < 0 && !may_wait && (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS)) {
            may_wait = true; /* it cannot tell */
            errno = EINTR;
        }
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* ---- opening beneath a folder ---- */

static int openat2_cached(int dir_fd, const char *path, int flags)
{
    const struct open_how how = {
        .flags = (uint64_t)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED,
    };
    long fd;

    do
        fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : (int)fd;
}

static int openat2_beneath(int dir_fd, const char *path, int flags)
{
    const struct open_how how = {.flags = (uint64_t)flags,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd;

    for (int i = 0; i < RACES_MAX; i++) {
        fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            break;
    }
    return -errno;
}

/*
 * The walk: `done` is the part that holds no link, `rest` what is still to be resolved. What is
 * behind a part keeps its '/', for that alone says that the part must be a folder.
 */
struct walk {
    char done[PATH_MAX], rest[PATH_MAX];
    int links;
};

/* Puts the target of a link in front of what is left to resolve. */
static int splice_link(struct walk *w, const char *target, size_t n, const char *tail)
{
    size_t tail_n = strlen(tail);

    if (++w->links > LINKS_MAX)
        return -ELOOP;
    if (n == 0 || target[0] == '/')
        return -EXDEV;
    if (n + tail_n >= sizeof w->rest)
        return -ENAMETOOLONG;
    memmove(w->rest + n, tail, tail_n + 1);
    memcpy(w->rest, target, n);
    return 0;
}

/* Takes the last part off `done`; -EXDEV at the root. */
static int climb(struct walk *w)
{
    char *slash = strrchr(w->done, '/');

    if (!w->done[0])
        return -EXDEV;
    if (slash)
        *slash = '\0';
    else
        w->done[0] = '\0';
    return 0;
}

/* Opens `path`, which holds no link, part by part without following one: O_PATH. */
static int open_plain(int root_fd, const char *path)
{
    int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);

    while (fd >= 0 && *path) {
        size_t n = strcspn(path, "/");
        char
            part[PATH_MAX]; /* that it is too long is the system's to say, after what goes before */
        int next;

        if (n >= sizeof part) {
            close(fd);
            return -ENAMETOOLONG;
        }
        memcpy(part, path, n);
        part[n] = '\0';
        next = openat(fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            next = -errno;
        close(fd);
        fd = next;
        path += n + (path[n] == '/');
    }
    return fd;
}

/* Reads what `fd`, opened by O_PATH, is: 0 with *n of 0 for no link, else with its target. */
static int read_link(int fd, char target[static PATH_MAX], size_t *n, bool *is_folder)
{
    struct stat st;
    ssize_t len = 0;

    if (fstat(fd, &st) < 0)
        return -errno;
    *is_folder = S_ISDIR(st.st_mode);
    if (S_ISLNK(st.st_mode))
        len = readlinkat(fd, "", target, PATH_MAX);
    if (len < 0)
        return -errno;
    *n = (size_t)len;
    return len == PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Appends a part to `done` and looks at it: a link is spliced into the rest. */
static int descend(int root_fd, struct walk *w, size_t n, const char *tail)
{
    char target[PATH_MAX];
    size_t done_n = strlen(w->done), at = done_n + (done_n > 0), target_n = 0;
    bool is_folder = false;
    int fd, err;

    if (at + n >= sizeof w->done)
        return -ENAMETOOLONG;
    if (done_n > 0)
        w->done[done_n] = '/';
    memcpy(w->done + at, w->rest, n);
    w->done[at + n] = '\0';
    fd = open_plain(root_fd, w->done);
    if (fd < 0)
        return fd;
    err = read_link(fd, target, &target_n, &is_folder);
    close(fd);
    if (err < 0)
        return err;
    if (target_n > 0) {
        w->done[done_n] = '\0';
        return splice_link(w, target, target_n, tail);
    }
    if (*tail && !is_folder)
        return -ENOTDIR;
    memmove(w->rest, tail, strlen(tail) + 1);
    return 0;
}

/* "." and "..", too, are looked up in a folder, which has to allow it. */
static int check_searchable(int root_fd, const char *path)
{
    struct stat st;
    int fd = open_plain(root_fd, path), err;

    if (fd < 0)
        return fd;
    err = fstatat(fd, ".", &st, 0) < 0 ? -errno : 0;
    close(fd);
    return err;
}

/* What openat2_beneath() does, for kernels and containers that refuse it, and busy ones. */
static int walk_beneath(int root_fd, const char *path, int flags)
{
    struct walk w = {.links = 0};
    int fd, err = 0;
    const char *last;

    if (strlen(path) >= sizeof w.rest)
        return -ENAMETOOLONG;
    memcpy(w.rest, path, strlen(path) + 1);
    while (err == 0 && w.rest[0]) {
        size_t n = strcspn(w.rest, "/");
        const char *tail = w.rest + (n > 0 ? n : 1);

        bool is_dots = n <= 2 && memcmp(w.rest, "..", n) == 0;

        if (n > 0 && !is_dots) {
            err = descend(root_fd, &w, n, tail);
            continue;
        }
        if (n > 0)
            err = check_searchable(root_fd, w.done);
        if (n == 2 && err == 0)
            err = climb(&w);
        memmove(w.rest, tail, strlen(tail) + 1);
    }
    if (err < 0)
        return err;
    last = strrchr(w.done, '/');
    if (last)
        w.done[last - w.done] = '\0';
    fd = last ? open_plain(root_fd, w.done) : fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0) {
        const char *name = last ? last + 1 : w.done[0] ? w.done : ".";
        int file_fd = openat(fd, name, flags | O_NOFOLLOW);

        err = file_fd < 0 ? -errno : file_fd;
        close(fd);
        fd = err;
    }
    return fd;
}

static int open_beneath(const struct wr_root *r, const char *path, int flags)
{
    int fd;

    if (!*path)
        path = ".";
    if (r->no_openat2)
        return walk_beneath(r->fd, path, flags);
    fd = openat2_beneath(r->fd, path, flags);
    /* -EAGAIN: whenever something is renamed, anywhere on the machine, it will not follow "..". */
    if (fd == -ENOSYS || fd == -EPERM || fd == -EAGAIN)
        return walk_beneath(r->fd, path, flags);
    return fd;
}

#define FILE_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static int error_of_kind(enum wr_file_kind kind)
{
    return kind == WR_FILE_REGULAR ? 0 : kind == WR_FILE_DIRECTORY ? -EISDIR : -ENOENT;
}

/* Takes what open_beneath() or openat2_cached() has said: only a regular file stays open. */
static int keep_regular(int fd, struct wr_file_info *info)
{
    int err;

    if (fd < 0)
        return fd;
    err = wr_file_info_of(fd, info);
    if (err == 0)
        err = error_of_kind(info->kind);
    if (err == 0)
        return fd;
    close(fd);
    return err;
}

static bool cannot_ask(int err)
{
    return err == -EINVAL || err == -ENOSYS ||
           err == -EPERM; /* before 5.12, before 5.6, a container */
}

/* What is there, without opening it: O_PATH, which even of a device does nothing. 0 for a regular
 * file; -EOPNOTSUPP: it cannot be asked like this. */
static int look_cached(const struct wr_root *r, const char *path)
{
    struct wr_file_info info = {.kind = WR_FILE_OTHER};
    int fd, err;

    if (r->no_openat2 || r->is_memory)
        return -EOPNOTSUPP;
    fd = openat2_cached(r->fd, path, O_PATH | O_CLOEXEC);
    if (cannot_ask(fd))
        return -EOPNOTSUPP;
    if (fd < 0)
        return fd;
    err = wr_file_info_of(fd, &info);
    close(fd);
    return err < 0 ? err : error_of_kind(info.kind);
}

bool wr_root_is_cached(const struct wr_root *r, const char *path)
{
    return look_cached(r, *path ? path : ".") != -EAGAIN;
}

int wr_root_open_file_cached(const struct wr_root *r, const char *path, struct wr_file_info *info)
{
    int fd;

    path = *path ? path : ".";
    fd = look_cached(r, path);
    if (fd == 0) /* what is swapped in between is caught as below */
        fd = openat2_cached(r->fd, path, FILE_FLAGS);
    return fd == -EOPNOTSUPP || cannot_ask(fd) ? wr_root_open_file(r, path, info)
                                               : keep_regular(fd, info);
}

int wr_root_reopen_file_cached(const struct wr_root *r, const char *path, struct wr_file_info *info)
{
    int fd = r->no_openat2 || r->is_memory ? -ENOSYS : openat2_cached(r->fd, path, FILE_FLAGS);

    if (cannot_ask(fd))
        fd = open_beneath(r, path, FILE_FLAGS);
    return fd >= 0 || fd == -EAGAIN ? keep_regular(fd, info)
                                    : wr_root_open_file_cached(r, path, info);
}

/* A folder that may be searched and not read is one all the same: what it is takes no right to it. */
static int error_of_refused(const struct wr_root *r, const char *path)
{
    int fd = open_beneath(r, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -EACCES;
    close(fd);
    return -EISDIR;
}

int wr_root_open_file(const struct wr_root *r, const char *path, struct wr_file_info *info)
{
    struct stat st;
    int fd;

    /* Looked at before it is opened: opening a device may do something, a FIFO may wait. What is
     * swapped in between is caught below, and O_NONBLOCK keeps it from waiting. */
    if (fstatat(r->fd, *path ? path : ".", &st, AT_NO_AUTOMOUNT) == 0 && !S_ISREG(st.st_mode) &&
        !S_ISDIR(st.st_mode))
        return -ENOENT;
    fd = open_beneath(r, path, FILE_FLAGS);
    if (fd == -EACCES)
        return error_of_refused(r, path);
    return keep_regular(fd, info);
}

/* ---- folders ---- */

struct folder_reader {
    const struct wr_root *root;
    const struct wr_folder_limits *limits;
    int fd; /* the folder's */
    struct wr_folder *out;
    size_t cap, names_n, names_cap;
    size_t base;         /* bytes of `path` that are the folder's, with the '/' */
    char path[PATH_MAX]; /* of the entry that is looked at, beneath the root */
};

void wr_folder_free(struct wr_folder *f)
{
    free(f->v);
    free(f->names);
    *f = (struct wr_folder){0};
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Of a kind that is never an entry, by what the folder itself says of it; a look at it is saved. */
static bool is_special(const struct dirent64 *d)
{
    return d->d_type == DT_FIFO || d->d_type == DT_SOCK || d->d_type == DT_CHR ||
           d->d_type == DT_BLK;
}

/* What the link, whose name `path` ends in, leads to. It is never opened for reading: O_PATH. */
static int look_behind(const struct folder_reader *reader, struct wr_file_info *info)
{
    int fd = open_beneath(reader->root, reader->path, O_PATH | O_CLOEXEC), err;

    if (fd < 0)
        return fd;
    err = wr_file_info_of(fd, info);
    close(fd);
    return err;
}

static int look_at(struct folder_reader *reader, struct wr_slice name, struct wr_file_info *info)
{
    struct stat st;

    if (name.n >= sizeof reader->path - reader->base)
        return -ENAMETOOLONG; /* no path leads to it */
    memcpy(reader->path + reader->base, name.p, name.n + 1);
    if (fstatat(reader->fd, name.p, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode))
        return look_behind(reader, info);
    info_of_stat(&st, info);
    return 0;
}

/* Room for one more entry and its name. */
static int make_room(struct folder_reader *reader, size_t name_n)
{
    struct wr_folder *out = reader->out;

    if (out->n == reader->cap) {
        size_t cap = reader->cap > 0 ? 2 * reader->cap : 64;
        struct wr_folder_entry *v = reallocarray(out->v, cap, sizeof *v);

        if (!v)
            return -ENOMEM;
        out->v = v;
        reader->cap = cap;
    }
    if (name_n >= reader->names_cap - reader->names_n) {
        size_t cap = 2 * reader->names_cap + NAME_MAX + 1 + name_n;
        char *names = realloc(out->names, cap);

        if (!names)
            return -ENOMEM;
        out->names = names;
        reader->names_cap = cap;
    }
    return 0;
}

static int add_entry(struct folder_reader *reader, struct wr_slice name,
                     const struct wr_file_info *info)
{
    struct wr_folder *out = reader->out;
    int err;

    if (out->n >= reader->limits->entries || name.n >= reader->limits->names - reader->names_n) {
        out->is_cut = true;
        return 0;
    }
    err = make_room(reader, name.n);
    if (err < 0)
        return err;
    memcpy(out->names + reader->names_n, name.p, name.n + 1);
    reader->names_n += name.n + 1;
    out->v[out->n++] = (struct wr_folder_entry){{NULL, name.n}, *info};
    return 0;
}

/* Trouble with one name leaves that out; without memory or descriptors it would be any name. */
static bool is_trouble_of_all(int err)
{
    return err == -ENOMEM || err == -EMFILE || err == -ENFILE;
}

static int take_name(struct folder_reader *reader, const struct dirent64 *d)
{
    struct wr_file_info info = {.kind = WR_FILE_OTHER};
    struct wr_slice name = wr_slice_of(d->d_name);
    int err;

    if (is_dots(d->d_name) || is_special(d))
        return 0;
    err = look_at(reader, name, &info);
    if (err == 0 && info.kind != WR_FILE_OTHER)
        return add_entry(reader, name, &info);
    return is_trouble_of_all(err) ? err : 0;
}

/* By the system call: readdir() is for one thread. */
static int read_entries(struct folder_reader *reader, char *batch)
{
    ssize_t n;
    int err = 0;

    while ((n = getdents64(reader->fd, batch, FOLDER_BATCH)) > 0) {
        for (ssize_t at = 0; at < n && err == 0 && !reader->out->is_cut;) {
            const struct dirent64 *d = (const struct dirent64 *)(const void *)(batch + at);

            err = take_name(reader, d);
            at += d->d_reclen;
        }
        if (err < 0 || reader->out->is_cut)
            return err;
    }
    return n < 0 ? -errno : 0;
}

/* The names have moved while they grew, so that entries are told only now where theirs is. */
static void place_names(struct wr_folder *f)
{
    const char *name = f->names;

    for (size_t i = 0; i < f->n; i++) {
        f->v[i].name.p = name;
        name += f->v[i].name.n + 1;
    }
}

static int read_folder(struct folder_reader *reader)
{
    struct stat st;
    char *batch;
    int err;

    /* One that may be read and not searched has names, and nothing behind them. */
    if (fstatat(reader->fd, ".", &st, 0) < 0)
        return -errno;
    batch = malloc(FOLDER_BATCH);
    err = batch ? read_entries(reader, batch) : -ENOMEM;
    free(batch);
    if (err == 0)
        place_names(reader->out);
    else
        wr_folder_free(reader->out);
    return err;
}

int wr_root_read_folder(const struct wr_root *r, const char *path,
                        const struct wr_folder_limits *limits, struct wr_folder *out)
{
    struct folder_reader reader = {.root = r, .limits = limits, .out = out};
    int err;

    *out = (struct wr_folder){0};
    /* O_DIRECTORY: what is no folder is not opened at all. */
    reader.fd = open_beneath(r, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (reader.fd < 0)
        return reader.fd;
    reader.base = strlen(path); /* less than PATH_MAX, or it could not have been opened */
    memcpy(reader.path, path, reader.base);
    if (reader.base > 0 && path[reader.base - 1] != '/')
        reader.path[reader.base++] = '/';
    err = read_folder(&reader);
    close(reader.fd);
    return err;
}
