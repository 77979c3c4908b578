/* W30: in an app that runs in threads, a callback of weir_on_disconnect that does more than log
 * and set a flag. */
/* send: GET / */
#include <weir/app.h>

static void on_gone(weir_environ *env, void *arg, int32_t why)
{
    (void)arg;
    weir_log(env, WEIR_LOG_INFO, "%s: the client has left: %d", weir_get(env, "PATH_INFO"),
             (int)why);
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
    weir_on_disconnect(env, on_gone, NULL);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_iterable(next, NULL, NULL);
}

WEIR_PLUGIN(.name = "w30_outside", .app = app);
