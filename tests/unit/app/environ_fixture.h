/*
 * environ_fixture.h — an app that looks at its environ, and what it found. Each program has one: the functions
 * are static.
 */
#ifndef WEIR_TESTS_ENVIRON_FIXTURE_H
#define WEIR_TESTS_ENVIRON_FIXTURE_H

#include "support.h"

#include <stdio.h>

#include "test_checks.h"

#define GET(target, fields) "GET " target " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"

/* What the app does in this test, and what it found; the loop is the test's own thread. */
static weir_body (*look)(weir_environ *env);
static bool gathers; /* its plugin has a .body_buffer_max */
static char got[512];

static inline void keep(char out[static 512], const char *text, size_t n)
{
    snprintf(out, 512, "%.*s", (int)n, text ? text : "");
}

#define CHECK_APP(condition)                                                                       \
    do {                                                                                           \
        if (!(condition) && !got[0])                                                               \
            snprintf(got, sizeof got, "line %d", __LINE__);                                        \
    } while (0)

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return look(env);
}

static weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                             .abi_major = WEIR_ABI_MAJOR,
                             .abi_minor = WEIR_ABI_MINOR,
                             .size = sizeof(weir_plugin),
                             .name = "look",
                             .app = app,
                             .runs = WEIR_ON_LOOP};

static inline void open_both(struct test_server *s, struct test_client *c,
                             weir_body (*what)(weir_environ *))
{
    look = what;
    plugin.body_buffer_max = gathers ? 1000 : 0;
    test_server_init(s);
    assert_non_null(test_server_mount(s, &plugin, NULL, NULL));
    test_client_open(s, c);
}

static inline void check_ok(const struct test_client *c)
{
    struct test_responses r;

    test_client_responses(c, "", &r);
    assert_null(r.error);
    assert_true(r.n > 0);
    assert_int_equal(r.v[r.n - 1].status, 200);
    test_responses_free(&r);
}

#endif
