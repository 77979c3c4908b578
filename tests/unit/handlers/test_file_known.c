/* Which paths were files, by hashes of the test's. */
#include "support.h"

#include "handlers/file_known.h"

#define SECOND 1000000000LL
#define MANY   300000 /* more than there are slots */

/* As well mixed as that of a path. */
static uint64_t hash(uint64_t n)
{
    n = (n ^ n >> 31) * 0x7FB5D329728EA185U;
    n = (n ^ n >> 27) * 0x81DADEF4BC2DD44DU;
    return n ^ n >> 33;
}

static void known__what_was_added__is(void **state)
{
    struct wr_file_known k = {0};

    (void)state;
    assert_false(wr_file_known_has(&k, hash(1), SECOND));
    assert_null(k.tags); /* no memory for those who need none */
    wr_file_known_add(&k, hash(1), SECOND);
    assert_true(wr_file_known_has(&k, hash(1), SECOND));
    assert_false(wr_file_known_has(&k, hash(2), SECOND));
    assert_false(wr_file_known_has(&k, 0, SECOND));
    assert_false(wr_file_known_has(&k, hash(1) ^ 1ULL << 63, SECOND));
    assert_false(wr_file_known_has(&k, hash(1) ^ 1ULL, SECOND));
    wr_file_known_add(&k, 0, SECOND);
    assert_true(wr_file_known_has(&k, 0, SECOND));
    wr_file_known_forget(&k);
    assert_false(wr_file_known_has(&k, hash(1), SECOND));
    assert_false(wr_file_known_has(&k, 0, SECOND));
    wr_file_known_free(&k);
    assert_false(wr_file_known_has(&k, hash(1), SECOND));
    wr_file_known_free(&k);
}

static void known__after_ten_seconds__is_not(void **state)
{
    struct wr_file_known k = {0};

    (void)state;
    wr_file_known_add(&k, hash(1), 100 * SECOND);
    wr_file_known_add(&k, hash(2), 105 * SECOND);
    assert_true(wr_file_known_has(&k, hash(1), 110 * SECOND));
    assert_false(wr_file_known_has(&k, hash(1), 110 * SECOND + 1));
    assert_false(wr_file_known_has(&k, hash(2), 110 * SECOND + 1)); /* all at once */
    wr_file_known_add(&k, hash(1), 120 * SECOND + 1);
    assert_true(wr_file_known_has(&k, hash(1), 120 * SECOND + 1));
    assert_false(wr_file_known_has(&k, hash(1), 110 * SECOND)); /* a clock that was set back … */
    wr_file_known_add(&k, hash(1), 0);                          /* … far */
    assert_true(wr_file_known_has(&k, hash(1), 0));
    wr_file_known_free(&k);
}

/* More than there are slots: the last ones are known for the most part, and others never. */
static void known__too_many__are_forgotten_for_others(void **state)
{
    struct wr_file_known k = {0};
    int known = 0;

    (void)state;
    for (uint64_t i = 0; i < MANY; i++)
        wr_file_known_add(&k, hash(i), SECOND);
    assert_true(wr_file_known_has(&k, hash(MANY - 1), SECOND));
    for (uint64_t i = 0; i < MANY; i++)
        known += wr_file_known_has(&k, hash(i), SECOND);
    assert_in_range(known, 100000, 1 << 17); /* of 2^17 slots one in ten has had none */
    for (uint64_t i = MANY; i < 2 * MANY; i++)
        assert_false(wr_file_known_has(&k, hash(i), SECOND));
    wr_file_known_free(&k);
}

WR_TESTS(cmocka_unit_test(known__what_was_added__is),
         cmocka_unit_test(known__after_ten_seconds__is_not),
         cmocka_unit_test(known__too_many__are_forgotten_for_others));
