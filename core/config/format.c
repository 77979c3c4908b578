#include <inttypes.h>

#include "app/json_place.h"
#include "config/reader.h"
#include "config/writer.h"

#define COMMENT_MAX 1024 /* bytes */

/* ---- comments ---- */

/* "; "text" or "json"". */
static void put_words(FILE *out, const struct wr_option *option)
{
    bool quoted = option->kind == WR_CHOICE;

    for (size_t i = 0; wr_word_at(option->words, i).p; i++) {
        struct wr_slice word = wr_word_at(option->words, i);
        bool is_last = !wr_word_at(option->words, i + 1).p;

        fprintf(out, "%s%s%.*s%s",
                i == 0    ? ""
                : is_last ? " or "
                          : ", ",
                quoted ? "\"" : "", (int)word.n, word.p, quoted ? "\"" : "");
    }
}

/* What the key is for, what it may be, and what it is when it is not given. */
static void put_comment(FILE *out, const struct wr_option *option)
{
    fputs(*option->doc ? option->doc : option->of->doc, out);
    switch (option->kind) {
    case WR_FLAG:
        fprintf(out, " Default: %s.", option->absent ? "true" : "false");
        return;
    case WR_NUMBER:
        if (!wr_number_is_in_range(option, option->absent))
            fprintf(out, " Or from %" PRId64, option->min);
        else
            fprintf(out, " From %" PRId64, option->min);
        fprintf(out, " to %" PRId64 ". Default: %" PRId64 ".", option->max, option->absent);
        return;
    case WR_ONE_OF:
        fputs(" One of ", out);
        put_words(out, option);
        fprintf(out, ". Default: %" PRId64 ".", option->absent);
        return;
    case WR_CHOICE:
        fputs(" One of ", out);
        put_words(out, option);
        fprintf(out, ". Default: \"%s\".", option->text);
        return;
    case WR_TEXT:
        fputs(" Default: ", out);
        wr_write_string(out, option->text);
        fputs(".", out);
        return;
    case WR_PATH:
    case WR_MODE:
        fputs(" Default: null.", out);
        return;
    case WR_TEXTS:
        if (strcmp(option->text, "[]") != 0)
            fprintf(out, " Default: %s.", option->text);
        return;
    case WR_PART:
    case WR_PARTS:
    case WR_PAGES:
    case WR_MAP:
    case WR_OBJECT:
        return;
    }
}

static void write_comment(struct wr_writer *w, const struct wr_option *option)
{
    char text[COMMENT_MAX] = "";
    FILE *out = fmemopen(text, sizeof text - 1, "w");

    if (!out)
        return;
    put_comment(out, option);
    fclose(out);
    wr_write_comment(w, text);
}

/* ---- values ---- */

struct list {
    const char *v;
    size_t n;
};

static struct list list_at(const void *at)
{
    struct list list;

    memcpy(&list.v, (const char *)at + WR_LIST_V, sizeof list.v);
    memcpy(&list.n, (const char *)at + WR_LIST_N, sizeof list.n);
    return list;
}

static void write_section(struct wr_writer *w, const struct wr_section *section, const void *base,
                          bool with_comments);

static void write_texts(struct wr_writer *w, const char *key, const struct wr_texts *texts)
{
    wr_write_begin(w, key);
    fputc('[', w->out);
    for (size_t i = 0; i < texts->n; i++) {
        fputs(i > 0 ? ", " : "", w->out);
        wr_write_string(w->out, texts->v[i]);
    }
    fputc(']', w->out);
}

static void write_pages(struct wr_writer *w, const char *key, const struct wr_pages *pages)
{
    wr_write_open(w, key, '{');
    for (size_t i = 0; i < pages->n; i++) {
        const struct wr_page_option *page = &pages->v[i];
        char name[24];

        snprintf(name, sizeof name, page->status < 10 ? "%dxx" : "%d", page->status);
        wr_write_begin(w, name);
        wr_write_string(w->out, page->path);
    }
    wr_write_close(w, '}');
}

static void write_map(struct wr_writer *w, const char *key, const struct wr_map *map)
{
    wr_write_open(w, key, '{');
    for (size_t i = 0; i < map->n; i++) {
        wr_write_begin(w, map->v[i].name);
        wr_write_string(w->out, map->v[i].value);
    }
    wr_write_close(w, '}');
}

/* Once is enough: what the top level has a list of has been shown there. */
static bool is_shown_at_top(const struct wr_section *section)
{
    const struct wr_section *root = wr_section_root();

    for (size_t i = 0; i < root->n; i++)
        if (root->v[i].kind == WR_PARTS && root->v[i].of == section)
            return true;
    return false;
}

