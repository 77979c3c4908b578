/* The checker and what answers later: on the loop, in a thread, in a coroutine. The plugin is
 * part of this program; tests/lint has one for each rule. */
#include "support.h"

#include <weir/test.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000L

static const weir_header fields[] = {{"Content-Type", "text/plain"}, {NULL, NULL}};

/* What apps and callbacks have seen; each test begins with none. */
static int calls, drops, state_of_loop;
static void *seen_state, *old;
static weir_environ *kept, *stand_in;
static atomic_bool is_told;

/* ---- pieces of apps ---- */

static void answer(weir_environ *env, void *arg)
{
    calls++;
    if (stand_in)
        assert_ptr_equal(env, stand_in);
    weir_finish(env, arg ? weir_text("with") : weir_text("without"));
}

static void count(weir_environ *env, void *arg)
{
    (void)env;
    (void)arg;
    calls++;
}

static void drop(void *arg)
{
    (void)arg;
    drops++;
}

static void pause_really(long ns)
{
    const struct timespec pause = {0, ns};

    nanosleep(&pause, NULL);
}

static void compute(long ns)
{
    struct timespec began, now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while ((now.tv_sec - began.tv_sec) * 1000 * MS + now.tv_nsec - began.tv_nsec < ns);
}

struct elsewhere {
    pthread_t thread;
    const weir_host *host;
    weir_environ *env; /* for one that does what it must not */
    uint64_t token;
};

static void *resume_it(void *arg)
{
    struct elsewhere *it = arg;

    if (it->env)
        (void)weir_get(it->env, "PATH_INFO");
    weir_resume(it->host, it->token, answer, NULL, drop);
    return NULL;
}

static void join(void *arg)
{
    pthread_join(((struct elsewhere *)arg)->thread, NULL);
}

static weir_body answer_from_thread(weir_environ *env, bool uses_env)
{
    struct elsewhere *it = weir_alloc(env, sizeof *it);

    if (!it)
        return weir_error(env, 503);
    *it = (struct elsewhere){.host = env->host, .token = weir_token(env)};
    if (uses_env)
        it->env = env;
    assert_int_equal(pthread_create(&it->thread, NULL, resume_it, it), 0);
    if (uses_env)
        pthread_join(it->thread, NULL);
    else
        weir_defer(env, join, it);
    return weir_later(env);
}

static void multiply(void *arg)
{
    *(int *)arg *= 2;
}

struct piped {
    int ends[2], n;
};

static void close_pipe(void *arg)
{
    struct piped *p = arg;

    close(p->ends[0]);
    close(p->ends[1]);
}

static struct piped *open_pipe(weir_environ *env)
{
    struct piped *p = weir_alloc(env, sizeof *p);

    if (!p)
        return NULL;
    p->n = 0;
    assert_int_equal(pipe2(p->ends, O_NONBLOCK | O_CLOEXEC), 0);
    weir_defer(env, close_pipe, p);
    return p;
}

/* One byte a call; the second answers. */
static void take_byte(weir_environ *env, void *arg, uint32_t events)
{
    struct piped *p = arg;
    char c;

    assert_true(events & POLLIN);
    assert_int_equal(read(p->ends[0], &c, 1), 1);
    if (++p->n < 2)
        return;
    weir_watch_fd(env, p->ends[0], 0, NULL, NULL);
    weir_finish(env, weir_text("bytes"));
}

static weir_body watch_pipe(weir_environ *env)
{
    struct piped *p = open_pipe(env);

    if (!p || write(p->ends[1], "xy", 2) != 2)
        return weir_error(env, 503);
    assert_int_equal(weir_watch_fd(env, p->ends[0], POLLIN, take_byte, p), 0);
    return weir_later(env);
}

