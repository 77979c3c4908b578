/*
 * arena.h — memory that is given back all at once.
 *
 * The life of a request: allocate as it goes, reset when it is over. A first block of ordinary size
 * is kept over a reset, so that an ordinary request costs no malloc.
 *
 * Ownership: pointers are valid until wr_arena_reset() or wr_arena_fini(); AddressSanitizer reports who
 *            uses one later, or passes its end.
 * Errors:    NULL when memory has run out or `limit` would be passed.
 */
#ifndef WR_BASE_ARENA_H
#define WR_BASE_ARENA_H

#include "base/branch.h"
#include "base/poison.h"
#include "base/slice.h"

#define WR_ARENA_BLOCK                                                                             \
    ((size_t)2048) /* with its header half a page: an ordinary request needs no more */

struct wr_arena_block {
    struct wr_arena_block *next;
    size_t cap; /* a multiple of the alignment */
    _Alignas(max_align_t) char data[];
};

struct wr_arena {
    struct wr_arena_block *first; /* kept by a reset */
    struct wr_arena_block *block; /* the one in use; NULL before the first allocation */
    char *at, *end;               /* what is free of `block`, both aligned */
    size_t total, limit;          /* bytes in all blocks, and the most there may be */
};

void wr_arena_init(struct wr_arena *a, size_t limit);
void wr_arena_fini(struct wr_arena *a);

/* The slow way of the next: more than one block, or a large one. */
WR_COLD void wr_arena_reset_slowly(struct wr_arena *a);

/* All of it is free again. */
static inline void wr_arena_reset(struct wr_arena *a)
{
    struct wr_arena_block *b = a->first;

    if (!b)
        return;
    if (b->next || b->cap > WR_ARENA_BLOCK) {
        wr_arena_reset_slowly(a);
        return;
    }
    a->at = b->data;
    WR_POISON(b->data, b->cap);
}

/* n bytes, aligned for every type, not zeroed; n of 0 gives a pointer that is not NULL. */
void *wr_arena_alloc(struct wr_arena *a, size_t n) __attribute__((malloc));

/* A copy with a NUL behind it; p is NULL when memory has run out. */
struct wr_slice wr_arena_dup(struct wr_arena *a, struct wr_slice s);

#endif
