/*
 * config.h — the limits and times of a site.
 *
 * Every value has a default that is right for a server on the open internet. 0 is the default only
 * where no number fits all: those who are served by one address may be a campus, and a download
 * takes as long as it takes.
 */
#ifndef WR_SERVER_CONFIG_H
#define WR_SERVER_CONFIG_H

#include <stdint.h>

struct wr_config {
    uint32_t head_bytes_max;    /* of a request, or 431 */
    uint32_t target_bytes_max;  /* of a request, or 414; RFC 9112 3 recommends 8000 at least */
    uint32_t field_bytes_max;   /* of one field line without its end, or 431 */
    uint16_t fields_max;        /* of a request, or 431; at most WR_FIELDS_LIMIT */
    uint64_t body_bytes_max;    /* of a request, or 413 */
    uint64_t discard_bytes_max; /* of a body nobody read, before the connection is given up */
    uint64_t arena_bytes_max;   /* memory that one request may allocate, or 503 */
    uint64_t app_queue_bytes;   /* that an app has written ahead of its client */
    uint32_t pipelined_max;     /* requests of one connection in one turn */

    /* Of clients that are waited for, on average over the time without a byte; 0: any. */
    int64_t body_rate_min;  /* bytes a second of content, or 408 */
    int64_t write_rate_min; /* bytes a second of the answer, or the connection is closed */

    int64_t connections_max;             /* on all loops; 0: as descriptors allow */
    int64_t connections_per_address_max; /* 0: any number */

    int64_t handshake_ms;
    int64_t head_ms;       /* from the first byte of a request to the end of its head, or 408;
                              as long for the first byte on a new connection */
    int64_t body_idle_ms;  /* without a byte of content, or 408 */
    int64_t keep_alive_ms; /* without a request */
    int64_t write_idle_ms; /* without the client taking a byte */
    int64_t request_ms;    /* from the first byte of a request to the last of its answer; 0: any */
    int64_t linger_ms;     /* for the client to take its answer when a connection is given up */
};

#define WR_FIELDS_LIMIT 100
#define WR_FIELDS_USUAL 24 /* few requests of browsers have more */

extern const struct wr_config wr_config_default;

#endif
