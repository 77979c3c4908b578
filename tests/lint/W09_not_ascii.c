/* W09: a value in UTF-8, which clients read as Latin-1, if at all. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200,
                   WEIR_HEADERS({"Content-Type", "text/plain"}, {"X-Color", "gr\303\274n"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w09_not_ascii", .app = app, .runs = WEIR_ON_LOOP);
