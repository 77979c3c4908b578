#include "base/buf.h"

#include "support.h"

static void expect(const struct wr_buf *b, const char *want)
{
    if (!wr_slice_eq(wr_buf_slice(b), wr_slice_of(want)))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)b->n, b->p, want);
}

static void buf__at_first__is_empty_with_all_its_room(void **state)
{
    char memory[8];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    assert_int_equal(b.n, 0);
    assert_int_equal(wr_buf_room(&b), 8);
    assert_false(b.overflow);
    assert_ptr_equal(wr_buf_slice(&b).p, memory);
    assert_int_equal(wr_buf_slice(&b).n, 0);
}

static void buf__appends__follow_each_other(void **state)
{
    char memory[32];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    wr_buf_append(&b, "ab", 2);
    wr_buf_append(&b, NULL, 0);
    wr_buf_slice_append(&b, WR_SLICE("cd"));
    wr_buf_slice_append(&b, wr_slice(NULL, 0));
    WR_BUF_LITERAL(&b, "ef");
    WR_BUF_LITERAL(&b, "");
    wr_buf_char(&b, 'g');
    wr_buf_u64(&b, 17);
    wr_buf_hex(&b, 17);
    wr_buf_printf(&b, "<%d>", -1);
    expect(&b, "abcdefg1711<-1>");
    assert_int_equal(wr_buf_room(&b), 32 - 15);
    assert_false(b.overflow);
}

static void buf__append__keeps_a_nul(void **state)
{
    char memory[4];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    WR_BUF_LITERAL(&b, "a\0b");
    wr_buf_char(&b, '\0');
    assert_int_equal(b.n, 4);
    assert_memory_equal(memory, "a\0b\0", 4);
}

static void buf__append_that_fills_it__fits(void **state)
{
    char memory[] = "....#";
    struct wr_buf b = wr_buf_on(memory, 4);

    (void)state;
    wr_buf_append(&b, "abcd", 4);
    wr_buf_append(&b, "", 0);
    expect(&b, "abcd");
    assert_false(b.overflow);
    assert_int_equal(wr_buf_room(&b), 0);
    assert_int_equal(memory[4], '#');
}

static void buf__append_past_the_end__appends_nothing_and_sets_overflow(void **state)
{
    char memory[] = "....#";
    struct wr_buf b = wr_buf_on(memory, 4);

    (void)state;
    wr_buf_append(&b, "abcde", 5);
    assert_true(b.overflow);
    assert_string_equal(memory, "....#");
    expect(&b, "");

    b = wr_buf_on(memory, 4);
    WR_BUF_LITERAL(&b, "abc");
    WR_BUF_LITERAL(&b, "de");
    assert_true(b.overflow);
    expect(&b, "abc");
    assert_string_equal(memory, "abc.#");
}

static void buf__length_near_size_max__overflows(void **state)
{
    char memory[4];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);
    volatile size_t huge = SIZE_MAX;

    (void)state;
    wr_buf_char(&b, 'a');
    wr_buf_append(&b, "x", huge);
    assert_true(b.overflow);
    expect(&b, "a");
}

static void buf__overflow__stays_when_a_later_append_fits(void **state)
{
    char memory[4];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    WR_BUF_LITERAL(&b, "abcde");
    wr_buf_char(&b, 'f');
    wr_buf_u64(&b, 1);
    wr_buf_printf(&b, "%s", "");
    assert_true(b.overflow);
    assert_int_equal(b.n, 0); /* no gap: what fitted behind the loss is not there either */
}

static void buf__without_memory__takes_nothing(void **state)
{
    struct wr_buf b = wr_buf_on(NULL, 0);

    (void)state;
    wr_buf_append(&b, NULL, 0);
    assert_false(b.overflow);
    wr_buf_printf(&b, "%s", "a");
    assert_true(b.overflow);
    assert_int_equal(b.n, 0);
    b = wr_buf_on(NULL, 0);
    wr_buf_char(&b, 'a');
    assert_true(b.overflow);
}

static const struct {
    uint64_t value;
    const char *decimal, *hex;
} numbers[] = {
    {0, "0", "0"},
    {1, "1", "1"},
    {9, "9", "9"},
    {10, "10", "a"},
    {15, "15", "f"},
    {16, "16", "10"},
    {255, "255", "ff"},
    {4096, "4096", "1000"},
    {UINT32_MAX, "4294967295", "ffffffff"},
    {INT64_MAX, "9223372036854775807", "7fffffffffffffff"},
    {UINT64_MAX, "18446744073709551615", "ffffffffffffffff"},
};

static void buf__numbers__have_neither_sign_nor_leading_zeros(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(numbers); i++) {
        char memory[20];
        struct wr_buf b = wr_buf_on(memory, sizeof memory);

        wr_buf_u64(&b, numbers[i].value);
        expect(&b, numbers[i].decimal);
        b = wr_buf_on(memory, sizeof memory);
        wr_buf_hex(&b, numbers[i].value);
        expect(&b, numbers[i].hex);
        assert_false(b.overflow);
    }
}

static void buf__number_that_does_not_fit__is_not_cut(void **state)
{
    char memory[3];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    wr_buf_u64(&b, 1000);
    assert_true(b.overflow);
    expect(&b, "");
    b = wr_buf_on(memory, sizeof memory);
    wr_buf_hex(&b, 0x1000);
    assert_true(b.overflow);
    expect(&b, "");
}

static void buf__printf__needs_a_byte_more_than_it_counts(void **state)
{
    char memory[5];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    wr_buf_printf(&b, "%s", "abcd");
    expect(&b, "abcd");
    assert_false(b.overflow);

    b = wr_buf_on(memory, sizeof memory);
    wr_buf_printf(&b, "%s", "abcde");
    expect(&b, "");
    assert_true(b.overflow);
}

static void append_all(struct wr_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void append_all(struct wr_buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    wr_buf_vprintf(b, fmt, ap);
    va_end(ap);
}

static void buf__vprintf__appends_like_printf(void **state)
{
    char memory[16];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    wr_buf_char(&b, '[');
    append_all(&b, "%d %s", 5, "x");
    wr_buf_char(&b, ']');
    expect(&b, "[5 x]");
}

WR_TESTS(cmocka_unit_test(buf__at_first__is_empty_with_all_its_room),
         cmocka_unit_test(buf__appends__follow_each_other),
         cmocka_unit_test(buf__append__keeps_a_nul),
         cmocka_unit_test(buf__append_that_fills_it__fits),
         cmocka_unit_test(buf__append_past_the_end__appends_nothing_and_sets_overflow),
         cmocka_unit_test(buf__length_near_size_max__overflows),
         cmocka_unit_test(buf__overflow__stays_when_a_later_append_fits),
         cmocka_unit_test(buf__without_memory__takes_nothing),
         cmocka_unit_test(buf__numbers__have_neither_sign_nor_leading_zeros),
         cmocka_unit_test(buf__number_that_does_not_fit__is_not_cut),
         cmocka_unit_test(buf__printf__needs_a_byte_more_than_it_counts),
         cmocka_unit_test(buf__vprintf__appends_like_printf));
