#include "base/html.h"

void wr_html_append(struct wr_buf *b, struct wr_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        switch (text.p[i]) {
        case '&':
            WR_BUF_LITERAL(b, "&amp;");
            break;
        case '<':
            WR_BUF_LITERAL(b, "&lt;");
            break;
        case '>':
            WR_BUF_LITERAL(b, "&gt;");
            break;
        case '"':
            WR_BUF_LITERAL(b, "&quot;");
            break;
        case '\'':
            WR_BUF_LITERAL(b, "&#39;");
            break;
        default:
            wr_buf_char(b, text.p[i]);
        }
    }
}
