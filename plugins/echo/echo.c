/*
 * echo.c — sends the request's content back, piece by piece, while it is still coming.
 *
 * One buffer a request, whatever the size: `next` is asked only when the client takes more, and
 * reads only then. It runs on the event loop, where reading does not wait: when there is nothing
 * for now, weir_read says WEIR_AGAIN, next passes that on, and is called again when there is more.
 *
 * start_response is called in next, with the first piece: content that is broken or too large from its
 * beginning gets an answer that says so. Later the 200 is out, and its end is all that can be taken
 * back: the connection is closed without it.
 */
#include <weir/app.h>

#define PIECE 16384

struct echo {
    weir_start_response *start_response;
    int has_started;
    char piece[PIECE];
};

static void start(weir_environ *env, struct echo *echo)
{
    const char *type = weir_get(env, "CONTENT_TYPE");
    const char *length = weir_get(env, "CONTENT_LENGTH");

    /* Without nosniff a browser might take a stranger's text for a page of this site. */
    echo->start_response(env, 200,
                         WEIR_HEADERS({"Content-Type", type ? type : "application/octet-stream"},
                                      {"X-Content-Type-Options", "nosniff"}));
    if (length)
        weir_header_add(env, "Content-Length", length, strlen(length));
    echo->has_started = 1;
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct echo *echo = arg;
    int64_t n = weir_read(env, echo->piece, PIECE);

    if (n < 0)
        return (int32_t)n; /* WEIR_AGAIN, or what went wrong: both are for the server */
    if (!echo->has_started)
        start(env, echo);
    if (n == 0)
        return WEIR_END;
    chunk->data = echo->piece;
    chunk->size = (uint64_t)n;
    return WEIR_CHUNK;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *method = weir_get(env, "REQUEST_METHOD");
    struct echo *echo;

    if (!method || (strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0)) {
        start_response(env, 405, WEIR_HEADERS({"Allow", "POST, PUT"}));
        return weir_error(env, 405);
    }
    echo = weir_alloc(env, sizeof *echo);
    if (!echo)
        return weir_error(env, 503);
    echo->start_response = start_response;
    echo->has_started = 0;
    return weir_iterable(next, NULL, echo);
}

WEIR_PLUGIN(.name = "echo", .app = app, .runs = WEIR_ON_LOOP);
