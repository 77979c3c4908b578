#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "handlers/static.h"
#include "temp_folder.h"
#include "test_server.h"

#define SMALL_S      784000000 /* Sat, 05 Nov 1994 01:46:40 GMT */
#define HOUR_MS      3600000   /* after it all that was written is settled */
#define HELPED_TURNS 8     /* of the loop, at most, until what a helper did has come to an answer */
#define LARGE        40000 /* bytes; above 32 KiB it is sent from its descriptor */

struct site {
    struct temp_folder folder;
    struct test_server server;
    struct test_client client;
    struct test_responses got;
};

/* The server's time from the next request on: the moment, or so much later. */
static void set_time(struct site *s, int64_t later_ms)
{
    s->server.time.wall_ns = wr_clock_system.wall_ns(NULL) + later_ms * 1000000;
    test_server_step(&s->server);
}

static void open_site(struct site *s)
{
    struct wr_static_setup setup;

    temp_folder_init(&s->folder);
    temp_file_write(&s->folder, "index.html", WR_SLICE("<p>top</p>"));
    temp_file_write(&s->folder, "small.txt", WR_SLICE("0123456789"));
    temp_file_date(&s->folder, "small.txt", SMALL_S);
    temp_file_write(&s->folder, "empty", WR_SLICE(""));
    temp_file_fill(&s->folder, "large.bin", LARGE);
    temp_folder_add(&s->folder, "d");
    temp_file_write(&s->folder, "d/index.html", WR_SLICE("<p>d</p>"));
    temp_folder_add(&s->folder, "bare");
    temp_folder_add(&s->folder, "evil.example");
    temp_folder_add(&s->folder, "a b\xc3\xa9");
    temp_folder_add(&s->folder, ".well-known");
    temp_file_write(&s->folder, ".well-known/x", WR_SLICE("known"));
    temp_file_write(&s->folder, ".well-known/.y", WR_SLICE("hidden"));
    temp_file_write(&s->folder, ".secret", WR_SLICE("hidden"));
    temp_folder_add(&s->folder, ".git");
    temp_file_write(&s->folder, ".git/config", WR_SLICE("hidden"));
    temp_file_write(&s->folder, "d/.well-known", WR_SLICE("hidden"));
    test_server_init(&s->server);
    setup = wr_static_setup_of(s->folder.path);
    assert_non_null(test_server_mount(&s->server, &wr_static_plugin, &setup, NULL));
    set_time(s, HOUR_MS);
    test_client_open(&s->server, &s->client);
    s->got = (struct test_responses){0};
}

static void close_site(struct site *s)
{
    test_responses_free(&s->got);
    test_client_fini(&s->client);
    test_server_fini(&s->server);
    temp_folder_fini(&s->folder);
}

/* Sends one request and gives its response, which is the last that came. */
static const struct test_response *ask_as(struct site *s, const char *method, const char *target,
                                          const char *fields)
{
    static char request[2048];
    bool is_head = strcmp(method, "HEAD") == 0;

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, target,
             fields);
    test_responses_free(&s->got);
    s->client.transport.out_n = 0;
    test_client_send(&s->client, request);
    for (int i = 0; i < HELPED_TURNS && s->client.transport.out_n == 0; i++)
        test_server_step(&s->server);
    test_client_responses(&s->client, is_head ? "H" : "G", &s->got);
    if (s->got.error || s->got.n != 1)
        fail_msg("%s: %zu responses, %s", request, s->got.n, s->got.error ? s->got.error : "HTTP");
    return &s->got.v[0];
}

static const struct test_response *ask(struct site *s, const char *target, const char *fields)
{
    return ask_as(s, "GET", target, fields);
}

static void check_field(const struct test_response *r, const char *name, const char *expected)
{
    struct wr_slice value = test_field(r, name);

    if (expected ? !wr_slice_eq(value, wr_slice_of(expected)) : value.p != NULL)
        fail_msg("%s: %.*s, expected %s", name, (int)value.n, value.p ? value.p : "",
                 expected ? expected : "none");
}

