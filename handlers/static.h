/*
 * static.h — the files beneath a folder, as an app: written against weir/app.h like any plugin.
 *
 * GET and HEAD, with conditions, byte ranges and content codings (RFC 9110 12, 13, 14); OPTIONS
 * says so. A folder is its index, or its listing, and without its slash a redirect to it. Names that
 * begin with a dot are not there, but for .well-known at the top (RFC 8615).
 */
#ifndef WR_HANDLERS_STATIC_H
#define WR_HANDLERS_STATIC_H

#include <weir/app.h>

#include <stdbool.h>

struct wr_static_texts {
    const char *const *v;
    size_t n;
};

struct wr_static_pair {
    const char *name, *value;
};

struct wr_static_pairs {
    const struct wr_static_pair *v;
    size_t n;
};

/* For the files whose paths match, and for paths without a file; of several rules all hold, and the
 * later one goes before. */
struct wr_static_rule {
    /* handlers/pattern.h, against the path below the route; none: all */
    struct wr_static_texts match;
    bool hashed;   /* only names that carry a hash of their content */
    bool deny;     /* 403, for a.css.br where it is for a.css too; and not listed */
    bool download; /* as an attachment */
    /* Of answers with the file, and 304; "immutable": for a year; NULL: none. */
    const char *cache_control;
    const char *type;              /* Content-Type; NULL: by the name */
    struct wr_static_pairs fields; /* of every answer; value NULL: none by earlier rules */
};

enum wr_static_compress {
    WR_STATIC_COMPRESS_OFF,
    WR_STATIC_COMPRESS_SIBLINGS,
    WR_STATIC_COMPRESS_ON
};

/* Mounted with one of these as its state; load copies it. */
struct wr_static_setup {
    const char *folder;
    struct wr_static_texts index;    /* names that a folder answers with, the first that is there */
    struct wr_static_texts attempts; /* paths for one that is not there; "{path}" stands for it */
    const char *fallback;            /* a path for navigations to what is not there; NULL: none */
    bool listing, dot_files;
    enum wr_static_compress compress;
    struct wr_static_pairs
        types; /* ending without its dot to Content-Type; before the table of mime.h */
    const struct wr_static_rule *rules;
    size_t rules_n;
};

/* What holds without a word of configuration. */
struct wr_static_setup wr_static_setup_of(const char *folder);

extern const weir_plugin wr_static_plugin;

#endif
