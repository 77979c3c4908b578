#include "http/h1_body.h"

#include <stdio.h>

#include "base/buf.h"
#include "feed.h"
#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

/* ---- framing ---- */

/* Values of the two fields, up to two lines of each; NULL: no such line. */
struct framing_row {
    const char *clause;
    int minor;
    const char *coding[2], *length[2];
    enum wr_h1_reason reason;
    enum wr_h1_framing_kind kind;
    uint64_t n;
};

#define NONE                                                                                       \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }
#define CHUNKED(clause, ...)                                                                       \
    {                                                                                              \
        clause, 1, {__VA_ARGS__}, NONE, WR_H1_OK, WR_H1_CHUNKED, 0                                 \
    }
#define BAD_CODING(clause, why, ...)                                                               \
    {                                                                                              \
        clause, 1, {__VA_ARGS__}, NONE, WR_H1_##why, WR_H1_NO_BODY, 0                              \
    }
#define LENGTH(clause, text, n)                                                                    \
    {                                                                                              \
        clause, 1, NONE, {text, NULL}, WR_H1_OK, WR_H1_LENGTH, n                                   \
    }
#define BAD_LENGTH(clause, why, ...)                                                               \
    {                                                                                              \
        clause, 1, NONE, {__VA_ARGS__}, WR_H1_##why, WR_H1_NO_BODY, 0                              \
    }

