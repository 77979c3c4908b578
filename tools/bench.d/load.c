/*
 * load.c — keeps a number of connections busy with requests, and counts the answers.
 *
 *     load [-c CONNECTIONS] [-d MILLISECONDS] [-n REQUESTS] [-H "Name: value"]… [-p CONTENT]
 *          [-P DEPTH] [-t] PORT TARGET
 *     load [same] -l LIST [-r] PORT
 *     load -u BYTES [-d MILLISECONDS] [-n REQUESTS] [-H "Name: value"]… PORT TARGET
 *     load -k [-c CONNECTIONS] [-H "Name: value"]… PORT TARGET
 *
 * Each connection has one request under way, a GET, or with -p a POST. It ends after -d, or when
 * all of -n are answered. One line of JSON says what came: requests answered, microseconds, bytes,
 * "bad" answers (another status than the first, another length than expected) with the status of
 * the first of them, and connections "lost", which are opened anew.
 *
 * The first answer is read with care: its status and length are what is expected of all. When it
 * has a Content-Length, later ones are only counted, so that the load generator is not what is
 * measured: then one that is longer ends it. Chunked answers are read as such.
 *
 * LIST has lines "TARGET LENGTH": they are asked for in this order, or with -r at random, over and
 * over, and each answer must have the length of its line.
 *
 * With -P a connection sends that many requests at once, and the next when all are answered; with
 * the field "Connection: close" it is a connection for each request. With -t content is dropped in
 * the kernel, by MSG_TRUNC, for a reader that is not what is measured.
 *
 * -u posts that much content, over and over, on one connection; "bytes" is what was sent then.
 *
 * -k asks once on each connection and keeps them all open: it writes "ready", and when its standard
 * input ends {"kept": …, "lost": …}, of which the server has closed the latter meanwhile.
 *
 * Errors: what cannot be done, an answer that is not HTTP/1.1, or ten seconds without one end it
 * with a message.
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
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX   4096
#define FIELDS_MAX 4096
#define LOST_MAX   1000
#define BATCH      64
#define STATUS_LEN 12 /* HTTP/1.1 200 */
#define SILENCE_S  10
#define SILENCE_US ((int64_t)SILENCE_S * 1000000)
#define UNKNOWN    (-1)
#define READ_MAX   (1 << 18)
#define DRAIN_MAX  (1 << 20)
#define DEPTH_MAX  1000
#define USAGE      "usage: load [option…] PORT TARGET, or load -l LIST [option…] PORT"

/* One request, and what must come. The bytes lie in load.requests. */
struct ask {
    size_t at, len; /* of one, which with -P is there several times */
    int64_t content;
};

enum phase { HEAD, CONTENT, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILERS, DONE };

struct conn {
    int fd;
    enum phase phase;
    const struct ask *ask;
    uint64_t got;     /* bytes of this answer, with its head */
    uint64_t content; /* of them content */
    uint64_t left;    /* of the content, or of a chunk */
    size_t head_len, line_len;
    int is_extension; /* what comes is behind the size of a chunk */
    char head[HEAD_MAX];
};

static struct {
    struct sockaddr_in to;
    int ep, is_random, is_drain, is_closing;
    size_t depth;
    const char *content; /* NULL: it is a GET */
    uint64_t upload;     /* bytes of content that is made as it goes; 0: none */
    char fields[FIELDS_MAX];
    size_t fields_len;
    char *requests;
    size_t requests_len, requests_cap;
    struct ask *asks;
    size_t asks_len, asks_cap, next;
    uint64_t random;
    char status[STATUS_LEN];
    uint64_t whole; /* bytes of each answer; 0: each is read */
    uint64_t started_max, started, answered, bytes, bad, lost;
    char first_bad[STATUS_LEN + 1]; /* the status of the first answer that is bad */
} load;

static char input[DRAIN_MAX];

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void *grown(void *p, size_t *cap, size_t need, size_t size)
{
    while (*cap < need)
        *cap = *cap ? *cap * 2 : 1024;
    p = reallocarray(p, *cap, size);
    if (!p)
        err(1, "memory");
    return p;
}

/* ---- what is asked ---- */

