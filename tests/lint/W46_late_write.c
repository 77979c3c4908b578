/* W46: memory of a request that is written to by the next. */
#include <weir/app.h>

static char *kept;

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    if (kept)
        kept[0] = 'x';
    else
        kept = (char *)weir_alloc(env, 1);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w46_late_write", .app = app, .runs = WEIR_ON_LOOP);
