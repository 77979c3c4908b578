/*
 * An app that waits, in a test: for time, which is the test's; for descriptors; for threads that
 * work for it; for who answers in its stead. As the author of a plugin would write it.
 */
#include "weir_test_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int ends[2]; /* of a pipe */
static atomic_uint closes, ticks;
static uint64_t token;
static const weir_host *host;
static weir_loop *loop;

static void count_close(void *arg)
{
    (void)arg;
    closes++;
}

static uint32_t number_of(weir_environ *env)
{
    return (uint32_t)strtoul(weir_get(env, "QUERY_STRING"), NULL, 10);
}

static weir_body say(weir_environ *env, const char *what, int32_t n)
{
    return weir_printf(env, "%s %d", what, (int)n);
}

/* ---- an app: the path says for what, the query for how long ---- */

static void on_time(weir_environ *env, void *arg)
{
    (void)arg;
    weir_finish(env, weir_text("time"));
}

static weir_body set_timer(weir_environ *env)
{
    int32_t err = weir_timer(env, number_of(env), on_time, NULL);

    return err < 0 ? say(env, "timer", err) : weir_later(env);
}

static void on_ready(weir_environ *env, void *arg, uint32_t events)
{
    char byte;

    (void)arg;
    if (read(ends[0], &byte, 1) != 1)
        byte = '-';
    weir_finish(env, weir_printf(env, "%d%c", events == POLLIN, byte));
}

static weir_body watch(weir_environ *env)
{
    int32_t err = weir_watch_fd(env, ends[0], POLLIN, on_ready, NULL);

    return err < 0 ? say(env, "watch", err) : weir_later(env);
}

static weir_body wait_fd(weir_environ *env)
{
    return say(env, "waited", weir_wait_fd(env, ends[0], POLLIN, number_of(env)));
}

static weir_body answer_later(weir_environ *env)
{
    token = weir_token(env);
    host = env->host;
    return weir_later(env);
}

/* Two pieces, the second one a second after the first. */
static int32_t slow_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    unsigned *n = arg;

    if (*n == 2)
        return WEIR_END;
    if (*n == 1 && weir_sleep(env, 1000) < 0)
        return WEIR_EGONE;
    chunk->data = ++*n == 1 ? "one " : "two";
    chunk->size = *n == 1 ? 4 : 3;
    return WEIR_CHUNK;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");

    weir_defer(env, count_close, NULL);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (strcmp(path, "/sleep") == 0)
        return say(env, "slept", weir_sleep(env, number_of(env)));
    if (strcmp(path, "/timer") == 0)
        return set_timer(env);
    if (strcmp(path, "/wait") == 0)
        return wait_fd(env);
    if (strcmp(path, "/watch") == 0)
        return watch(env);
    if (strcmp(path, "/later") == 0)
        return answer_later(env);
    if (strcmp(path, "/slow") == 0)
        return weir_iterable(slow_next, NULL,
                             memset(weir_alloc(env, sizeof(unsigned)), 0, sizeof(unsigned)));
    return weir_text("done");
}

/* Once a minute, whatever is asked. */
static void tick(weir_loop *l, void *arg)
{
    ticks++;
    weir_loop_timer(l, 60000, tick, arg);
}

static int32_t loop_start(const weir_host *h, weir_loop *l, void *state, void **loop_state)
{
    (void)h, (void)state, (void)loop_state;
    loop = l;
    return weir_loop_timer(l, 60000, tick, NULL);
}

static const weir_plugin plugin = {TESTED, .app = app, .loop_start = loop_start};

static weir_test *start(weir_test_setup setup)
{
    closes = ticks = 0;
    token = 0;
    return started(&plugin, setup);
}

/* Where an app may wait in its call. */
static const weir_test_setup waiting[] = {
    {.runs = WEIR_TEST_IN_THREAD},
    {.runs = WEIR_TEST_IN_THREAD, .serial = 1},
    {.runs = WEIR_TEST_IN_COROUTINE},
    {.runs = WEIR_TEST_IN_COROUTINE, .serial = 1},
    {.runs = WEIR_TEST_IN_COROUTINE, .loops = 2, .serial = 1},
    {.runs = WEIR_TEST_IN_COROUTINE, .lint = 1},
    {.runs = WEIR_TEST_IN_THREAD, .lint = 1},
};

