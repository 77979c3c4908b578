/*
 * rate.c — asks at a constant rate, and tells by percentiles how long the answers took.
 *
 *     rate -r RATE [-c CONNECTIONS] [-d MILLISECONDS] [-w MILLISECONDS] [-g MILLISECONDS] [-o]
 *          [-b TARGET [-n CONNECTIONS]] PORT TARGET
 *
 * RATE requests are due in a second, evenly, for -w (warming up, not counted) and then -d. How long
 * one took is counted from when it was due, not from when it was sent: a server that stalls does
 * not thereby put off the requests that would have shown it (no coordinated omission). Each
 * connection has one request at a time. What is due while all are busy is asked, in its order, as
 * soon as one is free. With -o each connection is a client that has a schedule of its own, the
 * RATE-th part of all: nobody else asks for one that waits.
 *
 * What is not answered -g (1000) milliseconds behind the last due time counts as long as it has
 * waited by then, and as "unanswered".
 *
 * With -b, -n connections more ask for another target, each anew when it has its answer. They are
 * load, and not timed; large contents are dropped by the kernel, unread.
 *
 * It polls without sleep while an answer is out, and so wants a core of its own. One line of JSON:
 * latencies in nanoseconds as [share, value] pairs and "max"; "late", by what the 99th of 100
 * requests was sent behind its time although a connection was free, which is rate's own error;
 * "served", connections that were answered at all; "bad", answers of another status than the first.
 *
 * Errors: what cannot be done, an answer without Content-Length, or a server that closes its
 * connections all the time end it with a message.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

#define HEAD_MAX    4096
#define REQUEST_MAX 1024
#define LOST_MAX    1000
#define BATCH       16 /* few, so that a due time is looked at often */
#define PATIENCE_S  10 /* for the first answer */
#define DROP_MAX    (1 << 18)
#define STATUS_LEN  12      /* HTTP/1.1 200 */
#define SPIN_NS     100000U /* a sleep ends so much before its time */
#define MS          1000000U
#define SECOND      1000000000U
#define USAGE       "usage: rate -r RATE [option…] PORT TARGET"

/* What is asked, and how its answer looks. */
struct question {
    char request[REQUEST_MAX];
    size_t len;
    char status[STATUS_LEN];
    uint64_t whole; /* bytes of an answer, with its head */
};

struct conn {
    int fd;
    int is_busy;
    const struct question *question;
    uint64_t got;        /* bytes of this answer */
    uint64_t number;     /* of the request that is out; with -o, when free, of the next */
    uint64_t free_since; /* nanoseconds */
    uint64_t answers;
};

static struct {
    struct sockaddr_in to;
    int ep, has_own; /* each connection a schedule */
    uint64_t hertz, conns_len, besides_len, begin;
    uint64_t first, total; /* numbers of the first that counts, and behind the last */
    uint64_t next;         /* number of the first that is still to come */
    uint64_t time_ms, warm_ms, grace_ms;
    struct conn *conns, *besides;
    struct conn **ring; /* the free ones, first in first out */
    uint64_t ring_from, ring_to;
    struct question question, beside;
    const char *beside_target;
    uint64_t out, bad, lost, unanswered;
    struct histogram took, late;
} rate;

static char input[HEAD_MAX];

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t due_of(uint64_t number)
{
    return rate.begin + number / rate.hertz * SECOND + number % rate.hertz * SECOND / rate.hertz;
}

/* ---- connections ---- */

static int connected(void)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
        connect(fd, (struct sockaddr *)&rate.to, sizeof rate.to))
        err(1, "cannot connect");
    return fd;
}

static void open_conn(struct conn *c)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

    c->fd = connected();
    if (epoll_ctl(rate.ep, EPOLL_CTL_ADD, c->fd, &ev))
        err(1, "cannot watch a connection");
}

static int is_sent(struct conn *c)
{
    const struct question *q = c->question;

    c->got = 0;
    return send(c->fd, q->request, q->len, MSG_NOSIGNAL) == (ssize_t)q->len;
}

/* It is gone: a new one asks the same, whose time goes on. */
static void renew(struct conn *c)
{
    do {
        close(c->fd);
        if (++rate.lost > LOST_MAX)
            errx(1, "the server closes its connections");
        open_conn(c);
    } while (c->is_busy && !is_sent(c));
}

static void ask(struct conn *c)
{
    c->is_busy = 1;
    rate.out++;
    if (!is_sent(c))
        renew(c);
}

/* ---- the schedule ---- */

static void set_free(struct conn *c, uint64_t now)
{
    c->is_busy = 0;
    c->free_since = now;
    if (!rate.has_own)
        rate.ring[rate.ring_to++ % rate.conns_len] = c;
}

/* The connection for the next request, which is due; NULL: it has to wait for one. */
static struct conn *take_free(void)
{
    struct conn *c;

