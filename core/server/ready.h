/*
 * ready.h — a whole answer as HTTP/1 sends it, in one piece of memory: nothing has to be put together
 * for it but the date, and it can be sent from where it lies.
 *
 *     [status line, Date, Server][lines of a block][Content-Length][empty line][content]
 *
 * It belongs to a block of fields (wr_field_block.ready). A response is that answer as long as it has
 * this status, this block and no other field, and this content; whatever else is said of it makes it one
 * that is put together as others are.
 *
 * Ownership: the memory is of whoever makes it, who keeps it until the last response with the block is
 *            over.
 * Threads:   of one loop, which writes the date of the second.
 */
#ifndef WR_SERVER_READY_H
#define WR_SERVER_READY_H

#include <stdint.h>

#include "base/buf.h"

#define WR_READY_CONTENT_MAX ((size_t)16 * 1024) /* with more it is put together as others are */

struct wr_ready_answer {
    int status;
    size_t n;
    char *p;                 /* all of it, n bytes */
    struct wr_slice content; /* its end */
    char *date;              /* the field line in it */
    int64_t date_s;          /* the second that it tells; INT64_MIN: none yet */
};

/* What is in front of the lines, … */
void wr_ready_start(struct wr_buf *b, int status);

/* … and between them and the content: no Content-Length with a 304 (RFC 9110 8.6). */
void wr_ready_end(struct wr_buf *b, int status, size_t content_n);

/* Bytes of both. */
size_t wr_ready_around(int status, size_t content_n);

/* Of all that, which has been written from `p` on, up to the content. */
struct wr_ready_answer wr_ready_answer(int status, char *p, struct wr_slice content);

#endif
