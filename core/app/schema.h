/*
 * schema.h — the subset of JSON Schema that a plugin describes its configuration with.
 *
 * Keywords: type, properties, required, additionalProperties (true or false), items (one schema),
 * enum, minimum, maximum, minLength, maxLength (in characters), default, description. The rest is
 * refused, for a rule that is silently not checked is worse than none. Differences from the
 * standard: an integer is written without a fraction, so 3.0 is none; numbers deep inside the
 * values of enum are compared with their kind, so [1] and [1.0] differ. A required key has to be
 * given even if its schema has a default.
 *
 * Ownership: keeps nothing of what it is given.
 */
#ifndef WR_APP_SCHEMA_H
#define WR_APP_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

#include "app/json_place.h"

/* Is told each error, in the order of the text. `path` and `what` are valid during the call. */
struct wr_schema_sink {
    /* false: no more of them */
    bool (*error)(void *arg, const struct wr_json_path *path, enum wr_json_part part,
                  const char *what);
    void *arg;
};

/* Whether it is a schema for an object, in all of its parts. Paths are those of the schema. */
bool wr_schema_is_valid(json_t *schema, const struct wr_schema_sink *sink);

/* Whether `value` is as a valid schema wants it. */
bool wr_schema_check(json_t *schema, json_t *value, const struct wr_schema_sink *sink);

/* Puts defaults in where keys are absent from objects that are there, and into what these defaults
 * are in turn. false: memory has run out. */
bool wr_schema_put_defaults(json_t *schema, json_t *value);

#endif
