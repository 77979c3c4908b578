/* What an app may call, and what must come of each: told at once, or kept until it is due. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

struct sim_ask *sim_ask_new(struct sim *s, struct sim_request *r, enum sim_ask_kind kind)
{
    struct sim_ask *ask = calloc(1, sizeof *ask);

    if (!ask)
        abort();
    *ask = (struct sim_ask){
        .next = s->asks, .sim = s, .request = r, .kind = kind, .number = ++s->numbers};
    s->asks = ask;
    return ask;
}

/* Its client may have left, or all of its answer may be on its way. */
static bool is_over_soon(const struct sim_request *r)
{
    return sim_may_be_gone(r) || r->has_ended;
}

/* True: the call was let in. Nobody may be told that the client is gone while it waits. */
static bool check_error(struct sim_request *r, const char *call, int32_t err)
{
    struct sim *s = r->sim;

    sim_tell(s, "request %u:   %s gives %d", r->id, call, err);
    s->has_all &= err != WEIR_ENOTSUP;
    if (err == WEIR_EGONE) {
        SIM_CHECK(s, is_over_soon(r));
        SIM_CHECK(s, weir_is_gone(r->env) || r->is_closed || r->has_ended);
        r->has_heard_gone = true;
    }
    return err >= 0;
}

/* In a callback the app goes on with what it likes, and ends what is to be ended. */
static void in_callback(struct sim_request *r, const char *what)
{
    sim_enter(r, what);
    SIM_CHECK(r->sim, r->has_returned || r->is_offloading);
    if (!r->is_offloading) {
        r->may_wait = false;
        sim_do_something(r);
        if (r->wants_finish || r->sim->is_draining || sim_one_in(&r->random, 6))
            sim_finish_request(r);
        if (r->is_awaiting)
            weir_wake(r->env);
    }
    sim_leave(r);
}

/* ---- waiting: a coroutine is left, and comes back ---- */

static void wait_begin(struct sim_request *r, const char *what, int64_t until_ms)
{
    r->waits = what;
    r->waits_until_ms = until_ms;
    sim_tell(r->sim, "request %u:   %s …", r->id, what);
    if (r->may_wait && !r->sim->is_serial)
        r->sim->turn = NULL;
}

static void wait_end(struct sim_request *r)
{
    struct sim *s = r->sim;

    s->happened++;
    r->waits = NULL;
    if (s->is_serial)
        SIM_CHECK(s, s->turn == r);
    s->turn = r;
    if (r->client)
        SIM_CHECK(s, s->where == (s->is_serial ? 0 : r->client->loop));
    SIM_CHECK(s, !r->is_closed && r->depth == 1);
}

static void do_sleep(struct sim_request *r)
{
    uint32_t ms = (uint32_t)sim_draw(&r->random, 40);
    int64_t until = sim_now(r->sim) + ms;
    unsigned happened = r->sim->happened;
    bool was_gone = r->has_heard_gone;
    int32_t err;

    wait_begin(r, "weir_sleep", until);
    err = weir_sleep(r->env, ms);
    SIM_CHECK(r->sim, !was_gone || !r->may_wait || r->sim->happened == happened);
    wait_end(r);
    if (err == WEIR_ENOTSUP) {
        check_error(r, "weir_sleep", err);
        return;
    }
    if (!r->may_wait)
        SIM_CHECK(r->sim, err == WEIR_ESTATE || (err == WEIR_EGONE && is_over_soon(r)));
    else if (check_error(r, "weir_sleep", err))
        SIM_CHECK(r->sim, err == 0 && sim_now(r->sim) >= until && !was_gone);
    else
        SIM_CHECK(r->sim, err == WEIR_EGONE);
}

static void drain_fd(struct sim_request *r)
{
    uint64_t n;

    SIM_CHECK(r->sim, read(r->fd, &n, sizeof n) == sizeof n || errno == EAGAIN);
}

