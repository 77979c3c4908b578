/* Which file answers a path: index, attempts, fallback, listing, and what is hidden. */
#include "static_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "decoder.h"
#include "handlers/listing.h"

#define HTML "Accept: text/html,application/xhtml+xml\r\n"

/* Files whose content is their name. */
static void write_names(struct site *s, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = names[i];

        if (name[strlen(name) - 1] == '/')
            assert_int_equal(mkdir(temp_path(&s->folder, name), 0755), 0);
        else
            temp_file_write(&s->folder, name, wr_slice_of(name));
    }
}

#define WRITE_NAMES(s, ...)                                                                        \
    write_names(s, (const char *const[]){__VA_ARGS__},                                             \
                WR_COUNT(((const char *const[]){__VA_ARGS__})))

/* ---- index ---- */

static void index__the_first_that_is_there__answers(void **state)
{
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "a/", "a/one", "a/two", "b/", "b/two", "c/", "two");
    s.setup.index = (struct wr_static_texts)TEXTS("one", "two");
    open_site(&s);
    check_content(&s, "/a/", "", "a/one");
    check_content(&s, "/b/", "", "b/two");
    check_content(&s, "/", "", "two");
    check_status(&s, "/c/", "", 404);
    close_site(&s);
}

static void index__none__is_404(void **state)
{
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "index.html");
    s.setup.index = (struct wr_static_texts){0};
    open_site(&s);
    check_status(&s, "/", "", 404);
    check_content(&s, "/index.html", "", "index.html");
    close_site(&s);
}

/* No redirect to itself with one more slash, without an end. */
static void index__whose_name_is_a_folder__is_none(void **state)
{
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "a/", "a/one/", "a/two", "b/", "b/one/", "b/two/", "404", "c/", "c/one/");
    s.setup.index = (struct wr_static_texts)TEXTS("one", "two");
    open_site(&s);
    check_content(&s, "/a/", "", "a/two");
    check_status(&s, "/b/", "", 404);
    check_status(&s, "/c/", "", 404);
    check_field(check_status(&s, "/b/one", "", 301), "Location", "/b/one/");
    close_site(&s);
}

static void index__that_is_a_folder__leaves_the_rest_as_without_one(void **state)
{
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "a/", "a/index.html/", "all");
    s.setup.listing = true;
    open_site(&s);
    check_status(&s, "/a/", "", 200);
    close_site(&s);

    begin_site(&s);
    WRITE_NAMES(&s, "a/", "a/index.html/", "all");
    s.setup.attempts = (struct wr_static_texts)TEXTS("/all");
    open_site(&s);
    check_content(&s, "/a/", "", "all");
    close_site(&s);
}

/* ---- attempts ---- */

static void attempts__are_made_in_order__of_the_path(void **state)
{
    static const struct {
        const char *target, *content; /* NULL: 404 */
    } rows[] =
        {
            {"/x", "x.html"},       {"/d/y", "d/y.html"},
            {"/d/y/", "d/y.html"}, /* without the slash at its end */
            {"/z", "sub/z"},        {"/q.txt", "all"},
            {"/", "all"},           {"/d/", "all"},
            {"/a/b/c/d", "all"},    {"/x.html", "x.html"},
            {"/both", "both.html"}, {"/d/../x", "x.html"},
            {"/.hidden", NULL},     {"/e", NULL},
        };
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "x.html", "d/", "d/y.html", "sub/", "sub/z", "all", "both.html", "both/",
                ".hidden.html", ".hidden", "e/");
    s.setup.attempts = (struct wr_static_texts)TEXTS("{path}.html", "/sub{path}", "/all");
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        if (rows[i].content)
            check_content(&s, rows[i].target, "", rows[i].content);
        else if (ask(&s, rows[i].target, "")->status == 200)
            fail_msg("%s: %s", rows[i].target, s.got.v[0].content);
    }
    check_field(check_status(&s, "/e", "", 301), "Location", "/e/"); /* a folder, not "/all" */
    close_site(&s);
}

static void attempts__none_that_is_there__are_as_none(void **state)
{
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "folder.d/", "e/");
    s.setup.attempts = (struct wr_static_texts)TEXTS("{path}.d", "{path}.none");
    open_site(&s);
    check_status(&s, "/folder", "", 404); /* what an attempt finds is a file */
    check_status(&s, "/nope", "", 404);
    check_status(&s, "/e", "", 301);
    close_site(&s);
}

/* ---- fallback ---- */

