#include "server/error_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/encoder.h"
#include "http/mime.h"
#include "server/handler.h"

/* A smaller one goes into the first packets with the head, encoded or not. */
#define ENCODE_MIN 256

/* ---- reading ---- */

struct file {
    char *content; /* malloc'ed */
    size_t n;
    struct timespec mtime;
};

static int fail(char *why, const char *path, const char *what, int err)
{
    snprintf(why, WR_WHY_MAX, "cannot use %.900s as an error page: %s", path, what);
    return err;
}

static int fail_by(char *why, const char *path, int err)
{
    if (err == -EFBIG)
        return fail(why, path, "it is larger than 1 MiB", err);
    if (err == -EINVAL)
        return fail(why, path, "it is not a regular file", err);
    return fail(why, path, strerrordesc_np(-err), err);
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
static int read_content(int fd, struct file *file)
{
    char *memory = malloc(WR_ERROR_PAGE_MAX + 1), *fitted;
    ssize_t n = memory ? read_all(fd, memory, WR_ERROR_PAGE_MAX + 1) : -ENOMEM;

    if (n < 0 || (size_t)n > WR_ERROR_PAGE_MAX) {
        free(memory);
        return n < 0 ? (int)n : -EFBIG;
    }
    fitted = realloc(memory, n > 0 ? (size_t)n : 1);
    file->content = fitted ? fitted : memory;
    file->n = (size_t)n;
    return 0;
}

static int read_regular(int fd, struct file *file)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -EINVAL;
    file->mtime = st.st_mtim;
    return read_content(fd, file);
}

/* -EINVAL: not a regular file; -EFBIG: too large. */
static int read_file(const char *path, struct file *file)
{
    /* O_NONBLOCK: a FIFO has nobody who writes, perhaps. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;

    if (fd < 0)
        return -errno;
    err = read_regular(fd, file);
    close(fd);
    return err;
}

/* ---- its codings ---- */

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* What is no file, or older than the page, or cannot be read, is as if it were not there. */
static int read_sibling(const char *path, const struct file *page, struct wr_encoded_page *out)
{
    struct file file;
    int err = read_file(path, &file);

    if (err < 0)
        return err == -ENOMEM ? err : 0;
    if (file.n == 0 || is_before(file.mtime, page->mtime))
        free(file.content);
    else
        *out = (struct wr_encoded_page){file.content, file.n};
    return 0;
}

static int find_sibling(const char *path, const struct file *page, enum wr_coding coding,
                        struct wr_encoded_page *out)
{
    static const char *const endings[WR_CODINGS] = {
        [WR_CODING_GZIP] = ".gz", [WR_CODING_BR] = ".br", [WR_CODING_ZSTD] = ".zst"};
    char *name;
    int err;

    if (asprintf(&name, "%s%s", path, endings[coding]) < 0)
        return -ENOMEM;
    err = read_sibling(name, page, out);
    free(name);
    return err;
}

static int encode(const struct wr_own_page *page, enum wr_coding coding,
                  struct wr_encoded_page *out)
{
    struct wr_slice content = wr_slice(page->content, page->n);
    int err;

    if (content.n < ENCODE_MIN || !wr_mime_is_compressible(page->type))
        return 0;
    err = wr_encode(coding, WR_LEVEL_DEFAULT, content, &out->p, &out->n);
    return err == -E2BIG ? 0 : err;
}

static int add_codings(const char *path, const struct file *file, struct wr_own_page *page)
{
    int err = 0;

    for (unsigned c = WR_CODING_IDENTITY + 1; c < WR_CODINGS && err == 0; c++) {
        err = find_sibling(path, file, (enum wr_coding)c, &page->encoded[c]);
        if (err == 0 && !page->encoded[c].p)
            err = encode(page, (enum wr_coding)c, &page->encoded[c]);
    }
    return err;
}

static void page_free(struct wr_own_page *page)
{
    for (unsigned c = 0; c < WR_CODINGS; c++)
        free(page->encoded[c].p);
    free(page->content);
}

static int read_page(const char *path, struct wr_own_page *page)
{
    struct file file = {0};
    int err = read_file(path, &file);

    if (err < 0)
        return err;
    page->content = file.content;
    page->n = file.n;
    err = add_codings(path, &file, page);
    if (err < 0)
        page_free(page);
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
    err = read_page(path, &page);
    if (err < 0)
        return fail_by(why, path, err);
    err = insert(p, &page);
    if (err == 0)
        return 0;
    page_free(&page);
    return fail_by(why, path, err);
}

const struct wr_own_page *wr_error_pages_find(const struct wr_error_pages *p, int status)
{
    const struct wr_own_page *page = p ? find(p, status) : NULL;

    return page || !p ? page : find(p, status / 100);
}

bool wr_own_page_varies(const struct wr_own_page *page)
{
    for (unsigned c = 0; c < WR_CODINGS; c++)
        if (page->encoded[c].p)
            return true;
    return false;
}

enum wr_coding wr_own_page_choose(const struct wr_own_page *page, struct wr_slice accept_encoding,
                                  struct wr_slice *content)
{
    unsigned available = 1U << WR_CODING_IDENTITY;
    struct wr_accept_codings accepted;
    int best;

    for (unsigned c = 0; c < WR_CODINGS; c++)
        if (page->encoded[c].p)
            available |= 1U << c;
    wr_accept_codings_parse(accept_encoding, &accepted);
    best = wr_accept_codings_best(&accepted, available);
    if (best <= WR_CODING_IDENTITY) {
        *content = wr_slice(page->content, page->n);
        return WR_CODING_IDENTITY;
    }
    *content = wr_slice(page->encoded[best].p, page->encoded[best].n);
    return (enum wr_coding)best;
}

void wr_error_pages_free(struct wr_error_pages *p)
{
    for (size_t i = 0; i < p->n; i++)
        page_free(&p->v[i]);
    free(p->v);
    *p = (struct wr_error_pages){0};
}
