/* W77: a timer that gets a local variable of the app. */
/* send: GET / */
#include <weir/app.h>

static void on_time(weir_environ *env, void *arg)
{
    (void)arg; /* it would be read here */
    weir_finish(env, weir_text("text\n"));
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    int tries = 3;

    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_timer(env, 10, on_time, &tries) == 0 ? weir_later(env) : weir_error(env, 503);
}

WEIR_PLUGIN(.name = "w77_argument", .app = app, .runs = WEIR_ON_LOOP);
