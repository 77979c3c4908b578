/*
 * test_sockets.c — sockets that the host has: listening ones that it hands in, connections that it
 * has accepted itself; and every misuse of them and of the calls around them.
 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "temp_folder.h"

static struct temp_folder folder;

static int make_folder(void **state)
{
    (void)state;
    temp_folder_init(&folder);
    temp_file_write(&folder, "small.txt", wr_slice_of("small"));
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_fini(&folder);
    return 0;
}

static weir_server *new_server(void)
{
    weir_server *s = weir_server_new();

    assert_non_null(s);
    assert_int_equal(weir_server_set_folder(s, folder.path), 0);
    assert_int_equal(weir_server_set_loops(s, 2), 0);
    return s;
}

/* An error of its own, and a text. */
static void expect_error(weir_server *s, int32_t error, int32_t expected)
{
    if (error != expected || weir_server_error(s)[0] == '\0')
        fail_msg("expected %s, got %s: \"%s\"", weir_strerror(expected), weir_strerror(error),
                 weir_server_error(s));
    assert_int_not_equal(weir_server_error(s)[strlen(weir_server_error(s)) - 1], '\n');
}

/* ---- sockets of the host ---- */

static int listen_tcp(int flags, char address[64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    snprintf(address, 64, "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    return fd;
}

static int listen_unix(int flags, const char *name, char *address, size_t cap)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", temp_path(&folder, name));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 64), 0);
    snprintf(address, cap, "unix:%s", at.sun_path);
    return fd;
}

/* Handed in, closed by the host at once, and served. */
static void expect_served(int fd, const char *address)
{
    weir_server *s = new_server();

    assert_int_equal(weir_server_listen_fd(s, fd), 0);
    close(fd);
    assert_int_equal(weir_server_start(s), 0);
    assert_string_equal(weir_server_address(s, 0), address);
    assert_null(weir_server_address(s, 1));
    for (int i = 0; i < 10; i++)
        client_expect(s, "/small.txt", 200, "small");
    weir_server_stop(s, 1000);
    assert_int_equal(weir_server_wait(s), 0);
    /* Still the server's until it is freed: it may start again. */
    assert_int_equal(weir_server_start(s), 0);
    assert_string_equal(weir_server_address(s, 0), address);
    client_expect(s, "/small.txt", 200, "small");
    weir_server_free(s);
    assert_true(client_is_refused(address));
}

static void sockets__listening_one__is_served(void **state)
{
    static const int flags[] = {0, SOCK_NONBLOCK};
    char address[128];

    (void)state;
    for (size_t i = 0; i < WR_COUNT(flags); i++) {
        int fd = listen_tcp(flags[i], address);

        expect_served(fd, address);
        fd = listen_unix(flags[i], i ? "a.sock" : "b.sock", address, sizeof address);
        expect_served(fd, address);
        /* The host has made the path, so it is the host's to remove. */
        assert_int_equal(access(address + strlen("unix:"), F_OK), 0);
    }
}

/* Yours stays yours: a host that keeps it gets the listener back. */
static void sockets__listening_one__stays_the_hosts(void **state)
{
    weir_server *s = new_server();
    char address[64];
    int fd = listen_tcp(0, address), client, accepted;

    (void)state;
    assert_int_equal(weir_server_listen_fd(s, fd), 0);
    assert_int_equal(weir_server_start(s), 0);
    client_expect(s, "/small.txt", 200, "small");
    weir_server_free(s);
    client = client_connect(address);
    accepted = accept(fd, NULL, NULL);
    assert_true(accepted >= 0);
    close(accepted);
    close(client);
    close(fd);
}

/* Named as well, as in a configuration of a service that a manager activates: not bound again. */
/* It stays ready for ever: the loop must not turn for it without end. */
static void sockets__listening_one_that_is_shut_down__is_given_up(void **state)
{
    weir_server *s = new_server();
    char address[64];
    int fd = listen_tcp(0, address);

    (void)state;
    assert_int_equal(weir_server_listen_fd(s, fd), 0);
    assert_int_equal(weir_server_start_stepping(s), 0);
    assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
    assert_int_equal(weir_server_step(s, 1000), 1);
    assert_int_equal(weir_server_step(s, 0), 0);
    expect_error(s, weir_server_reload(s), WEIR_EINVAL);
    weir_server_stop(s, 0);
    client_step_to_stop(s);
    weir_server_free(s);
    close(fd);
}

static void sockets__listening_one_that_is_named_as_well__is_bound_once(void **state)
{
    char address[64];
    int fd = listen_tcp(0, address);

    (void)state;
    for (int order = 0; order < 2; order++) {
        weir_server *s = new_server();

        if (order == 0)
            assert_int_equal(weir_server_listen(s, address), 0);
        assert_int_equal(weir_server_listen_fd(s, fd), 0);
        if (order == 1)
            assert_int_equal(weir_server_listen(s, address), 0);
        assert_int_equal(weir_server_start(s), 0);
        assert_string_equal(weir_server_address(s, 0), address);
        assert_null(weir_server_address(s, 1));
        for (int i = 0; i < 10; i++)
            client_expect(s, "/small.txt", 200, "small");
        weir_server_free(s);
    }
    close(fd);
}

/* ---- connections of the host ---- */

static void expect_adopted(weir_server *s, int server_end, int client_end)
{
    char text[CLIENT_ANSWER_MAX];

    assert_int_equal(weir_server_adopt(s, server_end), 0);
    client_ask(client_end, "/small.txt");
    client_read(client_end, text, sizeof text);
    client_check(text, 200, "small");
}

static void sockets__pair__is_adopted(void **state)
{
    static const int flags[] = {0, SOCK_NONBLOCK};
    weir_server *s = new_server();

    (void)state;
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    assert_int_equal(weir_server_start(s), 0);
    for (int i = 0; i < 10; i++) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | flags[i % 2], 0, pair), 0);
        assert_int_equal(fcntl(pair[1], F_SETFL, 0), 0);
        expect_adopted(s, pair[0], pair[1]);
    }
    client_expect(s, "/small.txt", 200, "small");
    weir_server_free(s);
}

