/*
 * test_between.c — what an app does between the pieces of its body: in callbacks, and in close. The client
 * gets what it gives, in the order in which it does, wherever it runs; and no callback is lost.
 */
#include "support.h"

#include <weir/test.h>

static const weir_test_setup places[] = {
    {.runs = WEIR_TEST_ON_LOOP},
    {.runs = WEIR_TEST_IN_THREAD},
    {.runs = WEIR_TEST_IN_THREAD, .serial = 1},
    {.runs = WEIR_TEST_ON_LOOP, .serial = 1, .loops = 2}, /* at home, and not */
};

static struct {
    weir_environ *env;
    weir_start_response *start;
    int nexts, inputs;
    int32_t late; /* what weir_read_all() has said in close */
} seen;

static int32_t say(weir_chunk *chunk, const char *text)
{
    chunk->data = text;
    chunk->size = 1;
    return WEIR_CHUNK;
}

static weir_environ *begin(weir_environ *env, weir_start_response *start_response)
{
    memset(&seen, 0, sizeof seen);
    seen.env = env;
    seen.start = start_response;
    return env;
}

/* ---- a callback writes before the first piece is there ---- */

static void write_and_wake(weir_environ *env, void *arg)
{
    (void)arg;
    seen.inputs++;
    assert_int_equal(weir_write(env, "w", 1), 0);
    weir_wake(env);
}

static int32_t wait_then_say(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)arg;
    switch (seen.nexts++) {
    case 0:
        seen.start(env, 200, NULL);
        return WEIR_AGAIN;
    case 1:
        return say(chunk, "C");
    default:
        return WEIR_END;
    }
}

static weir_body write_first(weir_environ *env, weir_start_response *start_response)
{
    begin(env, start_response);
    weir_on_input(env, write_and_wake, NULL);
    return weir_iterable(wait_then_say, NULL, NULL);
}

/* ---- a callback writes while a piece waits for the client ---- */

static int32_t say_at_once(weir_environ *env, void *arg, weir_chunk *chunk)
{
    char byte;

    (void)arg;
    if (seen.nexts++ > 0)
        return WEIR_END;
    seen.start(env, 200, NULL);
    weir_write(env, "b", 1);
    assert_int_equal(weir_read(env, &byte, 0), 0);
    return say(chunk, "C");
}

static void write_alone(weir_environ *env, void *arg)
{
    char bytes[8];

    (void)arg;
    if (weir_read(env, bytes, sizeof bytes) > 0)
        assert_int_equal(weir_write(env, "w", 1), 0);
}

static weir_body write_behind(weir_environ *env, weir_start_response *start_response)
{
    begin(env, start_response);
    weir_on_input(env, write_alone, NULL);
    return weir_iterable(say_at_once, NULL, NULL);
}

/* ---- next chooses a status without content ---- */

static int32_t say_205(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)arg;
    if (seen.nexts++ > 0)
        return WEIR_END;
    seen.start(env, 205, NULL);
    weir_write(env, "w", 1);
    return say(chunk, "C");
}

static weir_body reset_content(weir_environ *env, weir_start_response *start_response)
{
    begin(env, start_response);
    return weir_iterable(say_205, NULL, NULL);
}

/* ---- close asks for content ---- */

static void never(weir_environ *env, void *arg, const void *data, int64_t n)
{
    (void)env;
    (void)arg;
    (void)data;
    (void)n;
    fail();
}

static void ask_late(void *arg)
{
    (void)arg;
    seen.late = weir_read_all(seen.env, 100, never, NULL);
}

static weir_body ask_in_close(weir_environ *env, weir_start_response *start_response)
{
    begin(env, start_response);
    start_response(env, 200, NULL);
    return weir_owned("C", 1, ask_late, NULL);
}

/* ---- next is told of content, and leaves it to a callback ---- */

static void read_it(weir_environ *env, void *arg)
{
    char bytes[8];

    (void)arg;
    seen.inputs += weir_read(env, bytes, sizeof bytes) > 0;
    weir_wake(env);
}

