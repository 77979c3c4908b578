/* W51: code that the loader has to change. */
/* link: -Wl,-z,notext */
#include <weir/app.h>

#if defined __x86_64__ || defined __aarch64__
__asm__(".text\n.quad weir_plugin_v1\n.previous\n");
#else
__asm__(".text\n.long weir_plugin_v1\n.previous\n");
#endif

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w51_text_relocations", .app = app, .runs = WEIR_ON_LOOP);