/* What waits: in a coroutine and in a thread. The client may leave meanwhile. */
static weir_body wait_for_all(weir_environ *env)
{
    struct piped *p = open_pipe(env);
    int n = 21;
    int32_t said;

    if (!p || write(p->ends[1], "x", 1) != 1)
        return weir_error(env, 503);
    said = weir_sleep(env, 5);
    if (said == 0)
        said = weir_wait_fd(env, p->ends[0], POLLIN, WEIR_NEVER);
    if (said > 0)
        said = weir_offload(env, multiply, count, &n);
    assert_true(said == 0 || said == WEIR_EGONE);
    return weir_printf(env, "%d", n);
}

/* ---- the app ---- */

struct page {
    const char *path;
    weir_body (*make)(weir_environ *env);
};

static weir_body make_timer(weir_environ *env)
{
    assert_int_equal(weir_timer(env, 30, count, NULL), 0);
    assert_int_equal(weir_timer(env, 10, answer, NULL), 0);
    assert_int_equal(weir_timer(env, 40, answer, NULL), 0);        /* moved */
    assert_int_equal(weir_timer(env, 20, count, &calls), 0);       /* another */
    assert_int_equal(weir_timer(env, WEIR_NEVER, count, NULL), 0); /* taken back */
    return weir_later(env);
}

static weir_body make_resume(weir_environ *env)
{
    stand_in = env;
    return answer_from_thread(env, false);
}

static weir_body make_two_threads(weir_environ *env)
{
    return answer_from_thread(env, true);
}

static weir_body make_wait(weir_environ *env)
{
    return wait_for_all(env);
}

static weir_body make_watch(weir_environ *env)
{
    return watch_pipe(env);
}

static weir_body make_sleep(weir_environ *env)
{
    for (int i = 0; i < 10 && weir_sleep(env, 100) == 0; i++)
        ;
    return weir_text("slept");
}

static weir_body make_block(weir_environ *env)
{
    weir_sleep(env, 1);
    pause_really(80 * MS);
    weir_sleep(env, 1);
    return weir_text("blocked");
}

static weir_body make_compute(weir_environ *env)
{
    compute(300 * MS);
    weir_sleep(env, 1);
    return weir_text("computed");
}

/* Its content is all there, so that no read waits; /crunch?wait does. */
static weir_body make_crunch(weir_environ *env)
{
    bool waits = strcmp(weir_get(env, "QUERY_STRING"), "wait") == 0;
    char c;

    while (weir_read(env, &c, 1) == 1) {
        compute(20 * MS);
        if (waits)
            weir_sleep(env, 1);
    }
    return weir_text("crunched");
}

static void wait_in_callback(weir_environ *env, void *arg)
{
    assert_int_equal(weir_sleep(env, 1), WEIR_ESTATE);
    assert_int_equal(weir_wait_fd(env, 0, POLLIN, 1), WEIR_ESTATE);
    assert_int_equal(weir_offload(env, drop, answer, arg), 0); /* which does not wait there */
}

static weir_body make_late_wait(weir_environ *env)
{
    assert_int_equal(weir_timer(env, 1, wait_in_callback, NULL), 0);
    return weir_later(env);
}

static weir_body make_stale(weir_environ *env)
{
    void *in_memory = weir_alloc(env, 8);

    weir_resume(env->host, weir_token(env), count, in_memory, drop); /* dropped with the answer */
    weir_resume(env->host, weir_token(env) + 1024, count, NULL, drop);
    return weir_text("stale");
}

/* The first one keeps its memory for the second. */
static weir_body make_old(weir_environ *env)
{
    if (old)
        weir_resume(env->host, weir_token(env), count, old, NULL);
    else
        old = weir_alloc(env, 8);
    return weir_text("old");
}

static weir_body make_local(weir_environ *env)
{
    volatile int local = 0; /* so that it has a place */
    void *arg = (void *)(uintptr_t)&local;

    weir_timer(env, 50, count, arg);
    weir_on_writable(env, count, arg);
    weir_resume(env->host, weir_token(env), count, arg, NULL);
    weir_defer(env, drop, arg);
    return weir_owned("local", 5, drop, arg);
}

static void hear(weir_environ *env, void *arg, int32_t why)
{
    (void)arg;
    (void)why;
    calls++;
    weir_log(env, WEIR_LOG_INFO, "gone");
}

