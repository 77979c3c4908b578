#include <inttypes.h>

#include "config/table.h"
#include "config/writer.h"

/* A member whose value is a string; "properties" and the like are written by hand. */
static void put_text(struct wr_writer *w, const char *key, const char *value)
{
    wr_write_begin(w, key);
    wr_write_string(w->out, value);
}

static void put_raw(struct wr_writer *w, const char *key, const char *json)
{
    wr_write_begin(w, key);
    fputs(json, w->out);
}

static void put_integer(struct wr_writer *w, const char *key, int64_t value)
{
    wr_write_begin(w, key);
    fprintf(w->out, "%" PRId64, value);
}

static void put_range(struct wr_writer *w, const struct wr_option *option)
{
    if (wr_number_is_in_range(option, option->absent)) {
        put_integer(w, "minimum", option->min);
        put_integer(w, "maximum", option->max);
        return;
    }
    put_raw(w, "anyOf", "[");
    fprintf(w->out,
            "{\"const\": %" PRId64 "}, {\"minimum\": %" PRId64 ", \"maximum\": %" PRId64 "}]",
            option->absent, option->min, option->max);
}

static void put_enum(struct wr_writer *w, const struct wr_option *option)
{
    const char *quote = option->kind == WR_CHOICE ? "\"" : "";

    wr_write_begin(w, "enum");
    for (size_t i = 0; wr_word_at(option->words, i).p; i++) {
        struct wr_slice word = wr_word_at(option->words, i);

        fprintf(w->out, "%s%s%.*s%s", i == 0 ? "[" : ", ", quote, (int)word.n, word.p, quote);
    }
    fputs("]", w->out);
}

static void put_reference(struct wr_writer *w, const char *key, const char *name)
{
    wr_write_begin(w, key);
    fprintf(w->out, "{\"$ref\": \"#/definitions/%s\"}", name);
}

#define TEXT_SCHEMA "{\"type\": \"string\", \"minLength\": 1}"

/* The kinds whose values are made of others. */
static void put_composed(struct wr_writer *w, const struct wr_option *option)
{
    switch (option->kind) {
    case WR_TEXTS:
        put_text(w, "type", "array");
        put_raw(w, "items", TEXT_SCHEMA);
        if (strcmp(option->text, "[]") != 0)
            put_raw(w, "default", option->text);
        else if (strcmp(option->section, "host") == 0)
            put_integer(w, "minItems", 1);
        return;
    case WR_PARTS:
        put_text(w, "type", "array");
        put_reference(w, "items", option->of->name);
        return;
    case WR_PART: /* a keyword beside $ref would not count in draft 7 */
        put_raw(w, "allOf", "[");
        fprintf(w->out, "{\"$ref\": \"#/definitions/%s\"}]", option->of->name);
        return;
    case WR_PAGES:
        put_text(w, "type", "object");
        put_raw(w, "patternProperties", "{\"^([45][0-9][0-9]|4xx|5xx)$\": " TEXT_SCHEMA "}");
        put_raw(w, "additionalProperties", "false");
        return;
    case WR_MAP:
        put_text(w, "type", "object");
        put_raw(w, "additionalProperties",
                wr_map_has_null(option) ? "{\"type\": [\"string\", \"null\"], \"minLength\": 1}"
                                        : TEXT_SCHEMA);
        return;
    default:
        put_text(w, "type", "object");
        return;
    }
}

static void put_kind(struct wr_writer *w, const struct wr_option *option)
{
    switch (option->kind) {
    case WR_FLAG:
        put_text(w, "type", "boolean");
        put_raw(w, "default", option->absent ? "true" : "false");
        return;
    case WR_NUMBER:
        put_text(w, "type", "integer");
        put_range(w, option);
        put_integer(w, "default", option->absent);
        return;
    case WR_ONE_OF:
        put_enum(w, option);
        put_integer(w, "default", option->absent);
        return;
    case WR_CHOICE:
        put_enum(w, option);
        put_text(w, "default", option->text);
        return;
    case WR_TEXT:
    case WR_PATH:
    case WR_MODE:
        put_raw(w, "type", option->text ? "\"string\"" : "[\"string\", \"null\"]");
        put_integer(w, "minLength", 1);
        if (option->kind == WR_MODE)
            put_text(w, "pattern", "^0*[1-7][0-7]{0,2}$");
        put_text(w, "default", option->text);
        return;
    default:
        put_composed(w, option);
        return;
    }
}

