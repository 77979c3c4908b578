/*
 * fuzz_pattern.c — handlers/pattern.h against its definition, tried in every way with a table.
 *
 * Input: a pattern, a line end, the path without the '/' in front. The path's name is also asked for a
 * hash, and told in a Content-Disposition, which is read back.
 */
#include "handlers/pattern.h"

#include <stdint.h>
#include <stdlib.h>

#include "handlers/disposition.h"
#include "http/field.h"

#define PATTERN_MAX 40
#define PATH_MAX_N  60

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool claim)
{
    if (!claim)
        abort();
}

/* ---- patterns ---- */

struct question {
    struct wr_slice pattern, text;
    signed char known[PATTERN_MAX + 1][PATH_MAX_N + 1]; /* 0: not yet; 1: yes; -1: no */
};

static bool ask(struct question *q, size_t i, size_t j);

static bool find_out(struct question *q, size_t i, size_t j)
{
    const char *p = q->pattern.p + i;
    size_t left = q->pattern.n - i, stars = 0, behind = 0;
    bool has_c = j < q->text.n;

    if (left == 0)
        return !has_c;
    while (stars < left && p[stars] == '*')
        stars++;
    if (stars > 0)
        return ask(q, i + stars, j) ||
               (has_c && (stars > 1 || q->text.p[j] != '/') && ask(q, i, j + 1));
    while (p[0] == '/' && 1 + behind < left && p[1 + behind] == '*')
        behind++;
    if (behind > 1 && 1 + behind < left && p[1 + behind] == '/' && ask(q, i + 1 + behind, j))
        return true; /* as if there were one '/' */
    if (p[0] == '?')
        return has_c && q->text.p[j] != '/' && ask(q, i + 1, j + 1);
    if (p[0] == '\\')
        return has_c && q->text.p[j] == p[1] && ask(q, i + 2, j + 1);
    return has_c && q->text.p[j] == p[0] && ask(q, i + 1, j + 1);
}

static bool ask(struct question *q, size_t i, size_t j)
{
    signed char *known = &q->known[i][j];

    if (*known == 0)
        *known = find_out(q, i, j) ? 1 : -1;
    return *known == 1;
}

static bool is_match(struct wr_slice pattern, struct wr_slice text)
{
    static struct question q;

    q = (struct question){.pattern = pattern, .text = text};
    return ask(&q, 0, 0);
}

/* The whole path, or a folder on the way to it. */
static bool expect(struct wr_slice pattern, struct wr_slice path)
{
    bool is_folder = pattern.p[pattern.n - 1] == '/', is_anywhere = pattern.p[0] != '/';
    struct wr_slice name = wr_slice(pattern.p, pattern.n - is_folder);

    for (size_t end = 0; end <= path.n; end++) {
        size_t start = end;

        if (end < path.n && !(is_folder && path.p[end] == '/'))
            continue;
        while (is_anywhere && start > 0 && path.p[start - 1] != '/')
            start--;
        if (is_folder && is_anywhere && start == end) /* a segment without a name */
            continue;
        if (!is_anywhere)
            start = 0;
        if (is_match(name, wr_slice(path.p + start, end - start)))
            return true;
    }
    return false;
}

static void check_pattern(const char *pattern, struct wr_slice path)
{
    bool matches = wr_pattern_matches(wr_slice_of(pattern), path);

    if (!wr_pattern_check(pattern))
        check(matches == expect(wr_slice_of(pattern), path));
}

/* ---- names ---- */

static struct wr_slice name_of(struct wr_slice path)
{
    size_t start = path.n;

    while (start > 0 && path.p[start - 1] != '/')
        start--;
    return wr_slice(path.p + start, path.n - start);
}

static void check_hash(struct wr_slice path)
{
    struct wr_slice name = name_of(path);
    size_t digits = 0;

    if (!wr_name_is_hashed(path)) {
        check(!wr_name_is_hashed(name));
        return;
    }
    check(wr_name_is_hashed(name));
    check(memchr(name.p, '.', name.n) != NULL && name.p[name.n - 1] != '.');
    for (size_t i = 0; i < name.n; i++)
        digits += name.p[i] >= '0' && name.p[i] <= '9';
    check(digits > 0 || name.n > 9);
}

