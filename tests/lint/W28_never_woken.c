/* W28: WEIR_AGAIN, and nobody ever calls weir_wake. */
/* send: GET / */
#include <weir/app.h>

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)chunk;
    (void)arg;
    return WEIR_AGAIN;
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

WEIR_PLUGIN(.name = "w28_never_woken", .app = app, .runs = WEIR_ON_LOOP);
