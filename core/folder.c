/*
 * folder.c — from what the configuration says of a folder to what the static server takes.
 */
#include <errno.h>

#include "handlers/pattern.h"
#include "weir.h"

static struct wr_static_texts texts_of(const struct wr_texts *from)
{
    return (struct wr_static_texts){from->v, from->n};
}

static bool make_pairs(struct wr_arena *arena, const struct wr_map *from,
                       struct wr_static_pairs *out)
{
    struct wr_static_pair *v = wr_arena_alloc(arena, from->n * sizeof *v);

    for (size_t i = 0; i < from->n && v; i++)
        v[i] = (struct wr_static_pair){from->v[i].name, from->v[i].value};
    *out = (struct wr_static_pairs){v, from->n};
    return v;
}

static bool make_rules(struct wr_arena *arena, const struct wr_rule_list *from,
                       struct wr_static_setup *out)
{
    struct wr_static_rule *v = wr_arena_alloc(arena, from->n * sizeof *v);

    for (size_t i = 0; i < from->n && v; i++) {
        const struct wr_rule_options *o = &from->v[i];

        v[i] = (struct wr_static_rule){
            .match = texts_of(&o->match),
            .hashed = o->hashed,
            .deny = o->deny,
            .download = o->download,
            .cache_control = o->cache_control,
            .type = o->type,
        };
        if (!make_pairs(arena, &o->fields, &v[i].fields))
            return false;
    }
    out->rules = v;
    out->rules_n = from->n;
    return v;
}

static bool check_patterns(const struct wr_options *options, const struct wr_texts *match,
                           struct wr_errors *errors)
{
    bool right = true;

    for (size_t i = 0; i < match->n; i++) {
        const char *expected = wr_pattern_check(match->v[i]);

        if (expected)
            wr_options_error(options, match->at[i], NULL, errors, "expected %s, found \"%.100s\"",
                             expected, match->v[i]);
        right = right && !expected;
    }
    return right;
}

bool wr_folder_check(const struct wr_options *options, const struct wr_route_options *o,
                     struct wr_errors *errors)
{
    bool right = true;

    for (size_t i = 0; i < o->rules.n; i++)
        right = check_patterns(options, &o->rules.v[i].match, errors) && right;
    return right;
}

int wr_folder_setup(struct wr_arena *arena, const char *folder, const struct wr_route_options *o,
                    struct wr_static_setup *out)
{
    static const enum wr_static_compress compress[] = {
        WR_STATIC_COMPRESS_OFF, WR_STATIC_COMPRESS_SIBLINGS, WR_STATIC_COMPRESS_ON};

    *out = (struct wr_static_setup){
        .folder = folder,
        .index = texts_of(&o->index),
        .attempts = texts_of(&o->try),
        .fallback = o->fallback,
        .listing = o->listing,
        .dot_files = o->dot_files,
        .compress = compress[o->compress],
    };
    return make_pairs(arena, &o->types, &out->types) && make_rules(arena, &o->rules, out) ? 0
                                                                                          : -ENOMEM;
}
