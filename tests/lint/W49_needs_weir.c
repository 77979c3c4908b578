/* W49: linked against libweir, of which there are then two. */
/* link: -Wl,--no-as-needed -L{folder} -l:libweir.so.0 */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w49_needs_weir", .app = app, .runs = WEIR_ON_LOOP);
