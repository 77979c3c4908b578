/*
 * signals.h — the signals of the program, by sigwait in its first thread.
 */
#ifndef WEIR_TOOLS_SIGNALS_H
#define WEIR_TOOLS_SIGNALS_H

#include "orders.h"

/* Blocks what signals_obey() waits for; ignores SIGPIPE. Call it before there are threads. */
void signals_block(void);

/* Turns signals into orders, until signals_end_obeying(). Does not return from a second order to
 * stop: that ends the process at once, as the signal would. */
void signals_obey(struct orders *orders);

/* Makes signals_obey() return, which runs in thread `obeying`. Once, from another thread. */
void signals_end_obeying(pthread_t obeying);

#endif