/* Where it may be called back. */
static const weir_test_setup called[] = {
    {.runs = WEIR_TEST_ON_LOOP},
    {.runs = WEIR_TEST_ON_LOOP, .loops = 2, .serial = 1},
    {.runs = WEIR_TEST_IN_COROUTINE},
    {.runs = WEIR_TEST_IN_COROUTINE, .loops = 2, .serial = 1},
    {.runs = WEIR_TEST_ON_LOOP, .lint = 1},
};

/* All of them. */
static const weir_test_setup places[] = {
    {.runs = WEIR_TEST_ON_LOOP},
    {.runs = WEIR_TEST_IN_THREAD},
    {.runs = WEIR_TEST_IN_THREAD, .serial = 1},
    {.runs = WEIR_TEST_ON_LOOP, .loops = 2, .serial = 1},
    {.runs = WEIR_TEST_IN_COROUTINE},
    {.runs = WEIR_TEST_IN_COROUTINE, .loops = 2, .serial = 1},
};

static void open_pipe(void)
{
    assert_int_equal(pipe(ends), 0);
}

static void close_pipe(void)
{
    close(ends[0]);
    close(ends[1]);
}

static void write_byte(char byte)
{
    assert_int_equal(write(ends[1], &byte, 1), 1);
}

/* ---- time ---- */

static void sleep__ends_by_the_tests_time_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(waiting); i++) {
        weir_test *t = start(waiting[i]);

        for (int k = 0; k < 2; k++) { /* the second one on another loop */
            weir_test_exchange *x = begin(t, (weir_test_request){.target = "/sleep?1000"});

            assert_int_equal(weir_test_advance(t, 999), 0);
            assert_int_equal(weir_test_answer(x)->status, 0);
            assert_int_equal(weir_test_advance(t, 1), 0);
            expect_answer(x, "slept 0");
            weir_test_end(x);
        }
        assert_int_equal(weir_test_now(t), 2000);
        assert_int_equal(closes, 2);
        stop(t);
    }
}

static void sleep__on_the_loop__is_refused(void **state)
{
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_ON_LOOP});

    (void)state;
    assert_string_equal(weir_test_get(t, "/sleep?10")->body, "slept -5002");
    stop(t);
}

static void sleep__of_a_client_that_leaves__is_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(waiting); i++) {
        weir_test *t = start(waiting[i]);
        weir_test_exchange *x = begin(t, (weir_test_request){.target = "/sleep?1000"});

        weir_test_leave(x);
        assert_int_equal(closes, 1);
        assert_int_equal(weir_test_now(t), 0);
        weir_test_end(x);
        stop(t);
    }
}

static void sleep__in_next__is_between_two_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(waiting); i++) {
        weir_test *t = start(waiting[i]);
        weir_test_exchange *x = begin(t, (weir_test_request){.target = "/slow"});

        expect_body(x, "one ");
        weir_test_advance(t, 999);
        expect_body(x, "one ");
        weir_test_advance(t, 1);
        expect_answer(x, "one two");
        weir_test_end(x);
        x = begin(t, (weir_test_request){.target = "/slow"});
        weir_test_end(x); /* while it sleeps */
        assert_int_equal(closes, 2);
        stop(t);
    }
}

static void call__that_sleeps__lets_time_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(waiting); i++) {
        weir_test *t = start(waiting[i]);

        assert_string_equal(weir_test_get(t, "/sleep?30000")->body, "slept 0");
        assert_int_equal(weir_test_now(t), 30000);
        assert_non_null(weir_test_splits(t, &(weir_test_request){.target = "/sleep?1"}));
        stop(t);
        t = start(waiting[i]);
        assert_int_equal(weir_test_get(t, "/sleep?60001")->is_cut, 1);
        assert_non_null(strstr(weir_test_log(t), "waits for what will never come"));
        assert_non_null(
            strstr(weir_test_log(t), "GET /sleep?60001 waits for time, in weir_sleep()"));
        assert_int_equal(closes, 1);
        weir_test_free(t);
    }
}