/* Length of the character at s, by the grammar of RFC 3629 4; 0: there is none. */
static size_t utf8_length(struct wr_slice s)
{
    static const unsigned char rows[][4] = {/* first octets, second octets; tails follow */
                                            {0xC2, 0xDF, 0x80, 0xBF}, {0xE0, 0xE0, 0xA0, 0xBF},
                                            {0xE1, 0xEC, 0x80, 0xBF}, {0xED, 0xED, 0x80, 0x9F},
                                            {0xEE, 0xEF, 0x80, 0xBF}, {0xF0, 0xF0, 0x90, 0xBF},
                                            {0xF1, 0xF3, 0x80, 0xBF}, {0xF4, 0xF4, 0x80, 0x8F}};
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

    if (p[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (p[0] < rows[i][0] || p[0] > rows[i][1])
            continue;
        if (n > s.n || p[1] < rows[i][2] || p[1] > rows[i][3])
            return 0;
        for (size_t k = 2; k < n; k++)
            if (p[k] < 0x80 || p[k] > 0xBF)
                return 0;
        return n;
    }
    return 0;
}

static void expect_text(struct wr_slice *rest, struct wr_slice text)
{
    check(wr_slice_starts(*rest, text));
    *rest = wr_slice_from(*rest, text.n);
}

/* Reads a quoted-string: of each character of the name itself, when it is visible ASCII, or '_'. */
static void expect_quoted(struct wr_slice *rest, struct wr_slice name)
{
    expect_text(rest, WR_SLICE("\""));
    while (name.n > 0) {
        size_t n = utf8_length(name);
        bool is_visible = name.p[0] >= 0x20 && name.p[0] <= 0x7E;

        check(rest->n > 0 && rest->p[0] != '"');
        if (rest->p[0] == '\\')
            *rest = wr_slice_from(*rest, 1);
        check(rest->n > 0 && rest->p[0] == (is_visible ? name.p[0] : '_'));
        *rest = wr_slice_from(*rest, 1);
        name = wr_slice_from(name, n > 0 ? n : 1);
    }
    expect_text(rest, WR_SLICE("\""));
}

static int take_octet(struct wr_slice *rest)
{
    int value;

    check(rest->n > 0);
    value = (unsigned char)rest->p[0];
    if (value != '%') {
        check(wr_is_tchar((char)value) && value != '*' && value != '\'');
        *rest = wr_slice_from(*rest, 1);
        return value;
    }
    check(rest->n >= 3 && wr_hex_value(rest->p[1]) >= 0 && wr_hex_value(rest->p[2]) >= 0);
    value = wr_hex_value(rest->p[1]) * 16 + wr_hex_value(rest->p[2]);
    *rest = wr_slice_from(*rest, 3);
    return value;
}

/* Reads an ext-value back: the name, with U+FFFD for what is no character. */
static void expect_extended(struct wr_slice *rest, struct wr_slice name)
{
    while (name.n > 0) {
        size_t n = utf8_length(name);
        struct wr_slice want = n > 0 ? wr_slice(name.p, n) : WR_SLICE("\xEF\xBF\xBD");

        for (size_t i = 0; i < want.n; i++)
            check(take_octet(rest) == (unsigned char)want.p[i]);
        name = wr_slice_from(name, n > 0 ? n : 1);
    }
}

static void check_disposition(struct wr_slice path)
{
    char text[WR_DISPOSITION_ROOM(PATH_MAX_N)];
    struct wr_buf b = wr_buf_on(text, WR_DISPOSITION_ROOM(path.n));
    struct wr_slice name = name_of(path), rest;

    wr_disposition_attachment(&b, path);
    check(!b.overflow);
    rest = wr_buf_slice(&b);
    expect_text(&rest, WR_SLICE("attachment"));
    if (name.n > 0) {
        expect_text(&rest, WR_SLICE("; filename="));
        expect_quoted(&rest, name);
    }
    if (rest.n > 0) {
        expect_text(&rest, WR_SLICE("; filename*=UTF-8''"));
        expect_extended(&rest, name);
        check(rest.n == 0);
        return;
    }
    for (size_t i = 0; i < name.n; i++) /* the short form says it all */
        check(name.p[i] >= 0x20 && name.p[i] <= 0x7E);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line_end = size > 0 ? memchr(data, '\n', size) : NULL;
    char pattern[PATTERN_MAX + 1] = "", path[PATH_MAX_N];
    size_t pattern_n = line_end ? (size_t)(line_end - data) : 0, path_n = size - pattern_n;

    if (!line_end || pattern_n > PATTERN_MAX || path_n > PATH_MAX_N)
        return 0;
    memcpy(pattern, data, pattern_n);
    memcpy(path, line_end, path_n);
    path[0] = '/';
    check_pattern(pattern, wr_slice(path, path_n));
    check_hash(wr_slice(path, path_n));
    check_disposition(wr_slice(path, path_n));
    return 0;
}
