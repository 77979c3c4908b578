/* W41: weir_set without a key. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    weir_set(env, "", "1");
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w41_set", .app = app, .runs = WEIR_ON_LOOP);
