/* W16: content with the status 204. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 204, NULL);
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w16_unsent", .app = app, .runs = WEIR_ON_LOOP);
