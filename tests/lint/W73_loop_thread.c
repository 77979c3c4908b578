/* W73: a timer of the loop that a thread of the app's own sets. */
/* send: GET / */
#include <weir/app.h>

#include <pthread.h>

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host;
    (void)state;
    *loop_state = loop;
    return 0;
}

static void on_time(weir_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
}

static void *set(void *loop)
{
    weir_loop_timer((weir_loop *)loop, 1000, on_time, NULL);
    return NULL;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    pthread_t other;

    if (pthread_create(&other, NULL, set, weir_loop_state(env)) != 0)
        return weir_error(env, 503);
    pthread_join(other, NULL);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w73_loop_thread", .app = app, .runs = WEIR_ON_LOOP, .loop_start = loop_start);
