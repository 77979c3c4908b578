/*
 * Work on other threads, in a test: it is waited for, as far as it goes, and what is not done is
 * named.
 */
#include "weir_test_fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t begun; /* once for each who comes to the gate */
static sem_t gate;  /* open at first; work stops there while it is shut */
static atomic_uint works, dones, closes;
static pthread_t test_thread;

/* Somebody is there, however long it takes. */
static void await_work(void)
{
    while (sem_wait(&begun) < 0)
        ;
}

static void shut_gate(void)
{
    while (sem_wait(&gate) < 0)
        ;
}

static void open_gate(void)
{
    sem_post(&gate);
}

static void pass_gate(void)
{
    sem_post(&begun);
    shut_gate();
    open_gate();
}

static void count_close(void *arg)
{
    (void)arg;
    closes++;
}

/* What is to be computed, and where it was. */
struct job {
    int n, square;
    bool is_elsewhere;
};

static void compute(void *arg)
{
    struct job *job = arg;

    pass_gate();
    job->square = job->n * job->n;
    job->is_elsewhere = !pthread_equal(pthread_self(), test_thread);
    works++;
}

static void tell(weir_environ *env, void *arg)
{
    const struct job *job = arg;

    dones++;
    weir_finish(env, weir_printf(env, "%d%s", job->square, job->is_elsewhere ? " elsewhere" : ""));
}

static void count_done(weir_environ *env, void *arg)
{
    (void)env, (void)arg;
    dones++;
}

/* The same in all places: it is answered by `tell`. */
static weir_body offload(weir_environ *env, int n)
{
    struct job *job = weir_alloc(env, sizeof *job);
    int32_t err;

    *job = (struct job){.n = n};
    err = weir_offload(env, compute, tell, job);
    return err < 0 ? weir_printf(env, "error %d", (int)err) : weir_later(env);
}

/* Three at once: how many were taken. */
static weir_body offload_more(weir_environ *env)
{
    int32_t said[3];

    for (size_t i = 0; i < WR_COUNT(said); i++)
        said[i] = weir_offload(env, compute, count_done,
                               memset(weir_alloc(env, sizeof(struct job)), 0, sizeof(struct job)));
    return weir_printf(env, "%d %d %d", (int)said[0], (int)said[1], (int)said[2]);
}

/* Touches so much of its stack, from the top down. */
static int touch(volatile char *above, int pages)
{
    volatile char page[4096];

    page[0] = (char)pages;
    above[0] = page[0];
    return pages > 0 ? touch(page, pages - 1) + 1 : 0;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO"), *query = weir_get(env, "QUERY_STRING");
    volatile char above = 0;

    weir_defer(env, count_close, NULL);
    start_response(env, 200, NULL);
    if (strcmp(path, "/square") == 0)
        return offload(env, (int)strtol(query, NULL, 10));
    if (strcmp(path, "/three") == 0)
        return offload_more(env);
    if (strcmp(path, "/stack") == 0)
        return weir_printf(env, "%d", touch(&above, (int)strtol(query, NULL, 10)));
    if (strcmp(path, "/block") == 0)
        pass_gate();
    return weir_text("done");
}

static const weir_plugin plugin = {TESTED, .app = app};

/* Once more, as long as what is at work has no core: patience is short, a busy machine is not. */
static int run_patiently(weir_test *t)
{
    int status;

    do
        status = weir_test_run(t);
    while (status == WEIR_ETIMEDOUT);
    return status;
}

static weir_test *start(weir_test_setup setup)
{
    works = dones = closes = 0;
    sem_destroy(&gate);
    sem_init(&gate, 0, 1);
    sem_destroy(&begun);
    sem_init(&begun, 0, 0);
    test_thread = pthread_self();
    return started(&plugin, setup);
}

static const weir_test_setup places[] = {
    {.runs = WEIR_TEST_ON_LOOP},
    {.runs = WEIR_TEST_ON_LOOP, .loops = 2, .serial = 1},
    {.runs = WEIR_TEST_IN_THREAD},
    {.runs = WEIR_TEST_IN_COROUTINE},
    {.runs = WEIR_TEST_IN_COROUTINE, .loops = 2, .serial = 1},
};

/* ---- that is done ---- */

static void offload__work__is_done_when_the_step_returns(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = start(places[i]);

        for (unsigned k = 1; k <= 10; k++) {
            weir_test_exchange *x = begin(t, (weir_test_request){.target = "/square?12"});

            expect_answer(x, "144 elsewhere");
            assert_int_equal(works, k);
            assert_int_equal(dones, k);
            weir_test_end(x);
        }
        assert_string_equal(weir_test_get(t, "/square?3")->body, "9 elsewhere");
        assert_int_equal(weir_test_now(t), 0);
        assert_int_equal(closes, 11);
        stop(t);
    }
}

/* ---- that is not ---- */

