#include "temp_folder.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void check(bool claim)
{
    if (!claim)
        abort();
}

void temp_folder_init(struct temp_folder *f)
{
    snprintf(f->path, sizeof f->path, "/tmp/weir-test-XXXXXX");
    check(mkdtemp(f->path) != NULL);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void temp_folder_fini(struct temp_folder *f)
{
    check(nftw(f->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

const char *temp_path(const struct temp_folder *f, const char *name)
{
    static char path[512];
    int n = snprintf(path, sizeof path, "%s/%s", f->path, name);

    check(n > 0 && (size_t)n < sizeof path);
    return path;
}

void temp_folder_add(const struct temp_folder *f, const char *name)
{
    check(mkdir(temp_path(f, name), 0755) == 0);
}

void temp_file_write(const struct temp_folder *f, const char *name, struct wr_slice content)
{
    int fd = open(temp_path(f, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    check(fd >= 0);
    check(write(fd, content.p, content.n) == (ssize_t)content.n);
    close(fd);
}

void temp_file_fill(const struct temp_folder *f, const char *name, size_t size)
{
    char *content = malloc(size + 1);

    check(content != NULL);
    for (size_t i = 0; i < size; i++)
        content[i] = (char)('a' + i % 23);
    temp_file_write(f, name, wr_slice(content, size));
    free(content);
}

void temp_file_date(const struct temp_folder *f, const char *name, int64_t mtime_s)
{
    const struct timespec times[2] = {{.tv_sec = mtime_s}, {.tv_sec = mtime_s}};

    check(utimensat(AT_FDCWD, temp_path(f, name), times, 0) == 0);
}
