/*
 * hello.c — the smallest application.
 *
 * It runs on the event loop, for it never waits for anything.
 */
#include <weir/app.h>

static weir_body hello(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("Hello, World!\n");
}

WEIR_PLUGIN(.name = "hello", .app = hello, .runs = WEIR_ON_LOOP);
