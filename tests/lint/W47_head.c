/* W47: HEAD is not found where GET is. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *method = weir_get(env, "REQUEST_METHOD");

    if (method && strcmp(method, "HEAD") == 0)
        return weir_error(env, 404);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w47_head", .app = app, .runs = WEIR_ON_LOOP);
