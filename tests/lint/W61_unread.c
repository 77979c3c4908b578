/* W61: a callback of weir_on_input that leaves the content where it is. */
#include <weir/app.h>

static void on_input(weir_environ *env, void *arg)
{
    (void)env;
    (void)arg;
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    (void)chunk;
    return WEIR_AGAIN;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    weir_on_input(env, on_input, NULL);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_iterable(next, NULL, NULL);
}

WEIR_PLUGIN(.name = "w61_unread", .app = app, .runs = WEIR_ON_LOOP);
