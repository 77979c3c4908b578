/*
 * test_reload.c — a host that changes its mind while it serves: by calls, by JSON, one key at a
 * time; what fails changes nothing, and what is in flight ends with what it began with.
 */
#include "client.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "temp_folder.h"

static struct temp_folder folder, other_folder;

static int make_folders(void **state)
{
    (void)state;
    temp_folder_init(&folder);
    temp_folder_init(&other_folder);
    temp_file_write(&folder, "page.txt", wr_slice_of("old"));
    temp_file_write(&other_folder, "page.txt", wr_slice_of("new"));
    return 0;
}

static int remove_folders(void **state)
{
    (void)state;
    temp_folder_fini(&folder);
    temp_folder_fini(&other_folder);
    return 0;
}

/* ---- an app that knows how often it was loaded ---- */

struct life {
    atomic_int loads, unloads;
    atomic_bool is_refusing;  /* load fails */
    sem_t has_begun, may_end; /* of a stream */
};

struct mounted {
    struct life *life;
    int generation; /* 1: of the first load */
};

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    struct life *life = *state;
    struct mounted *m;

    (void)host;
    if (atomic_load(&life->is_refusing))
        return weir_config_fail(config, "not today");
    m = malloc(sizeof *m);
    if (!m)
        return WEIR_ENOMEM;
    *m = (struct mounted){life, atomic_fetch_add(&life->loads, 1) + 1};
    *state = m;
    return 0;
}

static void unload(void *state)
{
    struct mounted *m = state;

    atomic_fetch_add(&m->life->unloads, 1);
    free(m);
}

static weir_body tell(weir_environ *env, weir_start_response *start_response)
{
    const struct mounted *m = weir_state(env);

    start_response(env, 200, NULL);
    return weir_printf(env, "%d", m->generation);
}

struct stream {
    struct mounted *m;
    int pieces;
    char text[16];
};

/* The first piece at once, the second when the test says so. */
static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct stream *t = arg;

    (void)env;
    if (t->pieces == 2)
        return WEIR_END;
    if (t->pieces++ == 1) {
        sem_post(&t->m->life->has_begun);
        while (sem_wait(&t->m->life->may_end) < 0)
            ;
    }
    chunk->data = t->text;
    chunk->size = (uint64_t)snprintf(t->text, sizeof t->text, "%d;", t->m->generation);
    return WEIR_CHUNK;
}

static weir_body stream(weir_environ *env, weir_start_response *start_response)
{
    struct stream *t = weir_alloc(env, sizeof *t);

    if (!t)
        return weir_error(env, 503);
    *t = (struct stream){.m = weir_state(env)};
    start_response(env, 200, WEIR_HEADERS({"Content-Length", "4"}));
    return weir_iterable(next, NULL, t);
}

#define PLUGIN(app_)                                                                               \
    {                                                                                              \
        .magic = WEIR_PLUGIN_MAGIC, .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,      \
        .size = sizeof(weir_plugin), .name = "reload", .load = load, .app = app_, .unload = unload \
    }

static const weir_plugin telling = PLUGIN(tell), streaming = PLUGIN(stream);

static weir_server *new_server(void)
{
    weir_server *s = weir_server_new();

    assert_non_null(s);
    assert_int_equal(weir_server_set_loops(s, 2), 0);
    assert_int_equal(weir_server_set_threads(s, 2, 0), 0);
    return s;
}

static void expect_ok(weir_server *s, int32_t err)
{
    if (err < 0)
        fail_msg("%s: %s", weir_strerror(err), weir_server_error(s));
}

/* ---- by calls ---- */

static void reload__mount_and_folder__hold_from_then_on(void **state)
{
    struct life life = {0};
    weir_server *s = new_server();

    (void)state;
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_mount_folder(s, "/files", folder.path));
    expect_ok(s, weir_server_start(s));
    client_expect(s, "/files/page.txt", 200, "old");
    client_expect(s, "/app", 404, NULL);

    expect_ok(s, weir_server_mount(s, "/app", &telling, NULL, &life));
    expect_ok(s, weir_server_set_folder(s, other_folder.path));
    client_expect(s, "/app", 404, NULL); /* noted */
    client_expect(s, "/page.txt", 404, NULL);
    expect_ok(s, weir_server_reload(s));
    client_expect(s, "/app", 200, "1");
    client_expect(s, "/page.txt", 200, "new");
    client_expect(s, "/files/page.txt", 200, "old");
    expect_ok(s, weir_server_reload(s));
    client_expect(s, "/app", 200, "2"); /* loaded anew */
    weir_server_free(s);
    assert_int_equal(atomic_load(&life.unloads), 2);
}

