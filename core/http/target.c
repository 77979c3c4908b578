#include "http/target.h"

#include "http/field.h"

/* `s` is what follows the authority: a path, a query, both or nothing. */
static void split_query(struct wr_slice s, struct wr_target *out)
{
    const char *mark = memchr(s.p, '?', s.n);
    size_t n = mark ? (size_t)(mark - s.p) : s.n;

    if (n > 0)
        out->raw_path = wr_slice(s.p, n);
    if (mark)
        out->query = wr_slice_from(s, n + 1);
}

/* The length of "http://" or "https://" at the beginning of `text`; 0: neither. */
static size_t scheme_length(struct wr_slice text)
{
    static const struct wr_slice schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (text.n >= schemes[i].n && wr_slice_ieq(wr_slice(text.p, schemes[i].n), schemes[i]))
            return schemes[i].n;
    return 0;
}

static size_t authority_length(struct wr_slice s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] != '/' && s.p[n] != '?')
        n++;
    return n;
}

static bool split_absolute(struct wr_slice text, struct wr_target *out)
{
    size_t start = scheme_length(text), n;

    if (start == 0)
        return false;
    out->form = WR_TARGET_ABSOLUTE;
    out->scheme = wr_slice(text.p, start - strlen("://"));
    text = wr_slice_from(text, start);
    n = authority_length(text);
    out->authority = wr_slice(text.p, n);
    split_query(wr_slice_from(text, n), out);
    return true;
}

bool wr_target_split(struct wr_slice text, bool is_connect, bool is_options, struct wr_target *out)
{
    *out = (struct wr_target){.form = WR_TARGET_ORIGIN};
    if (text.n == 0)
        return false;
    if (is_connect) {
        out->form = WR_TARGET_AUTHORITY;
        out->authority = text;
        return authority_length(text) == text.n;
    }
    if (text.p[0] == '/') {
        split_query(text, out);
        return true;
    }
    if (is_options && wr_slice_eq(text, WR_SLICE("*"))) {
        out->form = WR_TARGET_ASTERISK;
        return true;
    }
    return split_absolute(text, out);
}

/* Is the path, which begins with a '/', its own result? Most are, and then it is copied at once. */
static bool is_plain(struct wr_slice raw)
{
    const char *p = raw.p, *end = raw.p + raw.n;

    while (p < end) {
        if (*p++ != '/')
            return false;
        if (p < end && (*p == '/' || *p == '.'))
            return false;
        p = wr_skip_class(p, end, WR_CHAR_SEGMENT);
    }
    return true;
}

/* The octet that the escape at the beginning of `s` stands for; -1 when it is broken. */
static int escaped_octet(struct wr_slice s)
{
    int high, low;

    if (s.n < 3)
        return -1;
    high = wr_hex_value(s.p[1]);
    low = wr_hex_value(s.p[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool decode_escapes(struct wr_slice raw, char *out, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        int octet = (unsigned char)raw.p[i];

        if (octet == '#')
            return false;
        if (octet == '%') {
            octet = escaped_octet(wr_slice_from(raw, i));
            i += 2;
            if (octet < 0)
                return false;
        }
        if (octet == '\0')
            return false;
        out[(*n)++] = (char)octet;
    }
    return true;
}

/* Where the last segment of p[0..n) begins, which is at its '/'. */
static size_t parent_length(const char *p, size_t n)
{
    while (p[--n] != '/')
        ;
    return n;
}

static struct wr_slice segment_at(const char *p, size_t start, size_t n)
{
    const char *slash = memchr(p + start, '/', n - start);

    return wr_slice(p + start, slash ? (size_t)(slash - p) - start : n - start);
}

/* Rules 2 to 4 on the path in p[0..*n), in place: it never grows. */
static bool remove_dot_segments(char *p, size_t *n)
{
    size_t from = 0, to = 0; /* p[0..to) is done and has no '/' at its end */
    bool ends_in_slash = false;

    while (from < *n) {
        struct wr_slice segment = segment_at(p, from + 1, *n);

        from += 1 + segment.n;
        ends_in_slash = true;
        if (wr_slice_eq(segment, WR_SLICE(".."))) {
            if (to == 0)
                return false;
            to = parent_length(p, to);
        } else if (segment.n > 0 && !wr_slice_eq(segment, WR_SLICE("."))) {
            p[to++] = '/';
            memmove(p + to, segment.p, segment.n);
            to += segment.n;
            ends_in_slash = false;
        }
    }
    if (ends_in_slash)
        p[to++] = '/';
    *n = to;
    return true;
}

bool wr_target_decode_path(struct wr_slice raw_path, char *out, struct wr_slice *path)
{
    size_t n = raw_path.n;

    if (n == 0) {
        *path = WR_SLICE("/");
        return true;
    }
    if (raw_path.p[0] != '/')
        return false;
    if (is_plain(raw_path))
        memcpy(out, raw_path.p, n);
    else if (!decode_escapes(raw_path, out, &n) || !remove_dot_segments(out, &n))
        return false;
    out[n] = '\0';
    *path = wr_slice(out, n);
    return true;
}
