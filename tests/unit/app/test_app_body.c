#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "temp_folder.h"
#include "test_checks.h"

#define ASK(method) method " /p?q HTTP/1.1\r\nHost: a\r\n\r\n"

struct site {
    struct test_server server;
    struct test_client client;
    struct temp_folder folder;
};

/* What the app does; the loop is the test's own thread. */
static weir_body (*act)(weir_environ *env, weir_start_response *start_response);

static int fault_line; /* the first expectation inside the app that did not hold */
static char ends[64];  /* a letter for each function that was called at an end */
static int fd;         /* of the file that the app has */

#define CHECK_APP(condition)                                                                       \
    do {                                                                                           \
        if (!(condition) && fault_line == 0)                                                       \
            fault_line = __LINE__;                                                                 \
    } while (0)

static void note(void *arg)
{
    size_t n = strlen(ends);

    ends[n] = *(const char *)arg;
    ends[n + 1] = '\0';
}

static char letter_c[] = "c", letter_1[] = "1", letter_2[] = "2", letter_3[] = "3";

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    return act(env, start_response);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "act",
                                   .app = app,
                                   .runs = WEIR_ON_LOOP};

static void open_site(struct site *s)
{
    temp_folder_init(&s->folder);
    temp_file_write(&s->folder, "digits", WR_SLICE("0123456789"));
    temp_file_fill(&s->folder, "large", 200000);
    fd = -1;
    test_server_init(&s->server);
    assert_non_null(test_server_mount(&s->server, &plugin, NULL, NULL));
    test_client_open(&s->server, &s->client);
}

static void close_site(struct site *s)
{
    close_both(&s->server, &s->client);
    temp_folder_fini(&s->folder);
}

static void clear(struct site *s)
{
    s->server.log_n = 0;
    s->server.log_text[0] = '\0';
    s->client.transport.out_n = 0;
    fault_line = 0;
    ends[0] = '\0';
}

/* One request whose answer is complete; the connection goes on. */
static void check_answer(struct site *s, const char *request, const char *expected)
{
    char got[TEST_DESCRIPTION_MAX];
    const char *method = strncmp(request, "HEAD", 4) == 0 ? "H" : "";

    clear(s);
    test_client_send(&s->client, request);
    test_client_describe(&s->client, method, got);
    if (strcmp(got, expected) != 0)
        fail_msg("%s: %s, expected %s; %s", request, got, expected, s->server.log_text);
    if (fault_line > 0)
        fail_msg("line %d, in the app", fault_line);
}

/* The answer is a 500 and one line in the log. */
static void check_failed(struct site *s, const char *why)
{
    check_answer(s, ASK("GET"), "500");
    if (!strstr(s->server.log_text, why) ||
        strchr(s->server.log_text, '\n') != strrchr(s->server.log_text, '\n'))
        fail_msg("the log says %s, expected %s", s->server.log_text, why);
}

static void check_length(const struct site *s, const char *method, const char *expected)
{
    struct test_responses r;
    struct wr_slice value;

    test_client_responses(&s->client, method, &r);
    value = test_field(&r.v[0], "Content-Length");
    if (expected ? !wr_slice_eq(value, wr_slice_of(expected)) : value.p != NULL)
        fail_msg("Content-Length: %.*s, expected %s", (int)value.n, value.p ? value.p : "",
                 expected ? expected : "none");
    test_responses_free(&r);
}

/* ---- bodies in memory ---- */

static weir_body say_empty(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_empty();
}

static weir_body say_text(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_text("text");
}

static weir_body say_bytes(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_bytes("bytes and more", 5);
}

static weir_body say_no_bytes(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_bytes(NULL, 0);
}

static weir_body say_copy(weir_environ *env, weir_start_response *start_response)
{
    char text[] = "copy";
    weir_body body;

    start_response(env, 200, NULL);
    body = weir_copy(env, text, 4);
    memset(text, 'x', sizeof text);
    return body;
}

static weir_body say_printf(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_printf(env, "%s: %d", weir_get(env, "PATH_INFO"), 42);
}

