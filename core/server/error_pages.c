#include "server/error_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/mime.h"
#include "server/handler.h"

/* ---- reading ---- */

static int fail(char *why, const char *path, const char *what, int err)
{
    snprintf(why, WR_WHY_MAX, "cannot use %.900s as an error page: %s", path, what);
    return err;
}

static int fail_by(char *why, const char *path, int errnum)
{
    return fail(why, path, strerrordesc_np(errnum), -errnum);
}

/* Up to `room` bytes: how many, or -errno. */
static ssize_t read_all(int fd, char *to, size_t room)
{
    size_t n = 0;

    while (n < room) {
        ssize_t got = read(fd, to + n, room - n);

        if (got == 0)
            break;
        if (got > 0)
            n += (size_t)got;
        else if (errno != EINTR)
            return -errno;
    }
    return (ssize_t)n;
}

/* The size that fstat tells is not relied on: the file may grow meanwhile. */
static int read_content(int fd, const char *path, struct wr_own_page *page, char *why)
{
    char *memory = malloc(WR_ERROR_PAGE_MAX + 1), *fitted;
    ssize_t n = memory ? read_all(fd, memory, WR_ERROR_PAGE_MAX + 1) : -ENOMEM;

    if (n < 0 || (size_t)n > WR_ERROR_PAGE_MAX) {
        free(memory);
        return n < 0 ? fail_by(why, path, (int)-n)
                     : fail(why, path, "it is larger than 1 MiB", -EFBIG);
    }
    fitted = realloc(memory, n > 0 ? (size_t)n : 1);
    page->content = fitted ? fitted : memory;
    page->n = (size_t)n;
    return 0;
}

static bool is_regular(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static int read_page(const char *path, struct wr_own_page *page, char *why)
{
    /* O_NONBLOCK: a FIFO has nobody who writes, perhaps. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;

    if (fd < 0)
        return fail_by(why, path, errno);
    err = is_regular(fd) ? read_content(fd, path, page, why)
                         : fail(why, path, "it is not a regular file", -EINVAL);
    close(fd);
    return err;
}

/* ---- the pages ---- */

static const struct wr_own_page *find(const struct wr_error_pages *p, int status)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].status == status)
            return &p->v[i];
    return NULL;
}

static int insert(struct wr_error_pages *p, const struct wr_own_page *page)
{
    struct wr_own_page *v = reallocarray(p->v, p->n + 1, sizeof *v);

    if (!v)
        return -ENOMEM;
    v[p->n] = *page;
    p->v = v;
    p->n++;
    return 0;
}

int wr_error_pages_add(struct wr_error_pages *p, int status, const char *path, char *why)
{
    struct wr_own_page page = {.status = status, .type = wr_mime_of_path(wr_slice_of(path))};
    int err;

    if (status != 4 && status != 5 && (status < 400 || status > 599))
        return fail(why, path, "it is for no status from 400 to 599, and for no class of them",
                    -EINVAL);
    if (find(p, status))
        return fail(why, path, "there is another one for this status", -EEXIST);
    err = read_page(path, &page, why);
    if (err < 0)
        return err;
    err = insert(p, &page);
    if (err == 0)
        return 0;
    free(page.content);
    return fail_by(why, path, -err);
}

const struct wr_own_page *wr_error_pages_find(const struct wr_error_pages *p, int status)
{
    const struct wr_own_page *page = p ? find(p, status) : NULL;

    return page || !p ? page : find(p, status / 100);
}

void wr_error_pages_free(struct wr_error_pages *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->v[i].content);
    free(p->v);
    *p = (struct wr_error_pages){0};
}
