/*
 * addresses.h — how many connections each client address has, over all loops.
 *
 * One client is an IPv4 address, or the /64 network of an IPv6 one: that much is given to a single
 * customer or machine, who may use any address of it. Unix sockets have no address.
 *
 * A balanced tree (tsearch(3) of libc) and no hash table: clients choose their addresses, and no
 * choice makes it deeper than the logarithm of how many there are. An address is in it as long as a
 * connection of it is counted, so connections bound its memory.
 *
 * Threads: any; under a lock of its own.
 * Errors:  0 or -errno.
 */
#ifndef WR_SERVER_ADDRESSES_H
#define WR_SERVER_ADDRESSES_H

#include <pthread.h>
#include <stdbool.h>

#include "io/address.h"

struct wr_addresses {
    pthread_mutex_t lock;
    void *root; /* of the tree; under lock */
    size_t n;   /* addresses in it; under lock */
};

void wr_addresses_init(struct wr_addresses *a);
void wr_addresses_fini(struct wr_addresses *a); /* also when some are still counted */

/* False of a Unix socket. */
bool wr_addresses_has(const struct wr_peer *peer);

/* Counts one more. -EUSERS: it has `max` already (0: any number is right); -ENOMEM. */
int wr_addresses_add(struct wr_addresses *a, const struct wr_peer *peer, int64_t max);

/* One less, of those that were added. */
void wr_addresses_remove(struct wr_addresses *a, const struct wr_peer *peer);

#endif
