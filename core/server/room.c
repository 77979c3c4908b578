/*
 * room.c — how many connections may be open, and what makes room for another.
 *
 * A loop closes connections of its own. Where it finds none to close, it asks the others, and stops
 * accepting; one that has closed some tells it.
 */
#include <errno.h>
#include <inttypes.h>

#include "server/evict.h"
#include "server/server_loop.h"

#define NOBODY_IDLE_MS 50 /* after a look that found none; shorter than others wait to ask again */
#define TELL_EACH_MS   10000 /* one line of each kind */

static struct wr_loop_thread *thread_of(struct wr_worker *w)
{
    return WR_CONTAINER_OF(w, struct wr_loop_thread, worker);
}

/* ---- telling ---- */

static void tell(struct wr_loop_thread *t, enum wr_tally_kind kind, const struct wr_tally *tally)
{
    const struct wr_log *log = &t->worker.site->log;
    char peer[WR_PEER_TEXT_MAX];

    if (kind == WR_TALLY_EVICTED) {
        wr_log(log, WR_LOG_WARN,
               "too many connections; idle ones that were closed to make room: %" PRIu64, tally->n);
        return;
    }
    wr_peer_format(&tally->last, peer);
    wr_log(log, WR_LOG_WARN,
           "too many connections of one address (limits.connections_per_address_max); closed at "
           "once: %" PRIu64 ", the last of %s",
           tally->n, peer);
}

/* What has come up since it was told last, if that is long enough ago. */
static void tell_due(struct wr_loop_thread *t)
{
    struct wr_loop *loop = t->worker.loop;
    int64_t now_ms = wr_loop_now_ms(loop);

    for (int kind = 0; kind < WR_TALLY_KINDS; kind++) {
        struct wr_tally *tally = &t->server->tallies[kind], due = {.n = 0};

        pthread_mutex_lock(&t->server->tally_lock);
        if (tally->n > 0 && tally->quiet_until_ms <= now_ms) {
            due = *tally;
            tally->n = 0;
            tally->quiet_until_ms = now_ms + TELL_EACH_MS;
        }
        pthread_mutex_unlock(&t->server->tally_lock);
        if (due.n == 0)
            continue;
        tell(t, (enum wr_tally_kind)kind, &due);
        /* Without memory for the timer the rest is told with the next. */
        wr_timer_set(wr_loop_timers(loop), &t->telling, now_ms + TELL_EACH_MS);
    }
}

static void note(struct wr_loop_thread *t, enum wr_tally_kind kind, uint64_t n,
                 const struct wr_peer *last)
{
    struct wr_tally *tally = &t->server->tallies[kind];

    pthread_mutex_lock(&t->server->tally_lock);
    tally->n += n;
    if (last)
        tally->last = *last;
    pthread_mutex_unlock(&t->server->tally_lock);
    tell_due(t);
}

static void on_telling(struct wr_timer *timer)
{
    tell_due(WR_CONTAINER_OF(timer, struct wr_loop_thread, telling));
}

/* ---- room ---- */

bool wr_room_is_full(struct wr_server *s)
{
    return atomic_load_explicit(&s->conns, memory_order_relaxed) >=
           atomic_load_explicit(&s->conns_max, memory_order_relaxed);
}

/* Of all loops, for one to come in: more than one when a reload has lowered the limit. */
static size_t needed(struct wr_server *s)
{
    long over = atomic_load(&s->conns) - atomic_load(&s->conns_max);

    return over > 0 ? (size_t)over + 1 : 1;
}

size_t wr_room_evict(struct wr_loop_thread *t)
{
    struct wr_worker *w = &t->worker;
    int64_t now_ms = wr_loop_now_ms(w->loop);
    size_t n;

    if (now_ms < t->look_again_ms)
        return 0;
    n = wr_evict(w, wr_evict_share(w, needed(t->server)));
    if (n == 0)
        t->look_again_ms = now_ms + NOBODY_IDLE_MS;
    else
        note(t, WR_TALLY_EVICTED, n, NULL);
    return n;
}

static void post(struct wr_loop_thread *t)
{
    if (!atomic_exchange(&t->is_room_posted, true))
        wr_loop_post(t->worker.loop, &t->room);
}

static void ask_others(struct wr_loop_thread *t)
{
    struct wr_server *s = t->server;

    atomic_store(&t->wants_room, true);
    for (int i = 0; i < s->loops; i++)
        if (&s->threads[i] != t)
            post(&s->threads[i]);
}

static void tell_those_that_asked(struct wr_loop_thread *t)
{
    struct wr_server *s = t->server;

    for (int i = 0; i < s->loops; i++)
        if (&s->threads[i] != t && atomic_exchange(&s->threads[i].wants_room, false))
            post(&s->threads[i]);
}

bool wr_room_make(struct wr_loop_thread *t)
{
    if (!wr_room_is_full(t->server))
        return true;
    if (wr_room_evict(t) == 0)
        ask_others(t);
    return !wr_room_is_full(t->server);
}

/* Another loop wants room, or has made it. */
static void on_room(struct wr_task *task)
{
    struct wr_loop_thread *t = WR_CONTAINER_OF(task, struct wr_loop_thread, room);

    atomic_store(&t->is_room_posted, false);
    if (t->is_stopping)
        return;
    if (wr_room_is_full(t->server) && wr_room_evict(t) > 0)
        tell_those_that_asked(t);
    if (t->is_paused)
        wr_accept_resume(t);
}

void wr_room_init(struct wr_loop_thread *t)
{
    t->room.run = on_room;
    wr_timer_init(&t->telling, on_telling);
}

/* ---- coming in ---- */

void wr_room_admit(struct wr_worker *w, struct wr_transport *transport, int fd,
                   const struct wr_peer *peer)
{
    int err = wr_conn_open(w, transport, fd, peer);

    if (err == -EUSERS)
        note(thread_of(w), WR_TALLY_REFUSED, 1, peer);
    else if (err < 0)
        wr_log(&w->site->log, WR_LOG_WARN, "a connection was dropped: %s", strerrordesc_np(-err));
}
