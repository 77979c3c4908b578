/*
 * static_options.h — what a folder is told to do: a copy of struct wr_static_setup, and what its rules
 * say of a path.
 *
 * Threads: made and freed by one; in between it does not change, and any may look.
 */
#ifndef WR_HANDLERS_STATIC_OPTIONS_H
#define WR_HANDLERS_STATIC_OPTIONS_H

#include "base/arena.h"
#include "handlers/static.h"

struct wr_static_options {
    struct wr_static_setup setup; /* whose pointers lead into the arena */
    size_t fields_max;            /* of all rules together */
    size_t lines_max;             /* bytes that they take in a head, at most */
    bool has_denials;             /* a rule denies something */
    struct wr_arena arena;
};

/* 0 or -ENOMEM. The folder becomes absolute, its links are not resolved. */
int wr_static_options_init(struct wr_static_options *o, const struct wr_static_setup *setup);
void wr_static_options_fini(struct wr_static_options *o);

/* The Content-Type value of a path by its ending. */
struct wr_slice wr_static_options_type(const struct wr_static_options *o, struct wr_slice path);

/* Is a part of the path, beneath the folder, a name that begins with a dot, and such are not served? But
 * for .well-known in first place. */
bool wr_static_options_hides(const struct wr_static_options *o, struct wr_slice path);

/* What the rules say. */
struct wr_static_verdict {
    bool deny, download;
    const char *cache_control, *type;     /* NULL: nothing */
    const struct wr_static_pair **fields; /* of the caller, with room for fields_max */
    size_t fields_n;
};

/* Does a rule deny the path, or that of which its name says that it is a coding: what is in a.css.gz
 * is in a.css? */
bool wr_static_options_denies(const struct wr_static_options *o, struct wr_slice path);

/*
 * `asked` is the path below the route, `served` that of the file that answers, in the same form;
 * absent: it is the same, or there is none. Rules are for the file where there is one: what holds for
 * /app/ must not hold for the fallback that answers there. Only a denial counts for both.
 */
void wr_static_options_judge(const struct wr_static_options *o, struct wr_slice asked,
                             struct wr_slice served, struct wr_static_verdict *out);

/* Have the rules a field of this name, or said that there is none? */
bool wr_static_verdict_has(const struct wr_static_verdict *v, const char *name);

#endif
