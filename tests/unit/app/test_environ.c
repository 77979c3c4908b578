#include "environ_fixture.h"

#include <weir/version.h>

#include <stdlib.h>

static const char *wanted;
static bool is_there;
static char got_n[512];

static weir_body look_up(weir_environ *env)
{
    const char *value = weir_get(env, wanted), *slice;
    size_t n = 99;

    slice = weir_get_n(env, wanted, &n);
    is_there = value != NULL;
    keep(got, value, value ? strlen(value) : 0);
    keep(got_n, slice, n);
    if (is_there != (slice != NULL) || (!slice && n != 0))
        keep(got_n, "weir_get_n differs", 18);
    return weir_empty();
}

static void check_got(const char *expected, const char *where)
{
    if (is_there != (expected != NULL) || strcmp(got, expected ? expected : "") != 0)
        fail_msg("%s of %s: %s, expected %s", wanted, where, is_there ? got : "(none)",
                 expected ? expected : "(none)");
    if (strcmp(got, got_n) != 0)
        fail_msg("%s of %s: weir_get %s, weir_get_n %s", wanted, where, got, got_n);
}

static weir_body look_the_other_way_round(weir_environ *env)
{
    char before[sizeof got];
    size_t n = 99;
    const char *slice = weir_get_n(env, wanted, &n);
    weir_body body;

    keep(before, slice, n);
    body = look_up(env);
    if (strcmp(before, got_n) != 0)
        keep(got_n, "weir_get_n differs, asked again", 31);
    return body;
}

/* Sends the request on a connection of its own, twice, and compares what the app finds. */
static void check_key(struct test_server *s, const char *request, const char *key,
                      const char *expected)
{
    struct test_client c;

    wanted = key;
    for (int i = 0; i < 2; i++) {
        look = i == 0 ? look_the_other_way_round : look_up;
        keep(got, "not called", 10);
        test_client_open(s, &c);
        test_client_send(&c, request);
        check_ok(&c);
        check_got(expected, request);
        test_client_fini(&c);
    }
}

/* Keys that are near one that there is, and no key. */
static void get__no_key__has_no_value(void **state)
{
    static const char *const keys[] = {"",
                                       "P",
                                       "PATH",
                                       "INFO",
                                       "HTTP",
                                       "HTTP_",
                                       "PATH-INFO",
                                       "xATH_INFO",
                                       "PATHxINFO",
                                       "PATH_INFO ",
                                       " PATH_INFO",
                                       "PATH__INFO",
                                       "path_info",
                                       "xxxHNFO",
                                       "xxxHxNFO",
                                       "HTTPs",
                                       "xxxPTPS",
                                       "HTTPSS",
                                       "SCRIPTxNAME",
                                       "SERVER_xAME",
                                       "SERVER_ADDR",
                                       "REMOTE_NAME",
                                       "SCRIPT_PORT",
                                       "REQUEST_ROOT",
                                       "weir.versio",
                                       "weir.versioN",
                                       "weir_version",
                                       "weir.run-once",
                                       "REQUEST__ID",
                                       "REQUESTID"};
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, look_up);
    for (size_t i = 0; i < WR_COUNT(keys); i++)
        check_key(&s, GET("/p?q", ""), keys[i], NULL);
    close_both(&s, &c);
}

/* ---- keys ---- */

