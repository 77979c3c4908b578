/*
 * resume.c — a server with two loops, eight threads that resume, wake, fail and finish its requests
 * at random, and clients that vanish: apps on the loop, in coroutines, in threads, serial ones too.
 *
 * At the end each thing that was opened is closed, each resume was called or dropped, exactly one
 * of both, each post was run, no number came twice, and no descriptor is left. It is there for
 * ThreadSanitizer and AddressSanitizer, which see the rest. WEIR_SEED=N begins with the same
 * numbers, though threads have another luck; WEIR_LONG=1: for 40 seconds.
 */
#include "support.h"

#include <weir/server.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MS          3000
#define MS_LONG     40000
#define LOOPS       2
#define THREADS     8
#define CLIENTS     48
#define BOARD       256  /* tokens that threads take from, live ones and stale */
#define OUT_MAX     4000 /* resumes that have not been called yet */
#define TOKENS_MAX  (1 << 21)
#define MOUNTS      6
#define CLIENT_STEP 400 /* bytes that are read at a time */

struct ask {
    struct job *job; /* fn may look at it, drop may not */
    unsigned what;
    atomic_uint told;
};

struct job {
    atomic_int inside;
    weir_start_response *start;
    uint64_t random;
    bool is_late, has_finished, is_closed, has_started;
    unsigned pieces;
    atomic_bool is_over;
    unsigned offloads, dones;
};

struct ticket {
    uint64_t token;
    struct job *job;
};

static struct {
    const weir_host *host;
    pthread_mutex_t lock; /* of what follows */
    struct ticket board[BOARD];
    weir_loop *loops[MOUNTS * LOOPS];
    unsigned loops_n;

    uint64_t *tokens;
    atomic_uint tokens_n;
    atomic_ulong requests, undone, opened, closed, asked, called, dropped, posted, ran, timers;
    atomic_ulong offloads, dones, gone, slept, clients, answers, stale, faults;
    atomic_uint fault_line;
    atomic_bool is_over; /* for clients */
    atomic_bool is_last; /* for threads */
    pthread_t threads[THREADS];
    uint64_t seed;
} it;

#define FAULT()     (atomic_store(&it.fault_line, __LINE__), atomic_fetch_add(&it.faults, 1))
#define COUNT(what) atomic_fetch_add_explicit(&it.what, 1, memory_order_relaxed)

static uint64_t draw(uint64_t *random, uint64_t n)
{
    uint64_t z = *random += 0x9e3779b97f4a7c15U; /* splitmix64 */

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (z ^ (z >> 31)) % n;
}

static bool one_in(uint64_t *random, uint64_t n)
{
    return draw(random, n) == 0;
}

/* ---- an app's request ---- */

static void enter(struct job *j)
{
    if (atomic_fetch_add(&j->inside, 1) > 0 || atomic_load(&j->is_over) || j->is_closed)
        FAULT();
}

static void leave(struct job *j)
{
    atomic_fetch_sub(&j->inside, 1);
}

static void do_anything(weir_environ *env, struct job *j, bool is_callback);

static void close_body(void *arg)
{
    struct job *j = arg;

    COUNT(closed);
    if (!j->has_finished) /* refused: it is the body of a weir_finish() that came too late */
        return;
    if (j->is_closed || atomic_load(&j->is_over))
        FAULT();
    j->is_closed = true;
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct job *j = arg;
    int32_t said = WEIR_CHUNK;

    enter(j);
    do_anything(env, j, false);
    if (one_in(&j->random, 4)) {
        weir_wake(env);
        said = WEIR_AGAIN;
    } else if (j->pieces == 0) {
        said = WEIR_END;
    } else {
        j->pieces--;
        *chunk = (weir_chunk){.data = "a piece of the body", .size = 19};
    }
    leave(j);
    return said;
}

static weir_body any_body(weir_environ *env, struct job *j)
{
    if (!j->has_started)
        j->has_started = j->start(env, 200, NULL) == 0;
    COUNT(opened);
    j->pieces = (unsigned)draw(&j->random, 5);
    if (one_in(&j->random, 2))
        return weir_owned("all of the body", 15, close_body, j);
    return weir_iterable(next, close_body, j);
}

static void finish(weir_environ *env, struct job *j)
{
    weir_body body;

    if (!j->is_late || j->has_finished)
        return;
    body = any_body(env, j);
    j->has_finished = weir_finish(env, body) == 0;
}

static void on_event(weir_environ *env, void *arg)
{
    struct job *j = arg;

    enter(j);
    COUNT(timers);
    do_anything(env, j, true);
    if (one_in(&j->random, 2))
        finish(env, j);
    leave(j);
}

static void on_gone(weir_environ *env, void *arg, int32_t why)
{
    struct job *j = arg;

    (void)env;
    (void)why;
    COUNT(gone);
    if (atomic_load(&j->is_over))
        FAULT();
}

