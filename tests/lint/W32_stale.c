/* W32: an environ that is kept when the request is over. */
#include <weir/app.h>

static weir_environ *kept;

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    if (!kept)
        kept = env;
    else
        (void)weir_get(kept, "PATH_INFO");
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w32_stale", .app = app, .runs = WEIR_ON_LOOP);
