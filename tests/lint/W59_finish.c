/* W59: weir_finish of what has its body. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    weir_finish(env, weir_text("text\n"));
    weir_finish(env, weir_text("text\n"));
    return weir_later(env);
}

WEIR_PLUGIN(.name = "w59_finish", .app = app, .runs = WEIR_ON_LOOP);