static void check_status(struct site *s, const char *target, int status)
{
    const struct test_response *r = ask(s, target, "");

    if (r->status != status)
        fail_msg("%s: %d, expected %d", target, r->status, status);
}

/* ---- files and folders ---- */

static void get__small_file__is_sent_with_its_fields(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    open_site(&s);
    r = ask(&s, "/small.txt", "");
    assert_int_equal(r->status, 200);
    assert_string_equal(r->content, "0123456789");
    check_field(r, "Content-Type", "text/plain; charset=utf-8");
    check_field(r, "Content-Length", "10");
    check_field(r, "Last-Modified", "Sat, 05 Nov 1994 01:46:40 GMT");
    check_field(r, "Accept-Ranges", "bytes");
    check_field(r, "X-Content-Type-Options", "nosniff");
    assert_true(test_field(r, "ETag").n > 2);
    assert_int_equal(test_field(r, "ETag").p[0], '"');
    close_site(&s);
}

static void get__files_of_every_size__are_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 32767, 32768, 32769, 65536, 300000};
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(sizes); i++) {
        const struct test_response *r;

        temp_file_fill(&s.folder, "f", sizes[i]);
        s.client.transport.sendfiles = 0;
        r = ask(&s, "/f", "");
        assert_int_equal(r->status, 200);
        assert_int_equal(r->content_n, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(r->content[k], 'a' + (int)(k % 23));
        assert_int_equal(s.client.transport.sendfiles > 0, sizes[i] > 32768);
    }
    close_site(&s);
}

static void get__folder__is_its_index(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    assert_string_equal(ask(&s, "/", "")->content, "<p>top</p>");
    check_field(&s.got.v[0], "Content-Type", "text/html; charset=utf-8");
    assert_string_equal(ask(&s, "/d/", "")->content, "<p>d</p>");
    assert_string_equal(ask(&s, "/d/./../d/", "")->content, "<p>d</p>");
    check_status(&s, "/bare/", 404);
    check_status(&s, "/small.txt/", 404);
    close_site(&s);
}

static void get__folder_without_its_slash__is_redirected(void **state)
{
    static const struct {
        const char *target, *location;
    } rows[] = {
        {"/d", "/d/"},
        {"/d?x=1&y=//z", "/d/?x=1&y=//z"},
        {"/d?", "/d/?"},
        {"/d?a=%41\"\xc3\xa9%", "/d/?a=%41%22%C3%A9%25"},
        {"//evil.example", "/evil.example/"},
        {"///evil.example?q", "/evil.example/?q"},
        {"/%2Fevil.example", "/evil.example/"},
        {"/%2f%2Fevil.example", "/evil.example/"},
        {"/./d", "/d/"},
        {"http://other//evil.example", "/evil.example/"},
        {"/a%20b%C3%A9", "/a%20b%C3%A9/"},
        {"/a%20b\xc3\xa9", "/a%20b%C3%A9/"},
    };
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct test_response *r = ask(&s, rows[i].target, "");

        assert_int_equal(r->status, 301);
        check_field(r, "Location", rows[i].location);
        assert_true(r->content_n > 0);
    }
    close_site(&s);
}

/* RFC 9110 2.3: a redirect to what would be a 414 helps nobody. */
static void get__folder_whose_address_is_too_long__is_414(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    s.server.site.config.target_bytes_max = 12;
    assert_int_equal(ask(&s, "/d?xy=\xc3\xa9", "")->status, 414);
    assert_int_equal(ask(&s, "/d?x=\xc3\xa9", "")->status, 301);
    check_field(&s.got.v[0], "Location", "/d/?x=%C3%A9"); /* 12: it may be asked for */
    assert_int_equal(ask(&s, "/d?123456789", "")->status, 414);
    assert_int_equal(ask(&s, "/d?12345678", "")->status, 301);
    assert_int_equal(ask(&s, "/d/?12345678", "")->status, 200);
    close_site(&s);
}

