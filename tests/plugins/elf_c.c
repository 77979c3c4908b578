/*
 * elf_c.c — a plugin whose note is read by unit/app/test_elf.c: every field that is read, in C.
 */
#include <weir/app.h>

static weir_body answer(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("elf_c\n");
}

#define SCHEMA_END "}"

WEIR_PLUGIN(.name = "elf"
                    "_c",
            .version = "1.\x32\t\"\\\063\u00e9", .description = "a, b = \"c\" .name", .app = answer,
            .runs = (WEIR_ON_LOOP), .config_schema = "{\"type\": \"object\"\n" SCHEMA_END);
