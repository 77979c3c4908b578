/*
 * json_parse.h — what all readers of JSON share: parsing with the place of what is wrong, and lines
 * of messages.
 */
#ifndef WR_APP_JSON_PARSE_H
#define WR_APP_JSON_PARSE_H

#include <jansson.h>

#include "app/json_place.h"

#define WR_JSON_WHAT_MAX 256 /* bytes of what wr_json_parse() says */

/* Parses a value of any kind. `flags` are jansson's. NULL with the place of the error and what is
 * wrong in a line; an integer past 64 bits is an error of syntax. */
json_t *wr_json_parse(struct wr_slice text, size_t flags, struct wr_json_place *place,
                      char what[static WR_JSON_WHAT_MAX]);

/* Makes one line of valid UTF-8 out of what snprintf left in `line`, n being what it returned; one
 * that was cut ends in "...". `size` is at least 64. */
void wr_line_tidy(char *line, size_t size, int n);

/* "an integer", "null"; of a number that is written with a fraction or exponent: "a number". */
const char *wr_json_kind_of(json_type type);
const char *wr_json_kind(const json_t *value);

#endif
