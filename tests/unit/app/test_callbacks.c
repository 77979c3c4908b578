/*
 * test_callbacks.c — callbacks beside a body: wakes that come at the same time, an app that
 * declines with callbacks still set, what a callback may still change, and what it comes too late
 * for.
 */
#include "support.h"

#include <weir/test.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test_checks.h"

/* What the app does, and what it saw. */
static struct {
    weir_app *act;
    weir_environ *env;
    weir_start_response *start;
    pthread_t test;
    atomic_uint calls, dones, said;
    atomic_int result;
    atomic_bool is_elsewhere;
} it;

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    it.env = env;
    it.start = start_response;
    return it.act(env, start_response);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "callbacks",
                                   .app = app};

static void begin_act(weir_app *act)
{
    memset(&it, 0, sizeof it);
    it.act = act;
    it.test = pthread_self();
}

/* Calls `check` with a server whose app does this, wherever it may run. */
static void everywhere(weir_app *act, void (*check)(weir_test *t))
{
    static const weir_test_setup places[] = {
        {.runs = WEIR_TEST_ON_LOOP},
        {.runs = WEIR_TEST_IN_THREAD},
        {.runs = WEIR_TEST_IN_THREAD, .serial = 1},
        {.runs = WEIR_TEST_ON_LOOP, .serial = 1, .loops = 2}, /* at home, and not */
    };

    for (size_t i = 0; i < WR_COUNT(places); i++) {
        weir_test_setup setup = places[i];
        weir_test *t;

        setup.plugin = &plugin;
        setup.patience_ms = 2000;
        t = weir_test_start(&setup);
        assert_non_null(t);
        assert_null(weir_test_error(t));
        for (int k = 0; k < setup.loops + 1; k++) {
            begin_act(act);
            check(t);
        }
        weir_test_free(t);
    }
}

static void nothing(weir_environ *env, void *arg)
{
    (void)env;
    (void)arg;
}

/* ---- wakes ---- */

/* Has nothing when it is asked first, and says in that call that it has. */
static int32_t wake_and_say(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)arg;
    switch (atomic_fetch_add(&it.calls, 1)) {
    case 0:
        weir_wake(env);
        return WEIR_AGAIN;
    case 1:
        *chunk = (weir_chunk){.data = "piece", .size = 5};
        return WEIR_CHUNK;
    default:
        return WEIR_END;
    }
}

static weir_body wake_beside_callback(weir_environ *env, weir_start_response *start_response)
{
    weir_on_writable(env, nothing, NULL);
    start_response(env, 200, NULL);
    return weir_iterable(wake_and_say, NULL, NULL);
}

static void finish_with_iterable(weir_environ *env, void *arg)
{
    (void)arg;
    if (atomic_load(&it.calls) == 0)
        weir_finish(env, weir_iterable(wake_and_say, NULL, NULL));
}

static weir_body finish_later(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    weir_on_writable(env, finish_with_iterable, NULL);
    return weir_later(env);
}

/* Has nothing when it is asked first; what a callback writes then begins the response. */
static int32_t say_when_written(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    if (atomic_load(&it.said) == 0)
        return WEIR_AGAIN;
    if (atomic_fetch_add(&it.calls, 1) > 0)
        return WEIR_END;
    *chunk = (weir_chunk){.data = "ce", .size = 2};
    return WEIR_CHUNK;
}

static void write_and_wake(weir_environ *env, void *arg)
{
    (void)arg;
    if (atomic_exchange(&it.said, 1))
        return;
    weir_write(env, "pie", 3);
    weir_wake(env);
}

static weir_body write_beside_iterable(weir_environ *env, weir_start_response *start_response)
{
    weir_on_writable(env, write_and_wake, NULL);
    start_response(env, 200, NULL);
    return weir_iterable(say_when_written, NULL, NULL);
}

static void check_piece(weir_test *t)
{
    const weir_test_response *r = weir_test_get(t, "/");

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->is_cut, 0);
    assert_string_equal(r->body, "piece");
}

