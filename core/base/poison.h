/*
 * poison.h — memory that is kept although it was given back: in a build with AddressSanitizer, who
 * touches it is reported, as behind free(). Elsewhere nothing happens.
 *
 * Threads: any, for memory of one's own.
 */
#ifndef WR_BASE_POISON_H
#define WR_BASE_POISON_H

#ifdef __SANITIZE_ADDRESS__ /* GCC */
#    define WR_HAS_POISON 1
#elif defined __has_feature /* Clang */
#    if __has_feature(address_sanitizer)
#        define WR_HAS_POISON 1
#    endif
#endif

/* Of n bytes at p, all of one allocation; WR_UNPOISON() before they are used again. Not needed before
 * free(). */
#ifdef WR_HAS_POISON
#    include <sanitizer/asan_interface.h>
#    ifdef __SANITIZE_ADDRESS__ /* or GCC says that fresh memory is read before it is written */
void __asan_poison_memory_region(void const volatile *addr, size_t size)
    __attribute__((access(none, 1)));
#    endif
#    define WR_POISON(p, n)   __asan_poison_memory_region((p), (n))
#    define WR_UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#    define WR_POISON(p, n)   ((void)(p), (void)(n))
#    define WR_UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#endif
