/*
 * test.c — weir/test.h: mounting an app, turns and time.
 */
#include "test_exchange.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS        2
#define THREADS_MAX    64
#define COROUTINES_MAX 1000000
#define QUEUE_MAX      16
#define COROUTINES     64
#define HELPERS        2
#define PATIENCE_MS    5000
#define CALL_MS        60000 /* of the test's time, that a request at once may wait for */
#define TICK_MS        1 /* of real time: how long a thread that just came to wait goes unseen */
#define BEGAN_S        INT64_C(1767225600) /* 2026-01-01 00:00:00 UTC */

/* ---- the log ---- */

static void write_log(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    static const char *const names[] = {"error: ", "warning: ", "info: ", "debug: "};
    struct weir_test *t = ctx;

    pthread_mutex_lock(&t->log_lock);
    if (wr_test_append(&t->messages, names[level], strlen(names[level])) &&
        wr_test_append(&t->messages, line, n))
        wr_test_append(&t->messages, "\n", 1);
    pthread_mutex_unlock(&t->log_lock);
}

const char *weir_test_log(const weir_test *t)
{
    return t->messages.p ? t->messages.p : "";
}

void weir_test_clear_log(weir_test *t)
{
    pthread_mutex_lock(&t->log_lock);
    t->messages.n = 0;
    if (t->messages.p)
        t->messages.p[0] = '\0';
    pthread_mutex_unlock(&t->log_lock);
}

const char *weir_test_error(const weir_test *t)
{
    return t->error;
}

/* ---- its time ---- */

int64_t weir_test_now(const weir_test *t)
{
    return atomic_load(&t->now_ms);
}

/* The loop's timers know no time 0. */
static int64_t monotonic_ms(void *ctx)
{
    return weir_test_now(ctx) + 1;
}

static int64_t monotonic_us(void *ctx)
{
    return monotonic_ms(ctx) * 1000;
}

static int64_t wall_ns(void *ctx)
{
    return (BEGAN_S * 1000 + weir_test_now(ctx)) * 1000000;
}

/* ---- until nothing moves ---- */

static bool step_loops(weir_test *t)
{
    bool has_moved = false;

    for (int i = 0; i < t->workers_n; i++)
        has_moved = wr_loop_step(t->workers[i].loop, 0) > 0 || has_moved;
    return has_moved;
}

static bool move_exchanges(weir_test *t)
{
    bool has_moved = false;

    WR_LIST_FOREACH (it, &t->exchanges)
        has_moved = wr_test_move(WR_CONTAINER_OF(it, struct weir_test_exchange, link)) || has_moved;
    return has_moved;
}

/* When the next timer is to be looked at; -1: there is none. */
static int next_timer(const weir_test *t)
{
    int next = -1;

    for (int i = 0; i < t->workers_n; i++) {
        int own = wr_loop_timeout(t->workers[i].loop);

        if (own >= 0 && (next < 0 || own < next))
            next = own;
    }
    return next;
}

