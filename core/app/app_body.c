#include "app/app_body.h"

#include <assert.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/events.h"
#include "app/input.h"
#include "app/mount.h"
#include "app/remote.h"
#include "app/start.h"
#include "app/trailers.h"

#define EMPTIES_FAULT 100000              /* in a row: there will be no other */
#define EMPTIES_MAX   16                  /* in a row: then others have their turn */
#define PIECE_MAX     ((uint64_t)1 << 30) /* a size_t on every machine, and more than any budget */
#define READ_PIECE    ((size_t)64 * 1024) /* of a file that middleware reads */

/* ---- asking an iterable ---- */

static int32_t call_next(weir_environ *env, weir_body *body, weir_chunk *chunk)
{
    *chunk = (weir_chunk){0};
    return body->guard ? body->guard(body->next, env, body->arg, chunk)
                       : body->next(env, body->arg, chunk);
}

/* Does weir_chunk_file() say what it is? */
static bool is_file_chunk(const weir_chunk *c)
{
    return !c->data && c->reserved[0] > 0;
}

static int fd_of(const weir_chunk *c)
{
    return c->reserved[0] - 1 <= INT32_MAX ? (int)(c->reserved[0] - 1) : -1;
}

int64_t wr_app_body_check_file(struct wr_environ *e, const char *who, int fd, uint64_t offset,
                               uint64_t size)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return wr_start_fault(e, WEIR_EINVAL, "%s: descriptor %d: %s", who, fd,
                              strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode))
        return wr_start_fault(e, WEIR_EINVAL, "%s: descriptor %d is not a regular file", who, fd);
    if (offset > (uint64_t)st.st_size || size > (uint64_t)st.st_size - offset)
        return wr_start_fault(
            e, WEIR_EINVAL, "%s: the file has %lld bytes, too few for %llu + %llu", who,
            (long long)st.st_size, (unsigned long long)offset, (unsigned long long)size);
    return st.st_size;
}

static int32_t take_chunk(struct wr_environ *e)
{
    const weir_chunk *c = &e->chunk;

    if (c->size == 0 && ++e->empties == EMPTIES_FAULT)
        return wr_start_fault(e, WEIR_EINVAL, "%d pieces in a row without a byte", EMPTIES_FAULT);
    if (c->size == 0)
        return WEIR_CHUNK;
    e->empties = 0;
    if (e->status == 0)
        return wr_start_fault(e, WEIR_ESTATE, "a piece of the body before start_response");
    if (!is_file_chunk(c) && (!c->data || c->size > PTRDIFF_MAX))
        return wr_start_fault(e, WEIR_EINVAL, "a piece of %llu bytes at %p",
                              (unsigned long long)c->size, c->data);
    if (is_file_chunk(c) &&
        wr_app_body_check_file(e, "weir_chunk_file", fd_of(c), c->reserved[1], c->size) < 0)
        return e->error;
    if (e->declared >= 0 && c->size > (uint64_t)e->declared - e->given)
        return wr_start_fault(e, WEIR_EINVAL, "the body is larger than its Content-Length, %lld",
                              (long long)e->declared);
    e->given += c->size;
    return WEIR_CHUNK;
}

static int32_t take_end(struct wr_environ *e)
{
    if (e->status == 0)
        return wr_start_fault(e, WEIR_ESTATE, "the body ended before start_response was called");
    if (e->declared >= 0 && e->given < (uint64_t)e->declared && !wr_mount_is_unread(e))
        return wr_start_fault(e, WEIR_EINVAL,
                              "the body ended after %llu bytes, its Content-Length is %lld",
                              (unsigned long long)e->given, (long long)e->declared);
    return WEIR_END;
}

static int32_t pull_once(struct wr_environ *e)
{
    int32_t said;

    e->is_in_later_call = e->is_in_next = true;
    e->wants_input = false;
    said = call_next(&e->base, &e->body, &e->chunk);
    e->is_in_later_call = e->is_in_next = false;
    if (e->error < 0)
        return WEIR_FAIL;
    if (said == WEIR_CHUNK)
        return take_chunk(e);
    if (said == WEIR_END)
        return take_end(e);
    if (said == WEIR_AGAIN)
        return WEIR_AGAIN;
    if (said == WEIR_EGONE && wr_client_is_gone(&e->base)) /* nobody is there to miss it */
        return e->error = WEIR_EGONE;
    if (said < 0 && said == e->broken) /* passed on: the log knows, and the app has done no wrong */
        return e->error = said;
    if (said < 0)
        return wr_start_fault(e, WEIR_EFAILED, "its body failed: next said %d", (int)said);
    return wr_start_fault(e, WEIR_EINVAL, "next said %d, which means nothing", (int)said);
}

