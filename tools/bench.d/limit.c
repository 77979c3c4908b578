/*
 * limit.c — the floor: the least that a keep-alive exchange of HTTP/1.1 can cost with plain epoll.
 *
 *     limit ROOT READY_FD [WORKERS]
 *
 * Serves on a free port of 127.0.0.1, which it writes to READY_FD, in so many processes.
 *
 * It is a yardstick, not a server. It does not parse: it finds the ends of the request heads, looks
 * at the one byte behind "GET /", and sends an answer that was ready before. The answers of one read
 * go out in one write. It takes for granted what the load generator does: heads come whole,
 * targets are those below, and a POST has content.
 *
 *     /h   Hello, World!                     /c   the same, and the connection is closed
 *     /s   ROOT/1k.bin from memory           /g   ROOT/text.txt.gz from memory, as gzip
 *     /4   ROOT/4k.bin from memory           /6   ROOT/16k.bin from memory
 *     /k   ROOT/64k.bin by sendfile          /f   ROOT/100k.bin by sendfile
 *     /l   ROOT/10m.bin by sendfile
 *     /n   304 Not Modified                  POST reads and drops the content, then /h
 *     /t/… ROOT/t/…: opened, read, closed and sent for each request, which is the floor of a server
 *          that does not have the file in a cache
 *
 * Errors: what cannot be set up ends it with a message; a connection that fails is closed.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define CONNS_MAX     65536
#define BATCH         256
#define ACCEPT_MAX    64
#define HEAD_MAX      256
#define TREE_FILE_MAX 65536
#define TOGETHER_MAX  65536
#define BINARY        "application/octet-stream"

struct answer {
    char *head; /* and the content, unless it comes from fd; NULL: a file of the tree */
    size_t len;
    int fd; /* of what goes by sendfile, `size` bytes; -1: all is behind head */
    int is_last;
    off_t size;
};

struct conn {
    const struct answer *rest; /* what did not fit into the socket's buffer */
    size_t head_at;
    off_t file_at;
    unsigned long long skip; /* content of a request that is still to come */
};

static struct answer answers[128];
static struct conn conns[CONNS_MAX];
static char input[256 * 1024];
static char output[HEAD_MAX + TREE_FILE_MAX];
static int root_fd;

/* ---- what is ready before ---- */

static int format_head(char out[HEAD_MAX], const char *type, long long size)
{
    return snprintf(out, HEAD_MAX,
                    "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %lld\r\n\r\n", type,
                    size);
}

static void prepare_text(char key, char *text, int is_last)
{
    answers[(int)key] =
        (struct answer){.head = text, .len = strlen(text), .fd = -1, .is_last = is_last};
}

static void prepare_file(char key, const char *name, const char *type, int is_by_sendfile)
{
    struct answer *a = &answers[(int)key];
    struct stat st;
    int fd = openat(root_fd, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st))
        err(1, "%s", name);
    *a = (struct answer){.fd = fd, .size = st.st_size};
    a->head = malloc(HEAD_MAX + (size_t)st.st_size);
    if (!a->head)
        err(1, "%s", name);
    a->len = (size_t)format_head(a->head, type, st.st_size);
    if (is_by_sendfile)
        return;
    if (read(fd, a->head + a->len, (size_t)st.st_size) != st.st_size)
        err(1, "%s", name);
    a->len += (size_t)st.st_size;
    a->fd = -1;
    close(fd);
}

