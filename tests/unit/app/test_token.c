/*
 * test_token.c — the numbers of weir_token(): none comes twice, one that is stale or was never
 * given finds nothing, from however many threads it is tried, and they do not run out.
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "server/tokens.h"
#include "test_checks.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define REQUESTS 100000
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#        define REQUESTS 100000
#    endif
#endif
#ifndef REQUESTS
#    define REQUESTS 1000000
#endif
#define THREADS 8
#define BATCH   100
#define ONE     "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET(q)  "GET /?" q " HTTP/1.1\r\nHost: a\r\n\r\n"

static struct {
    const weir_host *host;
    uint64_t *tokens;
    size_t n;
    weir_start_response *start;
    unsigned calls, deferred;
    unsigned order[1000];
    atomic_uint drops, wrong;
} it;

static void on_call(weir_environ *env, void *arg)
{
    (void)env;
    if (it.calls < WR_COUNT(it.order))
        it.order[it.calls] = (unsigned)(uintptr_t)arg;
    it.calls++;
}

static void on_drop(void *arg)
{
    (void)arg;
    atomic_fetch_add(&it.drops, 1);
}

static void finish(weir_environ *env, void *arg)
{
    (void)arg;
    it.start(env, 200, NULL);
    weir_finish(env, weir_text("late"));
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    (void)chunk;
    return it.calls == 0 ? WEIR_AGAIN : WEIR_END;
}

static void finish_slowly(weir_environ *env, void *arg)
{
    (void)arg;
    it.start(env, 200, NULL);
    weir_finish(env, weir_iterable(next, NULL, NULL));
}

static void wake(weir_environ *env, void *arg)
{
    on_call(env, arg);
    weir_wake(env);
}

static void deferred(void *arg)
{
    (void)arg;
    it.deferred++;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *how = weir_get(env, "QUERY_STRING");
    uint64_t token = weir_token(env);

    if (it.n < REQUESTS)
        it.tokens[it.n] = token;
    it.n++;
    it.start = start_response;
    if (weir_token(env) != token)
        atomic_fetch_add(&it.wrong, 1);
    if (strcmp(how, "later") == 0) {
        weir_defer(env, deferred, NULL);
        return weir_later(env);
    }
    if (strcmp(how, "decline") == 0)
        return weir_decline();
    start_response(env, 200, NULL);
    return weir_empty();
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    (void)config;
    (void)state;
    it.host = host;
    return 0;
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "token",
                                   .load = load,
                                   .app = app,
                                   .runs = WEIR_ON_LOOP};

static void open_both(struct test_server *s, struct test_client *c)
{
    uint64_t *tokens = it.tokens ? it.tokens : calloc(REQUESTS, sizeof *tokens);

    assert_non_null(tokens);
    memset(&it, 0, sizeof it);
    it.tokens = tokens;
    test_server_init(s);
    s->site.log.level = WR_LOG_ERROR;
    s->site.access_log.write = NULL;
    assert_non_null(test_server_mount(s, &plugin, NULL, NULL));
    test_client_open(s, c);
}

static void close_all(struct test_server *s, struct test_client *c)
{
    close_both(s, c);
    free(it.tokens);
    it.tokens = NULL;
    assert_int_equal(atomic_load(&it.wrong), 0);
}

static void ask(struct test_client *c, size_t n)
{
    static char batch[BATCH * sizeof ONE];
    size_t one = strlen(ONE);

    for (size_t i = 0; i < BATCH; i++)
        memcpy(batch + i * one, ONE, one);
    for (size_t i = 0; i < n; i += BATCH) {
        test_client_send_slice(c, wr_slice(batch, BATCH * one));
        c->transport.out_n = 0; /* nobody looks at it */
        c->transport.in_n = c->transport.in_at = 0;
        c->transport.parts = c->transport.part_at = 0;
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int32_t resume(uint64_t token, unsigned arg)
{
    return weir_resume(it.host, token, on_call, (void *)(uintptr_t)arg, on_drop);
}

/* ---- numbers ---- */

