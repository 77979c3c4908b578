/*
 * dispatch.h — from a request to the handler that answers it.
 */
#ifndef WR_SERVER_DISPATCH_H
#define WR_SERVER_DISPATCH_H

#include "server/exchange.h"

/* Sends `x` to its handler; what no handler can answer (OPTIONS *, CONNECT) is answered here. */
void wr_dispatch(struct wr_exchange *x);

/* The handler that has `x` declines: the next route that matches has it, or the client gets a 404.
 * The response must be empty. */
void wr_dispatch_next(struct wr_exchange *x);

#endif