/* A server that is to listen nowhere has but what it is handed. */
static void sockets__adopted_alone__needs_no_address(void **state)
{
    weir_server *s = new_server();
    char address[64];
    int listener = listen_tcp(0, address);

    (void)state;
    expect_error(s, weir_server_start(s), WEIR_ESTATE); /* for it may have been forgotten */
    assert_int_equal(weir_server_set(s, "listen", "[]"), 0);
    assert_int_equal(weir_server_start(s), 0);
    assert_null(weir_server_address(s, 0));
    for (int i = 0; i < 10; i++) {
        int client = client_connect(address), accepted = accept(listener, NULL, NULL);

        assert_true(accepted >= 0);
        expect_adopted(s, accepted, client);
    }
    weir_server_stop(s, 1000);
    assert_int_equal(weir_server_wait(s), 0);
    weir_server_free(s);
    close(listener);
}

/* What was sent before is there, and a stepped server is woken. */
static void sockets__adopted_while_stepping__is_served(void **state)
{
    weir_server *s = new_server();
    char text[CLIENT_ANSWER_MAX];
    int pair[2];

    (void)state;
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    assert_int_equal(weir_server_start_stepping(s), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    client_ask(pair[1], "/small.txt");
    assert_int_equal(weir_server_adopt(s, pair[0]), 0);
    client_read_stepping(s, pair[1], text, sizeof text);
    client_check(text, 200, "small");
    weir_server_free(s);
}

struct handing {
    weir_server *s;
    int failures, ends[32];
};

static void *hand_over(void *arg)
{
    struct handing *h = arg;

    for (size_t i = 0; i < WR_COUNT(h->ends); i++) {
        int pair[2];

        h->ends[i] = -1;
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) {
            h->failures++;
            continue;
        }
        h->ends[i] = pair[1];
        h->failures += weir_server_adopt(h->s, pair[0]) < 0;
    }
    return NULL;
}

static void sockets__adopted_by_several_threads__are_all_served(void **state)
{
    weir_server *s = new_server();
    struct handing h[4];
    pthread_t threads[4];
    char text[CLIENT_ANSWER_MAX];

    (void)state;
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    assert_int_equal(weir_server_start(s), 0);
    for (size_t i = 0; i < WR_COUNT(h); i++) {
        h[i] = (struct handing){.s = s};
        assert_int_equal(pthread_create(&threads[i], NULL, hand_over, &h[i]), 0);
    }
    for (size_t i = 0; i < WR_COUNT(h); i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(h[i].failures, 0);
        for (size_t k = 0; k < WR_COUNT(h[i].ends); k++) {
            client_ask(h[i].ends[k], "/small.txt");
            client_read(h[i].ends[k], text, sizeof text);
            client_check(text, 200, "small");
        }
    }
    weir_server_free(s);
}

