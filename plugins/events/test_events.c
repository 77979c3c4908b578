/*
 * test_events.c — the example events, called as the server calls it, but without a server.
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

/* With two loops: requests come on one after the other, and the app runs on one. */
static int mount(void **state)
{
    weir_test *t = weir_test_start(
        &(weir_test_setup){.plugin = &weir_plugin_v1, .route = "/events", .loops = 2});

    *state = t;
    return t && !weir_test_error(t) ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static weir_test_exchange *look(weir_test *t)
{
    weir_test_exchange *x = weir_test_begin(t, &(weir_test_request){.target = "/events"});

    assert_non_null(x);
    return x;
}

static void expect(const weir_test_exchange *x, const char *body)
{
    assert_int_equal(weir_test_answer(x)->status, 200);
    assert_string_equal(weir_test_answer(x)->body, body);
}

static void events__who_comes_and_leaves__is_counted(void **state)
{
    weir_test *t = *state;
    weir_test_exchange *a = look(t), *b, *c;

    expect(a, ":\n\ndata: 1\n\n");
    b = look(t);
    expect(b, ":\n\ndata: 2\n\n");
    c = look(t);
    expect(a, ":\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n");
    weir_test_leave(b);
    weir_test_leave(c);
    expect(a, ":\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 2\n\ndata: 1\n\n");
    weir_test_end(b);
    weir_test_end(c);
    weir_test_end(a);
}

static void events__who_half_closes__has_left(void **state)
{
    weir_test_exchange *a = look(*state), *b = look(*state);

    weir_test_half_close(b);
    expect(a, ":\n\ndata: 1\n\ndata: 2\n\ndata: 1\n\n");
    assert_int_equal(weir_test_answer(b)->is_done, 1);
    assert_int_equal(weir_test_answer(b)->is_cut, 0);
    assert_int_equal(weir_test_answer(a)->is_done, 0);
    weir_test_end(b);
    weir_test_end(a);
}

static void events__client_that_takes_nothing__gets_the_last_count_then(void **state)
{
    weir_test *t = *state;
    const weir_test_request slow = {.target = "/events", .take = WEIR_TEST_BY_HAND};
    weir_test_exchange *a = weir_test_begin(t, &slow), *others[20];

    assert_non_null(a);
    for (int i = 0; i < 20; i++)
        others[i] = look(t);
    weir_test_take(a, WEIR_TEST_ALL);
    assert_string_equal(weir_test_answer(a)->body + weir_test_answer(a)->body_size - 10,
                        "data: 21\n\n");
    assert_in_range(weir_test_answer(a)->body_size, 13, 40);
    for (int i = 0; i < 20; i++)
        weir_test_end(others[i]);
    weir_test_end(a);
}

static void events__nothing_new__is_a_heartbeat(void **state)
{
    weir_test_exchange *a = look(*state);

    assert_int_equal(weir_test_advance(*state, 14999), 0);
    expect(a, ":\n\ndata: 1\n\n");
    assert_int_equal(weir_test_advance(*state, 1), 0);
    expect(a, ":\n\ndata: 1\n\n:\n\n");
    assert_int_equal(weir_test_advance(*state, 30000), 0);
    expect(a, ":\n\ndata: 1\n\n:\n\n:\n\n:\n\n");
    weir_test_end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events__who_comes_and_leaves__is_counted, mount, unmount),
        cmocka_unit_test_setup_teardown(events__who_half_closes__has_left, mount, unmount),
        cmocka_unit_test_setup_teardown(events__client_that_takes_nothing__gets_the_last_count_then,
                                        mount, unmount),
        cmocka_unit_test_setup_teardown(events__nothing_new__is_a_heartbeat, mount, unmount),
        cmocka_unit_test(events__head__tells_the_type_and_ends),
        cmocka_unit_test(events__other_methods__are_not_allowed),
        cmocka_unit_test(events__configuration_against_the_schema__is_not_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
