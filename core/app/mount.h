/*
 * mount.h — a plugin at a route: the handler that calls an app and turns what it says into a
 * response.
 *
 *     serve ─► gather ─► call ─► conclude ─► page, memory, file, iterable; decline ─► next route
 *                                    ▲             later ─► events ─► go on ─┐
 *                                    └──────────────────────────────────────┘
 *
 *     gather    the content, with body_buffer_max alone
 *     call      on the loop, or by remote.h in a thread or on the home loop
 *     conclude  an iterable is pulled once before: the head goes out with its first piece
 *     events    callbacks, bytes that were written, an answer that was given later: events.h
 *
 * mount.c is its life and that of a request, conclude.c what follows from what the app said.
 *
 * Ownership: the router owns it; it owns configuration, pool, states and its part of the image.
 * Threads:   made, started, stopped and freed by the thread of the server; serves on every loop.
 */
#ifndef WR_APP_MOUNT_H
#define WR_APP_MOUNT_H

#include "app/builtin.h"
#include "app/environ.h"
#include "app/in_coroutine.h"
#include "app/json_place.h"
#include "io/pool.h"

struct wr_image;
struct wr_lint;
struct wr_plugin_config;

struct wr_mount {
    struct wr_handler base;
    weir_host host; /* the plugin's table: how calls without an environ find their way here */
    weir_plugin plugin;
    struct wr_image *image; /* NULL: the plugin is part of the program */
    struct wr_lint *lint;   /* the checker in between; NULL: none */
    char *route;            /* as it was written */
    char *document_root;    /* NULL: no folder is served */
    struct wr_plugin_config *config;
    const struct wr_log *log;
    void *state;
    bool is_loaded; /* unload is to follow */
    bool is_direct; /* an app that each loop calls at once, and no checker in between */
    struct wr_app_loop *loops;
    int loops_n;
    struct wr_field_memory **memories; /* of answers given on each loop; NULL: none yet */
    int threads;
    size_t queue_max;
    struct wr_pool *pool;    /* of an app that runs in threads */
    struct wr_pool *offload; /* of others, for weir_offload(): its threads begin when needed */
    struct wr_in_coroutine in_coroutine;
    struct wr_worker *home; /* of a serial app on the loop: where all its calls are made */
    atomic_llong full_at_s; /* when the queue was full last, for the log */
};

/* Where an app runs: as its plugin says, or as the configuration does. */
enum wr_mount_runs {
    WR_MOUNT_AS_PLUGIN,
    WR_MOUNT_ON_LOOP,
    WR_MOUNT_IN_THREAD,
    WR_MOUNT_IN_COROUTINE
};

struct wr_mount_setup {
    const weir_plugin *plugin;
    struct wr_image *image; /* taken, also on failure; NULL: none */
    const char *route;
    const char *config; /* JSON; NULL: none */
    const char *config_label;
    struct wr_json_place config_origin; /* with the next, as in app/plugin_config.h */
    const char *config_pointer;
    const char *document_root; /* NULL: none */
    void *state;               /* what *state has when load is called */
    const struct wr_log *log;  /* outlives the mount */
    enum wr_mount_runs runs;
    int threads;
    size_t queue_max;
    int coroutines;     /* at once, on all loops */
    size_t stack_bytes; /* of each; 0: as the plugin says */
    bool lint;          /* it is checked while it runs */
};

/* Loads the plugin. NULL with `why`, of WR_WHY_MAX bytes, filled and *err set to a WEIR_E* number.
 */
struct wr_handler *wr_mount_new(const struct wr_mount_setup *setup, char *why, int32_t *err);

/* ---- for the other files of this layer ---- */

/* The host table (host.c). */
extern const weir_host wr_host_table;

static inline struct wr_mount *wr_mount_of_host(const weir_host *host)
{
    /* The table is a member of the mount, which is not const. NOLINTNEXTLINE */
    return (struct wr_mount *)(uintptr_t)((const char *)host - offsetof(struct wr_mount, host));
}

/* May two of its calls be made at once? */
bool wr_mount_is_concurrent(const struct wr_mount *m);

/* A line that begins with plugin, route and request; and, for faults, with what was asked. */
void wr_mount_log(struct wr_environ *e, int32_t level, bool is_fault, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

/* Calls the app, and its body once where that decides about the head. Where the app runs; so too
 * the next, for a body that it gives later. */
void wr_mount_call(struct wr_environ *e);
void wr_mount_take_body(struct wr_environ *e);

/* The app has returned, or its body is there: answers, or waits for it. On the loop of the
 * exchange, as all that follows. May end the request. */
void wr_mount_conclude(struct wr_environ *e);

/* The app or a callback has done something, or more is there to be done. May end the request. */
void wr_mount_go_on(struct wr_environ *e, bool is_woken);

/* Begins the response with what was written, while the app runs on. */
void wr_mount_respond_early(struct wr_environ *e);

/* With a heartbeat, since the body has nothing yet. */
void wr_mount_begin_awaiting(struct wr_environ *e);

/* With the server's own page. */
void wr_mount_respond_page(struct wr_environ *e, int status);

/* Will no content be sent, whatever the body has? Once the status is known. */
bool wr_mount_is_unread(const struct wr_environ *e);

/* Both, where the app runs on the loop of the exchange and is the first one. May end the request. */
void wr_mount_run(struct wr_environ *e);

/* The content is there: calls the app. */
void wr_mount_serve_gathered(struct wr_environ *e);

/* What the app wants to be called at the end, where it runs: close and deferred functions. */
bool wr_mount_has_end(const struct wr_environ *e);
void wr_mount_end(struct wr_environ *e);

/* Ends this environ and those behind it, when the exchange has ended. On the loop; NULL: none. */
void wr_mount_end_chain(struct wr_environ *e);

/* The same, when a thread that wrote for it is done. */
void wr_mount_end_waited(struct wr_environ *e);

#endif
