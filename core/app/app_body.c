#include "app/app_body.h"

#include <errno.h>
#include <unistd.h>

#include "app/input.h"
#include "app/remote.h"
#include "app/start.h"

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
    if (!c->data || c->size > PTRDIFF_MAX)
        return wr_start_fault(e, WEIR_EINVAL, "a piece of %llu bytes at %p",
                              (unsigned long long)c->size, c->data);
    if (e->declared >= 0 && c->size > (uint64_t)e->declared - e->given)
        return wr_start_fault(e, WEIR_EINVAL, "the body is larger than its Content-Length, %lld",
                              (long long)e->declared);
    e->given += c->size;
    return WEIR_CHUNK;
}

static int32_t take_end(struct wr_environ *e)
{
    bool is_head = e->x->request.method == WR_METHOD_HEAD;

    if (e->status == 0)
        return wr_start_fault(e, WEIR_ESTATE, "the body ended before start_response was called");
    if (e->declared >= 0 && e->given < (uint64_t)e->declared && !is_head)
        return wr_start_fault(e, WEIR_EINVAL,
                              "the body ended after %llu bytes, its Content-Length is %lld",
                              (unsigned long long)e->given, (long long)e->declared);
    return WEIR_END;
}

static int32_t pull_once(struct wr_environ *e)
{
    int32_t said;

    e->is_in_next = true;
    e->wants_input = false;
    said = call_next(&e->base, &e->body, &e->chunk);
    e->is_in_next = false;
    if (e->error < 0)
        return WEIR_FAIL;
    if (said == WEIR_CHUNK)
        return take_chunk(e);
    if (said == WEIR_END)
        return take_end(e);
    if (said == WEIR_AGAIN)
        return WEIR_AGAIN;
    if (said == WEIR_EGONE && wr_environ_is_gone(&e->base)) /* nobody is there to miss it */
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

    do
        e->pulled = pull_once(e);
    while (e->pulled == WEIR_CHUNK && e->chunk.size == 0 && ++empties < EMPTIES_MAX);
}

/* ---- the server's body ---- */

static struct wr_environ *environ_of_body(struct wr_body *b)
{
    return WR_CONTAINER_OF(b, struct wr_environ, out);
}

static int peek_memory(struct wr_body *b, struct wr_piece *out, int max)
{
    struct wr_environ *e = environ_of_body(b);

    (void)max;
    if (e->left == 0)
        return 0;
    *out = (struct wr_piece){
        .mem = (const char *)e->body.data + (e->body.size - e->left), .fd = -1, .len = e->left};
    return 1;
}

static int peek_file(struct wr_body *b, struct wr_piece *out, int max)
{
    struct wr_environ *e = environ_of_body(b);

    (void)max;
    if (e->left == 0)
        return 0;
    *out = (struct wr_piece){.fd = (int)e->body.fd,
                             .off = (off_t)(e->body.offset + (e->body.size - e->left)),
                             .len = e->left < PIECE_MAX ? e->left : PIECE_MAX};
    return 1;
}

static void advance(struct wr_body *b, size_t n)
{
    environ_of_body(b)->left -= n;
}

/* Nothing for now: whoever has more says so by weir_wake(), or by there being input. */
static int await(struct wr_environ *e)
{
    e->is_awaiting = true;
    if (e->wants_input)
        wr_input_await(e);
    return -EAGAIN;
}

static int use_pulled(struct wr_environ *e, struct wr_piece *out)
{
    e->has_pulled = false;
    switch (e->pulled) {
    case WEIR_CHUNK:
        e->left = e->chunk.size;
        *out = (struct wr_piece){.mem = e->chunk.data, .fd = -1, .len = e->left};
        return 1;
    case WEIR_AGAIN:
        return await(e);
    case WEIR_END:
        e->has_pulled = true; /* and so it stays */
        return 0;
    default:
        e->has_pulled = true;
        return -EIO;
    }
}

static int peek_iterable(struct wr_body *b, struct wr_piece *out, int max)
{
    struct wr_environ *e = environ_of_body(b);

    (void)max;
    if (e->left > 0) {
        *out = (struct wr_piece){.mem = (const char *)e->chunk.data + (e->chunk.size - e->left),
                                 .fd = -1,
                                 .len = e->left};
        return 1;
    }
    if (e->has_pulled)
        return use_pulled(e, out);
    if (e->is_awaiting)
        return -EAGAIN;
    if (e->remote) {
        wr_remote_pull(e);
        return -EAGAIN;
    }
    wr_app_body_pull(e);
    return use_pulled(e, out);
}

static void close_nothing(struct wr_body *b)
{
    (void)b;
}

static const struct wr_body_ops memory_ops = {peek_memory, advance, close_nothing};
static const struct wr_body_ops file_ops = {peek_file, advance, close_nothing};
static const struct wr_body_ops iterable_ops = {peek_iterable, advance, close_nothing};

void wr_app_body_open(struct wr_environ *e)
{
    switch (e->body.kind) {
    case WEIR_BODY_FILE:
        e->out.ops = &file_ops;
        e->left = e->body.size;
        break;
    case WEIR_BODY_ITERABLE:
        e->out.ops = &iterable_ops;
        e->left = 0; /* what was pulled before the head is still to be used */
        break;
    default:
        e->out.ops = &memory_ops;
        e->left = e->body.kind == WEIR_BODY_EMPTY ? 0 : e->body.size;
    }
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
    if (it.kind == WEIR_BODY_FILE && it.flags & WEIR_CLOSE_FD)
        close((int)it.fd);
    else if ((it.kind == WEIR_BODY_MEMORY || it.kind == WEIR_BODY_ITERABLE) && it.close)
        it.close(it.arg);
}

void wr_app_body_close(struct wr_environ *e)
{
    close_body(&e->body);
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

/* The buffer is kept in word 7, which a file does not use. */
static int32_t next_of_file(weir_environ *env, weir_body *body, weir_chunk *chunk)
{
    size_t want = body->size < READ_PIECE ? (size_t)body->size : READ_PIECE;
    char *buffer;
    ssize_t n;

    if (body->size == 0)
        return WEIR_END;
    if (body->word7 == 0)
        body->word7 = (uintptr_t)wr_arena_alloc(&wr_environ_of(env)->x->arena, READ_PIECE);
    buffer = (char *)(uintptr_t)body->word7; /* NOLINT(performance-no-int-to-ptr) */
    if (!buffer)
        return WEIR_ENOMEM;
    do
        n = pread((int)body->fd, buffer, want, (off_t)body->offset);
    while (n < 0 && errno == EINTR);
    if (n == 0 && body->size == WEIR_TO_END)
        return WEIR_END;
    if (n <= 0) {
        log_failure(env, n < 0 ? strerrordesc_np(errno) : "weir_body_next: the file is too short");
        return WEIR_FAIL;
    }
    body->offset += (uint64_t)n;
    if (body->size != WEIR_TO_END)
        body->size -= (uint64_t)n;
    *chunk = (weir_chunk){.data = buffer, .size = (uint64_t)n};
    return WEIR_CHUNK;
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
        return call_next(env, body, chunk);
    default:
        log_failure(env, "weir_body_next of a body that has no pieces");
        return WEIR_FAIL;
    }
}
