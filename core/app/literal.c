#include "app/literal.h"

#include <limits.h>
#include <stdint.h>

struct text {
    const char *p, *end;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_spaces(struct text *t)
{
    while (t->p < t->end && is_space(*t->p))
        t->p++;
}

static bool take(struct text *t, const char *what)
{
    size_t n = strlen(what);

    if ((size_t)(t->end - t->p) < n || memcmp(t->p, what, n) != 0)
        return false;
    t->p += n;
    return true;
}

static unsigned digit_of(char c)
{
    int value = wr_hex_value(c);

    return value < 0 ? UINT_MAX : (unsigned)value;
}

/* From min to max digits; a number past `limit` is none. */
static bool take_digits(struct text *t, unsigned base, size_t min, size_t max, uint32_t limit,
                        uint32_t *value)
{
    size_t n = 0;

    *value = 0;
    for (; n < max && t->p < t->end && digit_of(*t->p) < base; n++, t->p++) {
        if (*value > limit / base)
            return false;
        *value = *value * base + digit_of(*t->p);
        if (*value > limit)
            return false;
    }
    return n >= min;
}

/* \x{…} and so on are of C23 and C++23, which compilers accept in earlier ones. */
static bool take_number_escape(struct text *t, unsigned base, size_t min, size_t max,
                               uint32_t limit, uint32_t *value)
{
    if (take(t, "{"))
        return take_digits(t, base, 1, SIZE_MAX, limit, value) && take(t, "}");
    return take_digits(t, base, min, max, limit, value);
}

/* \x41, \101 and \o{101}. */
static bool take_code_escape(struct text *t, uint32_t *value)
{
    if (take(t, "x"))
        return take_number_escape(t, 16, 1, SIZE_MAX, 0xff, value);
    if (take(t, "o{"))
        return take_digits(t, 8, 1, SIZE_MAX, 0xff, value) && take(t, "}");
    return take_digits(t, 8, 1, 3, 0xff, value);
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        } else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

/* What follows a backslash. */
static bool take_escape(struct text *t, char **to)
{
    static const char letters[] = "abfnrtve\\\"'?", values[] = "\a\b\f\n\r\t\v\033\\\"'?";
    const char *letter;
    uint32_t value;
    char c;

    if (t->p == t->end)
        return false;
    c = *t->p;
    letter = memchr(letters, c, sizeof letters - 1);
    if (letter) {
        t->p++;
        *(*to)++ = values[letter - letters];
        return true;
    }
    if (c == 'u' || c == 'U') {
        size_t digits = c == 'u' ? 4 : 8;

        t->p++;
        if (!take_number_escape(t, 16, digits, digits, 0x10ffff, &value) ||
            (value >= 0xd800 && value <= 0xdfff))
            return false;
        *to = put_utf8(*to, value);
        return true;
    }
    if (!take_code_escape(t, &value))
        return false;
    *(*to)++ = (char)value;
    return true;
}

/* Behind the opening quotation mark. */
static bool take_quoted(struct text *t, char **to)
{
    while (t->p < t->end && *t->p != '"') {
        char c = *t->p++;

        if (c == '\n')
            return false;
        if (c != '\\')
            *(*to)++ = c;
        else if (!take_escape(t, to))
            return false;
    }
    return take(t, "\"");
}

/* Behind R": d(…)d", with d of 16 characters at most. */
static bool take_raw(struct text *t, char **to)
{
    const char *content = memchr(t->p, '(', (size_t)(t->end - t->p)), *end;
    char mark[20]; /* )d" */
    size_t n;

    if (!content || content - t->p > 16)
        return false;
    n = (size_t)(content - t->p);
    mark[0] = ')';
    memcpy(mark + 1, t->p, n);
    mark[n + 1] = '"';
    if (memchr(mark + 1, '"', n) || memchr(mark + 1, ')', n) || memchr(mark + 1, ' ', n) ||
        memchr(mark + 1, '\\', n))
        return false;
    content++;
    end = memmem(content, (size_t)(t->end - content), mark, n + 2);
    if (!end)
        return false;
    memcpy(*to, content, (size_t)(end - content));
    *to += end - content;
    t->p = end + n + 2;
    return true;
}

static struct text without_parentheses(struct text t)
{
    for (;;) {
        skip_spaces(&t);
        while (t.p < t.end && is_space(t.end[-1]))
            t.end--;
        if (t.end - t.p < 2 || *t.p != '(' || t.end[-1] != ')')
            return t;
        t.p++;
        t.end--;
    }
}

bool wr_literal_field(struct wr_slice *text, const char *name)
{
    struct text t = {text->p, text->p + text->n};

    skip_spaces(&t);
    if (!take(&t, "."))
        return false;
    skip_spaces(&t);
    if (!take(&t, name))
        return false;
    skip_spaces(&t);
    if (!take(&t, "="))
        return false;
    *text = wr_slice(t.p, (size_t)(t.end - t.p));
    return true;
}

/* No literal is shorter than its value: nothing is written past text.n. */
bool wr_literal_string(struct wr_slice text, char *to)
{
    struct text t = without_parentheses((struct text){text.p, text.p + text.n});
    unsigned literals = 0;

    for (; t.p < t.end; skip_spaces(&t)) {
        take(&t, "u8");
        if (!(take(&t, "\"") ? take_quoted(&t, &to) : take(&t, "R\"") && take_raw(&t, &to)))
            return false;
        literals++;
    }
    *to = '\0';
    return literals > 0;
}

int wr_literal_int(struct wr_slice text)
{
    struct text t = without_parentheses((struct text){text.p, text.p + text.n});
    unsigned base = 10;
    uint32_t value;

    if (take(&t, "0x") || take(&t, "0X"))
        base = 16;
    else if (t.p < t.end && *t.p == '0')
        base = 8;
    if (!take_digits(&t, base, 1, SIZE_MAX, INT32_MAX, &value))
        return -1;
    while (take(&t, "u") || take(&t, "U") || take(&t, "l") || take(&t, "L"))
        continue;
    return t.p == t.end ? (int)value : -1;
}
