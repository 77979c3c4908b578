/*
 * echo_whole.c — sends the content back, having read all of it: what the corpus calls an echo handler.
 *
 * plugins/echo answers while the content is still coming, so that content which turns out broken is
 * behind the head of a 200. Here the answer is the server's alone until the content is whole.
 */
#include <weir/app.h>

static weir_body echo(weir_environ *env, weir_start_response *start_response)
{
    size_t n;
    const void *content = weir_content(env, &n);

    if (!content)
        return weir_error(env, 500);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "application/octet-stream"}));
    return weir_bytes(content, n);
}

WEIR_PLUGIN(.name = "echo-whole", .app = echo, .runs = WEIR_ON_LOOP, .body_buffer_max = 1048576);