static void add_field(const char *field)
{
    int n = snprintf(load.fields + load.fields_len, FIELDS_MAX - load.fields_len, "%s\r\n", field);

    load.fields_len += (size_t)n;
    if (load.fields_len >= FIELDS_MAX)
        errx(2, "too many fields");
    load.is_closing |= !strcasecmp(field, "Connection: close");
}

static void add_ask(const char *target, int64_t content)
{
    const char *body = load.content ? load.content : "";
    size_t max = strlen(target) + load.fields_len + strlen(body) + 128;
    int is_post = load.content || load.upload, n;

    load.requests =
        grown(load.requests, &load.requests_cap, load.requests_len + max * load.depth, 1);
    n = snprintf(load.requests + load.requests_len, max,
                 "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n%s", is_post ? "POST" : "GET",
                 target, ntohs(load.to.sin_port), load.fields, body);
    load.asks = grown(load.asks, &load.asks_cap, load.asks_len + 1, sizeof *load.asks);
    load.asks[load.asks_len++] = (struct ask){load.requests_len, (size_t)n, content};
    for (size_t i = 1; i < load.depth; i++)
        memcpy(load.requests + load.requests_len + i * (size_t)n, load.requests + load.requests_len,
               (size_t)n);
    load.requests_len += (size_t)n * load.depth;
}

static void add_list(const char *name)
{
    FILE *f = fopen(name, "re");
    char *line = NULL, *gap;
    size_t cap = 0;

    if (!f)
        err(1, "%s", name);
    while (getline(&line, &cap, f) > 0) {
        gap = strchr(line, ' ');
        if (!gap)
            errx(1, "%s: a line without a length", name);
        *gap = 0;
        add_ask(line, strtoll(gap + 1, NULL, 10));
    }
    free(line);
    (void)fclose(f);
    if (!load.asks_len)
        errx(1, "%s: nothing to ask for", name);
}

static const struct ask *next_ask(void)
{
    if (load.is_random) { /* xorshift64: the same order in every run */
        load.random ^= load.random << 13;
        load.random ^= load.random >> 7;
        load.random ^= load.random << 17;
        return &load.asks[load.random % load.asks_len];
    }
    if (load.next == load.asks_len)
        load.next = 0;
    return &load.asks[load.next++];
}

/* ---- connections ---- */

static void open_conn(struct conn *c)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
        connect(c->fd, (struct sockaddr *)&load.to, sizeof load.to) ||
        epoll_ctl(load.ep, EPOLL_CTL_ADD, c->fd, &ev))
        err(1, "cannot connect");
}

