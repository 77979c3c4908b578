#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/branch.h"

#define ALIGN _Alignof(max_align_t)

/* All of it is free. */
static void use_block(struct wr_arena *a, struct wr_arena_block *b)
{
    a->block = b;
    a->at = b->data;
    a->end = b->data + b->cap;
    WR_POISON(b->data, b->cap);
}

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
    a->total = a->first->cap;
    use_block(a, a->first);
}

/* Appends a block that holds at least n bytes, a multiple of ALIGN; false: it may not be had. */
static bool grow(struct wr_arena *a, size_t n)
{
    size_t cap = n > WR_ARENA_BLOCK ? n : WR_ARENA_BLOCK;
    struct wr_arena_block *b;

    if (cap > a->limit - a->total)
        cap = n; /* the last block may be small */
    if (n > a->limit - a->total || !(b = malloc(sizeof *b + cap)))
        return false;
    b->next = NULL;
    b->cap = cap;
    if (a->block)
        a->block->next = b;
    else
        a->first = b;
    a->total += cap;
    use_block(a, b);
    return true;
}

/* The block in use has no room, or there is none yet. */
static WR_COLD void *alloc_slowly(struct wr_arena *a, size_t n)
{
    const size_t wanted = n;
    char *p;

    if (n > PTRDIFF_MAX) /* no object is larger; below it no sum here wraps */
        return NULL;
    n = n > 0 ? (n + ALIGN - 1) & ~(ALIGN - 1) : 0;
    if ((!a->block || n > (size_t)(a->end - a->at)) && !grow(a, n))
        return NULL;
    p = a->at;
    a->at += n;
    WR_UNPOISON(p, wanted);
    return p;
}

/* So small that callers have it inlined at link time. */
void *wr_arena_alloc(struct wr_arena *a, size_t n)
{
    char *p = a->at;

    if (n - 1 >= (size_t)(a->end - p)) /* also where n is 0 */
        return alloc_slowly(a, n);
    a->at = p + ((n + ALIGN - 1) & ~(ALIGN - 1));
    WR_UNPOISON(p, n);
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