static void get__every_key__has_its_value(void **state)
{
    static const struct {
        const char *request, *key, *expected;
    } rows[] = {
        {GET("/", ""), "REQUEST_METHOD", "GET"},
        {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "REQUEST_METHOD", "BREW"},
        {GET("/", ""), "SCRIPT_NAME", ""},
        {GET("/", ""), "PATH_INFO", "/"},
        {GET("/x/y%20z%C3%A9;p?q", ""), "PATH_INFO", "/x/y z\xc3\xa9;p"},
        {GET("/x/./y/../z", ""), "PATH_INFO", "/x/z"},
        {GET("/x", ""), "QUERY_STRING", ""},
        {GET("/x?", ""), "QUERY_STRING", ""},
        {GET("/x?a=%20b&c=%00?d", ""), "QUERY_STRING", "a=%20b&c=%00?d"},
        {GET("/x", ""), "CONTENT_TYPE", NULL},
        {GET("/x", "Content-Type: text/plain; charset=utf-8\r\n"), "CONTENT_TYPE",
         "text/plain; charset=utf-8"},
        {GET("/x", ""), "CONTENT_LENGTH", NULL},
        {GET("/x", "Content-Length: 0\r\n"), "CONTENT_LENGTH", "0"},
        {GET("/x", "Content-Length: 3\r\n") "abc", "CONTENT_LENGTH", "3"},
        {GET("/x", "Transfer-Encoding: chunked\r\n") "1\r\na\r\n0\r\n\r\n", "CONTENT_LENGTH", NULL},
        {GET("/x", ""), "SERVER_NAME", "a"},
        {"GET / HTTP/1.1\r\nHost: www.example:8080\r\n\r\n", "SERVER_NAME", "www.example"},
        {"GET / HTTP/1.1\r\nHost: www.example:\r\n\r\n", "SERVER_NAME", "www.example"},
        {"GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", "SERVER_NAME", "192.0.2.1"},
        {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "SERVER_NAME", "[::1]"},
        {"GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", "SERVER_NAME", "[2001:db8::1]"},
        {"GET http://b.example:81/x HTTP/1.1\r\nHost: a\r\n\r\n", "SERVER_NAME", "b.example"},
        {"GET / HTTP/1.0\r\n\r\n", "SERVER_NAME", "localhost"},
        {"GET / HTTP/1.1\r\nHost: www.example:8080\r\n\r\n", "SERVER_PORT", "80"},
        {GET("/", ""), "SERVER_PROTOCOL", "HTTP/1.1"},
        {"GET / HTTP/1.0\r\n\r\n", "SERVER_PROTOCOL", "HTTP/1.0"},
        {GET("/", ""), "SERVER_SOFTWARE", "Weir/" WEIR_VERSION},
        {GET("/", ""), "GATEWAY_INTERFACE", "CGI/1.1"},
        {GET("/", ""), "REMOTE_ADDR", "192.0.2.7"},
        {GET("/", ""), "REMOTE_PORT", "50000"},
        {GET("/x%20/../y?a=%20", ""), "REQUEST_URI", "/x%20/../y?a=%20"},
        {"GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "REQUEST_URI", "http://a/x?y"},
        {"GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "PATH_INFO", "/x"},
        {"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "PATH_INFO", "/"},
        {"GET http://b:81/x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP_HOST", "b:81"}, /* RFC 9112 3.2.2 */
        {"GET http://b:81/x HTTP/1.0\r\n\r\n", "HTTP_HOST", NULL},
        {"GET / HTTP/1.0\r\n\r\n", "HTTP_HOST", NULL},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "HTTP_HOST", ""},
        {GET("/", ""), "REQUEST_SCHEME", "http"},
        {GET("/", ""), "HTTPS", NULL},
        {GET("/", ""), "DOCUMENT_ROOT", NULL},
        {GET("/x", ""), "PATH_TRANSLATED", NULL},
        {GET("/", ""), "weir.version", "1.0"},
        {GET("/", ""), "weir.url_scheme", "http"},
        {GET("/", ""), "weir.multithread", "0"}, /* one loop */
        {GET("/", ""), "weir.multiprocess", "0"},
        {GET("/", ""), "weir.run_once", "0"},
        /* of RFC 3875, but of what this server does not do */
        {GET("/", "Authorization: Basic YTpi\r\n"), "AUTH_TYPE", NULL},
        {GET("/", "Authorization: Basic YTpi\r\n"), "REMOTE_USER", NULL},
        {GET("/", ""), "REMOTE_IDENT", NULL},
        /* keys are compared whole, and in their case */
        {GET("/", ""), "path_info", NULL},
        {GET("/", ""), "PATH_INF", NULL},
        {GET("/", ""), "PATH_INFO_", NULL},
        {GET("/", ""), "", NULL},
        {GET("/", ""), "weir.input", NULL},
    };
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, look_up);
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        check_key(&s, rows[i].request, rows[i].key, rows[i].expected);
    assert_string_equal(s.log_text, "");
    close_both(&s, &c);
}

/* SCRIPT_NAME and PATH_INFO together are the path (RFC 3875 3.3, PEP 3333). */
static void get__script_name_and_path_info__divide_the_path_at_the_route(void **state)
{
    static const struct {
        const char *route;
        bool is_exact;
        const char *request, *script_name, *path_info;
    } rows[] = {
        {"", false, GET("/", ""), "", "/"},
        {"", false, GET("/a/b", ""), "", "/a/b"},
        {"/", true, GET("/", ""), "", "/"},
        {"/a", false, GET("/a", ""), "/a", ""},
        {"/a", false, GET("/a/", ""), "/a", "/"},
        {"/a", false, GET("/a/b?c", ""), "/a", "/b"},
        {"/a", false, GET("/%61/b", ""), "/a", "/b"},
        {"/a/b", false, GET("/a/b/c/d/", ""), "/a/b", "/c/d/"},
        {"/a", true, GET("/a", ""), "/a", ""},
        {"/a/", true, GET("/a/", ""), "/a/", ""},
        {"/a b", false, GET("/a%20b/c%25", ""), "/a b", "/c%"},
    };
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, look_up);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        s.route.path = wr_slice_of(rows[i].route);
        s.route.is_exact = rows[i].is_exact;
        check_key(&s, rows[i].request, "SCRIPT_NAME", rows[i].script_name);
        check_key(&s, rows[i].request, "PATH_INFO", rows[i].path_info);
    }
    close_both(&s, &c);
}

