/*
 * log_writer.h — lines to a descriptor or a file, by a thread of its own.
 *
 * A disk that stalls or a pipe that nobody reads must not hold up a loop: putting a line copies it
 * into a bounded buffer. When that is full, lines are dropped and counted, and the count is written
 * as a line of its own as soon as there is room.
 *
 * Lines that an error (a full disk, a pipe without a reader) keeps out of the file are counted too:
 * that batch is given up, each later line, a reopening and the end are another attempt, and when one
 * succeeds the count stands in front of it. A line of which only a part got through counts as lost;
 * that part has a line of its own.
 *
 * Several logs may share a writer: both put, and each line stays whole.
 *
 * Threads: put from any; everything else from one at a time.
 */
#ifndef WR_IO_LOG_WRITER_H
#define WR_IO_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct wr_log_writer;

#define WR_LOG_BUFFER_BYTES ((size_t)1024 * 1024) /* two of them */

/* `fd` stays the caller's and must outlive the writer. NULL with *err set to -errno. */
struct wr_log_writer *wr_log_writer_new(int fd, int *err);

/*
 * Appends to the file at `path`, which is made (rw-r--r--, less the umask) when it is missing, and
 * belongs to the writer. Also a pipe or device, which is never waited for: one without a reader is
 * -ENXIO. The path is looked up again by reopen: from the current folder of then, unless it is
 * absolute. NULL with *err set to -errno.
 */
struct wr_log_writer *wr_log_writer_open(const char *path, int *err);

/* Appends to `b` the line, without newline, that says `text` ("7 log lines lost: ..."); at most 1000
 * bytes. On the writer's thread. */
typedef void wr_log_report_fn(void *ctx, struct wr_buf *b, const char *text, size_t n);

/* How lost lines are reported from now on, in a log that has a format; NULL, as in the beginning:
 * "weir: " and the text. `ctx` must outlive the writer. */
void wr_log_writer_set_report(struct wr_log_writer *w, wr_log_report_fn *report, void *ctx);

/* On the writer's thread: writing has begun to fail, by -err. `path` is NULL of a descriptor. */
typedef void wr_log_alarm_fn(void *ctx, const char *path, int err);

/* Whom to tell: the log itself cannot say so. Once, until a line has been written again. `ctx` must
 * outlive the writer. */
void wr_log_writer_set_alarm(struct wr_log_writer *w, wr_log_alarm_fn *alarm, void *ctx);

/*
 * Opens the path anew, after the file there has been moved away, and returns without waiting for the
 * thread, which switches between two batches and closes the old file then (an old pipe that is full:
 * when its reader has taken the batch, or has gone). Lines that are put after the return go to the
 * new file; those put before to the old or the new one, each whole, once and in order. 0, or -errno:
 * then the old file is written on. A writer on a descriptor of the caller's has nothing to open: 0.
 */
int wr_log_writer_reopen(struct wr_log_writer *w);

/* `line` without its newline; false when it was dropped. Each line comes out whole. */
bool wr_log_writer_put(struct wr_log_writer *w, const char *line, size_t n);

/* Writes what is left, to a pipe or terminal for at most a second, and ends the thread. */
void wr_log_writer_free(struct wr_log_writer *w);

#endif
