/*
 * static_fixture.h — a folder, the static server on it, and a client: one request at a time, and what
 * came of it.
 */
#ifndef WR_TESTS_STATIC_FIXTURE_H
#define WR_TESTS_STATIC_FIXTURE_H

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "handlers/static.h"
#include "temp_folder.h"
#include "test_server.h"

#define HOUR_MS      3600000 /* after it all that was written is settled */
#define HELPED_TURNS 8 /* of the loop, at most, until what a helper did has come to an answer */

/* {texts("a", "b")} as struct wr_static_texts, and the same of pairs. */
#define TEXTS(...)                                                                                 \
    {                                                                                              \
        (const char *const[]){__VA_ARGS__},                                                        \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)                      \
    }
#define PAIRS(...)                                                                                 \
    {                                                                                              \
        (const struct wr_static_pair[]){__VA_ARGS__},                                              \
            sizeof((const struct wr_static_pair[]){__VA_ARGS__}) / sizeof(struct wr_static_pair)   \
    }

struct site {
    struct temp_folder folder;
    struct wr_static_setup setup; /* changed between begin_site() and open_site() */
    struct test_server server;
    struct test_client client;
    struct test_responses got;
};

/* The server's time from the next request on: the moment, or so much later. */
static inline void set_time(struct site *s, int64_t later_ms)
{
    s->server.time.wall_ns = wr_clock_system.wall_ns(NULL) + later_ms * 1000000;
    test_server_step(&s->server);
}

/* An empty folder, not yet served. */
static inline void begin_site(struct site *s)
{
    *s = (struct site){0};
    temp_folder_init(&s->folder);
    s->setup = wr_static_setup_of(s->folder.path);
}

static inline void open_site(struct site *s)
{
    test_server_init(&s->server);
    if (!test_server_mount(&s->server, &wr_static_plugin, &s->setup, NULL))
        fail_msg("%s", s->server.log_text);
    set_time(s, HOUR_MS);
    test_client_open(&s->server, &s->client);
}

static inline void close_site(struct site *s)
{
    test_responses_free(&s->got);
    test_client_fini(&s->client);
    test_server_fini(&s->server);
    temp_folder_fini(&s->folder);
}

/* A request without waiting for what comes of it. */
static inline void send_as(struct site *s, const char *method, const char *target,
                           const char *fields)
{
    static char request[4096];

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, target,
             fields);
    s->client.transport.out_n = 0;
    test_client_send(&s->client, request);
}

/* The one response that has come by now. */
static inline const struct test_response *response(struct site *s, bool is_head)
{
    test_responses_free(&s->got);
    test_client_responses(&s->client, is_head ? "H" : "G", &s->got);
    if (s->got.error || s->got.n != 1)
        fail_msg("%zu responses, %s", s->got.n, s->got.error ? s->got.error : "HTTP");
    return &s->got.v[0];
}

/* Sends one request and gives its response, which is the last that came. */
static inline const struct test_response *ask_as(struct site *s, const char *method,
                                                 const char *target, const char *fields)
{
    send_as(s, method, target, fields);
    for (int i = 0; i < HELPED_TURNS && s->client.transport.out_n == 0; i++)
        test_server_step(&s->server);
    return response(s, strcmp(method, "HEAD") == 0);
}

static inline const struct test_response *ask(struct site *s, const char *target,
                                              const char *fields)
{
    return ask_as(s, "GET", target, fields);
}

static inline void check_field(const struct test_response *r, const char *name,
                               const char *expected)
{
    struct wr_slice value = test_field(r, name);

    if (expected ? !wr_slice_eq(value, wr_slice_of(expected)) : value.p != NULL)
        fail_msg("%s: %.*s, expected %s", name, (int)value.n, value.p ? value.p : "",
                 expected ? expected : "none");
}

static inline const struct test_response *check_status(struct site *s, const char *target,
                                                       const char *fields, int status)
{
    const struct test_response *r = ask(s, target, fields);

    if (r->status != status)
        fail_msg("%s %s: %d, expected %d", target, fields, r->status, status);
    return r;
}

/* 200 with that content. */
static inline const struct test_response *check_content(struct site *s, const char *target,
                                                        const char *fields, const char *content)
{
    const struct test_response *r = check_status(s, target, fields, 200);

    if (strcmp(r->content, content) != 0)
        fail_msg("%s: %s, expected %s", target, r->content, content);
    return r;
}

/* A copy of a field's value as text, or of a whole line with it where `format` has %s. */
static inline const char *line_with(char out[static 512], const char *format, struct wr_slice value)
{
    const char *mark = strstr(format, "%s");

    assert_non_null(mark);
    snprintf(out, 512, "%.*s%.*s%s", (int)(mark - format), format, (int)value.n, value.p, mark + 2);
    return out;
}

#endif
