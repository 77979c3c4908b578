/* What waits for the disk so that a loop does not: the functions of file_cache.h for any thread. */
#include "handlers/file_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"

#define READ_BYTES 32768 /* at once, into the stack */

#ifndef SYS_cachestat /* newer than the headers of Debian 12; the same on every architecture */
#    define SYS_cachestat 451
#endif

/* Of linux/mman.h, since 6.5. */
struct cachestat_range {
    uint64_t off, len;
};

struct cachestat {
    uint64_t nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recently_evicted;
};

enum warmth { COLD, WARM, UNKNOWN };

static enum warmth probe(int fd, uint64_t offset)
{
    char byte;
    const struct iovec v = {&byte, 1};
    ssize_t n;

    do
        n = preadv2(fd, &v, 1, (off_t)offset, RWF_NOWAIT);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return WARM;
    return errno == EAGAIN ? COLD : UNKNOWN;
}

/* The pages between the ends. Also true without the call, or without the right to it (6.14 wants that
 * the file could be written): the ends have to do then. */
static bool is_all_cached(int fd, uint64_t offset, uint64_t n, uint64_t page)
{
    const struct cachestat_range range = {offset, n};
    uint64_t pages = (offset + n - 1) / page - offset / page + 1;
    struct cachestat found = {0};

    return syscall(SYS_cachestat, fd, &range, &found, 0) < 0 || found.nr_cache >= pages;
}

bool wr_file_is_warm(int fd, uint64_t offset, uint64_t n)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    enum warmth first;

    if (n == 0)
        return true;
    first = probe(fd, offset);
    if (first != WARM || offset / page == (offset + n - 1) / page)
        return first != COLD;
    if (probe(fd, offset + n - 1) == COLD)
        return false;
    return is_all_cached(fd, offset, n, page);
}

void wr_file_read_ahead(int fd, uint64_t offset, uint64_t n)
{
    char bytes[READ_BYTES];

    /* Lets the disk have it in large pieces; but only reading waits until it is there. */
    (void)readahead(fd, (off_t)offset, (size_t)n);
    while (n > 0) {
        struct wr_file_bytes to = {bytes, n < sizeof bytes ? (size_t)n : sizeof bytes, offset};
        ssize_t got = wr_file_read(fd, to, true);

        if (got <= 0)
            return; /* who sends it meets that too */
        offset += (uint64_t)got;
        n -= (uint64_t)got;
    }
}

static void warm_one(const struct wr_root *root, const char *path)
{
    struct wr_file_info info;
    int fd = wr_root_open_file(root, path, &info);

    if (fd < 0)
        return;
    if (info.size <= WR_FILE_CONTENT_MAX)
        wr_file_read_ahead(fd, 0, (uint64_t)info.size);
    close(fd);
}

void wr_file_warm(const char *folder, const char *path, bool has_siblings)
{
    struct wr_root root;

    if (wr_root_open(&root, folder) < 0)
        return;
    warm_one(&root, path);
    for (enum wr_coding coding = WR_CODING_GZIP; has_siblings && coding < WR_CODINGS; coding++) {
        char memory[PATH_MAX];
        struct wr_buf sibling = wr_buf_on(memory, sizeof memory);

        wr_buf_slice_append(&sibling, wr_slice_of(path));
        wr_buf_slice_append(&sibling, wr_file_sibling_ending(coding));
        wr_buf_char(&sibling, '\0');
        if (!sibling.overflow)
            warm_one(&root, memory);
    }
    wr_root_close(&root);
}
