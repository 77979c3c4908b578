/* server.c — HTTP of the models: reads a request's head, calls the application or sends a file. */
#include "server.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEAD_MAX     8192
#define TEXT_MAX     4096 /* of an answer that the server makes */
#define BACKLOG      4096
#define SENDFILE_MAX 0x7ffff000
#define CONTENT_NONE UINT64_MAX

/* A request: what an application is told, its environ. The texts lie in the connection's buffer. */
struct request {
    const char *method, *target;
    uint64_t content_length; /* CONTENT_NONE: no such field */
    int is_http10, has_host, wants_close;
    int status; /* of a head that is wrong; else 0 */
};

struct client {
    const struct wsgi_server *server;
    int fd;
    int is_last; /* no other request is read */
    size_t len;  /* of the bytes that have come */
    char in[HEAD_MAX + 1];
};

/* What an application hands its status and type to: the head is kept until its body is there. */
struct start_response {
    int status;
    const char *type;
};

typedef const char *application(const struct request *request, struct start_response *start);

/* ---- the application ---- */

static const char *hello(const struct request *request, struct start_response *start)
{
    (void)request;
    *start = (struct start_response){200, "text/plain"};
    return "Hello, World!\n";
}

/* ---- sending ---- */

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {417, "Expectation Failed"},
                   {431, "Request Header Fields Too Large"},
                   {501, "Not Implemented"},
                   {505, "HTTP Version Not Supported"}};

    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return "Internal Server Error";
}

static int send_all(int fd, const char *data, size_t n, int flags)
{
    while (n) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL | flags);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        data += sent;
        n -= (size_t)sent;
    }
    return 0;
}

static int format_head(char *out, const struct client *c, struct start_response start,
                       uint64_t length)
{
    return snprintf(out, TEXT_MAX,
                    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %llu\r\n%s%s\r\n",
                    start.status, reason(start.status), start.type, (unsigned long long)length,
                    start.status == 405 ? "Allow: GET, HEAD\r\n" : "",
                    c->is_last ? "Connection: close\r\n" : "");
}

static int is_head(const struct request *request)
{
    return request->method && strcmp(request->method, "HEAD") == 0;
}

/* Head and text in one piece. 0; -1: the client has gone. */
static int send_text(const struct client *c, const struct request *request,
                     struct start_response start, const char *text)
{
    char out[TEXT_MAX];
    size_t length = strlen(text);
    size_t n = (size_t)format_head(out, c, start, length);

    if (n + length >= sizeof out)
        errx(1, "an application says more than %d bytes", TEXT_MAX);
    snprintf(out + n, sizeof out - n, "%s", text);
    return send_all(c->fd, out, n + (is_head(request) ? 0 : length), 0);
}

static int send_error(const struct client *c, const struct request *request, int status)
{
    return send_text(c, request, (struct start_response){status, "text/plain"}, reason(status));
}

static int send_file(const struct client *c, const struct request *request,
                     struct start_response start, int file)
{
    char head[TEXT_MAX];
    struct stat st;
    off_t at = 0;
    ssize_t n;

    if (fstat(file, &st) || !S_ISREG(st.st_mode))
        return send_error(c, request, 404);
    n = format_head(head, c, start, (uint64_t)st.st_size);
    if (is_head(request) || !st.st_size)
        return send_all(c->fd, head, (size_t)n, 0);
    if (send_all(c->fd, head, (size_t)n, MSG_MORE))
        return -1;
    while (at < st.st_size) {
        n = sendfile(c->fd, file, &at, SENDFILE_MAX);
        if (n == 0 || (n < 0 && errno != EINTR))
            return -1; /* it became shorter meanwhile, or the client has gone */
    }
    return 0;
}

/* ---- files ---- */

static int hex(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *p = digit >= '0' ? strchr(digits, digit | 0x20) : NULL;

    return p && *p ? (int)(p - digits) : -1;
}

/* The path of a target: without its query, and decoded. 0; -1: it is none. */
static int decode_path(char *out, const char *target)
{
    size_t n = 0;

    for (; *target && *target != '?'; target++) {
        int high = hex(target[1]), low = high < 0 ? -1 : hex(target[2]);

        out[n] = *target;
        if (*target == '%' && (low < 0 || !(out[n] = (char)(high * 16 + low))))
            return -1;
        target += *target == '%' ? 2 : 0;
        n++;
    }
    out[n] = 0;
    return 0;
}

