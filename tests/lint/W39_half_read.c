/* W39: an app that reads the beginning of an upload and says that all is well. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    char head[10];

    weir_read(env, head, sizeof head);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w39_half_read", .app = app);
