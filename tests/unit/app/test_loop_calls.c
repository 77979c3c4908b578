/*
 * test_loop_calls.c — what an app has called on a loop: weir_loop_post() from any thread, timers
 * and descriptors of a loop, and those of requests wherever the app runs. Time is the test's.
 */
#include "support.h"

#include <weir/test.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "short_memory.h"

#define LOOPS   2
#define POSTERS 6
#define POSTS   2000

/* What the plugin saw; the acts of its hooks and of its app are the test's. */
static struct {
    weir_loop *loops[LOOPS];
    int loops_n, stops;
    bool is_stopped[LOOPS];
    weir_app *act;
    void (*at_stop)(void);
    weir_environ *env;
    weir_start_response *start;
    int calls, more; /* of callbacks */
    uint32_t ready;
    int32_t result;
    int fds[2];
    pthread_t test;
} it;

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host;
    (void)state;
    *loop_state = it.loops[it.loops_n++] = loop;
    return 0;
}

static void loop_stop(void *state, void *loop_state)
{
    (void)state;
    it.stops++;
    for (int i = 0; i < it.loops_n; i++)
        it.is_stopped[i] |= it.loops[i] == loop_state;
    if (it.at_stop)
        it.at_stop();
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    it.env = env;
    it.start = start_response;
    return it.act(env, start_response);
}

#define PLUGIN(where)                                                                              \
    {                                                                                              \
        .magic = WEIR_PLUGIN_MAGIC, .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,      \
        .size = sizeof(weir_plugin), .name = "calls", .app = app, .runs = (where),                 \
        .loop_start = loop_start, .loop_stop = loop_stop                                           \
    }

static const weir_plugin on_loop = PLUGIN(WEIR_ON_LOOP);
static const weir_plugin in_coroutine = PLUGIN(WEIR_IN_COROUTINE);
static const weir_plugin in_thread = PLUGIN(WEIR_IN_THREAD);

static weir_test *begin_as(const weir_plugin *plugin, int serial, int loops)
{
    weir_test *t;

    memset(&it, 0, sizeof it);
    it.test = pthread_self();
    assert_int_equal(pipe2(it.fds, O_CLOEXEC | O_NONBLOCK), 0);
    t = weir_test_start(&(weir_test_setup){
        .plugin = plugin, .serial = serial, .loops = loops, .patience_ms = 2000});
    assert_non_null(t);
    assert_null(weir_test_error(t));
    assert_int_equal(it.loops_n, loops);
    return t;
}

static weir_test *begin(void)
{
    return begin_as(&on_loop, 0, LOOPS);
}

static void end_quietly(weir_test *t)
{
    char log[512];

    snprintf(log, sizeof log, "%s", weir_test_log(t));
    weir_test_free(t);
    close(it.fds[0]);
    close(it.fds[1]);
    assert_int_equal(it.stops, it.loops_n);
    assert_string_equal(log, "");
}

/* ---- posts ---- */

struct poster {
    pthread_t thread;
    int next[LOOPS]; /* number that is expected on that loop */
    struct posted {
        struct poster *of;
        int loop, number;
    } posts[LOOPS][POSTS];
};

static struct poster posters[POSTERS];
static bool in_order;
static int posts_run;

static void on_post(void *arg)
{
    const struct posted *p = arg;

    in_order &= p->of->next[p->loop]++ == p->number;
    in_order &= pthread_equal(pthread_self(), it.test) != 0; /* which runs the loops */
    in_order &= !it.is_stopped[p->loop];
    posts_run++;
}

static void *post_all(void *arg)
{
    struct poster *own = arg;

    for (int i = 0; i < POSTS; i++)
        for (int loop = 0; loop < LOOPS; loop++) {
            own->posts[loop][i] = (struct posted){own, loop, i};
            if (weir_loop_post(it.loops[loop], on_post, &own->posts[loop][i]) != 0)
                abort();
        }
    return NULL;
}

static void begin_posters(void)
{
    memset(posters, 0, sizeof posters);
    posts_run = 0;
    in_order = true;
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
}

static void end_posters(void)
{
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
}

static void post__of_many_threads__all_run_once_and_in_order(void **state)
{
    weir_test *t = begin();

    (void)state;
    begin_posters();
    while (posts_run < POSTERS * POSTS) /* while they post */
        weir_test_run(t);
    end_posters();
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(posts_run, POSTERS * POSTS * LOOPS);
    assert_true(in_order);
    end_quietly(t);
    assert_int_equal(posts_run, POSTERS * POSTS * LOOPS);
}

