#include "app/events.h"

#include "app/hints.h"
#include "app/input.h"
#include "app/loop_calls.h"
#include "app/mount.h"
#include "app/offload.h"
#include "app/remote.h"
#include "app/resume.h"
#include "app/start.h"

struct wr_streaming *wr_streaming_new(struct wr_environ *e)
{
    struct wr_streaming *s = wr_arena_alloc(&e->x->arena, sizeof *s);

    if (!s)
        return NULL;
    memset(s, 0, sizeof *s);
    s->e = e;
    atomic_init(&s->offloads_out, 0);
    wr_environ_set_more(e);
    e->s = s;
    return s;
}

/* ---- where the app runs ---- */

static void call(struct wr_environ *e, struct wr_callback callback)
{
    if (!callback.fn || e->error != 0)
        return;
    if (callback.guard)
        callback.guard(callback.fn, &e->base, callback.arg);
    else
        callback.fn(&e->base, callback.arg);
}

/* weir_finish() has given what the app left open. Its first piece decides about the head. */
static void take_finished(struct wr_environ *e)
{
    struct wr_streaming *s = e->s;

    if (!s->has_finished || !e->has_returned || e->body.kind != WEIR_BODY_LATER)
        return;
    e->body = s->finished;
    s->has_finished = false;
    e->is_concluding = true;
    wr_mount_take_body(e);
}

void wr_events_call(struct wr_environ *e, unsigned due)
{
    struct wr_streaming *s = e->s;

    if (!s)
        return;
    e->is_in_later_call = e->is_in_callback = true;
    if (due & WR_EVENT_HALF_CLOSED)
        wr_client_tell_half_closed(e);
    if (due & WR_EVENT_READ_DONE)
        wr_sink_tell(e);
    if (due & WR_EVENT_INPUT)
        call(e, s->on_input);
    if (due & WR_EVENT_WRITABLE)
        call(e, s->on_writable);
    if (due & WR_EVENT_WATCHED)
        wr_loop_calls_tell(e);
    if (due & WR_EVENT_OFFLOADED)
        wr_offload_tell(e);
    if (due & WR_EVENT_RESUMED)
        wr_resume_tell(e);
    e->is_in_later_call = e->is_in_callback = false;
    take_finished(e);
}

int32_t wr_events_wake(weir_environ *env)
{
    wr_events_post(wr_environ_of(env), WR_EVENT_WAKE);
    return 0;
}

/* May a body still be given? */
static int32_t check_unfinished(const struct wr_environ *e)
{
    if (e->error < 0)
        return WEIR_EFAILED;
    if (wr_remote_is_over(e))
        return WEIR_EGONE;
    if (!e->s || e->s->has_finished || (e->has_returned && e->body.kind != WEIR_BODY_LATER))
        return WEIR_ESTATE;
    return 0;
}

void wr_events_tell_failed(struct wr_environ *e)
{
    if (e->error < 0 && !e->remote && !wr_environ_is_in_call(e) && !wr_remote_is_over(e))
        wr_events_post(e, WR_EVENT_FINISHED);
}

int32_t wr_events_finish(weir_environ *env, const weir_body *body)
{
    struct wr_environ *e = wr_environ_of(env);
    weir_body it = *body;
    int32_t err;

    if (!wr_streaming_of(e))
        err = wr_start_fault(e, WEIR_ENOMEM, "no memory for weir_finish");
    else
        err = check_unfinished(e);
    if (err == 0 && it.kind == WEIR_BODY_LATER)
        err = wr_start_fault(e, WEIR_EINVAL, "weir_finish with weir_later");
    if (err < 0) {
        weir_body_close(env, &it);
        wr_events_tell_failed(e);
        return err;
    }
    e->s->finished = it;
    e->s->has_finished = true;
    if (it.kind != WEIR_BODY_ITERABLE)
        wr_resume_close(e);
    if (!wr_environ_is_in_call(e))
        wr_events_post(e, WR_EVENT_FINISHED);
    return 0;
}

int32_t wr_events_on_input(weir_environ *env, weir_event_fn *fn, void *arg, weir_event_guard *guard)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_streaming *s = wr_streaming_of(e);

    if (e->error < 0)
        return WEIR_EFAILED;
    if (!s)
        return WEIR_ENOMEM;
    s->on_input = (struct wr_callback){fn, arg, guard};
    if (!fn)
        return 0;
    e->has_asked = true;
    wr_input_want_call(e);
    return 0;
}

/* ---- on the loop ---- */

void wr_events_call_here(struct wr_environ *e, unsigned due, bool is_woken)
{
    wr_events_call(e, due);
    wr_mount_go_on(e, is_woken);
}

static unsigned begin_sink(struct wr_environ *e, unsigned events)
{
    return events & WR_EVENT_SINK && wr_sink_go_on(e) ? events | WR_EVENT_READ_DONE : events;
}

/* Who subscribes elsewhere cannot know that it has happened before. An app that has declined
 * hears no more of it, for the next one has the request. What is left is to be called where the
 * app runs. */
static unsigned tell_half_closed(struct wr_environ *e, unsigned events)
{
    bool is_news = e->x->is_half_closed && e->x->handler_data == e && !e->is_ended;
    bool is_for_app = !e->remote || !wr_client_is_told_here(e);

    if (is_news && is_for_app)
        return events;
    if (is_news && events & WR_EVENT_HALF_CLOSED)
        wr_client_tell_half_closed(e);
    return events & ~(unsigned)WR_EVENT_HALF_CLOSED;
}

/* The last that is posted for a request that has ended meanwhile lets go of it. */
static void on_wake(struct wr_task *task)
{
    struct wr_environ *e = WR_CONTAINER_OF(task, struct wr_environ, wake);
    unsigned events = atomic_exchange(&e->events, 0);

    if (events & WR_EVENT_HINTS)
        wr_hints_flush(e);
    events = tell_half_closed(e, events);
    if (e->is_ended && e->remote) {
        wr_remote_try_end(e);
    } else if (e->is_ended) {
        if (e->is_held) /* else its end is still to come, behind a write or another app's */
            wr_exchange_unref(e->x);
    } else if (!e->is_declined) {
        events = begin_sink(e, events);
        if (e->remote)
            wr_remote_on_events(e, events);
        else
            wr_events_call_here(e, events, events & WR_EVENT_WAKE);
    }
}

void wr_events_post(struct wr_environ *e, unsigned events)
{
    wr_environ_set_more(e);
    if (atomic_fetch_or(&e->events, events) != 0)
        return;
    e->wake.run = on_wake;
    wr_loop_post(e->x->worker->loop, &e->wake);
}
