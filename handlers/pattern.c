#include "handlers/pattern.h"

#include <stdint.h>

/* ---- patterns ---- */

/* Positions in a pattern at which the rest has to match: bit n is the byte n, and the last its end. All
 * of them at once are followed through the path, so that no choice is ever taken back. */
#define WORDS ((WR_PATTERN_MAX + 64) / 64)

struct positions {
    uint64_t bits[WORDS];
};

static void mark(struct positions *set, size_t at)
{
    set->bits[at / 64] |= UINT64_C(1) << at % 64;
}

static bool is_marked(const struct positions *set, size_t at)
{
    return set->bits[at / 64] >> at % 64 & 1;
}

static size_t count_stars(struct wr_slice pattern, size_t at)
{
    size_t n = 0;

    while (at + n < pattern.n && pattern.p[at + n] == '*')
        n++;
    return n;
}

/* Marks the position and those that are reached from it without a character of the path. */
static void arrive(struct positions *set, struct wr_slice pattern, size_t at)
{
    for (;;) {
        bool is_behind_slash = at > 0 && pattern.p[at - 1] == '/';
        size_t stars = count_stars(pattern, at);

        mark(set, at);
        if (stars == 0)
            return;
        at += stars;
        mark(set, at); /* which is no star */
        if (stars == 1 || !is_behind_slash || at == pattern.n || pattern.p[at] != '/')
            return;
        at++; /* two stars for no folder take the slash with them */
    }
}

/* What is reached from `at` by the character c. */
static void advance(struct positions *set, struct wr_slice pattern, size_t at, char c)
{
    size_t stars = count_stars(pattern, at);

    if (stars > 0) { /* which take the character, and may take more or end here */
        if (stars == 1 && c == '/')
            return;
        mark(set, at);
        mark(set, at + stars);
        return;
    }
    if (pattern.p[at] == '?') {
        if (c != '/')
            arrive(set, pattern, at + 1);
        return;
    }
    if (pattern.p[at] == '\\' && at + 1 < pattern.n)
        at++;
    if (pattern.p[at] == c)
        arrive(set, pattern, at + 1);
}

/* Sets *next to what the character leads to; false: to nothing. */
static bool step(const struct positions *set, struct wr_slice pattern, char c,
                 struct positions *next)
{
    uint64_t any = 0;

    *next = (struct positions){{0}};
    for (size_t word = 0; word < WORDS; word++)
        for (uint64_t bits = set->bits[word]; bits > 0; bits &= bits - 1) {
            size_t at = word * 64 + (size_t)__builtin_ctzll(bits);

            if (at < pattern.n)
                advance(next, pattern, at, c);
        }
    for (size_t word = 0; word < WORDS; word++)
        any |= next->bits[word];
    return any > 0;
}

/* How much of the pattern stands for itself, from the front. */
static size_t plain_length(struct wr_slice pattern)
{
    size_t n = 0;

    while (n < pattern.n && pattern.p[n] != '*' && pattern.p[n] != '?' && pattern.p[n] != '\\')
        n++;
    return n;
}

/* Where the stars begin that the pattern ends in. */
static size_t find_last_stars(struct wr_slice pattern)
{
    size_t at = pattern.n;

    while (at > 0 && pattern.p[at - 1] == '*')
        at--;
    return at;
}

/* The whole of the text; or, for a folder, what of it ends before a '/'. */
static bool is_match(struct wr_slice pattern, struct wr_slice text, bool is_folder)
{
    struct positions set = {{0}}, next;
    size_t plain = plain_length(pattern), last = find_last_stars(pattern);
    bool takes_any = pattern.n - last > 1; /* whatever follows, from there on */

    if (pattern.n > WR_PATTERN_MAX || !wr_slice_starts(text, wr_slice(pattern.p, plain)))
        return false;
    arrive(&set, pattern, plain);
    for (size_t i = plain; i < text.n && !(takes_any && is_marked(&set, last)); i++) {
        if (is_folder && text.p[i] == '/' && is_marked(&set, pattern.n))
            return true;
        if (!step(&set, pattern, text.p[i], &next))
            return false;
        set = next;
    }
    return is_marked(&set, pattern.n);
}

/* Cuts the segment off the front of *path, with the '/' behind it; false at the end. */
static bool next_segment(struct wr_slice *path, struct wr_slice *segment)
{
    const char *slash;

    if (path->n == 0)
        return false;
    slash = memchr(path->p, '/', path->n);
    *segment = wr_slice(path->p, slash ? (size_t)(slash - path->p) : path->n);
    *path = wr_slice_from(*path, segment->n + (slash ? 1 : 0));
    return true;
}

static bool has_segment(struct wr_slice path, struct wr_slice pattern)
{
    struct wr_slice segment;

    while (next_segment(&path, &segment))
        if (segment.n > 0 && is_match(pattern, segment, false))
            return true;
    return false;
}

static struct wr_slice last_segment(struct wr_slice path)
{
    const char *slash = path.n > 0 ? memrchr(path.p, '/', path.n) : NULL;

    return slash ? wr_slice_from(path, (size_t)(slash - path.p) + 1) : path;
}

bool wr_pattern_matches(struct wr_slice pattern, struct wr_slice path)
{
    bool is_folder;

    if (pattern.n == 0)
        return false;
    is_folder = pattern.p[pattern.n - 1] == '/';
    if (pattern.p[0] == '/')
        return is_match(wr_slice(pattern.p, pattern.n - is_folder), path, is_folder);
    if (is_folder)
        return has_segment(path, wr_slice(pattern.p, pattern.n - 1));
    return is_match(pattern, last_segment(path), false);
}

