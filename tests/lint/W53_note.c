/* W53: a descriptor that was not made by WEIR_PLUGIN. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

__attribute__((visibility("default"))) extern const weir_plugin weir_plugin_v1;
const weir_plugin weir_plugin_v1 = {.magic = WEIR_PLUGIN_MAGIC,
                                    .abi_major = WEIR_ABI_MAJOR,
                                    .abi_minor = WEIR_ABI_MINOR,
                                    .size = sizeof(weir_plugin),
                                    .name = "w53_note",
                                    .app = app,
                                    .runs = WEIR_ON_LOOP};
