/*
 * app_body.h — a weir_body as the server's body: what an app returned, pulled by the protocol.
 *
 * Ownership: the body stays the environ's, which closes it at the end of the exchange; closing the
 *            server's body does nothing.
 */
#ifndef WR_APP_APP_BODY_H
#define WR_APP_APP_BODY_H

#include "app/environ.h"

/* The size of the file, of which `size` bytes from `offset` have been promised; below 0: they are not there,
 * which is a fault of `who`. Where the app runs, or when it is back. */
int64_t wr_app_body_check_file(struct wr_environ *e, const char *who, int fd, uint64_t offset,
                               uint64_t size);

/* Asks the iterable for its next piece that is not empty, where the app runs; sets e->pulled to
 * WEIR_CHUNK (its size may be 0 when too many empty ones came), END, AGAIN or FAIL. */
void wr_app_body_pull(struct wr_environ *e);

/* Readies e->out: what was written, then, once e->has_body says so, e->body, whose kind is EMPTY, MEMORY,
 * FILE or ITERABLE. */
void wr_app_body_open(struct wr_environ *e);

/* next had nothing, also before the head: whoever has more says so by weir_wake(), or by there being input;
 * meanwhile its heart beats, if it has one. On the loop. */
void wr_app_body_await(struct wr_environ *e);

/* Has it a heartbeat, that may still go before its next piece? And the next one is due in its time: what
 * the first looks at, a callback may be about to change, the second does not look at that. On the loop. */
bool wr_app_body_has_beat(const struct wr_environ *e);
void wr_app_body_set_beat(struct wr_environ *e);

/* A pull that was made elsewhere is there. On the loop. */
void wr_app_body_pulled(struct wr_environ *e);

/* Is there something to be closed behind it? */
static inline bool wr_app_body_wants_close(const weir_body *body)
{
    if (body->kind == WEIR_BODY_FILE)
        return body->flags & WEIR_CLOSE_FD;
    return (body->kind == WEIR_BODY_MEMORY || body->kind == WEIR_BODY_ITERABLE) && body->close;
}

/* The host table's, for bodies of any kind that an app has in hand. */
void wr_app_body_close_any(weir_environ *env, weir_body *body);
int32_t wr_app_body_next_any(weir_environ *env, weir_body *body, weir_chunk *chunk);

#endif
