#include "multipart.h"

#include "decoder.h"

#define DATE_S    784000000 /* Sat, 05 Nov 1994 01:46:40 GMT */
#define DATE      "Sat, 05 Nov 1994 01:46:40 GMT"
#define CSS_SIZE  4000
#define JS_SIZE   60000 /* from its descriptor */
#define HTTP_ROOM 512

static char letters[JS_SIZE]; /* as temp_file_fill() has them */

/* Letters that do not compress to nothing, so that a coding has more than one window. */
static char noise[JS_SIZE];

static void fill_texts(void)
{
    uint32_t random = 1;

    for (size_t i = 0; i < JS_SIZE; i++) {
        random = random * 1664525U + 1013904223U;
        letters[i] = (char)('a' + i % 23);
        noise[i] = (char)('a' + (random >> 24) % 20);
    }
}

static void write_files(struct site *s)
{
    fill_texts();
    temp_file_fill(&s->folder, "page.css", CSS_SIZE);
    temp_file_date(&s->folder, "page.css", DATE_S);
    temp_file_write(&s->folder, "app.js", wr_slice(noise, JS_SIZE));
    temp_file_write(&s->folder, "pic.png", WR_SLICE("0123456789"));
    temp_file_write(&s->folder, "small.txt", WR_SLICE("0123456789"));
    temp_file_date(&s->folder, "small.txt", DATE_S);
    temp_folder_add(&s->folder, "d");
    temp_file_write(&s->folder, "d/index.html", WR_SLICE("<p>d</p>"));
    temp_file_write(&s->folder, "app.html", WR_SLICE("<p>app</p>"));
}

static void open_plain(struct site *s)
{
    begin_site(s);
    write_files(s);
    open_site(s);
}

static struct wr_slice css(void)
{
    return wr_slice(letters, CSS_SIZE);
}

static struct wr_slice content_of(const struct test_response *r)
{
    return wr_slice(r->content, r->content_n);
}

/* ---- negotiation: RFC 9110 12.5.3 ---- */

static void negotiation__each_field__has_its_coding(void **state)
{
    static const struct {
        const char *fields;
        int coding; /* -1: 406 */
    } rows[] = {
        {"", WR_CODING_IDENTITY},
        {"Accept-Encoding:\r\n", WR_CODING_IDENTITY},
        {"Accept-Encoding: identity\r\n", WR_CODING_IDENTITY},
        {"Accept-Encoding: deflate, compress\r\n", WR_CODING_IDENTITY},
        {"Accept-Encoding: gzip\r\n", WR_CODING_GZIP},
        {"Accept-Encoding: X-GZIP\r\n", WR_CODING_GZIP},
        {"Accept-Encoding: br\r\n", WR_CODING_BR},
        {"Accept-Encoding: zstd\r\n", WR_CODING_ZSTD},
        {"Accept-Encoding: gzip, deflate, br, zstd\r\n", WR_CODING_BR},
        {"Accept-Encoding: gzip\r\nAccept-Encoding: zstd\r\n", WR_CODING_ZSTD},
        {"Accept-Encoding: gzip;q=0.8, zstd;q=0.9, br;q=0.1\r\n", WR_CODING_ZSTD},
        {"Accept-Encoding: gzip;q=0\r\n", WR_CODING_IDENTITY},
        {"Accept-Encoding: gzip;q=0.5, identity;q=0.6\r\n", WR_CODING_IDENTITY},
        {"Accept-Encoding: *\r\n", WR_CODING_BR},
        {"Accept-Encoding: br;q=0, *\r\n", WR_CODING_ZSTD},
        {"Accept-Encoding: gzip, *;q=0\r\n", WR_CODING_GZIP},
        {"Accept-Encoding: identity;q=0, gzip\r\n", WR_CODING_GZIP},
        {"Accept-Encoding: identity;q=0\r\n", -1},
        {"Accept-Encoding: *;q=0\r\n", -1},
        {"Accept-Encoding: deflate, *;q=0\r\n", -1},
    };
    static const char *const names[] = {NULL, "gzip", "br", "zstd"};
    struct site s;

    (void)state;
    open_plain(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        int coding = rows[i].coding;
        const struct test_response *r =
            check_status(&s, "/page.css", rows[i].fields, coding < 0 ? 406 : 200);

        check_field(r, "Vary", "Accept-Encoding");
        check_field(r, "Content-Encoding", coding < 0 ? NULL : names[coding]);
        check_field(r, "Last-Modified", coding < 0 ? NULL : DATE);
        check_field(r, "Accept-Ranges", coding < 0 ? NULL : "bytes");
        assert_int_equal(test_field(r, "ETag").p != NULL, coding >= 0);
        if (coding < 0)
            continue;
        check_field(r, "Content-Type", "text/css; charset=utf-8");
        assert_true(coding == WR_CODING_IDENTITY
                        ? wr_slice_eq(content_of(r), css())
                        : decodes_to((enum wr_coding)coding, content_of(r), css()));
    }
    close_site(&s);
}