static int is_sent(struct conn *c, size_t depth)
{
    const struct ask *a = c->ask;
    size_t len = a->len * depth;

    c->phase = HEAD;
    c->got = c->content = c->head_len = 0;
    return send(c->fd, load.requests + a->at, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* The connection is gone: a new one asks the same. */
static void ask_again(struct conn *c)
{
    do {
        close(c->fd);
        if (++load.lost > LOST_MAX)
            errx(1, "the server closes its connections");
        open_conn(c);
    } while (!is_sent(c, load.depth));
}

static void ask(struct conn *c)
{
    c->ask = NULL;
    if (load.started >= load.started_max)
        return;
    load.started += load.depth;
    c->ask = next_ask();
    if (!is_sent(c, load.depth))
        ask_again(c);
}

/* ---- reading an answer ---- */

static void begin_content(struct conn *c)
{
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    const char *coding = strcasestr(c->head, "\r\ntransfer-encoding:");

    c->left = 0;
    c->phase = CONTENT;
    if (memcmp(c->head + 9, "304", 3) == 0 || memcmp(c->head + 9, "204", 3) == 0) {
        c->phase = DONE;
    } else if (coding) {
        c->phase = CHUNK_SIZE;
        c->line_len = 0;
    } else if (length) {
        c->left = strtoull(length + strlen("\r\ncontent-length:"), NULL, 10);
        if (!c->left)
            c->phase = DONE;
    } else {
        errx(1, "an answer with neither Content-Length nor chunks");
    }
}

/* How many of the n bytes belong to the head. */
static size_t read_head(struct conn *c, const char *p, size_t n)
{
    size_t had = c->head_len, room = HEAD_MAX - 1 - had, take = n < room ? n : room;
    const char *end;

    memcpy(c->head + had, p, take);
    c->head_len += take;
    c->head[c->head_len] = 0;
    end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
    if (!end) {
        if (!(room - take))
            errx(1, "an answer with a head of more than %d bytes", HEAD_MAX);
        return take;
    }
    c->head_len = (size_t)(end + 4 - c->head);
    c->head[c->head_len] = 0;
    if (c->head_len < STATUS_LEN || memcmp(c->head, "HTTP/1.1 ", 9) != 0)
        errx(1, "an answer that is not of HTTP/1.1");
    begin_content(c);
    return c->head_len - had;
}

static size_t skip(struct conn *c, size_t n, enum phase next)
{
    size_t take = n < c->left ? n : (size_t)c->left;

    c->left -= take;
    c->content += take;
    if (!c->left)
        c->phase = next;
    return take;
}

static void end_line(struct conn *c)
{
    int is_empty = !c->line_len;

    c->line_len = 0;
    c->is_extension = 0;
    if (c->phase == CHUNK_SIZE)
        c->phase = c->left ? CHUNK : TRAILERS;
    else if (c->phase == CHUNK_END)
        c->phase = CHUNK_SIZE;
    else if (is_empty)
        c->phase = DONE;
}

/* A byte of the lines around chunks. */
static void read_line(struct conn *c, char b)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit = b >= '0' ? strchr(digits, b | 0x20) : NULL;

    if (b == '\n') {
        end_line(c);
        return;
    }
    c->is_extension |= b == ';' && c->line_len > 0;
    if (b == '\r' || c->is_extension)
        return;
    if (c->phase == CHUNK_END || (c->phase == CHUNK_SIZE && !digit))
        errx(1, "an answer with a broken chunk");
    if (c->phase == CHUNK_SIZE)
        c->left = c->left * 16 + (uint64_t)(digit - digits);
    c->line_len++;
}

/* Of n bytes those that belong to this answer. */
static size_t feed(struct conn *c, const char *p, size_t n)
{
    size_t at = 0;

    while (at < n && c->phase != DONE) {
        if (c->phase == HEAD)
            at += read_head(c, p + at, n - at);
        else if (c->phase == CONTENT)
            at += skip(c, n - at, DONE);
        else if (c->phase == CHUNK)
            at += skip(c, n - at, CHUNK_END);
        else
            read_line(c, p[at++]);
    }
    c->got += at;
    return at;
}

static void note_bad(const char *status)
{
    if (!load.bad++)
        memcpy(load.first_bad, status, STATUS_LEN);
}

static int is_read(struct conn *c, size_t n)
{
    if (feed(c, input, n) != n)
        errx(1, "more came than the answer");
    if (c->phase != DONE)
        return 0;
    if (memcmp(c->head, load.status, STATUS_LEN) != 0 ||
        (c->ask->content != UNKNOWN && (uint64_t)c->ask->content != c->content))
        note_bad(c->head);
    return 1;
}

/* Looks at the status of each answer that begins in these bytes, unless it is cut there. */
static int is_counted(struct conn *c, size_t n)
{
    uint64_t into = c->got % load.whole;

    if (!load.is_drain || !into) {
        for (uint64_t at = into ? load.whole - into : 0; at + STATUS_LEN <= n; at += load.whole) {
            if (memcmp(input + at, load.status, STATUS_LEN) != 0)
                note_bad(input + at);
        }
    }
    c->got += n;
    if (c->got > load.whole * load.depth)
        errx(1, "an answer is longer than the first");
    return c->got == load.whole * load.depth;
}

/* What has come, at most *max bytes. To be dropped: all of an answer but its status. */
static ssize_t take(struct conn *c, size_t *max)
{
    uint64_t left = load.whole - c->got;

    *max = READ_MAX;
    if (!load.is_drain)
        return recv(c->fd, input, *max, MSG_DONTWAIT);
    if (!c->got) {
        *max = STATUS_LEN;
        return recv(c->fd, input, *max, MSG_DONTWAIT);
    }
    *max = left < DRAIN_MAX ? (size_t)left : DRAIN_MAX;
    return recv(c->fd, input, *max, MSG_DONTWAIT | MSG_TRUNC);
}

static void end_answers(struct conn *c)
{
    load.answered += load.depth;
    load.bytes += c->got;
    if (load.is_closing) {
        close(c->fd);
        open_conn(c);
    }
    ask(c);
}

/* Reads what is there, and asks for the next when the answer is complete. */
static void receive(struct conn *c)
{
    size_t max;
    ssize_t n;

    do {
        n = take(c, &max);
        if (n < 0 && errno == EAGAIN)
            return;
        if (!c->ask)
            return; /* it had no more to ask, and the server closes */
        if (n <= 0) {
            ask_again(c);
            return;
        }
        if (load.whole ? is_counted(c, (size_t)n) : is_read(c, (size_t)n)) {
            end_answers(c);
            return;
        }
    } while ((size_t)n == max);
}

/* One answer, which is waited for. */
static void read_answer(struct conn *c)
{
    while (c->phase != DONE) {
        ssize_t n = recv(c->fd, input, READ_MAX, 0);

        if (n <= 0)
            errx(1, "no whole answer");
        if (feed(c, input, (size_t)n) != (size_t)n)
            errx(1, "more came than the answer");
    }
}

/* The first answer, on a connection of its own. */
static void learn(int is_list)
{
    struct conn c = {.ask = &load.asks[0]};
    int is_chunked;

    open_conn(&c);
    if (!is_sent(&c, 1))
        err(1, "cannot send");
    read_answer(&c);
    memcpy(load.status, c.head, STATUS_LEN);
    is_chunked = strcasestr(c.head, "\r\ntransfer-encoding:") != NULL;
    if (!is_list && is_chunked)
        load.asks[0].content = (int64_t)c.content;
    else if (!is_list)
        load.whole = c.got;
    if (!load.whole && (load.depth > 1 || load.is_drain))
        errx(1, "-P and -t need answers with a Content-Length");
    close(c.fd);
}

static int64_t run(struct conn *conns, uint64_t count, int64_t time_us)
{
    int64_t begin = now_us(), heard = begin, t = begin;

    for (uint64_t i = 0; i < count; i++) {
        open_conn(&conns[i]);
        ask(&conns[i]);
    }
    while (t - begin < time_us && load.answered < load.started_max) {
        struct epoll_event evs[BATCH];
        int n = epoll_wait(load.ep, evs, BATCH, 100);

        for (int i = 0; i < n; i++)
            receive(evs[i].data.ptr);
        t = now_us();
        if (n > 0)
            heard = t;
        if (t - heard > SILENCE_US)
            errx(1, "nothing came for %d s", SILENCE_S);
    }
    return t - begin;
}

/* ---- uploads, and connections that are kept: each waits for what it does ---- */

static void open_waiting(struct conn *c)
{
    struct timeval most = {.tv_sec = SILENCE_S};

    open_conn(c);
    if (setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most) ||
        setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most))
        err(1, "cannot connect");
}

