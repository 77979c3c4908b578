#include "app/in_coroutine.h"

#include "app/remote.h"
#include "app/start.h"
#include "io/coroutine.h"

static struct wr_in_coroutine *of(const struct wr_remote *r)
{
    return &r->e->mount->in_coroutine;
}

static bool is_serial(const struct wr_remote *r)
{
    return r->e->mount->plugin.serial;
}

/* ---- places ---- */

/* Those of a serial mount need one stack, and wait. */
bool wr_in_coroutine_admit(struct wr_remote *r)
{
    struct wr_in_coroutine *c = of(r);
    atomic_long *n = is_serial(r) ? &c->waiting : &c->used;
    long max = is_serial(r) ? (long)r->e->mount->queue_max : c->used_max;

    r->has_place = atomic_fetch_add(n, 1) < max;
    if (!r->has_place)
        atomic_fetch_sub(n, 1);
    return r->has_place;
}

static void leave_place(struct wr_remote *r)
{
    struct wr_in_coroutine *c = of(r);

    if (r->has_place)
        atomic_fetch_sub(is_serial(r) ? &c->waiting : &c->used, 1);
    r->has_place = false;
}

/* ---- one job ---- */

static void run(void *arg)
{
    wr_remote_work(arg, NULL);
}

/* The next does not begin here: this may be in the midst of another's writing. */
static void pass_turn(struct wr_remote *r)
{
    struct wr_turn *turn = &of(r)->turn;

    turn->holder = NULL;
    if (wr_list_is_empty(&turn->waiting) || turn->is_posted)
        return;
    turn->is_posted = true;
    wr_loop_post(wr_remote_loop(r->e), &turn->next);
}

static void end(struct wr_remote *r, bool is_nested)
{
    r->co = NULL;
    if (is_serial(r))
        pass_turn(r);
    else
        leave_place(r);
    wr_remote_job_done(r, is_nested);
}

static struct wr_coroutine *take_stack(struct wr_remote *r)
{
    struct wr_app_loop *l = wr_remote_app_loop(r->e);

    if (!l->coroutines)
        l->coroutines = wr_coroutines_new(of(r)->stack_bytes);
    return l->coroutines ? wr_coroutine_new(l->coroutines) : NULL;
}

static void begin(struct wr_remote *r, bool is_nested)
{
    if (is_serial(r))
        leave_place(r);
    if (wr_remote_is_last(r)) { /* close and deferred functions, which have nothing to wait by */
        wr_remote_work(r, NULL);
        end(r, is_nested);
        return;
    }
    r->co = take_stack(r);
    if (!r->co) {
        r->is_without_stack = true;
        wr_remote_fail(r, "no stack for a coroutine: no memory, or no mappings (vm.max_map_count)");
        end(r, is_nested);
    } else if (wr_coroutine_start(r->co, run, r)) {
        end(r, is_nested);
    }
}

void wr_in_coroutine_resume(struct wr_remote *r)
{
    if (wr_coroutine_resume(r->co))
        end(r, false);
}

/* ---- turns ---- */

void wr_in_coroutine_begin(struct wr_remote *r, bool is_nested)
{
    struct wr_turn *turn = &of(r)->turn;

    if (is_serial(r) && (turn->holder || !wr_list_is_empty(&turn->waiting))) {
        wr_list_append(&turn->waiting, &r->in_turn);
        return;
    }
    if (is_serial(r))
        turn->holder = r;
    begin(r, is_nested);
}

static void on_next(struct wr_task *task)
{
    struct wr_turn *turn = WR_CONTAINER_OF(task, struct wr_turn, next);

    while (!turn->holder && !wr_list_is_empty(&turn->waiting)) {
        struct wr_remote *r = WR_CONTAINER_OF(turn->waiting.next, struct wr_remote, in_turn);

        wr_list_remove(&r->in_turn);
        turn->holder = r;
        begin(r, false);
    }
    turn->is_posted = false; /* not before: who ends up there need not post it */
}

/* While the task is posted somebody waits, whose request keeps the mount: it may be all that
 * does. */
static bool keeps_turn(const struct wr_turn *turn, const struct wr_remote *r)
{
    return turn->is_posted && turn->waiting.next == &r->in_turn &&
           turn->waiting.prev == &r->in_turn;
}

bool wr_in_coroutine_cancel(struct wr_remote *r)
{
    if (wr_list_is_empty(&r->in_turn) || keeps_turn(&of(r)->turn, r))
        return false;
    wr_list_remove(&r->in_turn);
    leave_place(r);
    return true;
}

void wr_in_coroutine_init(struct wr_in_coroutine *c)
{
    atomic_init(&c->used, 0);
    atomic_init(&c->waiting, 0);
    wr_list_init(&c->turn.waiting);
    c->turn.next.run = on_next;
}
