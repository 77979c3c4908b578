/* W58: weir_write before start_response. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    weir_write(env, "text\n", 5);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_empty();
}

WEIR_PLUGIN(.name = "w58_write", .app = app, .runs = WEIR_ON_LOOP);
