/*
 * test_stream.c — the example stream, called as the server calls it, but without a server.
 */
#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

extern const weir_plugin weir_plugin_v1;

static int mount(void **state)
{
    weir_test *t = weir_test_new(&weir_plugin_v1, "/stream", NULL);

    *state = t;
    return t && !weir_test_error(t) ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static void expect(weir_test *t, const char *target, int32_t status, const char *body)
{
    const weir_test_response *r = weir_test_get(t, target);

    assert_non_null(r);
    assert_int_equal(r->status, status);
    assert_int_equal(r->is_cut, 0);
    if (body)
        assert_string_equal(r->body, body);
}

static void stream__without_a_query__counts_to_five(void **state)
{
    expect(*state, "/stream", 200, "1\n2\n3\n4\n5\n");
}

static void stream__n__is_how_far_it_counts(void **state)
{
    expect(*state, "/stream?n=3", 200, "1\n2\n3\n");
    expect(*state, "/stream?n=0", 200, "");
    expect(*state, "/stream?x&&nn=7&n=2&ms=1", 200, "1\n2\n");
}

static void stream__many_numbers__all_come(void **state)
{
    const weir_test_response *r = weir_test_get(*state, "/stream?n=10000");

    assert_non_null(r);
    /* 9 numbers of one digit, 90 of two, 900 of three, 9000 of four, one of five, each and a line
     * break */
    assert_int_equal(r->body_size, 9 * 2 + 90 * 3 + 900 * 4 + 9000 * 5 + 6);
    assert_string_equal(r->body + r->body_size - 12, "\n9999\n10000\n");
}

static void stream__what_is_no_number_in_range__is_refused(void **state)
{
    static const char *const targets[] = {
        "/stream?n=",      "/stream?n=-1",       "/stream?n=+1",
        "/stream?n=1x",    "/stream?n=1000001",  "/stream?n=99999999999999999999999999",
        "/stream?ms=1001", "/stream?n=2&ms=%31",
    };

    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        expect(*state, targets[i], 400, NULL);
}

static void stream__head__closes_what_it_does_not_read(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.method = "HEAD", .target = "/stream?n=1000000"});

    assert_non_null(r); /* that it was closed is for a leak checker to see */
    assert_int_equal(r->status, 200);
    assert_int_equal(r->body_size, 0);
}

static void stream__post__is_not_allowed(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.method = "POST", .target = "/stream"});

    assert_non_null(r);
    assert_int_equal(r->status, 405);
    assert_string_equal(weir_test_field(r, "Allow"), "GET, HEAD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stream__without_a_query__counts_to_five, mount, unmount),
        cmocka_unit_test_setup_teardown(stream__n__is_how_far_it_counts, mount, unmount),
        cmocka_unit_test_setup_teardown(stream__many_numbers__all_come, mount, unmount),
        cmocka_unit_test_setup_teardown(stream__what_is_no_number_in_range__is_refused, mount,
                                        unmount),
        cmocka_unit_test_setup_teardown(stream__head__closes_what_it_does_not_read, mount, unmount),
        cmocka_unit_test_setup_teardown(stream__post__is_not_allowed, mount, unmount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
