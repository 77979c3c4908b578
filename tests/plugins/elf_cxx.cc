/*
 * elf_cxx.cc — a plugin whose note is read by unit/app/test_elf.c: raw literals, and what is no
 * literal, in C++.
 */
#include <weir/app.h>

static constexpr char version[] = "2.0";

static weir_body answer(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("elf_cxx\n");
}

WEIR_PLUGIN(.name = "elf_cxx", .version = version, .app = answer, .runs = WEIR_IN_THREAD,
            .config_schema = R"json({"pattern": "a\n(b)",
 "type": "object"})json");
