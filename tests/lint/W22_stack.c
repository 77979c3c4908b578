/* W22: a body in an array of the function that returns it. */
#include <weir/app.h>

static weir_body body_of(const char *p)
{
    return weir_bytes(p, 5);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    char text[6];
    const char *volatile p = text; /* else the compiler sees it */

    memcpy(text, "text\n", sizeof text);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return body_of(p);
}

WEIR_PLUGIN(.name = "w22_stack", .app = app, .runs = WEIR_ON_LOOP);