/* As in a server: who sleeps keeps its thread, and others wait for that; nobody waits in real
 * time. */
static void sleep__in_threads__keeps_them(void **state)
{
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_IN_THREAD, .threads = 2, .queue = 1});
    weir_test_request request = {.target = "/sleep?1000"};
    weir_test_exchange *sleeping[] = {begin(t, request), begin(t, request)};
    weir_test_exchange *queued = begin(t, request), *refused = begin(t, request);

    (void)state;
    assert_int_equal(weir_test_answer(refused)->status, 503);
    weir_test_advance(t, 1000);
    expect_answer(sleeping[0], "slept 0");
    expect_answer(sleeping[1], "slept 0");
    assert_int_equal(weir_test_answer(queued)->status, 0);
    weir_test_advance(t, 999);
    assert_int_equal(weir_test_answer(queued)->status, 0);
    weir_test_advance(t, 1);
    expect_answer(queued, "slept 0");
    weir_test_end(sleeping[0]);
    weir_test_end(sleeping[1]);
    weir_test_end(queued);
    weir_test_end(refused);
    weir_test_free(t);
}

static void timer__fires_by_the_tests_time_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(called); i++) {
        weir_test *t = start(called[i]);

        for (int k = 0; k < 2; k++) {
            weir_test_exchange *x = begin(t, (weir_test_request){.target = "/timer?250"});

            weir_test_advance(t, 249);
            assert_int_equal(weir_test_answer(x)->status, 0);
            weir_test_advance(t, 1);
            expect_answer(x, "time");
            weir_test_end(x);
        }
        assert_string_equal(weir_test_get(t, "/timer?5000")->body, "time");
        assert_int_equal(weir_test_now(t), 5500);
        stop(t);
    }
}

static void timer__in_a_thread__is_refused(void **state)
{
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_IN_THREAD});

    (void)state;
    assert_string_equal(weir_test_get(t, "/timer?250")->body, "timer -5002");
    stop(t);
}

static void timer__of_a_loop__needs_no_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        unsigned loops = places[i].loops > 0 ? (unsigned)places[i].loops : 1;

        weir_test_advance(t, 59999);
        assert_int_equal(ticks, 0);
        weir_test_advance(t, 1);
        assert_int_equal(ticks, loops);
        weir_test_advance(t, 180000);
        assert_int_equal(ticks, 4 * loops);
        stop(t);
    }
}

/* ---- coroutines ---- */

static void coroutines__past_their_number__are_a_503(void **state)
{
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_IN_COROUTINE, .coroutines = 2});
    weir_test_request request = {.target = "/sleep?1000"};
    weir_test_exchange *x[2] = {begin(t, request), NULL}, *refused;

    (void)state;
    weir_test_advance(t, 500);
    x[1] = begin(t, request);
    refused = begin(t, request);
    assert_int_equal(weir_test_answer(refused)->status, 503);
    assert_string_equal(weir_test_field(weir_test_answer(refused), "Retry-After"), "1");
    weir_test_end(refused);
    weir_test_advance(t, 500);
    expect_answer(x[0], "slept 0");
    assert_string_equal(weir_test_get(t, "/")->body, "done"); /* there is one again */
    expect_body(x[1], "");
    weir_test_leave(x[1]);
    weir_test_end(x[0]);
    weir_test_end(x[1]);
    x[0] = begin(t, request);
    x[1] = begin(t, request);
    assert_int_equal(weir_test_answer(x[1])->status, 0);
    weir_test_end(x[0]);
    weir_test_end(x[1]);
    assert_non_null(strstr(weir_test_log(t), "coroutines"));
    weir_test_free(t);
}

/* A hundred sleep on one loop, and no thread is there. */
static void coroutines__many__sleep_at_once(void **state)
{
    weir_test *t = start(
        (weir_test_setup){.runs = WEIR_TEST_IN_COROUTINE, .coroutines = 100, .stack_bytes = 65536});
    weir_test_exchange *x[100];

    (void)state;
    for (size_t i = 0; i < WR_COUNT(x); i++)
        x[i] = begin(t, (weir_test_request){.target = "/sleep?1000"});
    weir_test_advance(t, 1000);
    for (size_t i = 0; i < WR_COUNT(x); i++) {
        expect_answer(x[i], "slept 0");
        weir_test_end(x[i]);
    }
    stop(t);
}

