/*
 * fields.h — a header section as a list in the order it came, with the known names indexed.
 *
 * Ownership: the array is the caller's; the slices point into whatever the protocol read.
 */
#ifndef WR_HTTP_FIELDS_H
#define WR_HTTP_FIELDS_H

#include "http/field.h"

struct wr_fields {
    struct wr_field *v;
    uint16_t n, cap;
    uint32_t present;               /* a bit for each id that a field has */
    uint32_t repeated;              /* and more than one */
    uint16_t first[WR_FIELD_COUNT]; /* index of the first field with this id, if it is present */
};
_Static_assert(WR_FIELD_COUNT <= 32, "a bit for each id");

/* In `present` and `repeated`. */
static inline uint32_t wr_fields_bit(enum wr_field_id id)
{
    return UINT32_C(1) << id;
}

static inline void wr_fields_init(struct wr_fields *f, struct wr_field *v, uint16_t cap)
{
    f->v = v;
    f->n = 0;
    f->cap = cap;
    f->present = f->repeated = 0;
}

/* The n-th field, from 1, has this id. */
static inline void wr_fields_index(struct wr_fields *f, enum wr_field_id id, unsigned n)
{
    if (id == WR_FIELD_OTHER)
        return;
    if (f->present & wr_fields_bit(id)) {
        f->repeated |= wr_fields_bit(id);
        return;
    }
    f->present |= wr_fields_bit(id);
    f->first[id] = (uint16_t)(n - 1);
}

/* false: full */
static inline bool wr_fields_add(struct wr_fields *f, struct wr_slice name, struct wr_slice value)
{
    enum wr_field_id id;

    if (f->n == f->cap)
        return false;
    id = wr_field_id_of(name);
    f->v[f->n++] = (struct wr_field){name, value, id};
    wr_fields_index(f, id, f->n);
    return true;
}

/* The first field of this name, or NULL. */
static inline const struct wr_field *wr_fields_find(const struct wr_fields *f, enum wr_field_id id)
{
    return f->present & wr_fields_bit(id) ? &f->v[f->first[id]] : NULL;
}

/* The next field of the same name as `field`, or NULL. */
static inline const struct wr_field *wr_fields_next(const struct wr_fields *f,
                                                    const struct wr_field *field)
{
    if (field->id != WR_FIELD_OTHER && !(f->repeated & wr_fields_bit(field->id)))
        return NULL;
    for (const struct wr_field *it = field + 1; it < f->v + f->n; it++)
        if (it->id == field->id)
            return it;
    return NULL;
}

/* The value of the first field of this name; absent (p NULL) when there is none. */
static inline struct wr_slice wr_fields_get(const struct wr_fields *f, enum wr_field_id id)
{
    const struct wr_field *field = wr_fields_find(f, id);

    return field ? field->value : wr_slice(NULL, 0);
}

#endif
