/*
 * balance.c — connections handed over to a loop that has fewer.
 *
 * The kernel chooses the loop that accepts, by a hash of the addresses: even among many
 * connections, not among a few, which are what a proxy in front keeps open. So a loop that has just
 * accepted one, and has clearly more than another, passes the descriptor on: before it has read
 * from it, so that nothing but the descriptor has to move.
 *
 * A connection on its way counts among those that are open, so limits hold, and loops that stop
 * wait for it. One that comes to a loop that stops is served as those are that waited in a queue.
 */
#include <unistd.h>

#include "server/server_loop.h"

#define LOOKS_MAX 8  /* at other loops for one connection: each is a line from another's cache */
#define SLACK     8  /* an eighth more than another has is even enough */
#define BUSY_MS   20 /* a loop that is in its turn for so long gets nothing passed on */

/* That it has, and that are on their way to it. */
static long load_of(const struct wr_loop_thread *t)
{
    return atomic_load_explicit(&t->open, memory_order_relaxed) +
           atomic_load_explicit(&t->coming, memory_order_relaxed);
}

/* Does it run, or is it about to, and not wait for a handler that blocks it? */
static bool takes_over(const struct wr_loop_thread *t, int64_t now_ms)
{
    return atomic_load_explicit(&t->takes_over, memory_order_relaxed) &&
           wr_loop_in_turn_ms(t->worker.loop, now_ms) < BUSY_MS;
}

/*
 * A few others, in turn, the next ones every time: where there are many loops it is enough to take
 * the best of a few (the power of two choices). A loop with none keeps what it gets, so connections
 * of one request each, which are over before the next one is accepted, cost no look at others.
 */
struct wr_loop_thread *wr_balance_choose(struct wr_loop_thread *t)
{
    struct wr_server *s = t->server;
    struct wr_loop_thread *best = t;
    long own = load_of(t), least = own;
    int64_t now_ms = wr_loop_now_ms(t->worker.loop);
    int others = s->loops - 1, looks = others < LOOKS_MAX ? others : LOOKS_MAX;

    for (int i = 0; i < looks && own > 0; i++) {
        int step = 1 + (int)(t->next_look++ % (unsigned)others);
        struct wr_loop_thread *other = &s->threads[(t->worker.index + step) % s->loops];
        long load = load_of(other);

        if (load < least && takes_over(other, now_ms)) {
            least = load;
            best = other;
        }
    }
    return own > least + least / SLACK ? best : t;
}

/* ---- on its way ---- */

struct passed {
    struct wr_task task;
    struct wr_loop_thread *to;
    int fd;
    struct wr_peer peer;
};

static void on_passed(struct wr_task *task)
{
    struct passed *p = WR_CONTAINER_OF(task, struct passed, task);
    struct wr_loop_thread *t = p->to;

    atomic_fetch_sub_explicit(&t->coming, 1, memory_order_relaxed);
    t->is_counted = true;
    if (t->is_stopped || t->err < 0) /* it runs no more, or never did; the server is being freed */
        close(p->fd);
    else
        wr_accept_passed(t, p->fd, &p->peer);
    if (t->is_counted) /* it did not come to be a connection */
        wr_server_count_conn(t, -1);
    t->is_counted = false;
    free(p);
}

bool wr_balance_pass(struct wr_loop_thread *from, struct wr_loop_thread *to, int fd,
                     const struct wr_peer *peer)
{
    struct passed *p = malloc(sizeof *p);

    if (!p)
        return false;
    *p = (struct passed){.task.run = on_passed, .to = to, .fd = fd, .peer = *peer};
    atomic_fetch_add(&from->server->conns, 1);
    atomic_fetch_add_explicit(&to->coming, 1, memory_order_relaxed);
    wr_metrics_count(&from->worker.metrics, WR_METRIC_PASSED);
    wr_loop_post(to->worker.loop, &p->task);
    return true;
}
