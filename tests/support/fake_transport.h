/*
 * fake_transport.h — a connection without a socket: what the client sends is a script, what the
 * server sends is collected.
 *
 * Input comes in parts: a read gives bytes of one part, never of two. When all parts are read it
 * says -EAGAIN, or what was set as the end. Output goes into `out` as far as `room` reaches, at
 * most `write_max` bytes a call; without room it says -EAGAIN.
 *
 * Ownership: embedded in the test's struct. close() only notes that it happened, so that a test can
 * look at what is left; any call after it aborts.
 */
#ifndef WR_TESTS_FAKE_TRANSPORT_H
#define WR_TESTS_FAKE_TRANSPORT_H

#include "base/slice.h"
#include "io/transport.h"

#define FAKE_NO_LIMIT SIZE_MAX

struct fake_transport {
    struct wr_transport base;
    struct wr_transport_ops ops; /* its own, so that a test may take sendfile out */

    char *in;
    size_t in_n, in_at, in_cap;
    size_t *part_ends; /* offsets in `in` */
    size_t parts, part_at, parts_cap;
    bool is_eof;    /* read gives 0 when all parts were read */
    int read_error; /* -errno it gives instead; 0: none */

    char *out;
    size_t out_n, out_cap;
    size_t room;      /* bytes that are taken before -EAGAIN */
    size_t write_max; /* bytes of one call */
    size_t fail_at;   /* output that is taken before `write_error` */
    int write_error;

    int unacknowledged; /* bytes that the peer has not confirmed, or -errno */
    bool says_pending;  /* pending() says whether parts are left; else false */
    bool is_shut_down, is_reset, is_closed;
    bool is_corked;
    unsigned corks;                    /* how often it became that */
    unsigned reads, writes, sendfiles; /* calls, also those that gave -EAGAIN */
    unsigned reads_after_shutdown;
};

void fake_transport_init(struct fake_transport *t);
void fake_transport_fini(struct fake_transport *t);

/* Appends a part; an empty one is dropped. */
void fake_transport_put(struct fake_transport *t, struct wr_slice part);

/* Appends to the last part if it is not read yet, as a socket's buffer does; else a new part. */
void fake_transport_arrive(struct fake_transport *t, struct wr_slice bytes);

bool fake_transport_has_input(const struct fake_transport *t);

struct wr_slice fake_transport_output(const struct fake_transport *t);

#endif
