#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "handlers/redirect.h"
#include "server/router.h"
#include "test_server.h"

/* A redirect at a route, and a client. */
struct site {
    struct test_server server;
    struct test_client client;
    struct test_responses got;
};

static void add_route(struct site *s, const char *route, struct wr_handler *handler)
{
    const char *why;

    assert_int_equal(wr_router_add(&s->server.site.router, route, handler, &why), 0);
}

static void open_site(struct site *s, const char *route, const char *target, int status)
{
    struct wr_redirect_target to = {target, status};

    *s = (struct site){0};
    test_server_init(&s->server);
    if (!test_server_mount(&s->server, &wr_redirect_plugin, &to, NULL))
        fail_msg("%s: %s", target, s->server.log_text);
    to = (struct wr_redirect_target){"/changed", 0}; /* load has copied it */
    s->server.site.router = (struct wr_router){0};
    add_route(s, route, s->server.mounted);
    test_client_open(&s->server, &s->client);
}

static void close_site(struct site *s)
{
    test_responses_free(&s->got);
    test_client_fini(&s->client);
    test_server_fini(&s->server); /* and with it the handler of the route */
    for (size_t i = 0; i < s->server.site.router.n; i++)
        free(s->server.site.router.v[i].text);
    free(s->server.site.router.v);
    wr_vhosts_free(&s->server.site.router.hosts);
}

/* Sends a request without content and gives its response, the only one. */
static const struct test_response *ask_as(struct site *s, const char *method, const char *target)
{
    static char request[64 * 1024];

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: site.example\r\n\r\n", method,
             target);
    test_responses_free(&s->got);
    s->client.transport.out_n = 0;
    test_client_send(&s->client, request);
    test_client_responses(&s->client, strcmp(method, "HEAD") == 0 ? "H" : "G", &s->got);
    if (s->got.error || s->got.n != 1)
        fail_msg("%s: %zu responses, %s", target, s->got.n, s->got.error ? s->got.error : "HTTP");
    return &s->got.v[0];
}

static void check_location(const struct test_response *r, const char *expected)
{
    struct wr_slice value = test_field(r, "Location");

    if (!wr_slice_eq(value, wr_slice_of(expected)))
        fail_msg("Location: %.*s, expected %s", (int)value.n, value.p ? value.p : "(none)",
                 expected);
}

struct row {
    const char *route, *target, *asked, *location;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct site s;
        const struct test_response *r;

        open_site(&s, rows[i].route, rows[i].target, 301);
        r = ask_as(&s, "GET", rows[i].asked);
        if (r->status != 301)
            fail_msg("%s to %s, %s: %d", rows[i].route, rows[i].target, rows[i].asked, r->status);
        check_location(r, rows[i].location);
        close_site(&s);
    }
}

/* ---- the address ---- */

static void route__with_all_below__appends_what_follows(void **state)
{
    static const struct row rows[] = {
        {"/old", "/new", "/old", "/new"},
        {"/old", "/new/", "/old", "/new/"},
        {"/old", "/new", "/old/", "/new/"},
        {"/old", "/new/", "/old/", "/new/"},
        {"/old", "/new", "/old/a/b", "/new/a/b"},
        {"/old", "/new/", "/old/a/b/", "/new/a/b/"},
        {"/old/", "/new", "/old/a", "/new/a"},
        {"/old", "/", "/old", "/"},
        {"/old", "/", "/old/", "/"},
        {"/old", "/", "/old/a", "/a"},
        {"/old", "https://example.org", "/old", "https://example.org"},
        {"/old", "https://example.org", "/old/a", "https://example.org/a"},
        {"/old", "https://example.org/", "/old/a", "https://example.org/a"},
        {"/old", "http://[::1]:8080/x/", "/old/a", "http://[::1]:8080/x/a"},
        {"/old", "HTTPS://Example.org:444/X", "/old/a", "HTTPS://Example.org:444/X/a"},
        {"/", "https://example.org/", "/", "https://example.org/"},
        {"/", "https://example.org", "/", "https://example.org/"},
        {"/", "https://example.org/x", "/", "https://example.org/x/"},
        {"/", "https://example.org/x", "/a/b", "https://example.org/x/a/b"},
        {"site.example/", "https://www.site.example/", "/", "https://www.site.example/"},
        {"site.example/", "https://www.site.example/", "/a?b", "https://www.site.example/a?b"},
        {"site.example/old", "/new", "/old/a", "/new/a"},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows));
}

