/*
 * What workers count as one sum, and the sum as text. The format is that of Prometheus: "Exposition
 * formats", text format 0.0.4. A strict reader of it is in tests/integration/test_metrics.py.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/metrics.h"

static bool has_no_memory;

FILE *__real_open_memstream(char **p, size_t *n);
FILE *__wrap_open_memstream(char **p, size_t *n);

FILE *__wrap_open_memstream(char **p, size_t *n)
{
    return has_no_memory ? NULL : __real_open_memstream(p, n);
}

/* The line is there, once. */
static void check_line(const char *text, const char *line)
{
    char wanted[512];
    const char *found;

    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    found = strstr(text, wanted);
    if (!found || strstr(found + 1, wanted))
        fail_msg("%s: %s", line, found ? "twice" : text);
}

static void metrics__workers__are_added_up(void **state)
{
    struct wr_metrics a = {0}, b = {0};
    struct wr_metrics_total total = {0};
    char *text;

    (void)state;
    wr_metrics_answer(&a, WR_METHOD_GET, 200);
    wr_metrics_answer(&a, WR_METHOD_GET, 206);
    wr_metrics_answer(&b, WR_METHOD_GET, 299);
    wr_metrics_answer(&b, WR_METHOD_GET, 304);
    wr_metrics_answer(&a, WR_METHOD_HEAD, 101);
    wr_metrics_answer(&b, WR_METHOD_OTHER, 501);
    wr_metrics_answer(&b, WR_METHOD_OTHER, 599);
    wr_metrics_answer(&b, WR_METHOD_PATCH, 404);
    wr_metrics_refuse(&a, WR_H1_FIELDS_MANY);
    wr_metrics_refuse(&b, WR_H1_FIELDS_MANY);
    wr_metrics_refuse(&b, WR_H1_MEMORY);
    wr_metrics_count(&a, WR_METRIC_LINGER_TIMEOUT);
    wr_metrics_count(&b, WR_METRIC_UNANSWERED);
    wr_metric_add(&a.count[WR_METRIC_CONTENT_SENT], UINT64_C(1) << 63);
    wr_metric_add(&b.count[WR_METRIC_CONTENT_SENT], (UINT64_C(1) << 63) - 1);
    wr_metrics_add(&total.sum, &a);
    wr_metrics_add(&total.sum, &b);
    total.connections = 3;
    text = wr_metrics_text(&total);
    assert_non_null(text);
    check_line(text, "weir_requests_total{method=\"GET\",code=\"1xx\"} 0");
    check_line(text, "weir_requests_total{method=\"GET\",code=\"2xx\"} 3");
    check_line(text, "weir_requests_total{method=\"GET\",code=\"3xx\"} 1");
    check_line(text, "weir_requests_total{method=\"HEAD\",code=\"1xx\"} 1");
    check_line(text, "weir_requests_total{method=\"other\",code=\"5xx\"} 2");
    check_line(text, "weir_requests_total{method=\"PATCH\",code=\"4xx\"} 1");
    check_line(text, "weir_requests_refused_total{reason=\"fields_many\"} 2");
    check_line(text, "weir_requests_refused_total{reason=\"memory\"} 1");
    check_line(text, "weir_requests_refused_total{reason=\"bare_lf\"} 0");
    check_line(text, "weir_connections_closed_total{reason=\"linger_ms\"} 1");
    check_line(text, "weir_requests_unanswered_total 1");
    check_line(text, "weir_response_content_bytes_total 18446744073709551615");
    check_line(text, "weir_connections_open 3");
    assert_null(strstr(text, "reason=\"ok\"")); /* no reason to refuse */
    free(text);
}

static void metrics__family__has_its_lines_once_and_first(void **state)
{
    struct wr_metrics_total total = {0};
    char *text = wr_metrics_text(&total);
    const char *type, *first;

    (void)state;
    assert_non_null(text);
    check_line(text, "# TYPE weir_connections_closed_total counter");
    check_line(text, "# TYPE weir_connections_open gauge");
    type = strstr(text, "\n# TYPE weir_connections_closed_total ");
    first = strstr(text, "\nweir_connections_closed_total{");
    assert_true(type < first);
    assert_ptr_equal(strchr(type + 1, '\n'), first);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
}

static void metrics__facts__are_told_where_they_are_known(void **state)
{
    struct wr_metrics_total total = {.version = "1\\2\"3\n4", .started_ms = 1234567890007};
    char *text = wr_metrics_text(&total);

    (void)state;
    assert_non_null(text);
    check_line(text, "weir_build_info{version=\"1\\\\2\\\"3\\n4\"} 1");
    check_line(text, "weir_start_time_seconds 1234567890.007");
    free(text);
    total = (struct wr_metrics_total){0};
    text = wr_metrics_text(&total);
    assert_non_null(text);
    assert_null(strstr(text, "build_info"));
    assert_null(strstr(text, "start_time"));
    free(text);
}

static void metrics__no_memory__is_null(void **state)
{
    struct wr_metrics_total total = {0};

    (void)state;
    has_no_memory = true;
    assert_null(wr_metrics_text(&total));
    has_no_memory = false;
}

WR_TESTS(cmocka_unit_test(metrics__workers__are_added_up),
         cmocka_unit_test(metrics__family__has_its_lines_once_and_first),
         cmocka_unit_test(metrics__facts__are_told_where_they_are_known),
         cmocka_unit_test(metrics__no_memory__is_null));