static void get__hidden_name__is_not_there(void **state)
{
    static const char *const targets[] = {
        "/.secret",      "/.git/config",    "/.git/",         "/.git",      "/%2esecret",
        "/d/../.secret", "/.well-known/.y", "/d/.well-known", "/./.secret",
    };
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(targets); i++)
        check_status(&s, targets[i], 404);
    assert_string_equal(ask(&s, "/.well-known/x", "")->content, "known");
    close_site(&s);
}

static void get__what_is_not_there__is_404(void **state)
{
    char target[400] = "/";
    struct site s;

    (void)state;
    open_site(&s);
    memset(target + 1, 'n', sizeof target - 2);
    check_status(&s, "/nope", 404);
    check_status(&s, "/d/nope", 404);
    check_status(&s, "/small.txt/x", 404);
    check_status(&s, target, 404); /* a name longer than any file's */
    assert_int_equal(symlink("/etc/passwd", temp_path(&s.folder, "out")), 0);
    check_status(&s, "/out", 404);
    assert_int_equal(symlink("loop", temp_path(&s.folder, "loop")), 0);
    check_status(&s, "/loop", 404);
    assert_int_equal(mkfifo(temp_path(&s.folder, "fifo"), 0644), 0);
    check_status(&s, "/fifo", 404);
    check_status(&s, "/small.txt", 200);
    close_site(&s);
}

static void get__what_may_not_be_read__is_403(void **state)
{
    struct site s;

    (void)state;
    if (geteuid() == 0) /* who may read everything */
        skip();
    open_site(&s);
    assert_int_equal(chmod(temp_path(&s.folder, "small.txt"), 0), 0);
    check_status(&s, "/small.txt", 403);
    close_site(&s);
}

/* ---- methods ---- */

static void methods__other_than_get_and_head__are_refused_with_allow(void **state)
{
    static const struct {
        const char *method;
        int status;
    } rows[] = {
        {"POST", 405}, {"PUT", 405}, {"DELETE", 405},  {"PATCH", 405},
        {"BREW", 501}, {"get", 501}, {"OPTIONS", 204},
    };
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct test_response *r = ask_as(&s, rows[i].method, "/small.txt", "");

        assert_int_equal(r->status, rows[i].status);
        check_field(r, "Allow", "GET, HEAD, OPTIONS");
    }
    close_site(&s);
}

static void head__has_the_fields_of_get_and_no_content(void **state)
{
    static const char *const targets[] = {"/",  "/small.txt", "/large.bin", "/empty",
                                          "/d", "/nope",      "/.secret"};
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(targets); i++) {
        struct test_responses r;
        char request[200];

        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: a\r\n\r\nHEAD %s HTTP/1.1\r\nHost: a\r\n\r\n",
                 targets[i], targets[i]);
        s.client.transport.out_n = 0;
        test_client_send(&s.client, request);
        test_client_responses(&s.client, "GH", &r);
        assert_null(r.error);
        assert_int_equal(r.n, 2);
        assert_int_equal(r.v[1].content_n, 0);
        assert_int_equal(r.v[0].fields, r.v[1].fields);
        for (size_t k = 0; k < r.v[0].fields; k++) {
            assert_true(wr_slice_eq(r.v[0].names[k], r.v[1].names[k]));
            assert_true(wr_slice_eq(r.v[0].values[k], r.v[1].values[k]));
        }
        test_responses_free(&r);
    }
    close_site(&s);
}

/* ---- conditions: RFC 9110 13 ---- */

