#include "app/json_place.h"

#include <stdint.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

size_t wr_json_skip_blanks(struct wr_slice text, size_t at)
{
    while (at < text.n && is_blank(text.p[at]))
        at++;
    return at;
}

/* Behind the closing quote, or behind the text when there is none. */
static size_t string_end(struct wr_slice text, size_t at)
{
    for (at++; at < text.n; at++) {
        if (text.p[at] == '"')
            return at + 1;
        if (text.p[at] == '\\')
            at++;
    }
    return text.n;
}

/* Of a number or a literal, right or wrong: "1;" is a number and something else. */
static bool is_word(char c)
{
    char lower = (char)(c | 0x20);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || (c && strchr("+-._", c)) ||
           (unsigned char)c >= 0x80;
}

size_t wr_json_token_end(struct wr_slice text, size_t at)
{
    if (text.p[at] == '"')
        return string_end(text, at);
    if (!is_word(text.p[at]))
        return at + 1;
    while (at < text.n && is_word(text.p[at]))
        at++;
    return at;
}

/* Without recursion, however deep the value is. */
static size_t value_end(struct wr_slice text, size_t at)
{
    size_t depth = 0, next = wr_json_skip_blanks(text, at);

    while (next < text.n) {
        char c = text.p[next];

        if (c == '{' || c == '[')
            depth++;
        else if (depth > 0 && (c == '}' || c == ']'))
            depth--;
        at = wr_json_token_end(text, next);
        if (depth == 0)
            return at;
        next = wr_json_skip_blanks(text, at);
    }
    return text.n;
}

/* ---- keys ---- */

