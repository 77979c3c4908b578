/* W67: a token that was never asked for. */
/* send: GET / */
#include <weir/app.h>

static uint64_t token; /* nobody sets it */

static void answer(weir_environ *env, void *arg)
{
    (void)arg;
    weir_finish(env, weir_text("text\n"));
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (weir_resume(env->host, token, answer, NULL, NULL) == 0)
        return weir_later(env);
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w67_token", .app = app, .runs = WEIR_ON_LOOP);
