/* W21: a body whose memory is NULL. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_bytes(NULL, 5);
}

WEIR_PLUGIN(.name = "w21_body", .app = app, .runs = WEIR_ON_LOOP);
