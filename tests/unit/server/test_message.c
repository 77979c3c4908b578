#include "server/message.h"

#include <jansson.h>

#include "support.h"

#define WALL_NS INT64_C(1795246278123456789) /* 2026-11-21T07:31:18.123456789Z */

static void expect(enum wr_message_format format, enum wr_log_level level, struct wr_slice line,
                   const char *want)
{
    char out[WR_MESSAGE_MAX];
    struct wr_buf b = wr_buf_on(out, sizeof out);

    wr_message_format(&b, format, level, WALL_NS, line.p, line.n);
    assert_false(b.overflow);
    if (b.n != strlen(want) || memcmp(out, want, b.n) != 0)
        fail_msg("\ngot      %.*s\nexpected %s", (int)b.n, out, want);
}

static void message__plain__is_that_of_standard_error(void **state)
{
    (void)state;
    expect(WR_MESSAGE_PLAIN, WR_LOG_ERROR, WR_SLICE("no \"x\""), "weir: error: no \"x\"");
    expect(WR_MESSAGE_PLAIN, WR_LOG_WARN, WR_SLICE("text"), "weir: warning: text");
    expect(WR_MESSAGE_PLAIN, WR_LOG_INFO, WR_SLICE("text"), "weir: info: text");
    expect(WR_MESSAGE_PLAIN, WR_LOG_DEBUG, WR_SLICE(""), "weir: debug: ");
}

static void message__text__begins_with_the_time(void **state)
{
    (void)state;
    expect(WR_MESSAGE_TEXT, WR_LOG_WARN, WR_SLICE("text"),
           "2026-11-21T07:31:18.123Z warning: text");
    expect(WR_MESSAGE_TEXT, WR_LOG_ERROR, WR_SLICE("a\\x1b \"b\" \xff"),
           "2026-11-21T07:31:18.123Z error: a\\x1b \"b\" \xff");
}

static void message__json__is_an_object(void **state)
{
    (void)state;
    expect(WR_MESSAGE_JSON, WR_LOG_WARN, WR_SLICE("text"),
           "{\"time\":\"2026-11-21T07:31:18.123Z\",\"level\":\"warning\",\"message\":\"text\"}");
    expect(WR_MESSAGE_JSON, WR_LOG_INFO, WR_SLICE("a\\x1b \"b\"\n \xff \xe2\x82\xac"),
           "{\"time\":\"2026-11-21T07:31:18.123Z\",\"level\":\"info\","
           "\"message\":\"a\\\\x1b \\\"b\\\"\\u000a \\u00ff \xe2\x82\xac\"}");
}

static void message__longest_of_the_worst_bytes__fits_and_is_whole(void **state)
{
    char line[WR_LOG_LINE_MAX], out[WR_MESSAGE_MAX];
    struct wr_buf b = wr_buf_on(out, sizeof out);
    json_t *json;

    (void)state;
    memset(line, 0x01, sizeof line);
    wr_message_format(&b, WR_MESSAGE_JSON, WR_LOG_WARN, INT64_MIN, line, sizeof line);
    assert_false(b.overflow);
    json = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_int_equal(json_string_length(json_object_get(json, "message")), WR_LOG_LINE_MAX);
    json_decref(json);
}

WR_TESTS(cmocka_unit_test(message__plain__is_that_of_standard_error),
         cmocka_unit_test(message__text__begins_with_the_time),
         cmocka_unit_test(message__json__is_an_object),
         cmocka_unit_test(message__longest_of_the_worst_bytes__fits_and_is_whole));
