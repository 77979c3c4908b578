/* Clients: what they send, piece by piece, and whether what they get is what it ought to be. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "test_server.h"

/* ---- what is sent ---- */

static void say(struct sim_client *c, const char *p, size_t n)
{
    c->script = realloc(c->script, c->script_n + n);
    if (!c->script)
        abort();
    memcpy(c->script + c->script_n, p, n);
    c->script_n += n;
}

static void say_content(struct sim_client *c, const struct sim_request *r)
{
    char text[SIM_CONTENT], size[16];
    size_t at = 0;

    for (size_t i = 0; i < r->content_n; i++)
        text[i] = sim_content_byte(r->id, i);
    if (!r->is_chunked) {
        say(c, text, r->content_n);
        return;
    }
    while (at < r->content_n) {
        size_t n = 1 + sim_draw(&c->sim->random, 900);

        n = n < r->content_n - at ? n : r->content_n - at;
        say(c, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", n));
        say(c, text + at, n);
        say(c, "\r\n", 2);
        at += n;
    }
    say(c, "0\r\n\r\n", 5);
}

static void say_request(struct sim_client *c)
{
    struct sim *s = c->sim;
    struct sim_request *r = calloc(1, sizeof *r);
    char head[200];
    int n;

    if (!r)
        abort();
    r->sim = s;
    r->id = s->requests_n;
    r->random = sim_draw(&s->random, UINT64_MAX) | 1;
    r->client = c;
    r->fd = r->watch.fd = r->shared.fd = -1;
    r->head_at = c->script_n;
    r->content_n = sim_one_in(&s->random, 3) ? sim_draw(&s->random, SIM_CONTENT) : 0;
    r->is_chunked = r->content_n > 0 && sim_one_in(&s->random, 2);
    s->requests[s->requests_n++] = c->requests[c->n++] = r;
    n = snprintf(head, sizeof head, "POST /?%u HTTP/1.1\r\nHost: a\r\n", r->id);
    if (r->is_chunked)
        n += snprintf(head + n, sizeof head - (size_t)n, "Transfer-Encoding: chunked\r\n\r\n");
    else
        n += snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %zu\r\n\r\n",
                      r->content_n);
    say(c, head, (size_t)n);
    say_content(c, r);
    r->end_at = c->script_n;
}

void sim_client_open(struct sim *s, struct sim_client *c)
{
    static const struct wr_peer peer = {{192, 0, 2, 7}, AF_INET, 50000, 80};
    struct wr_worker *w;
    unsigned n = 1 + (unsigned)sim_draw(&s->random, SIM_PIPELINED);

    if (s->requests_n + n > SIM_REQUESTS)
        return;
    *c = (struct sim_client){.sim = s, .is_open = true};
    c->loop = (int)sim_draw(&s->random, SIM_LOOPS);
    while (c->n < n)
        say_request(c);
    fake_transport_init(&c->transport);
    if (sim_one_in(&s->random, 3))
        c->transport.room = sim_draw(&s->random, 600);
    w = &s->workers[c->loop];
    sim_tell(s, "client %d opens: requests %u to %u, loop %d", (int)(c - s->clients),
             c->requests[0]->id, c->requests[n - 1]->id, c->loop);
    s->where = c->loop;
    if (wr_conn_open(w, &c->transport.base, -1, &peer) < 0)
        abort();
    c->conn = WR_CONTAINER_OF(w->conns.prev, struct wr_conn, link);
    s->where = SIM_NO_LOOP;
}

static void event(struct sim_client *c, uint32_t events)
{
    struct sim *s = c->sim;

    s->where = c->loop;
    if (!c->transport.is_closed)
        wr_conn_on_io(c->conn, events);
    s->where = SIM_NO_LOOP;
}

void sim_client_send(struct sim_client *c, size_t n)
{
    size_t before = c->sent;

    if (!c->is_open || c->is_half_closed || c->is_reset)
        return;
    n = n < c->script_n - c->sent ? n : c->script_n - c->sent;
    if (n == 0)
        return;
    c->sent += n;
    for (unsigned i = 0; i < c->n; i++)
        if (c->requests[i]->head_at >= before && c->requests[i]->head_at < c->sent)
            c->requests[i]->began_ms = sim_now(c->sim);
    sim_tell(c->sim, "client %d sends %zu of %zu", (int)(c - c->sim->clients), c->sent,
             c->script_n);
    fake_transport_arrive(&c->transport, wr_slice(c->script + before, n));
    event(c, EPOLLIN);
}

void sim_client_take(struct sim_client *c, size_t n)
{
    if (!c->is_open || c->is_reset)
        return;
    sim_tell(c->sim, "client %d takes %zu", (int)(c - c->sim->clients), n);
    c->transport.room = n;
    event(c, EPOLLOUT);
}

static void half_close(struct sim_client *c)
{
    if (c->is_half_closed)
        return;
    sim_tell(c->sim, "client %d half-closes", (int)(c - c->sim->clients));
    c->is_half_closed = c->transport.is_eof = true;
    event(c, EPOLLIN | EPOLLRDHUP);
}

