/*
 * test_mount.c — apps of the host program itself, and plugin files, in servers that it embeds.
 * Through include/weir alone.
 */
#include "support.h"

#include <weir/server.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- an app with a state of the host's ---- */

struct counter {
    const char *name;
    atomic_int calls, unloads;
};

static weir_body count(weir_environ *env, weir_start_response *start_response)
{
    struct counter *c = weir_state(env);

    start_response(env, 200, NULL);
    return weir_printf(env, "%s %d %s", c->name, atomic_fetch_add(&c->calls, 1) + 1,
                       weir_get(env, "SCRIPT_NAME"));
}

static void note_unload(void *state)
{
    struct counter *c = state;

    atomic_fetch_add(&c->unloads, 1);
}

static const weir_plugin counting = {.magic = WEIR_PLUGIN_MAGIC,
                                     .abi_major = WEIR_ABI_MAJOR,
                                     .abi_minor = WEIR_ABI_MINOR,
                                     .size = sizeof(weir_plugin),
                                     .name = "count",
                                     .app = count,
                                     .unload = note_unload};

/* ---- a server and what it answers ---- */

static weir_server *new_server(void)
{
    weir_server *s = weir_server_new();

    assert_non_null(s);
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    return s;
}

/* A connection to the first address, with a request on its way. */
static int ask(weir_server *s, const char *request)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *address = weir_server_address(s, 0);

    assert_non_null(address);
    to.sin_port = htons((in_port_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return fd;
}

/* Reads to the end; NUL-terminated. */
static void read_all(int fd, char *text, size_t cap)
{
    size_t n = 0;
    ssize_t got;

    while ((got = recv(fd, text + n, cap - 1 - n, 0)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(fd);
}

static void expect(weir_server *s, const char *path, const char *status, const char *content)
{
    char text[8192];

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    read_all(ask(s, text), text, sizeof text);
    assert_int_equal(strncmp(text + strlen("HTTP/1.1 "), status, strlen(status)), 0);
    if (content)
        assert_string_equal(strstr(text, "\r\n\r\n") + 4, content);
}

static void mount__app_of_the_host__has_its_state_and_route(void **state)
{
    struct counter one = {.name = "one"}, two = {.name = "two"};
    weir_server *s = new_server();

    (void)state;
    assert_int_equal(weir_server_mount(s, "/one", &counting, NULL, &one), 0);
    assert_int_equal(weir_server_mount(s, "=/", &counting, NULL, &two), 0);
    assert_int_equal(weir_server_start(s), 0);
    expect(s, "/one/x", "200", "one 1 /one");
    expect(s, "/one", "200", "one 2 /one");
    expect(s, "/", "200", "two 1 ");
    expect(s, "/other", "404", NULL);
    assert_int_equal(weir_server_mount(s, "/late", &counting, NULL, &one), 0);
    expect(s, "/late", "404", NULL); /* not before a reload */
    assert_int_equal(atomic_load(&one.unloads), 0);
    weir_server_free(s);
    assert_int_equal(atomic_load(&one.unloads), 1);
    assert_int_equal(atomic_load(&two.unloads), 1);
}

static void mount__two_servers_of_one_file__have_an_image_each(void **state)
{
    weir_server *a = new_server(), *b = new_server();

    (void)state;
    assert_int_equal(weir_server_mount_file(a, "/h", WR_TEST_PLUGIN, NULL), 0);
    assert_int_equal(weir_server_mount_file(a, "/again", WR_TEST_PLUGIN, "{}"), 0);
    assert_int_equal(weir_server_mount_file(b, "/h", WR_TEST_PLUGIN, NULL), 0);
    assert_int_equal(weir_server_set_loops(a, 2), 0);
    assert_int_equal(weir_server_start(a), 0);
    assert_int_equal(weir_server_start(b), 0);
    expect(a, "/h", "200", "Hello, World!\n");
    expect(a, "/again", "200", "Hello, World!\n");
    weir_server_free(a);
    expect(b, "/h", "200", "Hello, World!\n");
    weir_server_free(b);
}

static const struct {
    const char *route, *file, *config;
    int32_t error;
    const char *says;
} refused[] = {
    {"/x", "/nonexistent.so", NULL, WEIR_ENOENT, "cannot load /nonexistent.so: No such file"},
    {"/x", "/dev/null", NULL, WEIR_EPLUGIN, "cannot load /dev/null: it is not a file"},
    {"/x", __FILE__, NULL, WEIR_EPLUGIN, "cannot load "},
    {"x", WR_TEST_PLUGIN, NULL, WEIR_EINVAL, "the route x: expected "},
    {"/x", WR_TEST_PLUGIN, "{\"a\": }", WEIR_ECONFIG, "config of /x:1:7: "},
};

static void mount__what_cannot_be__is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(refused); i++) {
        weir_server *s = new_server();
        int32_t error =
            weir_server_mount_file(s, refused[i].route, refused[i].file, refused[i].config);

        if (error == 0) /* else the route itself was refused, and at once */
            error = weir_server_start(s);
        if (error != refused[i].error || !strstr(weir_server_error(s), refused[i].says))
            fail_msg("%s: %s", refused[i].says, weir_server_error(s));
        weir_server_free(s);
    }
}

static void mount__same_route_twice__is_refused(void **state)
{
    struct counter one = {.name = "one"};
    weir_server *s = new_server();

    (void)state;
    assert_int_equal(weir_server_mount(s, "/a", &counting, NULL, &one), 0);
    assert_int_equal(weir_server_mount(s, "/a/", &counting, NULL, &one), 0);
    assert_int_equal(weir_server_start(s), WEIR_EINVAL);
    assert_string_equal(weir_server_error(s), "the route /a/ is given twice");
    assert_int_equal(atomic_load(&one.unloads), 2); /* as often as it was loaded */
    weir_server_free(s);
}

/* No plugin is loaded before every address is bound. */
static void mount__start_that_fails__can_be_repeated(void **state)
{
    struct counter one = {.name = "one"};
    weir_server *s = new_server(), *other = new_server();
    char taken[64]; /* not a port, which another process may take as soon as it is free */

    (void)state;
    snprintf(taken, sizeof taken, "unix:/tmp/weir-mount-%d.sock", (int)getpid());
    assert_int_equal(weir_server_listen(other, taken), 0);
    assert_int_equal(weir_server_mount(other, "/", &counting, NULL, &one), 0);
    assert_int_equal(weir_server_start(other), 0);
    assert_int_equal(weir_server_mount(s, "/a", &counting, NULL, &one), 0);
    assert_int_equal(weir_server_listen(s, taken), 0);
    assert_int_equal(weir_server_start(s), WEIR_EADDRINUSE);
    assert_int_equal(atomic_load(&one.unloads), 0);
    weir_server_free(other);
    assert_int_equal(weir_server_start(s), 0);
    expect(s, "/a", "200", "one 1 /a");
    weir_server_free(s);
    assert_int_equal(atomic_load(&one.unloads), 2);
}

/* ---- apps that decline, one after the other ---- */

/* What was deferred, in the order it ran: one character each, and what the environ says then. */
struct trace {
    pthread_mutex_t lock;
    char text[256];
    sem_t ended;
};

struct left {
    weir_environ *env;
    struct trace *trace;
    char name;
    bool is_last;
};

static void note_end(void *arg)
{
    struct left *l = arg;
    size_t n = 0;
    const char *content = weir_content(l->env, &n), *script = weir_get(l->env, "SCRIPT_NAME");
    struct trace *t = l->trace;
    bool is_last = l->is_last;

    pthread_mutex_lock(&t->lock);
    snprintf(t->text + strlen(t->text), sizeof t->text - strlen(t->text), "%c %s %.*s;", l->name,
             script, (int)n, content ? (const char *)content : "");
    pthread_mutex_unlock(&t->lock);
    if (is_last)
        sem_post(&t->ended);
}

static void leave(weir_environ *env, char name, bool is_last)
{
    struct left *l = weir_alloc(env, sizeof *l);

    assert_non_null(l);
    *l = (struct left){env, weir_state(env), name, is_last};
    weir_defer(env, note_end, l);
}

static weir_body decline_first(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"X-Of", "the first"}));
    leave(env, 'a', true);
    assert_string_equal(weir_get(env, "SCRIPT_NAME"), "/c/d"); /* a copy that is not the next's */
    assert_int_equal(weir_set(env, "REMOTE_USER", "ada"), 0);
    assert_int_equal(weir_set(env, "HTTP_HOST", NULL), 0);
    return weir_decline();
}

