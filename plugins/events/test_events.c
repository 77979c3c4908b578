/*
 * test_events.c — the example events, called as the server calls it, but without a server. Its streams
 * do not end: tests/integration/test_events.py reads them.
 */
#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

extern const weir_plugin weir_plugin_v1;

static void events__other_methods__are_not_allowed(void **state)
{
    static const char *const methods[] = {"POST", "PUT"};
    weir_test *t = weir_test_new(&weir_plugin_v1, "/events", NULL);

    (void)state;
    assert_non_null(t);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const weir_test_response *r =
            weir_test_call(t, &(weir_test_request){.method = methods[i], .target = "/events"});

        assert_non_null(r);
        assert_int_equal(r->status, 405);
        assert_string_equal(weir_test_field(r, "Allow"), "GET, HEAD");
    }
    weir_test_free(t);
}

static void events__configuration_against_the_schema__is_not_loaded(void **state)
{
    static const char *const configs[] = {"{\"heartbeat_ms\": -1}", "{\"heartbeat_ms\": 3600001}",
                                          "{\"heartbeat_ms\": 1.5}", "{\"heartbeat\": 1}"};

    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        weir_test *t = weir_test_new(&weir_plugin_v1, "/events", configs[i]);

        assert_non_null(t);
        assert_non_null(weir_test_error(t));
        weir_test_free(t);
    }
}

static void events__head__tells_the_type_and_ends(void **state)
{
    weir_test *t = weir_test_new(&weir_plugin_v1, "/events", NULL);
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.method = "HEAD", .target = "/events"});

    (void)state;
    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_string_equal(weir_test_field(r, "Content-Type"), "text/event-stream");
    assert_int_equal(r->body_size, 0);
    weir_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events__head__tells_the_type_and_ends),
        cmocka_unit_test(events__other_methods__are_not_allowed),
        cmocka_unit_test(events__configuration_against_the_schema__is_not_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
