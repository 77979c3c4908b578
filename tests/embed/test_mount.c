/*
 * test_mount.c — apps of the host program itself, and plugin files, in servers that it embeds.
 * Through include/weir alone.
 */
#include "support.h"

#include <weir/server.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
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

static void expect(weir_server *s, const char *path, const char *status, const char *content)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *address = weir_server_address(s, 0);
    char text[8192];
    size_t n = 0;
    ssize_t got;

    assert_non_null(address);
    to.sin_port = htons((in_port_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    while ((got = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(fd);
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
    assert_int_equal(weir_server_mount(s, "/late", &counting, NULL, &one), WEIR_ESTATE);
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

static void mount__what_cannot_be__is_said_at_start(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(refused); i++) {
        weir_server *s = new_server();

        assert_int_equal(
            weir_server_mount_file(s, refused[i].route, refused[i].file, refused[i].config), 0);
        if (weir_server_start(s) != refused[i].error ||
            !strstr(weir_server_error(s), refused[i].says))
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

/* A start that fails after plugins were started stops them, and may be tried again. */
static void mount__start_that_fails__can_be_repeated(void **state)
{
    struct counter one = {.name = "one"};
    weir_server *s = new_server(), *other = new_server();
    char taken[64];

    (void)state;
    assert_int_equal(weir_server_mount(other, "/", &counting, NULL, &one), 0);
    assert_int_equal(weir_server_start(other), 0);
    snprintf(taken, sizeof taken, "%s", weir_server_address(other, 0));
    assert_int_equal(weir_server_mount(s, "/a", &counting, NULL, &one), 0);
    assert_int_equal(weir_server_listen(s, taken), 0);
    assert_int_equal(weir_server_start(s), WEIR_EADDRINUSE);
    assert_int_equal(atomic_load(&one.unloads), 1);
    weir_server_free(other);
    assert_int_equal(weir_server_start(s), 0);
    expect(s, "/a", "200", "one 1 /a");
    weir_server_free(s);
    assert_int_equal(atomic_load(&one.unloads), 3);
}

WR_TESTS(cmocka_unit_test(mount__app_of_the_host__has_its_state_and_route),
         cmocka_unit_test(mount__two_servers_of_one_file__have_an_image_each),
         cmocka_unit_test(mount__what_cannot_be__is_said_at_start),
         cmocka_unit_test(mount__same_route_twice__is_refused),
         cmocka_unit_test(mount__start_that_fails__can_be_repeated));