static void conditions__are_evaluated_against_the_file(void **state)
{
    static const struct {
        const char *fields; /* %s: the ETag */
        int status;
    } rows[] = {
        {"If-None-Match: %s\r\n", 304},
        {"If-None-Match: W/%s\r\n", 304}, /* a weak comparison, 13.1.2 */
        {"If-None-Match: \"x\", %s\r\n", 304},
        {"If-None-Match: \"x\"\r\nIf-None-Match: %s\r\n", 304},
        {"If-None-Match: *\r\n", 304},
        {"If-None-Match: \"x\"\r\n", 200},
        {"If-Match: %s\r\n", 200},
        {"If-Match: *\r\n", 200},
        {"If-Match: \"x\"\r\n", 412},
        {"If-Match: W/%s\r\n", 412}, /* a strong one, 13.1.1 */
        {"If-Modified-Since: Sat, 05 Nov 1994 01:46:40 GMT\r\n", 304},
        {"If-Modified-Since: Sat, 05 Nov 1994 01:46:39 GMT\r\n", 200},
        {"If-Modified-Since: Sat, 05 Nov 1994 01:46:39\r\n", 200},
        {"If-Modified-Since: Sat, 05 Nov 1994 01:46:40 GMT\r\nIf-None-Match: \"x\"\r\n", 200},
        {"If-Unmodified-Since: Sat, 05 Nov 1994 01:46:40 GMT\r\n", 200},
        {"If-Unmodified-Since: Sat, 05 Nov 1994 01:46:39 GMT\r\n", 412},
    };
    struct site s;
    struct wr_slice value;
    char etag[64];

    (void)state;
    open_site(&s);
    value = test_field(ask(&s, "/small.txt", ""), "ETag");
    snprintf(etag, sizeof etag, "%.*s", (int)value.n, value.p);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const char *mark = strstr(rows[i].fields, "%s");
        char fields[256];
        const struct test_response *r;

        snprintf(fields, sizeof fields, "%.*s%s%s",
                 mark ? (int)(mark - rows[i].fields) : (int)strlen(rows[i].fields), rows[i].fields,
                 mark ? etag : "", mark ? mark + 2 : "");
        r = ask(&s, "/small.txt", fields);
        if (r->status != rows[i].status)
            fail_msg("%s: %d, expected %d", fields, r->status, rows[i].status);
        if (r->status != 304)
            continue;
        check_field(r, "ETag", etag); /* 15.4.5 */
        check_field(r, "Last-Modified", "Sat, 05 Nov 1994 01:46:40 GMT");
        check_field(r, "Content-Length", NULL);
        assert_int_equal(r->content_n, 0);
    }
    close_site(&s);
}

/* RFC 9110 13.1.2, 13.1.5: with W/ it names the file, but no part of it; and so it is while a change
 * could go unseen, 8.8.3. */
static void conditions__weak_form_of_the_etag__matches_a_file_and_no_part(void **state)
{
    static const struct {
        const char *fields;
        int fresh, settled;
    } rows[] = {
        {"If-None-Match: %s\r\n", 304, 304},
        {"If-None-Match: W/%s\r\n", 304, 304},
        {"If-Match: %s\r\n", 412, 200},
        {"Range: bytes=0-0\r\nIf-Range: %s\r\n", 200, 206},
        {"Range: bytes=0-0\r\nIf-Range: W/%s\r\n", 200, 200},
    };
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < 2 * WR_COUNT(rows); i++) {
        const char *format = rows[i / 2].fields, *mark = strstr(format, "%s");
        bool is_fresh = i % 2 == 0;
        int expected = is_fresh ? rows[i / 2].fresh : rows[i / 2].settled;
        char fields[256];
        struct wr_slice etag;

        temp_file_write(&s.folder, "x", WR_SLICE("0123456789"));
        set_time(&s, is_fresh ? 0 : HOUR_MS);
        etag = test_field(ask(&s, "/x", ""), "ETag");
        assert_int_equal(wr_slice_starts(etag, WR_SLICE("W/")), is_fresh);
        etag = wr_slice_from(etag, is_fresh ? strlen("W/") : 0);
        assert_int_equal(etag.p[0], '"');
        snprintf(fields, sizeof fields, "%.*s%.*s%s", (int)(mark - format), format, (int)etag.n,
                 etag.p, mark + 2);
        if (ask(&s, "/x", fields)->status != expected)
            fail_msg("%s: %d, expected %d", fields, s.got.v[0].status, expected);
    }
    close_site(&s);
}

