#include "support.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "test_server.h"

/* An iterable in a thread: "a", then WEIR_AGAIN, in which call it can be held, then "b", then the
 * end. */
static sem_t entered, go_on;
static atomic_int calls;
static _Atomic(weir_environ *) waiting;

static void wait_for(sem_t *s)
{
    while (sem_wait(s) < 0)
        ;
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)arg;
    switch (atomic_fetch_add(&calls, 1)) {
    case 0:
        *chunk = (weir_chunk){.data = "a", .size = 1};
        return WEIR_CHUNK;
    case 1:
        atomic_store(&waiting, env);
        sem_post(&entered);
        wait_for(&go_on);
        return WEIR_AGAIN;
    case 2:
        *chunk = (weir_chunk){.data = "b", .size = 1};
        return WEIR_CHUNK;
    default:
        return WEIR_END;
    }
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_iterable(next, NULL, NULL);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "waits",
                                   .app = app};

/* Until nothing is under way, on the threads and on the loop. */
static void settle(struct test_server *s)
{
    for (int i = 0; i < 4; i++) {
        s->mounted->ops->wait(s->mounted);
        test_server_step(s);
    }
}

/* The client takes so many bytes. */
static void begin_with_room(struct test_server *s, struct test_client *c, size_t room)
{
    sem_init(&entered, 0, 0);
    sem_init(&go_on, 0, 0);
    atomic_store(&calls, 0);
    test_server_init(s);
    assert_non_null(test_server_mount(s, &plugin, NULL, NULL));
    test_client_open(s, c);
    c->transport.room = room;
    test_client_send(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    while (sem_trywait(&entered) < 0)
        assert_true(wr_loop_step(s->worker.loop, 1000) >= 0);
}

static void begin(struct test_server *s, struct test_client *c)
{
    begin_with_room(s, c, FAKE_NO_LIMIT);
}

static void end(struct test_server *s, struct test_client *c)
{
    test_client_fini(c);
    test_server_fini(s);
    sem_destroy(&entered);
    sem_destroy(&go_on);
}

/* weir/app.h: after WEIR_AGAIN next is called again after weir_wake(), or when there is input. */
static void again__events_while_next_runs__do_not_ask_again(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    begin(&s, &c);
    test_client_event(&c, EPOLLOUT);
    test_client_event(&c, EPOLLIN | EPOLLOUT);
    sem_post(&go_on);
    settle(&s);
    test_client_event(&c, EPOLLOUT);
    settle(&s);
    assert_int_equal(atomic_load(&calls), 2);
    assert_int_equal(weir_wake(atomic_load(&waiting)), 0);
    settle(&s);
    assert_int_equal(atomic_load(&calls), 4);
    end(&s, &c);
}

static void again__wake_while_next_runs__is_not_lost(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    begin(&s, &c);
    assert_int_equal(weir_wake(atomic_load(&waiting)), 0);
    test_server_step(&s); /* it arrives before the job is back */
    sem_post(&go_on);
    settle(&s);
    assert_int_equal(atomic_load(&calls), 4);
    end(&s, &c);
}

/* The client has not taken the end of the chunk when next says WEIR_AGAIN, so that nobody looks at that:
 * what wakes it then must count all the same. */
static void again__wake_before_it_is_looked_at__is_not_lost(void **state)
{
    static const char chunk[] = "1\r\na\r\n";
    struct test_server s;
    struct test_client c;
    struct wr_slice out;
    size_t head_n;

    (void)state;
    begin(&s, &c);
    sem_post(&go_on);
    settle(&s);
    out = fake_transport_output(&c.transport);
    assert_true(out.n > strlen(chunk));
    head_n = out.n - strlen(chunk);
    assert_memory_equal(out.p + head_n, chunk, strlen(chunk));
    end(&s, &c);

    begin_with_room(&s, &c, head_n + strlen("1\r\na"));
    sem_post(&go_on);
    settle(&s);
    assert_int_equal(weir_wake(atomic_load(&waiting)), 0);
    settle(&s);
    test_client_take(&c, 1000, 1);
    settle(&s);
    assert_int_equal(atomic_load(&calls), 4);
    end(&s, &c);
}

WR_TESTS(cmocka_unit_test(again__events_while_next_runs__do_not_ask_again),
         cmocka_unit_test(again__wake_while_next_runs__is_not_lost),
         cmocka_unit_test(again__wake_before_it_is_looked_at__is_not_lost));