static weir_body make_hear(weir_environ *env)
{
    weir_on_disconnect(env, hear, NULL);
    weir_sleep(env, 1000000);
    return weir_text("heard");
}

static void forget(void *arg)
{
    (void)arg;
    kept = NULL;
}

/* Answered by a callback of the loop. */
static weir_body make_kept(weir_environ *env)
{
    kept = env;
    weir_defer(env, forget, NULL);
    return weir_later(env);
}

static weir_body make_state(weir_environ *env)
{
    seen_state = weir_loop_state(env);
    return weir_text("state");
}

/* Who never waits again but for itself: a next that no wake from elsewhere knows. */
static int32_t wake_self(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *n = arg;

    (void)chunk;
    if (++*n == 3)
        return WEIR_END;
    weir_wake(env);
    return WEIR_AGAIN;
}

static int32_t wait_in_vain(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    (void)chunk;
    return WEIR_AGAIN;
}

static weir_body make_awake(weir_environ *env)
{
    int *n = weir_alloc(env, sizeof *n);

    if (!n)
        return weir_error(env, 503);
    *n = 0;
    return weir_iterable(wake_self, NULL, n);
}

static weir_body make_in_vain(weir_environ *env)
{
    (void)env;
    return weir_iterable(wait_in_vain, NULL, NULL);
}

static weir_body make_stuck(weir_environ *env)
{
    (void)env;
    while (!atomic_load(&is_told))
        pause_really(MS);
    return weir_text("told");
}

static const struct page pages[] = {
    {"/stuck", make_stuck},
    {"/timer", make_timer},
    {"/resume", make_resume},
    {"/two-threads", make_two_threads},
    {"/wait", make_wait},
    {"/watch", make_watch},
    {"/sleep", make_sleep},
    {"/block", make_block},
    {"/compute", make_compute},
    {"/crunch", make_crunch},
    {"/late-wait", make_late_wait},
    {"/stale", make_stale},
    {"/old", make_old},
    {"/local", make_local},
    {"/hear", make_hear},
    {"/kept", make_kept},
    {"/state", make_state},
    {"/awake", make_awake},
    {"/in-vain", make_in_vain},
};

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");

    start_response(env, 200, fields);
    for (size_t i = 0; i < WR_COUNT(pages); i++)
        if (path && strcmp(path, pages[i].path) == 0)
            return pages[i].make(env);
    return weir_text("none");
}

/* ---- the loop ---- */

static void on_loop_time(weir_loop *loop, void *arg)
{
    calls++;
    if (kept)
        weir_finish(kept, weir_text("from the loop"));
    else
        weir_loop_timer(loop, 10, on_loop_time, arg);
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host;
    (void)state;
    *loop_state = &state_of_loop;
    return weir_loop_timer(loop, 10, on_loop_time, &state_of_loop);
}

static void loop_stop(void *state, void *loop_state)
{
    (void)state;
    seen_state = loop_state;
}

static weir_plugin plugin_that(int32_t runs)
{
    return (weir_plugin){.magic = WEIR_PLUGIN_MAGIC,
                         .abi_major = WEIR_ABI_MAJOR,
                         .abi_minor = WEIR_ABI_MINOR,
                         .size = sizeof(weir_plugin),
                         .name = "lint",
                         .app = app,
                         .runs = runs};
}

static weir_test *start_plugin(const weir_plugin *plugin)
{
    const weir_test_setup setup = {.plugin = plugin, .route = "/a", .lint = 1};
    weir_test *t = weir_test_start(&setup);

    calls = drops = 0;
    seen_state = old = stand_in = NULL;
    assert_non_null(t);
    assert_null(weir_test_error(t));
    return t;
}

static weir_test *start(int32_t runs)
{
    static weir_plugin plugin;

    plugin = plugin_that(runs);
    return start_plugin(&plugin);
}

