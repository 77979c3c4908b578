/*
 * test_response.c — reads responses as RFC 9112 defines them, from the client's side.
 *
 * Strict: whatever a server of ours must not send is an error.
 */
#include "test_server.h"

#include <stdlib.h>

struct reader {
    struct wr_slice in; /* what is left */
    const char *error;
};

static bool is_name(char a, char b)
{
    return wr_ascii_lower(a) == wr_ascii_lower(b);
}

static bool same_name(struct wr_slice a, const char *b)
{
    size_t n = strlen(b);

    if (a.n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_name(a.p[i], b[i]))
            return false;
    return true;
}

static bool fail(struct reader *rd, const char *error)
{
    if (!rd->error)
        rd->error = error;
    return false;
}

/* A line without its CRLF. */
static bool read_line(struct reader *rd, struct wr_slice *line)
{
    const char *end = memchr(rd->in.p, '\n', rd->in.n);

    if (!end)
        return fail(rd, "a line does not end");
    *line = wr_slice(rd->in.p, (size_t)(end - rd->in.p));
    rd->in = wr_slice_from(rd->in, line->n + 1);
    if (line->n == 0 || line->p[line->n - 1] != '\r')
        return fail(rd, "a line ends without CR");
    line->n--;
    if (memchr(line->p, '\r', line->n) || memchr(line->p, '\0', line->n))
        return fail(rd, "CR or NUL inside a line");
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* status-line = HTTP-version SP status-code SP [ reason-phrase ] */
static bool read_status_line(struct reader *rd, struct test_response *r)
{
    struct wr_slice l;

    if (!read_line(rd, &l))
        return false;
    if (l.n < 13 || memcmp(l.p, "HTTP/1.", 7) != 0 || !is_digit(l.p[7]) || l.p[8] != ' ' ||
        !is_digit(l.p[9]) || !is_digit(l.p[10]) || !is_digit(l.p[11]) || l.p[12] != ' ')
        return fail(rd, "bad status line");
    r->minor = l.p[7] - '0';
    r->status = (l.p[9] - '0') * 100 + (l.p[10] - '0') * 10 + (l.p[11] - '0');
    return r->status >= 100 && r->status <= 599 ? true : fail(rd, "bad status");
}

static bool read_fields(struct reader *rd, struct test_response *r)
{
    for (;;) {
        struct wr_slice l;
        const char *colon;

        if (!read_line(rd, &l))
            return false;
        if (l.n == 0)
            return true;
        colon = memchr(l.p, ':', l.n);
        if (!colon || colon == l.p || memchr(l.p, ' ', (size_t)(colon - l.p)))
            return fail(rd, "bad field line");
        if (r->fields == TEST_FIELDS_MAX)
            return fail(rd, "too many fields for this parser");
        r->names[r->fields] = wr_slice(l.p, (size_t)(colon - l.p));
        r->values[r->fields] = wr_slice_trim(wr_slice(colon + 1, (size_t)(l.p + l.n - colon - 1)));
        r->fields++;
    }
}

static size_t count_field(const struct test_response *r, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < r->fields; i++)
        n += same_name(r->names[i], name);
    return n;
}

struct wr_slice test_field(const struct test_response *r, const char *name)
{
    if (count_field(r, name) == 1)
        for (size_t i = 0; i < r->fields; i++)
            if (same_name(r->names[i], name))
                return r->values[i];
    return wr_slice(NULL, 0);
}

static void add_content(struct test_response *r, const char *p, size_t n)
{
    char *grown = realloc(r->content, r->content_n + n + 1);

    if (!grown)
        abort();
    if (n > 0)
        memcpy(grown + r->content_n, p, n);
    r->content = grown;
    r->content_n += n;
    r->content[r->content_n] = '\0';
}

static size_t take_content(struct reader *rd, struct test_response *r, size_t n)
{
    if (n > rd->in.n) {
        n = rd->in.n;
        r->is_cut = true;
    }
    add_content(r, rd->in.p, n);
    rd->in = wr_slice_from(rd->in, n);
    return n;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = memchr(digits, wr_ascii_lower(c), 16);

    return at ? (int)(at - digits) : -1;
}

/* *( field-line CRLF ) CRLF */
static bool read_trailers(struct reader *rd, struct test_response *r)
{
    const char *start = rd->in.p;
    struct test_response section = {0};
    bool is_whole = rd->in.n >= 2 && (memcmp(start, "\r\n", 2) == 0 ||
                                      memmem(start, rd->in.n, "\r\n\r\n", 4) != NULL);

    if (!is_whole) {
        rd->in = wr_slice_from(rd->in, rd->in.n);
        r->is_cut = true;
        return true;
    }
    if (!read_fields(rd, &section))
        return false;
    r->trailers = wr_slice(start, (size_t)(rd->in.p - start) - 2);
    return true;
}

/* chunk = chunk-size CRLF chunk-data CRLF; our server sends no extensions. */
static bool read_chunks(struct reader *rd, struct test_response *r)
{
    struct wr_slice l;
    size_t size;

    do {
        if (!memchr(rd->in.p, '\n', rd->in.n)) {
            rd->in = wr_slice_from(rd->in, rd->in.n);
            r->is_cut = true;
            return true;
        }
        if (!read_line(rd, &l))
            return false;
        if (l.n == 0 || l.n > 8)
            return fail(rd, "bad chunk size");
        size = 0;
        for (size_t i = 0; i < l.n; i++) {
            if (hex_digit(l.p[i]) < 0)
                return fail(rd, "bad chunk size");
            size = size * 16 + (size_t)hex_digit(l.p[i]);
        }
        if (size == 0)
            return read_trailers(rd, r);
        if (take_content(rd, r, size) < size)
            return true;
        if (rd->in.n < 2) {
            rd->in = wr_slice_from(rd->in, rd->in.n);
            r->is_cut = true;
            return true;
        }
        if (!read_line(rd, &l))
            return false;
        if (l.n != 0)
            return fail(rd, "no CRLF behind a chunk");
    } while (true);
}

