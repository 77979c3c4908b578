#include "config/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/json_parse.h"
#include "app/near.h"
#include "base/buf.h"

#define POINTER_MAX 256 /* bytes of a JSON pointer in a message */
#define MODE_MAX    0777
#define STATUS_MIN  400 /* of an error page */
#define STATUS_MAX  599

/* ---- memory ---- */

void *wr_reader_alloc(struct wr_reader *r, size_t n)
{
    void *p = wr_arena_alloc(&r->options->arena, n);

    r->no_memory = r->no_memory || !p;
    return p;
}

const char *wr_reader_absolute(struct wr_reader *r, const char *prefix, const char *path)
{
    const char *folder = *path == '/' || !r->folder ? "" : r->folder, *glue;
    size_t n;
    char *out;

    while (*folder && strncmp(path, "./", 2) == 0 && path[2])
        path += 2;
    glue = *folder && folder[strlen(folder) - 1] != '/' ? "/" : "";
    n = strlen(prefix) + strlen(folder) + strlen(glue) + strlen(path) + 1;
    out = wr_reader_alloc(r, n);
    if (out)
        snprintf(out, n, "%s%s%s%s", prefix, folder, glue, path);
    return out;
}

struct wr_json_node *wr_node_absent(struct wr_reader *r, const struct wr_json_path *parent,
                                    const char *key)
{
    struct wr_json_node *node = wr_reader_alloc(r, sizeof *node);

    if (node)
        *node = (struct wr_json_node){.path = {.parent = parent, .key = key}, .type = JSON_OBJECT};
    return node;
}

/* ---- errors ---- */

static struct wr_found *next_found(struct wr_reader *r)
{
    struct wr_found *v = r->found;

    if (r->found_n == r->found_cap) {
        r->found_cap = r->found_cap * 2 + 16;
        v = reallocarray(v, r->found_cap, sizeof *v);
    }
    if (!v) {
        r->found_cap = r->found_n;
        r->no_memory = true;
        return NULL;
    }
    r->found = v;
    return &v[r->found_n];
}

static void add_line(struct wr_reader *r, struct wr_json_place place, char *line, int n)
{
    struct wr_found *f = next_found(r);
    const char *kept;

    wr_line_tidy(line, WR_CONFIG_LINE_MAX, n);
    kept = wr_arena_dup(&r->options->arena, wr_slice_of(line)).p;
    r->no_memory = r->no_memory || !kept;
    if (!f || !kept)
        return;
    *f = (struct wr_found){.set = r->set_order, .place = place, .order = r->found_n, .line = kept};
    r->found_n++;
}

void wr_report_text(struct wr_reader *r, struct wr_json_place place, const char *what)
{
    char line[WR_CONFIG_LINE_MAX];
    int n;

    if (r->set)
        n = snprintf(line, sizeof line, "%s: expected a value in JSON: %s", r->set, what);
    else
        n = snprintf(line, sizeof line, "%s:%zu:%zu: %s", r->options->label, place.line,
                     place.column, what);
    add_line(r, place, line, n);
}

static void report_at(struct wr_reader *r, struct wr_json_place place,
                      const struct wr_json_path *path, const char *what)
{
    char pointer[POINTER_MAX], line[WR_CONFIG_LINE_MAX];
    const char *rest = pointer;
    int n;

    wr_json_pointer(path, pointer, sizeof pointer);
    if (r->set) { /* of which the keys are the beginning of the pointer */
        rest += strlen(r->set) < strlen(rest) ? strlen(r->set) + 1 : strlen(rest);
        n = snprintf(line, sizeof line, "%s: %s%s%s", r->set, rest, *rest ? ": " : "", what);
    } else {
        n = snprintf(line, sizeof line, "%s:%zu:%zu: %s%s%s", r->options->label, place.line,
                     place.column, rest, *rest ? ": " : "", what);
    }
    add_line(r, place, line, n);
}

void wr_report(struct wr_reader *r, const struct wr_json_node *node, enum wr_json_part part,
               const char *fmt, ...)
{
    char what[WR_CONFIG_LINE_MAX / 2];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    wr_line_tidy(what, sizeof what, n);
    report_at(r, part == WR_JSON_KEY ? node->key_place : node->place, &node->path, what);
}