static void wake__while_a_callback_is_due__is_not_lost(void **state)
{
    (void)state;
    everywhere(wake_beside_callback, check_piece);
}

static void wake__in_the_call_that_finishes__is_not_lost(void **state)
{
    (void)state;
    everywhere(finish_later, check_piece);
}

static void written__while_an_iterable_has_nothing__begins_the_response(void **state)
{
    (void)state;
    everywhere(write_beside_iterable, check_piece);
}

/* Nothing of a body is asked for that has no reader, woken or not. */
static weir_body wake_itself(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    weir_wake(env);
    return weir_iterable(wake_and_say, NULL, NULL);
}

static void check_head(weir_test *t)
{
    const weir_test_response *r = weir_test_call(t, &(weir_test_request){.method = "HEAD"});

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_int_equal(atomic_load(&it.calls), 0);
}

static void wake__of_an_answer_to_head__asks_for_nothing(void **state)
{
    (void)state;
    everywhere(wake_itself, check_head);
}

/* ---- no content ---- */

static weir_body reset_content(weir_environ *env, weir_start_response *start_response)
{
    const char *query = weir_get(env, "QUERY_STRING");

    if (query[0] == 'l')
        start_response(env, 205, WEIR_HEADERS({"Content-Length", "5"}));
    else
        start_response(env, 205, NULL);
    if (query[1] == 'w')
        weir_write(env, "Hello", 5);
    return query[1] == 'w' ? weir_empty() : weir_iterable(wake_and_say, NULL, NULL);
}

static weir_body reset_and_ask(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 205, NULL);
    weir_write(env, "Hello", 5);
    return weir_iterable(wake_and_say, NULL, NULL);
}

/* RFC 9110 15.3.6: no content; said by a length of 0. */
static void check_reset(weir_test *t)
{
    static const char *const targets[] = {"/?-w", "/?lw", "/?-i"};

    for (size_t i = 0; i < WR_COUNT(targets); i++) {
        const weir_test_response *r = weir_test_get(t, targets[i]);
        const char *length = r ? weir_test_field(r, "Content-Length") : NULL;

        assert_non_null(r);
        assert_int_equal(r->status, 205);
        assert_int_equal(r->is_cut, 0);
        assert_int_equal(r->body_size, 0);
        assert_string_equal(length ? length : "none", "0");
        assert_string_equal(weir_test_log(t), "");
    }
}

static void reset_content__with_a_body__has_none(void **state)
{
    (void)state;
    everywhere(reset_content, check_reset);
    everywhere(reset_and_ask, check_reset);
}

/* The status says in next that there is no content: it need not be there. */
static int32_t start_and_end(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)arg;
    (void)chunk;
    it.start(env, 304, WEIR_HEADERS({"Content-Length", "5"}));
    return WEIR_END;
}

static weir_body start_in_next(weir_environ *env, weir_start_response *start_response)
{
    (void)env;
    (void)start_response;
    return weir_iterable(start_and_end, NULL, NULL);
}

static void check_not_modified(weir_test *t)
{
    const weir_test_response *r = weir_test_get(t, "/");

    assert_non_null(r);
    assert_int_equal(r->status, 304);
    assert_int_equal(r->is_cut, 0);
    assert_string_equal(weir_test_log(t), "");
}

static void not_modified__begun_in_next__needs_no_content(void **state)
{
    (void)state;
    everywhere(start_in_next, check_not_modified);
}

/* ---- a heartbeat ---- */

static int32_t never(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    (void)chunk;
    return atomic_load(&it.said) ? WEIR_FAIL : WEIR_AGAIN;
}

/* The length of what is still to come is known now. */
static void declare(weir_environ *env, void *arg)
{
    (void)arg;
    it.start(env, 200 | WEIR_REPLACE, WEIR_HEADERS({"Content-Length", "5"}));
}

static weir_body beat(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    weir_on_writable(env, declare, NULL);
    return weir_heartbeat(weir_iterable(never, NULL, NULL), 1000, ":\n");
}

