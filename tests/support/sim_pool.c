/* Pools without threads: what core/io/pool.h promises, when the scheduler says so. Linked by
 * --wrap. */
#include "io/pool.h"

#include <stdlib.h>

#include "sim.h"

#define POOLS 4

struct wr_pool *__wrap_wr_pool_new(const struct wr_pool_setup *setup);
int __wrap_wr_pool_start(struct wr_pool *pool);
bool __wrap_wr_pool_submit(struct wr_pool *pool, struct wr_job *j);
void __wrap_wr_pool_push(struct wr_pool *pool, struct wr_job *j);
bool __wrap_wr_pool_cancel(struct wr_pool *pool, struct wr_job *j);
void __wrap_wr_pool_wait_begin(struct wr_pool *pool);
void __wrap_wr_pool_wait_end(struct wr_pool *pool);
bool __wrap_wr_pool_is_busy(struct wr_pool *pool);
void __wrap_wr_pool_wait(struct wr_pool *pool);
void __wrap_wr_pool_stop(struct wr_pool *pool);
void __wrap_wr_pool_free(struct wr_pool *pool);

struct sim_fake_pool {
    struct wr_list waiting, begun;
    size_t waiting_n, begun_n, threads, queue_max;
    bool is_stopped;
};

static struct {
    struct sim *sim;
    struct sim_fake_pool *pools[POOLS];
} it;

void sim_pool_set(struct sim *s)
{
    it.sim = s;
}

static struct sim_fake_pool *of(struct wr_pool *pool)
{
    return (struct sim_fake_pool *)(void *)pool;
}

struct wr_pool *__wrap_wr_pool_new(const struct wr_pool_setup *setup)
{
    struct sim_fake_pool *p = calloc(1, sizeof *p);
    size_t i = 0;

    while (i < POOLS && it.pools[i])
        i++;
    if (!p || i == POOLS)
        abort();
    it.pools[i] = p;
    wr_list_init(&p->waiting);
    wr_list_init(&p->begun);
    p->threads = (size_t)setup->threads;
    p->queue_max = setup->queue_max;
    return (struct wr_pool *)(void *)p;
}

int __wrap_wr_pool_start(struct wr_pool *pool)
{
    (void)pool;
    return 0;
}

static void run(struct wr_job *j)
{
    void (*tell)(struct wr_job * j) = j->tell; /* else run() may free it */
    int before = it.sim->where;

    it.sim->where = SIM_IN_POOL;
    j->run(j, NULL);
    if (tell)
        tell(j);
    it.sim->where = before;
}

void __wrap_wr_pool_push(struct wr_pool *pool, struct wr_job *j)
{
    struct sim_fake_pool *p = of(pool);

    if (p->is_stopped) {
        run(j);
        return;
    }
    wr_list_append(&p->waiting, &j->in_queue);
    p->waiting_n++;
}

bool __wrap_wr_pool_submit(struct wr_pool *pool, struct wr_job *j)
{
    struct sim_fake_pool *p = of(pool);

    if (!p->is_stopped && p->waiting_n >= p->queue_max + (p->threads - p->begun_n)) {
        it.sim->refused_jobs++;
        return false;
    }
    __wrap_wr_pool_push(pool, j);
    return true;
}

static bool has(const struct wr_list *list, const struct wr_list *link)
{
    WR_LIST_FOREACH (at, list)
        if (at == link)
            return true;
    return false;
}

bool __wrap_wr_pool_cancel(struct wr_pool *pool, struct wr_job *j)
{
    struct sim_fake_pool *p = of(pool);

    if (!has(&p->waiting, &j->in_queue))
        return false;
    wr_list_remove(&j->in_queue);
    p->waiting_n--;
    return true;
}

void __wrap_wr_pool_wait_begin(struct wr_pool *pool)
{
    (void)pool;
}

void __wrap_wr_pool_wait_end(struct wr_pool *pool)
{
    (void)pool;
}

bool __wrap_wr_pool_is_busy(struct wr_pool *pool)
{
    return of(pool)->waiting_n + of(pool)->begun_n > 0;
}

static bool begin(struct sim_fake_pool *p)
{
    struct wr_list *first = p->waiting.next;

    if (p->waiting_n == 0 || p->begun_n == p->threads)
        return false;
    wr_list_remove(first);
    wr_list_append(&p->begun, first);
    p->waiting_n--;
    p->begun_n++;
    return true;
}

static bool end(struct sim_fake_pool *p, size_t which)
{
    struct wr_list *link = p->begun.next;

    if (p->begun_n == 0)
        return false;
    for (which %= p->begun_n; which > 0; which--)
        link = link->next;
    wr_list_remove(link);
    p->begun_n--;
    run(WR_CONTAINER_OF(link, struct wr_job, in_queue));
    return true;
}

void __wrap_wr_pool_wait(struct wr_pool *pool)
{
    struct sim_fake_pool *p = of(pool);

    do
        while (end(p, 0))
            ;
    while (begin(p));
}

void __wrap_wr_pool_stop(struct wr_pool *pool)
{
    __wrap_wr_pool_wait(pool);
    of(pool)->is_stopped = true;
}

void __wrap_wr_pool_free(struct wr_pool *pool)
{
    if (!pool)
        return;
    __wrap_wr_pool_stop(pool);
    for (size_t i = 0; i < POOLS; i++)
        if (it.pools[i] == of(pool))
            it.pools[i] = NULL;
    free(pool);
}

bool sim_pool_step(struct sim *s)
{
    size_t first = sim_draw(&s->random, POOLS);

    for (size_t i = 0; i < POOLS; i++) {
        struct sim_fake_pool *p = it.pools[(first + i) % POOLS];
        bool is_end = sim_one_in(&s->random, 2);

        if (p && (is_end ? end(p, sim_draw(&s->random, 8)) : begin(p)))
            return true;
    }
    return false;
}

bool sim_pool_is_idle(void)
{
    for (size_t i = 0; i < POOLS; i++)
        if (it.pools[i] && it.pools[i]->waiting_n + it.pools[i]->begun_n > 0)
            return false;
    return true;
}
