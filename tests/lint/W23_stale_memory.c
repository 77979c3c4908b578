/* W23: memory of a request that is kept for others. */
#include <weir/app.h>

static char *kept;

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    if (!kept) {
        kept = (char *)weir_alloc(env, 5);
        if (!kept)
            return weir_error(env, 503);
        memcpy(kept, "text\n", 5);
    }
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_bytes(kept, 5);
}

WEIR_PLUGIN(.name = "w23_stale_memory", .app = app, .runs = WEIR_ON_LOOP);
