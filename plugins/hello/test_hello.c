/*
 * test_hello.c — the example hello, called as the server calls it, but without a server.
 */
#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

extern const weir_plugin weir_plugin_v1;

static int mount(void **state)
{
    weir_test *t = weir_test_new(&weir_plugin_v1, "/hello", NULL);

    *state = t;
    return t && !weir_test_error(t) ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static void hello__get__says_hello(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r = weir_test_get(t, "/hello");

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_string_equal(weir_test_field(r, "Content-Type"), "text/plain");
    assert_string_equal(r->body, "Hello, World!\n");
    assert_int_equal(r->is_cut, 0);
}

static void hello__path_and_query__make_no_difference(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r = weir_test_get(t, "/hello/x?y=z");

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "Hello, World!\n");
}

static void hello__head__has_no_content(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.method = "HEAD", .target = "/hello"});

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->body_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hello__get__says_hello, mount, unmount),
        cmocka_unit_test_setup_teardown(hello__path_and_query__make_no_difference, mount, unmount),
        cmocka_unit_test_setup_teardown(hello__head__has_no_content, mount, unmount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
