#include "io/coroutine.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/list.h"
#include "io/fiber.h"
#include "io/switch.h"

#define STACK_MIN_BYTES 16384U
#define GUARD_BYTES     65536U /* what an array on the stack may have, and not be stepped over by */
#define KEPT_MIN        64U
#define TRIM_EVERY      64U    /* returns: one system call among so many is not to be seen */
#define TRIM_KEEP_BYTES 16384U /* which the next one would touch again */
#define CACHE_LINE      64U

/*
 * At the top of its mapping, so that a coroutine that sleeps costs no page but those of its stack:
 *
 *     base         stack                                          this            end
 *      │ PROT_NONE  │ ◄──────────────────────────── grows         │ struct        │
 */
struct wr_coroutine {
    struct wr_list in_kept;
    struct wr_coroutines *set;
    void (*fn)(void *arg);
    void *arg;
    void *own_sp;    /* where it was left; NULL: nothing has run there yet */
    void *caller_sp; /* of who has started or resumed it */
    bool has_returned;
    struct wr_fiber fiber;
};

struct wr_coroutines {
    size_t guard_bytes, stack_bytes;

    /* Those that have returned: the one that ran last in front, and is taken first, for its
     * memory is in the caches. `recent` ran since what lies deep in their stacks was given back,
     * `trimmed` did not, and they lie for longer. */
    struct wr_list recent, trimmed;
    size_t kept_n, used_n;
    size_t returns_n; /* since one was trimmed */
};

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

struct wr_coroutines *wr_coroutines_new(size_t stack_bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct wr_coroutines *set;

    if (stack_bytes > PTRDIFF_MAX / 2)
        return NULL;
    if (stack_bytes < STACK_MIN_BYTES)
        stack_bytes = STACK_MIN_BYTES;
    set = malloc(sizeof(*set));
    if (!set)
        return NULL;
    *set = (struct wr_coroutines){.guard_bytes = round_up(GUARD_BYTES, page),
                                  .stack_bytes = round_up(stack_bytes, page)};
    wr_list_init(&set->recent);
    wr_list_init(&set->trimmed);
    return set;
}

/* ---- a stack ---- */

static char *base_of(const struct wr_coroutine *c)
{
    return (char *)c->fiber.stack - c->set->guard_bytes;
}

static struct wr_coroutine *map_one(struct wr_coroutines *set)
{
    const size_t bytes = set->guard_bytes + set->stack_bytes;
    const size_t own_bytes = round_up(sizeof(struct wr_coroutine), CACHE_LINE);
    struct wr_coroutine *c;
    char *base;

    base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    /* Or a stack would be a huge page at its first touch; a kernel without them says EINVAL. */
    (void)madvise(base, bytes, MADV_NOHUGEPAGE);
    if (mprotect(base, set->guard_bytes, PROT_NONE) < 0) {
        munmap(base, bytes);
        return NULL;
    }
    c = (struct wr_coroutine *)(void *)(base + bytes - own_bytes);
    *c = (struct wr_coroutine){.set = set};
    wr_fiber_init(&c->fiber, base + set->guard_bytes, set->stack_bytes - own_bytes);
    return c;
}

static void unmap_one(struct wr_coroutine *c)
{
    const size_t bytes = c->set->guard_bytes + c->set->stack_bytes;

    wr_fiber_fini(&c->fiber);
    munmap(base_of(c), bytes);
}

/* ---- those that are kept ---- */

static struct wr_coroutine *of_link(struct wr_list *l)
{
    return WR_CONTAINER_OF(l, struct wr_coroutine, in_kept);
}

static struct wr_coroutine *take_kept(struct wr_coroutines *set, struct wr_list *l)
{
    wr_list_remove(l);
    set->kept_n--;
    return of_link(l);
}

static void put_in_front(struct wr_list *head, struct wr_coroutine *c)
{
    wr_list_append(head->next, &c->in_kept);
}

/* Of the one that has not run for longest: what is deep there may have been touched once and
 * never again. Nothing is known of that, and nobody asks: the call is as cheap as asking. */
static void trim_one(struct wr_coroutines *set)
{
    struct wr_list *last = set->recent.prev;

    set->returns_n = 0;
    if (last == &set->recent)
        return;
    wr_list_remove(last);
    put_in_front(&set->trimmed, of_link(last));
    if (set->stack_bytes > TRIM_KEEP_BYTES)
        (void)madvise(of_link(last)->fiber.stack, set->stack_bytes - TRIM_KEEP_BYTES,
                      MADV_DONTNEED);
}

static void unmap_surplus(struct wr_coroutines *set)
{
    while (set->kept_n > set->used_n + KEPT_MIN)
        unmap_one(
            take_kept(set, wr_list_is_empty(&set->trimmed) ? set->recent.prev : set->trimmed.prev));
}

static void keep(struct wr_coroutine *c)
{
    struct wr_coroutines *set = c->set;

    set->used_n--;
    if (++set->returns_n >= TRIM_EVERY)
        trim_one(set);
    put_in_front(&set->recent, c);
    set->kept_n++;
    unmap_surplus(set);
}

static void unmap_all(struct wr_coroutines *set, struct wr_list *head)
{
    while (!wr_list_is_empty(head))
        unmap_one(take_kept(set, head->next));
}

void wr_coroutines_free(struct wr_coroutines *set)
{
    if (!set)
        return;
    assert(!set->used_n);
    unmap_all(set, &set->recent);
    unmap_all(set, &set->trimmed);
    free(set);
}

size_t wr_coroutines_used(const struct wr_coroutines *set)
{
    return set->used_n;
}

struct wr_coroutine *wr_coroutine_new(struct wr_coroutines *set)
{
    struct wr_coroutine *c;

    if (!wr_list_is_empty(&set->recent))
        c = take_kept(set, set->recent.next);
    else if (!wr_list_is_empty(&set->trimmed))
        c = take_kept(set, set->trimmed.next);
    else
        c = map_one(set);
    if (c)
        set->used_n++;
    return c;
}

/* ---- into one and out of it ---- */

/* The first function on the stack, for one fn after the other. Between two the stack is empty,
 * but for this frame, which therefore has nothing that ASan would look at. */
__attribute__((no_sanitize("address"))) static void run(void *arg)
{
    struct wr_coroutine *c = arg;

    for (;;) {
        wr_fiber_entered(&c->fiber);
        c->fn(c->arg);
        c->has_returned = true;
        wr_fiber_leave(&c->fiber, true);
        wr_switch(&c->own_sp, c->caller_sp);
    }
}

static bool came_back(struct wr_coroutine *c)
{
    bool has_returned = c->has_returned;

    wr_fiber_left(&c->fiber);
    if (has_returned)
        keep(c);
    return has_returned;
}

bool wr_coroutine_start(struct wr_coroutine *c, void (*fn)(void *arg), void *arg)
{
    c->fn = fn;
    c->arg = arg;
    c->has_returned = false;
    wr_fiber_enter(&c->fiber);
    if (c->own_sp) /* in run(), with what the last fn has made of the control of floating point */
        wr_switch_anew(&c->caller_sp, c->own_sp);
    else
        wr_switch_first(&c->caller_sp, c, run, c);
    return came_back(c);
}

bool wr_coroutine_resume(struct wr_coroutine *c)
{
    wr_fiber_enter(&c->fiber);
    wr_switch(&c->caller_sp, c->own_sp);
    return came_back(c);
}

void wr_coroutine_suspend(struct wr_coroutine *c)
{
    wr_fiber_leave(&c->fiber, false);
    wr_switch(&c->own_sp, c->caller_sp);
    wr_fiber_entered(&c->fiber);
}
