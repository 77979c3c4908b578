#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/remote.h"
#include "test_checks.h"

#define THREADS   2 /* of test_server_mount() */
#define QUEUE_MAX 4
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define STEP_MS   10000 /* what is waited for comes long before */

/* What the app, on its threads, and the test tell each other. */
static struct {
    sem_t entered, go; /* of the paths that block */
    pthread_t loop;
    atomic_uint calls, nexts, closes, deferred, gone;
    atomic_uint faults; /* a call on the loop, two at once for one request, a close during next */
    atomic_uint loops_at_once, most_at_once;
    _Atomic int64_t read_end;
    weir_environ *_Atomic waiting; /* the last that said WEIR_AGAIN */
    weir_environ *_Atomic reader;  /* the last that reads */
    atomic_uint threads_started, threads_stopped, without_state;
    atomic_bool has_piece;
} it;

/* A request's own. */
struct job {
    const char *path;
    int at;
    atomic_bool is_busy;
};

static void enter(weir_environ *env, struct job *j)
{
    unsigned now = atomic_fetch_add(&it.loops_at_once, 1) + 1;
    unsigned most = atomic_load(&it.most_at_once);

    while (now > most && !atomic_compare_exchange_weak(&it.most_at_once, &most, now))
        ;
    if (atomic_exchange(&j->is_busy, true) || pthread_equal(pthread_self(), it.loop))
        atomic_fetch_add(&it.faults, 1);
    if (env && (!weir_thread_state(env) || weir_loop_state(env)))
        atomic_fetch_add(&it.without_state, 1);
}

static void leave(struct job *j)
{
    atomic_store(&j->is_busy, false);
    atomic_fetch_sub(&it.loops_at_once, 1);
}

static void close_job(void *arg)
{
    enter(NULL, arg);
    atomic_fetch_add(&it.closes, 1);
    leave(arg);
}

static void deferred(void *arg)
{
    enter(NULL, arg);
    atomic_fetch_add(&it.deferred, 1);
    leave(arg);
}

static void block(weir_environ *env)
{
    sem_post(&it.entered);
    sem_wait(&it.go);
    atomic_fetch_add(&it.gone, weir_is_gone(env) ? 1 : 0);
}

static bool is(const struct job *j, const char *path)
{
    return strcmp(j->path, path) == 0;
}

static int32_t say_piece(struct job *j, weir_chunk *chunk)
{
    static const char *const pieces[] = {"one", "two", "three"};

    if (j->at == 3)
        return WEIR_END;
    *chunk = (weir_chunk){.data = pieces[j->at], .size = strlen(pieces[j->at])};
    j->at++;
    return WEIR_CHUNK;
}

static int32_t say_wait(weir_environ *env, struct job *j, weir_chunk *chunk)
{
    bool has_piece = atomic_load(&it.has_piece);

    atomic_store(&it.waiting, env);
    if (is(j, "/block-then-wait"))
        block(env);
    return has_piece ? say_piece(j, chunk) : WEIR_AGAIN;
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    static char large[50000];
    struct job *j = arg;
    int32_t said;

    enter(env, j);
    atomic_fetch_add(&it.nexts, 1);
    if (is(j, "/wait") || is(j, "/block-then-wait")) {
        said = say_wait(env, j, chunk);
    } else if (is(j, "/large")) {
        *chunk = (weir_chunk){.data = large, .size = sizeof large};
        said = WEIR_CHUNK;
    } else {
        if (is(j, "/block-next"))
            block(env);
        said = say_piece(j, chunk);
    }
    leave(j);
    return said;
}

