/* W48: a function that others can see, and may take the place of. */
#include <weir/app.h>

__attribute__((visibility("default"))) int helper(void);

int helper(void)
{
    return 5;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_bytes("text\n", (size_t)helper());
}

WEIR_PLUGIN(.name = "w48_exports", .app = app, .runs = WEIR_ON_LOOP);
