#include "http/h1_parse.h"

#include "http/h1_scan.h"

#define VERSION_LEN 8 /* "HTTP/1.1" */

/* In the part that is due: `p` moves, `end` is the end of what has come or may come. */
struct cursor {
    const char *start, *p, *end;
};

/* What parsing a piece came to: WR_H1_OK, a reason to refuse, or that its end has not come yet. */
enum { INCOMPLETE = -1 };

static const struct {
    int status;
    const char *text;
} reasons[WR_H1_REASON_COUNT] = {
#define X(id, status, text) [WR_H1_##id] = {status, text},
    WR_H1_REASONS(X)
#undef X
};

int wr_h1_reason_status(enum wr_h1_reason reason)
{
    return reasons[reason].status;
}

const char *wr_h1_reason_text(enum wr_h1_reason reason)
{
    return reasons[reason].text;
}

void wr_h1_parser_init(struct wr_h1_parser *p)
{
    *p = (struct wr_h1_parser){0};
}

static bool at_end(const struct cursor *c)
{
    return c->p == c->end;
}

static bool at_line_end(const struct cursor *c)
{
    return *c->p == '\r' || *c->p == '\n';
}

/* CRLF and nothing else; `otherwise` is the reason when it is neither CR nor LF. */
static int expect_line_end(struct cursor *c, enum wr_h1_reason otherwise)
{
    if (at_end(c))
        return INCOMPLETE;
    if (*c->p == '\n')
        return WR_H1_BARE_LF;
    if (*c->p != '\r')
        return otherwise;
    if (c->p + 1 == c->end)
        return INCOMPLETE;
    if (c->p[1] != '\n')
        return WR_H1_BARE_CR;
    c->p += 2;
    return WR_H1_OK;
}

static int parse_method(struct cursor *c, struct wr_h1_head *out)
{
    c->p = wr_skip_class(c->p, c->end, WR_CHAR_TOKEN);
    if (at_end(c))
        return INCOMPLETE;
    if (*c->p != ' ' || c->p == c->start)
        return WR_H1_METHOD;
    out->method_token = wr_slice(c->start, (size_t)(c->p - c->start));
    out->method = wr_method_of(out->method_token);
    c->p++;
    return WR_H1_OK;
}

