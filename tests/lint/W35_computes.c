/* W35: half a second of work on the event loop. */
/* send: GET / */
#include <weir/app.h>

#include <time.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    volatile unsigned work = 0;
    clock_t began = clock();

    while (clock() - began < CLOCKS_PER_SEC / 2)
        work = work + 1;
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w35_computes", .app = app, .runs = WEIR_ON_LOOP);
