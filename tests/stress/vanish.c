/*
 * vanish.c — clients that vanish at random points: before, in and behind what they send, and before,
 * in and behind what they get.
 *
 *     vanish PORT SEED REQUESTS CLIENTS METHOD:TARGET:CONTENT_MAX …
 *
 * REQUESTS connections, CLIENTS of them at a time, each with one request, or up to three pipelined,
 * for one of the targets. Three of four end before they have their answer: by RST, by close, by half
 * a close and then either. Others read to the end, or 2 MiB, or when they are slow 64 KiB, because a
 * small window is filled by the kernel's timers; targets with "wait" or "never" have no
 * end, and from the latter all go by RST. Sizes, speeds and moments are random, and the same for
 * the same seed as far as the server is.
 *
 * Prints what became of them, as JSON; exit status 1 when a client got nothing for HANG_S seconds
 * although it was to get an answer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#    define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define CLIENTS_MAX 1024
#define TARGETS_MAX 64
#define CHUNK       1000
#define FRAMED      (CHUNK + 7) /* "3e8\r\n" and CRLF around it */
#define CHUNKS_MAX  400
#define ANSWER_MAX  (2 << 20)
#define SLOW_MAX    (64 << 10)
#define HANG_S      60

static uint64_t random_state;

static uint64_t random_next(void) /* splitmix64 */
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static size_t below(size_t n)
{
    return n ? (size_t)(random_next() % n) : 0;
}

/* From 0 to n, each order of magnitude as often. */
static size_t any_size(size_t n)
{
    size_t bits = 1;

    while (bits < 63 && (size_t)1 << bits <= n)
        bits++;
    n = n < ((size_t)1 << bits) ? n : ((size_t)1 << bits) - 1;
    return below(((size_t)1 << below(bits + 1))) % (n + 1);
}

struct target {
    char method[16], path[256];
    size_t content_max;
    bool has_no_end; /* never, unless another request is made, or somebody is gone */
    bool is_reset;   /* by RST alone: nothing is ever written that tells of a close */
};

enum leave { BY_RESET, BY_CLOSE };

struct client {
    int fd; /* -1: none */
    const struct target *target;
    char head[512];
    size_t head_n, content_n, copies; /* a request, how many of it */
    bool is_chunked, is_last_closing;
    size_t sent, sent_max, got, got_max; /* it leaves past either */
    size_t rounds;                       /* as one that leaves then; SIZE_MAX: not so */
    bool half_closes, has_half_closed, is_slow, is_to_end;
    enum leave leave;
    char status[4];
    time_t moved_at;
};

static struct target targets[TARGETS_MAX];
static size_t targets_n;
static struct client clients[CLIENTS_MAX];
static struct pollfd polls[CLIENTS_MAX];
static char plain[CHUNKS_MAX * CHUNK], framed[CHUNKS_MAX * FRAMED + 1];
static unsigned long statuses[6], completed, vanished, refused, began;

static time_t now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* ---- a client ---- */

static size_t content_size(const struct client *c)
{
    if (c->target->content_max == 0)
        return 0;
    return c->is_chunked ? c->content_n / CHUNK * FRAMED + 5 : c->content_n;
}

static void plan(struct client *c)
{
    bool is_short = below(4) != 0;
    size_t all;

    c->target = &targets[below(targets_n)];
    c->content_n = any_size(c->target->content_max);
    c->is_chunked = below(2) == 0;
    c->copies = below(4) == 0 ? 1 + below(3) : 1;
    c->head_n = (size_t)snprintf(
        c->head, sizeof c->head, "%s %s HTTP/1.1\r\nHost: x\r\n%s", c->target->method,
        c->target->path,
        below(16) == 0 && c->target->content_max ? "Expect: 100-continue\r\n" : "");
    if (c->target->content_max == 0)
        c->head_n += (size_t)snprintf(c->head + c->head_n, sizeof c->head - c->head_n, "\r\n");
    else if (c->is_chunked)
        c->head_n += (size_t)snprintf(c->head + c->head_n, sizeof c->head - c->head_n,
                                      "Transfer-Encoding: chunked\r\n\r\n");
    else
        c->head_n += (size_t)snprintf(c->head + c->head_n, sizeof c->head - c->head_n,
                                      "Content-Length: %zu\r\n\r\n", c->content_n);
    all = (c->head_n + content_size(c)) * c->copies;
    c->sent_max = c->got_max = c->rounds = SIZE_MAX;
    c->half_closes = below(5) == 0;
    c->is_slow = below(3) == 0;
    c->is_to_end = !is_short && !c->target->has_no_end;
    c->leave = below(3) == 0 && !c->target->is_reset ? BY_CLOSE : BY_RESET;
    if (c->is_to_end)
        return;
    switch (below(3)) {
    case 0:
        c->sent_max = below(2) ? any_size(all) : below(all + 1);
        break;
    case 1:
        c->got_max = any_size(ANSWER_MAX);
        break;
    default:
        break;
    }
    c->rounds = any_size(500); /* a moment comes in any case */
}