    if (rate.has_own) {
        c = &rate.conns[rate.next % rate.conns_len];
        return c->is_busy ? NULL : c;
    }
    if (rate.ring_from == rate.ring_to)
        return NULL;
    c = rate.ring[rate.ring_from++ % rate.conns_len];
    c->number = rate.next;
    return c;
}

static void ask_due(void)
{
    uint64_t now = now_ns(), due;
    struct conn *c;

    while (rate.next < rate.total && (due = due_of(rate.next)) <= now) {
        c = take_free();
        if (!c && !rate.has_own)
            return;
        rate.next++;
        if (!c)
            continue; /* it asks when it is free */
        if (c->free_since <= due && c->number >= rate.first)
            histogram_add(&rate.late, now - due);
        ask(c);
        now = now_ns();
    }
}

static void count(uint64_t number, uint64_t now)
{
    if (number >= rate.first)
        histogram_add(&rate.took, now - due_of(number));
}

/* The answer is whole. */
static void finish(struct conn *c)
{
    uint64_t now = now_ns();

    c->answers++;
    rate.out--;
    if (c->question == &rate.beside) {
        ask(c);
        return;
    }
    count(c->number, now);
    set_free(c, now);
    if (rate.has_own) {
        c->number += rate.conns_len;
        if (c->number < rate.next)
            ask(c);
    }
}

/* What nobody has answered. */
static void count_unanswered(uint64_t now)
{
    uint64_t counted = rate.took.count;

    for (uint64_t i = 0; i < rate.conns_len; i++) {
        struct conn *c = &rate.conns[i];
        uint64_t end = rate.has_own ? rate.total : c->number + (uint64_t)c->is_busy;

        for (uint64_t number = c->number; number < end; number += rate.conns_len)
            count(number, now);
    }
    for (uint64_t number = rate.next; !rate.has_own && number < rate.total; number++)
        count(number, now);
    rate.unanswered = rate.took.count - counted;
}

/* ---- reading answers ---- */

/* The head of each answer is read, of what follows of the other load nothing. */
static ssize_t receive_some(struct conn *c)
{
    if (c->question == &rate.beside && c->got >= STATUS_LEN)
        return recv(c->fd, NULL, DROP_MAX, MSG_DONTWAIT | MSG_TRUNC);
    return recv(c->fd, input, sizeof input, MSG_DONTWAIT);
}

static void receive(struct conn *c)
{
    ssize_t n = receive_some(c);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        renew(c);
        return;
    }
    if (!c->is_busy)
        errx(1, "more came than answers");
    if (!c->got && n >= STATUS_LEN && memcmp(input, c->question->status, STATUS_LEN) != 0)
        rate.bad++;
    c->got += (uint64_t)n;
    if (c->got > c->question->whole)
        errx(1, "an answer is longer than the first");
    if (c->got == c->question->whole)
        finish(c);
}

/* The first answer, on a connection of its own: what all must be like. */
static void learn(struct question *q)
{
    static const struct timeval patience = {PATIENCE_S, 0};
    const char *end = NULL, *length;
    size_t len = 0;
    int fd = connected();

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) ||
        send(fd, q->request, q->len, MSG_NOSIGNAL) != (ssize_t)q->len)
        err(1, "cannot send");
    while (!end) {
        ssize_t n = recv(fd, input + len, sizeof input - 1 - len, 0);

        if (n <= 0)
            errx(1, "no whole head came");
        len += (size_t)n;
        input[len] = 0;
        end = strstr(input, "\r\n\r\n");
    }
    close(fd);
    length = strcasestr(input, "\r\ncontent-length:");
    if (strncmp(input, "HTTP/1.1 ", 9) != 0 || !length || length > end)
        errx(1, "an answer that is not of HTTP/1.1, or has no Content-Length");
    memcpy(q->status, input, STATUS_LEN);
    q->whole = (uint64_t)(end + 4 - input) + strtoull(length + 17, NULL, 10);
}

/* ---- the run ---- */

static void open_all(void)
{
    uint64_t now = now_ns();

    for (uint64_t i = 0; i < rate.conns_len; i++) {
        rate.conns[i] = (struct conn){.question = &rate.question, .number = i};
        open_conn(&rate.conns[i]);
        set_free(&rate.conns[i], now);
    }
    for (uint64_t i = 0; i < rate.besides_len; i++) {
        rate.besides[i] = (struct conn){.question = &rate.beside};
        open_conn(&rate.besides[i]);
        ask(&rate.besides[i]);
    }
}

static int wait_for(struct epoll_event *evs)
{
    struct timespec timeout = {0, 0};
    uint64_t now, due;

    if (!rate.out && rate.next < rate.total) {
        now = now_ns();
        due = due_of(rate.next);
        if (due > now + SPIN_NS) {
            due -= now + SPIN_NS;
            timeout = (struct timespec){(time_t)(due / SECOND), (long)(due % SECOND)};
        }
    }
    return epoll_pwait2(rate.ep, evs, BATCH, &timeout, NULL);
}