static void post__before_loop_stop__runs_before_it(void **state)
{
    weir_test *t = begin();

    (void)state;
    begin_posters();
    end_posters(); /* and no loop has had a turn */
    end_quietly(t);
    assert_int_equal(posts_run, POSTERS * POSTS * LOOPS);
    assert_true(in_order);
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static int32_t said_there; /* what a thread was told last */

static void *post_one(void *arg)
{
    said_there = weir_loop_post(it.loops[0], count, arg);
    return NULL;
}

/* The loops stop one after the other: each is gone when its own is called. */
static void post_when_stopped(void)
{
    static const int stopped[] = {0, 1};
    pthread_t thread;

    if (it.stops < LOOPS)
        return;
    for (size_t i = 0; i < WR_COUNT(stopped); i++)
        it.result |= weir_loop_post(it.loops[stopped[i]], count, &it.calls) != WEIR_ESTATE;
    if (pthread_create(&thread, NULL, post_one, &it.calls) == 0 && pthread_join(thread, NULL) == 0)
        it.result |= said_there != WEIR_ESTATE;
    it.more++;
}

static void post__after_loop_stop_was_called__is_refused(void **state)
{
    weir_test *t = begin();

    (void)state;
    it.at_stop = post_when_stopped;
    end_quietly(t);
    assert_int_equal(it.more, 1);
    assert_int_equal(it.result, 0);
    assert_int_equal(it.calls, 0);
}

/* As one that divides its work does: the stop must not wait for it for ever. */
static void post_itself(void *arg)
{
    int32_t err = weir_loop_post(it.loops[0], post_itself, arg);

    ++*(int *)arg;
    if (err != 0 || it.calls > 100000)
        it.result = err != 0 ? err : 1;
    if (it.result == 1)
        abort();
}

static void post__that_posts_itself__ends_with_the_loop(void **state)
{
    weir_test *t = begin();

    (void)state;
    assert_int_equal(weir_loop_post(it.loops[0], post_itself, &it.calls), 0);
    weir_test_free(t);
    close(it.fds[0]);
    close(it.fds[1]);
    assert_int_equal(it.result, WEIR_ESTATE);
    assert_true(it.calls > 0);
}

static pthread_t flood;

static void *post_until_refused(void *arg)
{
    do
        said_there = weir_loop_post(it.loops[0], count, arg);
    while (said_there == 0);
    return NULL;
}

/* It ends by what it is told; and has to, before unload. */
static void join_flood(void)
{
    if (it.stops == LOOPS && pthread_join(flood, NULL) == 0)
        it.result = said_there;
}

static void post__by_a_thread_without_end__does_not_hold_up_the_stop(void **state)
{
    weir_test *t = begin();

    (void)state;
    it.at_stop = join_flood;
    assert_int_equal(pthread_create(&flood, NULL, post_until_refused, &it.calls), 0);
    end_quietly(t);
    assert_int_equal(it.result, WEIR_ESTATE);
}

static void post__without_function_or_memory__is_refused(void **state)
{
    weir_test *t = begin();
    int32_t err;

    (void)state;
    assert_int_equal(weir_loop_post(it.loops[0], NULL, NULL), WEIR_EINVAL);
    short_memory_plan(0, true);
    err = weir_loop_post(it.loops[0], count, &it.calls);
    short_memory_plan(-1, false);
    assert_int_equal(err, WEIR_ENOMEM);
    assert_int_equal(weir_loop_post(it.loops[0], count, &it.calls), 0);
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(it.calls, 1);
    end_quietly(t);
}

/* ---- timers and descriptors of a loop ---- */

static void on_loop_timer(weir_loop *loop, void *arg)
{
    assert_ptr_equal(loop, it.loops[0]);
    ++*(int *)arg;
}

static void loop_timer_again(weir_loop *loop, void *arg)
{
    ++*(int *)arg;
    assert_int_equal(weir_loop_timer(loop, 10, loop_timer_again, arg), 0);
}

static void loop_timer__moved_taken_back_and_set_anew(void **state)
{
    weir_test *t = begin();
    weir_loop *l = it.loops[0];

    (void)state;
    assert_int_equal(weir_loop_timer(l, 100, on_loop_timer, &it.calls), 0);
    assert_int_equal(weir_loop_timer(l, 100, on_loop_timer, &it.more), 0);
    assert_int_equal(weir_test_advance(t, 50), 0);
    assert_int_equal(weir_loop_timer(l, 100, on_loop_timer, &it.calls), 0);
    assert_int_equal(weir_test_advance(t, 50), 0);
    assert_int_equal(it.more, 1);
    assert_int_equal(it.calls, 0);
    assert_int_equal(weir_test_advance(t, 50), 0);
    assert_int_equal(it.calls, 1);
    assert_int_equal(weir_loop_timer(l, 10, on_loop_timer, &it.calls), 0);
    assert_int_equal(weir_loop_timer(l, WEIR_NEVER, on_loop_timer, &it.calls), 0);
    assert_int_equal(weir_loop_timer(l, 10, loop_timer_again, &it.more), 0);
    assert_int_equal(weir_test_advance(t, 100), 0);
    assert_int_equal(it.calls, 1);
    assert_int_equal(it.more, 11);
    assert_int_equal(weir_loop_timer(l, 0, on_loop_timer, &it.calls), 0);
    assert_int_equal(weir_test_advance(t, 1), 0);
    assert_int_equal(it.calls, 2);
    assert_int_equal(weir_loop_timer(l, 1, NULL, NULL), WEIR_EINVAL);
    end_quietly(t); /* with one that is set */
}

static void set_at_stop(void)
{
    if (weir_loop_timer(it.loops[it.stops - 1], 0, on_loop_timer, &it.calls) == 0)
        it.more++;
}

/* Until loop_stop has returned they may be set, and are forgotten behind it. */
static void loop_timer__of_loop_stop__is_forgotten(void **state)
{
    weir_test *t = begin();

    (void)state;
    it.at_stop = set_at_stop;
    end_quietly(t);
    assert_int_equal(it.more, LOOPS);
    assert_int_equal(it.calls, 0);
}

static void on_loop_fd(weir_loop *loop, void *arg, uint32_t events)
{
    char byte;

    (void)loop;
    it.ready = events;
    ++*(int *)arg;
    assert_int_equal(read(it.fds[0], &byte, 1), 1); /* one: for the rest it is called again */
}

static void put(const char *bytes)
{
    assert_int_equal(write(it.fds[1], bytes, strlen(bytes)), strlen(bytes));
}

static void request_fd(weir_environ *env, void *arg, uint32_t events)
{
    (void)env;
    on_loop_fd(NULL, arg, events);
}

/* Says what weir_watch_fd() says, and waits. */
static weir_body watch_and_wait(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    it.result = weir_watch_fd(env, it.fds[0], POLLIN, request_fd, &it.more);
    return weir_later(env);
}

static weir_test_exchange *ask(weir_test *t)
{
    weir_test_exchange *x = weir_test_begin(t, &(weir_test_request){.target = "/"});

    assert_non_null(x);
    return x;
}

static void loop_fd__ready__is_called_until_it_is_read(void **state)
{
    weir_test *t = begin();

    (void)state;
    assert_int_equal(weir_loop_watch_fd(it.loops[0], it.fds[0], POLLIN, on_loop_fd, &it.calls), 0);
    put("abc");
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(it.calls, 3);
    assert_int_equal(it.ready, POLLIN);
    assert_int_equal(weir_loop_watch_fd(it.loops[0], it.fds[0], 0, NULL, NULL), 0);
    put("d");
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(it.calls, 3);
    assert_int_equal(weir_loop_watch_fd(it.loops[0], it.fds[0], POLLIN, NULL, NULL), WEIR_EINVAL);
    end_quietly(t);
}

/* Between a request and its loop, and between two requests; `plugin` says where they are. */
static void check_busy(const weir_plugin *plugin, int serial)
{
    weir_test *t = begin_as(plugin, serial, 1);
    weir_test_exchange *x, *y;

    it.act = watch_and_wait;
    assert_int_equal(weir_loop_watch_fd(it.loops[0], it.fds[0], POLLIN, on_loop_fd, &it.calls), 0);
    x = ask(t);
    assert_int_equal(it.result, WEIR_EBUSY);
    assert_int_equal(weir_loop_watch_fd(it.loops[0], it.fds[0], 0, NULL, NULL), 0);
    weir_test_leave(x);
    weir_test_end(x);
    x = ask(t);
    assert_int_equal(it.result, 0);
    y = ask(t);
    assert_int_equal(it.result, WEIR_EBUSY);
    assert_int_equal(weir_loop_watch_fd(it.loops[0], it.fds[0], POLLIN, on_loop_fd, &it.calls),
                     WEIR_EBUSY);
    put("a");
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(it.more, 1);
    assert_int_equal(it.calls, 0);
    weir_test_leave(x); /* it ends with the response */
    weir_test_end(x);
    assert_int_equal(weir_loop_watch_fd(it.loops[0], it.fds[0], POLLIN, on_loop_fd, &it.calls), 0);
    put("b");
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(it.calls, 1);
    weir_test_leave(y);
    weir_test_end(y);
    end_quietly(t);
}

static void request_fd__of_another__is_busy(void **state)
{
    (void)state;
    check_busy(&on_loop, 0);
    check_busy(&on_loop, 1);
    check_busy(&in_coroutine, 0);
    check_busy(&in_coroutine, 1);
}

/* ---- timers of a request, wherever it is ---- */

static const struct place {
    const weir_plugin *plugin;
    int serial;
} places[] = {{&on_loop, 0}, {&on_loop, 1}, {&in_coroutine, 0}, {&in_coroutine, 1}};

/* In each place, on each loop: of two, requests go to one after the other. */
static void everywhere(weir_app *act, void (*check)(weir_test *t, weir_test_exchange *x))
{
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test *t = begin_as(places[i].plugin, places[i].serial, LOOPS);

        it.act = act;
        for (int k = 0; k < LOOPS; k++) {
            weir_test_exchange *x;

            it.calls = it.more = 0;
            it.result = 0;
            x = ask(t);
            check(t, x);
            weir_test_end(x);
        }
        end_quietly(t);
    }
}