/* One has its turn when the one before has returned. */
static void coroutines__of_a_serial_app__wait_for_their_turn(void **state)
{
    weir_test *t = start((weir_test_setup){.runs = WEIR_TEST_IN_COROUTINE, .serial = 1});
    weir_test_exchange *a = begin(t, (weir_test_request){.target = "/sleep?100"});
    weir_test_exchange *b = begin(t, (weir_test_request){.target = "/sleep?100"});

    (void)state;
    weir_test_advance(t, 100);
    expect_answer(a, "slept 0");
    assert_int_equal(weir_test_answer(b)->status, 0);
    weir_test_advance(t, 100);
    expect_answer(b, "slept 0");
    weir_test_end(a);
    weir_test_end(b);
    stop(t);
}

/* As many as the queue has room for. */
static void coroutines__of_a_serial_app__wait_in_its_queue(void **state)
{
    weir_test *t =
        start((weir_test_setup){.runs = WEIR_TEST_IN_COROUTINE, .serial = 1, .queue = 1});
    weir_test_request request = {.target = "/sleep?100"};
    weir_test_exchange *holder = begin(t, request), *waits = begin(t, request);
    weir_test_exchange *refused = begin(t, request);

    (void)state;
    assert_int_equal(weir_test_answer(refused)->status, 503);
    weir_test_leave(waits); /* which makes room */
    weir_test_end(waits);
    waits = begin(t, request);
    assert_int_equal(weir_test_answer(waits)->status, 0);
    weir_test_leave(holder);
    weir_test_advance(t, 100);
    expect_answer(waits, "slept 0");
    weir_test_end(holder);
    weir_test_end(waits);
    weir_test_end(refused);
    assert_int_equal(closes, 2); /* of those that were called */
    weir_test_free(t);
}

static void call__another_has_the_turn__is_said(void **state)
{
    (void)state;
    open_pipe();
    for (int loops = 1; loops <= 2; loops++) { /* the home loop, and another */
        weir_test *t =
            start((weir_test_setup){.runs = WEIR_TEST_IN_COROUTINE, .serial = 1, .loops = loops});
        weir_test_exchange *holder = begin(t, (weir_test_request){.target = "/wait?4294967295"});

        assert_int_equal(weir_test_get(t, "/")->is_cut, 1);
        assert_non_null(strstr(weir_test_log(t), "GET / waits for its turn"));
        weir_test_end(holder);
        assert_string_equal(weir_test_get(t, "/")->body, "done");
        weir_test_free(t);
    }
    close_pipe();
}

/* ---- descriptors ---- */

static void wait_fd__is_ready_when_the_test_says_so(void **state)
{
    (void)state;
    open_pipe();
    for (size_t i = 0; i < WR_COUNT(waiting); i++) {
        weir_test *t = start(waiting[i]);
        weir_test_exchange *x = begin(t, (weir_test_request){.target = "/wait?5000"});
        char byte;

        weir_test_advance(t, 4999);
        assert_int_equal(weir_test_answer(x)->status, 0);
        write_byte('a');
        assert_int_equal(weir_test_run(t), 0);
        expect_answer(x, "waited 1"); /* POLLIN */
        weir_test_end(x);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        stop(t);
    }
    close_pipe();
}

static void wait_fd__times_out_by_the_tests_time(void **state)
{
    (void)state;
    open_pipe();
    for (size_t i = 0; i < WR_COUNT(waiting); i++) {
        weir_test *t = start(waiting[i]);
        weir_test_exchange *x = begin(t, (weir_test_request){.target = "/wait?5000"});

        weir_test_advance(t, 4999);
        assert_int_equal(weir_test_answer(x)->status, 0);
        weir_test_advance(t, 1);
        expect_answer(x, "waited -5015"); /* WEIR_ETIMEDOUT */
        weir_test_end(x);
        assert_string_equal(weir_test_get(t, "/wait?20000")->body, "waited -5015");
        assert_int_equal(weir_test_now(t), 25000);
        stop(t);
    }
    close_pipe();
}