static void route__exact__gives_the_target_as_it_is(void **state)
{
    static const struct row rows[] = {
        {"=/old", "/new", "/old", "/new"},
        {"=/old", "/new/", "/old", "/new/"},
        {"=/old/", "/new", "/old/", "/new"},
        {"=/", "/new", "/", "/new"},
        {"=/", "https://example.org/start?a", "/", "https://example.org/start?a"},
        {"=site.example/", "/new", "/", "/new"},
        {"=/old", "/new", "/old?q=1", "/new?q=1"},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows));
}

static void query__of_the_request__is_added_when_the_target_has_none(void **state)
{
    static const struct row rows[] = {
        {"/old", "/new", "/old?a=1&b=2", "/new?a=1&b=2"},
        {"/old", "/new", "/old/x?a=1&b=/?", "/new/x?a=1&b=/?"},
        {"/old", "/new", "/old?", "/new?"},
        {"/old", "/new", "/old/?", "/new/?"},
        {"/old", "https://example.org", "/old?a", "https://example.org?a"},
        {"/old", "https://example.org/x?y", "/old", "https://example.org/x?y"},
        {"/old", "https://example.org/x?y", "/old?a", "https://example.org/x?y"},
        {"/old", "https://example.org/x?y", "/old/z?a", "https://example.org/x/z?y"},
        {"/old", "https://example.org/x/?y", "/old/z", "https://example.org/x/z?y"},
        {"/old", "https://example.org?y/", "/old/z", "https://example.org/z?y/"},
        {"/old", "/new?", "/old?a", "/new?"},
        {"/old", "/new?y", "/old?", "/new?y"},
        {"/old", "/new#part", "/old", "/new#part"},
        {"/old", "/new#part", "/old?a", "/new?a#part"},
        {"/old", "/new/#part", "/old/x?a", "/new/x?a#part"},
        {"/old", "/new?y#part", "/old/x?a", "/new/x?y#part"},
        {"/old", "/new#part?no=query", "/old/x?a", "/new/x?a#part?no=query"},
        {"/old", "https://example.org#/", "/old/x", "https://example.org/x#/"},
        {"/old", "/new#", "/old?a", "/new?a#"},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows));
}

/* RFC 3986 2.4: the path was decoded once and is encoded once. */
static void path__decoded__is_encoded_anew(void **state)
{
    static const struct row rows[] = {
        {"/old", "/new", "/old/a%20b", "/new/a%20b"},
        {"/old", "/new", "/old/%C3%A9", "/new/%C3%A9"},
        {"/old", "/new", "/old/\xc3\xa9", "/new/%C3%A9"},
        {"/old", "/new", "/old/%0D%0ASet-Cookie:%20a=b", "/new/%0D%0ASet-Cookie:%20a=b"},
        {"/old", "/new", "/old/%09%7f%01", "/new/%09%7F%01"},
        {"/old", "/new", "/old/%61%2D", "/new/a-"},
        {"/old", "/new", "/old/100%25", "/new/100%25"},
        {"/old", "/new", "/old/%2541", "/new/%2541"},
        {"/old", "/new", "/old/%252e%252e/x", "/new/%252e%252e/x"},
        {"/old", "/new", "/old/%3Fa%23b", "/new/%3Fa%23b"},
        {"/old", "/new", "/old/<\"|>", "/new/%3C%22%7C%3E"},
        {"/old", "/new", "/old/a;b=c,d@e:f", "/new/a;b=c,d@e:f"},
        {"/old", "/new", "/old/a%2Fb", "/new/a/b"},
        {"/old", "/new", "/%6Fld/a", "/new/a"},
        {"/", "/new", "/a%20b", "/new/a%20b"},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows));
}

/* What a client sends never becomes the host: //h and /\h are hosts to browsers. */
static void path__made_to_leave_the_site__does_not(void **state)
{
    static const struct row rows[] = {
        {"/", "/", "//evil.example", "/evil.example"},
        {"/", "/", "///evil.example//x", "/evil.example/x"},
        {"/", "/", "/%2Fevil.example", "/evil.example"},
        {"/", "/", "/%2f%2fevil.example", "/evil.example"},
        {"/", "/", "/\\evil.example", "/%5Cevil.example"},
        {"/", "/", "/%5Cevil.example", "/%5Cevil.example"},
        {"/", "/", "/%09/evil.example", "/%09/evil.example"},
        {"/", "/", "/.//evil.example", "/evil.example"},
        {"/", "/", "http://evil.example//other.example", "/other.example"},
        {"/old", "/", "/old//evil.example", "/evil.example"},
        {"/old", "/", "/old/%2Fevil.example", "/evil.example"},
        {"/old", "/", "/old/./%2e//evil.example", "/evil.example"},
        {"/old", "https://example.org", "/old/.evil", "https://example.org/.evil"},
        {"/old", "https://example.org", "/old/@evil.example", "https://example.org/@evil.example"},
        {"/old", "https://example.org", "/old/:80", "https://example.org/:80"},
        {"/old", "https://example.org", "/old//evil", "https://example.org/evil"},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows));
}

