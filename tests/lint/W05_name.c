/* W05: a blank in the name of a field. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}, {"X Color", "red"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w05_name", .app = app, .runs = WEIR_ON_LOOP);
