/* What stacks of coroutines cost: which are mapped, and which of their pages are memory. */
#include "io/coroutine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/fiber.h" /* which build this is */
#include "support.h"

#define STACK_BYTES ((size_t)256 << 10)

#ifdef WR_FIBER_TSAN
#    define SLEEPERS 2000 /* its runtime has room for 8,000 threads in all */
#else
#    define SLEEPERS 10000
#endif

/* Issue 8: 16 KiB for all of a request, of which the stack is a part. */
#ifdef WR_FIBER_ASAN
#    define SLEEPER_BYTES 12288
#else
#    define SLEEPER_BYTES 8192
#endif

static struct wr_coroutine *sleepers[SLEEPERS];

/* ---- the linker puts these in the place of the calls of libc ---- */

#define MAPPED_MAX 16384

/* One stack and its guard each, as long as it is mapped. */
static struct {
    void *at;
    size_t bytes;
} mapped[MAPPED_MAX];
static size_t mapped_n, calls_n; /* system calls about them */
static size_t mappable = SIZE_MAX, protectable = SIZE_MAX;
static bool no_malloc;

void *__real_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
int __real_mprotect(void *at, size_t n, int protection);
int __wrap_mprotect(void *at, size_t n, int protection);
int __real_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n);
int __real_madvise(void *at, size_t n, int advice);
int __wrap_madvise(void *at, size_t n, int advice);
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    calls_n++;
    if (mappable == 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    mappable--;
    at = __real_mmap(at, n, protection, flags, fd, offset);
    assert_true(at != MAP_FAILED && mapped_n < MAPPED_MAX);
    mapped[mapped_n].at = at;
    mapped[mapped_n++].bytes = n;
    return at;
}

int __wrap_mprotect(void *at, size_t n, int protection)
{
    calls_n++;
    if (protectable == 0) {
        errno = ENOMEM;
        return -1;
    }
    protectable--;
    return __real_mprotect(at, n, protection);
}

int __wrap_munmap(void *at, size_t n)
{
    size_t i = 0;

    calls_n++;
    while (i < mapped_n && mapped[i].at != at)
        i++;
    assert_true(i < mapped_n);
    assert_int_equal(n, mapped[i].bytes);
    mapped[i] = mapped[--mapped_n];
    return __real_munmap(at, n);
}

int __wrap_madvise(void *at, size_t n, int advice)
{
    calls_n++;
    return __real_madvise(at, n, advice);
}

