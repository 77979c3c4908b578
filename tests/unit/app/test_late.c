/*
 * test_late.c — what comes too late, or too early: a request that is answered in its app's place, a
 * loop that does not begin, one who would wait on another's stack, and time that an app has worked
 * for.
 */
#include "support.h"

#include <semaphore.h>
#include <string.h>

#include "test_checks.h"

static struct {
    weir_environ *env;
    weir_app *act;
    struct wr_fake_clock *clock;
    int calls, stops;
    int32_t result, slept;
} it;

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    it.env = env;
    return it.act(env, start_response);
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host;
    (void)state;
    *loop_state = loop;
    return 0;
}

static void loop_stop(void *state, void *loop_state)
{
    (void)state;
    (void)loop_state;
    it.stops++;
}

static weir_plugin plugin_in(int32_t runs)
{
    return (weir_plugin){.magic = WEIR_PLUGIN_MAGIC,
                         .abi_major = WEIR_ABI_MAJOR,
                         .abi_minor = WEIR_ABI_MINOR,
                         .size = sizeof(weir_plugin),
                         .name = "late",
                         .app = app,
                         .loop_start = loop_start,
                         .loop_stop = loop_stop,
                         .runs = runs};
}

static void begin(struct test_server *s, struct test_client *c, int32_t runs, weir_app *act)
{
    const weir_plugin plugin = plugin_in(runs);

    memset(&it, 0, sizeof it);
    it.act = act;
    test_server_init(s);
    it.clock = &s->time;
    assert_non_null(test_server_mount(s, &plugin, NULL, NULL));
    test_client_open(s, c);
}

static void end(struct test_server *s, struct test_client *c)
{
    test_client_fini(c);
    test_server_fini(s);
}

static void count_event(weir_environ *env, void *arg)
{
    (void)env;
    ++*(int *)arg;
}

/* ---- a request that is answered in its app's place ---- */

static weir_body answer_never(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    return weir_later(env);
}

/* The log has what was asked, though the exchange that the app had is gone. */
static void request_ms__of_an_app_that_has_its_own_head__keeps_the_request(void **state)
{
    static const int32_t places[] = {WEIR_IN_COROUTINE, WEIR_IN_THREAD, WEIR_ON_LOOP};
    struct test_server s;
    struct test_client c;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        begin(&s, &c, places[i], answer_never);
        s.site.config.request_ms = 1000;
        test_client_send(&c, "GET /slow?q=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: robot\r\n\r\n");
        for (int k = 0; k < 3; k++) {
            s.mounted->ops->wait(s.mounted);
            test_server_step(&s);
        }
        test_server_advance_ms(&s, 1001);
        for (int k = 0; k < 3; k++) {
            s.mounted->ops->wait(s.mounted);
            test_server_step(&s);
        }
        assert_non_null(s.access_text);
        assert_non_null(strstr(s.access_text, "\"GET /slow?q=1 HTTP/1.1\" 503 "));
        end(&s, &c);
    }
}

static sem_t is_in_app, may_go_on;

/* Where it lies in the head, which is copied meanwhile: not before, nor behind, but by threads that have no
 * order. */
static weir_body end_a_text_and_block(weir_environ *env, weir_start_response *start_response)
{
    const char *method;

    (void)start_response;
    sem_post(&is_in_app);
    method = weir_get(env, "REQUEST_METHOD");
    it.calls = method && strcmp(method, "GET") == 0;
    sem_wait(&may_go_on);
    return weir_error(env, 500);
}

static void request_ms__of_an_app_that_asks_for_texts__keeps_the_request(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    sem_init(&is_in_app, 0, 0);
    sem_init(&may_go_on, 0, 0);
    begin(&s, &c, WEIR_IN_THREAD, end_a_text_and_block);
    s.site.config.request_ms = 1000;
    test_client_send(&c, "GET /slow?q=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: robot\r\n\r\n");
    sem_wait(&is_in_app);
    test_server_advance_ms(&s, 1001);
    assert_non_null(s.access_text);
    assert_non_null(strstr(s.access_text, "\"GET /slow?q=1 HTTP/1.1\" 503 "));
    sem_post(&may_go_on);
    for (int k = 0; k < 3; k++) {
        s.mounted->ops->wait(s.mounted);
        test_server_step(&s);
    }
    assert_int_equal(it.calls, 1);
    end(&s, &c);
    sem_destroy(&is_in_app);
    sem_destroy(&may_go_on);
}

/* ---- a request that nobody waits for ---- */

/* As what a coroutine in C++ throws comes to. */
static weir_body give_up(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    it.slept = weir_sleep(env, 60000);
    it.result = weir_fail(env, "given up");
    return weir_error(env, 500);
}

