/*
 * proto.h — what a protocol is to a connection: it turns bytes into exchanges and back.
 *
 * The connection owns transport, deadline and the current protocol; upgrade and ALPN replace
 * conn->proto. Every call is made on the loop thread and may close the connection.
 */
#ifndef WR_SERVER_PROTO_H
#define WR_SERVER_PROTO_H

#include <stdint.h>

struct wr_conn;

/* What closing a connection would lose; the less comes first. */
enum wr_in_flight {
    WR_IN_FLIGHT_NOTHING, /* between requests, or there was none yet */
    WR_IN_FLIGHT_HEAD, /* nothing but a request that cannot be answered yet: its head is not whole */
    WR_IN_FLIGHT_STALLED, /* a request whose client lets it wait: for content, or to take the answer */
    WR_IN_FLIGHT_REQUEST /* one that is being answered, or an answer that is not sent */
};

struct wr_proto_ops {
    const char *name; /* also its ALPN id */

    /* It is spoken from now on; NULL: nothing to be done. 0 or -errno. */
    int (*open)(struct wr_conn *c);

    /* EPOLL* bits, as edges: what was not used up will not be said again. */
    void (*on_io)(struct wr_conn *c, uint32_t events);

    /* The deadline that was set last has passed. */
    void (*on_deadline)(struct wr_conn *c);

    /* Finish what is in flight and close; at once when nothing is. */
    void (*drain)(struct wr_conn *c);

    /* What is in flight, and unless it is a request, since when (the loop's time): so that it is known
     * who may make room for others. Changes nothing. One with many streams says what is true of the one
     * that has come furthest. */
    enum wr_in_flight (*in_flight)(const struct wr_conn *c, int64_t *since_ms);

    /* Frees c->proto_data, if there is any; its exchanges end. */
    void (*close)(struct wr_conn *c);
};

extern const struct wr_proto_ops wr_proto_h1;

#endif
