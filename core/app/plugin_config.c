#include "app/plugin_config.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/json_parse.h"
#include "app/schema.h"
#include "base/arena.h"

#define POINTER_MAX 256  /* bytes of a JSON pointer in a message */
#define LINE_MAX    1024 /* of a message */
#define MORE        "\n(there are more errors)"

/* A value that was asked for. Its first member is what a plugin sees. */
struct node {
    weir_config base;
    struct node *self; /* for accessors, which get it as const and note what was asked */
    struct wr_plugin_config *owner;
    struct wr_json_path path;
    json_t *value;
    struct node *members, *next; /* of an object: those that were asked for */
    struct node **items;         /* of an array: NULL each until it is asked for */
    const char *text;            /* NULL: was not asked for */
    bool entered;                /* given out: so its keys are judged too */
};

struct wr_plugin_config {
    struct wr_arena arena; /* everything but the JSON */
    const char *label;
    const char *pointer; /* of the text in that which it is a part of; "": it is all */
    struct wr_json_place origin;
    struct wr_slice text;
    json_t *value;
    struct node *root;
    char said[LINE_MAX];  /* by weir_config_fail(); "": nothing */
    char wrong[LINE_MAX]; /* the first value of a wrong type; "": none */
};

/* ---- messages ---- */

/* Where it is in the text that c->text is a part of. */
static struct wr_json_place from_origin(const struct wr_plugin_config *c,
                                        struct wr_json_place place)
{
    if (c->origin.line == 0)
        return place;
    if (place.line == 1)
        place.column += c->origin.column - 1;
    place.line += c->origin.line - 1;
    return place;
}

/* "LABEL:LINE:COLUMN: /pointer"; the place is "(default)" for what the schema put in. */
static void write_place(const struct wr_plugin_config *c, const struct wr_json_path *path,
                        enum wr_json_part part, char *out, size_t size)
{
    char pointer[POINTER_MAX];
    const char *glue;
    size_t at;
    int n;

    wr_json_pointer(path, pointer, sizeof pointer);
    glue = c->pointer[0] || pointer[0] ? ": " : "";
    if (wr_json_find(c->text, path, part, &at)) {
        struct wr_json_place place = from_origin(c, wr_json_place_of(c->text, at));

        n = snprintf(out, size, "%s:%zu:%zu%s%s%s", c->label, place.line, place.column, glue,
                     c->pointer, pointer);
    } else {
        n = snprintf(out, size, "%s:(default)%s%s%s", c->label, glue, c->pointer, pointer);
    }
    wr_line_tidy(out, size, n);
}

/* What new() says, line by line; it takes no more when one has not found room. */
struct why {
    const struct wr_plugin_config *config;
    char *p;
    size_t n, size;
    bool full;
};

static bool why_add(struct why *y, const char *line)
{
    size_t glue = y->n > 0, n = strlen(line);

    if (y->full || y->size == 0)
        return false;
    if (y->n + glue + n + sizeof MORE <= y->size) {
        if (glue)
            y->p[y->n] = '\n';
        memcpy(y->p + y->n + glue, line, n + 1);
        y->n += glue + n;
        return true;
    }
    y->full = true;
    if (y->n == 0) { /* better a part of it than nothing */
        y->n = n < y->size ? n : wr_utf8_whole(line, y->size - 1);
        memcpy(y->p, line, y->n);
        y->p[y->n] = '\0';
    } else { /* for which each line before has left room */
        memcpy(y->p + y->n, MORE, sizeof MORE);
    }
    return false;
}

static bool add_error(void *arg, const struct wr_json_path *path, enum wr_json_part part,
                      const char *what)
{
    struct why *y = arg;
    char place[LINE_MAX / 2], line[LINE_MAX];

    write_place(y->config, path, part, place, sizeof place);
    wr_line_tidy(line, sizeof line, snprintf(line, sizeof line, "%s: %s", place, what));
    return why_add(y, line);
}

#define SCHEMA_ERROR "the schema of the plugin is not valid"

static bool add_schema_error(void *arg, const struct wr_json_path *path, enum wr_json_part part,
                             const char *what)
{
    char pointer[POINTER_MAX], line[LINE_MAX];

    (void)part;
    wr_json_pointer(path, pointer, sizeof pointer);
    wr_line_tidy(line, sizeof line,
                 snprintf(line, sizeof line, SCHEMA_ERROR "%s%s: %s", pointer[0] ? ": " : "",
                          pointer, what));
    return why_add(arg, line);
}

/* ---- parsing ---- */

