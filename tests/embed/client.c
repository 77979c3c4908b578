#include "client.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX "unix:"

static int try_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_true(strlen(path) < sizeof to.sun_path);
    memcpy(to.sun_path, path, strlen(path));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static int try_tcp(const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const char *colon = strchr(address, ':');
    char host[INET_ADDRSTRLEN];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_non_null(colon);
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    to.sin_port = htons((in_port_t)strtoul(colon + 1, NULL, 10));
    assert_true(to.sin_port != 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static int try_connect(const char *address)
{
    assert_non_null(address);
    if (strncmp(address, UNIX, strlen(UNIX)) == 0)
        return try_unix(address + strlen(UNIX));
    return try_tcp(address);
}

int client_connect(const char *address)
{
    int fd = try_connect(address);

    if (fd < 0)
        fail_msg("%s: %s", address, strerrordesc_np(errno));
    return fd;
}

const char *client_own_address(char out[CLIENT_OWN_MAX])
{
    const unsigned own = (unsigned)getpid();

    snprintf(out, CLIENT_OWN_MAX, "127.%u.%u.%u:0", 1 + (own >> 14) % 254, (own >> 7) % 128,
             1 + own % 128);
    return out;
}

bool client_is_refused(const char *address)
{
    int fd = try_connect(address), err = errno;

    if (fd >= 0)
        close(fd);
    return fd < 0 && (err == ECONNREFUSED || err == ENOENT);
}

void client_send(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void client_ask(int fd, const char *path)
{
    char text[512];

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    client_send(fd, text);
}

size_t client_read(int fd, char *out, size_t cap)
{
    size_t n = 0;
    ssize_t got;

    while ((got = recv(fd, out + n, cap - 1 - n, 0)) > 0)
        n += (size_t)got;
    assert_int_equal(got, 0);
    out[n] = '\0';
    close(fd);
    return n;
}

size_t client_read_stepping(weir_server *s, int fd, char *out, size_t cap)
{
    size_t n = 0;
    ssize_t got = -1;

    while (got != 0) {
        struct pollfd p[2] = {{.fd = weir_server_fd(s), .events = POLLIN},
                              {.fd = fd, .events = POLLIN}};

        assert_true(poll(p, 2, weir_server_timeout(s)) >= 0);
        assert_true(weir_server_step(s, 0) >= 0);
        got = recv(fd, out + n, cap - 1 - n, MSG_DONTWAIT);
        assert_true(got >= 0 || errno == EAGAIN);
        n += got > 0 ? (size_t)got : 0;
    }
    out[n] = '\0';
    close(fd);
    return n;
}

void client_check(const char *answer, int status, const char *content)
{
    const char *end = strstr(answer, "\r\n\r\n");
    char expected[32];

    snprintf(expected, sizeof expected, "HTTP/1.1 %d ", status);
    if (strncmp(answer, expected, strlen(expected)) != 0)
        fail_msg("expected %s, got %.60s", expected, answer);
    assert_non_null(end);
    if (content)
        assert_string_equal(end + 4, content);
}

void client_expect_from(const char *address, const char *path, int status, const char *content)
{
    char answer[CLIENT_ANSWER_MAX];
    int fd = client_connect(address);

    client_ask(fd, path);
    client_read(fd, answer, sizeof answer);
    client_check(answer, status, content);
}

void client_expect_at(weir_server *s, uint32_t i, const char *path, int status, const char *content)
{
    client_expect_from(weir_server_address(s, i), path, status, content);
}

void client_expect(weir_server *s, const char *path, int status, const char *content)
{
    client_expect_at(s, 0, path, status, content);
}

void client_step_to_stop(weir_server *s)
{
    while (!weir_server_is_stopped(s))
        assert_true(weir_server_step(s, weir_server_timeout(s)) >= 0);
}

int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(d);
    while (readdir(d)) /* NOLINT(concurrency-mt-unsafe): of a stream of its own */
        n++;
    closedir(d);
    return n;
}
