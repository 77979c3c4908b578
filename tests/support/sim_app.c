/* An app that does anything, in any of its calls; and what must hold of each of these. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sim.h"

#define STEPS      5
#define PIECES_MAX 6

/* ---- around every call ---- */

static int loop_of(const struct sim_request *r)
{
    if (r->sim->is_serial || !r->client)
        return 0;
    return r->client->loop;
}

/* A suspended coroutine is still in its call, and keeps the turn of a serial app. */
void sim_enter(struct sim_request *r, const char *what)
{
    struct sim *s = r->sim;

    s->happened++;
    sim_tell(s, "request %u: %s", r->id, what);
    SIM_CHECK(s, r->has_begun && !r->is_over && !r->is_closed);
    SIM_CHECK(s, r->depth == 0 || r->is_offloading);
    if (s->is_serial)
        SIM_CHECK(s, s->turn == NULL || (s->turn == r && r->is_offloading));
    if (r->client)
        SIM_CHECK(s, s->where == loop_of(r));
    s->turn = r;
    r->depth++;
}

void sim_leave(struct sim_request *r)
{
    SIM_CHECK(r->sim, r->depth > 0);
    if (--r->depth == 0 && r->sim->is_serial)
        SIM_CHECK(r->sim, r->sim->turn == r);
    if (r->depth == 0)
        r->sim->turn = NULL;
}

/* ---- bodies ---- */

/* The next n bytes of the answer. */
void sim_give(struct sim_request *r, char *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = sim_answer_byte(r->id, r->given + i);
}

static void on_close(void *arg)
{
    struct sim_ask *body = arg;
    struct sim_request *r = body->request;

    r->sim->happened++;
    sim_tell(r->sim, "request %u: body %u is closed", r->id, body->number);
    SIM_CHECK(r->sim, ++body->calls == 1 && !r->is_over && !r->waits);
    SIM_CHECK(r->sim, !body->is_current || r->depth == 0);
    if (!body->is_current)
        return;
    if (r->client)
        SIM_CHECK(r->sim, r->sim->where == loop_of(r));
    r->is_closed = true;
}

weir_body sim_owned(struct sim_request *r, const char *p, size_t n)
{
    return weir_owned(p, n, on_close, sim_ask_new(r->sim, r, ASK_BODY));
}

weir_body sim_iterable(struct sim_request *r, weir_next_fn *next)
{
    return weir_iterable(next, on_close, sim_ask_new(r->sim, r, ASK_BODY));
}

static void start(struct sim_request *r)
{
    char id[16];
    int32_t err;

    if (r->has_started || r->has_failed || r->has_page)
        return;
    snprintf(id, sizeof id, "%u", r->id);
    err = r->start(r->env, 200, WEIR_HEADERS({"X-Sim", id}));
    SIM_CHECK(r->sim, err == 0);
    r->has_started = true;
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct sim_ask *body = arg;
    struct sim_request *r = body->request;
    size_t n = sim_draw(&r->random, sizeof r->piece);
    int32_t said = WEIR_CHUNK;

    (void)env;
    sim_enter(r, "next");
    SIM_CHECK(r->sim, r->has_returned && !r->has_ended && body->is_current);
    r->is_awaiting = false;
    r->may_wait = r->sim->in_coroutine;
    start(r);
    if (sim_one_in(&r->random, 2))
        sim_do_something(r);
    r->may_wait = false;
    if (!r->sim->is_draining && sim_one_in(&r->random, 3)) {
        said = WEIR_AGAIN;
        r->is_awaiting = true;
        if (sim_one_in(&r->random, 3))
            weir_wake(r->env);
    } else if (r->pieces == 0) {
        said = WEIR_END;
        r->has_ended = true;
    } else {
        r->pieces--;
        sim_give(r, r->piece, n);
        r->given += n;
        *chunk = (weir_chunk){.data = r->piece, .size = n};
    }
    sim_tell(r->sim, "request %u: next says %d, %zu given", r->id, said, r->given);
    sim_leave(r);
    return said;
}

