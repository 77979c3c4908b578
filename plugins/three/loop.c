/*
 * loop.c — the service on the loop: the app begins, and callbacks go on when the socket is ready,
 * or the time is over. Nothing waits, so what a request needs between two of them is in a struct of
 * its own.
 */
#define _DEFAULT_SOURCE /* SOCK_NONBLOCK */

#include "three.h"

#include <poll.h>
#include <unistd.h>

struct asking {
    struct question q;
    weir_start_response *start_response;
    int fd;
};

static void finish(weir_environ *env, struct asking *a, int32_t status);

/* After the response, in every ending: by then nobody watches it any more. */
static void hang_up(void *arg)
{
    struct asking *a = arg;

    close(a->fd);
    a->fd = -1;
}

static void too_slow(weir_environ *env, void *arg)
{
    finish(env, arg, 504);
}

static void receive(weir_environ *env, void *arg, uint32_t events)
{
    struct asking *a = arg;
    struct question *q = &a->q;
    int32_t status =
        take_reply(q, recv(a->fd, q->reply + q->reply_n, sizeof q->reply - q->reply_n, 0));

    (void)events; /* an error is found by recv() too */
    if (status != 0)
        finish(env, a, status);
}

/* It is connected, or has failed. */
static void ask(weir_environ *env, void *arg, uint32_t events)
{
    struct asking *a = arg;

    (void)events;
    if (send(a->fd, a->q.line, a->q.line_n, MSG_NOSIGNAL) != (ssize_t)a->q.line_n)
        finish(env, a, 502);
    else if (weir_watch_fd(env, a->fd, POLLIN, receive, a) < 0)
        finish(env, a, 503);
}

static void finish(weir_environ *env, struct asking *a, int32_t status)
{
    weir_watch_fd(env, a->fd, 0, NULL, NULL); /* neither may come behind this */
    weir_timer(env, WEIR_NEVER, too_slow, a);
    weir_finish(env, answer(env, a->start_response, status, &a->q));
}

/* 0, or the status of the answer. */
static int32_t begin(weir_environ *env, struct asking *a)
{
    const struct backend *b = weir_state(env);

    a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0)
        return 503;
    weir_defer(env, hang_up, a);
    if (a->fd < 0) /* what could not be deferred was done at once */
        return 503;
    if (connect(a->fd, (const struct sockaddr *)&b->address, sizeof b->address) < 0 &&
        errno != EINPROGRESS)
        return 502;
    if (weir_watch_fd(env, a->fd, POLLOUT, ask, a) < 0 ||
        weir_timer(env, b->timeout_ms, too_slow, a) < 0)
        return 503;
    return 0;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct asking *a = weir_alloc(env, sizeof *a);
    int32_t status;

    if (!a)
        return weir_error(env, 503);
    a->start_response = start_response;
    status = read_question(env, &a->q);
    if (status == 0)
        status = begin(env, a);
    return status == 0 ? weir_later(env) : answer(env, start_response, status, &a->q);
}

WEIR_PLUGIN(.name = "loop", .app = app, .runs = WEIR_ON_LOOP, .body_buffer_max = CONTENT_MAX,
            .load = load, .unload = free, .config_schema = CONFIG_SCHEMA);
