/*
 * weir.h — what hides behind weir_server; private to the files of core/ itself, which together are
 * the composition root.
 *
 *     draft ─► bind ─► listenings ─┐
 *       └────► generation (a site) ┴─► start, reload ─► wr_server
 *
 *     weir.c        the public functions that note what is said
 *     running.c     those that bind, start, reload, stop
 *     generation.c  a site from what has been said by now: logs, pages, limits
 *     routes.c      its routes, each with its handler
 *     folder.c      what the configuration says of a folder, for the static server
 *     bindings.c    the addresses, as far as they are not bound already
 *     config_file.c reads a file
 *     outlet.c      log files, shared by the generations that write to them
 */
#ifndef WR_CORE_WEIR_H
#define WR_CORE_WEIR_H

#include <weir/server.h>

#include <pthread.h>

#include "app/image.h"
#include "config/options.h"
#include "handlers/static.h"
#include "io/log_writer.h"
#include "server/server.h"

#define WR_ADDRESSES_MAX 64
#define WR_ROUTES_MAX    256

/* ---- outlet.c ---- */

/* A descriptor or file that lines go to. Counted; the list has a lock of its own, since generations
 * end on threads of the server. */
struct wr_outlet {
    struct wr_outlet *next;
    char *path; /* NULL: a descriptor of the host's */
    struct wr_log_writer *writer;
    int refs; /* under lock */
};

struct wr_outlets {
    struct wr_outlet *first;
    pthread_mutex_t lock;
};

void wr_outlets_init(struct wr_outlets *outlets);
void wr_outlets_fini(struct wr_outlets *outlets);

/* Held by the caller. NULL with *err set to -errno. */
struct wr_outlet *wr_outlet_on(struct wr_outlets *outlets, int fd, int *err);
struct wr_outlet *wr_outlet_open(struct wr_outlets *outlets, const char *path, int *err);
struct wr_outlet *wr_outlet_ref(struct wr_outlets *outlets, struct wr_outlet *o);
void wr_outlet_unref(struct wr_outlets *outlets, struct wr_outlet *o); /* NULL is allowed */

/* Opens every file anew, and goes on after one that cannot be. 0, or -errno of the first. */
int wr_outlets_reopen(struct wr_outlets *outlets, struct wr_errors *errors);

/* ---- the server ---- */

/* A route as a call has asked for it. */
struct wr_mount_call {
    char *route, *folder, *file, *config; /* neither folder nor file: the plugin below */
    const weir_plugin *plugin;
    void *state;
};

/* Where lines go unless the configuration names a file. */
struct wr_log_call {
    weir_log_fn *write;               /* messages */
    weir_access_log_fn *write_access; /* requests */
    void *arg;
    int32_t level;
    struct wr_outlet *outlet; /* instead of a function; NULL: none */
};

enum wr_weir_state { WR_WEIR_IDLE, WR_WEIR_THREADS, WR_WEIR_STEPPING };

struct weir_server {
    /* what calls have said */
    char *folder;
    struct wr_options *folder_options; /* with one route; NULL: the defaults */
    struct wr_mount_call mounts[WR_ROUTES_MAX];
    int mounts_n;
    struct wr_address addresses[WR_ADDRESSES_MAX];
    int addresses_n;
    int given_fds[WR_ADDRESSES_MAX]; /* listening sockets of the host, duplicated */
    int given_n;
    struct wr_log_call log, access_log;

    /* what the configuration says */
    struct wr_options_source source; /* .text NULL: none; its strings are ours */
    struct wr_options_set *sets;     /* likewise */
    size_t sets_n;
    struct wr_options *options; /* of both; never NULL */

    /* what has come of it */
    struct wr_listenings listenings;
    struct wr_listenings closed; /* for the texts of their addresses */
    int loops;                   /* that these are for */
    struct wr_images images;
    struct wr_outlets outlets;

    enum wr_weir_state state;
    pthread_mutex_t control;   /* held while the server is reloaded or let go */
    pthread_mutex_t lock;      /* of what follows, for stop and adopt */
    struct wr_server *running; /* NULL: not started */
    int logging_n;             /* calls of weir_server_log() under way */
    pthread_cond_t has_logged; /* none is any more */
    bool is_beginning;         /* weir_server_run() has been called, and nothing runs yet: */
    int64_t early_stop_ms;     /* what a stop has asked for meanwhile; -1: none has */

    char *started_user;      /* what `user` was then; a reload does not change it */
    _Atomic int64_t stop_ms; /* of the configuration at work; -1: it does not run */

    struct wr_errors errors; /* of the last call that failed */
};

/* Where -errno becomes an error of the public interface. */
int32_t wr_public_error(int err);

/* Ends what runs, and closes what was bound. */
void wr_weir_let_go(struct weir_server *s);

/* All of a file, NUL-terminated, and the folder that it lies in, malloc'ed both. 0 or -errno;
 * -EFBIG: no configuration is as large. */
int wr_config_file_read(const char *path, char **text, size_t *n, char **folder);

/* ---- generation.c ---- */

/* What the calls have said, with a reference to its outlet for the caller. */
struct wr_log_call wr_log_call_copy(struct weir_server *s, const struct wr_log_call *from);

/* A message to where the calls have said. */
void wr_log_call_write(struct wr_log_call *to, enum wr_log_level level, const char *line);

/* A site from what has been said by now. `is_trial`: to see whether it can be made; opens no log.
 * NULL with *error set and errors added. */
struct wr_site *wr_generation_new(struct weir_server *s, bool is_trial, int32_t *error);

/* Adds the error of a server that has nothing to serve, and gives its number. */
int32_t wr_generation_empty(struct weir_server *s);

/* ---- folder.c ---- */

/* What the layer of the configuration cannot tell of a route of `options`: whether its patterns are
 * any. false with errors added. */
bool wr_folder_check(const struct wr_options *options, const struct wr_route_options *o,
                     struct wr_errors *errors);

/* `o` as the static server takes it: lists lie in the arena, texts are those of `o`. 0 or -ENOMEM. */
int wr_folder_setup(struct wr_arena *arena, const char *folder, const struct wr_route_options *o,
                    struct wr_static_setup *out);

/* ---- bindings.c ---- */

/* Something has been said about where to listen. 0, or an error with `errors` added. */
int32_t wr_bindings_check(struct weir_server *s);

/*
 * The listenings for what has been said by now, those of s->listenings among them that are still
 * wanted. 0, or an error with `errors` added and *out empty.
 */
int32_t wr_bindings_make(struct weir_server *s, struct wr_listenings *out);

/* They take the place of s->listenings: those that are not among them are closed, with their paths. */
void wr_bindings_take(struct weir_server *s, struct wr_listenings *listenings);

/* Closes those that are not in s->listenings. */
void wr_bindings_drop(struct weir_server *s, struct wr_listenings *listenings);

void wr_bindings_close(struct weir_server *s);

/* Frees what was closed. */
void wr_bindings_forget(struct weir_server *s);

#endif
