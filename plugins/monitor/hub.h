/*
 * hub.h — events that come from any thread, and go to every loop.
 *
 * The hub has a bounded history of numbered events. Who publishes puts one there, has each loop
 * told (weir_loop_post), and resumes the requests that wait for the next one (weir_resume). Whoever
 * is told takes from the history what is behind its own place: so all see the same events in the
 * same order, nobody has a queue of its own, and one that is slow costs nothing and misses what is
 * too old.
 *
 * Ownership: the route's, from load to unload. Loops and waiters are their owners', and taken out
 * by them. Threads:   any, but for what says "of the loop": that is its thread's alone.
 */
#ifndef MONITOR_HUB_H
#define MONITOR_HUB_H

#include <weir/app.h>

#include <pthread.h>

#define HISTORY    128
#define EVENT_SIZE 400 /* bytes of an event's text */

struct event {
    uint64_t number;
    const char *kind; /* a literal */
    size_t n;
    char text[EVENT_SIZE];
};

/* What a loop has of it: the state of that loop. */
struct loop_part {
    struct loop_part *next; /* of the hub */
    struct hub *hub;
    weir_loop *loop;
    int is_told;                          /* a post is under way. Under the hub's lock */
    struct stream *first;                 /* of the loop */
    void (*wake)(struct loop_part *part); /* on the loop, when there is more */
};

/* A request that waits for the next event. */
struct waiter {
    struct waiter *next, **link; /* of the hub; link is NULL: it is not there */
    uint64_t token;
};

struct hub {
    const weir_host *host;
    pthread_mutex_t lock;
    uint64_t base, last; /* numbers: the one before the first event ever, and that of the latest */
    struct event events[HISTORY]; /* event i is at i % HISTORY */
    struct loop_part *loops;
    struct waiter *waiters;
    weir_event_fn *on_next; /* with which waiters are resumed, and themselves */
};

/* 0, or an errno number. */
int hub_init(struct hub *h, const weir_host *host, weir_event_fn *on_next);
void hub_fini(struct hub *h);

/* The number of the event; at most EVENT_SIZE bytes are taken. */
uint64_t hub_publish(struct hub *h, const char *kind, const char *text, size_t n);

/* The number of the latest event. */
uint64_t hub_last(struct hub *h);

/* The first event behind `number` that is still there. 1; 0: there is none yet. */
int hub_take(struct hub *h, uint64_t number, struct event *out);

/* Where to go on for a client that says it had `id`; NULL or none of ours: behind the latest. */
uint64_t hub_place_of(struct hub *h, const char *id);

/* In loop_start and loop_stop. */
void hub_add_loop(struct hub *h, struct loop_part *part);
void hub_remove_loop(struct hub *h, struct loop_part *part);

/* Waits, once, for an event behind `number`. 1; 0: there is one by now, and it was not added. */
int hub_wait(struct hub *h, struct waiter *w, uint64_t number);
void hub_forget(struct hub *h, struct waiter *w);

#endif
