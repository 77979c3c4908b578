#include "io/loop.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/branch.h"
#include "base/cache_line.h"

#define BATCH     256 /* events of one epoll_wait: more only delays timers and posts */
#define TABLE_MIN 64
#define AGAIN_US  100 /* a turn, at least, for sources that asked for another one */

struct slot {
    struct wr_source *source; /* NULL: free */
    uint32_t generation;
};

struct wr_loop {
    int epoll_fd, wake_fd;
    const struct wr_clock *clock;
    int64_t now_ms, wall_ns, wall_s;
    uint64_t turn;
    struct wr_timers timers;
    struct slot *table; /* by descriptor */
    size_t table_n;
    uint32_t generation;
    struct wr_list again; /* sources; during a turn those behind the mark have asked in it */
    struct wr_list mark;
    struct wr_task *deferred;
    struct wr_task *own, **own_end; /* posted by the thread that runs the turn, for the next one */
    struct wr_source wake;
    bool is_woken; /* in this turn, by a post */

    /* What other threads look at and write to, apart from all else. `posted` is what they have
     * posted, the last first; or `asleep`: nothing, and who posts has to wake it. It says so while
     * no turn is being run, whoever waits for the next. */
    alignas(WR_CACHE_LINE) struct wr_task *_Atomic posted;
    atomic_ulong runner;        /* the thread that runs a turn; 0: none is being run */
    atomic_llong turn_began_ms; /* INT64_MAX: none is being run */
    struct wr_task asleep;
    atomic_int wakers_n; /* who is about to write to the eventfd */
};

static void read_clock(struct wr_loop *l)
{
    l->now_ms = l->clock->monotonic_ms(l->clock->ctx);
    l->wall_ns = l->clock->wall_ns(l->clock->ctx);
    l->wall_s = l->wall_ns / 1000000000;
}

/* In the order they came; `next_state`: what is there then, NULL or &l->asleep. */
static struct wr_task *take_posted(struct wr_loop *l, struct wr_task *next_state)
{
    struct wr_task *from = atomic_exchange(&l->posted, next_state), *tasks = NULL;

    while (from && from != &l->asleep) {
        struct wr_task *next = from->next;

        from->next = tasks;
        tasks = from;
        from = next;
    }
    return tasks;
}

static void run_tasks(struct wr_task *t)
{
    while (t) {
        struct wr_task *next = t->next; /* running it may free it */

        t->run(t);
        t = next;
    }
}

/* Nothing but the end of the wait: what was posted is run in every turn, at its begin. It is
 * edge-triggered, so that the eventfd need not be read: 64 bits of wake-ups do not come. */
static void on_wake(struct wr_source *s, uint32_t events)
{
    (void)events;
    WR_CONTAINER_OF(s, struct wr_loop, wake)->is_woken = true;
}

struct wr_loop *wr_loop_new(const struct wr_clock *clock, int *err)
{
    struct wr_loop *l = wr_calloc_apart(1, sizeof *l);

    if (!l) {
        *err = -ENOMEM;
        return NULL;
    }
    l->clock = clock;
    l->own_end = &l->own;
    atomic_init(&l->posted, &l->asleep);
    atomic_init(&l->turn_began_ms, INT64_MAX);
    l->wake_fd = -1;
    wr_timers_init(&l->timers);
    wr_list_init(&l->again);
    wr_source_init(&l->wake, on_wake);
    read_clock(l);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        goto fail;
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake_fd < 0)
        goto fail;
    *err = wr_loop_add(l, &l->wake, l->wake_fd, EPOLLIN | EPOLLET);
    if (*err == 0)
        return l;
    errno = -*err;
fail:
    *err = -errno;
    wr_loop_free(l);
    return NULL;
}

static void run_deferred(struct wr_loop *l)
{
    while (l->deferred) { /* a deferred task may defer another */
        struct wr_task *tasks = l->deferred;

        l->deferred = NULL;
        run_tasks(tasks);
    }
}

