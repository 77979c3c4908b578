/*
 * What a site does with its handlers: each is called once, however many routes it has.
 */
#include "support.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

#include "io/pool.h"
#include "test_server.h"

static struct test_server server;

static int set_up(void **state)
{
    (void)state;
    test_server_init(&server);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_server_fini(&server);
    return 0;
}

struct traced {
    struct wr_handler base;
    char name;
    char fails_in; /* p, l, s: prepare, start_loop, start; 0: nowhere */
    bool is_busy;
};

static char trace[256]; /* two letters a call: the function and the handler */

static int note_call(struct wr_handler *h, char what)
{
    const struct traced *t = WR_CONTAINER_OF(h, struct traced, base);
    size_t n = strlen(trace);

    assert_true(n + 3 < sizeof trace);
    trace[n] = what;
    trace[n + 1] = t->name;
    trace[n + 2] = '\0';
    return t->fails_in == what ? -EPROTO : 0;
}

static int trace_prepare(struct wr_handler *h, struct wr_worker *const *workers, int n, char *why)
{
    assert_ptr_equal(workers[0], &server.worker);
    assert_int_equal(n, 1);
    snprintf(why, WR_WHY_MAX, "prepare");
    return note_call(h, 'p');
}

static int trace_start_loop(struct wr_handler *h, int loop, char *why)
{
    assert_int_equal(loop, 1);
    snprintf(why, WR_WHY_MAX, "start_loop");
    return note_call(h, 'l');
}

static int trace_start(struct wr_handler *h, char *why)
{
    snprintf(why, WR_WHY_MAX, "start");
    return note_call(h, 's');
}

static bool trace_is_busy(struct wr_handler *h)
{
    note_call(h, 'b');
    return WR_CONTAINER_OF(h, struct traced, base)->is_busy;
}

static void trace_wait(struct wr_handler *h)
{
    note_call(h, 'w');
}

static void trace_stop(struct wr_handler *h)
{
    note_call(h, 'S');
}

static void trace_stop_loop(struct wr_handler *h, int loop)
{
    assert_int_equal(loop, 1);
    note_call(h, 'L');
}

static void trace_free(struct wr_handler *h)
{
    note_call(h, 'f');
}

static void trace_release(struct wr_site *site)
{
    assert_int_equal(site->router.n, 0);
    assert_true(strlen(trace) + 2 < sizeof trace);
    memcpy(trace + strlen(trace), "R", 2);
}

static const struct wr_handler_ops traced_ops = {.name = "traced",
                                                 .prepare = trace_prepare,
                                                 .start_loop = trace_start_loop,
                                                 .start = trace_start,
                                                 .is_busy = trace_is_busy,
                                                 .wait = trace_wait,
                                                 .stop = trace_stop,
                                                 .stop_loop = trace_stop_loop,
                                                 .free = trace_free};
static const struct wr_handler_ops bare_ops = {.name = "bare", .free = trace_free};

/* a at two routes, b at three, c (which has no functions but free) at one. In the order in which
 * routes are tried, long before short: /aaaa a, /bbb b, /cc c, /b b, then "" a, and b as the last. */
static struct traced handlers[3];

static void make_traced(struct wr_site *site)
{
    static const struct {
        const char *route;
        int handler;
    } routes[] = {{"/b", 1}, {"/", 0}, {"/aaaa", 0}, {"/cc", 2}, {"/bbb", 1}};
    const char *why;

    trace[0] = '\0';
    for (int i = 0; i < 3; i++)
        handlers[i] =
            (struct traced){{.ops = i == 2 ? &bare_ops : &traced_ops}, (char)('a' + i), 0, false};
    *site = (struct wr_site){.log = server.site.log, .release = trace_release};
    for (size_t i = 0; i < WR_COUNT(routes); i++)
        assert_int_equal(
            wr_router_add(&site->router, routes[i].route, &handlers[routes[i].handler].base, &why),
            0);
    assert_int_equal(wr_router_add_last(&site->router, &handlers[1].base), 0);
}

static void site__handlers__come_once_each(void **state)
{
    struct wr_site site, empty = {0};
    size_t at = 0;

    (void)state;
    make_traced(&site);
    assert_ptr_equal(wr_site_next_handler(&site, &at), &handlers[0].base);
    assert_ptr_equal(wr_site_next_handler(&site, &at), &handlers[1].base);
    assert_ptr_equal(wr_site_next_handler(&site, &at), &handlers[2].base);
    assert_null(wr_site_next_handler(&site, &at));
    assert_null(wr_site_next_handler(&site, &at));
    at = 0;
    assert_null(wr_site_next_handler(&empty, &at));
    wr_site_fini(&empty);
    assert_string_equal(trace, "");
    wr_site_fini(&site);
    assert_int_equal(strlen(trace), 7); /* three are freed, once each, then it is released */
    assert_non_null(strstr(trace, "fa"));
    assert_non_null(strstr(trace, "fb"));
    assert_non_null(strstr(trace, "fc"));
    assert_int_equal(trace[6], 'R');
}

