/* W14: content without a Content-Type. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w14_no_type", .app = app, .runs = WEIR_ON_LOOP);
