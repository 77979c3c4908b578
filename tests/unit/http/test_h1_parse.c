#include "http/h1_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "feed.h"
#include "http/h1_scan.h"
#include "support.h"

#define FIELDS_MAX 64
#define RL         "GET / HTTP/1.1\r\n"

static const struct wr_h1_limits wide = {
    .head_max = 65536, .target_max = 65536, .field_max = 65536};

/* What must come out of a head, however it is fed. */
struct row {
    const char *clause;
    struct wr_slice bytes;
    enum wr_h1_reason reason; /* why it is refused */
    const char *head; /* when it is not: "METHOD target minor", then "name: value" each line */
    size_t behind;    /* bytes behind the head, which are not its own */
    bool is_cut;      /* the end has not come: MORE */
};

#define LIMITS(head, target, field)                                                                \
    ((struct wr_h1_limits){.head_max = (head), .target_max = (target), .field_max = (field)})
#define S(literal)                                                                                 \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define DONE(clause, bytes, head)                                                                  \
    {                                                                                              \
        clause, S(bytes), WR_H1_OK, head, 0, false                                                 \
    }
#define BAD(clause, bytes, why)                                                                    \
    {                                                                                              \
        clause, S(bytes), WR_H1_##why, NULL, 0, false                                              \
    }
#define MORE(clause, bytes)                                                                        \
    {                                                                                              \
        clause, S(bytes), WR_H1_OK, NULL, 0, true                                                  \
    }
#define LEFT(clause, bytes, head, rest)                                                            \
    {                                                                                              \
        clause, S(bytes rest), WR_H1_OK, head, sizeof(rest) - 1, false                             \
    }

static struct wr_slice render(const struct wr_h1_head *head, struct wr_buf *b)
{
    wr_buf_slice_append(b, head->method_token);
    wr_buf_char(b, ' ');
    wr_buf_slice_append(b, head->target);
    wr_buf_char(b, ' ');
    wr_buf_u64(b, (uint64_t)head->minor);
    wr_buf_char(b, '\n');
    for (int i = 0; i < head->fields->n; i++) {
        wr_buf_slice_append(b, head->fields->v[i].name);
        WR_BUF_LITERAL(b, ": ");
        wr_buf_slice_append(b, head->fields->v[i].value);
        wr_buf_char(b, '\n');
    }
    assert_false(b->overflow);
    return wr_buf_slice(b);
}

/* The ways to read the same: what is behind what has come may be loaded or not, and may be anything. */
static const struct way {
    const char *name;
    uint32_t slack;
    bool has_future; /* what will come is there already, and must not be seen */
} ways[] = {
    {"nothing behind", 0, false},
    {"zeros behind", WR_H1_SLACK, false},
    {"the future behind", WR_H1_SLACK, true},
};

struct run {
    const struct row *row;
    struct wr_h1_limits limits;
    uint16_t fields_max;
    const struct way *way;
};

static void fail_row(const struct run *run, const struct wr_feed *feed, const char *what)
{
    print_message("%s, %s, %s, %s: %.*s\n", run->row->clause,
                  run->limits.scan ? run->limits.scan->name : "no scan", run->way->name,
                  wr_feed_name(feed), (int)feed->input.n, feed->input.p);
    fail_msg("%s", what);
}

static void check_head(const struct run *run, const struct wr_feed *feed,
                       const struct wr_h1_parser *p, const struct wr_h1_head *head)
{
    static char text[8192];
    struct wr_buf b = wr_buf_on(text, sizeof text);
    struct wr_slice got = render(head, &b);

    if (!wr_slice_eq(got, wr_slice_of(run->row->head))) {
        print_message("got: %.*s", (int)got.n, got.p);
        fail_row(run, feed, run->row->head);
    }
    if (p->line != run->row->bytes.n - run->row->behind)
        fail_row(run, feed, "length of the head");
    if (head->method != wr_method_of(head->method_token))
        fail_row(run, feed, "number of the method");
}

/* Of just as many bytes as may be loaded, so that AddressSanitizer sees one more. */
static char *memory_for(const struct run *run)
{
    size_t n = run->row->bytes.n;
    char *memory = calloc(n + run->limits.slack, 1);

    assert_non_null(memory);
    if (run->way->has_future)
        memcpy(memory, run->row->bytes.p, n);
    return memory;
}

static void run_row(struct wr_feed *feed, void *arg)
{
    const struct run *run = arg;
    const struct row *row = run->row;
    char *memory = memory_for(run);
    struct wr_field fields[FIELDS_MAX];
    struct wr_fields section;
    struct wr_h1_head head = {.fields = &section};
    struct wr_h1_parser p;
    enum wr_h1_result r = WR_H1_MORE;
    struct wr_slice part, all = {memory, 0};

    wr_fields_init(&section, fields, run->fields_max);
    wr_h1_parser_init(&p);
    while (r == WR_H1_MORE && wr_feed_next(feed, &part)) {
        memcpy(memory + all.n, part.p, part.n);
        all.n += part.n;
        r = wr_h1_parse(&p, &run->limits, all, &head);
    }
    if (r == WR_H1_BAD && p.reason != row->reason)
        fail_row(run, feed, wr_h1_reason_text(p.reason));
    if (r != (row->is_cut ? WR_H1_MORE : row->head ? WR_H1_DONE : WR_H1_BAD))
        fail_row(run, feed, r == WR_H1_MORE ? "MORE" : r == WR_H1_DONE ? "DONE" : "BAD");
    if (r == WR_H1_DONE)
        check_head(run, feed, &p, &head);
    free(memory);
}

