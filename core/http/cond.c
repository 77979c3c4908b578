#include "http/cond.h"

#include "http/date.h"

struct etag {
    struct wr_slice opaque; /* with its quotes */
    bool is_weak;
};

/* etagc of RFC 9110 8.8.3 */
static bool is_etag_char(char c)
{
    unsigned char octet = (unsigned char)c;

    return octet > 0x20 && octet != '"' && octet != 0x7f;
}

/* Cuts an entity tag off the beginning of *s; false when there is none. */
static bool take_etag(struct wr_slice *s, struct etag *tag)
{
    bool is_weak = wr_slice_starts(*s, WR_SLICE("W/"));
    struct wr_slice rest = is_weak ? wr_slice_from(*s, 2) : *s;
    size_t n = 1;

    if (rest.n == 0 || rest.p[0] != '"')
        return false;
    while (n < rest.n && is_etag_char(rest.p[n]))
        n++;
    if (n == rest.n || rest.p[n] != '"')
        return false;
    *tag = (struct etag){.opaque = wr_slice(rest.p, n + 1), .is_weak = is_weak};
    *s = wr_slice_from(rest, n + 1);
    return true;
}

static bool is_one_etag(struct wr_slice s, struct etag *tag)
{
    return take_etag(&s, tag) && s.n == 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* A quoted tag may have commas in it, so wr_slice_next_token() does not serve here. */
static bool next_etag(struct wr_slice *list, struct etag *tag)
{
    while (list->n > 0 && (is_space(list->p[0]) || list->p[0] == ','))
        *list = wr_slice_from(*list, 1);
    if (!take_etag(list, tag))
        return false;
    while (list->n > 0 && is_space(list->p[0]))
        *list = wr_slice_from(*list, 1);
    return list->n == 0 || list->p[0] == ',';
}

static bool strong_match(const struct etag *a, const struct etag *b)
{
    return !a->is_weak && !b->is_weak && wr_slice_eq(a->opaque, b->opaque);
}

static bool weak_match(const struct etag *a, const struct etag *b)
{
    return wr_slice_eq(a->opaque, b->opaque);
}

/* "*" matches every representation, and there is one. */
static bool list_matches(struct wr_slice list, struct wr_slice etag,
                         bool (*match)(const struct etag *, const struct etag *))
{
    struct etag own, tag;

    if (wr_slice_eq(list, WR_SLICE("*")))
        return true;
    if (!is_one_etag(etag, &own))
        return false;
    while (next_etag(&list, &tag))
        if (match(&own, &tag))
            return true;
    return false;
}

/* False: the field does not count, for want of a valid date in it or of one to compare it with. */
static bool read_date(struct wr_slice field, const struct wr_validators *v, int64_t now_s,
                      int64_t *date_s)
{
    return field.p && v->last_modified_s != -1 && wr_date_parse(field, now_s, date_s);
}

/* If-Match, or If-Unmodified-Since without it: steps 1 and 2 of RFC 9110 13.2.2. */
static bool is_changed(const struct wr_conditions *c, const struct wr_validators *v, int64_t now_s)
{
    int64_t date_s;

    if (c->if_match.p)
        return !list_matches(c->if_match, v->etag, strong_match);
    return read_date(c->if_unmodified_since, v, now_s, &date_s) && v->last_modified_s > date_s;
}

/* If-None-Match, or If-Modified-Since without it: steps 3 and 4. */
static bool is_known(const struct wr_conditions *c, const struct wr_validators *v,
                     bool is_get_or_head, int64_t now_s)
{
    int64_t date_s;

    if (c->if_none_match.p)
        return list_matches(c->if_none_match, v->etag, weak_match);
    return is_get_or_head && read_date(c->if_modified_since, v, now_s, &date_s) &&
           v->last_modified_s <= date_s;
}

enum wr_cond_result wr_cond_evaluate(const struct wr_conditions *c, const struct wr_validators *v,
                                     bool is_get_or_head, int64_t now_s)
{
    if (is_changed(c, v, now_s))
        return WR_COND_FAILED;
    if (!is_known(c, v, is_get_or_head, now_s))
        return WR_COND_PROCEED;
    return is_get_or_head ? WR_COND_NOT_MODIFIED : WR_COND_FAILED;
}

bool wr_cond_range_applies(struct wr_slice if_range, const struct wr_validators *v, int64_t now_s)
{
    struct etag own, tag;
    int64_t date_s;

    if (!if_range.p)
        return true;
    if (is_one_etag(if_range, &tag))
        return is_one_etag(v->etag, &own) && strong_match(&own, &tag);
    return read_date(if_range, v, now_s, &date_s) && date_s == v->last_modified_s &&
           v->last_modified_s < now_s;
}