static void do_wait_fd(struct sim_request *r)
{
    uint32_t ms = sim_one_in(&r->random, 4) ? WEIR_NEVER : (uint32_t)sim_draw(&r->random, 40);
    int64_t until = ms == WEIR_NEVER ? INT64_MAX : sim_now(r->sim) + ms;
    struct pollfd p = {.fd = r->fd, .events = POLLIN};
    bool is_watched = r->watch.is_set;
    int32_t got;

    wait_begin(r, "weir_wait_fd", until);
    got = weir_wait_fd(r->env, r->fd, POLLIN, ms);
    wait_end(r);
    if (!check_error(r, "weir_wait_fd", got)) {
        if (got == WEIR_ENOTSUP)
            return;
        if (!r->may_wait)
            SIM_CHECK(r->sim, got == WEIR_ESTATE || got == WEIR_EGONE);
        else if (got == WEIR_EBUSY)
            SIM_CHECK(r->sim, is_watched);
        else if (got != WEIR_EGONE)
            SIM_CHECK(r->sim, got == WEIR_ETIMEDOUT && sim_now(r->sim) >= until);
        return;
    }
    SIM_CHECK(r->sim, r->may_wait && got == POLLIN && (!is_watched || ms == 0));
    SIM_CHECK(r->sim, poll(&p, 1, 0) == 1);
    drain_fd(r);
}

/* ---- content ---- */

static void do_read(struct sim_request *r)
{
    char buffer[700];
    size_t n = 1 + sim_draw(&r->random, sizeof buffer - 1);
    int64_t got;

    r->has_read = true;
    if (r->may_wait)
        wait_begin(r, "weir_read", INT64_MAX);
    got = weir_read(r->env, buffer, n);
    if (r->may_wait)
        wait_end(r);
    if (!check_error(r, "weir_read", (int32_t)got)) {
        if (got == WEIR_AGAIN)
            SIM_CHECK(r->sim, !r->may_wait);
        else if (got == WEIR_ESTATE)
            SIM_CHECK(r->sim, r->has_read_all);
        else
            SIM_CHECK(r->sim, is_over_soon(r));
        return;
    }
    if (r->has_read_all) /* it has taken it */
        return;
    SIM_CHECK(r->sim, (size_t)got <= n && r->received + (size_t)got <= r->content_n);
    for (size_t i = 0; i < (size_t)got; i++)
        SIM_CHECK(r->sim, buffer[i] == sim_content_byte(r->id, r->received + i));
    r->received += (size_t)got;
    SIM_CHECK(r->sim, got > 0 || r->received == r->content_n);
}

static void on_all(weir_environ *env, void *arg, const void *data, int64_t n)
{
    struct sim_ask *ask = arg;
    struct sim_request *r = ask->request;

    (void)env;
    SIM_CHECK(r->sim, ++ask->calls == 1 && ask->is_accepted);
    SIM_CHECK(r->sim, (n < 0) == (data == NULL));
    SIM_CHECK(r->sim, n >= 0 || is_over_soon(r));
    SIM_CHECK(r->sim, n < 0 || r->received + (size_t)n == r->content_n);
    for (int64_t i = 0; i < n; i++)
        SIM_CHECK(r->sim,
                  ((const char *)data)[i] == sim_content_byte(r->id, r->received + (size_t)i));
    in_callback(r, "all is read");
}

static void do_read_all(struct sim_request *r)
{
    struct sim_ask *ask;
    int32_t err;

    if (r->has_read_all)
        return;
    ask = sim_ask_new(r->sim, r, ASK_READ_ALL);
    r->has_read_all = ask->is_accepted = true;
    err = weir_read_all(r->env, SIM_CONTENT, on_all, ask);
    ask->is_accepted = check_error(r, "weir_read_all", err);
    SIM_CHECK(r->sim, err == 0 || is_over_soon(r));
}

static void do_write(struct sim_request *r)
{
    size_t n = 1 + sim_draw(&r->random, sim_one_in(&r->random, 8) ? 6000 : 300);
    char bytes[6400]; /* its own: it may wait */
    int32_t err;

    if (!r->has_started || (r->has_body && !r->has_next))
        return;
    sim_give(r, bytes, n);
    if (r->may_wait)
        wait_begin(r, "weir_write", INT64_MAX);
    r->given += n; /* they may go out before this call has returned */
    sim_tell(r->sim, "request %u:   writes %zu, %zu given", r->id, n, r->given);
    err = weir_write(r->env, bytes, n);
    if (r->may_wait)
        wait_end(r);
    if (err != 0)
        r->given -= n;
    if (!check_error(r, "weir_write", err))
        SIM_CHECK(r->sim, err == WEIR_AGAIN   ? !r->may_wait
                          : err == WEIR_EGONE ? is_over_soon(r)
                                              : r->has_ended && err == WEIR_ESTATE);
}

