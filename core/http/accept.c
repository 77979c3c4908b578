#include "http/accept.h"

#include "http/field.h"

/* ---- what both fields have: tokens and weights ---- */

static struct wr_slice take_token(struct wr_slice *s)
{
    const char *end = wr_skip_class(s->p, s->p + s->n, WR_CHAR_TOKEN);
    struct wr_slice token = wr_slice(s->p, (size_t)(end - s->p));

    *s = wr_slice_from(*s, token.n);
    return token;
}

static void skip_space(struct wr_slice *s)
{
    while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
        *s = wr_slice_from(*s, 1);
}

static bool take_char(struct wr_slice *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = wr_slice_from(*s, 1);
    return true;
}

/* qvalue of RFC 9110 12.4.2: 0 to 1, with up to three digits behind a point. */
static bool read_quality(struct wr_slice s, uint16_t *q)
{
    unsigned value = 0, place = WR_QUALITY_MAX;

    if (s.n == 0 || s.n > strlen("0.123") || (s.n > 1 && s.p[1] != '.'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (i == 1)
            continue;
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        value += (unsigned)(s.p[i] - '0') * place;
        place /= 10;
    }
    *q = (uint16_t)value;
    return value <= WR_QUALITY_MAX;
}

static bool is_q(struct wr_slice name)
{
    return name.n == 1 && wr_ascii_lower(name.p[0]) == 'q';
}

/* ---- Accept-Encoding ---- */

struct wr_slice wr_coding_name(enum wr_coding c)
{
    switch (c) {
    case WR_CODING_GZIP:
        return WR_SLICE("gzip");
    case WR_CODING_BR:
        return WR_SLICE("br");
    case WR_CODING_ZSTD:
        return WR_SLICE("zstd");
    case WR_CODING_IDENTITY:
    case WR_CODINGS:
        break;
    }
    return WR_SLICE("identity");
}

#define ANY     WR_CODINGS       /* "*" */
#define UNKNOWN (WR_CODINGS + 1) /* deflate, for instance */

static unsigned coding_of(struct wr_slice name)
{
    if (name.n == 1 && name.p[0] == '*')
        return ANY;
    if (wr_slice_ieq(name, WR_SLICE("x-gzip")))
        return WR_CODING_GZIP;
    for (unsigned c = 0; c < WR_CODINGS; c++)
        if (wr_slice_ieq(name, wr_coding_name(c)))
            return c;
    return UNKNOWN;
}

/* [ weight ], behind the name of a coding; nothing else may follow. */
static bool read_weight(struct wr_slice s, uint16_t *q)
{
    *q = WR_QUALITY_MAX;
    skip_space(&s);
    if (s.n == 0)
        return true;
    if (!take_char(&s, ';'))
        return false;
    skip_space(&s);
    return is_q(take_token(&s)) && take_char(&s, '=') && read_quality(s, q);
}

void wr_accept_codings_parse(struct wr_slice value, struct wr_accept_codings *out)
{
    uint16_t q[UNKNOWN + 1];
    unsigned named = 0; /* bits 1u << coding, and ANY */
    struct wr_slice member;

    *out = (struct wr_accept_codings){{[WR_CODING_IDENTITY] = WR_QUALITY_MAX}};
    if (value.n == 0)
        return;
    while (wr_slice_next_token(&value, &member)) {
        unsigned c = coding_of(take_token(&member));
        uint16_t weight;

        if (c == UNKNOWN || named & 1u << c || !read_weight(member, &weight))
            continue;
        named |= 1u << c;
        q[c] = weight;
    }
    if (!(named & 1u << ANY))
        q[ANY] = 0;
    for (unsigned c = 0; c < WR_CODINGS; c++)
        out->q[c] = named & 1u << c ? q[c] : q[ANY];
    if (!(named & 1u << WR_CODING_IDENTITY))
        out->q[WR_CODING_IDENTITY] = named & 1u << ANY && q[ANY] == 0 ? 0 : 1;
}

int wr_accept_codings_best(const struct wr_accept_codings *a, unsigned available)
{
    static const enum wr_coding preferred[] = {WR_CODING_BR, WR_CODING_ZSTD, WR_CODING_GZIP,
                                               WR_CODING_IDENTITY};
    uint16_t q = 0;
    int best = -1;

    for (size_t i = 0; i < WR_CODINGS; i++) {
        enum wr_coding c = preferred[i];

        if (available & 1u << c && a->q[c] > q) {
            q = a->q[c];
            best = (int)c;
        }
    }
    return best;
}

/* ---- Accept ---- */

/* How a range has a type, from the least specific. */
enum match { ANY_TYPE, ANY_SUBTYPE, WITH_PARAMETERS, TYPE, MATCHES };

struct qualities {
    uint16_t q[MATCHES];
    unsigned found;    /* bits 1u << match */
    bool has_a_member; /* well written, of whichever type */
};

/* At a quote: over the quoted string (RFC 9110 5.6.4); false: it does not end. */
static bool skip_quoted(struct wr_slice *s)
{
    for (size_t i = 1; i < s->n; i++) {
        if (s->p[i] == '\\') {
            i++;
        } else if (s->p[i] == '"') {
            *s = wr_slice_from(*s, i + 1);
            return true;
        }
    }
    *s = wr_slice_from(*s, s->n);
    return false;
}

/* As wr_slice_next_token(), but a comma may stand in a quoted string. */
static bool next_member(struct wr_slice *list, struct wr_slice *member)
{
    while (list->n > 0) {
        struct wr_slice rest = *list;

        while (rest.n > 0 && rest.p[0] != ',') {
            if (rest.p[0] == '"')
                skip_quoted(&rest);
            else
                rest = wr_slice_from(rest, 1);
        }
        *member = wr_slice_trim(wr_slice(list->p, list->n - rest.n));
        *list = rest.n > 0 ? wr_slice_from(rest, 1) : rest;
        if (member->n > 0)
            return true;
    }
    return false;
}

/* One parameter of a range, which may be empty. */
static bool read_parameter(struct wr_slice *s, bool *has_q, bool *has_others, uint16_t *q)
{
    struct wr_slice name = take_token(s), value;

    if (name.n == 0)
        return true;
    if (is_q(name)) {
        bool is_first = !*has_q;
        uint16_t ignored;

        *has_q = true;
        if (!take_char(s, '='))
            return false;
        value = take_token(s);
        return read_quality(value, is_first ? q : &ignored);
    }
    *has_others = true;
    if (!take_char(s, '=')) /* an accept-ext of RFC 7231 5.3.2 could go without a value */
        return true;
    return s->n > 0 && s->p[0] == '"' ? skip_quoted(s) : take_token(s).n > 0;
}

static bool read_parameters(struct wr_slice s, bool *has_others, uint16_t *q)
{
    bool has_q = false;

    *q = WR_QUALITY_MAX;
    *has_others = false;
    for (skip_space(&s); s.n > 0; skip_space(&s)) {
        if (!take_char(&s, ';'))
            return false;
        skip_space(&s);
        if (!read_parameter(&s, &has_q, has_others, q))
            return false;
    }
    return true;
}

/* Takes one member of the list; does nothing when it is not well written. */
static void take_range(struct wr_slice s, struct wr_slice type, struct qualities *out)
{
    const struct wr_slice any = WR_SLICE("*");
    struct wr_slice whole = s, main = take_token(&s), sub;
    bool has_slash = take_char(&s, '/'), has_others;
    enum match match;
    uint16_t q;

    sub = take_token(&s);
    if (!has_slash || main.n == 0 || sub.n == 0 || !read_parameters(s, &has_others, &q))
        return;
    if (wr_slice_eq(main, any) && !wr_slice_eq(sub, any))
        return;
    out->has_a_member = true;
    if (wr_slice_eq(main, any))
        match = ANY_TYPE;
    else if (wr_slice_eq(sub, any) && type.n > main.n && type.p[main.n] == '/' &&
             wr_slice_ieq(main, wr_slice(type.p, main.n)))
        match = ANY_SUBTYPE;
    else if (wr_slice_ieq(wr_slice(whole.p, main.n + 1 + sub.n), type))
        match = has_others ? WITH_PARAMETERS : TYPE;
    else
        return;
    if (out->found & 1u << match)
        return;
    out->found |= 1u << match;
    out->q[match] = q;
}

static struct qualities read_accept(struct wr_slice accept, struct wr_slice type)
{
    struct qualities all = {0};
    struct wr_slice member;

    while (next_member(&accept, &member))
        take_range(member, type, &all);
    return all;
}

uint16_t wr_accept_quality(struct wr_slice accept, struct wr_slice type)
{
    struct qualities all = read_accept(accept, type);

    for (int match = MATCHES - 1; match >= 0; match--)
        if (all.found & 1u << match)
            return all.q[match];
    return all.has_a_member ? 0 : WR_QUALITY_MAX;
}

bool wr_accept_names(struct wr_slice accept, struct wr_slice type)
{
    struct qualities all = read_accept(accept, type);
    enum match match = all.found & 1u << TYPE ? TYPE : WITH_PARAMETERS;

    return all.found & 1u << match && all.q[match] > 0;
}
