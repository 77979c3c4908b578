/* Where values lie that are asked for as texts, and what they cost. */
#include "environ_fixture.h"

static weir_body look_at_pointers(weir_environ *env)
{
    size_t n;
    const char *uri = weir_get_n(env, "REQUEST_URI", &n);
    const char *query = weir_get_n(env, "QUERY_STRING", &n);
    const char *field = weir_get_n(env, "HTTP_X", &n);
    const char *text = weir_get(env, "HTTP_X"), *joined = weir_get(env, "HTTP_Y");
    const char *path = weir_get(env, "PATH_INFO");

    keep(got, "", 0);
    if (query != uri + strlen("/p?"))
        keep(got, "the query is a copy", 19);
    else if (field != uri + strlen("/p?q HTTP/1.1\r\nHost: a\r\nX: "))
        keep(got, "the field is a copy", 19);
    else if (text != weir_get(env, "HTTP_X") || joined != weir_get(env, "HTTP_Y"))
        keep(got, "not the same string twice", 25);
    else if (path != weir_get_n(env, "PATH_INFO", &n) || strcmp(path, "/p") != 0)
        keep(got, "the path is a copy", 18);
    else if (text != field)
        keep(got, "the text is a copy", 18);
    else if (strcmp(text, "value") != 0 || strcmp(joined, "1, 2") != 0)
        keep(got, "not terminated", 14);
    return weir_empty();
}

static void get__twice__is_one_string_and_slices_are_not_copied(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, look_at_pointers);
    test_client_send(&c, GET("/p?q", "X: value\r\nY: 1\r\nY: 2\r\n"));
    check_ok(&c);
    assert_string_equal(got, "");
    close_both(&s, &c);
}

/* Texts end where they lie in the head, and nothing else of it is changed by that. */
static weir_body end_all_in_place(weir_environ *env)
{
    static const struct {
        const char *key, *value;
    } rows[] = {
        {"HTTP_FIRST", "1 2"},   {"HTTP_BLANKS", "b"},       {"HTTP_EMPTY", ""},
        {"HTTP_EMPTY_TOO", ""},  {"HTTP_TWICE", "1, 2"},     {"HTTP_LAST", "z"},
        {"HTTP_HOST", "h:81"},   {"SERVER_NAME", "h"},       {"CONTENT_TYPE", "a/b"},
        {"CONTENT_LENGTH", "2"}, {"REQUEST_METHOD", "POST"}, {"REQUEST_URI", "/p%41?q=1?"},
        {"PATH_INFO", "/pA"},    {"QUERY_STRING", "q=1?"},   {"SERVER_PROTOCOL", "HTTP/1.1"},
    };
    char content[2];
    size_t n = 0;

    got[0] = '\0';
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < WR_COUNT(rows); i++) /* each behind all that were asked for before */
            CHECK_APP(strcmp(weir_get(env, rows[i].key), rows[i].value) == 0);
        for (size_t i = 0; i < WR_COUNT(rows); i++) {
            const char *slice = weir_get_n(env, rows[i].key, &n);

            CHECK_APP(n == strlen(rows[i].value) && memcmp(slice, rows[i].value, n) == 0);
        }
    }
    CHECK_APP(weir_read(env, content, 2) == 2 && memcmp(content, "xy", 2) == 0);
    return weir_empty();
}

static void get__texts__end_in_place_and_leave_the_rest(void **state)
{
    static const char request[] =
        "POST /p%41?q=1? HTTP/1.1\r\nFirst: 1 2\r\nBlanks:   b \t \r\nEmpty:\r\nEmpty-Too:  \r\n"
        "Host: h:81\r\nTwice: 1\r\nContent-Type: a/b\r\nTwice: 2\r\nContent-Length: 2\r\n"
        "Last: z\r\n\r\nxy";
    struct test_server s;
    struct test_client c;
    char two[2 * sizeof request];

    (void)state;
    snprintf(two, sizeof two, "%s%s", request, request);
    for (size_t at = 1; at < sizeof request; at++) { /* pipelined, and in two parts */
        open_both(&s, &c, end_all_in_place);
        test_client_send_slice(&c, wr_slice(two, at));
        test_client_send(&c, two + at);
        check_ok(&c);
        assert_string_equal(got, "");
        close_both(&s, &c);
    }
}

