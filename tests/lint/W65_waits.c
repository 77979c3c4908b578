/* W65: sleeping by the server, on its loop. */
/* send: GET / */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    weir_sleep(env, 10);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w65_waits", .app = app, .runs = WEIR_ON_LOOP);