static void get__path_translated__is_path_info_in_the_served_folder(void **state)
{
    struct test_server s;
    struct test_client c;
    struct wr_mount *m;

    (void)state;
    open_both(&s, &c, look_up);
    m = WR_CONTAINER_OF(s.mounted, struct wr_mount, base);
    m->document_root = strdup("/srv/www");
    assert_non_null(m->document_root);
    s.route.path = WR_SLICE("/a");
    check_key(&s, GET("/a/x%20y", ""), "DOCUMENT_ROOT", "/srv/www");
    check_key(&s, GET("/a/x%20y", ""), "PATH_TRANSLATED", "/srv/www/x y");
    check_key(&s, GET("/a", ""), "PATH_TRANSLATED", NULL); /* RFC 3875 4.1.6 */
    close_both(&s, &c);
}

static void connect_as(struct test_server *s, struct test_client *c, const struct wr_peer *peer)
{
    test_client_init(s, c);
    assert_int_equal(wr_conn_open(&s->worker, &c->transport.base, -1, peer), 0);
    c->conn = WR_CONTAINER_OF(s->worker.conns.prev, struct wr_conn, link);
    test_server_step(s);
}

static void get__peer__is_of_the_connection(void **state)
{
    static const struct wr_peer unix_peer = {.family = AF_UNIX},
                                six = {{0x20, 0x01, 0x0d, 0xb8, [15] = 7}, AF_INET6, 65535, 8443};
    static const struct {
        const struct wr_peer *peer;
        const char *request, *key, *expected;
    } rows[] = {
        {&six, GET("/", ""), "REMOTE_ADDR", "2001:db8::7"},
        {&six, GET("/", ""), "REMOTE_PORT", "65535"},
        {&six, GET("/", ""), "SERVER_PORT", "8443"},
        {&unix_peer, GET("/", ""), "REMOTE_ADDR", NULL},
        {&unix_peer, GET("/", ""), "REMOTE_PORT", NULL},
        {&unix_peer, GET("/", ""), "SERVER_PORT", "80"},
        {&unix_peer, "GET / HTTP/1.0\r\n\r\n", "SERVER_PORT", "80"},
        {&unix_peer, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "SERVER_PORT", "80"},
        {&unix_peer, "GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n", "SERVER_PORT", "8080"},
        {&unix_peer, "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "SERVER_PORT", "8080"},
        /* RFC 9112 3.3: a target in absolute form is the URI; RFC 9110 7.4: by https only from a
         * gateway that is trusted */
        {&unix_peer, "GET https://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "REQUEST_SCHEME", "https"},
        {&unix_peer, "GET HTTPS://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "weir.url_scheme", "https"},
        {&unix_peer, "GET https://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTPS", "on"},
        {&unix_peer, "GET https://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "SERVER_PORT", "443"},
        {&unix_peer, "GET https://b:8/x HTTP/1.1\r\nHost: a\r\n\r\n", "SERVER_PORT", "8"},
        {&unix_peer, "GET https://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "SERVER_NAME", "b"},
        {&unix_peer, "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "REQUEST_SCHEME", "http"},
        {&unix_peer, "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTPS", NULL},
        {&unix_peer, GET("/", ""), "HTTPS", NULL},
    };
    struct test_server s;
    struct test_client c, other;

    (void)state;
    open_both(&s, &c, look_up);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        connect_as(&s, &other, rows[i].peer);
        wanted = rows[i].key;
        test_client_send(&other, rows[i].request);
        check_ok(&other);
        check_got(rows[i].expected, rows[i].request);
        test_client_fini(&other);
    }
    close_both(&s, &c);
}

static void get__request_id__is_each_requests_own(void **state)
{
    struct test_server s;
    struct test_client c;
    char first[512];

    (void)state;
    open_both(&s, &c, look_up);
    wanted = "REQUEST_ID";
    test_client_send(&c, GET("/", ""));
    assert_true(is_there && strlen(got) > 0);
    assert_int_equal(strspn(got, "0123456789abcdef-"), strlen(got));
    assert_string_equal(got, got_n);
    memcpy(first, got, sizeof first);
    test_client_send(&c, GET("/", ""));
    assert_string_not_equal(got, first);
    close_both(&s, &c);
}

static void get__multithread__says_whether_two_calls_may_be_made_at_once(void **state)
{
    static const struct {
        int32_t runs, serial;
        bool is_concurrent; /* the pool has two threads, and there is one loop */
    } rows[] = {
        {WEIR_IN_THREAD, 0, true},
        {WEIR_IN_THREAD, 1, false},
        {WEIR_ON_LOOP, 0, false},
        {WEIR_ON_LOOP, 1, false},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_server s;
        struct wr_mount *m;
        weir_plugin p = plugin;

        p.runs = rows[i].runs;
        p.serial = rows[i].serial;
        test_server_init(&s);
        assert_non_null(test_server_mount(&s, &p, NULL, NULL));
        m = WR_CONTAINER_OF(s.mounted, struct wr_mount, base);
        assert_int_equal(wr_mount_is_concurrent(m), rows[i].is_concurrent);
        m->threads = 1; /* which may wait for a client, and another call begins meanwhile */
        assert_int_equal(wr_mount_is_concurrent(m), rows[i].is_concurrent);
        test_server_fini(&s);
    }
}

/* ---- HTTP_*: RFC 3875 4.1.18, RFC 9110 5.3, RFC 9113 8.2.3, CVE-2016-5385 ---- */

static void get__http_keys__are_the_fields(void **state)
{
    static const struct {
        const char *fields, *key, *expected;
    } rows[] = {
        {"X-A: 1\r\n", "HTTP_X_A", "1"},
        {"x-a:  1 2 \t\r\n", "HTTP_X_A", "1 2"},
        {"X-a: 1\r\n", "HTTP_X-A", NULL},
        {"X-a: 1\r\n", "HTTP_x_a", NULL},
        {"X-a: 1\r\n", "http_x_a", NULL},
        {"X-A: 1\r\n", "HTTP_X", NULL},
        {"X-A: 1\r\n", "HTTP_X_AB", NULL},
        {"X-A: 1\r\n", "HTTP_", NULL},
        {"X-9: 1\r\n", "HTTP_X_9", "1"},
        {"X-E:\r\n", "HTTP_X_E", ""},
        {"X-A: \xc3\xa9\r\n", "HTTP_X_A", "\xc3\xa9"},
        {"", "HTTP_HOST", "a"},
        {"", "HTTP_ACCEPT", NULL},
        {"Accept: a\r\nX: 1\r\naccept: b\r\nACCEPT: c, d\r\n", "HTTP_ACCEPT", "a, b, c, d"},
        {"Cookie: a=1\r\nCookie: b=2\r\ncookie: c=3; d=4\r\n", "HTTP_COOKIE", "a=1; b=2; c=3; d=4"},
        {"Cookie2: a\r\nCookie2: b\r\n", "HTTP_COOKIE2", "a, b"},
        /* an underscore would pass for a hyphen */
        {"X_A: 1\r\n", "HTTP_X_A", NULL},
        {"X-A: 1\r\nX_A: 2\r\n", "HTTP_X_A", "1"},
        {"X_A: 2\r\nX-A: 1\r\n", "HTTP_X_A", "1"},
        {"X__A: 1\r\n", "HTTP_X__A", NULL},
        {"X--A: 1\r\n", "HTTP_X__A", "1"},
        /* tokens all the same, but no names of keys */
        {"X.A: 1\r\n", "HTTP_X.A", NULL},
        {"X.A: 1\r\n", "HTTP_X_A", NULL},
        {"X!#$%&'*+^`|~: 1\r\n", "HTTP_X!#$%&'*+^`|~", NULL},
        {"Proxy: evil\r\n", "HTTP_PROXY", NULL},
        {"PROXY: evil\r\n", "HTTP_PROXY", NULL},
        {"Proxy: a\r\nProxy: b\r\n", "HTTP_PROXY", NULL},
        {"Proxy-A: b\r\n", "HTTP_PROXY_A", "b"},
        {"Content-Type: a/b\r\n", "HTTP_CONTENT_TYPE", NULL},
        {"Content-Length: 0\r\n", "HTTP_CONTENT_LENGTH", NULL},
        {"Content-Language: de\r\n", "HTTP_CONTENT_LANGUAGE", "de"},
        {"Content_Type: a/b\r\n", "CONTENT_TYPE", NULL},
    };
    struct test_server s;
    struct test_client c;
    char request[512];

    (void)state;
    open_both(&s, &c, look_up);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i].fields);
        check_key(&s, request, rows[i].key, rows[i].expected);
    }
    close_both(&s, &c);
}

/* ---- weir_set ---- */

static bool is_value(weir_environ *env, const char *key, const char *expected)
{
    const char *value = weir_get(env, key);
    size_t n;
    const char *slice = weir_get_n(env, key, &n);

    if (!expected)
        return !value && !slice && n == 0;
    return value && strcmp(value, expected) == 0 && slice && n == strlen(expected) &&
           memcmp(slice, expected, n) == 0;
}

static weir_body set_keys(weir_environ *env)
{
    char key[] = "own.key", value[] = "1";
    const char *before;

    got[0] = '\0';
    CHECK_APP(weir_set(env, key, value) == 0);
    memset(key, 'x', sizeof key - 1);
    value[0] = '9';
    CHECK_APP(is_value(env, "own.key", "1")); /* was copied */
    CHECK_APP(is_value(env, "xxxxxxx", NULL));
    CHECK_APP(weir_set(env, "own.key", "2") == 0 && is_value(env, "own.key", "2"));
    CHECK_APP(weir_set(env, "own.key", "") == 0 && is_value(env, "own.key", ""));
    CHECK_APP(weir_set(env, "own.key", NULL) == 0 && is_value(env, "own.key", NULL));
    CHECK_APP(weir_set(env, "own.key", "3") == 0 && is_value(env, "own.key", "3"));

    CHECK_APP(weir_set(env, "REQUEST_METHOD", "PUT") == 0);
    CHECK_APP(is_value(env, "REQUEST_METHOD", "PUT"));
    before = weir_get(env, "HTTP_X");
    CHECK_APP(weir_set(env, "HTTP_X", "other") == 0 && is_value(env, "HTTP_X", "other"));
    CHECK_APP(before && strcmp(before, "value") == 0); /* who has it keeps it */
    CHECK_APP(weir_set(env, "HTTP_Y", NULL) == 0 && is_value(env, "HTTP_Y", NULL));
    CHECK_APP(weir_set(env, "PATH_INFO", NULL) == 0 && is_value(env, "PATH_INFO", NULL));
    CHECK_APP(weir_set(env, "HTTP_PROXY", "mine") == 0 && is_value(env, "HTTP_PROXY", "mine"));
    CHECK_APP(weir_set(env, "HTTPS", "on") == 0 && is_value(env, "HTTPS", "on"));
    CHECK_APP(is_value(env, "QUERY_STRING", "q"));

    CHECK_APP(weir_set(env, NULL, "1") == WEIR_EINVAL);
    CHECK_APP(weir_set(env, "", "1") == WEIR_EINVAL);
    return weir_empty();
}

static void set__key__counts_from_then_on(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, set_keys);
    test_client_send(&c, GET("/p?q", "X: value\r\nY: 1\r\n"));
    check_ok(&c);
    assert_string_equal(got, "");
    look = look_up; /* and for no other request */
    check_key(&s, GET("/", ""), "own.key", NULL);
    check_key(&s, GET("/", ""), "REQUEST_METHOD", "GET");
    close_both(&s, &c);
}

/* ---- all of them ---- */

#define SEEN_MAX 64

static struct {
    char text[SEEN_MAX][128]; /* key=value */
    size_t n, end_at;
} seen;

static int32_t see(void *arg, const char *key, const char *value, size_t n)
{
    (void)arg;
    if (seen.n == SEEN_MAX || n != strlen(value))
        return -1;
    snprintf(seen.text[seen.n++], sizeof seen.text[0], "%s=%s", key, value);
    return seen.n == seen.end_at ? 7 : 0;
}

static int32_t see_field(void *arg, const char *name, size_t name_n, const char *value,
                         size_t value_n)
{
    (void)arg;
    if (seen.n == SEEN_MAX)
        return -1;
    snprintf(seen.text[seen.n++], sizeof seen.text[0], "%.*s=%.*s", (int)name_n, name, (int)value_n,
             value);
    return seen.n == seen.end_at ? 7 : 0;
}

static size_t count_seen(const char *key)
{
    size_t n = 0;

    for (size_t i = 0; i < seen.n; i++)
        n += strncmp(seen.text[i], key, strlen(key)) == 0 && seen.text[i][strlen(key)] == '=';
    return n;
}

static bool has_seen(const char *line)
{
    for (size_t i = 0; i < seen.n; i++)
        if (strcmp(seen.text[i], line) == 0)
            return true;
    return false;
}

static weir_body walk(weir_environ *env)
{
    got[0] = '\0';
    weir_get(env, "HTTP_X"); /* a copy that was given is no key of its own */
    weir_set(env, "own.key", "1");
    weir_set(env, "own.key", "2");
    weir_set(env, "gone", "1");
    weir_set(env, "gone", NULL);
    weir_set(env, "HTTP_B", "other");
    weir_set(env, "HTTP_C", NULL);
    weir_set(env, "HTTPS", "on");
    weir_set(env, "CONTENT_TYPE", "x/y"); /* a key that the request could have */
    weir_set(env, "HTTP_PROXY", "set");   /* one that its field does not give */
    weir_set(env, "weir.run_once", NULL);
    seen.n = seen.end_at = 0;
    CHECK_APP(weir_each(env, see, NULL) == 0);
    return weir_empty();
}

static void each__is_called_once_for_every_key_that_is_there(void **state)
{
    static const char *const lines[] = {
        "REQUEST_METHOD=GET",
        "SCRIPT_NAME=",
        "PATH_INFO=/p",
        "QUERY_STRING=q",
        "CONTENT_LENGTH=0",
        "REMOTE_ADDR=192.0.2.7",
        "REMOTE_PORT=50000",
        "SERVER_NAME=a",
        "SERVER_PORT=80",
        "REQUEST_URI=/p?q",
        "SERVER_PROTOCOL=HTTP/1.1",
        "GATEWAY_INTERFACE=CGI/1.1",
        "REQUEST_SCHEME=http",
        "weir.version=1.0",
        "weir.url_scheme=http",
        "weir.multithread=0",
        "weir.multiprocess=0",
        "HTTP_HOST=a",
        "HTTP_X=1, 2",
        "HTTP_B=other",
        "HTTPS=on",
        "CONTENT_TYPE=x/y",
        "HTTP_PROXY=set",
        "own.key=2",
        "HTTP_E=",
        ("SERVER_SOFTWARE=Weir/" WEIR_VERSION),
    };
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, walk);
    test_client_send(&c, GET("/p?q", "Content-Length: 0\r\nX: 1\r\nB: 1\r\nC: 1\r\nx: 2\r\nE:\r\n"
                                     "X_Y: 1\r\nProxy: evil\r\nX.Z: 1\r\n"));
    check_ok(&c);
    assert_string_equal(got, "");
    for (size_t i = 0; i < WR_COUNT(lines); i++)
        if (!has_seen(lines[i]))
            fail_msg("%s is missing", lines[i]);
    assert_int_equal(count_seen("REQUEST_ID"), 1);
    assert_int_equal(seen.n, WR_COUNT(lines) + 1); /* so each came once */
    close_both(&s, &c);
}

