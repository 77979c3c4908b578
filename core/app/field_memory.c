#include "app/field_memory.h"

#include <stdlib.h>

#include "app/image.h"
#include "base/branch.h"

#include "http/h1_format.h"

#define PLACES_LOG2  5
#define SIGHT        2 /* that an address has come once more; one that comes in between takes 1 */
#define PATIENCE     (2 * SIGHT) /* what a place wants to see before it learns a list, */
#define PATIENCE_MAX 4096 /* doubled by each that was learned for nothing: then that costs little */
#define MISSES_MAX   64   /* in a row: then its place is another's */

/* A list that was learned, in one allocation with all that it has. The texts of its fields have a
 * NUL behind them. */
struct learned {
    weir_header
        *constants; /* the list as it was given, where its addresses say all; NULL: not so */
    struct wr_field_block block;
    struct learned *next; /* of those without a place */
    bool is_used;         /* a response has got it: it must stay */
    uint32_t misses;      /* others that wanted its place, in a row */
    struct wr_response_field fields[];
};

struct place {
    uint64_t hint; /* of the addresses of the texts; 0: of none */
    struct learned *list;
    uint32_t seen, patience; /* while it has no list */
};

struct wr_field_memory {
    struct learned *latest; /* of constants, that was found last; NULL: none */
    const struct wr_image *image;
    struct place places[WR_FIELD_MEMORY_PLACES];
    struct place *learner; /* of the list that was looked for last; NULL: it is not to be learned */
    struct learned *old;   /* without a place */
    unsigned n;            /* lists, all of them */
};

_Static_assert(WR_FIELD_MEMORY_PLACES == 1 << PLACES_LOG2, "a place for each hint");

struct wr_field_memory *wr_field_memory_new(const struct wr_image *image)
{
    struct wr_field_memory *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->image = image;
    for (size_t i = 0; i < WR_FIELD_MEMORY_PLACES; i++)
        m->places[i].patience = PATIENCE;
    return m;
}

void wr_field_memory_free(struct wr_field_memory *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < WR_FIELD_MEMORY_PLACES; i++)
        free(m->places[i].list);
    while (m->old) {
        struct learned *it = m->old;

        m->old = it->next;
        free(it);
    }
    free(m);
}

/* ---- finding ---- */

/* Its upper bits are as good as any. */
static uint64_t hint_of(const weir_header *list)
{
    uint64_t hint = 0;

    do
        hint = ((hint ^ (uintptr_t)list->name) + (uintptr_t)list->value) *
               UINT64_C(0x9E3779B97F4A7C15);
    while ((++list)->name);
    return hint;
}

/* A list has two places that it may be in: the second one where the first is another's. */
static struct place *place_of(struct wr_field_memory *m, uint64_t hint)
{
    size_t i = hint >> (64 - PLACES_LOG2);

    return m->places[i].hint == hint ? &m->places[i] : &m->places[i ^ 1];
}

/* Of one that is in neither. */
static struct place *free_place_of(struct wr_field_memory *m, uint64_t hint)
{
    size_t i = hint >> (64 - PLACES_LOG2);

    return m->places[i].list && !m->places[i ^ 1].list ? &m->places[i ^ 1] : &m->places[i];
}

/* The same addresses? Neither of them is empty. */
static inline bool is_as_given(const weir_header *given, const weir_header *list)
{
    do {
        if (list->name != given->name || list->value != given->value)
            return false;
        list++;
    } while ((++given)->name);
    return !list->name;
}

/* The same texts? */
__attribute__((noinline)) static bool has_texts(const struct learned *it, const weir_header *list)
{
    const struct wr_response_field *f = it->fields, *end = f + it->block.n;

    do {
        if (!list->name || !list->value || strcmp(list->value, f->value.p) != 0 ||
            strcmp(list->name, f->name.p) != 0)
            return false;
        list++;
    } while (++f < end);
    return !list->name;
}

static bool is_same(const struct learned *it, const weir_header *list)
{
    return it->constants ? is_as_given(it->constants, list) : has_texts(it, list);
}

/* Its list was not worth its place: the next one has to prove more. */
static void lose_patience(struct place *p)
{
    p->seen = 0;
    if (p->patience < PATIENCE_MAX)
        p->patience *= 2;
}

static void forget_list(struct wr_field_memory *m, struct place *p)
{
    struct learned *it = p->list;

    if (m->latest == it)
        m->latest = NULL;
    p->list = NULL;
    p->hint = 0;
    lose_patience(p);
    if (it->is_used) {
        it->next = m->old;
        m->old = it;
    } else {
        free(it);
        m->n--;
    }
}

/* Another list than that of this place. */
static void meet_other(struct wr_field_memory *m, struct place *p, uint64_t hint)
{
    if (p->list) {
        if (++p->list->misses > MISSES_MAX)
            forget_list(m, p);
    } else if (p->seen > 0) {
        p->seen--;
    } else {
        p->hint = hint;
        p->seen = SIGHT;
    }
}

