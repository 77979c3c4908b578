/*
 * test_short.c — each allocation of each call of an app fails once, on the loop and in a thread: the call
 * says WEIR_ENOMEM, what sticks is a 503 where nothing was sent, and all else goes on.
 */
#include "support.h"

#include <weir/test.h>

#include "short_memory.h"

static struct {
    int call, skip;
    bool hit;
    int32_t said;
    int closed, deferred, done;
} it;

static void count(void *arg)
{
    ++*(int *)arg;
}

static void on_event(weir_environ *env, void *arg)
{
    (void)env;
    (void)arg;
}

static void on_client(weir_environ *env, void *arg, int32_t why)
{
    (void)env;
    (void)arg;
    (void)why;
}

static void on_all(weir_environ *env, void *arg, const void *data, int64_t n)
{
    (void)env;
    (void)arg;
    (void)data;
    (void)n;
    it.done++;
}

static int32_t write_it(weir_environ *env)
{
    return weir_write(env, "written", 7);
}

static int32_t read_all(weir_environ *env)
{
    return weir_read_all(env, 100, on_all, NULL);
}

static int32_t await_input(weir_environ *env)
{
    return weir_on_input(env, on_event, NULL);
}

static int32_t await_room(weir_environ *env)
{
    return weir_on_writable(env, on_event, NULL);
}

static int32_t subscribe(weir_environ *env)
{
    return weir_on_disconnect(env, on_client, NULL);
}

static int32_t add_trailer(weir_environ *env)
{
    return weir_trailer_add(env, "X-Sum", "1", 1);
}

static int32_t hint(weir_environ *env)
{
    return weir_early_hints(env, WEIR_HEADERS({"Link", "</a>"}));
}

static int32_t add_field(weir_environ *env)
{
    return weir_header_add(env, "X-A", "b", 1);
}

static int32_t finish(weir_environ *env)
{
    return weir_finish(env, weir_owned("late", 4, count, &it.closed));
}

static const struct {
    int32_t (*make)(weir_environ *env);
    bool sticks, is_later;
} calls[] = {{write_it, true, false},    {add_trailer, true, false}, {add_field, true, false},
             {finish, true, true},       {read_all, false, false},   {await_input, false, false},
             {await_room, false, false}, {subscribe, false, false},  {hint, false, false}};

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    weir_defer(env, count, &it.deferred);
    if (it.skip >= 0) {
        short_memory_plan_here(it.skip);
        it.said = calls[it.call].make(env);
        it.hit = short_memory_hits() > 0;
        short_memory_plan_here(-1);
    }
    if (it.skip >= 0 && calls[it.call].is_later)
        return weir_later(env);
    return weir_owned("C", 1, count, &it.closed);
}

/* True: an allocation was there to fail. */
static bool check_call(weir_test *t, int call, int skip)
{
    const weir_test_response *r;

    memset(&it, 0, sizeof it);
    it.call = call;
    it.skip = skip;
    r = weir_test_get(t, "/");
    assert_int_equal(it.closed, 1);
    assert_int_equal(it.deferred, 1);
    assert_int_equal(r->is_cut, 0);
    assert_int_equal(it.said, it.hit ? WEIR_ENOMEM : 0);
    assert_int_equal(r->status, it.hit && calls[call].sticks ? 503 : 200);
    assert_int_equal(it.done, calls[call].make == read_all && !it.hit);
    return it.hit;
}

static void calls__each_allocation_that_fails__is_told_and_harms_no_other(void **state)
{
    static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                       .abi_major = WEIR_ABI_MAJOR,
                                       .abi_minor = WEIR_ABI_MINOR,
                                       .size = sizeof plugin,
                                       .name = "short",
                                       .app = app};
    int failures = 0;

    (void)state;
    for (int runs = WEIR_TEST_ON_LOOP; runs <= WEIR_TEST_IN_THREAD; runs++) {
        const weir_test_setup setup = {.plugin = &plugin, .runs = runs};
        weir_test *t = weir_test_start(&setup);

        assert_non_null(t);
        for (int call = 0; call < (int)WR_COUNT(calls); call++) {
            int skip = 0;

            while (check_call(t, call, skip)) {
                skip++;
                failures++;
            }
            memset(&it, 0, sizeof it);
            it.skip = -1; /* an ordinary one behind it */
            assert_int_equal(weir_test_get(t, "/")->status, 200);
            assert_int_equal(it.closed, 1);
        }
        weir_test_free(t);
    }
    assert_true(failures >= 12); /* each on the loop, most in a thread */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls__each_allocation_that_fails__is_told_and_harms_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
