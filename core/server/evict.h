/*
 * evict.h — which connections make room for new ones when no more may be open.
 *
 * Those go that lose nothing by it: first the ones between two requests, without a first request, or
 * lingering behind an answer that has arrived; then those whose head, or handshake, is not complete.
 * Of each kind those that are so for longest; none that is so for less than a second, so that who has
 * just connected has his chance. When there are none of these, those whose request waits for its
 * client, for content or to take the answer, and has done so for five seconds more than its bytes are
 * worth at the least rate: such a client cannot be told from one that only holds its place. Never one
 * whose request is being answered.
 *
 * How long a connection has been idle a protocol knows anyway, for its deadline: no list is kept in
 * order, so a request costs nothing, and room is found by a look at every connection of the loop. Many
 * are closed after one look, so that a flood does not cost one for each of its connections.
 *
 * Threads: the worker's.
 */
#ifndef WR_SERVER_EVICT_H
#define WR_SERVER_EVICT_H

#include <stddef.h>

struct wr_worker;

#define WR_EVICT_AGE_MS     1000
#define WR_EVICT_STALLED_MS 5000
#define WR_EVICT_MAX        128 /* of one look */

/* How many a look should close when `needed` have to go: a share of all, or those. */
size_t wr_evict_share(const struct wr_worker *w, size_t needed);

/* Closes at most `most` of this worker's connections; how many are gone. Each is read from once more
 * before, so fewer may be than were idle. Between events. */
size_t wr_evict(struct wr_worker *w, size_t most);

#endif
