/* W50: linked so that every stack of the process becomes executable. */
/* link: -Wl,-z,execstack */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w50_executable_stack", .app = app, .runs = WEIR_ON_LOOP);