static void fallback__answers_navigations(void **state)
{
    static const struct {
        const char *target, *fields;
        int status;
    } rows[] = {
        {"/users/42", HTML, 200},
        {"/users/42/", HTML, 200},
        {"/a.b/42", HTML, 200},
        {"/users/42", "Accept: text/html;q=0\r\n", 404},
        {"/users/42", "Accept: */*\r\n", 404},
        {"/users/42", "", 404},
        {"/users/4.2", HTML, 404},
        {"/x.js", HTML, 404},
        {"/.hidden", HTML, 404},
        {"/e", HTML, 301},
        {"/e/", HTML, 200}, /* no index */
        {"/there", HTML, 200},
    };
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "app", "e/", "there", ".hidden");
    s.setup.fallback = "/app";
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct test_response *r =
            check_status(&s, rows[i].target, rows[i].fields, rows[i].status);

        if (r->status == 200)
            assert_string_equal(r->content, i + 1 == WR_COUNT(rows) ? "there" : "app");
    }
    assert_int_equal(ask_as(&s, "HEAD", "/users/42", HTML)->status, 200);
    assert_int_equal(ask_as(&s, "POST", "/users/42", HTML)->status, 405);
    close_site(&s);
}

static void fallback__that_is_not_there__is_404(void **state)
{
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "e/");
    s.setup.fallback = "/app";
    open_site(&s);
    check_field(check_status(&s, "/nope", HTML, 404), "Vary", "Accept");
    WRITE_NAMES(&s, "app/");
    check_status(&s, "/nope", HTML, 404); /* nor a folder's address */
    close_site(&s);
}

/* A folder that is there is listed; what is not there is the application's, slash or not. */
static void fallback__with_listings__is_for_what_is_no_folder(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "app", "e/", "e/in-it");
    s.setup.fallback = "/app";
    s.setup.listing = true;
    open_site(&s);
    assert_non_null(strstr(check_status(&s, "/e/", HTML, 200)->content, "in-it"));
    check_content(&s, "/users", HTML, "app");
    r = check_content(&s, "/users/", HTML, "app");
    check_field(r, "Vary", "Accept");
    check_field(r, "Content-Security-Policy", NULL);
    check_field(check_status(&s, "/users/", "", 404), "Vary", "Accept");
    check_content(&s, "/app/more/", HTML, "app");
    close_site(&s);
}

/* ---- listing ---- */

static void listing__is_a_page_or_json(void **state)
{
    static const struct {
        const char *fields, *type;
    } rows[] = {
        {"", "text/html; charset=utf-8"},
        {"Accept: */*\r\n", "text/html; charset=utf-8"},
        {"Accept: application/json\r\n", "application/json"},
        {"Accept: application/json, text/html\r\n", "text/html; charset=utf-8"},
        {"Accept: application/json, text/html;q=0.9\r\n", "application/json"},
        {"Accept: application/json, text/plain, */*\r\n", "application/json"},
        {"Accept: application/json, text/html, */*\r\n", "text/html; charset=utf-8"},
        {"Accept: application/json;q=0.9, */*\r\n", "text/html; charset=utf-8"},
        {"Accept: image/png\r\n", "text/html; charset=utf-8"},
    };
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "e/", "e/in-it", "e/.hidden");
    s.setup.listing = true;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct test_response *r = check_status(&s, "/e/", rows[i].fields, 200);
        bool is_page = strstr(rows[i].type, "html") != NULL;

        check_field(r, "Content-Type", rows[i].type);
        check_field(r, "Vary", "Accept, Accept-Encoding");
        check_field(r, "X-Content-Type-Options", "nosniff");
        check_field(r, "Content-Security-Policy", is_page ? WR_LISTING_POLICY : NULL);
        assert_true(wr_slice_starts(test_field(r, "ETag"), WR_SLICE("W/\"")));
        check_field(r, "Accept-Ranges", NULL);
        assert_non_null(strstr(r->content, "in-it"));
        assert_null(strstr(r->content, "hidden"));
        assert_non_null(strstr(r->content, is_page ? "<html" : "{\"path\":\"/e/\","));
    }
    check_field(check_status(&s, "/e", "", 301), "Location", "/e/");
    close_site(&s);
}

