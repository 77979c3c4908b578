/* W52: libraries from a folder below wherever the server was started. */
/* link: -Wl,-rpath,lib */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w52_search_path", .app = app, .runs = WEIR_ON_LOOP);
