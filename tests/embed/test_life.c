/*
 * test_life.c — the life of an embedded server: a thousand of them one after the other, started
 * again, run in a thread of the host, stopped from another one. SIGPIPE has its default throughout.
 */
#include "client.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temp_folder.h"

#define LIVES      1000
#define AGAIN      50
#define LARGE      (8 * 1024 * 1024) /* does not fit into the sockets' buffers */
#define FOREVER_MS 600000

static struct temp_folder folder;

static int make_folder(void **state)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};

    (void)state;
    temp_folder_init(&folder);
    temp_file_write(&folder, "small.txt", wr_slice_of("small"));
    temp_file_fill(&folder, "large.bin", LARGE);
    return sigaction(SIGPIPE, &usual, NULL);
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_fini(&folder);
    return 0;
}

/* ---- an app that counts its life ---- */

struct lives {
    atomic_int loads, calls, unloads;
};

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    struct lives *l = *state;

    (void)host, (void)config;
    atomic_fetch_add(&l->loads, 1);
    return 0;
}

static void unload(void *state)
{
    struct lives *l = state;

    atomic_fetch_add(&l->unloads, 1);
}

static weir_body answer(weir_environ *env, weir_start_response *start_response)
{
    struct lives *l = weir_state(env);

    atomic_fetch_add(&l->calls, 1);
    start_response(env, 200, NULL);
    return weir_text("alive");
}

#define PLUGIN(load_, runs_)                                                                       \
    {                                                                                              \
        .magic = WEIR_PLUGIN_MAGIC, .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,      \
        .size = sizeof(weir_plugin), .name = "life", .load = load_, .app = answer,                 \
        .unload = unload, .runs = runs_                                                            \
    }

static const weir_plugin in_thread = PLUGIN(load, WEIR_IN_THREAD),
                         on_loop = PLUGIN(load, WEIR_ON_LOOP);

static weir_server *new_server(const weir_plugin *plugin, struct lives *lives)
{
    weir_server *s = weir_server_new();

    assert_non_null(s);
    assert_int_equal(weir_server_set_folder(s, folder.path), 0);
    assert_int_equal(weir_server_mount(s, "/app", plugin, NULL, lives), 0);
    assert_int_equal(weir_server_set_threads(s, 1, 0), 0);
    assert_int_equal(weir_server_set_loops(s, 1), 0);
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    return s;
}

/* ---- a thousand ---- */

static void life__a_thousand_in_threads__leave_nothing(void **state)
{
    const int before = open_descriptors();
    struct lives lives = {0};

    (void)state;
    for (int i = 0; i < LIVES; i++) {
        weir_server *s = new_server(i % 2 ? &in_thread : &on_loop, &lives);

        assert_int_equal(weir_server_start(s), 0);
        if (i % 4 < 2)
            client_expect(s, "/app", 200, "alive");
        else
            client_expect(s, "/small.txt", 200, "small");
        if (i % 3 == 0) { /* else free stops it */
            weir_server_stop(s, 0);
            assert_int_equal(weir_server_wait(s), 0);
        }
        weir_server_free(s);
    }
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(atomic_load(&lives.loads), LIVES);
    assert_int_equal(atomic_load(&lives.calls), LIVES / 2);
    assert_int_equal(atomic_load(&lives.unloads), LIVES);
}

static void life__a_thousand_stepped__leave_nothing(void **state)
{
    const int before = open_descriptors();
    char text[CLIENT_ANSWER_MAX];
    struct lives lives = {0};

    (void)state;
    for (int i = 0; i < LIVES; i++) {
        weir_server *s = new_server(&on_loop, &lives);
        int fd;

        assert_int_equal(weir_server_start_stepping(s), 0);
        fd = client_connect(weir_server_address(s, 0));
        client_ask(fd, i % 2 ? "/app" : "/small.txt");
        client_read_stepping(s, fd, text, sizeof text);
        client_check(text, 200, i % 2 ? "alive" : "small");
        if (i % 3 == 0) {
            weir_server_stop(s, 0);
            client_step_to_stop(s);
        }
        weir_server_free(s);
    }
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(atomic_load(&lives.unloads), LIVES);
}

/* A server that is never started, or cannot be, takes nothing either. */
static void life__never_started__leaves_nothing(void **state)
{
    const int before = open_descriptors();
    struct lives lives = {0};
    weir_server *s;

    (void)state;
    weir_server_free(new_server(&on_loop, &lives));
    s = new_server(&on_loop, &lives);
    assert_int_equal(weir_server_mount_file(s, "/none", "/nonexistent.so", NULL), 0);
    assert_int_equal(weir_server_start(s), WEIR_ENOENT);
    assert_int_equal(weir_server_start(s), WEIR_ENOENT);
    weir_server_free(s);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(atomic_load(&lives.unloads), atomic_load(&lives.loads));
}