/* How much there is of gathered content is told by a text that is made, once. */
static weir_body ask_for_the_length_twice(weir_environ *env)
{
    const char *first = weir_get(env, "CONTENT_LENGTH");

    got[0] = '\0';
    CHECK_APP(strcmp(first, "5") == 0);
    CHECK_APP(weir_get(env, "CONTENT_LENGTH") == first);
    CHECK_APP(weir_get_n(env, "CONTENT_LENGTH", &(size_t){0}) == first);
    return weir_empty();
}

static void get__length_of_gathered_content__is_one_string(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    gathers = true;
    open_both(&s, &c, ask_for_the_length_twice);
    test_client_send(
        &c,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    check_ok(&c);
    assert_string_equal(got, "");
    close_both(&s, &c);
    gathers = false;
}

/* Names that the parser knows, each with itself as the value where that may be anything. */
#define KNOWN_FIELDS                                                                               \
    "Host: a\r\nRange: range\r\nCookie: cookie\r\nExpect: 100-continue\r\nReferer: referer\r\n"    \
    "If-Match: if-match\r\nIf-Range: if-range\r\nConnection: keep-alive\r\n"                       \
    "User-Agent: user-agent\r\nContent-Type: a/b\r\nIf-None-Match: if-none-match\r\n"              \
    "Accept-Encoding: accept-encoding\r\nIf-Modified-Since: if-modified-since\r\n"                 \
    "Transfer-Encoding: chunked\r\nIf-Unmodified-Since: if-unmodified-since\r\n"

static int32_t note_key(void *arg, const char *key, const char *value, size_t n)
{
    struct wr_buf *keys = arg;

    (void)value;
    (void)n;
    if (strncmp(key, "HTTP_", 5) == 0)
        wr_buf_printf(keys, "%s ", key);
    return 0;
}

static weir_body list_keys(weir_environ *env)
{
    struct wr_buf keys = wr_buf_on(got, sizeof got - 1);

    weir_each(env, note_key, &keys);
    got[keys.n] = '\0';
    return weir_empty();
}

static void each__known_names__have_the_keys_of_cgi(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, list_keys);
    test_client_send(&c, "POST / HTTP/1.1\r\n" KNOWN_FIELDS "\r\n0\r\n\r\n");
    assert_string_equal(got, /* RFC 3875 4.1.18 */
                        "HTTP_HOST HTTP_RANGE HTTP_COOKIE HTTP_EXPECT HTTP_REFERER HTTP_IF_MATCH "
                        "HTTP_IF_RANGE HTTP_CONNECTION HTTP_USER_AGENT HTTP_IF_NONE_MATCH "
                        "HTTP_ACCEPT_ENCODING HTTP_IF_MODIFIED_SINCE HTTP_TRANSFER_ENCODING "
                        "HTTP_IF_UNMODIFIED_SINCE ");
    close_both(&s, &c);
}

static weir_body use_up_memory(weir_environ *env)
{
    const char *had = weir_get(env, "HTTP_Y");

    got[0] = '\0';
    for (size_t n = 65536; n > 0; n /= 2)
        while (weir_alloc(env, n))
            ;
    CHECK_APP(weir_get(env, "HTTP_Z") == NULL);
    CHECK_APP(strcmp(weir_get(env, "HTTP_X"), "value") == 0); /* takes none */
    CHECK_APP(weir_set(env, "k", "v") == WEIR_ENOMEM);
    CHECK_APP(weir_get(env, "k") == NULL);
    CHECK_APP(had == weir_get(env, "HTTP_Y") && strcmp(had, "1, 2") == 0);
    CHECK_APP(weir_get_n(env, "HTTP_X", &(size_t){0}) != NULL); /* neither does this */
    return weir_empty();
}

static void get__without_memory__is_null(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, use_up_memory);
    test_client_send(&c, GET("/", "X: value\r\nY: 1\r\nY: 2\r\nZ: 1\r\nZ: 2\r\n"));
    check_ok(&c);
    assert_string_equal(got, "");
    close_both(&s, &c);
}

WR_TESTS(cmocka_unit_test(get__twice__is_one_string_and_slices_are_not_copied),
         cmocka_unit_test(get__texts__end_in_place_and_leave_the_rest),
         cmocka_unit_test(get__length_of_gathered_content__is_one_string),
         cmocka_unit_test(each__known_names__have_the_keys_of_cgi),
         cmocka_unit_test(get__without_memory__is_null));
