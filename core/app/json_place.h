/*
 * json_place.h — where a value or key stands in JSON text, for messages.
 *
 * jansson tells the places of syntax errors only. This scanner finds the others in text that
 * jansson has accepted; in any other text it finds something or nothing, but reads no byte outside
 * of it. Each search goes through the text once: it is for messages, not for every value.
 *
 * Lines end with LF and, like columns, count from 1. A column is a character (a code point of
 * UTF-8), as editors count; a tab is one too.
 */
#ifndef WR_APP_JSON_PLACE_H
#define WR_APP_JSON_PLACE_H

#include "base/slice.h"

/* The way from the top level to a value: a chain, so that it costs a walk no memory. */
struct wr_json_path {
    const struct wr_json_path *parent; /* NULL: the top level; the others do not count then */
    const char *key;                   /* decoded; NULL: an item of an array */
    size_t index;                      /* of an item */
};

enum wr_json_part {
    WR_JSON_VALUE,
    WR_JSON_KEY,    /* of an item or the top level: its value */
    WR_JSON_PARENT, /* what a missing key is missing from */
};

struct wr_json_place {
    size_t line, column;
};

/* The first byte at or behind `at` that is not white space. */
size_t wr_json_skip_blanks(struct wr_slice text, size_t at);

/* Behind the token that begins at a byte; of text of any kind it has at least one. */
size_t wr_json_token_end(struct wr_slice text, size_t at);

/* Sets *at to the byte where it begins; false: not in the text. */
bool wr_json_find(struct wr_slice text, const struct wr_json_path *path, enum wr_json_part part,
                  size_t *at);

/* The text of the value that begins at a byte. */
struct wr_slice wr_json_value_at(struct wr_slice text, size_t at);

/* The byte to name for an error that a parser found after reading `consumed` bytes: the beginning
 * of the token that it read last, or within a string the last byte. */
size_t wr_json_blame(struct wr_slice text, size_t consumed);

/* The same for an error within the last string: the first escape in it that cannot be. */
size_t wr_json_blame_escape(struct wr_slice text, size_t consumed);

/* `at` may be text.n: the place behind the last character. */
struct wr_json_place wr_json_place_of(struct wr_slice text, size_t at);

/* Writes a JSON pointer (RFC 6901), "" for the top level, control characters as \u00XX. One that is
 * too long for `size`, which is at least 8, ends in "...". */
void wr_json_pointer(const struct wr_json_path *path, char *out, size_t size);

/* The most bytes, up to n, that do not cut a character of UTF-8 in two. */
static inline size_t wr_utf8_whole(const char *p, size_t n)
{
    while (n > 0 && ((unsigned char)p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

#endif
