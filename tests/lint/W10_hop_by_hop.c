/* W10: a field that is the server's to give. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}, {"Connection", "close"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w10_hop_by_hop", .app = app, .runs = WEIR_ON_LOOP);
