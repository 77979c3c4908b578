/*
 * adopt.c — sockets that the program has, not the server.
 *
 *     cc -o adopt adopt.c $(pkg-config --cflags --libs weir)
 *     ./adopt 8080 ./site
 *     systemd-socket-activate -l 8080 ./adopt 0 ./site
 *
 * In the first case the program listens and accepts, closes the connections of strangers, and hands
 * the others over. In the second a service manager has made the listening socket (sd_listen_fds(3)
 * has the rules), and the server accepts.
 */
#include <weir/server.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define INHERITED_FIRST 3

/* How many listening sockets this process has been given, from descriptor 3 on. */
static int inherited_count(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

    if (!pid || !count || strtol(pid, NULL, 10) != getpid())
        return 0;
    return (int)strtol(count, NULL, 10);
}

/* A listening socket on every address of this machine; -1 with errno. */
static int open_listener(unsigned long port)
{
    const int yes = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    /* Non-blocking: a client that has gone again between poll() and accept() must not stop us. */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    close(fd);
    return -1;
}

static void print_address(int fd)
{
    struct sockaddr_in at = {0};
    socklen_t n = sizeof at;

    if (getsockname(fd, (struct sockaddr *)&at, &n) == 0)
        printf("http://127.0.0.1:%u/\n", (unsigned)ntohs(at.sin_port));
    fflush(stdout);
}

/* Ctrl-C and kill(1) as something to poll; -1 with errno. */
static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int is_welcome(const struct sockaddr_in *from)
{
    return ntohl(from->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* False when there is none to be had for now, for want of descriptors or memory. */
static int accept_one(weir_server *s, int listener)
{
    struct sockaddr_in from = {0};
    socklen_t n = sizeof from;
    int fd = accept(listener, (struct sockaddr *)&from, &n);
    int32_t err;

    if (fd < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    if (!is_welcome(&from))
        close(fd);
    else if ((err = weir_server_adopt(s, fd)) < 0) /* it is closed then, too */
        fprintf(stderr, "adopt: a connection was lost: %s\n", weir_strerror(err));
    return 1;
}

static void accept_until_signal(weir_server *s, int listener, int signals)
{
    struct pollfd watched[2] = {{.fd = signals, .events = POLLIN},
                                {.fd = listener, .events = POLLIN}};

    for (;;) {
        int n = poll(watched, 2, -1);

        if (watched[0].revents || (n < 0 && errno != EINTR))
            return;
        if (n > 0 && watched[1].revents && !accept_one(s, listener))
            poll(watched, 1, 100); /* connections that close give descriptors back */
    }
}

/* The server listens on what it was given, and the program only waits. */
static int32_t serve_inherited(weir_server *s, int n, int signals)
{
    struct pollfd stop = {.fd = signals, .events = POLLIN};
    int32_t err = 0;

    for (int fd = INHERITED_FIRST; fd < INHERITED_FIRST + n && err == 0; fd++)
        err = weir_server_listen_fd(s, fd);
    if (err == 0)
        err = weir_server_start(s);
    if (err < 0)
        return err;
    for (int fd = INHERITED_FIRST; fd < INHERITED_FIRST + n; fd++)
        close(fd); /* the server has duplicates */
    printf("http://%s/\n", weir_server_address(s, 0));
    fflush(stdout);
    while (poll(&stop, 1, -1) < 0 && errno == EINTR)
        ;
    return 0;
}

static int32_t serve_own(weir_server *s, unsigned long port, int signals)
{
    int listener = open_listener(port);
    int32_t err;

    if (listener < 0)
        return WEIR_ESYSTEM;
    err = weir_server_set(s, "listen", "[]"); /* nowhere: it serves what it is handed */
    if (err == 0)
        err = weir_server_start(s);
    if (err == 0) {
        print_address(listener);
        accept_until_signal(s, listener, signals);
    }
    close(listener);
    return err;
}

int main(int argc, char **argv)
{
    const unsigned long port = argc > 1 ? strtoul(argv[1], NULL, 10) : 8080;
    const int signals = open_signals(), inherited = inherited_count();
    weir_server *s = weir_server_new();
    int32_t err = WEIR_ENOMEM;

    if (s && signals >= 0) {
        err = weir_server_set_folder(s, argc > 2 ? argv[2] : ".");
        if (err == 0)
            err = inherited > 0 ? serve_inherited(s, inherited, signals)
                                : serve_own(s, port, signals);
        if (err == 0) {
            weir_server_stop(s, 10000);
            err = weir_server_wait(s);
        }
        if (err < 0)
            fprintf(stderr, "adopt: %s: %s\n", weir_strerror(err), weir_server_error(s));
    }
    weir_server_free(s);
    if (signals >= 0)
        close(signals);
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