/* One thread, of which the gate holds the first; one more may wait. */
static void offload__more_than_wait__are_refused(void **state)
{
    weir_test *t = start(
        (weir_test_setup){.runs = WEIR_TEST_ON_LOOP, .threads = 1, .queue = 1, .patience_ms = 20});
    weir_test_exchange *x;

    (void)state;
    shut_gate();
    x = begin(t, (weir_test_request){.target = "/three"});
    expect_answer(x, "0 0 -5018"); /* WEIR_EBUSY; the answer need not wait */
    assert_int_equal(works, 0);
    open_gate();
    assert_int_equal(weir_test_run(t), 0);
    assert_in_range(works, 0, 2); /* what has not begun when the response is over is left out */
    assert_int_equal(dones, 2);
    weir_test_end(x);
    assert_int_equal(closes, 1);
    weir_test_free(t);
}

static void run__work_that_blocks__is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test_setup setup = places[i];
        weir_test_exchange *x;
        weir_test *t;

        setup.patience_ms = 50;
        t = start(setup);
        shut_gate();
        x = begin(t, (weir_test_request){.target = "/square?2"});
        assert_int_equal(weir_test_answer(x)->is_done, 0);
        assert_int_equal(weir_test_run(t), WEIR_ETIMEDOUT);
        assert_non_null(strstr(weir_test_log(t), "after 50 ms the app is still at work"));
        assert_non_null(strstr(weir_test_log(t), setup.runs == WEIR_TEST_IN_THREAD
                                                     ? "GET /square?2 waits for a thread"
                                                     : "GET /square?2 waits for its work"));
        open_gate();
        assert_int_equal(run_patiently(t), 0);
        expect_answer(x, "4 elsewhere");
        weir_test_end(x);
        weir_test_free(t);
    }
}

/* Work that has begun is waited for, whoever has left. */
static void leave__while_work_is_out__is_over_when_that_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test_setup setup = places[i];
        weir_test_exchange *x;
        weir_test *t;

        setup.patience_ms = 20;
        t = start(setup);
        shut_gate();
        x = begin(t, (weir_test_request){.target = "/square?2"});
        await_work();
        weir_test_leave(x);
        assert_int_equal(closes, 0);
        open_gate();
        assert_int_equal(run_patiently(t), 0);
        assert_int_equal(closes, 1);
        weir_test_end(x);
        weir_test_free(t);
    }
}

/* Opens the gate when standard error has said for whom it is waited. */
struct reader {
    int from;
    char text[512];
};

static void *read_complaint(void *arg)
{
    struct reader *r = arg;
    size_t n = 0;

    while (!strstr(r->text, "GET /")) {
        ssize_t got = read(r->from, r->text + n, sizeof r->text - 1 - n);

        if (got <= 0)
            break;
        n += (size_t)got;
    }
    open_gate();
    return NULL;
}

/* A test that never ends says why. */
static void free__work_that_blocks__is_named_on_standard_error(void **state)
{
    static const char *const targets[] = {"/square?2", "/block"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(targets); i++) {
        weir_test *t = start((weir_test_setup){
            .runs = i == 0 ? WEIR_TEST_ON_LOOP : WEIR_TEST_IN_THREAD, .patience_ms = 20});
        int ends[2], own = dup(STDERR_FILENO);
        struct reader r = {0};
        pthread_t thread;

        assert_int_equal(pipe(ends), 0);
        r.from = ends[0];
        shut_gate();
        begin(t, (weir_test_request){.target = targets[i]});
        await_work();
        assert_int_equal(pthread_create(&thread, NULL, read_complaint, &r), 0);
        dup2(ends[1], STDERR_FILENO);
        weir_test_free(t);
        dup2(own, STDERR_FILENO);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_non_null(strstr(r.text, "waits for threads of the app, since 20 ms"));
        assert_non_null(strstr(r.text, targets[i]));
        assert_int_equal(closes, 1);
        close(ends[0]);
        close(ends[1]);
        close(own);
    }
}

/* ---- a stack of its own ---- */

static void stack__as_large_as_was_said__holds_so_much(void **state)
{
    weir_test *t =
        start((weir_test_setup){.runs = WEIR_TEST_IN_COROUTINE, .stack_bytes = 8 * 1024 * 1024});
    weir_plugin own = plugin;

    (void)state;
    assert_string_equal(weir_test_get(t, "/stack?500")->body, "500"); /* 2 MB and more */
    stop(t);
    own.stack_bytes = 4 * 1024 * 1024;
    own.runs = WEIR_IN_COROUTINE;
    t = started(&own, (weir_test_setup){0});
    assert_string_equal(weir_test_get(t, "/stack?300")->body, "300");
    stop(t);
}

WR_TESTS(cmocka_unit_test(offload__work__is_done_when_the_step_returns),
         cmocka_unit_test(offload__more_than_wait__are_refused),
         cmocka_unit_test(run__work_that_blocks__is_named),
         cmocka_unit_test(leave__while_work_is_out__is_over_when_that_is),
         cmocka_unit_test(free__work_that_blocks__is_named_on_standard_error),
         cmocka_unit_test(stack__as_large_as_was_said__holds_so_much));
