/*
 * interim.c — 103 ahead of the answer, the content back in pieces, trailers behind it.
 *
 * -DRUNS and -DSERIAL say where. The trailers are X-Bytes, how many there were, and those of the request
 * with "X-" in front. Below /sized the answer is "sized" and has one trailer, whatever came.
 */
#include <weir/app.h>

#include <stdio.h>
#include <string.h>

#ifndef SERIAL
#    define SERIAL 0
#endif

struct echo {
    unsigned long bytes;
    char piece[1000];
};

static int32_t add_again(void *env, const char *name, size_t name_n, const char *value,
                         size_t value_n)
{
    char own[100];

    snprintf(own, sizeof own, "X-%.*s", (int)name_n, name);
    return weir_trailer_add(env, own, value, value_n);
}

static int32_t end(weir_environ *env, const struct echo *e)
{
    char text[20];
    int n = snprintf(text, sizeof text, "%lu", e->bytes);

    if (weir_trailer_add(env, "X-Bytes", text, (size_t)n) < 0 ||
        weir_trailer_each(env, add_again, env) < 0)
        return WEIR_FAIL;
    return WEIR_END;
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct echo *e = arg;
    int64_t n = weir_read(env, e->piece, sizeof e->piece);

    if (n <= 0)
        return n == 0 ? end(env, e) : (int32_t)n;
    e->bytes += (unsigned long)n;
    chunk->data = e->piece;
    chunk->size = (uint64_t)n;
    return WEIR_CHUNK;
}

static weir_body answer(weir_environ *env, weir_start_response *start_response)
{
    const weir_header hint[] = {{"Link", "</a.css>; rel=preload"}, {NULL, NULL}};
    const weir_header other[] = {{"Link", "</b.js>; rel=preload"}, {NULL, NULL}};
    struct echo *e = weir_alloc(env, sizeof *e);

    if (!e)
        return weir_error(env, 503);
    weir_early_hints(env, hint);
    weir_early_hints(env, other);
    weir_trailer_add(env, "X-Bytes", NULL, 0);
    start_response(env, 200, NULL);
    if (strcmp(weir_get(env, "PATH_INFO"), "/sized") == 0) {
        weir_trailer_add(env, "X-Bytes", "5", 1);
        return weir_text("sized");
    }
    e->bytes = 0;
    return weir_iterable(next, NULL, e);
}

WEIR_PLUGIN(.name = "interim", .app = answer, .runs = RUNS, .serial = SERIAL);
