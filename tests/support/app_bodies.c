/*
 * app_bodies.c — the bodies of an app_program.h, and what they add to its model.
 */
#include "app_program.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum body_op {
    MAKES_EMPTY,
    MAKES_TEXT,
    MAKES_OWNED,
    MAKES_FILE,
    MAKES_OWN_FILE,
    MAKES_SHORT_FILE,
    MAKES_ITERABLE,
    MAKES_ITERABLE_TOO,
    MAKES_HEARTBEAT,
    MAKES_ERROR,
    MAKES_DECLINE,
    MAKES_LATER,
    MAKES_LATER_TOO,
    MAKES_UNKNOWN,
    MAKES_NO_NEXT,
    MAKES_ODD_ERROR,
    BODY_OPS
};

/* ---- content ---- */

/* Letters in an order of their own, so that what is out of place is seen. */
char *app_letters(struct app_run *run, char *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (char)('a' + run->letters++ % 23);
    return to;
}

void app_give(struct app_run *run, const char *p, size_t n)
{
    APP_CHECK(run->content_n + n <= APP_CONTENT_MAX);
    memcpy(run->content + run->content_n, p, n);
    run->content_n += n;
}

/* A file that is made once. */
static int the_file(void)
{
    static _Atomic int made = -1;
    char content[APP_FILE_SIZE];
    int fd = atomic_load(&made), none = -1;

    if (fd >= 0)
        return fd;
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (char)('A' + i % 19);
    fd = memfd_create("app", MFD_CLOEXEC);
    APP_CHECK(fd >= 0 && write(fd, content, sizeof content) == (ssize_t)sizeof content);
    if (atomic_compare_exchange_strong(&made, &none, fd))
        return fd;
    close(fd);
    return none;
}

static void file_letters(char *to, size_t offset, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (char)('A' + (offset + i) % 19);
}

/* ---- life of a body ---- */

static struct app_body *new_body(struct app_run *run)
{
    struct app_body *b = app_memory(sizeof *b);

    b->run = run;
    b->is_wanted = true;
    b->next = run->bodies;
    run->bodies = b;
    return b;
}

static void on_close(void *arg)
{
    struct app_body *b = arg;
    struct app_run *run = b->run;
    enum app_place before;

    APP_CHECK(++b->closed == 1);
    free(b->memory);
    b->memory = NULL;
    before = app_begin(run, IN_CLOSE);
    if (run->own == 0) { /* not one that was given up by the app itself */
        free(run->piece);
        run->piece = NULL;
        run->is_closing = true;
        app_take_steps(run);
    }
    app_end(run, before);
}

/* ---- an iterable ---- */

/* The chunk before is no longer valid. */
static char *new_piece(struct app_run *run, size_t n)
{
    free(run->piece);
    return run->piece = app_memory(n + 1);
}

static void check_size(struct app_run *run, size_t n)
{
    if (run->declared >= 0 && n > (size_t)run->declared - run->content_n)
        app_fail(run);
}

static int32_t say_memory(struct app_run *run, weir_chunk *chunk)
{
    size_t n = app_byte(run->steps);
    char *piece;

    if (n > 200)
        n = (n - 200) * 50;
    if (run->content_n + n > APP_CONTENT_MAX)
        n = 0;
    piece = app_letters(run, new_piece(run, n), n);
    if (n > 0 && run->status == 0)
        app_fail(run);
    check_size(run, n);
    *chunk = (weir_chunk){.data = piece, .size = n};
    app_give(run, piece, n);
    return WEIR_CHUNK;
}

static int32_t say_file(struct app_run *run, weir_chunk *chunk)
{
    size_t offset = app_byte(run->steps) * 10U, n = app_byte(run->steps) * 9U;
    char content[APP_FILE_SIZE];

    if (run->content_n + n > APP_CONTENT_MAX)
        n = 0;
    if (n > 0 && run->status == 0)
        app_fail(run);
    check_size(run, n);
    weir_chunk_file(chunk, the_file(), offset, n);
    file_letters(content, offset, n);
    app_give(run, content, n);
    return WEIR_CHUNK;
}

static int32_t say_end(struct app_run *run)
{
    if (run->status == 0 || (run->declared >= 0 && run->content_n < (size_t)run->declared))
        app_fail(run);
    run->has_ended = true;
    return WEIR_END;
}

static int32_t say_again(struct app_run *run)
{
    run->next_waits = true;
    return WEIR_AGAIN;
}

static int32_t say(struct app_run *run, weir_chunk *chunk)
{
    uint8_t choice = app_byte(run->steps);

    app_show("run %u:   says %d\n", run->id, choice % 12);
    switch (choice % 12) {
    case 0:
        if (run->status == 0 && app_program_is_at_end(run) && !run->has_failed)
            run->status = run->start(run->env, 200, WEIR_HEADERS({"X-App", "1"})) == 0 ? 200 : 0;
        return say_end(run);
    case 1:
    case 2:
    case 3:
    case 4:
        return say_memory(run, chunk);
    case 5:
        *chunk = (weir_chunk){.data = "", .size = 0};
        return WEIR_CHUNK;
    case 6:
        return say_file(run, chunk);
    case 7:
    case 8:
    case 9:
        return say_again(run);
    case 10:
        app_fail(run);
        return run->broken ? run->broken : WEIR_FAIL;
    default:
        app_fail(run);
        return app_byte(run->steps) % 2 == 0 ? 7 : -99;
    }
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct app_body *b = arg;
    struct app_run *run = b->run;
    enum app_place before = app_begin(run, IN_NEXT);
    int32_t said;

    APP_CHECK(env == run->env && b->closed == 0);
    APP_CHECK(run->own > 0 || !run->has_ended);
    run->wake_due = run->next_waits = run->input_in_next = false;
    app_take_steps(run);
    said = run->own > 0 ? WEIR_END : say(run, chunk);
    app_end(run, before);
    return said;
}

