/*
 * trailers.h — "weir.trailers/1": fields behind the content, of a request and of an answer.
 *
 *     app: add ─► loop: announce, with the head ─► app: add ─► loop: close, when the body has ended
 *
 * Names that were added before something was sent are in the field Trailer; from then on the loop and
 * the app look at different members.
 *
 * Ownership: all lies in the arena of the exchange, which is the app's to use.
 * Threads:   add and each where the app runs, announce and close on the loop of the exchange.
 * Errors:    a field that is wrong is a fault of the app, as in start_response; one that comes too late
 *            is WEIR_ESTATE and harms nothing. Source: RFC 9110 6.5.
 */
#ifndef WR_APP_TRAILERS_H
#define WR_APP_TRAILERS_H

#include "app/environ.h"

extern const weir_trailers wr_trailers_table;

/* The head goes out: says in x->response what may come behind the body. */
void wr_trailers_announce(struct wr_environ *e);

/* The body has ended: gives them to x->response. */
void wr_trailers_close(struct wr_environ *e);

#endif