static void reload__what_is_taken_back__goes(void **state)
{
    struct life life = {0};
    weir_server *s = new_server();
    char own[CLIENT_OWN_MAX], first[64];

    (void)state;
    expect_ok(s, weir_server_listen(s, client_own_address(own)));
    expect_ok(s, weir_server_mount(s, "/app", &telling, NULL, &life));
    expect_ok(s, weir_server_mount_folder(s, "/files", folder.path));
    expect_ok(s, weir_server_start(s));
    snprintf(first, sizeof first, "%s", weir_server_address(s, 0));
    assert_int_equal(weir_server_unmount(s, "/other"), WEIR_ENOENT);
    assert_int_equal(weir_server_unlisten(s, "127.0.0.1:1"), WEIR_ENOENT);
    assert_int_equal(weir_server_unlisten(s, "nowhere"), WEIR_EINVAL);
    assert_int_equal(weir_server_mount_folder(s, "bad", folder.path), WEIR_EINVAL);
    assert_string_equal(weir_server_error(s),
                        "the route bad: expected a path that begins with '/'");

    expect_ok(s, weir_server_unmount(s, "/app"));
    expect_ok(s, weir_server_unlisten(s, own));
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    client_expect(s, "/app", 200, "1"); /* noted */
    expect_ok(s, weir_server_reload(s));
    client_expect(s, "/app", 404, NULL);
    client_expect(s, "/files/page.txt", 200, "old");
    assert_true(client_is_refused(first));
    assert_null(weir_server_address(s, 1));
    weir_server_free(s);
    assert_int_equal(atomic_load(&life.unloads), 1);
}

static void reload__address_added__is_bound_and_the_old_one_kept(void **state)
{
    weir_server *s = new_server();
    char first[64];
    int idle;

    (void)state;
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_set_folder(s, folder.path));
    expect_ok(s, weir_server_start(s));
    snprintf(first, sizeof first, "%s", weir_server_address(s, 0));
    idle = client_connect(first);
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_reload(s));
    assert_string_equal(weir_server_address(s, 0), first);
    assert_non_null(weir_server_address(s, 1));
    assert_string_not_equal(weir_server_address(s, 1), first);
    assert_null(weir_server_address(s, 2));
    client_expect_at(s, 0, "/page.txt", 200, "old");
    client_expect_at(s, 1, "/page.txt", 200, "old");
    close(idle);
    weir_server_free(s);
}

/* A request in flight ends with what it began with, and new ones have the new. */
/* "Port 0 keeps its number", however many there are. */
static void reload__port_0_twice__keeps_both_numbers(void **state)
{
    weir_server *s = new_server();
    char before[2][64];

    (void)state;
    assert_int_equal(weir_server_set_folder(s, folder.path), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    assert_int_equal(weir_server_start(s), 0);
    for (unsigned i = 0; i < 2; i++)
        snprintf(before[i], sizeof before[i], "%s", weir_server_address(s, i));
    expect_ok(s, weir_server_reload(s));
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(weir_server_address(s, i), before[i]);
        client_expect_at(s, i, "/page.txt", 200, "old");
    }
    weir_server_free(s);
}

static void reload__in_flight__ends_with_the_old_mount(void **state)
{
    struct life life = {0};
    weir_server *s = new_server();
    char text[CLIENT_ANSWER_MAX];
    int fd;

    (void)state;
    sem_init(&life.has_begun, 0, 0);
    sem_init(&life.may_end, 0, 0);
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_mount(s, "/stream", &streaming, NULL, &life));
    expect_ok(s, weir_server_start(s));
    fd = client_connect(weir_server_address(s, 0));
    client_ask(fd, "/stream");
    while (sem_wait(&life.has_begun) < 0)
        ;
    expect_ok(s, weir_server_reload(s));
    assert_int_equal(atomic_load(&life.loads), 2);
    assert_int_equal(atomic_load(&life.unloads), 0);

    sem_post(&life.may_end); /* for the new one, which does not wait then; then for the old */
    sem_post(&life.may_end);
    client_expect(s, "/stream", 200, "2;2;");
    client_read(fd, text, sizeof text);
    client_check(text, 200, "1;1;");
    weir_server_free(s);
    assert_int_equal(atomic_load(&life.unloads), 2);
    sem_destroy(&life.has_begun);
    sem_destroy(&life.may_end);
}