/* RFC 9110 8.8.2.1: no date is later than that of its answer. */
static void get__file_from_the_future__was_modified_now(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    open_site(&s);
    temp_file_date(&s.folder, "small.txt", s.server.time.wall_ns / 1000000000 + 30 * 86400LL);
    r = ask(&s, "/small.txt", "");
    assert_int_equal(r->status, 200);
    assert_non_null(test_field(r, "Date").p);
    assert_true(wr_slice_eq(test_field(r, "Last-Modified"), test_field(r, "Date")));
    close_site(&s);
}

/* ---- ranges: RFC 9110 14 ---- */

static void ranges__one_part__is_206(void **state)
{
    static const struct {
        const char *fields;
        int status;
        const char *range, *content;
    } rows[] = {
        {"Range: bytes=0-0\r\n", 206, "bytes 0-0/10", "0"},
        {"Range: bytes=3-5\r\n", 206, "bytes 3-5/10", "345"},
        {"Range: bytes=7-\r\n", 206, "bytes 7-9/10", "789"},
        {"Range: bytes=-2\r\n", 206, "bytes 8-9/10", "89"},
        {"Range: bytes=-20\r\n", 206, "bytes 0-9/10", "0123456789"},
        {"Range: bytes=5-99\r\n", 206, "bytes 5-9/10", "56789"},
        {"Range: bytes=10-\r\n", 416, "bytes */10", NULL},
        {"Range: bytes=-0\r\n", 416, "bytes */10", NULL},
        {"Range: bytes=5-3\r\n", 200, NULL, "0123456789"},
        {"Range: lines=0-1\r\n", 200, NULL, "0123456789"},
        {"Range: bytes=0-1,2-4\r\n", 206, "bytes 0-4/10", "01234"},
        {"Range: bytes=20-,3-4\r\n", 206, "bytes 3-4/10", "34"},
        {"Range: bytes=0-1\r\nRange: bytes=0-1\r\n", 200, NULL, "0123456789"},
        {"Range: bytes=3-5\r\nIf-Range: Sat, 05 Nov 1994 01:46:40 GMT\r\n", 206, "bytes 3-5/10",
         "345"},
        {"Range: bytes=3-5\r\nIf-Range: Sat, 05 Nov 1994 01:46:41 GMT\r\n", 200, NULL,
         "0123456789"},
        {"Range: bytes=3-5\r\nIf-Range: \"x\"\r\n", 200, NULL, "0123456789"},
        {"Range: bytes=10-\r\nIf-Range: \"x\"\r\n", 200, NULL, "0123456789"},
    };
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct test_response *r = ask(&s, "/small.txt", rows[i].fields);

        if (r->status != rows[i].status)
            fail_msg("%s: %d, expected %d", rows[i].fields, r->status, rows[i].status);
        check_field(r, "Content-Range", rows[i].range);
        if (rows[i].content)
            assert_string_equal(r->content, rows[i].content);
    }
    close_site(&s);
}

static void ranges__of_a_large_file__come_from_their_offset(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    open_site(&s);
    r = ask(&s, "/large.bin", "Range: bytes=23001-23022\r\n"); /* 23,000 is a multiple of 23 */
    assert_int_equal(r->status, 206);
    assert_string_equal(r->content, "bcdefghijklmnopqrstuvw");
    check_field(r, "Content-Range", "bytes 23001-23022/40000");
    close_site(&s);
}

static void ranges__of_head_and_of_an_empty_file__do_not_count(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    open_site(&s);
    r = ask_as(&s, "HEAD", "/small.txt", "Range: bytes=3-5\r\n");
    assert_int_equal(r->status, 200);
    check_field(r, "Content-Length", "10");
    r = ask(&s, "/empty", "Range: bytes=0-\r\n");
    assert_int_equal(r->status, 416);
    check_field(r, "Content-Range", "bytes */0");
    close_site(&s);
}

/* ---- change ---- */

