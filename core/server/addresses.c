#include "server/addresses.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define NETWORK_BYTES 8 /* of an IPv6 address: a /64 */

struct client {
    unsigned char key[16]; /* an IPv4 address as ::ffff:a.b.c.d, a network with zeros behind it */
    int64_t conns;
};

/* No /64 has the key of an IPv4 address: that has ff in its second half. */
static struct client entry_of(const struct wr_peer *peer)
{
    struct client e = {.conns = 1};

    if (peer->family == AF_INET) {
        e.key[10] = e.key[11] = 0xff;
        memcpy(e.key + 12, peer->ip, 4);
    } else {
        memcpy(e.key, peer->ip, NETWORK_BYTES);
    }
    return e;
}

static int compare(const void *a, const void *b)
{
    return memcmp(((const struct client *)a)->key, ((const struct client *)b)->key, 16);
}

void wr_addresses_init(struct wr_addresses *a)
{
    pthread_mutex_init(&a->lock, NULL);
    a->root = NULL;
    a->n = 0;
}

void wr_addresses_fini(struct wr_addresses *a)
{
    tdestroy(a->root, free);
    pthread_mutex_destroy(&a->lock);
}

bool wr_addresses_has(const struct wr_peer *peer)
{
    return peer->family == AF_INET || peer->family == AF_INET6;
}

static int insert(struct wr_addresses *a, const struct client *e)
{
    struct client *copy = malloc(sizeof *copy);

    if (!copy)
        return -ENOMEM;
    *copy = *e;
    if (!tsearch(copy, &a->root, compare)) {
        free(copy);
        return -ENOMEM;
    }
    a->n++;
    return 0;
}

/* Under lock; NULL: nothing of it is counted. */
static struct client *find(const struct wr_addresses *a, const struct client *e)
{
    void *node = tfind(e, &a->root, compare);

    return node ? *(struct client **)node : NULL;
}

int wr_addresses_add(struct wr_addresses *a, const struct wr_peer *peer, int64_t max)
{
    const struct client e = entry_of(peer);
    struct client *found;
    int err = 0;

    pthread_mutex_lock(&a->lock);
    found = find(a, &e);
    if (!found)
        err = insert(a, &e);
    else if (max > 0 && found->conns >= max)
        err = -EUSERS;
    else
        found->conns++;
    pthread_mutex_unlock(&a->lock);
    return err;
}

void wr_addresses_remove(struct wr_addresses *a, const struct wr_peer *peer)
{
    const struct client e = entry_of(peer);
    struct client *found;

    pthread_mutex_lock(&a->lock);
    found = find(a, &e);
    assert(found);
    if (found && --found->conns == 0) {
        tdelete(found, &a->root, compare);
        free(found);
        a->n--;
    }
    pthread_mutex_unlock(&a->lock);
}
