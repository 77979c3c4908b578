#include "handlers/location.h"

#include "http/field.h"

/* Octets that stand for themselves in a path: RFC 3986 3.3, and the slash between segments. */
static bool is_path_char(char c)
{
    return wr_is_name_char(c) || c == ':' || c == '@' || c == '/';
}

static void append_escape(struct wr_buf *b, char c)
{
    wr_buf_printf(b, "%%%02X", (unsigned char)c);
}

void wr_location_path(struct wr_buf *b, struct wr_slice decoded)
{
    for (size_t i = 0; i < decoded.n; i++) {
        if (is_path_char(decoded.p[i]))
            wr_buf_char(b, decoded.p[i]);
        else
            append_escape(b, decoded.p[i]);
    }
}

static bool is_escape(struct wr_slice s)
{
    return s.n >= 3 && s.p[0] == '%' && wr_hex_value(s.p[1]) >= 0 && wr_hex_value(s.p[2]) >= 0;
}

void wr_location_written(struct wr_buf *b, struct wr_slice written)
{
    for (size_t i = 0; i < written.n; i++) {
        char c = written.p[i];

        if (is_path_char(c) || c == '?' || is_escape(wr_slice_from(written, i)))
            wr_buf_char(b, c);
        else
            append_escape(b, c);
    }
}