/* The four digits of \uXXXX whose backslash is at `at`; -1: it is none. */
static int32_t unicode_escape(struct wr_slice s, size_t at)
{
    int32_t value = 0;

    if (at + 6 > s.n || s.p[at] != '\\' || s.p[at + 1] != 'u')
        return -1;
    for (size_t i = at + 2; i < at + 6; i++) {
        int digit = wr_hex_value(s.p[i]);

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static size_t encode_utf8(uint32_t c, char out[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

/* Decodes the escape at *at, steps behind it, and gives the number of bytes in out. */
static size_t decode_escape(struct wr_slice s, size_t *at, char out[4])
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    int32_t first = unicode_escape(s, *at), second;
    const char *letter;

    if (first < 0) {
        char c = (char)(*at + 1 < s.n ? s.p[*at + 1] : '\\');

        letter = c ? strchr(letters, c) : NULL;
        out[0] = (char)(letter ? meanings[letter - letters] : c);
        *at += 2;
        return 1;
    }
    *at += 6;
    second = unicode_escape(s, *at);
    if (first < 0xd800 || first > 0xdbff || second < 0xdc00 || second > 0xdfff)
        return encode_utf8((uint32_t)first, out);
    *at += 6;
    return encode_utf8(0x10000U + ((uint32_t)(first - 0xd800) << 10) + (uint32_t)(second - 0xdc00),
                       out);
}

/* Whether what stands between the quotes of a string is `key` once it is decoded. */
static bool means(struct wr_slice inner, const char *key)
{
    size_t key_n = strlen(key), done = 0;

    for (size_t at = 0; at < inner.n;) {
        char c[4];
        size_t n = 1;

        if (inner.p[at] == '\\')
            n = decode_escape(inner, &at, c);
        else
            c[0] = inner.p[at++];
        if (n > key_n - done || memcmp(key + done, c, n) != 0)
            return false;
        done += n;
    }
    return done == key_n;
}

/* ---- search ---- */

struct found {
    size_t key, value;
};

/* What follows the element that ends before `at`; false: nothing. */
static bool next_element(struct wr_slice text, size_t *at)
{
    *at = wr_json_skip_blanks(text, *at);
    if (*at >= text.n || text.p[*at] != ',')
        return false;
    *at = wr_json_skip_blanks(text, *at + 1);
    return true;
}

static bool find_member(struct wr_slice text, const char *key, struct found *f)
{
    size_t at = wr_json_skip_blanks(text, f->value + 1);

    do {
        size_t end, value;

        if (at >= text.n || text.p[at] != '"')
            return false;
        end = string_end(text, at);
        value = wr_json_skip_blanks(text, end);
        value =
            wr_json_skip_blanks(text, value < text.n ? value + 1 : value); /* behind the colon */
        if (value >= text.n)
            return false;
        if (means(wr_slice(text.p + at + 1, end - at - 2), key)) {
            *f = (struct found){.key = at, .value = value};
            return true;
        }
        at = value_end(text, value);
    } while (next_element(text, &at));
    return false;
}

static bool find_item(struct wr_slice text, size_t index, struct found *f)
{
    size_t at = wr_json_skip_blanks(text, f->value + 1);

    do {
        if (at >= text.n || text.p[at] == ']')
            return false;
        if (index-- == 0) {
            *f = (struct found){.key = at, .value = at};
            return true;
        }
        at = value_end(text, at);
    } while (next_element(text, &at));
    return false;
}

/* As deep as jansson lets a text be. NOLINTNEXTLINE(misc-no-recursion) */
static bool find(struct wr_slice text, const struct wr_json_path *path, struct found *f)
{
    if (!path->parent) {
        f->key = f->value = wr_json_skip_blanks(text, 0);
        return f->value < text.n;
    }
    if (!find(text, path->parent, f))
        return false;
    if (path->key)
        return text.p[f->value] == '{' && find_member(text, path->key, f);
    return text.p[f->value] == '[' && find_item(text, path->index, f);
}

bool wr_json_find(struct wr_slice text, const struct wr_json_path *path, enum wr_json_part part,
                  size_t *at)
{
    struct found f;

    if (part == WR_JSON_PARENT && path->parent)
        path = path->parent;
    if (!find(text, path, &f))
        return false;
    *at = part == WR_JSON_KEY ? f.key : f.value;
    return true;
}

struct wr_slice wr_json_value_at(struct wr_slice text, size_t at)
{
    return wr_slice(text.p + at, value_end(text, at) - at);
}

size_t wr_json_blame(struct wr_slice text, size_t consumed)
{
    size_t at = wr_json_skip_blanks(text, 0), end;

    if (consumed > text.n)
        consumed = text.n;
    while (at < consumed) {
        end = wr_json_token_end(text, at);
        if (end >= consumed) {
            bool inside = text.p[at] == '"' && end > consumed;

            return inside ? wr_utf8_whole(text.p, consumed - 1) : at;
        }
        at = wr_json_skip_blanks(text, end);
    }
    return consumed > 0 ? wr_utf8_whole(text.p, consumed - 1) : 0;
}

/* Behind the escape at `at`; `at`: JSON does not have it, or we do not. */
static size_t escape_end(struct wr_slice text, size_t at)
{
    int32_t first = unicode_escape(text, at), second;

    if (at + 1 < text.n && text.p[at + 1] && strchr("\"\\/bfnrt", text.p[at + 1]))
        return at + 2;
    if (first <= 0 || (first >= 0xdc00 && first <= 0xdfff))
        return at;
    if (first < 0xd800 || first > 0xdfff)
        return at + 6;
    second = unicode_escape(text, at + 6);
    return second >= 0xdc00 && second <= 0xdfff ? at + 12 : at;
}

size_t wr_json_blame_escape(struct wr_slice text, size_t consumed)
{
    size_t at = wr_json_skip_blanks(text, 0), end = at, next;

    while (at < text.n && (end = wr_json_token_end(text, at)) < consumed)
        at = wr_json_skip_blanks(text, end);
    if (at >= text.n || text.p[at] != '"')
        return wr_json_blame(text, consumed);
    for (size_t i = at + 1; i < end; i = next) {
        next = text.p[i] == '\\' ? escape_end(text, i) : i + 1;
        if (next == i)
            return i;
    }
    return at;
}

struct wr_json_place wr_json_place_of(struct wr_slice text, size_t at)
{
    struct wr_json_place place = {.line = 1, .column = 1};

    for (size_t i = 0; i < at && i < text.n; i++) {
        if (text.p[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text.p[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

/* ---- pointers ---- */

struct pointer {
    char *out;
    size_t n, room; /* room: without that for "..." and NUL */
    bool full;
};

static void put(struct pointer *p, const char *text, size_t n)
{
    p->full = p->full || n > p->room - p->n;
    if (p->full)
        return;
    memcpy(p->out + p->n, text, n);
    p->n += n;
}

static void put_key(struct pointer *p, const char *key)
{
    for (; *key; key++) {
        unsigned char c = (unsigned char)*key;
        const char code[] = {
            '\\', 'u', '0', '0', "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]};

        if (c < ' ' || c == 0x7f)
            put(p, code, sizeof code);
        else if (c == '~')
            put(p, "~0", 2);
        else if (c == '/')
            put(p, "~1", 2);
        else
            put(p, key, 1);
    }
}

static void put_index(struct pointer *p, size_t index)
{
    char digits[20]; /* of SIZE_MAX */
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + index % 10);
        index /= 10;
    } while (index > 0);
    put(p, digits + at, sizeof digits - at);
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void put_path(struct pointer *p, const struct wr_json_path *path)
{
    if (!path->parent)
        return;
    put_path(p, path->parent);
    put(p, "/", 1);
    if (path->key)
        put_key(p, path->key);
    else
        put_index(p, path->index);
}

void wr_json_pointer(const struct wr_json_path *path, char *out, size_t size)
{
    struct pointer p = {.out = out, .room = size - sizeof "..."};

    put_path(&p, path);
    if (p.full) {
        size_t whole = p.n;

        /* A character that was begun and not finished goes; a finished one may go with it. */
        while (whole > 0 && ((unsigned char)out[whole - 1] & 0xc0) == 0x80)
            whole--;
        if (whole > 0 && (unsigned char)out[whole - 1] >= 0xc0)
            whole--;
        memcpy(out + whole, "...", 3);
        p.n = whole + 3;
    }
    out[p.n] = '\0';
}
