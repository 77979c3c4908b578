/* W44: the configuration is asked by a request. */
#include <weir/app.h>

static const weir_config *kept;

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    (void)host;
    (void)state;
    kept = config;
    return 0;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    (void)weir_config_int(kept, "n", 1);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w44_config", .app = app, .load = load, .runs = WEIR_ON_LOOP);