static void query__as_it_came__is_made_valid(void **state)
{
    static const struct row rows[] = {
        {"/old", "/new", "/old?a=%0D%0Ab", "/new?a=%0D%0Ab"},
        {"/old", "/new", "/old?\xc3\xa9", "/new?%C3%A9"},
        {"/old", "/new", "/old?a=%20+b", "/new?a=%20+b"},
        {"/old", "/new", "/old?100%", "/new?100%25"},
        {"/old", "/new", "/old?a[]=\"", "/new?a%5B%5D=%22"},
        {"/old", "/new", "/old?//evil.example", "/new?//evil.example"},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows));
}

static void target__with_octets_that_no_uri_has__is_escaped(void **state)
{
    static const struct row rows[] = {
        {"/old", "/caf\xc3\xa9", "/old", "/caf%C3%A9"},
        {"/old", "/caf\xc3\xa9/", "/old/x", "/caf%C3%A9/x"},
        {"/old", "/caf%C3%A9%2f", "/old/x", "/caf%C3%A9%2f/x"},
        {"/old", "/x?\xc3\xa9#\xc3\xa9", "/old", "/x?%C3%A9#%C3%A9"},
        {"/old", "/\\evil", "/old", "/%5Cevil"},
        {"/old", "/a#b#c", "/old", "/a#b%23c"},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows));
}

static weir_body change_path(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    weir_set(env, "PATH_INFO", weir_state(env));
    return weir_decline();
}

static const weir_plugin path_changer = {.magic = WEIR_PLUGIN_MAGIC,
                                         .abi_major = WEIR_ABI_MAJOR,
                                         .abi_minor = WEIR_ABI_MINOR,
                                         .size = sizeof(weir_plugin),
                                         .name = "change-path",
                                         .app = change_path,
                                         .runs = WEIR_ON_LOOP};

