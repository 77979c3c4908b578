/*
 * streams_write.h — the cases of streams.c that send: weir_write, iterables, files, trailers, hints.
 *
 * Byte i of what they make is i modulo 251.
 */
#ifndef STREAMS_WRITE_H
#define STREAMS_WRITE_H

#include "streams_read.h"

#define CYCLE 251
static unsigned char pattern[CYCLE + (1 << 24)]; /* filled by load; one piece is 16 MiB at most */

static const unsigned char *made(uint64_t at)
{
    return pattern + at % CYCLE;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void start(struct job *j)
{
    if (j->start_response(j->env, 200, WEIR_HEADERS({"Content-Type", "application/octet-stream"})) <
        0)
        count(j, COUNT_bad_result);
}

/* ---- /write/TOTAL?PIECE ---- */

/* Writes until it is over (0), would wait (WEIR_AGAIN), or has failed. */
static int32_t write_more(struct job *j)
{
    uint64_t piece = less(number(j->query, BUFFER), 1 << 24);

    while (j->put < j->size) {
        uint64_t n = less(piece, j->size - j->put);
        int32_t err = weir_write(j->env, made(j->put), (size_t)n);

        if (err > 0 || (err == WEIR_AGAIN && j->in_thread && !j->in_callback))
            count(j, COUNT_bad_result);
        if (err != 0)
            return err;
        j->put += n;
    }
    return 0;
}

static void write_on(struct job *j)
{
    int32_t err = write_more(j);

    if (err == WEIR_AGAIN) {
        count(j, COUNT_agains);
        return;
    }
    note(j, 0, err);
    on_writable(j, NULL);
    finish(j, weir_empty());
}

static weir_body do_write(struct job *j)
{
    int32_t err;

    j->size = number(j->arg, UINT64_MAX);
    start(j);
    err = write_more(j);
    if (err == WEIR_AGAIN) {
        count(j, COUNT_agains);
        note(j, 1, on_writable(j, write_on));
        return later(j);
    }
    note(j, 0, err);
    return weir_empty();
}

/* Not a byte in the app: the callback comes soon. */
static weir_body do_write_later(struct job *j)
{
    j->size = number(j->arg, UINT64_MAX);
    start(j);
    note(j, 1, on_writable(j, write_on));
    return later(j);
}

/* ---- /echo?PIECE: what is read is written ---- */

/* 0: all is echoed; WEIR_AGAIN: one of the two callbacks follows; or an error. */
static int32_t echo_on(struct job *j)
{
    for (;;) {
        int64_t n;

        if (j->put < j->got) { /* a piece that was read and not taken yet */
            int32_t err = weir_write(j->env, j->buf, (size_t)(j->got - j->put));

            if (err != 0)
                return err;
            j->put = j->got;
        }
        n = weir_read(j->env, j->buf, piece_size(j));
        if (n <= 0)
            return (int32_t)n;
        j->got += (uint64_t)n;
    }
}

static void echo_event(struct job *j)
{
    int32_t err = echo_on(j);

    if (err == WEIR_AGAIN)
        return;
    note(j, 0, err);
    on_input(j, NULL);
    on_writable(j, NULL);
    finish(j, weir_empty());
}

static weir_body do_echo(struct job *j)
{
    int32_t err;

    start(j);
    err = echo_on(j);
    if (err != WEIR_AGAIN) {
        note(j, 0, err);
        return weir_empty();
    }
    note(j, 1, on_input(j, echo_event));
    note(j, 2, on_writable(j, echo_event));
    return later(j);
}

/* ---- iterables ---- */

static int32_t made_step(struct job *j, weir_chunk *chunk)
{
    uint64_t n = less(less(number(j->query, BUFFER), 1 << 24), j->size - j->put);

    if (n == 0)
        return WEIR_END;
    j->put += n;
    return give(chunk, made(j->put - n), n);
}

/* /iter/TOTAL?PIECE; without TOTAL it has no end. */
static weir_body do_iter(struct job *j)
{
    j->size = number(j->arg, UINT64_MAX);
    start(j);
    return iterable(j, made_step);
}

/* A piece, WEIR_AGAIN until /wake, another, the end: "first second". */
static int32_t wait_step(struct job *j, weir_chunk *chunk)
{
    switch (j->stage) {
    case 0:
        j->stage = 1;
        return give(chunk, "first ", 6);
    case 1:
        j->stage = 2;
        wait_for_wake(j);
        return WEIR_AGAIN;
    case 2:
        j->stage = 3;
        if (j->is_wanted)
            count(j, COUNT_bad_next); /* nobody woke it */
        return give(chunk, "second", 6);
    default:
        return WEIR_END;
    }
}

static weir_body do_wait(struct job *j)
{
    start(j);
    return iterable(j, wait_step);
}

/* The same without a piece before: the head waits too. */
static weir_body do_wait_first(struct job *j)
{
    j->stage = 1;
    start(j);
    return iterable(j, wait_step);
}

static weir_body do_heartbeat(struct job *j)
{
    start(j);
    return weir_heartbeat(iterable(j, wait_step), (uint32_t)number(j->arg, 10), "beat ");
}

static weir_body do_wake(struct job *j)
{
    int n = wake_all(j->mount);

    start(j);
    return weir_printf(j->env, "%d", n);
}

/* ---- /mixed?PATH: memory, a file's part, memory, the file's part again … ---- */

static int32_t mixed_step(struct job *j, weir_chunk *chunk)
{
    static const uint64_t parts[][2] = {{0, 10}, {1000, 70000}, {0, 0}, {99999, 1}, {5, 99995}};

    if (j->stage == 10)
        return WEIR_END;
    if (j->stage++ % 2 == 0)
        return give(chunk, "<memory>", 8);
    weir_chunk_file(chunk, j->fd, parts[j->stage / 2 - 1][0], parts[j->stage / 2 - 1][1]);
    return WEIR_CHUNK;
}

static weir_body do_mixed(struct job *j)
{
    j->fd = open(j->query, O_RDONLY | O_CLOEXEC);
    start(j);
    return iterable(j, mixed_step);
}

/* A piece of a file that is shorter, or of none. */
static int32_t missing_step(struct job *j, weir_chunk *chunk)
{
    if (j->stage++ == 0 && *j->arg == 'b')
        return give(chunk, "before", 6);
    weir_chunk_file(chunk, j->fd, 99990, 100);
    return WEIR_CHUNK;
}

static weir_body do_missing(struct job *j)
{
    j->fd = open(j->query, O_RDONLY | O_CLOEXEC);
    start(j);
    return iterable(j, missing_step);
}

/* ---- weir_write and a body ---- */

static weir_body do_write_text(struct job *j)
{
    start(j);
    note(j, 0, weir_write(j->env, "written ", 8));
    return weir_text("text");
}

static weir_body do_write_owned(struct job *j)
{
    start(j);
    note(j, 0, weir_write(j->env, "written ", 8));
    return owned(j, "owned", 5);
}

static weir_body do_write_file(struct job *j)
{
    int fd = open(j->query, O_RDONLY | O_CLOEXEC);

    start(j);
    note(j, 0, weir_write(j->env, "written ", 8));
    return weir_file(j->env, fd, 10, WEIR_TO_END, WEIR_CLOSE_FD);
}

static weir_body do_write_iter(struct job *j)
{
    start(j);
    note(j, 0, weir_write(j->env, "written ", 8));
    j->stage = 4;
    j->size = 500;
    return iterable(j, made_step);
}

/* In next, before the chunk: "a1b2c3". */
static int32_t both_step(struct job *j, weir_chunk *chunk)
{
    static const char letters[] = "abc", digits[] = "123";
    int i = j->stage++;
    int32_t err;

    if (i == 3)
        return WEIR_END;
    err = weir_write(j->env, letters + i, 1);
    if (err != 0 && err != WEIR_EGONE)
        count(j, COUNT_bad_result);
    return give(chunk, digits + i, 1);
}

static weir_body do_write_next(struct job *j)
{
    start(j);
    return iterable(j, both_step);
}

/* In next, and nothing else: it ends with what it wrote. */
static int32_t only_step(struct job *j, weir_chunk *chunk)
{
    int32_t err;

    (void)chunk;
    if (j->put == j->size)
        return WEIR_END;
    err = write_more(j);
    note(j, 0, err);
    return err == 0 ? WEIR_END : err == WEIR_AGAIN ? WEIR_AGAIN : WEIR_FAIL;
}

static void only_on(struct job *j)
{
    int32_t err = write_more(j);

    if (err != WEIR_AGAIN)
        weir_wake(j->env);
}

static weir_body do_write_in_next(struct job *j)
{
    j->size = number(j->arg, UINT64_MAX);
    start(j);
    note(j, 1, on_writable(j, only_on));
    return iterable(j, only_step);
}

/* Each is a fault or has no effect; what they gave is in the results. */
static weir_body do_write_unstarted(struct job *j)
{
    note(j, 0, weir_write(j->env, "x", 1));
    return owned(j, "x", 1);
}

static weir_body do_write_none(struct job *j)
{
    start(j);
    note(j, 0, weir_write(j->env, "", 0));
    note(j, 1, weir_write(j->env, NULL, 0));
    return weir_text("text");
}

static weir_body do_write_null(struct job *j)
{
    start(j);
    note(j, 0, weir_write(j->env, NULL, 10));
    return owned(j, "text", 4);
}

static weir_body do_write_replace(struct job *j)
{
    start(j);
    note(j, 0, weir_write(j->env, "x", 1));
    note(j, 1, j->start_response(j->env, 500 | WEIR_REPLACE, NULL));
    return owned(j, "x", 1);
}

static weir_body do_write_error(struct job *j)
{
    start(j);
    note(j, 0, weir_write(j->env, "x", 1));
    return weir_error(j->env, 404);
}

static weir_body do_write_decline(struct job *j)
{
    start(j);
    note(j, 0, weir_write(j->env, "x", 1));
    return weir_decline();
}

/* /write-length/DECLARED?WRITTEN */
static weir_body do_write_length(struct job *j)
{
    char half[BUFFER];
    size_t n = (size_t)less(number(j->query, 0), sizeof half);

    memset(half, 'h', sizeof half);
    j->start_response(j->env, 200, WEIR_HEADERS({"Content-Length", j->arg}));
    note(j, 0, weir_write(j->env, half, n / 2));
    note(j, 1, weir_write(j->env, half, n - n / 2));
    return weir_empty();
}

/* /write-status/STATUS; with ?on for ever. */
static weir_body do_write_status(struct job *j)
{
    j->start_response(j->env, (int32_t)number(j->arg, 204), NULL);
    note(j, 0, weir_write(j->env, "x", 1));
    if (*j->query == '\0')
        return weir_empty();
    j->query = "";
    j->size = UINT64_MAX;
    if (write_more(j) == WEIR_AGAIN)
        on_writable(j, write_on);
    return later(j);
}

/* ---- trailers ---- */

static int32_t append_trailer(void *arg, const char *name, size_t name_n, const char *value,
                              size_t value_n)
{
    struct job *j = (struct job *)arg;

    j->put += (uint64_t)snprintf(j->buf + j->put, sizeof j->buf - j->put, "%.*s=%.*s\n",
                                 (int)name_n, name, (int)value_n, value);
    return 0;
}

/* Announced before, given at the end: the Adler-32 of what was echoed. */
static int32_t trailer_step(struct job *j, weir_chunk *chunk)
{
    char sum[16];
    int32_t said = echo_step(j, chunk);

    if (said != WEIR_END)
        return said;
    snprintf(sum, sizeof sum, "%u", j->b << 16 | j->a);
    note(j, 2, weir_trailer_add(j->env, "X-Sum", sum, strlen(sum)));
    note(j, 3, weir_trailer_add(j->env, "X-Late", "late", 4));
    return WEIR_END;
}

static weir_body do_trailers(struct job *j)
{
    note(j, 1, weir_trailer_add(j->env, "X-Sum", NULL, 0));
    start(j);
    return iterable(j, trailer_step);
}

/* /trailer?NAME: whether that may be one. */
static weir_body do_trailer(struct job *j)
{
    start(j);
    note(j, 1, weir_trailer_add(j->env, j->query, "v", 1));
    return iterable(j, both_step);
}

static void tell_trailers(struct job *j)
{
    int64_t n = drain(j);

    if (n == WEIR_AGAIN)
        return;
    on_input(j, NULL);
    note(j, 0, (long)n);
    note(j, 1, weir_trailer_each(j->env, append_trailer, j));
    start(j);
    finish(j, weir_copy(j->env, j->buf, (size_t)j->put));
}

static weir_body do_tell_trailers(struct job *j)
{
    note(j, 2, weir_trailer_each(j->env, append_trailer, j)); /* too early: none */
    on_input(j, tell_trailers);
    return later(j);
}

static weir_body do_hints(struct job *j)
{
    note(j, 0, weir_early_hints(j->env, WEIR_HEADERS({"Link", "</a.css>; rel=preload"})));
    note(
        j, 1,
        weir_early_hints(j->env, WEIR_HEADERS({"Link", "</b.js>; rel=preload"}, {"X-Other", "1"})));
    if (*j->arg) /* a field that may not be */
        note(j, 2, weir_early_hints(j->env, WEIR_HEADERS({"Bad Name", "1"})));
    start(j);
    return weir_text("hinted");
}

#endif
