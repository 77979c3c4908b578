/* What must hold when nothing moves any more, and at the end. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

/* Is a coroutine of a serial app left in the middle? Then nobody else has a turn. */
static bool is_turn_kept(const struct sim *s)
{
    for (unsigned i = 0; s->is_serial && i < s->requests_n; i++)
        if (s->requests[i]->waits)
            return true;
    return false;
}

/* Would a callback of it be made now? */
static bool is_free(const struct sim_request *r)
{
    return r->has_begun && r->has_returned && r->depth == 0 && !r->is_closed && !r->is_over &&
           !sim_may_be_gone(r) && !(r->has_body && r->has_ended) && !is_turn_kept(r->sim);
}

static void complain(const struct sim_request *r, const char *of)
{
    fprintf(stderr, "request %u: %s\n", r->id, of);
}

/* One that waits for what has come, or for a client that has left, is not left waiting. */
static void check_waiting(struct sim_request *r)
{
    struct sim *s = r->sim;
    bool is_ready = false;

    if (!r->waits)
        return;
    if (strcmp(r->waits, "weir_wait_fd") == 0) {
        struct pollfd p = {.fd = r->fd, .events = POLLIN};

        is_ready = poll(&p, 1, 0) == 1;
    }
    if (sim_now(s) >= r->waits_until_ms || is_ready)
        complain(r, r->waits);
    SIM_CHECK(s, sim_now(s) < r->waits_until_ms && !is_ready);
    if (strcmp(r->waits, "weir_offload") == 0) /* its work may have begun: it is waited for */
        return;
    if (!r->client || r->client->is_reset)
        complain(r, r->waits);
    SIM_CHECK(s, r->client && !r->client->is_reset);
}

static void check_request(struct sim_request *r)
{
    struct sim *s = r->sim;

    check_waiting(r);
    if (!is_free(r) || !s->has_all)
        return;
    for (int i = 0; i < SIM_TIMERS; i++)
        if (r->timers[i].is_set && r->timers[i].number <= s->settled &&
            r->timers[i].due_ms <= sim_now(s)) {
            complain(r, "a timer");
            SIM_FAIL(s, "a timer that is due stays so");
        }
}

/* A descriptor that stays ready is told of again and again. */
static void check_watches(struct sim *s)
{
    unsigned before[SIM_REQUESTS];
    unsigned n = s->requests_n;

    for (unsigned i = 0; i < n; i++)
        before[i] = s->requests[i]->watch.calls;
    for (int i = 0; i < SIM_LOOPS; i++) {
        s->where = i;
        wr_loop_step(s->workers[i].loop, 0);
        s->where = SIM_NO_LOOP;
    }
    sim_settle(s);
    for (unsigned i = 0; i < n; i++) {
        struct sim_request *r = s->requests[i];
        struct pollfd p = {.fd = r->watch.fd, .events = (short)r->watch.events};

        if (!r->watch.is_set || r->watch.number > s->settled || !is_free(r) || poll(&p, 1, 0) != 1)
            continue;
        if (r->watch.calls == before[i])
            complain(r, "a descriptor that is ready");
        SIM_CHECK(s, r->watch.calls > before[i]);
    }
}

void sim_check_quiet(struct sim *s)
{
    for (unsigned i = 0; i < s->requests_n; i++)
        check_request(s->requests[i]);
    for (struct sim_ask *ask = s->asks; ask && s->has_all; ask = ask->next) {
        if (!ask->is_accepted || ask->calls + ask->drops > 0 || ask->number > s->settled)
            continue;
        if (ask->kind == ASK_RESUME && ask->request && is_free(ask->request))
            SIM_FAIL(s, "a resume that was accepted stays so");
        if (ask->kind == ASK_POST)
            SIM_FAIL(s, "a post stays in the loop");
        if (ask->kind == ASK_LOOP_TIMER && ask->due_ms <= sim_now(s))
            SIM_FAIL(s, "a loop's timer that is due stays so");
    }
    if (s->has_all)
        check_watches(s);
}

static void check_ask(struct sim *s, const struct sim_ask *ask)
{
    bool is_once = ask->calls == 1;

    switch (ask->kind) {
    case ASK_RESUME:
        SIM_CHECK(s, ask->calls + ask->drops <= 1);
        SIM_CHECK(s, !ask->is_accepted || ask->calls + ask->drops == 1 || !s->has_all);
        break;
    case ASK_OFFLOAD:
        SIM_CHECK(s, ask->is_accepted ? is_once : ask->calls == 0 && ask->works == 0);
        break;
    case ASK_READ_ALL:
    case ASK_POST:
        SIM_CHECK(s, is_once == ask->is_accepted);
        break;
    case ASK_LOOP_TIMER:
        SIM_CHECK(s, ask->calls <= ask->is_accepted);
        break;
    case ASK_BODY:
        SIM_CHECK(s, is_once);
        break;
    }
}

void sim_check_end(struct sim *s)
{
    for (const struct sim_ask *ask = s->asks; ask; ask = ask->next) {
        sim_tell(s, "kind %d, %u, request %d: let in %d, called %u, dropped %u", ask->kind,
                 ask->number, ask->request ? (int)ask->request->id : -1, ask->is_accepted,
                 ask->calls, ask->drops);
        check_ask(s, ask);
    }
}
