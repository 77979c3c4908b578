/*
 * start_fixture.h — an app that acts as the test says, asked once at a time, with what it answers and what the
 * log says. Each program has one: the functions are static.
 */
#ifndef WEIR_TESTS_START_FIXTURE_H
#define WEIR_TESTS_START_FIXTURE_H

#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "test_checks.h"

struct site {
    struct test_server server;
    struct test_client client;
    struct test_responses got;
    char fields[2048]; /* of the last response: a line each */
};

/* What the app does; the loop is the test's own thread. */
static weir_body (*act)(weir_environ *env, weir_start_response *start_response);

/* The first expectation inside the app that did not hold. */
static int fault_line;

#define CHECK_APP(condition)                                                                       \
    do {                                                                                           \
        if (!(condition) && fault_line == 0)                                                       \
            fault_line = __LINE__;                                                                 \
    } while (0)

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

static inline void open_site(struct site *s)
{
    test_server_init(&s->server);
    assert_non_null(test_server_mount(&s->server, &plugin, NULL, NULL));
    test_client_open(&s->server, &s->client);
    s->got = (struct test_responses){0};
}

static inline void close_site(struct site *s)
{
    test_responses_free(&s->got);
    close_both(&s->server, &s->client);
}

static bool comes_once(const struct test_response *r, struct wr_slice name)
{
    size_t n = 0;

    for (size_t i = 0; i < r->fields; i++)
        n += wr_slice_ieq(r->names[i], name);
    return n == 1;
}

/* Those of the server itself are left out where they are what they always are, and alone. */
static bool is_usual(const struct test_response *r, struct wr_slice name, struct wr_slice value)
{
    return ((wr_slice_eq(name, WR_SLICE("Date")) &&
             wr_slice_eq(value, WR_SLICE("Sun, 06 Nov 1994 08:49:37 GMT"))) ||
            (wr_slice_eq(name, WR_SLICE("Server")) && wr_slice_eq(value, WR_SLICE("Weir")))) &&
           comes_once(r, name);
}

static void describe_fields(struct site *s, const struct test_response *r)
{
    struct wr_buf b = wr_buf_on(s->fields, sizeof s->fields - 1);

    for (size_t i = 0; i < r->fields; i++)
        if (!is_usual(r, r->names[i], r->values[i]))
            wr_buf_printf(&b, "%.*s: %.*s\n", (int)r->names[i].n, r->names[i].p,
                          (int)r->values[i].n, r->values[i].p);
    s->fields[b.n] = '\0';
}

/* Asks once; the connection goes on. */
static inline const struct test_response *ask(struct site *s, const char *method)
{
    char request[256];

    snprintf(request, sizeof request, "%s /what?q HTTP/1.1\r\nHost: a\r\n\r\n", method);
    test_responses_free(&s->got);
    s->client.transport.out_n = 0;
    s->server.log_n = 0;
    s->server.log_text[0] = '\0';
    fault_line = 0;
    test_client_send(&s->client, request);
    test_client_responses(&s->client, strcmp(method, "HEAD") == 0 ? "H" : "G", &s->got);
    if (s->got.error || s->got.n != 1)
        fail_msg("%zu responses, %s", s->got.n, s->got.error ? s->got.error : "HTTP");
    if (fault_line > 0)
        fail_msg("line %d, in the app", fault_line);
    assert_false(s->got.v[0].is_cut);
    describe_fields(s, &s->got.v[0]);
    return &s->got.v[0];
}

/* One line, with plugin, route, request and what was asked, and `why` in it. */
static inline void check_log(const struct site *s, const char *method, const char *why)
{
    const char *text = s->server.log_text, *end = strchr(text, '\n');
    char asked[64];

    snprintf(asked, sizeof asked, ", %s /what?q: ", method);
    if (!why) {
        assert_string_equal(text, "");
        return;
    }
    if (!end || end[1] != '\0' || strncmp(text, "act at /, request ", 18) != 0 ||
        !strstr(text, asked) || !strstr(text, why))
        fail_msg("the log says %s, expected a line with %s", text, why);
}

static inline weir_body ok(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_text("fine");
}

/* The page of the server, and the next request is not harmed. */
static inline void check_failed(struct site *s, int status, const char *why)
{
    const struct test_response *r = ask(s, "GET");

    if (r->status != status)
        fail_msg("%d, expected %d with %s", r->status, status, why);
    assert_false(r->says_close);
    assert_true(r->content_n > 100);
    assert_non_null(strstr(s->fields, "Content-Type: text/html; charset=utf-8\n"));
    assert_null(strstr(s->fields, "X-"));
    check_log(s, "GET", why);
    act = ok;
    assert_string_equal(ask(s, "GET")->content, "fine");
    check_log(s, "GET", NULL);
}

#endif
