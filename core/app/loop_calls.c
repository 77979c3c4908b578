#include "app/loop_calls.h"

#include <stdlib.h>

#include "app/events.h"
#include "app/mount.h"
#include "app/remote.h"

/* ---- posts ---- */

struct post {
    struct post *next;
    weir_release_fn *fn;
    weir_post_guard *guard; /* NULL: in C */
    void *arg;
};

/* Lives until the mount and the loop have let go: the loop may still have the task when the
 * mount ends. */
struct wr_loop_posts {
    struct wr_task task;
    struct wr_app_loop *loop; /* NULL: stopped. Under the lock, as the rest */
    pthread_mutex_t lock;
    struct post *first, **end;
    bool is_posted;
    unsigned holders;
};

static void unref(struct wr_loop_posts *p)
{
    unsigned left;

    pthread_mutex_lock(&p->lock);
    left = --p->holders;
    pthread_mutex_unlock(&p->lock);
    if (left > 0)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct post *take_all(struct wr_loop_posts *p)
{
    struct post *all = p->first;

    p->first = NULL;
    p->end = &p->first;
    return all;
}

static void run_all(struct wr_app_loop *l, struct post *it)
{
    while (it) {
        struct post call = *it;

        free(it);
        if (call.guard)
            call.guard(call.fn, &l->base, call.arg);
        else
            call.fn(call.arg);
        it = call.next;
    }
}

/* Posts of a loop that has no turns any more are left to wr_loop_calls_stop(): else who posts
 * without end would hold up the server's. */
static void on_posted(struct wr_task *task)
{
    struct wr_loop_posts *p = WR_CONTAINER_OF(task, struct wr_loop_posts, task);
    struct post *all = NULL;
    struct wr_app_loop *l;

    pthread_mutex_lock(&p->lock);
    l = p->loop;
    if (l && wr_loop_is_in_turn(l->worker->loop)) {
        p->is_posted = false;
        all = take_all(p);
    }
    pthread_mutex_unlock(&p->lock);
    run_all(l, all);
    unref(p);
}

int32_t wr_loop_post_call(weir_loop *loop, weir_release_fn *fn, void *arg, weir_post_guard *guard)
{
    struct wr_app_loop *l = wr_app_loop_of(loop);
    struct wr_loop_posts *p = l->posts;
    struct post *it = fn ? malloc(sizeof *it) : NULL;
    bool is_stopped;

    if (!it)
        return fn ? WEIR_ENOMEM : WEIR_EINVAL;
    *it = (struct post){.fn = fn, .guard = guard, .arg = arg};
    pthread_mutex_lock(&p->lock);
    is_stopped = !p->loop;
    if (!is_stopped) {
        *p->end = it;
        p->end = &it->next;
    }
    if (!is_stopped && !p->is_posted) {
        p->is_posted = true;
        p->holders++;
        wr_loop_post(l->worker->loop, &p->task);
    }
    pthread_mutex_unlock(&p->lock);
    if (!is_stopped)
        return 0;
    free(it);
    return WEIR_ESTATE;
}

/* ---- life ---- */

static void on_due_of_loop(struct wr_watches *ws)
{
    struct wr_app_loop *l = WR_CONTAINER_OF(ws, struct wr_app_loop, watches);
    struct wr_watch_call call;

    while (wr_watches_take_timer(ws, &call)) {
        if (call.guard.loop_timer)
            call.guard.loop_timer(call.fn.loop_timer, &l->base, call.arg);
        else
            call.fn.loop_timer(&l->base, call.arg);
    }
    while (wr_watches_take_fd(ws, &call)) {
        if (call.guard.loop_fd)
            call.guard.loop_fd(call.fn.loop_fd, &l->base, call.arg, call.ready);
        else
            call.fn.loop_fd(&l->base, call.arg, call.ready);
    }
}

bool wr_loop_calls_init(struct wr_app_loop *l)
{
    struct wr_loop_posts *p = malloc(sizeof *p);

    if (!p)
        return false;
    *p = (struct wr_loop_posts){
        .task.run = on_posted, .loop = l, .lock = PTHREAD_MUTEX_INITIALIZER, .holders = 1};
    p->end = &p->first;
    l->posts = p;
    wr_watches_init(&l->watches, l->worker->loop, on_due_of_loop, false);
    return true;
}

void wr_loop_calls_stop(struct wr_app_loop *l)
{
    struct wr_loop_posts *p = l->posts;
    struct post *all;

    pthread_mutex_lock(&p->lock);
    p->loop = NULL; /* before they run: one that posts itself anew would go on without end */
    all = take_all(p);
    pthread_mutex_unlock(&p->lock);
    run_all(l, all);
}

static void free_all(struct post *it)
{
    while (it) {
        struct post *next = it->next;

        free(it);
        it = next;
    }
}

void wr_loop_calls_fini(struct wr_app_loop *l)
{
    struct post *left;

    if (!l->posts)
        return;
    wr_watches_clear(&l->watches);
    pthread_mutex_lock(&l->posts->lock);
    l->posts->loop = NULL;
    left = take_all(l->posts);
    pthread_mutex_unlock(&l->posts->lock);
    free_all(left);
}

void wr_loop_calls_free(struct wr_app_loop *l)
{
    if (l->posts)
        unref(l->posts);
    l->posts = NULL;
}

int32_t wr_loop_set_timer(weir_loop *loop, uint32_t ms, weir_loop_fn *fn, void *arg,
                          weir_loop_guard *guard)
{
    const struct wr_watch_call call = {.fn.loop_timer = fn, .guard.loop_timer = guard, .arg = arg};

    return wr_watches_set_timer(&wr_app_loop_of(loop)->watches, ms, &call);
}

int32_t wr_loop_set_fd(weir_loop *loop, int32_t fd, uint32_t events, weir_loop_watch_fn *fn,
                       void *arg, weir_loop_watch_guard *guard)
{
    const struct wr_watch_call call = {.fn.loop_fd = fn, .guard.loop_fd = guard, .arg = arg};

    return wr_watches_set_fd(&wr_app_loop_of(loop)->watches, fd, events, &call);
}

/* ---- of a request ---- */

static void on_due_of_request(struct wr_watches *ws)
{
    struct wr_environ *e = WR_CONTAINER_OF(ws, struct wr_streaming, watches)->e;

    if (e->remote)
        wr_events_post(e, WR_EVENT_WATCHED);
    else
        wr_events_call_here(e, WR_EVENT_WATCHED, false);
}

/* The set of a request, where it may have one. */
static int32_t watches_of(struct wr_environ *e, struct wr_watches **out)
{
    struct wr_streaming *s;

    if (e->error < 0)
        return e->error == WEIR_EGONE ? WEIR_EGONE : WEIR_EFAILED;
    if (wr_remote_is_over(e))
        return WEIR_EGONE;
    if (e->mount->pool || e->is_declined)
        return WEIR_ESTATE;
    s = wr_streaming_of(e);
    if (!s)
        return WEIR_ENOMEM;
    *out = &s->watches;
    if (!s->watches.loop)
        wr_watches_init(*out, wr_remote_loop(e), on_due_of_request, e->remote != NULL);
    return 0;
}

int32_t wr_request_set_timer(weir_environ *env, uint32_t ms, weir_event_fn *fn, void *arg,
                             weir_event_guard *guard)
{
    const struct wr_watch_call call = {.fn.timer = fn, .guard.timer = guard, .arg = arg};
    struct wr_watches *ws;
    int32_t err = watches_of(wr_environ_of(env), &ws);

    return err < 0 ? err : wr_watches_set_timer(ws, ms, &call);
}

int32_t wr_request_set_fd(weir_environ *env, int32_t fd, uint32_t events, weir_watch_fn *fn,
                          void *arg, weir_watch_guard *guard)
{
    const struct wr_watch_call call = {.fn.fd = fn, .guard.fd = guard, .arg = arg};
    struct wr_watches *ws;
    int32_t err = watches_of(wr_environ_of(env), &ws);

    return err < 0 ? err : wr_watches_set_fd(ws, fd, events, &call);
}

static void call_timer(struct wr_environ *e, const struct wr_watch_call *call)
{
    if (call->guard.timer)
        call->guard.timer(call->fn.timer, &e->base, call->arg);
    else
        call->fn.timer(&e->base, call->arg);
}

static void call_fd(struct wr_environ *e, const struct wr_watch_call *call)
{
    if (call->guard.fd)
        call->guard.fd(call->fn.fd, &e->base, call->arg, call->ready);
    else
        call->fn.fd(&e->base, call->arg, call->ready);
}

void wr_loop_calls_tell(struct wr_environ *e)
{
    struct wr_watch_call call;

    while (wr_watches_take_timer(&e->s->watches, &call))
        if (e->error == 0)
            call_timer(e, &call);
    while (wr_watches_take_fd(&e->s->watches, &call))
        if (e->error == 0)
            call_fd(e, &call);
}