static const struct framing_row framings[] = {
    {"9112 6.3 rule 7", 1, NONE, NONE, WR_H1_OK, WR_H1_NO_BODY, 0},
    {"9112 6.3 rule 7", 0, NONE, NONE, WR_H1_OK, WR_H1_NO_BODY, 0},

    CHUNKED("9112 6.3 rule 4", "chunked", NULL),
    CHUNKED("9110 5.6.3, 9112 7: case does not count", "cHuNkEd", NULL),
    CHUNKED("9110 5.6.1.2: empty elements", ",chunked", NULL),
    CHUNKED("9110 5.6.1.2", "chunked ,", NULL),
    CHUNKED("9110 5.6.1.2", " , \t, chunked\t,,", NULL),
    CHUNKED("9110 5.3: two lines are a list", "", "chunked"),
    CHUNKED("9110 5.3", "chunked", ","),

    {"9112 6.1: not in HTTP/1.0", 0, {"chunked", NULL}, NONE, WR_H1_CODING_10, 0, 0},
    {"9112 6.1: before the length", 0, {"chunked", NULL}, {"5", NULL}, WR_H1_CODING_10, 0, 0},
    {"9112 6.1: before the coding", 0, {"gzip", NULL}, NONE, WR_H1_CODING_10, 0, 0},
    {"9112 6.1", 1, {"chunked", NULL}, {"5", NULL}, WR_H1_CODING_LENGTH, 0, 0},
    {"9112 6.1", 1, {"chunked", NULL}, {"0", NULL}, WR_H1_CODING_LENGTH, 0, 0},
    {"9112 6.1: before a bad length", 1, {"chunked", NULL}, {"x", "y"}, WR_H1_CODING_LENGTH, 0, 0},
    {"9112 6.1: before a bad coding", 1, {"gzip", NULL}, {"5", NULL}, WR_H1_CODING_LENGTH, 0, 0},
    {"9112 6.1: an empty coding too", 1, {"", NULL}, {"5", NULL}, WR_H1_CODING_LENGTH, 0, 0},

    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, ",", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "gzip", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "identity", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "chunked, gzip", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "chunked", "gzip"),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "chunked", "identity"),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "xchunked", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "chunkedx", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "chunke", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "\"chunked\"", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "=chunked", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "chunked x", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "x chunked", NULL),
    BAD_CODING("9110 5.6.3: no white space", CODING_FINAL, "\vchunked", NULL),
    BAD_CODING("9110 5.6.3: no white space", CODING_FINAL, "chunked\f", NULL),
    BAD_CODING("9110 5.6.3: no white space", CODING_FINAL,
               "\xa0"
               "chunked",
               NULL),
    BAD_CODING("9110 5.6.3: no white space", CODING_FINAL, "chunked\xc2\x85", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "chunked;", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "'chunked'", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "chunked:", NULL),
    BAD_CODING("9112 6.3 rule 4", CODING_FINAL, "ch\xc5\xabnked", NULL),
    BAD_CODING("9112 6.3 rule 4: a comma of another script", CODING_FINAL,
               "x\xef\xbc\x8c"
               "chunked",
               NULL),
    BAD_CODING("9112 7: chunked has no parameters", CODING_FINAL, "chunked;a=b", NULL),
    BAD_CODING("9112 6.3 rule 4: inside a parameter", CODING_FINAL, "x;a=\",chunked\"", NULL),
    BAD_CODING("9112 6.3 rule 4: inside a parameter", CODING_FINAL, "x;a=\",chunked,\"", NULL),
    BAD_CODING("9112 6.1", CODING_TWICE, "chunked, chunked", NULL),
    BAD_CODING("9112 6.1", CODING_TWICE, "chunked", "chunked"),
    BAD_CODING("9112 6.1", CODING_TWICE, "chunked, gzip, chunked", NULL),
    BAD_CODING("9112 6.1", CODING_OTHER, "gzip, chunked", NULL),
    BAD_CODING("9112 6.1", CODING_OTHER, "x", "chunked"),
    BAD_CODING("9112 6.1", CODING_OTHER, "identity, chunked", NULL),

    LENGTH("9112 6.3 rule 6", "0", 0),
    LENGTH("9112 6.3 rule 6", "5", 5),
    LENGTH("9110 8.6: 1*DIGIT", "010", 10),
    LENGTH("9110 8.6: 1*DIGIT", "0000000000000000000000000000000000000042", 42),
    LENGTH("9110 8.6: 1*DIGIT", "0000000000000000000000000000000000000000", 0),
    LENGTH("2^32", "4294967296", UINT64_C(4294967296)),
    LENGTH("2^63-1", "9223372036854775807", INT64_MAX),
    {"9112 6.2, in HTTP/1.0", 0, NONE, {"7", NULL}, WR_H1_OK, WR_H1_LENGTH, 7},

    BAD_LENGTH("9110 8.6: 2^63", LENGTH_LARGE, "9223372036854775808", NULL),
    BAD_LENGTH("9110 8.6: 2^64-1", LENGTH_LARGE, "18446744073709551615", NULL),
    BAD_LENGTH("9110 8.6: 2^64", LENGTH_LARGE, "18446744073709551616", NULL),
    BAD_LENGTH("9110 8.6: 2^64+5", LENGTH_LARGE, "18446744073709551621", NULL),
    BAD_LENGTH("9110 8.6: 10 * 2^63", LENGTH_LARGE, "92233720368547758080", NULL),
    BAD_LENGTH("9110 8.6", LENGTH_LARGE, "99999999999999999999999999999999999999999999", NULL),

    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "+5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "-5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "-0", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "\v5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5\f", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5\xa0", NULL),
    BAD_LENGTH("9112 6.3 rule 5: digits of another script", LENGTH_VALUE, "\xd9\xa5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "\xb2", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5;a=b", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, ",5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5h", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5u", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "0b1", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "++5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5 5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5\t5", NULL),
    BAD_LENGTH("9112 6.3 rule 5: may be refused", LENGTH_VALUE, "5,5", NULL),
    BAD_LENGTH("9112 6.3 rule 5: may be refused", LENGTH_VALUE, "5, 5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5,", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5,6", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "abc", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "0x5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "0o5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5.0", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "1_5", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "1e3", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "\"5\"", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5/", NULL),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_VALUE, "5:", NULL),
    BAD_LENGTH("9112 6.3 rule 5: not a number before too large", LENGTH_VALUE,
               "99999999999999999999999x", NULL),
    BAD_LENGTH("9112 6.3 rule 5: may be refused", LENGTH_MANY, "5", "5"),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_MANY, "5", "6"),
    BAD_LENGTH("9112 6.3 rule 5", LENGTH_MANY, "", "5"),
};

static void add(struct wr_fields *f, struct wr_slice name, const char *const values[2])
{
    for (int i = 0; i < 2; i++) {
        if (values[i])
            assert_true(wr_fields_add(f, name, wr_slice_of(values[i])));
        assert_true(wr_fields_add(f, WR_SLICE("X-Between"), WR_SLICE("0")));
    }
}

/* The two fields in either order: it must not matter which comes first. */
static enum wr_h1_reason framing_of(const struct framing_row *row, bool length_first,
                                    struct wr_h1_framing *out)
{
    struct wr_field v[8];
    struct wr_fields f;

