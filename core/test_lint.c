/*
 * test_lint.c — the requests that `weir lint` sends, and how findings are told.
 */
#include "test_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/lint.h"

#define CONTENT_N 5000
#define REPEATED  3
#define TOGETHER  4

/* ---- telling ---- */

static void print(FILE *out, const struct wr_lint_finding *f)
{
    if (f->count > 1)
        fprintf(out, "W%02d (%llu times): %s\n", (int)f->rule, (unsigned long long)f->count,
                f->text);
    else
        fprintf(out, "W%02d: %s\n", (int)f->rule, f->text);
}

static char *print_all(struct wr_lint *lint)
{
    unsigned n = 0;
    struct wr_lint_finding *v = wr_lint_findings(lint, &n);
    char *text = NULL;
    size_t size = 0;
    FILE *out = v ? open_memstream(&text, &size) : NULL;
    bool is_cut;

    for (unsigned i = 0; out && i < n; i++)
        print(out, &v[i]);
    free(v);
    if (!out)
        return NULL;
    is_cut = ferror(out) != 0;
    if (fclose(out) == 0 && !is_cut)
        return text;
    free(text);
    return NULL;
}

const char *weir_test_findings(weir_test *t)
{
    free(t->findings);
    t->findings = t->checked ? print_all(t->checked->lint) : NULL;
    return t->findings ? t->findings : "";
}

int32_t weir_test_stuck(const weir_test *t, int32_t ms, char *text, size_t n)
{
    return t->checked && wr_lint_stuck(t->checked->lint, ms, text, n);
}

/* Time is the test's: who waits for what will never come is seen at once. */
void wr_test_set_checker(weir_test *t)
{
    t->checked = t->mount;
    wr_lint_set_patience(t->checked->lint, 0);
}

/* ---- HEAD as GET ---- */

/* Fields that depend on the moment, or on content that is made (RFC 9110 9.3.2), are none of
 * those that say what a resource is. */
static bool is_compared(const char *name)
{
    static const char *const others[] = {
        "Date",          "Set-Cookie",    "Age",  "Expires",        "ETag",
        "Last-Modified", "Cache-Control", "Vary", "Content-Length", "Trailer"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcasecmp(others[i], name) == 0)
            return false;
    return true;
}

static size_t count_fields(const weir_test_response *r)
{
    size_t n = 0;

    for (const weir_header *h = r->fields; h->name; h++)
        n += is_compared(h->name);
    return n;
}

/* What is left of an answer when the next one takes its place. */
struct kept {
    int32_t status;
    size_t fields_n;
    char *type;
};

static char *copy_field(const weir_test_response *r, const char *name)
{
    const char *value = weir_test_field(r, name);

    return value ? strdup(value) : NULL;
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void compare(struct wr_lint *l, const struct kept *get, const weir_test_response *head)
{
    if (get->status != head->status)
        wr_lint_report(l, WR_LINT_HEAD, "GET is answered %d, HEAD %d", (int)get->status,
                       (int)head->status);
    else if (!is_same(get->type, weir_test_field(head, "Content-Type")) ||
             get->fields_n != count_fields(head))
        wr_lint_report(l, WR_LINT_HEAD, "HEAD is answered with other fields than GET");
}

/* ---- requests ---- */

static int32_t send_get_and_head(weir_test *t, const char *target)
{
    weir_test_request request = {.method = "GET", .target = target};
    const weir_test_response *r = weir_test_call(t, &request);
    struct kept get = {0};

    if (!r)
        return 0;
    if (!r->is_cut)
        get = (struct kept){r->status, count_fields(r), copy_field(r, "Content-Type")};
    request.method = "HEAD";
    r = weir_test_call(t, &request);
    if (r && !r->is_cut && get.status > 0 &&
        get.status < 500) /* else it has failed, not answered */
        compare(t->checked->lint, &get, r);
    free(get.type);
    return 2;
}

static int32_t send_one(weir_test *t, const char *method, const char *target, size_t n,
                        size_t piece)
{
    static const weir_header fields[] = {{"Content-Type", "application/octet-stream"},
                                         {NULL, NULL}};
    char content[CONTENT_N];
    weir_test_request request = {.method = method,
                                 .target = target,
                                 .fields = n > 0 ? fields : NULL,
                                 .body = content,
                                 .body_size = n,
                                 .piece = piece};

    memset(content, 'x', sizeof content);
    return weir_test_call(t, &request) != NULL;
}

/* One that takes a byte at a time, one that leaves in the middle of the content, one that leaves
 * in the middle of the answer. */
static int32_t send_as_others(weir_test *t, const char *target)
{
    static const char content[] = "0123456789";
    const weir_test_request slow = {.method = "GET", .target = target, .take = 1};
    const weir_test_request sender = {.method = "POST",
                                      .target = target,
                                      .body = content,
                                      .body_size = sizeof content - 1,
                                      .piece = 1,
                                      .leave_at_content = 5};
    const weir_test_request taker = {
        .method = "GET", .target = target, .take = 1, .leave_at_body = 5};

    return (weir_test_call(t, &slow) != NULL) + (weir_test_call(t, &sender) != NULL) +
           (weir_test_call(t, &taker) != NULL);
}

/* Some at once, while one of which they may hear brings something; they end in another order
 * than they came. */
static int32_t send_together(weir_test *t, const char *target)
{
    const weir_test_request request = {.method = "GET", .target = target, .take = 1};
    weir_test_exchange *x[TOGETHER];
    int32_t sent = 0;

    for (int i = 0; i < TOGETHER; i++) {
        x[i] = weir_test_begin(t, &request);
        sent += x[i] != NULL;
    }
    sent += send_one(t, "POST", target, 1, 0);
    for (int i = TOGETHER; i-- > 0;)
        weir_test_end(x[i]);
    return sent;
}

int32_t weir_test_probe(weir_test *t, const char *target)
{
    int32_t sent = 0;

    if (!t->checked || t->is_stopped)
        return 0;
    if (!target)
        target = t->checked->route + strspn(t->checked->route, "=");
    for (int i = 0; i < REPEATED; i++)
        sent += send_get_and_head(t, target);
    sent += send_one(t, "POST", target, 0, 0);
    sent += send_one(t, "POST", target, CONTENT_N, 0);
    sent += send_one(t, "POST", target, CONTENT_N, CONTENT_N / 7);
    sent += send_one(t, "PUT", target, 1, 1);
    sent += send_one(t, "OPTIONS", target, 0, 0);
    sent += send_one(t, "LINT", target, 0, 0);
    sent += send_as_others(t, target);
    sent += send_together(t, target);
    return sent;
}
