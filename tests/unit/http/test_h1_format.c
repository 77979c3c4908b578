#include "http/h1_format.h"

#include "support.h"

static void expect(const struct wr_buf *b, const char *want)
{
    assert_false(b->overflow);
    if (!wr_slice_eq(wr_buf_slice(b), wr_slice_of(want)))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)b->n, b->p, want);
}

static const struct {
    int status;
    const char *line;
} status_lines[] = {
    {100, "HTTP/1.1 100 Continue\r\n"},
    {200, "HTTP/1.1 200 OK\r\n"},
    {206, "HTTP/1.1 206 Partial Content\r\n"},
    {304, "HTTP/1.1 304 Not Modified\r\n"},
    {404, "HTTP/1.1 404 Not Found\r\n"},
    {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
    {505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
    /* RFC 9112 4: the blank behind the code stays when there is no phrase */
    {299, "HTTP/1.1 299 \r\n"},
    {599, "HTTP/1.1 599 \r\n"},
};

static void h1_format__status_line__has_version_code_and_phrase(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(status_lines); i++) {
        char memory[64];
        struct wr_buf b = wr_buf_on(memory, sizeof memory);

        wr_h1_format_status(&b, status_lines[i].status, wr_slice(NULL, 0));
        expect(&b, status_lines[i].line);
    }
}

static void h1_format__field__is_name_colon_blank_value(void **state)
{
    char memory[64];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    wr_h1_format_field(&b, WR_SLICE("Content-Type"), WR_SLICE("text/html"));
    wr_h1_format_field(&b, WR_SLICE("X-Empty"), WR_SLICE(""));
    wr_h1_format_field(&b, WR_SLICE("X-Absent"), wr_slice(NULL, 0));
    expect(&b, "Content-Type: text/html\r\nX-Empty: \r\nX-Absent: \r\n");
}

static void h1_format__length__is_decimal(void **state)
{
    char memory[128];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    wr_h1_format_length(&b, 0);
    wr_h1_format_length(&b, 10);
    wr_h1_format_length(&b, UINT64_MAX);
    expect(&b,
           "Content-Length: 0\r\nContent-Length: 10\r\nContent-Length: 18446744073709551615\r\n");
}

static void h1_format__chunk_size__is_hexadecimal(void **state)
{
    char memory[64];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    wr_h1_format_chunk(&b, 0);
    wr_h1_format_chunk(&b, 10);
    wr_h1_format_chunk(&b, 65536);
    wr_h1_format_chunk(&b, UINT64_MAX);
    expect(&b, "0\r\na\r\n10000\r\nffffffffffffffff\r\n");
}

static void h1_format__head_that_does_not_fit__sets_overflow(void **state)
{
    (void)state;
    for (size_t cap = 0; cap <= 17; cap++) { /* "HTTP/1.1 200 OK\r\n" has 17 bytes */
        char memory[17];
        struct wr_buf b = wr_buf_on(memory, cap);

        wr_h1_format_status(&b, 200, wr_slice(NULL, 0));
        assert_int_equal(b.overflow, cap < 17);
    }
    for (size_t cap = 0; cap <= 24; cap++) { /* "HTTP/1.1 404 Not Found\r\n" has 24 */
        char memory[24];
        struct wr_buf b = wr_buf_on(memory, cap);

        wr_h1_format_status(&b, 404, wr_slice(NULL, 0));
        assert_int_equal(b.overflow, cap < 24);
    }
    for (size_t cap = 0; cap <= 6; cap++) { /* "A: b\r\n" has 6 */
        char memory[6];
        struct wr_buf b = wr_buf_on(memory, cap);

        wr_h1_format_field(&b, WR_SLICE("A"), WR_SLICE("b"));
        assert_int_equal(b.overflow, cap < 6);
    }
}

static void h1_format__phrase_that_is_given__is_taken_also_when_it_is_empty(void **state)
{
    static const struct {
        int status;
        struct wr_slice phrase;
        const char *line;
    } rows[] = {
        {200, {"Fine", 4}, "HTTP/1.1 200 Fine\r\n"},
        {404, {"Fort", 4}, "HTTP/1.1 404 Fort\r\n"},
        {200, {"", 0}, "HTTP/1.1 200 \r\n"}, /* RFC 9112 4: the blank stays */
        {404, {"", 0}, "HTTP/1.1 404 \r\n"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        char memory[64];
        struct wr_buf b = wr_buf_on(memory, sizeof memory);

        wr_h1_format_status(&b, rows[i].status, rows[i].phrase);
        expect(&b, rows[i].line);
    }
}

WR_TESTS(cmocka_unit_test(h1_format__status_line__has_version_code_and_phrase),
         cmocka_unit_test(h1_format__phrase_that_is_given__is_taken_also_when_it_is_empty),
         cmocka_unit_test(h1_format__field__is_name_colon_blank_value),
         cmocka_unit_test(h1_format__length__is_decimal),
         cmocka_unit_test(h1_format__chunk_size__is_hexadecimal),
         cmocka_unit_test(h1_format__head_that_does_not_fit__sets_overflow));
