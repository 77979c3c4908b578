/*
 * fuzz_accept.c — http/accept.h against the grammar of RFC 9110, written as regular expressions.
 *
 * Input: a letter, whose low bits say which codings are available; then the value of a field, which
 * is read as Accept-Encoding and as Accept.
 */
#include "http/accept.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKEN  "[!#$%&'*+.^_`|~[:alnum:]-]"
#define OWS    "[ \t]*"
#define QVALUE "(0([.][0-9]{0,3})?|1([.]0{0,3})?)"
#define QUOTED "\"([^\"\\\\]|\\\\(.|\n))*\""
#define N_MAX  1024 /* of a value */
#define GROUPS 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool claim)
{
    if (!claim)
        abort();
}

struct patterns {
    regex_t coding;    /* 1: name, 3: weight */
    regex_t range;     /* at the beginning: 1: type, 2: subtype */
    regex_t parameter; /* at the beginning: 2: name, 4: value */
};

static const struct patterns *patterns(void)
{
    static struct patterns p;
    static bool is_ready;

    if (is_ready)
        return &p;
    check(regcomp(&p.coding,
                  "^(" TOKEN "+)(" OWS ";" OWS "[qQ]="
                  "(" QVALUE "))?$",
                  REG_EXTENDED) == 0);
    check(regcomp(&p.range, "^(" TOKEN "+)/(" TOKEN "+)", REG_EXTENDED) == 0);
    check(regcomp(&p.parameter, "^" OWS ";" OWS "((" TOKEN "+)(=(" TOKEN "+|" QUOTED "))?)?" OWS,
                  REG_EXTENDED) == 0);
    is_ready = true;
    return &p;
}

static bool matches(const regex_t *regex, const char *text, regmatch_t groups[static GROUPS])
{
    return regexec(regex, text, GROUPS, groups, 0) == 0;
}

/* Cuts the text of a group out. */
static const char *group(char out[static N_MAX + 1], const char *text, regmatch_t g)
{
    size_t n = g.rm_so < 0 ? 0 : (size_t)(g.rm_eo - g.rm_so);

    memcpy(out, text + (n > 0 ? g.rm_so : 0), n);
    out[n] = '\0';
    return out;
}

static bool is_quality(const char *text, long *q)
{
    regex_t regex;
    bool is;

    check(regcomp(&regex, "^" QVALUE "$", REG_EXTENDED | REG_NOSUB) == 0);
    is = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    if (is)
        *q = (long)(strtod(text, NULL) * 1000 + 0.5);
    return is;
}

static void trim(char *text)
{
    size_t n = strlen(text), start = strspn(text, " \t");

    while (n > start && strchr(" \t", text[n - 1]))
        n--;
    memmove(text, text + start, n - start);
    text[n - start] = '\0';
}

/* The next member, up to a comma, which may be quoted or not; false at the end. */
static bool next(struct wr_slice *list, bool knows_quotes, char out[static N_MAX + 1])
{
    bool is_quoted = false, is_escaped = false;
    size_t n = 0;

    if (!list->p)
        return false;
    for (; n < list->n; n++) {
        char c = list->p[n];

        if (c == ',' && !is_quoted)
            break;
        if (is_escaped)
            is_escaped = false;
        else if (c == '\\' && is_quoted)
            is_escaped = true;
        else if (c == '"' && knows_quotes)
            is_quoted = !is_quoted;
    }
    memcpy(out, list->p, n);
    out[n] = '\0';
    trim(out);
    *list = n < list->n ? wr_slice_from(*list, n + 1) : wr_slice(NULL, 0);
    return true;
}

/* ---- Accept-Encoding ---- */

static const char *const names[] = {[WR_CODING_IDENTITY] = "identity",
                                    [WR_CODING_GZIP] = "gzip",
                                    [WR_CODING_BR] = "br",
                                    [WR_CODING_ZSTD] = "zstd"};

/* What the list says of a name; -1: nothing. */
static long find_coding(struct wr_slice list, const char *name, const char *alias)
{
    char member[N_MAX + 1], text[N_MAX + 1];
    regmatch_t groups[GROUPS];
    long q = 1000;

    while (next(&list, false, member)) {
        if (!matches(&patterns()->coding, member, groups))
            continue;
        group(text, member, groups[1]);
        if (strcasecmp(text, name) != 0 && strcasecmp(text, alias) != 0)
            continue;
        if (groups[3].rm_so >= 0)
            check(is_quality(group(text, member, groups[3]), &q));
        return q;
    }
    return -1;
}

