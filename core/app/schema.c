#include "app/schema.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/json_parse.h"
#include "app/near.h"

#define WHAT_MAX  512 /* bytes of a message */
#define VALUE_MAX 64  /* of a value in it */

/* One call: what it has found so far. */
struct walk {
    const struct wr_schema_sink *sink;
    bool valid, stopped;
};

static __attribute__((format(printf, 4, 5))) void
report(struct walk *w, const struct wr_json_path *at, enum wr_json_part part, const char *fmt, ...)
{
    char what[WHAT_MAX];
    va_list ap;
    int n;

    w->valid = false;
    if (w->stopped)
        return;
    va_start(ap, fmt);
    n = vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof what)
        memcpy(what + wr_utf8_whole(what, sizeof what - 4), "...", 4);
    w->stopped = !w->sink->error(w->sink->arg, at, part, n < 0 ? "not valid" : what);
}

/* ---- types ---- */

static const struct {
    const char *name, *phrase;
} types[] = {
    {"object", "an object"},   {"array", "an array"},  {"string", "a string"},
    {"integer", "an integer"}, {"number", "a number"}, {"boolean", "a boolean"},
    {"null", "null"},
};
#define TYPE_NAMES "object, array, string, integer, number, boolean, null"

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

/* NULL: there is no such type. */
static const char *type_phrase(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].phrase;
    return NULL;
}

static bool is_type(const json_t *value, const char *name)
{
    return strcmp(type_name(value), name) == 0 ||
           (json_is_integer(value) && strcmp(name, "number") == 0);
}

/* `type` is a name or an array of names; item i of either, NULL at the end. */
static const char *type_at(const json_t *type, size_t i)
{
    if (json_is_array(type))
        return json_string_value(json_array_get(type, i));
    return i == 0 ? json_string_value(type) : NULL;
}

static void refuse_type(struct walk *w, const json_t *type, const json_t *value,
                        const struct wr_json_path *at)
{
    char list[WHAT_MAX / 2] = "";
    size_t n = 0;
    bool wants_integer = false;

    for (size_t i = 0; type_at(type, i) && n < sizeof list; i++) {
        const char *name = type_at(type, i), *glue = type_at(type, i + 1) ? ", " : " or ";

        wants_integer = wants_integer || strcmp(name, "integer") == 0;
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : glue,
                              type_phrase(name));
    }
    report(w, at, WR_JSON_VALUE, "expected %s, found %s%s", list, wr_json_kind(value),
           wants_integer && json_is_real(value) ? " with a fraction or exponent" : "");
}

static bool check_type(struct walk *w, const json_t *type, const json_t *value,
                       const struct wr_json_path *at)
{
    if (!type)
        return true;
    for (size_t i = 0; type_at(type, i); i++)
        if (is_type(value, type_at(type, i)))
            return true;
    refuse_type(w, type, value, at);
    return false;
}

/* ---- values ---- */

/* A value in a message: JSON, cut when it is long. */
static const char *show(const json_t *value, char out[VALUE_MAX])
{
    char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    size_t n = json ? strlen(json) : 0;

    if (n < VALUE_MAX) {
        snprintf(out, VALUE_MAX, "%s", json ? json : "");
    } else {
        n = wr_utf8_whole(json, VALUE_MAX - 4);
        snprintf(out, VALUE_MAX, "%.*s...", (int)n, json);
    }
    free(json);
    return out;
}

/* Exact for both kinds: every int64_t and every double is a long double where Weir runs. */
static long double number(const json_t *value)
{
    return json_is_integer(value) ? (long double)json_integer_value(value)
                                  : (long double)json_real_value(value);
}

static bool is_same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return number(a) >= number(b) && number(a) <= number(b);
    return json_equal(a, b);
}

static void check_enum(struct walk *w, const json_t *list, const json_t *value,
                       const struct wr_json_path *at)
{
    char choices[WHAT_MAX / 2] = "", shown[VALUE_MAX];
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(list); i++)
        if (is_same(json_array_get(list, i), value))
            return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *glue = i == 0 ? "" : ", ";
        const char *choice = show(json_array_get(list, i), shown);

        if (n + strlen(glue) + strlen(choice) + sizeof ", ..." > sizeof choices) {
            snprintf(choices + n, sizeof choices - n, ", ...");
            break;
        }
        n += (size_t)snprintf(choices + n, sizeof choices - n, "%s%s", glue, choice);
    }
    report(w, at, WR_JSON_VALUE, "expected %s%s, found %s",
           json_array_size(list) > 1 ? "one of " : "", choices, show(value, shown));
}

static void check_range(struct walk *w, const json_t *schema, const json_t *value,
                        const struct wr_json_path *at)
{
    const json_t *min = json_object_get(schema, "minimum"), *max;
    char bound[VALUE_MAX], shown[VALUE_MAX];

    max = json_object_get(schema, "maximum");
    if (min && number(value) < number(min))
        report(w, at, WR_JSON_VALUE, "expected at least %s, found %s", show(min, bound),
               show(value, shown));
    if (max && number(value) > number(max))
        report(w, at, WR_JSON_VALUE, "expected at most %s, found %s", show(max, bound),
               show(value, shown));
}