/* ---- again ---- */

static void step_one_life(weir_server *s)
{
    char text[CLIENT_ANSWER_MAX];
    int fd;

    assert_int_equal(weir_server_start_stepping(s), 0);
    fd = client_connect(weir_server_address(s, 0));
    client_ask(fd, "/app");
    client_read_stepping(s, fd, text, sizeof text);
    client_check(text, 200, "alive");
    weir_server_stop(s, 0);
    client_step_to_stop(s);
    assert_int_equal(weir_server_wait(s), 0);
}

static void life__stopped__starts_again(void **state)
{
    struct lives lives = {0};
    weir_server *s = new_server(&in_thread, &lives);
    const int before = open_descriptors();

    (void)state;
    for (int i = 0; i < AGAIN; i++) {
        if (i % 5 == 4) {
            step_one_life(s);
        } else {
            assert_int_equal(weir_server_start(s), 0);
            client_expect(s, "/app", 200, "alive");
            weir_server_stop(s, 1000);
            assert_int_equal(weir_server_wait(s), 0);
        }
        assert_int_equal(atomic_load(&lives.unloads), i + 1); /* let go of by wait */
        assert_int_equal(open_descriptors(), before);
    }
    assert_int_equal(atomic_load(&lives.calls), AGAIN);
    weir_server_free(s);
}

/* What was said in between holds from the next start on. */
static void life__stopped__takes_more_before_it_starts_again(void **state)
{
    struct lives lives = {0};
    weir_server *s = new_server(&on_loop, &lives);

    (void)state;
    assert_int_equal(weir_server_start(s), 0);
    client_expect(s, "/more", 404, NULL);
    weir_server_stop(s, 0);
    assert_int_equal(weir_server_wait(s), 0);
    assert_int_equal(weir_server_mount(s, "/more", &on_loop, NULL, &lives), 0);
    assert_int_equal(weir_server_start(s), 0);
    client_expect(s, "/more", 200, "alive");
    weir_server_free(s);
}

/* ---- threads of the host ---- */

struct runner {
    weir_server *s;
    int32_t result;
};

static void *run(void *arg)
{
    struct runner *r = arg;

    r->result = weir_server_run(r->s);
    return NULL;
}

static void life__run_in_a_thread_of_the_host__serves_until_stop(void **state)
{
    struct lives lives = {0};
    struct runner r = {.s = new_server(&in_thread, &lives)};
    char address[64];
    pthread_t thread;

    (void)state;
    assert_int_equal(weir_server_set_loops(r.s, 2), 0);
    for (int i = 0; i < 3; i++) {
        /* Bound before, so that the address is known without asking while it runs. */
        assert_int_equal(weir_server_bind(r.s), 0);
        snprintf(address, sizeof address, "%s", weir_server_address(r.s, 0));
        r.result = 1;
        assert_int_equal(pthread_create(&thread, NULL, run, &r), 0);
        client_expect_from(address, "/app", 200, "alive");
        client_expect_from(address, "/small.txt", 200, "small");
        weir_server_stop(r.s, FOREVER_MS);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(r.result, 0);
    }
    weir_server_free(r.s);
    assert_int_equal(atomic_load(&lives.unloads), 3);
}

static void life__run_that_cannot_start__says_so(void **state)
{
    weir_server *s = weir_server_new();

    (void)state;
    assert_int_equal(weir_server_set_folder(s, "/nonexistent/folder"), 0);
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    assert_int_equal(weir_server_run(s), WEIR_ENOENT);
    assert_non_null(strstr(weir_server_error(s), "/nonexistent/folder"));
    weir_server_free(s);
}

/* ---- stop while it starts: from within load, which run has called ---- */

struct gate {
    sem_t is_loading, may_go_on;
};

static int32_t load_slowly(const weir_host *host, const weir_config *config, void **state)
{
    struct gate *g = *state;

    (void)host, (void)config;
    sem_post(&g->is_loading);
    while (sem_wait(&g->may_go_on) < 0)
        ;
    return 0;
}

static weir_body unused_app(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    return weir_error(env, 500);
}

