#include "app/offload.h"

#include <stdlib.h>

#include "app/events.h"
#include "app/mount.h"
#include "app/remote.h"

struct wr_offload {
    struct wr_offload *next;
    struct wr_environ *e;
    weir_release_fn *work;
    weir_event_fn *done;
    void *arg;
    weir_work_guard *work_guard; /* NULL: in C */
    weir_event_guard *guard;
    struct wr_job job;
    struct wr_task back;
    int32_t error; /* below 0: work has thrown */
    bool has_run;  /* else it was left out */
    atomic_bool is_back;
};

/* ---- on its thread ---- */

static void do_work(struct wr_offload *o)
{
    o->has_run = true;
    if (o->work_guard)
        o->error = o->work_guard(o->work, o->arg);
    else
        o->work(o->arg);
}

static void run_job(struct wr_job *job, void *thread_data)
{
    struct wr_offload *o = WR_CONTAINER_OF(job, struct wr_offload, job);
    const struct wr_remote *r = o->e->remote;

    (void)thread_data;
    if (!r || !atomic_load(&r->is_over))
        do_work(o);
}

static void tell_back(struct wr_job *job)
{
    struct wr_offload *o = WR_CONTAINER_OF(job, struct wr_offload, job);

    wr_loop_post(o->e->x->worker->loop, &o->back);
}

/* ---- on the loop of the exchange ---- */

/* From here on it may be told, and be gone. */
static void on_back(struct wr_task *task)
{
    struct wr_offload *o = WR_CONTAINER_OF(task, struct wr_offload, back);
    struct wr_environ *e = o->e;

    atomic_store(&o->is_back, true);
    atomic_fetch_sub(&e->s->offloads_out, 1);
    if (e->is_ended && e->remote)
        wr_remote_try_end(e);
    else if (e->is_ended)
        wr_mount_end_waited(e);
    else if (e->is_declined)
        ; /* told at its end */
    else if (e->remote)
        wr_remote_on_events(e, WR_EVENT_OFFLOADED);
    else
        wr_events_call_here(e, WR_EVENT_OFFLOADED, false);
}

static void on_back_to_coroutine(struct wr_task *task)
{
    struct wr_offload *o = WR_CONTAINER_OF(task, struct wr_offload, back);
    struct wr_environ *e = o->e;

    wr_remote_lock(e);
    atomic_store(&o->is_back, true);
    wr_remote_signal(e);
    wr_remote_unlock(e);
}

void wr_offload_cancel(struct wr_environ *e)
{
    for (struct wr_offload *o = e->s->offloads; o; o = o->next) {
        if (atomic_load(&o->is_back) || !wr_pool_cancel(e->mount->offload, &o->job))
            continue;
        atomic_store(&o->is_back, true);
        atomic_fetch_sub(&e->s->offloads_out, 1);
    }
}

/* ---- where the app runs ---- */

static void call_done(const struct wr_offload *o)
{
    if (o->error < 0)
        weir_fail(&o->e->base, "the work of weir_offload threw an exception");
    if (!o->done)
        return;
    if (o->guard)
        o->guard(o->done, &o->e->base, o->arg);
    else
        o->done(&o->e->base, o->arg);
}

/* One that is back, taken out; NULL: none is. */
static struct wr_offload *take(struct wr_streaming *s)
{
    for (struct wr_offload **at = &s->offloads; *at; at = &(*at)->next) {
        struct wr_offload *o = *at;

        if (!atomic_load(&o->is_back))
            continue;
        *at = o->next;
        return o;
    }
    return NULL;
}

void wr_offload_tell(struct wr_environ *e)
{
    struct wr_offload *o;

    while ((o = take(e->s))) {
        call_done(o);
        free(o);
    }
}

static int32_t submit(struct wr_offload *o)
{
    o->job = (struct wr_job){.run = run_job, .tell = tell_back};
    return wr_pool_submit(o->e->mount->offload, &o->job) ? 0 : WEIR_EBUSY;
}

static int32_t send_out(struct wr_environ *e, const struct wr_offload *wanted)
{
    struct wr_streaming *s = wr_streaming_of(e);
    struct wr_offload *o = s ? malloc(sizeof *o) : NULL, **end;
    int32_t err;

    if (!o)
        return WEIR_ENOMEM;
    *o = *wanted;
    o->back.run = on_back;
    atomic_fetch_add(&s->offloads_out, 1);
    err = submit(o);
    if (err < 0) {
        atomic_fetch_sub(&s->offloads_out, 1);
        free(o);
        return err;
    }
    for (end = &s->offloads; *end; end = &(*end)->next)
        ;
    *end = o;
    return 0;
}

/* Work that has begun uses what may lie on this stack: it is waited for, whoever has left. */
static int32_t wait_for(struct wr_environ *e, const struct wr_offload *wanted)
{
    struct wr_offload o = *wanted;
    int32_t err;

    o.back.run = on_back_to_coroutine;
    err = submit(&o);
    if (err < 0)
        return err;
    wr_remote_lock(e);
    while (!atomic_load(&o.is_back)) {
        if (atomic_load(&e->remote->is_over) && wr_pool_cancel(e->mount->offload, &o.job)) {
            wr_remote_unlock(e);
            return WEIR_EGONE;
        }
        wr_remote_suspend(e);
    }
    wr_remote_unlock(e);
    if (!o.has_run)
        return WEIR_EGONE;
    call_done(&o);
    return 0;
}

int32_t wr_offload(weir_environ *env, weir_release_fn *work, weir_event_fn *done, void *arg,
                   weir_work_guard *work_guard, weir_event_guard *guard)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_offload wanted = {
        .e = e, .work = work, .done = done, .arg = arg, .work_guard = work_guard, .guard = guard};

    if (!work)
        return WEIR_EINVAL;
    if (e->error < 0)
        return e->error == WEIR_EGONE ? WEIR_EGONE : WEIR_EFAILED;
    if (wr_remote_is_over(e))
        return WEIR_EGONE;
    if (e->mount->pool) {
        do_work(&wanted);
        call_done(&wanted);
        return 0;
    }
    return wr_remote_may_wait(e) ? wait_for(e, &wanted) : send_out(e, &wanted);
}
