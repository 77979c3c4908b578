/*
 * fuzz_h1_parse.c — a head gives the same outcome whole and in pieces, it is that of the grammar
 * (h1_grammar.h), and it can be interpreted.
 *
 * The first four bytes of an input: limits of the head, of the target and of one field line, of the
 * number of fields, and how the rest is cut. So a readable seed is those four and a head.
 */
#include <stdint.h>
#include <stdlib.h>

#include "h1_grammar.h"
#include "http/h1_head.h"

#define CONTROL    4
#define FIELDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
    struct wr_field v[FIELDS_MAX];
    struct wr_fields fields;
    struct wr_h1_head head;
    struct wr_h1_parser p;
    enum wr_h1_result result;
    size_t seen; /* bytes that had come when there was a result */
};

static void check(bool claim)
{
    if (!claim)
        abort();
}

/* Reads `text` in pieces of `piece` bytes; 0: at once. */
static void parse(struct outcome *o, const struct wr_h1_limits *limits, uint16_t fields_max,
                  struct wr_slice text, size_t piece)
{
    *o = (struct outcome){.result = WR_H1_MORE};
    o->head.fields = &o->fields;
    wr_fields_init(&o->fields, o->v, fields_max);
    wr_h1_parser_init(&o->p);
    while (o->result == WR_H1_MORE && o->seen < text.n) {
        size_t left = text.n - o->seen;

        o->seen += piece == 0 || piece > left ? left : piece;
        o->result = wr_h1_parse(&o->p, limits, wr_slice(text.p, o->seen), &o->head);
    }
}

static bool same(struct wr_slice a, struct wr_slice b)
{
    return a.p == b.p && a.n == b.n;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    check(a->result == b->result);
    if (a->result == WR_H1_MORE)
        return;
    check(a->result != WR_H1_BAD || a->p.reason == b->p.reason);
    check(same(a->head.method_token, b->head.method_token));
    check(same(a->head.target, b->head.target));
    if (a->result == WR_H1_BAD)
        return;
    check(a->p.line == b->p.line);
    check(a->head.method == b->head.method && a->head.minor == b->head.minor);
    check(a->fields.n == b->fields.n);
    for (int i = 0; i < a->fields.n; i++)
        check(same(a->v[i].name, b->v[i].name) && same(a->v[i].value, b->v[i].value) &&
              a->v[i].id == b->v[i].id);
}

static void check_inside(struct wr_slice s, struct wr_slice text)
{
    check(s.p >= text.p && s.p + s.n <= text.p + text.n);
}

/* What RFC 9112 promises of a head that was taken, said once more and otherwise. */
static void check_head(const struct outcome *o, const struct wr_h1_limits *limits,
                       struct wr_slice text)
{
    struct wr_slice read = wr_slice(text.p, o->p.line);

    check(o->p.line <= text.n && o->p.line <= limits->head_max);
    check(read.n >= 4 && memcmp(read.p + read.n - 4, "\r\n\r\n", 4) == 0);
    check(wr_is_token(o->head.method_token));
    check_inside(o->head.method_token, read);
    check_inside(o->head.target, read);
    check(o->head.target.n > 0 && o->head.target.n <= limits->target_max);
    check(o->head.minor == 0 || o->head.minor == 1);
    for (int i = 0; i < o->fields.n; i++) {
        check_inside(o->v[i].name, read);
        check_inside(o->v[i].value, read);
        check((size_t)(o->v[i].value.p + o->v[i].value.n - o->v[i].name.p) <= limits->field_max);
        check(wr_is_token(o->v[i].name));
        for (size_t k = 0; k < o->v[i].value.n; k++)
            check(!strchr("\r\n", o->v[i].value.p[k])); /* nor NUL, which strchr finds too */
    }
}

static void check_parts(const struct wr_h1_head *head, const struct grammar_head *g)
{
    check(same(head->method_token, g->method) && same(head->target, g->target));
    check(head->minor == (g->minor > 0));
    check((size_t)head->fields->n == g->fields_n);
    for (int i = 0; i < head->fields->n; i++)
        check(same(head->fields->v[i].name, g->names[i]) &&
              wr_slice_eq(head->fields->v[i].value, g->values[i]));
}

static bool is_of_limits(enum wr_h1_reason reason)
{
    int status = wr_h1_reason_status(reason);

    return status == 414 || status == 431 || reason == WR_H1_METHOD_LONG;
}

/* Octets of the longest line behind the request line, which is the first that is not empty. */
static size_t longest_field(struct wr_slice text)
{
    size_t longest = 0, n = 0;
    bool is_behind = false;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '\n') {
            n += text.p[i] != '\r';
            longest = is_behind && n > longest ? n : longest;
            continue;
        }
        is_behind |= n > 0;
        n = 0;
    }
    return longest;
}

/*
 * What the grammar takes is taken, unless it is above a limit or of another major version. What it
 * does not take is refused, or may be still: a line is refused at its end at the latest.
 */
static void check_grammar(const struct outcome *o, const struct wr_h1_limits *limits,
                          size_t fields_max, struct wr_slice text)
{
    static struct grammar_head g;
    enum grammar result = grammar_head(text, &g);
    enum wr_h1_reason reason = (enum wr_h1_reason)o->p.reason;

    if (o->result == WR_H1_DONE) {
        check(result == GRAMMAR_VALID && g.major == 1 && o->p.line == g.n);
        check_parts(&o->head, &g);
        check(longest_field(wr_slice(text.p, g.n)) <= limits->field_max);
    } else if (o->result == WR_H1_MORE) {
        check(result != GRAMMAR_VALID && text.n < limits->head_max);
    } else if (is_of_limits(reason)) {
        check(text.n >= limits->head_max || g.target.n > limits->target_max ||
              g.fields_n > fields_max || longest_field(text) > limits->field_max);
    } else if (reason == WR_H1_VERSION_OTHER) {
        check(g.major != 1);
    } else {
        check(result == GRAMMAR_INVALID);
    }
}

static void interpret(const struct wr_h1_head *head)
{
    struct wr_h1_message m;
    enum wr_h1_reason reason = wr_h1_interpret(head, false, &m);

    check(reason < WR_H1_REASON_COUNT);
    if (reason != WR_H1_OK)
        return;
    check(m.host.p || head->minor == 0);
    check(m.framing.kind != WR_H1_LENGTH || m.framing.length <= INT64_MAX);
    check(m.framing.kind != WR_H1_CHUNKED || head->minor > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct outcome whole, bytes, pieces;
    struct wr_slice text;
    struct wr_h1_limits limits;
    uint16_t fields_max;

    if (n <= CONTROL)
        return 0;
    text = wr_slice((const char *)data + CONTROL, n - CONTROL);
    limits = (struct wr_h1_limits){.head_max = 1U + data[0] * 16U,
                                   .target_max = 1U + data[1] * 4U,
                                   .field_max = 1U + data[1] * 4U};
    fields_max = data[2] % (FIELDS_MAX + 1);
    parse(&whole, &limits, fields_max, text, 0);
    parse(&bytes, &limits, fields_max, text, 1);
    parse(&pieces, &limits, fields_max, text, 2U + data[3]);
    check_same(&whole, &bytes);
    check_same(&whole, &pieces);
    check_grammar(&whole, &limits, fields_max, text);
    if (whole.result == WR_H1_DONE) {
        check_head(&whole, &limits, text);
        interpret(&whole.head);
    }
    return 0;
}
