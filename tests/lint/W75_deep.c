/* W75: an array of 110 KiB on a stack of 128. */
/* send: GET / */
#include <weir/app.h>

static int sum(void)
{
    volatile char room[112640];
    int n = 0;

    for (size_t i = 0; i < sizeof room; i++)
        room[i] = (char)i;
    for (size_t i = 0; i < sizeof room; i++)
        n += room[i];
    return n;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_printf(env, "%d\n", sum());
}

WEIR_PLUGIN(.name = "w75_deep", .app = app, .runs = WEIR_IN_COROUTINE, .stack_bytes = 131072);
