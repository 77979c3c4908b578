/*
 * events.h — what happens to a request between the calls of its app, and who is told of it.
 *
 * Whoever has news posts an event; the loop of the exchange collects them and calls back where the
 * app runs: at once on the loop, by a job elsewhere (remote.h). Then the request goes on: with an
 * answer that was given meanwhile, with bytes that were written, with the next piece.
 */
#ifndef WR_APP_EVENTS_H
#define WR_APP_EVENTS_H

#include "app/streaming.h"

enum wr_event {
    WR_EVENT_WAKE = 1,          /* weir_wake(): next has more */
    WR_EVENT_OUTPUT = 2,        /* bytes were written */
    WR_EVENT_FINISHED = 4,      /* weir_finish(), outside of a call */
    WR_EVENT_HINTS = 256,       /* early hints were given */
    WR_EVENT_SINK = 8,          /* weir_read_all() or weir_read_file() begins */
    WR_EVENT_INPUT = 16,        /* callbacks: on_input, */
    WR_EVENT_WRITABLE = 32,     /* on_writable, */
    WR_EVENT_READ_DONE = 64,    /* done of the sink, */
    WR_EVENT_HALF_CLOSED = 128, /* on_disconnect, */
    WR_EVENT_RESUMED = 512,     /* fn of weir_resume(), */
    WR_EVENT_WATCHED = 1024,    /* of a timer or a descriptor, */
    WR_EVENT_OFFLOADED = 2048   /* done of weir_offload() */
};

#define WR_EVENTS_CALLBACKS                                                                        \
    ((unsigned)(WR_EVENT_FINISHED | WR_EVENT_INPUT | WR_EVENT_WRITABLE | WR_EVENT_READ_DONE |      \
                WR_EVENT_HALF_CLOSED | WR_EVENT_RESUMED | WR_EVENT_WATCHED | WR_EVENT_OFFLOADED))

/* From a thread of the executor, or the loop. */
void wr_events_post(struct wr_environ *e, unsigned events);

/* Makes these callbacks, where the app runs. */
void wr_events_call(struct wr_environ *e, unsigned due);

/* The same on the loop, for an app that runs there, and goes on. May end the request. */
void wr_events_call_here(struct wr_environ *e, unsigned due, bool is_woken);

/* The request has failed by a call of its plugin: when that is in a callback of the loop, and
 * none of the request, nobody looks at it when it returns. */
void wr_events_tell_failed(struct wr_environ *e);

/* The host table's. */
int32_t wr_events_wake(weir_environ *env);
int32_t wr_events_finish(weir_environ *env, const weir_body *body);
int32_t wr_events_on_input(weir_environ *env, weir_event_fn *fn, void *arg,
                           weir_event_guard *guard);

#endif
