/* W33: a deferred function that reads, when the response is over. */
#include <weir/app.h>

static void too_late(void *arg)
{
    char byte;

    weir_read((weir_environ *)arg, &byte, 1);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    weir_defer(env, too_late, env);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w33_at_the_end", .app = app, .runs = WEIR_ON_LOOP);
