#include "support.h"

#include "handlers/location.h"

typedef void append_fn(struct wr_buf *b, struct wr_slice text);

/* RFC 3986: unreserved (2.3), sub-delims (2.2), ':' and '@' (pchar, 3.3), '/' between segments. */
static const char path_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    "!$&'()*+,;=:@/";

static void check(append_fn *append, struct wr_slice text, const char *expected)
{
    char memory[200];
    struct wr_buf b = wr_buf_on(memory, sizeof memory - 1);

    append(&b, text);
    assert_false(b.overflow);
    memory[b.n] = '\0';
    assert_string_equal(memory, expected);
}

static void each_octet(append_fn *append, const char *plain)
{
    for (int i = 0; i < 256; i++) {
        char c = (char)i, expected[4] = {c};

        if (i == 0 || !strchr(plain, c)) {
            expected[0] = '%';
            expected[1] = "0123456789ABCDEF"[i / 16];
            expected[2] = "0123456789ABCDEF"[i % 16];
        }
        check(append, wr_slice(&c, 1), expected);
    }
}

static void path__each_octet__is_plain_or_escaped(void **state)
{
    (void)state;
    each_octet(wr_location_path, path_chars);
    check(wr_location_path, WR_SLICE("/a%20?#"), "/a%2520%3F%23");
    check(wr_location_path, WR_SLICE(""), "");
}

static void written__each_octet__is_plain_or_escaped(void **state)
{
    char plain[sizeof path_chars + 1];

    (void)state;
    memcpy(plain, path_chars, sizeof path_chars);
    memcpy(plain + sizeof path_chars - 1, "?", 2);
    each_octet(wr_location_written, plain);
}

static void written__escapes__stay(void **state)
{
    static const struct {
        const char *written, *expected;
    } rows[] = {
        {"%20%c3%A9", "%20%c3%A9"},
        {"%", "%25"},
        {"100%", "100%25"},
        {"%2", "%252"},
        {"%zz", "%25zz"},
        {"%2g", "%252g"},
        {"%%20", "%25%20"},
        {"%0d%0a", "%0d%0a"},
        {"a[]=1|\\", "a%5B%5D=1%7C%5C"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        check(wr_location_written, wr_slice_of(rows[i].written), rows[i].expected);
}

static void append__without_room__overflows(void **state)
{
    char memory[5];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    wr_location_path(&b, WR_SLICE("abc d"));
    assert_true(b.overflow);
    assert_int_equal(b.n, 3);
}

WR_TESTS(cmocka_unit_test(path__each_octet__is_plain_or_escaped),
         cmocka_unit_test(written__each_octet__is_plain_or_escaped),
         cmocka_unit_test(written__escapes__stay),
         cmocka_unit_test(append__without_room__overflows));
