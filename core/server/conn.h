/*
 * conn.h — one connection: its transport, its deadline and the protocol spoken on it.
 *
 *     accept ─► HANDSHAKE ─► OPEN ─► LINGER ─► CLOSED ─► freed by the loop after the batch
 *               (plain: skip)  │     half-closed: read and drop for linger_ms (RFC 9112 9.6)
 *               └── error, deadline, peer gone: ────► CLOSED
 *
 * Draining (the server stops) is a wish on top of these: the protocol finishes what is in flight.
 *
 * Ownership: the worker's list; wr_conn_close() closes the transport at once, the memory goes when
 *            the loop's batch is done, so that callers up the stack may look at c->state.
 * Threads:   a conn and its exchanges belong to one loop thread; any other thread may only post to
 *            that loop.
 */
#ifndef WR_SERVER_CONN_H
#define WR_SERVER_CONN_H

#include "io/address.h"
#include "io/loop.h"
#include "io/transport.h"
#include "server/proto.h"

struct wr_site;
struct wr_worker;

enum wr_conn_state {
    WR_CONN_HANDSHAKE,
    WR_CONN_OPEN,
    WR_CONN_LINGER,
    WR_CONN_CLOSED,
    WR_CONN_STATES
};

struct wr_conn {
    struct wr_source source;
    struct wr_timer timer;
    struct wr_list link; /* in the worker's list */
    struct wr_worker *worker;
    struct wr_transport *transport;
    const struct wr_proto_ops *proto;
    void *proto_data; /* NULL: between requests, as the protocol sees fit */
    struct wr_task free_task;
    int64_t since_ms; /* when it came to its state or, open, fell idle for the last time */
    struct wr_peer peer;
    uint8_t state; /* enum wr_conn_state */
    bool is_draining;
    bool had_request; /* the first byte of one at least */
    bool is_counted;  /* in the worker's addresses */
};

/*
 * Takes the transport, also on failure. `fd` is what the loop watches, -1 in tests that call
 * wr_conn_on_io() themselves. Reads at once, since the first request is mostly there; a connection
 * that is answered and closed in that first read never meets epoll. 0 or -errno; -EUSERS: its address
 * has as many as it may, and it was reset.
 */
int wr_conn_open(struct wr_worker *w, struct wr_transport *t, int fd, const struct wr_peer *peer);

/* Events of the transport, as EPOLL* bits. */
void wr_conn_on_io(struct wr_conn *c, uint32_t events);

/* The protocol's one deadline: its on_deadline() is called when the loop's clock is there. Pushing it
 * away costs a store. */
void wr_conn_set_deadline(struct wr_conn *c, int64_t due_ms);

/* The deadline that is set comes after `ms` at the latest. */
void wr_conn_shorten_deadline(struct wr_conn *c, int64_t ms);

/* Closes at once. Harmless when it is closed. */
void wr_conn_close(struct wr_conn *c);

/*
 * Half-closes and drops what still comes until the peer has closed or linger_ms have passed:
 * closing with unread bytes would reset the connection, and the client would lose its answer.
 */
void wr_conn_linger(struct wr_conn *c);

/* Finish what is in flight, then close. */
void wr_conn_drain(struct wr_conn *c);

#endif
