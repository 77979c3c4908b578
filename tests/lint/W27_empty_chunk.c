/* W27: a piece without a byte, where WEIR_AGAIN is meant. */
#include <weir/app.h>

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *count = (int *)arg;

    (void)env;
    if (++*count == 3)
        return WEIR_END;
    chunk->data = "text\n";
    chunk->size = *count == 1 ? 0 : 5;
    return WEIR_CHUNK;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    int *count = (int *)weir_alloc(env, sizeof *count);

    if (!count)
        return weir_error(env, 503);
    *count = 0;
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_iterable(next, NULL, count);
}

WEIR_PLUGIN(.name = "w27_empty_chunk", .app = app, .runs = WEIR_ON_LOOP);