static void assert_body(weir_test *t, const char *target, const char *body)
{
    const weir_test_response *r = weir_test_get(t, target);

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, body);
}

/* ---- what keeps the rules ---- */

static void lint__timers__are_set_moved_and_taken_back(void **state)
{
    static const int32_t runs[] = {WEIR_ON_LOOP, WEIR_IN_COROUTINE};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test *t = start(runs[i]);

        assert_body(t, "/a/timer", "without");
        assert_int_equal(weir_test_now(t), 40);
        assert_int_equal(calls, 2); /* the one that was moved, and the other */
        assert_string_equal(weir_test_findings(t), "");
        weir_test_free(t);
    }
}

static void lint__watch__is_called_for_each_byte(void **state)
{
    static const int32_t runs[] = {WEIR_ON_LOOP, WEIR_IN_COROUTINE};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test *t = start(runs[i]);

        assert_body(t, "/a/watch", "bytes");
        assert_string_equal(weir_test_findings(t), "");
        weir_test_free(t);
    }
}

static void lint__what_waits__is_not_accused(void **state)
{
    static const int32_t runs[] = {WEIR_IN_THREAD, WEIR_IN_COROUTINE};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test *t = start(runs[i]);

        assert_body(t, "/a/wait", "42");
        assert_int_equal(calls, 1);
        assert_body(t, "/a/sleep", "slept");
        assert_string_equal(weir_test_findings(t), "");
        weir_test_free(t);
    }
}

static void lint__probe_of_an_app_that_waits__finds_nothing(void **state)
{
    static const char *const targets[] = {"/a/wait", "/a/sleep", "/a/timer", "/a/watch"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(targets); i++) {
        weir_test *t = start(WEIR_IN_COROUTINE);

        assert_true(weir_test_probe(t, targets[i]) >= 19);
        assert_string_equal(weir_test_findings(t), "");
        weir_test_free(t);
    }
}

/* A thread of the app's own, for which nobody waits but the test. */
static const weir_test_response *await_answer(weir_test *t, weir_test_exchange *x)
{
    for (int i = 0; i < 5000 && !weir_test_answer(x)->is_done; i++) {
        pause_really(MS);
        weir_test_run(t);
    }
    return weir_test_answer(x);
}

static void lint__resume_from_another_thread__gets_the_stand_in(void **state)
{
    static const int32_t runs[] = {WEIR_ON_LOOP, WEIR_IN_THREAD, WEIR_IN_COROUTINE};
    const weir_test_request request = {.target = "/a/resume"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test *t = start(runs[i]);
        weir_test_exchange *x = weir_test_begin(t, &request);

        assert_string_equal(await_answer(t, x)->body, "without");
        weir_test_end(x);
        assert_int_equal(calls + drops, 1);
        assert_string_equal(weir_test_findings(t), "");
        weir_test_free(t);
    }
}

static void lint__log_of_who_hears_that_the_client_is_gone__is_allowed(void **state)
{
    const weir_test_request request = {.target = "/a/hear"};
    weir_test *t = start(WEIR_IN_COROUTINE);
    weir_test_exchange *x = weir_test_begin(t, &request);

    (void)state;
    weir_test_leave(x);
    weir_test_end(x);
    assert_int_equal(calls, 1);
    assert_string_equal(weir_test_findings(t), "");
    weir_test_free(t);
}

static void lint__loop__has_its_own_state_and_timers(void **state)
{
    weir_plugin plugin = plugin_that(WEIR_ON_LOOP);
    weir_test *t;

    (void)state;
    plugin.loop_start = loop_start;
    plugin.loop_stop = loop_stop;
    t = start_plugin(&plugin);
    assert_body(t, "/a/state", "state");
    assert_ptr_equal(seen_state, &state_of_loop);
    weir_test_advance(t, 35);
    assert_int_equal(calls, 3);
    assert_body(t, "/a/kept", "from the loop"); /* weir_finish() in a callback of the loop */
    assert_string_equal(weir_test_findings(t), "");
    seen_state = NULL;
    weir_test_stop(t);
    assert_ptr_equal(seen_state, &state_of_loop);
    assert_null(weir_test_get(t, "/a/state")); /* no more */
    assert_string_equal(weir_test_findings(t), "");
    weir_test_free(t);
}

