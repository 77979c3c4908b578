/* W64: early hints in which is nothing to fetch. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    weir_early_hints(env, WEIR_HEADERS({"X-Color", "red"}));
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w64_hints", .app = app, .runs = WEIR_ON_LOOP);
