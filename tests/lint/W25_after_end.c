/* W25: middleware that asks on when the body has ended. */
#include <weir/app.h>

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    (void)chunk;
    return WEIR_END;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    weir_body inner = weir_iterable(next, NULL, NULL);
    weir_chunk chunk;

    weir_body_next(env, &inner, &chunk);
    weir_body_next(env, &inner, &chunk);
    weir_body_close(env, &inner);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w25_after_end", .app = app, .runs = WEIR_ON_LOOP);
