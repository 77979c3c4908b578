/*
 * test_sink.c — content that is more than weir_read_all() and weir_read_file() take, by its length: nobody
 * asks the client for it.
 */
#include "support.h"

#include <weir/test.h>

/* What came, and what a read says behind that. */
static void told(weir_environ *env, void *arg, const void *data, int64_t n)
{
    char byte;

    (void)data;
    if (arg)
        weir_finish(env, weir_printf(env, "%lld, then %lld", (long long)n,
                                     (long long)weir_read(env, &byte, 1)));
    else
        weir_finish(env, weir_printf(env, "%lld", (long long)n));
}

static void written(weir_environ *env, void *arg, int64_t n)
{
    told(env, arg, NULL, n);
}

/* At most two bytes: to memory; to a file; to memory, behind a byte that is read before. */
static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");
    char byte;

    start_response(env, 200, NULL);
    if (strcmp(path, "/rest") == 0)
        weir_read(env, &byte, 1);
    if (strcmp(path, "/file") == 0)
        weir_read_file(env, 0, 2, written, NULL); /* to which nothing is written */
    else
        weir_read_all(env, 2, told, strcmp(path, "/then") == 0 ? env : NULL);
    return weir_later(env);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "sink",
                                   .app = app};

static void sink__content_by_its_length_too_large__is_not_asked_for(void **state)
{
    static const weir_header expects[] = {{"Expect", "100-continue"}, {NULL, NULL}};
    static const struct {
        const char *target;
        size_t size;
        const char *bodies[2]; /* on the loop, in a thread */
        size_t interims;
    } rows[] = {
        {"/", 2, {"2", "2"}, 1},
        {"/", 3, {"-5013", "-5013"}, 0}, /* WEIR_ETOOBIG */
        {"/file", 3, {"-5013", "-5013"}, 0},
        {"/rest", 3, {"-5013", "2"}, 1}, /* a thread has waited for the first */
        {"/rest", 4, {"-5013", "-5013"}, 1},
    };
    static const int32_t places[] = {WEIR_TEST_ON_LOOP, WEIR_TEST_IN_THREAD};

    (void)state;
    for (size_t p = 0; p < WR_COUNT(places); p++) {
        weir_test_setup setup = {.plugin = &plugin, .runs = places[p]};
        weir_test *t = weir_test_start(&setup);

        assert_non_null(t);
        for (size_t i = 0; i < WR_COUNT(rows); i++) {
            weir_test_request request = {.target = rows[i].target,
                                         .fields = expects,
                                         .body = "abcd",
                                         .body_size = rows[i].size};
            const weir_test_response *r = weir_test_call(t, &request);

            assert_non_null(r);
            if (strcmp(r->body, rows[i].bodies[p]) != 0 || r->interims_n != rows[i].interims)
                fail_msg("row %zu: %s, with %zu interim responses", i, r->body, r->interims_n);
        }
        weir_test_free(t);
    }
}

/* Part of it was taken, and is lost: what follows must not pass for all of it. */
static void sink__content_that_turns_out_too_large__is_lost(void **state)
{
    static const int32_t places[] = {WEIR_TEST_ON_LOOP, WEIR_TEST_IN_THREAD};

    (void)state;
    for (size_t p = 0; p < WR_COUNT(places); p++) {
        weir_test_setup setup = {.plugin = &plugin, .runs = places[p]};
        weir_test *t = weir_test_start(&setup);
        weir_test_request request = {
            .target = "/then", .body = "abcdef", .body_size = 6, .content_length = -1, .piece = 1};
        const weir_test_response *r = weir_test_call(t, &request);

        assert_non_null(r);
        assert_string_equal(r->body, "-5013, then -5013");
        weir_test_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sink__content_by_its_length_too_large__is_not_asked_for),
        cmocka_unit_test(sink__content_that_turns_out_too_large__is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