static const char *type_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    if (dot && strcmp(dot, ".html") == 0)
        return "text/html";
    if (dot && strcmp(dot, ".txt") == 0)
        return "text/plain";
    return "application/octet-stream";
}

/* A file below documents_root; the kernel sees to it that no link and no ".." leads out. */
static int answer_file(const struct client *c, const struct request *request)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH};
    char path[HEAD_MAX];
    int file, status;

    if (decode_path(path, request->target))
        return send_error(c, request, 400);
    file = (int)syscall(SYS_openat2, c->server->documents_root, path + 1, &how, sizeof how);
    if (file < 0)
        return send_error(c, request, 404);
    status = send_file(c, request, (struct start_response){200, type_of(path)}, file);
    close(file);
    return status;
}

/* ---- reading a head ---- */

static int is_token(const char *text, size_t n)
{
    static const char also[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < n; i++) {
        char b = text[i], letter = (char)(b | 0x20);

        if (!(b >= '0' && b <= '9') && !(letter >= 'a' && letter <= 'z') && !(b && strchr(also, b)))
            return 0;
    }
    return n > 0;
}

static void read_length(struct request *request, const char *value)
{
    uint64_t n = 0;

    if (!*value || request->content_length != CONTENT_NONE)
        request->status = 400;
    for (; *value; value++) {
        if (*value < '0' || *value > '9' || n > UINT64_MAX / 100) {
            request->status = 400;
            return;
        }
        n = n * 10 + (uint64_t)(*value - '0');
    }
    request->content_length = n;
}

static void read_connection(struct request *request, char *value)
{
    char *rest = value, *member;

    while ((member = strsep(&rest, ","))) {
        member += strspn(member, " \t");
        member[strcspn(member, " \t")] = 0;
        request->wants_close |= strcasecmp(member, "close") == 0;
    }
}

/* A line of the head, without its end. */
static void read_field(struct request *request, char *line)
{
    char *value = strchr(line, ':'), *end;

    if (!value || !is_token(line, (size_t)(value - line))) {
        request->status = 400;
        return;
    }
    *value++ = 0;
    value += strspn(value, " \t");
    for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
        end[-1] = 0;
    if (strcasecmp(line, "content-length") == 0)
        read_length(request, value);
    else if (strcasecmp(line, "connection") == 0)
        read_connection(request, value);
    else if (strcasecmp(line, "transfer-encoding") == 0)
        request->status = 501;
    else if (strcasecmp(line, "expect") == 0)
        request->status = 417;
    else if (strcasecmp(line, "host") == 0)
        request->status = request->has_host++ ? 400 : request->status;
}

static void read_request_line(struct request *request, char *line)
{
    char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;

    if (!version || !is_token(line, (size_t)(target - line)) || target[1] != '/') {
        request->status = 400;
        return;
    }
    *target++ = *version++ = 0;
    request->method = line;
    request->target = target;
    request->is_http10 = strcmp(version, "HTTP/1.0") == 0;
    if (!request->is_http10 && strcmp(version, "HTTP/1.1") != 0)
        request->status = strncmp(version, "HTTP/", 5) == 0 ? 505 : 400;
}

/* Whether there is a control character but for those that separate: a line may hold no other. */
static int has_control(const char *head, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char b = (unsigned char)head[i];

        if (b == '\r' && i + 1 < n && head[i + 1] == '\n')
            i++;
        else if ((b < ' ' && b != '\t') || b == 0x7f)
            return 1;
    }
    return 0;
}

/* n bytes, which end with an empty line. They are cut into texts. */
static void read_head(struct request *request, char *head, size_t n)
{
    char *line = head, *end;

    *request = (struct request){.content_length = CONTENT_NONE};
    if (has_control(head, n)) {
        request->status = 400;
        return;
    }
    head[n - 2] = 0; /* of the empty line */
    while (!request->status && (end = strstr(line, "\r\n"))) {
        *end = 0;
        if (line == head)
            read_request_line(request, line);
        else
            read_field(request, line);
        line = end + 2;
    }
    if (!request->status && !request->is_http10 && !request->has_host)
        request->status = 400;
}

