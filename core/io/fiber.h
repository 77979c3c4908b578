/*
 * fiber.h — tells AddressSanitizer and ThreadSanitizer on which stack the thread goes on; nothing
 * in other builds.
 *
 *     wr_fiber_enter() ─► switch ─► wr_fiber_entered() … wr_fiber_leave() ─► switch ─► wr_fiber_left()
 *     (caller)                      (on the stack)                                    (caller)
 *
 * Each is inlined always: ThreadSanitizer counts calls and returns for each stack, and a call that
 * begins on one must not return on another.
 *
 * Ownership: the fiber lies with its stack. Threads: one at a time.
 */
#ifndef WR_IO_FIBER_H
#define WR_IO_FIBER_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __SANITIZE_ADDRESS__ /* GCC */
#    define WR_FIBER_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#    define WR_FIBER_TSAN 1
#endif
#ifdef __has_feature /* Clang */
#    if __has_feature(address_sanitizer)
#        define WR_FIBER_ASAN 1
#    endif
#    if __has_feature(thread_sanitizer)
#        define WR_FIBER_TSAN 1
#    endif
#endif

#ifdef WR_FIBER_ASAN
#    include <sanitizer/asan_interface.h>
#    include <sanitizer/common_interface_defs.h>
#endif
#ifdef WR_FIBER_TSAN
#    include <sanitizer/tsan_interface.h>
#endif

#define WR_FIBER_INLINE static inline __attribute__((always_inline))

/* The stack: from its lowest byte; what lies above it is not counted. */
struct wr_fiber {
    void *stack;
    size_t bytes;
#ifdef WR_FIBER_ASAN
    /* Where locals of functions lie that may be used after their return, as ASan looks for. */
    void *fake_stack, *caller_fake_stack;
    const void *caller_stack;
    size_t caller_bytes;
#endif
#ifdef WR_FIBER_TSAN
    void *own, *caller;
#endif
};

WR_FIBER_INLINE void wr_fiber_init(struct wr_fiber *f, void *stack, size_t bytes)
{
    *f = (struct wr_fiber){.stack = stack, .bytes = bytes};
#ifdef WR_FIBER_TSAN
    f->own = __tsan_create_fiber(0);
#endif
}

/* Before the stack is unmapped. */
WR_FIBER_INLINE void wr_fiber_fini(struct wr_fiber *f)
{
    (void)f;
#ifdef WR_FIBER_ASAN /* frames that were left by longjmp, or on purpose, would stay poisoned */
    __asan_unpoison_memory_region(f->stack, f->bytes);
#endif
#ifdef WR_FIBER_TSAN
    __tsan_destroy_fiber(f->own);
#endif
}

WR_FIBER_INLINE void wr_fiber_enter(struct wr_fiber *f)
{
    (void)f;
#ifdef WR_FIBER_ASAN
    __sanitizer_start_switch_fiber(&f->caller_fake_stack, f->stack, f->bytes);
#endif
#ifdef WR_FIBER_TSAN
    f->caller = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(f->own, 0);
#endif
}

WR_FIBER_INLINE void wr_fiber_entered(struct wr_fiber *f)
{
    (void)f;
#ifdef WR_FIBER_ASAN
    __sanitizer_finish_switch_fiber(f->fake_stack, &f->caller_stack, &f->caller_bytes);
#endif
}

/* `is_empty`: of what is on the stack nothing is needed any more but what has no sanitizer. */
WR_FIBER_INLINE void wr_fiber_leave(struct wr_fiber *f, bool is_empty)
{
    (void)f;
    (void)is_empty;
#ifdef WR_FIBER_ASAN
    if (is_empty)
        f->fake_stack = NULL; /* and it is freed by what follows */
    __sanitizer_start_switch_fiber(is_empty ? NULL : &f->fake_stack, f->caller_stack,
                                   f->caller_bytes);
#endif
#ifdef WR_FIBER_TSAN
    __tsan_switch_to_fiber(f->caller, 0);
#endif
}

WR_FIBER_INLINE void wr_fiber_left(struct wr_fiber *f)
{
    (void)f;
#ifdef WR_FIBER_ASAN
    __sanitizer_finish_switch_fiber(f->caller_fake_stack, NULL, NULL);
#endif
}

#endif
