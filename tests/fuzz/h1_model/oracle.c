/*
 * oracle.c — what the client got, held against what the plan says.
 */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

#define LETTERS (MODEL_REQUESTS_MAX + 2)

/* ---- findings ---- */

static const char *const readings[] = {"reads nothing", "reads some", "reads all",
                                       "reads while it answers"};
static const char *const fates[] = {"keeps", "closes", "may close"};
static const char *const ends[] = {"silence", "FIN", "drain"};

static void print_bytes(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c;

        if (n > 2000 && i == 1000) { /* long content is all alike */
            fprintf(stderr, "\n[... %zu bytes ...]\n", n - 2000);
            i = n - 1000;
        }
        c = (unsigned char)p[i];
        if (c == '\n')
            fputs("\\n\n", stderr);
        else if (c == '\r')
            fputs("\\r", stderr);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(stderr, "\\x%02x", c);
        else
            fputc(c, stderr);
    }
    fputc('\n', stderr);
}

void model_print(const struct model_plan *plan)
{
    size_t n = plan->valid_n + (model_has_faulty(plan) ? 1 : 0);

    for (size_t i = 0; i < n; i++) {
        const struct model_request *r = &plan->requests[i];

        fprintf(stderr,
                "request %zu: %s, 1.%d, %zu bytes of content, expects %d, waits %d; late %d, %s "
                "(%zu), status %d, body %d of %zu, has length %d; %s, says so %d\n",
                i, r->method, r->minor, r->content_n, r->expects, r->waits, r->is_late,
                readings[r->reading], r->reads, r->status, r->body, r->answer_n, r->has_length,
                fates[r->fate], r->says_close);
    }
    if (plan->violation)
        fprintf(stderr, "request %zu breaks: %s\n", plan->valid_n, plan->violation->rule);
    if (plan->is_cut)
        fprintf(stderr, "request %zu is cut, %zu bytes of its content come\n", plan->valid_n,
                plan->delivered_n);
    fprintf(stderr, "up to %zu bytes are dropped; ends in %s; sent:\n", plan->discard_max,
            ends[plan->end]);
    print_bytes(plan->bytes, plan->n);
}

_Noreturn void model_fail(const struct model_plan *plan, const struct test_client *c,
                          const char *claim)
{
    fprintf(stderr, "\nNot so: %s\n", claim);
    model_print(plan);
    if (c) {
        fprintf(stderr, "received%s%s:\n", c->transport.is_shut_down ? ", half-closed" : "",
                c->transport.is_closed ? ", closed" : "");
        print_bytes(fake_transport_output(&c->transport).p, c->transport.out_n);
    }
    abort();
}

/* ---- responses ---- */

static size_t requests_n(const struct model_plan *plan)
{
    return plan->valid_n + (model_has_faulty(plan) ? 1 : 0);
}

static bool is_head(const struct model_request *r)
{
    return strcmp(r->method, "HEAD") == 0;
}

static void parse(const struct model_plan *plan, const struct test_client *c,
                  struct test_responses *out)
{
    char methods[LETTERS] = "";

    for (size_t i = 0; i < requests_n(plan); i++)
        methods[i] = is_head(&plan->requests[i]) ? 'H' : 'G';
    test_client_responses(c, methods, out);
}

/* Index of the first response that belongs to request i. */
static size_t find_first(const struct test_responses *rs, size_t i)
{
    size_t at = 0;

    for (size_t finals = 0; at < rs->n && finals < i; at++)
        finals += rs->v[at].status >= 200;
    return at;
}

bool model_may_send_content(const struct model_plan *plan, const struct test_client *c, size_t i)
{
    struct test_responses rs;
    bool has_answer;

    parse(plan, c, &rs);
    has_answer = find_first(&rs, i) < rs.n;
    test_responses_free(&rs);
    return has_answer;
}

static size_t count_finals(const struct model_plan *plan, const struct test_client *c)
{
    struct test_responses rs;
    size_t n = 0;

    parse(plan, c, &rs);
    for (size_t i = 0; i < rs.n; i++)
        n += rs.v[i].status >= 200;
    test_responses_free(&rs);
    return n;
}

/* ---- one answer ---- */

struct check {
    const struct model_plan *plan;
    const struct model_handler *h;
    const struct test_client *c;
    const struct model_request *r;
    size_t number;
};

#define CHECK(k, claim) MODEL_CHECK((k)->plan, (k)->c, claim)

static bool is_echo(const struct model_request *r)
{
    return r->reading == MODEL_READS_ALL || r->reading == MODEL_READS_LATER;
}

/* RFC 9110 6.4.1 */
static bool has_no_content(const struct model_request *r)
{
    return is_head(r) || r->status == 204 || r->status == 304;
}