/* By every scan that this processor can run, and by none. */
static void feed_row(const struct row *row, const struct wr_h1_limits *limits, uint16_t fields_max)
{
    for (size_t i = 0; i < WR_COUNT(ways); i++) {
        struct run run = {row, *limits, fields_max, &ways[i]};

        run.limits.slack = ways[i].slack;
        wr_feed_all(row->bytes, run_row, &run);
        for (unsigned k = 0; (run.limits.scan = wr_h1_scan_at(k)) != NULL; k++)
            wr_feed_all(row->bytes, run_row, &run);
    }
}

static void feed_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        feed_row(&rows[i], &wide, FIELDS_MAX);
}

static const struct row request_lines[] = {
    DONE("9112 3", "GET /file.txt HTTP/1.1\r\n\r\n", "GET /file.txt 1\n"),
    DONE("9112 3.1, a token of any kind", "!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\n\r\n",
         "!#$%&'*+-.^_`|~09azAZ / 1\n"),
    DONE("9110 9.1, case counts", "get / HTTP/1.1\r\n\r\n", "get / 1\n"),
    DONE("9112 3.2.1", "GET /a%20b?x=1&y=/? HTTP/1.1\r\n\r\n", "GET /a%20b?x=1&y=/? 1\n"),
    DONE("9112 3.2.2", "GET http://a:80/b HTTP/1.1\r\n\r\n", "GET http://a:80/b 1\n"),
    DONE("9112 3.2.3", "CONNECT a:443 HTTP/1.1\r\n\r\n", "CONNECT a:443 1\n"),
    DONE("9112 3.2.4", "OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS * 1\n"),
    DONE("the form is judged later", "GET file.txt HTTP/1.1\r\n\r\n", "GET file.txt 1\n"),
    DONE("raw UTF-8 is taken", "GET /\xc3\xbc HTTP/1.1\r\n\r\n", "GET /\xc3\xbc 1\n"),

    BAD("9112 3, white space in front", " GET / HTTP/1.1\r\n\r\n", METHOD),
    BAD("9112 2.2, a blank line in front", "  \r\nGET / HTTP/1.1\r\n\r\n", METHOD),
    BAD("9112 3.1", "G(T / HTTP/1.1\r\n\r\n", METHOD),
    BAD("9112 3.1", "GET, / HTTP/1.1\r\n\r\n", METHOD),
    BAD("9112 3.1", "GE\0T / HTTP/1.1\r\n\r\n", METHOD),
    BAD("9112 3, tabs between the parts", "GET\t/\tHTTP/1.1\r\n\r\n", METHOD),
    BAD("9112 3, nothing between them", "GET/file.txt HTTP/1.1\r\n\r\n", METHOD),
    BAD("9112 3, a word alone", "GET\r\n\r\n", METHOD),
    BAD("9112 2.2, not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", METHOD),

    BAD("9112 3, two blanks", "GET  / HTTP/1.1\r\n\r\n", TARGET_CHAR),
    BAD("9112 3, a tab and a blank", "GET \t/ HTTP/1.1\r\n\r\n", TARGET_CHAR),
    BAD("9112 3, a tab behind the target", "GET /\tHTTP/1.1\r\n\r\n", TARGET_CHAR),
    BAD("9112 3, VT", "GET /\vHTTP/1.1\r\n\r\n", TARGET_CHAR),
    BAD("9112 3, no target", "GET HTTP/1.1\r\n\r\n", VERSION),
    BAD("9112 3.2, a fragment", "GET /a#b HTTP/1.1\r\n\r\n", TARGET_CHAR),
    BAD("9112 3.2", "GET /a\tb HTTP/1.1\r\n\r\n", TARGET_CHAR),
    BAD("9112 3.2", "GET /a\0 HTTP/1.1\r\n\r\n", TARGET_CHAR),
    BAD("9112 3.2", "GET /a\x7f HTTP/1.1\r\n\r\n", TARGET_CHAR),

    BAD("9112 3, a blank in the target", "GET /a b HTTP/1.1\r\n\r\n", VERSION),
    BAD("9112 3, two blanks", "GET /  HTTP/1.1\r\n\r\n", VERSION),
    BAD("9112 3, a blank at the end", "GET / HTTP/1.1 \r\n\r\n", VERSION),
    BAD("9112 3, a tab at the end", "GET / HTTP/1.1\t\r\n\r\n", VERSION),
    BAD("1945 4.1, a simple request", "GET /\r\n\r\n", VERSION),
    BAD("9112 3, no version", "GET / \r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/1.\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP1.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/1.10\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/11.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/01.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/-1.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/1,1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP /1.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/1.01\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/+1.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP//1.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP\\1.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/1.1HTTP/1.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / Http/1.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTPS/1.1\r\n\r\n", VERSION),
    BAD("9112 3, two versions", "GET / HTTP/1.1 HTTP/1.0\r\n\r\n", VERSION),
    BAD("9112 2.3, case counts", "GET / http/1.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / HTTP/1.\xb2\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / XTTP/1.1\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / RTSP/1.0\r\n\r\n", VERSION),
    BAD("9112 2.3", "GET / ICY\r\n\r\n", VERSION),

    BAD("9112 2.2", "GET / HTTP/1.1\n\r\n", BARE_LF),
    BAD("9112 2.2", "GET / HTTP/1.1\rHost: a\r\n\r\n", BARE_CR),
    BAD("9112 2.2", "GET / HTTP/1.1\r\r\n\r\n", BARE_CR),
    BAD("9112 2.2", "GET /\n\n", BARE_LF),
};

