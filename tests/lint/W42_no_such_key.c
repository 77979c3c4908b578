/* W42: HTTP_CONTENT_TYPE, which is CONTENT_TYPE. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    (void)weir_get(env, "HTTP_CONTENT_TYPE");
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w42_no_such_key", .app = app, .runs = WEIR_ON_LOOP);
