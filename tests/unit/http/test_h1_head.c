#include "http/h1_head.h"

#include "support.h"

static const struct wr_h1_limits limits = {.head_max = 4096, .target_max = 4096, .field_max = 4096};

/* Parses `text` and interprets it; a head that does not parse is a mistake of the test. */
static enum wr_h1_reason interpret(const char *text, struct wr_h1_message *out)
{
    static struct wr_field v[16];
    struct wr_fields fields;
    struct wr_h1_head head = {.fields = &fields};
    struct wr_h1_parser p;

    wr_h1_parser_init(&p);
    wr_fields_init(&fields, v, WR_COUNT(v));
    if (wr_h1_parse(&p, &limits, wr_slice_of(text), &head) != WR_H1_DONE)
        fail_msg("not a head: %s", text);
    return wr_h1_interpret(&head, false, out);
}

/* NULL: absent */
static bool is_slice(struct wr_slice got, const char *want)
{
    return want ? got.p && wr_slice_eq(got, wr_slice_of(want)) : !got.p;
}

struct target_row {
    const char *clause, *head;
    enum wr_h1_reason reason;
    enum wr_target_form form;
    const char *host, *raw_path, *query;
};

#define OK(clause, head, form, host, path, query)                                                  \
    {                                                                                              \
        clause, head "\r\n", WR_H1_OK, WR_TARGET_##form, host, path, query                         \
    }
#define BAD(clause, head, why)                                                                     \
    {                                                                                              \
        clause, head "\r\n", WR_H1_##why, WR_TARGET_ORIGIN, NULL, NULL, NULL                       \
    }

