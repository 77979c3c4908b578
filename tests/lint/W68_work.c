/* W68: work for another thread that asks the environ, which is for done. */
/* send: GET / */
#include <weir/app.h>

static void work(void *arg)
{
    weir_environ *env = (weir_environ *)arg;

    (void)weir_get(env, "PATH_INFO");
}

static void done(weir_environ *env, void *arg)
{
    (void)arg;
    weir_finish(env, weir_text("text\n"));
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (weir_offload(env, work, done, env) < 0)
        return weir_error(env, 503);
    return weir_later(env);
}

WEIR_PLUGIN(.name = "w68_work", .app = app, .runs = WEIR_ON_LOOP);