static void upload_once(struct conn *c)
{
    if (!is_sent(c, 1))
        err(1, "cannot send");
    for (uint64_t left = load.upload; left;) {
        ssize_t n = send(c->fd, input, left < DRAIN_MAX ? (size_t)left : DRAIN_MAX, MSG_NOSIGNAL);

        if (n <= 0)
            err(1, "upload: %llu bytes were not taken", (unsigned long long)left);
        left -= (uint64_t)n;
    }
    read_answer(c);
    if (c->head[9] != '2')
        note_bad(c->head);
}

static int64_t upload(int64_t time_us)
{
    struct conn *c = calloc(1, sizeof *c);
    int64_t begin = now_us();

    if (!c)
        err(1, "memory");
    c->ask = &load.asks[0];
    open_waiting(c);
    while (now_us() - begin < time_us && load.answered < load.started_max) {
        upload_once(c);
        load.answered++;
        load.bytes += load.upload;
    }
    close(c->fd);
    free(c);
    return now_us() - begin;
}

static int is_open(const struct conn *c)
{
    char byte;

    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void keep(uint64_t count)
{
    int *fds = calloc(count, sizeof *fds);
    struct conn c = {.ask = &load.asks[0]};
    uint64_t lost = 0;
    char byte;

    if (!fds)
        err(1, "memory");
    for (uint64_t i = 0; i < count; i++) {
        open_waiting(&c);
        if (!is_sent(&c, 1))
            err(1, "cannot send");
        read_answer(&c);
        fds[i] = c.fd;
    }
    puts("ready");
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    for (uint64_t i = 0; i < count; i++) {
        c.fd = fds[i];
        lost += !is_open(&c);
    }
    free(fds);
    printf("{\"kept\": %llu, \"lost\": %llu}\n", (unsigned long long)(count - lost),
           (unsigned long long)lost);
}

/* ---- the command line ---- */

static void set_content(const char *content)
{
    char field[64];

    load.content = content;
    snprintf(field, sizeof field, "Content-Length: %zu", strlen(content));
    add_field(field);
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);

    if (end == text || *end || !n)
        errx(2, "not a number: %s", text);
    return n;
}

