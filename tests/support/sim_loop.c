/* Posts, looked at on their way: a task that is posted while it waits would lose others. Linked
 * by --wrap. */
#include <stdlib.h>

#include "sim.h"

#define TASKS 1024

void __real_wr_loop_post(struct wr_loop *l, struct wr_task *t);
void __wrap_wr_loop_post(struct wr_loop *l, struct wr_task *t);

static struct {
    struct sim *sim;
    struct {
        struct wr_task *task;
        void (*run)(struct wr_task *t);
    } v[TASKS];
    size_t n;
} it;

void sim_loop_set(struct sim *s)
{
    it.sim = s;
}

static size_t find(const struct wr_task *t)
{
    size_t i = 0;

    while (i < it.n && it.v[i].task != t)
        i++;
    return i;
}

static void run(struct wr_task *t);

/* Those that wait are still what was posted. */
static void look(void)
{
    for (size_t i = 0; i < it.n; i++)
        SIM_CHECK(it.sim, it.v[i].task->run == run);
}

static void run(struct wr_task *t)
{
    size_t i = find(t);

    SIM_CHECK(it.sim, i < it.n);
    t->run = it.v[i].run;
    it.v[i] = it.v[--it.n];
    t->run(t);
    look();
}

void __wrap_wr_loop_post(struct wr_loop *l, struct wr_task *t)
{
    size_t i = find(t);

    SIM_CHECK(it.sim, i == it.n && "a task is posted that waits already");
    look();
    SIM_CHECK(it.sim, it.n < TASKS);
    it.v[it.n].task = t;
    it.v[it.n++].run = t->run;
    t->run = run;
    __real_wr_loop_post(l, t);
}
