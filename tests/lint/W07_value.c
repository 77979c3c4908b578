/* W07: a line break in a value: what splits a response. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200,
                   WEIR_HEADERS({"Content-Type", "text/plain"}, {"X-Color", "red\r\nX-Other: 1"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w07_value", .app = app, .runs = WEIR_ON_LOOP);
