#include "app/near.h"

#include "support.h"

static const char *const known[] = {"port", "ports", "level", "ab", "head_bytes_max"};

static const struct {
    const char *word, *best;
} cases[] = {
    {"prt", "port"},
    {"port2", "port"},
    {"pors", "port"},
    {"head_byte_max", "head_bytes_max"},
    {"levle", "level"},
    {"x", NULL},
    {"ab", "ab"},
    {"cd", NULL},
    {"something", NULL},
    {"", NULL},
    {"head", "head_bytes_max"},
    {"hea", NULL},
};

static void near__the_most_alike__is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_near near = {.word = cases[i].word};

        for (size_t j = 0; j < WR_COUNT(known); j++)
            wr_near_try(&near, known[j]);
        if (cases[i].best)
            assert_string_equal(near.best, cases[i].best);
        else
            assert_null(near.best);
    }
}

static void near__very_long_words__are_not_compared(void **state)
{
    char word[66] = "";
    struct wr_near near = {.word = word};

    (void)state;
    for (size_t i = 0; i < 64; i++)
        word[i] = 'a';
    wr_near_try(&near, word);
    assert_ptr_equal(near.best, word);
    near.best = NULL;
    word[64] = 'a';
    wr_near_try(&near, word);
    assert_null(near.best);
}

WR_TESTS(cmocka_unit_test(near__the_most_alike__is_found),
         cmocka_unit_test(near__very_long_words__are_not_compared));