static const struct target_row targets[] = {
    OK("9112 3.2.1", "GET /a?b HTTP/1.1\r\nHost: x:80\r\n", ORIGIN, "x:80", "/a", "b"),
    OK("9112 3.2.1", "GET /? HTTP/1.1\r\nhost:x\r\n", ORIGIN, "x", "/", ""),
    OK("9112 3.2.1", "CONNECTX / HTTP/1.1\r\nHost: x\r\n", ORIGIN, "x", "/", NULL),
    OK("9112 3.2, empty", "GET / HTTP/1.1\r\nHost:\r\n", ORIGIN, "", "/", NULL),
    OK("9110 7.2, IP literal", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n", ORIGIN, "[::1]:80", "/",
       NULL),
    OK("3986 3.2.3, empty port", "GET / HTTP/1.1\r\nHost: x:\r\n", ORIGIN, "x:", "/", NULL),
    OK("3986 3.2.3, leading zeros", "GET / HTTP/1.1\r\nHost: x:080\r\n", ORIGIN, "x:080", "/",
       NULL),
    OK("3986 3.2.2, a reg-name", "GET / HTTP/1.1\r\nHost: a,b\r\n", ORIGIN, "a,b", "/", NULL),
    OK("9110 5.5, blanks around", "GET / HTTP/1.1\r\nHost: \t x \t\r\n", ORIGIN, "x", "/", NULL),
    OK("9110 5.1, another name", "GET / HTTP/1.1\r\nHost: x\r\nHost_: y\r\nX-Host: y\r\n", ORIGIN,
       "x", "/", NULL),
    OK("9112 3.2, not in 1.0", "GET / HTTP/1.0\r\n", ORIGIN, NULL, "/", NULL),
    OK("9112 3.2, in 1.0", "GET / HTTP/1.0\r\nHost: x\r\n", ORIGIN, "x", "/", NULL),

    OK("9112 3.2.2", "GET http://a/b?c HTTP/1.1\r\nHost: a\r\n", ABSOLUTE, "a", "/b", "c"),
    OK("9112 3.2.2, overrides", "GET http://a:81/ HTTP/1.1\r\nHost: x\r\n", ABSOLUTE, "a:81", "/",
       NULL),
    OK("9112 3.2.2, overrides", "GET http://a/ HTTP/1.1\r\nHost:\r\n", ABSOLUTE, "a", "/", NULL),
    OK("9112 3.2.2, https", "GET HTTPS://a/ HTTP/1.1\r\nHost: x\r\n", ABSOLUTE, "a", "/", NULL),
    OK("9110 4.2.3, no path", "GET http://a HTTP/1.1\r\nHost: a\r\n", ABSOLUTE, "a", NULL, NULL),
    OK("3986 3.4, query alone", "GET http://a?b HTTP/1.1\r\nHost: a\r\n", ABSOLUTE, "a", NULL, "b"),
    OK("9112 3.2.2, in 1.0", "GET http://a/ HTTP/1.0\r\n", ABSOLUTE, "a", "/", NULL),
    OK("9112 3.2.4", "OPTIONS http://a HTTP/1.1\r\nHost: x\r\n", ASTERISK, "a", NULL, NULL),
    OK("9110 4.2.3", "OPTIONS http://a/ HTTP/1.1\r\nHost: x\r\n", ABSOLUTE, "a", "/", NULL),
    OK("9112 3.2.4, a query", "OPTIONS http://a?b HTTP/1.1\r\nHost: x\r\n", ABSOLUTE, "a", NULL,
       "b"),
    OK("9112 3.2.4, an empty query", "OPTIONS http://a? HTTP/1.1\r\nHost: x\r\n", ABSOLUTE, "a",
       NULL, ""),
    OK("9110 4.2.3, another method", "options http://a HTTP/1.1\r\nHost: x\r\n", ABSOLUTE, "a",
       NULL, NULL),

    OK("9112 3.2.3", "CONNECT a:443 HTTP/1.1\r\nHost: x\r\n", AUTHORITY, "a:443", NULL, NULL),
    OK("9112 3.2.3", "CONNECT [::1]:443 HTTP/1.1\r\nHost: x\r\n", AUTHORITY, "[::1]:443", NULL,
       NULL),
    OK("9112 3.2.4", "OPTIONS * HTTP/1.1\r\nHost: x\r\n", ASTERISK, "x", NULL, NULL),
    OK("9112 3.2.1", "OPTIONS /a HTTP/1.1\r\nHost: x\r\n", ORIGIN, "x", "/a", NULL),

    BAD("9112 3.2", "GET file.txt HTTP/1.1\r\nHost: x\r\n", TARGET_FORM),
    BAD("9112 3.2", "GET ?x HTTP/1.1\r\nHost: x\r\n", TARGET_FORM),
    BAD("9112 3.2", "GET \\a HTTP/1.1\r\nHost: x\r\n", TARGET_FORM),
    BAD("9112 3.2.3, CONNECT only", "GET a:80 HTTP/1.1\r\nHost: a\r\n", TARGET_FORM),
    BAD("9112 3.2.4, OPTIONS only", "GET * HTTP/1.1\r\nHost: x\r\n", TARGET_FORM),
    BAD("9112 3.2.4", "OPTIONS ** HTTP/1.1\r\nHost: x\r\n", TARGET_FORM),
    BAD("9112 3.2.2, scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n", TARGET_FORM),
    BAD("9112 3.2.3, CONNECT", "CONNECT /a HTTP/1.1\r\nHost: a\r\n", TARGET_FORM),
    BAD("9112 3.2.3, CONNECT", "CONNECT http://a:80/ HTTP/1.1\r\nHost: a\r\n", TARGET_FORM),

    BAD("9112 3.2", "GET / HTTP/1.1\r\n", HOST_MISSING),
    BAD("9112 3.2", "GET / HTTP/1.9\r\nX-Host: a\r\n", HOST_MISSING),
    BAD("9112 3.2, absolute form too", "GET http://a/ HTTP/1.1\r\n", HOST_MISSING),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", HOST_MANY),
    BAD("9112 3.2, even the same", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nHOST: a\r\n", HOST_MANY),
    BAD("9112 3.2, in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n", HOST_MANY),
    BAD("9112 3.2, absolute form too", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
        HOST_MANY),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: u@a\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a:b\r\n", HOST_VALUE),
    BAD("9110 4.2.1, a port of nobody", "GET / HTTP/1.1\r\nHost: :80\r\n", HOST_VALUE),
    BAD("9110 4.2.1", "GET / HTTP/1.1\r\nHost: :\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: [::1\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a\\b\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: [1:2]\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: ::1\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a, a\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a:80, a:80\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a:80:90\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a#b\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a?b\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a;b/\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: //a\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: \"a\"\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a%\r\n", HOST_VALUE),
    BAD("9112 3.2, an empty one too", "GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n", HOST_MANY),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a b\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: a/b\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: http://a\r\n", HOST_VALUE),
    BAD("9112 3.2", "GET / HTTP/1.1\r\nHost: loc\xc3\xb6\r\n", HOST_VALUE),
    BAD("9112 3.2, in 1.0", "GET / HTTP/1.0\r\nHost: {x}\r\n", HOST_VALUE),
    BAD("9112 3.2, absolute form too", "GET http://a/ HTTP/1.1\r\nHost: {x}\r\n", HOST_VALUE),

    BAD("9110 4.2.4", "OPTIONS http://u@a HTTP/1.1\r\nHost: a\r\n", AUTHORITY),
    BAD("9110 4.2.4", "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n", AUTHORITY),
    BAD("9110 4.2.4", "GET http://a:x/ HTTP/1.1\r\nHost: a\r\n", AUTHORITY),
    BAD("9110 7.2", "GET http://[::1/ HTTP/1.1\r\nHost: a\r\n", AUTHORITY),
    BAD("9110 9.3.6, no port", "CONNECT a HTTP/1.1\r\nHost: a\r\n", AUTHORITY),
    BAD("9110 9.3.6, empty port", "CONNECT a: HTTP/1.1\r\nHost: a\r\n", AUTHORITY),
    BAD("9110 9.3.6, bad port", "CONNECT a:99999 HTTP/1.1\r\nHost: a\r\n", AUTHORITY),
    BAD("9110 9.3.6, bad port", "CONNECT a:b HTTP/1.1\r\nHost: a\r\n", AUTHORITY),
    BAD("9112 3.2.3, no host", "CONNECT :443 HTTP/1.1\r\nHost: a\r\n", AUTHORITY),
    BAD("9112 3.2.3, userinfo", "CONNECT u@a:443 HTTP/1.1\r\nHost: a\r\n", AUTHORITY),
};

static void h1_head__target_and_host__are_those_of_rfc_9112_3_2(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(targets); i++) {
        const struct target_row *row = &targets[i];
        struct wr_h1_message m;
        enum wr_h1_reason reason = interpret(row->head, &m);

        if (reason != row->reason)
            fail_msg("%s: %s: %s", row->clause, row->head, wr_h1_reason_text(reason));
        if (reason == WR_H1_OK &&
            (m.target.form != row->form || !is_slice(m.host, row->host) ||
             !is_slice(m.target.raw_path, row->raw_path) || !is_slice(m.target.query, row->query)))
            fail_msg("%s: %s", row->clause, row->head);
    }
}