static void negotiation__of_a_type_that_is_not_compressed__there_is_none(void **state)
{
    static const char *const fields[] = {"", "Accept-Encoding: gzip, br\r\n",
                                         "Accept-Encoding: identity;q=0\r\n"};
    struct site s;

    (void)state;
    open_plain(&s);
    for (size_t i = 0; i < WR_COUNT(fields); i++) {
        const struct test_response *r = check_content(&s, "/pic.png", fields[i], "0123456789");

        check_field(r, "Vary", NULL);
        check_field(r, "Content-Encoding", NULL);
    }
    close_site(&s);
}

/* What is too small to be worth it may be worth it tomorrow, under the same address. */
static void negotiation__of_a_small_file__varies_all_the_same(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    open_plain(&s);
    r = check_content(&s, "/small.txt", "Accept-Encoding: gzip\r\n", "0123456789");
    check_field(r, "Content-Encoding", NULL);
    check_field(r, "Vary", "Accept-Encoding");
    r = check_status(&s, "/small.txt", "Accept-Encoding: gzip, identity;q=0\r\n", 406);
    check_field(r, "Vary", "Accept-Encoding");
    close_site(&s);
}

static void negotiation__head__has_the_fields_of_get(void **state)
{
    struct site s;
    char length[24];
    const struct test_response *r;

    (void)state;
    open_plain(&s);
    r = ask(&s, "/page.css", "Accept-Encoding: gzip\r\n");
    snprintf(length, sizeof length, "%zu", r->content_n);
    r = ask_as(&s, "HEAD", "/page.css", "Accept-Encoding: gzip\r\n");
    assert_int_equal(r->status, 200);
    check_field(r, "Content-Length", length);
    check_field(r, "Content-Encoding", "gzip");
    check_field(r, "Vary", "Accept-Encoding");
    close_site(&s);
}

static void compress__off__nothing_varies(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    begin_site(&s);
    write_files(&s);
    temp_file_write(&s.folder, "page.css.gz", WR_SLICE("sibling"));
    s.setup.compress = WR_STATIC_COMPRESS_OFF;
    open_site(&s);
    r = check_status(&s, "/page.css", "Accept-Encoding: gzip, identity;q=0\r\n", 200);
    assert_true(wr_slice_eq(content_of(r), css()));
    check_field(r, "Vary", NULL);
    check_field(r, "Content-Encoding", NULL);
    close_site(&s);
}

static void compress__siblings__are_all_there_is(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    begin_site(&s);
    write_files(&s);
    temp_file_write(&s.folder, "page.css.gz", WR_SLICE("sibling"));
    s.setup.compress = WR_STATIC_COMPRESS_SIBLINGS;
    open_site(&s);
    r = check_content(&s, "/page.css", "Accept-Encoding: gzip\r\n", "sibling");
    check_field(r, "Content-Encoding", "gzip");
    check_field(r, "Vary", "Accept-Encoding");
    r = check_status(&s, "/page.css", "Accept-Encoding: br\r\n", 200);
    check_field(r, "Content-Encoding", NULL);
    check_field(r, "Vary", "Accept-Encoding");
    close_site(&s);
}

/* ---- conditions: RFC 9110 13 ---- */

enum { PLAIN, GZIP, BR, TAGS };

static const char *const accepts[TAGS] = {"", "Accept-Encoding: gzip\r\n",
                                          "Accept-Encoding: br\r\n"};