/* After stop: taken, and closed one way or the other. */
static void sockets__adopted_after_stop__are_closed(void **state)
{
    weir_server *s = new_server();
    const int before = open_descriptors();
    struct handing h = {.s = s};
    char byte;

    (void)state;
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    assert_int_equal(weir_server_start(s), 0);
    weir_server_stop(s, 0);
    hand_over(&h);
    assert_int_equal(weir_server_wait(s), 0);
    weir_server_free(s);
    for (size_t i = 0; i < WR_COUNT(h.ends); i++) {
        assert_true(recv(h.ends[i], &byte, 1, 0) <= 0);
        close(h.ends[i]);
    }
    assert_int_equal(open_descriptors(), before);
}

/* Whoever hands over while another stops: each is served to its end or closed, and none is lost. */
static void sockets__adopted_while_it_stops__are_not_lost(void **state)
{
    const int before = open_descriptors();
    char byte;

    (void)state;
    for (int round = 0; round < 20; round++) {
        weir_server *s = new_server();
        struct handing h[3];
        pthread_t threads[3];

        assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
        assert_int_equal(weir_server_start(s), 0);
        for (size_t i = 0; i < WR_COUNT(h); i++) {
            h[i] = (struct handing){.s = s};
            assert_int_equal(pthread_create(&threads[i], NULL, hand_over, &h[i]), 0);
        }
        weir_server_stop(s, 0);
        assert_int_equal(weir_server_wait(s), 0);
        for (size_t i = 0; i < WR_COUNT(h); i++)
            pthread_join(threads[i], NULL);
        weir_server_free(s);
        for (size_t i = 0; i < WR_COUNT(h); i++)
            for (size_t k = 0; k < WR_COUNT(h[i].ends); k++) {
                assert_true(recv(h[i].ends[k], &byte, 1, 0) <= 0);
                close(h[i].ends[k]);
            }
    }
    assert_int_equal(open_descriptors(), before);
}

/* ---- misuse ---- */

static void sockets__calls_at_the_wrong_time__are_refused(void **state)
{
    weir_server *s = new_server();

    (void)state;
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    expect_error(s, weir_server_step(s, 0), WEIR_ESTATE);
    expect_error(s, weir_server_wait(s), WEIR_ESTATE);
    expect_error(s, weir_server_reload(s), WEIR_ESTATE);
    assert_int_equal(weir_server_fd(s), -1);
    assert_int_equal(weir_server_is_stopped(s), 0);
    assert_null(weir_server_address(s, 0));
    assert_int_equal(weir_server_start(s), 0);
    expect_error(s, weir_server_start(s), WEIR_ESTATE);
    expect_error(s, weir_server_start_stepping(s), WEIR_ESTATE);
    expect_error(s, weir_server_run(s), WEIR_ESTATE);
    expect_error(s, weir_server_bind(s), WEIR_ESTATE);
    expect_error(s, weir_server_step(s, 0), WEIR_ESTATE);
    assert_int_equal(weir_server_fd(s), -1);
    client_expect(s, "/small.txt", 200, "small"); /* none of them has done harm */
    weir_server_free(s);

    s = new_server();
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    assert_int_equal(weir_server_start_stepping(s), 0);
    expect_error(s, weir_server_wait(s), WEIR_ESTATE); /* not stopped: it would wait for ever */
    expect_error(s, weir_server_start(s), WEIR_ESTATE);
    weir_server_free(s);

    s = weir_server_new();
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    expect_error(s, weir_server_start(s), WEIR_ESTATE); /* nothing to serve */
    weir_server_free(s);
}

