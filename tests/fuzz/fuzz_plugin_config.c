/*
 * fuzz_plugin_config.c — app/plugin_config.h, app/schema.h and app/json_place.h.
 *
 * Input: the text of a configuration; then, behind a NUL, a schema. Each place in a message has to
 * be one of the text; in text that jansson takes, each value has to be found where a token of its
 * kind begins.
 */
#include "app/plugin_config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/json_place.h"

#define WHY_MAX    2048
#define VALUES_MAX 1000 /* looked for: each costs a walk through the text */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool claim)
{
    if (!claim)
        abort();
}

/* ---- places in messages ---- */

/* "L:LINE:COLUMN" names a character of the text, or the end of a line. */
static void check_place(const char *message, const char *text)
{
    uintmax_t line, column, characters = 0;
    char *end;

    if (strncmp(message, "L:", 2) != 0 || strncmp(message, "L:(default)", 11) == 0)
        return;
    line = strtoumax(message + 2, &end, 10);
    check(*end == ':');
    column = strtoumax(end + 1, &end, 10);
    check(*end == ':' || *end == '\0');
    check(line > 0 && column > 0);
    while (--line > 0) {
        text = strchr(text, '\n');
        check(text != NULL);
        text++;
    }
    for (; *text && *text != '\n'; text++)
        characters += ((unsigned char)*text & 0xc0) != 0x80;
    check(column <= characters + 1);
}

static void check_why(const char *why, const char *text)
{
    check(*why);
    for (; why; why = strchr(why, '\n'), why = why ? why + 1 : NULL)
        check_place(why, text);
}

/* ---- the scanner ---- */

static const char *first_bytes(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "{";
    case JSON_ARRAY:
        return "[";
    case JSON_STRING:
        return "\"";
    case JSON_INTEGER:
    case JSON_REAL:
        return "-0123456789";
    case JSON_TRUE:
        return "t";
    case JSON_FALSE:
        return "f";
    case JSON_NULL:
        break;
    }
    return "n";
}

static void check_value(struct wr_slice text, json_t *value, const struct wr_json_path *path)
{
    struct wr_slice written;
    json_t *again;
    size_t at;

    check(wr_json_find(text, path, WR_JSON_VALUE, &at));
    check(at < text.n && strchr(first_bytes(value), text.p[at]));
    written = wr_json_value_at(text, at);
    check(written.n > 0 && written.n <= text.n - at);
    again = json_loadb(written.p, written.n, JSON_DECODE_ANY, NULL);
    check(again && json_equal(again, value));
    json_decref(again);
    if (path->parent && path->key) {
        check(wr_json_find(text, path, WR_JSON_KEY, &at));
        check(text.p[at] == '"');
    }
}

static void walk(struct wr_slice text, json_t *value, const struct wr_json_path *path, int *left)
{
    const char *key;
    json_t *member;

    if ((*left)-- <= 0)
        return;
    check_value(text, value, path);
    json_object_foreach(value, key, member)
    {
        struct wr_json_path below = {.parent = path, .key = key};

        walk(text, member, &below, left);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct wr_json_path below = {.parent = path, .index = i};

        walk(text, json_array_get(value, i), &below, left);
    }
}

static void check_scanner(struct wr_slice text)
{
    json_t *value = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    struct wr_json_path top = {.parent = NULL}, key = {.parent = &top, .key = "a"};
    struct wr_json_path item = {.parent = &key, .index = 1};
    int left = VALUES_MAX;
    size_t at;

    if (value)
        walk(text, value, &top, &left);
    else if (wr_json_find(text, &item, WR_JSON_VALUE, &at)) /* of any other text: no crash */
        check(at < text.n);
    json_decref(value);
}

/* ---- accessors ---- */

static void count_unasked(void *arg, const char *place)
{
    (void)place;
    ++*(int *)arg;
}

/* Asks for each value of a copy of the tree in every way. */
static void ask(const weir_config *config, json_t *like, int depth)
{
    const char *key;
    json_t *member;

    if (depth > 50)
        return;
    wr_config_string(config, NULL, NULL);
    wr_config_int(config, NULL, 0);
    wr_config_number(config, NULL, 0);
    wr_config_bool(config, NULL, 0);
    json_object_foreach(like, key, member)
    {
        const weir_config *below = wr_config_object(config, key);

        check(wr_config_has(config, key));
        check((below != NULL) == json_is_object(member));
        if (below)
            ask(below, member, depth + 1);
        check(wr_config_count(config, key) == json_array_size(member));
        for (size_t i = 0; i < json_array_size(member); i++)
            ask(wr_config_item(config, key, i), json_array_get(member, i), depth + 1);
    }
}

static void use(struct wr_plugin_config *c, const char *text)
{
    const weir_config *root = wr_plugin_config_root(c);
    json_t *given = json_loads(text, 0, NULL), *all;
    int unasked = 0, depth_free = 0;
    const char *key;
    json_t *value;

    wr_plugin_config_each_unasked(c, count_unasked, &unasked);
    check(unasked == (int)json_object_size(given));
    json_object_foreach(given, key, value) check(wr_config_has(root, key));
    wr_plugin_config_each_unasked(c, count_unasked, &depth_free);
    check(depth_free == 0);
    ask(root, given, 0);
    if (wr_plugin_config_error(c))
        check_place(wr_plugin_config_error(c), text);
    all = json_loads(wr_config_text(root), 0, NULL);
    check(json_is_object(all));
    json_object_foreach(given, key, value) check(json_object_get(all, key) != NULL);
    json_decref(all);
    json_decref(given);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wr_plugin_config_source source = {.label = "L"};
    struct wr_plugin_config *c;
    char why[WHY_MAX], *copy = malloc(size + 1);
    size_t text_n;

    if (!copy)
        return 0;
    for (size_t i = 0; i < size; i++)
        copy[i] = (char)data[i];
    copy[size] = '\0';
    source.text = copy;
    text_n = strlen(copy);
    if (text_n < size)
        source.schema = copy + text_n + 1;
    check_scanner(wr_slice(copy, text_n));
    c = wr_plugin_config_new(&source, NULL, why, size % 7 == 0 ? 100 : sizeof why);
    if (c)
        use(c, copy);
    else
        check_why(why, copy);
    wr_plugin_config_free(c);
    free(copy);
    return 0;
}
