#include "handlers/static_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "handlers/file_cache.h"
#include "handlers/pattern.h"
#include "http/mime.h"

#define IMMUTABLE "public, max-age=31536000, immutable"

/* ---- copying ---- */

struct copying {
    struct wr_arena *arena;
    bool has_failed;
};

static void *allocate(struct copying *c, size_t n)
{
    void *memory = wr_arena_alloc(c->arena, n > 0 ? n : 1);

    c->has_failed |= !memory;
    return memory;
}

static const char *copy_text(struct copying *c, const char *text)
{
    struct wr_slice copy;

    if (!text)
        return NULL;
    copy = wr_arena_dup(c->arena, wr_slice_of(text));
    c->has_failed |= !copy.p;
    return copy.p;
}

static struct wr_static_texts copy_texts(struct copying *c, struct wr_static_texts from)
{
    const char **v = allocate(c, from.n * sizeof *v);

    for (size_t i = 0; v && i < from.n; i++)
        v[i] = copy_text(c, from.v[i]);
    return (struct wr_static_texts){v, v ? from.n : 0};
}

static struct wr_static_pairs copy_pairs(struct copying *c, struct wr_static_pairs from)
{
    struct wr_static_pair *v = allocate(c, from.n * sizeof *v);

    for (size_t i = 0; v && i < from.n; i++)
        v[i] = (struct wr_static_pair){copy_text(c, from.v[i].name), copy_text(c, from.v[i].value)};
    return (struct wr_static_pairs){v, v ? from.n : 0};
}

static const char *copy_cache_control(struct copying *c, const char *value)
{
    return value && strcmp(value, "immutable") == 0 ? IMMUTABLE : copy_text(c, value);
}

static struct wr_static_rule *copy_rules(struct copying *c, const struct wr_static_setup *from)
{
    struct wr_static_rule *v = allocate(c, from->rules_n * sizeof *v);

    for (size_t i = 0; v && i < from->rules_n; i++) {
        v[i] = from->rules[i];
        v[i].match = copy_texts(c, from->rules[i].match);
        v[i].fields = copy_pairs(c, from->rules[i].fields);
        v[i].cache_control = copy_cache_control(c, from->rules[i].cache_control);
        v[i].type = copy_text(c, from->rules[i].type);
    }
    return v;
}

/* Where relative names begin now; a host may go elsewhere later. */
static const char *absolute(struct copying *c, const char *folder)
{
    char *here, *text = NULL;
    const char *copy;

    if (folder[0] == '/')
        return copy_text(c, folder);
    here = getcwd(NULL, 0);
    if (!here || asprintf(&text, "%s/%s", here, folder) < 0)
        text = NULL;
    copy = copy_text(c, text ? text : folder);
    free(text);
    free(here);
    return copy;
}

static size_t line_of(const char *name, const char *value)
{
    return value ? strlen(name) + strlen(": \r\n") + strlen(value) : 0;
}

static void count_rule(struct wr_static_options *o, const struct wr_static_rule *rule)
{
    o->fields_max += rule->fields.n;
    for (size_t i = 0; i < rule->fields.n; i++)
        o->lines_max += line_of(rule->fields.v[i].name, rule->fields.v[i].value);
    o->lines_max += line_of("Cache-Control", rule->cache_control) + line_of("", rule->type);
    o->has_denials |= rule->deny;
}

int wr_static_options_init(struct wr_static_options *o, const struct wr_static_setup *setup)
{
    struct copying c = {.arena = &o->arena};

    *o = (struct wr_static_options){.setup = *setup};
    wr_arena_init(&o->arena, SIZE_MAX);
    o->setup.folder = absolute(&c, setup->folder);
    o->setup.index = copy_texts(&c, setup->index);
    o->setup.attempts = copy_texts(&c, setup->attempts);
    o->setup.fallback = copy_text(&c, setup->fallback);
    o->setup.types = copy_pairs(&c, setup->types);
    o->setup.rules = copy_rules(&c, setup);
    for (size_t i = 0; i < setup->rules_n && !c.has_failed; i++)
        count_rule(o, &o->setup.rules[i]);
    if (!c.has_failed)
        return 0;
    wr_static_options_fini(o);
    return -ENOMEM;
}

void wr_static_options_fini(struct wr_static_options *o)
{
    wr_arena_fini(&o->arena);
}

struct wr_static_setup wr_static_setup_of(const char *folder)
{
    static const char *const index[] = {"index.html"};

    return (struct wr_static_setup){
        .folder = folder, .index = {index, 1}, .compress = WR_STATIC_COMPRESS_ON};
}

