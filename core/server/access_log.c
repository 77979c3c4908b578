#include "server/access_log.h"

#include "base/buf.h"
#include "base/json_text.h"
#include "http/date.h"
#include "server/worker.h"

#define TEXT_MAX  1000 /* of one of the texts that a client chooses, escaped */
#define US_DIGITS 6
#define SECOND_US 1000000
#define SECOND_NS 1000000000

static void append_peer(struct wr_buf *b, const struct wr_request *r)
{
    char peer[WR_PEER_TEXT_MAX];

    wr_buf_append(b, peer, wr_peer_format(&r->peer, peer));
}

static void append_id(struct wr_buf *b, const struct wr_exchange *x)
{
    char id[WR_EXCHANGE_ID_MAX];

    wr_buf_append(b, id, wr_exchange_id(x, id));
}

/* In seconds; `absent` where it was not measured. */
static void append_duration(struct wr_buf *b, const struct wr_exchange *x, struct wr_slice absent)
{
    int64_t end_us = x->sent_us > 0 ? x->sent_us : wr_loop_read_us(x->worker->loop);
    uint64_t us = (uint64_t)(end_us - x->began_us);
    char digits[1 + US_DIGITS] = {'.'};

    if (x->began_us == 0) {
        wr_buf_slice_append(b, absent);
        return;
    }
    wr_buf_u64(b, us / SECOND_US);
    us %= SECOND_US;
    for (int i = US_DIGITS; i > 0; i--, us /= 10)
        digits[i] = (char)('0' + us % 10);
    wr_buf_append(b, digits, sizeof digits);
}

/* ---- combined and extended ---- */

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

static void format_combined(struct wr_buf *b, const struct wr_exchange *x, int64_t wall_s)
{
    append_peer(b, &x->request);
    append_time(b, wall_s);
    append_request_line(b, &x->request);
    WR_BUF_LITERAL(b, "\" ");
    wr_buf_u64(b, (uint64_t)x->response.status);
    wr_buf_char(b, ' ');
    wr_buf_u64(b, x->body_sent);
    append_field(b, &x->request, WR_FIELD_REFERER);
    append_field(b, &x->request, WR_FIELD_USER_AGENT);
}

static void format_extended(struct wr_buf *b, const struct wr_exchange *x, int64_t wall_s)
{
    format_combined(b, x, wall_s);
    wr_buf_char(b, ' ');
    append_duration(b, x, WR_SLICE("-"));
    wr_buf_char(b, ' ');
    append_id(b, x);
}

/* ---- JSON ---- */

/* `key` with what divides it from the one before and from its value: ,"key": */
static void append_text(struct wr_buf *b, struct wr_slice key, struct wr_slice value)
{
    wr_buf_slice_append(b, key);
    if (value.p)
        wr_json_text(b, value, TEXT_MAX);
    else
        WR_BUF_LITERAL(b, "null");
}

static void append_member(struct wr_buf *b, struct wr_slice key, const struct wr_request *r,
                          enum wr_field_id id)
{
    append_text(b, key, wr_fields_get(&r->fields, id));
}

static void format_json(struct wr_buf *b, const struct wr_exchange *x, int64_t wall_ns)
{
    const struct wr_request *r = &x->request;
    struct wr_slice absent = {0}, method = r->method_token;
    char time[WR_TIMESTAMP_LEN];

    wr_timestamp_format(wall_ns, time);
    WR_BUF_LITERAL(b, "{\"time\":\"");
    wr_buf_append(b, time, sizeof time);
    WR_BUF_LITERAL(b, "\",\"remote\":\"");
    append_peer(b, r);
    append_text(b, WR_SLICE("\",\"method\":"), method.n > 0 ? method : absent);
    append_text(b, WR_SLICE(",\"target\":"), r->target);
    append_text(b, WR_SLICE(",\"protocol\":"), r->version);
    append_text(b, WR_SLICE(",\"host\":"), r->host);
    WR_BUF_LITERAL(b, ",\"status\":");
    wr_buf_u64(b, (uint64_t)x->response.status);
    WR_BUF_LITERAL(b, ",\"bytes\":");
    wr_buf_u64(b, x->body_sent);
    WR_BUF_LITERAL(b, ",\"duration_s\":");
    append_duration(b, x, WR_SLICE("null"));
    append_member(b, WR_SLICE(",\"referer\":"), r, WR_FIELD_REFERER);
    append_member(b, WR_SLICE(",\"user_agent\":"), r, WR_FIELD_USER_AGENT);
    WR_BUF_LITERAL(b, ",\"id\":\"");
    append_id(b, x);
    WR_BUF_LITERAL(b, "\"}");
}

void wr_access_log_write(const struct wr_access_log *log, const struct wr_exchange *x,
                         int64_t wall_ns)
{
    char line[WR_ACCESS_LINE_MAX + 1];
    struct wr_buf b = wr_buf_on(line, sizeof line - 1);

    switch (log->format) {
    case WR_ACCESS_COMBINED:
        format_combined(&b, x, wall_ns / SECOND_NS);
        break;
    case WR_ACCESS_EXTENDED:
        format_extended(&b, x, wall_ns / SECOND_NS);
        break;
    case WR_ACCESS_JSON:
        format_json(&b, x, wall_ns);
        break;
    }
    line[b.n] = '\0';
    log->write(log->ctx, line, b.n);
}