/* The entity tags of page.css, strong ones and no two the same. */
static void get_tags(struct site *s, const char *target, char tags[TAGS][128])
{
    for (int i = 0; i < TAGS; i++) {
        struct wr_slice tag = test_field(check_status(s, target, accepts[i], 200), "ETag");

        assert_true(tag.n > 2 && tag.p[0] == '"' && tag.p[tag.n - 1] == '"');
        snprintf(tags[i], 128, "%.*s", (int)tag.n, tag.p);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(tags[i], tags[k]);
    }
}

static const struct test_response *ask_with(struct site *s, int accept, const char *format,
                                            const char *tag)
{
    char line[HTTP_ROOM], fields[2 * HTTP_ROOM];

    snprintf(fields, sizeof fields, "%s%s", accepts[accept],
             line_with(line, format, wr_slice_of(tag)));
    return ask(s, "/page.css", fields);
}

static void conditions__of_each_coding__are_of_its_own_entity_tag(void **state)
{
    static const struct {
        const char *format;
        int accept, tag, status;
        int answer; /* whose entity tag it has */
    } rows[] = {
        {"If-None-Match: %s\r\n", PLAIN, PLAIN, 304, PLAIN},
        {"If-None-Match: %s\r\n", GZIP, GZIP, 304, GZIP},
        {"If-None-Match: W/%s\r\n", BR, BR, 304, BR},
        {"If-None-Match: *\r\nX: %s\r\n", PLAIN, PLAIN, 304, PLAIN},
        {"If-None-Match: %s\r\n", PLAIN, GZIP, 200, PLAIN},
        {"If-None-Match: %s\r\n", BR, GZIP, 200, BR},
        {"If-None-Match: \"x\"\r\nX: %s\r\n", GZIP, PLAIN, 200, GZIP},
        {"If-None-Match: %s\r\n", GZIP, PLAIN, 304, PLAIN}, /* who has the file has enough */
        {"If-Modified-Since: " DATE "\r\nX: %s\r\n", GZIP, PLAIN, 304, GZIP},
        {"If-Modified-Since: " DATE "\r\nIf-None-Match: \"x\", %s\r\n", GZIP, BR, 200, GZIP},
        {"If-Match: %s\r\n", PLAIN, PLAIN, 200, PLAIN},
        {"If-Match: \"x\", %s\r\n", GZIP, GZIP, 200, GZIP},
        {"If-Match: *\r\nX: %s\r\n", GZIP, GZIP, 200, GZIP},
        {"If-Match: %s\r\n", PLAIN, GZIP, 412, -1},
        {"If-Match: %s\r\n", GZIP, PLAIN, 412, -1},
        {"If-Match: W/%s\r\n", GZIP, GZIP, 412, -1},
        {"If-Match: %s\r\nIf-None-Match: *\r\n", GZIP, GZIP, 304, GZIP},
        {"If-Unmodified-Since: Sat, 05 Nov 1994 01:46:39 GMT\r\nX: %s\r\n", BR, BR, 412, -1},
    };
    struct site s;
    char tags[TAGS][128];

    (void)state;
    open_plain(&s);
    get_tags(&s, "/page.css", tags);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct test_response *r =
            ask_with(&s, rows[i].accept, rows[i].format, tags[rows[i].tag]);

        if (r->status != rows[i].status)
            fail_msg("%zu: %s: %d, expected %d", i, rows[i].format, r->status, rows[i].status);
        check_field(r, "ETag", rows[i].answer < 0 ? NULL : tags[rows[i].answer]);
        check_field(r, "Vary", "Accept-Encoding");
        check_field(r, "Last-Modified", rows[i].answer < 0 ? NULL : DATE);
    }
    close_site(&s);
}