static void h1_parse__request_line__is_three_parts_with_one_blank_between(void **state)
{
    (void)state;
    feed_rows(request_lines, WR_COUNT(request_lines));
}

static const struct row versions[] = {
    DONE("9112 2.3", "GET / HTTP/1.1\r\n\r\n", "GET / 1\n"),
    DONE("9112 2.3", "GET / HTTP/1.0\r\n\r\n", "GET / 0\n"),
    DONE("9110 2.5, a higher minor is read as ours", "GET / HTTP/1.2\r\n\r\n", "GET / 1\n"),
    DONE("9110 2.5", "GET / HTTP/1.9\r\n\r\n", "GET / 1\n"),
    BAD("9110 15.6.6", "GET / HTTP/2.0\r\n\r\n", VERSION_OTHER),
    BAD("9110 15.6.6", "GET / HTTP/0.9\r\n\r\n", VERSION_OTHER),
    BAD("9110 15.6.6", "GET / HTTP/3.0\r\n\r\n", VERSION_OTHER),
    BAD("9110 15.6.6", "GET / HTTP/9.9\r\n\r\n", VERSION_OTHER),
    BAD("9113 3.4, the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VERSION_OTHER),
};

static void h1_parse__version__is_1_0_or_read_as_1_1(void **state)
{
    (void)state;
    feed_rows(versions, WR_COUNT(versions));
}

static const struct row leading_lines[] = {
    DONE("9112 2.2", "\r\n" RL "\r\n", "GET / 1\n"),
    DONE("9112 2.2", "\r\n\r\n\r\n" RL "A: b\r\n\r\n", "GET / 1\nA: b\n"),
    BAD("9112 2.2", "\n" RL "\r\n", BARE_LF),
    BAD("9112 2.2", "\r\n\n" RL "\r\n", BARE_LF),
    BAD("9112 2.2", "\r" RL "\r\n", BARE_CR),
    BAD("9112 2.2", "\r\r\n" RL "\r\n", BARE_CR),
    BAD("9112 2.2", "\r\n " RL "\r\n", METHOD),
    MORE("9112 2.2", "\r\n\r\n\r"),
};

static void h1_parse__empty_lines_in_front__are_skipped(void **state)
{
    (void)state;
    feed_rows(leading_lines, WR_COUNT(leading_lines));
}

static const struct row fields[] = {
    DONE("9112 5", RL "Host: a\r\nB: c\r\n\r\n", "GET / 1\nHost: a\nB: c\n"),
    DONE("9110 5.3, order and repetition stay", RL "B: 1\r\nA: 2\r\nb: 3\r\n\r\n",
         "GET / 1\nB: 1\nA: 2\nb: 3\n"),
    DONE("9110 5.6.2, a name of all marks", RL "!#$%&'*+-.^_`|~9: v\r\n\r\n",
         "GET / 1\n!#$%&'*+-.^_`|~9: v\n"),
    DONE("9112 5.1, no white space needed", RL "A:b\r\n\r\n", "GET / 1\nA: b\n"),
    DONE("9110 5.6.3, white space around", RL "A: \t b \t\r\n\r\n", "GET / 1\nA: b\n"),
    DONE("9110 5.5, white space inside", RL "A: b \t c\r\n\r\n", "GET / 1\nA: b \t c\n"),
    DONE("9110 5.5, an empty value", RL "A:\r\nB: \r\nC:\t\t\r\n\r\n", "GET / 1\nA: \nB: \nC: \n"),
    DONE("9112 5, colons in a value", RL "A::\r\nB: c:d: e\r\n\r\n", "GET / 1\nA: :\nB: c:d: e\n"),
    DONE("9110 5.5, obs-text", RL "A: \x80\xff\xc3\xbc\r\n\r\n", "GET / 1\nA: \x80\xff\xc3\xbc\n"),

    BAD("9112 5.1", RL "A: b\r\nHost\t: a\r\n\r\n", FIELD_COLON),
    BAD("9112 5.1, in the name", RL "Content Length: 5\r\n\r\n", FIELD_COLON),
    BAD("9112 5.1, in the name", RL "Content\tLength: 5\r\n\r\n", FIELD_COLON),
    BAD("9112 2.2", RL " Host: a\r\n\r\n", LEADING_SPACE),
    BAD("9112 2.2", RL "\tHost: a\r\n\r\n", LEADING_SPACE),
    BAD("9112 2.2", RL " \r\n\r\n", LEADING_SPACE),
    BAD("9112 5.2", RL "A: b\r\n c\r\n\r\n", FOLDING),
    BAD("9112 5.2", RL "A: b\r\n\tc\r\n\r\n", FOLDING),
    BAD("9112 5.2", RL "A:\r\n Content-Length: 5\r\n\r\n", FOLDING),
    BAD("9112 5.2, a line of blanks", RL "A: b\r\n \r\n\r\n", FOLDING),

    BAD("9112 5, no name", RL ": a\r\n\r\n", FIELD_NAME),
    BAD("9112 5, no colon", RL "Host\r\n\r\n", FIELD_NAME),
    BAD("9110 5.1", RL "X(A): v\r\n\r\n", FIELD_NAME),
    BAD("9110 5.1", RL "\"X\": v\r\n\r\n", FIELD_NAME),
    BAD("9110 5.1", RL "X\x02: v\r\n\r\n", FIELD_NAME),
    BAD("9110 5.1", RL "X\0: v\r\n\r\n", FIELD_NAME),
    BAD("9110 5.1", RL "Content-Length\v: 5\r\n\r\n", FIELD_NAME),
    BAD("9110 5.1", RL "Content-Length\xa0: 5\r\n\r\n", FIELD_NAME),
    BAD("9110 5.1", RL "\xc2\xa0Host: a\r\n\r\n", FIELD_NAME),
    BAD("9110 5.1", RL "\xef\xbb\xbfHost: a\r\n\r\n", FIELD_NAME),
    BAD("9112 5, an equals sign", RL "Host=a\r\n\r\n", FIELD_NAME),
    BAD("9112 5, a request line in its place", RL RL "\r\n", FIELD_COLON),
    BAD("9110 5.1", RL "X-\xc3\xa9: v\r\n\r\n", FIELD_NAME),
    BAD("9112 2.2, CR in a name", RL "X\rY: v\r\n\r\n", FIELD_NAME),
    BAD("9112 2.2, LF in a name", RL "X\nY: v\r\n\r\n", BARE_LF),

    BAD("9110 5.5", RL "A: b\0c\r\n\r\n", FIELD_VALUE),
    BAD("9110 5.5", RL "A: \x01\r\n\r\n", FIELD_VALUE),
    BAD("9110 5.5", RL "A: b\x7f\r\n\r\n", FIELD_VALUE),
    BAD("9110 5.5",
        RL "A: \x0b"
           "5\r\n\r\n",
        FIELD_VALUE),
    BAD("9112 2.2", RL "A: b\rHost: c\r\n\r\n", BARE_CR),
    BAD("9112 2.2", RL "A: b\r\r\n\r\n", BARE_CR),
    BAD("9112 2.2", RL "A:\r\r\n\r\n", BARE_CR),
    BAD("9112 2.2", RL "A: b\nB: c\r\n\r\n", BARE_LF),
    BAD("9112 2.2", RL "A:\n\r\n", BARE_LF),
    BAD("9112 2.2, the empty line", RL "A: b\r\n\n", BARE_LF),
    BAD("9112 2.2, the empty line", RL "A: b\r\n\rX: y\r\n\r\n", BARE_CR),
    BAD("9112 2.2, the empty line", RL "\r\r\n", BARE_CR),
};

static void h1_parse__fields__are_read_in_order_or_refused_with_their_reason(void **state)
{
    (void)state;
    feed_rows(fields, WR_COUNT(fields));
}

static void h1_parse__space_before_colon__is_refused_with_400(void **state)
{
    static const struct row row = BAD("9112 5.1", RL "Host : a\r\n\r\n", FIELD_COLON);

    (void)state;
    feed_row(&row, &wide, FIELDS_MAX);
    assert_int_equal(wr_h1_reason_status(WR_H1_FIELD_COLON), 400);
}

static const struct row tails[] = {
    LEFT("9112 6.3, content", RL "A: b\r\n\r\n", "GET / 1\nA: b\n", "hello"),
    LEFT("9112 9.3.2, a second request", RL "\r\n", "GET / 1\n", "GET /b HTTP/1.1\r\n\r\n"),
    LEFT("what is behind is not judged", RL "\r\n", "GET / 1\n", "\0\n\r \x80"),
    LEFT("9112 2.2, CRLF behind", RL "\r\n", "GET / 1\n", "\r\n"),
};

static void h1_parse__bytes_behind_the_head__are_left_alone(void **state)
{
    (void)state;
    feed_rows(tails, WR_COUNT(tails));
}

static const struct row beginnings[] = {
    MORE("9112 2.1", "G"),
    MORE("9112 2.1", "GET "),
    MORE("9112 2.1", "GET /a"),
    MORE("9112 2.1", "GET / "),
    MORE("9112 2.1", "GET / HTTP/1."),
    MORE("9112 2.1", "GET / HTTP/1.1"),
    MORE("9112 2.1", "GET / HTTP/1.1\r"),
    MORE("9112 2.1", RL),
    MORE("9112 2.1", RL "A"),
    MORE("9112 2.1", RL "A:"),
    MORE("9112 2.1", RL "A: b"),
    MORE("9112 2.1", RL "A: b\r"),
    MORE("9112 2.1", RL "A: b\r\n"),
    MORE("9112 2.1", RL "A: b\r\n\r"),
};

static void h1_parse__head_without_its_end__asks_for_more(void **state)
{
    (void)state;
    feed_rows(beginnings, WR_COUNT(beginnings));
}

/* Classes of octets as the RFCs have them. */
static bool is_tchar(int c) /* RFC 9110 5.6.2 */
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_vchar_or_obs_text(int c) /* RFC 5234 B.1, RFC 9110 5.5 */
{
    return (c >= 0x21 && c <= 0x7e) || c >= 0x80;
}

/* Feeds a head with `octet` at `at`, which must be refused with `reason`, or taken. */
static void feed_octet(const char *before, int octet, const char *behind, int reason)
{
    char text[64];
    struct wr_buf b = wr_buf_on(text, sizeof text);
    struct row row = {.clause = "octet"};
    struct wr_h1_parser p;
    struct wr_fields section;
    struct wr_h1_head head = {.fields = &section};
    struct wr_field v[4];

    wr_buf_printf(&b, "%s", before);
    wr_buf_char(&b, (char)octet);
    wr_buf_printf(&b, "%s", behind);
    row.bytes = wr_buf_slice(&b);
    row.reason = (enum wr_h1_reason)reason;
    if (reason != WR_H1_OK) {
        feed_row(&row, &wide, FIELDS_MAX);
        return;
    }
    wr_h1_parser_init(&p);
    wr_fields_init(&section, v, WR_COUNT(v));
    if (wr_h1_parse(&p, &wide, row.bytes, &head) != WR_H1_DONE)
        fail_msg("%s<%02x>%s: %s", before, octet, behind, wr_h1_reason_text(p.reason));
}

static void h1_parse__octet_of_a_method__is_a_token_character(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        feed_octet("G", c, "T / HTTP/1.1\r\n\r\n",
                   is_tchar(c) ? WR_H1_OK
                   : c == ' '  ? WR_H1_VERSION
                               : WR_H1_METHOD);
        feed_octet("", c, "GET / HTTP/1.1\r\n\r\n",
                   is_tchar(c) ? WR_H1_OK
                   : c == '\n' ? WR_H1_BARE_LF
                   : c == '\r' ? WR_H1_BARE_CR
                               : WR_H1_METHOD);
    }
}

