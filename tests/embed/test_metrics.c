/*
 * test_metrics.c — weir_server_metrics() of a host: before the start and after the end, over loops
 * and reloads, stepped, and from another thread throughout.
 */
#include "client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "temp_folder.h"

#define LOOPS    2
#define REQUESTS 64 /* by a connection each: of two loops both have some */
#define RELOADS  20

static struct temp_folder folder;

static int make_folder(void **state)
{
    (void)state;
    temp_folder_init(&folder);
    temp_file_write(&folder, "small.txt", wr_slice_of("small"));
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_fini(&folder);
    return 0;
}

static weir_server *new_server(void)
{
    weir_server *s = weir_server_new();

    assert_non_null(s);
    assert_int_equal(weir_server_set_folder(s, folder.path), 0);
    assert_int_equal(weir_server_set_loops(s, LOOPS), 0);
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    return s;
}

/* The value of a series, -1 when the text does not have it. */
static long long value_in(const char *text, const char *series)
{
    char wanted[256];
    const char *line;

    snprintf(wanted, sizeof wanted, "\n%s ", series);
    line = strstr(text, wanted);
    return line ? strtoll(line + strlen(wanted), NULL, 10) : -1;
}

static long long value(weir_server *s, const char *series)
{
    char *text = weir_server_metrics(s);
    long long n;

    assert_non_null(text);
    n = value_in(text, series);
    free(text);
    return n;
}

#define OK_GETS "weir_requests_total{method=\"GET\",code=\"2xx\"}"
#define MISSES  "weir_requests_total{method=\"GET\",code=\"4xx\"}"

static void metrics__life__begin_with_nothing_and_end_with_nothing(void **state)
{
    weir_server *s = new_server();

    (void)state;
    assert_int_equal(value(s, OK_GETS), 0);
    assert_int_equal(value(s, "weir_build_info{version=\"" WEIR_VERSION "\"}"), 1);
    assert_int_equal(value(s, "weir_start_time_seconds"), -1);
    for (int life = 0; life < 2; life++) {
        assert_int_equal(weir_server_start(s), 0);
        assert_true(value(s, "weir_start_time_seconds") > 1700000000); /* November 2023 */
        for (int i = 0; i < REQUESTS; i++)
            client_expect(s, "/small.txt", 200, "small");
        client_expect(s, "/missing", 404, NULL);
        assert_int_equal(value(s, OK_GETS), REQUESTS);
        assert_int_equal(value(s, MISSES), 1);
        assert_int_equal(weir_server_reload(s), 0);
        assert_int_equal(value(s, OK_GETS), REQUESTS);
        weir_server_stop(s, 0);
        assert_int_equal(weir_server_wait(s), 0);
        assert_int_equal(value(s, OK_GETS), 0);
    }
    weir_server_free(s);
}

static void metrics__stepped__are_those_of_its_loop(void **state)
{
    weir_server *s = new_server();
    char answer[CLIENT_ANSWER_MAX];
    int fd;

    (void)state;
    assert_int_equal(weir_server_start_stepping(s), 0);
    fd = client_connect(weir_server_address(s, 0));
    assert_int_equal(value(s, "weir_connections_open"), 0);
    assert_true(weir_server_step(s, -1) >= 0);
    assert_int_equal(value(s, "weir_connections_open"), 1);
    client_ask(fd, "/small.txt");
    client_read_stepping(s, fd, answer, sizeof answer);
    client_check(answer, 200, "small");
    assert_int_equal(value(s, OK_GETS), 1);
    assert_int_equal(value(s, "weir_response_content_bytes_total"), strlen("small"));
    weir_server_stop(s, 0);
    client_step_to_stop(s);
    weir_server_free(s);
}

/* ---- from another thread ---- */

struct reader {
    weir_server *s;
    atomic_bool is_enough;
    atomic_int texts;
    int failures; /* texts that were none, or in which a counter had gone back */
};

/* In milliseconds; 0: it does not run. */
static long long started_in(const char *text)
{
    static const char name[] = "\nweir_start_time_seconds ";
    const char *line = strstr(text, name);

    return line ? (long long)(strtod(line + strlen(name), NULL) * 1000) : 0;
}

/* A life is known by its start: between two texts it may have ended, and the next have begun. */
static void *read_all_the_time(void *arg)
{
    struct reader *r = arg;
    long long before = 0, started_before = 0;

    while (!atomic_load(&r->is_enough)) {
        char *text = weir_server_metrics(r->s);
        long long now = text ? value_in(text, OK_GETS) : -1;
        long long started = text ? started_in(text) : -1;

        if (now < 0 || (started == started_before && now < before))
            r->failures++;
        before = now;
        started_before = started;
        free(text);
        atomic_fetch_add(&r->texts, 1);
    }
    return NULL;
}

static void metrics__read_while_it_lives__never_go_back(void **state)
{
    weir_server *s = new_server();
    struct reader r = {.s = s};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, read_all_the_time, &r), 0);
    for (int life = 0; life < 3; life++) {
        assert_int_equal(weir_server_start(s), 0);
        for (int i = 0; i < RELOADS; i++) {
            client_expect(s, "/small.txt", 200, "small");
            assert_int_equal(weir_server_reload(s), 0);
        }
        assert_int_equal(value(s, OK_GETS), RELOADS);
        weir_server_stop(s, 0);
        assert_int_equal(weir_server_wait(s), 0);
    }
    atomic_store(&r.is_enough, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(atomic_load(&r.texts) > 0);
    assert_int_equal(r.failures, 0);
    weir_server_free(s);
}

WR_TESTS(cmocka_unit_test_setup_teardown(metrics__life__begin_with_nothing_and_end_with_nothing,
                                         make_folder, remove_folder),
         cmocka_unit_test_setup_teardown(metrics__stepped__are_those_of_its_loop, make_folder,
                                         remove_folder),
         cmocka_unit_test_setup_teardown(metrics__read_while_it_lives__never_go_back, make_folder,
                                         remove_folder));
