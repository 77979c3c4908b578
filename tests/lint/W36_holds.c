/* W36: a thread that is held for more than five seconds. */
/* send: GET / */
#define _POSIX_C_SOURCE 200809L
#include <weir/app.h>

#include <time.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const struct timespec pause = {5, 200000000};

    nanosleep(&pause, NULL);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w36_holds", .app = app);