/* ---- routes: one of four kinds, each with keys of its own ---- */

static const char *const kinds[] = {"static", "plugin", "redirect", "metrics"};
#define KINDS_N (sizeof kinds / sizeof kinds[0])

/* The keys of kinds are texts, but for one flag. */
static void put_has_kind(struct wr_writer *w, const char *kind, bool has)
{
    if (strcmp(kind, "metrics") == 0)
        put_raw(w, kind, has ? "{\"const\": true}" : "{\"const\": false}");
    else
        put_raw(w, kind, has ? "{\"type\": \"string\"}" : "{\"type\": \"null\"}");
}

static void put_kind_of_route(struct wr_writer *w, const struct wr_section *route, size_t kind)
{
    wr_write_open(w, NULL, '{');
    wr_write_begin(w, "required");
    fprintf(w->out, "[\"%s\"]", kinds[kind]);
    wr_write_open(w, "properties", '{');
    for (size_t i = 0; i < KINDS_N; i++)
        put_has_kind(w, kinds[i], i == kind);
    for (size_t i = 0; i < route->n; i++) {
        const char *key = route->v[i].key, *of = wr_route_kind_of(key);

        if (of && strcmp(of, key) != 0 && strcmp(of, kinds[kind]) != 0)
            put_raw(w, key, "false");
    }
    wr_write_close(w, '}');
    wr_write_close(w, '}');
}

static void put_rules(struct wr_writer *w, const struct wr_section *section)
{
    static const char actions[] =
        "[{\"required\": [\"cache_control\"]}, {\"required\": [\"fields\"]}, "
        "{\"required\": [\"type\"]}, {\"required\": [\"download\"]}, {\"required\": [\"deny\"]}]";

    if (strcmp(section->name, "host") == 0)
        put_raw(w, "required", "[\"names\"]");
    if (strcmp(section->name, "rule") == 0)
        put_raw(w, "anyOf", actions);
    if (strcmp(section->name, "route") != 0)
        return;
    wr_write_open(w, "oneOf", '[');
    for (size_t i = 0; i < KINDS_N; i++)
        put_kind_of_route(w, section, i);
    wr_write_close(w, ']');
}

static void put_section(struct wr_writer *w, const struct wr_section *section)
{
    put_text(w, "description", section->doc);
    put_text(w, "type", "object");
    put_raw(w, "additionalProperties", "false");
    put_rules(w, section);
    wr_write_open(w, "properties", '{');
    if (section == wr_section_root())
        put_raw(w, "$schema", "{\"type\": \"string\"}");
    for (size_t i = 0; i < section->n; i++) {
        const struct wr_option *option = &section->v[i];

        wr_write_open(w, option->key, '{');
        put_text(w, "description", *option->doc ? option->doc : option->of->doc);
        put_kind(w, option);
        wr_write_close(w, '}');
    }
    wr_write_close(w, '}');
}

static void put_schema(struct wr_writer *w, const void *unused)
{
    (void)unused;
    wr_write_open(w, NULL, '{');
    put_text(w, "$schema", "http://json-schema.org/draft-07/schema#");
    put_text(w, "title", "weir.conf");
    put_section(w, wr_section_root());
    wr_write_open(w, "definitions", '{');
    for (size_t i = 0; i + 1 < wr_sections_n; i++) {
        wr_write_open(w, wr_sections[i]->name, '{');
        put_section(w, wr_sections[i]);
        wr_write_close(w, '}');
    }
    wr_write_close(w, '}');
    wr_write_close(w, '}');
}

char *wr_options_schema(void)
{
    return wr_write_text(put_schema, NULL);
}