static void h1_parse__octet_of_a_target__is_visible_or_above_ascii(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool is_fine = is_vchar_or_obs_text(c) && c != '#';
        int at_start = is_fine     ? WR_H1_OK
                       : c == '\n' ? WR_H1_BARE_LF
                       : c == '\r' ? WR_H1_VERSION
                                   : WR_H1_TARGET_CHAR;

        feed_octet("GET ", c, "/ HTTP/1.1\r\n\r\n", at_start);
        feed_octet("GET /a", c, "b HTTP/1.1\r\n\r\n", c == ' ' ? WR_H1_VERSION : at_start);
    }
}

static void h1_parse__octet_of_a_version__is_the_one_of_the_grammar(void **state)
{
    static const char version[] = "HTTP/1.1";

    (void)state;
    for (int at = 0; at < 8; at++)
        for (int c = 0; c < 256; c++) {
            bool is_digit = (at == 5 || at == 7) && c >= '0' && c <= '9';
            int reason = c == version[at] || (at == 7 && is_digit) ? WR_H1_OK
                         : is_digit                                ? WR_H1_VERSION_OTHER
                                                                   : WR_H1_VERSION;
            char before[32], behind[32];

            snprintf(before, sizeof before, "GET / %.*s", at, version);
            snprintf(behind, sizeof behind, "%s\r\n\r\n", version + at + 1);
            feed_octet(before, c, behind, reason);
        }
    for (int c = 0; c < 256; c++)
        feed_octet("GET / HTTP/1.1", c, "\r\n\r\n",
                   c == '\n'   ? WR_H1_BARE_LF
                   : c == '\r' ? WR_H1_BARE_CR
                               : WR_H1_VERSION);
}