static void reset(struct sim_client *c)
{
    sim_tell(c->sim, "client %d resets", (int)(c - c->sim->clients));
    c->is_reset = true;
    c->transport.read_error = c->transport.write_error = -ECONNRESET;
    c->transport.fail_at = 0;
    event(c, EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
}

/* Nothing is left of it: another may come in its place. */
static bool is_done(const struct sim_client *c)
{
    for (unsigned i = 0; i < c->n; i++)
        if (c->requests[i]->has_begun && !c->requests[i]->is_over)
            return false;
    return c->transport.is_closed || c->is_reset;
}

void sim_client_step(struct sim_client *c)
{
    uint64_t *random = &c->sim->random;

    switch (sim_draw(random, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        sim_client_send(c, 1 + sim_draw(random, sim_one_in(random, 2) ? 100 : 6000));
        break;
    case 5:
    case 6:
    case 7:
        sim_client_send(c, SIZE_MAX);
        break;
    case 8:
    case 9:
    case 10:
        sim_client_take(c, sim_draw(random, 800));
        break;
    case 11:
    case 12:
        sim_client_take(c, FAKE_NO_LIMIT);
        break;
    case 13:
        if (sim_one_in(random, 3))
            half_close(c);
        break;
    case 14:
        if (sim_one_in(random, 3))
            reset(c);
        break;
    default:
        if (is_done(c))
            sim_client_close(c);
    }
}

void sim_client_close(struct sim_client *c)
{
    if (!c->is_open)
        return;
    sim_client_check(c);
    sim_tell(c->sim, "client %d closes", (int)(c - c->sim->clients));
    c->sim->where = c->loop;
    if (!c->transport.is_closed)
        c->is_reset = true;
    if (!c->transport.is_closed)
        wr_conn_close(c->conn);
    c->sim->where = SIM_NO_LOOP;
    sim_settle(c->sim);
    fake_transport_fini(&c->transport);
    free(c->script);
    c->script = NULL;
    c->is_open = false;
    for (unsigned i = 0; i < c->n; i++) /* the struct is another's soon */
        c->requests[i]->client = NULL;
}

bool sim_may_be_gone(const struct sim_request *r)
{
    const struct sim_client *c = r->client;

    if (!c || c->is_reset || r->has_failed)
        return true;
    if (c->is_half_closed && (r->sim->cancels_half_closed || c->sent < r->end_at))
        return true;
    return r->sim->has_deadlines && sim_now(r->sim) - r->began_ms >= 50;
}

/* ---- what came ---- */

static void check_content(struct sim *s, const struct sim_request *r,
                          const struct test_response *got, bool is_whole)
{
    SIM_CHECK(s, got->content_n <= r->given);
    for (size_t i = 0; i < got->content_n; i++) {
        if (got->content[i] != sim_answer_byte(r->id, i))
            sim_tell(s, "request %u: byte %zu of %zu is %.40s", r->id, i, got->content_n,
                     got->content + i);
        SIM_CHECK(s, got->content[i] == sim_answer_byte(r->id, i));
    }
    if (is_whole && !got->is_cut)
        SIM_CHECK(s, r->has_failed || (r->has_ended && got->content_n == r->given));
}

static void check_answer(struct sim_client *c, const struct sim_request *r,
                         const struct test_response *got)
{
    struct sim *s = c->sim;
    bool is_good = !sim_may_be_gone(r);
    struct wr_slice id = test_field(got, "X-Sim");
    char expected[16];

    if (got->status == 200) {
        SIM_CHECK(s, r->has_begun);
        snprintf(expected, sizeof expected, "%u", r->id);
        SIM_CHECK(s, id.p && id.n == strlen(expected) && memcmp(id.p, expected, id.n) == 0);
        check_content(s, r, got, true);
        if (is_good && c->is_complete)
            SIM_CHECK(s, !got->is_cut);
    } else if (got->status == 503 && is_good) {
        SIM_CHECK(s, !r->has_begun && s->in_coroutine && test_field(got, "Retry-After").p);
        s->refused_coroutines++;
    } else if (got->status == 418) {
        SIM_CHECK(s, r->has_page);
    } else if (is_good) {
        fprintf(stderr, "request %u: status %d\n", r->id, got->status);
        SIM_FAIL(s, "any other status");
    }
}

/* The rest of a head may be on its way, or lost with its client. */
static bool is_cut_head(const struct sim_client *c, const char *error)
{
    for (unsigned i = 0; i < c->n; i++)
        if (sim_may_be_gone(c->requests[i]))
            return strcmp(error, "a line does not end") == 0;
    return !c->is_complete && strcmp(error, "a line does not end") == 0;
}

void sim_client_check(struct sim_client *c)
{
    struct test_responses all;
    struct sim *s = c->sim;

    if (!c->is_open)
        return;
    test_responses_parse(&all, fake_transport_output(&c->transport), c->transport.is_closed, "");
    if (all.error && !is_cut_head(c, all.error))
        sim_claim(s, false, all.error, __FILE__, __LINE__);
    SIM_CHECK(s, all.n <= c->n + 1); /* behind them a refusal, if the last is cut */
    for (size_t i = 0; i < all.n && i < c->n; i++)
        check_answer(c, c->requests[i], &all.v[i]);
    for (size_t i = 0; i < c->n && c->is_complete && !sim_may_be_gone(c->requests[i]); i++) {
        if (c->sent < c->requests[i]->end_at)
            break;
        if (i >= all.n)
            fprintf(stderr, "request %u has no answer\n", c->requests[i]->id);
        SIM_CHECK(s, i < all.n);
    }
    test_responses_free(&all);
}