static bool set_up(struct client *c, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct linger hard = {1, 0};
    int one = 1, small = 2048;

    /* One address alone runs out of ports (TIME_WAIT). */
    from.sin_addr.s_addr = htonl(0x7f000000U | (2 + (uint32_t)below(0xfffff0)));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (c->target->is_reset) /* also when this program is killed */
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    if (c->is_slow)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) == 0 &&
        (connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS))
        return true;
    close(c->fd);
    c->fd = -1;
    return false;
}

static void begin(struct client *c, uint16_t port)
{
    memset(c, 0, sizeof *c);
    plan(c);
    c->moved_at = now_s();
    began++;
    if (!set_up(c, port))
        refused++;
}

static void end(struct client *c, bool is_complete)
{
    struct linger hard = {1, 0};

    if (!is_complete && c->leave == BY_RESET)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(c->fd);
    c->fd = -1;
    if (is_complete)
        completed++;
    else
        vanished++;
    if (c->got >= 12 && c->status[0] >= '1' && c->status[0] <= '5')
        statuses[c->status[0] - '0']++;
}

/* What is to be sent from offset `at` on, in one piece; 0: nothing more. */
static size_t piece_at(const struct client *c, size_t at, const char **p)
{
    size_t one = c->head_n + content_size(c);

    if (at >= one * c->copies)
        return 0;
    at %= one;
    if (at < c->head_n) {
        *p = c->head + at;
        return c->head_n - at;
    }
    at -= c->head_n;
    if (!c->is_chunked) {
        *p = plain + at;
        return c->content_n - at;
    }
    if (at < c->content_n / CHUNK * FRAMED) {
        *p = framed + at;
        return c->content_n / CHUNK * FRAMED - at;
    }
    at -= c->content_n / CHUNK * FRAMED;
    *p = &"0\r\n\r\n"[at];
    return 5 - at;
}

static bool is_sending(const struct client *c)
{
    const char *p;

    return !c->has_half_closed && c->sent < c->sent_max && piece_at(c, c->sent, &p) > 0;
}

/* False: the connection is at its end. */
static bool send_some(struct client *c)
{
    const char *p = NULL;
    size_t n = piece_at(c, c->sent, &p), most = below(3) == 0 ? 1 + any_size(3000) : 65536;
    ssize_t done;

    n = n < most ? n : most;
    n = n < c->sent_max - c->sent ? n : c->sent_max - c->sent;
    done = send(c->fd, p, n, MSG_NOSIGNAL);
    if (done < 0)
        return errno == EAGAIN || errno == EINTR;
    c->sent += (size_t)done;
    c->moved_at = now_s();
    return true;
}