static void set_upload(uint64_t bytes)
{
    char field[64];

    load.upload = bytes;
    snprintf(field, sizeof field, "Content-Length: %llu", (unsigned long long)bytes);
    add_field(field);
}

struct plan {
    uint64_t conns, time_us;
    const char *list;
    int is_keeping;
};

static void take_option(struct plan *plan, int option)
{
    if (option == 'c')
        plan->conns = number(optarg);
    else if (option == 'd')
        plan->time_us = number(optarg) * 1000;
    else if (option == 'n')
        load.started_max = number(optarg);
    else if (option == 'H')
        add_field(optarg);
    else if (option == 'p')
        set_content(optarg);
    else if (option == 'l')
        plan->list = optarg;
    else if (option == 'r')
        load.is_random = 1;
    else if (option == 'P')
        load.depth = number(optarg);
    else if (option == 't')
        load.is_drain = 1;
    else if (option == 'u')
        set_upload(number(optarg));
    else if (option == 'k')
        plan->is_keeping = 1;
    else
        errx(2, USAGE);
}

/* Uploads, connections that are kept, and lists go without what is for one target under load. */
static int is_possible(const struct plan *plan)
{
    int is_other = load.upload || plan->is_keeping || plan->list;

    if (load.upload && (load.content || plan->is_keeping || plan->list))
        return 0;
    return load.depth <= DEPTH_MAX && (!is_other || (load.depth == 1 && !load.is_drain));
}

static void read_arguments(struct plan *plan, int argc, char **argv)
{
    int option;

    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    while ((option = getopt(argc, argv, "c:d:n:H:p:l:rP:tu:k")) > 0)
        take_option(plan, option);
    if (argc - optind != (plan->list ? 1 : 2) || !is_possible(plan))
        errx(2, USAGE);
    load.to = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)number(argv[optind])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (plan->list)
        add_list(plan->list);
    else
        add_ask(argv[optind + 1], UNKNOWN);
}

static int64_t work(const struct plan *plan)
{
    struct conn *conns;
    int64_t took;

    if (load.upload)
        return upload((int64_t)plan->time_us);
    conns = calloc(plan->conns, sizeof *conns);
    if (!conns)
        err(1, "memory");
    learn(plan->list != NULL);
    took = run(conns, plan->conns, (int64_t)plan->time_us);
    free(conns);
    return took;
}

int main(int argc, char **argv)
{
    struct plan plan = {.conns = 64, .time_us = INT64_MAX};
    int64_t took;

    load.started_max = UINT64_MAX;
    load.random = 0x9e3779b97f4a7c15;
    load.depth = 1;
    read_arguments(&plan, argc, argv);
    load.ep = epoll_create1(EPOLL_CLOEXEC);
    if (load.ep < 0)
        err(1, "cannot begin");
    if (plan.is_keeping) {
        keep(plan.conns);
        return 0;
    }
    took = work(&plan);
    printf(
        "{\"requests\": %llu, \"us\": %lld, \"bytes\": %llu, \"bad\": %llu, \"first_bad\": \"%s\", "
        "\"lost\": %llu}\n",
        (unsigned long long)load.answered, (long long)took, (unsigned long long)load.bytes,
        (unsigned long long)load.bad, load.first_bad, (unsigned long long)load.lost);
    return 0;
}