void wr_report_missing(struct wr_reader *r, const struct wr_json_node *object, const char *key)
{
    const struct wr_json_path path = {.parent = &object->path, .key = key};

    report_at(r, object->place, &path, "this key is required, and it is not there");
}

const char *wr_config_show(const struct wr_json_node *node, char out[static WR_CONFIG_SHOW_MAX])
{
    int n = node->text.n < WR_CONFIG_SHOW_MAX ? (int)node->text.n : WR_CONFIG_SHOW_MAX;

    wr_line_tidy(out, WR_CONFIG_SHOW_MAX,
                 snprintf(out, WR_CONFIG_SHOW_MAX, "%.*s", n, node->text.p));
    return out;
}

void wr_report_expected(struct wr_reader *r, const struct wr_json_node *node, const char *what)
{
    bool is_number = node->type == JSON_INTEGER || node->type == JSON_REAL;
    bool is_empty = node->type == JSON_STRING && !*node->string;
    char shown[WR_CONFIG_SHOW_MAX];

    wr_report(r, node, WR_JSON_VALUE, "expected %s, found %s", what,
              is_number  ? wr_config_show(node, shown)
              : is_empty ? "an empty string"
                         : wr_json_kind_of(node->type));
}

/* Appends to a list in a message, "a, b or c"; what has no room is left out. */
static void put_word(struct wr_buf *b, size_t i, bool is_last, struct wr_slice word,
                     const char *quote)
{
    const size_t n = b->n;

    if (i > 0)
        wr_buf_printf(b, "%s", is_last ? " or " : ", ");
    wr_buf_printf(b, "%s%.*s%s", quote, (int)word.n, word.p, quote);
    if (b->overflow)
        b->n = n;
}

static void report_words(struct wr_reader *r, const struct wr_json_node *node, const char *words,
                         const char *quote)
{
    char list[WR_CONFIG_LINE_MAX / 4], shown[WR_CONFIG_SHOW_MAX];
    struct wr_buf b = wr_buf_on(list, sizeof list - 1);
    bool is_scalar = node->type != JSON_OBJECT && node->type != JSON_ARRAY;

    for (size_t i = 0; wr_word_at(words, i).p; i++)
        put_word(&b, i, !wr_word_at(words, i + 1).p, wr_word_at(words, i), quote);
    list[b.n] = '\0';
    wr_report(r, node, WR_JSON_VALUE, "expected %s, found %s", list,
              is_scalar ? wr_config_show(node, shown) : wr_json_kind_of(node->type));
}

/* The key by which a file tells editors of its schema; it says nothing to us. */
static bool is_for_editors(const struct wr_section *section, const struct wr_json_node *node)
{
    return section == wr_section_root() && strcmp(node->path.key, "$schema") == 0;
}

static const char *key_of_section(const struct wr_section *section)
{
    for (size_t s = 0; s < wr_sections_n; s++)
        for (size_t i = 0; i < wr_sections[s]->n; i++)
            if (wr_sections[s]->v[i].of == section)
                return wr_sections[s]->v[i].key;
    return NULL;
}

/* The key of the one section that has this key, as "rules" has "deny". NULL: none has it, or
 * several. */
static const char *find_elsewhere(const char *key)
{
    const char *found = NULL;

    for (size_t s = 0; s < wr_sections_n; s++)
        for (size_t i = 0; i < wr_sections[s]->n; i++)
            if (strcmp(wr_sections[s]->v[i].key, key) == 0) {
                if (found)
                    return NULL;
                found = key_of_section(wr_sections[s]);
            }
    return found;
}

static void refuse_key(struct wr_reader *r, const struct wr_section *section,
                       const struct wr_json_node *node)
{
    const char *elsewhere = find_elsewhere(node->path.key);
    struct wr_near near = {.word = node->path.key};
    char list[WR_CONFIG_LINE_MAX / 4];
    struct wr_buf b = wr_buf_on(list, sizeof list - 1);

    if (is_for_editors(section, node)) {
        if (node->type != JSON_STRING)
            wr_report_expected(r, node, "a string");
        return;
    }
    for (size_t i = 0; i < section->n; i++) {
        wr_near_try(&near, section->v[i].key);
        wr_buf_printf(&b, "%s%s", i > 0 ? ", " : "", section->v[i].key);
    }
    list[b.n] = '\0';
    if (elsewhere && near.best)
        wr_report(r, node, WR_JSON_KEY,
                  "this key is not known here, but in \"%s\"; or did you mean \"%s\"?", elsewhere,
                  near.best);
    else if (elsewhere)
        wr_report(r, node, WR_JSON_KEY, "this key is not known here, but in \"%s\"", elsewhere);
    else if (near.best)
        wr_report(r, node, WR_JSON_KEY, "this key is not known; did you mean \"%s\"?", near.best);
    else
        wr_report(r, node, WR_JSON_KEY, "this key is not known; known are %s", list);
}

