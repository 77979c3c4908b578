#include "handlers/disposition.h"

#include "base/utf8.h"
#include "http/field.h"

static struct wr_slice last_segment(struct wr_slice path)
{
    const char *slash = path.n > 0 ? memrchr(path.p, '/', path.n) : NULL;

    return slash ? wr_slice_from(path, (size_t)(slash - path.p) + 1) : path;
}

static bool is_visible(char c)
{
    return c >= ' ' && c <= '~';
}

/* Is there nothing that a client could read in another way than it is meant? RFC 6266, appendix D. */
static bool is_plain(struct wr_slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!is_visible(name.p[i]) || strchr("\"\\%", name.p[i]))
            return false;
    return true;
}

/* Cuts a character off the front, or a byte that is none; false: it was that. */
static bool take_character(struct wr_slice *name, struct wr_slice *character)
{
    uint32_t code;
    size_t n = wr_utf8_read(*name, &code);

    *character = wr_slice(name->p, n > 0 ? n : 1);
    *name = wr_slice_from(*name, character->n);
    return n > 0;
}

/* quoted-string, RFC 9110 5.6.4 */
static void append_quoted(struct wr_buf *b, struct wr_slice name)
{
    struct wr_slice c;

    wr_buf_char(b, '"');
    while (name.n > 0) {
        take_character(&name, &c);
        if (c.p[0] == '"' || c.p[0] == '\\')
            wr_buf_char(b, '\\');
        wr_buf_append(b, is_visible(c.p[0]) ? c.p : "_", 1);
    }
    wr_buf_char(b, '"');
}

/* attr-char, RFC 8187 3.2.1 */
static bool is_attribute_char(char c)
{
    return wr_is_tchar(c) && c != '*' && c != '\'' && c != '%';
}

/* ext-value without charset and language, RFC 8187 3.2.1 */
static void append_extended(struct wr_buf *b, struct wr_slice name)
{
    struct wr_slice c;

    while (name.n > 0) {
        if (!take_character(&name, &c))
            c = WR_SLICE("\xEF\xBF\xBD");
        for (size_t i = 0; i < c.n; i++) {
            if (is_attribute_char(c.p[i]))
                wr_buf_char(b, c.p[i]);
            else
                wr_buf_printf(b, "%%%02X", (unsigned char)c.p[i]);
        }
    }
}

void wr_disposition_attachment(struct wr_buf *b, struct wr_slice name)
{
    name = last_segment(name);
    WR_BUF_LITERAL(b, "attachment");
    if (name.n == 0)
        return;
    WR_BUF_LITERAL(b, "; filename=");
    append_quoted(b, name);
    if (is_plain(name))
        return;
    WR_BUF_LITERAL(b, "; filename*=UTF-8''");
    append_extended(b, name);
}
