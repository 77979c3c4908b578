/*
 * options.h — the configuration: JSON, read by the table of options.def into structs.
 *
 * The text is JSON with comments, as in C. Every error of it is reported, in the order of the text,
 * each in a line, with the place (app/json_place.h) and the JSON pointer:
 *
 *     weir.json:12:15: /limits/head_bytes_max: expected an integer from 1024 to 1048576, found 5
 *
 * Unknown keys are errors, with the nearest that is known; so is a key that comes twice. A text
 * that is no JSON has one error. Of what a set gives the key stands for label and place:
 *
 *     limits.head_bytes_max: expected an integer from 1024 to 1048576, found 5
 *
 * Ownership: a wr_options owns all that its structs point to, until wr_options_free().
 * Threads:   any one at a time; reading from several.
 * See:       docs/configuration.md, weir.conf(5).
 */
#ifndef WR_CONFIG_OPTIONS_H
#define WR_CONFIG_OPTIONS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/json_place.h"

struct wr_texts {
    const char **v;
    const struct wr_json_path **at; /* of each */
    size_t n;
};

/* `text` lies in the text of the file, so that an error in it can be told with its place there. */
struct wr_object {
    const struct wr_json_path *at;
    const char *text;           /* NUL-terminated JSON without comments; NULL: absent */
    struct wr_json_place place; /* of its first byte in the file */
};

struct wr_page_option {
    const struct wr_json_path *at;
    int status; /* 400 to 599; 4 or 5: "4xx", "5xx" */
    const char *path;
};

struct wr_pages {
    struct wr_page_option *v;
    size_t n;
};

struct wr_map_item {
    const struct wr_json_path *at;
    const char *name, *value; /* value NULL: null */
};

struct wr_map {
    struct wr_map_item *v;
    size_t n;
};

/* A struct for each section, a list for each that may come many times. */
#define BEGIN(section, doc)                                                                        \
    struct wr_##section##_options {                                                                \
        const struct wr_json_path *at;
#define END(section)                                                                               \
    }                                                                                              \
    ;                                                                                              \
    struct wr_##section##_list {                                                                   \
        struct wr_##section##_options *v;                                                          \
        size_t n;                                                                                  \
    };
#define FLAG(section, key, absent, doc)             bool key;
#define NUMBER(section, key, absent, min, max, doc) int64_t key;
#define ONE_OF(section, key, absent, words, doc)    int64_t key;
#define TEXT(section, key, absent, doc)             const char *key;
#define PATH(section, key, doc)                     const char *key##_path;
#define MODE(section, key, doc)                     int64_t key;
#define CHOICE(section, key, absent, words, doc)    int key;
#define TEXTS(section, key, absent, doc)            struct wr_texts key;
#define PART(section, key, of, doc)                 struct wr_##of##_options key;
#define PARTS(section, key, of, doc)                struct wr_##of##_list key;
#define PAGES(section, key, doc)                    struct wr_pages key;
#define MAP(section, key, doc)                      struct wr_map key;
#define OBJECT(section, key, doc)                   struct wr_object key;
#include "config/options.def"

/* One error a line, without a newline at the end. Zeroed to begin with; text is malloc'ed and
 * bounded: past it a last line says that there are more. */
struct wr_errors {
    char *text; /* NULL: none, or out of memory */
    size_t n;   /* bytes */
    size_t count;
    bool full;
};

/* `line` may be several. */
void wr_errors_add(struct wr_errors *e, const char *line);
void wr_errors_free(struct wr_errors *e);

struct wr_options_source {
    const char *label; /* of messages: the file's name */
    const char *text;
    size_t n;
    const char *folder; /* absolute: where relative paths begin; NULL: they stay as they are */
};

/* One key set apart from the text, which it goes before: "limits.head_bytes_max" and its JSON. An
 * object ("limits") is merged into that of the text. Of two sets the later counts. */
struct wr_options_set {
    const char *key, *json;
    const char *folder; /* as that of the source */
};

struct wr_options;

/* Reads `source` (NULL: an empty object) and `n` sets. NULL with at least one error added. Keeps
 * nothing of what it is given. */
struct wr_options *wr_options_read(const struct wr_options_source *source,
                                   const struct wr_options_set *sets, size_t n,
                                   struct wr_errors *errors);

/* Reads what a route says of its folder by itself, {"listing": true}: wr_options_root() has it as the
 * only route, with neither path nor folder. NULL with at least one error added. */
struct wr_options *wr_options_read_folder(const char *label, const char *json,
                                          struct wr_errors *errors);

/* Checks one set, as wr_options_read() will: false with an error added. */
bool wr_options_check_set(const struct wr_options_set *set, struct wr_errors *errors);

void wr_options_free(struct wr_options *o);

const struct wr_root_options *wr_options_root(const struct wr_options *o);

/* Was this key, "log.level", given by the text or a set, be it as null? */
bool wr_options_has(const struct wr_options *o, const char *key);

/* For wr_options_error(): the section of a key, "log.level", and the last word of it; NULL: there is
 * no such key. */
const struct wr_json_path *wr_options_find(const struct wr_options *o, const char *key,
                                           const char **last);

/* Adds an error about a value that was found wrong later: with label and place, and the pointer of
 * `at`, or of its member `key` (NULL: itself); of a member that is not there the place is that of
 * `at`. Of what nobody has given it is "(default)". */
void wr_options_error(const struct wr_options *o, const struct wr_json_path *at, const char *key,
                      struct wr_errors *errors, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Where wr_options_error() says that it is, for the order of errors: what is of a set comes behind
 * the text, and the default in front. */
struct wr_json_place wr_options_place(const struct wr_options *o, const struct wr_json_path *at,
                                      const char *key);

/* The name that messages have for the source; without one "(default)". */
const char *wr_options_label(const struct wr_options *o);

/* ---- texts, malloc'ed; NULL: no memory ---- */

/* A configuration with comments that wr_options_read() reads: of `o`, or (NULL) of the defaults. */
char *wr_options_format(const struct wr_options *o);

/* JSON Schema. */
char *wr_options_schema(void);

#endif
