#include "config/options.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/json_parse.h"
#include "app/near.h"
#include "config/reader.h"
#include "config/text.h"

#define POINTER_MAX 256 /* bytes of a JSON pointer in a message */
#define NO_MEMORY   "memory has run out"

/* ---- the text ---- */

static void report_repeated(void *arg, const struct wr_json_node *first,
                            const struct wr_json_node *again)
{
    struct wr_reader *r = arg;

    if (r->set)
        wr_report(r, again, WR_JSON_KEY, "this key was already given");
    else
        wr_report(r, again, WR_JSON_KEY, "this key was already given in line %zu",
                  first->key_place.line);
}

static bool is_blank(struct wr_slice text)
{
    return wr_json_skip_blanks(text, 0) == text.n;
}

/* The index of a text; NULL: an error was reported, or memory has run out. */
static struct wr_json_node *open_text(struct wr_reader *r, struct wr_slice written,
                                      const struct wr_json_path *top)
{
    char what[WR_JSON_WHAT_MAX];
    struct wr_json_place place;
    struct wr_json_node *node;
    struct wr_slice text;
    const char *fault;
    json_t *value;

    if (!wr_config_make_text(&r->options->arena, written, &text, &place, &fault)) {
        if (fault)
            wr_report_text(r, place, fault);
        else
            r->no_memory = true;
        return NULL;
    }
    value = wr_json_parse(text, 0, &place, what);
    if (!value) {
        wr_report_text(r, place,
                       is_blank(text) && !r->set ? "expected an object, found no text" : what);
        return NULL;
    }
    json_decref(value);
    node = wr_json_index(&r->options->arena, text, top);
    if (!node || !wr_json_each_repeated(node, report_repeated, r))
        r->no_memory = true;
    return node;
}

static void read_source(struct wr_reader *r, const struct wr_options_source *source)
{
    struct wr_root_options *root = &r->options->root;
    const struct wr_json_path top = {.parent = NULL};
    const struct wr_json_node *node;

    if (!source)
        return;
    r->folder = source->folder;
    node = open_text(r, wr_slice(source->text, source->n), &top);
    if (node && node->type == JSON_OBJECT)
        wr_section_read(r, wr_section_root(), root, node);
    else if (node)
        wr_report_expected(r, node, "an object");
    wr_check_root(r, root);
}

/* ---- sets ---- */

/* What "limits.head_bytes_max" names: the row, and where the struct that it is in begins. */
struct target {
    const struct wr_section *section;
    const struct wr_option *option; /* NULL: there is none */
    size_t offset;
};

static struct target find_target(const char *key)
{
    struct target t = {.section = wr_section_root()};

    for (size_t i = 0; i < t.section->n;) {
        const struct wr_option *option = &t.section->v[i++];
        size_t n = strlen(option->key);

        if (strncmp(key, option->key, n) != 0 || (key[n] && key[n] != '.'))
            continue;
        if (!key[n])
            t.option = option;
        if (!key[n] || option->kind != WR_PART)
            return t;
        key += n + 1;
        t.offset += option->offset;
        t.section = option->of;
        i = 0;
    }
    return t;
}

/* Tries `prefix` and each key of a section, and of its parts. NOLINTNEXTLINE(misc-no-recursion) */
static void try_keys(struct wr_reader *r, struct wr_near *near, const struct wr_section *section,
                     const char *prefix)
{
    for (size_t i = 0; i < section->n; i++) {
        const struct wr_option *option = &section->v[i];
        size_t n = strlen(prefix) + strlen(option->key) + sizeof ".";
        char *name = option->kind == WR_PARTS ? NULL : wr_reader_alloc(r, n);

        if (!name)
            continue;
        snprintf(name, n, "%s%s", prefix, option->key);
        wr_near_try(near, name);
        if (option->kind != WR_PART)
            continue;
        name = wr_reader_alloc(r, n);
        if (!name)
            return;
        snprintf(name, n, "%s%s.", prefix, option->key);
        try_keys(r, near, option->of, name);
    }
}

static void add_set_line(struct wr_reader *r, const char *what)
{
    const struct wr_json_node top = {.path = {.parent = NULL}};

    wr_report(r, &top, WR_JSON_VALUE, "%s", what);
}

static void refuse_set(struct wr_reader *r, const struct wr_option *option)
{
    struct wr_near near = {.word = r->set};
    char what[WR_CONFIG_LINE_MAX / 2];

    if (option) {
        add_set_line(r, "expected a key that can be set by itself; routes and hosts cannot");
        return;
    }
    try_keys(r, &near, wr_section_root(), "");
    snprintf(what, sizeof what, "this key is not known; did you mean \"%s\"?",
             near.best ? near.best : "");
    add_set_line(r, near.best ? what : "this key is not known");
}