static const weir_plugin slow = {.magic = WEIR_PLUGIN_MAGIC,
                                 .abi_major = WEIR_ABI_MAJOR,
                                 .abi_minor = WEIR_ABI_MINOR,
                                 .size = sizeof(weir_plugin),
                                 .name = "slow",
                                 .load = load_slowly,
                                 .app = unused_app};

static void life__stop_while_run_starts__is_not_lost(void **state)
{
    struct runner r = {.s = weir_server_new(), .result = 1};
    struct gate gate;
    pthread_t thread;

    (void)state;
    sem_init(&gate.is_loading, 0, 0);
    sem_init(&gate.may_go_on, 0, 0);
    assert_int_equal(weir_server_mount(r.s, "/", &slow, NULL, &gate), 0);
    assert_int_equal(weir_server_listen(r.s, "127.0.0.1:0"), 0);
    assert_int_equal(pthread_create(&thread, NULL, run, &r), 0);
    while (sem_wait(&gate.is_loading) < 0)
        ;
    weir_server_stop(r.s, 0);
    sem_post(&gate.may_go_on);
    assert_int_equal(pthread_join(thread, NULL), 0); /* the watchdog says if it is lost */
    assert_int_equal(r.result, 0);
    weir_server_free(r.s);
    sem_destroy(&gate.is_loading);
    sem_destroy(&gate.may_go_on);
}

/* ---- stop while it serves ---- */

static void *stop_at_once(void *arg)
{
    weir_server_stop(arg, 0);
    return NULL;
}

static void life__stop_from_another_thread__ends_wait(void **state)
{
    struct lives lives = {0};
    weir_server *s = new_server(&in_thread, &lives);
    pthread_t threads[4];
    char byte;
    int fd;

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(weir_server_start(s), 0);
        fd = client_connect(weir_server_address(s, 0));
        client_ask(fd, "/large.bin"); /* in flight, and nobody reads it to its end */
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
        for (size_t k = 0; k < WR_COUNT(threads); k++)
            assert_int_equal(pthread_create(&threads[k], NULL, stop_at_once, s), 0);
        assert_int_equal(weir_server_wait(s), 0);
        for (size_t k = 0; k < WR_COUNT(threads); k++)
            pthread_join(threads[k], NULL);
        close(fd);
    }
    weir_server_free(s);
}

/* A second stop shortens the first one's time; a later one does not prolong it. */
/* Handshake or request may be on their way inside of the kernel when the stop comes. */
static void life__stop_right_behind_a_request__answers_it(void **state)
{
    struct lives lives = {0};

    (void)state;
    for (int i = 0; i < 200; i++) {
        weir_server *s = new_server(&on_loop, &lives);
        char answer[CLIENT_ANSWER_MAX];
        int fds[8];

        assert_int_equal(weir_server_start(s), 0);
        for (size_t k = 0; k < WR_COUNT(fds); k++) {
            fds[k] = client_connect(weir_server_address(s, 0));
            client_ask(fds[k], "/small.txt");
        }
        weir_server_stop(s, FOREVER_MS);
        for (size_t k = 0; k < WR_COUNT(fds); k++) {
            client_read(fds[k], answer, sizeof answer);
            client_check(answer, 200, "small");
        }
        assert_int_equal(weir_server_wait(s), 0);
        weir_server_free(s);
    }
}

static void life__stop_again__counts_when_it_is_earlier(void **state)
{
    struct lives lives = {0};
    weir_server *s = new_server(&on_loop, &lives);
    char byte;
    int fd;

    (void)state;
    assert_int_equal(weir_server_start(s), 0);
    fd = client_connect(weir_server_address(s, 0));
    client_ask(fd, "/large.bin");
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    weir_server_stop(s, FOREVER_MS);
    weir_server_stop(s, 0);
    weir_server_stop(s, FOREVER_MS);
    assert_int_equal(weir_server_wait(s), 0);
    close(fd);
    weir_server_free(s);
}

/* ---- what the host hears ---- */

struct heard {
    pthread_mutex_t lock;
    int messages, accesses, bad;
    char last[1024];
};

static void note_line(struct heard *h, int *count, const char *line, size_t n)
{
    pthread_mutex_lock(&h->lock);
    ++*count;
    h->bad += line[n] != '\0' || memchr(line, '\n', n) != NULL || strlen(line) != n;
    snprintf(h->last, sizeof h->last, "%s", line);
    pthread_mutex_unlock(&h->lock);
}

static void on_message(void *arg, int32_t level, const char *line, size_t n)
{
    struct heard *h = arg;

    if (level < WEIR_LOG_ERROR || level > WEIR_LOG_DEBUG)
        h->bad++;
    note_line(h, &h->messages, line, n);
}