static struct wr_task *take_own(struct wr_loop *l)
{
    struct wr_task *tasks = l->own;

    l->own = NULL;
    l->own_end = &l->own;
    return tasks;
}

bool wr_loop_run_tasks(struct wr_loop *l)
{
    bool has_run = false;

    /* Until all are empty: each may ask for the others. */
    for (;;) {
        struct wr_task *t = take_posted(l, &l->asleep);

        if (!t && !l->own && !l->deferred)
            return has_run;
        run_tasks(take_own(l));
        run_tasks(t);
        run_deferred(l);
        has_run = true;
    }
}

void wr_loop_free(struct wr_loop *l)
{
    if (!l)
        return;
    wr_loop_run_tasks(l);
    while (atomic_load(&l->wakers_n) > 0) /* what they have posted was run before */
        sched_yield();
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    wr_timers_fini(&l->timers);
    free(l->table);
    free(l);
}

void wr_source_init(struct wr_source *s, wr_source_fn *fn)
{
    *s = (struct wr_source){.fn = fn, .fd = -1};
    wr_list_init(&s->again);
}

/* Makes room for descriptor `fd` in the table. */
static int reserve_slot(struct wr_loop *l, int fd)
{
    size_t n = l->table_n > 0 ? l->table_n : TABLE_MIN;
    struct slot *table;

    if ((size_t)fd < l->table_n)
        return 0;
    while (n <= (size_t)fd)
        n *= 2;
    table = realloc(l->table, n * sizeof *table);
    if (!table)
        return -ENOMEM;
    memset(table + l->table_n, 0, (n - l->table_n) * sizeof *table);
    l->table = table;
    l->table_n = n;
    return 0;
}

/* Does this source still have its descriptor? One that was closed before it was removed may be
 * another's by now. */
static bool owns_slot(const struct wr_loop *l, const struct wr_source *s)
{
    return s->fd >= 0 && l->table[s->fd].source == s;
}

static int control(struct wr_loop *l, int op, int fd, uint32_t events)
{
    uint64_t tag = (uint64_t)l->table[fd].generation << 32 | (uint32_t)fd;
    struct epoll_event ev = {.events = events, .data.u64 = tag};

    return epoll_ctl(l->epoll_fd, op, fd, &ev) < 0 ? -errno : 0;
}

int wr_loop_add(struct wr_loop *l, struct wr_source *s, int fd, uint32_t events)
{
    int err = reserve_slot(l, fd);
    struct slot before;

    if (err < 0)
        return err;
    before = l->table[fd];
    l->table[fd] = (struct slot){s, ++l->generation};
    err = control(l, EPOLL_CTL_ADD, fd, events);
    if (err < 0) {
        l->table[fd] = before; /* -EEXIST: it belongs to another source */
        return err;
    }
    s->fd = fd;
    return 0;
}

void wr_loop_forget(struct wr_loop *l, struct wr_source *s)
{
    wr_list_remove(&s->again);
    s->again_events = 0;
    if (owns_slot(l, s))
        l->table[s->fd].source = NULL;
    s->fd = -1;
}

void wr_loop_remove(struct wr_loop *l, struct wr_source *s)
{
    if (owns_slot(l, s))
        control(l, EPOLL_CTL_DEL, s->fd, 0);
    wr_loop_forget(l, s);
}

int wr_loop_change(struct wr_loop *l, struct wr_source *s, uint32_t events)
{
    return owns_slot(l, s) ? control(l, EPOLL_CTL_MOD, s->fd, events) : -EBADF;
}

struct wr_source *wr_loop_source(const struct wr_loop *l, int fd)
{
    return fd >= 0 && (size_t)fd < l->table_n ? l->table[fd].source : NULL;
}

void wr_loop_again(struct wr_loop *l, struct wr_source *s, uint32_t events)
{
    if (wr_list_is_empty(&s->again))
        wr_list_append(&l->again, &s->again);
    s->again_events |= events;
}

