#include "app/remote.h"

#include "app/app_body.h"
#include "app/in_coroutine.h"
#include "app/input.h"
#include "app/offload.h"
#include "app/start.h"

/* ---- there ---- */

void wr_remote_work(struct wr_remote *r, void *thread_state)
{
    struct wr_environ *e = r->e;
    bool is_over = atomic_load(&r->is_over);

    r->thread_state = thread_state;
    if (r->work == WR_REMOTE_END)
        wr_mount_end(e);
    else if (is_over)
        ; /* nobody wants it any more */
    else if (r->work == WR_REMOTE_CALL)
        wr_mount_call(e);
    else if (r->work == WR_REMOTE_PULL)
        wr_app_body_pull(e);
    else
        wr_events_call(e, r->events);
}

void wr_remote_fail(struct wr_remote *r, const char *why)
{
    struct wr_environ *e = r->e;

    if (atomic_load(&r->is_over))
        return;
    wr_start_fault(e, WEIR_ENOMEM, "%s", why);
    e->pulled = WEIR_FAIL;
    e->has_new_pull = true;
}

static void run_on_thread(struct wr_job *job, void *thread_state)
{
    wr_remote_work(WR_CONTAINER_OF(job, struct wr_remote, job), thread_state);
}

static void tell_from_thread(struct wr_job *job)
{
    struct wr_remote *r = WR_CONTAINER_OF(job, struct wr_remote, job);

    wr_loop_post(r->e->x->worker->loop, &r->done);
}

static void run_on_home(struct wr_task *task)
{
    struct wr_remote *r = WR_CONTAINER_OF(task, struct wr_remote, there);

    if (r->e->mount->plugin.runs == WEIR_IN_COROUTINE) {
        wr_in_coroutine_begin(r, false);
        return;
    }
    wr_remote_work(r, NULL);
    wr_loop_post(r->e->x->worker->loop, &r->done);
}

/* ---- waiting there ---- */

void wr_remote_suspend(struct wr_environ *e)
{
    struct wr_remote *r = e->remote;

    if (!r->co) {
        pthread_cond_wait(&r->changed, &r->lock);
        return;
    }
    r->is_suspended = true;
    wr_remote_unlock(e);
    wr_coroutine_suspend(r->co);
    wr_remote_lock(e);
}

void wr_remote_signal(struct wr_environ *e)
{
    struct wr_remote *r = e->remote;

    if (e->mount->pool) {
        pthread_cond_signal(&r->changed);
    } else if (r->is_suspended && !r->is_resuming) {
        r->is_resuming = true;
        wr_loop_post(wr_remote_loop(e), &r->resume);
    }
}

static void on_resume(struct wr_task *task)
{
    struct wr_remote *r = WR_CONTAINER_OF(task, struct wr_remote, resume);

    wr_remote_lock(r->e);
    r->is_suspended = r->is_resuming = false;
    wr_remote_unlock(r->e);
    wr_in_coroutine_resume(r);
}

/* ---- on the loop ---- */

static void release(struct wr_remote *r)
{
    struct wr_environ *e = r->e;
    struct wr_exchange *x = e->x;

    if (!r->is_here) { /* else nobody has used them */
        pthread_cond_destroy(&r->changed);
        pthread_mutex_destroy(&r->lock);
    }
    e->remote = NULL;
    wr_input_free(e);
    wr_mount_end_chain(e->previous);
    wr_exchange_unref(x);
}

/* A piece is asked for within a writer, which must be left before anything is done with it. */
static bool send_to_coroutine(struct wr_remote *r)
{
    if (r->work == WR_REMOTE_CALL && !wr_in_coroutine_admit(r)) {
        r->phase = WR_REMOTE_IDLE;
        return false;
    }
    if (wr_remote_is_here(r->e))
        wr_in_coroutine_begin(r, r->work == WR_REMOTE_PULL);
    else
        wr_loop_post(wr_remote_loop(r->e), &r->there);
    return true;
}