/* Of 4294967295 milliseconds, which is WEIR_NEVER: any time. */
static void wait_fd__forever__is_said_by_a_call(void **state)
{
    (void)state;
    open_pipe();
    for (size_t i = 0; i < WR_COUNT(waiting); i++) {
        weir_test *t = start(waiting[i]);
        const weir_test_response *r = weir_test_get(t, "/wait?4294967295");

        assert_int_equal(r->is_cut, 1);
        assert_int_equal(closes, 1);
        assert_non_null(strstr(weir_test_log(t), "waits for a descriptor, in weir_wait_fd()"));
        weir_test_free(t);
    }
    close_pipe();
}

static void watch_fd__is_ready_when_the_test_says_so(void **state)
{
    (void)state;
    open_pipe();
    for (size_t i = 0; i < WR_COUNT(called); i++) {
        weir_test *t = start(called[i]);

        for (int k = 0; k < 2; k++) {
            weir_test_exchange *x = begin(t, (weir_test_request){.target = "/watch"});

            assert_int_equal(weir_test_run(t), 0);
            assert_int_equal(weir_test_answer(x)->status, 0);
            write_byte('w');
            assert_int_equal(weir_test_run(t), 0);
            expect_answer(x, "1w");
            weir_test_end(x);
        }
        stop(t);
    }
    close_pipe();
}

/* ---- answered by others ---- */

static atomic_uint drops;

static void finish_with(weir_environ *env, void *arg)
{
    weir_finish(env, weir_text(arg));
}

static void count_drop(void *arg)
{
    (void)arg;
    drops++;
}

static char hello[] = "hello";

static int32_t resume_it(void)
{
    return weir_resume(host, token, finish_with, hello, count_drop);
}

static void *resume_on_thread(void *arg)
{
    int32_t *result = arg;

    *result = resume_it();
    return NULL;
}

static int32_t resume_elsewhere(void)
{
    pthread_t thread;
    int32_t result = 1;

    assert_int_equal(pthread_create(&thread, NULL, resume_on_thread, &result), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return result;
}

static void resume__by_the_test__answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);

        drops = 0;
        for (unsigned k = 0; k < 4; k++) { /* by its thread, and by another; on either loop */
            weir_test_exchange *x = begin(t, (weir_test_request){.target = "/later"});

            assert_int_not_equal(token, 0);
            assert_int_equal(k % 2 == 0 ? resume_it() : resume_elsewhere(), 0);
            assert_int_equal(weir_test_answer(x)->status, 0); /* nothing has moved yet */
            assert_int_equal(weir_test_run(t), 0);
            expect_answer(x, "hello");
            assert_int_equal(drops, k);
            assert_int_equal(resume_elsewhere(), WEIR_ESTALE);
            assert_int_equal(drops, k + 1);
            weir_test_end(x);
        }
        assert_int_equal(closes, 4);
        stop(t);
    }
}

static void resume__of_a_client_that_has_left__is_dropped(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        weir_test_exchange *x = begin(t, (weir_test_request){.target = "/later"});

        drops = 0;
        assert_int_equal(resume_it(), 0);
        weir_test_leave(x); /* before it is seen */
        assert_int_equal(drops, 1);
        assert_int_equal(resume_it(), WEIR_ESTALE);
        assert_int_equal(drops, 2);
        weir_test_end(x);
        assert_int_equal(closes, 1);
        stop(t);
    }
}

static void call__nobody_finishes__is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);

        assert_int_equal(weir_test_get(t, "/later")->is_cut, 1);
        assert_non_null(strstr(weir_test_log(t), "GET /later waits for weir_finish()"));
        weir_test_free(t);
    }
}

static void post__to_the_loop__is_done_by_a_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);

        assert_int_equal(weir_loop_post(loop, count_close, NULL), 0);
        assert_int_equal(closes, 0);
        assert_int_equal(weir_test_run(t), 0);
        assert_int_equal(closes, 1);
        stop(t);
    }
}

/* ---- from outside, in real time ---- */

/* A thread that answers when it is let, whenever that is. */
struct answerer {
    pthread_t thread;
    sem_t go;
};