static void token__of_a_million_requests__comes_once(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    ask(&c, REQUESTS);
    assert_int_equal(it.n, REQUESTS);
    qsort(it.tokens, REQUESTS, sizeof *it.tokens, by_number);
    assert_true(it.tokens[0] != 0);
    for (size_t i = 1; i < REQUESTS; i++)
        assert_true(it.tokens[i - 1] < it.tokens[i]);
    for (size_t i = 0; i < REQUESTS; i++) /* and each is stale */
        assert_int_equal(resume(it.tokens[i], 0), WEIR_ESTALE);
    assert_int_equal(atomic_load(&it.drops), REQUESTS);
    assert_int_equal(it.calls, 0);
    close_all(&s, &c);
}

/* By the shape that tokens.h tells: a count for each loop, above the number of the loop. */
static void token__for_24_hours_and_ten_years__does_not_wrap(void **state)
{
    const unsigned bits = 64 - WR_TOKEN_LOOP_BITS;
    const uint64_t a_second = 10000000, day = 24 * 3600;

    (void)state;
    assert_true(a_second * day < UINT64_C(1) << bits);
    assert_true(a_second * day * 366 * 10 < UINT64_C(1) << bits);
    assert_true(1U << WR_TOKEN_LOOP_BITS >= 1024);
}

/* What is not carried from one field to the other, at the last number before. */
static void token__behind_the_last_of_ten_years__is_of_its_loop(void **state)
{
    struct wr_token token = {0};
    struct wr_tokens all;

    (void)state;
    wr_tokens_init(&all);
    all.count = UINT64_C(10000000) * 24 * 3600 * 3660;
    assert_true(wr_tokens_open(&all, &token, 1023));
    assert_int_equal(token.number & 1023, 1023);
    assert_true(token.number >> 10 == UINT64_C(10000000) * 24 * 3600 * 3660 + 1);
    assert_ptr_equal(wr_tokens_find(&all, token.number), &token);
    wr_tokens_close(&all, &token);
    assert_null(wr_tokens_find(&all, token.number));
    wr_tokens_fini(&all);
}

/* ---- what finds nothing ---- */

static void resume__with_a_number_that_nobody_has__drops(void **state)
{
    struct test_server s;
    struct test_client c;
    uint64_t token;
    unsigned drops = 0;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("later"));
    token = it.tokens[0];
    assert_true(token != 0);
    assert_int_equal(resume(0, 0), WEIR_ESTALE);
    assert_int_equal(resume(UINT64_MAX, 0), WEIR_ESTALE);
    for (unsigned bit = 0; bit < 64; bit++) /* of other loops, and of none, among them */
        assert_int_equal(resume(token ^ UINT64_C(1) << bit, 0), WEIR_ESTALE);
    for (uint64_t loop = 0; loop < 1024; loop++)
        if (loop != (token & 1023))
            assert_int_equal(resume((token & ~UINT64_C(1023)) | loop, 0), WEIR_ESTALE);
    drops = 2 + 64 + 1023;
    assert_int_equal(atomic_load(&it.drops), drops);
    assert_int_equal(weir_resume(it.host, 0, on_call, NULL, NULL), WEIR_ESTALE);
    assert_int_equal(weir_resume(it.host, token, NULL, NULL, on_drop), WEIR_EINVAL);
    assert_int_equal(atomic_load(&it.drops), drops + 1);
    test_server_step(&s);
    assert_int_equal(it.calls, 0);
    close_all(&s, &c);
}

static void *resume_stale(void *arg)
{
    size_t from = (size_t)(uintptr_t)arg;

    for (size_t i = 0; i < REQUESTS; i += 4)
        if (resume(it.tokens[(i + from) % REQUESTS], 0) != WEIR_ESTALE)
            atomic_fetch_add(&it.wrong, 1);
    return NULL;
}

/* While the loop gives new ones, which are not written down: two million in all. */
static void resume__of_stale_ones_from_eight_threads__drops(void **state)
{
    pthread_t threads[THREADS];
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    ask(&c, REQUESTS);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, resume_stale,
                                        (void *)(uintptr_t)(i * (REQUESTS / THREADS))),
                         0);
    ask(&c, REQUESTS / 10);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&it.drops), (REQUESTS + 3) / 4 * THREADS);
    assert_int_equal(it.calls, 0);
    close_all(&s, &c);
}

