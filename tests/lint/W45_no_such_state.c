/* W45: the state of a thread, on the loop. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    (void)weir_thread_state(env);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w45_no_such_state", .app = app, .runs = WEIR_ON_LOOP);
