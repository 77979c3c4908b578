/*
 * field_lists.h — lists of fields given to a field memory, as start_response does.
 */
#ifndef TEST_FIELD_LISTS_H
#define TEST_FIELD_LISTS_H

#include "app/field_memory.h"
#include "support.h"

/* What start_response makes of a list that is right: its fields, in their order. */
static inline void fill(struct wr_response *r, const weir_header *list)
{
    *r = (struct wr_response){.fields = r->inline_fields, .cap = WR_RESPONSE_FIELDS_INLINE};
    for (; list->name; list++)
        r->fields[r->n++] =
            (struct wr_response_field){wr_slice_of(list->name), wr_slice_of(list->value)};
}

/* Looks for it, and says what became of it. */
static inline const struct wr_field_block *give(struct wr_field_memory *m, const weir_header *list)
{
    const struct wr_field_block *block = wr_field_memory_find(m, list);
    struct wr_response r;

    if (block)
        return block;
    fill(&r, list);
    wr_field_memory_learn(m, list, &r);
    return NULL;
}

static inline void check_block(const struct wr_field_block *block, const char *lines)
{
    assert_non_null(block);
    assert_true(wr_slice_eq(block->lines, wr_slice_of(lines)));
}

#endif