static void *answer(void *arg)
{
    struct answerer *a = arg;

    while (sem_wait(&a->go) < 0)
        ;
    resume_it();
    return NULL;
}

static void begin_answerer(struct answerer *a)
{
    sem_init(&a->go, 0, 0);
    assert_int_equal(pthread_create(&a->thread, NULL, answer, a), 0);
}

static void end_answerer(struct answerer *a)
{
    assert_int_equal(pthread_join(a->thread, NULL), 0);
    sem_destroy(&a->go);
}

static void await__who_answers_from_outside__is_waited_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);
        weir_test_exchange *x = begin(t, (weir_test_request){.target = "/later"});
        struct answerer a;

        assert_int_equal(weir_test_await(t, 1), WEIR_ETIMEDOUT); /* nobody has */
        assert_int_equal(weir_test_now(t), 0);
        begin_answerer(&a);
        sem_post(&a.go);
        while (!weir_test_answer(x)->is_done)
            assert_int_equal(weir_test_await(t, 30000), 0);
        expect_answer(x, "hello");
        end_answerer(&a);
        weir_test_end(x);
        stop(t);
    }
}

/* It has a token as soon as it is called: then it is answered. */
static void *answer_when_asked(void *arg)
{
    (void)arg;
    while (ends[0] >= 0) {
        char byte;

        if (read(ends[0], &byte, 1) == 1)
            resume_it();
        else
            break;
    }
    return NULL;
}

static weir_body ask_outside(weir_environ *env, weir_start_response *start_response)
{
    weir_body later = answer_later(env);

    start_response(env, 200, NULL);
    write_byte('?');
    return later;
}

static const weir_plugin asking = {TESTED, .app = ask_outside};

static void call__outside_is_given_time__is_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test_setup setup = places[i];
        pthread_t thread;
        weir_test *t;

        setup.outside_ms = 30000;
        t = started(&asking, setup);
        open_pipe();
        assert_int_equal(pthread_create(&thread, NULL, answer_when_asked, NULL), 0);
        for (int k = 0; k < 20; k++)
            assert_string_equal(weir_test_get(t, "/")->body, "hello");
        assert_int_equal(weir_test_now(t), 0);
        close(ends[1]);
        assert_int_equal(pthread_join(thread, NULL), 0);
        close(ends[0]);
        stop(t);
    }
}

WR_TESTS(cmocka_unit_test(sleep__ends_by_the_tests_time_alone),
         cmocka_unit_test(sleep__on_the_loop__is_refused),
         cmocka_unit_test(sleep__of_a_client_that_leaves__is_over),
         cmocka_unit_test(sleep__in_next__is_between_two_pieces),
         cmocka_unit_test(call__that_sleeps__lets_time_pass),
         cmocka_unit_test(sleep__in_threads__keeps_them),
         cmocka_unit_test(timer__fires_by_the_tests_time_alone),
         cmocka_unit_test(timer__in_a_thread__is_refused),
         cmocka_unit_test(timer__of_a_loop__needs_no_request),
         cmocka_unit_test(coroutines__past_their_number__are_a_503),
         cmocka_unit_test(coroutines__many__sleep_at_once),
         cmocka_unit_test(coroutines__of_a_serial_app__wait_for_their_turn),
         cmocka_unit_test(coroutines__of_a_serial_app__wait_in_its_queue),
         cmocka_unit_test(call__another_has_the_turn__is_said),
         cmocka_unit_test(wait_fd__is_ready_when_the_test_says_so),
         cmocka_unit_test(wait_fd__times_out_by_the_tests_time),
         cmocka_unit_test(wait_fd__forever__is_said_by_a_call),
         cmocka_unit_test(watch_fd__is_ready_when_the_test_says_so),
         cmocka_unit_test(resume__by_the_test__answers),
         cmocka_unit_test(resume__of_a_client_that_has_left__is_dropped),
         cmocka_unit_test(call__nobody_finishes__is_said),
         cmocka_unit_test(post__to_the_loop__is_done_by_a_run),
         cmocka_unit_test(await__who_answers_from_outside__is_waited_for),
         cmocka_unit_test(call__outside_is_given_time__is_answered));
