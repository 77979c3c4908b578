#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 4096 /* cut to net.core.somaxconn by the kernel */

static int enable(int fd, int level, int option)
{
    const int on = 1;

    return setsockopt(fd, level, option, &on, sizeof on) < 0 ? -errno : 0;
}

int wr_listener_bound_unsent(int fd)
{
    const int max = WR_UNSENT_MAX;

    return setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &max, sizeof max) < 0 ? -errno : 0;
}

/* ":PORT" takes IPv4 too, whatever net.ipv6.bindv6only says; [::] by name is IPv6 alone. */
static int set_v6_only(int fd, bool v6_only)
{
    const int value = v6_only;

    return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof value) < 0 ? -errno : 0;
}

/* One TCP socket, bound. `is_first`: the probe that fails when the port is taken. */
static int open_tcp(const struct wr_address *a, bool is_first)
{
    int fd = socket(a->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int err;

    if (fd < 0)
        return -errno;
    err = enable(fd, SOL_SOCKET, SO_REUSEADDR);
    if (err == 0 && !is_first)
        err = enable(fd, SOL_SOCKET, SO_REUSEPORT);
    if (err == 0 && a->sa.any.sa_family == AF_INET6)
        err = set_v6_only(fd, !a->is_wildcard);
    if (err == 0 && bind(fd, &a->sa.any, a->len) < 0)
        err = -errno;
    if (err == 0)
        err = enable(fd, IPPROTO_TCP, TCP_NODELAY);
    if (err == 0) /* accepted sockets inherit it: a peer that is gone without a word is found */
        err = enable(fd, SOL_SOCKET, SO_KEEPALIVE);
    if (err == 0)
        err = wr_listener_bound_unsent(fd);
    if (err == 0)
        return fd;
    close(fd);
    return err;
}

static int start_listening(int fd)
{
    return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

static int read_port(int fd, struct wr_address *a)
{
    socklen_t len = sizeof a->sa;

    return getsockname(fd, &a->sa.any, &len) < 0 ? -errno : 0;
}

static void close_all(int n, const int fds[])
{
    for (int i = 0; i < n; i++)
        close(fds[i]);
}

static int open_all_tcp(struct wr_address *a, int n, int fds[])
{
    int opened = 0, err = 0;

    while (opened < n && err == 0) {
        int fd = open_tcp(a, opened == 0);

        if (fd < 0) {
            err = fd;
            break;
        }
        fds[opened++] = fd;
        if (opened == 1)
            err = read_port(fd, a);
    }
    /* Only when all are bound, so that no connection comes to a server that fails to start. */
    for (int i = 0; i < opened && err == 0; i++) {
        err = start_listening(fds[i]);
        /* Not before: two servers may both be bound by SO_REUSEADDR, but only one of them gets to
         * listen without SO_REUSEPORT. */
        if (err == 0 && i == 0)
            err = enable(fds[0], SOL_SOCKET, SO_REUSEPORT);
    }
    if (err < 0)
        close_all(opened, fds);
    return err;
}

/* Does a server answer on this path? Else what is there may be taken away. */
static bool is_live(const struct wr_address *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused;

    if (fd < 0)
        return true;
    refused = connect(fd, &a->sa.any, a->len) < 0 && errno == ECONNREFUSED;
    close(fd);
    return !refused;
}

static int bind_unix(int fd, const struct wr_address *a)
{
    struct stat st;

    /* The path gets the socket's permissions less the umask: never more than asked for. */
    if (a->unix_mode && fchmod(fd, a->unix_mode) < 0)
        return -errno;
    if (bind(fd, &a->sa.any, a->len) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -errno;
    if (lstat(a->sa.un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode) || is_live(a))
        return -EADDRINUSE;
    unlink(a->sa.un.sun_path);
    return bind(fd, &a->sa.any, a->len) < 0 ? -errno : 0;
}

/* Whose path it is: a successor may have bound it anew when it is to be removed. */
static void note_identity(struct wr_address *a)
{
    struct stat st;

    if (lstat(a->sa.un.sun_path, &st) == 0) {
        a->socket_dev = st.st_dev;
        a->socket_ino = st.st_ino;
    }
}

static int open_all_unix(struct wr_address *a, int n, int fds[])
{
    int opened = 1, err;
    bool is_bound;

    fds[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fds[0] < 0)
        return -errno;
    err = bind_unix(fds[0], a);
    is_bound = err == 0;
    if (is_bound)
        note_identity(a);
    /* Not through a link that somebody has put there since. */
    if (err == 0 && a->unix_mode &&
        fchmodat(AT_FDCWD, a->sa.un.sun_path, a->unix_mode, AT_SYMLINK_NOFOLLOW) < 0)
        err = -errno;
    if (err == 0)
        err = start_listening(fds[0]);
    while (opened < n && err == 0) {
        fds[opened] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
        if (fds[opened] < 0)
            err = -errno;
        else
            opened++;
    }
    if (err < 0 && is_bound)
        wr_listener_unlink(a);
    if (err < 0)
        close_all(opened, fds);
    return err;
}

int wr_listener_open(struct wr_address *address, int n, int fds[])
{
    int err;

    if (address->sa.any.sa_family == AF_UNIX)
        return open_all_unix(address, n, fds);
    err = open_all_tcp(address, n, fds);
    if (err == -EAFNOSUPPORT && address->is_wildcard) { /* a machine without IPv6 */
        in_port_t port = address->sa.v6.sin6_port;

        address->sa.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
        address->len = sizeof address->sa.v4;
        err = open_all_tcp(address, n, fds);
    }
    return err;
}

void wr_listener_close(int fd, bool is_shared)
{
    if (!is_shared)
        shutdown(fd, SHUT_RDWR);
    close(fd);
}

bool wr_listener_has_path(const struct wr_address *address)
{
    struct stat st;

    if (address->sa.any.sa_family != AF_UNIX)
        return true;
    if (lstat(address->sa.un.sun_path, &st) < 0)
        return errno != ENOENT && errno != ENOTDIR;
    return st.st_dev == address->socket_dev && st.st_ino == address->socket_ino;
}

void wr_listener_unlink(struct wr_address *address)
{
    struct stat st;

    if (address->sa.any.sa_family == AF_UNIX && lstat(address->sa.un.sun_path, &st) == 0 &&
        st.st_dev == address->socket_dev && st.st_ino == address->socket_ino)
        unlink(address->sa.un.sun_path);
    /* A file system gives the number of an inode that is gone to the next: a successor's path. */
    address->socket_dev = 0;
    address->socket_ino = 0;
}
