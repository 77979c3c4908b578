/*
 * thread.c — the service in a thread: connect(), send() and recv() wait, and the thread waits with
 * them. How many requests can wait is `threads` of the route.
 */
#define _DEFAULT_SOURCE /* clock_gettime, struct timeval */

#include "three.h"

#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What waits for this socket waits until then. False: that is over. */
static int set_end(int fd, int64_t end)
{
    int64_t left = end - now_ms();
    struct timeval t = {(time_t)(left / 1000), (suseconds_t)(left % 1000 * 1000)};

    return left > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) == 0;
}

/* The status of the answer. */
static int32_t ask(const struct backend *b, struct question *q)
{
    int64_t end = now_ms() + b->timeout_ms;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int32_t status = 0;

    if (fd < 0)
        return 503;
    if (!set_end(fd, end))
        status = 504;
    else if (connect(fd, (const struct sockaddr *)&b->address, sizeof b->address) < 0)
        status = errno == EINPROGRESS ? 504 : 502;
    else if (send(fd, q->line, q->line_n, MSG_NOSIGNAL) != (ssize_t)q->line_n)
        status = 502;
    while (status == 0) {
        if (set_end(fd, end))
            status =
                take_reply(q, recv(fd, q->reply + q->reply_n, sizeof q->reply - q->reply_n, 0));
        else
            status = 504;
    }
    close(fd);
    return status;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct question q;
    int32_t status = read_question(env, &q);

    if (status == 0)
        status = ask(weir_state(env), &q);
    return answer(env, start_response, status, &q);
}

WEIR_PLUGIN(.name = "thread", .app = app, .body_buffer_max = CONTENT_MAX, .load = load,
            .unload = free, .config_schema = CONFIG_SCHEMA);
