/* W63: the type of the content behind it. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    weir_trailer_add(env, "Content-Type", "text/html", 9);
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w63_trailer", .app = app, .runs = WEIR_ON_LOOP);