    wr_fields_init(&f, v, WR_COUNT(v));
    if (length_first)
        add(&f, WR_SLICE("content-LENGTH"), row->length);
    add(&f, WR_SLICE("Transfer-Encoding"), row->coding);
    if (!length_first)
        add(&f, WR_SLICE("Content-Length"), row->length);
    return wr_h1_framing_of(&f, row->minor, out);
}

static void h1_body__framing__is_the_one_of_rfc_9112_6_3(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(framings); i++)
        for (int length_first = 0; length_first < 2; length_first++) {
            const struct framing_row *row = &framings[i];
            struct wr_h1_framing got;
            enum wr_h1_reason reason = framing_of(row, length_first, &got);

            if (reason != row->reason)
                fail_msg("%s, row %zu: %s", row->clause, i, wr_h1_reason_text(reason));
            if (reason == WR_H1_OK && (got.kind != row->kind || got.length != row->n))
                fail_msg("%s, row %zu: kind %d, length %llu", row->clause, i, (int)got.kind,
                         (unsigned long long)got.length);
        }
}

static void h1_body__refusals__have_the_status_of_the_rfc(void **state)
{
    (void)state;
    assert_int_equal(wr_h1_reason_status(WR_H1_LENGTH_VALUE), 400);  /* 9112 6.3 */
    assert_int_equal(wr_h1_reason_status(WR_H1_LENGTH_MANY), 400);   /* 9112 6.3 */
    assert_int_equal(wr_h1_reason_status(WR_H1_LENGTH_LARGE), 413);  /* 9110 15.5.14 */
    assert_int_equal(wr_h1_reason_status(WR_H1_CODING_FINAL), 400);  /* 9112 6.3 */
    assert_int_equal(wr_h1_reason_status(WR_H1_CODING_LENGTH), 400); /* 9112 6.3 */
    assert_int_equal(wr_h1_reason_status(WR_H1_CODING_OTHER), 501);  /* 9112 6.1 */
    assert_int_equal(wr_h1_reason_status(WR_H1_CHUNK_SIZE), 400);
    assert_int_equal(wr_h1_reason_status(WR_H1_CHUNK_EXTRA), 431);
}

/* ---- chunked ---- */

enum outcome { END, CUT, REFUSED };

/* What must come out of a chunked body, however it is fed. */
struct row {
    const char *clause;
    struct wr_slice bytes;
    enum outcome outcome;
    enum wr_h1_reason reason;
    struct wr_slice content;
    size_t behind;        /* bytes behind the body */
    const char *trailers; /* the lines, of a body that has its end; NULL: none */
};

#define BODY(clause, bytes, content)                                                               \
    {                                                                                              \
        clause, S(bytes), END, WR_H1_OK, S(content), 0, NULL                                       \
    }
#define LEFT(clause, bytes, content, rest)                                                         \
    {                                                                                              \
        clause, S(bytes rest), END, WR_H1_OK, S(content), sizeof(rest) - 1, NULL                   \
    }
#define MORE(clause, bytes, content)                                                               \
    {                                                                                              \
        clause, S(bytes), CUT, WR_H1_OK, S(content), 0, NULL                                       \
    }
#define BAD(clause, bytes, why, content)                                                           \
    {                                                                                              \
        clause, S(bytes), REFUSED, WR_H1_##why, S(content), 0, NULL                                \
    }

#define CONTENT_MAX 65536

struct decoded {
    char content[CONTENT_MAX], lines[CONTENT_MAX];
    struct wr_buf b, trailers;
    enum outcome outcome;
    enum wr_h1_reason reason;
    size_t taken;
};

/* Every piece of content lies inside the part that was fed, and behind the last one. */
static void take_data(struct wr_slice part, struct wr_slice in, struct wr_slice data,
                      struct wr_buf *to)
{
    assert_true(data.n > 0);
    assert_true(data.p >= part.p && data.p + data.n <= part.p + part.n);
    assert_ptr_equal(data.p + data.n, in.p);
    wr_buf_slice_append(to, data);
}

