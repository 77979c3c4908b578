/* W56: a terabyte of content for each request. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w56_buffer", .app = app, .runs = WEIR_ON_LOOP,
            .body_buffer_max = (uint64_t)1 << 40);
