/*
 * listener.h — sockets that accept.
 *
 * Every loop has a TCP socket of its own on the address, by SO_REUSEPORT, so that loops share
 * nothing. SO_REUSEPORT would also let a second server start on the same port in silence and take
 * half of the traffic; so the first socket is bound and listens without it, which fails when
 * anybody else has the port, and only then is allowed to be joined. A unix socket is one, shared by
 * the loops.
 */
#ifndef WR_IO_LISTENER_H
#define WR_IO_LISTENER_H

#include "io/address.h"

/*
 * Bytes that a client has no room for, which the kernel takes from us and keeps: then it takes no more.
 * Else it would be as much as net.ipv4.tcp_wmem allows, 4 MB for each who does not read, and a few
 * hundred of those would have all the memory that it has for TCP.
 */
#define WR_UNSENT_MAX (512 * 1024)

/* Sets that for a socket, and for what is accepted from it. 0 or -errno. */
int wr_listener_bound_unsent(int fd);

/*
 * Opens `n` listening sockets on *address into fds: non-blocking, close-on-exec, TCP_NODELAY,
 * SO_KEEPALIVE and WR_UNSENT_MAX (which accepted sockets inherit). For a unix address fds[1..] are
 * duplicates of fds[0], and the path has the permissions address->unix_mode, never more. Port 0 is replaced in
 * *address by the one that was given. 0, or -errno with nothing left open and no path left behind;
 * -EADDRINUSE also when a live server answers on a unix path; a path that nobody answers on is taken
 * over.
 */
int wr_listener_open(struct wr_address *address, int n, int fds[]);

/* Closes one that was opened here. A TCP socket stops listening even when a child that the host has
 * forked holds it, too. `is_shared`: another descriptor of it is to listen on. */
void wr_listener_close(int fd, bool is_shared);

/* False: the path of a unix address that was bound here has been removed, or another has bound it;
 * nobody can connect any more. True also where that cannot be told, and of other addresses. */
bool wr_listener_has_path(const struct wr_address *address);

/* Removes the path of a unix address, unless another has bound it since; else, and when called once
 * more, does nothing. */
void wr_listener_unlink(struct wr_address *address);

#endif
