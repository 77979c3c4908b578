/*
 * fault_memory.h — allocations that fail when a test wants it; linked with --wrap.
 *
 *     fault_memory_plan(7, false);  fault_memory_arm(true);  ...  fault_memory_arm(false);
 *
 * Counted and failed are, while armed and on any thread: the calls of malloc and its kin in the
 * server's own objects, calls of libc that allocate (strdup, asprintf, realpath, open_memstream,
 * fmemopen, glob), and, when asked for, what jansson
 * allocates.
 */
#ifndef WR_TESTS_EMBED_FAULT_MEMORY_H
#define WR_TESTS_EMBED_FAULT_MEMORY_H

#include <stdbool.h>

/* Before any server is made: jansson allocates by way of us from then on, and fails as well or not. */
void fault_memory_init(bool of_jansson);

/* From now on they are counted anew; the one after `skip` of them fails, and with `all` all others
 * that follow. */
void fault_memory_plan(int skip, bool all);

void fault_memory_arm(bool is_armed);

int fault_memory_hits(void);

#endif