/* Behind the bytes that have come. How many; 0: the client has gone. */
static size_t receive(struct client *c)
{
    ssize_t n;

    do
        n = recv(c->fd, c->in + c->len, HEAD_MAX - c->len, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return 0;
    c->len += (size_t)n;
    c->in[c->len] = 0;
    return (size_t)n;
}

static void drop(struct client *c, size_t n)
{
    c->len -= n;
    memmove(c->in, c->in + n, c->len + 1);
}

/* The length of the next head; 0: the client has gone; HEAD_MAX + 1: it is too long. */
static size_t next_head(struct client *c)
{
    const char *end;

    while (!(end = memmem(c->in, c->len, "\r\n\r\n", 4))) {
        if (c->len == HEAD_MAX)
            return HEAD_MAX + 1;
        if (!receive(c))
            return 0;
    }
    return (size_t)(end + 4 - c->in);
}

/* Content, which no one here wants. 0; -1: the client has gone before its end. */
static int skip_content(struct client *c, uint64_t length)
{
    while (length) {
        size_t n = c->len < length ? c->len : (size_t)length;

        drop(c, n);
        length -= n;
        if (length && !receive(c))
            return -1;
    }
    return 0;
}

/* ---- a connection ---- */

static int answer(const struct client *c, const struct request *request)
{
    static application *const app = hello;
    struct start_response start;
    const char *text;

    if (request->status)
        return send_error(c, request, request->status);
    if (strcmp(request->method, "GET") != 0 && !is_head(request))
        return send_error(c, request, 405);
    if (strcmp(request->target, "/hello") != 0)
        return answer_file(c, request);
    text = app(request, &start);
    return send_text(c, request, start, text);
}

/* One request. 0; -1: it was the last. */
static int serve_one(struct client *c)
{
    size_t n = next_head(c);
    struct request request = {.status = 431};

    if (!n)
        return -1;
    if (n <= HEAD_MAX)
        read_head(&request, c->in, n);
    c->is_last = request.status || request.wants_close || request.is_http10;
    if (answer(c, &request) || c->is_last)
        return -1;
    drop(c, n);
    return request.content_length == CONTENT_NONE ? 0 : skip_content(c, request.content_length);
}

/* What it still sends is read, or the kernel would throw our last answer away; for a while. */
static void close_gently(struct client *c)
{
    static const struct timeval patience = {2, 0};
    size_t left = 1 << 20, n = 1;

    if (c->is_last && !shutdown(c->fd, SHUT_WR) &&
        !setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience)) {
        while (n && left > n) {
            left -= n;
            c->len = 0;
            n = receive(c);
        }
    }
    close(c->fd);
}

void wsgi_server_serve(const struct wsgi_server *server, int client)
{
    struct client c = {.server = server, .fd = client};

    while (!serve_one(&c))
        continue;
    close_gently(&c);
}

/* ---- the server ---- */

void wsgi_server_init(struct wsgi_server *server, uint16_t port, const char *documents_root)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof to;
    int one = 1;

    server->documents_root = open(documents_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (server->documents_root < 0)
        err(1, "%s", documents_root);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0 ||
        setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        setsockopt(server->listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
        bind(server->listener, (struct sockaddr *)&to, n) || listen(server->listener, BACKLOG) ||
        getsockname(server->listener, (struct sockaddr *)&to, &n))
        err(1, "cannot listen");
    server->port = ntohs(to.sin_port);
}

void wsgi_server_begin(struct wsgi_server *server, int argc, char **argv)
{
    char *end;
    long ready = argc == 3 ? strtol(argv[1], &end, 10) : -1;

    if (ready < 0 || end == argv[1] || *end)
        errx(2, "usage: %s READY_FD DOCUMENTS_ROOT", argv[0]);
    wsgi_server_init(server, 0, argv[2]);
    if (dprintf((int)ready, "127.0.0.1:%u\n", server->port) < 0)
        err(1, "cannot tell the port");
    close((int)ready);
}

int wsgi_server_accept(const struct wsgi_server *server)
{
    for (;;) {
        int client = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

        if (client >= 0)
            return client;
        if (errno != EINTR && errno != ECONNABORTED)
            err(1, "accept");
    }
}