/* ---- values of one kind each ---- */

static void *member(void *base, const struct wr_option *option)
{
    return (char *)base + option->offset;
}

static void read_flag(struct wr_reader *r, const struct wr_json_node *node, bool *out)
{
    if (node->type == JSON_TRUE || node->type == JSON_FALSE)
        *out = node->type == JSON_TRUE;
    else
        wr_report_expected(r, node, "true or false");
}

static void read_number(struct wr_reader *r, const struct wr_option *option,
                        const struct wr_json_node *node, int64_t *out)
{
    char what[WR_CONFIG_SHOW_MAX], apart[32] = "";

    *out = node->integer;
    if (node->type == JSON_INTEGER && wr_number_is_allowed(option, node->integer))
        return;
    if (!wr_number_is_in_range(option, option->absent))
        snprintf(apart, sizeof apart, "%" PRId64 " or ", option->absent);
    snprintf(what, sizeof what, "%san integer from %" PRId64 " to %" PRId64, apart, option->min,
             option->max);
    wr_report_expected(r, node, what);
}

static void read_one_of(struct wr_reader *r, const struct wr_option *option,
                        const struct wr_json_node *node, int64_t *out)
{
    *out = node->integer;
    if (node->type != JSON_INTEGER || wr_word_find(option->words, node->text) < 0)
        report_words(r, node, option->words, "");
}

static void read_choice(struct wr_reader *r, const struct wr_option *option,
                        const struct wr_json_node *node, int *out)
{
    *out = node->type == JSON_STRING ? wr_word_find(option->words, wr_slice_of(node->string)) : -1;
    if (*out < 0)
        report_words(r, node, option->words, "\"");
}

static void read_mode(struct wr_reader *r, const struct wr_json_node *node, int64_t *out)
{
    const char *digit = node->type == JSON_STRING ? node->string : "";
    int64_t mode = 0;

    if (node->type == JSON_NULL)
        return;
    for (; *digit >= '0' && *digit <= '7' && mode <= MODE_MAX; digit++)
        mode = mode * 8 + (*digit - '0');
    if (node->type == JSON_STRING && *node->string && !*digit && mode > 0 && mode <= MODE_MAX) {
        *out = mode;
    } else if (node->type == JSON_STRING && *node->string) {
        char shown[WR_CONFIG_SHOW_MAX];

        wr_report(r, node, WR_JSON_VALUE,
                  "expected permissions in octal, \"0001\" to \"0777\", found %s",
                  wr_config_show(node, shown));
    } else {
        wr_report_expected(r, node, "permissions in octal as a string, as in \"0660\", or null");
    }
}

/* What is wrong is left as "": there, and not to be compared with others. */
static bool read_text(struct wr_reader *r, const struct wr_option *option,
                      const struct wr_json_node *node, const char *what, const char **out)
{
    *out = "";
    if (node->type != JSON_STRING || !*node->string) {
        wr_report_expected(r, node, what);
        return false;
    }
    *out = node->string;
    if (wr_check_text(r, option, node, out))
        return true;
    *out = "";
    return false;
}

/* What is expected in its place; "" is a string, too. */
static const char *text_or_null(const struct wr_json_node *node)
{
    return node->type == JSON_STRING ? "a string that is not empty, or null" : "a string or null";
}

static void read_text_or_null(struct wr_reader *r, const struct wr_option *option,
                              const struct wr_json_node *node, const char **out)
{
    bool is_path = option->kind == WR_PATH;

    if (node->type == JSON_NULL && !option->text)
        *out = NULL;
    else if (option->text)
        read_text(r, option, node, "a string that is not empty", out);
    else
        read_text(r, option, node, is_path ? "a path or null" : text_or_null(node), out);
}