void wr_app_body_pull(struct wr_environ *e)
{
    int empties = 0;

    assert(e->has_more != 0); /* which the faults of a pull rely on */
    do
        e->pulled = pull_once(e);
    while (e->pulled == WEIR_CHUNK && e->chunk.size == 0 && ++empties < EMPTIES_MAX);
    e->has_new_pull = true;
    wr_output_mark(e);
}

/* ---- the server's body ---- */

/* What the last piece was of. */
enum wr_app_source { OF_BODY, OF_OUTPUT, OF_BEAT };

static struct wr_environ *environ_of_body(struct wr_body *b)
{
    return WR_CONTAINER_OF(b, struct wr_environ, out);
}

/* No more comes, and what the app wants to say behind it is said. */
static int end(struct wr_environ *e)
{
    wr_trailers_close(e);
    return 0;
}

static int peek_memory(struct wr_environ *e, struct wr_piece *out)
{
    if (e->left == 0)
        return end(e);
    *out = (struct wr_piece){
        .mem = (const char *)e->body.data + (e->body.size - e->left), .fd = -1, .len = e->left};
    return 1;
}

static size_t piece_of_file(uint64_t left)
{
    return left < PIECE_MAX ? (size_t)left : (size_t)PIECE_MAX;
}

static int peek_file(struct wr_environ *e, struct wr_piece *out)
{
    if (e->left == 0)
        return end(e);
    *out = (struct wr_piece){.fd = (int)e->body.fd,
                             .off = (off_t)(e->body.offset + (e->body.size - e->left)),
                             .len = piece_of_file(e->left)};
    return 1;
}

/* ---- a heartbeat ---- */

static void on_beat(struct wr_timer *t)
{
    struct wr_environ *e = WR_CONTAINER_OF(t, struct wr_streaming, beat)->e;

    if (!e->is_awaiting)
        return;
    if (!e->is_responding) {
        wr_mount_begin_awaiting(e);
        return;
    }
    e->s->is_beat_due = true;
    wr_exchange_body_ready(e->x);
}

/* Has it one, that may go before the next piece? */
bool wr_app_body_has_beat(const struct wr_environ *e)
{
    return e->body.flags > 0 && e->body.size > 0 && e->declared < 0 && e->status != 0;
}

/* Without memory there is none. */
void wr_app_body_set_beat(struct wr_environ *e)
{
    struct wr_loop *loop = e->x->worker->loop;

    if (!wr_streaming_of(e))
        return;
    e->s->is_beat_due = false;
    if (!e->s->beat.fire)
        wr_timer_init(&e->s->beat, on_beat);
    wr_timer_set(wr_loop_timers(loop), &e->s->beat, wr_loop_now_ms(loop) + e->body.flags);
}

void wr_app_body_await(struct wr_environ *e)
{
    e->is_awaiting = true;
    if (wr_app_body_has_beat(e))
        wr_app_body_set_beat(e);
    if (e->wants_input)
        wr_input_await(e);
}

static void peek_beat(struct wr_environ *e, struct wr_piece *out)
{
    size_t size = (size_t)e->body.size;

    if (e->s->beat_left == 0)
        e->s->beat_left = size;
    e->s->is_beat_due = false;
    e->source = OF_BEAT;
    *out = (struct wr_piece){.mem = (const char *)e->body.data + (size - e->s->beat_left),
                             .fd = -1,
                             .len = e->s->beat_left};
}

/* ---- an iterable ---- */

static int peek_chunk(struct wr_environ *e, struct wr_piece *out)
{
    const weir_chunk *c = &e->chunk;
    uint64_t at = c->size - e->left;

    if (is_file_chunk(c))
        *out = (struct wr_piece){
            .fd = fd_of(c), .off = (off_t)(c->reserved[1] + at), .len = piece_of_file(e->left)};
    else
        *out = (struct wr_piece){.mem = (const char *)c->data + at, .fd = -1, .len = e->left};
    return 1;
}