void *__wrap_malloc(size_t n)
{
    return no_malloc ? NULL : __real_malloc(n);
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes of the i-th stack that are memory, by the kernel's account. */
static size_t resident(size_t i)
{
    static unsigned char pages[STACK_BYTES / 4096];
    char *stack = (char *)mapped[i].at + mapped[i].bytes - STACK_BYTES; /* above its guard */
    size_t found = 0;

    assert_int_equal(mincore(stack, STACK_BYTES, pages), 0);
    for (size_t j = 0; j < STACK_BYTES / page_bytes(); j++)
        found += pages[j] & 1;
    return found * page_bytes();
}

/* ---- coroutines ---- */

static void suspend_once(void *c)
{
    wr_coroutine_suspend(c);
}

static void do_nothing(void *c)
{
    (void)c;
}

static void use_deeply(void *c)
{
    volatile char bytes[STACK_BYTES / 2];

    for (size_t i = 0; i < sizeof(bytes); i += 1024)
        bytes[i] = 1;
    wr_coroutine_suspend(c);
}

static struct wr_coroutine *start(struct wr_coroutines *set, void (*fn)(void *c))
{
    struct wr_coroutine *c = wr_coroutine_new(set);

    assert_non_null(c);
    assert_false(wr_coroutine_start(c, fn, c));
    return c;
}

static struct wr_coroutines *new_set(void)
{
    struct wr_coroutines *set = wr_coroutines_new(STACK_BYTES);

    assert_non_null(set);
    assert_int_equal(mapped_n, 0);
    return set;
}

static void free_set(struct wr_coroutines *set)
{
    wr_coroutines_free(set);
    assert_int_equal(mapped_n, 0);
}

static void memory__thousands_sleep__two_pages_each(void **state)
{
    struct wr_coroutines *set = new_set();

    (void)state;
    for (int i = 0; i < SLEEPERS; i++)
        sleepers[i] = start(set, suspend_once);
    assert_int_equal(wr_coroutines_used(set), SLEEPERS);
    assert_int_equal(mapped_n, SLEEPERS);
    for (size_t i = 0; i < SLEEPERS; i++)
        assert_in_range(resident(i), 1, SLEEPER_BYTES);
    for (int i = 0; i < SLEEPERS; i++)
        assert_true(wr_coroutine_resume(sleepers[i]));
    free_set(set);
}

static void memory__a_crowd_goes__as_many_are_kept_as_are_in_use_and_64(void **state)
{
    struct wr_coroutines *set = new_set();

    (void)state;
    for (int i = 0; i < 1000; i++)
        sleepers[i] = start(set, suspend_once);
    assert_int_equal(mapped_n, 1000);
    for (size_t i = 0; i < 1000; i++) {
        size_t used = 999 - i, kept = i + 1 < used + 64 ? i + 1 : used + 64;

        assert_true(wr_coroutine_resume(sleepers[i]));
        assert_int_equal(wr_coroutines_used(set), used);
        assert_int_equal(mapped_n, used + kept);
    }
    assert_int_equal(mapped_n, 64);
    free_set(set);
}

static void memory__one_after_the_other__one_stack_and_no_call(void **state)
{
    struct wr_coroutines *set = new_set();
    struct wr_coroutine *first, *c;

    (void)state;
    first = start(set, suspend_once);
    assert_true(wr_coroutine_resume(first));
    calls_n = 0;
    for (int i = 0; i < 10000; i++) {
        c = wr_coroutine_new(set);
        assert_ptr_equal(c, first);
        assert_true(wr_coroutine_start(c, do_nothing, c));
    }
    assert_int_equal(calls_n, 0);
    assert_int_equal(mapped_n, 1);
    free_set(set);
}

static void memory__deep_once_then_at_rest__goes_back(void **state)
{
    struct wr_coroutines *set = new_set();
    struct wr_coroutine *c;

    (void)state;
    for (int i = 0; i < 50; i++)
        sleepers[i] = start(set, use_deeply);
    for (int i = 0; i < 50; i++)
        assert_true(wr_coroutine_resume(sleepers[i]));
    assert_int_equal(mapped_n, 50);
    for (size_t i = 0; i < 50; i++)
        assert_in_range(resident(i), STACK_BYTES / 2, STACK_BYTES);

    /* The last is the one that is used, and none of the others. */
    calls_n = 0;
    for (int i = 0; i < 64 * 50; i++) {
        c = wr_coroutine_new(set);
        assert_ptr_equal(c, sleepers[49]);
        assert_true(wr_coroutine_start(c, do_nothing, c));
    }
    assert_in_range(calls_n, 49, 50);
    for (size_t i = 0; i < 49; i++)
        assert_in_range(resident(i), 1, 16384);
    for (int i = 0; i < 50; i++)
        sleepers[i] = start(set, use_deeply);
    for (int i = 0; i < 50; i++)
        assert_true(wr_coroutine_resume(sleepers[i]));
    assert_int_equal(mapped_n, 50);
    free_set(set);
}

/* ---- no memory ---- */

static void memory__no_mapping__null(void **state)
{
    struct wr_coroutines *set = new_set();
    struct wr_coroutine *c;

    (void)state;
    mappable = 1;
    c = start(set, suspend_once);
    assert_null(wr_coroutine_new(set));
    assert_int_equal(wr_coroutines_used(set), 1);
    assert_true(wr_coroutine_resume(c));
    assert_ptr_equal(wr_coroutine_new(set), c);
    assert_null(wr_coroutine_new(set));
    mappable = SIZE_MAX;
    assert_true(wr_coroutine_start(c, do_nothing, c));
    free_set(set);
}

static void memory__no_guard__null_and_nothing_left(void **state)
{
    struct wr_coroutines *set = new_set();

    (void)state;
    protectable = 0;
    assert_null(wr_coroutine_new(set));
    protectable = SIZE_MAX;
    assert_int_equal(wr_coroutines_used(set), 0);
    free_set(set);
}

static void memory__no_set__null(void **state)
{
    (void)state;
    no_malloc = true;
    assert_null(wr_coroutines_new(STACK_BYTES));
    no_malloc = false;
    assert_null(wr_coroutines_new(SIZE_MAX));
    assert_null(wr_coroutines_new(SIZE_MAX - 4095));
}

static void memory__odd_sizes__at_least_that(void **state)
{
    static const size_t sizes[] = {0, 1, 16384, 16385, 1000000, (size_t)64 << 20};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(sizes); i++) {
        struct wr_coroutines *set = wr_coroutines_new(sizes[i]);
        struct wr_coroutine *c;
        size_t wanted = sizes[i] < 16384 ? 16384 : sizes[i];

        assert_non_null(set);
        c = start(set, suspend_once);
        assert_int_equal(mapped_n, 1);
        assert_int_equal(mapped[0].bytes % page_bytes(), 0);
        assert_in_range(mapped[0].bytes, wanted + page_bytes(), wanted + 65536 + page_bytes());
        assert_true(wr_coroutine_resume(c));
        free_set(set);
    }
}

WR_TESTS(cmocka_unit_test(memory__thousands_sleep__two_pages_each),
         cmocka_unit_test(memory__a_crowd_goes__as_many_are_kept_as_are_in_use_and_64),
         cmocka_unit_test(memory__one_after_the_other__one_stack_and_no_call),
         cmocka_unit_test(memory__deep_once_then_at_rest__goes_back),
         cmocka_unit_test(memory__no_mapping__null),
         cmocka_unit_test(memory__no_guard__null_and_nothing_left),
         cmocka_unit_test(memory__no_set__null),
         cmocka_unit_test(memory__odd_sizes__at_least_that));