/* ---- all kinds ---- */

static weir_body make_owned(struct app_run *run, size_t n)
{
    struct app_body *b = new_body(run);

    b->memory = app_memory(n + 1);
    b->size = n;
    app_letters(run, b->memory, n);
    return weir_owned(b->memory, n, on_close, b);
}

static weir_body make_text(struct app_run *run, size_t n)
{
    char text[256];
    weir_body body = weir_copy(run->env, app_letters(run, text, n), n);

    if (body.kind == WEIR_BODY_ERROR)
        run->is_loose = true;
    return body;
}

static weir_body make_file(struct app_run *run, size_t n, uint32_t flags)
{
    uint64_t length = n % 4 == 0 ? WEIR_TO_END : n;
    int fd = flags & WEIR_CLOSE_FD ? dup(the_file()) : the_file();

    return weir_file(run->env, fd, n * 19, length, flags);
}

static weir_body make_kind(uint32_t kind)
{
    weir_body body = weir_empty();

    body.kind = kind;
    return body;
}

weir_body app_make_body(struct app_run *run)
{
    enum body_op op = (enum body_op)(app_byte(run->steps) % BODY_OPS);
    size_t n = op == MAKES_TEXT || op == MAKES_OWNED || op == MAKES_FILE || op == MAKES_OWN_FILE
                   ? app_byte(run->steps)
                   : 0;

    app_show("run %u:   body %d, %zu\n", run->id, (int)op, n);
    switch (op) {
    case MAKES_TEXT:
        return make_text(run, n);
    case MAKES_OWNED:
        return make_owned(run, n);
    case MAKES_FILE:
        return make_file(run, n, 0);
    case MAKES_OWN_FILE:
        return make_file(run, n, WEIR_CLOSE_FD);
    case MAKES_SHORT_FILE:
        return weir_file(run->env, the_file(), 0, APP_FILE_SIZE + 1, 0);
    case MAKES_ITERABLE:
    case MAKES_ITERABLE_TOO:
        return weir_iterable(next, on_close, new_body(run));
    case MAKES_HEARTBEAT:
        return weir_heartbeat(weir_iterable(next, on_close, new_body(run)), 30, APP_BEAT);
    case MAKES_ERROR:
        return weir_error(run->env, 400 + app_byte(run->steps) % 100);
    case MAKES_ODD_ERROR:
        return weir_error(run->env, app_byte(run->steps) % 2 == 0 ? 200 : 700);
    case MAKES_DECLINE:
        return weir_decline();
    case MAKES_LATER:
    case MAKES_LATER_TOO:
        return weir_later(run->env);
    case MAKES_UNKNOWN:
        return make_kind(17);
    case MAKES_NO_NEXT:
        return weir_iterable(NULL, on_close, new_body(run));
    default:
        return weir_empty();
    }
}

/* ---- what the model knows of a body that is handed over ---- */

/* What was declared is with the client, who cannot see that it was not all. */
static bool is_all_out(const struct app_run *run)
{
    return run->has_started && run->declared >= 0 && run->content_n == (size_t)run->declared;
}

static void take_sized(struct app_run *run, const weir_body *body)
{
    uint64_t size = body->size;

    if (body->kind == WEIR_BODY_FILE && body->size == WEIR_TO_END)
        size = APP_FILE_SIZE - body->offset;
    if (body->kind == WEIR_BODY_FILE &&
        (size > APP_FILE_SIZE || size + body->offset > APP_FILE_SIZE)) {
        app_fail(run);
        return;
    }
    if (body->kind == WEIR_BODY_FILE)
        file_letters(run->tail, body->offset, size);
    else if (size > 0)
        memcpy(run->tail, body->data, size);
    if (size > 0 && is_all_out(run))
        run->is_loose = true;
    run->tail_n = size;
    run->has_tail = true;
}

static void take_page(struct app_run *run, int32_t page)
{
    run->page = page;
    if (run->has_started || page < 300 || page > 599)
        app_fail(run);
}

static void take(struct app_run *run, const weir_body *body)
{
    switch (body->kind) {
    case WEIR_BODY_EMPTY:
    case WEIR_BODY_MEMORY:
    case WEIR_BODY_FILE:
        take_sized(run, body);
        break;
    case WEIR_BODY_ITERABLE:
        run->has_next = body->next != NULL;
        run->beats = body->flags > 0;
        if (!body->next)
            app_fail(run);
        break;
    case WEIR_BODY_ERROR:
        take_page(run, (int32_t)body->status);
        break;
    case WEIR_BODY_DECLINE:
        take_page(run, 404);
        if (run->has_read)
            run->is_loose = true;
        break;
    default:
        app_fail(run);
    }
}

void app_take_body(struct app_run *run, const weir_body *body, bool is_returned)
{
    if (is_returned && body->kind == WEIR_BODY_LATER)
        return;
    if (is_returned && run->has_finished) {
        run->has_failed = true; /* both */
        run->is_loose |= is_all_out(run);
        return;
    }
    if (body->kind == WEIR_BODY_LATER || run->has_body) { /* finished twice, or with what is none */
        app_fail(run);
        run->is_loose = true;
        return;
    }
    run->has_body = true;
    run->kind = body->kind;
    take(run, body);
}
