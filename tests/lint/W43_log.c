/* W43: a message that ends with a newline. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    weir_log(env, WEIR_LOG_INFO, "done\n");
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w43_log", .app = app, .runs = WEIR_ON_LOOP);