static json_int_t characters(const json_t *string)
{
    const char *p = json_string_value(string);
    json_int_t n = 0;

    for (; *p; p++)
        n += ((unsigned char)*p & 0xc0) != 0x80;
    return n;
}

/* The string itself is not shown: it may be a secret. */
static void check_length(struct walk *w, const json_t *schema, const json_t *value,
                         const struct wr_json_path *at)
{
    const json_t *min = json_object_get(schema, "minLength"), *max;
    long long n = characters(value);

    max = json_object_get(schema, "maxLength");
    if (min && n < json_integer_value(min))
        report(w, at, WR_JSON_VALUE, "expected a string of at least %lld characters, found %lld",
               (long long)json_integer_value(min), n);
    if (max && n > json_integer_value(max))
        report(w, at, WR_JSON_VALUE, "expected a string of at most %lld characters, found %lld",
               (long long)json_integer_value(max), n);
}

/* ---- objects and arrays ---- */

static void refuse_key(struct walk *w, json_t *properties, const struct wr_json_path *at)
{
    struct wr_near near = {.word = at->key};
    const char *known;
    json_t *schema;

    json_object_foreach(properties, known, schema) wr_near_try(&near, known);
    if (near.best)
        report(w, at, WR_JSON_KEY, "this key is not known; did you mean \"%s\"?", near.best);
    else
        report(w, at, WR_JSON_KEY, "this key is not known");
}

static void check(struct walk *w, json_t *schema, json_t *value, const struct wr_json_path *at);