static void listing__in_a_coding__is_the_same_page(void **state)
{
    static const struct {
        const char *fields;
        enum wr_coding coding;
    } rows[] = {
        {"Accept-Encoding: gzip\r\n", WR_CODING_GZIP},
        {"Accept-Encoding: gzip, br\r\n", WR_CODING_BR},
        {"Accept-Encoding: zstd\r\n", WR_CODING_ZSTD},
        {"Accept-Encoding: deflate\r\n", WR_CODING_IDENTITY},
        {"Accept-Encoding: gzip;q=0.1, identity\r\n", WR_CODING_IDENTITY},
    };
    struct site s;
    struct test_responses plain;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "e/", "e/in-it");
    s.setup.listing = true;
    open_site(&s);
    check_status(&s, "/e/", "", 200);
    plain = s.got;
    s.got = (struct test_responses){0};
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct test_response *r = check_status(&s, "/e/", rows[i].fields, 200);
        struct wr_slice name = wr_coding_name(rows[i].coding);
        char text[16];

        snprintf(text, sizeof text, "%.*s", (int)name.n, name.p);
        check_field(r, "Vary", "Accept, Accept-Encoding");
        check_field(r, "Content-Encoding", rows[i].coding == WR_CODING_IDENTITY ? NULL : text);
        assert_true(rows[i].coding == WR_CODING_IDENTITY
                        ? r->content_n == plain.v[0].content_n
                        : decodes_to(rows[i].coding, wr_slice(r->content, r->content_n),
                                     wr_slice(plain.v[0].content, plain.v[0].content_n)));
    }
    test_responses_free(&plain);
    close_site(&s);
}

static void listing__too_short_for_a_coding__is_plain(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "e/", "e/in-it");
    s.setup.listing = true;
    open_site(&s);
    r = check_status(&s, "/e/", "Accept: application/json\r\nAccept-Encoding: br\r\n", 200);
    assert_true(r->content_n < 512);
    check_field(r, "Content-Encoding", NULL);
    check_field(r, "Vary", "Accept, Accept-Encoding");
    close_site(&s);
}

static void listing__without_compressing__varies_by_accept_alone(void **state)
{
    const struct wr_static_rule rules[] = {
        {.fields =
             PAIRS({"Content-Security-Policy", "default-src x"}, {"X-Content-Type-Options", NULL})},
    };
    struct site s;
    const struct test_response *r;

    (void)state;
    for (int siblings = 0; siblings < 2; siblings++) {
        begin_site(&s);
        WRITE_NAMES(&s, "e/");
        s.setup.listing = true;
        s.setup.compress = siblings ? WR_STATIC_COMPRESS_SIBLINGS : WR_STATIC_COMPRESS_OFF;
        s.setup.rules = rules;
        s.setup.rules_n = 1;
        open_site(&s);
        r = check_status(&s, "/e/", "Accept-Encoding: gzip\r\n", 200);
        check_field(r, "Vary", "Accept");
        check_field(r, "Content-Encoding", NULL);
        check_field(r, "Content-Security-Policy", "default-src x");
        check_field(r, "X-Content-Type-Options", NULL);
        close_site(&s);
    }
}

static void listing__order_head_and_hidden_names__are_as_asked(void **state)
{
    struct site s;
    char length[24];
    const struct test_response *r;
    const char *a, *b;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "e/", "e/aa", "e/bb", "e/.hidden", ".git/");
    s.setup.listing = s.setup.dot_files = true;
    open_site(&s);
    r = check_status(&s, "/e/?sort=name&order=desc", "", 200);
    a = strstr(r->content, "\"aa\"");
    b = strstr(r->content, "\"bb\"");
    assert_true(a && b && b < a);
    assert_non_null(strstr(r->content, ".hidden"));
    snprintf(length, sizeof length, "%zu", r->content_n);
    r = ask_as(&s, "HEAD", "/e/?sort=name&order=desc", "");
    assert_int_equal(r->status, 200);
    check_field(r, "Content-Length", length);
    check_status(&s, "/.git/", "", 200);
    check_content(&s, "/e/.hidden", "", "e/.hidden");
    close_site(&s);
}

/* What is not there for a file is not there for a listing. */
static void listing__of_no_folder__is_404(void **state)
{
    char target[400] = "/";
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "e/", "file");
    s.setup.listing = true;
    open_site(&s);
    memset(target + 1, 'n', sizeof target - 2);
    target[300] = '/';
    target[301] = '\0';
    assert_int_equal(symlink("loop", temp_path(&s.folder, "loop")), 0);
    assert_int_equal(symlink("/etc", temp_path(&s.folder, "out")), 0);
    assert_int_equal(symlink("../..", temp_path(&s.folder, "up")), 0);
    check_status(&s, "/nope/", "", 404);
    check_status(&s, "/file/", "", 404);
    check_status(&s, "/.git/", "", 404);
    check_status(&s, "/loop/", "", 404);
    check_status(&s, "/out/", "", 404);
    check_status(&s, "/up/", "", 404);
    check_status(&s, target, "", 404); /* longer than any name */
    assert_string_equal(s.server.log_text, "");
    close_site(&s);
}

