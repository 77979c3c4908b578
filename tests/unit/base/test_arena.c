#include "base/arena.h"

#include "base/poison.h"
#include "support.h"

#define LIMIT 65536
#define BLOCK 2048 /* of the first block, when no more is asked for */

static bool is_aligned(const void *p)
{
    return (uintptr_t)p % _Alignof(max_align_t) == 0;
}

static void arena__allocations__are_aligned_and_do_not_overlap(void **state)
{
    static const size_t sizes[] = {1, 3, 16, 17, 0, 31, 100, 2000, 2048, 5000, 1};
    unsigned char *got[WR_COUNT(sizes)];
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, LIMIT);
    for (size_t i = 0; i < WR_COUNT(sizes); i++) {
        got[i] = wr_arena_alloc(&a, sizes[i]);
        assert_non_null(got[i]);
        assert_true(is_aligned(got[i]));
        memset(got[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < WR_COUNT(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(got[i][k], i + 1);
    wr_arena_fini(&a);
}

static void arena__small_allocations__share_one_block(void **state)
{
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, LIMIT);
    assert_null(a.first);
    for (int i = 0; i < BLOCK / 16; i++)
        assert_non_null(wr_arena_alloc(&a, 16));
    assert_int_equal(a.total, BLOCK);
    assert_null(a.first->next);
    assert_non_null(wr_arena_alloc(&a, 1));
    assert_non_null(a.first->next);
    wr_arena_fini(&a);
}

static void arena__zero_bytes__give_a_pointer(void **state)
{
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, LIMIT);
    assert_non_null(wr_arena_alloc(&a, 0));
    assert_non_null(wr_arena_alloc(&a, BLOCK));
    assert_non_null(wr_arena_alloc(&a, 0));
    wr_arena_fini(&a);
}

static void arena__limit__may_be_reached_and_not_passed(void **state)
{
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, 4096);
    assert_non_null(wr_arena_alloc(&a, 4096));
    assert_null(wr_arena_alloc(&a, 1));
    wr_arena_fini(&a);

    wr_arena_init(&a, 4096);
    assert_null(wr_arena_alloc(&a, 4097));
    assert_non_null(wr_arena_alloc(&a, 4096)); /* a refusal takes nothing away */
    wr_arena_fini(&a);
}

static void arena__limit__counts_all_blocks(void **state)
{
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, 3000);
    assert_non_null(wr_arena_alloc(&a, 2048));
    assert_null(wr_arena_alloc(&a, 960));     /* 3008 */
    assert_non_null(wr_arena_alloc(&a, 944)); /* 2992 */
    assert_int_equal(a.total, 2992);
    assert_null(wr_arena_alloc(&a, 16));
    wr_arena_fini(&a);
}

static void arena__limit_below_a_block__is_kept(void **state)
{
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, 100);
    assert_null(wr_arena_alloc(&a, 101));
    assert_non_null(wr_arena_alloc(&a, 96));
    assert_null(wr_arena_alloc(&a, 96));
    assert_true(a.total <= 100);
    wr_arena_fini(&a);
}

static void arena__size_near_size_max__is_refused(void **state)
{
    /* read at run time: the compiler refuses such a constant */
    static const volatile size_t beyond[] = {0, 1, 15, 16, 17, 31, 32};
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, SIZE_MAX);
    for (size_t i = 0; i < WR_COUNT(beyond); i++)
        if (wr_arena_alloc(&a, SIZE_MAX - beyond[i]))
            fail_msg("SIZE_MAX - %zu", beyond[i]);
    assert_null(wr_arena_dup(&a, wr_slice("x", SIZE_MAX - beyond[0])).p);
    assert_null(wr_arena_dup(&a, wr_slice("x", SIZE_MAX - beyond[4])).p);
    wr_arena_fini(&a);
}

static void arena__reset__keeps_the_first_block_and_no_other(void **state)
{
    struct wr_arena a;
    char *first;

    (void)state;
    wr_arena_init(&a, LIMIT);
    first = wr_arena_alloc(&a, 10);
    for (int i = 0; i < 5; i++)
        assert_non_null(wr_arena_alloc(&a, 3000));
    assert_true(a.total >= BLOCK + 5 * 3000);
    wr_arena_reset(&a);
    assert_int_equal(a.total, BLOCK);
    assert_ptr_equal(wr_arena_alloc(&a, BLOCK), first);
    assert_null(a.first->next);
    wr_arena_fini(&a);
}

static void arena__reset__gives_the_limit_back(void **state)
{
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, 8192);
    for (int round = 0; round < 3; round++) {
        assert_non_null(wr_arena_alloc(&a, 100));
        assert_non_null(wr_arena_alloc(&a, 6144));
        assert_null(wr_arena_alloc(&a, 6144));
        wr_arena_reset(&a);
    }
    wr_arena_fini(&a);
}

