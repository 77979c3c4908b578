/* W57: a state for threads, of a plugin that has none. */
#include <weir/app.h>

static int32_t thread_start(const weir_host *host, void *state, void **thread_state)
{
    (void)host;
    (void)state;
    (void)thread_state;
    return 0;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w57_never_called", .app = app, .runs = WEIR_ON_LOOP,
            .thread_start = thread_start);