/* Of an empty list what an item could be, as a comment. NOLINTNEXTLINE(misc-no-recursion) */
static void write_example(struct wr_writer *w, const struct wr_section *section)
{
    int outer = w->example;

    if (outer > 0 && is_shown_at_top(section))
        return;
    w->example = outer > 0 ? outer : w->depth;
    wr_write_open(w, NULL, '{');
    write_section(w, section, NULL, true);
    wr_write_close(w, '}');
    w->example = outer;
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void write_parts(struct wr_writer *w, const struct wr_option *option, const void *at)
{
    struct list list = at ? list_at(at) : (struct list){NULL, 0};

    wr_write_open(w, option->key, '[');
    if (list.n == 0)
        write_example(w, option->of);
    for (size_t i = 0; i < list.n; i++) {
        wr_write_open(w, NULL, '{');
        write_section(w, option->of, list.v + i * option->of->size, i == 0);
        wr_write_close(w, '}');
    }
    wr_write_close(w, ']');
}

static void write_mode(FILE *out, int64_t mode)
{
    if (mode < 0)
        fputs("null", out);
    else
        fprintf(out, "\"%04" PRIo64 "\"", (uint64_t)mode);
}

static void write_choice(FILE *out, const struct wr_option *option, int choice)
{
    struct wr_slice word = wr_word_at(option->words, (size_t)choice);

    fprintf(out, "\"%.*s\"", (int)word.n, word.p);
}

/* Behind the key. */
static void write_scalar(FILE *out, const struct wr_option *option, const void *value)
{
    switch (option->kind) {
    case WR_FLAG:
        fputs(*(const bool *)value ? "true" : "false", out);
        return;
    case WR_NUMBER:
    case WR_ONE_OF:
        fprintf(out, "%" PRId64, *(const int64_t *)value);
        return;
    case WR_TEXT:
    case WR_PATH:
        wr_write_string(out, *(const char *const *)value);
        return;
    case WR_MODE:
        write_mode(out, *(const int64_t *)value);
        return;
    case WR_CHOICE:
        write_choice(out, option, *(const int *)value);
        return;
    default:
        return;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void write_value(struct wr_writer *w, const struct wr_option *option, const void *value,
                        bool with_comments)
{
    switch (option->kind) {
    case WR_TEXTS:
        write_texts(w, option->key, value);
        return;
    case WR_PART:
        wr_write_open(w, option->key, '{');
        write_section(w, option->of, value, with_comments);
        wr_write_close(w, '}');
        return;
    case WR_PARTS:
        write_parts(w, option, value);
        return;
    case WR_PAGES:
        write_pages(w, option->key, value);
        return;
    case WR_MAP:
        write_map(w, option->key, value);
        return;
    case WR_OBJECT:
        wr_write_begin(w, option->key);
        wr_write_json(w, wr_slice_of(((const struct wr_object *)value)->text));
        return;
    default:
        wr_write_begin(w, option->key);
        write_scalar(w->out, option, value);
        return;
    }
}

/* An item of an example: the default, or the kind of thing that it wants.
 * NOLINTNEXTLINE(misc-no-recursion) */
static void write_default(struct wr_writer *w, const struct wr_option *option)
{
    FILE *out = w->out;

    if (option->kind == WR_PARTS) {
        write_parts(w, option, NULL);
        return;
    }
    wr_write_begin(w, option->key);
    switch (option->kind) {
    case WR_FLAG:
        fputs(option->absent ? "true" : "false", out);
        return;
    case WR_NUMBER:
    case WR_ONE_OF:
        fprintf(out, "%" PRId64, option->absent);
        return;
    case WR_TEXTS:
        fputs(option->text, out);
        return;
    case WR_OBJECT:
    case WR_PAGES:
    case WR_MAP:
    case WR_PART:
        fputs("{}", out);
        return;
    default:
        wr_write_string(out, option->text);
        return;
    }
}

/* What a route has to do with: the keys of another kind would be refused, and null says nothing. */
static bool is_of_route(const struct wr_route_options *route, const struct wr_option *option)
{
    const char *kind = wr_route_kind_of(option->key);

    if (option->kind == WR_OBJECT)
        return route->config.text;
    if (!kind)
        return strcmp(option->key, "host") != 0 || route->host;
    if (strcmp(kind, "static") == 0)
        return route->static_path;
    if (strcmp(kind, "plugin") == 0)
        return route->plugin;
    return strcmp(kind, "redirect") == 0 ? route->redirect != NULL : route->metrics;
}

/* `base` is NULL in an example. NOLINTNEXTLINE(misc-no-recursion) */
static void write_section(struct wr_writer *w, const struct wr_section *section, const void *base,
                          bool with_comments)
{
    bool is_route = strcmp(section->name, "route") == 0;

    for (size_t i = 0; i < section->n; i++) {
        const struct wr_option *option = &section->v[i];

        if (base && is_route && !is_of_route(base, option))
            continue;
        if (with_comments)
            write_comment(w, option);
        if (base)
            write_value(w, option, (const char *)base + option->offset, with_comments);
        else
            write_default(w, option);
    }
}

static void write_root(struct wr_writer *w, const void *root)
{
    wr_write_open(w, NULL, '{');
    write_section(w, wr_section_root(), root, true);
    wr_write_close(w, '}');
}

char *wr_options_format(const struct wr_options *o)
{
    struct wr_errors errors = {0};
    struct wr_options *defaults;
    char *text;

    if (o)
        return wr_write_text(write_root, &o->root);
    defaults = wr_options_read(NULL, NULL, 0, &errors);
    text = defaults ? wr_write_text(write_root, &defaults->root) : NULL;
    wr_options_free(defaults);
    wr_errors_free(&errors);
    return text;
}