static int use_pulled(struct wr_environ *e, struct wr_piece *out)
{
    e->has_pulled = e->has_new_pull = false;
    switch (e->pulled) {
    case WEIR_CHUNK:
        e->left = e->chunk.size;
        return peek_chunk(e, out);
    case WEIR_AGAIN:
        wr_app_body_await(e);
        return -EAGAIN;
    case WEIR_END:
        e->has_pulled = true; /* and so it stays */
        return end(e);
    default:
        e->has_pulled = true;
        return -EIO;
    }
}

static int peek_iterable(struct wr_environ *e, struct wr_piece *out)
{
    if (e->left > 0)
        return peek_chunk(e, out);
    if (e->has_pulled)
        return use_pulled(e, out);
    if (e->is_awaiting && e->s && e->s->is_beat_due) {
        peek_beat(e, out);
        return 1;
    }
    if (e->is_awaiting)
        return -EAGAIN;
    if (e->remote) {
        wr_remote_pull(e);
        return -EAGAIN;
    }
    wr_app_body_pull(e);
    if (e->s && wr_output_peek(e, out)) { /* next has written, which goes before its chunk */
        e->has_pulled = true;
        e->source = OF_OUTPUT;
        return 1;
    }
    return use_pulled(e, out);
}

/* ---- all of it ---- */

/* What goes before the next piece of the body; false: nothing does. */
static bool peek_before(struct wr_environ *e, struct wr_piece *out)
{
    bool is_in_chunk = e->has_body && e->body.kind == WEIR_BODY_ITERABLE && e->left > 0;

    if (e->s->beat_left > 0) {
        peek_beat(e, out);
        return true;
    }
    if (is_in_chunk || !wr_output_peek(e, out))
        return false;
    e->source = OF_OUTPUT;
    return true;
}

static int peek(struct wr_body *b, struct wr_piece *out, int max)
{
    struct wr_environ *e = environ_of_body(b);

    (void)max;
    if (e->s && peek_before(e, out))
        return 1;
    e->source = OF_BODY;
    if (e->is_failed)
        return -EIO;
    if (!e->has_body)
        return -EAGAIN;
    switch (e->body.kind) {
    case WEIR_BODY_MEMORY:
        return peek_memory(e, out);
    case WEIR_BODY_FILE:
        return peek_file(e, out);
    case WEIR_BODY_ITERABLE:
        return peek_iterable(e, out);
    default:
        return end(e);
    }
}

static void advance_beat(struct wr_environ *e, size_t n)
{
    e->s->beat_left -= n;
    if (e->s->beat_left == 0 && e->is_awaiting)
        wr_app_body_set_beat(e);
}

static void advance(struct wr_body *b, size_t n)
{
    struct wr_environ *e = environ_of_body(b);

    if (e->source == OF_OUTPUT)
        wr_output_advance(e, n);
    else if (e->source == OF_BEAT)
        advance_beat(e, n);
    else
        e->left -= n;
}

static void close_nothing(struct wr_body *b)
{
    (void)b;
}

void wr_app_body_open(struct wr_environ *e)
{
    static const struct wr_body_ops ops = {peek, advance, close_nothing};

    e->out.ops = &ops;
}

void wr_app_body_pulled(struct wr_environ *e)
{
    e->has_pulled = true;
    wr_exchange_body_ready(e->x);
}

/* ---- closing ---- */

static void close_body(weir_body *body)
{
    weir_body it = *body;

    memset(body, 0, sizeof *body);
    if (!wr_app_body_wants_close(&it))
        return;
    if (it.kind == WEIR_BODY_FILE)
        close((int)it.fd);
    else
        it.close(it.arg);
}

void wr_app_body_close_any(weir_environ *env, weir_body *body)
{
    (void)env;
    close_body(body);
}

/* ---- pulling any kind, for middleware ---- */

/* Why the middleware that asks is told no more than WEIR_FAIL. */
static void log_failure(weir_environ *env, const char *why)
{
    weir_log(env, WEIR_LOG_ERROR, "%s", why);
}

/* What is left of it, once: size is what is left. */
static int32_t next_of_memory(weir_body *body, weir_chunk *chunk)
{
    if (body->size == 0)
        return WEIR_END;
    *chunk = (weir_chunk){.data = body->data, .size = body->size};
    body->size = 0;
    return WEIR_CHUNK;
}

