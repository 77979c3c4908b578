/* The checker by weir/test.h, from a plugin that is part of this program. tests/lint has a plugin for each rule. */
#include "support.h"

#include <weir/test.h>

#include <stdio.h>
#include <string.h>

static weir_environ *kept;
static int32_t late_set;
static const char *late_get;

static void finish_from_stack(weir_environ *env, void *arg, const void *data, int64_t n)
{
    char text[] = "from the stack";
    const char *volatile p = text;

    (void)arg;
    (void)data;
    (void)n;
    weir_finish(env, weir_bytes(p, sizeof text - 1));
}

/* By path: what is wrong. */
static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");

    if (strcmp(path, "/decline") == 0)
        return weir_decline();
    if (strcmp(path, "/page") == 0)
        return weir_error(env, 404);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}, {"X-A", "1"}));
    if (strcmp(path, "/twice") == 0)
        start_response(env, 201, NULL);
    if (strcmp(path, "/stack") == 0 && weir_read_all(env, 10, finish_from_stack, NULL) == 0)
        return weir_later(env);
    if (strcmp(path, "/keep") == 0)
        kept = env;
    if (strcmp(path, "/late") == 0) {
        late_set = weir_set(kept, "a", "1");
        late_get = weir_get(kept, "PATH_INFO");
    }
    return weir_copy(env, path, strlen(path));
}

static const weir_plugin on_loop = {.magic = WEIR_PLUGIN_MAGIC,
                                    .abi_major = WEIR_ABI_MAJOR,
                                    .abi_minor = WEIR_ABI_MINOR,
                                    .size = sizeof(weir_plugin),
                                    .name = "lint",
                                    .app = app,
                                    .runs = WEIR_ON_LOOP};

static weir_test *start(int32_t runs)
{
    const weir_test_setup setup = {.plugin = &on_loop,
                                   .route = "/a",
                                   .runs = runs == WEIR_ON_LOOP ? WEIR_TEST_ON_LOOP
                                                                : WEIR_TEST_IN_THREAD,
                                   .lint = 1};
    weir_test *t = weir_test_start(&setup);

    assert_non_null(t);
    assert_null(weir_test_error(t));
    return t;
}

static void lint__app_that_keeps_the_rules__has_no_findings(void **state)
{
    static const int32_t runs[] = {WEIR_ON_LOOP, WEIR_IN_THREAD};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test *t = start(runs[i]);

        assert_true(weir_test_probe(t, NULL) >= 19);
        assert_true(weir_test_probe(t, "/a/decline") >= 19);
        assert_true(weir_test_probe(t, "/a/page") >= 19);
        assert_string_equal(weir_test_findings(t), "");
        assert_string_equal(weir_test_log(t), "");
        weir_test_free(t);
    }
}

static void lint__answers__are_what_they_are_without(void **state)
{
    weir_test *t = start(WEIR_ON_LOOP);
    const weir_test_response *r = weir_test_get(t, "/a/x%20y");

    (void)state;
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "/x y");
    assert_string_equal(weir_test_field(r, "x-a"), "1");
    assert_string_equal(weir_test_field(r, "content-type"), "text/plain");
    assert_int_equal(weir_test_get(t, "/a/twice")->status, 500); /* rule 3 of the interface */
    weir_test_free(t);
}

static void lint__finding__is_counted_and_logged_at_powers_of_two(void **state)
{
    weir_test *t = start(WEIR_ON_LOOP);
    const char *log;
    int lines = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        weir_test_get(t, "/a/twice");
    assert_string_equal(weir_test_findings(t),
                        "W02 (5 times): start_response again without WEIR_REPLACE\n");
    log = weir_test_log(t);
    assert_non_null(strstr(log, "error: lint at /a, request "));
    assert_non_null(strstr(log, ", GET /a/twice: lint W02: "));
    while ((log = strstr(log, "lint W02"))) {
        log++;
        lines++;
    }
    assert_int_equal(lines, 3); /* the first, second, fourth */
    weir_test_free(t);
}

static void lint__environ_of_a_request_that_is_over__gives_nothing(void **state)
{
    static const int32_t runs[] = {WEIR_ON_LOOP, WEIR_IN_THREAD};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test *t = start(runs[i]);

        weir_test_get(t, "/a/keep");
        late_set = 0;
        late_get = "";
        assert_int_equal(weir_test_get(t, "/a/late")->status, 200);
        assert_int_equal(late_set, WEIR_ESTALE);
        assert_null(late_get);
        assert_string_equal(weir_test_findings(t), "W32: weir_get for a request that is over\n"
                                                   "W32: weir_set for a request that is over\n");
        weir_test_free(t);
    }
}

static void lint__body_on_the_stack_of_a_callback__is_told(void **state)
{
    weir_test *t = start(WEIR_ON_LOOP);

    (void)state;
    weir_test_get(t, "/a/stack");
    assert_string_equal(weir_test_findings(t),
                        "W22: the body lies on the stack of a function that has returned\n");
    weir_test_free(t);
}

static void lint__many_requests__are_forgotten_in_turn(void **state)
{
    weir_test *t = start(WEIR_ON_LOOP);

    (void)state;
    for (int i = 0; i < 600; i++)
        assert_int_equal(weir_test_get(t, "/a/x")->status, 200);
    assert_string_equal(weir_test_findings(t), "");
    weir_test_free(t);
}

static void lint__test_without_it__has_no_findings(void **state)
{
    weir_test *t = weir_test_new(&on_loop, "/a", NULL);

    (void)state;
    weir_test_get(t, "/a/twice");
    assert_string_equal(weir_test_findings(t), "");
    assert_int_equal(weir_test_probe(t, NULL), 0);
    weir_test_free(t);
}

static void lint__plugin_that_cannot_be_loaded__has_no_findings(void **state)
{
    const weir_test_setup setup = {.file = "/nonexistent.so", .lint = 1};
    weir_test *t = weir_test_start(&setup);

    (void)state;
    assert_non_null(weir_test_error(t));
    assert_string_equal(weir_test_findings(t), "");
    assert_int_equal(weir_test_probe(t, NULL), 0);
    weir_test_free(t);
}

WR_TESTS(cmocka_unit_test(lint__app_that_keeps_the_rules__has_no_findings),
         cmocka_unit_test(lint__answers__are_what_they_are_without),
         cmocka_unit_test(lint__finding__is_counted_and_logged_at_powers_of_two),
         cmocka_unit_test(lint__environ_of_a_request_that_is_over__gives_nothing),
         cmocka_unit_test(lint__body_on_the_stack_of_a_callback__is_told),
         cmocka_unit_test(lint__many_requests__are_forgotten_in_turn),
         cmocka_unit_test(lint__test_without_it__has_no_findings),
         cmocka_unit_test(lint__plugin_that_cannot_be_loaded__has_no_findings));
