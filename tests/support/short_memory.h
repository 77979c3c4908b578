/*
 * short_memory.h — memory that runs out for the server, and not for the tests; linked with --wrap for
 * malloc, calloc, realloc, reallocarray and wr_arena_alloc.
 *
 *     short_memory_plan(7, false);  ...  if (short_memory_hits() > 0) ...  short_memory_plan(-1, false);
 *
 * Threads: any, but plans are made where nothing runs; those of one thread, while others do.
 */
#ifndef WR_TESTS_SHORT_MEMORY_H
#define WR_TESTS_SHORT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* The allocation behind `skip` others fails, and with `all` those that follow; -1: none does. */
void short_memory_plan(int skip, bool all);

/* The same for the allocations of this thread alone, whatever others do meanwhile. */
void short_memory_plan_here(int skip);

int short_memory_hits(void);

/* What this thread allocates in between is the test's own. */
void short_memory_spare(bool is_spared);

#endif
