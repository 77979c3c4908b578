#include "support.h"

#include <stdlib.h>

#include "decoder.h"
#include "temp_folder.h"
#include "test_server.h"

static void serve_page(struct test_handler *h, struct wr_exchange *x)
{
    wr_exchange_add_field(x, WR_SLICE("X-Kept"), WR_SLICE("yes"));
    wr_exchange_respond_error(x, h->status);
}

/* The page for `status`, in *r. */
static void get_page(int status, struct test_server *s, struct test_client *c,
                     struct test_responses *r)
{
    test_server_init(s);
    s->handler.serve = serve_page;
    s->handler.status = status;
    test_client_open(s, c);
    test_client_send(c, "GET /<script>'\"&x HTTP/1.1\r\nHost: <b>\r\n\r\n"
                        "GET /<script>'\"&x HTTP/1.1\r\nHost: a\r\nReferer: <i>\r\n\r\n");
    test_client_responses(c, "", r);
}

static void serve_redirect(struct test_handler *h, struct wr_exchange *x)
{
    wr_exchange_add_field(x, WR_SLICE("Location"), h->answer);
    wr_exchange_respond_error(x, h->status);
}

static void error_page__redirect__links_to_its_target(void **state)
{
    static const struct {
        const char *location, *has; /* NULL: no link */
    } rows[] = {
        {"/new?a=1&b", "<a href=\"/new?a=1&amp;b\">another address</a>"},
        {"https://example.org/", "<a href=\"https://example.org/\">another address</a>"},
        {"/\"><script>", "<a href=\"/&quot;&gt;&lt;script&gt;\">another address</a>"},
        {"javascript:alert(1)", NULL},
        {"new", NULL},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_server s;
        struct test_client c;
        struct test_responses r;
        const char *text;

        test_server_init(&s);
        s.handler.serve = serve_redirect;
        s.handler.status = 301;
        s.handler.answer = wr_slice_of(rows[i].location);
        test_client_open(&s, &c);
        test_client_send(&c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        test_client_responses(&c, "", &r);
        text = rows[i].has ? rows[i].has : "The request could not be fulfilled.";
        assert_non_null(memmem(r.v[0].content, r.v[0].content_n, text, strlen(text)));
        assert_null(memmem(r.v[0].content, r.v[0].content_n, "<script", 7));
        assert_null(memmem(r.v[0].content, r.v[0].content_n, "javascript", 10));
        test_responses_free(&r);
        test_client_fini(&c);
        test_server_fini(&s);
    }
}

static void error_page__each_status__has_its_number_and_phrase(void **state)
{
    static const struct {
        int status;
        const char *title;
    } rows[] = {
        {301, "301 Moved Permanently"},
        {400, "400 Bad Request"},
        {403, "403 Forbidden"},
        {404, "404 Not Found"},
        {405, "405 Method Not Allowed"},
        {406, "406 Not Acceptable"},
        {408, "408 Request Timeout"},
        {412, "412 Precondition Failed"},
        {413, "413 Content Too Large"},
        {414, "414 URI Too Long"},
        {416, "416 Range Not Satisfiable"},
        {417, "417 Expectation Failed"},
        {418, "418 "},
        {431, "431 Request Header Fields Too Large"},
        {500, "500 Internal Server Error"},
        {501, "501 Not Implemented"},
        {503, "503 Service Unavailable"},
        {505, "505 HTTP Version Not Supported"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_server s;
        struct test_client c;
        struct test_responses r;

        test_server_init(&s);
        s.handler.serve = serve_page;
        s.handler.status = rows[i].status;
        test_client_open(&s, &c);
        test_client_send(&c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        test_client_responses(&c, "", &r);
        assert_null(r.error);
        assert_int_equal(r.n, 1);
        assert_int_equal(r.v[0].status, rows[i].status);
        assert_non_null(strstr(r.v[0].content, rows[i].title));
        assert_non_null(strstr(r.v[0].content, "</html>"));
        assert_true(
            wr_slice_eq(test_field(&r.v[0], "Content-Type"), WR_SLICE("text/html; charset=utf-8")));
        assert_true(wr_slice_eq(test_field(&r.v[0], "X-Kept"), WR_SLICE("yes")));
        test_responses_free(&r);
        test_client_fini(&c);
        test_server_fini(&s);
    }
}

static void error_page__never_repeats_what_was_sent(void **state)
{
    struct test_server s;
    struct test_client c;
    struct test_responses r;

    (void)state;
    get_page(404, &s, &c, &r);
    assert_null(r.error);
    assert_true(r.n > 0);
    for (size_t i = 0; i < r.n; i++) {
        assert_null(strstr(r.v[i].content, "script"));
        assert_null(strstr(r.v[i].content, "&x"));
        assert_null(strstr(r.v[i].content, "<b>"));
        assert_null(strstr(r.v[i].content, "<i>"));
    }
    test_responses_free(&r);
    test_client_fini(&c);
    test_server_fini(&s);
}

static void error_page__without_memory__is_an_answer_without_a_page(void **state)
{
    struct test_server s;
    struct test_client c;
    char got[TEST_DESCRIPTION_MAX];

    (void)state;
    test_server_init(&s);
    s.site.config.arena_bytes_max = 64;
    s.handler.serve = serve_page;
    s.handler.status = 404;
    test_client_open(&s, &c);
    test_client_send(&c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_describe(&c, "", got);
    assert_string_equal(got, "404|404");
    test_client_fini(&c);
    test_server_fini(&s);
}

/* ---- pages of the site's own ---- */

/* 404.html, 4xx.txt and a 503.html of 300000 bytes. */
struct site {
    struct temp_folder folder;
    struct wr_error_pages pages;
    struct test_server server;
    struct test_client client;
};

static void add_page(struct site *s, int status, const char *name)
{
    char why[WR_WHY_MAX];

    assert_int_equal(wr_error_pages_add(&s->pages, status, temp_path(&s->folder, name), why), 0);
}

static void open_site(struct site *s)
{
    *s = (struct site){0};
    temp_folder_init(&s->folder);
    temp_file_write(&s->folder, "404.html", WR_SLICE("<h1>nothing here</h1>"));
    temp_file_write(&s->folder, "4xx.txt", WR_SLICE("your fault"));
    temp_file_fill(&s->folder, "503.html", 300000);
    temp_file_write(&s->folder, "empty.html", WR_SLICE(""));
    add_page(s, 404, "404.html");
    add_page(s, 4, "4xx.txt");
    add_page(s, 503, "503.html");
    add_page(s, 502, "empty.html");
    test_server_init(&s->server);
    s->server.site.error_pages = &s->pages;
    s->server.handler.serve = serve_page;
    test_client_open(&s->server, &s->client);
}

static void close_site(struct site *s)
{
    test_client_fini(&s->client);
    test_server_fini(&s->server);
    wr_error_pages_free(&s->pages);
    temp_folder_fini(&s->folder);
}

/* Sends a request and gives all that has come since. */
static void ask(struct site *s, const char *request, const char *methods, struct test_responses *r)
{
    s->client.transport.out_n = 0;
    test_client_send(&s->client, request);
    test_client_responses(&s->client, methods, r);
    if (r->error || r->n != 1)
        fail_msg("%s: %zu responses, %s", request, r->n, r->error ? r->error : "HTTP");
}

static void check_page(const struct test_response *r, int status, const char *type,
                       const char *content)
{
    assert_int_equal(r->status, status);
    assert_true(wr_slice_eq(test_field(r, "Content-Type"), wr_slice_of(type)));
    assert_string_equal(r->content, content);
}

static void own_page__of_status_or_class__takes_the_place(void **state)
{
    static const struct {
        int status;
        const char *type, *content; /* NULL: the server's own */
    } rows[] = {
        {404, "text/html; charset=utf-8", "<h1>nothing here</h1>"},
        {400, "text/plain; charset=utf-8", "your fault"},
        {418, "text/plain; charset=utf-8", "your fault"},
        {502, "text/html; charset=utf-8", ""},
        {500, "text/html; charset=utf-8", NULL},
        {301, "text/html; charset=utf-8", NULL},
    };
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_responses r;

        s.server.handler.status = rows[i].status;
        ask(&s, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "", &r);
        if (rows[i].content)
            check_page(&r.v[0], rows[i].status, rows[i].type, rows[i].content);
        else
            assert_non_null(strstr(r.v[0].content, "</html>"));
        assert_true(wr_slice_eq(test_field(&r.v[0], "X-Kept"), WR_SLICE("yes")));
        test_responses_free(&r);
    }
    close_site(&s);
}

static void own_page__of_a_head__has_its_length_alone(void **state)
{
    struct site s;
    struct test_responses r;

    (void)state;
    open_site(&s);
    s.server.handler.status = 404;
    ask(&s, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", "H", &r);
    check_page(&r.v[0], 404, "text/html; charset=utf-8", "");
    assert_true(wr_slice_eq(test_field(&r.v[0], "Content-Length"), WR_SLICE("21")));
    test_responses_free(&r);
    close_site(&s);
}

static void own_page__of_a_status_without_content__is_not_sent(void **state)
{
    static const int statuses[] = {204, 304};
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(statuses); i++) {
        struct test_responses r;

        s.server.handler.status = statuses[i];
        ask(&s, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "", &r);
        assert_int_equal(r.v[0].status, statuses[i]);
        assert_int_equal(r.v[0].content_n, 0);
        assert_null(test_field(&r.v[0], "Content-Type").p);
        test_responses_free(&r);
    }
    close_site(&s);
}

static void own_page__large__is_whole_and_not_copied(void **state)
{
    struct site s;
    struct test_responses r;

    (void)state;
    open_site(&s);
    s.server.site.config.arena_bytes_max = 64 * 1024; /* the page has no room in it */
    s.server.handler.status = 503;
    ask(&s, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "", &r);
    assert_int_equal(r.v[0].status, 503);
    assert_int_equal(r.v[0].content_n, 300000);
    for (size_t i = 0; i < 300000; i++)
        if (r.v[0].content[i] != 'a' + (int)(i % 23))
            fail_msg("byte %zu", i);
    test_responses_free(&r);
    close_site(&s);
}

/* A client that takes little at a time, and another meanwhile. */
static void own_page__slowly_taken__is_whole(void **state)
{
    struct site s;
    struct test_client other;
    struct test_responses r;

    (void)state;
    open_site(&s);
    s.server.handler.status = 503;
    s.client.transport.room = 1000;
    test_client_send(&s.client, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_open(&s.server, &other);
    test_client_send(&other, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_responses(&other, "", &r);
    assert_null(r.error);
    assert_int_equal(r.v[0].content_n, 300000);
    test_responses_free(&r);
    test_client_take(&s.client, 10000, 100);
    test_client_responses(&s.client, "", &r);
    assert_null(r.error);
    assert_int_equal(r.v[0].content_n, 300000);
    test_responses_free(&r);
    test_client_fini(&other);
    close_site(&s);
}

static void own_page__of_a_request_that_is_refused__is_sent(void **state)
{
    struct site s;
    struct test_responses r;

    (void)state;
    open_site(&s);
    ask(&s, "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "", &r);
    check_page(&r.v[0], 400, "text/plain; charset=utf-8", "your fault");
    assert_true(r.v[0].says_close);
    test_responses_free(&r);
    close_site(&s);
}

static void own_page__where_no_route_is__is_sent(void **state)
{
    struct site s;
    struct test_responses r;

    (void)state;
    open_site(&s);
    s.server.site.router.n = 0;
    ask(&s, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "", &r);
    check_page(&r.v[0], 404, "text/html; charset=utf-8", "<h1>nothing here</h1>");
    test_responses_free(&r);
    close_site(&s);
}

/* The 503.html, in whatever coding it came. */
static void check_coding(const struct test_response *r, enum wr_coding coding)
{
    struct wr_slice content = wr_slice(r->content, r->content_n);
    struct wr_slice name = test_field(r, "Content-Encoding");
    struct decoded d;

    assert_int_equal(r->status, 503);
    assert_true(wr_slice_eq(test_field(r, "Content-Type"), WR_SLICE("text/html; charset=utf-8")));
    assert_true(wr_slice_eq(test_field(r, "Vary"), WR_SLICE("Accept-Encoding")));
    if (coding == WR_CODING_IDENTITY) {
        assert_null(name.p);
        assert_int_equal(content.n, 300000);
        return;
    }
    assert_true(wr_slice_eq(name, wr_coding_name(coding)));
    d = decode(coding, content);
    assert_true(d.is_end && d.taken == content.n);
    assert_int_equal(d.n, 300000);
    for (size_t i = 0; i < d.n; i++)
        if (d.p[i] != 'a' + (int)(i % 23))
            fail_msg("byte %zu", i);
    free(d.p);
}

static void own_page__in_a_coding__as_the_client_accepts(void **state)
{
    static const struct {
        const char *fields;
        enum wr_coding coding;
    } rows[] = {
        {"", WR_CODING_IDENTITY},
        {"Accept-Encoding: gzip\r\n", WR_CODING_GZIP},
        {"Accept-Encoding: gzip, deflate, br, zstd\r\n", WR_CODING_BR},
        {"Accept-Encoding: zstd\r\n", WR_CODING_ZSTD},
        {"Accept-Encoding: identity\r\n", WR_CODING_IDENTITY},
        {"Accept-Encoding: identity;q=0, deflate\r\n", WR_CODING_IDENTITY},
        {"Accept-Encoding: deflate\r\nX: y\r\nAccept-Encoding: zstd\r\n", WR_CODING_ZSTD},
        {"Accept-Encoding: br;q=0\r\nAccept-Encoding: gzip;q=0.5\r\nAccept-Encoding: *;q=0.4\r\n",
         WR_CODING_GZIP},
    };
    struct site s;

    (void)state;
    open_site(&s);
    s.server.handler.status = 503;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_responses r;
        char request[300];

        snprintf(request, sizeof request, "GET /x HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i].fields);
        ask(&s, request, "", &r);
        check_coding(&r.v[0], rows[i].coding);
        test_responses_free(&r);
    }
    close_site(&s);
}

/* The same fields as for a GET, RFC 9110 9.3.2. */
static void own_page__in_a_coding_of_a_head__has_the_length_of_a_get(void **state)
{
    static const char fields[] = " /x HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
    char request[100];
    struct site s;
    struct test_responses get, head;

    (void)state;
    open_site(&s);
    s.server.handler.status = 503;
    snprintf(request, sizeof request, "GET%s", fields);
    ask(&s, request, "G", &get);
    snprintf(request, sizeof request, "HEAD%s", fields);
    ask(&s, request, "H", &head);
    assert_int_equal(head.v[0].content_n, 0);
    assert_true(get.v[0].content_n > 100);
    for (size_t i = 0; i < 4; i++) {
        static const char *const names[] = {"Content-Length", "Content-Encoding", "Vary",
                                            "Content-Type"};

        assert_true(wr_slice_eq(test_field(&get.v[0], names[i]), test_field(&head.v[0], names[i])));
    }
    test_responses_free(&get);
    test_responses_free(&head);
    close_site(&s);
}

/* A page that is in no coding is the same for all. */
static void own_page__small__has_no_vary(void **state)
{
    struct site s;
    struct test_responses r;

    (void)state;
    open_site(&s);
    s.server.handler.status = 404;
    ask(&s, "GET /x HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br\r\n\r\n", "", &r);
    check_page(&r.v[0], 404, "text/html; charset=utf-8", "<h1>nothing here</h1>");
    assert_null(test_field(&r.v[0], "Vary").p);
    assert_null(test_field(&r.v[0], "Content-Encoding").p);
    test_responses_free(&r);
    close_site(&s);
}

/* It lies in memory already. */
static void own_page__in_a_coding_without_memory__is_there_all_the_same(void **state)
{
    struct site s;
    struct test_responses r;

    (void)state;
    open_site(&s);
    s.server.site.config.arena_bytes_max = 16;
    s.server.handler.status = 503;
    ask(&s, "GET /x HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n", "", &r);
    assert_int_equal(r.v[0].status, 503);
    assert_true(r.v[0].content_n > 0);
    assert_true(wr_slice_eq(test_field(&r.v[0], "Content-Encoding"), WR_SLICE("gzip")));
    test_responses_free(&r);
    close_site(&s);
}

/* What the query says: "error": a page; "own": content of its own; else a fault, which is a 500. */
static weir_body fail_app(weir_environ *env, weir_start_response *start_response)
{
    const char *query = weir_get(env, "QUERY_STRING");

    if (strcmp(query, "error") == 0)
        return weir_error(env, 404);
    if (strcmp(query, "started") == 0 || strcmp(query, "own") == 0)
        start_response(env, 404, WEIR_HEADERS({"Content-Type", "x/y"}, {"X-Own", "1"}));
    return strcmp(query, "own") == 0 ? weir_text("mine") : weir_error(env, 404 * (*query != 0));
}

static void own_page__of_an_app__takes_the_place_of_the_servers_alone(void **state)
{
    static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                       .abi_major = WEIR_ABI_MAJOR,
                                       .abi_minor = WEIR_ABI_MINOR,
                                       .size = sizeof(weir_plugin),
                                       .name = "fail",
                                       .app = fail_app,
                                       .runs = WEIR_ON_LOOP};
    struct site s;
    struct test_responses r;

    (void)state;
    open_site(&s);
    add_page(&s, 500, "4xx.txt");
    assert_non_null(test_server_mount(&s.server, &plugin, NULL, NULL));
    ask(&s, "GET /x?error HTTP/1.1\r\nHost: a\r\n\r\n", "", &r);
    check_page(&r.v[0], 404, "text/html; charset=utf-8", "<h1>nothing here</h1>");
    test_responses_free(&r);
    ask(&s, "GET /x?started HTTP/1.1\r\nHost: a\r\n\r\n", "", &r);
    check_page(&r.v[0], 404, "text/html; charset=utf-8", "<h1>nothing here</h1>");
    assert_true(wr_slice_eq(test_field(&r.v[0], "X-Own"), WR_SLICE("1")));
    test_responses_free(&r);
    ask(&s, "GET /x?own HTTP/1.1\r\nHost: a\r\n\r\n", "", &r);
    check_page(&r.v[0], 404, "x/y", "mine");
    test_responses_free(&r);
    ask(&s, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "", &r);
    check_page(&r.v[0], 500, "text/plain; charset=utf-8", "your fault");
    test_responses_free(&r);
    close_site(&s);
}

/* ---- pages of hosts ---- */

/* One page for a.example, a page of a status and one of its class for all below example. */
static void open_hosts(struct site *s, struct wr_error_pages of_hosts[2])
{
    char why[WR_WHY_MAX];
    struct wr_router *r = &s->server.site.router;

    open_site(s);
    memset(of_hosts, 0, 2 * sizeof *of_hosts);
    temp_file_write(&s->folder, "a404.html", WR_SLICE("a has none"));
    temp_file_write(&s->folder, "wild4xx.html", WR_SLICE("none below"));
    temp_file_write(&s->folder, "wild404.html", WR_SLICE("not below"));
    assert_int_equal(wr_error_pages_add(&of_hosts[0], 404, temp_path(&s->folder, "a404.html"), why),
                     0);
    assert_int_equal(
        wr_error_pages_add(&of_hosts[1], 4, temp_path(&s->folder, "wild4xx.html"), why), 0);
    assert_int_equal(
        wr_error_pages_add(&of_hosts[1], 404, temp_path(&s->folder, "wild404.html"), why), 0);
    assert_int_equal(wr_router_set_pages(r, "A.example", &of_hosts[0]), 0);
    assert_int_equal(wr_router_set_pages(r, "*.example", &of_hosts[1]), 0);
}

static const struct {
    const char *request;
    int status;
    const char *page, *why;
} of_hosts_asked[] = {
    {"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n", 404, "a has none", "its own"},
    {"GET /x HTTP/1.1\r\nHost: A.EXAMPLE.:80\r\n\r\n", 404, "a has none", "its own"},
    {"GET /x HTTP/1.0\r\nHost: a.example\r\n\r\n", 404, "a has none", "its own"},
    {"GET http://a.example/x HTTP/1.1\r\nHost: x\r\n\r\n", 404, "a has none", "of the target"},
    {"GET http://x/x HTTP/1.1\r\nHost: a.example\r\n\r\n", 404, "<h1>nothing here</h1>",
     "of the target"},
    {"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n", 403, "none below", "of the wildcard"},
    {"GET /x HTTP/1.1\r\nHost: b.example\r\n\r\n", 404, "not below",
     "a status goes before its class"},
    {"GET /x HTTP/1.1\r\nHost: b.c.example\r\n\r\n", 410, "none below", "of the wildcard"},
    {"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n", 502, "", "of the site"},
    {"GET /x HTTP/1.1\r\nHost: example\r\n\r\n", 404, "<h1>nothing here</h1>", "of the site"},
    {"GET /x HTTP/1.0\r\n\r\n", 404, "<h1>nothing here</h1>", "no host"},
    /* refused, once the host is known and before */
    {"PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9999999999999\r\n\r\n", 413,
     "none below", "known"},
    {"GET /../x HTTP/1.1\r\nHost: a.example\r\n\r\n", 400, "none below", "known"},
    {"GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 421, "none below", "known"},
    {"GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n", 400, "your fault",
     "not known"},
    {"GET / HTTP/1.1\r\nHost: a.example\r\nA : b\r\n\r\n", 400, "your fault", "not known"},
};

static void host_pages__go_before_those_of_the_site(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(of_hosts_asked); i++) {
        struct wr_error_pages of_hosts[2];
        struct test_responses r;
        struct site s;

        open_hosts(&s, of_hosts);
        s.server.handler.status = of_hosts_asked[i].status;
        ask(&s, of_hosts_asked[i].request, "", &r);
        if (r.v[0].status != of_hosts_asked[i].status ||
            strcmp(r.v[0].content, of_hosts_asked[i].page) != 0)
            fail_msg("%s (%s): %d, %s", of_hosts_asked[i].request, of_hosts_asked[i].why,
                     r.v[0].status, r.v[0].content);
        test_responses_free(&r);
        wr_vhosts_free(&s.server.site.router.hosts);
        wr_error_pages_free(&of_hosts[0]);
        wr_error_pages_free(&of_hosts[1]);
        close_site(&s);
    }
}

/* Also where no route of the host has the path, and none at all. */
static void host_pages__where_no_route_is__are_sent(void **state)
{
    struct wr_error_pages of_hosts[2];
    struct test_responses r;
    struct site s;

    (void)state;
    open_hosts(&s, of_hosts);
    s.server.site.router.n = 0;
    ask(&s, "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n", "", &r);
    check_page(&r.v[0], 404, "text/html; charset=utf-8", "a has none");
    test_responses_free(&r);
    wr_vhosts_free(&s.server.site.router.hosts);
    wr_error_pages_free(&of_hosts[0]);
    wr_error_pages_free(&of_hosts[1]);
    close_site(&s);
}

WR_TESTS(cmocka_unit_test(error_page__redirect__links_to_its_target),
         cmocka_unit_test(error_page__each_status__has_its_number_and_phrase),
         cmocka_unit_test(error_page__never_repeats_what_was_sent),
         cmocka_unit_test(error_page__without_memory__is_an_answer_without_a_page),
         cmocka_unit_test(own_page__of_status_or_class__takes_the_place),
         cmocka_unit_test(own_page__of_a_head__has_its_length_alone),
         cmocka_unit_test(own_page__of_a_status_without_content__is_not_sent),
         cmocka_unit_test(own_page__large__is_whole_and_not_copied),
         cmocka_unit_test(own_page__slowly_taken__is_whole),
         cmocka_unit_test(own_page__in_a_coding__as_the_client_accepts),
         cmocka_unit_test(own_page__in_a_coding_of_a_head__has_the_length_of_a_get),
         cmocka_unit_test(own_page__small__has_no_vary),
         cmocka_unit_test(own_page__in_a_coding_without_memory__is_there_all_the_same),
         cmocka_unit_test(own_page__of_a_request_that_is_refused__is_sent),
         cmocka_unit_test(own_page__where_no_route_is__is_sent),
         cmocka_unit_test(own_page__of_an_app__takes_the_place_of_the_servers_alone),
         cmocka_unit_test(host_pages__go_before_those_of_the_site),
         cmocka_unit_test(host_pages__where_no_route_is__are_sent));
