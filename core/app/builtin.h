/*
 * builtin.h — what the handlers of this server know beyond weir/app.h: their loop, with its time,
 * their route, the request as it came, fields that need no check and no copy, also as a block, what
 * the server has counted, threads that help, answers that come later, content that stays in memory and
 * bodies of mixed pieces.
 *
 * Threads: the loop of the request.
 */
#ifndef WR_APP_BUILTIN_H
#define WR_APP_BUILTIN_H

#include "app/environ.h"
#include "app/watch.h"
#include "base/branch.h"
#include "io/pool.h"

struct wr_coroutines;
struct wr_loop_posts;

/* What hides behind weir_loop. */
struct wr_app_loop {
    weir_loop base; /* first */
    struct wr_worker *worker;
    int count;                        /* loops of this server */
    void *state;                      /* of loop_start */
    bool has_started;                 /* loop_stop is to follow */
    struct wr_watches watches;        /* of the loop, and no request */
    struct wr_loop_posts *posts;      /* of weir_loop_post() */
    struct wr_coroutines *coroutines; /* NULL: none was needed yet */
};

static inline struct wr_app_loop *wr_app_loop_of(weir_loop *loop)
{
    return WR_CONTAINER_OF(loop, struct wr_app_loop, base);
}

/* weir_loop_state() of an app that every loop calls for itself and none checks. */
void *wr_builtin_loop_state(weir_environ *env);

/* Does the request have this field? Most have few, and asking costs nothing. */
static inline bool wr_builtin_has_field(weir_environ *env, enum wr_field_id id)
{
    return (wr_environ_of(env)->x->request.fields.present & wr_fields_bit(id)) != 0;
}

/* Has nobody made a value of the environ? Then it is the request's, and what follows needs no key. */
static inline bool wr_builtin_is_as_it_came(weir_environ *env)
{
    return !wr_environ_of(env)->values;
}

/* PATH_INFO of a request that is as it came; no NUL need follow. */
static inline struct wr_slice wr_builtin_path(weir_environ *env)
{
    const struct wr_environ *e = wr_environ_of(env);
    size_t route_n = e->route->path.n;

    return wr_slice_from(e->x->request.path, route_n > 1 ? route_n : 0); /* "/" is not cut off */
}

static inline enum wr_method wr_builtin_method(weir_environ *env)
{
    return wr_environ_of(env)->x->request.method;
}

/* weir_get_n() of a key. */
struct wr_slice wr_builtin_get(weir_environ *env, struct wr_slice key);

/* The same of HTTP_ with the name of the field: at once where there is one of it, as most have. */
static inline struct wr_slice wr_builtin_field(weir_environ *env, enum wr_field_id id,
                                               struct wr_slice key)
{
    const struct wr_fields *fields = &wr_environ_of(env)->x->request.fields;
    const struct wr_field *field = wr_fields_find(fields, id);

    if (wr_builtin_is_as_it_came(env)) {
        if (!field)
            return wr_slice(NULL, 0);
        if (!wr_fields_next(fields, field))
            return field->value;
    }
    return wr_builtin_get(env, key);
}

/* Is it mounted at its path alone? PATH_INFO does not tell: at the exact route of "/" it is "/". */
static inline bool wr_builtin_is_exact(weir_environ *env)
{
    return wr_environ_of(env)->route->is_exact;
}

/* As weir_header_add() after start_response, with a name and a value that are right as they are and
 * stay until the response is over. */
static inline void wr_builtin_add(weir_environ *env, struct wr_slice name, struct wr_slice value)
{
    wr_exchange_add_field(wr_environ_of(env)->x, name, value);
}

/* May it stand in a block: is it written as a field, and one that means nothing to the server? */
bool wr_builtin_may_stand_in_block(struct wr_slice name, struct wr_slice value);

/* start_response of an app that has said nothing yet, with a block that stays until the response is over. */
static inline void wr_builtin_start(weir_environ *env, int status,
                                    const struct wr_field_block *block)
{
    struct wr_environ *e = wr_environ_of(env);

    e->status = status;
    e->x->response.block = block;
}

/* The app looks at the request no more, and what it answers with does not point into it: while a client
 * takes that slowly, the buffer that the head was read into is free. One that has declined before may have
 * kept slices of it. */
static inline void wr_builtin_free_head(weir_environ *env)
{
    struct wr_environ *e = wr_environ_of(env);

    e->x->is_head_free = !e->previous;
}

/* What all loops of the server have counted by now, as wr_metrics_text() gives it. For an app that
 * runs on loops. */
static inline char *wr_builtin_metrics(weir_environ *env)
{
    struct wr_metrics_total total;

    wr_worker_count(wr_environ_of(env)->x->worker, &total);
    return wr_metrics_text(&total);
}

/* Threads that wait for a disk, so that a loop need not; NULL: there are none. */
static inline struct wr_pool *wr_builtin_helpers(weir_environ *env)
{
    return wr_environ_of(env)->x->lease->site->helpers;
}

/* The same for what takes long to make, and that a request can do without: their queue is short. */
static inline struct wr_pool *wr_builtin_makers(weir_environ *env)
{
    return wr_environ_of(env)->x->lease->site->makers;
}

/*
 * What an app returns that answers later, by wr_builtin_finish(). In between the request may end: a
 * function of weir_defer() tells of that, and then there is nothing to finish.
 */
static inline weir_body wr_builtin_later(weir_environ *env)
{
    (void)env;
    return (weir_body){.kind = WEIR_BODY_LATER};
}

/* With what the app would have returned, which may be later once more. May end the request. */
void wr_builtin_finish(weir_environ *env, weir_body body);

/* `size` bytes of a body of the server, which stays until the response is over: its close is
 * called, on the loop, as long as it is what the app returns. */
static inline weir_body wr_builtin_body(weir_environ *env, struct wr_body *body, uint64_t size)
{
    wr_environ_of(env)->ours = body;
    return (weir_body){.kind = WEIR_BODY_MEMORY, .size = size};
}

/* The answer is a page, whatever the app returns: closes the owner. */
WR_COLD weir_body wr_builtin_drop_content(weir_environ *env, struct wr_body *owner);

/* Content that lies in memory until `owner` is closed, which it is in every ending; it is never asked for
 * a piece. To be returned at once. */
static inline weir_body wr_builtin_content(weir_environ *env, struct wr_slice content,
                                           struct wr_body *owner)
{
    struct wr_environ *e = wr_environ_of(env);

    if (e->error < 0)
        return wr_builtin_drop_content(env, owner);
    e->x->response.content = content;
    e->ours = owner;
    return (weir_body){.kind = WEIR_BODY_MEMORY, .data = content.p, .size = content.n};
}

#endif