/* ---- what does not ---- */

static void lint__coroutine_that_blocks_between_waits__is_named(void **state)
{
    weir_test *t = start(WEIR_IN_COROUTINE);

    (void)state;
    assert_body(t, "/a/block", "blocked");
    assert_string_equal(weir_test_findings(t),
                        "W34: the app waited for more than 50 ms on the event loop, and all "
                        "coroutines there\n");
    weir_test_free(t);
}

/* The one that sleeps is away while the other computes. */
static void lint__coroutine_that_computes__is_named_and_no_other(void **state)
{
    const weir_test_request sleeper = {.target = "/a/sleep"};
    weir_test *t = start(WEIR_IN_COROUTINE);
    weir_test_exchange *x = weir_test_begin(t, &sleeper);

    (void)state;
    assert_body(t, "/a/compute", "computed");
    weir_test_advance(t, 1000);
    assert_string_equal(weir_test_answer(x)->body, "slept");
    weir_test_end(x);
    assert_string_equal(weir_test_findings(t), "W35: the app computed for more than 200 ms on the "
                                               "event loop, and all coroutines there\n");
    weir_test_free(t);
}

static void lint__coroutine_that_never_leaves_the_loop__computes_all_the_while(void **state)
{
    weir_test_request request = {
        .target = "/a/crunch?wait", .body = "0123456789ab", .body_size = 12};
    weir_test *t = start(WEIR_IN_COROUTINE);

    (void)state;
    assert_string_equal(weir_test_call(t, &request)->body, "crunched");
    assert_string_equal(weir_test_findings(t), "");
    request.target = "/a/crunch?";
    assert_string_equal(weir_test_call(t, &request)->body, "crunched");
    assert_string_equal(weir_test_findings(t), "W35: the app computed for more than 200 ms on the "
                                               "event loop, and all coroutines there\n");
    weir_test_free(t);
}

static void lint__waiting_in_a_callback__is_named(void **state)
{
    weir_test *t = start(WEIR_IN_COROUTINE);

    (void)state;
    assert_body(t, "/a/late-wait", "without");
    assert_string_equal(weir_test_findings(t),
                        "W65: weir_sleep in a callback, where nothing waits\n"
                        "W65: weir_wait_fd in a callback, where nothing waits\n");
    weir_test_free(t);
}

static void lint__environ_in_another_thread__is_told_of_resume(void **state)
{
    static const int32_t runs[] = {WEIR_ON_LOOP, WEIR_IN_COROUTINE};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test *t = start(runs[i]);

        assert_body(t, "/a/two-threads", "without");
        assert_string_equal(weir_test_findings(t),
                            "W31: weir_get while another thread is in a call "
                            "of this request: that takes weir_resume()\n");
        weir_test_free(t);
    }
}

static void lint__resumptions_that_come_too_late__are_dropped_once(void **state)
{
    static const int32_t runs[] = {WEIR_ON_LOOP, WEIR_IN_THREAD, WEIR_IN_COROUTINE};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test *t = start(runs[i]);

        assert_body(t, "/a/stale", "stale");
        assert_int_equal(calls + drops, 2);
        assert_true(drops >= 1); /* of a token that is nobody's */
        assert_string_equal(weir_test_findings(t), "");
        weir_test_free(t);
    }
}

static void lint__argument_in_memory_of_another_request__is_named(void **state)
{
    static const int32_t runs[] = {WEIR_ON_LOOP, WEIR_IN_THREAD, WEIR_IN_COROUTINE};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test *t = start(runs[i]);

        assert_body(t, "/a/old", "old");
        assert_body(t, "/a/old", "old");
        assert_string_equal(weir_test_findings(t),
                            "W77: weir_resume: its argument lies in memory of a request that is "
                            "over\n");
        weir_test_free(t);
    }
}

