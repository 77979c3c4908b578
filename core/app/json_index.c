#include "app/json_index.h"

#include <stdlib.h>

/* How far the text has been read. Places are counted on the way: asking for each anew would go
 * through the text once a value. */
struct reader {
    struct wr_arena *arena;
    struct wr_slice text;
    size_t at;
    size_t counted; /* the byte that `place` is of */
    struct wr_json_place place;
};

static struct wr_json_place place_here(struct reader *r)
{
    for (; r->counted < r->at; r->counted++) {
        if (r->text.p[r->counted] == '\n') {
            r->place.line++;
            r->place.column = 1;
        } else if (((unsigned char)r->text.p[r->counted] & 0xc0) != 0x80) {
            r->place.column++;
        }
    }
    return r->place;
}

static void skip_blanks(struct reader *r)
{
    r->at = wr_json_skip_blanks(r->text, r->at);
}

static char here(const struct reader *r)
{
    return (char)(r->at < r->text.n ? r->text.p[r->at] : '\0');
}

/* Takes the next token, and decodes it when it is a scalar. false: memory has run out. */
static bool read_scalar(struct reader *r, struct wr_json_node *node)
{
    size_t end = wr_json_token_end(r->text, r->at);
    json_t *value;

    node->text = wr_slice(r->text.p + r->at, end - r->at);
    value = json_loadb(node->text.p, node->text.n, JSON_DECODE_ANY, NULL);
    if (!value)
        return false;
    r->at = end;
    node->type = json_typeof(value);
    node->integer = json_integer_value(value);
    if (json_is_string(value))
        node->string = wr_arena_dup(r->arena, wr_slice_of(json_string_value(value))).p;
    json_decref(value);
    return node->type != JSON_STRING || node->string;
}

static struct wr_json_node *new_node(struct reader *r, const struct wr_json_path *path)
{
    struct wr_json_node *node = wr_arena_alloc(r->arena, sizeof *node);

    if (node)
        *node = (struct wr_json_node){.path = *path};
    return node;
}

/* "key":, whose place and text become those of the node; false: memory has run out. */
static bool read_key(struct reader *r, struct wr_json_node *node)
{
    node->key_place = place_here(r);
    if (!read_scalar(r, node))
        return false;
    node->path.key = node->string;
    node->string = NULL;
    skip_blanks(r);
    r->at++; /* the colon */
    return true;
}

static bool read_value(struct reader *r, struct wr_json_node *node);

/* What stands between the brackets. NOLINTNEXTLINE(misc-no-recursion) */
static bool read_elements(struct reader *r, struct wr_json_node *node, char end)
{
    struct wr_json_node **link = &node->first;

    r->at++;
    skip_blanks(r);
    while (r->at < r->text.n && here(r) != end) {
        const struct wr_json_path path = {.parent = &node->path, .index = node->n};
        struct wr_json_node *below = new_node(r, &path);

        if (!below || (end == '}' && !read_key(r, below)) || !read_value(r, below))
            return false;
        *link = below;
        link = &below->next;
        node->n++;
        skip_blanks(r);
        if (here(r) == ',')
            r->at++;
        skip_blanks(r);
    }
    r->at++;
    return true;
}

/* As deep as jansson lets a text be. NOLINTNEXTLINE(misc-no-recursion) */
static bool read_value(struct reader *r, struct wr_json_node *node)
{
    size_t start;
    char c;

    skip_blanks(r);
    start = r->at;
    c = here(r);
    node->place = place_here(r);
    if (!node->path.key)
        node->key_place = node->place;
    if (c != '{' && c != '[')
        return read_scalar(r, node);
    node->type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
    if (!read_elements(r, node, (char)(c == '{' ? '}' : ']')))
        return false;
    node->text = wr_slice(r->text.p + start, r->at - start);
    return true;
}

struct wr_json_node *wr_json_index(struct wr_arena *arena, struct wr_slice text,
                                   const struct wr_json_path *top)
{
    struct reader r = {.arena = arena, .text = text, .place = {1, 1}};
    struct wr_json_node *node = new_node(&r, top);

    if (!node || !read_value(&r, node))
        return NULL;
    node->key_place = node->place;
    return node;
}

const struct wr_json_node *wr_json_member(const struct wr_json_node *object, const char *key)
{
    const struct wr_json_node *found = NULL;

    if (object->type != JSON_OBJECT)
        return NULL;
    for (const struct wr_json_node *m = object->first; m; m = m->next)
        if (strcmp(m->path.key, key) == 0)
            found = m;
    return found;
}

/* ---- keys that come twice ---- */

struct repeated {
    void (*fn)(void *arg, const struct wr_json_node *first, const struct wr_json_node *again);
    void *arg;
};

/* By key, then in the order of the text. */
static int compare(const void *a, const void *b)
{
    const struct wr_json_node *x = *(const struct wr_json_node *const *)a;
    const struct wr_json_node *y = *(const struct wr_json_node *const *)b;
    int order = strcmp(x->path.key, y->path.key);

    if (order != 0)
        return order;
    return x->path.index < y->path.index ? -1 : x->path.index > y->path.index;
}

/* Sorted, so that an object of very many keys does not hold up the program. */
static bool tell_repeated(const struct wr_json_node *object, const struct repeated *told)
{
    const struct wr_json_node **v, *first;
    size_t n = 0;

    if (object->n < 2)
        return true;
    v = reallocarray(NULL, object->n, sizeof(const struct wr_json_node *));
    if (!v)
        return false;
    for (const struct wr_json_node *m = object->first; m; m = m->next)
        v[n++] = m;
    qsort(v, n, sizeof(const struct wr_json_node *), compare);
    first = v[0];
    for (size_t i = 1; i < n; i++) {
        if (strcmp(v[i]->path.key, first->path.key) == 0)
            told->fn(told->arg, first, v[i]);
        else
            first = v[i];
    }
    free(v);
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static bool each_repeated(const struct wr_json_node *node, const struct repeated *told)
{
    if (node->type == JSON_OBJECT && !tell_repeated(node, told))
        return false;
    for (const struct wr_json_node *m = node->first; m; m = m->next)
        if (!each_repeated(m, told))
            return false;
    return true;
}

bool wr_json_each_repeated(const struct wr_json_node *top,
                           void (*fn)(void *arg, const struct wr_json_node *first,
                                      const struct wr_json_node *again),
                           void *arg)
{
    const struct repeated told = {.fn = fn, .arg = arg};

    return each_repeated(top, &told);
}