static weir_body walk_a_little(weir_environ *env)
{
    got[0] = '\0';
    weir_set(env, "own.key", "1");
    seen.n = seen.end_at = 0;
    weir_each(env, see, NULL);
    for (size_t all = seen.n, i = 1; i <= all; i++) {
        seen.n = 0;
        seen.end_at = i;
        CHECK_APP(weir_each(env, see, NULL) == 7 && seen.n == i);
    }
    for (size_t i = 1; i <= 3; i++) {
        seen.n = 0;
        seen.end_at = i;
        CHECK_APP(weir_header_each(env, see_field, NULL) == 7 && seen.n == i);
    }
    return weir_empty();
}

static void each__something_other_than_0__ends_it(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, walk_a_little);
    test_client_send(&c, GET("/p?q", "X: 1\r\nB: 1\r\n"));
    check_ok(&c);
    assert_string_equal(got, "");
    close_both(&s, &c);
}

static weir_body walk_fields(weir_environ *env)
{
    got[0] = '\0';
    weir_set(env, "HTTP_X", NULL); /* is about keys, not about fields */
    seen.n = seen.end_at = 0;
    CHECK_APP(weir_header_each(env, see_field, NULL) == 0);
    return weir_empty();
}

static void header_each__gives_the_fields_as_they_came(void **state)
{
    static const char *const lines[] = {
        "Host=a",           "x-y=1",      "X_Y=2",        "X-Y=3",
        "Proxy=evil",       "Cookie=a=1", "X!~=\xc3\xa9", "cookie=b=2",
        "Content-Type=a/b", "E="};
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, walk_fields);
    test_client_send(&c, GET("/", "x-y: 1\r\nX_Y:2\r\nX-Y:  3  \r\nProxy: evil\r\nCookie: a=1\r\n"
                                  "X!~: \xc3\xa9\r\ncookie: b=2\r\nContent-Type: a/b\r\nE:\r\n"));
    check_ok(&c);
    assert_string_equal(got, "");
    assert_int_equal(seen.n, WR_COUNT(lines));
    for (size_t i = 0; i < WR_COUNT(lines); i++)
        assert_string_equal(seen.text[i], lines[i]);
    close_both(&s, &c);
}

