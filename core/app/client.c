#include "app/events.h"
#include "app/mount.h"
#include "app/remote.h"

int32_t wr_client_is_gone(weir_environ *env)
{
    struct wr_environ *e = wr_environ_of(env);

    return e->remote ? atomic_load(&e->remote->is_gone) : e->is_ended && !e->x->is_complete;
}

bool wr_client_is_told_here(const struct wr_environ *e)
{
    return !e->remote || !e->mount->home;
}

int32_t wr_client_on_disconnect(weir_environ *env, weir_disconnect_fn *fn, void *arg,
                                weir_disconnect_guard *guard)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_streaming *s = wr_streaming_of(e);
    struct wr_subscriber *subscriber = wr_arena_alloc(&e->x->arena, sizeof *subscriber);
    bool is_over;

    if (!fn)
        return WEIR_EINVAL;
    if (!s || !subscriber)
        return WEIR_ENOMEM;
    *subscriber = (struct wr_subscriber){.fn = fn, .arg = arg, .guard = guard};
    if (!e->remote) /* else it is so from the beginning */
        e->x->on_half_close = wr_client_on_half_close;
    wr_remote_lock(e);
    is_over = e->remote ? atomic_load(&e->remote->is_over) : e->is_ended;
    if (!is_over) {
        subscriber->next = s->subscribers;
        s->subscribers = subscriber;
    }
    wr_remote_unlock(e);
    if (is_over)
        return WEIR_EGONE;
    if (e->remote || e->x->is_half_closed) /* the loop knows what has happened before */
        wr_events_post(e, WR_EVENT_HALF_CLOSED);
    return 0;
}

/* The list as it is now: what is in it stays, and is only added to in front. */
static struct wr_subscriber *subscribers_of(struct wr_environ *e)
{
    struct wr_subscriber *first;

    if (!e->s)
        return NULL;
    wr_remote_lock(e);
    first = e->s->subscribers;
    wr_remote_unlock(e);
    return first;
}

static void call(struct wr_environ *e, const struct wr_subscriber *s, int32_t why)
{
    if (s->guard)
        s->guard(s->fn, &e->base, s->arg, why);
    else
        s->fn(&e->base, s->arg, why);
}

void wr_client_tell_half_closed(struct wr_environ *e)
{
    for (struct wr_subscriber *it = subscribers_of(e); it; it = it->next) {
        if (it->has_heard)
            continue;
        it->has_heard = true;
        call(e, it, WEIR_HALF_CLOSED);
    }
}

void wr_client_tell_gone(struct wr_environ *e)
{
    for (struct wr_subscriber *it = subscribers_of(e); it; it = it->next)
        call(e, it, WEIR_GONE);
}

void wr_client_on_half_close(struct wr_exchange *x)
{
    struct wr_environ *e = x->handler_data;

    if (!e || !e->s || !subscribers_of(e))
        return;
    if (!e->remote)
        wr_events_call_here(e, WR_EVENT_HALF_CLOSED, false);
    else if (wr_client_is_told_here(e))
        wr_client_tell_half_closed(e);
    else
        wr_remote_on_events(e, WR_EVENT_HALF_CLOSED);
}
