#include "app/json_index.h"

#include <stdio.h>

#include "support.h"

static struct wr_json_node *make_index(struct wr_arena *arena, const char *text)
{
    const struct wr_json_path top = {.parent = NULL};

    wr_arena_init(arena, SIZE_MAX);
    return wr_json_index(arena, wr_slice_of(text), &top);
}

static void check_place(struct wr_json_place place, size_t line, size_t column)
{
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void index__values__have_kind_place_and_text(void **state)
{
    struct wr_arena arena;
    struct wr_json_node *top =
        make_index(&arena, "\n{\"\xc3\xa9\": [1, \"x\\u0041\" ,{}],\n \"b\" : -2.50, \"b\":[]} ");
    const struct wr_json_node *list = top->first, *b = list->next;
    char pointer[32];

    (void)state;
    check_place(top->place, 2, 1);
    assert_int_equal(top->n, 3);
    check_place(list->key_place, 2, 2);
    check_place(list->place, 2, 7);
    assert_int_equal(list->type, JSON_ARRAY);
    assert_string_equal(list->path.key, "\xc3\xa9");
    assert_int_equal(list->n, 3);
    assert_int_equal(list->first->integer, 1);
    check_place(list->first->place, 2, 8);
    check_place(list->first->key_place, 2, 8);
    assert_string_equal(list->first->next->string, "xA");
    check_place(list->first->next->place, 2, 11);
    assert_int_equal(list->first->next->next->type, JSON_OBJECT);
    assert_int_equal(list->first->next->next->n, 0);
    wr_json_pointer(&list->first->next->next->path, pointer, sizeof pointer);
    assert_string_equal(pointer, "/\xc3\xa9/2");
    assert_true(wr_slice_eq(list->text, WR_SLICE("[1, \"x\\u0041\" ,{}]")));
    check_place(b->place, 3, 8);
    assert_int_equal(b->type, JSON_REAL);
    assert_true(wr_slice_eq(b->text, WR_SLICE("-2.50")));
    assert_ptr_equal(wr_json_member(top, "b"), b->next);
    assert_null(wr_json_member(top, "c"));
    assert_null(wr_json_member(b, "b"));
    wr_arena_fini(&arena);
}

static void note_repeated(void *arg, const struct wr_json_node *first,
                          const struct wr_json_node *again)
{
    char *out = arg;

    snprintf(out + strlen(out), 64 - strlen(out), "%s%zu-%zu ", again->path.key, first->path.index,
             again->path.index);
}

static void index__keys_that_come_again__are_told(void **state)
{
    struct wr_arena arena;
    struct wr_json_node *top =
        make_index(&arena, "{\"b\":1,\"a\":{\"x\":1,\"y\":[{\"k\":1,\"k\":2}],\"\\u0078\":2},"
                           "\"b\":2,\"c\":3,\"b\":4}");
    char told[64] = "";

    (void)state;
    assert_true(wr_json_each_repeated(top, note_repeated, told));
    assert_string_equal(told, "b0-2 b0-4 x0-2 k0-1 ");
    wr_arena_fini(&arena);
}

static void index__without_memory__is_none(void **state)
{
    const struct wr_json_path top = {.parent = NULL};
    struct wr_arena arena;

    (void)state;
    wr_arena_init(&arena, 300);
    assert_null(wr_json_index(&arena, WR_SLICE("[1,2,3,4]"), &top));
    wr_arena_fini(&arena);
}

WR_TESTS(cmocka_unit_test(index__values__have_kind_place_and_text),
         cmocka_unit_test(index__keys_that_come_again__are_told),
         cmocka_unit_test(index__without_memory__is_none));