static void decode_part(struct wr_h1_chunked *c, struct wr_slice part, struct decoded *d)
{
    struct wr_slice in = part;

    for (;;) {
        struct wr_slice data = {NULL, 0};
        enum wr_h1_chunk r = wr_h1_chunked_next(c, &in, &data, &d->reason);

        assert_ptr_equal(in.p + in.n, part.p + part.n);
        if (r == WR_H1_CHUNK_DATA || r == WR_H1_CHUNK_TRAILER) {
            take_data(part, in, data, r == WR_H1_CHUNK_DATA ? &d->b : &d->trailers);
            continue;
        }
        if (r == WR_H1_CHUNK_MORE)
            assert_int_equal(in.n, 0);
        d->taken += part.n - in.n;
        d->outcome = r == WR_H1_CHUNK_MORE ? CUT : r == WR_H1_CHUNK_BAD ? REFUSED : END;
        return;
    }
}

static void run_row(struct wr_feed *feed, void *arg)
{
    static struct decoded d;
    const struct row *row = arg;
    struct wr_h1_chunked c = {0};
    struct wr_slice part;

    d.b = wr_buf_on(d.content, sizeof d.content);
    d.trailers = wr_buf_on(d.lines, sizeof d.lines);
    d.outcome = CUT;
    d.reason = WR_H1_OK;
    d.taken = 0;
    while (d.outcome == CUT && wr_feed_next(feed, &part))
        decode_part(&c, part, &d);
    assert_false(d.b.overflow);
    if (d.outcome != row->outcome || (d.outcome == REFUSED && d.reason != row->reason) ||
        !wr_slice_eq(wr_buf_slice(&d.b), row->content) ||
        (d.outcome == END && d.taken != row->bytes.n - row->behind)) {
        print_message("%s, %s: outcome %d, %s, %zu bytes read, content \"%.*s\"\n", row->clause,
                      wr_feed_name(feed), (int)d.outcome, wr_h1_reason_text(d.reason), d.taken,
                      (int)(d.b.n < 100 ? d.b.n : 100), d.content);
        fail_msg("%.*s", (int)(row->bytes.n < 200 ? row->bytes.n : 200), row->bytes.p);
    }
    if (row->trailers && !wr_slice_eq(wr_buf_slice(&d.trailers), wr_slice_of(row->trailers)))
        fail_msg("%s, %s: trailers \"%.*s\"", row->clause, wr_feed_name(feed), (int)d.trailers.n,
                 d.lines);
}

static void feed_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct row row = rows[i];

        wr_feed_all(row.bytes, run_row, &row);
    }
}

#define LAST "0\r\n\r\n"

