/* W69: a coroutine that counts its pauses, and does not look at what they say. */
/* send: GET / */
#include <weir/app.h>

#include <poll.h>
#include <unistd.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    int ends[2];

    if (pipe(ends) < 0)
        return weir_error(env, 503);
    (void)weir_wait_fd(env, ends[0], POLLIN, WEIR_NEVER); /* until the client leaves */
    for (int i = 0; i < 100; i++)
        (void)weir_sleep(env, 10);
    close(ends[0]);
    close(ends[1]);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w69_gone", .app = app, .runs = WEIR_IN_COROUTINE);