static weir_body decline_second(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    leave(env, 'b', false);
    return weir_decline();
}

static weir_body answer_third(weir_environ *env, weir_start_response *start_response)
{
    size_t n;
    const char *content = weir_content(env, &n), *user = weir_get(env, "REMOTE_USER");

    start_response(env, 200, NULL);
    leave(env, 'c', false);
    return weir_printf(env, "%.*s %s %s", (int)n, content, user ? user : "nobody",
                       weir_get(env, "HTTP_HOST") ? "has a host" : "no host");
}

#define PLUGIN(name_, app_, runs_)                                                                 \
    {                                                                                              \
        .magic = WEIR_PLUGIN_MAGIC, .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,      \
        .size = sizeof(weir_plugin), .name = name_, .app = app_, .runs = runs_,                    \
        .body_buffer_max = 100                                                                     \
    }

static void mount__apps_that_decline__end_in_order_with_what_was_theirs(void **state)
{
    static const weir_plugin first = PLUGIN("first", decline_first, WEIR_IN_THREAD),
                             second = PLUGIN("second", decline_second, WEIR_ON_LOOP),
                             third = PLUGIN("third", answer_third, WEIR_IN_THREAD);
    struct trace trace = {.lock = PTHREAD_MUTEX_INITIALIZER};
    weir_server *s = new_server();
    char text[8192];

    (void)state;
    sem_init(&trace.ended, 0, 0);
    assert_int_equal(weir_server_mount(s, "=/c/d", &first, NULL, &trace), 0);
    assert_int_equal(weir_server_mount(s, "/c", &second, NULL, &trace), 0);
    assert_int_equal(weir_server_mount(s, "/", &third, NULL, &trace), 0);
    assert_int_equal(weir_server_start(s), 0);
    read_all(ask(s, "POST /c/d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    "Content-Length: 5\r\n\r\n12345"),
             text, sizeof text);
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n12345 ada no host");
    assert_null(strstr(text, "the first"));
    while (sem_wait(&trace.ended) < 0)
        ;
    assert_string_equal(trace.text, "c  12345;b /c 12345;a /c/d 12345;");
    weir_server_free(s);
    sem_destroy(&trace.ended);
}

/* ---- a serial app, whose home is one loop of two ---- */

#define PIECES  200
#define CLIENTS 8

static int32_t next_piece(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *n = arg;

    (void)env;
    if (*n == PIECES)
        return WEIR_END;
    ++*n;
    chunk->data = "x";
    chunk->size = 1;
    return WEIR_CHUNK;
}

static weir_body stream(weir_environ *env, weir_start_response *start_response)
{
    int *n = weir_alloc(env, sizeof *n);

    *n = 0;
    start_response(env, 200, NULL);
    return weir_iterable(next_piece, NULL, n);
}

/* The home loop may have no connection of its own when it is told to stop. */
static void mount__serial_app__is_finished_by_a_stop(void **state)
{
    static const weir_plugin serial = {.magic = WEIR_PLUGIN_MAGIC,
                                       .abi_major = WEIR_ABI_MAJOR,
                                       .abi_minor = WEIR_ABI_MINOR,
                                       .size = sizeof(weir_plugin),
                                       .name = "serial",
                                       .app = stream,
                                       .runs = WEIR_ON_LOOP,
                                       .serial = 1};
    weir_server *s = new_server();
    int fds[CLIENTS];
    char text[8192];

    (void)state;
    assert_int_equal(weir_server_set_loops(s, 2), 0);
    assert_int_equal(weir_server_mount(s, "/", &serial, NULL, NULL), 0);
    assert_int_equal(weir_server_start(s), 0);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = ask(s, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    weir_server_stop(s, 20000);
    for (int i = 0; i < CLIENTS; i++) {
        const char *end;

        read_all(fds[i], text, sizeof text);
        end = strstr(text, "\r\n0\r\n\r\n");
        assert_non_null(end);
    }
    assert_int_equal(weir_server_wait(s), 0);
    weir_server_free(s);
}

/* ---- coroutines ---- */

/* Waits for its content, having said so. */
static weir_body wait_for_content(weir_environ *env, weir_start_response *start_response)
{
    char byte;

    start_response(env, 200, NULL);
    weir_write(env, "in", 2);
    return weir_read(env, &byte, 1) == 1 ? weir_text("read") : weir_empty();
}

static void mount__more_coroutines_than_were_set__are_a_503(void **state)
{
    static const weir_plugin waits = {.magic = WEIR_PLUGIN_MAGIC,
                                      .abi_major = WEIR_ABI_MAJOR,
                                      .abi_minor = WEIR_ABI_MINOR,
                                      .size = sizeof(weir_plugin),
                                      .name = "waits",
                                      .app = wait_for_content,
                                      .runs = WEIR_IN_COROUTINE,
                                      .stack_bytes = 65536};
    static const char request[] =
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n";
    weir_server *s = new_server();
    char text[8192] = "";
    int fd;

    (void)state;
    assert_int_equal(weir_server_set_coroutines(s, 1), 0);
    assert_int_equal(weir_server_mount(s, "/", &waits, NULL, NULL), 0);
    assert_int_equal(weir_server_start(s), 0);
    fd = ask(s, request);
    for (size_t n = 0; !strstr(text, "in\r\n");) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);

        assert_true(got > 0);
        n += (size_t)got;
        text[n] = '\0';
    }
    read_all(ask(s, request), text, sizeof text);
    assert_non_null(strstr(text, " 503 "));
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    read_all(fd, text, sizeof text);
    assert_non_null(strstr(text, "read\r\n"));
    assert_int_equal(weir_server_set_coroutines(s, 0), 0); /* 16384, from the next start on */
    weir_server_free(s);
}