/* ---- lifetime ---- */

static struct {
    weir_environ *env;
    const char *text, *joined, *slice, *uri, *path;
    size_t slice_n, uri_n, left;
    unsigned looks, faults, ends;
} kept;

static void look_again(void)
{
    kept.looks++;
    kept.faults += strcmp(kept.text, "some value") != 0 || strcmp(kept.joined, "1, 2") != 0 ||
                   strcmp(kept.path, "/slow path") != 0 || kept.slice_n != 10 ||
                   memcmp(kept.slice, "some value", 10) != 0 || kept.uri_n != 14 ||
                   memcmp(kept.uri, "/slow%20path?q", 14) != 0 ||
                   !is_value(kept.env, "HTTP_Z", "late") || !is_value(kept.env, "k", "v");
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    look_again();
    if (kept.left == 0)
        return WEIR_END;
    kept.left--;
    *chunk = (weir_chunk){.data = "piece", .size = 5};
    return WEIR_CHUNK;
}

static void note_end(void *arg)
{
    (void)arg;
    look_again();
    kept.ends++;
}

static weir_body keep_all(weir_environ *env)
{
    memset(&kept, 0, sizeof kept);
    kept.env = env;
    kept.left = 20;
    kept.text = weir_get(env, "HTTP_X");
    kept.joined = weir_get(env, "HTTP_Y");
    kept.path = weir_get(env, "PATH_INFO");
    kept.slice = weir_get_n(env, "HTTP_X", &kept.slice_n);
    kept.uri = weir_get_n(env, "REQUEST_URI", &kept.uri_n);
    weir_set(env, "k", "v");
    weir_defer(env, note_end, NULL);
    return weir_iterable(next, note_end, NULL);
}

