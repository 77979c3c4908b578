/* A pool that has not been started keeps its jobs until wr_pool_stop() runs them on this thread: so
 * the tests say when a chore is done. */
#include "handlers/chores.h"

#include <stdlib.h>
#include <string.h>

#include "fake_clock.h"
#include "support.h"

static struct wr_fake_clock fake;
static struct wr_clock clock_of_test;
static struct wr_loop *loop;
static struct wr_chores *chores;
static struct wr_pool *pool;
static char said[64]; /* what happened, a letter each */

static void say(char what)
{
    size_t n = strlen(said);

    assert_true(n + 1 < sizeof said);
    said[n] = what;
    said[n + 1] = '\0';
}

static int begin(void **state)
{
    const struct wr_pool_setup setup = {.threads = 1, .queue_max = 2, .name = "test"};
    int err;

    (void)state;
    fake = (struct wr_fake_clock){.now_ms = 1};
    clock_of_test = wr_fake_clock_of(&fake);
    loop = wr_loop_new(&clock_of_test, &err);
    chores = wr_chores_new(loop);
    pool = wr_pool_new(&setup);
    said[0] = '\0';
    return loop && chores && pool ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    wr_pool_free(pool);
    wr_loop_free(loop);
    return 0;
}

struct errand {
    struct wr_chore chore;
    char name;
};

static void work(struct wr_chore *c)
{
    say(((struct errand *)c)->name);
}

static void finish(struct wr_chore *c)
{
    say('.');
    free(c);
}

static const struct wr_chore_ops ops = {work, finish};
static const struct wr_chore_ops other_ops = {work, finish};

static struct wr_chore *errand(char name)
{
    struct errand *e = calloc(1, sizeof *e);

    assert_non_null(e);
    e->chore.ops = &ops;
    e->name = name;
    return &e->chore;
}

static bool has_name(const struct wr_chore *c, const void *key)
{
    return ((const struct errand *)c)->name == *(const char *)key;
}

struct visitor {
    struct wr_waiter waiter;
    struct visitor *sends_away; /* when it resumes */
    struct wr_chore *joins;     /* when it resumes: begun and joined */
    bool tells;                 /* '+' when it resumes, or '-' when the work was left out */
    char name;
};

static void resume(struct wr_waiter *w, struct wr_chore *c)
{
    struct visitor *v = (struct visitor *)w;

    assert_non_null(c);
    say(v->name);
    if (v->tells)
        say(wr_chore_is_worked(c) ? '+' : '-');
    if (v->sends_away)
        wr_waiter_leave(&v->sends_away->waiter);
    if (v->joins) {
        assert_true(wr_chore_begin(chores, v->joins, pool));
        wr_chore_join(v->joins, w);
        v->joins = NULL;
    }
}

static struct visitor visitor(char name)
{
    return (struct visitor){.waiter.resume = resume, .name = name};
}

static void run_all(void)
{
    wr_pool_stop(pool);
    wr_loop_run_tasks(loop);
}

static void begin__work_then_waiters_in_order_then_finish(void **state)
{
    struct visitor a = visitor('a'), b = visitor('b');
    struct wr_chore *c = errand('1');

    (void)state;
    a.tells = true;
    assert_true(wr_chore_begin(chores, c, pool));
    assert_false(wr_waiter_waits(&a.waiter));
    wr_chore_join(c, &a.waiter);
    wr_chore_join(c, &b.waiter);
    assert_true(wr_waiter_waits(&a.waiter));
    assert_string_equal(said, "");
    run_all();
    assert_false(wr_waiter_waits(&a.waiter));
    assert_string_equal(said, "1a+b.");
    wr_chores_close(chores);
}

static void leave__is_not_resumed_and_the_chore_goes_on(void **state)
{
    struct visitor a = visitor('a'), b = visitor('b'), never = visitor('n');
    struct wr_chore *c = errand('1');

    (void)state;
    assert_true(wr_chore_begin(chores, c, pool));
    wr_chore_join(c, &a.waiter);
    wr_chore_join(c, &b.waiter);
    wr_waiter_leave(&a.waiter);
    wr_waiter_leave(&a.waiter);
    wr_waiter_leave(&never.waiter);
    run_all();
    assert_string_equal(said, "1b.");
    wr_chores_close(chores);
}

static void leave__all__the_work_is_left_out(void **state)
{
    struct visitor a = visitor('a'), b = visitor('b');
    struct wr_chore *c = errand('1'), *next = errand('2');

    (void)state;
    assert_true(wr_chore_begin(chores, c, pool));
    wr_chore_join(c, &a.waiter);
    wr_chore_join(c, &b.waiter);
    wr_waiter_leave(&b.waiter);
    wr_waiter_leave(&a.waiter);
    wr_waiter_leave(&a.waiter);
    assert_true(wr_chore_begin(chores, next, pool));
    wr_chore_join(next, &a.waiter);
    run_all();
    assert_string_equal(said, "2.a.");
    wr_chores_close(chores);
}