/* RFC 9110 15.4.5: what a 200 would have had of these, and nothing of the content. */
static void conditions__304__has_what_a_cache_needs_and_no_more(void **state)
{
    static const char *const absent[] = {
        "Content-Type",  "Content-Encoding", "Content-Length",
        "Accept-Ranges", "Content-Range",    "Content-Disposition",
    };
    const struct wr_static_rule rules[] = {{.cache_control = "no-cache", .download = true}};
    struct site s;
    char tags[TAGS][128];

    (void)state;
    begin_site(&s);
    write_files(&s);
    s.setup.rules = rules;
    s.setup.rules_n = 1;
    open_site(&s);
    get_tags(&s, "/page.css", tags);
    for (int i = 0; i < TAGS; i++) {
        const struct test_response *r = ask_with(&s, i, "If-None-Match: %s\r\n", tags[i]);

        assert_int_equal(r->status, 304);
        assert_int_equal(r->content_n, 0);
        check_field(r, "ETag", tags[i]);
        check_field(r, "Last-Modified", DATE);
        check_field(r, "Vary", "Accept-Encoding");
        check_field(r, "Cache-Control", "no-cache");
        assert_non_null(test_field(r, "Date").p);
        for (size_t k = 0; k < WR_COUNT(absent); k++)
            check_field(r, absent[k], NULL);
    }
    close_site(&s);
}

static void conditions__refusals__are_pages_without_validators(void **state)
{
    static const struct {
        const char *fields;
        int status;
        const char *content_range;
    } rows[] = {
        {"If-Match: \"x\"\r\n", 412, NULL},
        {"Accept-Encoding: identity;q=0, gzip;q=0\r\n", 406, NULL},
        {"Range: bytes=4000-\r\n", 416, "bytes */4000"},
    };
    static const char *const absent[] = {"ETag",          "Last-Modified",       "Content-Encoding",
                                         "Accept-Ranges", "Content-Disposition", "Cache-Control"};
    const struct wr_static_rule rules[] = {{.cache_control = "max-age=1", .download = true}};
    struct site s;

    (void)state;
    begin_site(&s);
    write_files(&s);
    s.setup.rules = rules;
    s.setup.rules_n = 1;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct test_response *r =
            check_status(&s, "/page.css", rows[i].fields, rows[i].status);

        check_field(r, "Vary", "Accept-Encoding");
        check_field(r, "Content-Range", rows[i].content_range);
        assert_true(r->content_n > 0);
        assert_true(wr_slice_starts(test_field(r, "Content-Type"), WR_SLICE("text/html")));
        for (size_t k = 0; k < WR_COUNT(absent); k++)
            check_field(r, absent[k], NULL);
    }
    close_site(&s);
}

/* ---- ranges: RFC 9110 14 ---- */

/* A range is of the bytes of what was chosen (14.1.2, 8.8.3.3). */
static void ranges__with_the_tag_of_a_coding__are_of_that(void **state)
{
    struct site s;
    char tags[TAGS][128], gzip[CSS_SIZE], range[HTTP_ROOM], format[HTTP_ROOM];
    size_t n;
    const struct test_response *r;

    (void)state;
    open_plain(&s);
    get_tags(&s, "/page.css", tags);
    r = ask(&s, "/page.css", accepts[GZIP]);
    n = r->content_n;
    assert_true(n > 20 && n < sizeof gzip);
    memcpy(gzip, r->content, n);

    r = ask_with(&s, GZIP, "Range: bytes=2-11\r\nIf-Range: %s\r\n", tags[GZIP]);
    assert_int_equal(r->status, 206);
    check_field(r, "Content-Encoding", "gzip");
    check_field(r, "ETag", tags[GZIP]);
    check_field(r, "Vary", "Accept-Encoding");
    snprintf(range, sizeof range, "bytes 2-11/%zu", n);
    check_field(r, "Content-Range", range);
    assert_int_equal(r->content_n, 10);
    assert_memory_equal(r->content, gzip + 2, 10);

    snprintf(format, sizeof format, "Range: bytes=%zu-\r\nIf-Range: %%s\r\n", n);
    r = ask_with(&s, GZIP, format, tags[GZIP]);
    assert_int_equal(r->status, 416);
    snprintf(range, sizeof range, "bytes */%zu", n);
    check_field(r, "Content-Range", range);
    check_field(r, "Vary", "Accept-Encoding");
    check_field(r, "Content-Encoding", NULL);
    close_site(&s);
}