static int parse_target(struct cursor *c, uint32_t target_max, struct wr_h1_head *out)
{
    const char *limit =
        (size_t)(c->end - c->start) > target_max ? c->start + target_max + 1 : c->end;

    c->p = wr_skip_class(c->p, limit, WR_CHAR_TARGET);
    out->target = wr_slice(c->start, (size_t)(c->p - c->start));
    out->plain_path = 0;
    if (out->target.n > target_max)
        return WR_H1_TARGET_LONG;
    if (at_end(c))
        return INCOMPLETE;
    if (*c->p == '\n')
        return WR_H1_BARE_LF;
    if (*c->p == '\r')
        return WR_H1_VERSION; /* a simple request of HTTP/0.9 */
    if (*c->p != ' ' || out->target.n == 0)
        return WR_H1_TARGET_CHAR;
    c->p++;
    return WR_H1_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The version and the line's end, each time from the start: they are short. */
static int parse_version(struct cursor *c, struct wr_h1_head *out)
{
    static const char pattern[VERSION_LEN] = {'H', 'T', 'T', 'P', '/', '0', '.', '0'};
    const char *version = c->start;

    c->p = version;
    if (c->end - version > VERSION_LEN && memcmp(version, "HTTP/1.1", VERSION_LEN) == 0) {
        c->p += VERSION_LEN;
        out->minor = 1;
        return expect_line_end(c, WR_H1_VERSION);
    }
    for (int i = 0; i < VERSION_LEN; i++, c->p++) {
        if (at_end(c))
            return INCOMPLETE;
        if (pattern[i] == '0' ? !is_digit(*c->p) : *c->p != pattern[i])
            return WR_H1_VERSION;
    }
    if (version[5] != '1')
        return WR_H1_VERSION_OTHER;
    out->minor = version[7] > '0';
    return expect_line_end(c, WR_H1_VERSION);
}

static int parse_field_name(struct cursor *c, bool is_first)
{
    if (c->p == c->start && (*c->p == ' ' || *c->p == '\t'))
        return is_first ? WR_H1_LEADING_SPACE : WR_H1_FOLDING;
    c->p = wr_skip_class(c->p, c->end, WR_CHAR_TOKEN);
    if (at_end(c))
        return INCOMPLETE;
    if (*c->p == ':' && c->p > c->start) {
        c->p++;
        return WR_H1_OK;
    }
    if (*c->p == '\n')
        return WR_H1_BARE_LF;
    return *c->p == ' ' || *c->p == '\t' ? WR_H1_FIELD_COLON : WR_H1_FIELD_NAME;
}

/* Name, colon and value, up to the first octet that is of none of them. */
static int skip_field(struct wr_h1_parser *p, struct cursor *c, bool is_first)
{
    if (p->value == 0) {
        int r = parse_field_name(c, is_first);

        if (r != WR_H1_OK)
            return r;
        p->value = (uint32_t)(c->p - c->start);
    }
    c->p = wr_skip_value(c->p, c->end);
    return WR_H1_OK;
}

static int parse_field_line(struct wr_h1_parser *p, struct cursor *c, uint32_t field_max,
                            struct wr_fields *fields)
{
    int r = skip_field(p, c, fields->n == 0);
    size_t n = (size_t)(c->p - c->start);
    struct wr_slice name, value;

    /* Before all else that is wrong, for it lies further behind than the limit: a client that sends
     * byte by byte has its answer by then. */
    if (n > field_max)
        return WR_H1_FIELD_LONG;
    if (r != WR_H1_OK)
        return r;
    name = wr_slice(c->start, p->value - 1);
    value = wr_slice(c->start + p->value, n - p->value);
    r = expect_line_end(c, WR_H1_FIELD_VALUE);
    if (r == WR_H1_OK && !wr_fields_add(fields, name, wr_slice_trim(value)))
        r = WR_H1_FIELDS_MANY;
    return r;
}

/* One line, or a part of the request line, of whichever kind is due. */
static int parse_part(struct wr_h1_parser *p, const struct wr_h1_limits *limits, struct cursor *c,
                      struct wr_h1_head *out)
{
    bool is_empty_line = c->p == c->start && at_line_end(c);
    int r;

    switch (p->stage) {
    case WR_H1_STAGE_METHOD:
        if (is_empty_line)
            return expect_line_end(c, WR_H1_BARE_CR);
        r = parse_method(c, out);
        break;
    case WR_H1_STAGE_TARGET:
        r = parse_target(c, limits->target_max, out);
        break;
    case WR_H1_STAGE_VERSION:
        r = parse_version(c, out);
        break;
    default: /* WR_H1_STAGE_FIELDS */
        if (!is_empty_line)
            return parse_field_line(p, c, limits->field_max, out->fields);
        r = expect_line_end(c, WR_H1_BARE_CR);
    }
    if (r == WR_H1_OK)
        p->stage++;
    return r;
}

/* Why a head that has reached its limit without its end is refused. */
static enum wr_h1_reason reason_of_length(const struct wr_h1_parser *p)
{
    if (p->stage == WR_H1_STAGE_METHOD && p->scanned > p->line)
        return WR_H1_METHOD_LONG;
    return p->stage == WR_H1_STAGE_TARGET ? WR_H1_TARGET_LONG : WR_H1_HEAD_LONG;
}

/* What is whole and usual from here on; the rest is for parse_part(), a line at a time. */
static void scan_lines(struct wr_h1_parser *p, const struct wr_h1_limits *limits, const char *base,
                       struct wr_h1_span in, struct wr_h1_head *out)
{
    const struct wr_h1_line_limits of_lines = {limits->target_max, limits->field_max};
    bool is_at_line =
        p->scanned == p->line && (p->stage == WR_H1_STAGE_METHOD || p->stage == WR_H1_STAGE_FIELDS);

    if (limits->scan && is_at_line)
        wr_h1_scan_lines(limits->scan, p, base, in, of_lines, out);
}

enum wr_h1_result wr_h1_parse(struct wr_h1_parser *p, const struct wr_h1_limits *limits,
                              struct wr_slice head_bytes, struct wr_h1_head *out)
{
    const char *base = head_bytes.p;
    /* Bytes past the limit are never looked at: where the input is cut must not matter. */
    size_t n = head_bytes.n < limits->head_max ? head_bytes.n : limits->head_max;
    const struct wr_h1_span in = {base + n, base + head_bytes.n + limits->slack};

    scan_lines(p, limits, base, in, out);
    while (p->stage != WR_H1_STAGE_DONE) {
        struct cursor c = {base + p->line, base + p->scanned, in.end};
        int r = at_end(&c) ? INCOMPLETE : parse_part(p, limits, &c, out);

        p->scanned = (uint32_t)(c.p - base);
        if (r == INCOMPLETE && n < limits->head_max)
            return WR_H1_MORE;
        if (r == INCOMPLETE)
            r = reason_of_length(p);
        if (r != WR_H1_OK) {
            p->reason = (uint8_t)r;
            return WR_H1_BAD;
        }
        p->line = p->scanned;
        p->value = 0;
        scan_lines(p, limits, base, in, out);
    }
    return WR_H1_DONE;
}