static void check_no_beat(weir_test *t)
{
    weir_test_exchange *x = weir_test_begin(t, &(weir_test_request){0});

    assert_non_null(x);
    assert_int_equal(weir_test_advance(t, 5000), 0);
    assert_int_equal(weir_test_answer(x)->status, 0);
    weir_test_end(x);
}

static void heartbeat__with_a_length_given_meanwhile__is_none(void **state)
{
    (void)state;
    everywhere(beat, check_no_beat);
}

/* ---- who asks too late ---- */

static void count_done(weir_environ *env, void *arg, const void *data, int64_t n)
{
    (void)env;
    (void)arg;
    (void)data;
    (void)n;
    atomic_fetch_add(&it.dones, 1);
}

static void read_at_the_end(void *arg)
{
    (void)arg;
    atomic_store(&it.result, weir_read_all(it.env, 100, count_done, NULL));
    atomic_fetch_add(&it.calls, 1);
}

static weir_body close_reads(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_owned("text", 4, read_at_the_end, NULL);
}

/* done is called exactly once, or an error is given. */
static void check_too_late(weir_test *t)
{
    const weir_test_response *r = weir_test_get(t, "/");

    assert_non_null(r);
    assert_string_equal(r->body, "text");
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(atomic_load(&it.calls), 1);
    assert_int_equal(atomic_load(&it.result), WEIR_EGONE);
    assert_int_equal(atomic_load(&it.dones), 0);
}

static void read_all__in_close__says_that_it_is_too_late(void **state)
{
    (void)state;
    everywhere(close_reads, check_too_late);
}

/* More than was allowed, by its length, has not been read: but one reading is all that there is. */
static void read_again(weir_environ *env, void *arg, const void *data, int64_t n)
{
    (void)arg;
    (void)data;
    atomic_store(&it.result, weir_read_all(env, 100, count_done, NULL));
    weir_finish(env, n == WEIR_ETOOBIG ? weir_error(env, 413) : weir_empty());
}

static weir_body read_twice(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    weir_read_all(env, 1, read_again, NULL);
    return weir_later(env);
}

static void check_once(weir_test *t)
{
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.body = "Hello", .body_size = 5});

    assert_non_null(r);
    assert_int_equal(r->status, 413);
    assert_int_equal(atomic_load(&it.result), WEIR_ESTATE);
    assert_int_equal(atomic_load(&it.dones), 0);
}

static void read_all__a_second_time__is_refused_whatever_came_of_the_first(void **state)
{
    (void)state;
    everywhere(read_twice, check_once);
}

static int32_t add_trailer(weir_environ *env)
{
    return weir_trailer_add(env, "X-Late", "1", 1);
}

static void trail(weir_environ *env, void *arg)
{
    (void)arg;
    atomic_store(&it.result, add_trailer(env));
    atomic_fetch_add(&it.calls, 1);
}

/* Its size is known: the loop may send its end while the callback runs. */
static weir_body text_then_trailer(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    weir_write(env, "Hello", 5);
    weir_on_writable(env, trail, NULL);
    return weir_text(", World");
}

static void check_no_trailer(weir_test *t)
{
    const weir_header te[] = {{"TE", "trailers"}, {NULL, NULL}};
    weir_test_exchange *x =
        weir_test_begin(t, &(weir_test_request){.fields = te, .take = WEIR_TEST_BY_HAND});

    assert_non_null(x);
    assert_int_equal(atomic_load(&it.calls), 1);
    assert_int_equal(atomic_load(&it.result), WEIR_ESTATE);
    weir_test_take(x, WEIR_TEST_ALL);
    assert_string_equal(weir_test_answer(x)->body, "Hello, World");
    weir_test_end(x);
}

static void trailer__behind_a_body_that_was_given__is_too_late(void **state)
{
    (void)state;
    everywhere(text_then_trailer, check_no_trailer);
}

/* ---- a client that half-closes ---- */