static void prepare(const char *root)
{
    static char hello[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                          "Content-Length: 14\r\n\r\nHello, World!\n";
    static char last[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                         "Content-Length: 14\r\n\r\nHello, World!\n";
    static char same[] = "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n";

    root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        err(1, "%s", root);
    prepare_text('h', hello, 0);
    prepare_text('c', last, 1);
    prepare_text('n', same, 0);
    prepare_file('s', "1k.bin", BINARY, 0);
    prepare_file('g', "text.txt.gz", "text/plain\r\nContent-Encoding: gzip", 0);
    prepare_file('4', "4k.bin", BINARY, 0);
    prepare_file('6', "16k.bin", BINARY, 0);
    prepare_file('k', "64k.bin", BINARY, 1);
    prepare_file('f', "100k.bin", BINARY, 1);
    prepare_file('l', "10m.bin", BINARY, 1);
    answers['t'].fd = root_fd;
}

/* ---- answering: 1 when all is sent, 0 when the socket is full, -1 when the connection is over ---- */

static int send_rest(int fd, struct conn *c)
{
    const struct answer *a = c->rest;

    while (c->head_at < a->len) {
        ssize_t n = send(fd, a->head + c->head_at, a->len - c->head_at, a->fd >= 0 ? MSG_MORE : 0);

        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        c->head_at += (size_t)n;
    }
    while (a->fd >= 0 && c->file_at < a->size) {
        ssize_t n = sendfile(fd, a->fd, &c->file_at, (size_t)(a->size - c->file_at));

        if (n <= 0)
            return n < 0 && errno == EAGAIN ? 0 : -1;
    }
    c->rest = NULL;
    return a->is_last ? -1 : 1;
}

/* The file that the target names, which is below and goes into an empty socket's buffer whole. */
static int send_from_tree(int fd, char *target)
{
    char head[HEAD_MAX], *content = output + HEAD_MAX, *end = strchr(target, ' ');
    ssize_t got;
    int file, len;
    struct stat st;

    if (!end)
        return -1;
    *end = 0;
    file = openat(root_fd, target, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    got = fstat(file, &st) ? -1 : read(file, content, TREE_FILE_MAX);
    close(file);
    if (got < 0 || got != st.st_size)
        return -1;
    len = format_head(head, BINARY, got);
    memcpy(content - len, head, (size_t)len);
    return send(fd, content - len, (size_t)(len + got), 0) == len + got ? 1 : -1;
}

static int send_alone(int fd, struct conn *c, const struct answer *a, char *target)
{
    if (!a->head)
        return a->fd > 0 ? send_from_tree(fd, target) : -1;
    c->rest = a;
    c->head_at = 0;
    c->file_at = 0;
    return send_rest(fd, c);
}

static int send_together(int fd, const struct iovec *iov, int n)
{
    size_t whole = 0;

    if (!n)
        return 1;
    for (int i = 0; i < n; i++)
        whole += iov[i].iov_len;
    if (n == 1)
        return write(fd, iov->iov_base, whole) == (ssize_t)whole ? 1 : -1;
    return writev(fd, iov, n) == (ssize_t)whole ? 1 : -1;
}

/* Drops content of a request; the first byte behind what of it is here. */
static char *skip_content(struct conn *c, char *p, const char *end)
{
    size_t here = (size_t)(end - p), take = c->skip < here ? (size_t)c->skip : here;

    c->skip -= take;
    return p + take;
}

static void begin_content(struct conn *c, const char *head, size_t len)
{
    const char *length = memmem(head, len, "Content-Length: ", 16);

    c->skip = length ? strtoull(length + 16, NULL, 10) : 0;
}

/* Answers the requests of one read. Only the last may be of those that are not sent together. */
static int answer(int fd, struct conn *c, size_t got)
{
    struct iovec iov[BATCH];
    int n = 0;
    char *end = input + got, *next;

    for (char *p = input; p < end; p = next) {
        const struct answer *a = &answers['h'];

        if (c->skip) {
            next = skip_content(c, p, end);
            if (c->skip)
                break;
        } else {
            next = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
            if (!next)
                break;
            next += 4;
            if (*p == 'P') {
                begin_content(c, p, (size_t)(next - p));
                continue;
            }
            a = &answers[p[5] & 127];
        }
        if (a->fd >= 0 || a->is_last || a->len > TOGETHER_MAX)
            return send_alone(fd, c, a, p + 5);
        if (n < BATCH)
            iov[n++] = (struct iovec){a->head, a->len};
    }
    return send_together(fd, iov, n);
}

/* ---- the loop ---- */

static int serve(int fd, struct conn *c)
{
    ssize_t got;

    if (c->rest) {
        int done = send_rest(fd, c);

        if (done <= 0)
            return done;
    }
    do {
        int done;

        got = read(fd, input, sizeof input - 1);
        if (got <= 0)
            return got < 0 && errno == EAGAIN ? 0 : -1;
        input[got] = 0;
        done = answer(fd, c, (size_t)got);
        if (done <= 0)
            return done;
    } while (got == sizeof input - 1); /* a short read has drained the socket */
    return 0;
}

static void accept_some(int ep, int listener)
{
    for (int i = 0; i < ACCEPT_MAX; i++) {
        struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        ev.data.fd = fd;
        if (fd >= CONNS_MAX || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev)) {
            close(fd);
            continue;
        }
        conns[fd] = (struct conn){0};
    }
}

/* On this port, or one that the kernel chooses. Accepted sockets inherit TCP_NODELAY. */
static int listen_on(in_port_t *port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = *port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;

    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) ||
        bind(fd, (struct sockaddr *)&at, len) || listen(fd, 4096) ||
        getsockname(fd, (struct sockaddr *)&at, &len))
        err(1, "cannot listen");
    *port = at.sin_port;
    return fd;
}

/* Each has a listener of its own; all of them listen before the port is told. */
static int start_workers(int workers, int ready)
{
    in_port_t port = 0;
    int mine = listen_on(&port);

    for (int i = 1; i < workers; i++) {
        int other = listen_on(&port);
        pid_t pid = fork();

        if (pid < 0)
            err(1, "cannot fork");
        if (!pid) {
            close(mine);
            if (prctl(PR_SET_PDEATHSIG, SIGTERM) || close(ready))
                err(1, "cannot begin");
            return other;
        }
        close(other);
    }
    if (dprintf(ready, "127.0.0.1:%d\n", ntohs(port)) < 0)
        err(1, "the descriptor for readiness");
    close(ready);
    return mine;
}

static void serve_all(int ep, int listener)
{
    struct epoll_event evs[BATCH];

    for (;;) {
        int n = epoll_wait(ep, evs, BATCH, -1);

        for (int i = 0; i < n; i++) {
            int fd = evs[i].data.fd;

            if (fd == listener)
                accept_some(ep, listener);
            else if (serve(fd, &conns[fd]) < 0)
                close(fd);
        }
    }
}

int main(int argc, char **argv)
{
    struct epoll_event ev = {.events = EPOLLIN};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int ep, listener;

    if (argc != 3 && argc != 4)
        errx(2, "usage: limit ROOT READY_FD [WORKERS]");
    if (sigaction(SIGPIPE, &ignore, NULL))
        err(1, "cannot begin");
    prepare(argv[1]);
    listener = start_workers(argc > 3 ? (int)strtol(argv[3], NULL, 10) : 1,
                             (int)strtol(argv[2], NULL, 10));
    ep = epoll_create1(EPOLL_CLOEXEC);
    ev.data.fd = listener;
    if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev))
        err(1, "epoll");
    serve_all(ep, listener);
}
