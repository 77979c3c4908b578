/*
 * log_writer.h — lines to a descriptor, by a thread of its own.
 *
 * A disk that stalls or a pipe that nobody reads must not hold up a loop: putting a line copies it
 * into a bounded buffer. When that is full, lines are dropped and counted, and the count is written
 * as a line of its own as soon as there is room.
 *
 * Threads: put from any; new and free from one.
 */
#ifndef WR_IO_LOG_WRITER_H
#define WR_IO_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>

struct wr_log_writer;

#define WR_LOG_BUFFER_BYTES ((size_t)1024 * 1024) /* two of them */

/* `fd` stays the caller's and must outlive the writer. NULL with *err set to -errno. */
struct wr_log_writer *wr_log_writer_new(int fd, int *err);

/* `line` without its newline; false when it was dropped. Each line comes out whole. */
bool wr_log_writer_put(struct wr_log_writer *w, const char *line, size_t n);

/* Writes what is left, to a pipe or terminal for at most a second, and ends the thread. */
void wr_log_writer_free(struct wr_log_writer *w);

#endif
