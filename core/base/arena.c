#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

void wr_arena_init(struct wr_arena *a, size_t limit)
{
    *a = (struct wr_arena){.limit = limit};
}

static void free_blocks(struct wr_arena_block *b)
{
    while (b) {
        struct wr_arena_block *next = b->next;

        free(b);
        b = next;
    }
}

void wr_arena_fini(struct wr_arena *a)
{
    free_blocks(a->first);
    *a = (struct wr_arena){.limit = a->limit};
}

void wr_arena_reset_slowly(struct wr_arena *a)
{
    if (a->first->cap >
        WR_ARENA_BLOCK) { /* of a large first request: not worth keeping for small ones */
        wr_arena_fini(a);
        return;
    }
    free_blocks(a->first->next);
    a->first->next = NULL;
    a->block = a->first;
    a->total = a->first->cap;
    a->used = 0;
    WR_POISON(a->first->data, a->first->cap);
}

/* Appends a block that holds at least n bytes; NULL when it may not be had. */
static struct wr_arena_block *grow(struct wr_arena *a, size_t n)
{
    size_t cap = n > WR_ARENA_BLOCK ? n : WR_ARENA_BLOCK;
    struct wr_arena_block *b;

    if (cap > a->limit - a->total)
        cap = n; /* the last block may be small */
    if (n > a->limit - a->total || !(b = malloc(sizeof *b + cap)))
        return NULL;
    b->next = NULL;
    b->cap = cap;
    WR_POISON(b->data, cap);
    if (a->block)
        a->block->next = b;
    else
        a->first = b;
    a->block = b;
    a->used = 0;
    a->total += cap;
    return b;
}

void *wr_arena_alloc(struct wr_arena *a, size_t n)
{
    const size_t align = _Alignof(max_align_t), wanted = n;
    char *p;

    if (n > PTRDIFF_MAX) /* no object is larger; below it no sum here wraps */
        return NULL;
    n = (n + align - 1) & ~(align - 1);
    if ((!a->block || n > a->block->cap - a->used) && !grow(a, n))
        return NULL;
    p = a->block->data + a->used;
    a->used += n;
    WR_UNPOISON(p, wanted);
    return p;
}

struct wr_slice wr_arena_dup(struct wr_arena *a, struct wr_slice s)
{
    char *p = s.n < SIZE_MAX ? wr_arena_alloc(a, s.n + 1) : NULL;

    if (!p)
        return wr_slice(NULL, 0);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return wr_slice(p, s.n);
}
