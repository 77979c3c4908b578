/* W37: weir_wake from a thread of the app's own. */
#include <weir/app.h>

#include <pthread.h>

static void *use(void *env)
{
    weir_wake((weir_environ *)env);
    return NULL;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    pthread_t other;

    if (pthread_create(&other, NULL, use, env) != 0)
        return weir_error(env, 503);
    pthread_join(other, NULL);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w37_waker", .app = app);
