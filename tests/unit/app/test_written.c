/*
 * test_written.c — weir_write() inside of next: what it writes goes before the next chunk, or the end,
 * wherever the app runs.
 */
#include "support.h"

#include <weir/test.h>

/* Three times a byte that is written and a chunk. */
static int32_t write_and_say(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *n = arg;

    if ((*n)++ == 3)
        return WEIR_END;
    weir_write(env, "w", 1);
    chunk->data = "C";
    chunk->size = 1;
    return WEIR_CHUNK;
}

/* All is written, and there is no chunk. */
static int32_t write_alone(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *n = arg;

    (void)chunk;
    if ((*n)++ == 0)
        weir_write(env, "last", 4);
    return WEIR_END;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *query = weir_get(env, "QUERY_STRING");
    int *n = weir_alloc(env, sizeof *n);

    *n = 0;
    start_response(env, 200, NULL);
    return weir_iterable(query[0] == 'a' ? write_alone : write_and_say, NULL, n);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "written",
                                   .app = app};

static void check(weir_test *t, const char *target, const char *expected)
{
    const weir_test_response *r = weir_test_get(t, target);

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->is_cut, 0);
    assert_string_equal(r->body, expected);
}

static void next__that_writes__has_it_before_its_chunk_in_every_executor(void **state)
{
    static const weir_test_setup rows[] = {
        {.runs = WEIR_TEST_ON_LOOP},
        {.runs = WEIR_TEST_IN_THREAD},
        {.runs = WEIR_TEST_IN_THREAD, .serial = 1},
        {.runs = WEIR_TEST_ON_LOOP, .serial = 1, .loops = 2}, /* at home, and not */
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        weir_test_setup setup = rows[i];
        weir_test *t;

        setup.plugin = &plugin;
        t = weir_test_start(&setup);
        assert_non_null(t);
        assert_null(weir_test_error(t));
        for (int k = 0; k < 2; k++) {
            check(t, "/?both", "wCwCwC");
            check(t, "/?alone", "last");
        }
        assert_string_equal(weir_test_log(t), "");
        weir_test_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next__that_writes__has_it_before_its_chunk_in_every_executor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
