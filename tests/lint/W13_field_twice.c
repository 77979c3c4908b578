/* W13: two Content-Type. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200,
                   WEIR_HEADERS({"Content-Type", "text/plain"}, {"Content-Type", "text/html"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w13_field_twice", .app = app, .runs = WEIR_ON_LOOP);