static bool read_length(struct reader *rd, struct test_response *r, bool has_content)
{
    struct wr_slice text = test_field(r, "Content-Length");
    size_t length = 0;

    if (text.n == 0 || text.n > 15)
        return fail(rd, "bad Content-Length");
    for (size_t i = 0; i < text.n; i++) {
        if (!is_digit(text.p[i]))
            return fail(rd, "bad Content-Length");
        length = length * 10 + (size_t)(text.p[i] - '0');
    }
    if (has_content)
        take_content(rd, r, length);
    return true;
}

/* RFC 9112 6.3 */
static bool read_content(struct reader *rd, struct test_response *r, bool is_head, bool is_closed)
{
    bool is_bodiless = r->status < 200 || r->status == 204 || r->status == 304;
    size_t codings = count_field(r, "Transfer-Encoding");
    size_t lengths = count_field(r, "Content-Length");

    add_content(r, "", 0);
    if (codings > 0 && lengths > 0)
        return fail(rd, "both Content-Length and Transfer-Encoding");
    if ((r->status < 200 || r->status == 204) && codings + lengths > 0)
        return fail(rd, "framing with 1xx or 204");
    if (codings > 0) {
        if (!same_name(test_field(r, "Transfer-Encoding"), "chunked"))
            return fail(rd, "a coding that is not chunked");
        r->is_chunked = true;
        return is_bodiless || is_head ? true : read_chunks(rd, r);
    }
    if (lengths > 0)
        return read_length(rd, r, !is_bodiless && !is_head);
    if (is_bodiless || is_head)
        return true;
    r->is_close_delimited = true;
    r->is_cut = !is_closed;
    add_content(r, rd->in.p, rd->in.n);
    rd->in = wr_slice_from(rd->in, rd->in.n);
    return true;
}

static bool read_response(struct reader *rd, struct test_response *r, bool is_head, bool is_closed)
{
    struct wr_slice connection;

    if (!read_status_line(rd, r) || !read_fields(rd, r))
        return false;
    if (r->status >= 200 && !test_field(r, "Date").p)
        return fail(rd, "no Date, or more than one");
    connection = test_field(r, "Connection");
    r->says_close = same_name(connection, "close");
    r->says_keep_alive = same_name(connection, "keep-alive");
    if (count_field(r, "Connection") > 0 && !r->says_close && !r->says_keep_alive)
        return fail(rd, "odd Connection");
    if (!read_content(rd, r, is_head && r->status >= 200, is_closed))
        return false;
    if (r->is_close_delimited && !r->says_close)
        return fail(rd, "the end of the connection ends the content, but it does not say close");
    if (r->says_close && rd->in.n > 0)
        return fail(rd, "bytes behind a response that says close");
    return true;
}

void test_responses_parse(struct test_responses *r, struct wr_slice out, bool is_closed,
                          const char *methods)
{
    struct reader rd = {.in = out};
    size_t finals = 0, count = strlen(methods);

    *r = (struct test_responses){0};
    while (rd.in.n > 0 && !rd.error) {
        bool is_head = finals < count && methods[finals] == 'H';
        struct test_response *grown = realloc(r->v, (r->n + 1) * sizeof *grown);

        if (!grown)
            abort();
        r->v = grown;
        r->v[r->n] = (struct test_response){0};
        if (read_response(&rd, &r->v[r->n], is_head, is_closed)) {
            finals += r->v[r->n].status >= 200;
            r->n++;
        } else {
            free(r->v[r->n].content);
        }
    }
    r->error = rd.error;
}

void test_responses_free(struct test_responses *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->v[i].content);
    free(r->v);
    *r = (struct test_responses){0};
}

static void describe_response(struct wr_buf *b, const struct test_response *r)
{
    struct wr_slice type = test_field(r, "Content-Type");

    wr_buf_u64(b, (uint64_t)r->status);
    if (r->says_close)
        wr_buf_char(b, '!');
    if (r->says_keep_alive)
        wr_buf_char(b, '+');
    if (r->is_chunked)
        wr_buf_char(b, '~');
    if (r->is_close_delimited)
        wr_buf_char(b, '$');
    if (r->is_cut)
        wr_buf_char(b, '?');
    if (r->content_n > 0 && !(type.n > 8 && memcmp(type.p, "text/htm", 8) == 0)) {
        wr_buf_char(b, ' ');
        wr_buf_append(b, r->content, r->content_n);
    }
}

void test_client_describe(const struct test_client *c, const char *methods,
                          char out[static TEST_DESCRIPTION_MAX])
{
    struct wr_buf b = wr_buf_on(out, TEST_DESCRIPTION_MAX - 1);
    struct test_responses r;

    test_client_responses(c, methods, &r);
    for (size_t i = 0; i < r.n; i++) {
        if (i > 0)
            wr_buf_char(&b, '|');
        describe_response(&b, &r.v[i]);
    }
    if (r.error)
        wr_buf_printf(&b, "|error: %s", r.error);
    if (c->transport.is_closed || c->transport.is_shut_down)
        wr_buf_slice_append(&b, b.n > 0 ? WR_SLICE("|END") : WR_SLICE("END"));
    out[b.n] = '\0';
    test_responses_free(&r);
}

void test_client_responses(const struct test_client *c, const char *methods,
                           struct test_responses *r)
{
    test_responses_parse(r, fake_transport_output(&c->transport),
                         c->transport.is_closed || c->transport.is_shut_down, methods);
}
