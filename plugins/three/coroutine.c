/*
 * coroutine.c — the service in a coroutine: as in a thread, but sockets do not block, and
 * weir_wait_fd() waits; meanwhile the loop does something else. It says when the client has left,
 * so that the rest is left out.
 */
#define _DEFAULT_SOURCE /* clock_gettime */

#include "three.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0 when the socket can go on, or the status of the answer: 503 when nobody is left to see it. */
static int32_t await(weir_environ *env, int fd, uint32_t events, int64_t end)
{
    int64_t left = end - now_ms();
    int32_t ready = left > 0 ? weir_wait_fd(env, fd, events, (uint32_t)left) : WEIR_ETIMEDOUT;

    if (ready < 0)
        return ready == WEIR_ETIMEDOUT ? 504 : 503;
    return 0;
}

/* The status of the answer. */
static int32_t ask(weir_environ *env, const struct backend *b, struct question *q)
{
    int64_t end = now_ms() + b->timeout_ms;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int32_t status;

    if (fd < 0)
        return 503;
    if (connect(fd, (const struct sockaddr *)&b->address, sizeof b->address) < 0 &&
        errno != EINPROGRESS)
        status = 502;
    else
        status = await(env, fd, POLLOUT, end);
    if (status == 0 && send(fd, q->line, q->line_n, MSG_NOSIGNAL) != (ssize_t)q->line_n)
        status = 502;
    while (status == 0) {
        status = await(env, fd, POLLIN, end);
        if (status == 0)
            status =
                take_reply(q, recv(fd, q->reply + q->reply_n, sizeof q->reply - q->reply_n, 0));
    }
    close(fd);
    return status;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct question q;
    int32_t status = read_question(env, &q);

    if (status == 0)
        status = ask(env, weir_state(env), &q);
    return answer(env, start_response, status, &q);
}

WEIR_PLUGIN(.name = "coroutine", .app = app, .runs = WEIR_IN_COROUTINE,
            .body_buffer_max = CONTENT_MAX, .load = load, .unload = free,
            .config_schema = CONFIG_SCHEMA);
