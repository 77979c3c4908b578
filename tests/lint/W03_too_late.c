/* W03: start_response when the first piece has been sent. */
/* send: GET / */
#include <weir/app.h>

static weir_start_response *saved;

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *count = (int *)arg;

    if (++*count == 3)
        return WEIR_END;
    if (*count == 2)
        saved(env, 200 | WEIR_REPLACE, NULL);
    chunk->data = "text\n";
    chunk->size = 5;
    return WEIR_CHUNK;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    int *count = (int *)weir_alloc(env, sizeof *count);

    if (!count)
        return weir_error(env, 503);
    *count = 0;
    saved = start_response;
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_iterable(next, NULL, count);
}

WEIR_PLUGIN(.name = "w03_too_late", .app = app, .runs = WEIR_ON_LOOP);
