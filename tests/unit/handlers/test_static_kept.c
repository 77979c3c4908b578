/*
 * What a folder remembers of its answers: each must be what a server would say that is asked for the
 * first time. Most requests come twice, in turns of their own and together in one.
 */
#include "static_fixture.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder.h"
#include "server/router.h"

#define DATE_S  784000000 /* Sat, 05 Nov 1994 01:46:40 GMT */
#define DATE    "Sat, 05 Nov 1994 01:46:40 GMT"
#define ETAG(n) "\"ae153d89fe80000-" n "\"" /* of the same in nanoseconds, and n bytes in hex */
#define GZIP_OF "\"ae153d89fe80000-3-ae153d89fe80000-a-gzip\""

#define TIMES 3

static void write_at(const struct site *s, const char *name, const char *content)
{
    temp_file_write(&s->folder, name, wr_slice_of(content));
    temp_file_date(&s->folder, name, DATE_S);
}

/* Status, and all fields but Date and Server, which begin the head. */
static void write_head(const struct test_response *r, char out[static 1024])
{
    size_t n = (size_t)snprintf(out, 1024, "%d\n", r->status);

    for (size_t i = 0; i < r->fields && n < 1024; i++)
        if (!wr_slice_eq(r->names[i], WR_SLICE("Date")) &&
            !wr_slice_eq(r->names[i], WR_SLICE("Server")))
            n += (size_t)snprintf(out + n, 1024 - n, "%.*s: %.*s\n", (int)r->names[i].n,
                                  r->names[i].p, (int)r->values[i].n, r->values[i].p);
}

static void check_head(const struct test_response *r, const char *asked, const char *head)
{
    char got[1024];

    write_head(r, got);
    if (strcmp(got, head) != 0)
        fail_msg("%s:\n%s\nexpected:\n%s", asked, got, head);
}

static void check_response(const struct test_response *r, const char *asked, const char *head,
                           const char *content)
{
    check_head(r, asked, head);
    if (strcmp(r->content, content) != 0)
        fail_msg("%s: %s, expected %s", asked, r->content, content);
}

