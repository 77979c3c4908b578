/*
 * test_monitor.c — the example monitor, called as the server calls it, but without a server. The
 * thread says nothing here for an hour: tests/integration/test_monitor.py hears it.
 */
#include <weir/test.h>

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

extern const weir_plugin weir_plugin_v1;

#define QUIET "{\"interval_ms\": 3600000, \"heartbeat_ms\": 0}"

/* With two loops: requests come on one after the other. */
static int mount(void **state)
{
    weir_test *t = weir_test_start(&(weir_test_setup){
        .plugin = &weir_plugin_v1, .route = "/monitor", .config = QUIET, .loops = 2});

    *state = t;
    return t && !weir_test_error(t) ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static weir_test_exchange *begin(weir_test *t, const char *target, const char *last_id)
{
    const weir_header fields[] = {{"Last-Event-ID", last_id}, {NULL, NULL}};
    weir_test_exchange *x = weir_test_begin(
        t, &(weir_test_request){.target = target, .fields = last_id ? fields : NULL});

    assert_non_null(x);
    return x;
}

static weir_test_exchange *look(weir_test *t)
{
    weir_test_exchange *x = begin(t, "/monitor/events", NULL);

    assert_int_equal(weir_test_answer(x)->status, 200);
    return x;
}

/* The number of the event. */
static unsigned long long say(weir_test *t, const char *text)
{
    const weir_test_response *r = weir_test_call(
        t, &(weir_test_request){.target = "/monitor", .body = text, .body_size = strlen(text)});

    assert_non_null(r);
    assert_int_equal(r->status, 204);
    return strtoull(weir_test_field(r, "Event-Id"), NULL, 10);
}

/* What is behind its first event, which tells it its place. */
static const char *heard(const weir_test_exchange *x)
{
    const char *body = weir_test_answer(x)->body;
    const char *place;

    assert_int_equal(strncmp(body, ":\n\nid: ", 7), 0);
    place = strstr(body + 7, "\n\n");
    assert_non_null(place);
    return place + 2;
}

static void expect_notes(const weir_test_exchange *x, unsigned long long first,
                         const char *const *texts, int n)
{
    const char *at = heard(x);

    for (int i = 0; i < n; i++) {
        char want[128];

        snprintf(want, sizeof want, "id: %llu\nevent: note\ndata: %s\n\n", first + (unsigned)i,
                 texts[i]);
        assert_int_equal(strncmp(at, want, strlen(want)), 0);
        at += strlen(want);
    }
    assert_string_equal(at, "");
}

static void monitor__notes__are_heard_on_each_loop_in_one_order(void **state)
{
    static const char *const texts[] = {"a", "b", "c", "d"};
    weir_test_exchange *x[3];
    unsigned long long first = 0;

    for (int i = 0; i < 3; i++)
        x[i] = look(*state);
    for (unsigned i = 0; i < 4; i++) { /* on one loop, and on the other */
        unsigned long long number = say(*state, texts[i]);

        first = i == 0 ? number : first;
        assert_int_equal(number, first + i);
    }
    for (int i = 0; i < 3; i++) {
        expect_notes(x[i], first, texts, 4);
        weir_test_end(x[i]);
    }
}

static void monitor__who_comes_back__gets_what_it_has_missed(void **state)
{
    static const char *const texts[] = {"b", "c"};
    unsigned long long number = say(*state, "a");
    weir_test_exchange *x;
    char id[24];

    snprintf(id, sizeof id, "%llu", number);
    say(*state, "b");
    say(*state, "c");
    for (int i = 0; i < 2; i++) {
        x = begin(*state, "/monitor/events", id);
        expect_notes(x, number + 1, texts, 2);
        weir_test_end(x);
    }
}

static void monitor__who_had_another_hub__gets_all_of_this(void **state)
{
    static const char *const texts[] = {"a"};
    unsigned long long number = say(*state, "a");
    weir_test_exchange *x = begin(*state, "/monitor/events", "17");

    expect_notes(x, number, texts, 1);
    weir_test_end(x);
}

static void monitor__ids_of_nobody__count_for_none(void **state)
{
    static const char *const ids[] = {"", "x", "-1", "9999999999999999999", "99999999999999999999"};

    say(*state, "a");
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        weir_test_exchange *x = begin(*state, "/monitor/events", ids[i]);

        assert_string_equal(heard(x), "");
        weir_test_end(x);
    }
}

/* The history has 128 events. */
static void monitor__client_that_takes_nothing__is_told_what_it_has_missed(void **state)
{
    weir_test_exchange *x = weir_test_begin(
        *state, &(weir_test_request){.target = "/monitor/events", .take = WEIR_TEST_BY_HAND});
    char text[400], *missed = NULL;
    unsigned long long last = 0;
    const char *body;
    long n = 0;

    assert_non_null(x);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 1000; i++)
        last = say(*state, text);
    weir_test_take(x, WEIR_TEST_ALL);
    body = weir_test_answer(x)->body;
    missed = strstr(body, "event: missed\ndata: ");
    assert_non_null(missed);
    n = strtol(missed + 20, NULL, 10);
    assert_in_range(n, 600, 1000 - 128);
    assert_null(strstr(missed + 1, "event: missed"));
    for (const char *at = body; (at = strstr(at, "event: note")); at++)
        n++;
    assert_int_equal(n, 1000);
    snprintf(text, sizeof text, "id: %llu\n", last);
    assert_non_null(strstr(body, text));
    weir_test_end(x);
}

static void monitor__stream__ends_after_its_time(void **state)
{
    weir_test_exchange *x = look(*state);

    assert_int_equal(weir_test_advance(*state, 599999), 0);
    assert_int_equal(weir_test_answer(x)->is_done, 0);
    assert_int_equal(weir_test_advance(*state, 1), 0);
    assert_int_equal(weir_test_answer(x)->is_done, 1);
    assert_int_equal(weir_test_answer(x)->is_cut, 0);
    weir_test_end(x);
}

