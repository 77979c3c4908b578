#include "short_memory.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__real_wr_arena_alloc(struct wr_arena *a, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
void *__wrap_wr_arena_alloc(struct wr_arena *a, size_t n);

static atomic_int count, hits;
static atomic_int planned = -1;
static atomic_bool fails_on, is_of_one;
static _Thread_local bool is_the_one;
static _Thread_local int spared;

void short_memory_plan(int skip, bool all)
{
    atomic_store(&count, 0);
    atomic_store(&hits, 0);
    atomic_store(&fails_on, all);
    atomic_store(&is_of_one, false);
    atomic_store(&planned, skip);
}

void short_memory_plan_here(int skip)
{
    short_memory_plan(-1, false);
    is_the_one = skip >= 0;
    atomic_store(&is_of_one, is_the_one);
    atomic_store(&planned, skip);
}

int short_memory_hits(void)
{
    return atomic_load(&hits);
}

void short_memory_spare(bool is_spared)
{
    spared += is_spared ? 1 : -1;
}

static bool fails(void)
{
    int plan = atomic_load(&planned), before;

    if (plan < 0 || spared > 0 || (atomic_load(&is_of_one) && !is_the_one))
        return false;
    before = atomic_fetch_add(&count, 1);
    if (before != plan && !(atomic_load(&fails_on) && before > plan))
        return false;
    atomic_fetch_add(&hits, 1);
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t n)
{
    return fails() ? NULL : __real_realloc(old, n);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, n, size);
}

/* That the arena is at its end is no less likely than that it cannot grow. */
void *__wrap_wr_arena_alloc(struct wr_arena *a, size_t n)
{
    return fails() ? NULL : __real_wr_arena_alloc(a, n);
}
