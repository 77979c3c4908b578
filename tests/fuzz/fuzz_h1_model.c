/*
 * fuzz_h1_model.c — whole HTTP/1 connections against a model (h1_model/model.h).
 *
 * The input is choices. From the front: what is sent and what the handler does with it; from the
 * back: how the bytes come and go, and when. Where it is used up all choices are the simplest, so an
 * input as short as one byte is a connection too, and each has exactly one right outcome.
 *
 * Beside it a second connection of the same worker, the witness, asks the same simple thing now and
 * then: whatever happens on the one, the other gets its answers.
 *
 * A finding prints the connection that it is. MODEL_PRINT=1 in the environment prints each.
 */
#include <stdio.h>
#include <stdlib.h>

#include "h1_model/model.h"

#define LONG_MS    10000000 /* beyond every deadline */
#define PAUSE_MS   400
#define PAUSES_MAX 10 /* together less than the shortest deadline, which is linger_ms */
#define TURNS_MAX  5000
#define ROOM_MAX   1000000 /* more than any connection sends */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct run {
    struct model_plan plan;
    struct model_choices choices;
    struct model_handler handler;
    struct test_server server;
    struct test_client client, witness;
    size_t room; /* that the client gives at once */
    size_t asked;
    int pauses;
    bool is_half_closed_early, is_drained;
};

static void check(const struct run *r, bool claim, const char *text)
{
    if (!claim)
        model_fail(&r->plan, &r->client, text);
}

/* ---- how the client takes and sends ---- */

static void choose_client(struct run *r)
{
    static const size_t rooms[] = {FAKE_NO_LIMIT, 1, 20, 100, 1000, 20000};
    static const size_t writes[] = {FAKE_NO_LIMIT, 7, 100, 1000};
    struct model_choices *c = &r->choices;
    struct fake_transport *t = &r->client.transport;

    r->room = rooms[model_choose_last(c, 6)];
    t->room = r->room;
    t->write_max = writes[model_choose_last(c, 4)];
    t->says_pending = model_choose_last(c, 2) == 1;
    if (model_choose_last(c, 2) == 1)
        t->ops.sendfile = NULL;
    t->unacknowledged = (int)model_choose_last(c, 2);
    r->is_half_closed_early = model_choose_last(c, 2) == 1;
}