static void monitor__who_half_closes__has_left(void **state)
{
    weir_test_exchange *x = look(*state), *y = look(*state);

    weir_test_half_close(x);
    assert_int_equal(weir_test_answer(x)->is_done, 1);
    say(*state, "a");
    assert_string_equal(heard(x), "");
    assert_string_not_equal(heard(y), "");
    weir_test_end(x);
    weir_test_end(y);
}

static void monitor__next__waits_for_an_event_of_any_loop(void **state)
{
    weir_test_exchange *x[2];
    char id[24];

    for (int i = 0; i < 2; i++) {
        x[i] = begin(*state, "/monitor/next", NULL);
        assert_int_equal(weir_test_answer(x[i])->status, 0);
    }
    snprintf(id, sizeof id, "%llu", say(*state, "hello"));
    say(*state, "again");
    for (int i = 0; i < 2; i++) {
        const weir_test_response *r = weir_test_answer(x[i]);

        assert_int_equal(r->status, 200);
        assert_int_equal(r->is_done, 1);
        assert_string_equal(r->body, "hello");
        assert_string_equal(weir_test_field(r, "Event-Id"), id);
        assert_string_equal(weir_test_field(r, "Event-Type"), "note");
        weir_test_end(x[i]);
    }
}

static void monitor__next_behind_an_event__is_there_at_once(void **state)
{
    unsigned long long number = say(*state, "a");
    const weir_test_response *r;
    char target[64];

    say(*state, "b");
    snprintf(target, sizeof target, "/monitor/next?after=%llu", number);
    r = weir_test_get(*state, target);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "b");
}

static void monitor__next_without_one__is_a_204(void **state)
{
    weir_test_exchange *x = begin(*state, "/monitor/next", NULL);

    assert_int_equal(weir_test_advance(*state, 24999), 0);
    assert_int_equal(weir_test_answer(x)->status, 0);
    assert_int_equal(weir_test_advance(*state, 1), 0);
    assert_int_equal(weir_test_answer(x)->status, 204);
    assert_int_equal(weir_test_answer(x)->is_done, 1);
    say(*state, "a"); /* for nobody */
    weir_test_end(x);
    assert_string_equal(weir_test_log(*state), "");
}

static void monitor__who_waits_and_leaves__is_forgotten(void **state)
{
    for (int i = 0; i < 4; i++) {
        weir_test_exchange *x = begin(*state, "/monitor/next", NULL);

        weir_test_leave(x);
        weir_test_end(x);
    }
    say(*state, "a");
    assert_string_equal(weir_test_log(*state), "");
}

static void monitor__page__is_html(void **state)
{
    static const char *const paths[] = {"/monitor", "/monitor/"};

    for (int i = 0; i < 2; i++) {
        const weir_test_response *r = weir_test_get(*state, paths[i]);

        assert_int_equal(r->status, 200);
        assert_string_equal(weir_test_field(r, "Content-Type"), "text/html; charset=utf-8");
        assert_non_null(strstr(r->body, "new EventSource("));
    }
}

static void monitor__what_is_not_there__is_refused(void **state)
{
    static const struct {
        const char *method, *target;
        int32_t status;
        const char *allow;
    } cases[] = {
        {"PUT", "/monitor", 405, "GET, HEAD, POST"},
        {"POST", "/monitor/events", 405, "GET, HEAD"},
        {"HEAD", "/monitor/next", 405, "GET"},
        {"GET", "/monitor/other", 404, NULL},
        {"POST", "/monitor", 400, NULL},
        {"HEAD", "/monitor/events", 200, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const weir_test_response *r = weir_test_call(
            *state, &(weir_test_request){.method = cases[i].method, .target = cases[i].target});
        const char *allow = weir_test_field(r, "Allow");

        assert_int_equal(r->status, cases[i].status);
        assert_string_equal(allow ? allow : "", cases[i].allow ? cases[i].allow : "");
    }
}

static void monitor__configuration_against_the_schema__is_not_loaded(void **state)
{
    static const char *const configs[] = {"{\"interval_ms\": 0}", "{\"heartbeat_ms\": -1}",
                                          "{\"stream_ms\": 86400001}", "{\"wait_ms\": 1.5}",
                                          "{\"interval\": 1}"};

    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        weir_test *t = weir_test_new(&weir_plugin_v1, "/monitor", configs[i]);

        assert_non_null(t);
        assert_non_null(weir_test_error(t));
        weir_test_free(t);
    }
}

#define MOUNTED(name) cmocka_unit_test_setup_teardown(name, mount, unmount)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MOUNTED(monitor__notes__are_heard_on_each_loop_in_one_order),
        MOUNTED(monitor__who_comes_back__gets_what_it_has_missed),
        MOUNTED(monitor__who_had_another_hub__gets_all_of_this),
        MOUNTED(monitor__ids_of_nobody__count_for_none),
        MOUNTED(monitor__client_that_takes_nothing__is_told_what_it_has_missed),
        MOUNTED(monitor__stream__ends_after_its_time),
        MOUNTED(monitor__who_half_closes__has_left),
        MOUNTED(monitor__next__waits_for_an_event_of_any_loop),
        MOUNTED(monitor__next_behind_an_event__is_there_at_once),
        MOUNTED(monitor__next_without_one__is_a_204),
        MOUNTED(monitor__who_waits_and_leaves__is_forgotten),
        MOUNTED(monitor__page__is_html),
        MOUNTED(monitor__what_is_not_there__is_refused),
        cmocka_unit_test(monitor__configuration_against_the_schema__is_not_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