static void finish(weir_environ *env, void *arg)
{
    ++*(int *)arg;
    it.start(env, 200, NULL);
    it.result |= weir_finish(env, weir_text("in time"));
}

static weir_body finish_in_time(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    it.result |= weir_timer(env, 50, finish, &it.more);
    it.result |= weir_timer(env, 100, finish, &it.calls);
    it.result |= weir_timer(env, WEIR_NEVER, finish, &it.more);
    return weir_later(env);
}

static void check_in_time(weir_test *t, weir_test_exchange *x)
{
    assert_int_equal(weir_test_advance(t, 99), 0);
    assert_int_equal(weir_test_answer(x)->status, 0);
    assert_int_equal(weir_test_advance(t, 1), 0);
    assert_int_equal(weir_test_answer(x)->status, 200);
    assert_string_equal(weir_test_answer(x)->body, "in time");
    assert_int_equal(it.result, 0);
    assert_int_equal(it.calls, 1);
    assert_int_equal(it.more, 0);
}

static void timer__of_a_request__answers_it(void **state)
{
    (void)state;
    everywhere(finish_in_time, check_in_time);
}

static void take_back_more(weir_environ *env, void *arg)
{
    ++*(int *)arg;
    weir_timer(env, WEIR_NEVER, take_back_more, arg == &it.calls ? &it.more : &it.calls);
}