static void arena__reset_before_the_first_allocation__is_harmless(void **state)
{
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, LIMIT);
    wr_arena_reset(&a);
    assert_non_null(wr_arena_alloc(&a, 1));
    wr_arena_fini(&a);
}

static void arena__after_fini__can_be_used_again(void **state)
{
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, 4096);
    wr_arena_fini(&a);
    assert_non_null(wr_arena_alloc(&a, 4096));
    assert_null(wr_arena_alloc(&a, 1));
    wr_arena_fini(&a);
    wr_arena_fini(&a);
    assert_int_equal(a.total, 0);
}

static void arena__dup__has_a_nul_behind_the_copy(void **state)
{
    const char text[] = "a\0b###";
    struct wr_arena a;
    struct wr_slice s;

    (void)state;
    wr_arena_init(&a, LIMIT);
    s = wr_arena_dup(&a, wr_slice(text, 3));
    assert_int_equal(s.n, 3);
    assert_ptr_not_equal(s.p, text);
    assert_memory_equal(s.p, "a\0b", 4);
    wr_arena_fini(&a);
}

static void arena__dup_of_nothing__is_empty_and_not_absent(void **state)
{
    struct wr_arena a;
    struct wr_slice s;

    (void)state;
    wr_arena_init(&a, LIMIT);
    s = wr_arena_dup(&a, wr_slice(NULL, 0));
    assert_non_null(s.p);
    assert_int_equal(s.n, 0);
    assert_int_equal(s.p[0], '\0');
    wr_arena_fini(&a);
}

static void arena__dup_past_the_limit__is_absent(void **state)
{
    char text[64] = "";
    struct wr_arena a;

    (void)state;
    wr_arena_init(&a, 64);
    assert_null(wr_arena_dup(&a, wr_slice(text, 64)).p); /* and its NUL */
    assert_non_null(wr_arena_dup(&a, wr_slice(text, 63)).p);
    wr_arena_fini(&a);
}

#ifdef WR_HAS_POISON

/* Whether exactly the first n bytes may be used, of so many. */
static bool are_usable(const char *p, size_t n, size_t of)
{
    for (size_t i = 0; i < of; i++)
        if ((__asan_address_is_poisoned(p + i) == 0) != (i < n))
            return false;
    return true;
}

static void arena__under_asan__only_what_was_given_may_be_used(void **state)
{
    struct wr_arena a;
    char *first, *second, *third;

    (void)state;
    wr_arena_init(&a, LIMIT);
    first = wr_arena_alloc(&a, 21); /* of two pieces of 16 */
    assert_true(are_usable(first, 21, 64));
    second = wr_arena_alloc(&a, 16);
    third = wr_arena_alloc(&a, 0);
    assert_true(are_usable(first, 21, 32));
    assert_true(are_usable(second, 16, 32));
    assert_true(are_usable(third, 0, 32));
    memset(first, 1, 21);
    wr_arena_reset(&a);
    assert_true(are_usable(first, 0, BLOCK));
    assert_ptr_equal(wr_arena_alloc(&a, 3), first);
    assert_true(are_usable(first, 3, BLOCK));
    wr_arena_fini(&a);
}

#else

static void arena__under_asan__only_what_was_given_may_be_used(void **state)
{
    (void)state;
    skip();
}

#endif

WR_TESTS(cmocka_unit_test(arena__allocations__are_aligned_and_do_not_overlap),
         cmocka_unit_test(arena__small_allocations__share_one_block),
         cmocka_unit_test(arena__zero_bytes__give_a_pointer),
         cmocka_unit_test(arena__limit__may_be_reached_and_not_passed),
         cmocka_unit_test(arena__limit__counts_all_blocks),
         cmocka_unit_test(arena__limit_below_a_block__is_kept),
         cmocka_unit_test(arena__size_near_size_max__is_refused),
         cmocka_unit_test(arena__reset__keeps_the_first_block_and_no_other),
         cmocka_unit_test(arena__reset__gives_the_limit_back),
         cmocka_unit_test(arena__reset_before_the_first_allocation__is_harmless),
         cmocka_unit_test(arena__after_fini__can_be_used_again),
         cmocka_unit_test(arena__dup__has_a_nul_behind_the_copy),
         cmocka_unit_test(arena__dup_of_nothing__is_empty_and_not_absent),
         cmocka_unit_test(arena__dup_past_the_limit__is_absent),
         cmocka_unit_test(arena__under_asan__only_what_was_given_may_be_used));