static void h1_parse__octet_of_a_field_name__is_a_token_character(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool is_blank = c == ' ' || c == '\t';

        feed_octet(RL "X", c, "Y: v\r\n\r\n",
                   is_tchar(c) || c == ':' ? WR_H1_OK
                   : is_blank              ? WR_H1_FIELD_COLON
                   : c == '\n'             ? WR_H1_BARE_LF
                                           : WR_H1_FIELD_NAME);
        feed_octet(RL "A: b\r\n", c, "Y: v\r\n\r\n",
                   is_tchar(c) ? WR_H1_OK
                   : is_blank  ? WR_H1_FOLDING
                   : c == '\n' ? WR_H1_BARE_LF
                   : c == '\r' ? WR_H1_BARE_CR
                               : WR_H1_FIELD_NAME);
    }
}

static void h1_parse__octet_of_a_value__is_visible_or_blank_or_above_ascii(void **state)
{
    static const char *const around[][2] = {
        {RL "A: b", "c\r\n\r\n"}, {RL "A:", "c\r\n\r\n"}, {RL "A: b", " \r\n\r\n"}};

    (void)state;
    for (int c = 0; c < 256; c++)
        for (size_t i = 0; i < WR_COUNT(around); i++)
            feed_octet(around[i][0], c, around[i][1],
                       is_vchar_or_obs_text(c) || c == ' ' || c == '\t' ? WR_H1_OK
                       : c == '\n'                                      ? WR_H1_BARE_LF
                       : c == '\r'                                      ? WR_H1_BARE_CR
                                                                        : WR_H1_FIELD_VALUE);
}

