/* W76: a timer of 0 ms that looks again and again. */
/* send: GET / */
#include <weir/app.h>

static void look(weir_environ *env, void *arg)
{
    int *looks = (int *)arg;

    if (++*looks == 300)
        weir_finish(env, weir_text("text\n"));
    else
        weir_timer(env, 0, look, looks);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    int *looks = (int *)weir_alloc(env, sizeof *looks);

    if (!looks)
        return weir_error(env, 503);
    *looks = 0;
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_timer(env, 0, look, looks) == 0 ? weir_later(env) : weir_error(env, 503);
}

WEIR_PLUGIN(.name = "w76_spins", .app = app, .runs = WEIR_ON_LOOP);