static bool receive_some(struct client *c)
{
    static char buf[65536];
    size_t most = c->is_slow || below(4) == 0 ? 1 + any_size(3000) : sizeof buf;
    ssize_t n = recv(c->fd, buf, most, 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    for (size_t i = c->got; i < 12 && i < c->got + (size_t)n; i++)
        if (i >= 9)
            c->status[i - 9] = buf[i - c->got];
    c->got += (size_t)n;
    c->moved_at = now_s();
    return true;
}

static size_t answer_max(const struct client *c)
{
    return c->is_slow ? SLOW_MAX : ANSWER_MAX;
}

/* Its answers have no end that is looked for: it half-closes for that. */
static bool half_close(struct client *c)
{
    c->has_half_closed = true;
    return shutdown(c->fd, SHUT_WR) == 0;
}

static void step(struct client *c, short events)
{
    if (events & (POLLERR | POLLHUP)) {
        while (receive_some(c) && recv(c->fd, &(char){0}, 1, MSG_PEEK) > 0)
            continue;
        end(c, true);
        return;
    }
    if (events & POLLIN && !receive_some(c)) {
        end(c, true);
        return;
    }
    if (events & POLLOUT && is_sending(c) && !send_some(c)) {
        end(c, true);
        return;
    }
    if (c->rounds != SIZE_MAX && c->rounds-- == 0) {
        end(c, false);
        return;
    }
    if (c->sent >= c->sent_max || c->got >= c->got_max || c->got >= answer_max(c)) {
        if (c->half_closes && !c->has_half_closed && c->got < answer_max(c) && half_close(c)) {
            c->got_max = c->got + any_size(100000);
            c->sent_max = SIZE_MAX;
            return;
        }
        end(c, false);
        return;
    }
    if (c->is_to_end && !is_sending(c) && !c->has_half_closed && c->got > 0)
        half_close(c);
}

/* ---- all of them ---- */

static int complain(const struct client *c)
{
    fprintf(stderr, "vanish: %s %s hangs: %zu sent, %zu got, half closed %d, seed as above\n",
            c->target->method, c->target->path, c->sent, c->got, c->has_half_closed);
    return 1;
}

static int run(uint16_t port, unsigned long requests, size_t n)
{
    size_t open = 0;

    for (size_t i = 0; i < n; i++)
        clients[i].fd = -1;
    do {
        time_t now = now_s();

        open = 0;
        for (size_t i = 0; i < n; i++) {
            struct client *c = &clients[i];

            if (c->fd < 0 && began < requests)
                begin(c, port);
            polls[i] = (struct pollfd){.fd = c->fd};
            if (c->fd < 0)
                continue;
            open++;
            if (now - c->moved_at > HANG_S)
                return complain(c);
            if (below(4) != 0) /* else it is away for a round */
                polls[i].events = (short)(POLLIN | (is_sending(c) ? POLLOUT : 0));
        }
        if (poll(polls, n, 1) < 0 && errno != EINTR)
            return 1;
        for (size_t i = 0; i < n; i++)
            if (clients[i].fd >= 0 && polls[i].events | polls[i].revents)
                step(&clients[i], polls[i].revents);
    } while (open > 0 || began < requests);
    return 0;
}

static bool add_target(const char *text)
{
    struct target *t = &targets[targets_n];
    const char *path = strchr(text, ':'), *size = strrchr(text, ':');

    if (targets_n == TARGETS_MAX || !path || size == path ||
        (size_t)(path - text) >= sizeof t->method || (size_t)(size - path) > sizeof t->path)
        return false;
    memcpy(t->method, text, (size_t)(path - text));
    memcpy(t->path, path + 1, (size_t)(size - path) - 1);
    t->content_max = strtoul(size + 1, NULL, 10);
    if (t->content_max > sizeof plain)
        t->content_max = sizeof plain;
    t->is_reset = strstr(t->path, "never");
    t->has_no_end = t->is_reset || strstr(t->path, "wait");
    targets_n++;
    return true;
}

int main(int argc, char **argv)
{
    unsigned long n;
    int status;

    if (argc < 6) {
        fprintf(stderr, "usage: vanish PORT SEED REQUESTS CLIENTS METHOD:TARGET:CONTENT_MAX ...\n");
        return 2;
    }
    random_state = strtoull(argv[2], NULL, 10);
    n = strtoul(argv[4], NULL, 10);
    for (int i = 5; i < argc; i++)
        if (!add_target(argv[i])) {
            fprintf(stderr, "vanish: a target is METHOD:TARGET:CONTENT_MAX, not %s\n", argv[i]);
            return 2;
        }
    memset(plain, 'p', sizeof plain);
    for (size_t i = 0; i < CHUNKS_MAX; i++) {
        char *at = framed + i * FRAMED;

        memset(at, 'c', FRAMED);
        memcpy(at, "3e8\r\n", 5);
        memcpy(at + FRAMED - 2, "\r\n", 2);
    }
    fprintf(stderr, "vanish: seed %s\n", argv[2]);
    status = run((uint16_t)strtoul(argv[1], NULL, 10), strtoul(argv[3], NULL, 10),
                 n < CLIENTS_MAX ? n : CLIENTS_MAX);
    printf("{\"began\": %lu, \"completed\": %lu, \"vanished\": %lu, \"refused\": %lu, "
           "\"statuses\": [%lu, %lu, %lu, %lu, %lu]}\n",
           began, completed, vanished, refused, statuses[1], statuses[2], statuses[3], statuses[4],
           statuses[5]);
    return status;
}
