#include "app/remote.h"

#include "app/app_body.h"
#include "app/input.h"
#include "app/mount.h"

int32_t wr_environ_is_gone(weir_environ *env)
{
    struct wr_environ *e = wr_environ_of(env);

    return e->remote ? atomic_load(&e->remote->is_gone) : e->is_ended;
}

/* ---- there ---- */

static void work(struct wr_remote *r, void *thread_state)
{
    struct wr_environ *e = r->e;

    e->thread_state = thread_state;
    switch (r->work) {
    case WR_REMOTE_CALL:
        if (!atomic_load(&r->is_gone))
            wr_mount_call(e);
        break;
    case WR_REMOTE_PULL:
        if (!atomic_load(&r->is_gone))
            wr_app_body_pull(e);
        break;
    case WR_REMOTE_END:
        wr_mount_end(e);
        break;
    }
    wr_loop_post(e->x->worker->loop, &r->done);
}

static void run_on_thread(struct wr_job *job, void *thread_state)
{
    work(WR_CONTAINER_OF(job, struct wr_remote, job), thread_state);
}

static void run_on_home(struct wr_task *task)
{
    work(WR_CONTAINER_OF(task, struct wr_remote, there), NULL);
}

/* ---- on the loop ---- */

static void release(struct wr_remote *r)
{
    struct wr_environ *e = r->e;
    struct wr_exchange *x = e->x;

    pthread_cond_destroy(&r->has_read);
    pthread_mutex_destroy(&r->lock);
    wr_input_free(e);
    wr_mount_end_chain(e->previous);
    wr_exchange_unref(x);
}

/* True: it is on its way. What follows an earlier job is never refused. */
static bool send_job(struct wr_remote *r, enum wr_remote_work what)
{
    struct wr_mount *m = r->e->mount;

    r->work = what;
    r->is_busy = true;
    if (m->home)
        wr_loop_post(m->home->loop, &r->there);
    else if (what == WR_REMOTE_CALL)
        r->is_busy = wr_pool_submit(m->pool, &r->job);
    else
        wr_pool_push(m->pool, &r->job);
    return r->is_busy;
}

/* Nothing is out, and nothing is posted that would come back to it. */
static void end_now(struct wr_remote *r)
{
    if (wr_mount_has_end(r->e))
        send_job(r, WR_REMOTE_END);
    else
        release(r);
}

static void on_done(struct wr_task *task)
{
    struct wr_remote *r = WR_CONTAINER_OF(task, struct wr_remote, done);
    struct wr_environ *e = r->e;
    bool wants_again = r->wants_again;

    r->is_busy = r->wants_again = false;
    if (r->work == WR_REMOTE_END) {
        release(r);
    } else if (e->is_ended) {
        wr_remote_try_end(e);
    } else if (e->body.kind == WEIR_BODY_ITERABLE && e->pulled == WEIR_AGAIN && wants_again) {
        wr_remote_pull(e);
    } else if (e->is_responding) {
        wr_app_body_pulled(e);
    } else {
        wr_mount_conclude(e);
    }
}

bool wr_remote_open(struct wr_environ *e)
{
    struct wr_remote *r = wr_arena_alloc(&e->x->arena, sizeof *r);

    if (!r)
        return false;
    *r = (struct wr_remote){.e = e,
                            .job.run = run_on_thread,
                            .there.run = run_on_home,
                            .done.run = on_done,
                            .read.run = wr_input_on_read,
                            .lock = PTHREAD_MUTEX_INITIALIZER,
                            .has_read = PTHREAD_COND_INITIALIZER};
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
    if (!e->remote->is_busy)
        send_job(e->remote, WR_REMOTE_PULL);
}

bool wr_remote_note_wake(struct wr_environ *e)
{
    if (e->remote->is_busy)
        e->remote->wants_again = true;
    return e->remote->is_busy;
}

void wr_remote_tell_gone(struct wr_environ *e)
{
    struct wr_remote *r = e->remote;

    pthread_mutex_lock(&r->lock);
    atomic_store(&r->is_gone, true);
    pthread_cond_signal(&r->has_read);
    pthread_mutex_unlock(&r->lock);
}

void wr_remote_end(struct wr_environ *e)
{
    e->remote->is_due = true;
    wr_remote_try_end(e);
}

void wr_remote_try_end(struct wr_environ *e)
{
    struct wr_remote *r = e->remote;

    if (r->is_due && !r->is_busy && !atomic_load(&e->is_woken))
        end_now(r);
}
