#include "handlers/chores.h"

#include <assert.h>
#include <stdlib.h>

struct wr_chores {
    struct wr_loop *loop;
    struct wr_list under_way;
    size_t holders; /* who made it, and each chore that is under way */
};

struct wr_chores *wr_chores_new(struct wr_loop *loop)
{
    struct wr_chores *s = malloc(sizeof *s);

    if (!s)
        return NULL;
    *s = (struct wr_chores){.loop = loop, .holders = 1};
    wr_list_init(&s->under_way);
    return s;
}

static void let_go(struct wr_chores *s)
{
    if (--s->holders == 0)
        free(s);
}

void wr_chores_close(struct wr_chores *s)
{
    let_go(s);
}

static void on_done(struct wr_task *task)
{
    struct wr_chore *c = WR_CONTAINER_OF(task, struct wr_chore, done);
    struct wr_chores *s = c->chores;

    wr_list_remove(&c->among); /* who comes while the others resume begins another */
    while (!wr_list_is_empty(&c->waiters)) {
        struct wr_waiter *w = WR_CONTAINER_OF(c->waiters.next, struct wr_waiter, among);

        wr_waiter_leave(w);
        w->resume(w, c);
    }
    c->ops->finish(c);
    let_go(s);
}

static void run(struct wr_job *job, void *thread_data)
{
    struct wr_chore *c = WR_CONTAINER_OF(job, struct wr_chore, job);

    (void)thread_data;
    c->is_worked = atomic_load(&c->wanted) > 0;
    if (c->is_worked)
        c->ops->work(c);
}

static void tell(struct wr_job *job)
{
    struct wr_chore *c = WR_CONTAINER_OF(job, struct wr_chore, job);

    wr_loop_post(c->chores->loop, &c->done);
}

bool wr_chore_begin(struct wr_chores *s, struct wr_chore *c, struct wr_pool *pool)
{
    c->chores = s;
    c->job.run = run;
    c->job.tell = tell;
    c->done.run = on_done;
    wr_list_init(&c->waiters);
    atomic_init(&c->wanted, 1);
    c->is_joined = c->is_worked = false;
    wr_list_append(&s->under_way, &c->among);
    s->holders++;
    if (pool && wr_pool_submit(pool, &c->job))
        return true;
    wr_list_remove(&c->among);
    s->holders--;
    return false;
}

struct wr_chore *wr_chores_find(struct wr_chores *s, const struct wr_chore_ops *ops,
                                bool (*is)(const struct wr_chore *c, const void *key),
                                const void *key)
{
    WR_LIST_FOREACH (it, &s->under_way) {
        struct wr_chore *c = WR_CONTAINER_OF(it, struct wr_chore, among);

        if (c->ops == ops && is(c, key))
            return c;
    }
    return NULL;
}

void wr_chore_join(struct wr_chore *c, struct wr_waiter *w)
{
    assert(!wr_waiter_waits(w));
    wr_list_append(&c->waiters, &w->among);
    w->chore = c;
    if (c->is_joined)
        atomic_fetch_add(&c->wanted, 1);
    c->is_joined = true;
}

void wr_waiter_leave(struct wr_waiter *w)
{
    if (!wr_waiter_waits(w))
        return;
    wr_list_remove(&w->among);
    atomic_fetch_sub(&w->chore->wanted, 1);
}

bool wr_waiter_waits(const struct wr_waiter *w)
{
    return w->among.next && !wr_list_is_empty(&w->among);
}
