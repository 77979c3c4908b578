/* W62: weir_read while weir_read_all reads. */
#include <weir/app.h>

static void on_content(weir_environ *env, void *arg, const void *data, int64_t n)
{
    (void)arg;
    (void)data;
    (void)n;
    weir_finish(env, weir_empty());
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    char byte;

    weir_read_all(env, 10000, on_content, NULL);
    weir_read(env, &byte, 1);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_later(env);
}

WEIR_PLUGIN(.name = "w62_readers", .app = app, .runs = WEIR_ON_LOOP);