/* Until all is answered, or the patience is over; when that is. */
static uint64_t run(void)
{
    uint64_t end, now = now_ns();

    rate.begin = now + MS;
    end = due_of(rate.total) + rate.grace_ms * MS;
    while (now < end && (rate.next < rate.total || rate.out > rate.besides_len)) {
        struct epoll_event evs[BATCH];
        int n;

        ask_due();
        n = wait_for(evs);
        for (int i = 0; i < n; i++) {
            receive(evs[i].data.ptr);
            ask_due();
        }
        now = now_ns();
    }
    return now;
}

static void tell(void)
{
    static const double shares[] = {0.5,   0.75,  0.9,    0.95,   0.99,
                                    0.995, 0.999, 0.9995, 0.9999, 0.99999};
    uint64_t served = 0, beside = 0;

    for (uint64_t i = 0; i < rate.conns_len; i++)
        served += rate.conns[i].answers > 0;
    for (uint64_t i = 0; i < rate.besides_len; i++)
        beside += rate.besides[i].answers;
    printf("{\"percentiles\": [");
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        printf("%s[%g, %llu]", i ? ", " : "", shares[i],
               (unsigned long long)histogram_at(&rate.took, shares[i]));
    printf("], \"max\": %llu, \"requests\": %llu, \"unanswered\": %llu, \"bad\": %llu, "
           "\"lost\": %llu, \"late\": %llu, \"served\": %llu, \"beside\": %llu}\n",
           (unsigned long long)rate.took.max, (unsigned long long)rate.took.count,
           (unsigned long long)rate.unanswered, (unsigned long long)rate.bad,
           (unsigned long long)rate.lost, (unsigned long long)histogram_at(&rate.late, 0.99),
           (unsigned long long)served, (unsigned long long)beside);
}

/* ---- arguments ---- */

static uint64_t number(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);

    if (end == text || *end || n > UINT32_MAX)
        errx(2, "not a number: %s", text);
    return n;
}

static void set_question(struct question *q, const char *target)
{
    int n = snprintf(q->request, sizeof q->request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
                     target, ntohs(rate.to.sin_port));

    q->len = (size_t)n;
    if (q->len >= sizeof q->request)
        errx(2, "the target is too long");
}

static void take_option(int option)
{
    if (option == 'r')
        rate.hertz = number(optarg);
    else if (option == 'c')
        rate.conns_len = number(optarg);
    else if (option == 'd')
        rate.time_ms = number(optarg);
    else if (option == 'w')
        rate.warm_ms = number(optarg);
    else if (option == 'g')
        rate.grace_ms = number(optarg);
    else if (option == 'b')
        rate.beside_target = optarg;
    else if (option == 'n')
        rate.besides_len = number(optarg);
    else if (option == 'o')
        rate.has_own = 1;
    else
        errx(2, USAGE);
}

static void read_arguments(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "r:c:d:w:g:b:n:o")) > 0) // NOLINT(concurrency-mt-unsafe)
        take_option(option);
    if (argc - optind != 2 || !rate.hertz || !rate.conns_len || !rate.time_ms)
        errx(2, USAGE);
    rate.to = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)number(argv[optind])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    set_question(&rate.question, argv[optind + 1]);
    if (rate.beside_target)
        set_question(&rate.beside, rate.beside_target);
    else
        rate.besides_len = 0;
    rate.first = rate.hertz * rate.warm_ms / 1000;
    rate.total = rate.hertz * (rate.warm_ms + rate.time_ms) / 1000;
}

int main(int argc, char **argv)
{
    rate.conns_len = 64;
    rate.besides_len = 1;
    rate.time_ms = rate.grace_ms = 1000;
    read_arguments(argc, argv);
    rate.conns = calloc(rate.conns_len, sizeof *rate.conns);
    rate.besides = calloc(rate.besides_len + 1, sizeof *rate.besides);
    rate.ring = calloc(rate.conns_len, sizeof *rate.ring); // NOLINT(bugprone-sizeof-expression)
    rate.ep = epoll_create1(EPOLL_CLOEXEC);
    if (!rate.conns || !rate.besides || !rate.ring || rate.ep < 0 || prctl(PR_SET_TIMERSLACK, 1))
        err(1, "cannot begin");
    learn(&rate.question);
    if (rate.beside_target)
        learn(&rate.beside);
    open_all();
    count_unanswered(run());
    tell();
    free(rate.conns);
    free(rate.besides);
    free(rate.ring); // NOLINT(bugprone-multi-level-implicit-pointer-conversion)
    return 0;
}