static void sockets__bad_arguments__are_refused(void **state)
{
    static const char *const addresses[] = {
        "",        "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:x", "example.org:80",
        "[::1:80", "unix:",     "1.2.3.4.5:80"};
    weir_server *s = new_server();

    (void)state;
    for (size_t i = 0; i < WR_COUNT(addresses); i++)
        expect_error(s, weir_server_listen(s, addresses[i]), WEIR_EINVAL);
    expect_error(s, weir_server_listen(s, NULL), WEIR_EINVAL);
    expect_error(s, weir_server_set_folder(s, NULL), WEIR_EINVAL);
    expect_error(s, weir_server_mount_folder(s, NULL, folder.path), WEIR_EINVAL);
    expect_error(s, weir_server_set_folder_options(s, ""), WEIR_ECONFIG);
    expect_error(s, weir_server_mount_folder(s, "/x", NULL), WEIR_EINVAL);
    expect_error(s, weir_server_mount_file(s, "/x", NULL, NULL), WEIR_EINVAL);
    expect_error(s, weir_server_mount(s, "/x", NULL, NULL, NULL), WEIR_EINVAL);
    expect_error(s, weir_server_configure(s, NULL, NULL), WEIR_EINVAL);
    expect_error(s, weir_server_configure_file(s, NULL), WEIR_EINVAL);
    expect_error(s, weir_server_set(s, NULL, "1"), WEIR_EINVAL);
    expect_error(s, weir_server_set(s, "loops", NULL), WEIR_EINVAL);
    assert_string_equal(weir_server_error(s), "expected a value in JSON, found NULL");
    expect_error(s, weir_server_set_threads(s, 1025, 0), WEIR_EINVAL);
    expect_error(s, weir_server_set_coroutines(s, 1000001), WEIR_EINVAL);
    expect_error(s, weir_server_set_loops(s, 1025), WEIR_EINVAL);
    expect_error(s, weir_server_set_log(s, 4, NULL, NULL), WEIR_EINVAL);
    expect_error(s, weir_server_set_log(s, -1, NULL, NULL), WEIR_EINVAL);
    /* 192.0.2.0/24 is for documentation: nobody has it (RFC 5737). */
    assert_int_equal(weir_server_listen(s, "192.0.2.1:0"), 0);
    expect_error(s, weir_server_start(s), WEIR_EADDRNOTAVAIL);
    weir_server_free(s);
}

/* Everything that is a descriptor, and not what is asked for. They are the caller's to close. */
static size_t open_odd(int fds[8])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t n = 0;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    n += 2;
    fds[n++] = open("/dev/null", O_RDWR | O_CLOEXEC);
    fds[n] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fds[n++], (struct sockaddr *)&at, sizeof at), 0);
    fds[n++] =
        socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* neither listens nor is connected */
    fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fds[n++], (struct sockaddr *)&at, sizeof at), 0);
    return n;
}

static void sockets__no_listener__is_refused(void **state)
{
    weir_server *s = new_server();
    const int before = open_descriptors();
    int odd[8], pair[2];
    size_t n = open_odd(odd);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        expect_error(s, weir_server_listen_fd(s, odd[i]), WEIR_EINVAL);
        assert_int_equal(close(odd[i]), 0); /* it stayed ours */
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    expect_error(s, weir_server_listen_fd(s, pair[0]), WEIR_EINVAL);
    close(pair[0]);
    close(pair[1]);
    expect_error(s, weir_server_listen_fd(s, -1), WEIR_EINVAL);
    expect_error(s, weir_server_listen_fd(s, 1000000), WEIR_EINVAL);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    assert_int_equal(weir_server_start(s), 0);
    client_expect(s, "/small.txt", 200, "small");
    weir_server_free(s);
}

static void sockets__no_connection__is_refused_and_closed(void **state)
{
    weir_server *s = new_server();
    int odd[8], pair[2], before;
    size_t n;
    char address[64];

    (void)state;
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(weir_server_adopt(s, pair[0]), WEIR_ESTATE); /* before it started */
    assert_int_equal(fcntl(pair[0], F_GETFD), -1);
    close(pair[1]);

    assert_int_equal(weir_server_start(s), 0);
    before = open_descriptors();
    n = open_odd(odd);
    odd[n++] = listen_tcp(0, address);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(weir_server_adopt(s, odd[i]), WEIR_EINVAL);
        assert_int_equal(fcntl(odd[i], F_GETFD), -1);
    }
    assert_int_equal(weir_server_adopt(s, -1), WEIR_EINVAL);
    assert_int_equal(open_descriptors(), before);
    client_expect(s, "/small.txt", 200, "small");
    weir_server_free(s);
}

/* ---- bind apart from start ---- */