static void work(void *arg)
{
    struct job *j = arg;

    if (atomic_load(&j->is_over))
        FAULT();
    sched_yield();
}

static void on_done(weir_environ *env, void *arg)
{
    struct job *j = arg;

    (void)env;
    COUNT(dones);
    j->dones++;
    if (atomic_load(&j->is_over) || j->is_closed)
        FAULT();
}

static void on_post(void *arg)
{
    COUNT(ran);
    free(arg);
}

static void post_any(uint64_t *random)
{
    weir_loop *loop;
    void *memory = malloc(16);

    pthread_mutex_lock(&it.lock);
    loop = it.loops_n ? it.loops[draw(random, it.loops_n)] : NULL;
    pthread_mutex_unlock(&it.lock);
    if (loop && weir_loop_post(loop, on_post, memory) == 0)
        COUNT(posted);
    else
        free(memory);
}

static void on_resume(weir_environ *env, void *arg)
{
    struct ask *a = arg;
    struct job *j = a->job;

    COUNT(called);
    if (atomic_fetch_add(&a->told, 1) > 0)
        FAULT();
    enter(j);
    if (a->what == 0)
        finish(env, j);
    else if (a->what == 1 && one_in(&j->random, 20))
        weir_fail(env, "it was to fail");
    else if (a->what == 2)
        weir_wake(env);
    else
        do_anything(env, j, true);
    leave(j);
    free(a);
}

static void on_drop(void *arg)
{
    struct ask *a = arg;

    COUNT(dropped);
    if (atomic_fetch_add(&a->told, 1) > 0)
        FAULT();
    free(a);
}

/* Whose token the board has; most are stale. */
static void resume_any(uint64_t *random)
{
    struct ask *a = calloc(1, sizeof *a);
    struct ticket t;
    int32_t err;

    pthread_mutex_lock(&it.lock);
    t = it.board[draw(random, BOARD)];
    pthread_mutex_unlock(&it.lock);
    if (!a || t.token == 0) {
        free(a);
        return;
    }
    a->job = t.job;
    a->what = (unsigned)draw(random, 4);
    COUNT(asked);
    err = weir_resume(it.host, t.token, on_resume, a, on_drop);
    if (err == WEIR_ESTALE)
        COUNT(stale);
    else if (err != 0)
        FAULT();
}

static void do_one(weir_environ *env, struct job *j, bool is_callback)
{
    char buffer[64];

    switch (draw(&j->random, 10)) {
    case 0:
        if (weir_sleep(env, (uint32_t)draw(&j->random, 4)) == 0)
            COUNT(slept);
        break;
    case 1:
        weir_timer(env, (uint32_t)draw(&j->random, 5), on_event, j);
        break;
    case 2:
        if (weir_offload(env, work, on_done, j) == 0) {
            COUNT(offloads);
            j->offloads++;
        }
        break;
    case 3:
        if (j->has_started && !j->has_finished)
            weir_write(env, "written by the app", 18);
        break;
    case 4:
        weir_read(env, buffer, sizeof buffer);
        break;
    case 5:
        if (!is_callback)
            weir_on_disconnect(env, on_gone, j);
        break;
    case 6:
        weir_on_writable(env, on_event, j);
        break;
    case 7:
        resume_any(&j->random);
        break;
    case 8:
        weir_on_input(env, on_event, j);
        break;
    default:
        post_any(&j->random);
    }
}

static void do_anything(weir_environ *env, struct job *j, bool is_callback)
{
    for (uint64_t n = draw(&j->random, 4); n > 0; n--)
        do_one(env, j, is_callback);
}

static void undo(void *arg)
{
    struct job *j = arg;

    COUNT(undone);
    if (atomic_exchange(&j->is_over, true))
        FAULT();
    if (j->offloads != j->dones)
        FAULT();
    if (atomic_load(&j->inside) != 0)
        FAULT();
    free(j);
}

static void note_token(uint64_t token, struct job *j)
{
    unsigned i;

    if (token == 0) /* it is over already: an app in a thread comes late */
        return;
    i = atomic_fetch_add(&it.tokens_n, 1);
    if (i < TOKENS_MAX)
        it.tokens[i] = token;
    pthread_mutex_lock(&it.lock);
    it.board[draw(&j->random, BOARD)] = (struct ticket){token, j};
    pthread_mutex_unlock(&it.lock);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct job *j = calloc(1, sizeof *j);
    weir_body body;

    if (!j)
        return weir_error(env, 503);
    j->random = it.seed + COUNT(requests);
    j->start = start_response;
    weir_defer(env, undo, j);
    enter(j);
    note_token(weir_token(env), j);
    if (one_in(&j->random, 2))
        j->has_started = start_response(env, 200, NULL) == 0;
    do_anything(env, j, false);
    j->is_late = one_in(&j->random, 2);
    if (j->is_late) {
        weir_timer(env, 20, on_event, j);
        body = weir_later(env);
    } else {
        j->has_finished = true;
        body = any_body(env, j);
    }
    leave(j);
    return body;
}

