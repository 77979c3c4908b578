/* W08: a blank behind a value. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}, {"X-Color", "red "}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w08_blanks", .app = app, .runs = WEIR_ON_LOOP);