/* As deep as jansson lets a text be. NOLINTNEXTLINE(misc-no-recursion) */
static void check_members(struct walk *w, json_t *schema, json_t *value,
                          const struct wr_json_path *at)
{
    json_t *properties = json_object_get(schema, "properties"), *member;
    json_t *required = json_object_get(schema, "required");
    bool closed = json_is_false(json_object_get(schema, "additionalProperties"));
    const char *key;

    for (size_t i = 0; i < json_array_size(required); i++) {
        struct wr_json_path below = {.parent = at};

        below.key = json_string_value(json_array_get(required, i));
        if (!json_object_get(value, below.key))
            report(w, &below, WR_JSON_PARENT, "this key is required, and it is not there");
    }
    json_object_foreach(value, key, member)
    {
        struct wr_json_path below = {.parent = at, .key = key};
        json_t *known = json_object_get(properties, key);

        if (known)
            check(w, known, member, &below);
        else if (closed)
            refuse_key(w, properties, &below);
        if (w->stopped)
            return;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void check_items(struct walk *w, json_t *items, json_t *value, const struct wr_json_path *at)
{
    for (size_t i = 0; items && i < json_array_size(value) && !w->stopped; i++) {
        struct wr_json_path below = {.parent = at, .index = i};

        check(w, items, json_array_get(value, i), &below);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void check(struct walk *w, json_t *schema, json_t *value, const struct wr_json_path *at)
{
    json_t *choices = json_object_get(schema, "enum");

    if (!check_type(w, json_object_get(schema, "type"), value, at))
        return;
    if (choices)
        check_enum(w, choices, value, at);
    if (json_is_number(value))
        check_range(w, schema, value, at);
    else if (json_is_string(value))
        check_length(w, schema, value, at);
    else if (json_is_object(value))
        check_members(w, schema, value, at);
    else if (json_is_array(value))
        check_items(w, json_object_get(schema, "items"), value, at);
}

bool wr_schema_check(json_t *schema, json_t *value, const struct wr_schema_sink *sink)
{
    struct walk w = {.sink = sink, .valid = true};
    struct wr_json_path top = {.parent = NULL};

    check(&w, schema, value, &top);
    return w.valid;
}

/* NOLINTNEXTLINE(misc-no-recursion) */
bool wr_schema_put_defaults(json_t *schema, json_t *value)
{
    json_t *properties = json_object_get(schema, "properties"), *below;
    json_t *items = json_object_get(schema, "items");
    const char *key;

    for (size_t i = 0; items && i < json_array_size(value); i++)
        if (!wr_schema_put_defaults(items, json_array_get(value, i)))
            return false;
    if (!json_is_object(value))
        return true;
    json_object_foreach(properties, key, below)
    {
        json_t *absent = json_object_get(below, "default"), *member;

        if (absent && !json_object_get(value, key) &&
            json_object_set_new(value, key, json_deep_copy(absent)) != 0)
            return false;
        member = json_object_get(value, key);
        if (member && !wr_schema_put_defaults(below, member))
            return false;
    }
    return true;
}

/* ---- the schema itself ---- */

typedef void keyword_check(struct walk *w, json_t *value, const struct wr_json_path *at);

static void validate(struct walk *w, json_t *schema, const struct wr_json_path *at);

static void expected(struct walk *w, const char *what, const json_t *value,
                     const struct wr_json_path *at)
{
    report(w, at, WR_JSON_VALUE, "expected %s, found %s", what, wr_json_kind(value));
}

static void validate_type_name(struct walk *w, const json_t *value, const struct wr_json_path *at)
{
    char shown[VALUE_MAX];

    if (!json_is_string(value))
        expected(w, "the name of a type", value, at);
    else if (!type_phrase(json_string_value(value)))
        report(w, at, WR_JSON_VALUE, "expected one of " TYPE_NAMES ", found %s",
               show(value, shown));
}

/* Calls fn for each item of an array that has any. */
static void validate_list(struct walk *w, const json_t *list, const struct wr_json_path *at,
                          void (*fn)(struct walk *w, const json_t *value,
                                     const struct wr_json_path *at))
{
    if (json_array_size(list) == 0)
        report(w, at, WR_JSON_VALUE, "expected an array with at least one item");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct wr_json_path below = {.parent = at, .index = i};

        fn(w, json_array_get(list, i), &below);
    }
}

static void validate_type(struct walk *w, json_t *value, const struct wr_json_path *at)
{
    /* The top level is the route's object, whatever a schema would like. */
    bool is_top = !at->parent->parent;

    if (is_top && !(json_is_string(value) && strcmp(json_string_value(value), "object") == 0))
        report(w, at, WR_JSON_VALUE, "expected \"object\": that is what a configuration is");
    else if (json_is_array(value))
        validate_list(w, value, at, validate_type_name);
    else
        validate_type_name(w, value, at);
}

static void validate_properties(struct walk *w, json_t *value, const struct wr_json_path *at)
{
    const char *key;
    json_t *schema;

    if (!json_is_object(value))
        expected(w, "an object", value, at);
    json_object_foreach(value, key, schema)
    {
        struct wr_json_path below = {.parent = at, .key = key};

        validate(w, schema, &below);
    }
}

static void validate_required(struct walk *w, json_t *value, const struct wr_json_path *at)
{
    if (!json_is_array(value))
        expected(w, "an array of strings", value, at);
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct wr_json_path below = {.parent = at, .index = i};
        const json_t *item = json_array_get(value, i);

        if (!json_is_string(item))
            expected(w, "a string", item, &below);
    }
}

static void validate_boolean(struct walk *w, json_t *value, const struct wr_json_path *at)
{
    if (!json_is_boolean(value))
        expected(w, "true or false", value, at);
}

static void validate_any(struct walk *w, const json_t *value, const struct wr_json_path *at)
{
    (void)w, (void)value, (void)at;
}

static void validate_enum(struct walk *w, json_t *value, const struct wr_json_path *at)
{
    if (json_is_array(value))
        validate_list(w, value, at, validate_any);
    else
        expected(w, "an array", value, at);
}

static void validate_number(struct walk *w, json_t *value, const struct wr_json_path *at)
{
    if (!json_is_number(value))
        expected(w, "a number", value, at);
}

static void validate_count(struct walk *w, json_t *value, const struct wr_json_path *at)
{
    char shown[VALUE_MAX];

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        report(w, at, WR_JSON_VALUE, "expected an integer that is not negative, found %s",
               json_is_number(value) ? show(value, shown) : wr_json_kind(value));
}

static void validate_string(struct walk *w, json_t *value, const struct wr_json_path *at)
{
    if (!json_is_string(value))
        expected(w, "a string", value, at);
}

static const struct {
    const char *name;
    keyword_check *check; /* NULL: when all others are found to be valid */
} keywords[] = {
    {"type", validate_type},
    {"properties", validate_properties},
    {"required", validate_required},
    {"additionalProperties", validate_boolean},
    {"items", validate},
    {"enum", validate_enum},
    {"minimum", validate_number},
    {"maximum", validate_number},
    {"minLength", validate_count},
    {"maxLength", validate_count},
    {"default", NULL},
    {"description", validate_string},
};
#define KEYWORDS                                                                                   \
    "type, properties, required, additionalProperties, items, enum, minimum, maximum, minLength, " \
    "maxLength, default, description"

static void validate_keyword(struct walk *w, json_t *value, const struct wr_json_path *at)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (strcmp(keywords[i].name, at->key) != 0)
            continue;
        if (keywords[i].check)
            keywords[i].check(w, value, at);
        return;
    }
    report(w, at, WR_JSON_KEY, "this keyword is not among those that Weir knows (" KEYWORDS ")");
}

static void validate(struct walk *w, json_t *schema, const struct wr_json_path *at)
{
    json_t *absent = json_object_get(schema, "default"), *value;
    struct wr_json_path below = {.parent = at};
    bool others_valid = w->valid;

    if (!json_is_object(schema)) {
        expected(w, "a schema, which is an object", schema, at);
        return;
    }
    w->valid = true;
    json_object_foreach(schema, below.key, value) validate_keyword(w, value, &below);
    if (absent && w->valid) { /* a broken schema cannot judge it */
        below.key = "default";
        check(w, schema, absent, &below);
    }
    w->valid = w->valid && others_valid;
}

bool wr_schema_is_valid(json_t *schema, const struct wr_schema_sink *sink)
{
    struct walk w = {.sink = sink, .valid = true};
    struct wr_json_path top = {.parent = NULL};

    validate(&w, schema, &top);
    return w.valid;
}