/* The same request several times in one turn. */
static void check_together(struct site *s, const char *method, const char *target,
                           const char *fields, const char *head, const char *content)
{
    char requests[4096];
    size_t n = 0;

    for (int i = 0; i < TIMES; i++)
        n += (size_t)snprintf(requests + n, sizeof requests - n,
                              "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, target, fields);
    assert_true(n < sizeof requests);
    s->client.transport.out_n = 0;
    test_client_send(&s->client, requests);
    test_responses_free(&s->got);
    test_client_responses(&s->client, *method == 'H' ? "HHH" : "GGG", &s->got);
    assert_null(s->got.error);
    assert_int_equal(s->got.n, TIMES);
    for (int i = 0; i < TIMES; i++)
        check_response(&s->got.v[i], target, head, content);
}

static void check_always(struct site *s, const char *method, const char *target, const char *fields,
                         const char *head, const char *content)
{
    for (int i = 0; i < TIMES; i++)
        check_response(ask_as(s, method, target, fields), target, head, content);
    check_together(s, method, target, fields, head, content);
}

/* ---- fields ---- */

#define TEXT_FIELDS "Last-Modified: " DATE "\nETag: " ETAG("a") "\nVary: Accept-Encoding\n"
#define TEXT_HEAD                                                                                  \
    "200\nContent-Type: text/plain; charset=utf-8\n" TEXT_FIELDS                                   \
    "Accept-Ranges: bytes\nX-Content-Type-Options: nosniff\nContent-Length: 10\n"

static void open_text(struct site *s)
{
    begin_site(s);
    write_at(s, "a.txt", "0123456789");
    open_site(s);
}

static void fields__of_each_answer__are_those_of_the_first(void **state)
{
    struct site s;

    (void)state;
    open_text(&s);
    check_always(&s, "GET", "/a.txt", "", TEXT_HEAD, "0123456789");
    check_always(&s, "HEAD", "/a.txt", "", TEXT_HEAD, "");
    check_always(&s, "GET", "/a.txt", "If-None-Match: " ETAG("a") "\r\n", "304\n" TEXT_FIELDS, "");
    check_always(&s, "HEAD", "/a.txt", "If-Modified-Since: " DATE "\r\n", "304\n" TEXT_FIELDS, "");
    check_always(&s, "GET", "/a.txt", "Range: bytes=2-4\r\n",
                 "206\nContent-Type: text/plain; charset=utf-8\n" TEXT_FIELDS
                 "Accept-Ranges: bytes\nX-Content-Type-Options: nosniff\n"
                 "Content-Range: bytes 2-4/10\nContent-Length: 3\n",
                 "234");
    check_always(&s, "GET", "/a.txt?query", "", TEXT_HEAD, "0123456789");
    close_site(&s);
}

/* The first answer may be a 304 as well, and an empty file is one. */
static void fields__begun_by_another_answer__are_the_same(void **state)
{
    struct site s;

    (void)state;
    begin_site(&s);
    write_at(&s, "a.txt", "0123456789");
    write_at(&s, "none.png", "");
    open_site(&s);
    check_always(&s, "GET", "/a.txt", "If-None-Match: *\r\n", "304\n" TEXT_FIELDS, "");
    check_always(&s, "GET", "/a.txt", "", TEXT_HEAD, "0123456789");
    check_always(
        &s, "GET", "/none.png", "",
        "200\nContent-Type: image/png\nLast-Modified: " DATE "\nETag: " ETAG(
            "0") "\nAccept-Ranges: bytes\nX-Content-Type-Options: nosniff\nContent-Length: 0\n",
        "");
    close_site(&s);
}

/* ---- conditions: RFC 9110 13 ---- */

static void conditions__of_what_is_kept__are_evaluated(void **state)
{
    static const struct {
        const char *fields;
        int status;
    } rows[] = {
        {"If-None-Match: W/" ETAG("a") "\r\n", 304},
        {"If-None-Match: \"x\", " ETAG("a") "\r\n", 304},
        {"If-None-Match: " ETAG("a") ", \"x\"\r\n", 304},
        {"If-None-Match: \"x\"\r\nIf-None-Match: " ETAG("a") "\r\n", 304},
        {"If-None-Match: " ETAG("a") "\r\nIf-None-Match: \"x\"\r\n", 304},
        {"If-None-Match: " ETAG("b") "\r\n", 200},
        {"If-None-Match: \"x\"\r\nIf-Modified-Since: " DATE "\r\n", 200}, /* 13.1.3 */
        {"If-None-Match: " ETAG("a") "\r\nIf-Modified-Since: "
                                     "Sat, 05 Nov 1994 01:46:39 GMT\r\n",
         304},
        {"If-Modified-Since: Sat, 05 Nov 1994 01:46:41 GMT\r\n", 304},
        {"If-Modified-Since: Sat, 05 Nov 1994 01:46:39 GMT\r\n", 200},
        {"If-Modified-Since: " DATE "x\r\n", 200},
        {"If-Match: \"x\"\r\nIf-None-Match: " ETAG("a") "\r\n", 412}, /* 13.2.2 */
        {"If-Match: " ETAG("a") "\r\nIf-None-Match: " ETAG("a") "\r\n", 304},
        {"If-Unmodified-Since: Sat, 05 Nov 1994 01:46:39 GMT\r\n"
         "If-None-Match: " ETAG("a") "\r\n",
         412},
        {"Range: bytes=0-1\r\nIf-None-Match: " ETAG("a") "\r\n", 304},
        {"Range: bytes=0-1\r\nIf-None-Match: \"x\"\r\n", 206},
        {"Range: bytes=10-\r\n", 416},
        {"", 200},
    };
    struct site s;

    (void)state;
    open_text(&s);
    check_status(&s, "/a.txt", "", 200);
    for (int round = 0; round < TIMES; round++)
        for (size_t i = 0; i < WR_COUNT(rows); i++)
            check_status(&s, "/a.txt", rows[i].fields, rows[i].status);
    close_site(&s);
}

static void methods__but_get_and_head__are_refused_also_for_what_is_kept(void **state)
{
    struct site s;

    (void)state;
    open_text(&s);
    check_status(&s, "/a.txt", "", 200);
    check_field(ask_as(&s, "POST", "/a.txt", "Content-Length: 0\r\n"), "Allow",
                "GET, HEAD, OPTIONS");
    assert_int_equal(s.got.v[0].status, 405);
    assert_int_equal(ask_as(&s, "OPTIONS", "/a.txt", "")->status, 204);
    assert_int_equal(ask_as(&s, "BREW", "/a.txt", "")->status, 501);
    close_site(&s);
}

/* ---- changes ---- */

/* Another version comes with all that is said of it. */
static void change__of_the_file__is_one_of_its_fields(void **state)
{
    struct site s;
    char from[128];

    (void)state;
    open_text(&s);
    check_always(&s, "GET", "/a.txt", "", TEXT_HEAD, "0123456789");
    temp_file_write(&s.folder, "new", WR_SLICE("another"));
    temp_file_date(&s.folder, "new", DATE_S + 100);
    snprintf(from, sizeof from, "%s", temp_path(&s.folder, "new"));
    assert_int_equal(rename(from, temp_path(&s.folder, "a.txt")), 0);
    check_always(&s, "GET", "/a.txt", "If-None-Match: " ETAG("a") "\r\n",
                 "200\nContent-Type: text/plain; charset=utf-8\n"
                 "Last-Modified: Sat, 05 Nov 1994 01:48:20 GMT\n"
                 "ETag: \"ae153efe85ee800-7\"\nVary: Accept-Encoding\nAccept-Ranges: bytes\n"
                 "X-Content-Type-Options: nosniff\nContent-Length: 7\n",
                 "another");
    assert_int_equal(unlink(temp_path(&s.folder, "a.txt")), 0);
    check_status(&s, "/a.txt", "", 404);
    close_site(&s);
}

/* ---- codings: RFC 9110 12.5.3 ---- */

#define CODED_HEAD(coding, etag, n)                                                                \
    "200\nContent-Type: text/plain; charset=utf-8\n" coding "Last-Modified: " DATE "\nETag: " etag \
    "\nVary: Accept-Encoding\nAccept-Ranges: bytes\n"                                              \
    "X-Content-Type-Options: nosniff\nContent-Length: " n "\n"
#define GZIP_HEAD  CODED_HEAD("Content-Encoding: gzip\n", GZIP_OF, "3")
#define PLAIN_HEAD CODED_HEAD("", ETAG("a"), "10")

static void open_coded(struct site *s)
{
    begin_site(s);
    s->setup.compress = WR_STATIC_COMPRESS_SIBLINGS;
    write_at(s, "a.txt", "0123456789");
    write_at(s, "a.txt.gz", "zip");
    open_site(s);
}

/* Whoever comes after another with another text, in the same turn or a later one, and of more texts
 * than are remembered. */
static void coding__by_texts_in_turn__is_of_each(void **state)
{
    static const struct {
        const char *text; /* NULL: no field */
        bool is_gzip;
    } rows[] = {
        {"gzip", true},
        {NULL, false},
        {"br", false},
        {"GZIP", true},
        {"gzip, deflate, br, zstd", true},
        {"gzip;q=0", false},
        {"gzip;q=1", true},
        {"identity", false},
        {"", false},
        {"*", true},
        {"x-gzip", true},
        {"deflate", false},
        {"gzip;q=0.5, identity;q=0.7", false},
        {"gzip;q=0.7, identity;q=0.5", true},
        {"br\r\nAccept-Encoding: gzip", true}, /* one list, 5.3 */
        {"gzip, deflate, br, zstd, one, two, three, four, five, six, seven, eight, nine, ten, "
         "eleven, "
         "twelve, thirteen, fourteen",
         true},
    };
    struct site s;

    (void)state;
    open_coded(&s);
    for (size_t i = 0; i < 2 * WR_COUNT(rows); i++) {
        char field[256] = "";
        const char *text = rows[i % WR_COUNT(rows)].text;
        bool is_gzip = rows[i % WR_COUNT(rows)].is_gzip;

        if (text)
            snprintf(field, sizeof field, "Accept-Encoding: %s\r\n", text);
        check_response(ask(&s, "/a.txt", field), field, is_gzip ? GZIP_HEAD : PLAIN_HEAD,
                       is_gzip ? "zip" : "0123456789");
        if (i % 3 == 0 && text)
            check_together(&s, "GET", "/a.txt", field, is_gzip ? GZIP_HEAD : PLAIN_HEAD,
                           is_gzip ? "zip" : "0123456789");
    }
    close_site(&s);
}

static void coding__in_one_turn__is_of_each_request(void **state)
{
    struct site s;

    (void)state;
    open_coded(&s);
    for (int round = 0; round < TIMES; round++) {
        static const bool is_gzip[] = {true, false, true, false};

        s.client.transport.out_n = 0;
        test_client_send(&s.client,
                         "GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"
                         "GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n"
                         "GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip\r\n\r\n"
                         "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        test_responses_free(&s.got);
        test_client_responses(&s.client, "GGGG", &s.got);
        assert_int_equal(s.got.n, 4);
        for (int i = 0; i < 4; i++)
            check_response(&s.got.v[i], "in one turn", is_gzip[i] ? GZIP_HEAD : PLAIN_HEAD,
                           is_gzip[i] ? "zip" : "0123456789");
    }
    close_site(&s);
}

/* The tag of one coding is none of another; who has the identity and accepts it is told so. */
static void conditions__of_a_coding__are_of_the_one_that_is_chosen(void **state)
{
#define NOT_MODIFIED(etag) "304\nLast-Modified: " DATE "\nETag: " etag "\nVary: Accept-Encoding\n"
    static const struct {
        const char *fields, *head, *content;
    } rows[] = {
        {"Accept-Encoding: gzip\r\nIf-None-Match: " GZIP_OF "\r\n", NOT_MODIFIED(GZIP_OF), ""},
        {"Accept-Encoding: gzip\r\nIf-None-Match: " ETAG("a") "\r\n", NOT_MODIFIED(ETAG("a")), ""},
        {"Accept-Encoding: gzip, identity;q=0\r\nIf-None-Match: " ETAG("a") "\r\n", GZIP_HEAD,
         "zip"},
        {"If-None-Match: " GZIP_OF "\r\n", PLAIN_HEAD, "0123456789"},
        {"Accept-Encoding: br\r\nIf-None-Match: " GZIP_OF "\r\n", PLAIN_HEAD, "0123456789"},
        {"Accept-Encoding: gzip\r\nIf-Modified-Since: " DATE "\r\n", NOT_MODIFIED(GZIP_OF), ""},
        {"Accept-Encoding: gzip\r\n", GZIP_HEAD, "zip"},
    };
    struct site s;

    (void)state;
    open_coded(&s);
    for (int round = 0; round < TIMES; round++)
        for (size_t i = 0; i < WR_COUNT(rows); i++)
            check_always(&s, "GET", "/a.txt", rows[i].fields, rows[i].head, rows[i].content);
    close_site(&s);
}

/* The next turn sees that a coding has come or gone: that there is none is believed for a second. */
static void coding__that_comes_and_goes__is_seen(void **state)
{
    const char *gzip = "Accept-Encoding: gzip\r\n";
    struct site s;

    (void)state;
    open_coded(&s);
    check_always(&s, "GET", "/a.txt", gzip, GZIP_HEAD, "zip");
    assert_int_equal(unlink(temp_path(&s.folder, "a.txt.gz")), 0);
    check_always(&s, "GET", "/a.txt", gzip, PLAIN_HEAD, "0123456789");
    write_at(&s, "a.txt.gz", "new");
    set_time(&s, HOUR_MS + 1000);
    check_always(&s, "GET", "/a.txt", gzip, GZIP_HEAD, "new");
    write_at(&s, "a.txt.gz", "younger");
    temp_file_date(&s.folder, "a.txt.gz", DATE_S - 1); /* older than the file */
    check_always(&s, "GET", "/a.txt", gzip, PLAIN_HEAD, "0123456789");
    close_site(&s);
}

/* A sibling is also a file of its own, and only one of the two has room for a head in front of its content. */
static void coding__asked_for_by_its_name_too__is_right_in_either_order(void **state)
{
    static const char own[] =
        "200\nContent-Type: application/gzip\nLast-Modified: " DATE
        "\nETag: " ETAG("3") "\nAccept-Ranges: bytes\n"
                             "X-Content-Type-Options: nosniff\nContent-Length: 3\n";
    const char *gzip = "Accept-Encoding: gzip\r\n";
    struct site s;

    (void)state;
    for (int first = 0; first < 2; first++) {
        open_coded(&s);
        if (first == 0)
            check_always(&s, "GET", "/a.txt.gz", "", own, "zip");
        check_always(&s, "GET", "/a.txt", gzip, GZIP_HEAD, "zip");
        check_always(&s, "GET", "/a.txt.gz", gzip, own, "zip");
        check_always(&s, "GET", "/a.txt", gzip, GZIP_HEAD, "zip");
        close_site(&s);
    }
}

/* Where the last answer was sent from. */
static struct {
    struct site *site;
    ssize_t (*write)(struct wr_transport *t, const void *p, size_t n, bool more);
    bool is_copied;
} sent;

static ssize_t see_and_write(struct wr_transport *t, const void *p, size_t n, bool more)
{
    const struct wr_buf *out = &sent.site->server.worker.out;
    const char *from = p;

    sent.is_copied = from >= out->p && from < out->p + out->cap;
    return sent.write(t, p, n, more);
}

static void watch_sending(struct site *s)
{
    sent.site = s;
    sent.write = s->client.transport.ops.write;
    s->client.transport.ops.write = see_and_write;
}

static bool is_sent_from_where_it_lies(struct site *s, const char *target)
{
    for (int i = 0; i < TIMES; i++)
        ask(s, target, "Accept-Encoding: gzip\r\n");
    return !sent.is_copied;
}

/* It stays in the cache when the file whose coding it is goes, and is that of the next one. */
static void coding__of_a_file_that_is_loaded_anew__is_sent_from_where_it_lies(void **state)
{
    struct site s;
    char second[PATH_MAX];

    (void)state;
    open_coded(&s);
    watch_sending(&s);
    assert_true(is_sent_from_where_it_lies(&s, "/a.txt"));
    snprintf(second, sizeof second, "%s", temp_path(&s.folder, "b.txt"));
    for (int i = 0; i < 2; i++) { /* another name, and back: its time of change is another */
        if (i == 0)
            assert_int_equal(link(temp_path(&s.folder, "a.txt"), second), 0);
        else
            assert_int_equal(unlink(second), 0);
        assert_true(is_sent_from_where_it_lies(&s, "/a.txt"));
    }
    check_always(&s, "GET", "/a.txt", "Accept-Encoding: gzip\r\n", GZIP_HEAD, "zip");
    close_site(&s);
}

static void coding__that_was_made__is_the_same_each_time(void **state)
{
    const char *gzip = "Accept-Encoding: gzip\r\n";
    char text[1000], head[1024], again[1024], content[1000];
    struct site s;
    size_t n;

    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    begin_site(&s);
    write_at(&s, "a.txt", text);
    open_site(&s);
    write_head(ask(&s, "/a.txt", gzip), head);
    assert_non_null(strstr(head, "Content-Encoding: gzip\n"));
    n = s.got.v[0].content_n;
    assert_true(n > 0 && n < sizeof content);
    memcpy(content, s.got.v[0].content, n);
    for (int i = 0; i < TIMES; i++) {
        write_head(ask(&s, "/a.txt", gzip), again);
        assert_string_equal(again, head);
        assert_int_equal(s.got.v[0].content_n, n);
        assert_memory_equal(s.got.v[0].content, content, n);
    }
    close_site(&s);
}

/* More than the head of a file may have in front of its content. */
static void fields__that_find_no_room__are_sent_too(void **state)
{
    char type[1024], head[2048];
    const struct wr_static_pair types[] = {{"txt", type}};
    struct site s;

    (void)state;
    snprintf(type, sizeof type, "text/plain; a=%0500d", 1);
    snprintf(head, sizeof head,
             "200\nContent-Type: %s\nLast-Modified: " DATE
             "\nETag: " ETAG("3") "\nVary: Accept-Encoding\nAccept-Ranges: bytes\n"
                                  "X-Content-Type-Options: nosniff\nContent-Length: 3\n",
             type);
    begin_site(&s);
    s.setup.types = (struct wr_static_pairs){types, 1};
    write_at(&s, "a.txt", "abc");
    open_site(&s);
    check_always(&s, "GET", "/a.txt", "", head, "abc");
    close_site(&s);
}

/* ---- paths ---- */

static void path__that_may_not_be_asked_for__is_not_there_though_it_is_kept(void **state)
{
    static const char *const names[] = {"index.html", ".a.html"};
    struct site s;

    (void)state;
    begin_site(&s);
    s.setup.fallback = "/.app.html";
    s.setup.index = (struct wr_static_texts){names + 1, 1};
    write_at(&s, ".app.html", "app");
    write_at(&s, ".a.html", "index");
    temp_folder_add(&s.folder, ".d");
    write_at(&s, ".d/.a.html", "hidden");
    temp_folder_add(&s.folder, ".well-known");
    write_at(&s, ".well-known/x", "known");
    open_site(&s);
    for (int i = 0; i < TIMES; i++) {
        check_content(&s, "/route", "Accept: text/html\r\n", "app");
        check_status(&s, "/.app.html", "", 404);
        check_content(&s, "/", "", "index");
        check_status(&s, "/.a.html", "", 404);
        check_status(&s, "/.d/", "", 404);
        check_status(&s, "/.d/.a.html", "", 404);
        check_content(&s, "/.well-known/x", "", "known");
    }
    close_site(&s);
}

/* The name of a folder is that of no file, and the other way round. */
static void path__of_a_folder__has_its_slash(void **state)
{
    struct site s;

    (void)state;
    begin_site(&s);
    temp_folder_add(&s.folder, "d");
    write_at(&s, "d/index.html", "d");
    write_at(&s, "index.html", "top");
    open_site(&s);
    for (int i = 0; i < TIMES; i++) {
        check_content(&s, "/d/index.html", "", "d");
        check_content(&s, "/d/", "", "d");
        check_content(&s, "/", "", "top");
        check_field(check_status(&s, "/d", "", 301), "Location", "/d/");
        check_status(&s, "/d/index.html/", "", 404);
        check_status(&s, "/index.htm", "", 404);
    }
    assert_int_equal(unlink(temp_path(&s.folder, "d/index.html")), 0);
    check_status(&s, "/d/", "", 404);
    close_site(&s);
}

/* An answer by the fallback depends on Accept, the same file by its name does not. */
static void vary__of_a_fallback__is_not_that_of_the_file(void **state)
{
    struct site s;

    (void)state;
    begin_site(&s);
    s.setup.fallback = "/app.html";
    write_at(&s, "app.html", "app");
    open_site(&s);
    for (int i = 0; i < TIMES; i++) {
        check_field(check_content(&s, "/app.html", "", "app"), "Vary", "Accept-Encoding");
        check_field(check_content(&s, "/x", "Accept: text/html\r\n", "app"), "Vary",
                    "Accept, Accept-Encoding");
        check_field(check_status(&s, "/app.html", "If-None-Match: *\r\n", 304), "Vary",
                    "Accept-Encoding");
        check_field(check_status(&s, "/x", "Accept: text/html\r\nIf-None-Match: *\r\n", 304),
                    "Vary", "Accept, Accept-Encoding");
    }
    close_site(&s);
}

static weir_body change_path(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    weir_set(env, "PATH_INFO", "/b.txt");
    return weir_decline();
}

static const weir_plugin path_changer = {.magic = WEIR_PLUGIN_MAGIC,
                                         .abi_major = WEIR_ABI_MAJOR,
                                         .abi_minor = WEIR_ABI_MINOR,
                                         .size = sizeof(weir_plugin),
                                         .name = "change-path",
                                         .app = change_path,
                                         .runs = WEIR_ON_LOOP};

/* One more plugin on the server's loop, in front of the folder. */
static struct wr_handler *mount_before(struct site *s, struct wr_route routes[static 2],
                                       const char *path, const weir_plugin *plugin,
                                       void *plugin_state)
{
    struct wr_mount_setup setup = {.plugin = plugin,
                                   .route = path,
                                   .config_label = "config",
                                   .state = plugin_state,
                                   .log = &s->server.site.log};
    struct wr_worker *worker = &s->server.worker;
    char why[WR_WHY_MAX];
    int32_t err;
    struct wr_handler *h = wr_mount_new(&setup, why, &err);

    assert_non_null(h);
    assert_int_equal(h->ops->prepare(h, &worker, 1, why), 0);
    assert_int_equal(h->ops->start_loop(h, 0, why), 0);
    routes[0] = (struct wr_route){.path = wr_slice_of(path), .handler = h};
    routes[1] = s->server.route;
    s->server.site.router = (struct wr_router){.v = routes, .n = 2};
    return h;
}

static void unmount_before(struct site *s, struct wr_handler *h)
{
    test_client_fini(&s->client);
    wr_worker_close_conns(&s->server.worker);
    s->server.site.router = (struct wr_router){.v = &s->server.route, .n = 1};
    h->ops->stop_loop(h, 0);
    h->ops->free(h);
    test_client_open(&s->server, &s->client);
}

/* What a plugin says of PATH_INFO holds for the folder behind it, whatever that keeps. */
static void path__set_by_a_plugin_before__counts(void **state)
{
    struct wr_route routes[2];
    struct wr_handler *changer;
    struct site s;

    (void)state;
    begin_site(&s);
    write_at(&s, "a.txt", "a");
    write_at(&s, "b.txt", "b");
    open_site(&s);
    check_content(&s, "/a.txt", "", "a");
    check_content(&s, "/b.txt", "", "b");
    changer = mount_before(&s, routes, "/a.txt", &path_changer, NULL);
    for (int i = 0; i < TIMES; i++) {
        check_content(&s, "/a.txt", "", "b");
        check_content(&s, "/b.txt", "", "b");
    }
    unmount_before(&s, changer);
    check_content(&s, "/a.txt", "", "a");
    close_site(&s);
}

/* ---- rules ---- */

static const struct wr_static_rule rules[] = {
    {.match = {(const char *const[]){"/*.txt"}, 1},
     .cache_control = "max-age=60",
     .type = "text/x",
     .fields = {(const struct wr_static_pair[]){{"X-One", "1"}, {"X-Content-Type-Options", NULL}},
                2}},
    {.match = {(const char *const[]){"/a.txt"}, 1},
     .fields = {(const struct wr_static_pair[]){{"X-Two", " 2 "}}, 1}},
    {.match = {(const char *const[]){"/a.bin"}, 1}, .download = true},
    {.match = {(const char *const[]){"/own"}, 1},
     .fields = {(const struct wr_static_pair[]){{"Server", "me"}}, 1}},
    {.match = {(const char *const[]){"/d/"}, 1}, .deny = true},
};

static void rules__of_each_answer__are_those_of_the_first(void **state)
{
    struct site s;

    (void)state;
    begin_site(&s);
    s.setup.rules = rules;
    s.setup.rules_n = WR_COUNT(rules);
    write_at(&s, "a.txt", "0123456789");
    write_at(&s, "a.bin", "bin");
    write_at(&s, "own", "own");
    temp_folder_add(&s.folder, "d");
    write_at(&s, "d/index.html", "d");
    open_site(&s);
    for (int i = 0; i < TIMES; i++) {
        check_always(&s, "GET", "/a.txt", "",
                     "200\nX-One: 1\nX-Two: 2\nContent-Type: text/x\nLast-Modified: " DATE
                     "\nETag: " ETAG("a") "\nVary: Accept-Encoding\nCache-Control: max-age=60\n"
                                          "Accept-Ranges: bytes\nContent-Length: 10\n",
                     "0123456789");
        check_always(&s, "GET", "/a.txt", "If-None-Match: " ETAG("a") "\r\n",
                     "304\nX-One: 1\nX-Two: 2\nLast-Modified: " DATE
                     "\nETag: " ETAG("a") "\nVary: Accept-Encoding\nCache-Control: max-age=60\n",
                     "");
        check_always(
            &s, "GET", "/a.bin", "",
            "200\nContent-Type: application/octet-stream\nLast-Modified: " DATE "\nETag: " ETAG(
                "3") "\nAccept-Ranges: bytes\n"
                     "X-Content-Type-Options: nosniff\n"
                     "Content-Disposition: attachment; filename=\"a.bin\"\nContent-Length: 3\n",
            "bin");
        check_field(check_content(&s, "/own", "", "own"), "Server", "me");
        check_status(&s, "/d/index.html", "", 403);
        check_status(&s, "/d/", "", 403);
    }
    close_site(&s);
}

/* Two routes to one folder: what one of them keeps is not the other's. */
static void rules__of_two_routes_to_a_folder__are_of_each(void **state)
{
    struct wr_static_setup with_rules;
    struct wr_route routes[2];
    struct wr_handler *other;
    struct site s;

    (void)state;
    open_text(&s);
    with_rules = s.setup;
    with_rules.rules = rules;
    with_rules.rules_n = WR_COUNT(rules);
    other = mount_before(&s, routes, "/r", &wr_static_plugin, &with_rules);
    for (int i = 0; i < TIMES; i++) {
        check_field(check_content(&s, "/r/a.txt", "", "0123456789"), "Cache-Control", "max-age=60");
        check_field(check_content(&s, "/a.txt", "", "0123456789"), "Cache-Control", NULL);
        check_field(check_status(&s, "/r/a.txt", "If-None-Match: *\r\n", 304), "X-One", "1");
        check_field(check_status(&s, "/a.txt", "If-None-Match: *\r\n", 304), "X-One", NULL);
    }
    unmount_before(&s, other);
    close_site(&s);
}

/* ---- lifetime ---- */

#define BIG_SIZE    150000
#define OTHERS      1100 /* more than are kept */
#define FIRST_BYTES 20000

/* An answer that a client is slow to take, while its file is pushed out of the cache and removed. */
static void content__of_an_entry_that_is_dropped__goes_on(void **state)
{
    static char big[BIG_SIZE], name[32], target[32];
    struct test_client slow;
    uint32_t random = 7;
    struct site s;
    struct wr_slice got;

    (void)state;
    for (size_t i = 0; i < BIG_SIZE; i++) {
        random = random * 1664525U + 1013904223U;
        big[i] = (char)('a' + (random >> 24) % 20);
    }
    begin_site(&s);
    temp_file_write(&s.folder, "big.css", wr_slice(big, BIG_SIZE));
    for (int i = 0; i < OTHERS; i++) {
        snprintf(name, sizeof name, "%d", i);
        write_at(&s, name, name);
    }
    open_site(&s);
    ask(&s, "/big.css", "Accept-Encoding: gzip\r\n"); /* made, and kept */
    test_client_open(&s.server, &slow);
    slow.transport.room = FIRST_BYTES;
    test_client_send(&slow, "GET /big.css HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_int_equal(slow.transport.out_n, FIRST_BYTES);
    assert_int_equal(unlink(temp_path(&s.folder, "big.css")), 0);
    for (int i = 0; i < OTHERS; i++) {
        snprintf(name, sizeof name, "%d", i);
        snprintf(target, sizeof target, "/%d", i);
        check_content(&s, target, "", name);
    }
    check_status(&s, "/big.css", "", 404);
    test_client_take(&slow, FIRST_BYTES, BIG_SIZE / FIRST_BYTES);
    test_responses_free(&s.got);
    test_client_responses(&slow, "G", &s.got);
    assert_null(s.got.error);
    assert_int_equal(s.got.n, 1);
    check_field(&s.got.v[0], "Content-Encoding", "gzip");
    got = wr_slice(s.got.v[0].content, s.got.v[0].content_n);
    assert_true(decodes_to(WR_CODING_GZIP, got, wr_slice(big, BIG_SIZE)));
    test_client_fini(&slow);
    close_site(&s);
}

WR_TESTS(cmocka_unit_test(fields__of_each_answer__are_those_of_the_first),
         cmocka_unit_test(fields__begun_by_another_answer__are_the_same),
         cmocka_unit_test(conditions__of_what_is_kept__are_evaluated),
         cmocka_unit_test(methods__but_get_and_head__are_refused_also_for_what_is_kept),
         cmocka_unit_test(change__of_the_file__is_one_of_its_fields),
         cmocka_unit_test(coding__by_texts_in_turn__is_of_each),
         cmocka_unit_test(coding__in_one_turn__is_of_each_request),
         cmocka_unit_test(conditions__of_a_coding__are_of_the_one_that_is_chosen),
         cmocka_unit_test(coding__that_comes_and_goes__is_seen),
         cmocka_unit_test(coding__asked_for_by_its_name_too__is_right_in_either_order),
         cmocka_unit_test(coding__of_a_file_that_is_loaded_anew__is_sent_from_where_it_lies),
         cmocka_unit_test(coding__that_was_made__is_the_same_each_time),
         cmocka_unit_test(fields__that_find_no_room__are_sent_too),
         cmocka_unit_test(path__that_may_not_be_asked_for__is_not_there_though_it_is_kept),
         cmocka_unit_test(path__of_a_folder__has_its_slash),
         cmocka_unit_test(vary__of_a_fallback__is_not_that_of_the_file),
         cmocka_unit_test(path__set_by_a_plugin_before__counts),
         cmocka_unit_test(rules__of_each_answer__are_those_of_the_first),
         cmocka_unit_test(rules__of_two_routes_to_a_folder__are_of_each),
         cmocka_unit_test(content__of_an_entry_that_is_dropped__goes_on));