static const struct row sizes[] = {
    BODY("9112 7.1", LAST, ""),
    BODY("9112 7.1, 1*(\"0\")", "000\r\n\r\n", ""),
    BODY("9112 7.1", "1\r\na\r\n" LAST, "a"),
    BODY("9112 7.1", "5\r\nhello\r\n6\r\n world\r\n" LAST, "hello world"),
    BODY("9112 7.1, upper case", "F\r\n123456789012345\r\n" LAST, "123456789012345"),
    BODY("9112 7.1, lower case", "f\r\n123456789012345\r\n" LAST, "123456789012345"),
    BODY("9112 7.1", "10\r\n1234567890123456\r\n" LAST, "1234567890123456"),
    BODY("9112 7.1, leading zeros", "00000005\r\nhello\r\n" LAST, "hello"),
    BODY("sixteen digits", "0000000000000005\r\nhello\r\n" LAST, "hello"),
    BODY("sixteen digits, again in the next chunk",
         "0000000000000001\r\na\r\n0000000000000001\r\nb\r\n0000000000000000\r\n\r\n", "ab"),
    BODY("content is not judged", "8\r\n\r\n0\r\n\r\n\0\r\n" LAST, "\r\n0\r\n\r\n\0"),
    MORE("2^63-1", "7fffffffffffffff\r\nhello", "hello"),
    MORE("2^63-1", "7FFFFFFFFFFFFFFF\r\n", ""),

    BAD("9112 7.1: 2^63", "8000000000000000\r\nhello", CHUNK_LARGE, ""),
    BAD("9112 7.1: 2^64-1", "ffffffffffffffff\r\nhello", CHUNK_LARGE, ""),
    BAD("9112 7.1: 2^64", "10000000000000000\r\nhello", CHUNK_LARGE, ""),
    BAD("9112 7.1: 2^64+5", "10000000000000005\r\nhello", CHUNK_LARGE, ""),
    BAD("seventeen digits", "00000000000000005\r\nhello", CHUNK_LARGE, ""),
    BAD("seventeen digits", "5\r\nhello\r\n00000000000000000\r\n\r\n", CHUNK_LARGE, "hello"),

    BAD("9112 7.1", "\r\n", CHUNK_SIZE, ""),
    BAD("9112 7.1", "\n", CHUNK_SIZE, ""),
    BAD("9112 7.1", "g\r\n", CHUNK_SIZE, ""),
    BAD("9112 7.1", "+5\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "-1\r\n", CHUNK_SIZE, ""),
    BAD("9112 7.1", " 5\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "\t5\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1, an extension alone", ";a=b\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "0x5\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "0X5\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "x5\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "5\v\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "\f5\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "5\xa0\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "5.0\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "\"5\"\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1, a tab and no extension", "5\t\r\nhello\r\n" LAST, CHUNK_EXTENSION, ""),
    BAD("9112 7.1, of the last chunk", "0 \r\n\r\n", CHUNK_EXTENSION, ""),
    BAD("9112 7.1, of the last chunk", "0x\r\n\r\n", CHUNK_SIZE, ""),
    BAD("9112 2.2, of the last chunk", "0\n\r\n", CHUNK_SIZE, ""),
    BAD("9112 7.1", "5h\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "5_0\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "5,\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "5\0\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1", "5\xb2\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 7.1, a blank and no extension", "5 \r\nhello\r\n" LAST, CHUNK_EXTENSION, ""),
    BAD("9112 7.1", "5\t5\r\nhello\r\n" LAST, CHUNK_EXTENSION, ""),
    BAD("9112 2.2", "5\nhello\n0\n\n", CHUNK_SIZE, ""),
    BAD("9112 2.2", "5\rhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 2.2", "5\r\r\nhello\r\n" LAST, CHUNK_SIZE, ""),
    BAD("9112 2.2", "5 \nhello\r\n" LAST, CHUNK_EXTENSION, ""),
    BAD("9112 7.1, in a later chunk", "5\r\nhello\r\n+0\r\n\r\n", CHUNK_SIZE, "hello"),
    BAD("9112 7.1, an empty line between", "5\r\nhello\r\n\r\n" LAST, CHUNK_SIZE, "hello"),

    BAD("9112 7.1", "5\r\nhello0\r\n\r\n", CHUNK_END, "hello"),
    BAD("9112 7.1", "5\r\nhello\n0\r\n\r\n", CHUNK_END, "hello"),
    BAD("9112 7.1", "5\r\nhello\r0\r\n\r\n", CHUNK_END, "hello"),
    BAD("9112 7.1", "5\r\nhello\r\r\n0\r\n\r\n", CHUNK_END, "hello"),
    BAD("9112 7.1, longer than its size", "4\r\nhello\r\n" LAST, CHUNK_END, "hell"),
    BAD("9112 7.1, shorter than its size", "6\r\nhello\r\n" LAST, CHUNK_END, "hello\r"),
};

static void h1_body__chunk_size__is_one_to_sixteen_digits_below_2_to_63(void **state)
{
    (void)state;
    feed_rows(sizes, WR_COUNT(sizes));
}

static void h1_body__chunk_of_65535_bytes__comes_out_whole(void **state)
{
    static char text[8 + 65535 + 8], content[65535];
    struct wr_buf b = wr_buf_on(text, sizeof text);
    struct row row = {.clause = "9112 7.1", .outcome = END, .content = {content, sizeof content}};
    struct wr_feed feed = {.bytewise = true};

    (void)state;
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (char)(i % 251);
    wr_buf_printf(&b, "ffff\r\n");
    wr_buf_slice_append(&b, row.content);
    wr_buf_printf(&b, "\r\n" LAST);
    assert_false(b.overflow);
    row.bytes = feed.input = wr_buf_slice(&b);
    run_row(&feed, &row);
    for (size_t split = 0; split < b.n; split += 1009) {
        feed = (struct wr_feed){.input = row.bytes, .split = split};
        run_row(&feed, &row);
    }
}

/* The extension of a chunk with one octet, so that what is behind it is seen to be read right. */
#define EXT(clause, text)          BODY(clause, "1" text "\r\na\r\n" LAST, "a")
#define EXT_LAST(clause, text)     BODY(clause, "0" text "\r\n\r\n", "")
#define BAD_EXT(clause, text, why) BAD(clause, "1" text "\r\na\r\n" LAST, why, "")

static const struct row extensions[] = {
    EXT("9112 7.1.1", ";a"),
    EXT("9112 7.1.1", ";a=b"),
    EXT("9112 7.1.1", ";a;b=c;d"),
    EXT("9112 7.1.1, tokens of all marks", ";!#$%&'*+-.^_`|~9=!#$%&'*+-.^_`|~9"),
    EXT("9112 7.1.1, BWS", " ;a"),
    EXT("9112 7.1.1, BWS", "\t \t; \ta \t= \tb \t; c"),
    EXT("9112 7.1.1, BWS", " ; a = \"b\" ; c"),
    EXT("9110 5.6.4", ";a=\"\""),
    EXT("9110 5.6.4", ";a=\"b c\t;,=\xc3\xbc\""),
    EXT("9110 5.6.4", ";a=\"b;\\\"c\""),
    EXT("9110 5.6.4", ";a=\"\\\\\""),
    EXT("9110 5.6.4", ";a=\"\\\\\";b=\"\\\"\""),
    EXT("9110 5.6.4", ";a=\"\\\t\\ \\x\\\xff\""),
    EXT("digits are a token too", ";5"),
    EXT_LAST("9112 7.1, of the last chunk", ";a=b"),
    EXT_LAST("9112 7.1, of the last chunk", " ;a=\"b\""),

    BAD_EXT("9112 7.1.1", ";", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", "; ", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";;a", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a;", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";=b", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a=", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a= ", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a=;b", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a==b", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a=b=c", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a b", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a ", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a=b c", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a=b ", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a=\"b\" ", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a=\"b\"c", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a=\"b\"\"c\"", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";\"a\"", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a=b\"c\"", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a(b)", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";a\0b", CHUNK_EXTENSION),
    BAD_EXT("9112 7.1.1", ";\xc3\xbc", CHUNK_EXTENSION),
    BAD_EXT("9110 5.6.4, no end", ";a=\"b", CHUNK_EXTENSION),
    BAD_EXT("9110 5.6.4, no end", ";a=\"b\\\"", CHUNK_EXTENSION),
    BAD_EXT("9110 5.6.4", ";a=\"\0\"", CHUNK_EXTENSION),
    BAD_EXT("9110 5.6.4", ";a=\"\x7f\"", CHUNK_EXTENSION),
    BAD_EXT("9110 5.6.4", ";a=\"\n\"", CHUNK_EXTENSION),
    BAD_EXT("9110 5.6.4", ";a=\"\\\r\n\"", CHUNK_EXTENSION),
    BAD_EXT("9110 5.6.4", ";a=\"\\\0\"", CHUNK_EXTENSION),
    BAD("9112 2.2, LF ends no line", "2;\nxx\r\n4c\r\n" LAST, CHUNK_EXTENSION, ""),
    BAD("9112 2.2, LF ends no line", "2;a\nxx\r\n4c\r\n" LAST, CHUNK_EXTENSION, ""),
    BAD("9112 2.2, LF ends no line", "2;a=b\nxx\r\n4c\r\n" LAST, CHUNK_EXTENSION, ""),
    BAD("9112 2.2, CR ends no line", "2;a\rxx\r\n4c\r\n" LAST, CHUNK_SIZE, ""),
};

static void h1_body__chunk_extensions__are_checked_and_dropped(void **state)
{
    (void)state;
    feed_rows(extensions, WR_COUNT(extensions));
}

#define TRAILED(clause, text)                                                                      \
    {                                                                                              \
        clause, S("1\r\na\r\n0\r\n" text "\r\n"), END, WR_H1_OK, S("a"), 0, text                   \
    }
#define BAD_TRAILER(clause, text) BAD(clause, "1\r\na\r\n0\r\n" text "\r\n", TRAILER, "a")

static const struct row trailers[] = {
    TRAILED("9112 7.1.2", "A: b\r\n"),
    TRAILED("9112 7.1.2", "A: b\r\nB:c\r\nC:\r\n"),
    TRAILED("9110 5.5", "A: \t\x80\xff b \t\r\n"),
    TRAILED("9112 7.1.2, none", ""),
    TRAILED("9110 6.5.1, nothing is framed by it",
            "Content-Length: 50\r\nTransfer-Encoding: chunked\r\n"),
    LEFT("9112 7.1.2, what is behind stays", "0\r\nA: b\r\n\r\n", "", "GET / HTTP/1.1\r\n"),
    LEFT("9112 7.1, what is behind stays", "1\r\na\r\n" LAST, "a", "\r\nGET"),
    LEFT("9112 7.1, what is behind is not judged", LAST, "", "\0\n"),

    BAD_TRAILER("9112 5.1", "bad line\r\n"),
    BAD_TRAILER("9112 5.1", "A : b\r\n"),
    BAD_TRAILER("9112 5.1", "A\r\n"),
    BAD_TRAILER("9112 5.1", ": b\r\n"),
    BAD_TRAILER("9112 5.1", "A(B): c\r\n"),
    BAD_TRAILER("9112 5.2", " A: b\r\n"),
    BAD_TRAILER("9112 5.2", "A: b\r\n c\r\n"),
    BAD_TRAILER("9110 5.5", "A: b\0\r\n"),
    BAD_TRAILER("9110 5.5", "A: b\x7f\r\n"),
    BAD_TRAILER("9112 5.1", "A\t: b\r\n"),
    BAD_TRAILER("9112 5.1", "A\xc3\xbc: b\r\n"),
    BAD_TRAILER("9112 5.1", "A\0: b\r\n"),
    BAD_TRAILER("9112 5.1, a request in its place", "GET / HTTP/1.1\r\n"),
    BAD_TRAILER("9110 5.5", "A: \v\r\n"),
    BAD_TRAILER("9112 2.2, in a name", "A\nB: c\r\n"),
    BAD_TRAILER("9112 2.2", "A: b\n"),
    BAD_TRAILER("9112 2.2", "A: b\rC: d\r\n"),
    BAD_TRAILER("9112 2.2", "A: b\r\n\n"),
    BAD_TRAILER("9112 2.2", "\n"),
    BAD_TRAILER("9112 2.2", "\rX: y\r\n"),
    BAD_TRAILER("9112 2.2", "\r\r\n"),
};

static void h1_body__trailers__are_checked_and_given_out(void **state)
{
    (void)state;
    feed_rows(trailers, WR_COUNT(trailers));
}

static void h1_body__trailer_lines__are_split_but_for_what_must_be_in_the_header(void **state)
{
    static const struct wr_slice lines =
        S("A: b\r\nContent-Length: 50\r\nx-2:\r\nHOST: evil\r\nA:\t c d: e \t\r\n");
    static const struct {
        const char *name, *value;
    } expected[] = {{"A", "b"}, {"x-2", ""}, {"A", "c d: e"}};
    struct wr_field v[5];
    struct wr_fields f;

    (void)state;
    assert_int_equal(wr_h1_trailers_count(lines), 5);
    assert_int_equal(wr_h1_trailers_count(wr_slice("", 0)), 0);
    wr_fields_init(&f, v, WR_COUNT(v));
    wr_h1_trailers_split(lines, &f);
    assert_int_equal(f.n, WR_COUNT(expected));
    for (size_t i = 0; i < f.n; i++) {
        assert_true(wr_slice_eq(v[i].name, wr_slice_of(expected[i].name)));
        assert_true(wr_slice_eq(v[i].value, wr_slice_of(expected[i].value)));
    }
}

static void h1_body__body_without_its_end__asks_for_more_at_every_byte(void **state)
{
    static const char body[] = "3 ; a = \"\\\"\" ;b=c\r\nxyz\r\n00;d\r\nA: b\r\nC:\r\n\r\n";
    static const size_t content_from = 19;

    (void)state;
    for (size_t n = 0; n < sizeof body - 1; n++) {
        size_t content = n <= content_from ? 0 : n - content_from < 3 ? n - content_from : 3;
        struct row row = {.clause = "9112 7.1", .outcome = CUT, .bytes = {body, n}};

        row.content = wr_slice("xyz", content);
        wr_feed_all(row.bytes, run_row, &row);
    }
    feed_rows((struct row[]){BODY(
                  "9112 7.1", "3 ; a = \"\\\"\" ;b=c\r\nxyz\r\n00;d\r\nA: b\r\nC:\r\n\r\n", "xyz")},
              1);
}

/* Feeds `text` byte by byte and whole. */
static void check_long(struct wr_slice text, enum outcome outcome, enum wr_h1_reason reason,
                       const char *content)
{
    struct row row = {"limit", text, outcome, reason, wr_slice_of(content), 0, NULL};
    struct wr_feed whole = {.input = text}, bytes = {.input = text, .bytewise = true};

    run_row(&whole, &row);
    run_row(&bytes, &row);
}

/* A chunk with an extension of `ext` bytes from its ';', and a trailer section of `trailer` bytes
   with the empty line that ends it. */
static struct wr_slice long_body(struct wr_buf *b, size_t ext, size_t trailer)
{
    wr_buf_char(b, '1');
    for (size_t i = 0; i < ext; i++)
        wr_buf_char(b, i == 0 ? ';' : 'e');
    WR_BUF_LITERAL(b, "\r\nx\r\n0\r\n");
    if (trailer > 2) {
        WR_BUF_LITERAL(b, "T:");
        for (size_t i = 2; i < trailer - 4; i++)
            wr_buf_char(b, 't');
        WR_BUF_LITERAL(b, "\r\n");
    }
    WR_BUF_LITERAL(b, "\r\n");
    assert_false(b->overflow);
    return wr_buf_slice(b);
}

static void h1_body__extensions_and_trailers__have_one_limit_in_all(void **state)
{
    static const struct {
        size_t ext, trailer;
        enum outcome outcome;
        const char *content;
    } rows[] = {
        {16382, 2, END, "x"},       {16383, 2, REFUSED, "x"},   {16385, 2, REFUSED, ""},
        {0, 16384, END, "x"},       {0, 16385, REFUSED, "x"},   {8192, 8192, END, "x"},
        {8193, 8192, REFUSED, "x"}, {8192, 8193, REFUSED, "x"},
    };
    static char text[65536];

    (void)state;
    assert_int_equal(WR_H1_CHUNK_EXTRA_MAX, 16384);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_buf b = wr_buf_on(text, sizeof text);

        print_message("extension %zu, trailer section %zu\n", rows[i].ext, rows[i].trailer);
        check_long(long_body(&b, rows[i].ext, rows[i].trailer), rows[i].outcome, WR_H1_CHUNK_EXTRA,
                   rows[i].content);
    }
}

static void h1_body__extensions_of_many_chunks__are_added_up(void **state)
{
    static char text[65536], content[4097];
    struct wr_buf b = wr_buf_on(text, sizeof text);

    (void)state;
    memset(content, 'x', 4096);
    for (int i = 0; i < 4096; i++) /* 4 bytes each, 16384 in all */
        wr_buf_printf(&b, "1;abc\r\nx\r\n");
    check_long(wr_buf_slice(&b), CUT, WR_H1_OK, content);
    wr_buf_printf(&b, "1;a\r\nx\r\n");
    check_long(wr_buf_slice(&b), REFUSED, WR_H1_CHUNK_EXTRA, content);
}

static void h1_body__after_the_end__nothing_more_is_read(void **state)
{
    struct wr_h1_chunked c = {0};
    struct wr_slice in = S(LAST "rest"), data;
    enum wr_h1_reason reason;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(wr_h1_chunked_next(&c, &in, &data, &reason), WR_H1_CHUNK_END_OF_BODY);
        assert_true(wr_slice_eq(in, WR_SLICE("rest")));
    }
}

WR_TESTS(cmocka_unit_test(h1_body__framing__is_the_one_of_rfc_9112_6_3),
         cmocka_unit_test(h1_body__refusals__have_the_status_of_the_rfc),
         cmocka_unit_test(h1_body__chunk_size__is_one_to_sixteen_digits_below_2_to_63),
         cmocka_unit_test(h1_body__chunk_of_65535_bytes__comes_out_whole),
         cmocka_unit_test(h1_body__chunk_extensions__are_checked_and_dropped),
         cmocka_unit_test(h1_body__trailers__are_checked_and_given_out),
         cmocka_unit_test(h1_body__trailer_lines__are_split_but_for_what_must_be_in_the_header),
         cmocka_unit_test(h1_body__body_without_its_end__asks_for_more_at_every_byte),
         cmocka_unit_test(h1_body__extensions_and_trailers__have_one_limit_in_all),
         cmocka_unit_test(h1_body__extensions_of_many_chunks__are_added_up),
         cmocka_unit_test(h1_body__after_the_end__nothing_more_is_read));
