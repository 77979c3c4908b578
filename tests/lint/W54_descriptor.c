/* W54: flags that mean nothing. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w54_descriptor", .app = app, .runs = WEIR_ON_LOOP, .flags = 0x80);
