/* W12: a Content-Length that was forgotten when the text grew. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}, {"Content-Length", "3"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w12_wrong_length", .app = app, .runs = WEIR_ON_LOOP);
