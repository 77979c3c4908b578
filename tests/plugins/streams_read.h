/*
 * streams_read.h — the cases of streams.c that read content.
 *
 * Those that answer at the end say "BYTES ADLER-32", with " ERROR" behind it when there was one.
 */
#ifndef STREAMS_READ_H
#define STREAMS_READ_H

#include "streams_job.h"

static void take(struct job *j, const void *data, uint64_t n)
{
    const unsigned char *p = (const unsigned char *)data;

    for (uint64_t i = 0; i < n;) {
        uint64_t end = n - i < 4096 ? n : i + 4096; /* no overflow before */

        for (; i < end; i++) {
            j->a += p[i];
            j->b += j->a;
        }
        j->a %= 65521;
        j->b %= 65521;
    }
    j->got += n;
}

static weir_body report(struct job *j, int64_t err)
{
    note(j, 0, (long)err);
    j->start_response(j->env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (err < 0)
        return weir_printf(j->env, "%llu %u %d", (unsigned long long)j->got, j->b << 16 | j->a,
                           (int)err);
    return weir_printf(j->env, "%llu %u", (unsigned long long)j->got, j->b << 16 | j->a);
}

static uint64_t number(const char *text, uint64_t absent)
{
    return *text ? strtoull(text, NULL, 10) : absent;
}

static size_t piece_size(struct job *j)
{
    uint64_t n = number(j->query, BUFFER);

    return n > 0 && n < BUFFER ? (size_t)n : BUFFER;
}

/* Until there is nothing for now: WEIR_AGAIN, 0 at the end, or an error. */
static int64_t drain(struct job *j)
{
    size_t size = piece_size(j);
    int64_t n;

    while ((n = weir_read(j->env, j->buf, size)) > 0) {
        take(j, j->buf, (uint64_t)n);
        if ((uint64_t)n > size)
            count(j, COUNT_bad_result);
    }
    if (n == WEIR_AGAIN && j->in_thread && !j->in_callback)
        count(j, COUNT_bad_result);
    return n;
}

/* ---- /discard?PIECE: on the loop with weir_on_input, in a thread by waiting ---- */

static void discard_more(struct job *j)
{
    int64_t n = drain(j);

    if (n == WEIR_AGAIN)
        return;
    note(j, 1, on_input(j, NULL));
    finish(j, report(j, n));
}

static weir_body do_discard(struct job *j)
{
    int64_t n = drain(j);

    if (n != WEIR_AGAIN)
        return report(j, n);
    note(j, 1, on_input(j, discard_more));
    return later(j);
}

/* Nothing is read until the callback comes: that is what asks the client for it. */
static weir_body do_discard_later(struct job *j)
{
    note(j, 1, on_input(j, discard_more));
    return later(j);
}

/* As much as there is at once, then its answer: what is left nobody reads. */
static weir_body do_leave(struct job *j)
{
    note(j, 0, (long)weir_read(j->env, j->buf, piece_size(j)));
    j->start_response(j->env, 200, NULL);
    return weir_text("left");
}

static weir_body do_read_nothing(struct job *j)
{
    note(j, 0, (long)weir_read(j->env, j->buf, 0));
    j->start_response(j->env, 200, NULL);
    return weir_text("nothing");
}

/* ---- in next ---- */

static int32_t discard_step(struct job *j, weir_chunk *chunk)
{
    int64_t n;

    if (j->stage)
        return WEIR_END;
    n = drain(j);
    if (n == WEIR_AGAIN)
        return WEIR_AGAIN;
    note(j, 0, (long)n);
    j->stage = 1;
    return give(
        chunk, j->buf,
        (uint64_t)snprintf(j->buf, 100, "%llu %u", (unsigned long long)j->got, j->b << 16 | j->a));
}

static weir_body do_next_discard(struct job *j)
{
    j->start_response(j->env, 200, NULL);
    return iterable(j, discard_step);
}

static int32_t echo_step(struct job *j, weir_chunk *chunk)
{
    int64_t n = weir_read(j->env, j->buf, piece_size(j));

    if (n == WEIR_AGAIN)
        return WEIR_AGAIN;
    note(j, 0, (long)n);
    if (n <= 0)
        return n < 0 ? (int32_t)n : WEIR_END;
    take(j, j->buf, (uint64_t)n);
    return give(chunk, j->buf, (uint64_t)n);
}

static weir_body do_next_echo(struct job *j)
{
    j->start_response(j->env, 200, NULL);
    return iterable(j, echo_step);
}

/* ---- /read-all/MAX: the same content back; /read-all-next: as an iterable that waits for it ---- */

static void all_is_there(struct job *j, const void *data, int64_t n)
{
    if (n < 0) {
        finish(j, n == WEIR_ETOOBIG ? weir_error(j->env, 413) : report(j, n));
        return;
    }
    take(j, data, (uint64_t)n);
    note(j, 2, (long)weir_read(j->env, j->buf, 1));
    j->start_response(j->env, 200, WEIR_HEADERS({"Content-Type", "application/octet-stream"}));
    finish(j, owned(j, data, (size_t)n));
}

static weir_body do_read_all(struct job *j)
{
    int32_t err = read_all(j, (size_t)number(j->arg, SIZE_MAX), all_is_there);

    note(j, 1, err);
    if (err < 0)
        return err == WEIR_ETOOBIG ? weir_error(j->env, 413) : weir_error(j->env, 500);
    note(j, 3, (long)weir_read(j->env, j->buf, 1));   /* WEIR_ESTATE until then */
    note(j, 4, weir_read_all(j->env, 1, data_of, j)); /* as this is */
    return later(j);
}

static void wake_with_all(struct job *j, const void *data, int64_t n)
{
    if (n > 0)
        take(j, data, (uint64_t)n);
    j->stage = n < 0 ? -1 : 1;
    if (weir_wake(j->env) < 0 && n != WEIR_EGONE)
        count(j, COUNT_bad_result);
}

static int32_t all_step(struct job *j, weir_chunk *chunk)
{
    if (j->stage == 0)
        return WEIR_AGAIN;
    if (j->stage < 0)
        return WEIR_FAIL;
    if (j->stage == 2)
        return WEIR_END;
    j->stage = 2;
    return give(
        chunk, j->buf,
        (uint64_t)snprintf(j->buf, 100, "%llu %u", (unsigned long long)j->got, j->b << 16 | j->a));
}

static weir_body do_read_all_next(struct job *j)
{
    int32_t err;

    j->start_response(j->env, 200, NULL);
    err = read_all(j, (size_t)number(j->arg, SIZE_MAX), wake_with_all);
    note(j, 1, err);
    return err < 0 ? weir_error(j->env, 500) : iterable(j, all_step);
}

/* The first N bytes by weir_read, the rest by weir_read_all. */
static weir_body do_read_some(struct job *j)
{
    note(j, 0, (long)weir_read(j->env, j->buf, (size_t)number(j->arg, 1)));
    note(j, 1, read_all(j, SIZE_MAX, all_is_there));
    return later(j);
}

/* ---- /read-file/MAX?FOLDER: a file without a name, and back; /read-file-size: its size alone ---- */

static void file_is_there(struct job *j, const void *data, int64_t n)
{
    int fd = j->fd;

    (void)data;
    if (n < 0) {
        finish(j, n == WEIR_ETOOBIG ? weir_error(j->env, 413) : report(j, n));
        return;
    }
    j->fd = -1; /* the server's from here */
    j->start_response(j->env, 200, NULL);
    finish(j, weir_file(j->env, fd, 0, (uint64_t)n, WEIR_CLOSE_FD));
}

static void file_has_size(struct job *j, const void *data, int64_t n)
{
    (void)data;
    j->start_response(j->env, 200, NULL);
    finish(j, weir_printf(j->env, "%lld", (long long)n));
}

static weir_body read_file_to(struct job *j, const char *path, int flags, data_fn *fn)
{
    int32_t err;

    j->fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
    if (j->fd < 0)
        return weir_error(j->env, 404);
    err = read_file(j, number(j->arg, UINT64_MAX), fn);
    note(j, 1, err);
    if (err < 0)
        return err == WEIR_ETOOBIG ? weir_error(j->env, 413) : weir_error(j->env, 500);
    return later(j);
}

static weir_body do_read_file(struct job *j)
{
    return read_file_to(j, j->query, O_TMPFILE, file_is_there);
}

static weir_body do_read_file_size(struct job *j)
{
    return read_file_to(j, j->query, 0, file_has_size);
}

/* ---- /limit/N ---- */

static void limited_more(struct job *j)
{
    int64_t n = drain(j);

    if (n == WEIR_AGAIN)
        return;
    note(j, 0, (long)n);
    finish(j, n == WEIR_ETOOBIG ? weir_error(j->env, 413) : report(j, n));
}

static weir_body do_limit(struct job *j)
{
    int32_t err = weir_body_limit(j->env, number(j->arg, 0));
    int64_t n;

    note(j, 1, err);
    if (err < 0)
        return weir_error(j->env, 413);
    n = drain(j);
    note(j, 0, (long)n);
    note(j, 2, weir_body_limit(j->env, 1)); /* too late */
    if (n == WEIR_AGAIN) {
        on_input(j, limited_more);
        return later(j);
    }
    return n == WEIR_ETOOBIG ? weir_error(j->env, 413) : report(j, n);
}

/* Who does not care: what fails for that reason gets a 413. */
static weir_body do_limit_next(struct job *j)
{
    note(j, 1, weir_body_limit(j->env, number(j->arg, 0)));
    j->start_response(j->env, 200, NULL);
    return iterable(j, echo_step);
}

#endif
