/*
 * test_echo.c — the example echo, called as the server calls it, but without a server.
 */
#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>

extern const weir_plugin weir_plugin_v1;

static int mount(void **state)
{
    weir_test *t = weir_test_new(&weir_plugin_v1, "/echo", NULL);

    *state = t;
    return t && !weir_test_error(t) ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static void echo__post__comes_back(void **state)
{
    weir_test *t = *state;
    const weir_header fields[] = {{"Content-Type", "text/x-water"}, {NULL, NULL}};
    const weir_test_response *r = weir_test_call(
        t, &(weir_test_request){
               .target = "/echo", .fields = fields, .body = "up\0down", .body_size = 7});

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_string_equal(weir_test_field(r, "Content-Type"), "text/x-water");
    assert_string_equal(weir_test_field(r, "Content-Length"), "7");
    assert_string_equal(weir_test_field(r, "X-Content-Type-Options"), "nosniff");
    assert_int_equal(r->body_size, 7);
    assert_memory_equal(r->body, "up\0down", 7);
    assert_int_equal(r->is_cut, 0);
}

static void echo__pieces_with_waits_between__come_back(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r = weir_test_call(
        t,
        &(weir_test_request){.target = "/echo", .body = "abcdefghij", .body_size = 10, .piece = 3});

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "abcdefghij");
    assert_int_equal(r->is_cut, 0);
}

static void echo__more_than_its_buffer__comes_back(void **state)
{
    weir_test *t = *state;
    const size_t n = 1000003;
    char *content = malloc(n);
    const weir_test_response *r;

    assert_non_null(content);
    for (size_t i = 0; i < n; i++)
        content[i] = (char)(i % 251);
    r = weir_test_call(t, &(weir_test_request){
                              .target = "/echo", .body = content, .body_size = n, .piece = 65537});
    assert_non_null(r);
    assert_int_equal(r->body_size, n);
    assert_memory_equal(r->body, content, n);
    free(content);
}

static void echo__put_without_content_and_type__is_empty(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.method = "PUT", .target = "/echo"});

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_string_equal(weir_test_field(r, "Content-Type"), "application/octet-stream");
    assert_int_equal(r->body_size, 0);
}

/* Nothing was sent yet. */
static void echo__content_that_is_lost_at_once__is_answered(void **state)
{
    weir_test *t = weir_test_start(
        &(weir_test_setup){.plugin = &weir_plugin_v1, .route = "/echo", .body_bytes_max = 1000});
    const weir_test_response *r;
    weir_test_exchange *x;

    (void)state;
    assert_non_null(t);
    r = weir_test_call(t, &(weir_test_request){.target = "/echo", .content_length = 1001});
    assert_non_null(r);
    assert_int_equal(r->status, 413);
    x = weir_test_begin(t, &(weir_test_request){.target = "/echo", .content_length = 5});
    assert_non_null(x);
    assert_int_equal(weir_test_answer(x)->status, 0);
    weir_test_half_close(x);
    assert_int_equal(weir_test_answer(x)->status, 400);
    weir_test_end(x);
    weir_test_free(t);
}

static void echo__content_that_is_lost_later__cuts_the_answer(void **state)
{
    weir_test_exchange *x = weir_test_begin(
        *state, &(weir_test_request){
                    .target = "/echo", .body = "half", .body_size = 4, .content_length = 8});

    assert_non_null(x);
    assert_int_equal(weir_test_answer(x)->status, 200);
    assert_string_equal(weir_test_answer(x)->body, "half");
    weir_test_half_close(x);
    assert_int_equal(weir_test_answer(x)->is_cut, 1);
    weir_test_end(x);
}

static void echo__get__is_not_allowed(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r = weir_test_get(t, "/echo");

    assert_non_null(r);
    assert_int_equal(r->status, 405);
    assert_string_equal(weir_test_field(r, "Allow"), "POST, PUT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(echo__post__comes_back, mount, unmount),
        cmocka_unit_test_setup_teardown(echo__pieces_with_waits_between__come_back, mount, unmount),
        cmocka_unit_test_setup_teardown(echo__more_than_its_buffer__comes_back, mount, unmount),
        cmocka_unit_test_setup_teardown(echo__put_without_content_and_type__is_empty, mount,
                                        unmount),
        cmocka_unit_test(echo__content_that_is_lost_at_once__is_answered),
        cmocka_unit_test_setup_teardown(echo__content_that_is_lost_later__cuts_the_answer, mount,
                                        unmount),
        cmocka_unit_test_setup_teardown(echo__get__is_not_allowed, mount, unmount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
