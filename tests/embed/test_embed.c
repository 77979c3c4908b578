/*
 * test_embed.c — Weir inside a host program, through include/weir alone: threads of its own,
 * stepped by a foreign poll(), two servers at once, a host whose SIGPIPE kills.
 */
#include "support.h"

#include <weir/server.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGE (8 * 1024 * 1024) /* does not fit into the sockets' buffers */

static char folder[] = "/tmp/weir-embed-XXXXXX";

static void write_file(const char *name, size_t size)
{
    char path[64];
    char *bytes = calloc(1, size + 1);
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    memset(bytes, 'x', size);
    assert_int_equal(write(fd, bytes, size), size);
    free(bytes);
    close(fd);
}

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    write_file("small.txt", 5);
    write_file("large.bin", LARGE);
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"small.txt", "large.bin"};
    char path[64];

    (void)state;
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static weir_server *new_server(const char *address)
{
    weir_server *s = weir_server_new();

    assert_non_null(s);
    assert_int_equal(weir_server_set_folder(s, folder), 0);
    assert_int_equal(weir_server_listen(s, address), 0);
    return s;
}

/* A connection to the first address, which is IPv4. */
static int connect_to(weir_server *s)
{
    const char *address = weir_server_address(s, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_non_null(address);
    assert_int_equal(strncmp(address, "127.0.0.1:", 10), 0);
    to.sin_port = htons((in_port_t)strtoul(address + 10, NULL, 10));
    assert_true(to.sin_port != 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until the peer closes; the bytes are in `out`, NUL-terminated. */
static size_t read_all(int fd, char *out, size_t cap)
{
    size_t n = 0;
    ssize_t got;

    while ((got = recv(fd, out + n, cap - 1 - n, 0)) > 0)
        n += (size_t)got;
    assert_int_equal(got, 0);
    out[n] = '\0';
    return n;
}

static void expect_small_file(weir_server *s)
{
    char answer[1024];
    int fd = connect_to(s);

    send_text(fd, "GET /small.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    read_all(fd, answer, sizeof answer);
    assert_int_equal(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\nxxxxx");
    close(fd);
}

static void embed__two_servers__live_in_one_process(void **state)
{
    weir_server *a = new_server("127.0.0.1:0"), *b = new_server("127.0.0.1:0");

    (void)state;
    assert_int_equal(weir_server_set_loops(a, 2), 0);
    assert_int_equal(weir_server_start(a), 0);
    assert_int_equal(weir_server_start(b), 0);
    expect_small_file(a);
    expect_small_file(b);
    weir_server_stop(a, 1000);
    assert_int_equal(weir_server_wait(a), 0);
    weir_server_free(a);
    expect_small_file(b);
    weir_server_free(b); /* stops it, too */
}

/* The host's own loop: steps the server until `fd` has something for us, or the server stopped. */
static void step_until_readable(weir_server *s, int fd)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = weir_server_fd(s), .events = POLLIN},
                              {.fd = fd, .events = POLLIN}};

        assert_true(poll(p, 2, weir_server_timeout(s)) >= 0);
        if (p[1].revents)
            return;
        assert_true(weir_server_step(s, 0) >= 0);
    }
}

static void embed__stepped_by_a_foreign_poll__serves(void **state)
{
    weir_server *s = new_server("127.0.0.1:0");
    char answer[1024];
    int fd;

    (void)state;
    assert_int_equal(weir_server_step(s, 0), WEIR_ESTATE);
    assert_int_equal(weir_server_start_stepping(s), 0);
    assert_int_equal(weir_server_wait(s), WEIR_ESTATE);
    fd = connect_to(s);
    send_text(fd, "GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n");
    step_until_readable(s, fd);
    assert_true(recv(fd, answer, sizeof answer, 0) > 0);
    assert_int_equal(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);

    assert_false(weir_server_is_stopped(s));
    weir_server_stop(s, 1000);
    while (!weir_server_is_stopped(s))
        assert_true(weir_server_step(s, weir_server_timeout(s)) >= 0);
    assert_int_equal(recv(fd, answer, sizeof answer, 0), 0); /* idle: closed at once */
    close(fd);
    weir_server_free(s);
}

/* sendfile(2) to a connection that was reset raises SIGPIPE, and this host keeps its default. */
static void embed__client_resets_a_download__host_is_not_killed(void **state)
{
    const struct linger reset = {.l_onoff = 1};
    weir_server *s = new_server("127.0.0.1:0");
    sigset_t before, after;
    char bytes[4096];
    int fd;

    (void)state;
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    sigprocmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(weir_server_start_stepping(s), 0);
    for (int i = 0; i < 20; i++) {
        fd = connect_to(s);
        send_text(fd, "GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n");
        step_until_readable(s, fd);
        assert_true(recv(fd, bytes, sizeof bytes, 0) > 0);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
        for (int k = 0; k < 5; k++)
            assert_true(weir_server_step(s, 0) >= 0);
    }
    sigprocmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGPIPE), sigismember(&after, SIGPIPE));
    weir_server_free(s);
}

