#include "config/text.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* The bytes of the character at `at`; 0: it is none (RFC 3629). */
static size_t character(struct wr_slice text, size_t at)
{
    const unsigned char *p = (const unsigned char *)text.p + at;
    size_t n;

    if (*p < 0x80)
        return 1;
    n = *p >= 0xc2 && *p < 0xe0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
    if (n == 0 || n > text.n - at)
        return 0;
    /* Longer than need be, of surrogates, past U+10FFFF. */
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* The byte that cannot stand in a configuration; text.n: none. */
static size_t find_fault(struct wr_slice text, const char **what)
{
    for (size_t at = 0; at < text.n;) {
        size_t n = character(text, at);

        *what = "expected text, found a NUL byte";
        if (text.p[at] == '\0')
            return at;
        *what = "expected UTF-8, found a byte that is none";
        if (n == 0)
            return at;
        at += n;
    }
    return text.n;
}

/* Behind the string that begins at `at`, or behind the line: a string has no end of a line in it,
 * and a comment on the next one is still one. */
static size_t string_end(struct wr_slice text, size_t at)
{
    for (at++; at < text.n && text.p[at] != '\n'; at++) {
        if (text.p[at] == '"')
            return at + 1;
        if (text.p[at] == '\\' && at + 1 < text.n && text.p[at + 1] != '\n')
            at++;
    }
    return at;
}

/* Behind the comment at `at`: `at`: there is none; text.n + 1: it does not end. */
static size_t comment_end(struct wr_slice text, size_t at)
{
    char kind = (char)(text.p[at] == '/' && at + 1 < text.n ? text.p[at + 1] : '\0');
    const char *end;

    if (kind == '/') {
        end = memchr(text.p + at, '\n', text.n - at);
        return end ? (size_t)(end - text.p) : text.n;
    }
    if (kind != '*')
        return at;
    end = memmem(text.p + at + 2, text.n - at - 2, "*/", 2);
    return end ? (size_t)(end - text.p) + 2 : text.n + 1;
}

/* A space a character: columns count those. */
static size_t put_blanks(char *out, struct wr_slice comment)
{
    size_t n = 0;

    for (size_t i = 0; i < comment.n; i++)
        if (comment.p[i] == '\n')
            out[n++] = '\n';
        else if (((unsigned char)comment.p[i] & 0xc0) != 0x80)
            out[n++] = ' ';
    return n;
}

/* Writes the text to `out`, of the same size, and gives the number of bytes; SIZE_MAX: a comment,
 * at *at, does not end. */
static size_t blank_comments(struct wr_slice text, char *out, size_t *at)
{
    size_t n = 0;

    for (*at = 0; *at < text.n;) {
        size_t end = comment_end(text, *at);

        if (end > text.n)
            return (size_t)-1;
        if (end > *at) {
            n += put_blanks(out + n, wr_slice(text.p + *at, end - *at));
        } else {
            end = text.p[*at] == '"' ? string_end(text, *at) : *at + 1;
            memcpy(out + n, text.p + *at, end - *at);
            n += end - *at;
        }
        *at = end;
    }
    return n;
}

bool wr_config_make_text(struct wr_arena *arena, struct wr_slice text, struct wr_slice *out,
                         struct wr_json_place *place, const char **what)
{
    size_t at, n;
    char *copy;

    if (wr_slice_starts(text, WR_SLICE(BYTE_ORDER_MARK)))
        text = wr_slice_from(text, strlen(BYTE_ORDER_MARK));
    at = find_fault(text, what);
    if (at < text.n) {
        *place = wr_json_place_of(text, at);
        return false;
    }
    *what = NULL;
    copy = wr_arena_alloc(arena, text.n + 1);
    if (!copy)
        return false;
    n = blank_comments(text, copy, &at);
    if (n == (size_t)-1) {
        *what = "expected \"*/\" at the end of this comment, found none";
        *place = wr_json_place_of(text, at);
        return false;
    }
    copy[n] = '\0';
    *out = wr_slice(copy, n);
    return true;
}