static void reload__fails__old_serves_on(void **state)
{
    struct life life = {0};
    weir_server *s = new_server();
    char first[64];

    (void)state;
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_mount(s, "/app", &telling, NULL, &life));
    expect_ok(s, weir_server_start(s));
    snprintf(first, sizeof first, "%s", weir_server_address(s, 0));

    atomic_store(&life.is_refusing, true);
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    assert_true(weir_server_reload(s) < 0);
    assert_non_null(strstr(weir_server_error(s), "not today"));
    client_expect(s, "/app", 200, "1");
    assert_null(weir_server_address(s, 1));
    assert_int_equal(atomic_load(&life.unloads), 0);

    atomic_store(&life.is_refusing, false); /* what was noted is noted still */
    expect_ok(s, weir_server_reload(s));
    assert_string_equal(weir_server_address(s, 0), first);
    client_expect_at(s, 0, "/app", 200, "2");
    client_expect_at(s, 1, "/app", 200, "2");

    expect_ok(s, weir_server_mount_file(s, "/none", "/nonexistent.so", NULL));
    assert_int_equal(weir_server_reload(s), WEIR_ENOENT);
    assert_non_null(strstr(weir_server_error(s), "/nonexistent.so"));
    client_expect(s, "/app", 200, "2");
    weir_server_free(s);
    assert_int_equal(atomic_load(&life.unloads), atomic_load(&life.loads));
}

/* An address that another has: nothing is switched, not even the routes that would have been fine. */
static void reload__address_is_taken__changes_nothing(void **state)
{
    weir_server *s = new_server(), *other = new_server();

    (void)state;
    expect_ok(other, weir_server_listen(other, "127.0.0.1:0"));
    expect_ok(other, weir_server_set_folder(other, folder.path));
    expect_ok(other, weir_server_start(other));
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_set_folder(s, folder.path));
    expect_ok(s, weir_server_start(s));
    expect_ok(s, weir_server_set_folder(s, other_folder.path));
    expect_ok(s, weir_server_listen(s, weir_server_address(other, 0)));
    assert_int_equal(weir_server_reload(s), WEIR_EADDRINUSE);
    client_expect(s, "/page.txt", 200, "old");
    weir_server_free(other);
    expect_ok(s, weir_server_reload(s));
    client_expect_at(s, 1, "/page.txt", 200, "new");
    weir_server_free(s);
}

static void note_warning(void *arg, int32_t level, const char *line, size_t n)
{
    (void)level;
    snprintf(arg, 64, "%.*s", (int)n, line);
}

/* Also when more had been bound than are started. */
static void reload__other_loops__are_told(void **state)
{
    weir_server *s = new_server();
    char warning[64] = "";

    (void)state;
    expect_ok(s, weir_server_set_folder(s, folder.path));
    expect_ok(s, weir_server_set_log(s, WEIR_LOG_WARN, note_warning, warning));
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_set_loops(s, 3));
    expect_ok(s, weir_server_bind(s));
    expect_ok(s, weir_server_set_loops(s, 2));
    expect_ok(s, weir_server_start(s));
    expect_ok(s, weir_server_reload(s));
    assert_string_equal(warning, "");
    expect_ok(s, weir_server_set_loops(s, 3));
    expect_ok(s, weir_server_reload(s));
    assert_string_equal(warning, "loops: 2 until a restart, not 3");
    weir_server_free(s);
}

