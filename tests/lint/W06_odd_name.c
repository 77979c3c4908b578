/* W06: an underscore in the name of a field, which proxies drop. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}, {"X_Color", "red"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w06_odd_name", .app = app, .runs = WEIR_ON_LOOP);
