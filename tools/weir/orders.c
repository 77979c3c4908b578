#include "orders.h"

#include <time.h>

void orders_give(struct orders *o, enum order order)
{
    pthread_mutex_lock(&o->lock);
    o->given |= (unsigned)order;
    pthread_cond_signal(&o->has_some);
    pthread_mutex_unlock(&o->lock);
}

unsigned orders_take(struct orders *o)
{
    unsigned taken;

    pthread_mutex_lock(&o->lock);
    while (o->given == 0)
        pthread_cond_wait(&o->has_some, &o->lock);
    taken = o->given;
    o->given = 0;
    pthread_mutex_unlock(&o->lock);
    return taken;
}

unsigned orders_take_within(struct orders *o, uint32_t ms)
{
    struct timespec end;
    unsigned taken;
    int err = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)(ms / 1000);
    pthread_mutex_lock(&o->lock);
    while (o->given == 0 && err == 0)
        err = pthread_cond_clockwait(&o->has_some, &o->lock, CLOCK_MONOTONIC, &end);
    taken = o->given;
    o->given = 0;
    pthread_mutex_unlock(&o->lock);
    return taken;
}