static weir_body say_owned(weir_environ *env, weir_start_response *start_response)
{
    weir_defer(env, note, letter_1);
    start_response(env, 200, NULL);
    weir_defer(env, note, letter_2);
    CHECK_APP(!weir_is_gone(env));
    return weir_owned("owned", 5, note, letter_c);
}

static void memory__each_kind__is_the_content(void **state)
{
    static const struct {
        weir_body (*act)(weir_environ *env, weir_start_response *start_response);
        const char *expected, *length, *ends;
    } rows[] = {
        {say_empty, "200", "0", ""},          {say_text, "200 text", "4", ""},
        {say_bytes, "200 bytes", "5", ""},    {say_no_bytes, "200", "0", ""},
        {say_copy, "200 copy", "4", ""},      {say_printf, "200 /p: 42", "6", ""},
        {say_owned, "200 owned", "5", "c21"},
    };
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        act = rows[i].act;
        check_answer(&s, ASK("GET"), rows[i].expected);
        check_length(&s, "", rows[i].length);
        assert_string_equal(ends, rows[i].ends);
        assert_string_equal(s.server.log_text, "");
        check_answer(&s, ASK("HEAD"), "200");
        /* of an empty body the app may have left the content out: RFC 9110 9.3.2 */
        check_length(&s, "H", act == say_empty ? NULL : rows[i].length);
        assert_string_equal(ends, rows[i].ends);
    }
    close_site(&s);
}

static weir_body say_null(weir_environ *env, weir_start_response *start_response)
{
    weir_body body = weir_owned(NULL, 5, note, letter_c);

    start_response(env, 200, NULL);
    return body;
}

static weir_body say_unknown_kind(weir_environ *env, weir_start_response *start_response)
{
    weir_body body = weir_empty();

    start_response(env, 200, NULL);
    body.kind = 99;
    body.size = 5;
    return body;
}

static weir_body say_too_much(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_owned("x", SIZE_MAX, note, letter_c);
}

static void body__that_is_none__is_a_500(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    act = say_null;
    check_failed(&s, "NULL");
    assert_string_equal(ends, "c");
    act = say_too_much;
    check_failed(&s, "18446744073709551615");
    assert_string_equal(ends, "c");
    act = say_unknown_kind;
    check_failed(&s, "99");
    act = say_text;
    check_answer(&s, ASK("GET"), "200 text");
    close_site(&s);
}

/* ---- files ---- */

static struct {
    uint64_t offset, length;
    uint32_t flags;
    int32_t status;
    const char *declared;
} file;

static weir_body say_file(weir_environ *env, weir_start_response *start_response)
{
    weir_defer(env, note, letter_1);
    if (file.status > 0)
        start_response(env, file.status, NULL);
    if (file.declared)
        weir_header_add(env, "Content-Length", file.declared, strlen(file.declared));
    return weir_file(env, fd, file.offset, file.length, file.flags);
}