/* ---- the options of a folder ---- */

static const struct {
    const char *json, *error;
} bad_folder_options[] = {
    {"", "folder options:1:1: expected an object, found no text"},
    {"[]", "folder options:1:1: expected an object, found an array"},
    {"{\"listing\": 1}", "folder options:1:13: /listing: expected true or false, found 1"},
    {"{\"listings\": true}",
     "folder options:1:2: /listings: this key is not known; did you mean \"listing\"?"},
    {"{\"static\": \"x\",\n\"path\": \"/\", \"exact\": false, \"host\": null, \"threads\": 1}",
     "folder options:1:2: /static: expected a key that says how a folder is served, found one of "
     "routes\n"
     "folder options:2:1: /path: expected a key that says how a folder is served, found one of "
     "routes\n"
     "folder options:2:14: /exact: expected a key that says how a folder is served, found one of "
     "routes\n"
     "folder options:2:30: /host: expected a key that says how a folder is served, found one of "
     "routes\n"
     "folder options:2:44: /threads: expected a key that says how a folder is served, found one of "
     "routes"},
    {"{\"rules\": [{\"fields\": {\"Connection\": \"x\"}}]}",
     "folder options:1:24: /rules/0/fields/Connection: expected a field that is not the "
     "connection's, found \"Connection\""},
    {"{\"rules\": [{\"match\": [\"*.a\",\n\"/a//b\"], \"deny\": true}]}",
     "folder options:2:1: /rules/0/match/1: expected a pattern without \"//\", found \"/a//b\""},
};

