#include "server/listening.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/listener.h"
#include "server/handler.h"

static struct wr_listening *alloc(int loops)
{
    struct wr_listening *l =
        calloc(1, sizeof(struct wr_listening) + (size_t)loops * sizeof(struct wr_acceptor));

    if (!l)
        return NULL;
    l->n = loops;
    for (int i = 0; i < loops; i++)
        l->acceptors[i].fd = -1;
    return l;
}

static void set_sockets(struct wr_listening *l, const int fds[])
{
    for (int i = 0; i < l->n; i++) {
        l->acceptors[i].fd = fds[i];
        l->acceptors[i].port = wr_address_port(&l->address);
        l->acceptors[i].is_shared = l->is_adopted || l->address.sa.any.sa_family == AF_UNIX;
    }
}

struct wr_listening *wr_listening_open(const struct wr_address *wanted, int loops, char *why,
                                       int *err)
{
    struct wr_listening *l = alloc(loops);
    int *fds = calloc((size_t)loops, sizeof *fds);
    char text[WR_ADDRESS_TEXT_MAX];

    *err = -ENOMEM;
    if (l && fds) {
        l->wanted = l->address = *wanted;
        *err = wr_listener_open(&l->address, loops, fds);
    }
    if (*err == 0) {
        wr_address_format(&l->address, l->text);
        set_sockets(l, fds);
    } else {
        snprintf(why, WR_WHY_MAX, "cannot listen on %s: %s", wr_address_format(wanted, text),
                 strerrordesc_np(-*err));
        free(l);
        l = NULL;
    }
    free(fds);
    return l;
}

/* ---- sockets from elsewhere ---- */

static int option_of(int fd, int option)
{
    int value = 0;
    socklen_t len = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -errno : value;
}

/* NULL: it can be adopted. */
static const char *fault_of(int fd)
{
    int type = option_of(fd, SO_TYPE), domain = option_of(fd, SO_DOMAIN);

    if (type == -ENOTSOCK)
        return "it is not a socket";
    if (type < 0 || domain < 0)
        return strerrordesc_np(type < 0 ? -type : -domain);
    if (type != SOCK_STREAM || (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX))
        return "it is not a TCP or Unix stream socket";
    return option_of(fd, SO_ACCEPTCONN) == 1 ? NULL : "it does not listen";
}

static int read_address(int fd, struct wr_address *a)
{
    int v6_only = 1;
    socklen_t len = sizeof v6_only;

    *a = (struct wr_address){.len = sizeof a->sa};
    if (getsockname(fd, &a->sa.any, &a->len) < 0)
        return -errno;
    if (a->len > sizeof a->sa.un) /* unix(7): it counts a NUL for which there was no room */
        a->len = sizeof a->sa.un;
    if (a->sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->sa.v6.sin6_addr) &&
        getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &len) == 0)
        a->is_wildcard = !v6_only;
    return 0;
}

/* What accepted sockets inherit, and what accepting wants. */
static int ready_socket(int fd, const struct wr_address *a)
{
    const int on = 1;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    if (a->sa.any.sa_family == AF_UNIX)
        return 0;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0)
        return -errno;
    return wr_listener_bound_unsent(fd);
}

static int duplicate(int fd, struct wr_listening *l)
{
    int *fds = calloc((size_t)l->n, sizeof *fds);
    int made = 0, err = fds ? 0 : -ENOMEM;

    while (made < l->n && err == 0) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

        if (copy < 0)
            err = -errno;
        else
            fds[made++] = copy;
    }
    if (err == 0)
        set_sockets(l, fds);
    for (int i = 0; i < made && err < 0; i++)
        close(fds[i]);
    free(fds);
    return err;
}

struct wr_listening *wr_listening_adopt(int fd, int loops, char *why, int *err)
{
    const char *fault = fault_of(fd);
    struct wr_listening *l = fault ? NULL : alloc(loops);

    *err = fault ? -EINVAL : -ENOMEM;
    if (l) {
        l->is_adopted = true;
        *err = read_address(fd, &l->address);
        l->wanted = l->address;
        if (*err == 0)
            wr_address_format(&l->address, l->text);
    }
    if (l && *err == 0)
        *err = ready_socket(fd, &l->address);
    if (l && *err == 0)
        *err = duplicate(fd, l);
    if (*err == 0)
        return l;
    snprintf(why, WR_WHY_MAX, "cannot listen on descriptor %d: %s", fd,
             fault ? fault : strerrordesc_np(-*err));
    free(l);
    return NULL;
}

/* ---- the path of one that is bound ---- */

bool wr_listening_has_path(const struct wr_listening *l)
{
    return l->is_adopted || wr_listener_has_path(&l->address);
}

int wr_listening_set_mode(struct wr_listening *l, unsigned unix_mode)
{
    if (l->is_adopted || l->address.sa.any.sa_family != AF_UNIX || l->wanted.unix_mode == unix_mode)
        return 0;
    if (unix_mode == 0)
        return -ENOTSUP;
    if (chmod(l->address.sa.un.sun_path, unix_mode) < 0)
        return -errno;
    l->wanted.unix_mode = l->address.unix_mode = unix_mode;
    return 0;
}

/* ---- the end ---- */

void wr_listening_remove_path(struct wr_listening *l)
{
    if (!l->is_adopted)
        wr_listener_unlink(&l->address);
}

void wr_listening_close(struct wr_listening *l)
{
    for (int i = 0; i < l->n; i++) {
        struct wr_acceptor *a = &l->acceptors[i];

        if (a->fd >= 0)
            wr_listener_close(a->fd, a->is_shared);
        a->fd = -1;
    }
}

void wr_listening_free(struct wr_listening *l)
{
    if (l)
        wr_listening_close(l);
    free(l);
}