/* While a client takes its answer byte by byte, and sends on. */
static void lifetime__of_what_was_asked__is_the_responses(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, keep_all);
    c.transport.room = 1;
    test_client_send(&c, GET("/slow%20path?q", "X: some value\r\nY: 1\r\nY: 2\r\nZ: late\r\n"));
    for (int i = 0; i < 2000; i++) {
        if (kept.ends == 0 && i % 7 == 0)
            fake_transport_arrive(&c.transport, WR_SLICE("\r\n")); /* in front of a request */
        c.transport.room = 1;
        test_client_event(&c, EPOLLIN | EPOLLOUT);
    }
    check_description(&c, "200~ piecepiecepiecepiecepiecepiecepiecepiecepiecepiece"
                          "piecepiecepiecepiecepiecepiecepiecepiecepiecepiece");
    assert_int_equal(kept.ends, 2);
    assert_int_equal(kept.looks, 23);
    assert_int_equal(kept.faults, 0);
    close_both(&s, &c);
}

WR_TESTS(cmocka_unit_test(get__every_key__has_its_value),
         cmocka_unit_test(get__no_key__has_no_value),
         cmocka_unit_test(get__script_name_and_path_info__divide_the_path_at_the_route),
         cmocka_unit_test(get__path_translated__is_path_info_in_the_served_folder),
         cmocka_unit_test(get__peer__is_of_the_connection),
         cmocka_unit_test(get__request_id__is_each_requests_own),
         cmocka_unit_test(get__multithread__says_whether_two_calls_may_be_made_at_once),
         cmocka_unit_test(get__http_keys__are_the_fields),
         cmocka_unit_test(set__key__counts_from_then_on),
         cmocka_unit_test(each__is_called_once_for_every_key_that_is_there),
         cmocka_unit_test(each__something_other_than_0__ends_it),
         cmocka_unit_test(header_each__gives_the_fields_as_they_came),
         cmocka_unit_test(lifetime__of_what_was_asked__is_the_responses));