static weir_body echo(weir_environ *env, weir_start_response *start_response)
{
    size_t cap = 10000, n = 0;
    char *content = weir_alloc(env, cap);
    int64_t got = content ? weir_read(env, content, 0) : WEIR_ENOMEM;

    atomic_store(&it.reader, env);
    while (got >= 0 && n < cap) {
        got = weir_read(env, content + n, cap - n < 7 ? cap - n : 7);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    atomic_store(&it.read_end, got);
    start_response(env, got == 0 ? 200 : 400, NULL);
    return weir_owned(content, n, close_job, NULL);
}

static weir_body answer(weir_environ *env, weir_start_response *start_response, struct job *j)
{
    weir_body body;

    if (is(j, "/read")) {
        body = echo(env, start_response);
        body.arg = j;
        return body;
    }
    if (is(j, "/block"))
        block(env);
    if (is(j, "/until-gone")) {
        sem_post(&it.entered);
        while (!weir_is_gone(env))
            sched_yield();
    }
    if (is(j, "/wake"))
        weir_wake(atomic_load(&it.waiting));
    if (is(j, "/bad"))
        start_response(env, 1, NULL);
    start_response(env, 200, NULL);
    if (is(j, "/block") || is(j, "/until-gone") || is(j, "/text") || is(j, "/wake") ||
        is(j, "/bad"))
        return weir_owned("text", 4, close_job, j);
    return weir_iterable(next, close_job, j);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct job *j = weir_alloc(env, sizeof *j);
    weir_body body;

    *j = (struct job){.path = weir_get(env, "PATH_INFO")};
    enter(env, j);
    atomic_fetch_add(&it.calls, 1);
    weir_defer(env, deferred, j);
    body = answer(env, start_response, j);
    leave(j);
    return body;
}

static int32_t thread_start(const weir_host *host, void *state, void **thread_state)
{
    (void)host;
    (void)state;
    atomic_fetch_add(&it.threads_started, 1);
    *thread_state = &it;
    return 0;
}

static void thread_stop(void *state, void *thread_state)
{
    (void)state;
    if (thread_state == &it)
        atomic_fetch_add(&it.threads_stopped, 1);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "jobs",
                                   .thread_start = thread_start,
                                   .thread_stop = thread_stop,
                                   .app = app,
                                   .runs = WEIR_IN_THREAD};

/* ---- the test's side ---- */

static void open_as(struct test_server *s, const weir_plugin *p)
{
    memset(&it, 0, sizeof it);
    sem_init(&it.entered, 0, 0);
    sem_init(&it.go, 0, 0);
    it.loop = pthread_self();
    atomic_store(&it.has_piece, true);
    test_server_init(s);
    assert_non_null(test_server_mount(s, p, NULL, NULL));
}

static void open_server(struct test_server *s)
{
    open_as(s, &plugin);
}

/* Nothing of any app is under way any more. */
static void settle(struct test_server *s)
{
    do
        s->mounted->ops->wait(s->mounted);
    while (wr_loop_run_tasks(s->worker.loop));
}

/* What was called was ended, once. */
static void check_ended(unsigned calls)
{
    assert_int_equal(atomic_load(&it.calls), calls);
    assert_int_equal(atomic_load(&it.closes), calls);
    assert_int_equal(atomic_load(&it.deferred), calls);
    assert_int_equal(atomic_load(&it.faults), 0);
    assert_int_equal(atomic_load(&it.without_state), 0);
}

static void close_server(struct test_server *s, unsigned calls)
{
    settle(s);
    check_ended(calls);
    test_server_fini(s);
    check_ended(calls);
    assert_int_equal(atomic_load(&it.threads_started), atomic_load(&it.threads_stopped));
    sem_destroy(&it.entered);
    sem_destroy(&it.go);
}

static void ask(struct test_server *s, struct test_client *c, const char *request)
{
    test_client_open(s, c);
    test_client_send(c, request);
}

/* Turns of the loop until the client has all of this. */
static void await_answer(struct test_client *c, const char *expected)
{
    char got[TEST_DESCRIPTION_MAX];

    for (;;) {
        test_client_describe(c, "", got);
        if (strcmp(got, expected) == 0)
            return;
        if (strncmp(got, expected, 3) != 0 && got[0])
            fail_msg("%s, expected %s", got, expected);
        assert_true(wr_loop_step(c->server->worker.loop, STEP_MS) >= 0);
    }
}

static void await_count(struct test_server *s, atomic_uint *count, unsigned n)
{
    while (atomic_load(count) < n)
        assert_true(wr_loop_step(s->worker.loop, STEP_MS) >= 0);
}

/* ---- answers ---- */

static void app__in_a_thread__answers(void **state)
{
    static const struct {
        const char *request, *expected;
    } rows[] = {
        {GET("/text"), "200 text"},
        {GET("/pieces"), "200~ onetwothree"},
        {GET("/bad"), "500"},
        {"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nHello", "200 Hello"},
        {GET("/read"), "200"},
    };
    struct test_server s;
    struct test_client c;

    (void)state;
    open_server(&s);
    for (unsigned i = 0; i < WR_COUNT(rows); i++) {
        ask(&s, &c, rows[i].request);
        await_answer(&c, rows[i].expected);
        await_count(&s, &it.deferred, i + 1); /* without another request */
        test_client_fini(&c);
    }
    assert_non_null(strstr(s.log_text, "jobs at /, request "));
    close_server(&s, WR_COUNT(rows));
}

static void app__pipelined__answers_in_order(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_server(&s);
    ask(&s, &c, GET("/pieces") GET("/text") GET("/pieces") GET("/text"));
    await_answer(&c, "200~ onetwothree|200 text|200~ onetwothree|200 text");
    test_client_fini(&c);
    close_server(&s, 4);
}

/* The app, three pieces and the end: the app's job has the first. */
static void iterable__each_piece__is_a_job_of_its_own(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_server(&s);
    ask(&s, &c, GET("/block-next"));
    for (unsigned i = 1; i <= 4; i++) {
        while (sem_trywait(&it.entered) < 0)
            assert_true(wr_loop_step(s.worker.loop, 1) >= 0);
        assert_int_equal(atomic_load(&it.nexts), i); /* the next is asked for when it is used up */
        sem_post(&it.go);
    }
    await_answer(&c, "200~ onetwothree");
    assert_int_equal(atomic_load(&it.nexts), 4);
    test_client_fini(&c);
    close_server(&s, 1);
}

static void iterable__slow_clients__hold_no_thread(void **state)
{
    struct test_server s;
    struct test_client slow[THREADS + 1], c;

    (void)state;
    open_server(&s);
    for (size_t i = 0; i < WR_COUNT(slow); i++) {
        test_client_init(&s, &slow[i]);
        slow[i].transport.room = 0;
        test_client_connect(&slow[i]);
        test_client_send(&slow[i], GET("/large"));
    }
    settle(&s);
    assert_int_equal(atomic_load(&it.nexts), WR_COUNT(slow)); /* not one that is not sent */
    ask(&s, &c, GET("/text"));
    await_answer(&c, "200 text");
    test_client_take(&slow[0], 1000, 20); /* less than is pending */
    settle(&s);
    assert_int_equal(atomic_load(&it.nexts), WR_COUNT(slow));
    for (size_t i = 0; i < WR_COUNT(slow); i++) {
        test_client_reset(&slow[i]);
        test_client_fini(&slow[i]);
    }
    test_client_fini(&c);
    close_server(&s, WR_COUNT(slow) + 1);
}

static void serial__plugin__has_one_call_at_a_time(void **state)
{
    struct test_server s;
    struct test_client c[QUEUE_MAX];
    weir_plugin p = plugin;

    (void)state;
    p.serial = 1;
    open_as(&s, &p);
    for (size_t i = 0; i < WR_COUNT(c); i++)
        ask(&s, &c[i], GET("/pieces"));
    for (size_t i = 0; i < WR_COUNT(c); i++) {
        await_answer(&c[i], "200~ onetwothree");
        test_client_fini(&c[i]);
    }
    settle(&s);
    assert_int_equal(atomic_load(&it.most_at_once), 1);
    assert_int_equal(atomic_load(&it.threads_started), 1);
    close_server(&s, WR_COUNT(c));
}

/* ---- reading ---- */

#define POST(fields) "POST /read HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define CHUNKED      POST("Transfer-Encoding: chunked\r\n")

/* Until the thread waits in weir_read() for what the client has not sent. */
static void await_reader(struct test_server *s)
{
    for (;;) {
        weir_environ *env = atomic_load(&it.reader);

        if (env && wr_environ_of(env)->x->on_input)
            return;
        assert_true(wr_loop_step(s->worker.loop, STEP_MS) >= 0);
    }
}

static void read__client_sends_slowly__waits(void **state)
{
    static const char *const requests[][2] = {
        {POST("Content-Length: 12\r\n"), "Hello, World"},
        {CHUNKED, "5\r\nHello\r\n7\r\n, World\r\n0\r\n\r\n"},
    };
    struct test_server s;
    struct test_client c;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(requests); i++) {
        open_server(&s);
        ask(&s, &c, requests[i][0]);
        for (const char *at = requests[i][1]; *at; at++) {
            await_reader(&s);
            test_client_send_slice(&c, wr_slice(at, 1));
        }
        await_answer(&c, "200 Hello, World");
        assert_int_equal(atomic_load(&it.read_end), 0);
        test_client_fini(&c);
        close_server(&s, 1);
    }
}