void wr_loop_defer(struct wr_loop *l, struct wr_task *t)
{
    t->next = l->deferred;
    l->deferred = t;
}

/* No other thread stores this one's number there. */
bool wr_loop_is_in_turn(const struct wr_loop *l)
{
    return atomic_load_explicit(&l->runner, memory_order_relaxed) == (unsigned long)pthread_self();
}

int64_t wr_loop_in_turn_ms(const struct wr_loop *l, int64_t now_ms)
{
    int64_t began_ms = atomic_load_explicit(&l->turn_began_ms, memory_order_relaxed);

    return began_ms < now_ms ? now_ms - began_ms : 0;
}

/* The task first, so that who is woken finds it. It may be run at once then, and the loop be at
 * its end: wr_loop_free() waits for those who are about to wake it. */
static bool post_and_wake(struct wr_loop *l, struct wr_task *t)
{
    static const uint64_t one = 1;
    struct wr_task *last = &l->asleep;
    bool is_first;

    t->next = NULL;
    atomic_fetch_add(&l->wakers_n, 1);
    is_first = atomic_compare_exchange_strong(&l->posted, &last, t);
    while (is_first && write(l->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    atomic_fetch_sub(&l->wakers_n, 1);
    return is_first;
}

void wr_loop_post(struct wr_loop *l, struct wr_task *t)
{
    struct wr_task *last = atomic_load(&l->posted);

    if (wr_loop_is_in_turn(l)) { /* which need not be woken */
        t->next = NULL;
        *l->own_end = t;
        l->own_end = &t->next;
        return;
    }
    for (;;) {
        if (last != &l->asleep) {
            t->next = last;
            if (atomic_compare_exchange_weak(&l->posted, &last, t))
                return;
        } else if (post_and_wake(l, t)) {
            return;
        } else {
            last = atomic_load(&l->posted);
        }
    }
}

static bool is_posted_to(const struct wr_loop *l)
{
    const struct wr_task *last = atomic_load_explicit(&l->posted, memory_order_relaxed);

    return last && last != &l->asleep;
}

/* From here on who posts need not wake it. */
static void say_awake(struct wr_loop *l)
{
    struct wr_task *last = &l->asleep;

    l->is_woken = false;
    atomic_store_explicit(&l->runner, (unsigned long)pthread_self(), memory_order_relaxed);
    atomic_store_explicit(&l->turn_began_ms, l->now_ms, memory_order_relaxed);
    atomic_compare_exchange_strong(&l->posted, &last, NULL);
}

/* Unless something was posted meanwhile: then the next turn does not wait. */
static void say_asleep(struct wr_loop *l)
{
    struct wr_task *last = NULL;

    atomic_store_explicit(&l->runner, 0, memory_order_relaxed);
    atomic_store_explicit(&l->turn_began_ms, INT64_MAX, memory_order_relaxed);
    atomic_compare_exchange_strong(&l->posted, &last, &l->asleep);
}

/* Calls the sources before the mark, for as long as the events of the turn took. Some may be left for the
 * next one, in which they are the first: each may have much to do, and nobody else is to wait for all of
 * them. */
static int run_again(struct wr_loop *l, int64_t events_began_us)
{
    int64_t now_us = wr_loop_read_us(l), events_us = now_us - events_began_us;
    int64_t end_us = now_us + (events_us > AGAIN_US ? events_us : AGAIN_US);
    int n = 0;

    while (l->again.next != &l->mark && (n == 0 || wr_loop_read_us(l) < end_us)) {
        struct wr_source *s = WR_CONTAINER_OF(l->again.next, struct wr_source, again);
        uint32_t events = s->again_events;

        wr_list_remove(&s->again);
        s->again_events = 0;
        s->fn(s, events);
        n++;
    }
    wr_list_remove(&l->mark);
    return n;
}

/* Whose event it is; NULL: nobody's any more. */
static inline struct wr_source *source_of(const struct wr_loop *l, const struct epoll_event *ev)
{
    uint32_t fd = (uint32_t)ev->data.u64, generation = (uint32_t)(ev->data.u64 >> 32);
    const struct slot *slot = &l->table[fd];

    return slot->generation == generation ? slot->source : NULL;
}

static inline void dispatch(struct wr_loop *l, const struct epoll_event *ev)
{
    struct wr_source *s = source_of(l, ev);

    if (s)
        s->fn(s, ev->events);
}

/* While sources wait for a turn that they asked for: one of those does not come before the others by having
 * an event, too. */
static void dispatch_beside(struct wr_loop *l, const struct epoll_event *ev)
{
    struct wr_source *s = source_of(l, ev);

    if (s && !wr_list_is_empty(&s->again) && !(ev->events & (EPOLLERR | EPOLLHUP)))
        s->again_events |= ev->events;
    else if (s)
        s->fn(s, ev->events);
}

/* Behind the events, those who asked for it: they have had a turn, and are likely to need long. Who asks
 * from here on waits for the next one. */
static int run_events_and_again(struct wr_loop *l, const struct epoll_event *events, int n)
{
    int64_t began_us = wr_loop_read_us(l);

    wr_list_append(&l->again, &l->mark);
    for (int i = 0; i < n; i++)
        dispatch_beside(l, &events[i]);
    return run_again(l, began_us);
}

/* How many: it runs them. */
static int run_counted(struct wr_task *tasks)
{
    int n = 0;

    for (const struct wr_task *t = tasks; t; t = t->next)
        n++;
    run_tasks(tasks);
    return n;
}

/* Its own first, but those of others are taken before: what the loop had posted when one of them
 * was posted runs before that. What comes meanwhile waits for the next turn. */
static int run_posted(struct wr_loop *l)
{
    struct wr_task *others = is_posted_to(l) ? take_posted(l, NULL) : NULL;
    int n = run_counted(take_own(l));

    return n + run_counted(others);
}

int wr_loop_step(struct wr_loop *l, int timeout_ms)
{
    struct epoll_event events[BATCH];
    int own = wr_loop_timeout(l), tasks, n;

    if (own >= 0 && (timeout_ms < 0 || own < timeout_ms))
        timeout_ms = own;
    n = epoll_wait(l->epoll_fd, events, BATCH, timeout_ms);
    if (n < 0 && errno != EINTR)
        return -errno;
    if (n < 0)
        n = 0;
    read_clock(l);
    l->turn++;
    say_awake(l);
    tasks = run_posted(l);
    if (WR_UNLIKELY(!wr_list_is_empty(&l->again)))
        tasks += run_events_and_again(l, events, n);
    else
        for (int i = 0; i < n; i++)
            dispatch(l, &events[i]);
    wr_timers_run(&l->timers, l->now_ms);
    run_deferred(l);
    say_asleep(l);
    return n - l->is_woken + tasks;
}

int wr_loop_fd(const struct wr_loop *l)
{
    return l->epoll_fd;
}

int wr_loop_timeout(const struct wr_loop *l)
{
    int64_t ms;

    if (!wr_list_is_empty(&l->again) || l->own || l->deferred || is_posted_to(l))
        return 0;
    ms = wr_timers_next(&l->timers, wr_loop_read_ms(l));
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

struct wr_timers *wr_loop_timers(struct wr_loop *l)
{
    return &l->timers;
}

int64_t wr_loop_now_ms(const struct wr_loop *l)
{
    return l->now_ms;
}

int64_t wr_loop_wall_s(const struct wr_loop *l)
{
    return l->wall_s;
}

int64_t wr_loop_wall_ns(const struct wr_loop *l)
{
    return l->wall_ns;
}

int64_t wr_loop_read_ms(const struct wr_loop *l)
{
    return l->clock->monotonic_ms(l->clock->ctx);
}

int64_t wr_loop_read_us(const struct wr_loop *l)
{
    return l->clock->monotonic_us(l->clock->ctx);
}

uint64_t wr_loop_turn(const struct wr_loop *l)
{
    return l->turn;
}