/* ---- mounts ---- */

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    (void)config;
    (void)state;
    it.host = host;
    return 0;
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host;
    (void)state;
    (void)loop_state;
    pthread_mutex_lock(&it.lock);
    it.loops[it.loops_n++] = loop;
    pthread_mutex_unlock(&it.lock);
    return 0;
}

/* Every request is over, and unload will be called: there is nothing to resume any more. */
static void loop_stop(void *state, void *loop_state)
{
    (void)state;
    (void)loop_state;
    if (atomic_exchange(&it.is_last, true))
        return;
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(it.threads[i], NULL);
}

#define PLUGIN(name_, runs_, serial_)                                                              \
    {                                                                                              \
        .magic = WEIR_PLUGIN_MAGIC, .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,      \
        .size = sizeof(weir_plugin), .name = name_, .load = load, .loop_start = loop_start,        \
        .loop_stop = loop_stop, .app = app, .runs = runs_, .serial = serial_                       \
    }

static const weir_plugin plugins[MOUNTS] = {
    PLUGIN("l", WEIR_ON_LOOP, 0),      PLUGIN("ls", WEIR_ON_LOOP, 1),
    PLUGIN("c", WEIR_IN_COROUTINE, 0), PLUGIN("cs", WEIR_IN_COROUTINE, 1),
    PLUGIN("t", WEIR_IN_THREAD, 0),    PLUGIN("ts", WEIR_IN_THREAD, 1)};

/* ---- threads ---- */

static unsigned long out(void)
{
    return atomic_load(&it.asked) - atomic_load(&it.called) - atomic_load(&it.dropped);
}

static void *resume_on(void *arg)
{
    uint64_t random = it.seed ^ ((uint64_t)(uintptr_t)arg << 32);

    while (!atomic_load(&it.is_last)) {
        if (out() < OUT_MAX && atomic_load(&it.posted) - atomic_load(&it.ran) < OUT_MAX) {
            resume_any(&random);
            if (one_in(&random, 8))
                post_any(&random);
        }
        if (one_in(&random, 4))
            sched_yield();
    }
    return NULL;
}

/* ---- clients ---- */

struct client {
    int fd; /* -1: none */
    unsigned rounds;
    bool is_to_end;
};

static void begin_client(struct client *c, const struct sockaddr_in *to, uint64_t *random)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    char text[300];
    int one = 1, n = 0;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return;
    from.sin_addr.s_addr = htonl(0x7f000000U | (2 + (uint32_t)draw(random, 0xfffff0)));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    for (uint64_t k = 1 + draw(random, 2); k > 0; k--)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n%.*s",
                      plugins[draw(random, MOUNTS)].name, one_in(random, 4) ? 7 : 20,
                      "content of 20 bytes.");
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0 ||
        connect(c->fd, (const struct sockaddr *)to, sizeof *to) < 0 ||
        send(c->fd, text, (size_t)n, MSG_NOSIGNAL) < 0) {
        close(c->fd);
        c->fd = -1;
        return;
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->rounds = (unsigned)draw(random, 30);
    c->is_to_end = one_in(random, 4);
    COUNT(clients);
}

static void end_client(struct client *c, uint64_t *random)
{
    struct linger hard = {1, 0};

    if (!one_in(random, 3))
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(c->fd);
    c->fd = -1;
}

static void step_client(struct client *c, short events, uint64_t *random)
{
    char bytes[CLIENT_STEP];
    ssize_t n = events ? recv(c->fd, bytes, 1 + draw(random, sizeof bytes), 0) : 1;

    if (events && n > 9)
        COUNT(answers);
    if (events && n <= 0) {
        end_client(c, random);
    } else if (c->rounds-- == 0) {
        if (c->is_to_end) {
            shutdown(c->fd, SHUT_WR);
            c->is_to_end = false;
            c->rounds = 50;
        } else {
            end_client(c, random);
        }
    }
}

