/* W38: weir_read into NULL. */
/* send: GET / */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    weir_read(env, NULL, 5);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w38_read", .app = app, .runs = WEIR_ON_LOOP);