static void check_content(const struct check *k, const struct test_response *got)
{
    const struct model_request *r = k->r;
    size_t n = is_echo(r) ? r->content_n : r->answer_n;

    if (has_no_content(r)) {
        CHECK(k, got->content_n == 0);
        return;
    }
    CHECK(k, got->content_n == n);
    for (size_t i = 0; i < n; i++)
        CHECK(k, got->content[i] == (is_echo(r) ? r->content[i] : model_answer_byte(k->number, i)));
}

/* RFC 9112 6.1, 6.3: one framing, and none that the client cannot read. */
static void check_framing(const struct check *k, const struct test_response *got)
{
    const struct model_request *r = k->r;
    struct wr_slice length = test_field(got, "Content-Length");
    char expected[20];

    CHECK(k, !got->is_cut);
    CHECK(k, !got->is_chunked || r->minor > 0);
    if (!has_no_content(r)) {
        CHECK(k, got->is_chunked == (!r->has_length && r->minor > 0));
        CHECK(k, got->is_close_delimited == (!r->has_length && r->minor == 0));
    }
    /* 9110 8.6: of HEAD and 304 it is that of the content which is left out. */
    snprintf(expected, sizeof expected, "%zu", is_echo(r) ? r->content_n : r->answer_n);
    if (length.p)
        CHECK(k, r->has_length && length.n == strlen(expected) &&
                     memcmp(length.p, expected, length.n) == 0);
}

/* RFC 9112 9.3, 9.6 */
static void check_persistence(const struct check *k, const struct test_response *got)
{
    const struct model_request *r = k->r;
    bool may_close = r->fate != MODEL_KEEPS || k->plan->end == MODEL_DRAIN;

    CHECK(k, !got->says_close || may_close);
    CHECK(k, got->says_close || !r->says_close);
    if (r->minor == 0 && !got->says_close)
        CHECK(k, got->says_keep_alive);
}

static void check_answer(const struct check *k, const struct test_response *got)
{
    struct wr_slice number = test_field(got, "X-Number");

    CHECK(k, got->status == k->r->status);
    CHECK(k, got->minor == 1);
    CHECK(k, number.n == 1 && number.p[0] == (char)('0' + k->number));
    check_content(k, got);
    check_framing(k, got);
    check_persistence(k, got);
}

/* Of a request that broke a rule. */
static void check_refusal(const struct check *k, const struct test_response *got)
{
    const struct model_violation *v = k->plan->violation;

    if (v)
        CHECK(k, got->status == v->status || got->status == v->status2);
    else if (k->plan->end == MODEL_FIN)
        CHECK(k, got->status == 400);
    else
        CHECK(k, got->status == 408 || (k->plan->end == MODEL_DRAIN && got->status == 400));
    CHECK(k, got->says_close && !got->is_cut);
    CHECK(k, !memmem(got->content, got->content_n, "never", 5)); /* no page repeats what came */
}

/* Content that turned out to be bad while it was sent back: the client must see that it is not all
 * (RFC 9112 8). */
static void check_broken_off(const struct check *k, const struct test_response *got)
{
    CHECK(k, got->status == k->r->status);
    CHECK(k, got->is_cut || k->c->transport.is_reset);
    CHECK(k, got->content_n <= k->plan->delivered_n);
    for (size_t i = 0; i < got->content_n && i < k->r->content_n; i++)
        CHECK(k, got->content[i] == k->r->content[i]);
}

/* ---- all answers ---- */

static bool is_faulty(const struct check *k)
{
    return k->number == k->plan->valid_n;
}

/* Was the answer to the faulty request begun before it showed that there is no end to it? It is cut, and
 * those before it are not. */
static bool breaks_off(const struct model_plan *plan, const struct model_handler *h)
{
    const struct model_request *last = &plan->requests[plan->valid_n];

    return model_has_faulty(plan) && !last->is_answered && last->reading == MODEL_READS_LATER &&
           h->began > plan->valid_n;
}

/* May it have no final answer, though those in front of it have, and the connection was kept? */
static bool may_lack_answer(const struct check *k)
{
    bool has_begun = k->h->began > k->number;

    if (is_faulty(k) && breaks_off(k->plan, k->h))
        return true;
    if (k->plan->end == MODEL_DRAIN && !has_begun)
        return true;
    return is_faulty(k) && k->plan->is_cut && !has_begun;
}

/* RFC 9110 10.1.1: only who asked for it gets it, once, when his content is wanted. */
static void check_interims(const struct check *k, size_t n)
{
    const struct model_request *r = k->r;
    bool is_wanted = r->reading != MODEL_READS_NOTHING && r->content_at < k->plan->n;

    CHECK(k, n <= 1);
    CHECK(k, n == 0 || (r->expects && r->minor > 0 && k->h->began > k->number));
    CHECK(k, n == 0 || r->reading != MODEL_READS_NOTHING);
    if (r->waits && is_wanted && k->h->began > k->number)
        CHECK(k, n == 1);
}

