/*
 * json_index.h — every value of a JSON text with its place, made in one walk.
 *
 * A tree like jansson's, and besides where each key and value stands, how it is written, and the
 * order of the text. A key that comes twice in an object is there twice.
 *
 * Ownership: all of it lies in the arena of the caller; slices point into the text.
 */
#ifndef WR_APP_JSON_INDEX_H
#define WR_APP_JSON_INDEX_H

#include <jansson.h>
#include <stdint.h>

#include "app/json_place.h"
#include "base/arena.h"

struct wr_json_node {
    struct wr_json_path path;          /* first: a node is found by its path */
    struct wr_json_node *first, *next; /* members or items; its next sibling */
    size_t n;                          /* members or items */
    json_type type;
    const char *string; /* decoded; of a string */
    int64_t integer;    /* of an integer */
    struct wr_slice text;
    struct wr_json_place place, key_place; /* key_place: of an item or the top level, its value's */
};

static inline const struct wr_json_node *wr_json_node_of(const struct wr_json_path *path)
{
    return (const struct wr_json_node *)(const void *)path;
}

/* `text` is one that jansson takes. The first node gets the path *top. NULL: memory has run out. */
struct wr_json_node *wr_json_index(struct wr_arena *arena, struct wr_slice text,
                                   const struct wr_json_path *top);

/* The last member with this key, which is the one that counts in JSON; NULL: none, or no object. */
const struct wr_json_node *wr_json_member(const struct wr_json_node *object, const char *key);

/* Calls fn for each member, however deep, whose key an earlier one of the same object has. false:
 * memory has run out. */
bool wr_json_each_repeated(const struct wr_json_node *top,
                           void (*fn)(void *arg, const struct wr_json_node *first,
                                      const struct wr_json_node *again),
                           void *arg);

#endif