static void site__each_step__calls_every_handler_once(void **state)
{
    struct wr_worker *worker = &server.worker;
    char why[WR_WHY_MAX];
    struct wr_site site;

    (void)state;
    make_traced(&site);
    assert_int_equal(wr_site_prepare(&site, &worker, 1, why), 0);
    assert_int_equal(wr_site_start_loop(&site, 1, why), 0);
    assert_int_equal(wr_site_start(&site, why), 0);
    assert_string_equal(trace, "papblalbsasb");
    trace[0] = '\0';
    wr_site_wait(&site);
    wr_site_stop(&site);
    wr_site_stop_loop(&site, 1);
    assert_string_equal(trace, "wawbSaSbLaLb");
    wr_site_fini(&site);
}

static void site__step_that_fails__ends_there_and_says_why(void **state)
{
    struct wr_worker *worker = &server.worker;
    static const struct {
        char fails_in;
        const char *trace, *why;
    } rows[] = {
        {'p', "pa", "prepare"}, {'l', "papbla", "start_loop"}, {'s', "papblalbsa", "start"}};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        char why[WR_WHY_MAX];
        struct wr_site site;
        int err;

        make_traced(&site);
        handlers[0].fails_in = rows[i].fails_in;
        err = wr_site_prepare(&site, &worker, 1, why);
        if (err == 0)
            err = wr_site_start_loop(&site, 1, why);
        if (err == 0)
            err = wr_site_start(&site, why);
        assert_int_equal(err, -EPROTO);
        assert_string_equal(why, rows[i].why);
        assert_string_equal(trace, rows[i].trace);
        trace[0] = '\0';
        wr_site_stop(&site); /* as if all had been started */
        wr_site_stop_loop(&site, 1);
        assert_string_equal(trace, "SaSbLaLb");
        wr_site_fini(&site);
    }
}

static void site__busy_handlers__are_named_by_a_route(void **state)
{
    struct wr_site site;

    (void)state;
    make_traced(&site);
    wr_site_warn_if_busy(&site);
    assert_string_equal(server.log_text, "");
    assert_string_equal(trace, "babb");
    handlers[1].is_busy = true;
    wr_site_warn_if_busy(&site);
    assert_non_null(strstr(server.log_text, " /bbb "));
    assert_ptr_equal(strchr(server.log_text, '\n'),
                     server.log_text + server.log_n - 1); /* one line */
    wr_site_fini(&site);
}

/* ---- threads ---- */

struct held_job {
    struct wr_job job;
    sem_t *waits_for, *posts; /* NULL: nothing */
};

static void run_held(struct wr_job *job, void *thread_data)
{
    struct held_job *held = WR_CONTAINER_OF(job, struct held_job, job);

    (void)thread_data;
    if (held->waits_for)
        sem_wait(held->waits_for);
    if (held->posts)
        sem_post(held->posts);
}

static bool comes(sem_t *sem)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 10;
    return sem_timedwait(sem, &end) == 0;
}

#define MAKERS 2

static void site__makers_are_all_busy__a_disk_is_waited_for_at_once(void **state)
{
    static struct held_job made[200];
    struct wr_site site = {.log = server.site.log, .helper_threads = MAKERS};
    char why[WR_WHY_MAX];
    sem_t go_on, has_read;
    struct held_job disk = {.job.run = run_held, .posts = &has_read};
    size_t n = 0;

    (void)state;
    sem_init(&go_on, 0, 0);
    sem_init(&has_read, 0, 0);
    for (size_t i = 0; i < WR_COUNT(made); i++)
        made[i] = (struct held_job){.job.run = run_held, .waits_for = &go_on};
    assert_int_equal(wr_site_start(&site, why), 0);
    while (n < WR_COUNT(made) && wr_pool_submit(site.makers, &made[n].job))
        n++;
    assert_int_equal(n, MAKERS + 64); /* whoever comes then does without */
    assert_true(wr_pool_submit(site.helpers, &disk.job));
    assert_true(comes(&has_read));
    for (size_t i = 0; i < n; i++)
        sem_post(&go_on);
    wr_site_wait(&site);
    wr_site_stop(&site);
    wr_site_fini(&site);
    sem_destroy(&go_on);
    sem_destroy(&has_read);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

WR_TESTS(TEST(site__handlers__come_once_each), TEST(site__each_step__calls_every_handler_once),
         TEST(site__step_that_fails__ends_there_and_says_why),
         TEST(site__busy_handlers__are_named_by_a_route),
         TEST(site__makers_are_all_busy__a_disk_is_waited_for_at_once));