static void embed__stop__lets_a_download_finish(void **state)
{
    weir_server *s = new_server("127.0.0.1:0");
    char *answer = malloc(LARGE + 4096);
    size_t n;
    int fd;

    (void)state;
    assert_int_equal(weir_server_start(s), 0);
    fd = connect_to(s);
    send_text(fd, "GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(recv(fd, answer, 1, MSG_PEEK), 1); /* it has begun */
    weir_server_stop(s, 20000);
    n = read_all(fd, answer, LARGE + 4096);
    assert_true(n > LARGE);
    close(fd); /* else it lingers until we do */
    assert_int_equal(weir_server_wait(s), 0);
    free(answer);
    weir_server_free(s);
}

static void embed__errors__name_what_and_where(void **state)
{
    weir_server *s = weir_server_new(), *other = new_server("127.0.0.1:0");
    char taken[64];

    (void)state;
    assert_int_equal(weir_server_start(s), WEIR_ESTATE);
    assert_string_equal(weir_server_error(s),
                        "there is nothing to serve: set a folder or mount a plugin");
    assert_int_equal(weir_server_listen(s, "127.0.0.1"), WEIR_EINVAL);
    assert_non_null(strstr(weir_server_error(s), "127.0.0.1: expected ADDR:PORT"));
    assert_int_equal(weir_server_set_folder(s, "/nonexistent/folder"), 0);
    assert_int_equal(weir_server_start(s), WEIR_ESTATE);
    assert_string_equal(weir_server_error(s), "there is nowhere to listen: add an address");
    assert_null(weir_server_address(s, 0));
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    assert_int_equal(weir_server_start(s), WEIR_ENOENT);
    assert_non_null(strstr(weir_server_error(s), "/nonexistent/folder"));

    /* A failed start leaves the server as it was: it may be tried again. */
    assert_int_equal(weir_server_set_folder(s, folder), 0);
    assert_int_equal(weir_server_start(other), 0);
    snprintf(taken, sizeof taken, "%s", weir_server_address(other, 0));
    assert_int_equal(weir_server_listen(s, taken), 0);
    assert_int_equal(weir_server_start(s), WEIR_EADDRINUSE);
    assert_non_null(strstr(weir_server_error(s), taken));
    weir_server_free(other);
    assert_int_equal(weir_server_start(s), 0);
    /* For port 0 the kernel may give the very port that has just become free: then it is there
     * once. */
    if (strcmp(weir_server_address(s, 0), taken) != 0)
        assert_string_equal(weir_server_address(s, 1), taken);
    else
        assert_null(weir_server_address(s, 1));
    assert_int_equal(weir_server_start(s), WEIR_ESTATE);
    assert_int_equal(weir_server_set_loops(s, 1), 0); /* noted, for the next start */
    expect_small_file(s);
    weir_server_free(s);
    weir_server_free(NULL);
}

static void embed__every_error__has_a_text(void **state)
{
    (void)state;
    assert_string_equal(weir_strerror(WEIR_EADDRINUSE), "the address is in use");
    assert_string_equal(weir_strerror(0), "no error");
    assert_string_equal(weir_strerror(-1), "unknown error");
}

static int run_group(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embed__two_servers__live_in_one_process),
        cmocka_unit_test(embed__stepped_by_a_foreign_poll__serves),
        cmocka_unit_test(embed__client_resets_a_download__host_is_not_killed),
        cmocka_unit_test(embed__stop__lets_a_download_finish),
        cmocka_unit_test(embed__errors__name_what_and_where),
        cmocka_unit_test(embed__every_error__has_a_text),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

const struct wr_test_group wr_tests = {run_group};