/* True: the connection goes on behind it. */
static bool check_final(const struct check *k, const struct test_response *got)
{
    if (k->r->is_answered) {
        CHECK(k, k->h->began > k->number);
        check_answer(k, got);
    } else if (is_faulty(k) && breaks_off(k->plan, k->h)) {
        check_broken_off(k, got);
    } else {
        check_refusal(k, got);
    }
    return k->r->fate != MODEL_CLOSES && !got->says_close;
}

static void check_all(const struct model_plan *plan, const struct model_handler *h,
                      const struct test_client *c, const struct test_responses *rs)
{
    struct check k = {.plan = plan, .h = h, .c = c};
    bool goes_on = true, may_be_over = false;
    size_t at = 0;

    for (size_t i = 0; i < requests_n(plan) && goes_on; i++) {
        size_t interims = 0;

        k.r = &plan->requests[i];
        k.number = i;
        for (; at < rs->n && rs->v[at].status < 200; at++, interims++)
            CHECK(&k, rs->v[at].status == 100);
        check_interims(&k, interims);
        if (at == rs->n) {
            CHECK(&k, may_be_over || may_lack_answer(&k));
            CHECK(&k, is_faulty(&k) || h->began <= i);
            break;
        }
        goes_on = check_final(&k, &rs->v[at++]);
        may_be_over |= k.r->fate == MODEL_MAY_CLOSE;
    }
    CHECK(&k, at == rs->n); /* nothing behind the last */
    CHECK(&k, h->began == h->ended && !h->x && !h->is_body_open);
}

/* ---- the log ---- */

static bool is_witness(const char *line)
{
    const char *end = strchr(line, '\n');

    return memmem(line, (size_t)(end - line), "\"GET /witness ", 14) != NULL;
}

/* A line for each final answer, with its status and size, and no other. */
static void check_log(const struct model_plan *plan, const struct test_client *c,
                      const struct test_responses *rs, const char *log, bool may_have_more)
{
    for (size_t i = 0; i < rs->n; i++) {
        char expected[60];
        const char *at;

        if (rs->v[i].status < 200)
            continue;
        while (*log && is_witness(log))
            log = strchr(log, '\n') + 1;
        snprintf(expected, sizeof expected, "\" %d %zu \"", rs->v[i].status, rs->v[i].content_n);
        at = strstr(log, "] \"");
        at = at ? strchr(at + 3, '"') : NULL; /* quotes of the client's are escaped */
        MODEL_CHECK(plan, c, at && at < strchr(log, '\n'));
        if (!may_have_more || i + 1 < rs->n)
            MODEL_CHECK(plan, c, strncmp(at, expected, strlen(expected)) == 0);
        log = strchr(log, '\n') + 1;
    }
    while (*log && is_witness(log))
        log = strchr(log, '\n') + 1;
    MODEL_CHECK(plan, c, *log == '\0' || may_have_more);
}

void model_check_answers(const struct model_plan *plan, const struct model_handler *h,
                         const struct test_client *c, const char *access_text)
{
    bool may_be_lost = breaks_off(plan, h);
    struct test_responses rs;

    parse(plan, c, &rs);
    if (rs.error)
        model_fail(plan, c, rs.error);
    check_all(plan, h, c, &rs);
    check_log(plan, c, &rs, access_text, may_be_lost);
    test_responses_free(&rs);
}

/* ---- the connection ---- */

static bool may_close(const struct model_plan *plan)
{
    for (size_t i = 0; i < plan->valid_n; i++)
        if (plan->requests[i].fate != MODEL_KEEPS)
            return true;
    return false;
}

static bool must_close(const struct model_plan *plan)
{
    return plan->violation ||
           (plan->valid_n > 0 && plan->requests[plan->valid_n - 1].fate == MODEL_CLOSES);
}

void model_check_quiet(const struct model_plan *plan, const struct model_handler *h,
                       const struct test_client *c)
{
    const struct fake_transport *t = &c->transport;
    bool is_over = model_is_over(c), may_reset;

    /* Every byte was looked at, or dropped: to close with one unread is a reset, by which the client
     * may lose its answer (RFC 9112 9.6). Who sends more than he said risks that. */
    may_reset =
        breaks_off(plan, h) || (plan->valid_n > 0 && plan->requests[plan->valid_n - 1].is_last);
    MODEL_CHECK(plan, c, t->in_at == t->in_n || (t->is_closed && may_reset));
    if (t->is_eof || must_close(plan))
        MODEL_CHECK(plan, c, is_over);
    else if (!may_close(plan) && !plan->is_cut)
        MODEL_CHECK(plan, c, !is_over);
    if (!is_over)
        MODEL_CHECK(plan, c, count_finals(plan, c) >= plan->valid_n);
}