/* A piece of at most READ_PIECE bytes, in *buffer, which is made once. A count, 0 at the end of the
 * file or WEIR_E*. */
static int64_t read_file(weir_environ *env, uint64_t *buffer, int fd, uint64_t offset,
                         uint64_t size)
{
    size_t want = size < READ_PIECE ? (size_t)size : READ_PIECE;
    char *memory;
    ssize_t n;

    if (*buffer == 0)
        *buffer = (uintptr_t)wr_arena_alloc(&wr_environ_of(env)->x->arena, READ_PIECE);
    memory = (char *)(uintptr_t)*buffer; /* NOLINT(performance-no-int-to-ptr) */
    if (!memory)
        return WEIR_ENOMEM;
    do
        n = pread(fd, memory, want, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        log_failure(env, strerrordesc_np(errno));
    return n < 0 ? WEIR_FAIL : n;
}

static void set_read(weir_chunk *chunk, uint64_t buffer, int64_t n)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
    *chunk = (weir_chunk){.data = (const char *)(uintptr_t)buffer, .size = (uint64_t)n};
}

/* The buffer is kept in word 7, which a file does not use. */
static int32_t next_of_file(weir_environ *env, weir_body *body, weir_chunk *chunk)
{
    int64_t n;

    if (body->size == 0)
        return WEIR_END;
    n = read_file(env, &body->word7, (int)body->fd, body->offset, body->size);
    if (n == 0 && body->size == WEIR_TO_END)
        return WEIR_END;
    if (n == 0)
        log_failure(env, "weir_body_next: the file is too short");
    if (n <= 0)
        return n < 0 ? (int32_t)n : WEIR_FAIL;
    body->offset += (uint64_t)n;
    if (body->size != WEIR_TO_END)
        body->size -= (uint64_t)n;
    set_read(chunk, body->word7, n);
    return WEIR_CHUNK;
}

/* What is left of a chunk that is a piece of a file: for middleware it is memory, piece by piece. Its
 * descriptor stays open until `next` is asked again. */
struct file_rest {
    uint64_t buffer;
    int fd;
    uint64_t offset, left;
};

static int32_t next_of_rest(weir_environ *env, struct file_rest *rest, weir_chunk *chunk)
{
    int64_t n = read_file(env, &rest->buffer, rest->fd, rest->offset, rest->left);

    if (n == 0)
        log_failure(env, "weir_body_next: the file is too short");
    if (n <= 0)
        return n < 0 ? (int32_t)n : WEIR_FAIL;
    rest->offset += (uint64_t)n;
    rest->left -= (uint64_t)n;
    set_read(chunk, rest->buffer, n);
    return WEIR_CHUNK;
}

/* The rest is kept in the word `offset`, which an iterable does not use. */
static int32_t next_of_iterable(weir_environ *env, weir_body *body, weir_chunk *chunk)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
    struct file_rest *rest = (struct file_rest *)(uintptr_t)body->offset;
    int32_t said;

    if (rest && rest->left > 0)
        return next_of_rest(env, rest, chunk);
    said = call_next(env, body, chunk);
    if (said != WEIR_CHUNK || chunk->size == 0 || !is_file_chunk(chunk))
        return said;
    if (!rest) {
        rest = wr_arena_alloc(&wr_environ_of(env)->x->arena, sizeof *rest);
        if (!rest)
            return WEIR_ENOMEM;
        *rest = (struct file_rest){0};
        body->offset = (uintptr_t)rest;
    }
    rest->fd = fd_of(chunk);
    rest->offset = chunk->reserved[1];
    rest->left = chunk->size;
    return next_of_rest(env, rest, chunk);
}

int32_t wr_app_body_next_any(weir_environ *env, weir_body *body, weir_chunk *chunk)
{
    switch (body->kind) {
    case WEIR_BODY_EMPTY:
        return WEIR_END;
    case WEIR_BODY_MEMORY:
        return next_of_memory(body, chunk);
    case WEIR_BODY_FILE:
        return next_of_file(env, body, chunk);
    case WEIR_BODY_ITERABLE:
        return next_of_iterable(env, body, chunk);
    default:
        log_failure(env, "weir_body_next of a body that has no pieces");
        return WEIR_FAIL;
    }
}