static void ranges__with_another_tag__are_of_the_file_or_the_whole(void **state)
{
    static const struct {
        int accept, tag;
        const char *format;
        int status, answer;
    } rows[] = {
        {GZIP, PLAIN, "Range: bytes=2-11\r\nX: %s\r\n", 206, PLAIN},
        {GZIP, PLAIN, "Range: bytes=2-11\r\nIf-Range: %s\r\n", 206, PLAIN},
        {PLAIN, PLAIN, "Range: bytes=2-11\r\nIf-Range: " DATE "\r\nX: %s\r\n", 206, PLAIN},
        {GZIP, PLAIN, "Range: bytes=2-11\r\nIf-Range: " DATE "\r\nX: %s\r\n", 200, GZIP},
        {GZIP, BR, "Range: bytes=2-11\r\nIf-Range: %s\r\n", 200, GZIP},
        {PLAIN, GZIP, "Range: bytes=2-11\r\nIf-Range: %s\r\n", 200, PLAIN},
        {GZIP, GZIP, "Range: bytes=2-11\r\nIf-Range: W/%s\r\n", 200, GZIP},
    };
    struct site s;
    char tags[TAGS][128];

    (void)state;
    open_plain(&s);
    get_tags(&s, "/page.css", tags);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct test_response *r =
            ask_with(&s, rows[i].accept, rows[i].format, tags[rows[i].tag]);

        if (r->status != rows[i].status)
            fail_msg("%zu: %d, expected %d", i, r->status, rows[i].status);
        check_field(r, "ETag", tags[rows[i].answer]);
        check_field(r, "Vary", "Accept-Encoding");
        check_field(r, "Content-Encoding", rows[i].answer == GZIP ? "gzip" : NULL);
        if (r->status == 206)
            assert_string_equal(r->content, "cdefghijkl");
    }
    close_site(&s);
}

/* Who does not take the file as it is gets a part of what he takes. */
static void ranges__without_the_identity__are_of_the_coding(void **state)
{
    struct site s;
    char tags[TAGS][128];
    const struct test_response *r;

    (void)state;
    open_plain(&s);
    get_tags(&s, "/page.css", tags);
    r = ask(&s, "/page.css", "Accept-Encoding: gzip, identity;q=0\r\nRange: bytes=2-11\r\n");
    assert_int_equal(r->status, 206);
    check_field(r, "Content-Encoding", "gzip");
    check_field(r, "ETag", tags[GZIP]);
    close_site(&s);
}

static void ranges__several__are_a_multipart(void **state)
{
    struct site s;
    struct parts parts;
    const struct test_response *r;

    (void)state;
    open_plain(&s);
    r = ask(&s, "/page.css", "Range: bytes=3998-, 0-0, 100-199, 9000-\r\n");
    take_parts(r, &parts);
    assert_int_equal(parts.n, 3);
    check_part(&parts.v[0], "text/css; charset=utf-8", 3998, 3999, css());
    check_part(&parts.v[1], "text/css; charset=utf-8", 0, 0, css());
    check_part(&parts.v[2], "text/css; charset=utf-8", 100, 199, css());
    check_field(r, "Last-Modified", DATE);
    check_field(r, "Accept-Ranges", "bytes");
    check_field(r, "Vary", "Accept-Encoding");
    check_field(r, "X-Content-Type-Options", "nosniff");
    assert_true(test_field(r, "ETag").n > 2);
    r = ask_as(&s, "HEAD", "/page.css", "Range: bytes=3998-, 0-0\r\n"); /* 14.2 */
    assert_int_equal(r->status, 200);
    check_field(r, "Content-Length", "4000");
    close_site(&s);
}

static void ranges__several_of_a_large_file__come_from_its_descriptor(void **state)
{
    struct site s;
    struct parts parts;
    const struct wr_slice whole = wr_slice(noise, JS_SIZE);

    (void)state;
    for (int with_sendfile = 0; with_sendfile < 2; with_sendfile++) {
        open_plain(&s);
        if (!with_sendfile)
            s.client.transport.ops.sendfile = NULL;
        take_parts(ask(&s, "/app.js", "Range: bytes=-1, 20000-49999, 0-16383\r\n"), &parts);
        assert_int_equal(parts.n, 3);
        check_part(&parts.v[0], "text/javascript; charset=utf-8", 59999, 59999, whole);
        check_part(&parts.v[1], "text/javascript; charset=utf-8", 20000, 49999, whole);
        check_part(&parts.v[2], "text/javascript; charset=utf-8", 0, 16383, whole);
        close_site(&s);
    }
}

