/* W17: a redirect that does not say where to. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 302, NULL);
    return weir_empty();
}

WEIR_PLUGIN(.name = "w17_no_location", .app = app, .runs = WEIR_ON_LOOP);