static bool is_open(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

static int open_file(struct site *s, const char *name)
{
    int opened = open(temp_path(&s->folder, name), O_RDONLY | O_CLOEXEC);

    assert_true(opened >= 0);
    return opened;
}

static void file__part__is_the_content(void **state)
{
    static const struct {
        uint64_t offset, length;
        const char *expected, *size;
    } rows[] = {
        {0, 10, "200 0123456789", "10"},
        {0, WEIR_TO_END, "200 0123456789", "10"},
        {3, 4, "200 3456", "4"},
        {9, WEIR_TO_END, "200 9", "1"},
        {10, WEIR_TO_END, "200", "0"},
        {10, 0, "200", "0"},
        {0, 0, "200", "0"},
    };
    struct site s;

    (void)state;
    open_site(&s);
    act = say_file;
    for (size_t i = 0; i < 2 * WR_COUNT(rows); i++) {
        file.flags = i % 2 == 0 ? 0 : WEIR_CLOSE_FD;
        file.offset = rows[i / 2].offset;
        file.length = rows[i / 2].length;
        file.status = 200;
        file.declared = NULL;
        fd = open_file(&s, "digits");
        check_answer(&s, ASK("GET"), rows[i / 2].expected);
        check_length(&s, "", rows[i / 2].size);
        assert_string_equal(ends, "1");
        assert_int_equal(is_open(fd), file.flags == 0);
        if (file.flags == 0) {
            check_answer(&s, ASK("HEAD"), "200"); /* the descriptor stays the app's */
            check_length(&s, "H", rows[i / 2].size);
            close(fd);
        }
    }
    close_site(&s);
}

static void file__that_cannot_be_sent__is_a_500_and_closed(void **state)
{
    static const struct {
        const char *name; /* NULL: a pipe */
        uint64_t offset, length;
        int32_t status;
        const char *declared, *why;
    } rows[] = {
        {"digits", 0, 11, 200, NULL, "10 bytes"},
        {"digits", 5, 6, 200, NULL, "10 bytes"},
        {"digits", 11, WEIR_TO_END, 200, NULL, "10 bytes"},
        {"digits", UINT64_MAX, 1, 200, NULL, "10 bytes"},
        {"digits", 1, UINT64_MAX - 1, 200, NULL, "10 bytes"},
        {"digits", 0, 10, 200, "9", "Content-Length"},
        {"digits", 0, 10, 0, NULL, "start_response"},
        {".", 0, WEIR_TO_END, 200, NULL, "regular file"},
        {NULL, 0, WEIR_TO_END, 200, NULL, "regular file"},
    };
    struct site s;

    (void)state;
    open_site(&s);
    act = say_file;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        int ends_of_pipe[2] = {-1, -1};

        if (rows[i].name) {
            fd = open_file(&s, rows[i].name);
        } else {
            assert_int_equal(pipe(ends_of_pipe), 0);
            fd = ends_of_pipe[0];
            close(ends_of_pipe[1]);
        }
        file.offset = rows[i].offset;
        file.length = rows[i].length;
        file.status = rows[i].status;
        file.declared = rows[i].declared;
        file.flags = WEIR_CLOSE_FD;
        check_failed(&s, rows[i].why);
        assert_string_equal(ends, "1");
        assert_false(is_open(fd));
    }
    fd = -1;
    file.declared = NULL;
    file.status = 200;
    check_failed(&s, "descriptor -1");
    close_site(&s);
}

static void check_large(const struct test_client *c)
{
    struct test_responses r;

    test_client_responses(c, "", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].content_n, 200000);
    for (size_t i = 0; i < r.v[0].content_n; i++)
        if (r.v[0].content[i] != 'a' + (char)(i % 23))
            fail_msg("byte %zu", i);
    test_responses_free(&r);
}

static void open_large(struct site *s, const char *name)
{
    fd = open_file(s, name);
    file.offset = 0;
    file.length = WEIR_TO_END;
    file.status = 200;
    file.declared = NULL;
    file.flags = WEIR_CLOSE_FD;
    act = say_file;
    clear(s);
}

static void file__large__is_whole_with_and_without_sendfile(void **state)
{
    struct site s;

    (void)state;
    for (int with_sendfile = 0; with_sendfile < 2; with_sendfile++) {
        open_site(&s);
        if (!with_sendfile)
            s.client.transport.ops.sendfile = NULL;
        open_large(&s, "large");
        s.client.transport.room = 777;
        test_client_send(&s.client, ASK("GET"));
        assert_true(is_open(fd));
        assert_string_equal(ends, "");
        test_client_take(&s.client, 777, 1000);
        check_large(&s.client);
        assert_int_equal(s.client.transport.sendfiles > 0, with_sendfile);
        assert_string_equal(ends, "1");
        assert_false(is_open(fd));
        close_site(&s);
    }
}

static void file__that_shrinks__closes_the_connection(void **state)
{
    struct site s;
    struct test_responses r;

    (void)state;
    open_site(&s);
    open_large(&s, "large");
    s.client.transport.room = 1000;
    test_client_send(&s.client, ASK("GET"));
    assert_int_equal(truncate(temp_path(&s.folder, "large"), 2000), 0);
    test_client_take(&s.client, FAKE_NO_LIMIT, 10);
    assert_true(s.client.transport.is_shut_down);
    test_client_responses(&s.client, "", &r);
    assert_int_equal(r.n, 1);
    assert_true(r.v[0].is_cut);
    test_responses_free(&r);
    assert_string_equal(ends, "1");
    assert_false(is_open(fd));
    close_site(&s);
}