static weir_body two_at_once(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    it.result |= weir_timer(env, 10, take_back_more, &it.calls);
    it.result |= weir_timer(env, 10, take_back_more, &it.more);
    return weir_later(env);
}

static void check_one_of_two(weir_test *t, weir_test_exchange *x)
{
    (void)x;
    assert_int_equal(weir_test_advance(t, 100), 0);
    assert_int_equal(it.result, 0);
    assert_int_equal(it.calls + it.more, 1);
}

static void timer__taken_back_by_one_due_with_it__is_not_called(void **state)
{
    (void)state;
    everywhere(two_at_once, check_one_of_two);
}

static void count_event(weir_environ *env, void *arg)
{
    (void)env;
    ++*(int *)arg;
}

/* Of `close`, where the response is over. */
static void set_in_close(void *arg)
{
    int32_t err = weir_timer(it.env, 1, count_event, &it.calls);
    int32_t of_fd = weir_watch_fd(it.env, it.fds[0], POLLIN, request_fd, &it.calls);

    it.more++;
    if (err != WEIR_EGONE || of_fd != WEIR_EGONE)
        *(int32_t *)arg = 1;
}

static weir_body with_timer_and_end(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    it.result |= weir_timer(env, 10, count_event, &it.calls);
    it.result |= weir_watch_fd(env, it.fds[0], POLLIN, request_fd, &it.calls);
    return weir_owned("x", 1, set_in_close, &it.result);
}

static void check_forgotten(weir_test *t, weir_test_exchange *x)
{
    char byte;

    assert_int_equal(weir_test_answer(x)->is_done, 1);
    put("a");
    assert_int_equal(weir_test_advance(t, 100), 0);
    assert_int_equal(read(it.fds[0], &byte, 1), 1);
    assert_int_equal(it.calls, 0);
    assert_int_equal(it.more, 1);
    assert_int_equal(it.result, 0);
}

