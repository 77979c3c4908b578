#include "simple_body.h"

#include <stdint.h>

#include "base/list.h"

#define PIECE_MAX (1U << 30) /* a size_t on every machine, and more than any budget */

struct simple_body {
    struct wr_body base;
    struct wr_slice bytes; /* of memory */
    int fd;                /* of a file */
    off_t off;
    uint64_t left;
    void (*release)(void *arg);
    void *arg;
};

static struct simple_body *simple_of(struct wr_body *b)
{
    return WR_CONTAINER_OF(b, struct simple_body, base);
}

static int memory_peek(struct wr_body *base, struct wr_piece *out, int max)
{
    struct simple_body *b = simple_of(base);

    (void)max;
    if (b->bytes.n == 0)
        return 0;
    *out = (struct wr_piece){.mem = b->bytes.p, .fd = -1, .len = b->bytes.n};
    return 1;
}

static void memory_advance(struct wr_body *base, size_t n)
{
    struct simple_body *b = simple_of(base);

    b->bytes = wr_slice_from(b->bytes, n);
}

static int file_peek(struct wr_body *base, struct wr_piece *out, int max)
{
    struct simple_body *b = simple_of(base);

    (void)max;
    if (b->left == 0)
        return 0;
    *out = (struct wr_piece){
        .fd = b->fd, .off = b->off, .len = b->left < PIECE_MAX ? (size_t)b->left : PIECE_MAX};
    return 1;
}

static void file_advance(struct wr_body *base, size_t n)
{
    struct simple_body *b = simple_of(base);

    b->off += (off_t)n;
    b->left -= n;
}

static void simple_close(struct wr_body *base)
{
    struct simple_body *b = simple_of(base);

    if (b->release)
        b->release(b->arg);
}

static const struct wr_body_ops memory_ops = {memory_peek, memory_advance, simple_close};
static const struct wr_body_ops file_ops = {file_peek, file_advance, simple_close};

struct wr_body *test_memory_body(struct wr_arena *a, struct wr_slice bytes,
                                 void (*release)(void *arg), void *arg)
{
    struct simple_body *b = wr_arena_alloc(a, sizeof *b);

    if (!b)
        return NULL;
    *b = (struct simple_body){{&memory_ops}, .bytes = bytes, .release = release, .arg = arg};
    return &b->base;
}

struct wr_body *test_file_body(struct wr_arena *a, int fd, off_t off, uint64_t len,
                               void (*release)(void *arg), void *arg)
{
    struct simple_body *b = wr_arena_alloc(a, sizeof *b);

    if (!b)
        return NULL;
    *b = (struct simple_body){{&file_ops}, .fd = fd,           .off = off,
                              .left = len, .release = release, .arg = arg};
    return &b->base;
}