/* It has not been learned: is it to be? */
__attribute__((noinline)) static void miss(struct wr_field_memory *m, const weir_header *list)
{
    uint64_t hint = hint_of(list);
    struct place *p = place_of(m, hint);

    m->learner = NULL;
    if (p->hint != hint)
        p = free_place_of(m, hint);
    if (p->list || p->hint != hint) {
        meet_other(m, p, hint);
        return;
    }
    p->seen += SIGHT;
    if (p->seen >= p->patience && m->n < WR_FIELD_MEMORY_LISTS)
        m->learner = p;
}

const struct wr_field_block *wr_field_memory_find(struct wr_field_memory *m,
                                                  const weir_header *list)
{
    const struct wr_field_block *latest = wr_field_memory_latest(m, list);
    uint64_t hint;
    const struct place *p;
    struct learned *it;

    if (latest)
        return latest;
    hint = hint_of(list);
    p = place_of(m, hint);
    it = p->hint == hint ? p->list : NULL;
    if (!it || !is_same(it, list)) {
        miss(m, list);
        return NULL;
    }
    it->is_used = true;
    it->misses = 0;
    if (it->constants)
        m->latest = it;
    return &it->block;
}

const struct wr_field_block *wr_field_memory_latest(const struct wr_field_memory *m,
                                                    const weir_header *list)
{
    struct learned *it = m->latest;

    if (!it || !is_as_given(it->constants, list))
        return NULL;
    it->misses = 0;
    return &it->block;
}

/* ---- learning ---- */

/* All of the list, as it was given, and within bounds? *bytes: of its lines. */
static bool is_fit(const weir_header *list, const struct wr_response *r, size_t *bytes)
{
    if (r->has_date || r->has_server || r->block || r->n > WR_FIELD_MEMORY_FIELDS)
        return false;
    *bytes = 0;
    for (unsigned i = 0; i < r->n; i++, list++) {
        const struct wr_response_field *f = &r->fields[i];

        if (!list->name || !list->value || !wr_slice_eq(f->name, wr_slice_of(list->name)) ||
            !wr_slice_eq(f->value, wr_slice_of(list->value)))
            return false;
        *bytes += f->name.n + f->value.n + strlen(": \r\n");
    }
    return r->n > 0 && !list->name && *bytes <= WR_FIELD_MEMORY_BYTES;
}

static struct wr_slice copy_text(char **at, struct wr_slice text)
{
    char *p = *at;

    memcpy(p, text.p, text.n);
    p[text.n] = '\0';
    *at += text.n + 1;
    return wr_slice(p, text.n);
}

/* With the NUL of each. */
static bool are_constants(const struct wr_image *image, const weir_header *list)
{
    for (; image && list->name; list++)
        if (!wr_image_has_constant(image, list->name, strlen(list->name) + 1) ||
            !wr_image_has_constant(image, list->value, strlen(list->value) + 1))
            return false;
    return image;
}

/* The list itself is behind the fields, with its end; used for constants alone. */
static struct learned *make(const struct wr_field_memory *m, const weir_header *list,
                            const struct wr_response *r, size_t bytes)
{
    /* the lines, and the texts again, each with a NUL in place of ": " or CRLF */
    struct learned *it = malloc(sizeof *it + r->n * sizeof *it->fields +
                                (r->n + 1u) * sizeof *it->constants + 2 * bytes);
    weir_header *given;
    struct wr_buf lines;
    char *at;

    if (!it)
        return NULL;
    given = (weir_header *)(it->fields + r->n);
    memcpy(given, list, (r->n + 1u) * sizeof *given);
    it->constants = are_constants(m->image, list) ? given : NULL;
    at = (char *)(given + r->n + 1);
    lines = wr_buf_on(at, bytes);
    at += bytes;
    for (unsigned i = 0; i < r->n; i++) {
        it->fields[i] = (struct wr_response_field){copy_text(&at, r->fields[i].name),
                                                   copy_text(&at, r->fields[i].value)};
        wr_h1_format_field(&lines, it->fields[i].name, it->fields[i].value);
    }
    it->block =
        (struct wr_field_block){.fields = it->fields, .lines = wr_buf_slice(&lines), .n = r->n};
    it->next = NULL;
    it->is_used = false;
    it->misses = 0;
    return it;
}

void wr_field_memory_learn(struct wr_field_memory *m, const weir_header *list,
                           const struct wr_response *r)
{
    struct place *p = m->learner;
    size_t bytes;

    m->learner = NULL;
    if (!p)
        return;
    if (is_fit(list, r, &bytes))
        p->list = make(m, list, r, bytes);
    if (p->list)
        m->n++;
    else
        lose_patience(p);
}