static void on_access(void *arg, const char *line, size_t n)
{
    struct heard *h = arg;

    note_line(h, &h->accesses, line, n);
}

static weir_body complain(weir_environ *env, weir_start_response *start_response)
{
    weir_log(env, WEIR_LOG_WARN, "the app has something to say");
    weir_log(env, WEIR_LOG_DEBUG, "and something that nobody wants to hear");
    start_response(env, 200, NULL);
    return weir_empty();
}

static const weir_plugin complaining = {.magic = WEIR_PLUGIN_MAGIC,
                                        .abi_major = WEIR_ABI_MAJOR,
                                        .abi_minor = WEIR_ABI_MINOR,
                                        .size = sizeof(weir_plugin),
                                        .name = "complain",
                                        .app = complain};

static void life__sinks_of_the_host__get_each_line(void **state)
{
    struct heard messages = {.lock = PTHREAD_MUTEX_INITIALIZER},
                 accesses = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct lives lives = {0};
    weir_server *s = new_server(&on_loop, &lives);

    (void)state;
    assert_int_equal(weir_server_set_loops(s, 1), 0);
    assert_int_equal(weir_server_set_log(s, WEIR_LOG_WARN, on_message, &messages), 0);
    assert_int_equal(weir_server_set_access_log(s, on_access, &accesses), 0);
    assert_int_equal(weir_server_mount(s, "/complain", &complaining, NULL, NULL), 0);
    assert_int_equal(weir_server_start(s), 0);
    for (int i = 0; i < 5; i++) /* a long line, and a short one in its place */
        client_expect(s, i % 2 ? "/complain" : "/complain/and/at/some/length", 200, "");
    client_expect(s, "/complain", 200, "");
    weir_server_free(s); /* behind it no sink is called */
    assert_int_equal(accesses.accesses, 6);
    assert_non_null(strstr(accesses.last, "\"GET /complain HTTP/1.1\" 200 "));
    assert_int_equal(messages.messages, 6);
    assert_non_null(strstr(messages.last, "the app has something to say"));
    assert_int_equal(messages.bad + accesses.bad, 0);
}

/* ---- a child of the host ---- */

/* Holds what this process has open, and does nothing, until it is killed. */
static pid_t fork_holder(void)
{
    pid_t child = fork();

    if (child == 0)
        for (;;)
            pause();
    assert_true(child > 0);
    return child;
}

static void life__child_that_holds_the_listeners__leaves_the_address(void **state)
{
    weir_server *s = weir_server_new(), *next = weir_server_new();
    char own[CLIENT_OWN_MAX], address[64];
    pid_t child;

    (void)state;
    assert_int_equal(weir_server_set_folder(s, folder.path), 0);
    assert_int_equal(weir_server_listen(s, client_own_address(own)), 0);
    assert_int_equal(weir_server_start(s), 0);
    snprintf(address, sizeof address, "%s", weir_server_address(s, 0));
    child = fork_holder();
    weir_server_stop(s, FOREVER_MS);
    assert_int_equal(weir_server_wait(s), 0);
    assert_true(client_is_refused(address));
    assert_int_equal(weir_server_set_folder(next, folder.path), 0);
    assert_int_equal(weir_server_listen(next, address), 0);
    assert_int_equal(weir_server_start(next), 0);
    client_expect(next, "/small.txt", 200, "small");
    weir_server_free(next);
    weir_server_free(s);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static int run_group(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life__a_thousand_in_threads__leave_nothing),
        cmocka_unit_test(life__a_thousand_stepped__leave_nothing),
        cmocka_unit_test(life__never_started__leaves_nothing),
        cmocka_unit_test(life__stopped__starts_again),
        cmocka_unit_test(life__stopped__takes_more_before_it_starts_again),
        cmocka_unit_test(life__run_in_a_thread_of_the_host__serves_until_stop),
        cmocka_unit_test(life__run_that_cannot_start__says_so),
        cmocka_unit_test(life__stop_while_run_starts__is_not_lost),
        cmocka_unit_test(life__stop_from_another_thread__ends_wait),
        cmocka_unit_test(life__stop_right_behind_a_request__answers_it),
        cmocka_unit_test(life__stop_again__counts_when_it_is_earlier),
        cmocka_unit_test(life__sinks_of_the_host__get_each_line),
        cmocka_unit_test(life__child_that_holds_the_listeners__leaves_the_address),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

const struct wr_test_group wr_tests = {run_group};