static void run_clients(const struct sockaddr_in *to)
{
    struct client clients[CLIENTS];
    struct pollfd polls[CLIENTS];
    uint64_t random = it.seed;

    for (size_t i = 0; i < CLIENTS; i++)
        clients[i].fd = -1;
    while (!atomic_load(&it.is_over)) {
        for (size_t i = 0; i < CLIENTS; i++) {
            if (clients[i].fd < 0)
                begin_client(&clients[i], to, &random);
            polls[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
        }
        if (poll(polls, CLIENTS, 1) < 0)
            continue;
        for (size_t i = 0; i < CLIENTS; i++)
            if (clients[i].fd >= 0)
                step_client(&clients[i], polls[i].revents, &random);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        if (clients[i].fd >= 0)
            end_client(&clients[i], &random);
}

static void *be_clients(void *arg)
{
    run_clients(arg);
    return NULL;
}

/* ---- all of it ---- */

static weir_server *start_server(struct sockaddr_in *at)
{
    weir_server *s = weir_server_new();
    char route[8];

    assert_non_null(s);
    for (size_t i = 0; i < MOUNTS; i++) {
        snprintf(route, sizeof route, "/%s", plugins[i].name);
        assert_int_equal(weir_server_mount(s, route, &plugins[i], NULL, NULL), 0);
    }
    assert_int_equal(weir_server_set_loops(s, LOOPS), 0);
    assert_int_equal(weir_server_set_threads(s, 3, 100), 0);
    assert_int_equal(weir_server_set(s, "timeouts.request_ms", "200"), 0);
    assert_int_equal(weir_server_set(s, "limits.app_queue_bytes", "40"), 0);
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    if (weir_server_start(s) != 0)
        fail_msg("%s", weir_server_error(s));
    at->sin_family = AF_INET;
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at->sin_port = htons((in_port_t)strtoul(strrchr(weir_server_address(s, 0), ':') + 1, NULL, 10));
    return s;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void check_tokens(void)
{
    size_t n = atomic_load(&it.tokens_n);

    n = n < TOKENS_MAX ? n : TOKENS_MAX;
    qsort(it.tokens, n, sizeof *it.tokens, by_number);
    for (size_t i = 1; i < n; i++)
        assert_true(it.tokens[i - 1] < it.tokens[i]);
}

static void tell(void)
{
    fprintf(stderr,
            "%lu clients, %lu pieces of answers, %lu requests; %lu resumes: %lu called, %lu stale; "
            "%lu posts, %lu timers and events, %lu offloads, %lu sleeps, %lu heard of clients\n",
            atomic_load(&it.clients), atomic_load(&it.answers), atomic_load(&it.requests),
            atomic_load(&it.asked), atomic_load(&it.called), atomic_load(&it.stale),
            atomic_load(&it.posted), atomic_load(&it.timers), atomic_load(&it.offloads),
            atomic_load(&it.slept), atomic_load(&it.gone));
}

static void check_balances(void)
{
    if (atomic_load(&it.faults) > 0)
        fail_msg("%lu faults, the last in line %u", atomic_load(&it.faults),
                 atomic_load(&it.fault_line));
    assert_int_equal(atomic_load(&it.requests), atomic_load(&it.undone));
    assert_int_equal(atomic_load(&it.opened), atomic_load(&it.closed));
    assert_int_equal(atomic_load(&it.asked), atomic_load(&it.called) + atomic_load(&it.dropped));
    assert_int_equal(atomic_load(&it.posted), atomic_load(&it.ran));
    assert_int_equal(atomic_load(&it.offloads), atomic_load(&it.dones));
    assert_true(atomic_load(&it.called) > 0 && atomic_load(&it.stale) > 0);
}

static void pass(int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&t, NULL); /* what is to be seen is seen meanwhile */
}

static void resume__from_eight_threads_while_clients_vanish__leaves_nothing(void **state)
{
    const char *seed = getenv("WEIR_SEED"); /* NOLINT(concurrency-mt-unsafe) */
    bool is_long = getenv("WEIR_LONG");     /* NOLINT(concurrency-mt-unsafe) */
    pthread_t clients;
    struct sockaddr_in at = {0};
    weir_server *s;

    (void)state;
    memset(&it, 0, sizeof it);
    pthread_mutex_init(&it.lock, NULL);
    it.seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    fprintf(stderr, "WEIR_SEED=%llu\n", (unsigned long long)it.seed);
    it.tokens = calloc(TOKENS_MAX, sizeof *it.tokens);
    assert_non_null(it.tokens);
    s = start_server(&at);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&it.threads[i], NULL, resume_on, (void *)(uintptr_t)(i + 1)), 0);
    assert_int_equal(pthread_create(&clients, NULL, be_clients, &at), 0);
    pass(is_long ? MS_LONG : MS);
    atomic_store(&it.is_over, true);
    pthread_join(clients, NULL);
    weir_server_stop(s, 100); /* under the threads, until loop_stop */
    assert_int_equal(weir_server_wait(s), 0);
    weir_server_free(s);
    tell();
    check_balances();
    check_tokens();
    free(it.tokens);
    pthread_mutex_destroy(&it.lock);
}

WR_TESTS(cmocka_unit_test(resume__from_eight_threads_while_clients_vanish__leaves_nothing));
