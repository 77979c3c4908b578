/*
 * file_body.h — the bytes of an answer that come from a file, in one piece or several with texts
 * between them (multipart/byteranges), as a body of the server.
 *
 * Large files go out in windows: before each the kernel is asked whether it has it in memory, unless
 * another request has heard so a moment ago (file_windows.h); if it has not, a thread reads it, so that sendfile does not wait for the disk on the loop. A file that is
 * written over meanwhile, or cut, breaks the answer off: half of one version and half of another is
 * none. One that was removed or replaced by another is sent as it was, and one that grows as far as it
 * went when the answer began.
 *
 * Ownership: it lies in the arena of its request, and holds nothing: who made it holds the file until
 *            the response is over, and calls wr_file_body_end() then.
 * Threads:   the loop of the request.
 */
#ifndef WR_HANDLERS_FILE_BODY_H
#define WR_HANDLERS_FILE_BODY_H

#include <weir/app.h>

#include "handlers/chores.h"
#include "handlers/file_cache.h"
#include "handlers/file_windows.h"
#include "server/body.h"

/* `n` bytes of memory, or (mem NULL) of the file from `offset`. */
struct wr_file_piece {
    const char *mem;
    uint64_t offset, n;
};

struct wr_file_body_setup {
    weir_environ *env;
    struct wr_chores *chores;
    struct wr_file_windows *windows;
    struct wr_file_entry *entry; /* held until the response is over, as are the next three */
    int fd;
    const struct wr_file_info *info; /* of fd, when the head was made */
    const struct wr_file_piece *pieces;
    size_t pieces_n;
};

struct wr_file_body {
    struct wr_body base;
    weir_environ *env;
    struct wr_chores *chores;
    struct wr_file_windows *windows;
    struct wr_file_entry *entry;
    int fd;
    const struct wr_file_info *info;
    const struct wr_file_piece *pieces; /* what is left */
    size_t pieces_n;
    uint64_t at;          /* of the first piece: what has been sent */
    uint64_t warm;        /* of the first piece: up to here it may go out */
    uint64_t looked_turn; /* of the loop, when it was seen last that the file is as it was */
    bool is_read;         /* a thread has just read what comes: the kernel is not asked again */
    struct wr_waiter waiter;
};

/* The body, in the caller's memory. */
void wr_file_body_init(struct wr_file_body *b, const struct wr_file_body_setup *setup);

/* Nobody waits for it any more. */
void wr_file_body_end(struct wr_file_body *b);

#endif