/* ---- the next route ---- */

static weir_body decline(weir_environ *env, weir_start_response *start_response)
{
    weir_defer(env, note, letter_1);
    start_response(env, 201, WEIR_HEADERS({"X-1", "1"}, {"Content-Length", "99"}, {"Date", "x"}));
    weir_reason(env, "Forgotten");
    weir_defer(env, note, letter_2);
    return weir_decline();
}

static void decline__alone__is_a_404(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    act = decline;
    check_answer(&s, ASK("BREW"), "501"); /* RFC 9110 9.1: nobody knows the method */
    ends[0] = '\0';
    check_answer(&s, ASK("GET"), "404");
    assert_null(memmem(s.client.transport.out, s.client.transport.out_n, "X-1", 3));
    assert_null(memmem(s.client.transport.out, s.client.transport.out_n, "Forgotten", 9));
    assert_string_equal(ends, "21");
    assert_string_equal(s.server.log_text, "");
    close_site(&s);
}

static void decline__another_route__answers(void **state)
{
    static const struct wr_slice piece = {"other", 5};
    struct site s;
    struct wr_route routes[2];

    (void)state;
    open_site(&s);
    routes[0] = s.server.route;
    routes[1] = (struct wr_route){.path = WR_SLICE(""), .handler = &s.server.handler.base};
    s.server.site.router = (struct wr_router){.v = routes, .n = 2};
    act = decline;
    s.server.handler.serve = test_serve_body;
    s.server.handler.body.pieces = &piece;
    s.server.handler.body.n = 1;
    s.server.handler.body.is_slow = true;
    s.server.handler.body_length = -1;
    clear(&s);
    test_client_send(&s.client, ASK("GET"));
    check_description(&s.client, "200~?");
    assert_string_equal(ends, ""); /* after the response, whoever gives it */
    test_body_go_on(&s.server.handler);
    test_server_step(&s.server);
    assert_string_equal(ends, "");
    test_body_go_on(&s.server.handler);
    test_server_step(&s.server);
    check_description(&s.client, "200~ other");
    assert_null(memmem(s.client.transport.out, s.client.transport.out_n, "X-1", 3));
    assert_string_equal(ends, "21");
    assert_int_equal(s.server.handler.served, 1);
    act = say_text;
    check_answer(&s, ASK("GET"), "200 text");
    assert_int_equal(s.server.handler.served, 1);
    close_site(&s);
}

/* The same app a second time, by another route: both are ended, the later first. */
static weir_body decline_then_own(weir_environ *env, weir_start_response *start_response)
{
    if (strcmp(weir_get(env, "SCRIPT_NAME"), "/p") == 0) {
        weir_defer(env, note, letter_3);
        return weir_decline();
    }
    return say_owned(env, start_response);
}

static void decline__each_environ__is_ended_once(void **state)
{
    struct site s;
    struct wr_route routes[2];

    (void)state;
    open_site(&s);
    routes[0] = (struct wr_route){.path = WR_SLICE("/p"), .handler = s.server.mounted};
    routes[1] =
        (struct wr_route){.path = WR_SLICE(""), .handler = s.server.mounted, .is_further = true};
    s.server.site.router = (struct wr_router){.v = routes, .n = 2};
    act = decline_then_own;
    check_answer(&s, ASK("GET"), "200 owned");
    assert_string_equal(ends, "c213");
    close_site(&s);
}

/* ---- endings ---- */

static unsigned pieces;

static int32_t three_pieces(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    if (pieces == 3)
        return WEIR_END;
    pieces++;
    *chunk = (weir_chunk){.data = "piece", .size = 5};
    return WEIR_CHUNK;
}