/* Have the loops been told of something within `ms` of real time? */
static bool await_loops(const weir_test *t, int ms)
{
    struct pollfd fds[WR_TEST_LOOPS_MAX];
    int n;

    for (int i = 0; i < t->workers_n; i++)
        fds[i] = (struct pollfd){.fd = wr_loop_fd(t->workers[i].loop), .events = POLLIN};
    do
        n = poll(fds, (nfds_t)t->workers_n, ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

/* Everything there is to do now. False: nothing was. */
static bool move_all(weir_test *t)
{
    bool has_moved = step_loops(t);

    has_moved = move_exchanges(t) || has_moved;
    wr_test_reap(t);
    return has_moved || next_timer(t) == 0;
}

static void give_up(weir_test *t)
{
    wr_log(&t->site.log, WR_LOG_ERROR,
           "test: after %d ms the app is still at work, or waits for what is not Weir's",
           t->patience_ms);
    WR_LIST_FOREACH (it, &t->exchanges)
        wr_test_log_wait(WR_CONTAINER_OF(it, struct weir_test_exchange, link));
}

bool wr_test_settle(weir_test *t)
{
    int64_t since = wr_clock_system.monotonic_ms(NULL);
    uint64_t news = t->news;

    for (;;) {
        bool is_at_work;

        if (!move_all(t)) {
            is_at_work = wr_test_is_working(t);
            /* In this order: who came to wait has told the loop before of what he waits for. */
            if (!await_loops(t, is_at_work ? TICK_MS : 0) && !is_at_work)
                return true;
        }
        if (news != t->news) {
            news = t->news;
            since = wr_clock_system.monotonic_ms(NULL);
        } else if (wr_clock_system.monotonic_ms(NULL) - since >= t->patience_ms) {
            break;
        }
    }
    give_up(t);
    return false;
}

static bool turn_all(weir_test *t)
{
    bool has_moved = false;

    WR_LIST_FOREACH (it, &t->exchanges)
        has_moved = wr_test_turn(WR_CONTAINER_OF(it, struct weir_test_exchange, link)) || has_moved;
    return has_moved;
}

static void show_all(weir_test *t)
{
    WR_LIST_FOREACH (it, &t->exchanges)
        wr_test_show(WR_CONTAINER_OF(it, struct weir_test_exchange, link));
}

bool wr_test_run(weir_test *t)
{
    bool is_still;

    do
        is_still = wr_test_settle(t);
    while (is_still && turn_all(t));
    show_all(t);
    return is_still;
}

int32_t weir_test_run(weir_test *t)
{
    if (t->error || t->is_stopped)
        return 0;
    return wr_test_run(t) ? 0 : WEIR_ETIMEDOUT;
}

int32_t weir_test_await(weir_test *t, uint32_t ms)
{
    if (t->error || t->is_stopped)
        return 0;
    if (!await_loops(t, ms > INT_MAX ? -1 : (int)ms))
        return WEIR_ETIMEDOUT;
    return weir_test_run(t);
}

/* As far as to the next timer, `max` at most. False: there is none in that time. */
static bool pass_to_timer(weir_test *t, int64_t max)
{
    int next = next_timer(t);

    if (next < 0 || next > max)
        return false;
    atomic_fetch_add(&t->now_ms, next);
    return true;
}

int32_t weir_test_advance(weir_test *t, uint32_t ms)
{
    int64_t end = weir_test_now(t) + ms;

    if (t->error || t->is_stopped)
        return 0;
    while (pass_to_timer(t, end - weir_test_now(t)))
        if (!wr_test_run(t))
            return WEIR_ETIMEDOUT;
    atomic_store(&t->now_ms, end);
    return weir_test_run(t);
}

/* ---- life ---- */

/* 0, or -1 with `why` filled. */
static int start_site(struct weir_test *t, struct wr_handler *handler, const char *route, char *why)
{
    struct wr_worker *workers[WR_TEST_LOOPS_MAX];
    const char *expected = NULL;
    int err;

    err = wr_router_add(&t->site.router, route, handler, &expected);
    if (err < 0) {
        handler->ops->free(handler);
        snprintf(why, WR_WHY_MAX, "the route %s: %s%s", route, expected ? "expected " : "",
                 expected ? expected : strerrordesc_np(-err));
        return -1;
    }
    t->mount = WR_CONTAINER_OF(handler, struct wr_mount, base);
    if (t->mount->lint)
        wr_test_set_checker(t);
    for (int i = 0; i < t->workers_n; i++)
        workers[i] = &t->workers[i];
    err = wr_site_prepare(&t->site, workers, t->workers_n, why);
    for (int i = 0; i < t->workers_n && err == 0; i++)
        err = wr_site_start_loop(&t->site, i, why);
    if (err == 0)
        err = wr_site_start(&t->site, why);
    return err < 0 ? -1 : 0;
}

static int32_t value_or(int32_t value, int32_t absent)
{
    return value > 0 ? value : absent;
}

/* 0, or -1 with `why` filled. */
static int mount(struct weir_test *t, const weir_test_setup *setup, struct wr_image *image,
                 char *why)
{
    static const enum wr_mount_runs runs[] = {WR_MOUNT_AS_PLUGIN, WR_MOUNT_ON_LOOP,
                                              WR_MOUNT_IN_THREAD, WR_MOUNT_IN_COROUTINE};
    const weir_plugin *plugin = image ? wr_image_plugin(image) : setup->plugin;
    struct wr_mount_setup mount = {.image = image,
                                   .route = setup->route ? setup->route : "/",
                                   .config = setup->config,
                                   .config_label = "config",
                                   .log = &t->site.log,
                                   .runs = runs[setup->runs],
                                   .threads = t->threads,
                                   .queue_max = (size_t)value_or(setup->queue, QUEUE_MAX),
                                   .coroutines = value_or(setup->coroutines, COROUTINES),
                                   .stack_bytes = (size_t)setup->stack_bytes,
                                   .lint = setup->lint != 0};
    struct wr_handler *handler;
    weir_plugin own;
    int32_t error = wr_plugin_check(plugin, &own, why);

    if (error < 0) {
        wr_image_unref(image);
        return -1;
    }
    if (setup->serial)
        own.serial = 1;
    mount.plugin = &own;
    handler = wr_mount_new(&mount, why, &error);
    if (!handler)
        return -1;
    t->limits = (struct wr_handler_limits){-1, -1, setup->cancels_half_closed != 0};
    if (setup->cancels_half_closed)
        handler->limits = &t->limits;
    return start_site(t, handler, mount.route, why);
}

static bool is_between(int32_t value, int32_t max)
{
    return value >= 0 && value <= max;
}

/* False, with `why` filled. */
static bool check_setup(const weir_test_setup *setup, char *why)
{
    const char *what = NULL;

    if (!setup->plugin == !setup->file)
        what = "a plugin or a file, one of them";
    else if (!is_between(setup->runs, WEIR_TEST_IN_COROUTINE))
        what = "for runs one of WEIR_TEST_AS_PLUGIN, ON_LOOP, IN_THREAD and IN_COROUTINE";
    else if (!is_between(setup->threads, THREADS_MAX))
        what = "64 threads at most";
    else if (!is_between(setup->loops, WR_TEST_LOOPS_MAX))
        what = "8 loops at most";
    else if (!is_between(setup->coroutines, COROUTINES_MAX))
        what = "1000000 coroutines at most";
    else if (setup->stack_bytes != 0 && (setup->stack_bytes < (int64_t)WR_STACK_BYTES_MIN ||
                                         setup->stack_bytes > (int64_t)WR_STACK_BYTES_MAX))
        what = "for stack_bytes 0, or 16384 to 67108864";
    else if (setup->queue < 0 || setup->body_bytes_max < 0 || setup->app_queue_bytes < 0 ||
             setup->patience_ms < 0 || setup->outside_ms < 0)
        what = "no number below 0";
    if (what)
        snprintf(why, WR_WHY_MAX, "the setup: expected %s", what);
    return !what;
}

/* False, with `why` filled. */
static bool start_workers(struct weir_test *t, int n, char *why)
{
    while (t->workers_n < n) {
        struct wr_worker *w = &t->workers[t->workers_n];
        int err = wr_worker_init(w, &t->clock, &t->site);

        if (err < 0) {
            snprintf(why, WR_WHY_MAX, "cannot make a loop: %s", strerrordesc_np(-err));
            return false;
        }
        w->index = t->workers_n++;
    }
    return true;
}

/* False, with `why` filled. */
static bool start(struct weir_test *t, const weir_test_setup *setup, char *why)
{
    struct wr_image *image = NULL;
    int32_t error = 0;

    if (!check_setup(setup, why) || !start_workers(t, value_or(setup->loops, 1), why))
        return false;
    t->threads = value_or(setup->threads, THREADS);
    t->patience_ms = value_or(setup->patience_ms, PATIENCE_MS);
    t->outside_ms = setup->outside_ms;
    if (setup->body_bytes_max > 0)
        t->site.config.body_bytes_max = (uint64_t)setup->body_bytes_max;
    if (setup->app_queue_bytes > 0)
        t->site.config.app_queue_bytes = (uint64_t)setup->app_queue_bytes;
    if (setup->file) {
        image = wr_image_open(&t->images, setup->file, why, &error);
        if (!image)
            return false;
    }
    return mount(t, setup, image, why) == 0;
}

weir_test *weir_test_start(const weir_test_setup *setup)
{
    struct weir_test *t = calloc(1, sizeof *t);
    char why[WR_WHY_MAX] = "out of memory";

    if (!t)
        return NULL;
    pthread_mutex_init(&t->log_lock, NULL);
    wr_list_init(&t->exchanges);
    t->clock = (struct wr_clock){monotonic_ms, monotonic_us, wall_ns, t};
    t->site.config = wr_config_default;
    t->site.log = (struct wr_log){write_log, t, WR_LOG_DEBUG};
    t->site.helper_threads = HELPERS;
    wr_images_init(&t->images);
    if (start(t, setup, why))
        return t;
    t->error = strdup(why);
    if (t->error)
        return t;
    weir_test_free(t);
    return NULL;
}

weir_test *weir_test_new(const weir_plugin *plugin, const char *route, const char *config)
{
    const weir_test_setup setup = {.plugin = plugin, .route = route, .config = config};

    return weir_test_start(&setup);
}

weir_test *weir_test_open(const char *file, const char *route, const char *config)
{
    const weir_test_setup setup = {.file = file, .route = route, .config = config};

    return weir_test_start(&setup);
}

static bool run_tasks(weir_test *t)
{
    bool has_run = false;

    for (int i = 0; i < t->workers_n; i++)
        has_run = wr_loop_run_tasks(t->workers[i].loop) || has_run;
    return has_run;
}

/* Its log goes with it. */
static void complain(const weir_test *t)
{
    fprintf(stderr, "weir_test_free: waits for threads of the app, since %d ms\n", t->patience_ms);
    WR_LIST_FOREACH (it, &t->exchanges)
        wr_test_print_held(WR_CONTAINER_OF(it, struct weir_test_exchange, link));
}

/* Threads of the app, and what they have posted; all clients are gone. */
static void await_threads(weir_test *t)
{
    int64_t since = wr_clock_system.monotonic_ms(NULL);
    bool has_told = false, is_busy, has_run;

    do {
        is_busy = wr_test_is_busy(t); /* first: who ends has posted before */
        has_run = run_tasks(t);
        if (!is_busy || has_run)
            continue;
        poll(NULL, 0, TICK_MS);
        if (!has_told && wr_clock_system.monotonic_ms(NULL) - since >= t->patience_ms) {
            complain(t);
            has_told = true;
        }
    } while (is_busy || has_run);
}

static void end_all(struct weir_test *t)
{
    WR_LIST_FOREACH (it, &t->exchanges) {
        weir_test_exchange *s = WR_CONTAINER_OF(it, struct weir_test_exchange, link);

        s->is_given_up = true;
        wr_test_let_go(s, false);
    }
    await_threads(t);
    wr_test_reap(t);
}

void weir_test_stop(weir_test *t)
{
    if (t->is_stopped)
        return;
    end_all(t);
    wr_site_stop(&t->site);
    for (int i = 0; i < t->workers_n; i++)
        wr_site_stop_loop(&t->site, i);
    t->is_stopped = true;
}

void weir_test_free(weir_test *t)
{
    if (!t)
        return;
    weir_test_stop(t);
    wr_site_fini(&t->site);
    for (int i = 0; i < t->workers_n; i++)
        wr_worker_fini(&t->workers[i]);
    wr_images_fini(&t->images);
    pthread_mutex_destroy(&t->log_lock);
    free(t->messages.p);
    free(t->error);
    free(t->findings);
    free(t);
}

/* ---- requests at once ---- */

/* Has something come from outside? One that was waited for in vain is not waited for again. */
static bool await_outside(const weir_test_exchange *s, bool *is_silent)
{
    if (*is_silent || !wr_test_hears_outside(s))
        return false;
    *is_silent = !await_loops(s->t, s->t->outside_ms);
    return !*is_silent;
}

/* Until it is done, or waits for what does not come. */
static void finish(weir_test_exchange *s)
{
    weir_test *t = s->t;
    int64_t end = weir_test_now(t) + CALL_MS;
    bool is_silent = t->outside_ms == 0;

    while (!s->response.is_done &&
           (await_outside(s, &is_silent) || pass_to_timer(t, end - weir_test_now(t))))
        if (!wr_test_run(t))
            return;
}

static weir_test_exchange *call(weir_test *t, const weir_test_request *request, size_t first)
{
    const struct wr_test_way way = {.ends = true, .first = first};
    weir_test_exchange *s = wr_test_begin(t, request, &way);

    if (!s)
        return NULL;
    finish(s);
    if (s->response.is_done)
        return s;
    wr_log(&t->site.log, WR_LOG_ERROR,
           "test: %.*s has no answer, or no end: the app waits for what will never come",
           (int)s->x->request.target.n, s->x->request.target.p);
    wr_test_log_wait(s);
    wr_test_let_go(s, true);
    wr_test_run(t);
    return s;
}

static const weir_test_response *keep_last(weir_test *t, weir_test_exchange *s)
{
    weir_test_end(t->last);
    t->last = s;
    return s ? &s->response : NULL;
}

const weir_test_response *weir_test_call(weir_test *t, const weir_test_request *request)
{
    if (t->error || t->is_stopped)
        return NULL;
    keep_last(t, NULL);
    return keep_last(t, call(t, request, 0));
}

const weir_test_response *weir_test_get(weir_test *t, const char *target)
{
    weir_test_request request = {0};

    request.target = target;
    return weir_test_call(t, &request);
}

/* True: the answer is that of `whole`. It becomes the last. */
static bool is_same(weir_test *t, const weir_test_request *request, size_t first,
                    const weir_test_exchange *whole)
{
    const weir_test_response *r = keep_last(t, call(t, request, first));
    const char *what = r ? wr_test_compare(weir_test_answer(whole), r) : "end";

    if (!what)
        return true;
    wr_log(&t->site.log, WR_LOG_ERROR, "test: %s: another %s when content comes in pieces, of %zu",
           request->target ? request->target : "/", what, first > 0 ? first : request->piece);
    return false;
}

const weir_test_response *weir_test_splits(weir_test *t, const weir_test_request *request)
{
    weir_test_request way = *request;
    weir_test_exchange *whole;
    bool is_equal;

    if (t->error || t->is_stopped)
        return NULL;
    keep_last(t, NULL);
    way.piece = way.take = 0;
    whole = call(t, &way, 0);
    if (!whole)
        return NULL;
    way.piece = way.take = 1;
    is_equal = is_same(t, &way, 0, whole);
    way.piece = way.take = 0;
    for (size_t first = 1; first < request->body_size && is_equal; first++)
        is_equal = is_same(t, &way, first, whole);
    weir_test_end(whole);
    return is_equal ? weir_test_answer(t->last) : NULL;
}
