/*
 * The handler that tells what was counted, on a worker without a server around it.
 */
#include "handlers/metrics.h"

#include <stdio.h>
#include <string.h>

#include "test_checks.h"

struct site {
    struct test_server server;
    struct test_client client;
    struct test_responses got;
};

static void open_site(struct site *s)
{
    *s = (struct site){0};
    test_server_init(&s->server);
    if (!test_server_mount(&s->server, &wr_metrics_plugin, NULL, NULL))
        fail_msg("%s", s->server.log_text);
    test_client_open(&s->server, &s->client);
}

static void close_site(struct site *s)
{
    test_responses_free(&s->got);
    close_both(&s->server, &s->client);
}

/* Sends a request and gives its response, the only one. */
static const struct test_response *ask(struct site *s, const char *head, const char *content)
{
    char request[1024];

    snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             head, strlen(content), content);
    test_responses_free(&s->got);
    s->client.transport.out_n = 0;
    test_client_send(&s->client, request);
    test_client_responses(&s->client, strncmp(head, "HEAD", 4) == 0 ? "H" : "G", &s->got);
    if (s->got.error || s->got.n != 1)
        fail_msg("%s: %zu responses, %s", head, s->got.n, s->got.error ? s->got.error : "HTTP");
    return &s->got.v[0];
}

static void check_field(const struct test_response *r, const char *name, const char *expected)
{
    struct wr_slice value = test_field(r, name);

    if (!wr_slice_eq(value, wr_slice_of(expected)))
        fail_msg("%s: %.*s", name, (int)value.n, value.p ? value.p : "(none)");
}

static void check_has(const struct test_response *r, const char *line)
{
    if (!strstr(r->content, line))
        fail_msg("%s is not in\n%s", line, r->content);
}

static void metrics__get__is_a_text_that_nobody_keeps(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    open_site(&s);
    r = ask(&s, "GET /", "");
    assert_int_equal(r->status, 200);
    check_field(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    check_field(r, "Cache-Control", "no-store");
    check_has(r, "\nweir_requests_total{method=\"GET\",code=\"2xx\"} 0\n"); /* this one goes on */
    check_has(r, "\nweir_connections_open 1\n");
    r = ask(&s, "GET /?a=b", "");
    check_has(r, "\nweir_requests_total{method=\"GET\",code=\"2xx\"} 1\n");
    close_site(&s);
}

static void metrics__head__has_the_length_of_the_text(void **state)
{
    struct site s;
    const struct test_response *r;
    char length[32];

    (void)state;
    open_site(&s);
    r = ask(&s, "GET /", "");
    snprintf(length, sizeof length, "%zu", r->content_n);
    r = ask(&s, "HEAD /", ""); /* no number has one digit more by now, but that of the bytes: */
    assert_int_equal(r->status, 200);
    check_field(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    assert_int_equal(test_field(r, "Content-Length").n, strlen(length));
    r = ask(&s, "GET /", "");
    check_has(r, "\nweir_requests_total{method=\"HEAD\",code=\"2xx\"} 1\n");
    close_site(&s);
}

/* RFC 9110 15.5.6, 15.6.2, 9.3.7, and 8.6 for the 204. */
static void metrics__other_methods__are_refused_with_those_it_has(void **state)
{
    static const struct {
        const char *head;
        int status;
    } rows[] = {
        {"OPTIONS /", 204}, {"POST /", 405}, {"PUT /", 405}, {"DELETE /", 405}, {"BREW /", 501},
    };
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct test_response *r = ask(&s, rows[i].head, "");

        if (r->status != rows[i].status)
            fail_msg("%s: %d", rows[i].head, r->status);
        check_field(r, "Allow", "GET, HEAD, OPTIONS");
    }
    close_site(&s);
}

static void metrics__path_below__is_not_there(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    assert_int_equal(ask(&s, "GET /x", "")->status, 404);
    assert_int_equal(ask(&s, "OPTIONS /x", "")->status, 404);
    close_site(&s);
}

static void metrics__content__is_counted_without_framing(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    assert_int_equal(ask(&s, "GET /", "12345")->status, 200); /* dropped: nobody reads it */
    check_has(ask(&s, "GET /", ""), "\nweir_request_content_bytes_total 5\n");
    close_site(&s);
}

WR_TESTS(cmocka_unit_test(metrics__get__is_a_text_that_nobody_keeps),
         cmocka_unit_test(metrics__head__has_the_length_of_the_text),
         cmocka_unit_test(metrics__other_methods__are_refused_with_those_it_has),
         cmocka_unit_test(metrics__path_below__is_not_there),
         cmocka_unit_test(metrics__content__is_counted_without_framing));