/* NULL with a line in *y. */
static json_t *parse_schema_text(const char *text, struct why *y)
{
    char what[WR_JSON_WHAT_MAX], line[LINE_MAX];
    struct wr_json_place place;
    json_t *value = wr_json_parse(wr_slice_of(text), JSON_REJECT_DUPLICATES, &place, what);

    if (value)
        return value;
    wr_line_tidy(
        line, sizeof line,
        snprintf(line, sizeof line, SCHEMA_ERROR ": %zu:%zu: %s", place.line, place.column, what));
    why_add(y, line);
    return NULL;
}

static bool parse_schema(const char *text, json_t **schema, struct why *y)
{
    struct wr_schema_sink sink = {.error = add_schema_error, .arg = y};

    *schema = NULL;
    if (!text)
        return true;
    *schema = parse_schema_text(text, y);
    if (!*schema)
        return false;
    if (wr_schema_is_valid(*schema, &sink))
        return true;
    json_decref(*schema);
    return false;
}

/* NULL with a line in *y. */
static json_t *parse_own_text(const struct wr_plugin_config *c, struct why *y)
{
    char what[WR_JSON_WHAT_MAX], line[LINE_MAX];
    struct wr_json_place place;
    json_t *value = wr_json_parse(c->text, JSON_REJECT_DUPLICATES, &place, what);

    if (value)
        return value;
    place = from_origin(c, place);
    wr_line_tidy(line, sizeof line,
                 snprintf(line, sizeof line, "%s:%zu:%zu%s%s: %s", c->label, place.line,
                          place.column, c->pointer[0] ? ": " : "", c->pointer, what));
    why_add(y, line);
    return NULL;
}

/* Fills c->value. A schema's default for the whole is what a configuration that is not there is. */
static bool parse_text(struct wr_plugin_config *c, bool is_given, const json_t *schema,
                       struct why *y)
{
    const json_t *absent = json_object_get(schema, "default");
    const struct wr_json_path top = {.parent = NULL};
    char what[LINE_MAX / 4];

    c->value = !is_given && absent ? json_deep_copy(absent) : parse_own_text(c, y);
    if (!c->value && y->n == 0)
        why_add(y, "memory has run out");
    if (!c->value || json_is_object(c->value))
        return c->value != NULL;
    snprintf(what, sizeof what, "expected an object, found %s", wr_json_kind(c->value));
    add_error(y, &top, WR_JSON_VALUE, what);
    return false;
}

static bool apply_schema(struct wr_plugin_config *c, json_t *schema, struct why *y)
{
    struct wr_schema_sink sink = {.error = add_error, .arg = y};

    if (!schema)
        return true;
    if (!wr_schema_check(schema, c->value, &sink))
        return false;
    if (wr_schema_put_defaults(schema, c->value))
        return true;
    why_add(y, "memory has run out");
    return false;
}

/* ---- life ---- */

static struct node *new_node(struct wr_plugin_config *c, const weir_host *host,
                             const struct wr_json_path *path, json_t *value)
{
    struct node *node = wr_arena_alloc(&c->arena, sizeof *node);

    if (node)
        *node = (struct node){
            .base.host = host, .self = node, .owner = c, .path = *path, .value = value};
    return node;
}

static struct wr_plugin_config *start(const struct wr_plugin_config_source *source,
                                      const weir_host *host)
{
    struct wr_plugin_config *c = calloc(1, sizeof *c);
    const struct wr_json_path top = {.parent = NULL};

    if (!c)
        return NULL;
    wr_arena_init(&c->arena, SIZE_MAX);
    c->label = wr_arena_dup(&c->arena, wr_slice_of(source->label)).p;
    c->pointer = wr_arena_dup(&c->arena, wr_slice_of(source->pointer ? source->pointer : "")).p;
    c->origin = source->origin;
    c->text = wr_arena_dup(&c->arena, wr_slice_of(source->text ? source->text : "{}"));
    c->root = new_node(c, host, &top, NULL);
    if (c->label && c->pointer && c->text.p && c->root)
        return c;
    wr_plugin_config_free(c);
    return NULL;
}

struct wr_plugin_config *wr_plugin_config_new(const struct wr_plugin_config_source *source,
                                              const weir_host *host, char *why, size_t why_size)
{
    struct wr_plugin_config *c = start(source, host);
    struct why y = {.config = c, .p = why, .size = why_size};
    json_t *schema = NULL;

    if (why_size > 0)
        why[0] = '\0';
    if (!c) {
        why_add(&y, "memory has run out");
        return NULL;
    }
    if (!parse_schema(source->schema, &schema, &y)) {
        wr_plugin_config_free(c);
        return NULL;
    }
    if (!parse_text(c, source->text != NULL, schema, &y) || !apply_schema(c, schema, &y)) {
        wr_plugin_config_free(c);
        c = NULL;
    } else {
        c->root->value = c->value;
        c->root->entered = true;
    }
    json_decref(schema);
    return c;
}