static void sockets__bound__waits_for_start(void **state)
{
    weir_server *s = new_server();
    char text[CLIENT_ANSWER_MAX], own[CLIENT_OWN_MAX], address[64];
    int fd;

    (void)state;
    assert_int_equal(weir_server_listen(s, client_own_address(own)), 0);
    assert_int_equal(weir_server_bind(s), 0);
    snprintf(address, sizeof address, "%s", weir_server_address(s, 0));
    fd = client_connect(address);
    client_ask(fd, "/small.txt");
    assert_int_equal(weir_server_start(s), 0);
    assert_string_equal(weir_server_address(s, 0), address);
    client_read(fd, text, sizeof text);
    client_check(text, 200, "small");
    weir_server_free(s);

    s = new_server(); /* and is let go without one */
    assert_int_equal(weir_server_listen(s, address), 0);
    assert_int_equal(weir_server_bind(s), 0);
    weir_server_free(s);
    assert_true(client_is_refused(address));
}

/* ---- paths ---- */

static int32_t refuse_once(const weir_host *host, void *state, void **thread_state)
{
    bool *is_refusing = state;

    (void)host;
    (void)thread_state;
    if (!*is_refusing)
        return 0;
    *is_refusing = false;
    return WEIR_ENOMEM;
}

static weir_body decline(weir_environ *env, weir_start_response *start_response)
{
    (void)env;
    (void)start_response;
    return weir_decline();
}

static void sockets__bound_path__is_there_after_a_start_that_failed(void **state)
{
    static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                       .abi_major = WEIR_ABI_MAJOR,
                                       .abi_minor = WEIR_ABI_MINOR,
                                       .size = sizeof(weir_plugin),
                                       .name = "refusing",
                                       .app = decline,
                                       .thread_start = refuse_once};
    weir_server *s = new_server();
    bool is_refusing = true;
    char address[128];

    (void)state;
    snprintf(address, sizeof address, "unix:%s", temp_path(&folder, "again.sock"));
    assert_int_equal(weir_server_listen(s, address), 0);
    assert_int_equal(weir_server_set_threads(s, 1, 0), 0);
    assert_int_equal(weir_server_mount(s, "/", &plugin, NULL, &is_refusing), 0);
    assert_int_equal(weir_server_bind(s), 0);
    expect_error(s, weir_server_start(s), WEIR_EPLUGIN);
    assert_int_equal(weir_server_start(s), 0);
    client_expect(s, "/small.txt", 200, "small");
    weir_server_free(s);
    assert_int_not_equal(access(address + strlen("unix:"), F_OK), 0);
}

/* The successor binds when the first has stopped, and before that is let go: on a file system that
 * gives the number of an inode again both paths look the same. */
static void sockets__path_that_a_successor_has_bound__is_left(void **state)
{
    weir_server *s = new_server(), *successor = new_server();
    char address[128];

    (void)state;
    snprintf(address, sizeof address, "unix:%s", temp_path(&folder, "next.sock"));
    assert_int_equal(weir_server_listen(s, address), 0);
    assert_int_equal(weir_server_listen(successor, address), 0);
    assert_int_equal(weir_server_start_stepping(s), 0);
    weir_server_stop(s, 0);
    client_step_to_stop(s);
    assert_int_equal(weir_server_start(successor), 0);
    assert_int_equal(weir_server_wait(s), 0);
    weir_server_free(s);
    client_expect(successor, "/small.txt", 200, "small");
    weir_server_free(successor);
    assert_int_not_equal(access(address + strlen("unix:"), F_OK), 0);
}

static int run_group(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets__listening_one__is_served),
        cmocka_unit_test(sockets__listening_one__stays_the_hosts),
        cmocka_unit_test(sockets__listening_one_that_is_shut_down__is_given_up),
        cmocka_unit_test(sockets__listening_one_that_is_named_as_well__is_bound_once),
        cmocka_unit_test(sockets__pair__is_adopted),
        cmocka_unit_test(sockets__adopted_alone__needs_no_address),
        cmocka_unit_test(sockets__adopted_while_stepping__is_served),
        cmocka_unit_test(sockets__adopted_by_several_threads__are_all_served),
        cmocka_unit_test(sockets__adopted_after_stop__are_closed),
        cmocka_unit_test(sockets__adopted_while_it_stops__are_not_lost),
        cmocka_unit_test(sockets__calls_at_the_wrong_time__are_refused),
        cmocka_unit_test(sockets__bad_arguments__are_refused),
        cmocka_unit_test(sockets__no_listener__is_refused),
        cmocka_unit_test(sockets__no_connection__is_refused_and_closed),
        cmocka_unit_test(sockets__bound__waits_for_start),
        cmocka_unit_test(sockets__bound_path__is_there_after_a_start_that_failed),
        cmocka_unit_test(sockets__path_that_a_successor_has_bound__is_left),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

const struct wr_test_group wr_tests = {run_group};
