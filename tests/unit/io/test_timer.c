#include "io/timer.h"

#include "base/list.h"
#include "support.h"

#define FIRED_MAX 16

struct probe {
    struct wr_timer timer;
    int id;
};

static struct wr_timers timers;
static int fired[FIRED_MAX], fired_n;

static void on_fire(struct wr_timer *t)
{
    assert_in_range(fired_n, 0, FIRED_MAX - 1);
    fired[fired_n++] = WR_CONTAINER_OF(t, struct probe, timer)->id;
}

static int begin(void **state)
{
    (void)state;
    wr_timers_init(&timers);
    fired_n = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    wr_timers_fini(&timers);
    return 0;
}

static void probe_set(struct probe *p, int id, int64_t due_ms)
{
    wr_timer_init(&p->timer, on_fire);
    p->id = id;
    assert_int_equal(wr_timer_set(&timers, &p->timer, due_ms), 0);
}

static void expect_fired(int n, const int want[])
{
    assert_int_equal(fired_n, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(fired[i], want[i]);
}

static void timer__nothing_set__no_look_needed(void **state)
{
    (void)state;
    assert_int_equal(wr_timers_next(&timers, 0), -1);
    assert_int_equal(wr_timers_next(&timers, INT64_MAX), -1);
    wr_timers_run(&timers, INT64_MAX);
    assert_int_equal(fired_n, 0);
}

static void timer__deadlines__fire_at_their_time_and_once(void **state)
{
    struct probe p;

    (void)state;
    probe_set(&p, 1, 1000);
    assert_int_equal(wr_timers_next(&timers, 400), 600);
    wr_timers_run(&timers, 999);
    assert_int_equal(fired_n, 0);
    assert_int_equal(wr_timers_next(&timers, 999), 1);
    assert_int_equal(wr_timers_next(&timers, 1000), 0);
    wr_timers_run(&timers, 1000);
    expect_fired(1, (const int[]){1});
    assert_int_equal(p.timer.due_ms, 0);
    wr_timers_run(&timers, 5000);
    assert_int_equal(fired_n, 1);
    assert_int_equal(wr_timers_next(&timers, 5000), -1);
}

static void timer__many__fire_in_the_order_of_their_deadlines(void **state)
{
    static const int64_t due_ms[] = {50, 20, 90, 10, 70, 40, 80, 30, 60};
    struct probe p[WR_COUNT(due_ms)];

    (void)state;
    for (size_t i = 0; i < WR_COUNT(due_ms); i++)
        probe_set(&p[i], (int)due_ms[i], due_ms[i]);
    wr_timers_run(&timers, 45);
    expect_fired(4, (const int[]){10, 20, 30, 40});
    wr_timers_run(&timers, 1000);
    expect_fired(9, (const int[]){10, 20, 30, 40, 50, 60, 70, 80, 90});
}

static void timer__same_deadline__all_fire(void **state)
{
    struct probe p[3];
    int sum = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        probe_set(&p[i], 1 << i, 10);
    wr_timers_run(&timers, 10);
    assert_int_equal(fired_n, 3);
    for (int i = 0; i < 3; i++)
        sum += fired[i];
    assert_int_equal(sum, 7);
}

static void timer__pushed_away__does_not_fire_at_the_old_time(void **state)
{
    struct probe p, other;

    (void)state;
    probe_set(&p, 1, 100);
    probe_set(&other, 2, 150);
    assert_int_equal(wr_timer_set(&timers, &p.timer, 300), 0);
    assert_int_equal(p.timer.due_ms, 300);
    assert_in_range(wr_timers_next(&timers, 0), 0, 150);
    wr_timers_run(&timers, 100);
    assert_int_equal(fired_n, 0);
    assert_int_equal(wr_timers_next(&timers, 100), 50);
    wr_timers_run(&timers, 299);
    expect_fired(1, (const int[]){2});
    assert_int_equal(wr_timers_next(&timers, 299), 1);
    wr_timers_run(&timers, 300);
    expect_fired(2, (const int[]){2, 1});
}

static void timer__pushed_away_while_overdue__does_not_fire(void **state)
{
    struct probe p;

    (void)state;
    probe_set(&p, 1, 100);
    assert_int_equal(wr_timer_set(&timers, &p.timer, 300), 0);
    wr_timers_run(&timers, 250);
    assert_int_equal(fired_n, 0);
    assert_int_equal(wr_timers_next(&timers, 250), 50);
    wr_timer_clear(&timers, &p.timer); /* its memory goes */
}

static void timer__moved_earlier__fires_at_the_earlier_time(void **state)
{
    struct probe p, first;

    (void)state;
    probe_set(&first, 2, 100);
    probe_set(&p, 1, 500);
    assert_int_equal(wr_timer_set(&timers, &p.timer, 50), 0);
    assert_int_equal(wr_timers_next(&timers, 0), 50);
    wr_timers_run(&timers, 50);
    expect_fired(1, (const int[]){1});
    wr_timers_run(&timers, 600);
    expect_fired(2, (const int[]){1, 2});
}

static void timer__pushed_away_and_back__fires_at_the_last_time_set(void **state)
{
    struct probe p;

    (void)state;
    probe_set(&p, 1, 100);
    wr_timer_set(&timers, &p.timer, 900);
    wr_timer_set(&timers, &p.timer, 200);
    wr_timers_run(&timers, 199);
    assert_int_equal(fired_n, 0);
    wr_timers_run(&timers, 200);
    assert_int_equal(fired_n, 1);
    wr_timers_run(&timers, 900);
    assert_int_equal(fired_n, 1);
}

static void timer__cleared__never_fires(void **state)
{
    struct probe p[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        probe_set(&p[i], i, 10 + i);
    wr_timer_clear(&timers, &p[0].timer);
    wr_timer_clear(&timers, &p[0].timer);
    assert_int_equal(p[0].timer.due_ms, 0);
    assert_int_equal(wr_timers_next(&timers, 0), 11);
    wr_timers_run(&timers, 100);
    expect_fired(2, (const int[]){1, 2});
}

static void timer__never_set__clears_without_effect(void **state)
{
    struct probe p;

    (void)state;
    wr_timer_init(&p.timer, on_fire);
    wr_timer_clear(&timers, &p.timer);
    assert_int_equal(wr_timers_next(&timers, 0), -1);
}

static void timer__fini__forgets_what_is_set(void **state)
{
    struct probe p;

    (void)state;
    probe_set(&p, 1, 10);
    wr_timers_fini(&timers);
    assert_int_equal(wr_timers_next(&timers, 0), -1);
    wr_timers_run(&timers, 100);
    assert_int_equal(fired_n, 0);
    wr_timer_clear(&timers, &p.timer); /* of a connection that goes after the loop */
    assert_int_equal(p.timer.due_ms, 0);
    probe_set(&p, 1, 20);
    wr_timers_run(&timers, 100);
    assert_int_equal(fired_n, 1);
}

/* ---- callbacks that change timers ---- */

static struct probe victim, again;

static void on_fire_clear_victim(struct wr_timer *t)
{
    on_fire(t);
    wr_timer_clear(&timers, &victim.timer);
}

static void timer__cleared_by_a_callback__does_not_fire_in_the_same_run(void **state)
{
    struct probe p, later;

    (void)state;
    probe_set(&p, 1, 10);
    p.timer.fire = on_fire_clear_victim;
    probe_set(&victim, 2, 11);
    probe_set(&later, 3, 12);
    wr_timers_run(&timers, 100);
    expect_fired(2, (const int[]){1, 3});
    assert_int_equal(wr_timers_next(&timers, 100), -1);
}

static void on_fire_clear_itself(struct wr_timer *t)
{
    on_fire(t);
    wr_timer_clear(&timers, t);
}

static void timer__clears_itself__fires_once(void **state)
{
    struct probe p;

    (void)state;
    probe_set(&p, 1, 10);
    p.timer.fire = on_fire_clear_itself;
    wr_timers_run(&timers, 10);
    expect_fired(1, (const int[]){1});
    assert_int_equal(wr_timers_next(&timers, 10), -1);
}

static void on_fire_set_again(struct wr_timer *t)
{
    on_fire(t);
    assert_int_equal(t->due_ms, 0);
    assert_int_equal(wr_timer_set(&timers, t, 40), 0);
    assert_int_equal(wr_timer_set(&timers, &again.timer, 15), 0);
}

static void timer__set_by_a_callback__fires_when_due(void **state)
{
    struct probe p;

    (void)state;
    probe_set(&p, 1, 10);
    p.timer.fire = on_fire_set_again;
    wr_timer_init(&again.timer, on_fire);
    again.id = 2;
    wr_timers_run(&timers, 20); /* the one for 15 is due in this run already */
    expect_fired(2, (const int[]){1, 2});
    assert_int_equal(wr_timers_next(&timers, 20), 20);
    wr_timer_clear(&timers, &p.timer);
}

static void on_fire_free_itself(struct wr_timer *t)
{
    on_fire(t);
    test_free(WR_CONTAINER_OF(t, struct probe, timer));
}

static void timer__frees_itself__is_not_touched_any_more(void **state)
{
    struct probe *p = test_malloc(sizeof *p), later;

    (void)state;
    probe_set(p, 1, 10);
    p->timer.fire = on_fire_free_itself;
    probe_set(&later, 2, 11);
    wr_timers_run(&timers, 11);
    expect_fired(2, (const int[]){1, 2});
}

/* ---- against a naive model ---- */

#define MODEL_N     300 /* more than the first size of the heap */
#define MODEL_STEPS 20000
#define MODEL_SPAN  400

static struct {
    struct wr_timer timers[MODEL_N];
    int64_t due_ms[MODEL_N]; /* 0: not set */
    int64_t now_ms, last_due_ms;
    uint32_t random;
    int fired;
} model;

static uint32_t roll(uint32_t below) /* xorshift32 */
{
    model.random ^= model.random << 13;
    model.random ^= model.random >> 17;
    model.random ^= model.random << 5;
    return model.random % below;
}

/* Sets a timer to a time that is still to come, or clears it. */
static void change_one(void)
{
    uint32_t i = roll(MODEL_N);

    if (roll(4) == 0) {
        wr_timer_clear(&timers, &model.timers[i]);
        model.due_ms[i] = 0;
    } else {
        model.due_ms[i] = model.now_ms + 1 + roll(MODEL_SPAN);
        assert_int_equal(wr_timer_set(&timers, &model.timers[i], model.due_ms[i]), 0);
    }
}

static void on_model_fire(struct wr_timer *t)
{
    size_t i = (size_t)(t - model.timers);

    assert_true(model.due_ms[i] > 0);
    assert_int_equal(model.due_ms[i], model.now_ms); /* neither early nor late */
    assert_true(model.due_ms[i] >= model.last_due_ms);
    model.last_due_ms = model.due_ms[i];
    model.due_ms[i] = 0;
    model.fired++;
    if (roll(2) == 0)
        change_one();
}

static int64_t model_next(void)
{
    int64_t first_ms = -1;

    for (size_t i = 0; i < MODEL_N; i++)
        if (model.due_ms[i] > 0 && (first_ms < 0 || model.due_ms[i] - model.now_ms < first_ms))
            first_ms = model.due_ms[i] - model.now_ms;
    return first_ms;
}

static void timer__random_changes__same_as_a_naive_model(void **state)
{
    (void)state;
    model.random = 20240607;
    model.now_ms = 1;
    for (size_t i = 0; i < MODEL_N; i++)
        wr_timer_init(&model.timers[i], on_model_fire);
    for (int step = 0; step < MODEL_STEPS; step++) {
        int64_t next_ms, want_ms;

        for (uint32_t n = roll(6); n > 0; n--)
            change_one();
        next_ms = wr_timers_next(&timers, model.now_ms);
        want_ms = model_next();
        if (want_ms < 0) {
            assert_int_equal(next_ms, -1);
            continue;
        }
        assert_true(next_ms >= 0 && next_ms <= want_ms); /* never late */
        /* Only as far as it said, or less: so every deadline is met to the millisecond. */
        model.now_ms += roll(3) == 0 ? (int64_t)roll((uint32_t)next_ms + 1) : next_ms;
        model.last_due_ms = 0;
        wr_timers_run(&timers, model.now_ms);
        want_ms = model_next();
        assert_true(want_ms < 0 || want_ms > 0); /* all that were due have fired */
        assert_int_not_equal(wr_timers_next(&timers, model.now_ms), 0);
    }
    assert_true(model.fired > MODEL_STEPS / 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

WR_TESTS(TEST(timer__nothing_set__no_look_needed),
         TEST(timer__deadlines__fire_at_their_time_and_once),
         TEST(timer__many__fire_in_the_order_of_their_deadlines),
         TEST(timer__same_deadline__all_fire),
         TEST(timer__pushed_away__does_not_fire_at_the_old_time),
         TEST(timer__pushed_away_while_overdue__does_not_fire),
         TEST(timer__moved_earlier__fires_at_the_earlier_time),
         TEST(timer__pushed_away_and_back__fires_at_the_last_time_set),
         TEST(timer__cleared__never_fires), TEST(timer__never_set__clears_without_effect),
         TEST(timer__fini__forgets_what_is_set),
         TEST(timer__cleared_by_a_callback__does_not_fire_in_the_same_run),
         TEST(timer__clears_itself__fires_once), TEST(timer__set_by_a_callback__fires_when_due),
         TEST(timer__frees_itself__is_not_touched_any_more),
         TEST(timer__random_changes__same_as_a_naive_model));