static void ask_witness(struct run *r)
{
    if (r->is_drained) /* nobody has new requests then */
        return;
    if (r->asked == 0)
        test_client_open(&r->server, &r->witness);
    r->asked++;
    test_client_send(&r->witness, "GET /witness HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void pause_client(struct run *r)
{
    if (!r->is_drained && r->pauses++ < PAUSES_MAX) /* a drain does not wait long for a head */
        test_server_advance_ms(&r->server, PAUSE_MS);
}

static void drain(struct run *r)
{
    r->is_drained = true;
    wr_worker_drain(&r->server.worker);
}

static void arrive(struct run *r, struct wr_slice part)
{
    if (r->client.transport.is_closed) /* what comes now comes too late, and counts for nothing */
        return;
    if (r->client.transport.says_pending)
        fake_transport_put(&r->client.transport, part);
    else
        fake_transport_arrive(&r->client.transport, part);
}

/* Something that happens between two parts. */
static void act(struct run *r)
{
    switch (model_choose_last(&r->choices, 8)) {
    case 1: /* the next part joins this one */
        return;
    case 2:
        test_client_event(&r->client, EPOLLIN);
        test_client_take(&r->client, r->room, 1);
        return;
    case 3:
        test_client_event(&r->client, EPOLLIN);
        model_handler_work(&r->handler);
        return;
    case 4:
        pause_client(r);
        break;
    case 5:
        ask_witness(r);
        break;
    case 6:
        model_handler_work(&r->handler);
        break;
    case 7:
        if (r->plan.end == MODEL_DRAIN)
            drain(r);
        break;
    default:
        break;
    }
    test_client_event(&r->client, EPOLLIN);
}

/* Until nothing moves any more; the client takes all that there is, ever more at once. */
static void settle(struct run *r)
{
    struct fake_transport *t = &r->client.transport;
    size_t room = r->room;
    int still = 0;

    for (int i = 0; i < TURNS_MAX && still < 3; i++) {
        size_t out = t->out_n, in = t->in_at, ended = r->handler.ended, at = r->handler.body_at;

        t->room = room;
        if (room < ROOM_MAX)
            room *= 2;
        test_client_event(&r->client, EPOLLIN | EPOLLOUT);
        model_handler_work(&r->handler);
        test_server_step(&r->server);
        still = out == t->out_n && in == t->in_at && ended == r->handler.ended &&
                        at == r->handler.body_at
                    ? still + 1
                    : 0;
    }
    check(r, still == 3, "it comes to rest");
    t->room = r->room;
}

/* ---- sending ---- */

/* Where the client must stop to wait for request *i, which is the next that does so; or the end. */
static size_t next_stop(const struct model_plan *p, size_t from, size_t *i)
{
    size_t n = p->valid_n + (model_has_faulty(p) ? 1 : 0);

    for (*i = 0; *i < n; ++*i) {
        const struct model_request *r = &p->requests[*i];

        if (r->waits && r->content_at >= from && r->content_at < p->n)
            return r->content_at;
    }
    return p->n;
}

static void send_up_to(struct run *r, size_t *at, size_t stop)
{
    static const size_t sizes[] = {SIZE_MAX, 1, 2, 3, 10, 30, 100, 1000, 4000};

    while (*at < stop) {
        size_t n = sizes[model_choose_last(&r->choices, 9)];

        if (n > stop - *at)
            n = stop - *at;
        arrive(r, wr_slice(r->plan.bytes + *at, n));
        *at += n;
        act(r);
    }
}

static void send_all(struct run *r)
{
    size_t at = 0, i;

    while (at < r->plan.n) {
        size_t stop = next_stop(&r->plan, at, &i);

        send_up_to(r, &at, stop);
        if (stop == r->plan.n)
            return;
        settle(r);
        check(r, model_is_over(&r->client) || model_may_send_content(&r->plan, &r->client, i),
              "who waits for a 100 gets that or an answer");
        send_up_to(r, &at, stop + 1);
    }
}

/* ---- the end ---- */

static void check_witness(struct run *r)
{
    struct test_responses rs;

    if (r->asked == 0)
        return;
    test_client_responses(&r->witness, "", &rs);
    check(r, !rs.error && rs.n == r->asked && r->handler.witnesses == r->asked,
          "the other connection has its answers");
    for (size_t i = 0; i < rs.n; i++)
        check(r, rs.v[i].status == 200 && strcmp(rs.v[i].content, "witness") == 0,
              "the other connection has its answers, and they are right");
    test_responses_free(&rs);
}

static void end(struct run *r)
{
    bool is_fin = r->plan.end == MODEL_FIN;

    if (r->plan.end == MODEL_DRAIN) {
        drain(r);
    } else {
        if (is_fin && r->is_half_closed_early)
            test_client_shut_down(&r->client);
        settle(r);
        model_check_quiet(&r->plan, &r->handler, &r->client);
        if (is_fin && !r->is_half_closed_early)
            test_client_shut_down(&r->client);
    }
    settle(r);
    check_witness(r);
    for (int i = 0; i < 4; i++) {
        test_server_advance_ms(&r->server, LONG_MS);
        settle(r);
    }
    check(r, r->client.transport.is_closed, "it is closed in the end");
    check(r, r->server.worker.conns_n == 0, "no connection is left");
    check(r, r->server.worker.out.n == 0, "no output is left");
}

/* ---- one connection ---- */

static void configure(struct run *r)
{
    struct wr_config *config = &r->server.site.config;

    config->head_bytes_max = MODEL_HEAD_MAX;
    config->target_bytes_max = MODEL_TARGET_MAX;
    config->fields_max = MODEL_FIELDS_MAX;
    config->body_bytes_max = MODEL_BODY_MAX;
    config->discard_bytes_max = r->plan.discard_max;
    config->pipelined_max = (uint32_t)r->plan.pipelined_max;
    config->body_rate_min = config->write_rate_min = 0; /* time passes, but is not what is tried */
    if (r->plan.is_timed)
        r->server.site.access_log.format = WR_ACCESS_EXTENDED;
    r->server.route.handler = &r->handler.base;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct run r;

    r = (struct run){.choices = {data, n}};
    model_generate(&r.plan, &r.choices);
    if (getenv("MODEL_PRINT")) /* NOLINT(concurrency-mt-unsafe) */
        model_print(&r.plan);
    test_server_init(&r.server);
    model_handler_init(&r.handler, &r.plan);
    configure(&r);
    test_client_init(&r.server, &r.client);
    choose_client(&r);
    test_client_connect(&r.client);
    send_all(&r);
    end(&r);
    model_check_answers(&r.plan, &r.handler, &r.client, r.server.access_text);
    if (r.asked > 0)
        test_client_fini(&r.witness);
    test_client_fini(&r.client);
    model_handler_fini(&r.handler);
    test_server_fini(&r.server);
    return 0;
}
