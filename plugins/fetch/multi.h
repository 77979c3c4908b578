/*
 * multi.h — libcurl's multi interface on a loop of Weir.
 *
 * libcurl says which sockets it waits for and for how long, and is told when something is due: its
 * two callbacks become weir_loop_watch_fd() and weir_loop_timer(). All is on one loop's thread, so
 * nothing here is locked. Connections to backends stay open in the multi handle, for the next
 * request on this loop.
 *
 * While libcurl is at work it must not lose a handle: what asks for that meanwhile is told by
 * `depth`.
 */
#ifndef FETCH_MULTI_H
#define FETCH_MULTI_H

#include <weir/app.h>

#include <curl/curl.h>
#include <poll.h>
#include <stdlib.h>

struct multi {
    weir_loop *loop;
    CURLM *handle;
    int depth;                        /* above 0: libcurl is at work, and has called us */
    void (*on_work)(struct multi *m); /* each time that it has been */
    void (*on_done)(CURL *easy, CURLcode result); /* a transfer is over */
};

/* A socket that libcurl waits for: weir_loop_watch_fd() tells its callback the events, and by
 * this which. */
struct multi_socket {
    struct multi *multi;
    curl_socket_t fd;
};

static inline void multi_settle(struct multi *m)
{
    CURLMsg *message;
    int left;

    if (m->depth > 0)
        return;
    while ((message = curl_multi_info_read(m->handle, &left)))
        if (message->msg == CURLMSG_DONE)
            m->on_done(message->easy_handle, message->data.result);
    m->on_work(m);
}

static inline void multi_act(struct multi *m, curl_socket_t fd, int what)
{
    int running;

    m->depth++;
    curl_multi_socket_action(m->handle, fd, what, &running);
    m->depth--;
    multi_settle(m);
}

static inline void multi_on_time(weir_loop *loop, void *arg)
{
    (void)loop;
    multi_act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static inline void multi_on_ready(weir_loop *loop, void *arg, uint32_t events)
{
    struct multi_socket *s = arg; /* libcurl may be done with it, and it freed, when it has acted */
    int what = 0;

    (void)loop;
    if (events & (POLLIN | POLLHUP))
        what |= CURL_CSELECT_IN;
    if (events & POLLOUT)
        what |= CURL_CSELECT_OUT;
    if (events & POLLERR)
        what |= CURL_CSELECT_ERR;
    multi_act(s->multi, s->fd, what);
}

/* CURLMOPT_TIMERFUNCTION: there is one timer, of this function and argument. */
static inline int multi_set_timer(CURLM *handle, long ms, void *arg)
{
    struct multi *m = arg;
    uint32_t wait = ms < 0 ? WEIR_NEVER : ms < INT32_MAX ? (uint32_t)ms : INT32_MAX;

    (void)handle;
    return weir_loop_timer(m->loop, wait, multi_on_time, m) < 0 ? -1 : 0;
}

/* CURLMOPT_SOCKETFUNCTION. libcurl removes a socket before it closes it, as Weir wants it. */
static inline int multi_set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct multi_socket *s = known;
    struct multi *m = arg;
    uint32_t events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        weir_loop_watch_fd(m->loop, fd, 0, NULL, NULL);
        curl_multi_assign(m->handle, fd, NULL);
        free(s);
        return 0;
    }
    if (!s) {
        s = malloc(sizeof *s);
        if (!s)
            return -1;
        *s = (struct multi_socket){m, fd};
        curl_multi_assign(m->handle, fd, s);
    }
    if (what & CURL_POLL_IN)
        events |= POLLIN;
    if (what & CURL_POLL_OUT)
        events |= POLLOUT;
    return weir_loop_watch_fd(m->loop, fd, events, multi_on_ready, s) < 0 ? -1 : 0;
}

/* In loop_start. 0, or WEIR_ENOMEM. */
static inline int32_t multi_init(struct multi *m, weir_loop *loop, long connections)
{
    m->loop = loop;
    m->handle = curl_multi_init();
    if (!m->handle)
        return WEIR_ENOMEM;
    curl_multi_setopt(m->handle, CURLMOPT_SOCKETFUNCTION, multi_set_socket);
    curl_multi_setopt(m->handle, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(m->handle, CURLMOPT_TIMERFUNCTION, multi_set_timer);
    curl_multi_setopt(m->handle, CURLMOPT_TIMERDATA, m);
    curl_multi_setopt(m->handle, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
    curl_multi_setopt(m->handle, CURLMOPT_MAXCONNECTS, connections);
    return 0;
}

/* In loop_stop, when no transfer is left. */
static inline void multi_fini(struct multi *m)
{
    curl_multi_cleanup(m->handle);
}

/* Goes on with a transfer for which `pause`, of CURLPAUSE_*, is what still waits. Its callbacks
 * may be called in here. */
static inline CURLcode multi_go_on(struct multi *m, CURL *easy, int pause)
{
    CURLcode result;

    m->depth++;
    result = curl_easy_pause(easy, pause);
    m->depth--;
    return result;
}

#endif
