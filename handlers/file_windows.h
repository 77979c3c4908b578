/*
 * file_windows.h — which pieces of files were in the kernel's memory a moment ago, so that a file that
 * many clients take is not asked about by each of them.
 *
 * A few recent ones, each for WR_FILE_WINDOW_MS from when the kernel said so, however often it is sent
 * meanwhile: what has left the kernel's memory is then read on the loop for that long at most.
 *
 * Threads: the loop's.
 */
#ifndef WR_HANDLERS_FILE_WINDOWS_H
#define WR_HANDLERS_FILE_WINDOWS_H

#include "io/root.h"

#define WR_FILE_WINDOW_MS 100 /* one client a second asks each time; ten thousand share an answer */

struct wr_file_windows;

struct wr_file_window {
    int fd;
    const struct wr_file_info *info; /* of fd */
    uint64_t offset, n;              /* not past the end */
};

/* None yet; NULL: no memory. */
struct wr_file_windows *wr_file_windows_new(void);
void wr_file_windows_free(struct wr_file_windows *s); /* NULL is allowed */

/* As wr_file_is_warm(), which is asked when there is no recent answer. */
bool wr_file_windows_has(struct wr_file_windows *s, const struct wr_file_window *w, int64_t now_ms);

#endif
