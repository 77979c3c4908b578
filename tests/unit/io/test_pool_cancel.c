/* A job that is taken back before it has begun. */
#include "io/pool.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/list.h"
#include "io/futex.h"
#include "support.h"

/* Waiting has no bound here: main.c's watchdog is it. */
static void wait_for(sem_t *s)
{
    while (sem_wait(s) < 0)
        ;
}

/* The linker puts these in the place of the pool's calls: a thread says that it sleeps, and one
 * of the pool may be slow to wake up. */
static sem_t *_Atomic when_one_sleeps, *_Atomic before_one_wakes; /* NULL: nothing */

int __real_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
void __real_wr_futex_wait(_Atomic uint32_t *word, uint32_t value);
void __wrap_wr_futex_wait(_Atomic uint32_t *word, uint32_t value);

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    sem_t *sleeps = when_one_sleeps;

    if (sleeps)
        sem_post(sleeps);
    return __real_pthread_cond_wait(c, m);
}

void __wrap_wr_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    sem_t *sleeps = when_one_sleeps, *wakes = before_one_wakes;

    if (sleeps)
        sem_post(sleeps);
    __real_wr_futex_wait(word, value);
    if (wakes)
        wait_for(wakes);
}

/* Holds its thread until it is let go. */
struct block {
    struct wr_job job;
    sem_t begun, go;
};

static void run_block(struct wr_job *j, void *thread_data)
{
    struct block *b = WR_CONTAINER_OF(j, struct block, job);

    (void)thread_data;
    sem_post(&b->begun);
    wait_for(&b->go);
}

static void block_init(struct block *b)
{
    *b = (struct block){.job.run = run_block};
    sem_init(&b->begun, 0, 0);
    sem_init(&b->go, 0, 0);
}

static void block_fini(struct block *b)
{
    sem_destroy(&b->begun);
    sem_destroy(&b->go);
}

static struct wr_pool *held_pool(size_t queue_max, struct block *b)
{
    const struct wr_pool_setup setup = {.threads = 1, .queue_max = queue_max, .name = "pool"};
    struct wr_pool *p = wr_pool_new(&setup);

    assert_non_null(p);
    assert_int_equal(wr_pool_start(p), 0);
    block_init(b);
    wr_pool_push(p, &b->job);
    wait_for(&b->begun);
    return p;
}

static void let_go_and_free(struct wr_pool *p, struct block *b)
{
    sem_post(&b->go);
    wr_pool_free(p);
    block_fini(b);
}

/* The numbers of those that have run, in their order. */
struct record {
    int numbers[8], n;
};

struct note {
    struct wr_job job;
    int number;
    struct record *record;
};

static void run_note(struct wr_job *j, void *thread_data)
{
    struct note *note = WR_CONTAINER_OF(j, struct note, job);

    (void)thread_data;
    note->record->numbers[note->record->n++] = note->number;
}

static void make_notes(struct note *notes, int count, struct record *record)
{
    for (int i = 0; i < count; i++)
        notes[i] = (struct note){.job.run = run_note, .number = i, .record = record};
}

static void cancel__first_middle_and_last__the_others_run_in_their_order(void **state)
{
    static const int expected[] = {1, 2, 4, 5};
    struct record ran = {.n = 0};
    struct note notes[7];
    struct block b;
    struct wr_pool *p = held_pool(7, &b);

    (void)state;
    make_notes(notes, 7, &ran);
    for (int i = 0; i < 7; i++)
        assert_true(wr_pool_submit(p, &notes[i].job));
    assert_true(wr_pool_cancel(p, &notes[3].job));
    assert_true(wr_pool_cancel(p, &notes[0].job));
    assert_true(wr_pool_cancel(p, &notes[6].job));
    let_go_and_free(p, &b);
    assert_int_equal(ran.n, 4);
    assert_memory_equal(ran.numbers, expected, sizeof expected);
}

static void cancel__full_queue__its_place_is_anothers(void **state)
{
    struct record ran = {.n = 0};
    struct note notes[3];
    struct block b;
    struct wr_pool *p = held_pool(1, &b);

    (void)state;
    make_notes(notes, 3, &ran);
    assert_true(wr_pool_submit(p, &notes[0].job));
    assert_false(wr_pool_submit(p, &notes[1].job));
    assert_true(wr_pool_cancel(p, &notes[0].job));
    assert_true(wr_pool_submit(p, &notes[1].job));
    assert_false(wr_pool_submit(p, &notes[2].job));
    let_go_and_free(p, &b);
    assert_int_equal(ran.n, 1);
    assert_int_equal(ran.numbers[0], 1);
}

static void cancel__nothing_that_waits__false(void **state)
{
    struct record ran = {.n = 0};
    struct note notes[3];
    struct block b;
    struct wr_pool *p = held_pool(2, &b);

    (void)state;
    make_notes(notes, 3, &ran);
    assert_false(wr_pool_cancel(p, &b.job)); /* it runs */
    assert_false(wr_pool_cancel(p, &notes[0].job));
    assert_true(wr_pool_submit(p, &notes[1].job));
    assert_true(wr_pool_cancel(p, &notes[1].job));
    assert_false(wr_pool_cancel(p, &notes[1].job));
    assert_true(wr_pool_submit(p, &notes[2].job));
    sem_post(&b.go);
    wr_pool_wait(p);
    assert_false(wr_pool_cancel(p, &notes[2].job)); /* it is over */
    assert_false(wr_pool_cancel(p, &b.job));
    wr_pool_stop(p);
    wr_pool_push(p, &notes[0].job); /* run in the call */
    assert_false(wr_pool_cancel(p, &notes[0].job));
    let_go_and_free(p, &b);
    assert_int_equal(ran.n, 2);
}

