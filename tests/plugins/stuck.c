/* An app that answers without a type, but for /stuck, where it never returns. RUNS says where it
 * runs. */
#define _POSIX_C_SOURCE 200809L
#include <weir/app.h>

#include <time.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const struct timespec pause = {1, 0};
    const char *path = weir_get(env, "PATH_INFO");

    while (path && strcmp(path, "/stuck") == 0)
        nanosleep(&pause, NULL);
    start_response(env, 200, NULL);
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "stuck", .app = app, .runs = RUNS);