static void read__first__sends_100_continue(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_server(&s);
    ask(&s, &c, POST("Content-Length: 2\r\nExpect: 100-continue\r\n"));
    await_answer(&c, "100");
    test_client_send(&c, "ab");
    await_answer(&c, "100|200 ab");
    test_client_fini(&c);
    close_server(&s, 1);
}

#define TEN         "0123456789"
#define ONE_HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void read__content_that_does_not_come__says_why(void **state)
{
    enum end { BROKEN, TOO_LARGE, RESET, LATE, STOPPED };
    static const char too_large[] = "c8\r\n" ONE_HUNDRED ONE_HUNDRED;
    static const struct {
        enum end end;
        int32_t says;
    } rows[] = {{BROKEN, WEIR_EBADMSG},
                {TOO_LARGE, WEIR_ETOOBIG},
                {RESET, WEIR_EGONE},
                {LATE, WEIR_ETIMEDOUT},
                {STOPPED, WEIR_EGONE}};
    struct test_server s;
    struct test_client c;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        open_server(&s);
        s.site.config.body_bytes_max = 100;
        ask(&s, &c, CHUNKED "2\r\nab\r\n");
        await_reader(&s);
        if (rows[i].end == BROKEN)
            test_client_send(&c, "xyz\r\n");
        else if (rows[i].end == TOO_LARGE)
            test_client_send_slice(&c, wr_slice(too_large, sizeof too_large - 1));
        else if (rows[i].end == RESET)
            test_client_reset(&c);
        else if (rows[i].end == LATE)
            for (int k = 0; k < 2; k++) /* a deadline that was moved is looked at again */
                test_server_advance_ms(&s, s.site.config.body_idle_ms + 1);
        else
            wr_conn_close(c.conn);
        await_count(&s, &it.closes, 1);
        settle(&s);
        if (atomic_load(&it.read_end) != rows[i].says)
            fail_msg("row %zu: %lld, expected %d", i, (long long)atomic_load(&it.read_end),
                     (int)rows[i].says);
        test_client_fini(&c);
        close_server(&s, 1);
    }
}

