/*
 * test_any_order.c — apps that do anything they may, in any order, for clients that do: what must hold in
 * every ending. Each run follows from its seed, which a failure names; WEIR_LONG=1 tries many more.
 */
#include "support.h"

#include <weir/test.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test_server.h"

#define RUNS      150
#define RUNS_LONG 3000
#define STEPS     40 /* of a client, in one run */
#define OPEN      3  /* requests at once */

/* An app's request: what it does next, and what was done to it. */
struct job {
    unsigned slot;
    uint64_t random; /* its own, so that a thread needs nobody's */
    weir_start_response *start;
    bool has_started, has_finished, is_later, has_body;
    unsigned left; /* pieces to give */
    atomic_int inside;
    atomic_bool is_closed;
    atomic_bool is_refused; /* weir_finish() came too late, and has closed the body */
    unsigned reads, dones;  /* weir_read_all() that was let in, and done */
};

static struct {
    atomic_uint jobs, deferred, faults, line; /* line: where the last fault was seen */
    struct job *_Atomic open[OPEN];
    int fd; /* of a file */
} it;

#define FAULT() (atomic_store(&it.line, __LINE__), atomic_fetch_add(&it.faults, 1))

static uint64_t draw(uint64_t *random, uint64_t n)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    return (*random >> 33) % n;
}

static bool one_in(struct job *j, uint64_t n)
{
    return draw(&j->random, n) == 0;
}

static bool is_over(struct job *j)
{
    return atomic_load(&j->is_closed) && !atomic_load(&j->is_refused);
}

static void enter(struct job *j)
{
    if (atomic_fetch_add(&j->inside, 1) > 0 || is_over(j))
        FAULT();
}

static void leave(struct job *j)
{
    atomic_fetch_sub(&j->inside, 1);
}

static void do_anything(weir_environ *env, struct job *j);

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct job *j = arg;
    int32_t said = WEIR_CHUNK;

    enter(j);
    if (!j->has_started)
        do_anything(env, j);
    if (!j->has_started)
        j->has_started = j->start(env, 200, NULL) == 0;
    do_anything(env, j);
    if (one_in(j, 3)) {
        weir_wake(env);
        said = WEIR_AGAIN;
    } else if (j->left == 0) {
        said = WEIR_END;
    } else {
        j->left--;
        *chunk = (weir_chunk){.data = "piece of a body", .size = draw(&j->random, 16)};
    }
    leave(j);
    return said;
}

static void close_job(void *arg)
{
    struct job *j = arg;

    enter(j);
    atomic_store(&j->is_closed, true);
    leave(j);
}

/* The last of all. */
static void deferred(void *arg)
{
    struct job *j = arg;

    if (j->reads != j->dones || j->has_body != atomic_load(&j->is_closed))
        FAULT();
    atomic_store(&it.open[j->slot], NULL);
    atomic_fetch_add(&it.deferred, 1);
}

static weir_body any_body(weir_environ *env, struct job *j)
{
    uint64_t kind = draw(&j->random, 5);
    weir_body body;

    j->has_body = true;
    if (!j->has_started && (kind < 3 || one_in(j, 2)))
        j->has_started = j->start(env, one_in(j, 8) ? 204 : 200, NULL) == 0;
    if (kind == 0)
        return weir_owned("text", 4, close_job, j);
    if (kind == 1)
        body = weir_owned("", 0, close_job, j);
    else
        body = weir_iterable(next, close_job, j);
    return kind == 4 ? weir_heartbeat(body, 10, ":\n") : body;
}

static void finish(weir_environ *env, struct job *j)
{
    weir_body body;

    if (j->has_finished || !j->is_later)
        return;
    j->has_finished = true;
    body = any_body(env, j);
    leave(j);
    atomic_store(&j->is_refused, true);
    if (weir_finish(env, body) == 0)
        atomic_store(&j->is_refused, false);
    enter(j);
}

static void on_event(weir_environ *env, void *arg)
{
    struct job *j = arg;

    enter(j);
    do_anything(env, j);
    if (one_in(j, 2))
        finish(env, j);
    leave(j);
}

static void on_gone(weir_environ *env, void *arg, int32_t why)
{
    struct job *j = arg;

    (void)env;
    if (is_over(j) || (why != WEIR_GONE && why != WEIR_HALF_CLOSED))
        FAULT();
}

static void on_all(weir_environ *env, void *arg, const void *data, int64_t n)
{
    struct job *j = arg;

    enter(j);
    if ((n < 0) != (data == NULL))
        FAULT();
    j->dones++;
    do_anything(env, j);
    finish(env, j);
    leave(j);
}

static void on_file(weir_environ *env, void *arg, int64_t n)
{
    on_all(env, arg, n < 0 ? NULL : "", n);
}

static void read_content(weir_environ *env, struct job *j)
{
    int32_t err = one_in(j, 2) ? weir_read_all(env, draw(&j->random, 100), on_all, j)
                               : weir_read_file(env, it.fd, draw(&j->random, 100), on_file, j);

    j->reads += err == 0;
}