void wr_plugin_config_free(struct wr_plugin_config *c)
{
    if (!c)
        return;
    json_decref(c->value);
    wr_arena_fini(&c->arena);
    free(c);
}

const weir_config *wr_plugin_config_root(const struct wr_plugin_config *c)
{
    return &c->root->base;
}

/* ---- what was asked ---- */

static struct node *node_of(const weir_config *config)
{
    return ((const struct node *)(const void *)config)->self;
}

static struct node *find_member(const struct node *object, const char *key)
{
    for (struct node *m = object->members; m; m = m->next)
        if (strcmp(m->path.key, key) == 0)
            return m;
    return NULL;
}

static void note_memory(struct wr_plugin_config *c)
{
    if (!c->wrong[0])
        snprintf(c->wrong, sizeof c->wrong, "memory has run out");
}

static void note_wrong(struct node *node, const char *asked)
{
    struct wr_plugin_config *c = node->owner;
    char place[LINE_MAX / 2];

    if (c->wrong[0])
        return;
    write_place(c, &node->path, WR_JSON_VALUE, place, sizeof place);
    wr_line_tidy(c->wrong, sizeof c->wrong,
                 snprintf(c->wrong, sizeof c->wrong, "%s: %s was asked for, and this is %s", place,
                          asked, wr_json_kind(node->value)));
}

/* The value at a key that is there, noted as asked for; NULL: it is not. */
static struct node *member(struct node *object, const char *key)
{
    void *entry = json_object_iter_at(object->value, key);
    struct node *m = entry ? find_member(object, key) : NULL;
    struct wr_json_path path = {.parent = &object->path};

    if (!entry || m)
        return m;
    path.key = json_object_iter_key(entry);
    m = new_node(object->owner, object->base.host, &path, json_object_iter_value(entry));
    if (!m) {
        note_memory(object->owner);
        return NULL;
    }
    m->next = object->members;
    object->members = m;
    return m;
}

static struct node *ask(const weir_config *config, const char *key)
{
    struct node *node = node_of(config);

    if (!key)
        return node;
    if (json_is_object(node->value))
        return member(node, key);
    note_wrong(node, "an object");
    return NULL;
}

static struct node *item(struct node *array, size_t i)
{
    size_t n = json_array_size(array->value);
    struct wr_json_path path = {.parent = &array->path, .index = i};

    if (i >= n)
        return NULL;
    if (!array->items) {
        array->items = wr_arena_alloc(&array->owner->arena, n * sizeof(struct node *));
        for (size_t j = 0; array->items && j < n; j++)
            array->items[j] = NULL;
    }
    if (array->items && !array->items[i])
        array->items[i] =
            new_node(array->owner, array->base.host, &path, json_array_get(array->value, i));
    if (array->items && array->items[i])
        return array->items[i];
    note_memory(array->owner);
    return NULL;
}

const char *wr_plugin_config_error(const struct wr_plugin_config *c)
{
    if (c->said[0])
        return c->said;
    return c->wrong[0] ? c->wrong : NULL;
}

struct unasked {
    void (*fn)(void *arg, const char *place);
    void *arg;
};

/* A default that nobody asked for is no mistake of the one who wrote the text. */
static void tell_unasked(const struct node *object, const char *key, const struct unasked *u)
{
    const struct wr_json_path path = {.parent = &object->path, .key = key};
    char place[LINE_MAX];
    size_t at;

    if (!wr_json_find(object->owner->text, &path, WR_JSON_KEY, &at))
        return;
    write_place(object->owner, &path, WR_JSON_KEY, place, sizeof place);
    u->fn(u->arg, place);
}

/* As deep as jansson lets a text be. NOLINTNEXTLINE(misc-no-recursion) */
static void each_unasked(const struct node *node, const struct unasked *u)
{
    const char *key;
    json_t *value;

    if (node->text)
        return;
    for (size_t i = 0; node->items && i < json_array_size(node->value); i++)
        if (node->items[i])
            each_unasked(node->items[i], u);
    if (!node->entered)
        return;
    json_object_foreach(node->value, key, value)
    {
        const struct node *m = find_member(node, key);

        if (m)
            each_unasked(m, u);
        else
            tell_unasked(node, key, u);
    }
}