/* True: it is on its way, or done, and the request may be over. What follows an earlier job is
 * never refused. */
static bool send_job(struct wr_remote *r, enum wr_remote_work what)
{
    struct wr_mount *m = r->e->mount;
    bool is_sent = true;

    r->work = what;
    r->phase = WR_REMOTE_OUT;
    if (m->plugin.runs == WEIR_IN_COROUTINE)
        return send_to_coroutine(r);
    if (m->home)
        wr_loop_post(m->home->loop, &r->there);
    else if (what == WR_REMOTE_CALL)
        is_sent = wr_pool_submit(m->pool, &r->job);
    else
        wr_pool_push(m->pool, &r->job);
    if (!is_sent)
        r->phase = WR_REMOTE_IDLE;
    return is_sent;
}

static void send_events(struct wr_remote *r)
{
    r->events = r->e->due;
    r->e->due = 0;
    send_job(r, WR_REMOTE_EVENTS);
}

static bool wants_input(const struct wr_environ *e)
{
    return e->wants_call || (e->is_awaiting && e->wants_input);
}

/* What was pulled before is used up, or was nothing: what comes of this is not to be looked at
 * now. */
static void send_pull(struct wr_remote *r)
{
    r->wants_pull = r->e->is_awaiting = r->e->has_pulled = false;
    send_job(r, WR_REMOTE_PULL);
}

/* What is wanted by now: callbacks first, behind which a piece that is wanted is still. */
static void send_next(struct wr_remote *r)
{
    struct wr_environ *e = r->e;

    r->phase = WR_REMOTE_IDLE;
    if (e->is_ended)
        wr_remote_try_end(e);
    else if (e->due) /* a pull that is wanted comes behind them */
        send_events(r);
    else if (e->error < 0)
        ; /* nothing is asked for any more */
    else if (r->wants_pull)
        send_pull(r);
    else if (wants_input(e) && !wr_sink_is_open(e))
        wr_input_fetch(e);
}

/* A piece, or that there is none: nobody has used it yet. Who was woken after it had been asked,
 * and before that was seen here, asks again. */
static void take_pulled(struct wr_environ *e, bool wants_again)
{
    if (e->error == 0 && e->has_new_pull && e->pulled == WEIR_AGAIN && wants_again)
        e->remote->wants_pull = true;
    else if (e->has_body && e->is_responding)
        wr_app_body_pulled(e);
    else
        wr_mount_conclude(e);
}

/* What came of the job: a piece, a body, or something that a callback did. */
static void settle(struct wr_remote *r)
{
    struct wr_environ *e = r->e;
    bool wants_again = r->wants_again, has_answer = r->work == WR_REMOTE_CALL || e->is_concluding;

    r->wants_again = false;
    if (e->is_ended)
        return;
    if (r->work == WR_REMOTE_PULL || (has_answer && e->body.kind == WEIR_BODY_ITERABLE))
        take_pulled(e, wants_again);
    else if (has_answer)
        wr_mount_conclude(e);
    else
        wr_mount_go_on(e, wants_again);
}

static void on_done(struct wr_task *task)
{
    struct wr_remote *r = WR_CONTAINER_OF(task, struct wr_remote, done);

    if (r->work == WR_REMOTE_END) { /* but what was posted meanwhile is still to come */
        r->phase = WR_REMOTE_IDLE;
        r->has_ended = true;
        wr_remote_try_end(r->e);
        return;
    }
    r->phase = WR_REMOTE_SETTLING;
    settle(r);
    send_next(r);
}

void wr_remote_job_done(struct wr_remote *r, bool is_nested)
{
    if (wr_remote_is_here(r->e) && !is_nested)
        on_done(&r->done);
    else
        wr_loop_post(r->e->x->worker->loop, &r->done);
}