static void on_input(weir_environ *env, void *arg)
{
    struct sim_request *r = arg;

    SIM_CHECK(r->sim, env == r->env);
    in_callback(r, "there is input");
}

static void on_writable(weir_environ *env, void *arg)
{
    struct sim_request *r = arg;

    SIM_CHECK(r->sim, env == r->env);
    in_callback(r, "there is room");
}

static void do_listen(struct sim_request *r)
{
    if (sim_one_in(&r->random, 2))
        check_error(r, "weir_on_input", weir_on_input(r->env, on_input, r));
    else
        check_error(r, "weir_on_writable", weir_on_writable(r->env, on_writable, r));
}

/* ---- timers and descriptors ---- */

static void on_timer(weir_environ *env, void *arg)
{
    struct sim_timer *t = arg;
    struct sim_request *r = t->request;

    SIM_CHECK(r->sim, env == r->env && t->is_set && sim_now(r->sim) >= t->due_ms);
    t->is_set = false;
    in_callback(r, "a timer");
}

static void do_timer(struct sim_request *r)
{
    struct sim_timer *t = &r->timers[sim_draw(&r->random, SIM_TIMERS)];
    uint32_t ms = sim_one_in(&r->random, 5) ? WEIR_NEVER : (uint32_t)sim_draw(&r->random, 50);
    int32_t err = weir_timer(r->env, ms, on_timer, t);

    if (!check_error(r, "weir_timer", err)) {
        SIM_CHECK(r->sim, err == WEIR_EGONE || !r->sim->has_all);
        return;
    }
    t->is_set = ms != WEIR_NEVER;
    t->number = ++r->sim->numbers;
    t->due_ms = sim_now(r->sim) + (t->is_set ? ms : 0);
}

static void on_ready(weir_environ *env, void *arg, uint32_t events)
{
    struct sim_watch *w = arg;
    struct sim_request *r = w->request;
    struct pollfd p = {.fd = w->fd, .events = (short)w->events};
    bool is_own = w == &r->watch;

    SIM_CHECK(r->sim, env == r->env && w->is_set && events != 0);
    sim_tell(r->sim, "request %u: ready for %x of %x, poll %d", r->id, events, w->events,
             poll(&p, 1, 0) * p.revents);
    SIM_CHECK(r->sim, (events & ~(w->events | POLLERR | POLLHUP)) == 0);
    w->calls++;
    if (is_own && w->events & POLLIN && sim_one_in(&r->random, 2))
        drain_fd(r);
    in_callback(r, "a descriptor is ready");
}

/* Watches, changes, or ends it. Of many requests one at a time may watch what they share. */
static void do_watch(struct sim_request *r)
{
    struct sim_watch *w = sim_one_in(&r->random, 4) ? &r->shared : &r->watch;
    uint32_t events = sim_one_in(&r->random, 3)   ? 0
                      : sim_one_in(&r->random, 4) ? POLLIN | POLLOUT
                                                  : POLLIN;
    bool is_taken = false, may_be_taken = false;
    int32_t err;

    if (w == &r->shared)
        events &= POLLIN;
    for (unsigned i = 0; w == &r->shared && i < r->sim->requests_n; i++) {
        const struct sim_request *other = r->sim->requests[i];
        bool has_it = other != r && other->shared.is_set && !other->is_over;

        may_be_taken |= has_it;
        is_taken |= has_it && !sim_may_be_gone(other) && !other->has_ended &&
                    (r->sim->is_serial || other->client->loop == r->client->loop);
    }
    err = weir_watch_fd(r->env, w->fd, events, on_ready, w);
    if (check_error(r, "weir_watch_fd", err)) {
        SIM_CHECK(r->sim, !is_taken || events == 0);
        w->is_set = events != 0;
        w->events = events;
        w->number = ++r->sim->numbers;
    } else {
        SIM_CHECK(r->sim,
                  err == WEIR_EGONE || !r->sim->has_all || (err == WEIR_EBUSY && may_be_taken));
    }
}

/* ---- from elsewhere ---- */

static void on_resume(weir_environ *env, void *arg)
{
    struct sim_ask *ask = arg;
    struct sim_request *r = ask->request;

    SIM_CHECK(ask->sim, r && env == r->env);
    SIM_CHECK(ask->sim, ++ask->calls + ask->drops == 1);
    SIM_CHECK(ask->sim, ask->number > r->last_resume);
    r->last_resume = ask->number;
    r->wants_finish |= ask->is_finishing;
    in_callback(r, "is resumed");
}

