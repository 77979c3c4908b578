/*
 * echo.c — sends the request's content back, piece by piece, while it is still coming.
 *
 * One buffer a request, whatever the size: `next` is asked only when the client takes more, and
 * reads only then. It runs on the event loop, where reading does not wait: when there is nothing
 * for now, weir_read says WEIR_AGAIN, next passes that on, and is called again when there is more.
 */
#include <weir/app.h>

#define PIECE 16384

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int64_t n = weir_read(env, arg, PIECE);

    if (n == 0)
        return WEIR_END;
    if (n < 0)
        return (int32_t)n; /* WEIR_AGAIN, or what went wrong: both are for the server */
    chunk->data = arg;
    chunk->size = (uint64_t)n;
    return WEIR_CHUNK;
}

static weir_body echo(weir_environ *env, weir_start_response *start_response)
{
    const char *method = weir_get(env, "REQUEST_METHOD");
    const char *type = weir_get(env, "CONTENT_TYPE");
    const char *length = weir_get(env, "CONTENT_LENGTH");
    void *piece;

    if (!method || (strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0)) {
        start_response(env, 405, WEIR_HEADERS({"Allow", "POST, PUT"}));
        return weir_error(env, 405);
    }
    piece = weir_alloc(env, PIECE);
    if (!piece)
        return weir_error(env, 503);

    /* Without nosniff a browser might take a stranger's text for a page of this site. */
    start_response(env, 200,
                   WEIR_HEADERS({"Content-Type", type ? type : "application/octet-stream"},
                                {"X-Content-Type-Options", "nosniff"}));
    if (length)
        weir_header_add(env, "Content-Length", length, strlen(length));
    return weir_iterable(next, NULL, piece);
}

WEIR_PLUGIN(.name = "echo", .app = echo, .runs = WEIR_ON_LOOP);
