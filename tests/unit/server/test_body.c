#include "support.h"

#include "server/body.h"

#include <string.h>

static void count_release(void *arg)
{
    ++*(int *)arg;
}

static void memory_body__gives_its_bytes_once(void **state)
{
    struct wr_arena a;
    struct wr_piece piece;
    struct wr_body *b;
    int released = 0;

    (void)state;
    wr_arena_init(&a, 4096);
    b = wr_body_memory(&a, WR_SLICE("abcdef"), count_release, &released);
    assert_non_null(b);
    assert_int_equal(b->ops->peek(b, &piece, 1), 1);
    assert_int_equal(piece.len, 6);
    assert_memory_equal(piece.mem, "abcdef", 6);
    assert_int_equal(b->ops->peek(b, &piece, 1), 1); /* looking takes nothing */
    assert_int_equal(piece.len, 6);
    b->ops->advance(b, 4);
    assert_int_equal(b->ops->peek(b, &piece, 1), 1);
    assert_int_equal(piece.len, 2);
    assert_memory_equal(piece.mem, "ef", 2);
    b->ops->advance(b, 2);
    assert_int_equal(b->ops->peek(b, &piece, 1), 0);
    assert_int_equal(released, 0);
    b->ops->close(b);
    assert_int_equal(released, 1);
    wr_arena_fini(&a);
}

static void memory_body__empty__is_at_its_end(void **state)
{
    struct wr_arena a;
    struct wr_piece piece;
    struct wr_body *b;

    (void)state;
    wr_arena_init(&a, 4096);
    b = wr_body_memory(&a, WR_SLICE(""), NULL, NULL);
    assert_int_equal(b->ops->peek(b, &piece, 1), 0);
    b->ops->close(b);
    wr_arena_fini(&a);
}

static void file_body__gives_ranges_of_its_descriptor(void **state)
{
    struct wr_arena a;
    struct wr_piece piece;
    struct wr_body *b;
    int released = 0;

    (void)state;
    wr_arena_init(&a, 4096);
    b = wr_body_file(&a, 7, 100, 50, count_release, &released);
    assert_int_equal(b->ops->peek(b, &piece, 1), 1);
    assert_null(piece.mem);
    assert_int_equal(piece.fd, 7);
    assert_int_equal(piece.off, 100);
    assert_int_equal(piece.len, 50);
    b->ops->advance(b, 20);
    assert_int_equal(b->ops->peek(b, &piece, 1), 1);
    assert_int_equal(piece.off, 120);
    assert_int_equal(piece.len, 30);
    b->ops->advance(b, 30);
    assert_int_equal(b->ops->peek(b, &piece, 1), 0);
    b->ops->close(b);
    assert_int_equal(released, 1);
    wr_arena_fini(&a);
}

static void file_body__of_five_gigabytes__has_exact_offsets(void **state)
{
    const uint64_t size = 5ULL << 30;
    struct wr_arena a;
    struct wr_piece piece;
    struct wr_body *b;
    uint64_t at = 3;

    (void)state;
    wr_arena_init(&a, 4096);
    b = wr_body_file(&a, 7, 3, size, NULL, NULL);
    while (b->ops->peek(b, &piece, 1) == 1) {
        assert_int_equal(piece.off, at);
        assert_true(piece.len > 0);
        at += piece.len;
        b->ops->advance(b, piece.len);
    }
    assert_int_equal(at, size + 3);
    b->ops->close(b);
    wr_arena_fini(&a);
}

static void body__without_memory__is_null_and_releases_nothing(void **state)
{
    struct wr_arena a;
    int released = 0;

    (void)state;
    wr_arena_init(&a, 8);
    assert_null(wr_body_memory(&a, WR_SLICE("abc"), count_release, &released));
    assert_null(wr_body_file(&a, 7, 0, 5, count_release, &released));
    assert_int_equal(released, 0);
    wr_arena_fini(&a);
}

WR_TESTS(cmocka_unit_test(memory_body__gives_its_bytes_once),
         cmocka_unit_test(memory_body__empty__is_at_its_end),
         cmocka_unit_test(file_body__gives_ranges_of_its_descriptor),
         cmocka_unit_test(file_body__of_five_gigabytes__has_exact_offsets),
         cmocka_unit_test(body__without_memory__is_null_and_releases_nothing));