static void on_drop(void *arg)
{
    struct sim_ask *ask = arg;

    ask->sim->happened++;
    sim_tell(ask->sim, "resume %u is dropped", ask->number);
    SIM_CHECK(ask->sim, ask->calls + ++ask->drops == 1);
}

void sim_resume(struct sim *s, uint64_t token, struct sim_request *r, bool is_finishing)
{
    bool is_over = !r || r->is_over;
    struct sim_ask *ask;
    int32_t err;

    for (unsigned i = 0; !r && i < s->requests_n && token; i++)
        if (s->requests[i]->token == token) /* it is somebody's */
            return;
    ask = sim_ask_new(s, r, ASK_RESUME);
    ask->is_finishing = is_finishing;
    ask->is_accepted = true;
    err = weir_resume(s->host, token, on_resume, ask, on_drop);
    sim_tell(s, "resume %u of request %d gives %d", ask->number, r ? (int)r->id : -1, err);
    s->has_all &= err != WEIR_ENOTSUP;
    ask->is_accepted = err == 0;
    SIM_CHECK(s, err == 0 || err == WEIR_ESTALE || !s->has_all);
    if (err < 0)
        SIM_CHECK(s, ask->drops == 1 && ask->calls == 0);
    if (is_over)
        SIM_CHECK(s, err < 0);
    else if (!sim_may_be_gone(r) && !(r->has_body && r->has_ended))
        SIM_CHECK(s, err == 0 || !s->has_all);
}

static void do_resume(struct sim_request *r)
{
    struct sim_request *other = r->sim->requests[sim_draw(&r->random, r->sim->requests_n)];

    if (!sim_one_in(&r->random, 3))
        other = r;
    if (other->token)
        sim_resume(r->sim, other->token, other, false);
}

static void work(void *arg)
{
    struct sim_ask *ask = arg;

    SIM_CHECK(ask->sim, ask->sim->where == SIM_IN_POOL);
    SIM_CHECK(ask->sim, ++ask->works == 1 && ask->calls == 0);
    sim_tell(ask->sim, "offload %u is worked on", ask->number);
}

static void on_done(weir_environ *env, void *arg)
{
    struct sim_ask *ask = arg;
    struct sim_request *r = ask->request;

    sim_tell(r->sim, "offload %u of request %u is done", ask->number, r->id);
    SIM_CHECK(r->sim, env == r->env);
    SIM_CHECK(r->sim, ++ask->calls == 1 && ask->is_accepted);
    SIM_CHECK(r->sim, ask->works == 1 || weir_is_gone(env) || r->has_ended || r->has_failed);
    in_callback(r, "work is done");
}

static void do_offload(struct sim_request *r)
{
    struct sim_ask *ask = sim_ask_new(r->sim, r, ASK_OFFLOAD);
    unsigned refused = r->sim->refused_jobs;
    int32_t err;

    ask->is_accepted = true;
    r->is_offloading = r->may_wait;
    if (r->may_wait)
        wait_begin(r, "weir_offload", INT64_MAX);
    err = weir_offload(r->env, work, on_done, ask);
    if (r->may_wait)
        wait_end(r);
    r->is_offloading = false;
    ask->is_accepted = check_error(r, "weir_offload", err);
    if (r->may_wait)
        SIM_CHECK(r->sim, ask->calls == (err == 0) && ask->works == (err == 0));
    else
        SIM_CHECK(r->sim, ask->calls == 0 && ask->works == 0);
    if (err == WEIR_EBUSY)
        SIM_CHECK(r->sim, r->sim->refused_jobs > refused);
    else
        SIM_CHECK(r->sim, err == 0 || err == WEIR_EGONE || !r->sim->has_all);
}

/* ---- of a loop ---- */

static void on_post(void *arg)
{
    struct sim_ask *ask = arg;
    struct sim *s = ask->sim;

    s->happened++;
    sim_tell(s, "post %u", ask->number);
    SIM_CHECK(s, ++ask->calls == 1 && s->where == ask->loop && s->loops[ask->loop]);
    SIM_CHECK(s, ask->number > s->last_post[ask->loop]);
    s->last_post[ask->loop] = ask->number;
    if (sim_one_in(&s->random, 3))
        sim_set_loop_timer(s, ask->loop);
}

