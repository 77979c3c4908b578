/*
 * drop.c — an application that reads all content and keeps none: what taking an upload costs.
 *
 * It runs on the event loop; when there is no more for now, it is called again when there is.
 */
#include <weir/app.h>

#define PIECE 262144

struct drop {
    weir_start_response *start_response;
    char piece[PIECE];
};

static void read_on(weir_environ *env, void *arg)
{
    struct drop *drop = arg;
    int64_t n;

    do
        n = weir_read(env, drop->piece, PIECE);
    while (n > 0);
    if (n == WEIR_AGAIN)
        return;
    if (n < 0) {
        weir_finish(env, weir_error(env, 400));
        return;
    }
    drop->start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    weir_finish(env, weir_text("taken\n"));
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct drop *drop = weir_alloc(env, sizeof *drop);

    if (!drop)
        return weir_error(env, 503);
    drop->start_response = start_response;
    if (weir_on_input(env, read_on, drop) < 0)
        return weir_error(env, 503);
    return weir_later(env);
}

WEIR_PLUGIN(.name = "drop", .app = app, .runs = WEIR_ON_LOOP);
