/*
 * orders.h — what the thread that hears signals wants of the one that has the server.
 *
 * Plugins load, and the server drains, for as long as they like; the thread of the signals waits
 * for none of it, so that a second Ctrl-C always ends the program.
 *
 * Threads: any.
 */
#ifndef WEIR_TOOLS_ORDERS_H
#define WEIR_TOOLS_ORDERS_H

#include <pthread.h>
#include <stdint.h>

enum order {
    ORDER_NONE = 0,
    ORDER_STOP = 1,   /* with grace */
    ORDER_RELOAD = 2, /* the configuration, plugins */
    ORDER_REOPEN = 4, /* log files */
    ORDER_ENDED = 8,  /* the server has ended */
};

struct orders {
    pthread_mutex_t lock;
    pthread_cond_t has_some;
    unsigned given; /* set of enum order; an order that waits already is not given twice */
};

#define ORDERS_INIT                                                                                \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                                     \
    }

void orders_give(struct orders *o, enum order order);

/* Waits for orders, and takes them all: a set. */
unsigned orders_take(struct orders *o);

/* The same, for so long, in whole seconds; 0: none have come. */
unsigned orders_take_within(struct orders *o, uint32_t ms);

#endif