static void note_half_closed(weir_environ *env, void *arg, int32_t why)
{
    (void)env;
    (void)arg;
    if (why != WEIR_HALF_CLOSED)
        return;
    atomic_fetch_add(&it.said, 1);
    atomic_store(&it.is_elsewhere, !pthread_equal(pthread_self(), it.test));
}

/* Has nothing, and when it is asked again wants to hear of the client. */
static int32_t subscribe(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)arg;
    (void)chunk;
    if (atomic_fetch_add(&it.calls, 1) == 1)
        weir_on_disconnect(env, note_half_closed, NULL);
    return WEIR_AGAIN;
}

static weir_body subscribe_later(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_iterable(subscribe, NULL, NULL);
}

/* The loops of a test are the thread that calls it. */
static void check_half_closed(weir_test *t)
{
    weir_test_exchange *x = weir_test_begin(t, &(weir_test_request){0});

    assert_non_null(x);
    weir_test_half_close(x);
    assert_int_equal(weir_wake(it.env), 0);
    assert_int_equal(weir_test_run(t), 0);
    assert_int_equal(atomic_load(&it.calls), 2);
    assert_int_equal(atomic_load(&it.said), 1);
    assert_false(atomic_load(&it.is_elsewhere));
    weir_test_end(x);
}

static void half_closed__before_it_was_subscribed__is_told_on_the_loop(void **state)
{
    (void)state;
    everywhere(subscribe_later, check_half_closed);
}

/* ---- an app that declines ---- */

static weir_body echo_or_decline(weir_environ *env, weir_start_response *start_response)
{
    char *content = weir_alloc(env, 8);
    int64_t n = 0, got;

    if (strcmp(weir_get(env, "SCRIPT_NAME"), "/up") == 0) {
        weir_on_input(env, nothing, NULL);
        return weir_decline();
    }
    while ((got = weir_read(env, content + n, (size_t)(8 - n))) > 0)
        n += got;
    start_response(env, 200, NULL);
    return weir_bytes(content, (size_t)n);
}

/* It has the route /up, and behind that all. */
static void mount_twice(struct test_server *s, int32_t runs, struct wr_route routes[static 2])
{
    weir_plugin here = plugin;

    here.runs = runs;
    test_server_init(s);
    assert_non_null(test_server_mount(s, &here, NULL, NULL));
    routes[0] = routes[1] = s->route;
    routes[0].path = WR_SLICE("/up");
    s->site.router.v = routes;
    s->site.router.n = 2;
}

static void declined__with_on_input__leaves_the_content_to_the_next(void **state)
{
    struct wr_route routes[2];
    struct test_server s;
    struct test_client c;
    char got[TEST_DESCRIPTION_MAX] = "";

    (void)state;
    begin_act(echo_or_decline);
    mount_twice(&s, WEIR_IN_THREAD, routes);
    test_client_open(&s, &c);
    test_client_send(&c, "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nHello");
    for (int i = 0; i < 50 && got[0] == '\0'; i++) {
        assert_true(wr_loop_step(s.worker.loop, 100) >= 0);
        test_client_describe(&c, "", got);
    }
    assert_string_equal(got, "200 Hello");
    test_client_fini(&c);
    test_server_fini(&s);
}

static void count_work(void *arg)
{
    (void)arg;
    atomic_fetch_add(&it.calls, 1);
}

static void note_done(weir_environ *env, void *arg)
{
    (void)env;
    (void)arg;
    atomic_fetch_add(&it.dones, 1);
}

static weir_body offload_and_decline(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    if (strcmp(weir_get(env, "SCRIPT_NAME"), "/up") != 0)
        return weir_later(env);
    atomic_store(&it.result, weir_offload(env, count_work, note_done, NULL));
    return weir_decline();
}