static weir_body say_pieces(weir_environ *env, weir_start_response *start_response)
{
    pieces = 0;
    weir_defer(env, note, letter_1);
    start_response(env, 200, NULL);
    weir_defer(env, note, letter_2);
    return weir_iterable(three_pieces, note, letter_c);
}

static weir_body say_pieces_of_length(weir_environ *env, weir_start_response *start_response)
{
    weir_header_add(env, "Content-Length", "15", 2);
    return say_pieces(env, start_response);
}

static weir_body fail_with_owned(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 1, NULL);
    return say_owned(env, start_response);
}

static weir_body say_page(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    weir_defer(env, note, letter_1);
    return weir_error(env, 404);
}

static weir_body say_file_of_10(weir_environ *env, weir_start_response *start_response)
{
    file.offset = 0;
    file.length = 10;
    file.status = 200;
    file.declared = NULL;
    file.flags = WEIR_CLOSE_FD;
    fd = open(temp_path(weir_state(env), "digits"), O_RDONLY | O_CLOEXEC);
    CHECK_APP(fd >= 0);
    return say_file(env, start_response);
}

/* Resets the connection when it has taken n bytes; the length of what it had taken. */
static size_t reset_at(struct site *s, size_t n)
{
    struct test_client c;
    size_t taken;

    fault_line = 0;
    ends[0] = '\0';
    test_client_init(&s->server, &c);
    c.transport.room = n;
    test_client_connect(&c);
    test_client_send(&c, ASK("GET"));
    test_client_reset(&c);
    assert_true(c.transport.is_closed);
    assert_int_equal(fault_line, 0);
    taken = c.transport.out_n;
    test_client_fini(&c);
    return taken;
}

static void end__client_resets_at_every_byte__all_is_ended_once(void **state)
{
    static const struct {
        weir_body (*act)(weir_environ *env, weir_start_response *start_response);
        const char *ends;
    } rows[] = {
        {say_owned, "c21"},       {say_pieces, "c21"}, {say_pieces_of_length, "c21"},
        {fail_with_owned, "c21"}, {decline, "21"},     {say_page, "1"},
        {say_file_of_10, "1"},
    };
    struct site s;

    (void)state;
    open_site(&s);
    WR_CONTAINER_OF(s.server.mounted, struct wr_mount, base)->state = &s.folder;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        act = rows[i].act;
        for (size_t n = 0; reset_at(&s, n) == n; n++) {
            if (strcmp(ends, rows[i].ends) != 0)
                fail_msg("row %zu at %zu: %s, expected %s", i, n, ends, rows[i].ends);
            if (act == say_file_of_10)
                assert_false(is_open(fd));
            assert_true(n < 100000);
        }
    }
    close_site(&s);
}

static void end__slow_client__gets_all_of_it(void **state)
{
    static const struct {
        weir_body (*act)(weir_environ *env, weir_start_response *start_response);
        const char *expected, *ends;
    } rows[] = {
        {say_text, "200 text", ""},
        {say_owned, "200 owned", "c21"},
        {say_pieces, "200~ piecepiecepiece", "c21"},
        {say_pieces_of_length, "200 piecepiecepiece", "c21"},
        {say_file_of_10, "200 0123456789", "1"},
        {say_page, "404", "1"},
        {decline, "404", "21"},
    };
    struct site s;

    (void)state;
    open_site(&s);
    WR_CONTAINER_OF(s.server.mounted, struct wr_mount, base)->state = &s.folder;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        act = rows[i].act;
        clear(&s);
        s.client.transport.room = 0;
        test_client_send(&s.client, ASK("GET"));
        test_client_take(&s.client, 1, 100000);
        check_description(&s.client, rows[i].expected);
        assert_string_equal(ends, rows[i].ends);
    }
    close_site(&s);
}

static void end__server_stops_in_the_middle__all_is_ended_once(void **state)
{
    static weir_body (*const acts[])(weir_environ * env, weir_start_response * start_response) = {
        say_owned, say_pieces, say_pieces_of_length};
    struct site s;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(acts); i++) {
        open_site(&s);
        clear(&s);
        act = acts[i];
        s.client.transport.room = 10;
        test_client_send(&s.client, ASK("GET"));
        assert_int_equal(s.client.transport.out_n, 10);
        test_server_fini(&s.server);
        assert_string_equal(ends, "c21");
        fake_transport_fini(&s.client.transport);
        temp_folder_fini(&s.folder);
    }
}

