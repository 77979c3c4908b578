#include "base/log.h"

#include <stdbool.h>
#include <string.h>

#include "support.h"

#define CUT "..."

/* What the sink was given last. */
struct sink {
    int calls;
    enum wr_log_level level;
    char line[WR_LOG_LINE_MAX + 1];
    size_t n;
};

static void keep(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    struct sink *sink = ctx;

    assert_true(n <= WR_LOG_LINE_MAX);
    sink->calls++;
    sink->level = level;
    memcpy(sink->line, line, n);
    sink->line[n] = '\0';
    sink->n = n;
}

static void log__message__reaches_the_sink_formatted_and_without_newline(void **state)
{
    struct sink sink = {0};
    const struct wr_log log = {keep, &sink, WR_LOG_INFO};

    (void)state;
    wr_log(&log, WR_LOG_WARN, "%s: %d", "port", 8080);
    assert_int_equal(sink.calls, 1);
    assert_int_equal(sink.level, WR_LOG_WARN);
    assert_string_equal(sink.line, "port: 8080");
    assert_int_equal(sink.n, strlen("port: 8080"));
    wr_log(&log, WR_LOG_INFO, "%s", "");
    assert_int_equal(sink.calls, 2);
    assert_int_equal(sink.n, 0);
}

static void log__level__drops_what_is_above_it(void **state)
{
    (void)state;
    for (int set = WR_LOG_ERROR; set <= WR_LOG_DEBUG; set++)
        for (int used = WR_LOG_ERROR; used <= WR_LOG_DEBUG; used++) {
            struct sink sink = {0};
            const struct wr_log log = {keep, &sink, (enum wr_log_level)set};

            wr_log(&log, (enum wr_log_level)used, "x");
            if (sink.calls != (used <= set ? 1 : 0))
                fail_msg("level %d, message %d: %d calls", set, used, sink.calls);
        }
}

static void log__without_a_sink__is_silent(void **state)
{
    const struct wr_log log = {.level = WR_LOG_DEBUG};

    (void)state;
    wr_log(&log, WR_LOG_ERROR, "x");
}

static void log__control_characters__are_shown(void **state)
{
    struct sink sink = {0};
    const struct wr_log log = {keep, &sink, WR_LOG_INFO};

    (void)state;
    wr_log(&log, WR_LOG_INFO, "%s", "a\nb\r\tc\x1b[0m\x01\x1f\x7f~ end");
    assert_string_equal(sink.line, "a\\x0ab\\x0d\\x09c\\x1b[0m\\x01\\x1f\\x7f~ end");
    wr_log(&log, WR_LOG_INFO, "a%cb", '\0');
    assert_string_equal(sink.line, "a\\x00b");
}

static void log__bytes_above_ascii__are_kept(void **state)
{
    struct sink sink = {0};
    const struct wr_log log = {keep, &sink, WR_LOG_INFO};

    (void)state;
    wr_log(&log, WR_LOG_INFO, "%s", "gr\xc3\xbc\xc3\x9f\x80\xff");
    assert_string_equal(sink.line, "gr\xc3\xbc\xc3\x9f\x80\xff");
}

/* Logs `plain` letters and after them `controls` control characters. */
static void log_long(struct sink *sink, int plain, int controls)
{
    const struct wr_log log = {keep, sink, WR_LOG_INFO};
    static char text[4 * WR_LOG_LINE_MAX];

    memset(text, 'a', (size_t)plain);
    memset(text + plain, '\n', (size_t)controls);
    text[plain + controls] = '\0';
    wr_log(&log, WR_LOG_INFO, "%s", text);
}

static const struct {
    int plain, controls;
    int a, escapes; /* what is left of them */
    bool is_cut;
} lengths[] = {
    {1016, 0, 1016, 0, false}, {1021, 0, 1021, 0, false}, {1023, 0, 1023, 0, false},
    {1024, 0, 1024, 0, false},                          /* the longest line */
    {1025, 0, 1021, 0, true},                           /* 1021 and "..." are 1024 */
    {4000, 0, 1021, 0, true},  {0, 256, 0, 256, false}, /* 4 * 256 is 1024 */
    {0, 257, 0, 255, true},                             /* 4 * 255 is 1020: no half of an escape */
    {0, 1000, 0, 255, true},   {1020, 1, 1020, 1, false}, {1021, 1, 1021, 0, true},
    {1017, 1, 1017, 1, false}, {1017, 2, 1017, 1, true},  {1018, 2, 1018, 0, true},
};

static void log__line_that_is_too_long__is_cut_and_says_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(lengths); i++) {
        struct sink sink = {0};
        char want[WR_LOG_LINE_MAX + 1];
        int n = lengths[i].a;

        memset(want, 'a', (size_t)n);
        for (int k = 0; k < lengths[i].escapes; k++, n += 4)
            memcpy(want + n, "\\x0a", 4);
        if (lengths[i].is_cut) {
            memcpy(want + n, CUT, strlen(CUT));
            n += (int)strlen(CUT);
        }
        want[n] = '\0';
        log_long(&sink, lengths[i].plain, lengths[i].controls);
        if (sink.n != (size_t)n || strcmp(sink.line, want) != 0)
            fail_msg("row %zu: %zu bytes instead of %d", i, sink.n, n);
    }
}

/* Longest first: what is left of it on the stack stands behind a shorter one. */
static void check_nul(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    (void)level;
    assert_int_equal(line[n], '\0');
    assert_int_equal(strlen(line), n);
    ++*(int *)ctx;
}

static void log__line__has_a_nul_behind_it(void **state)
{
    static const int sizes[] = {4000, 1025, 1024, 1023, 512, 1, 0};
    static char text[4096];
    int calls = 0;
    const struct wr_log log = {check_nul, &calls, WR_LOG_INFO};

    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < WR_COUNT(sizes); i++)
        wr_log(&log, WR_LOG_INFO, "%.*s", sizes[i], text);
    memset(text, '\n', sizeof text);
    for (size_t i = 0; i < WR_COUNT(sizes); i++)
        wr_log(&log, WR_LOG_INFO, "%.*s", sizes[i] / 4, text);
    assert_int_equal(calls, 2 * WR_COUNT(sizes));
}

WR_TESTS(cmocka_unit_test(log__message__reaches_the_sink_formatted_and_without_newline),
         cmocka_unit_test(log__level__drops_what_is_above_it),
         cmocka_unit_test(log__without_a_sink__is_silent),
         cmocka_unit_test(log__control_characters__are_shown),
         cmocka_unit_test(log__bytes_above_ascii__are_kept),
         cmocka_unit_test(log__line_that_is_too_long__is_cut_and_says_so),
         cmocka_unit_test(log__line__has_a_nul_behind_it));