/* Behind a '/' in front: no path has such a segment. */
static const char *check_segments(struct wr_slice pattern)
{
    struct wr_slice segment;

    while (next_segment(&pattern, &segment)) {
        if (segment.n == 0)
            return "a pattern without \"//\"";
        if (wr_slice_eq(segment, WR_SLICE(".")) || wr_slice_eq(segment, WR_SLICE("..")))
            return "a pattern without \".\" and \"..\"";
    }
    return NULL;
}

const char *wr_pattern_check(const char *pattern)
{
    struct wr_slice all = wr_slice_of(pattern);
    const char *slash = strchr(pattern, '/');

    if (all.n == 0)
        return "a pattern";
    if (all.n > WR_PATTERN_MAX)
        return "a pattern of at most 255 bytes";
    for (size_t i = 0; i < all.n; i++) {
        if (pattern[i] == '[' || pattern[i] == '{')
            return "a pattern without [ab] and {a,b}, or '\\' in front of the bracket";
        if (pattern[i] == '\\' && (++i == all.n || pattern[i] == '/'))
            return "a character that '\\' stands in front of, and not '/'";
    }
    if (slash && slash > pattern && slash[1] != '\0')
        return "a pattern that begins with '/', or has none but at its end";
    return check_segments(*pattern == '/' ? wr_slice_from(all, 1) : all);
}

/* ---- names with a hash ---- */

/* Of a part of a name; '-' and '_' change nothing. */
struct census {
    size_t changes; /* between neighbours: capitals, small letters, digits */
    bool has_capital, has_small, has_digit;
    bool has_digit_before_letter;
    bool is_hex, is_base32, is_base64url;
};

enum kind { CAPITAL, SMALL, DIGIT, SEPARATOR, NO_KIND };

static enum kind kind_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return CAPITAL;
    if (c >= 'a' && c <= 'z')
        return SMALL;
    if (c >= '0' && c <= '9')
        return DIGIT;
    return c == '-' || c == '_' ? SEPARATOR : NO_KIND;
}

static struct census count(struct wr_slice s)
{
    struct census c = {.is_hex = true, .is_base32 = true, .is_base64url = true};
    enum kind last = NO_KIND;

    for (size_t i = 0; i < s.n; i++) {
        enum kind kind = kind_of(s.p[i]);

        c.has_capital |= kind == CAPITAL;
        c.has_small |= kind == SMALL;
        c.has_digit |= kind == DIGIT;
        c.is_hex &= wr_hex_value(s.p[i]) >= 0;
        c.is_base32 &= kind == CAPITAL || (s.p[i] >= '2' && s.p[i] <= '7');
        c.is_base64url &= kind != NO_KIND;
        c.has_digit_before_letter |= last == DIGIT && (kind == CAPITAL || kind == SMALL);
        c.changes += i > 0 && kind != last && kind < SEPARATOR && last < SEPARATOR;
        last = kind;
    }
    return c;
}

/* `before` is what stands in front: '.', '-', '_', or NUL where the name begins. */
static bool is_hex_hash(struct wr_slice s, char before)
{
    static const uint8_t lengths[] = {8, 10, 12, 16, 20, 32, 40, 64, 96, 128};
    struct census c = count(s);

    if (!c.is_hex || (c.has_capital && c.has_small))
        return false;
    if (s.n == 6 || s.n == 7)
        return before == '.' && c.changes >= 3;
    for (size_t i = 0; i < sizeof lengths; i++)
        if (s.n == lengths[i])
            return c.changes >= 2 && (before != '\0' || s.n >= 16);
    return false;
}

/* Of Vite, or of esbuild. */
static bool is_short_hash(struct wr_slice s)
{
    struct census c = count(s);

    if (s.n != 8)
        return false;
    if (c.is_base32 && c.changes >= 2)
        return true;
    if (!c.is_base64url || !c.has_capital || !c.has_small)
        return false;
    return c.changes >= 4 || (c.changes == 3 && c.has_digit_before_letter);
}

/* 8-4-4-4-12: who stores files by such names may store another one by it. */
static bool ends_in_uuid(struct wr_slice part)
{
    const char *end = part.p + part.n;

    return part.n >= 36 && end[-13] == '-' && end[-18] == '-' && end[-23] == '-' && end[-28] == '-';
}

/* A part is what stands between dots. */
static bool is_part_hashed(struct wr_slice part, bool is_first)
{
    size_t start = part.n;
    char before = is_first ? '\0' : '.';

    if (is_hex_hash(part, before) || (!is_first && is_short_hash(part)))
        return true;
    if (part.n > 9 && part.p[part.n - 9] == '-' && is_short_hash(wr_slice_from(part, part.n - 8)))
        return true;
    while (start > 0 && kind_of(part.p[start - 1]) != SEPARATOR)
        start--;
    return start > 0 && !ends_in_uuid(part) &&
           is_hex_hash(wr_slice_from(part, start), part.p[start - 1]);
}

static bool is_ending_of_asset(struct wr_slice ending)
{
    return ending.n > 0 && !wr_slice_ieq(ending, WR_SLICE("html")) &&
           !wr_slice_ieq(ending, WR_SLICE("htm")) && !wr_slice_ieq(ending, WR_SLICE("xhtml"));
}

bool wr_name_is_hashed(struct wr_slice path)
{
    struct wr_slice rest = last_segment(path);
    bool is_first = true, is_hashed = false;

    for (;;) {
        const char *dot = rest.n > 0 ? memchr(rest.p, '.', rest.n) : NULL;

        if (!dot)
            return is_hashed && is_ending_of_asset(rest);
        is_hashed |= is_part_hashed(wr_slice(rest.p, (size_t)(dot - rest.p)), is_first);
        is_first = false;
        rest = wr_slice_from(rest, (size_t)(dot - rest.p) + 1);
    }
}