static void h1_parse__target__may_be_as_long_as_its_limit(void **state)
{
    static const struct wr_h1_limits limits = {
        .head_max = 1024, .target_max = 10, .field_max = 1024};
    static const struct row rows[] = {
        DONE("10 bytes", "GET /234567890 HTTP/1.1\r\n\r\n", "GET /234567890 1\n"),
        BAD("11 bytes", "GET /2345678901 HTTP/1.1\r\n\r\n", TARGET_LONG),
        BAD("11 bytes and no more", "GET /2345678901", TARGET_LONG),
        BAD("12 bytes", "GET /23456789012 HTTP/1.1\r\n\r\n", TARGET_LONG),
        BAD("a bad octet at the limit", "GET /23456789# HTTP/1.1\r\n\r\n", TARGET_CHAR),
        BAD("a bad octet behind it", "GET /234567890# HTTP/1.1\r\n\r\n", TARGET_CHAR),
        MORE("10 bytes", "GET /234567890"),
    };

    (void)state;
    assert_int_equal(wr_h1_reason_status(WR_H1_TARGET_LONG), 414); /* RFC 9112 3 */
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        feed_row(&rows[i], &limits, FIELDS_MAX);
}

static void h1_parse__fields__may_be_as_many_as_their_limit(void **state)
{
    static const struct row rows[] = {
        DONE("two", RL "A: b\r\nC: d\r\n\r\n", "GET / 1\nA: b\nC: d\n"),
        BAD("three", RL "A: b\r\nC: d\r\nE: f\r\n\r\n", FIELDS_MANY),
        BAD("three and no end", RL "A: b\r\nC: d\r\nE: f\r\n", FIELDS_MANY),
    };

    (void)state;
    assert_int_equal(wr_h1_reason_status(WR_H1_FIELDS_MANY), 431); /* RFC 6585 5 */
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        feed_row(&rows[i], &wide, 2);
    feed_row(&(struct row)DONE("none", RL "\r\n", "GET / 1\n"), &wide, 0);
    feed_row(&(struct row)BAD("one of none", RL "A: b\r\n\r\n", FIELDS_MANY), &wide, 0);
}

/* The name, the colon, all blanks and the value count; the end of the line does not. */
static void h1_parse__field_line__may_be_as_long_as_its_limit(void **state)
{
    static const struct wr_h1_limits limits = {
        .head_max = 1024, .target_max = 1024, .field_max = 10};
    static const struct row rows[] = {
        DONE("10 bytes", RL "A:34567890\r\n\r\n", "GET / 1\nA: 34567890\n"),
        DONE("10 bytes, blanks among them", RL "A:  5678  \r\n\r\n", "GET / 1\nA: 5678\n"),
        DONE("10 bytes, most of them the name", RL "A23456789:\r\n\r\n", "GET / 1\nA23456789: \n"),
        DONE("10 bytes each", RL "A:34567890\r\nB:34567890\r\n\r\n",
             "GET / 1\nA: 34567890\nB: 34567890\n"),
        DONE("the request line is none", "GET /678901234567890 HTTP/1.1\r\nA: b\r\n\r\n",
             "GET /678901234567890 1\nA: b\n"),
        MORE("10 bytes", RL "A:34567890"),
        MORE("10 bytes and a part of their end", RL "A:34567890\r"),
        MORE("10 bytes of a name", RL "A234567890"),
        BAD("11 bytes", RL "A:345678901\r\n\r\n", FIELD_LONG),
        BAD("11 bytes and no more", RL "A:345678901", FIELD_LONG),
        BAD("11 bytes, the second line", RL "A:34567890\r\nB:345678901\r\n\r\n", FIELD_LONG),
        BAD("11 bytes, blanks at the end", RL "A:3       \t\r\n\r\n", FIELD_LONG),
        BAD("11 bytes, blanks alone", RL "A:         \r\n\r\n", FIELD_LONG),
        BAD("11 bytes of a name", RL "A2345678901", FIELD_LONG),
        BAD("11 bytes of a name and its colon", RL "A23456789012:\r\n\r\n", FIELD_LONG),
        BAD("11 bytes, the last is the colon", RL "A234567890:\r\n\r\n", FIELD_LONG),
        BAD("a bad octet at the limit", RL "A:3456789\x01\r\n\r\n", FIELD_VALUE),
        BAD("a bad octet behind it", RL "A:34567890\x01\r\n\r\n", FIELD_VALUE),
        BAD("a bad octet after that", RL "A:345678901\x01\r\n\r\n", FIELD_LONG),
        BAD("a bad octet of a name at the limit", RL "A23456789@\r\n\r\n", FIELD_NAME),
        BAD("a bad octet of a name behind it", RL "A234567890@\r\n\r\n", FIELD_NAME),
        BAD("a bad octet of a name after that", RL "A2345678901@\r\n\r\n", FIELD_LONG),
        BAD("a bare LF at the limit", RL "A:34567890\n\r\n", BARE_LF),
        BAD("a bare LF behind it", RL "A:345678901\n\r\n", FIELD_LONG),
        BAD("a bare CR at the limit", RL "A:34567890\r1\r\n", BARE_CR),
        BAD("a bare CR behind it", RL "A:345678901\r1\r\n", FIELD_LONG),
    };

    (void)state;
    assert_int_equal(wr_h1_reason_status(WR_H1_FIELD_LONG), 431); /* RFC 6585 5 */
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        feed_row(&rows[i], &limits, FIELDS_MAX);
}

