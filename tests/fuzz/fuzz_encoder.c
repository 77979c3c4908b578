/*
 * fuzz_encoder.c — however content comes and whatever room there is: what is written decodes to it, at
 * each flush and at the end, and what asks for room refuses all else.
 *
 * An input is the coding, the level, then steps: what to do, how many bytes, how much room; the bytes.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "codec/encoder.h"
#include "decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CONTENT_MAX 20000
#define WRITTEN_MAX (8 * CONTENT_MAX)
#define LEVELS      9 /* higher ones are slow, and no other code but for their search */

struct run {
    enum wr_coding coding;
    int level;
    struct wr_encoder *e;
    char *content, *written;
    size_t content_n, written_n;
};

static void check(bool claim)
{
    if (!claim)
        abort();
}

static struct wr_slice content_of(const struct run *r)
{
    return wr_slice(r->content, r->content_n);
}

static struct wr_slice written_of(const struct run *r)
{
    return wr_slice(r->written, r->written_n);
}

/* After it has asked for room. */
static void check_refusal(struct run *r, struct wr_encoder_io io, enum wr_encoder_op op)
{
    char room[8];
    size_t left = io.in.n;

    io.out = wr_buf_on(room, sizeof room);
    check(wr_encoder_run(r->e, &io, (op + 1) % (WR_ENCODER_END + 1)) == -EINVAL);
    io.in = wr_slice("abc", left == 3 ? 2 : 3);
    check(wr_encoder_run(r->e, &io, op) == -EINVAL);
    check(io.out.n == 0);
}

/* The last `n` bytes of the content. */
static void write_piece(struct run *r, size_t n, enum wr_encoder_op op, size_t room_n)
{
    struct wr_encoder_io io = {.in = wr_slice(r->content + r->content_n - n, n)};
    char *room = malloc(room_n);
    int result = WR_ENCODER_ROOM;

    check(room != NULL);
    while (result == WR_ENCODER_ROOM) {
        io.out = wr_buf_on(room, room_n);
        result = wr_encoder_run(r->e, &io, op);
        check(result == WR_ENCODER_DONE || result == WR_ENCODER_ROOM);
        check(result == WR_ENCODER_DONE || io.out.n == room_n);
        check(r->written_n + io.out.n <= WRITTEN_MAX);
        memcpy(r->written + r->written_n, room, io.out.n);
        r->written_n += io.out.n;
        if (result == WR_ENCODER_ROOM)
            check_refusal(r, io, op);
    }
    check(io.in.n == 0 && io.in.p == r->content + r->content_n);
    free(room);
}

/* As many bytes of the input as the step says, or as they are: also many times, so that there is
 * something to encode. */
static size_t add_content(struct run *r, struct wr_slice bytes, size_t times)
{
    size_t before = r->content_n;

    for (size_t i = 0; i < times && r->content_n + bytes.n <= CONTENT_MAX && bytes.n > 0; i++) {
        memcpy(r->content + r->content_n, bytes.p, bytes.n);
        r->content_n += bytes.n;
    }
    return r->content_n - before;
}

static void run_steps(struct run *r, const uint8_t *data, size_t n)
{
    int flushes = 0;

    while (n >= 3) {
        bool is_flush = data[0] & 1 && flushes < 50; /* which may cost more than its bytes */
        size_t given = data[1] < n - 3 ? data[1] : n - 3, added;

        added = add_content(r, wr_slice((const char *)data + 3, given), 1U + data[0] / 8);
        write_piece(r, added, is_flush ? WR_ENCODER_FLUSH : WR_ENCODER_MORE, 1U + data[2]);
        if (is_flush)
            check(decodes_so_far_to(r->coding, written_of(r), content_of(r)));
        flushes += is_flush;
        data += 3 + given;
        n -= 3 + given;
    }
}

static void check_at_once(const struct run *r)
{
    char *p = NULL;
    size_t n = 0;
    int err = wr_encode(r->coding, r->level, content_of(r), &p, &n);

    check(err == 0 || err == -E2BIG);
    check(err < 0 || (n < r->content_n && decodes_to(r->coding, wr_slice(p, n), content_of(r))));
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct run r = {.content = malloc(CONTENT_MAX), .written = malloc(WRITTEN_MAX)};

    check(r.content != NULL && r.written != NULL);
    if (n >= 2) {
        r.coding = (enum wr_coding)(WR_CODING_GZIP + data[0] % (WR_CODINGS - WR_CODING_GZIP));
        r.level = data[1] % (LEVELS + 1) ? data[1] % (LEVELS + 1) : WR_LEVEL_DEFAULT;
        r.e = wr_encoder_new(r.coding, r.level);
        check(r.e != NULL);
        run_steps(&r, data + 2, n - 2);
        write_piece(&r, 0, WR_ENCODER_END, 1U + data[0] / 4);
        check(decodes_to(r.coding, written_of(&r), content_of(&r)));
        check_at_once(&r);
        wr_encoder_free(r.e);
    }
    free(r.content);
    free(r.written);
    return 0;
}