/* Of what was made, and of what lies beside the file, small and large. */
static void ranges__several_of_a_coding__are_of_its_bytes(void **state)
{
    static const struct {
        const char *target, *sibling;
        size_t sibling_n;
    } rows[] = {{"/page.css", NULL, 0},
                {"/app.js", NULL, 0},
                {"/page.css", "page.css.gz", 3000},
                {"/page.css", "page.css.gz", 50000}};
    struct site s;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        char tags[TAGS][128], fields[HTTP_ROOM];
        struct test_responses whole;
        struct parts parts;
        const struct test_response *r;

        begin_site(&s);
        write_files(&s);
        if (rows[i].sibling)
            temp_file_fill(&s.folder, rows[i].sibling, rows[i].sibling_n);
        open_site(&s);
        get_tags(&s, rows[i].target, tags);
        ask(&s, rows[i].target, accepts[GZIP]);
        whole = s.got;
        s.got = (struct test_responses){0};
        snprintf(fields, sizeof fields, "%sRange: bytes=-3, 0-1\r\nIf-Range: %s\r\n", accepts[GZIP],
                 tags[GZIP]);
        r = ask(&s, rows[i].target, fields);
        check_field(r, "Content-Encoding", "gzip");
        check_field(r, "ETag", tags[GZIP]);
        take_parts(r, &parts);
        assert_int_equal(parts.n, 2);
        check_part(&parts.v[0],
                   i == 1 ? "text/javascript; charset=utf-8" : "text/css; charset=utf-8",
                   whole.v[0].content_n - 3, whole.v[0].content_n - 1, content_of(&whole.v[0]));
        check_part(&parts.v[1],
                   i == 1 ? "text/javascript; charset=utf-8" : "text/css; charset=utf-8", 0, 1,
                   content_of(&whole.v[0]));
        test_responses_free(&whole);
        close_site(&s);
    }
}

/* Sixteen parts with the longest of types: all texts have room. */
static void ranges__as_many_as_there_may_be__have_room(void **state)
{
    static char type[3000];
    const struct wr_static_rule rules[] = {{.type = type}};
    char fields[HTTP_ROOM] = "Range: bytes=0-0";
    struct parts parts;
    struct site s;

    (void)state;
    memset(type, 'x', sizeof type - 1);
    memcpy(type, "a/", 2);
    begin_site(&s);
    write_files(&s);
    s.setup.rules = rules;
    s.setup.rules_n = 1;
    open_site(&s);
    for (int i = 1; i < 16; i++)
        snprintf(fields + strlen(fields), sizeof fields - strlen(fields), ",%d-%d", 200 * i,
                 200 * i);
    snprintf(fields + strlen(fields), sizeof fields - strlen(fields), "\r\n");
    take_parts(ask(&s, "/page.css", fields), &parts);
    assert_int_equal(parts.n, 16);
    for (size_t i = 0; i < 16; i++)
        check_part(&parts.v[i], type, 200 * i, 200 * i, css());
    close_site(&s);
}

/* ---- rules ---- */

/* Requests of every status there is. */
static const struct {
    const char *method, *target, *fields;
    int status;
} statuses[] = {
    {"GET", "/page.css", "", 200},
    {"HEAD", "/page.css", "", 200},
    {"GET", "/page.css", "Accept-Encoding: br\r\n", 200},
    {"GET", "/app.js", "", 200},
    {"OPTIONS", "/page.css", "", 204},
    {"GET", "/page.css", "Range: bytes=1-2\r\n", 206},
    {"GET", "/page.css", "Range: bytes=1-2,5-6\r\n", 206},
    {"GET", "/d", "", 301},
    {"GET", "/page.css", "If-None-Match: *\r\n", 304},
    {"GET", "/denied.css", "", 403},
    {"GET", "/nope.css", "", 404},
    {"GET", "/nope", "Accept: text/html\r\n", 200},
    {"POST", "/page.css", "", 405},
    {"GET", "/page.css", "Accept-Encoding: *;q=0\r\n", 406},
    {"GET", "/page.css", "If-Match: \"x\"\r\n", 412},
    {"GET", "/page.css", "Range: bytes=9999-\r\n", 416},
    {"BREW", "/page.css", "", 501},
    {"GET", "/list/", "", 200},
};