static void lint__local_variables_for_later__are_named(void **state)
{
    static const int32_t runs[] = {WEIR_ON_LOOP, WEIR_IN_COROUTINE};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        weir_test *t = start(runs[i]);

        assert_body(t, "/a/local", "local");
        assert_string_equal(
            weir_test_findings(t),
            "W77: the argument of the body is a local variable, which is gone when release is "
            "called\n"
            "W77: weir_defer: its argument is a local variable, which is gone when the callback "
            "comes\n"
            "W77: weir_on_writable: its argument is a local variable, which is gone "
            "when the callback comes\n"
            "W77: weir_resume: its argument is a local variable, which is gone when "
            "the function is called\n"
            "W77: weir_timer: its argument is a local variable, which is gone when "
            "the callback comes\n");
        weir_test_free(t);
    }
}

static void lint__next_that_nobody_wakes__is_named_though_another_wakes_itself(void **state)
{
    weir_test *t = start(WEIR_ON_LOOP);

    (void)state;
    assert_body(t, "/a/awake", "");
    weir_test_get(t, "/a/in-vain");
    assert_string_equal(weir_test_findings(t),
                        "W28: next said WEIR_AGAIN: no weir_read waits, and no weir_wake came\n");
    weir_test_free(t);
}

struct watching {
    weir_test *t;
    char text[100];
};

static void *watch_for_stuck(void *arg)
{
    struct watching *w = arg;

    while (weir_test_stuck(w->t, 20, w->text, sizeof w->text) == 0)
        pause_really(MS);
    atomic_store(&is_told, true);
    return NULL;
}

static void lint__call_that_does_not_return__is_told_while_it_does_not(void **state)
{
    static const int32_t runs[] = {WEIR_ON_LOOP, WEIR_IN_THREAD, WEIR_IN_COROUTINE};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(runs); i++) {
        struct watching w = {.t = start(runs[i])};
        pthread_t watcher;

        assert_int_equal(weir_test_stuck(w.t, 0, w.text, sizeof w.text), 0);
        atomic_store(&is_told, false);
        assert_int_equal(pthread_create(&watcher, NULL, watch_for_stuck, &w), 0);
        assert_body(w.t, "/a/stuck?x", "told");
        pthread_join(watcher, NULL);
        assert_string_equal(w.text, "GET /a/stuck?x: the app");
        assert_int_equal(weir_test_stuck(w.t, 0, w.text, sizeof w.text), 0);
        weir_test_free(w.t);
    }
}

WR_TESTS(cmocka_unit_test(lint__timers__are_set_moved_and_taken_back),
         cmocka_unit_test(lint__watch__is_called_for_each_byte),
         cmocka_unit_test(lint__what_waits__is_not_accused),
         cmocka_unit_test(lint__probe_of_an_app_that_waits__finds_nothing),
         cmocka_unit_test(lint__resume_from_another_thread__gets_the_stand_in),
         cmocka_unit_test(lint__log_of_who_hears_that_the_client_is_gone__is_allowed),
         cmocka_unit_test(lint__loop__has_its_own_state_and_timers),
         cmocka_unit_test(lint__coroutine_that_blocks_between_waits__is_named),
         cmocka_unit_test(lint__coroutine_that_computes__is_named_and_no_other),
         cmocka_unit_test(lint__coroutine_that_never_leaves_the_loop__computes_all_the_while),
         cmocka_unit_test(lint__waiting_in_a_callback__is_named),
         cmocka_unit_test(lint__environ_in_another_thread__is_told_of_resume),
         cmocka_unit_test(lint__resumptions_that_come_too_late__are_dropped_once),
         cmocka_unit_test(lint__argument_in_memory_of_another_request__is_named),
         cmocka_unit_test(lint__local_variables_for_later__are_named),
         cmocka_unit_test(lint__next_that_nobody_wakes__is_named_though_another_wakes_itself),
         cmocka_unit_test(lint__call_that_does_not_return__is_told_while_it_does_not));