static void end__client_does_not_take_for_long__all_is_ended_once(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    clear(&s);
    act = say_owned;
    s.client.transport.room = 10;
    test_client_send(&s.client, ASK("GET"));
    for (int i = 0; i < 10 && !s.client.transport.is_closed; i++)
        test_server_advance_ms(&s.server, s.server.site.config.write_idle_ms);
    assert_true(s.client.transport.is_closed);
    assert_string_equal(ends, "c21");
    close_site(&s);
}

/* A request that never came to be one calls nobody. */
static void end__request_cut_in_its_head__calls_no_app(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    act = say_owned;
    clear(&s);
    test_client_send(&s.client, "GET / HTTP/1.1\r\nHost:");
    test_client_reset(&s.client);
    assert_string_equal(ends, "");
    close_site(&s);
}

/* ---- pulling a body by hand ---- */

/* What weir_body_next() gives of the file or the pieces, together; how it ended is the status. */
static weir_body pull_all(weir_environ *env, weir_start_response *start_response)
{
    static char all[64];
    size_t n = 0;
    weir_chunk chunk;
    int32_t said;
    weir_body body = weir_iterable(three_pieces, note, letter_c);

    pieces = 0;
    if (fd >= 0)
        body = weir_file(env, fd, file.offset, file.length, WEIR_CLOSE_FD);
    while ((said = weir_body_next(env, &body, &chunk)) == WEIR_CHUNK && n + chunk.size < 64) {
        memcpy(all + n, chunk.data, (size_t)chunk.size);
        n += (size_t)chunk.size;
    }
    CHECK_APP(ends[0] == '\0');
    weir_body_close(env, &body);
    CHECK_APP(body.kind == WEIR_BODY_EMPTY);
    weir_body_close(env, &body); /* nothing is left to close */
    CHECK_APP(weir_body_next(env, &body, &chunk) == WEIR_END);
    start_response(env, said == WEIR_END ? 200 : 502, NULL);
    return weir_bytes(all, n);
}

static void body_next__file_and_iterable__give_their_pieces(void **state)
{
    static const struct {
        uint64_t offset, length;
        const char *expected;
    } rows[] = {{0, 10, "200 0123456789"}, {7, WEIR_TO_END, "200 789"}, {8, 3, "502 89"}};
    struct site s;

    (void)state;
    open_site(&s);
    act = pull_all;
    check_answer(&s, ASK("GET"), "200 piecepiecepiece");
    assert_string_equal(ends, "c");
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        fd = open_file(&s, "digits");
        file.offset = rows[i].offset;
        file.length = rows[i].length;
        check_answer(&s, ASK("GET"), rows[i].expected);
        assert_false(is_open(fd));
    }
    close_site(&s);
}

WR_TESTS(cmocka_unit_test(body_next__file_and_iterable__give_their_pieces),
         cmocka_unit_test(memory__each_kind__is_the_content),
         cmocka_unit_test(body__that_is_none__is_a_500),
         cmocka_unit_test(file__part__is_the_content),
         cmocka_unit_test(file__that_cannot_be_sent__is_a_500_and_closed),
         cmocka_unit_test(file__large__is_whole_with_and_without_sendfile),
         cmocka_unit_test(file__that_shrinks__closes_the_connection),
         cmocka_unit_test(decline__alone__is_a_404),
         cmocka_unit_test(decline__another_route__answers),
         cmocka_unit_test(decline__each_environ__is_ended_once),
         cmocka_unit_test(end__client_resets_at_every_byte__all_is_ended_once),
         cmocka_unit_test(end__slow_client__gets_all_of_it),
         cmocka_unit_test(end__server_stops_in_the_middle__all_is_ended_once),
         cmocka_unit_test(end__client_does_not_take_for_long__all_is_ended_once),
         cmocka_unit_test(end__request_cut_in_its_head__calls_no_app));
