/*
 * fuzz_h1_scan.c — every scan that this processor can run gives what no scan gives, of whole heads
 * and of heads that come in two pieces, cut at each octet; and a path that is called plain is what
 * it is decoded to.
 *
 * The first four bytes of an input are those of fuzz_h1_parse.c, whose corpus is this one's too.
 */
#include <stdint.h>
#include <stdlib.h>

#include "http/h1_head.h"
#include "http/h1_scan.h"

#define CONTROL    4
#define FIELDS_MAX 64
#define TEXT_MAX   2048 /* a longer one is cut at some octets alone */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
    struct wr_field v[FIELDS_MAX];
    struct wr_fields fields;
    struct wr_h1_head head;
    struct wr_h1_parser p;
    enum wr_h1_result result;
};

static void check(bool claim)
{
    if (!claim)
        abort();
}

/* The first `cut` bytes, and then all. */
static void parse(struct outcome *o, const struct wr_h1_limits *limits, uint16_t fields_max,
                  struct wr_slice text, size_t cut)
{
    o->head = (struct wr_h1_head){.fields = &o->fields};
    wr_fields_init(&o->fields, o->v, fields_max);
    wr_h1_parser_init(&o->p);
    o->result = WR_H1_MORE;
    if (cut > 0)
        o->result = wr_h1_parse(&o->p, limits, wr_slice(text.p, cut), &o->head);
    if (o->result == WR_H1_MORE)
        o->result = wr_h1_parse(&o->p, limits, text, &o->head);
}

static bool same(struct wr_slice a, struct wr_slice b)
{
    return a.p == b.p && a.n == b.n;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    check(a->result == b->result);
    check(a->result != WR_H1_BAD || a->p.reason == b->p.reason);
    check(same(a->head.method_token, b->head.method_token));
    check(a->result == WR_H1_MORE || same(a->head.target, b->head.target));
    check(a->fields.n == b->fields.n && a->fields.repeated == b->fields.repeated);
    check(memcmp(a->fields.first, b->fields.first, sizeof a->fields.first) == 0);
    for (int i = 0; i < a->fields.n; i++)
        check(same(a->v[i].name, b->v[i].name) && same(a->v[i].value, b->v[i].value) &&
              a->v[i].id == b->v[i].id);
    if (a->result == WR_H1_DONE)
        check(a->p.line == b->p.line && a->head.method == b->head.method &&
              a->head.minor == b->head.minor);
}

/* What the path is that the other way says nothing of. */
static void check_path(const struct outcome *scanned, const struct outcome *other)
{
    static char memory[1 << 16];
    struct wr_h1_message m, n;
    struct wr_slice path;

    check(wr_h1_interpret(&scanned->head, false, &m) == wr_h1_interpret(&other->head, false, &n));
    check(same(m.target.raw_path, n.target.raw_path) && same(m.target.query, n.target.query));
    check(m.target.form == n.target.form && same(m.host, n.host));
    check(m.keep_alive == n.keep_alive && m.expects_continue == n.expects_continue);
    if (!m.has_plain_path || m.target.raw_path.n >= sizeof memory)
        return;
    check(wr_target_decode_path(m.target.raw_path, memory, &path));
    check(wr_slice_eq(path, m.target.raw_path));
}

/* By all scans, of text in memory that has no more than may be loaded. */
static void check_scans(struct wr_h1_limits limits, uint16_t fields_max, struct wr_slice text,
                        size_t cut)
{
    static struct outcome plain, scanned;

    limits.scan = NULL;
    parse(&plain, &limits, fields_max, text, cut);
    for (unsigned i = 0; (limits.scan = wr_h1_scan_at(i)) != NULL; i++) {
        parse(&scanned, &limits, fields_max, text, cut);
        check_same(&scanned, &plain);
        if (plain.result == WR_H1_DONE)
            check_path(&scanned, &plain);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct wr_h1_limits limits;
    size_t text_n, step;
    char *text;

    if (n <= CONTROL)
        return 0;
    limits = (struct wr_h1_limits){.head_max = 1U + data[0] * 16U,
                                   .target_max = 1U + data[1] * 4U,
                                   .field_max = 1U + data[1] * 4U,
                                   .slack = data[3] % 2 ? WR_H1_SLACK : 0};
    text_n = n - CONTROL;
    text = malloc(text_n + limits.slack);
    check(text != NULL);
    memcpy(text, data + CONTROL, text_n);
    memset(text + text_n, data[3], limits.slack);
    step = 1 + text_n / TEXT_MAX * 16;
    for (size_t cut = 0; cut < text_n; cut += step)
        check_scans(limits, data[2] % (FIELDS_MAX + 1), wr_slice(text, text_n), cut);
    free(text);
    return 0;
}
