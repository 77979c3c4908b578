/*
 * hints.h — "weir.early-hints/1": 103 ahead of an answer. RFC 8297.
 *
 * On the loop of the exchange they are sent at once. Elsewhere they are queued and posted, in the order
 * in which the app has sent them, and the head of the answer never goes before one of them.
 *
 * Ownership: a queued one is malloc'ed, and freed when it is sent or the exchange has ended; it is posted
 *            inside of a call of the app, so the loop has it before that call is known to be done.
 * Threads:   send where the app runs, flush on the loop of the exchange.
 * Errors:    as trailers.h.
 */
#ifndef WR_APP_HINTS_H
#define WR_APP_HINTS_H

#include "app/environ.h"

extern const weir_early_hints_table wr_hints_table;

/* Sends what is queued, or drops it when nobody is there any more. */
void wr_hints_flush(struct wr_environ *e);

#endif