static const char *note_set(struct wr_reader *r, const char *key)
{
    struct wr_given_set *given = wr_reader_alloc(r, sizeof *given);
    const char *copy = wr_arena_dup(&r->options->arena, wr_slice_of(key)).p;

    if (!given || !copy) {
        r->no_memory = true;
        return NULL;
    }
    *given = (struct wr_given_set){.key = copy, .next = r->options->sets};
    r->options->sets = given;
    return copy;
}

static void read_set(struct wr_reader *r, const struct wr_options_set *set)
{
    const struct target t = find_target(set->key);
    void *base = (char *)&r->options->root + t.offset;
    struct wr_json_path top;
    const struct wr_json_node *node;

    r->set = note_set(r, set->key);
    r->folder = set->folder;
    r->set_order++;
    if (!r->set)
        return;
    if (!t.option || t.option->kind == WR_PARTS) {
        refuse_set(r, t.option);
        return;
    }
    /* The first member of any section. */
    top =
        (struct wr_json_path){.parent = *(const struct wr_json_path **)base, .key = t.option->key};
    node = open_text(r, wr_slice_of(set->json), &top);
    if (node)
        wr_option_read(r, t.option, base, node);
}

/* ---- all of it ---- */

static int compare_found(const void *a, const void *b)
{
    const struct wr_found *x = a, *y = b;

    if (x->set != y->set)
        return x->set < y->set ? -1 : 1;
    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    if (x->place.column != y->place.column)
        return x->place.column < y->place.column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Hands all errors over; whether there were any. */
static bool tell_found(struct wr_reader *r, struct wr_errors *errors)
{
    bool any = r->no_memory || r->found_n > 0;

    if (r->found_n > 0)
        qsort(r->found, r->found_n, sizeof *r->found, compare_found);
    for (size_t i = 0; i < r->found_n; i++) /* a route of two hosts may have one for each */
        if (i == 0 || strcmp(r->found[i].line, r->found[i - 1].line) != 0)
            wr_errors_add(errors, r->found[i].line);
    if (r->no_memory)
        wr_errors_add(errors, NO_MEMORY);
    free(r->found);
    return any;
}

static struct wr_options *new_options(const char *label)
{
    struct wr_options *o = calloc(1, sizeof *o);

    if (!o)
        return NULL;
    wr_arena_init(&o->arena, SIZE_MAX);
    o->label = wr_arena_dup(&o->arena, wr_slice_of(label)).p;
    if (o->label)
        return o;
    wr_options_free(o);
    return NULL;
}

struct wr_options *wr_options_read(const struct wr_options_source *source,
                                   const struct wr_options_set *sets, size_t n,
                                   struct wr_errors *errors)
{
    struct wr_options *o = new_options(source ? source->label : "(default)");
    struct wr_reader r = {.options = o};
    const struct wr_json_node *top;

    if (!o) {
        wr_errors_add(errors, NO_MEMORY);
        return NULL;
    }
    top = wr_node_absent(&r, NULL, NULL);
    if (top) {
        wr_section_init(&r, wr_section_root(), &o->root, &top->path);
        read_source(&r, source);
        for (size_t i = 0; i < n; i++)
            read_set(&r, &sets[i]);
    }
    if (!tell_found(&r, errors))
        return o;
    wr_options_free(o);
    return NULL;
}

static void read_folder(struct wr_reader *r, const char *json)
{
    const struct wr_section *section = wr_section_route();
    const struct wr_json_path top = {.parent = NULL};
    const struct wr_json_node *node = open_text(r, wr_slice_of(json), &top);
    struct wr_route_options *route = wr_reader_alloc(r, sizeof *route);

    if (!node || !route)
        return;
    if (node->type != JSON_OBJECT) {
        wr_report_expected(r, node, "an object");
        return;
    }
    wr_section_init(r, section, route, &node->path);
    wr_section_read(r, section, route, node);
    r->options->root.routes = (struct wr_route_list){route, 1};
}

struct wr_options *wr_options_read_folder(const char *label, const char *json,
                                          struct wr_errors *errors)
{
    struct wr_options *o = new_options(label);
    struct wr_reader r = {.options = o};

    if (!o) {
        wr_errors_add(errors, NO_MEMORY);
        return NULL;
    }
    read_folder(&r, json);
    if (!tell_found(&r, errors))
        return o;
    wr_options_free(o);
    return NULL;
}

bool wr_options_check_set(const struct wr_options_set *set, struct wr_errors *errors)
{
    struct wr_options *o = wr_options_read(NULL, set, 1, errors);

    wr_options_free(o);
    return o != NULL;
}

void wr_options_free(struct wr_options *o)
{
    if (!o)
        return;
    wr_arena_fini(&o->arena);
    free(o);
}

/* ---- questions ---- */

const struct wr_root_options *wr_options_root(const struct wr_options *o)
{
    return &o->root;
}

const char *wr_options_label(const struct wr_options *o)
{
    return o->label;
}

bool wr_options_has(const struct wr_options *o, const char *key)
{
    const struct wr_option *option = find_target(key).option;

    for (const struct wr_given *given = o->given; given; given = given->next)
        if (given->option == option)
            return option != NULL;
    return false;
}

/* ---- errors found later ---- */

const struct wr_json_path *wr_options_find(const struct wr_options *o, const char *key,
                                           const char **last)
{
    const struct target t = find_target(key);
    const void *section = (const char *)&o->root + t.offset;

    if (!t.option)
        return NULL;
    *last = t.option->key;
    return *(const struct wr_json_path *const *)section; /* the first member of any */
}

/* What of a pointer is behind the key of a set, "limits.head_bytes_max"; NULL: it is not of it. */
static const char *behind_set(const char *pointer, const char *key)
{
    if (*pointer++ != '/')
        return NULL;
    for (; *key; key++, pointer++)
        if (*pointer != *key && !(*pointer == '/' && *key == '.'))
            return NULL;
    return *pointer == '\0' || *pointer == '/' ? pointer : NULL;
}

/* What is wrong, and where. */
struct spot {
    char pointer[POINTER_MAX];
    const struct wr_given_set *set; /* that gave it; NULL: none did */
    const char *rest;               /* of the pointer behind the key of that */
    struct wr_json_place place;     /* in the text; line 0: in none */
};

static void find_spot(const struct wr_options *o, const struct wr_json_path *at, const char *key,
                      struct spot *out)
{
    const struct wr_json_path below = {.parent = at, .key = key};
    const struct wr_json_node *node = wr_json_node_of(at), *member;

    member = key && node ? wr_json_member(node, key) : NULL;
    node = member ? member : node;
    *out = (struct spot){.place = node ? node->place : (struct wr_json_place){0, 0}};
    wr_json_pointer(key ? &below : at, out->pointer, sizeof out->pointer);
    for (const struct wr_given_set *set = o->sets; set && !out->set; set = set->next) {
        out->rest = behind_set(out->pointer, set->key);
        out->set = out->rest ? set : NULL;
    }
}

/* Without the message: "LABEL:1:2: /pointer: ". Returns what snprintf would. */
static int write_spot(const struct wr_options *o, const struct spot *spot, char *out, size_t size)
{
    const char *glue = spot->pointer[0] ? ": " : "";

    if (spot->set)
        return snprintf(out, size, "%s: %s%s", spot->set->key, spot->rest, *spot->rest ? ": " : "");
    if (spot->place.line == 0)
        return snprintf(out, size, "%s:(default): %s%s", o->label, spot->pointer, glue);
    return snprintf(out, size, "%s:%zu:%zu: %s%s", o->label, spot->place.line, spot->place.column,
                    spot->pointer, glue);
}

struct wr_json_place wr_options_place(const struct wr_options *o, const struct wr_json_path *at,
                                      const char *key)
{
    struct spot spot;

    find_spot(o, at, key, &spot);
    return spot.set ? (struct wr_json_place){.line = SIZE_MAX} : spot.place;
}

void wr_options_error(const struct wr_options *o, const struct wr_json_path *at, const char *key,
                      struct wr_errors *errors, const char *fmt, ...)
{
    char line[2 * WR_CONFIG_LINE_MAX];
    struct spot spot;
    va_list ap;
    int n;

    find_spot(o, at, key, &spot);
    n = write_spot(o, &spot, line, sizeof line / 2);
    if (n < 0 || (size_t)n >= sizeof line / 2) {
        wr_line_tidy(line, sizeof line / 2, n);
        n = (int)strlen(line);
    }
    va_start(ap, fmt);
    wr_line_tidy(line + n, sizeof line - (size_t)n,
                 vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap));
    va_end(ap);
    wr_errors_add(errors, line);
}