static void rules__fields__are_in_every_answer(void **state)
{
    const struct wr_static_rule rules[] = {
        {.fields = PAIRS({"X-Always", "yes"}, {"Server", "mine"}, {"X-Gone", "1"})},
        {.match = TEXTS("denied.css"), .deny = true},
        {.fields = PAIRS({"x-gone", NULL})},
    };
    struct site s;

    (void)state;
    begin_site(&s);
    write_files(&s);
    temp_folder_add(&s.folder, "list");
    s.setup.rules = rules;
    s.setup.rules_n = WR_COUNT(rules);
    s.setup.fallback = "/app.html";
    s.setup.listing = true;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(statuses); i++) {
        const struct test_response *r =
            ask_as(&s, statuses[i].method, statuses[i].target, statuses[i].fields);

        if (r->status != statuses[i].status)
            fail_msg("%s %s %s: %d, expected %d", statuses[i].method, statuses[i].target,
                     statuses[i].fields, r->status, statuses[i].status);
        check_field(r, "X-Always", "yes");
        check_field(r, "Server", "mine");
        check_field(r, "X-Gone", NULL);
    }
    close_site(&s);
}

static void rules__cache_control__goes_with_content_alone(void **state)
{
    const struct wr_static_rule rules[] = {{.cache_control = "immutable"},
                                           {.match = TEXTS("denied.css"), .deny = true}};
    struct site s;

    (void)state;
    begin_site(&s);
    write_files(&s);
    temp_folder_add(&s.folder, "list");
    s.setup.rules = rules;
    s.setup.rules_n = WR_COUNT(rules);
    s.setup.fallback = "/app.html";
    s.setup.listing = true;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(statuses); i++) {
        int status = statuses[i].status;
        bool has = (status == 200 && strcmp(statuses[i].target, "/list/") != 0) || status == 206 ||
                   status == 304;

        check_field(ask_as(&s, statuses[i].method, statuses[i].target, statuses[i].fields),
                    "Cache-Control", has ? "public, max-age=31536000, immutable" : NULL);
    }
    close_site(&s);
}

static void rules__download__names_the_file_in_answers_with_content(void **state)
{
    static const struct {
        const char *target, *fields, *disposition;
    } rows[] = {
        {"/page.css", "", "attachment; filename=\"page.css\""},
        {"/page.css", "Accept-Encoding: gzip\r\n", "attachment; filename=\"page.css\""},
        {"/page.css", "Range: bytes=0-1\r\n", "attachment; filename=\"page.css\""},
        {"/page.css", "Range: bytes=0-1,4-5\r\n", "attachment; filename=\"page.css\""},
        {"/d/", "", "attachment; filename=\"index.html\""},
        {"/page.css", "If-None-Match: *\r\n", NULL},
        {"/page.css", "If-Match: \"x\"\r\n", NULL},
        {"/page.css", "Range: bytes=4000-\r\n", NULL},
        {"/nope", "", NULL},
        {"/d", "", NULL},
        {"/small.txt", "", "inline"},
        {"/pic.png", "", NULL},
    };
    const struct wr_static_rule rules[] = {
        {.download = true},
        {.match = TEXTS("small.txt"), .fields = PAIRS({"content-disposition", "inline"})},
        {.match = TEXTS("*.png"), .fields = PAIRS({"Content-Disposition", NULL})},
    };
    struct site s;

    (void)state;
    begin_site(&s);
    write_files(&s);
    s.setup.rules = rules;
    s.setup.rules_n = WR_COUNT(rules);
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        check_field(ask(&s, rows[i].target, rows[i].fields), "Content-Disposition",
                    rows[i].disposition);
    close_site(&s);
}

static void rules__type_and_nosniff__are_as_they_say(void **state)
{
    const struct wr_static_rule rules[] = {
        {.match = TEXTS("*.css"), .type = "text/x-mine"},
        {.match = TEXTS("*.txt"), .fields = PAIRS({"x-content-type-options", "own"})},
        {.match = TEXTS("*.png"), .fields = PAIRS({"X-Content-Type-Options", NULL})},
    };
    struct site s;
    struct parts parts;
    const struct test_response *r;

    (void)state;
    begin_site(&s);
    write_files(&s);
    s.setup.rules = rules;
    s.setup.rules_n = WR_COUNT(rules);
    open_site(&s);
    r = ask(&s, "/page.css", "Accept-Encoding: gzip\r\n");
    check_field(r, "Content-Type", "text/x-mine");
    check_field(r, "X-Content-Type-Options", "nosniff");
    take_parts(ask(&s, "/page.css", "Range: bytes=0-0,2-2\r\n"), &parts);
    check_part(&parts.v[1], "text/x-mine", 2, 2, css());
    check_field(ask(&s, "/small.txt", ""), "X-Content-Type-Options", "own");
    check_field(ask(&s, "/pic.png", ""), "X-Content-Type-Options", NULL);
    close_site(&s);
}