static void timer_and_fd__response_is_over__are_forgotten(void **state)
{
    (void)state;
    everywhere(with_timer_and_end, check_forgotten);
}

static void count_and_finish_at_3(weir_environ *env, void *arg, uint32_t events)
{
    request_fd(env, arg, events);
    if (it.more < 3)
        return;
    it.result |= weir_watch_fd(env, it.fds[0], 0, NULL, NULL);
    it.start(env, 200, NULL);
    it.result |= weir_finish(env, weir_text("three"));
}

static weir_body watch_for_3(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    it.result |= weir_watch_fd(env, it.fds[0], POLLIN, count_and_finish_at_3, &it.more);
    return weir_later(env);
}

static void check_3(weir_test *t, weir_test_exchange *x)
{
    char rest[8];

    put("ab");
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(it.more, 2);
    assert_int_equal(weir_test_answer(x)->status, 0);
    put("cd");
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(it.more, 3);
    assert_string_equal(weir_test_answer(x)->body, "three");
    assert_int_equal(it.result, 0);
    assert_int_equal(read(it.fds[0], rest, sizeof rest), 1);
}

static void fd__of_a_request__is_called_until_it_is_read(void **state)
{
    (void)state;
    everywhere(watch_for_3, check_3);
}

static weir_body set_in_thread(weir_environ *env, weir_start_response *start_response)
{
    it.result = weir_timer(env, 1, count_event, &it.calls);
    it.more = weir_watch_fd(env, it.fds[0], POLLIN, request_fd, &it.calls);
    start_response(env, 200, NULL);
    return weir_empty();
}

static void timer_and_fd__in_a_thread__are_refused(void **state)
{
    weir_test *t = begin_as(&in_thread, 0, 1);

    (void)state;
    it.act = set_in_thread;
    assert_int_equal(weir_test_get(t, "/")->status, 200);
    assert_int_equal(it.result, WEIR_ESTATE);
    assert_int_equal(it.more, WEIR_ESTATE);
    assert_int_equal(weir_test_advance(t, 10), 0);
    assert_int_equal(it.calls, 0);
    end_quietly(t);
}

static weir_body set_without_memory(weir_environ *env, weir_start_response *start_response)
{
    short_memory_plan(0, true);
    it.result = weir_timer(env, 1, count_event, &it.calls);
    it.more = weir_watch_fd(env, it.fds[0], POLLIN, request_fd, &it.calls);
    short_memory_plan(-1, false);
    start_response(env, 200, NULL);
    return weir_text("all the same");
}

static void check_without_memory(weir_test *t, weir_test_exchange *x)
{
    assert_int_equal(it.result, WEIR_ENOMEM);
    assert_int_equal(it.more, WEIR_ENOMEM);
    assert_string_equal(weir_test_answer(x)->body, "all the same");
    assert_int_equal(weir_test_advance(t, 10), 0);
    assert_int_equal(it.calls, 0);
}

static void timer_and_fd__without_memory__are_not_set(void **state)
{
    (void)state;
    everywhere(set_without_memory, check_without_memory);
}

WR_TESTS(cmocka_unit_test(post__of_many_threads__all_run_once_and_in_order),
         cmocka_unit_test(post__before_loop_stop__runs_before_it),
         cmocka_unit_test(post__after_loop_stop_was_called__is_refused),
         cmocka_unit_test(post__that_posts_itself__ends_with_the_loop),
         cmocka_unit_test(post__by_a_thread_without_end__does_not_hold_up_the_stop),
         cmocka_unit_test(post__without_function_or_memory__is_refused),
         cmocka_unit_test(loop_timer__moved_taken_back_and_set_anew),
         cmocka_unit_test(loop_timer__of_loop_stop__is_forgotten),
         cmocka_unit_test(loop_fd__ready__is_called_until_it_is_read),
         cmocka_unit_test(request_fd__of_another__is_busy),
         cmocka_unit_test(timer__of_a_request__answers_it),
         cmocka_unit_test(timer__taken_back_by_one_due_with_it__is_not_called),
         cmocka_unit_test(timer_and_fd__response_is_over__are_forgotten),
         cmocka_unit_test(fd__of_a_request__is_called_until_it_is_read),
         cmocka_unit_test(timer_and_fd__in_a_thread__are_refused),
         cmocka_unit_test(timer_and_fd__without_memory__are_not_set));
