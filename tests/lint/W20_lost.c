/* W20: an app that declines when it has begun to answer. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_decline();
}

WEIR_PLUGIN(.name = "w20_lost", .app = app, .runs = WEIR_ON_LOOP);
