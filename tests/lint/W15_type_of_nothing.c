/* W15: the type of content that cannot be there. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 204, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_empty();
}

WEIR_PLUGIN(.name = "w15_type_of_nothing", .app = app, .runs = WEIR_ON_LOOP);
