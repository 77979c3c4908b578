/*
 * transport.h — how bytes of one connection travel: plain sockets now, TLS and a fake in tests.
 *
 * Threads: loop thread of the connection.
 * Errors:  a count, or -errno; -EAGAIN means: wait for the events of read_wants or write_wants.
 */
#ifndef WR_IO_TRANSPORT_H
#define WR_IO_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct wr_transport {
    const struct wr_transport_ops *ops;
    uint32_t read_wants;  /* EPOLL* bits after which a read may go on: with TLS, to write */
    uint32_t write_wants; /* the same of a write */
};

struct wr_transport_ops {
    /* 0 when bytes may flow; called again after -EAGAIN. NULL: nothing to do before that. */
    int (*handshake)(struct wr_transport *t);

    /* 0 at the end of what the peer sends. */
    ssize_t (*read)(struct wr_transport *t, void *dst, size_t cap);

    /* `more`: further bytes follow at once, do not send a short segment for these. */
    ssize_t (*write)(struct wr_transport *t, const void *p, size_t n, bool more);
    ssize_t (*writev)(struct wr_transport *t, const struct iovec *v, int n, bool more);

    /* From `fd` at *off, which it advances; 0 when the file ends there. NULL: read and write. */
    ssize_t (*sendfile)(struct wr_transport *t, int fd, off_t *off, size_t n);

    /* For much that is sent in several calls: what does not fill a segment waits for more of it, until
     * that is said to be over, or for a fifth of a second. NULL: it would save nothing. */
    void (*cork)(struct wr_transport *t, bool on);

    /* Bytes are buffered inside that no event will announce. NULL: never. */
    bool (*pending)(const struct wr_transport *t);

    /* Bytes that were sent and that the peer has not acknowledged, or -errno when unknown. */
    int (*unacknowledged)(const struct wr_transport *t);

    /* Says that no more will be sent. */
    int (*shutdown)(struct wr_transport *t);

    /* Has the close that follows tell the peer that something went wrong, where it can. */
    void (*reset)(struct wr_transport *t);

    /* Frees the transport and closes its descriptor. */
    void (*close)(struct wr_transport *t);
};

/*
 * Over a connected stream socket, which it owns from then on; NULL (and the socket still the
 * caller's) when memory has run out. The socket is non-blocking.
 *
 * A write to a connection that the peer has reset raises SIGPIPE in one place: sendfile(2) has no
 * MSG_NOSIGNAL. Threads that drive a transport block the signal (io/thread.h, server/server.c).
 */
struct wr_transport *wr_transport_tcp_new(int fd);

#endif