bool wr_remote_open(struct wr_environ *e)
{
    struct wr_remote *r = wr_arena_alloc(&e->x->arena, sizeof *r);

    if (!r || (!wr_remote_is_here(e) && !wr_streaming_new(e)))
        return false;
    if (!e->x->handler_data) /* who has declined may have been given slices of it */
        wr_exchange_own_head(e->x);
    *r = (struct wr_remote){.e = e,
                            .is_here = wr_remote_is_here(e),
                            .job = {.run = run_on_thread, .tell = tell_from_thread},
                            .there.run = run_on_home,
                            .done.run = on_done,
                            .read.run = wr_input_on_read,
                            .resume.run = on_resume,
                            .lock = PTHREAD_MUTEX_INITIALIZER,
                            .changed = PTHREAD_COND_INITIALIZER};
    wr_list_init(&r->in_turn);
    atomic_init(&r->is_over, false);
    atomic_init(&r->is_gone, false);
    e->remote = r;
    wr_exchange_ref(e->x);
    return true;
}

bool wr_remote_call(struct wr_environ *e)
{
    return send_job(e->remote, WR_REMOTE_CALL);
}

void wr_remote_pull(struct wr_environ *e)
{
    struct wr_remote *r = e->remote;

    if (r->phase == WR_REMOTE_IDLE)
        send_pull(r);
    else if (r->phase == WR_REMOTE_SETTLING || r->work == WR_REMOTE_EVENTS)
        r->wants_pull = true;
}

/* Bytes that a job has written go out while it runs on. */
static void send_written(struct wr_environ *e)
{
    if (e->is_responding)
        wr_exchange_body_ready(e->x);
    else
        wr_mount_respond_early(e);
}

void wr_remote_on_events(struct wr_environ *e, unsigned events)
{
    struct wr_remote *r = e->remote;
    enum wr_remote_phase before = r->phase;

    e->due |= events & WR_EVENTS_CALLBACKS;
    r->wants_again |= before == WR_REMOTE_OUT && events & WR_EVENT_WAKE;
    if (before == WR_REMOTE_IDLE) /* it must not end while it is looked at */
        r->phase = WR_REMOTE_SETTLING;
    if (events & WR_EVENT_OUTPUT && !e->is_ended)
        send_written(e);
    if (before == WR_REMOTE_OUT) /* and it may be gone: a job that has not begun is taken back */
        return;
    if (events & WR_EVENT_WAKE && !e->is_ended)
        wr_mount_go_on(e, true);
    if (before == WR_REMOTE_IDLE)
        send_next(r);
}

/* A job that has not begun. One on another loop is left to that. */
static bool take_back(struct wr_remote *r)
{
    struct wr_environ *e = r->e;

    if (e->mount->pool)
        return wr_pool_cancel(e->mount->pool, &r->job);
    return wr_remote_is_here(e) && wr_in_coroutine_cancel(r);
}

void wr_remote_tell_over(struct wr_environ *e)
{
    struct wr_remote *r = e->remote;

    wr_remote_lock(e);
    atomic_store(&r->is_over, true);
    atomic_store(&r->is_gone, !e->x->is_complete);
    r->is_waiting = false;
    wr_remote_signal(e);
    wr_remote_unlock(e);
    if (e->mount->pool)
        wr_wait_end(&r->wait);
    if (r->phase == WR_REMOTE_OUT && take_back(r))
        r->phase = WR_REMOTE_IDLE; /* its place in the queue is another's */
}

void wr_remote_end(struct wr_environ *e)
{
    e->remote->is_due = true;
    wr_remote_try_end(e);
}

void wr_remote_try_end(struct wr_environ *e)
{
    struct wr_remote *r = e->remote;

    if (!r->is_due || r->phase != WR_REMOTE_IDLE || atomic_load(&e->events) ||
        (e->s && e->s->sink.is_writing) || wr_offload_is_out(e))
        return;
    if (!r->has_ended && wr_mount_has_end(e))
        send_job(r, WR_REMOTE_END);
    else
        release(r);
}