static void mount__folder_options_that_are_wrong__leave_those_before(void **state)
{
    weir_server *s = new_server();

    (void)state;
    assert_int_equal(weir_server_set_folder_options(s, "{} // none"), 0);
    for (size_t i = 0; i < WR_COUNT(bad_folder_options); i++) {
        assert_int_equal(weir_server_set_folder_options(s, bad_folder_options[i].json),
                         WEIR_ECONFIG);
        assert_string_equal(weir_server_error(s), bad_folder_options[i].error);
    }
    assert_int_equal(weir_server_set_folder_options(s, NULL), 0);
    assert_int_equal(weir_server_set_folder_options(s, "{\"listing\": true}"), 0);
    assert_string_equal(weir_server_error(s), "");
    weir_server_free(s);
}

WR_TESTS(cmocka_unit_test(mount__folder_options_that_are_wrong__leave_those_before),
         cmocka_unit_test(mount__app_of_the_host__has_its_state_and_route),
         cmocka_unit_test(mount__apps_that_decline__end_in_order_with_what_was_theirs),
         cmocka_unit_test(mount__serial_app__is_finished_by_a_stop),
         cmocka_unit_test(mount__more_coroutines_than_were_set__are_a_503),
         cmocka_unit_test(mount__two_servers_of_one_file__have_an_image_each),
         cmocka_unit_test(mount__what_cannot_be__is_said),
         cmocka_unit_test(mount__same_route_twice__is_refused),
         cmocka_unit_test(mount__start_that_fails__can_be_repeated));