/* A plugin that declines may set PATH_INFO, perhaps to what a client has sent it. */
static void path__set_by_a_plugin__keeps_the_host(void **state)
{
    static const struct {
        const char *target, *path, *location;
    } rows[] = {
        {"/", "//evil.example", "/evil.example"},
        {"/", "evil.example", "/evil.example"},
        {"https://example.org", ".evil.example", "https://example.org/.evil.example"},
        {"https://example.org/", "@evil.example", "https://example.org/@evil.example"},
        {"/new", "/a\r\nX: y", "/new/a%0D%0AX:%20y"},
        {"/new", "", "/new"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct site s;
        char path[32], why[WR_WHY_MAX];
        struct wr_mount_setup setup = {
            .plugin = &path_changer, .route = "=/old/x", .config_label = "config", .state = path};
        struct wr_worker *worker = &s.server.worker;
        struct wr_handler *changer;
        int32_t err;

        open_site(&s, "/old", rows[i].target, 301);
        snprintf(path, sizeof path, "%s", rows[i].path);
        setup.log = &s.server.site.log;
        changer = wr_mount_new(&setup, why, &err);
        assert_non_null(changer);
        assert_int_equal(changer->ops->prepare(changer, &worker, 1, why), 0);
        assert_int_equal(changer->ops->start_loop(changer, 0, why), 0);
        add_route(&s, "=/old/x", changer);
        check_location(ask_as(&s, "GET", "/old/x"), rows[i].location);
        changer->ops->stop_loop(changer, 0);
        changer->ops->free(changer);
        close_site(&s);
    }
}

static void location__too_long_for_a_head__is_414(void **state)
{
    enum { WHOLE = 10919 }; /* times '<', three bytes each, behind "http://a/b/": 32768 bytes */
    static char target[sizeof "/old/" + WHOLE + 1] = "/old/";
    struct site s;

    (void)state;
    open_site(&s, "/old", "http://a/b", 301);
    s.server.site.config.target_bytes_max = sizeof target;
    memset(target + strlen("/old/"), '<', WHOLE);
    assert_int_equal(ask_as(&s, "GET", target)->status, 301);
    assert_int_equal(test_field(&s.got.v[0], "Location").n, 32768);
    target[strlen("/old/") + WHOLE] = 'x';
    assert_int_equal(ask_as(&s, "GET", target)->status, 414);
    assert_null(test_field(&s.got.v[0], "Location").p);
    assert_string_equal(s.server.log_text, "");
    close_site(&s);
}

/* RFC 9110 2.3: an address of this server that it would not take itself. */
static void location__of_ours_beyond_the_limit_of_targets__is_414(void **state)
{
    static const struct {
        const char *target, *asked;
        int status;
    } rows[] = {
        {"/new", "/old/%3Ca", 301}, /* "/new/%3Ca": 9 */
        {"/new", "/old/<ab", 414},         {"/new#part", "/old/%3Ca", 301},
        {"/new", "/old?<<", 414}, /* "/new?%3C%3C" */
        {"http://a/new", "/old/<ab", 301},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct site s;

        open_site(&s, "/old", rows[i].target, 301);
        s.server.site.config.target_bytes_max = 9;
        assert_int_equal(ask_as(&s, "GET", rows[i].asked)->status, rows[i].status);
        close_site(&s);
    }
}

static void location__without_memory__is_503(void **state)
{
    struct site s;
    char target[3000] = "/old/";

    (void)state;
    memset(target + 5, 'x', sizeof target - 6);
    open_site(&s, "/old", "/new", 301);
    s.server.site.config.arena_bytes_max = 8 * 1024;
    assert_int_equal(ask_as(&s, "GET", target)->status, 503);
    close_site(&s);
}

/* ---- the answer ---- */

static void status__each__has_location_and_page(void **state)
{
    static const struct {
        int status;
        const char *phrase;
    } rows[] = {
        {301, "301 Moved Permanently"},  {302, "302 Found"},
        {303, "303 See Other"},          {307, "307 Temporary Redirect"},
        {308, "308 Permanent Redirect"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct site s;
        const struct test_response *r;

        open_site(&s, "/old", "/new", rows[i].status);
        r = ask_as(&s, "GET", "/old/<b>");
        assert_int_equal(r->status, rows[i].status);
        check_location(r, "/new/%3Cb%3E");
        assert_true(
            wr_slice_eq(test_field(r, "Content-Type"), WR_SLICE("text/html; charset=utf-8")));
        assert_non_null(strstr(r->content, rows[i].phrase));
        assert_null(strstr(r->content, "<b>"));
        close_site(&s);
    }
}

static void methods__all__are_redirected(void **state)
{
    static const char *const methods[] = {"GET",    "HEAD",    "POST",  "PUT",
                                          "DELETE", "OPTIONS", "PATCH", "BREW"};
    struct site s;

    (void)state;
    open_site(&s, "/old", "/new", 307);
    for (size_t i = 0; i < WR_COUNT(methods); i++) {
        const struct test_response *r = ask_as(&s, methods[i], "/old/x?y");

        assert_int_equal(r->status, 307);
        check_location(r, "/new/x?y");
        assert_int_equal(r->content_n > 0, strcmp(methods[i], "HEAD") != 0);
        assert_true(test_field(r, "Content-Length").n > 1);
    }
    close_site(&s);
}

static void post__with_content__is_redirected_and_the_next_is_served(void **state)
{
    struct site s;
    struct test_responses r;

    (void)state;
    open_site(&s, "/old", "/new", 308);
    test_client_send(&s.client, "POST /old/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                                "GET /old/b HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_responses(&s.client, "", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.v[0].status, 308);
    check_location(&r.v[0], "/new/a");
    check_location(&r.v[1], "/new/b");
    test_responses_free(&r);
    close_site(&s);
}

static void routes__of_others__are_not_redirected(void **state)
{
    static const struct row rows[] = {
        {"/old", "/new", "/older", NULL},      {"/old", "/new", "/", NULL},
        {"=/old", "/new", "/old/", NULL},      {"=/old", "/new", "/old/a", NULL},
        {"other.example/", "/new", "/", NULL}, {"=/", "/new", "/a", NULL},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct site s;

        open_site(&s, rows[i].route, rows[i].target, 301);
        assert_int_equal(ask_as(&s, "GET", rows[i].asked)->status, 404);
        close_site(&s);
    }
}

/* ---- load ---- */

static void load__wrong_target__says_what_was_expected(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *expected;
    } rows[] = {
        {"", 301, "a path that begins with '/', or a URL that begins with http:// or https://"},
        {"new", 301, "a path that begins with '/'"},
        {"?x", 301, "a path that begins with '/'"},
        {"#x", 301, "a path that begins with '/'"},
        {"*", 301, "a path that begins with '/'"},
        {"example.org/", 301, "a path that begins with '/'"},
        {"ftp://example.org/", 301, "http:// or https://"},
        {"javascript:alert(1)", 301, "http:// or https://"},
        {"https:/example.org", 301, "http:// or https://"},
        {"//example.org", 301, "a path that does not begin with \"//\""},
        {"///", 301, "a path that does not begin with \"//\""},
        {"https://", 301, "a host behind the \"://\""},
        {"https:///x", 301, "a host behind the \"://\""},
        {"https://#x", 301, "a host behind the \"://\""},
        {"https://:80/", 301, "a host behind the \"://\""},
        {"https://me@example.org/", 301, "without a user's name"},
        {"https://example.org:99999/", 301, "a host, in ASCII"},
        {"https://ex\xc3\xa4mple.org/", 301, "a host, in ASCII"},
        {"https://a\\b/", 301, "a host, in ASCII"},
        {"https://[::1/", 301, "a host, in ASCII"},
        {"/a b", 301, "no blanks and no control characters"},
        {"/a\tb", 301, "no blanks and no control characters"},
        {"/a\r\nX: y", 301, "no blanks and no control characters"},
        {"/a#b\n", 301, "no blanks and no control characters"},
        {"/a\x7f", 301, "no blanks and no control characters"},
        {" /a", 301, "no blanks and no control characters"},
        {"/100%", 301, "two hexadecimal digits behind each '%'"},
        {"/%2", 301, "two hexadecimal digits behind each '%'"},
        {"/?%zz", 301, "two hexadecimal digits behind each '%'"},
        {"/new", 300, "expected the status 301, 302, 303, 307 or 308, found 300"},
        {"/new", 304, "expected the status 301, 302, 303, 307 or 308, found 304"},
        {"/new", 200, "expected the status 301, 302, 303, 307 or 308, found 200"},
        {"/new", 0, "expected the status 301, 302, 303, 307 or 308, found 0"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_redirect_target to = {rows[i].target, rows[i].status};
        struct test_server s;

        test_server_init(&s);
        if (test_server_mount(&s, &wr_redirect_plugin, &to, NULL))
            fail_msg("%s: it was taken", rows[i].target);
        if (!strstr(s.log_text, rows[i].expected))
            fail_msg("%s: %s", rows[i].target, s.log_text);
        test_server_fini(&s);
    }
}

static void load__long_target__is_refused_past_its_limit(void **state)
{
    static char target[8192 + 2];

    (void)state;
    target[0] = '/';
    for (int n = 8192; n <= 8193; n++) {
        struct wr_redirect_target to = {target, 301};
        struct test_server s;

        memset(target + 1, 'a', (size_t)n - 1);
        test_server_init(&s);
        assert_int_equal(test_server_mount(&s, &wr_redirect_plugin, &to, NULL) != NULL, n == 8192);
        assert_int_equal(strstr(s.log_text, "expected 8192 bytes at most") != NULL, n == 8193);
        test_server_fini(&s);
    }
}

WR_TESTS(cmocka_unit_test(route__with_all_below__appends_what_follows),
         cmocka_unit_test(route__exact__gives_the_target_as_it_is),
         cmocka_unit_test(query__of_the_request__is_added_when_the_target_has_none),
         cmocka_unit_test(path__decoded__is_encoded_anew),
         cmocka_unit_test(path__made_to_leave_the_site__does_not),
         cmocka_unit_test(query__as_it_came__is_made_valid),
         cmocka_unit_test(target__with_octets_that_no_uri_has__is_escaped),
         cmocka_unit_test(path__set_by_a_plugin__keeps_the_host),
         cmocka_unit_test(location__too_long_for_a_head__is_414),
         cmocka_unit_test(location__of_ours_beyond_the_limit_of_targets__is_414),
         cmocka_unit_test(location__without_memory__is_503),
         cmocka_unit_test(status__each__has_location_and_page),
         cmocka_unit_test(methods__all__are_redirected),
         cmocka_unit_test(post__with_content__is_redirected_and_the_next_is_served),
         cmocka_unit_test(routes__of_others__are_not_redirected),
         cmocka_unit_test(load__wrong_target__says_what_was_expected),
         cmocka_unit_test(load__long_target__is_refused_past_its_limit));