static void reload__while_stepping__switches(void **state)
{
    struct life life = {0};
    weir_server *s = new_server();
    char text[CLIENT_ANSWER_MAX];

    (void)state;
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_mount(s, "/app", &telling, NULL, &life));
    expect_ok(s, weir_server_start_stepping(s));
    for (int i = 1; i <= 3; i++) {
        int fd = client_connect(weir_server_address(s, 0));
        char expected[16];

        snprintf(expected, sizeof expected, "%d", i);
        client_ask(fd, "/app");
        client_read_stepping(s, fd, text, sizeof text);
        client_check(text, 200, expected);
        expect_ok(s, weir_server_reload(s));
        assert_int_equal(atomic_load(&life.unloads), i); /* no step is needed: none may follow */
    }
    weir_server_free(s);
    assert_int_equal(atomic_load(&life.unloads), atomic_load(&life.loads));
}

struct load {
    weir_server *s;
    char address[64];
    atomic_bool is_over;
    int asked, failed;
};

/* Not by client.h: its checks must not run in a thread of ours. */
static int32_t ask_once(const char *address)
{
    static const char request[] = "GET /page.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[2048];
    size_t n = 0;
    ssize_t got;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_port = htons((in_port_t)strtoul(address + strlen("127.0.0.1:"), NULL, 10));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
        send(fd, request, strlen(request), MSG_NOSIGNAL) < 0) {
        close(fd);
        return -1;
    }
    while ((got = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0)
        n += (size_t)got;
    close(fd);
    text[n] = '\0';
    return got == 0 && strncmp(text, "HTTP/1.1 200 ", 13) == 0 ? 0 : -1;
}

static void *ask_until_over(void *arg)
{
    struct load *l = arg;

    while (!atomic_load(&l->is_over)) {
        l->asked++;
        l->failed += ask_once(l->address) < 0;
    }
    return NULL;
}

static void reload__under_load__fails_no_request(void **state)
{
    weir_server *s = new_server();
    struct load loads[2];
    pthread_t threads[2];

    (void)state;
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_set_folder(s, folder.path));
    expect_ok(s, weir_server_start(s));
    for (size_t i = 0; i < WR_COUNT(loads); i++) {
        loads[i] = (struct load){.s = s};
        snprintf(loads[i].address, sizeof loads[i].address, "%s", weir_server_address(s, 0));
        assert_int_equal(pthread_create(&threads[i], NULL, ask_until_over, &loads[i]), 0);
    }
    for (int i = 0; i < 100; i++) {
        expect_ok(s, weir_server_set_folder(s, i % 2 ? folder.path : other_folder.path));
        expect_ok(s, weir_server_reload(s));
    }
    for (size_t i = 0; i < WR_COUNT(loads); i++)
        atomic_store(&loads[i].is_over, true);
    for (size_t i = 0; i < WR_COUNT(loads); i++) {
        pthread_join(threads[i], NULL);
        assert_true(loads[i].asked > 0);
        assert_int_equal(loads[i].failed, 0);
    }
    weir_server_free(s);
}

#ifdef WR_TEST_PLUGIN
/* What it would bind nobody would serve, and a successor could not bind. */
static void reload__stopping__is_refused(void **state)
{
    weir_server *s = new_server();
    char text[CLIENT_ANSWER_MAX];
    const char *path = temp_path(&folder, "late.sock");

    (void)state;
    expect_ok(s, weir_server_set_folder(s, folder.path));
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_start_stepping(s));
    weir_server_stop(s, 60000);
    snprintf(text, sizeof text, "unix:%s", path);
    expect_ok(s, weir_server_listen(s, text));
    assert_int_equal(weir_server_reload(s), WEIR_ESTATE);
    assert_string_equal(weir_server_error(s), "the server is stopping");
    assert_int_not_equal(access(path, F_OK), 0);
    client_step_to_stop(s);
    expect_ok(s, weir_server_wait(s));
    assert_int_equal(weir_server_reload(s), WEIR_ESTATE);
    weir_server_free(s);
}

static void reload__two_servers_of_one_file__are_independent(void **state)
{
    weir_server *a = new_server(), *b = new_server();

    (void)state;
    expect_ok(a, weir_server_listen(a, "127.0.0.1:0"));
    expect_ok(a, weir_server_mount_file(a, "/h", WR_TEST_PLUGIN, NULL));
    expect_ok(a, weir_server_start(a));
    expect_ok(b, weir_server_listen(b, "127.0.0.1:0"));
    expect_ok(b, weir_server_mount_file(b, "/h", WR_TEST_PLUGIN, NULL));
    expect_ok(b, weir_server_start(b));
    for (int i = 0; i < 10; i++) {
        expect_ok(i % 3 ? a : b, weir_server_reload(i % 3 ? a : b));
        client_expect(a, "/h", 200, "Hello, World!\n");
        client_expect(b, "/h", 200, "Hello, World!\n");
    }
    weir_server_free(a);
    expect_ok(b, weir_server_reload(b));
    client_expect(b, "/h", 200, "Hello, World!\n");
    weir_server_free(b);
}
#endif

