/* W31: a thread of the app's own that uses the environ while the app does. */
#include <weir/app.h>

#include <pthread.h>

static void *use(void *env)
{
    (void)weir_get((weir_environ *)env, "PATH_INFO");
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

WEIR_PLUGIN(.name = "w31_two_threads", .app = app);