/* Whichever of the limits comes first. */
static void h1_parse__long_field_at_the_end_of_a_head__names_the_limit_that_it_meets(void **state)
{
    static const struct row row = BAD("16 and 12 bytes", RL "A:3456789012", FIELD_LONG);
    static const struct row cut = BAD("16 and 12 bytes", RL "A:3456789012", HEAD_LONG);

    (void)state;
    feed_row(&row, &LIMITS(28, 28, 11), FIELDS_MAX);
    feed_row(&row, &LIMITS(27, 28, 10), FIELDS_MAX);
    feed_row(&cut, &LIMITS(27, 28, 11), FIELDS_MAX);
    feed_row(&cut, &LIMITS(28, 28, 12), FIELDS_MAX);
}

/* 24 bytes: 16 of the request line, 6 of the field, 2 of the empty line */
#define HEAD_24 RL "A: b\r\n\r\n"

static void h1_parse__head__may_be_as_long_as_its_limit(void **state)
{
    static const struct row fits = DONE("24 of 24", HEAD_24, "GET / 1\nA: b\n");
    static const struct row fits_with_content =
        LEFT("24 of 24", HEAD_24, "GET / 1\nA: b\n", "hello");
    static const struct row with_empty_lines =
        DONE("28 of 28", "\r\n\r\n" HEAD_24, "GET / 1\nA: b\n");
    static const struct row at_limit_without_end = BAD("22 of 22", RL "A: b\r\n", HEAD_LONG);
    static const struct row below_limit_without_end = MORE("22 of 23", RL "A: b\r\n");
    static const struct row is_long = BAD("a byte too long", HEAD_24, HEAD_LONG);
    static const struct row empty_lines_count = BAD("28 of 27", "\r\n\r\n" HEAD_24, HEAD_LONG);

    (void)state;
    assert_int_equal(wr_h1_reason_status(WR_H1_HEAD_LONG), 431); /* RFC 6585 5 */
    feed_row(&fits, &LIMITS(24, 24, 24), FIELDS_MAX);
    feed_row(&fits, &LIMITS(25, 24, 24), FIELDS_MAX);
    feed_row(&fits_with_content, &LIMITS(24, 24, 24), FIELDS_MAX);
    feed_row(&with_empty_lines, &LIMITS(28, 24, 24), FIELDS_MAX);
    feed_row(&empty_lines_count, &LIMITS(27, 24, 24), FIELDS_MAX);
    for (uint32_t max = 16; max < 24; max++)
        feed_row(&is_long, &LIMITS(max, max, max), FIELDS_MAX);
    /* nothing that may still come can mend it */
    feed_row(&at_limit_without_end, &LIMITS(22, 22, 22), FIELDS_MAX);
    feed_row(&below_limit_without_end, &LIMITS(23, 23, 23), FIELDS_MAX);
}