/* ---- what finds its request ---- */

static void resume__any_number_of_times__calls_in_their_order(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("later"));
    for (unsigned i = 0; i < WR_COUNT(it.order); i++)
        assert_int_equal(resume(it.tokens[0], i), 0);
    for (int i = 0; i < 4; i++)
        test_server_step(&s);
    assert_int_equal(it.calls, WR_COUNT(it.order));
    for (unsigned i = 0; i < WR_COUNT(it.order); i++)
        assert_int_equal(it.order[i], i);
    assert_int_equal(weir_resume(it.host, it.tokens[0], finish, NULL, on_drop), 0);
    for (int i = 0; i < 4; i++)
        test_server_step(&s);
    assert_int_equal(resume(it.tokens[0], 0), WEIR_ESTALE);
    assert_int_equal(atomic_load(&it.drops), 1);
    assert_int_equal(it.deferred, 1);
    check_description(&c, "200 late");
    close_all(&s, &c);
}

/* What was let in before the answer, and could not be called any more. */
static void resume__behind_the_answer_in_one_turn__drops(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("later"));
    assert_int_equal(weir_resume(it.host, it.tokens[0], finish, NULL, on_drop), 0);
    for (unsigned i = 0; i < 10; i++)
        resume(it.tokens[0], i);
    for (int i = 0; i < 4; i++)
        test_server_step(&s);
    assert_int_equal(it.calls + atomic_load(&it.drops), 10);
    check_description(&c, "200 late");
    close_all(&s, &c);
}

static void resume__of_an_iterable_that_came_later__calls_until_its_end(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("later"));
    assert_int_equal(weir_resume(it.host, it.tokens[0], finish_slowly, NULL, on_drop), 0);
    for (int i = 0; i < 4; i++)
        test_server_step(&s);
    assert_int_equal(it.deferred, 0);
    assert_int_equal(weir_resume(it.host, it.tokens[0], wake, NULL, on_drop), 0);
    for (int i = 0; i < 4; i++)
        test_server_step(&s);
    assert_int_equal(it.calls, 1);
    assert_int_equal(it.deferred, 1);
    assert_int_equal(resume(it.tokens[0], 0), WEIR_ESTALE);
    check_description(&c, "200");
    close_all(&s, &c);
}

static void resume__of_a_client_that_has_left__drops(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("later"));
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(resume(it.tokens[0], i), 0);
    if (!c.transport.is_closed) /* before the loop has had its turn */
        wr_conn_close(c.conn);
    for (int i = 0; i < 4; i++)
        test_server_step(&s);
    assert_int_equal(it.calls, 0);
    assert_int_equal(atomic_load(&it.drops), 10);
    assert_int_equal(resume(it.tokens[0], 0), WEIR_ESTALE);
    assert_int_equal(it.deferred, 1);
    close_all(&s, &c);
}

static void resume__of_one_who_has_declined__drops(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("decline"));
    resume(it.tokens[0], 0);
    test_server_step(&s);
    assert_int_equal(it.calls, 0);
    assert_int_equal(atomic_load(&it.drops), 1);
    close_all(&s, &c);
}

WR_TESTS(cmocka_unit_test(token__of_a_million_requests__comes_once),
         cmocka_unit_test(token__for_24_hours_and_ten_years__does_not_wrap),
         cmocka_unit_test(token__behind_the_last_of_ten_years__is_of_its_loop),
         cmocka_unit_test(resume__with_a_number_that_nobody_has__drops),
         cmocka_unit_test(resume__of_stale_ones_from_eight_threads__drops),
         cmocka_unit_test(resume__any_number_of_times__calls_in_their_order),
         cmocka_unit_test(resume__behind_the_answer_in_one_turn__drops),
         cmocka_unit_test(resume__of_an_iterable_that_came_later__calls_until_its_end),
         cmocka_unit_test(resume__of_a_client_that_has_left__drops),
         cmocka_unit_test(resume__of_one_who_has_declined__drops));
