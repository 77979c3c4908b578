#include "orders.h"

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