static int32_t leave_it(weir_environ *env, void *arg, weir_chunk *chunk)
{
    char bytes[8];

    (void)arg;
    switch (seen.nexts++) {
    case 0:
        seen.start(env, 200, NULL);
        return (int32_t)weir_read(env, bytes, sizeof bytes);
    case 1:
        weir_on_input(env, read_it, NULL);
        return WEIR_AGAIN;
    case 2:
        return say(chunk, "C");
    default:
        return WEIR_END;
    }
}

static weir_body read_in_callback(weir_environ *env, weir_start_response *start_response)
{
    begin(env, start_response);
    return weir_iterable(leave_it, NULL, NULL);
}

/* ---- next waits for content behind what it has written ---- */

static int32_t write_then_read(weir_environ *env, void *arg, weir_chunk *chunk)
{
    char bytes[8];

    (void)arg;
    if (seen.nexts++ > 0)
        return weir_read(env, bytes, sizeof bytes) > 0 ? say(chunk, "C") : WEIR_END;
    seen.start(env, 200, NULL);
    weir_write(env, "w", 1);
    return (int32_t)weir_read(env, bytes, sizeof bytes);
}

static void read_nothing(weir_environ *env, void *arg)
{
    (void)env;
    (void)arg;
    seen.inputs++;
}

static weir_body write_and_read(weir_environ *env, weir_start_response *start_response)
{
    begin(env, start_response);
    weir_on_input(env, read_nothing, NULL);
    return weir_iterable(write_then_read, NULL, NULL);
}

/* ---- next wakes itself, and a callback is due as well ---- */

static int32_t wake_itself(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)arg;
    switch (seen.nexts++) {
    case 0:
        seen.start(env, 200, NULL);
        weir_wake(env);
        return WEIR_AGAIN;
    case 1:
        return say(chunk, "C");
    default:
        return WEIR_END;
    }
}

static weir_body wake_and_call(weir_environ *env, weir_start_response *start_response)
{
    begin(env, start_response);
    weir_on_writable(env, read_nothing, NULL);
    return weir_iterable(wake_itself, NULL, NULL);
}

/* ---- a callback has a trailer for a body that may have ended ---- */

static void add_late(weir_environ *env, void *arg)
{
    (void)arg;
    seen.inputs++;
    seen.late = weir_trailer_add(env, "X-Sum", "1", 1);
}

static weir_body add_behind(weir_environ *env, weir_start_response *start_response)
{
    begin(env, start_response);
    start_response(env, 200, NULL);
    weir_on_input(env, add_late, NULL);
    return weir_text("C");
}

/* ---- a wake, and a body that cannot be asked ---- */

static weir_body wake_for_nothing(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    weir_wake(env);
    return weir_iterable(NULL, NULL, NULL);
}

/* ---- running them ---- */

static weir_test *start_at(size_t place, weir_plugin *plugin, weir_app *app)
{
    weir_test_setup setup = places[place];
    weir_test *t;

    *plugin = (weir_plugin){.magic = WEIR_PLUGIN_MAGIC,
                            .abi_major = WEIR_ABI_MAJOR,
                            .abi_minor = WEIR_ABI_MINOR,
                            .size = sizeof *plugin,
                            .name = "between",
                            .app = app};
    setup.plugin = plugin;
    t = weir_test_start(&setup);
    assert_non_null(t);
    assert_null(weir_test_error(t));
    return t;
}

/* Twice, so that it is once at home and once not, where there are two loops. */
static void check_app(weir_app *app, int32_t status, const char *body, const char *log)
{
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_plugin plugin;
        weir_test *t = start_at(i, &plugin, app);

        for (int k = 0; k < 2; k++) {
            const weir_test_response *r = weir_test_get(t, "/");

            assert_int_equal(r->status, status);
            assert_int_equal(r->is_cut, 0);
            if (body)
                assert_string_equal(r->body, body);
        }
        if (log)
            assert_non_null(strstr(weir_test_log(t), log));
        else
            assert_string_equal(weir_test_log(t), "");
        weir_test_free(t);
    }
}

static void callback__writes_before_the_first_piece__next_is_still_asked(void **state)
{
    (void)state;
    check_app(write_first, 200, "wC", NULL);
}