/* Bytes that are known to the end. */
static weir_body sized_body(struct sim_request *r)
{
    size_t n = sim_draw(&r->random, 3000);
    char *p = weir_alloc(r->env, n + 1);

    SIM_CHECK(r->sim, p != NULL);
    sim_give(r, p, n);
    if (sim_one_in(&r->random, 2))
        return sim_owned(r, p, n);
    return weir_bytes(p, n);
}

static weir_body any_body(struct sim_request *r)
{
    if (!r->has_started && sim_one_in(&r->random, 8))
        return weir_error(r->env, 418);
    start(r);
    if (sim_one_in(&r->random, 2))
        return sized_body(r);
    r->pieces = (unsigned)sim_draw(&r->random, PIECES_MAX);
    return sim_iterable(r, next);
}

/* It is the answer now. */
static void take(struct sim_request *r, const weir_body *body)
{
    r->has_body = true;
    r->has_next = body->kind == WEIR_BODY_ITERABLE;
    r->has_ended |= !r->has_next;
    r->has_page = body->kind == WEIR_BODY_ERROR;
    if (body->kind == WEIR_BODY_MEMORY)
        r->given += body->size;
    if (body->close) {
        r->body = body->arg;
        r->body->is_current = true;
    }
    sim_tell(r->sim, "request %u: its body is of kind %u, %zu given", r->id, body->kind, r->given);
}

void sim_finish_request(struct sim_request *r)
{
    weir_body body;
    unsigned before = r->depth > 0;
    int32_t err;

    if (!r->is_late || r->has_body || r->has_failed)
        return;
    body = any_body(r);
    err = weir_finish(r->env, body);
    sim_tell(r->sim, "request %u: weir_finish gives %d", r->id, err);
    SIM_CHECK(r->sim, before);
    if (err == 0) {
        take(r, &body);
        return;
    }
    SIM_CHECK(r->sim, err == WEIR_EGONE && sim_may_be_gone(r));
    if (body.close)
        SIM_CHECK(r->sim, ((struct sim_ask *)body.arg)->calls == 1);
}

/* ---- the app ---- */

void sim_do_something(struct sim_request *r)
{
    for (uint64_t n = sim_draw(&r->random, STEPS); n > 0; n--) {
        if (!r->has_started && !r->has_failed && sim_one_in(&r->random, 4))
            start(r);
        sim_do_one(r);
    }
}

/* The first that was deferred is called last of all. */
static void on_over(void *arg)
{
    struct sim_request *r = arg;
    struct sim *s = r->sim;

    s->happened++;
    sim_tell(s, "request %u: is over", r->id);
    SIM_CHECK(s, !r->is_over && r->depth == 0 && !r->waits);
    SIM_CHECK(s, !r->body || r->body->calls == 1);
    SIM_CHECK(s, r->undone == r->defers);
    SIM_CHECK(s, r->heard_gone <= 1 && r->heard_half_closed <= 1);
    sim_check_late_calls(r);
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    r->is_over = r->is_closed = true;
}

static void on_defer(void *arg)
{
    struct sim_request *r = arg;

    r->sim->happened++;
    SIM_CHECK(r->sim, !r->is_over && r->depth == 0 && ++r->undone <= r->defers);
    SIM_CHECK(r->sim, !r->body || r->body->calls == 1);
    r->is_closed = true;
}

static void on_disconnect(weir_environ *env, void *arg, int32_t why)
{
    struct sim_request *r = arg;

    r->sim->happened++;
    sim_tell(r->sim, "request %u: hears of its client: %d", r->id, why);
    SIM_CHECK(r->sim, env == r->env && !r->is_closed && !r->is_over);
    SIM_CHECK(r->sim, why == WEIR_GONE || why == WEIR_HALF_CLOSED);
    SIM_CHECK(r->sim, why == WEIR_GONE ? sim_may_be_gone(r) : r->client->is_half_closed);
    if (why == WEIR_GONE)
        r->heard_gone++;
    else
        r->heard_half_closed++;
    SIM_CHECK(r->sim, r->heard_gone <= 1 && r->heard_half_closed <= 1);
}