static void listing__denied__is_403(void **state)
{
    const struct wr_static_rule rules[] = {{.match = TEXTS("/e/"), .deny = true}};
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "e/", "e/secret", "f/");
    s.setup.listing = true;
    s.setup.rules = rules;
    s.setup.rules_n = 1;
    open_site(&s);
    assert_null(strstr(check_status(&s, "/e/", "", 403)->content, "secret"));
    check_status(&s, "/f/", "", 200);
    close_site(&s);
}

/* ---- rules: the path is that of the file ---- */

static void rules__deny__counts_for_what_is_asked_and_what_answers(void **state)
{
    static const struct {
        const char *target, *fields;
        int status;
    } rows[] = {
        {"/secret", "", 403},      {"/secret.html", "", 403}, {"/d/", "", 403},
        {"/private/x", HTML, 403}, {"/else", HTML, 200},      {"/open", "", 200},
        {"/private", "", 403},     {"/nope", "", 404},
    };
    const struct wr_static_rule rules[] = {
        {.match = TEXTS("secret.html", "/d/index.html", "/private/"), .deny = true}};
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "secret.html", "d/", "d/index.html", "app", "open", "private/");
    s.setup.rules = rules;
    s.setup.rules_n = 1;
    s.setup.attempts = (struct wr_static_texts)TEXTS("{path}.html");
    s.setup.fallback = "/app";
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        check_status(&s, rows[i].target, rows[i].fields, rows[i].status);
    close_site(&s);
}

static void rules__path__is_that_of_the_file_that_answers(void **state)
{
    static const struct {
        const char *target, *fields, *cache_control;
    } rows[] = {
        {"/", "", "index"},         {"/index.html", "", "index"}, {"/x", "", "html"},
        {"/assets/a", HTML, "app"}, {"/assets/b", "", "assets"},
    };
    const struct wr_static_rule rules[] = {
        {.match = TEXTS("/assets/"), .cache_control = "assets"},
        {.match = TEXTS("*.html"), .cache_control = "html"},
        {.match = TEXTS("/index.html"), .cache_control = "index"},
        {.match = TEXTS("/app"), .cache_control = "app"},
    };
    struct site s;

    (void)state;
    begin_site(&s);
    WRITE_NAMES(&s, "index.html", "x.html", "assets/", "assets/b", "app");
    s.setup.rules = rules;
    s.setup.rules_n = WR_COUNT(rules);
    s.setup.attempts = (struct wr_static_texts)TEXTS("{path}.html");
    s.setup.fallback = "/app";
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        check_field(check_status(&s, rows[i].target, rows[i].fields, 200), "Cache-Control",
                    rows[i].cache_control);
    close_site(&s);
}

WR_TESTS(cmocka_unit_test(index__the_first_that_is_there__answers),
         cmocka_unit_test(index__none__is_404),
         cmocka_unit_test(index__whose_name_is_a_folder__is_none),
         cmocka_unit_test(index__that_is_a_folder__leaves_the_rest_as_without_one),
         cmocka_unit_test(attempts__are_made_in_order__of_the_path),
         cmocka_unit_test(attempts__none_that_is_there__are_as_none),
         cmocka_unit_test(fallback__answers_navigations),
         cmocka_unit_test(fallback__that_is_not_there__is_404),
         cmocka_unit_test(fallback__with_listings__is_for_what_is_no_folder),
         cmocka_unit_test(listing__is_a_page_or_json),
         cmocka_unit_test(listing__in_a_coding__is_the_same_page),
         cmocka_unit_test(listing__too_short_for_a_coding__is_plain),
         cmocka_unit_test(listing__without_compressing__varies_by_accept_alone),
         cmocka_unit_test(listing__order_head_and_hidden_names__are_as_asked),
         cmocka_unit_test(listing__of_no_folder__is_404), cmocka_unit_test(listing__denied__is_403),
         cmocka_unit_test(rules__deny__counts_for_what_is_asked_and_what_answers),
         cmocka_unit_test(rules__path__is_that_of_the_file_that_answers));
