/*
 * branch.h — what the compiler should know of the paths that nearly every request takes.
 *
 * What is WR_COLD stays out of the functions that call it, so that those are small enough to be put
 * into each other; branches that lead to it count as unlikely without saying so.
 */
#ifndef WR_BASE_BRANCH_H
#define WR_BASE_BRANCH_H

#define WR_COLD        __attribute__((cold, noinline))
#define WR_LIKELY(x)   __builtin_expect(!!(x), 1)
#define WR_UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
