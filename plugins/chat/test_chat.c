/*
 * test_chat.c — the example chat, called as the server calls it, but without a server. Its streams do
 * not end: tests/integration/test_events.py reads them.
 */
#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

extern const weir_plugin weir_plugin_v1;

static int mount(void **state)
{
    weir_test *t = weir_test_new(&weir_plugin_v1, "/chat", NULL);

    *state = t;
    return t && !weir_test_error(t) ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static void expect(weir_test *t, const char *line, size_t n, int32_t status)
{
    const weir_test_response *r = weir_test_call(
        t, &(weir_test_request){
               .method = "POST", .target = "/chat", .body = line, .body_size = n, .piece = 700});

    assert_non_null(r);
    assert_int_equal(r->status, status);
    assert_int_equal(r->is_cut, 0);
}

static void chat__line__is_taken(void **state)
{
    expect(*state, "Is anybody there?", 17, 204);
    expect(*state, "two\nlines", 9, 204);
}

static void chat__line__has_from_1_to_1024_bytes(void **state)
{
    static char line[1025];

    memset(line, 'x', sizeof line);
    expect(*state, line, 0, 400);
    expect(*state, line, 1, 204);
    expect(*state, line, 1024, 204);
    expect(*state, line, 1025, 413);
}

/* Under a sanitizer: it has room for a hundred. */
static void chat__more_lines_than_its_history__are_taken(void **state)
{
    for (int i = 0; i < 250; i++)
        expect(*state, "once more", 9, 204);
}

static void chat__other_methods__are_not_allowed(void **state)
{
    static const char *const methods[] = {"PUT", "DELETE"};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const weir_test_response *r =
            weir_test_call(*state, &(weir_test_request){.method = methods[i], .target = "/chat"});

        assert_non_null(r);
        assert_int_equal(r->status, 405);
        assert_string_equal(weir_test_field(r, "Allow"), "GET, HEAD, POST");
    }
}

static void chat__head__tells_the_type_and_ends(void **state)
{
    const weir_test_response *r =
        weir_test_call(*state, &(weir_test_request){.method = "HEAD", .target = "/chat"});

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_string_equal(weir_test_field(r, "Content-Type"), "text/event-stream");
    assert_int_equal(r->body_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(chat__line__is_taken, mount, unmount),
        cmocka_unit_test_setup_teardown(chat__line__has_from_1_to_1024_bytes, mount, unmount),
        cmocka_unit_test_setup_teardown(chat__more_lines_than_its_history__are_taken, mount,
                                        unmount),
        cmocka_unit_test_setup_teardown(chat__head__tells_the_type_and_ends, mount, unmount),
        cmocka_unit_test_setup_teardown(chat__other_methods__are_not_allowed, mount, unmount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