static void change__of_content__is_seen_in_the_next_turn(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    assert_string_equal(ask(&s, "/small.txt", "")->content, "0123456789");
    assert_string_equal(ask(&s, "/small.txt", "")->content, "0123456789");
    set_time(&s, 0);
    temp_file_write(&s.folder, "small.txt", WR_SLICE("other"));
    assert_string_equal(ask(&s, "/small.txt", "")->content, "other");
    temp_file_write(&s.folder, "small.txt", WR_SLICE("OTHER")); /* within the clock's tick */
    assert_string_equal(ask(&s, "/small.txt", "")->content, "OTHER");
    assert_int_equal(unlink(temp_path(&s.folder, "small.txt")), 0);
    check_status(&s, "/small.txt", 404);
    temp_folder_add(&s.folder, "small.txt");
    check_status(&s, "/small.txt", 301);
    close_site(&s);
}

static void change__file_cut_while_it_is_sent__closes_the_connection(void **state)
{
    struct site s;

    (void)state;
    for (int with_sendfile = 0; with_sendfile < 2; with_sendfile++) {
        open_site(&s);
        if (!with_sendfile)
            s.client.transport.ops.sendfile = NULL;
        s.client.transport.room = 1000;
        test_client_send(&s.client, "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"
                                    "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(truncate(temp_path(&s.folder, "large.bin"), 2000), 0);
        test_client_take(&s.client, FAKE_NO_LIMIT, 10);
        assert_true(s.client.transport.is_shut_down);
        test_client_responses(&s.client, "", &s.got);
        assert_int_equal(s.got.n, 1);
        assert_true(s.got.v[0].is_cut);
        assert_true(s.got.v[0].content_n <= 2000);
        assert_non_null(strstr(s.server.log_text, "became shorter"));
        close_site(&s);
    }
}

static void change__client_gone_while_it_is_sent__lets_go_of_the_file(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    s.client.transport.room = 1000;
    test_client_send(&s.client, "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_reset(&s.client);
    assert_true(s.client.transport.is_closed);
    close_site(&s); /* descriptors are counted at the end */
}

static void new__folder_that_is_none__is_an_error(void **state)
{
    struct wr_static_setup missing = wr_static_setup_of("/nonexistent-folder");
    struct wr_static_setup device = wr_static_setup_of("/dev/null");
    struct test_server s;

    (void)state;
    test_server_init(&s);
    assert_null(test_server_mount(&s, &wr_static_plugin, &missing, NULL));
    assert_null(test_server_mount(&s, &wr_static_plugin, &device, NULL));
    assert_string_equal(s.log_text, "cannot serve /nonexistent-folder: No such file or directory\n"
                                    "cannot serve /dev/null: Not a directory\n");
    test_server_fini(&s);
}

WR_TESTS(cmocka_unit_test(get__small_file__is_sent_with_its_fields),
         cmocka_unit_test(get__files_of_every_size__are_whole),
         cmocka_unit_test(get__folder__is_its_index),
         cmocka_unit_test(get__folder_without_its_slash__is_redirected),
         cmocka_unit_test(get__folder_whose_address_is_too_long__is_414),
         cmocka_unit_test(get__hidden_name__is_not_there),
         cmocka_unit_test(get__what_is_not_there__is_404),
         cmocka_unit_test(get__what_may_not_be_read__is_403),
         cmocka_unit_test(methods__other_than_get_and_head__are_refused_with_allow),
         cmocka_unit_test(head__has_the_fields_of_get_and_no_content),
         cmocka_unit_test(conditions__are_evaluated_against_the_file),
         cmocka_unit_test(conditions__weak_form_of_the_etag__matches_a_file_and_no_part),
         cmocka_unit_test(get__file_from_the_future__was_modified_now),
         cmocka_unit_test(ranges__one_part__is_206),
         cmocka_unit_test(ranges__of_a_large_file__come_from_their_offset),
         cmocka_unit_test(ranges__of_head_and_of_an_empty_file__do_not_count),
         cmocka_unit_test(change__of_content__is_seen_in_the_next_turn),
         cmocka_unit_test(change__file_cut_while_it_is_sent__closes_the_connection),
         cmocka_unit_test(change__client_gone_while_it_is_sent__lets_go_of_the_file),
         cmocka_unit_test(new__folder_that_is_none__is_an_error));