/* ---- by JSON ---- */

#define JSON_MAX 512

static const char *site(char *json, const char *listen, const char *root)
{
    snprintf(json, JSON_MAX,
             "{\"listen\": [%s], // as weir.conf(5) has it\n"
             " \"routes\": [{\"path\": \"/\", \"static\": \"%s\"}]}",
             listen, root);
    return json;
}

static void reload__configuration__adds_and_removes_addresses(void **state)
{
    weir_server *s = new_server();
    char json[JSON_MAX], listen[128], path[80], own[CLIENT_OWN_MAX], tcp[64];

    (void)state;
    snprintf(path, sizeof path, "unix:%s", temp_path(&folder, "w.sock"));
    snprintf(listen, sizeof listen, "\"%s\", \"%s\"", client_own_address(own), path);
    expect_ok(s, weir_server_configure(s, site(json, listen, folder.path), "host"));
    expect_ok(s, weir_server_start(s));
    client_expect_at(s, 0, "/page.txt", 200, "old");
    client_expect_at(s, 1, "/page.txt", 200, "old");
    assert_string_equal(weir_server_address(s, 1), path);
    snprintf(tcp, sizeof tcp, "%s", weir_server_address(s, 0));

    snprintf(listen, sizeof listen, "\"%s\"", own);
    expect_ok(s, weir_server_configure(s, site(json, listen, other_folder.path), "host"));
    client_expect(s, "/page.txt", 200, "old"); /* noted */
    expect_ok(s, weir_server_reload(s));
    assert_string_equal(weir_server_address(s, 0), tcp); /* port 0 stays what it became */
    assert_null(weir_server_address(s, 1));
    client_expect(s, "/page.txt", 200, "new");
    weir_server_free(s);
    assert_true(client_is_refused(path));
    assert_true(client_is_refused(tcp));
}

static int lines_in(const char *text)
{
    int n = 1;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* Line and column are where the value begins, of a key that is unknown the key: counted by hand. */
static void configure__errors__are_told_all_at_once(void **state)
{
    weir_server *s = new_server();
    char json[JSON_MAX];
    const char *text;

    (void)state;
    expect_ok(s, weir_server_configure(s, site(json, "\"127.0.0.1:0\"", folder.path), "good"));
    assert_int_equal(weir_server_configure(s,
                                           "{\n"
                                           "  \"listen\": 8080,\n"
                                           "  \"lops\": 2,\n"
                                           "  \"limits\": {\"head_bytes_max\": 5}\n"
                                           "}",
                                           "host.json"),
                     WEIR_ECONFIG);
    text = weir_server_error(s);
    assert_non_null(strstr(text, "host.json:2:13: /listen: "));
    assert_non_null(strstr(text, "host.json:3:3: "));
    assert_non_null(strstr(text, "loops")); /* the nearest key */
    assert_non_null(strstr(text, "host.json:4:32: /limits/head_bytes_max: "));
    assert_int_equal(lines_in(text), 3);

    assert_int_equal(weir_server_configure(s, "{", "host.json"), WEIR_ECONFIG);
    assert_int_equal(weir_server_configure(s, "", "host.json"), WEIR_ECONFIG);
    assert_true(weir_server_configure_file(s, "/nonexistent/site.json") < 0);
    assert_non_null(strstr(weir_server_error(s), "/nonexistent/site.json"));

    expect_ok(s, weir_server_start(s)); /* the one before holds */
    client_expect(s, "/page.txt", 200, "old");
    weir_server_free(s);
}

/* A file, with paths relative to where it lies. */
static void configure__file__is_read_from_its_folder(void **state)
{
    weir_server *s = new_server();
    char path[80];

    (void)state;
    temp_file_write(
        &folder, "site.json",
        wr_slice_of("{\"listen\": [\"127.0.0.1:0\"], \"routes\": [{\"static\": \".\"}]}"));
    snprintf(path, sizeof path, "%s", temp_path(&folder, "site.json"));
    expect_ok(s, weir_server_configure_file(s, path));
    expect_ok(s, weir_server_start(s));
    client_expect(s, "/page.txt", 200, "old");

    temp_file_write(&folder, "site.json", wr_slice_of("{\"listen\": 5}"));
    assert_int_equal(weir_server_configure_file(s, path), WEIR_ECONFIG);
    assert_non_null(strstr(weir_server_error(s), "site.json:1:12: /listen: "));
    expect_ok(s, weir_server_reload(s));
    client_expect(s, "/page.txt", 200, "old");
    weir_server_free(s);
}

/* What was said by calls stays and is added to what JSON says. */
static void configure__calls__are_added(void **state)
{
    struct life life = {0};
    weir_server *s = new_server();
    char json[JSON_MAX];

    (void)state;
    expect_ok(s, weir_server_mount(s, "/app", &telling, NULL, &life));
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_configure(s, site(json, "\"127.0.0.1:0\"", folder.path), "host"));
    expect_ok(s, weir_server_start(s));
    assert_non_null(weir_server_address(s, 0));
    assert_non_null(weir_server_address(s, 1));
    assert_null(weir_server_address(s, 2));
    client_expect_at(s, 0, "/app", 200, "1");
    client_expect_at(s, 1, "/page.txt", 200, "old");
    weir_server_free(s);
}

