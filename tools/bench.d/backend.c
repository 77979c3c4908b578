/*
 * backend.c — the backend of plugins/three: answers each line with a price, so many milliseconds
 * later.
 *
 *     backend MILLISECONDS
 *
 * It listens on a port of 127.0.0.1 that is free, and writes its number to stdout. Each connection
 * asks once: a line comes, "250\n" goes, and the connection is closed. The delay is the same for
 * all, so that those who wait are in a queue. It ends when its stdin does.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER "250\n"
#define BATCH  64
#define QUEUE  65536 /* a power of two, and more than descriptors */

struct waiting {
    int fd;
    int64_t due_us;
};

static struct {
    int ep, listener;
    int64_t delay_us;
    struct waiting queue[QUEUE];
    uint32_t first, end; /* of the queue; they run around */
} backend;

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void watch(int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(backend.ep, EPOLL_CTL_ADD, fd, &ev))
        err(1, "epoll_ctl");
}

static void listen_on_any(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof to;

    backend.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (backend.listener < 0 || bind(backend.listener, (struct sockaddr *)&to, n) ||
        listen(backend.listener, 4096) || getsockname(backend.listener, (struct sockaddr *)&to, &n))
        err(1, "cannot listen");
    printf("%d\n", ntohs(to.sin_port));
    fflush(stdout);
}

static void take_in(void)
{
    int fd;

    while ((fd = accept4(backend.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        watch(fd);
    if (errno != EAGAIN && errno != ECONNABORTED)
        err(1, "accept");
}

/* Its line has come, in one piece as the plugins send it; or it has gone. */
static void queue_up(int fd)
{
    char line[256];
    ssize_t n = recv(fd, line, sizeof line, 0);

    if (n <= 0 || line[n - 1] != '\n') {
        close(fd);
        return;
    }
    epoll_ctl(backend.ep, EPOLL_CTL_DEL, fd,
              NULL); /* who leaves now is found when it is its turn */
    if (backend.end - backend.first == QUEUE)
        errx(1, "too many wait");
    backend.queue[backend.end++ % QUEUE] = (struct waiting){fd, now_us() + backend.delay_us};
}

/* Milliseconds until the next is due, which is not before that; -1: nobody waits. */
static int answer_due(void)
{
    while (backend.first != backend.end) {
        const struct waiting *w = &backend.queue[backend.first % QUEUE];
        int64_t left = w->due_us - now_us();

        if (left > 0)
            return (int)((left + 999) / 1000);
        (void)send(w->fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
        close(w->fd);
        backend.first++;
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    struct epoll_event evs[BATCH];
    char *end;

    if (argc != 2 || (backend.delay_us = strtol(argv[1], &end, 10) * 1000) < 0 || *end)
        errx(2, "usage: backend MILLISECONDS");
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    backend.ep = epoll_create1(EPOLL_CLOEXEC);
    if (backend.ep < 0)
        err(1, "epoll_create1");
    listen_on_any();
    watch(backend.listener);
    watch(STDIN_FILENO);
    for (;;) {
        int n = epoll_wait(backend.ep, evs, BATCH, answer_due());

        for (int i = 0; i < n; i++) {
            if (evs[i].data.fd == STDIN_FILENO)
                return 0;
            if (evs[i].data.fd == backend.listener)
                take_in();
            else
                queue_up(evs[i].data.fd);
        }
    }
}
