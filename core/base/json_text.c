#include "base/json_text.h"

#include "base/utf8.h"

#define ESCAPE_LEN 6 /* \u00XX */

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
    size_t len = wr_utf8_read(text, &code);

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
