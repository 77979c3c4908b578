/* W11: a Content-Length that is not a number. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200,
                   WEIR_HEADERS({"Content-Type", "text/plain"}, {"Content-Length", "five"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w11_bad_length", .app = app, .runs = WEIR_ON_LOOP);
