/*
 * test_jsonapi.c — the example jsonapi, called as the server calls it, but without a server.
 */
#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

extern const weir_plugin weir_plugin_v1;

static int mount(void **state)
{
    weir_test *t = weir_test_new(&weir_plugin_v1, "/jsonapi", NULL);

    *state = t;
    return t && !weir_test_error(t) ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static const weir_test_response *call(weir_test *t, const char *method, const char *target)
{
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.method = method, .target = target});

    assert_non_null(r);
    return r;
}

static const weir_test_response *post(weir_test *t, const char *type, const char *content)
{
    const weir_header fields[] = {{"Content-Type", type}, {NULL, NULL}};
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.target = "/jsonapi/notes",
                                               .fields = type ? fields : NULL,
                                               .body = content,
                                               .body_size = strlen(content)});

    assert_non_null(r);
    return r;
}

static void jsonapi__at_first__has_no_notes(void **state)
{
    const weir_test_response *r = call(*state, "GET", "/jsonapi/notes");

    assert_int_equal(r->status, 200);
    assert_string_equal(weir_test_field(r, "Content-Type"), "application/json");
    assert_string_equal(r->body, "{\"notes\":[]}");
}

static void jsonapi__note__is_made_shown_and_erased(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r =
        post(t, "application/json", "{\"text\": \"Gr\303\274n \\u00e9\"}");

    assert_int_equal(r->status, 201);
    assert_string_equal(weir_test_field(r, "Location"), "notes/1");
    assert_string_equal(r->body, "{\"id\":1,\"text\":\"Gr\303\274n \303\251\"}");

    r = post(t, "Application/JSON; charset=utf-8", "{\"text\": \"\"}");
    assert_int_equal(r->status, 201);
    assert_string_equal(weir_test_field(r, "Location"), "notes/2");

    r = call(t, "GET", "/jsonapi/notes/2");
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "{\"id\":2,\"text\":\"\"}");

    r = call(t, "DELETE", "/jsonapi/notes/1");
    assert_int_equal(r->status, 204);
    assert_int_equal(r->body_size, 0);
    assert_int_equal(call(t, "DELETE", "/jsonapi/notes/1")->status, 404);
    assert_int_equal(call(t, "GET", "/jsonapi/notes/1")->status, 404);

    r = call(t, "GET", "/jsonapi/notes");
    assert_string_equal(r->body, "{\"notes\":[{\"id\":2,\"text\":\"\"}]}");
}

static void jsonapi__number_of_an_erased_note__is_not_given_again(void **state)
{
    weir_test *t = *state;

    assert_int_equal(post(t, "application/json", "{\"text\": \"a\"}")->status, 201);
    assert_int_equal(call(t, "DELETE", "/jsonapi/notes/1")->status, 204);
    assert_string_equal(post(t, "application/json", "{\"text\": \"b\"}")->body,
                        "{\"id\":2,\"text\":\"b\"}");
}

static void jsonapi__other_content__is_a_bad_request(void **state)
{
    static const char *const contents[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"text\": 1}",
        "{\"text\": \"a\", \"more\": 1}",
        "{\"text\": \"a\", \"text\": \"b\"}",
        "{\"text\": \"a\"} b",
        "{\"text\": \"\\u0000\"}",
        "{\"text\": \"\377\"}",
    };

    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        const weir_header fields[] = {{"Content-Type", "application/json"}, {NULL, NULL}};
        const weir_test_response *r =
            weir_test_call(*state, &(weir_test_request){.method = "POST",
                                                        .target = "/jsonapi/notes",
                                                        .fields = fields,
                                                        .body = contents[i],
                                                        .body_size = strlen(contents[i])});

        assert_non_null(r);
        assert_int_equal(r->status, 400);
        assert_string_equal(weir_test_field(r, "Content-Type"), "application/json");
    }
    assert_string_equal(call(*state, "GET", "/jsonapi/notes")->body, "{\"notes\":[]}");
}

static void jsonapi__other_types__are_unsupported(void **state)
{
    assert_int_equal(post(*state, NULL, "{\"text\": \"a\"}")->status, 415);
    assert_int_equal(post(*state, "text/plain", "{\"text\": \"a\"}")->status, 415);
    assert_int_equal(post(*state, "application/jsonp", "{\"text\": \"a\"}")->status, 415);
}

static void jsonapi__content_past_the_limit__is_too_large(void **state)
{
    static char content[16385];
    const weir_header fields[] = {{"Content-Type", "application/json"}, {NULL, NULL}};
    weir_test_request request = {
        .target = "/jsonapi/notes", .fields = fields, .body = content, .body_size = 16384};
    const weir_test_response *r;

    memset(content, ' ', sizeof content);
    memcpy(content, "{\"text\": \"a\"}", 13);
    r = weir_test_call(*state, &request);
    assert_non_null(r);
    assert_int_equal(r->status, 201);
    request.body_size = 16385;
    r = weir_test_call(*state, &request);
    assert_non_null(r);
    assert_int_equal(r->status, 413);
}

static void jsonapi__more_than_a_hundred_notes__find_no_room(void **state)
{
    for (int i = 0; i < 100; i++)
        assert_int_equal(post(*state, "application/json", "{\"text\": \"a\"}")->status, 201);
    assert_int_equal(post(*state, "application/json", "{\"text\": \"a\"}")->status, 507);
    assert_int_equal(call(*state, "DELETE", "/jsonapi/notes/50")->status, 204);
    assert_int_equal(post(*state, "application/json", "{\"text\": \"a\"}")->status, 201);
}

static void jsonapi__other_methods__are_not_allowed(void **state)
{
    const weir_test_response *r = call(*state, "DELETE", "/jsonapi/notes");

    assert_int_equal(r->status, 405);
    assert_string_equal(weir_test_field(r, "Allow"), "GET, HEAD, POST");
    r = call(*state, "PUT", "/jsonapi/notes/1");
    assert_int_equal(r->status, 405);
    assert_string_equal(weir_test_field(r, "Allow"), "GET, HEAD, DELETE");
}

static void jsonapi__other_paths__are_not_found(void **state)
{
    static const char *const targets[] = {
        "/jsonapi",          "/jsonapi/",          "/jsonapi/notes/",
        "/jsonapi/notes/0",  "/jsonapi/notes/01",  "/jsonapi/notes/1x",
        "/jsonapi/notes/-1", "/jsonapi/notes/1/2", "/jsonapi/notes/18446744073709551617"};

    assert_int_equal(post(*state, "application/json", "{\"text\": \"a\"}")->status, 201);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        assert_int_equal(call(*state, "GET", targets[i])->status, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jsonapi__at_first__has_no_notes, mount, unmount),
        cmocka_unit_test_setup_teardown(jsonapi__note__is_made_shown_and_erased, mount, unmount),
        cmocka_unit_test_setup_teardown(jsonapi__number_of_an_erased_note__is_not_given_again,
                                        mount, unmount),
        cmocka_unit_test_setup_teardown(jsonapi__other_content__is_a_bad_request, mount, unmount),
        cmocka_unit_test_setup_teardown(jsonapi__other_types__are_unsupported, mount, unmount),
        cmocka_unit_test_setup_teardown(jsonapi__content_past_the_limit__is_too_large, mount,
                                        unmount),
        cmocka_unit_test_setup_teardown(jsonapi__more_than_a_hundred_notes__find_no_room, mount,
                                        unmount),
        cmocka_unit_test_setup_teardown(jsonapi__other_methods__are_not_allowed, mount, unmount),
        cmocka_unit_test_setup_teardown(jsonapi__other_paths__are_not_found, mount, unmount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