static void read_texts(struct wr_reader *r, const struct wr_option *option,
                       const struct wr_json_node *node, struct wr_texts *out)
{
    *out = (struct wr_texts){0};
    if (node->type != JSON_ARRAY) {
        wr_report_expected(r, node, "an array of strings");
        return;
    }
    out->v = wr_reader_alloc(r, node->n * sizeof(const char *));
    out->at = wr_reader_alloc(r, node->n * sizeof(const struct wr_json_path *));
    if (!out->v || !out->at)
        return;
    for (const struct wr_json_node *item = node->first; item; item = item->next) {
        if (!read_text(r, option, item, "a string that is not empty", &out->v[out->n]))
            continue;
        out->at[out->n++] = &item->path;
    }
    wr_check_texts(r, option, out);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the table is */
static void read_parts(struct wr_reader *r, const struct wr_option *option,
                       const struct wr_json_node *node, void *list)
{
    const size_t size = option->of->size;
    size_t n = 0;
    char *v;

    if (node->type != JSON_ARRAY) {
        wr_report_expected(r, node, "an array of objects");
        return;
    }
    v = wr_reader_alloc(r, node->n * size);
    if (!v)
        return;
    for (const struct wr_json_node *item = node->first; item; item = item->next) {
        if (item->type != JSON_OBJECT) {
            wr_report_expected(r, item, "an object");
            continue;
        }
        wr_section_init(r, option->of, v + n * size, &item->path);
        wr_section_read(r, option->of, v + n * size, item);
        n++;
    }
    memcpy((char *)list + WR_LIST_V, &v, sizeof v);
    memcpy((char *)list + WR_LIST_N, &n, sizeof n);
}

/* 404 of "404", 4 of "4xx"; 0: of anything else. */
static int page_status(const char *key)
{
    int status = 0;

    if (strcmp(key, "4xx") == 0 || strcmp(key, "5xx") == 0)
        return key[0] - '0';
    if (strlen(key) != 3)
        return 0;
    for (; *key >= '0' && *key <= '9'; key++)
        status = status * 10 + (*key - '0');
    return !*key && status >= STATUS_MIN && status <= STATUS_MAX ? status : 0;
}

static void read_pages(struct wr_reader *r, const struct wr_option *option,
                       const struct wr_json_node *node, struct wr_pages *out)
{
    *out = (struct wr_pages){0};
    if (node->type != JSON_OBJECT) {
        wr_report_expected(r, node, "an object of statuses and paths");
        return;
    }
    out->v = wr_reader_alloc(r, node->n * sizeof *out->v);
    for (const struct wr_json_node *m = node->first; m && out->v; m = m->next) {
        struct wr_page_option page = {.at = &m->path, .status = page_status(m->path.key)};

        if (page.status == 0)
            wr_report(r, m, WR_JSON_KEY,
                      "expected a status from %d to %d, \"4xx\" or \"5xx\", found another key",
                      STATUS_MIN, STATUS_MAX);
        read_text(r, option, m, "a path", &page.path);
        out->v[out->n++] = page;
    }
}

static void read_map(struct wr_reader *r, const struct wr_option *option,
                     const struct wr_json_node *node, struct wr_map *out)
{
    bool has_null = wr_map_has_null(option);

    *out = (struct wr_map){0};
    if (node->type != JSON_OBJECT) {
        wr_report_expected(r, node, "an object of strings");
        return;
    }
    out->v = wr_reader_alloc(r, node->n * sizeof *out->v);
    for (const struct wr_json_node *m = node->first; m && out->v; m = m->next) {
        struct wr_map_item *item = &out->v[out->n++];

        *item = (struct wr_map_item){.at = &m->path, .name = m->path.key};
        wr_check_name(r, option, m);
        if (m->type != JSON_NULL || !has_null)
            read_text(r, option, m, has_null ? text_or_null(m) : "a string that is not empty",
                      &item->value);
    }
    wr_check_map(r, out);
}

static void read_object(struct wr_reader *r, const struct wr_json_node *node, struct wr_object *out)
{
    if (node->type != JSON_OBJECT) {
        wr_report_expected(r, node, "an object");
        return;
    }
    *out = (struct wr_object){.at = &node->path, .place = node->place};
    out->text = wr_arena_dup(&r->options->arena, node->text).p;
    r->no_memory = r->no_memory || !out->text;
}

/* ---- by the table ---- */

static void note_given(struct wr_reader *r, const struct wr_option *option)
{
    struct wr_given *given = r->options->given;

    while (given && given->option != option)
        given = given->next;
    if (given)
        return;
    given = wr_reader_alloc(r, sizeof *given);
    if (!given)
        return;
    *given = (struct wr_given){.option = option, .next = r->options->given};
    r->options->given = given;
}

/* NOLINTNEXTLINE(misc-no-recursion) */
void wr_option_read(struct wr_reader *r, const struct wr_option *option, void *base,
                    const struct wr_json_node *node)
{
    void *out = member(base, option);

    note_given(r, option);
    switch (option->kind) {
    case WR_FLAG:
        read_flag(r, node, out);
        return;
    case WR_NUMBER:
        read_number(r, option, node, out);
        return;
    case WR_ONE_OF:
        read_one_of(r, option, node, out);
        return;
    case WR_TEXT:
    case WR_PATH:
        read_text_or_null(r, option, node, out);
        return;
    case WR_MODE:
        read_mode(r, node, out);
        return;
    case WR_CHOICE:
        read_choice(r, option, node, out);
        return;
    case WR_TEXTS:
        read_texts(r, option, node, out);
        return;
    case WR_PART:
        if (node->type == JSON_OBJECT)
            wr_section_read(r, option->of, out, node);
        else
            wr_report_expected(r, node, "an object");
        return;
    case WR_PARTS:
        read_parts(r, option, node, out);
        return;
    case WR_PAGES:
        read_pages(r, option, node, out);
        return;
    case WR_MAP:
        read_map(r, option, node, out);
        return;
    case WR_OBJECT:
        read_object(r, node, out);
        return;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion) */
void wr_section_read(struct wr_reader *r, const struct wr_section *section, void *base,
                     const struct wr_json_node *node)
{
    bool unknown = false;

    if (!r->set) /* a set is a part of it */
        *(const struct wr_json_path **)base = &node->path;
    for (const struct wr_json_node *m = node->first; m; m = m->next) {
        const struct wr_option *option = wr_section_find(section, m->path.key);

        if (option) {
            wr_option_read(r, option, base, m);
        } else {
            refuse_key(r, section, m);
            unknown = true;
        }
    }
    wr_check_section(r, section, node, unknown);
}

/* The default is of the table, and right. */
static void init_texts(struct wr_reader *r, const struct wr_option *option,
                       const struct wr_json_path *at, struct wr_texts *out)
{
    const struct wr_json_path path = {.parent = at, .key = option->key};
    struct wr_json_node *list = wr_json_index(&r->options->arena, wr_slice_of(option->text), &path);

    if (!list) {
        r->no_memory = true;
        return;
    }
    out->v = wr_reader_alloc(r, list->n * sizeof(const char *));
    out->at = wr_reader_alloc(r, list->n * sizeof(const struct wr_json_path *));
    for (struct wr_json_node *item = list->first; item && out->v && out->at; item = item->next) {
        item->place = item->key_place = (struct wr_json_place){0, 0};
        out->at[out->n] = &item->path;
        out->v[out->n++] = item->string;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void init_option(struct wr_reader *r, const struct wr_option *option, void *base,
                        const struct wr_json_path *at)
{
    const struct wr_json_node *part;
    void *out = member(base, option);

    switch (option->kind) {
    case WR_FLAG:
        *(bool *)out = option->absent != 0;
        return;
    case WR_NUMBER:
    case WR_ONE_OF:
    case WR_MODE:
        *(int64_t *)out = option->absent;
        return;
    case WR_TEXT:
        *(const char **)out = option->text;
        return;
    case WR_CHOICE:
        *(int *)out = wr_word_find(option->words, wr_slice_of(option->text));
        return;
    case WR_TEXTS:
        init_texts(r, option, at, out);
        return;
    case WR_PART:
        part = wr_node_absent(r, at, option->key);
        if (part)
            wr_section_init(r, option->of, out, &part->path);
        return;
    case WR_PATH:
    case WR_PARTS:
    case WR_PAGES:
    case WR_MAP:
    case WR_OBJECT:
        return; /* all zero */
    }
}

/* NOLINTNEXTLINE(misc-no-recursion) */
void wr_section_init(struct wr_reader *r, const struct wr_section *section, void *base,
                     const struct wr_json_path *at)
{
    memset(base, 0, section->size);
    *(const struct wr_json_path **)base = at;
    for (size_t i = 0; i < section->n; i++)
        init_option(r, &section->v[i], base, at);
}
