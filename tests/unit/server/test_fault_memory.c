/*
 * In each conversation each allocation fails once, and all from each one on: linked with --wrap.
 */
#include "conversation.h"

#include <stdlib.h>

#include "server/h1_conn.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);
void *__wrap_reallocarray(void *old, size_t n, size_t size);

static int fails_in = -1; /* allocations until one fails; -1: none does */
static bool fails_on;     /* and all that follow */
static unsigned failures;

static bool fails(void)
{
    if (fails_in < 0 || fails_in-- > 0)
        return false;
    if (fails_on)
        fails_in = 0;
    failures++;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t n)
{
    return fails() ? NULL : __real_realloc(old, n);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, n, size);
}

/* What the worker keeps for the next is let go, so that it allocates. */
static void empty_pools(struct wr_worker *w)
{
    wr_h1_free_pool(w);
    w->free_h1_n = 0;
    while (w->free_exchanges) {
        struct wr_exchange *x = w->free_exchanges;

        w->free_exchanges = x->next;
        wr_worker_free_exchange(x);
    }
    w->free_exchanges_n = 0;
    while (w->free_buffers) {
        struct wr_read_buffer *b = w->free_buffers;

        w->free_buffers = b->next;
        free(b);
    }
    w->free_buffers_n = 0;
}

/* The client's memory does not run out. */
static void make_client_ready(struct fake_transport *t)
{
    const size_t cap = (size_t)256 * 1024;

    t->in = malloc(cap);
    t->out = malloc(cap);
    t->part_ends = calloc(cap, sizeof *t->part_ends);
    assert_true(t->in && t->out && t->part_ends);
    t->in_cap = t->out_cap = t->parts_cap = cap;
}

static void drop_line(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    (void)ctx;
    (void)level;
    (void)line;
    (void)n;
}

/* An error may come without its page. */
static bool is_expected(const struct test_response *got, const struct test_response *expected)
{
    return got->status == expected->status &&
           (got->is_cut || got->content_n == expected->content_n ||
            (got->status >= 400 && got->content_n == 0));
}

/* Every answer is the one expected, or says that there is no memory; a cut one shows that it is. */
static void check_answers(const struct scene *s, int at)
{
    const struct fake_transport *t = &s->client.transport;
    bool has_end = t->is_closed || t->is_shut_down;
    struct test_responses r;

    test_responses_parse(&r, scene_output(s), has_end && !t->is_reset,
                         s->as->methods ? s->as->methods : "");
    if (r.n > s->answers.n || (r.error && strcmp(r.error, "a line does not end") != 0))
        fail_msg("%s: allocation %d: %zu answers, %s", s->as->name, at, r.n, r.error);
    for (size_t i = 0; i < r.n; i++)
        if (r.v[i].status != 503 && !is_expected(&r.v[i], &s->answers.v[i]))
            fail_msg("%s: allocation %d: answer %zu is a %d with %zu bytes", s->as->name, at, i,
                     r.v[i].status, r.v[i].content_n);
    if (!has_end && (r.error || r.n != s->answers.n))
        fail_msg("%s: allocation %d: %zu answers, %s", s->as->name, at, r.n,
                 r.error ? r.error : "and no end");
    test_responses_free(&r);
}

/* One run in which allocation `at` fails. False: there are not so many. */
static bool run_short(struct scene *s, int at, size_t room)
{
    struct fake_transport *t = &s->client.transport;
    unsigned before = failures;

    empty_pools(&s->server.worker);
    scene_begin(s);
    make_client_ready(t);
    t->room = room;
    fails_in = at;
    scene_say_all(s);
    for (size_t sent = 0; room != FAKE_NO_LIMIT && sent < t->out_n;) {
        sent = t->out_n;
        test_client_take(&s->client, room, 1000);
        scene_go_on(s);
    }
    fails_in = -1;
    t->room = FAKE_NO_LIMIT;
    check_answers(s, at);
    scene_end(s, "an allocation fails");
    return failures > before;
}

static void run_each(const struct conversation *as)
{
    static const size_t rooms[] = {FAKE_NO_LIMIT, 10, 5000};
    struct scene s;

    scene_open(&s, as);
    s.server.site.access_log.write = NULL;
    s.server.site.log.write = drop_line;
    s.is_unlogged = true;
    for (size_t k = 0; k < WR_COUNT(rooms); k++) {
        int at = 0;

        while (run_short(&s, at, rooms[k]))
            at++;
        assert_true(at >= 1); /* an exchange, a buffer, or an arena */
    }
    scene_close(&s);
}

static void memory__each_allocation_that_fails__costs_one_request_at_most(void **state)
{
    (void)state;
    fails_on = false;
    for (size_t i = 0; i < conversations_n; i++)
        run_each(&conversations[i]);
}

static void memory__that_stays_away__costs_what_comes_meanwhile_alone(void **state)
{
    (void)state;
    fails_on = true;
    for (size_t i = 0; i < conversations_n; i++)
        run_each(&conversations[i]);
}

WR_TESTS(cmocka_unit_test(memory__each_allocation_that_fails__costs_one_request_at_most),
         cmocka_unit_test(memory__that_stays_away__costs_what_comes_meanwhile_alone));
