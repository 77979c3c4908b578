/*
 * test_environ.c — the example environ, called as the server calls it, but without a server.
 */
#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

extern const weir_plugin weir_plugin_v1;

static int mount(void **state)
{
    weir_test *t = weir_test_new(&weir_plugin_v1, "/environ", NULL);

    *state = t;
    return t && !weir_test_error(t) ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static void has_line(const weir_test_response *r, const char *line)
{
    if (!strstr(r->body, line))
        fail_msg("no \"%s\" in:\n%s", line, r->body);
}

static void environ__get__shows_the_keys(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r = weir_test_get(t, "/environ/a%20b?c=%20");

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    has_line(r, "PATH_INFO=/a b\n");
    has_line(r, "QUERY_STRING=c=%20\n");
    has_line(r, "REQUEST_METHOD=GET\n");
    has_line(r, "REQUEST_URI=/environ/a%20b?c=%20\n");
    has_line(r, "SCRIPT_NAME=/environ\n");
}

static void environ__keys__are_sorted(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r = weir_test_get(t, "/environ");
    const char *line, *next;

    assert_non_null(r);
    for (line = r->body; (next = strchr(line, '\n')) != NULL && next[1] != '\n'; line = next + 1) {
        size_t n = strcspn(line, "="), next_n = strcspn(next + 1, "=");
        int order = memcmp(line, next + 1, n < next_n ? n : next_n);

        assert_true(order < 0 || (order == 0 && n < next_n));
    }
    assert_non_null(next); /* an empty line ends the keys */
}

static void environ__fields__are_shown_as_they_came(void **state)
{
    weir_test *t = *state;
    const weir_header fields[] = {{"X-One", "1"}, {"x-TWO", "2"}, {"X-One", "3"}, {NULL, NULL}};
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.target = "/environ", .fields = fields});
    const char *as_came;

    assert_non_null(r);
    has_line(r, "\nHTTP_X_ONE=1, 3\n");
    has_line(r, "\nHTTP_X_TWO=2\n");
    as_came = strstr(r->body, "\n\n");
    assert_non_null(as_came);
    assert_non_null(strstr(as_came, "\nX-One: 1\nx-TWO: 2\nX-One: 3\n"));
}

static void environ__line_break_in_the_path__makes_no_line(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r = weir_test_get(t, "/environ/a%0AHTTPS=on");

    assert_non_null(r);
    has_line(r, "PATH_INFO=/a\\x0aHTTPS=on\n");
    assert_null(strstr(r->body, "\nHTTPS=on\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(environ__get__shows_the_keys, mount, unmount),
        cmocka_unit_test_setup_teardown(environ__keys__are_sorted, mount, unmount),
        cmocka_unit_test_setup_teardown(environ__fields__are_shown_as_they_came, mount, unmount),
        cmocka_unit_test_setup_teardown(environ__line_break_in_the_path__makes_no_line, mount,
                                        unmount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