static long expect_coding(struct wr_slice list, enum wr_coding c)
{
    long named = find_coding(list, names[c], c == WR_CODING_GZIP ? "x-gzip" : names[c]);
    long any = find_coding(list, "*", "*");

    if (list.n == 0)
        return c == WR_CODING_IDENTITY ? 1000 : 0;
    if (named >= 0)
        return named;
    if (c == WR_CODING_IDENTITY)
        return any == 0 ? 0 : 1;
    return any >= 0 ? any : 0;
}

static int place(int coding)
{
    static const enum wr_coding order[] = {WR_CODING_BR, WR_CODING_ZSTD, WR_CODING_GZIP,
                                           WR_CODING_IDENTITY};
    int i = 0;

    while ((int)order[i] != coding)
        i++;
    return i;
}

static void check_codings(struct wr_slice list, unsigned available)
{
    struct wr_accept_codings a;
    int best;

    wr_accept_codings_parse(list, &a);
    best = wr_accept_codings_best(&a, available);
    check(best == -1 || (available & 1U << best && a.q[best] > 0));
    for (int c = 0; c < WR_CODINGS; c++) {
        check(a.q[c] == expect_coding(list, (enum wr_coding)c));
        if (!(available & 1U << c) || c == best)
            continue;
        check(best == -1 ? a.q[c] == 0 : a.q[c] <= a.q[best]);
        if (best != -1 && a.q[c] == a.q[best])
            check(place(best) < place(c));
    }
}

/* ---- Accept ---- */

struct range {
    char type[N_MAX + 1], subtype[N_MAX + 1];
    bool has_others; /* parameters that are not q */
    long q;
};

/* member: media-range and parameters; false: it is not well written */
static bool read_range(const char *member, struct range *out)
{
    char name[N_MAX + 1], value[N_MAX + 1];
    regmatch_t groups[GROUPS];
    bool has_q = false;
    long q;

    if (!matches(&patterns()->range, member, groups))
        return false;
    group(out->type, member, groups[1]);
    group(out->subtype, member, groups[2]);
    out->has_others = false;
    out->q = 1000;
    for (member += groups[0].rm_eo; *member; member += groups[0].rm_eo) {
        if (!matches(&patterns()->parameter, member, groups))
            return false;
        group(name, member, groups[2]);
        group(value, member, groups[4]);
        if (strcasecmp(name, "q") != 0) {
            out->has_others |= name[0] != '\0';
            continue;
        }
        if (!is_quality(value, &q))
            return false;
        if (!has_q)
            out->q = q;
        has_q = true;
    }
    return strcmp(out->type, "*") != 0 || strcmp(out->subtype, "*") == 0;
}

/* 3: the type, 2: it with parameters, 1: its type with any subtype, 0: any type, -1: another */
static int specificity(const struct range *r, const char *type, const char *subtype)
{
    if (strcmp(r->type, "*") == 0)
        return 0;
    if (strcasecmp(r->type, type) != 0)
        return -1;
    if (strcmp(r->subtype, "*") == 0)
        return 1;
    if (strcasecmp(r->subtype, subtype) != 0)
        return -1;
    return r->has_others ? 2 : 3;
}

static void check_type(struct wr_slice list, const char *type, const char *subtype)
{
    static struct range r;
    char member[N_MAX + 1], whole[32];
    struct wr_slice rest = list;
    bool has_any = false;
    int found = -1;
    long q = 0;

    while (next(&rest, true, member)) {
        int s;

        if (!read_range(member, &r))
            continue;
        has_any = true;
        s = specificity(&r, type, subtype);
        if (s > found) {
            found = s;
            q = r.q;
        }
    }
    snprintf(whole, sizeof whole, "%s/%s", type, subtype);
    check(wr_accept_quality(list, wr_slice_of(whole)) == (has_any ? q : 1000));
    check(wr_accept_names(list, wr_slice_of(whole)) == (found >= 2 && q > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct wr_slice value;

    /* A value of a field has no NUL (RFC 9110 5.5), and regular expressions of libc cannot have it. */
    if (n < 1 || n > N_MAX || memchr(data, '\0', n))
        return 0;
    value = wr_slice_trim(wr_slice((const char *)data + 1, n - 1));
    check_codings(value, data[0] & 0xFU);
    check_type(value, "text", "html");
    check_type(value, "application", "json");
    return 0;
}
