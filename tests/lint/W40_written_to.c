/* W40: a string of the environ that is cut where it lies. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    char *path = (char *)(uintptr_t)weir_get(env, "PATH_INFO");

    if (path && *path)
        *path = '-';
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w40_written_to", .app = app, .runs = WEIR_ON_LOOP);
