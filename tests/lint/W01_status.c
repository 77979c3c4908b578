/* W01: an answer of the status 99. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 99, NULL);
    return weir_empty();
}

WEIR_PLUGIN(.name = "w01_status", .app = app, .runs = WEIR_ON_LOOP);