static void callback__writes_behind_a_piece_that_waits__is_sent_behind_it(void **state)
{
    static const weir_test_request request = {
        .content_length = 1, .take = WEIR_TEST_BY_HAND, .method = "POST"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_plugin plugin;
        weir_test *t = start_at(i, &plugin, write_behind);

        for (int k = 0; k < 2; k++) {
            weir_test_exchange *x = weir_test_begin(t, &request);

            assert_int_equal(weir_test_send(x, "1", 1), 0);
            weir_test_take(x, WEIR_TEST_ALL);
            assert_string_equal(weir_test_answer(x)->body, "bCw");
            weir_test_end(x);
        }
        weir_test_free(t);
    }
}

static void next__chooses_205_with_a_piece__has_no_content(void **state)
{
    (void)state;
    check_app(reset_content, 205, "", NULL);
}

static void close__asks_for_content__is_told_that_it_is_over(void **state)
{
    (void)state;
    seen.late = 0;
    check_app(ask_in_close, 200, "C", NULL);
    assert_int_equal(seen.late, WEIR_EGONE);
}

static void next__leaves_content_to_a_callback__which_is_called(void **state)
{
    static const weir_test_request request = {.content_length = 1, .method = "POST"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_plugin plugin;
        weir_test *t;

        if (places[i].runs != WEIR_TEST_ON_LOOP) /* where next waits for it */
            continue;
        t = start_at(i, &plugin, read_in_callback);

        for (int k = 0; k < 2; k++) {
            weir_test_exchange *x = weir_test_begin(t, &request);

            assert_int_equal(weir_test_send(x, "1", 1), 0);
            assert_int_equal(seen.inputs, 1);
            assert_string_equal(weir_test_answer(x)->body, "C");
            weir_test_end(x);
        }
        weir_test_free(t);
    }
}

static void next__waits_for_content_behind_its_output__is_told_of_it(void **state)
{
    static const weir_test_request request = {
        .content_length = 1, .method = "POST", .take = WEIR_TEST_BY_HAND};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_plugin plugin;
        weir_test *t;

        if (places[i].runs != WEIR_TEST_ON_LOOP) /* where next waits for it */
            continue;
        t = start_at(i, &plugin, write_and_read);
        for (int k = 0; k < 2; k++) {
            weir_test_exchange *x = weir_test_begin(t, &request);

            assert_int_equal(weir_test_send(x, "1", 1), 0);
            weir_test_take(x, WEIR_TEST_ALL);
            assert_string_equal(weir_test_answer(x)->body, "wC");
            assert_int_equal(weir_test_answer(x)->is_done, 1);
            weir_test_end(x);
        }
        weir_test_free(t);
    }
}

static void next__wakes_itself_where_a_callback_is_due__is_asked_again(void **state)
{
    (void)state;
    check_app(wake_and_call, 200, "C", NULL);
    assert_int_equal(seen.inputs, 1);
}

static void callback__trailer_of_a_body_of_known_size__comes_too_late(void **state)
{
    static const weir_test_request request = {
        .content_length = 1, .method = "POST", .take = WEIR_TEST_BY_HAND};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_plugin plugin;
        weir_test *t = start_at(i, &plugin, add_behind);
        weir_test_exchange *x = weir_test_begin(t, &request);

        weir_test_send(x, "1", 1);
        assert_int_equal(seen.inputs, 1);
        assert_int_equal(seen.late, WEIR_ESTATE);
        weir_test_end(x);
        weir_test_free(t);
    }
}

static void iterable__without_next_but_woken__is_a_500(void **state)
{
    (void)state;
    check_app(wake_for_nothing, 500, NULL, "an iterable without next");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callback__writes_before_the_first_piece__next_is_still_asked),
        cmocka_unit_test(callback__writes_behind_a_piece_that_waits__is_sent_behind_it),
        cmocka_unit_test(next__chooses_205_with_a_piece__has_no_content),
        cmocka_unit_test(close__asks_for_content__is_told_that_it_is_over),
        cmocka_unit_test(next__leaves_content_to_a_callback__which_is_called),
        cmocka_unit_test(next__waits_for_content_behind_its_output__is_told_of_it),
        cmocka_unit_test(next__wakes_itself_where_a_callback_is_due__is_asked_again),
        cmocka_unit_test(callback__trailer_of_a_body_of_known_size__comes_too_late),
        cmocka_unit_test(iterable__without_next_but_woken__is_a_500),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
