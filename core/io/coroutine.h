/*
 * coroutine.h — functions that can be left in the middle and gone on with: a stack each, and a
 * switch between two of them that is some twenty instructions and no system call.
 *
 *     wr_coroutine_start() ─► it runs ─► wr_coroutine_suspend() ─► start or resume returns false
 *                                ▲                 │
 *                                └── wr_coroutine_resume() ◄─ later
 *                             it returns ─► start or resume returns true, and it is no more
 *
 * Below each stack lie 64 KiB that nobody may touch: who goes past the end is stopped by the kernel
 * (SIGSEGV), and writes over nobody's memory. (Only a function with larger arrays can step over
 * them, unless it is compiled with -fstack-clash-protection.) Of a stack only what was touched is
 * memory, and its bookkeeping lies in its first page. Stacks of which one has returned are kept for
 * the next: at most as many as are in use and 64; what was touched deep in one that rests is given
 * back by and by.
 *
 * fn begins with the rounding and the traps of floating point of who starts it, and keeps its own
 * while it is suspended. Signals are the thread's: a handler without SA_ONSTACK runs on the
 * coroutine's stack.
 *
 * Ownership: the set owns the stacks; a coroutine is its own until it has returned. Threads:   a
 * set and its coroutines belong to one thread at a time; a coroutine never runs on another
 *            than the one that started it.
 * Errors:    NULL: no memory, or no mappings left (vm.max_map_count).
 */
#ifndef WR_IO_COROUTINE_H
#define WR_IO_COROUTINE_H

#include <stdbool.h>
#include <stddef.h>

struct wr_coroutine;
struct wr_coroutines;

/* Of stacks of this size, at least 16 KiB, rounded up to pages; none is there yet. NULL: no
 * memory. */
struct wr_coroutines *wr_coroutines_new(size_t stack_bytes);

/* None is in use any more. NULL is allowed. */
void wr_coroutines_free(struct wr_coroutines *set);

/* Those that have been started and have not returned. */
size_t wr_coroutines_used(const struct wr_coroutines *set);

/* One with a stack, for wr_coroutine_start(), which must follow. NULL: no memory. */
struct wr_coroutine *wr_coroutine_new(struct wr_coroutines *set);

/* Calls fn(arg) there. True: it has returned, and is no more; false: it has suspended. From within
 * another coroutine too, to which it then returns. */
bool wr_coroutine_start(struct wr_coroutine *c, void (*fn)(void *arg), void *arg);

/* Goes on with one that has suspended; the rest as above, whoever has started it. */
bool wr_coroutine_resume(struct wr_coroutine *c);

/* Called in it: leaves it, until it is resumed. */
void wr_coroutine_suspend(struct wr_coroutine *c);

#endif