static void h1_parse__limit_inside_the_request_line__names_the_part_that_is_too_long(void **state)
{
    static const struct wr_h1_limits limits = {.head_max = 12, .target_max = 100, .field_max = 100};
    static const struct row rows[] = {
        BAD("9112 3, a method longer than any", "METHODMETHODMETHOD / HTTP/1.1\r\n\r\n",
            METHOD_LONG),
        BAD("9112 3, a long target", "GET /56789012345 HTTP/1.1\r\n\r\n", TARGET_LONG),
        BAD("6585 5, a head without end", "GET /56 HTTP/1.1\r\n\r\n", HEAD_LONG),
        BAD("9112 2.2, empty lines without end", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", HEAD_LONG),
    };

    (void)state;
    assert_int_equal(wr_h1_reason_status(WR_H1_METHOD_LONG), 501); /* RFC 9112 3 */
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        feed_row(&rows[i], &limits, FIELDS_MAX);
}

static void h1_parse__refused_head__keeps_the_method_and_target_that_were_read(void **state)
{
    struct wr_fields section;
    struct wr_h1_head head = {.fields = &section};
    struct wr_field v[1];
    struct wr_h1_parser p;

    (void)state;
    wr_h1_parser_init(&p);
    wr_fields_init(&section, v, 1);
    assert_int_equal(wr_h1_parse(&p, &wide, WR_SLICE("GET /a HTTP/1.1\r\nA : b\r\n\r\n"), &head),
                     WR_H1_BAD);
    assert_true(wr_slice_eq(head.method_token, WR_SLICE("GET")));
    assert_int_equal(head.method, WR_METHOD_GET);
    assert_true(wr_slice_eq(head.target, WR_SLICE("/a")));
}

static void h1_parse__known_fields__are_found_by_their_number(void **state)
{
    static const struct wr_slice bytes =
        S("GET / HTTP/1.1\r\nX: 1\r\nhOsT: a\r\nCookie: c=1\r\nCOOKIE: d=2\r\n\r\n");
    struct wr_fields section;
    struct wr_h1_head head = {.fields = &section};
    struct wr_field v[4];
    const struct wr_field *cookie;
    struct wr_h1_parser p;

    (void)state;
    wr_h1_parser_init(&p);
    wr_fields_init(&section, v, 4);
    assert_int_equal(wr_h1_parse(&p, &wide, bytes, &head), WR_H1_DONE);
    assert_true(wr_slice_eq(wr_fields_get(&section, WR_FIELD_HOST), WR_SLICE("a")));
    cookie = wr_fields_find(&section, WR_FIELD_COOKIE);
    assert_non_null(cookie);
    assert_true(wr_slice_eq(cookie->value, WR_SLICE("c=1")));
    cookie = wr_fields_next(&section, cookie);
    assert_non_null(cookie);
    assert_true(wr_slice_eq(cookie->value, WR_SLICE("d=2")));
    assert_null(wr_fields_next(&section, cookie));
    assert_null(wr_fields_find(&section, WR_FIELD_EXPECT));
    assert_null(wr_fields_get(&section, WR_FIELD_EXPECT).p);
}

/* Fifty times what reading each byte once takes; reading again from the start takes a minute. */
#define LONG_HEAD   262144
#define LONG_HEAD_S 1.0

static double cpu_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void h1_parse__long_head_byte_by_byte__is_read_in_linear_time(void **state)
{
    static const struct {
        const char *start, *repeated;
    } heads[] = {
        {"", "A"},      {"GET /", "a"}, {RL, "A"},      {RL "A:", "b"},
        {RL "A:", " "}, {"", "\r\n"},   {RL, "A:\r\n"},
    };
    static const struct wr_h1_limits limits = {
        .head_max = LONG_HEAD + 1, .target_max = LONG_HEAD + 1, .field_max = LONG_HEAD + 1};
    static struct wr_field v[UINT16_MAX];
    static char text[LONG_HEAD];

    (void)state;
    for (size_t i = 0; i < WR_COUNT(heads); i++) {
        size_t n = strlen(heads[i].start), step = strlen(heads[i].repeated);
        struct wr_fields section;
        struct wr_h1_head head = {.fields = &section};
        struct wr_h1_parser p;
        double start = cpu_s();

        memcpy(text, heads[i].start, n);
        for (; n + step <= sizeof text / (i == 6 ? 2 : 1); n += step)
            memcpy(text + n, heads[i].repeated, step);
        wr_h1_parser_init(&p);
        wr_fields_init(&section, v, WR_COUNT(v));
        for (size_t k = 1; k <= n; k++) {
            if (wr_h1_parse(&p, &limits, wr_slice(text, k), &head) != WR_H1_MORE)
                fail_msg("head %zu: an answer at byte %zu", i, k);
            if (k % 4096 == 0 && cpu_s() - start > LONG_HEAD_S)
                fail_msg("head %zu: %zu bytes took longer than a second", i, k);
        }
    }
}

WR_TESTS(cmocka_unit_test(h1_parse__request_line__is_three_parts_with_one_blank_between),
         cmocka_unit_test(h1_parse__version__is_1_0_or_read_as_1_1),
         cmocka_unit_test(h1_parse__empty_lines_in_front__are_skipped),
         cmocka_unit_test(h1_parse__fields__are_read_in_order_or_refused_with_their_reason),
         cmocka_unit_test(h1_parse__space_before_colon__is_refused_with_400),
         cmocka_unit_test(h1_parse__bytes_behind_the_head__are_left_alone),
         cmocka_unit_test(h1_parse__head_without_its_end__asks_for_more),
         cmocka_unit_test(h1_parse__octet_of_a_method__is_a_token_character),
         cmocka_unit_test(h1_parse__octet_of_a_target__is_visible_or_above_ascii),
         cmocka_unit_test(h1_parse__octet_of_a_version__is_the_one_of_the_grammar),
         cmocka_unit_test(h1_parse__octet_of_a_field_name__is_a_token_character),
         cmocka_unit_test(h1_parse__octet_of_a_value__is_visible_or_blank_or_above_ascii),
         cmocka_unit_test(h1_parse__target__may_be_as_long_as_its_limit),
         cmocka_unit_test(h1_parse__fields__may_be_as_many_as_their_limit),
         cmocka_unit_test(h1_parse__field_line__may_be_as_long_as_its_limit),
         cmocka_unit_test(h1_parse__long_field_at_the_end_of_a_head__names_the_limit_that_it_meets),
         cmocka_unit_test(h1_parse__head__may_be_as_long_as_its_limit),
         cmocka_unit_test(h1_parse__limit_inside_the_request_line__names_the_part_that_is_too_long),
         cmocka_unit_test(h1_parse__refused_head__keeps_the_method_and_target_that_were_read),
         cmocka_unit_test(h1_parse__known_fields__are_found_by_their_number),
         cmocka_unit_test(h1_parse__long_head_byte_by_byte__is_read_in_linear_time));
