/* W60: weir_later, and no callback that would finish. */
/* send: GET / */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_later(env);
}

WEIR_PLUGIN(.name = "w60_never_finished", .app = app, .runs = WEIR_ON_LOOP);