static void cancel__and_given_again__it_runs_once_behind_the_others(void **state)
{
    static const int expected[] = {1, 0};
    struct record ran = {.n = 0};
    struct note notes[2];
    struct block b;
    struct wr_pool *p = held_pool(2, &b);

    (void)state;
    make_notes(notes, 2, &ran);
    assert_true(wr_pool_submit(p, &notes[0].job));
    assert_true(wr_pool_submit(p, &notes[1].job));
    assert_true(wr_pool_cancel(p, &notes[0].job));
    assert_true(wr_pool_submit(p, &notes[0].job));
    let_go_and_free(p, &b);
    assert_int_equal(ran.n, 2);
    assert_memory_equal(ran.numbers, expected, sizeof expected);
}

static void cancel__before_the_start__it_never_runs(void **state)
{
    const struct wr_pool_setup setup = {.threads = 1, .queue_max = 2, .name = "pool"};
    struct wr_pool *p = wr_pool_new(&setup);
    struct record ran = {.n = 0};
    struct note notes[2];

    (void)state;
    assert_non_null(p);
    make_notes(notes, 2, &ran);
    wr_pool_push(p, &notes[0].job);
    wr_pool_push(p, &notes[1].job);
    assert_true(wr_pool_cancel(p, &notes[1].job));
    assert_int_equal(wr_pool_start(p), 0);
    wr_pool_free(p);
    assert_int_equal(ran.n, 1);
    assert_int_equal(ran.numbers[0], 0);
}

static void *wait_for_rest(void *arg)
{
    wr_pool_wait(arg);
    return NULL;
}

static void cancel__last_one_before_its_thread_has_woken__the_pool_rests(void **state)
{
    const struct wr_pool_setup setup = {.threads = 1, .queue_max = 1, .name = "pool"};
    struct wr_pool *p = wr_pool_new(&setup);
    struct record ran = {.n = 0};
    sem_t sleeps, wakes;
    pthread_t waiter;
    struct note note;
    struct block b;

    (void)state;
    sem_init(&sleeps, 0, 0);
    sem_init(&wakes, 0, 0);
    make_notes(&note, 1, &ran);
    assert_non_null(p);
    assert_int_equal(wr_pool_start(p), 0);
    block_init(&b);
    wr_pool_push(p, &b.job);
    wait_for(&b.begun);
    when_one_sleeps = &sleeps;
    before_one_wakes = &wakes;
    sem_post(&b.go);
    wait_for(&sleeps); /* the pool's thread, behind its job */
    before_one_wakes = NULL;
    wr_pool_push(p, &note.job);
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_rest, p), 0);
    wait_for(&sleeps);
    when_one_sleeps = NULL;
    assert_true(wr_pool_cancel(p, &note.job));
    assert_int_equal(pthread_join(waiter, NULL), 0);
    sem_post(&wakes);
    wr_pool_free(p);
    assert_int_equal(ran.n, 0);
    block_fini(&b);
    sem_destroy(&sleeps);
    sem_destroy(&wakes);
}

/* ---- against threads ---- */

#define ROUNDS 20000

struct raced {
    struct wr_job job;
    atomic_int runs;
};

static void run_raced(struct wr_job *j, void *thread_data)
{
    (void)thread_data;
    atomic_fetch_add(&WR_CONTAINER_OF(j, struct raced, job)->runs, 1);
}

/* The thread is on its way to the job, or has it, or there is none left for it. */
static void cancel__while_a_thread_wakes_for_it__it_runs_or_is_cancelled(void **state)
{
    const struct wr_pool_setup setup = {.threads = 2, .queue_max = 1, .name = "pool"};
    struct wr_pool *p = wr_pool_new(&setup);
    struct raced *jobs = calloc(ROUNDS, sizeof *jobs);

    (void)state;
    assert_non_null(jobs);
    assert_int_equal(wr_pool_start(p), 0);
    for (int i = 0; i < ROUNDS; i++) {
        bool was_waiting;

        jobs[i].job.run = run_raced;
        wr_pool_push(p, &jobs[i].job);
        for (int k = i % 4; k > 0; k--)
            sched_yield();
        was_waiting = wr_pool_cancel(p, &jobs[i].job);
        wr_pool_wait(p);
        assert_int_equal(jobs[i].runs, was_waiting ? 0 : 1);
    }
    wr_pool_free(p);
    free(jobs);
}

WR_TESTS(cmocka_unit_test(cancel__first_middle_and_last__the_others_run_in_their_order),
         cmocka_unit_test(cancel__full_queue__its_place_is_anothers),
         cmocka_unit_test(cancel__nothing_that_waits__false),
         cmocka_unit_test(cancel__and_given_again__it_runs_once_behind_the_others),
         cmocka_unit_test(cancel__before_the_start__it_never_runs),
         cmocka_unit_test(cancel__last_one_before_its_thread_has_woken__the_pool_rests),
         cmocka_unit_test(cancel__while_a_thread_wakes_for_it__it_runs_or_is_cancelled));
