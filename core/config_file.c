#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "weir.h"

#define CONFIG_MAX ((size_t)16 * 1024 * 1024)
#define PIECE      ((size_t)16 * 1024)

/* What follows until the end, behind `*n` bytes at *text. */
static int read_rest(int fd, char **text, size_t *n)
{
    for (;;) {
        char *grown = realloc(*text, *n + PIECE + 1);
        ssize_t got;

        if (!grown)
            return -ENOMEM;
        *text = grown;
        do
            got = read(fd, grown + *n, PIECE);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            return -errno;
        *n += (size_t)got;
        grown[*n] = '\0';
        if (got == 0)
            return 0;
        if (*n > CONFIG_MAX)
            return -EFBIG;
    }
}

/* The folder by the name that was given: where a link points to does not matter. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *named = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    char *folder = named ? realpath(named, NULL) : NULL;

    free(named);
    return folder;
}

int wr_config_file_read(const char *path, char **text, size_t *n, char **folder)
{
    /* A pipe without a writer is no reason to wait; one with a writer is read to its end. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int err;

    *text = *folder = NULL;
    *n = 0;
    if (fd < 0)
        return -errno;
    err = fcntl(fd, F_SETFL, 0) < 0 ? -errno : read_rest(fd, text, n);
    close(fd);
    if (err == 0 && !(*folder = folder_of(path)))
        err = -errno;
    if (err == 0)
        return 0;
    free(*text);
    free(*folder);
    *text = *folder = NULL;
    return err;
}