/* Also too small a length, or too large a one. */
static void start(weir_environ *env, struct job *j)
{
    char length[16];
    const weir_header fields[] = {{"Content-Length", length}, {NULL, NULL}};

    snprintf(length, sizeof length, "%u", (unsigned)draw(&j->random, 50));
    if (!j->has_started || one_in(j, 2))
        j->has_started =
            j->start(env, 200 | WEIR_REPLACE, one_in(j, 3) ? fields : NULL) == 0 || j->has_started;
}

static void do_one(weir_environ *env, struct job *j)
{
    char buffer[64];

    switch (draw(&j->random, 11)) {
    case 0:
        weir_on_input(env, on_event, j);
        break;
    case 1:
        weir_on_writable(env, on_event, j);
        break;
    case 2:
        weir_on_disconnect(env, on_gone, j);
        break;
    case 3:
        read_content(env, j);
        break;
    case 4:
        if (j->has_started)
            weir_write(env, "written by the app", draw(&j->random, 19));
        break;
    case 5:
        weir_read(env, buffer, draw(&j->random, sizeof buffer));
        break;
    case 6:
        weir_wake(env);
        break;
    case 7:
        weir_trailer_add(env, "X-Trailer", "1", 1);
        break;
    case 8:
        if (one_in(j, 10))
            weir_fail(env, "it was to fail");
        break;
    case 9:
        if (one_in(j, 3))
            start(env, j);
        break;
    default:
        weir_early_hints(env, WEIR_HEADERS({"Link", "</a>"}));
    }
}

static void do_anything(weir_environ *env, struct job *j)
{
    for (uint64_t n = draw(&j->random, 4); n > 0; n--)
        do_one(env, j);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct job *j = calloc(1, sizeof *j);
    weir_body body;

    atomic_fetch_add(&it.jobs, 1);
    j->random = strtoull(weir_get(env, "QUERY_STRING"), NULL, 10);
    j->slot = (unsigned)(weir_get(env, "PATH_INFO")[1] - '0');
    atomic_store(&it.open[j->slot], j);
    j->start = start_response;
    j->left = (unsigned)draw(&j->random, 5);
    weir_defer(env, free, j);
    weir_defer(env, deferred, j);
    enter(j);
    if (one_in(j, 2))
        j->has_started = start_response(env, 200, NULL) == 0;
    do_anything(env, j);
    if (one_in(j, 20)) {
        body = weir_decline();
    } else if (one_in(j, 2)) { /* and if nobody ever finishes it, the client leaves */
        j->is_later = true;
        weir_on_writable(env, on_event, j);
        body = weir_later(env);
    } else {
        body = any_body(env, j);
    }
    leave(j);
    return body;
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "any",
                                   .app = app};

/* ---- the client's side ---- */

static void begin_any(weir_test *t, weir_test_exchange **x, unsigned slot, uint64_t *random)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "POST"};
    char target[40];
    weir_test_request request = {.target = target};

    snprintf(target, sizeof target, "/%u?%llu", slot, (unsigned long long)draw(random, 1U << 30));
    request.method = methods[draw(random, WR_COUNT(methods))];
    request.take = draw(random, 2) ? WEIR_TEST_BY_HAND : draw(random, 20);
    if (request.method[0] == 'P')
        request.content_length = draw(random, 3) == 0 ? -1 : 60;
    *x = weir_test_begin(t, &request);
}

static void step(weir_test *t, weir_test_exchange *x, uint64_t *random)
{
    switch (draw(random, 6)) {
    case 0:
        weir_test_send(x, "content of twenty b.", 20);
        break;
    case 1:
        weir_test_take(x, draw(random, 30));
        break;
    case 2:
        if (draw(random, 4) == 0)
            weir_test_half_close(x);
        break;
    case 3:
        if (draw(random, 8) == 0)
            weir_test_leave(x);
        break;
    case 4:
        weir_test_advance(t, (uint32_t)draw(random, 30));
        break;
    default:
        weir_test_run(t);
    }
}

/* Clients that send no more and take all of it get all of it, if the app has given any. */
static void end_all(weir_test *t, weir_test_exchange *const *open, uint64_t seed)
{
    for (unsigned i = 0; i < OPEN; i++)
        if (open[i]) {
            weir_test_take(open[i], WEIR_TEST_ALL);
            weir_test_half_close(open[i]);
        }
    weir_test_run(t);
    for (unsigned i = 0; i < OPEN; i++) {
        struct job *j = atomic_load(&it.open[i]);

        if (j && open[i] && j->has_body && !weir_test_answer(open[i])->is_done)
            fail_msg("seed %llu: request %u waits for nothing", (unsigned long long)seed, i);
        weir_test_end(open[i]);
    }
}