/* A FIN in the middle: there is nothing more to read, whatever else happens. */
static void read__client_cuts_its_content__fails(void **state)
{
    static const char *const requests[] = {POST("Content-Length: 12\r\n") "Hello",
                                           CHUNKED "5\r\nHello\r\n"};
    struct test_server s;
    struct test_client c;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(requests); i++) {
        open_server(&s);
        ask(&s, &c, requests[i]);
        await_reader(&s);
        test_client_shut_down(&c);
        settle(&s);
        assert_true(atomic_load(&it.read_end) == WEIR_EBADMSG ||
                    atomic_load(&it.read_end) == WEIR_EGONE);
        test_client_fini(&c);
        close_server(&s, 1);
    }
}

/* ---- more than the threads take ---- */

/* Both threads are in the app, and so many more wait. */
static void fill(struct test_server *s, struct test_client *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ask(s, &c[i], GET("/block"));
    for (int i = 0; i < THREADS; i++)
        sem_wait(&it.entered);
}

static void let_go(size_t n)
{
    for (size_t i = 0; i < n; i++)
        sem_post(&it.go);
}

static unsigned count_lines(const char *text)
{
    unsigned n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void queue__full__is_a_503_to_try_again(void **state)
{
    struct test_server s;
    struct test_client c[THREADS + QUEUE_MAX], refused;
    struct test_responses r;

    (void)state;
    open_server(&s);
    fill(&s, c, WR_COUNT(c));
    for (int i = 0; i < 3; i++) {
        if (i == 2) /* said once in ten seconds */
            test_server_advance_ms(&s, 10000);
        ask(&s, &refused, GET("/text"));
        test_client_responses(&refused, "", &r);
        assert_int_equal(r.n, 1);
        assert_int_equal(r.v[0].status, 503);
        assert_true(wr_slice_eq(test_field(&r.v[0], "Retry-After"), WR_SLICE("1")));
        test_responses_free(&r);
        test_client_fini(&refused);
        assert_int_equal(count_lines(s.log_text), i == 2 ? 2 : 1);
    }
    assert_int_equal(atomic_load(&it.calls), THREADS);
    let_go(WR_COUNT(c));
    for (size_t i = 0; i < WR_COUNT(c); i++) {
        await_answer(&c[i], "200 text");
        test_client_fini(&c[i]);
    }
    close_server(&s, WR_COUNT(c));
}

static void queue__client_gone_while_it_waits__is_not_called(void **state)
{
    struct test_server s;
    struct test_client c[THREADS + QUEUE_MAX];

    (void)state;
    open_server(&s);
    fill(&s, c, WR_COUNT(c));
    for (size_t i = THREADS; i < WR_COUNT(c); i++)
        test_client_reset(&c[i]);
    let_go(WR_COUNT(c));
    settle(&s);
    for (size_t i = 0; i < WR_COUNT(c); i++)
        test_client_fini(&c[i]);
    close_server(&s, THREADS);
}

static void queue__client_gone_while_a_pull_waits__is_not_asked(void **state)
{
    struct test_server s;
    struct test_client c, busy[THREADS];

    (void)state;
    open_server(&s);
    atomic_store(&it.has_piece, false);
    ask(&s, &c, GET("/wait"));
    settle(&s);
    fill(&s, busy, THREADS);
    weir_wake(atomic_load(&it.waiting));
    test_server_step(&s);
    test_client_reset(&c);
    let_go(THREADS);
    settle(&s);
    assert_int_equal(atomic_load(&it.nexts), 1);
    test_client_fini(&c);
    test_client_fini(&busy[0]);
    test_client_fini(&busy[1]);
    close_server(&s, 1 + THREADS);
}

/* ---- clients that go ---- */

static void gone__while_the_app_or_next_runs__is_ended_behind_it(void **state)
{
    static const char *const requests[] = {GET("/block"), GET("/block-next"),
                                           GET("/block-then-wait")};
    struct test_server s;
    struct test_client c;

    (void)state;
    for (size_t i = 0; i < 2 * WR_COUNT(requests); i++) {
        open_server(&s);
        atomic_store(&it.has_piece, false);
        ask(&s, &c, requests[i / 2]);
        sem_wait(&it.entered);
        if (i % 2 == 0)
            test_client_reset(&c);
        else
            wr_conn_close(c.conn);
        assert_int_equal(atomic_load(&it.closes), 0);
        assert_int_equal(atomic_load(&it.deferred), 0);
        sem_post(&it.go);
        settle(&s);
        assert_int_equal(atomic_load(&it.gone), 1);
        assert_int_equal(atomic_load(&it.nexts), i / 2 == 0 ? 0 : 1);
        check_ended(1);
        test_client_fini(&c);
        close_server(&s, 1);
    }
}

static void gone__while_it_waits__is_ended(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    for (int has_wake = 0; has_wake < 2; has_wake++) {
        open_server(&s);
        atomic_store(&it.has_piece, false);
        ask(&s, &c, GET("/wait"));
        settle(&s);
        assert_int_equal(atomic_load(&it.nexts), 1);
        if (has_wake)
            weir_wake(atomic_load(&it.waiting)); /* is on its way when the client goes */
        wr_conn_close(c.conn);
        settle(&s);
        assert_int_equal(atomic_load(&it.nexts), 1);
        check_ended(1);
        test_client_fini(&c);
        close_server(&s, 1);
    }
}

/* Wherever the threads are then. */
static void gone__at_every_byte__is_ended_once(void **state)
{
    static const char *const requests[] = {GET("/text"), GET("/pieces")};
    struct test_server s;
    struct test_client c;
    unsigned n = 0;

    (void)state;
    open_server(&s);
    for (size_t i = 0; i < WR_COUNT(requests); i++)
        for (size_t room = 0; room < 220; room++) {
            test_client_init(&s, &c);
            c.transport.room = room;
            test_client_connect(&c);
            test_client_send(&c, requests[i]);
            if (room % 3 > 0)
                settle(&s);
            test_client_reset(&c);
            test_client_fini(&c);
            settle(&s);
            n = atomic_load(&it.calls); /* those that were still queued were not called */
            check_ended(n);
        }
    assert_true(n >= 146 * WR_COUNT(requests)); /* those that were let run before the reset */
    close_server(&s, n);
}

/* ---- waking ---- */

static void wake__from_another_job__asks_again(void **state)
{
    struct test_server s;
    struct test_client c, other;

    (void)state;
    open_server(&s);
    atomic_store(&it.has_piece, false);
    ask(&s, &c, GET("/wait"));
    settle(&s);
    assert_int_equal(atomic_load(&it.nexts), 1);
    for (int i = 0; i < 3; i++) /* no event of the client is a wake */
        test_client_event(&c, EPOLLOUT);
    settle(&s);
    assert_int_equal(atomic_load(&it.nexts), 1);
    atomic_store(&it.has_piece, true);
    ask(&s, &other, GET("/wake"));
    await_answer(&other, "200 text");
    await_answer(&c, "200~ onetwothree");
    test_client_fini(&c);
    test_client_fini(&other);
    close_server(&s, 2);
}

/* It comes when next is about to say WEIR_AGAIN, and is not lost. */
static void wake__while_next_runs__asks_again(void **state)
{
    struct test_server s;
    struct test_client c, other;

    (void)state;
    open_server(&s);
    atomic_store(&it.has_piece, false);
    ask(&s, &c, GET("/block-then-wait"));
    sem_wait(&it.entered);
    atomic_store(&it.has_piece, true); /* after it has looked */
    ask(&s, &other, GET("/wake"));
    await_answer(&other, "200 text");
    let_go(5);
    await_answer(&c, "200~ onetwothree");
    assert_int_equal(atomic_load(&it.nexts), 5);
    test_client_fini(&c);
    test_client_fini(&other);
    close_server(&s, 2);
}

/* ---- the server ends ---- */

static void fini__with_everything_open__waits_and_ends_all_once(void **state)
{
    static const char *const requests[] = {GET("/wait"),       GET("/large"), CHUNKED "1\r\na\r\n",
                                           GET("/until-gone"), GET("/text"),  GET("/pieces")};
    struct test_server s;
    struct test_client c[WR_COUNT(requests)];
    unsigned calls;

    (void)state;
    open_server(&s);
    atomic_store(&it.has_piece, false);
    for (size_t i = 0; i < WR_COUNT(c); i++) {
        test_client_init(&s, &c[i]);
        c[i].transport.room = 0;
        test_client_connect(&c[i]);
        test_client_send(&c[i], requests[i]);
        if (i < 2)
            settle(&s);
        else if (i == 2)
            await_reader(&s);
        else if (i == 3)
            sem_wait(&it.entered);
    }
    test_server_fini(&s); /* one thread reads, one works, two requests are queued */
    calls = atomic_load(&it.calls);
    assert_in_range(calls, 4, WR_COUNT(c)); /* a thread that is free early may take one more */
    check_ended(calls);
    assert_int_equal(atomic_load(&it.read_end), WEIR_EGONE);
    assert_in_range(atomic_load(&it.threads_stopped), THREADS, 2 * THREADS); /* stand-ins too */
    for (size_t i = 0; i < WR_COUNT(c); i++)
        fake_transport_fini(&c[i].transport);
    sem_destroy(&it.entered);
    sem_destroy(&it.go);
}

WR_TESTS(cmocka_unit_test(app__in_a_thread__answers),
         cmocka_unit_test(app__pipelined__answers_in_order),
         cmocka_unit_test(iterable__each_piece__is_a_job_of_its_own),
         cmocka_unit_test(iterable__slow_clients__hold_no_thread),
         cmocka_unit_test(serial__plugin__has_one_call_at_a_time),
         cmocka_unit_test(read__client_sends_slowly__waits),
         cmocka_unit_test(read__first__sends_100_continue),
         cmocka_unit_test(read__content_that_does_not_come__says_why),
         cmocka_unit_test(read__client_cuts_its_content__fails),
         cmocka_unit_test(queue__full__is_a_503_to_try_again),
         cmocka_unit_test(queue__client_gone_while_it_waits__is_not_called),
         cmocka_unit_test(queue__client_gone_while_a_pull_waits__is_not_asked),
         cmocka_unit_test(gone__while_the_app_or_next_runs__is_ended_behind_it),
         cmocka_unit_test(gone__while_it_waits__is_ended),
         cmocka_unit_test(gone__at_every_byte__is_ended_once),
         cmocka_unit_test(wake__from_another_job__asks_again),
         cmocka_unit_test(wake__while_next_runs__asks_again),
         cmocka_unit_test(fini__with_everything_open__waits_and_ends_all_once));