void wr_plugin_config_each_unasked(const struct wr_plugin_config *c,
                                   void (*fn)(void *arg, const char *place), void *arg)
{
    const struct unasked u = {.fn = fn, .arg = arg};

    each_unasked(c->root, &u);
}

/* ---- the functions of the host table ---- */

const char *wr_config_string(const weir_config *config, const char *key, const char *absent)
{
    struct node *node = ask(config, key);

    if (!node)
        return absent;
    if (json_is_string(node->value))
        return json_string_value(node->value);
    note_wrong(node, "a string");
    return absent;
}

int64_t wr_config_int(const weir_config *config, const char *key, int64_t absent)
{
    struct node *node = ask(config, key);

    if (!node)
        return absent;
    if (json_is_integer(node->value))
        return json_integer_value(node->value);
    note_wrong(node, "an integer");
    return absent;
}

double wr_config_number(const weir_config *config, const char *key, double absent)
{
    struct node *node = ask(config, key);

    if (!node)
        return absent;
    if (json_is_number(node->value))
        return json_number_value(node->value);
    note_wrong(node, "a number");
    return absent;
}

int32_t wr_config_bool(const weir_config *config, const char *key, int32_t absent)
{
    struct node *node = ask(config, key);

    if (!node)
        return absent;
    if (json_is_boolean(node->value))
        return json_is_true(node->value);
    note_wrong(node, "a boolean");
    return absent;
}

int32_t wr_config_has(const weir_config *config, const char *key)
{
    struct node *node = node_of(config);

    /* A question, and so no error where there are no keys at all. */
    return !key || (json_is_object(node->value) && member(node, key) != NULL);
}

const weir_config *wr_config_object(const weir_config *config, const char *key)
{
    struct node *node = ask(config, key);

    if (!node)
        return NULL;
    if (!json_is_object(node->value)) {
        note_wrong(node, "an object");
        return NULL;
    }
    node->entered = true;
    return &node->base;
}

static struct node *ask_array(const weir_config *config, const char *key)
{
    struct node *node = ask(config, key);

    if (!node || json_is_array(node->value))
        return node;
    note_wrong(node, "an array");
    return NULL;
}

size_t wr_config_count(const weir_config *config, const char *key)
{
    struct node *node = ask_array(config, key);

    return node ? json_array_size(node->value) : 0;
}

const weir_config *wr_config_item(const weir_config *config, const char *key, size_t i)
{
    struct node *array = ask_array(config, key), *node = array ? item(array, i) : NULL;

    if (!node)
        return NULL;
    node->entered = true;
    return &node->base;
}

/* As it is written, if that is all there is; NULL: defaults have been put in, or it is one. */
static const char *text_as_written(struct node *node)
{
    struct wr_plugin_config *c = node->owner;
    struct wr_slice written;
    json_t *again;
    size_t at;
    bool is_all;

    if (!wr_json_find(c->text, &node->path, WR_JSON_VALUE, &at))
        return NULL;
    written = wr_json_value_at(c->text, at);
    again = json_loadb(written.p, written.n, JSON_DECODE_ANY, NULL);
    is_all = again && json_equal(again, node->value);
    json_decref(again);
    return is_all ? wr_arena_dup(&c->arena, written).p : NULL;
}

const char *wr_config_text(const weir_config *config)
{
    struct node *node = node_of(config);
    char *whole;

    if (!node->text)
        node->text = text_as_written(node);
    if (node->text)
        return node->text;
    whole = json_dumps(node->value, JSON_ENCODE_ANY);
    if (whole)
        node->text = wr_arena_dup(&node->owner->arena, wr_slice_of(whole)).p;
    free(whole);
    if (!node->text)
        note_memory(node->owner);
    return node->text;
}

int32_t wr_config_fail(const weir_config *config, const char *fmt, va_list ap)
{
    const struct node *node = node_of(config);
    struct wr_plugin_config *c = node->owner;
    char place[LINE_MAX / 2];
    size_t n = 0;

    if (c->said[0]) /* the first reason is the one nearest to the cause */
        return WEIR_ECONFIG;
    if (c->origin.line > 0) { /* in a file, where people will look for it */
        write_place(c, &node->path, WR_JSON_VALUE, place, sizeof place);
        n = (size_t)snprintf(c->said, sizeof c->said, "%s: ", place);
    }
    wr_line_tidy(c->said + n, sizeof c->said - n,
                 vsnprintf(c->said + n, sizeof c->said - n, fmt, ap));
    return WEIR_ECONFIG;
}