/* Another app has the request by then. */
static void declined__with_work_under_way__is_told_at_the_end(void **state)
{
    struct wr_route routes[2];
    struct test_server s;
    struct test_client c;

    (void)state;
    begin_act(offload_and_decline);
    mount_twice(&s, WEIR_ON_LOOP, routes);
    test_client_open(&s, &c);
    test_client_send(&c, "GET /up HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(atomic_load(&it.result), 0);
    s.mounted->ops->wait(s.mounted);
    for (int i = 0; i < 3; i++)
        test_server_step(&s);
    assert_int_equal(atomic_load(&it.calls), 1);
    assert_int_equal(atomic_load(&it.dones), 0);
    test_client_reset(&c);
    test_server_step(&s);
    assert_int_equal(atomic_load(&it.dones), 1);
    test_client_fini(&c);
    test_server_fini(&s);
}

/* ---- content in the smallest of pieces ---- */

#define CHUNKS 100000

static void read_what_is_there(weir_environ *env, void *arg)
{
    char bytes[64];
    int64_t n;

    (void)arg;
    while ((n = weir_read(env, bytes, sizeof bytes)) > 0)
        atomic_fetch_add(&it.calls, (unsigned)n);
    if (n != 0)
        return;
    it.start(env, 200, NULL);
    weir_finish(env, weir_printf(env, "%u", atomic_load(&it.calls)));
}

static weir_body read_in_callbacks(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    weir_on_input(env, read_what_is_there, NULL);
    return weir_later(env);
}

/* Each is a call of its own, behind the one before: not in it, for no stack is deep enough. */
static void input__of_many_chunks_at_once__is_read_piece_by_piece(void **state)
{
    static char request[128 + CHUNKS * 6];
    struct wr_route routes[2];
    struct test_server s;
    struct test_client c;
    char got[TEST_DESCRIPTION_MAX] = "";
    struct wr_buf b = wr_buf_on(request, sizeof request);

    (void)state;
    begin_act(read_in_callbacks);
    mount_twice(&s, WEIR_IN_COROUTINE, routes);
    wr_buf_printf(&b, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < CHUNKS; i++)
        wr_buf_printf(&b, "1\r\nx\r\n");
    wr_buf_printf(&b, "0\r\n\r\n");
    test_client_open(&s, &c);
    test_client_send_slice(&c, wr_buf_slice(&b));
    for (int i = 0; i < 4 * CHUNKS && c.transport.out_n == 0; i++)
        test_server_step(&s);
    test_client_describe(&c, "", got);
    assert_string_equal(got, "200 100000");
    test_client_fini(&c);
    test_server_fini(&s);
}

/* ---- turns of coroutines ---- */

static weir_body sleep_first(weir_environ *env, weir_start_response *start_response)
{
    if (atomic_fetch_add(&it.calls, 1) == 0)
        weir_sleep(env, 10);
    start_response(env, 200, NULL);
    return weir_text("mine");
}

/* Sends a request, and one for each of the others, which wait for it. */
static void begin_turns(struct test_server *s, struct test_client *c, size_t n)
{
    weir_plugin serial = plugin;

    begin_act(sleep_first);
    serial.runs = WEIR_IN_COROUTINE;
    serial.serial = 1;
    test_server_init(s);
    assert_non_null(test_server_mount(s, &serial, NULL, NULL));
    for (size_t i = 0; i < n; i++) {
        test_client_open(s, &c[i]);
        test_client_send(&c[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    assert_int_equal(atomic_load(&it.calls), 1);
}

static void end_turns(struct test_server *s, struct test_client *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        test_client_fini(&c[i]);
    test_server_fini(s);
}

/* Nothing keeps the plugin any more when the last is answered: then nothing of it may be posted. */
static void turn__of_the_last__leaves_nothing_behind(void **state)
{
    struct test_server s;
    struct test_client c[3];

    (void)state;
    begin_turns(&s, c, 3);
    test_server_advance_ms(&s, 10);
    for (int i = 0; i < 10 && c[2].transport.out_n == 0; i++)
        test_server_step(&s);
    assert_int_equal(atomic_load(&it.calls), 3);
    assert_true(c[2].transport.out_n > 0);
    assert_false(wr_loop_run_tasks(s.worker.loop));
    end_turns(&s, c, 3);
}

/* The same of one that leaves when its turn is about to come: it stays until then. */
static void turn__of_one_who_has_left__comes_first(void **state)
{
    struct test_server s;
    struct test_client c[2];
    size_t before;

    (void)state;
    begin_turns(&s, c, 2);
    before = s.worker.lease->exchanges;
    test_server_advance_ms(&s, 10);
    for (int i = 0; i < 10 && c[0].transport.out_n == 0; i++)
        test_server_step(&s);
    assert_int_equal(atomic_load(&it.calls), 1);
    wr_conn_close(c[1].conn);
    wr_conn_close(c[0].conn);
    assert_int_equal(s.worker.lease->exchanges, before - 1);
    test_server_step(&s);
    assert_int_equal(s.worker.lease->exchanges, before - 2);
    assert_int_equal(atomic_load(&it.calls), 1);
    assert_false(wr_loop_run_tasks(s.worker.loop));
    end_turns(&s, c, 2);
}

/* ---- an end while a file is written ---- */

static void count_file(weir_environ *env, void *arg, int64_t n)
{
    (void)env;
    (void)arg;
    (void)n;
    atomic_fetch_add(&it.dones, 1);
}

static weir_body save(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    weir_read_file(env, *(int *)weir_state(env), 100, count_file, NULL);
    return weir_later(env);
}

/* The request is there until it is written, whatever was posted for it before its end. */
static void wake__behind_the_end_while_a_file_is_written__leaves_the_request(void **state)
{
    weir_plugin on_loop = plugin;
    struct test_server s;
    struct test_client c;
    int fd = memfd_create("content", MFD_CLOEXEC);

    (void)state;
    begin_act(save);
    on_loop.runs = WEIR_ON_LOOP;
    test_server_init(&s);
    assert_non_null(test_server_mount(&s, &on_loop, &fd, NULL));
    test_server_hold_helpers(&s);
    test_client_open(&s, &c);
    test_client_send(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nHello");
    test_server_step(&s);
    assert_int_equal(weir_wake(it.env), 0);
    test_client_reset(&c);
    test_server_step(&s);
    assert_int_equal(atomic_load(&it.dones), 0);
    test_server_run_helpers(&s);
    assert_int_equal(atomic_load(&it.dones), 1);
    test_client_fini(&c);
    test_server_fini(&s);
    close(fd);
}

WR_TESTS(cmocka_unit_test(wake__while_a_callback_is_due__is_not_lost),
         cmocka_unit_test(wake__in_the_call_that_finishes__is_not_lost),
         cmocka_unit_test(written__while_an_iterable_has_nothing__begins_the_response),
         cmocka_unit_test(wake__of_an_answer_to_head__asks_for_nothing),
         cmocka_unit_test(reset_content__with_a_body__has_none),
         cmocka_unit_test(not_modified__begun_in_next__needs_no_content),
         cmocka_unit_test(heartbeat__with_a_length_given_meanwhile__is_none),
         cmocka_unit_test(read_all__in_close__says_that_it_is_too_late),
         cmocka_unit_test(read_all__a_second_time__is_refused_whatever_came_of_the_first),
         cmocka_unit_test(trailer__behind_a_body_that_was_given__is_too_late),
         cmocka_unit_test(half_closed__before_it_was_subscribed__is_told_on_the_loop),
         cmocka_unit_test(declined__with_on_input__leaves_the_content_to_the_next),
         cmocka_unit_test(declined__with_work_under_way__is_told_at_the_end),
         cmocka_unit_test(input__of_many_chunks_at_once__is_read_piece_by_piece),
         cmocka_unit_test(turn__of_the_last__leaves_nothing_behind),
         cmocka_unit_test(turn__of_one_who_has_left__comes_first),
         cmocka_unit_test(wake__behind_the_end_while_a_file_is_written__leaves_the_request));
