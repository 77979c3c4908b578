/*
 * simple_body.h — bodies of a test's own handlers: memory that is pulled, as what apps write is, and a
 * piece of a file.
 */
#ifndef WR_TESTS_SIMPLE_BODY_H
#define WR_TESTS_SIMPLE_BODY_H

#include "server/body.h"

/* `release(arg)` runs when the body is closed; NULL: `p` outlives the response. NULL: no memory,
 * and release has not been called. */
struct wr_body *test_memory_body(struct wr_arena *a, struct wr_slice bytes,
                                 void (*release)(void *arg), void *arg);

/* `len` bytes of `fd` from `off`; the descriptor stays with `release`, as above. */
struct wr_body *test_file_body(struct wr_arena *a, int fd, off_t off, uint64_t len,
                               void (*release)(void *arg), void *arg);

#endif
