/*
 * reader.h — between the files of this layer: from JSON to the structs of options.h, and errors.
 *
 * A reader lives as long as one wr_options_read(). Errors are collected with their places, sorted at
 * the end. What was found wrong is left at some value, for nobody sees it.
 */
#ifndef WR_CONFIG_READER_H
#define WR_CONFIG_READER_H

#include "app/json_index.h"
#include "config/table.h"

#define WR_CONFIG_LINE_MAX 1024 /* bytes of an error */
#define WR_CONFIG_SHOW_MAX 64   /* of a value in it */

struct wr_given {
    const struct wr_option *option;
    struct wr_given *next;
};

struct wr_given_set {
    const char *key;
    struct wr_given_set *next;
};

struct wr_options {
    struct wr_arena arena; /* of all but this */
    const char *label;
    struct wr_root_options root; /* each `at` of it is the path of a wr_json_node */
    struct wr_given *given;
    struct wr_given_set *sets; /* the last first */
};

struct wr_found {
    size_t set; /* 0: of the text, which goes before the sets */
    struct wr_json_place place;
    size_t order;
    const char *line;
};

struct wr_reader {
    struct wr_options *options;
    const char *folder;
    const char *set; /* the key of the set that is read; NULL: the text is */
    size_t set_order;
    struct wr_found *found;
    size_t found_n, found_cap;
    bool no_memory;
};

/* ---- errors ---- */

/* At the value of a node, or its key; the pointer is that of the node. */
void wr_report(struct wr_reader *r, const struct wr_json_node *node, enum wr_json_part part,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* About the member `key` that the object lacks, where it begins. */
void wr_report_missing(struct wr_reader *r, const struct wr_json_node *object, const char *key);

/* "expected WHAT, found ...": a kind of value, or a number as it is written. */
void wr_report_expected(struct wr_reader *r, const struct wr_json_node *node, const char *what);

/* What stands in the text, in a message: cut when it is long. */
const char *wr_config_show(const struct wr_json_node *node, char out[static WR_CONFIG_SHOW_MAX]);

/* An error that has no value: of what is no JSON. */
void wr_report_text(struct wr_reader *r, struct wr_json_place place, const char *what);

/* ---- reading ---- */

/* Fills a struct with the defaults. */
void wr_section_init(struct wr_reader *r, const struct wr_section *section, void *base,
                     const struct wr_json_path *at);

/* Reads an object over what is there. */
void wr_section_read(struct wr_reader *r, const struct wr_section *section, void *base,
                     const struct wr_json_node *node);

/* Reads the value of one key. */
void wr_option_read(struct wr_reader *r, const struct wr_option *option, void *base,
                    const struct wr_json_node *node);

/* A node that stands for what is not in the text; NULL: no memory, which is noted. */
struct wr_json_node *wr_node_absent(struct wr_reader *r, const struct wr_json_path *parent,
                                    const char *key);

/* Memory of the options; NULL: none, which is noted. */
void *wr_reader_alloc(struct wr_reader *r, size_t n);

/* `prefix` and a path from the folder of what is read; NULL: no memory, which is noted. */
const char *wr_reader_absolute(struct wr_reader *r, const char *prefix, const char *path);

/* ---- what the table does not say (check.c) ---- */

/* A text that is not empty, which may be changed. false: an error was reported. */
bool wr_check_text(struct wr_reader *r, const struct wr_option *option,
                   const struct wr_json_node *node, const char **value);

/* All of a list, of which each one has passed wr_check_text(). */
void wr_check_texts(struct wr_reader *r, const struct wr_option *option,
                    const struct wr_texts *texts);

/* The key of a member of a map, and all of a map. */
void wr_check_name(struct wr_reader *r, const struct wr_option *option,
                   const struct wr_json_node *node);
void wr_check_map(struct wr_reader *r, const struct wr_map *map);

/* An object that was read; `unknown`: it has keys that are not known. */
void wr_check_section(struct wr_reader *r, const struct wr_section *section,
                      const struct wr_json_node *node, bool unknown);

/* All routes and names. */
void wr_check_root(struct wr_reader *r, const struct wr_root_options *root);

#endif
