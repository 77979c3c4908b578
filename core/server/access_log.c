#include "server/access_log.h"

#include "base/buf.h"
#include "http/date.h"

#define TEXT_MAX 1000 /* of one of the three texts that a client chooses, escaped */

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void append_escaped(struct wr_buf *b, struct wr_slice text, size_t most)
{
    static const char digits[] = "0123456789abcdef";
    size_t limit = b->n + most;

    for (size_t i = 0; i < text.n && b->n < limit; i++) {
        char c = text.p[i];

        if (is_plain(c)) {
            wr_buf_char(b, c);
        } else {
            const char hex[] = {'\\', 'x', digits[(unsigned char)c >> 4],
                                digits[(unsigned char)c & 15]};

            wr_buf_append(b, hex, sizeof hex);
        }
    }
}

static void append_field(struct wr_buf *b, const struct wr_request *r, enum wr_field_id id)
{
    struct wr_slice value = wr_fields_get(&r->fields, id);

    WR_BUF_LITERAL(b, " \"");
    append_escaped(b, value.p ? value : WR_SLICE("-"), TEXT_MAX);
    wr_buf_char(b, '"');
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" as "06/Nov/1994:08:49:37 +0000". */
static void append_time(struct wr_buf *b, int64_t wall_s)
{
    char date[WR_DATE_LEN];

    wr_date_format(wall_s, date);
    WR_BUF_LITERAL(b, " - - [");
    wr_buf_append(b, date + 5, 2);
    wr_buf_char(b, '/');
    wr_buf_append(b, date + 8, 3);
    wr_buf_char(b, '/');
    wr_buf_append(b, date + 12, 4);
    wr_buf_char(b, ':');
    wr_buf_append(b, date + 17, 8);
    WR_BUF_LITERAL(b, " +0000] \"");
}

static void append_request_line(struct wr_buf *b, const struct wr_request *r)
{
    if (r->method_token.n == 0) { /* refused before it had one */
        wr_buf_char(b, '-');
        return;
    }
    append_escaped(b, r->method_token, TEXT_MAX);
    wr_buf_char(b, ' ');
    append_escaped(b, r->target, TEXT_MAX);
    if (r->version.n > 0) {
        wr_buf_char(b, ' ');
        wr_buf_slice_append(b, r->version);
    }
}

void wr_access_log_write(const struct wr_access_log *log, const struct wr_exchange *x,
                         int64_t wall_s)
{
    char line[WR_ACCESS_LINE_MAX], peer[WR_PEER_TEXT_MAX];
    struct wr_buf b = wr_buf_on(line, sizeof line);

    wr_buf_append(&b, peer, wr_peer_format(&x->request.peer, peer));
    append_time(&b, wall_s);
    append_request_line(&b, &x->request);
    WR_BUF_LITERAL(&b, "\" ");
    wr_buf_u64(&b, (uint64_t)x->response.status);
    wr_buf_char(&b, ' ');
    wr_buf_u64(&b, x->body_sent);
    append_field(&b, &x->request, WR_FIELD_REFERER);
    append_field(&b, &x->request, WR_FIELD_USER_AGENT);
    log->write(log->ctx, b.p, b.n);
}
