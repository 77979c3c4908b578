/* W66: a timer of an app that runs in threads. */
/* send: GET / */
#include <weir/app.h>

static void on_time(weir_environ *env, void *arg)
{
    (void)arg;
    weir_finish(env, weir_text("text\n"));
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_timer(env, 10, on_time, NULL) == 0 ? weir_later(env) : weir_text("text\n");
}

WEIR_PLUGIN(.name = "w66_not_in_thread", .app = app);