/* ---- Vary: RFC 9110 12.5.5 ---- */

static void vary__names_what_the_answer_was_chosen_by(void **state)
{
    static const struct {
        const char *target, *fields;
        int status;
        const char *vary;
    } rows[] = {
        {"/page.css", "Accept: text/html\r\n", 200, "Accept-Encoding"},
        {"/pic.png", "", 200, NULL},
        {"/nope.css", "Accept: text/html\r\n", 404, NULL}, /* never the fallback */
        {"/nope", "", 404, "Accept"},
        {"/nope", "Accept: */*\r\n", 404, "Accept"},
        {"/nope", "Accept: text/html\r\n", 200, "Accept, Accept-Encoding"},
        {"/nope", "Accept: text/html\r\nIf-None-Match: *\r\n", 304, "Accept, Accept-Encoding"},
        {"/nope", "Accept: text/html\r\nIf-Match: \"x\"\r\n", 412, "Accept, Accept-Encoding"},
        {"/nope", "Accept: text/html\r\nRange: bytes=99-\r\n", 416, "Accept, Accept-Encoding"},
        {"/nope", "Accept: text/html\r\nRange: bytes=0-0\r\n", 206, "Accept, Accept-Encoding"},
        {"/nope", "Accept: text/html\r\nRange: bytes=0-0,2-2\r\n", 206, "Accept, Accept-Encoding"},
        {"/nope", "Accept: text/html\r\nAccept-Encoding: *;q=0\r\n", 406,
         "Accept, Accept-Encoding"},
        {"/d", "Accept: text/html\r\n", 301, NULL},
        {"/.hidden", "Accept: text/html\r\n", 404, NULL},
    };
    struct site s;

    (void)state;
    begin_site(&s);
    write_files(&s);
    s.setup.fallback = "/app.html";
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        check_field(check_status(&s, rows[i].target, rows[i].fields, rows[i].status), "Vary",
                    rows[i].vary);
    close_site(&s);
}

WR_TESTS(cmocka_unit_test(negotiation__each_field__has_its_coding),
         cmocka_unit_test(negotiation__of_a_type_that_is_not_compressed__there_is_none),
         cmocka_unit_test(negotiation__of_a_small_file__varies_all_the_same),
         cmocka_unit_test(negotiation__head__has_the_fields_of_get),
         cmocka_unit_test(compress__off__nothing_varies),
         cmocka_unit_test(compress__siblings__are_all_there_is),
         cmocka_unit_test(conditions__of_each_coding__are_of_its_own_entity_tag),
         cmocka_unit_test(conditions__304__has_what_a_cache_needs_and_no_more),
         cmocka_unit_test(conditions__refusals__are_pages_without_validators),
         cmocka_unit_test(ranges__with_the_tag_of_a_coding__are_of_that),
         cmocka_unit_test(ranges__with_another_tag__are_of_the_file_or_the_whole),
         cmocka_unit_test(ranges__without_the_identity__are_of_the_coding),
         cmocka_unit_test(ranges__several__are_a_multipart),
         cmocka_unit_test(ranges__several_of_a_large_file__come_from_its_descriptor),
         cmocka_unit_test(ranges__several_of_a_coding__are_of_its_bytes),
         cmocka_unit_test(ranges__as_many_as_there_may_be__have_room),
         cmocka_unit_test(rules__fields__are_in_every_answer),
         cmocka_unit_test(rules__cache_control__goes_with_content_alone),
         cmocka_unit_test(rules__download__names_the_file_in_answers_with_content),
         cmocka_unit_test(rules__type_and_nosniff__are_as_they_say),
         cmocka_unit_test(vary__names_what_the_answer_was_chosen_by));