static int post(weir_server *s, const char *content)
{
    char text[CLIENT_ANSWER_MAX];
    int fd = client_connect(weir_server_address(s, 0));

    snprintf(text, sizeof text,
             "POST /app HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(content), content);
    client_send(fd, text);
    client_read(fd, text, sizeof text);
    return (int)strtol(text + strlen("HTTP/1.1 "), NULL, 10);
}

static void set__one_key__goes_before_the_configuration(void **state)
{
    struct life life = {0};
    weir_server *s = new_server();

    (void)state;
    expect_ok(s, weir_server_mount(s, "/app", &telling, NULL, &life));
    expect_ok(s, weir_server_listen(s, "127.0.0.1:0"));
    expect_ok(s, weir_server_configure(
                     s, "{\"listen\": [], \"limits\": {\"body_bytes_max\": 1000}}", "host"));
    expect_ok(s, weir_server_set(s, "limits.body_bytes_max", "5"));
    expect_ok(s, weir_server_start(s));
    assert_int_equal(post(s, "12345"), 200);
    assert_int_equal(post(s, "123456"), 413);
    expect_ok(s, weir_server_set(s, "limits.body_bytes_max", "6"));
    assert_int_equal(post(s, "123456"), 413);
    expect_ok(s, weir_server_reload(s));
    assert_int_equal(post(s, "123456"), 200);
    weir_server_free(s);
}

static const struct {
    const char *key, *json;
} refused_sets[] = {
    {"limits.body_bytes_maxx", "5"},
    {"limits", "5"},
    {"limits.body_bytes_max", "-1"},
    {"limits.body_bytes_max", "{"},
    {"", "1"},
    {"limits.body_bytes_max", "\"5\""},
    {"routes", "[]"},
    {"hosts", "[]"},
    {"limits.body_bytes_max", ""},
    {"limits.body_bytes_max", "5 5"},
    {"log.level", "\"loud\""},
};

static void set__what_cannot_be__is_refused(void **state)
{
    weir_server *s = new_server();

    (void)state;
    for (size_t i = 0; i < WR_COUNT(refused_sets); i++) {
        int32_t err = weir_server_set(s, refused_sets[i].key, refused_sets[i].json);

        if (err >= 0 || weir_server_error(s)[0] == '\0')
            fail_msg("%s = %s was taken", refused_sets[i].key, refused_sets[i].json);
    }
    weir_server_free(s);
}

/* ---- describe, check ---- */

static void describe__every_kind__is_a_text_that_can_be_used(void **state)
{
    weir_server *s = new_server(), *t = new_server();
    char *defaults, *effective, *schema;

    (void)state;
    expect_ok(s, weir_server_set(s, "limits.body_bytes_max", "1234567"));
    defaults = weir_server_describe(s, WEIR_DESCRIBE_DEFAULTS);
    effective = weir_server_describe(s, WEIR_DESCRIBE_EFFECTIVE);
    schema = weir_server_describe(s, WEIR_DESCRIBE_SCHEMA);
    assert_non_null(defaults);
    assert_non_null(effective);
    assert_non_null(schema);
    assert_non_null(strstr(defaults, "104857600")); /* the default of body_bytes_max */
    assert_null(strstr(defaults, "1234567"));
    assert_non_null(strstr(effective, "1234567"));
    assert_non_null(strstr(schema, "\"body_bytes_max\""));
    expect_ok(t, weir_server_configure(t, defaults, "defaults"));
    expect_ok(t, weir_server_configure(t, effective, "effective"));
    free(defaults);
    free(effective);
    free(schema);
    weir_server_free(s);
    weir_server_free(t);
}

static void check__does_all_but_bind(void **state)
{
    struct life life = {0};
    weir_server *s = new_server(), *other = new_server();
    char path[80];

    (void)state;
    expect_ok(other, weir_server_listen(other, "127.0.0.1:0"));
    expect_ok(other, weir_server_set_folder(other, folder.path));
    expect_ok(other, weir_server_start(other));
    snprintf(path, sizeof path, "unix:%s", temp_path(&folder, "check.sock"));
    expect_ok(s, weir_server_mount_folder(s, "/files", folder.path));
    assert_int_equal(weir_server_check(s), WEIR_ESTATE);
    assert_non_null(strstr(weir_server_error(s), "nowhere to listen"));
    expect_ok(s, weir_server_mount(s, "/app", &telling, NULL, &life));
    expect_ok(s, weir_server_listen(s, path));
    expect_ok(s, weir_server_listen(s, weir_server_address(other, 0)));
    expect_ok(s, weir_server_check(s)); /* that it is taken is found at start */
    assert_int_equal(atomic_load(&life.loads), 1);
    assert_int_equal(atomic_load(&life.unloads), 1);
    assert_true(client_is_refused(path));
    assert_int_equal(access(path + strlen("unix:"), F_OK), -1);
    assert_null(weir_server_address(s, 0));
    assert_int_equal(weir_server_start(s), WEIR_EADDRINUSE);

    atomic_store(&life.is_refusing, true);
    assert_true(weir_server_check(s) < 0);
    assert_non_null(strstr(weir_server_error(s), "not today"));
    client_expect(other, "/page.txt", 200, "old");
    expect_ok(other, weir_server_check(other)); /* also of one that runs */
    client_expect(other, "/page.txt", 200, "old");
    weir_server_free(other);
    weir_server_free(s);
    assert_int_equal(atomic_load(&life.unloads), atomic_load(&life.loads));
}

static int run_group(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reload__mount_and_folder__hold_from_then_on),
        cmocka_unit_test(reload__what_is_taken_back__goes),
        cmocka_unit_test(reload__address_added__is_bound_and_the_old_one_kept),
        cmocka_unit_test(reload__port_0_twice__keeps_both_numbers),
        cmocka_unit_test(reload__stopping__is_refused),
        cmocka_unit_test(reload__in_flight__ends_with_the_old_mount),
        cmocka_unit_test(reload__fails__old_serves_on),
        cmocka_unit_test(reload__address_is_taken__changes_nothing),
        cmocka_unit_test(reload__other_loops__are_told),
        cmocka_unit_test(reload__while_stepping__switches),
        cmocka_unit_test(reload__under_load__fails_no_request),
#ifdef WR_TEST_PLUGIN
        cmocka_unit_test(reload__two_servers_of_one_file__are_independent),
#endif
        cmocka_unit_test(reload__configuration__adds_and_removes_addresses),
        cmocka_unit_test(configure__errors__are_told_all_at_once),
        cmocka_unit_test(configure__file__is_read_from_its_folder),
        cmocka_unit_test(configure__calls__are_added),
        cmocka_unit_test(set__one_key__goes_before_the_configuration),
        cmocka_unit_test(set__what_cannot_be__is_refused),
        cmocka_unit_test(describe__every_kind__is_a_text_that_can_be_used),
        cmocka_unit_test(check__does_all_but_bind),
    };

    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}

const struct wr_test_group wr_tests = {run_group};
