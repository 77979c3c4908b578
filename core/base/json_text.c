#include "base/json_text.h"

#define ESCAPE_LEN 6 /* \u00XX */

static bool is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/*
 * Length and code of the character that `s`, not empty, begins with; 0: it begins with none. The
 * smallest code of each length refuses the overlong forms.
 */
static size_t read_character(struct wr_slice s, uint32_t *code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (p[0] >= 0xf8 || n == 0 || n > s.n)
        return 0;
    *code = n == 1 ? p[0] : p[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if (!is_continuation(p[i]))
            return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    if (*code < smallest[n] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
        return 0;
    return n;
}

static bool is_escaped(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

static size_t escape(uint32_t code, char out[static ESCAPE_LEN])
{
    static const char digits[] = "0123456789abcdef";

    out[0] = '\\';
    out[1] = 'u';
    for (int i = 0; i < 4; i++)
        out[2 + i] = digits[code >> (12 - 4 * i) & 15];
    return ESCAPE_LEN;
}

/* Writes the first character, or stray byte, of `text` as it stands in a string; returns how much of
 * `text` it was, and in *n the length of what is in `out`. */
static size_t convert(struct wr_slice text, char out[static ESCAPE_LEN], size_t *n)
{
    uint32_t code;
    size_t len = read_character(text, &code);

    if (len == 0) {
        *n = escape((unsigned char)text.p[0], out);
        return 1;
    }
    if (is_escaped(code)) {
        *n = escape(code, out);
        return len;
    }
    *n = 0;
    if (code == '"' || code == '\\')
        out[(*n)++] = '\\';
    memcpy(out + *n, text.p, len);
    *n += len;
    return len;
}

void wr_json_text(struct wr_buf *b, struct wr_slice text, size_t most)
{
    size_t used = 0;

    wr_buf_char(b, '"');
    while (text.n > 0 && !b->overflow) {
        char out[ESCAPE_LEN];
        size_t n, len = convert(text, out, &n);

        if (n > most - used)
            break;
        wr_buf_append(b, out, n);
        used += n;
        text = wr_slice_from(text, len);
    }
    wr_buf_char(b, '"');
}
