#include "weir_test_fixture.h"

#include <pthread.h>
#include <string.h>

#include "app/builtin.h"

static unsigned closes;

static void count_close(void *arg)
{
    (void)arg;
    closes++;
}

static int32_t spin_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)arg;
    (void)chunk;
    weir_wake(env);
    return WEIR_AGAIN;
}

static int32_t endless_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    static char much[1024 * 1024];

    (void)env;
    (void)arg;
    chunk->data = much;
    chunk->size = sizeof much;
    return WEIR_CHUNK;
}

/* A clock that ticks once a second, three times. */
struct ticker {
    struct wr_timer timer;
    struct wr_loop *loop;
    weir_environ *env;
    unsigned due, sent;
};

static void tick(struct wr_timer *timer)
{
    struct ticker *it = WR_CONTAINER_OF(timer, struct ticker, timer);

    it->due++;
    weir_wake(it->env);
    if (it->due < 3)
        wr_timer_set(wr_loop_timers(it->loop), timer, wr_loop_now_ms(it->loop) + 1000);
}

static int32_t tick_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct ticker *it = arg;

    (void)env;
    if (it->sent == 3)
        return WEIR_END;
    if (it->sent == it->due)
        return WEIR_AGAIN;
    it->sent++;
    chunk->data = "tick ";
    chunk->size = 5;
    return WEIR_CHUNK;
}

static void stop_ticking(void *arg)
{
    struct ticker *it = arg;

    wr_timer_clear(wr_loop_timers(it->loop), &it->timer);
}

static weir_body begin_ticking(weir_environ *env)
{
    struct ticker *it = weir_alloc(env, sizeof *it);

    *it = (struct ticker){.env = env, .loop = weir_loop_state(env)};
    wr_timer_init(&it->timer, tick);
    wr_timer_set(wr_loop_timers(it->loop), &it->timer, wr_loop_now_ms(it->loop) + 1000);
    return weir_iterable(tick_next, stop_ticking, it);
}

/* A thread that blocks in what is not Weir's. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");

    start_response(env, 200, NULL);
    if (strcmp(path, "/spin") == 0)
        return weir_iterable(spin_next, count_close, NULL);
    if (strcmp(path, "/endless") == 0)
        return weir_iterable(endless_next, count_close, NULL);
    if (strcmp(path, "/ticks") == 0)
        return begin_ticking(env);
    if (strcmp(path, "/block") == 0) {
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
    }
    return weir_text("done");
}

static int32_t keep_loop(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host;
    (void)state;
    *loop_state = wr_app_loop_of(loop)->worker->loop;
    return 0;
}

static const weir_plugin plugin = {TESTED, .loop_start = keep_loop, .app = app};

static weir_test *start(weir_test_setup setup)
{
    closes = 0;
    return started(&plugin, setup);
}

static weir_test *start_on_loop(void)
{
    return start((weir_test_setup){.runs = WEIR_TEST_ON_LOOP});
}

static void advance__timers__fire_at_their_time(void **state)
{
    weir_test *t = start_on_loop();
    weir_test_exchange *x = begin(t, (weir_test_request){.target = "/ticks"});

    (void)state;
    assert_int_equal(weir_test_now(t), 0);
    assert_int_equal(weir_test_advance(t, 999), 0);
    expect_body(x, "");
    assert_int_equal(weir_test_advance(t, 1), 0);
    expect_body(x, "tick ");
    assert_int_equal(weir_test_now(t), 1000);
    assert_int_equal(weir_test_advance(t, 1500), 0);
    expect_body(x, "tick tick ");
    assert_int_equal(weir_test_now(t), 2500);
    assert_int_equal(weir_test_advance(t, 10000), 0);
    expect_body(x, "tick tick tick ");
    expect_end(x, 0);
    assert_int_equal(weir_test_now(t), 12500);
    weir_test_end(x);
    weir_test_free(t);
}

static void call__app_waits_for_time__it_passes(void **state)
{
    weir_test *t = start_on_loop();
    const weir_test_response *r = weir_test_get(t, "/ticks");

    (void)state;
    assert_string_equal(r->body, "tick tick tick ");
    assert_int_equal(r->is_cut, 0);
    assert_int_equal(weir_test_now(t), 3000);
    assert_string_equal(weir_test_log(t), "");
    weir_test_free(t);
}

static void run__app_that_moves_without_end__is_reported(void **state)
{
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_ON_LOOP, .patience_ms = 20});
    weir_test_exchange *x = begin(t, (weir_test_request){.target = "/spin"});

    (void)state;
    assert_int_equal(weir_test_answer(x)->is_done, 0);
    assert_non_null(strstr(weir_test_log(t), "after 20 ms"));
    assert_int_equal(weir_test_run(t), WEIR_ETIMEDOUT);
    assert_int_equal(weir_test_advance(t, 5), WEIR_ETIMEDOUT);
    weir_test_end(x);
    assert_int_equal(closes, 1);
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(weir_test_get(t, "/endless")->is_cut, 1);
    assert_non_null(strstr(weir_test_log(t), "more than 64 MiB"));
    assert_int_equal(closes, 2);
    weir_test_free(t);
}

static void run__thread_that_blocks__is_reported_and_not_waited_for(void **state)
{
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_IN_THREAD, .patience_ms = 250});
    weir_test_exchange *x;

    (void)state;
    pthread_mutex_lock(&gate);
    x = begin(t, (weir_test_request){.target = "/block"});
    assert_int_equal(weir_test_answer(x)->status, 0);
    assert_int_equal(weir_test_run(t), WEIR_ETIMEDOUT);
    assert_string_equal(weir_test_get(t, "/")->body, "done"); /* by the other thread */
    pthread_mutex_unlock(&gate);
    assert_int_equal(weir_test_run(t), 0);
    expect_body(x, "done");
    weir_test_end(x);
    weir_test_free(t);
}

WR_TESTS(cmocka_unit_test(advance__timers__fire_at_their_time),
         cmocka_unit_test(call__app_waits_for_time__it_passes),
         cmocka_unit_test(run__app_that_moves_without_end__is_reported),
         cmocka_unit_test(run__thread_that_blocks__is_reported_and_not_waited_for));
