#include "handlers/metrics.h"

#include <stdlib.h>

#include "app/builtin.h"
#include "http/method.h"

#define METHODS "GET, HEAD, OPTIONS"
#define TYPE    "text/plain; version=0.0.4; charset=utf-8"

static struct wr_slice get(weir_environ *env, const char *key)
{
    size_t n;
    const char *value = weir_get_n(env, key, &n);

    return wr_slice(value, n);
}

static weir_body answer(weir_environ *env, weir_start_response *start_response)
{
    char *text = wr_builtin_metrics(env);

    if (!text)
        return weir_error(env, 503);
    start_response(env, 200,
                   WEIR_HEADERS({"Content-Type", TYPE}, {"Cache-Control", "no-store"},
                                {"X-Content-Type-Options", "nosniff"}));
    return weir_owned(text, strlen(text), free, text);
}

static weir_body serve(weir_environ *env, weir_start_response *start_response)
{
    struct wr_slice method = get(env, "REQUEST_METHOD"), rest = get(env, "PATH_INFO");
    int status;

    if (rest.n > 0 && !wr_slice_eq(rest, WR_SLICE("/")))
        return weir_error(env, 404);
    switch (wr_method_of(method)) {
    case WR_METHOD_GET:
    case WR_METHOD_HEAD:
        return answer(env, start_response);
    case WR_METHOD_OPTIONS:
        start_response(env, 204, WEIR_HEADERS({"Allow", METHODS}));
        return weir_empty();
    case WR_METHOD_OTHER:
        status = 501;
        break;
    default:
        status = 405;
    }
    start_response(env, status, WEIR_HEADERS({"Allow", METHODS}));
    return weir_error(env, status);
}

const weir_plugin wr_metrics_plugin = {
    .magic = WEIR_PLUGIN_MAGIC,
    .abi_major = WEIR_ABI_MAJOR,
    .abi_minor = WEIR_ABI_MINOR,
    .size = sizeof(weir_plugin),
    .name = "metrics",
    .app = serve,
    .runs = WEIR_ON_LOOP,
};
