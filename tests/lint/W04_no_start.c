/* W04: content without start_response. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    (void)env;
    (void)start_response;
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w04_no_start", .app = app, .runs = WEIR_ON_LOOP);