static void join__when_it_was_left_out__is_resumed_and_told(void **state)
{
    struct visitor a = visitor('a'), b = visitor('b');
    struct wr_chore *c = errand('1');

    (void)state;
    b.tells = true;
    assert_true(wr_chore_begin(chores, c, pool));
    wr_chore_join(c, &a.waiter);
    wr_waiter_leave(&a.waiter);
    wr_pool_stop(pool); /* its turn */
    assert_ptr_equal(wr_chores_find(chores, &ops, has_name, "1"), c);
    wr_chore_join(c, &b.waiter);
    wr_loop_run_tasks(loop);
    assert_string_equal(said, "b-.");
    wr_chores_close(chores);
}

static void leave__by_another_that_resumes__is_not_resumed(void **state)
{
    struct visitor a = visitor('a'), b = visitor('b'), c = visitor('c');
    struct wr_chore *chore = errand('1');

    (void)state;
    a.sends_away = &b;
    assert_true(wr_chore_begin(chores, chore, pool));
    wr_chore_join(chore, &a.waiter);
    wr_chore_join(chore, &b.waiter);
    wr_chore_join(chore, &c.waiter);
    run_all();
    assert_string_equal(said, "1ac.");
    wr_chores_close(chores);
}

static void find__what_is_under_way__until_it_is_done(void **state)
{
    struct wr_chore *c = errand('1');

    (void)state;
    assert_null(wr_chores_find(chores, &ops, has_name, "1"));
    assert_true(wr_chore_begin(chores, c, pool));
    assert_ptr_equal(wr_chores_find(chores, &ops, has_name, "1"), c);
    assert_null(wr_chores_find(chores, &ops, has_name, "2"));
    assert_null(wr_chores_find(chores, &other_ops, has_name, "1"));
    run_all();
    assert_null(wr_chores_find(chores, &ops, has_name, "1"));
    wr_chores_close(chores);
}

static void begin__full_or_no_pool__stays_with_the_caller(void **state)
{
    struct wr_chore *first = errand('1'), *second = errand('2'), *third = errand('3');

    (void)state;
    assert_true(wr_chore_begin(chores, first, pool));
    assert_true(wr_chore_begin(chores, second, pool));
    assert_false(wr_chore_begin(chores, third, pool)); /* two may wait */
    assert_null(wr_chores_find(chores, &ops, has_name, "3"));
    assert_false(wr_chore_begin(chores, third, NULL));
    free(third);
    run_all();
    assert_string_equal(said, "12..");
    wr_chores_close(chores);
}

static void resume__waits_for_the_next__is_resumed_again(void **state)
{
    struct visitor a = visitor('a');
    struct wr_chore *c = errand('1');

    (void)state;
    a.joins = errand('2');
    assert_true(wr_chore_begin(chores, c, pool));
    wr_chore_join(c, &a.waiter);
    run_all();
    assert_string_equal(said, "1a2.a.");
    wr_chores_close(chores);
}

/* What a folder's end finds: a chore that is out, whose waiters are gone. */
static void close__while_one_is_out__it_ends_all_the_same(void **state)
{
    (void)state;
    assert_true(wr_chore_begin(chores, errand('1'), pool));
    wr_chores_close(chores);
    run_all();
    assert_string_equal(said, "1.");
}

WR_TESTS(
    cmocka_unit_test_setup_teardown(begin__work_then_waiters_in_order_then_finish, begin, end),
    cmocka_unit_test_setup_teardown(leave__is_not_resumed_and_the_chore_goes_on, begin, end),
    cmocka_unit_test_setup_teardown(leave__all__the_work_is_left_out, begin, end),
    cmocka_unit_test_setup_teardown(join__when_it_was_left_out__is_resumed_and_told, begin, end),
    cmocka_unit_test_setup_teardown(leave__by_another_that_resumes__is_not_resumed, begin, end),
    cmocka_unit_test_setup_teardown(find__what_is_under_way__until_it_is_done, begin, end),
    cmocka_unit_test_setup_teardown(begin__full_or_no_pool__stays_with_the_caller, begin, end),
    cmocka_unit_test_setup_teardown(resume__waits_for_the_next__is_resumed_again, begin, end),
    cmocka_unit_test_setup_teardown(close__while_one_is_out__it_ends_all_the_same, begin, end));