void sim_post(struct sim *s, int loop)
{
    struct sim_ask *ask = sim_ask_new(s, NULL, ASK_POST);
    int32_t err;

    ask->loop = loop;
    err = weir_loop_post(s->loops[loop], on_post, ask);
    s->has_all &= err != WEIR_ENOTSUP;
    sim_tell(s, "post %u to loop %d gives %d", ask->number, loop, err);
    ask->is_accepted = err == 0;
    SIM_CHECK(s, err == 0 || !s->has_all);
}

static void on_loop_timer(weir_loop *loop, void *arg)
{
    struct sim_ask *ask = arg;
    struct sim *s = ask->sim;

    s->happened++;
    sim_tell(s, "loop timer %u", ask->number);
    SIM_CHECK(s, ++ask->calls == 1 && s->where == ask->loop && loop == s->loops[ask->loop]);
    SIM_CHECK(s, ask->is_accepted && sim_now(s) >= ask->due_ms);
    if (sim_one_in(&s->random, 4))
        sim_post(s, (int)sim_draw(&s->random, SIM_LOOPS));
}

void sim_set_loop_timer(struct sim *s, int loop)
{
    struct sim_ask *ask = sim_ask_new(s, NULL, ASK_LOOP_TIMER);
    uint32_t ms = (uint32_t)sim_draw(&s->random, 200);
    int32_t err;

    ask->loop = loop;
    ask->due_ms = sim_now(s) + ms;
    err = weir_loop_timer(s->loops[loop], ms, on_loop_timer, ask);
    s->has_all &= err != WEIR_ENOTSUP;
    ask->is_accepted = err == 0;
    SIM_CHECK(s, err == 0 || !s->has_all);
    if (err == 0 && sim_one_in(&s->random, 4)) {
        SIM_CHECK(s, weir_loop_timer(s->loops[loop], WEIR_NEVER, on_loop_timer, ask) == 0);
        ask->is_accepted = false;
    }
}

static void do_for_loop(struct sim_request *r)
{
    sim_post(r->sim, (int)sim_draw(&r->random, SIM_LOOPS));
}

/* ---- any of them ---- */

static void do_fail(struct sim_request *r)
{
    if (!sim_one_in(&r->random, 20))
        return;
    r->has_failed = true;
    SIM_CHECK(r->sim, weir_fail(r->env, "it is to fail") == WEIR_EFAILED);
}

static void do_wake(struct sim_request *r)
{
    check_error(r, "weir_wake", weir_wake(r->env));
}

static void do_ask_token(struct sim_request *r)
{
    SIM_CHECK(r->sim, weir_token(r->env) == r->token || is_over_soon(r));
    SIM_CHECK(r->sim, !weir_is_gone(r->env) || is_over_soon(r));
}

void sim_do_one(struct sim_request *r)
{
    static void (*const all[])(struct sim_request * r) = {
        do_sleep,  do_sleep,   do_wait_fd, do_wait_fd,  do_read,  do_read,  do_read_all, do_write,
        do_write,  do_write,   do_listen,  do_timer,    do_timer, do_watch, do_watch,    do_resume,
        do_resume, do_offload, do_offload, do_for_loop, do_fail,  do_wake,  do_ask_token};
    size_t i = sim_draw(&r->random, sizeof all / sizeof all[0]);

    if (r->has_failed)
        return;
    all[i](r);
}

/* The request is over: what it still asks for is refused. */
void sim_check_late_calls(struct sim_request *r)
{
    struct sim *s = r->sim;
    struct sim_ask *ask;
    int32_t err;

    if (r->has_failed || !s->has_all || !sim_one_in(&r->random, 3))
        return;
    SIM_CHECK(s, weir_timer(r->env, 1, on_timer, &r->timers[0]) == WEIR_EGONE);
    SIM_CHECK(s, weir_watch_fd(r->env, r->fd, POLLIN, on_ready, &r->watch) == WEIR_EGONE);
    ask = sim_ask_new(s, r, ASK_OFFLOAD);
    err = weir_offload(r->env, work, on_done, ask);
    SIM_CHECK(s, err == WEIR_EGONE || (s->in_coroutine && err == WEIR_ESTATE));
    SIM_CHECK(s, weir_sleep(r->env, 1) < 0);
    SIM_CHECK(s, weir_wait_fd(r->env, r->fd, POLLIN, 1) < 0);
    SIM_CHECK(s, weir_token(r->env) == 0 || weir_token(r->env) == r->token);
    sim_resume(s, r->token, NULL, false);
}