static void weir_fail__when_the_client_is_gone__is_no_line_of_the_log(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    begin(&s, &c, WEIR_IN_COROUTINE, give_up);
    s.site.log.level = WR_LOG_INFO;
    test_client_send(&c, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    test_server_step(&s);
    test_client_reset(&c);
    for (int k = 0; k < 3; k++)
        test_server_step(&s);
    assert_int_equal(it.slept, WEIR_EGONE);
    assert_int_equal(it.result, WEIR_EFAILED);
    assert_true(!s.log_text || !strstr(s.log_text, "given up"));
    end(&s, &c);
}

/* ---- a loop that does not begin ---- */

static void count_post(void *arg)
{
    ++*(int *)arg;
}

static void count_loop(weir_loop *loop, void *arg)
{
    (void)loop;
    ++*(int *)arg;
}

static int32_t fail_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host;
    (void)state;
    (void)loop_state;
    assert_int_equal(weir_loop_post(loop, count_post, &it.calls), 0);
    assert_int_equal(weir_loop_timer(loop, 0, count_loop, &it.calls), 0);
    return WEIR_ENOMEM;
}

static void loop_start__that_fails__is_not_heard_of(void **state)
{
    weir_plugin failing = plugin_in(WEIR_ON_LOOP);
    struct test_server s;

    (void)state;
    memset(&it, 0, sizeof it);
    failing.loop_start = fail_start;
    test_server_init(&s);
    assert_null(test_server_mount(&s, &failing, NULL, NULL));
    test_server_advance_ms(&s, 1);
    test_server_advance_ms(&s, 1);
    assert_int_equal(it.calls, 0);
    assert_int_equal(it.stops, 0);
    test_server_fini(&s);
}

/* ---- a request that sleeps ---- */

static void sleep_for_it(weir_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    it.result = weir_sleep(it.env, 1);
}

static weir_body sleep_beside_timer(weir_environ *env, weir_start_response *start_response)
{
    weir_loop_timer(weir_loop_state(env), 5, sleep_for_it, NULL);
    it.slept = weir_sleep(env, 10);
    it.calls++;
    start_response(env, 200, NULL);
    return weir_empty();
}

/* Who is called on the loop meanwhile has no stack of its own to be suspended on. */
static void sleep__for_a_coroutine_that_sleeps__is_refused(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    begin(&s, &c, WEIR_IN_COROUTINE, sleep_beside_timer);
    test_client_send(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    test_server_advance_ms(&s, 5);
    assert_int_equal(it.result, WEIR_ESTATE);
    test_server_advance_ms(&s, 5);
    test_server_step(&s);
    assert_int_equal(it.calls, 1);
    assert_int_equal(it.slept, 0);
    end(&s, &c);
}

/* ---- time that an app has worked for ---- */

static weir_body work_and_sleep(weir_environ *env, weir_start_response *start_response)
{
    it.clock->now_ms += 50;
    it.result = weir_sleep(env, 20);
    it.calls++;
    start_response(env, 200, NULL);
    return weir_empty();
}

static weir_body work_and_set_timer(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    it.clock->now_ms += 50;
    it.result = weir_timer(env, 20, count_event, &it.calls);
    return weir_later(env);
}

/* 20 ms begin with the call, however late in its turn of the loop. */
static void check_behind_work(int32_t runs, weir_app *act)
{
    struct test_server s;
    struct test_client c;

    begin(&s, &c, runs, act);
    test_client_send(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    test_server_step(&s);
    test_server_advance_ms(&s, 19);
    test_server_step(&s);
    assert_int_equal(it.calls, 0);
    test_server_advance_ms(&s, 1);
    test_server_step(&s);
    assert_int_equal(it.calls, 1);
    assert_int_equal(it.result, 0);
    end(&s, &c);
}

static void sleep_and_timer__behind_work__take_as_long_as_ever(void **state)
{
    (void)state;
    check_behind_work(WEIR_IN_COROUTINE, work_and_sleep);
    check_behind_work(WEIR_IN_COROUTINE, work_and_set_timer);
    check_behind_work(WEIR_ON_LOOP, work_and_set_timer);
}

WR_TESTS(cmocka_unit_test(weir_fail__when_the_client_is_gone__is_no_line_of_the_log),
         cmocka_unit_test(request_ms__of_an_app_that_has_its_own_head__keeps_the_request),
         cmocka_unit_test(request_ms__of_an_app_that_asks_for_texts__keeps_the_request),
         cmocka_unit_test(loop_start__that_fails__is_not_heard_of),
         cmocka_unit_test(sleep__for_a_coroutine_that_sleeps__is_refused),
         cmocka_unit_test(sleep_and_timer__behind_work__take_as_long_as_ever));
