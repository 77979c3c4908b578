/*
 * test_chat.c — the example chat, called as the server calls it, but without a server.
 */
#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

extern const weir_plugin weir_plugin_v1;

static int mount(void **state)
{
    weir_test *t = weir_test_start(
        &(weir_test_setup){.plugin = &weir_plugin_v1, .route = "/chat", .loops = 2});

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

static weir_test_exchange *listen_from(weir_test *t, const char *id, size_t take)
{
    const weir_header fields[] = {{"Last-Event-ID", id}, {NULL, NULL}};
    weir_test_exchange *x = weir_test_begin(
        t, &(weir_test_request){.target = "/chat", .fields = id ? fields : NULL, .take = take});

    assert_non_null(x);
    return x;
}

/* The data it has got, each line of it with a '|'. */
static void heard(const weir_test_exchange *x, char out[static 4096])
{
    const char *p = weir_test_answer(x)->body;
    size_t n = 0;

    for (; *p; p += *p == '\n') {
        size_t line = strcspn(p, "\n");

        if (strncmp(p, "data: ", 6) == 0) {
            assert_true(n + line < 4096);
            memcpy(out + n, p + 6, line - 6);
            n += line - 6;
            out[n++] = '|';
        }
        p += line;
    }
    out[n] = '\0';
}

static void expect_heard(const weir_test_exchange *x, const char *wanted)
{
    char got[4096];

    heard(x, got);
    assert_string_equal(got, wanted);
}

/* The number of its last event. */
static void last_id(const weir_test_exchange *x, char id[static 32])
{
    const char *p = weir_test_answer(x)->body, *found = NULL;

    for (; (p = strstr(p, "id: ")); p++)
        found = p + 4;
    assert_non_null(found);
    snprintf(id, 32, "%.*s", (int)strcspn(found, "\n"), found);
}

static void say(weir_test *t, const char *line)
{
    expect(t, line, strlen(line), 204);
}

static void chat__line__is_heard_by_all_from_then_on(void **state)
{
    weir_test_exchange *a = listen_from(*state, NULL, 0), *b, *c;

    say(*state, "one");
    b = listen_from(*state, NULL, 0);
    c = listen_from(*state, NULL, 0);
    say(*state, "two\r\nlines");
    expect_heard(a, "one|two|lines|");
    expect_heard(b, "two|lines|");
    weir_test_leave(b);
    say(*state, "three");
    expect_heard(c, "two|lines|three|");
    expect_heard(a, "one|two|lines|three|");
    weir_test_end(c);
    weir_test_end(b);
    weir_test_end(a);
}

static void chat__who_comes_back__gets_what_was_missed(void **state)
{
    weir_test_exchange *a = listen_from(*state, NULL, 0);
    char id[32], later[32];

    last_id(a, id); /* before there is a line */
    say(*state, "one");
    last_id(a, later);
    weir_test_end(a);
    say(*state, "two");
    a = listen_from(*state, id, 0);
    expect_heard(a, "one|two|");
    weir_test_end(a);
    a = listen_from(*state, later, 0);
    expect_heard(a, "two|");
    weir_test_end(a);
    a = listen_from(*state, "not of ours", 0);
    expect_heard(a, "");
    weir_test_end(a);
}

/* What it was given before it stopped, and then no more than the history has: the last is there. */
static void chat__client_that_takes_nothing__misses_what_the_history_has_not(void **state)
{
    weir_test_exchange *a = listen_from(*state, NULL, WEIR_TEST_BY_HAND);
    char line[32], got[4096], wanted[4096];
    size_t n = 0;

    weir_test_take(a, 40);
    for (int i = 0; i < 250; i++) {
        snprintf(line, sizeof line, "line %d", i);
        say(*state, line);
        if (i >= 150)
            n += (size_t)snprintf(wanted + n, sizeof wanted - n, "%s|", line);
    }
    weir_test_take(a, WEIR_TEST_ALL);
    heard(a, got);
    assert_in_range(strlen(got), n, n + 100);
    assert_string_equal(got + strlen(got) - n, wanted);
    weir_test_end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(chat__line__is_taken, mount, unmount),
        cmocka_unit_test_setup_teardown(chat__line__has_from_1_to_1024_bytes, mount, unmount),
        cmocka_unit_test_setup_teardown(chat__more_lines_than_its_history__are_taken, mount,
                                        unmount),
        cmocka_unit_test_setup_teardown(chat__line__is_heard_by_all_from_then_on, mount, unmount),
        cmocka_unit_test_setup_teardown(chat__who_comes_back__gets_what_was_missed, mount, unmount),
        cmocka_unit_test_setup_teardown(
            chat__client_that_takes_nothing__misses_what_the_history_has_not, mount, unmount),
        cmocka_unit_test_setup_teardown(chat__head__tells_the_type_and_ends, mount, unmount),
        cmocka_unit_test_setup_teardown(chat__other_methods__are_not_allowed, mount, unmount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