static void begin(struct sim_request *r, weir_environ *env, weir_start_response *start_response)
{
    struct sim *s = r->sim;

    SIM_CHECK(s, !r->has_begun);
    r->has_begun = true;
    r->env = env;
    r->start = start_response;
    weir_defer(env, on_over, r);
    if (sim_one_in(&r->random, 3)) {
        weir_defer(env, on_defer, r);
        r->defers++;
    }
    if (sim_one_in(&r->random, 3))
        SIM_CHECK(s, weir_on_disconnect(env, on_disconnect, r) == 0 || sim_may_be_gone(r));
    r->token = weir_token(env);
    for (unsigned i = 0; i < s->requests_n && r->token; i++)
        SIM_CHECK(s, s->requests[i] == r || s->requests[i]->token != r->token);
    r->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    SIM_CHECK(s, r->fd >= 0);
    for (int i = 0; i < SIM_TIMERS; i++)
        r->timers[i].request = r;
    r->watch = (struct sim_watch){.request = r, .fd = r->fd};
    r->shared = (struct sim_watch){.request = r, .fd = s->shared_fd};
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct sim *s = weir_state(env);
    unsigned long id = strtoul(weir_get(env, "QUERY_STRING"), NULL, 10);
    struct sim_request *r = s->requests[id];
    weir_body body;

    begin(r, env, start_response);
    sim_enter(r, "the app");
    SIM_CHECK(s, weir_loop_state(env) == s->loops[s->where] || s->is_serial);
    r->may_wait = s->in_coroutine;
    sim_do_something(r);
    r->may_wait = false;
    if (sim_one_in(&r->random, 2)) {
        r->is_late = true;
        body = weir_later(env);
        sim_tell(s, "request %u: later", r->id);
    } else {
        body = any_body(r);
        take(r, &body);
    }
    sim_leave(r);
    r->has_returned = true;
    return body;
}

/* ---- loops ---- */

static void on_loop_fd(weir_loop *loop, void *arg, uint32_t events)
{
    struct sim *s = arg;
    uint64_t n;

    s->happened++;
    SIM_CHECK(s, s->where >= 0 && loop == s->loops[s->where]);
    SIM_CHECK(s, events == 1); /* POLLIN */
    SIM_CHECK(s, read(s->loop_fds[s->where], &n, sizeof n) == sizeof n);
    s->loop_watched[s->where]++;
    sim_tell(s, "the loop's descriptor is ready");
}

static void at_stop(void *arg)
{
    ((struct sim_ask *)arg)->calls++;
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    struct sim *s = state;
    int32_t err;

    s->host = host;
    s->loops[s->where] = loop;
    *loop_state = loop;
    err = weir_loop_watch_fd(loop, s->loop_fds[s->where], 1, on_loop_fd, s);
    s->has_all &= err != WEIR_ENOTSUP;
    SIM_CHECK(s, err == 0 || !s->has_all);
    sim_set_loop_timer(s, s->where);
    return 0;
}

/* What was posted before was done; from now on nothing is, nor are timers that are left. */
static void loop_stop(void *state, void *loop_state)
{
    struct sim *s = state;
    struct sim_ask *ask = sim_ask_new(s, NULL, ASK_POST);
    int32_t err;

    SIM_CHECK(s, loop_state == s->loops[s->where]);
    for (const struct sim_ask *a = s->asks; a; a = a->next)
        SIM_CHECK(s,
                  a->kind != ASK_POST || !a->is_accepted || a->loop != s->where || a->calls == 1);
    err = weir_loop_post(loop_state, at_stop, ask);
    SIM_CHECK(s, err == WEIR_ESTATE || !s->has_all);
    sim_set_loop_timer(s, s->where);
    s->loops[s->where] = NULL;
}

const weir_plugin sim_plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                .abi_major = WEIR_ABI_MAJOR,
                                .abi_minor = WEIR_ABI_MINOR,
                                .size = sizeof(weir_plugin),
                                .name = "sim",
                                .app = app,
                                .loop_start = loop_start,
                                .loop_stop = loop_stop};