/* ---- types ---- */

/* Endings of several parts ("tar.gz") are such as well, so the name is compared from its end. */
static bool has_ending(struct wr_slice path, const char *ending)
{
    size_t n = strlen(ending);

    return path.n > n + 1 && path.p[path.n - n - 1] == '.' && path.p[path.n - n - 2] != '/' &&
           strncasecmp(path.p + path.n - n, ending, n) == 0;
}

struct wr_slice wr_static_options_type(const struct wr_static_options *o, struct wr_slice path)
{
    const struct wr_static_pairs *types = &o->setup.types;
    const struct wr_static_pair *best = NULL;

    for (size_t i = 0; i < types->n; i++)
        if (has_ending(path, types->v[i].name) &&
            (!best || strlen(types->v[i].name) > strlen(best->name)))
            best = &types->v[i];
    return best ? wr_slice_of(best->value) : wr_mime_of_path(path);
}

/* ---- hidden names ---- */

static bool is_well_known(struct wr_slice path)
{
    return wr_slice_starts(path, WR_SLICE(".well-known/")) ||
           wr_slice_eq(path, WR_SLICE(".well-known"));
}

bool wr_static_options_hides(const struct wr_static_options *o, struct wr_slice path)
{
    struct wr_slice rest = path;
    const char *dot;

    if (o->setup.dot_files)
        return false;
    if (path.n > 0 && path.p[0] == '.' && !is_well_known(path))
        return true;
    while ((dot = rest.n > 0 ? memchr(rest.p, '.', rest.n) : NULL)) { /* names have few */
        if (dot > path.p && dot[-1] == '/')
            return true;
        rest = wr_slice_from(rest, (size_t)(dot - rest.p) + 1);
    }
    return false;
}

/* ---- rules ---- */

static bool matches_path(const struct wr_static_rule *rule, struct wr_slice path)
{
    bool matches = rule->match.n == 0;

    if (rule->hashed && !wr_name_is_hashed(path))
        return false;
    for (size_t i = 0; i < rule->match.n && !matches; i++)
        matches = wr_pattern_matches(wr_slice_of(rule->match.v[i]), path);
    return matches;
}

static bool is_denied(const struct wr_static_options *o, struct wr_slice path)
{
    for (size_t i = 0; i < o->setup.rules_n; i++)
        if (o->setup.rules[i].deny && matches_path(&o->setup.rules[i], path))
            return true;
    return false;
}

bool wr_static_options_denies(const struct wr_static_options *o, struct wr_slice path)
{
    if (is_denied(o, path))
        return true;
    if (o->setup.compress == WR_STATIC_COMPRESS_OFF)
        return false;
    for (enum wr_coding coding = WR_CODING_GZIP; coding < WR_CODINGS; coding++) {
        struct wr_slice ending = wr_file_sibling_ending(coding);
        size_t n = path.n > ending.n ? path.n - ending.n : 0;

        if (n > 0 && wr_slice_eq(wr_slice_from(path, n), ending))
            return is_denied(o, wr_slice(path.p, n));
    }
    return false;
}

/* The later one takes the place of an earlier one of its name. */
static void set_field(struct wr_static_verdict *v, const struct wr_static_pair *field)
{
    size_t at = 0;

    while (at < v->fields_n && strcasecmp(v->fields[at]->name, field->name) != 0)
        at++;
    v->fields[at] = field;
    if (at == v->fields_n)
        v->fields_n++;
}

static void apply(const struct wr_static_rule *rule, struct wr_static_verdict *out)
{
    out->download |= rule->download;
    if (rule->cache_control)
        out->cache_control = rule->cache_control;
    if (rule->type)
        out->type = rule->type;
    for (size_t i = 0; i < rule->fields.n; i++)
        set_field(out, &rule->fields.v[i]);
}

void wr_static_options_judge(const struct wr_static_options *o, struct wr_slice asked,
                             struct wr_slice served, struct wr_static_verdict *out)
{
    out->deny =
        wr_static_options_denies(o, asked) || (served.p && wr_static_options_denies(o, served));
    for (size_t i = 0; i < o->setup.rules_n; i++)
        if (matches_path(&o->setup.rules[i], served.p ? served : asked))
            apply(&o->setup.rules[i], out);
}

bool wr_static_verdict_has(const struct wr_static_verdict *v, const char *name)
{
    for (size_t i = 0; i < v->fields_n; i++)
        if (strcasecmp(v->fields[i]->name, name) == 0)
            return true;
    return false;
}