static void run(weir_test *t, uint64_t seed)
{
    weir_test_exchange *open[OPEN] = {0};
    uint64_t random = seed * 2654435761U + 1;
    const int fd = it.fd;

    memset(&it, 0, sizeof it);
    it.fd = fd;
    for (int i = 0; i < STEPS; i++) {
        unsigned slot = (unsigned)draw(&random, OPEN);
        weir_test_exchange **x = &open[slot];

        if (!*x) {
            begin_any(t, x, slot, &random);
        } else if (weir_test_answer(*x)->is_done) {
            weir_test_end(*x);
            *x = NULL;
        } else {
            step(t, *x, &random);
        }
    }
    end_all(t, open, seed);
    if (weir_test_run(t) < 0)
        fail_msg("seed %llu: it does not come to rest", (unsigned long long)seed);
    if (atomic_load(&it.faults) > 0 || atomic_load(&it.deferred) != atomic_load(&it.jobs))
        fail_msg("seed %llu: %u faults, line %u; %u of %u ended", (unsigned long long)seed,
                 atomic_load(&it.faults), atomic_load(&it.line), atomic_load(&it.deferred),
                 atomic_load(&it.jobs));
}

static void any_order__in_any_executor__ends_everything_once(void **state)
{
    static const weir_test_setup places[] = {
        {.runs = WEIR_TEST_ON_LOOP},
        {.runs = WEIR_TEST_IN_THREAD},
        {.runs = WEIR_TEST_IN_THREAD, .serial = 1},
        {.runs = WEIR_TEST_ON_LOOP, .serial = 1, .loops = 2},
    };
    const uint64_t runs = getenv("WEIR_LONG") ? RUNS_LONG : RUNS;
    const char *only = getenv("WEIR_SEED");

    (void)state;
    it.fd = memfd_create("content", MFD_CLOEXEC);
    assert_true(it.fd >= 0);
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test_setup setup = places[i];
        weir_test *t;

        setup.plugin = &plugin;
        setup.app_queue_bytes = 40;
        setup.cancels_half_closed = i % 2;
        t = weir_test_start(&setup);
        assert_non_null(t);
        assert_null(weir_test_error(t));
        for (uint64_t seed = 1; seed <= runs; seed++) {
            run(t, only ? strtoull(only, NULL, 10) : seed);
            weir_test_clear_log(t);
        }
        weir_test_free(t);
    }
    close(it.fd);
}

/* ---- the same on connections, where what is written may be the end of a request ---- */

static void say_request(struct test_client *c, uint64_t *random)
{
    static const struct {
        const char *method, *rest;
    } requests[] = {
        {"GET", "HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"GET", "HTTP/1.0\r\n\r\n"},
        {"HEAD", "HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"POST", "HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n"},
        {"POST", "HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nHello"},
        {"POST", "HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n"},
    };
    size_t i = draw(random, WR_COUNT(requests));
    char text[200];

    snprintf(text, sizeof text, "%s /0?%u %s", requests[i].method, (unsigned)draw(random, 1U << 30),
             requests[i].rest);
    test_client_send(c, text);
}

static void step_conn(struct test_client *c, uint64_t *random)
{
    switch (draw(random, 8)) {
    case 0:
    case 1:
        say_request(c, random);
        break;
    case 2:
        test_client_send(c, "content of twenty b.");
        break;
    case 3:
        test_client_take(c, draw(random, 200), 1);
        break;
    case 4:
        if (draw(random, 8) == 0)
            test_client_shut_down(c);
        break;
    case 5:
        if (draw(random, 8) == 0)
            test_client_reset(c);
        break;
    case 6:
        test_server_advance_ms(c->server, (int64_t)draw(random, 30));
        break;
    default:
        assert_true(wr_loop_step(c->server->worker.loop, (int)draw(random, 2)) >= 0);
    }
}

static void run_conns(const weir_plugin *p, uint64_t seed)
{
    uint64_t random = seed * 2654435761U + 1;
    struct test_server s;
    struct test_client c;

    test_server_init(&s);
    s.site.config.app_queue_bytes = 40;
    assert_non_null(test_server_mount(&s, p, NULL, NULL));
    for (int k = 0; k < 3; k++) {
        test_client_open(&s, &c);
        c.transport.room = draw(&random, 2) ? FAKE_NO_LIMIT : draw(&random, 400);
        for (int i = 0; i < STEPS && c.transport.room != 0; i++)
            step_conn(&c, &random);
        test_client_fini(&c);
    }
    test_server_fini(&s);
    if (atomic_load(&it.faults) > 0 || atomic_load(&it.deferred) != atomic_load(&it.jobs))
        fail_msg("seed %llu: %u faults, line %u; %u of %u ended", (unsigned long long)seed,
                 atomic_load(&it.faults), atomic_load(&it.line), atomic_load(&it.deferred),
                 atomic_load(&it.jobs));
}

static void any_order__on_connections__ends_everything_once(void **state)
{
    const uint64_t runs = getenv("WEIR_LONG") ? RUNS_LONG : RUNS;
    const char *only = getenv("WEIR_SEED");
    weir_plugin p = plugin;

    (void)state;
    memset(&it, 0, sizeof it);
    it.fd = memfd_create("content", MFD_CLOEXEC);
    for (uint64_t seed = 1; seed <= runs; seed++) {
        p.runs = seed % 2 ? WEIR_ON_LOOP : WEIR_IN_THREAD;
        run_conns(&p, only ? strtoull(only, NULL, 10) : seed);
    }
    close(it.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order__in_any_executor__ends_everything_once),
        cmocka_unit_test(any_order__on_connections__ends_everything_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
