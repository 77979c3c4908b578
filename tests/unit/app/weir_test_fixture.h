/*
 * weir_test_fixture.h — how tests of weir/test.h begin and end.
 *
 *     static const weir_plugin plugin = {TESTED, .app = app};
 *
 *     weir_test *t = started(&plugin, (weir_test_setup){.runs = WEIR_TEST_ON_LOOP});
 *     weir_test_exchange *x = begin(t, (weir_test_request){.target = "/"});
 *
 *     expect_answer(x, "done");
 *     weir_test_end(x);
 *     stop(t);
 */
#ifndef WR_TESTS_WEIR_TEST_FIXTURE_H
#define WR_TESTS_WEIR_TEST_FIXTURE_H

#include "support.h"

#include <weir/test.h>

#include <string.h>

/* What every descriptor begins with. */
#define TESTED                                                                                     \
    .magic = WEIR_PLUGIN_MAGIC, .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,          \
    .size = sizeof(weir_plugin), .name = "tested"

static inline weir_test *started(const weir_plugin *plugin, weir_test_setup setup)
{
    weir_test *t;

    setup.plugin = plugin;
    t = weir_test_start(&setup);
    assert_non_null(t);
    if (weir_test_error(t))
        fail_msg("%s", weir_test_error(t));
    return t;
}

/* Nothing was wrong. */
static inline void stop(weir_test *t)
{
    assert_string_equal(weir_test_log(t), "");
    weir_test_free(t);
}

static inline weir_test_exchange *begin(weir_test *t, weir_test_request request)
{
    weir_test_exchange *x = weir_test_begin(t, &request);

    assert_non_null(x);
    return x;
}

/* So far. */
static inline void expect_body(const weir_test_exchange *x, const char *expected)
{
    assert_string_equal(weir_test_answer(x)->body, expected);
    assert_int_equal(weir_test_answer(x)->body_size, strlen(expected));
}

static inline void expect_end(const weir_test_exchange *x, int is_cut)
{
    assert_int_equal(weir_test_answer(x)->is_done, 1);
    assert_int_equal(weir_test_answer(x)->is_cut, is_cut);
}

/* All of it. */
static inline void expect_answer(const weir_test_exchange *x, const char *expected)
{
    expect_body(x, expected);
    assert_int_equal(weir_test_answer(x)->status, 200);
    expect_end(x, 0);
}

#endif