/* RFC 9110 4.2.1: a recipient must refuse an http URI with an empty host; which rule says so is not
   said there. */
static void h1_head__absolute_form_without_host__is_refused(void **state)
{
    static const char *const heads[] = {
        "GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n",  "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n",   "GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://?a HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://: HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    struct wr_h1_message m;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(heads); i++)
        if (wr_h1_reason_status(interpret(heads[i], &m)) != 400)
            fail_msg("%s", heads[i]);
}

static const struct {
    const char *clause, *head;
    bool keep_alive;
} persistence[] = {
    {"9112 9.3", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
    {"9112 9.3", "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", true},
    {"9112 9.3", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
    {"9110 7.6.1, case", "GET / HTTP/1.1\r\nHost: a\r\nconnection: CLOSE\r\n\r\n", false},
    {"9110 7.6.1, a list", "GET / HTTP/1.1\r\nHost: a\r\nConnection: te, close , x\r\n\r\n", false},
    {"9110 5.6.1.2", "GET / HTTP/1.1\r\nHost: a\r\nConnection: ,,close,\r\n\r\n", false},
    {"9112 9.3, close wins",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", false},
    {"9112 9.3, close wins",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nX: y\r\nConnection: x, close\r\n\r\n",
     false},
    {"9112 9.3, close wins", "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n",
     false},
    {"9110 7.6.1, another token", "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true},
    {"9110 7.6.1, another token", "GET / HTTP/1.1\r\nHost: a\r\nConnection: not close\r\n\r\n",
     true},
    {"9110 7.6.1, another token", "GET / HTTP/1.1\r\nHost: a\r\nConnection: \"close\"\r\n\r\n",
     true},
    {"9110 7.6.1, another field", "GET / HTTP/1.1\r\nHost: a\r\nX-Connection: close\r\n\r\n", true},
    {"9110 7.6.1, empty", "GET / HTTP/1.1\r\nHost: a\r\nConnection:\r\n\r\n", true},
    {"9110 5.6.3, blanks around",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection:\t , \tclose\t ,\t\r\n\r\n", false},
    {"9110 5.6.3, no blank", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\xa0\r\n\r\n", true},
    {"9110 7.6.1, another token", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close;a=b\r\n\r\n",
     true},
    {"9110 7.6.1, another token",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive close\r\n\r\n", true},
    {"9110 7.8, no upgrade",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
     true},
    {"9110 2.5", "GET / HTTP/1.5\r\nHost: a\r\n\r\n", true},
    {"9112 9.3", "GET / HTTP/1.0\r\n\r\n", false},
    {"9112 9.3", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    {"9112 9.3", "GET / HTTP/1.0\r\nConnection: x\r\nConnection: y, keep-alive\r\n\r\n", true},
    {"9112 9.3", "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: x\r\n\r\n", true},
    {"9112 9.3", "GET / HTTP/1.0\r\nConnection: close\r\n\r\n", false},
    {"9112 9.3, close wins", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    {"9112 9.3, close wins",
     "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
    {"9112 C.2.2, another field", "GET / HTTP/1.0\r\nKeep-Alive: timeout=5\r\n\r\n", false},
    {"9112 C.2.2, another field", "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n", false},
};

static void h1_head__connection__persists_as_rfc_9112_9_3_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(persistence); i++) {
        struct wr_h1_message m;

        if (interpret(persistence[i].head, &m) != WR_H1_OK ||
            m.keep_alive != persistence[i].keep_alive)
            fail_msg("%s: %s", persistence[i].clause, persistence[i].head);
    }
}

#define POST_11 "POST / HTTP/1.1\r\nHost: a\r\n"
#define POST_10 "POST / HTTP/1.0\r\n"

static const struct {
    const char *clause, *head;
    enum wr_h1_reason reason;
    bool expects_continue;
} expectations[] = {
    {"no Expect", POST_11 "Content-Length: 5\r\n\r\n", WR_H1_OK, false},
    {"9110 10.1.1", POST_11 "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", WR_H1_OK, true},
    {"9110 10.1.1", POST_11 "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n", WR_H1_OK, true},
    {"9110 10.1.1", POST_11 "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n", WR_H1_OK,
     true},
    {"9110 10.1.1, twice",
     POST_11 "Content-Length: 5\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n", WR_H1_OK,
     true},
    {"9110 5.6.1.2", POST_11 "Content-Length: 5\r\nExpect: ,100-continue,\r\n\r\n", WR_H1_OK, true},
    {"9110 5.6.3", POST_11 "Content-Length: 5\r\nExpect:\t100-continue \r\n\r\n", WR_H1_OK, true},
    {"9110 10.1.1, a list",
     POST_11 "Content-Length: 5\r\nExpect: 100-continue, 100-CONTINUE\r\n\r\n", WR_H1_OK, true},
    {"9110 10.1.1, no content", POST_11 "Expect: 100-continue\r\n\r\n", WR_H1_OK, false},
    {"9110 10.1.1, empty content", POST_11 "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n",
     WR_H1_OK, false},
    {"9110 10.1.1, empty", POST_11 "Content-Length: 5\r\nExpect:\r\n\r\n", WR_H1_OK, false},
    {"9110 10.1.1, not in 1.0", POST_10 "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
     WR_H1_OK, false},
    {"9110 10.1.1, not in 1.0", POST_10 "Content-Length: 5\r\nExpect: x\r\n\r\n", WR_H1_OK, false},
    {"9110 10.1.1", POST_11 "Content-Length: 5\r\nExpect: x\r\n\r\n", WR_H1_EXPECTATION, false},
    {"9110 10.1.1", POST_11 "Content-Length: 5\r\nExpect: 100-continuex\r\n\r\n", WR_H1_EXPECTATION,
     false},
    {"9110 10.1.1", POST_11 "Content-Length: 5\r\nExpect: 100\r\n\r\n", WR_H1_EXPECTATION, false},
    {"9110 10.1.1", POST_11 "Content-Length: 5\r\nExpect: \"100-continue\"\r\n\r\n",
     WR_H1_EXPECTATION, false},
    {"9110 10.1.1", POST_11 "Content-Length: 5\r\nExpect: 100-continue;a=b\r\n\r\n",
     WR_H1_EXPECTATION, false},
    {"9110 10.1.1", POST_11 "Content-Length: 5\r\nExpect: 100-continue, x\r\n\r\n",
     WR_H1_EXPECTATION, false},
    {"9110 10.1.1", POST_11 "Content-Length: 5\r\nExpect: x\r\nExpect: 100-continue\r\n\r\n",
     WR_H1_EXPECTATION, false},
    {"9110 10.1.1", POST_11 "Content-Length: 5\r\nExpect: y 100-continue\r\n\r\n",
     WR_H1_EXPECTATION, false},
    {"9110 10.1.1", POST_11 "Content-Length: 5\r\nExpect: 100-continue y\r\n\r\n",
     WR_H1_EXPECTATION, false},
    {"9110 10.1.1, no content", POST_11 "Expect: x\r\n\r\n", WR_H1_EXPECTATION, false},
};

static void h1_head__expectation__is_100_continue_or_refused_with_417(void **state)
{
    (void)state;
    assert_int_equal(wr_h1_reason_status(WR_H1_EXPECTATION), 417);
    for (size_t i = 0; i < WR_COUNT(expectations); i++) {
        struct wr_h1_message m;
        enum wr_h1_reason reason = interpret(expectations[i].head, &m);

        if (reason != expectations[i].reason ||
            (reason == WR_H1_OK && m.expects_continue != expectations[i].expects_continue))
            fail_msg("%s: %s: %s", expectations[i].clause, expectations[i].head,
                     wr_h1_reason_text(reason));
    }
}

static const struct {
    const char *clause, *head;
    enum wr_h1_reason reason;
    struct wr_h1_framing framing;
} framings[] = {
    {"9112 6.3", POST_11 "\r\n", WR_H1_OK, {WR_H1_NO_BODY, 0}},
    {"9112 6.3", POST_11 "Content-Length: 5\r\n\r\n", WR_H1_OK, {WR_H1_LENGTH, 5}},
    {"9110 5.5", POST_11 "Content-Length:\t5\t \r\n\r\n", WR_H1_OK, {WR_H1_LENGTH, 5}},
    {"9112 6.3",
     "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 39\r\n\r\n",
     WR_H1_OK,
     {WR_H1_LENGTH, 39}},
    {"9112 6.3",
     "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 39\r\n\r\n",
     WR_H1_OK,
     {WR_H1_LENGTH, 39}},
    {"9112 7.1", POST_11 "transfer-encoding: chunked\r\n\r\n", WR_H1_OK, {WR_H1_CHUNKED, 0}},
    {"9110 5.1, another name",
     POST_11 "Transfer_Encoding: chunked\r\n\r\n",
     WR_H1_OK,
     {WR_H1_NO_BODY, 0}},
    {"9110 5.1, another name",
     POST_11 "Content_Length: 5\r\nContentLength: 5\r\n\r\n",
     WR_H1_OK,
     {WR_H1_NO_BODY, 0}},
    {"9110 7.6.1, no field of the connection",
     POST_11 "Connection: Content-Length, close\r\nContent-Length: 5\r\n\r\n",
     WR_H1_OK,
     {WR_H1_LENGTH, 5}},
    {"9110 7.6.1, no field of the connection",
     POST_11 "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n",
     WR_H1_OK,
     {WR_H1_CHUNKED, 0}},
    {"9112 6.3, an upgrade is none here",
     POST_11 "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n",
     WR_H1_OK,
     {WR_H1_LENGTH, 5}},
    {"9112 6.3, of any method",
     "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
     WR_H1_OK,
     {WR_H1_LENGTH, 5}},
    {"9112 6.3, of any method",
     "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
     WR_H1_OK,
     {WR_H1_CHUNKED, 0}},
    {"9112 6.1, an empty coding too",
     POST_11 "Transfer-Encoding:\r\n\r\n",
     WR_H1_CODING_FINAL,
     {0}},
    {"9112 6.1, an empty coding too",
     POST_11 "Transfer-Encoding:\r\nContent-Length: 5\r\n\r\n",
     WR_H1_CODING_LENGTH,
     {0}},
    {"9112 6.3, an empty length", POST_11 "Content-Length:\r\n\r\n", WR_H1_LENGTH_VALUE, {0}},
    {"9112 6.3", POST_11 "Content-Length: x\r\n\r\n", WR_H1_LENGTH_VALUE, {0}},
    {"9112 6.1",
     POST_11 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     WR_H1_CODING_LENGTH,
     {0}},
    {"9112 6.1", POST_10 "Transfer-Encoding: chunked\r\n\r\n", WR_H1_CODING_10, {0}},
    {"a bad host comes before bad framing",
     "POST / HTTP/1.1\r\nHost: @\r\nContent-Length: x\r\n\r\n",
     WR_H1_HOST_VALUE,
     {0}},
    {"bad framing comes before the expectation",
     POST_11 "Content-Length: x\r\nExpect: x\r\n\r\n",
     WR_H1_LENGTH_VALUE,
     {0}},
};

static void h1_head__framing__is_decided_with_the_head(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(framings); i++) {
        struct wr_h1_message m;
        enum wr_h1_reason reason = interpret(framings[i].head, &m);

        if (reason != framings[i].reason ||
            (reason == WR_H1_OK && (m.framing.kind != framings[i].framing.kind ||
                                    m.framing.length != framings[i].framing.length)))
            fail_msg("%s: %s: %s", framings[i].clause, framings[i].head, wr_h1_reason_text(reason));
    }
}

WR_TESTS(cmocka_unit_test(h1_head__target_and_host__are_those_of_rfc_9112_3_2),
         cmocka_unit_test(h1_head__absolute_form_without_host__is_refused),
         cmocka_unit_test(h1_head__connection__persists_as_rfc_9112_9_3_says),
         cmocka_unit_test(h1_head__expectation__is_100_continue_or_refused_with_417),
         cmocka_unit_test(h1_head__framing__is_decided_with_the_head));
