/*
 * plugin_config.h — the configuration of one mounted plugin: JSON, its schema, and what was asked.
 *
 * Ownership: weir_config pointers and strings given out are valid until wr_plugin_config_free().
 * Threads:   one at a time.
 */
#ifndef WR_APP_PLUGIN_CONFIG_H
#define WR_APP_PLUGIN_CONFIG_H

#include <weir/app.h>

#include <stdbool.h>

#include "app/json_place.h"

struct wr_plugin_config;

struct wr_plugin_config_source {
    const char *label;  /* of errors: a file's name, or "--plugin /x" */
    const char *text;   /* a JSON object; NULL: {} */
    const char *schema; /* JSON; NULL: anything goes. One that is not valid is an error too */

    /* Of a text that is part of another, which `label` is the name of: where it begins there, and
     * its JSON pointer, "/routes/2/config". Line 0 and NULL: it is all there is. */
    struct wr_json_place origin;
    const char *pointer;
};

/*
 * Parses and checks; keeps nothing of *source. NULL with `why`, of why_size bytes, filled with what
 * is wrong, one line each in the order of the text: "LABEL:LINE:COLUMN: /port: expected an integer,
 * found a string", for unknown keys with the nearest that is known; if not all have room, the last
 * line says so. Lines of a schema that is not valid begin with "the schema of the plugin is not
 * valid: ". Columns are characters. An integer past 64 bits is an error of syntax.
 *
 * Defaults of the schema are put in where keys are absent from objects that are there; the schema's
 * own default stands for a text of NULL.
 */
struct wr_plugin_config *wr_plugin_config_new(const struct wr_plugin_config_source *source,
                                              const weir_host *host, char *why, size_t why_size);
void wr_plugin_config_free(struct wr_plugin_config *c);

const weir_config *wr_plugin_config_root(const struct wr_plugin_config *c);

/* After load: what weir_config_fail() said first, or else the first value that was asked for with a
 * type it does not have, with its place ("LABEL:(default)" for what the schema put in); NULL:
 * nothing. */
const char *wr_plugin_config_error(const struct wr_plugin_config *c);

/* Calls fn for each key of the text that nobody asked for, with its place ("LABEL:LINE:COLUMN:
 * /key"); none below a value whose raw text was taken. What lies in an object or item that was
 * given out counts by itself, what lies in any other not at all. Defaults do not count. */
void wr_plugin_config_each_unasked(const struct wr_plugin_config *c,
                                   void (*fn)(void *arg, const char *place), void *arg);

/* The functions of the host table; as the wrappers of the same names in weir/app.h. */
const char *wr_config_string(const weir_config *config, const char *key, const char *absent);
int64_t wr_config_int(const weir_config *config, const char *key, int64_t absent);
double wr_config_number(const weir_config *config, const char *key, double absent);
int32_t wr_config_bool(const weir_config *config, const char *key, int32_t absent);
int32_t wr_config_has(const weir_config *config, const char *key);
const weir_config *wr_config_object(const weir_config *config, const char *key);
size_t wr_config_count(const weir_config *config, const char *key);
const weir_config *wr_config_item(const weir_config *config, const char *key, size_t i);
/* As it is written, or written anew when defaults have been put in. NULL: memory has run out. */
const char *wr_config_text(const weir_config *config);
int32_t wr_config_fail(const weir_config *config, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

#endif
