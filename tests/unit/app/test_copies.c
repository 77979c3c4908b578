/*
 * test_copies.c — what docs/copies.md says of copies: the transport reads into the app's own memory, and
 * sends from it, where the table says that nothing is copied; and nowhere else.
 *
 * A copy in between shows as an address: then what the transport is given is memory of the server.
 */
#include "support.h"

#include <stdlib.h>

#include "test_checks.h"

#define LARGE 40000 /* bytes: more than is copied behind a head, and than one read buffer holds */
#define SMALL 1000

/* The app's own memory, and how many bytes the transport moved into it and out of it. */
static char memory[LARGE];
static size_t moved_in, moved_out;

static const struct wr_transport_ops *original;

static bool is_ours(const void *p)
{
    return (const char *)p >= memory && (const char *)p < memory + sizeof memory;
}

static ssize_t read_and_look(struct wr_transport *t, void *dst, size_t cap)
{
    ssize_t n = original->read(t, dst, cap);

    if (n > 0 && is_ours(dst))
        moved_in += (size_t)n;
    return n;
}

static ssize_t write_and_look(struct wr_transport *t, const void *p, size_t n, bool more)
{
    ssize_t sent = original->write(t, p, n, more);

    if (sent > 0 && is_ours(p))
        moved_out += (size_t)sent;
    return sent;
}

static ssize_t writev_and_look(struct wr_transport *t, const struct iovec *v, int n, bool more)
{
    ssize_t sent = original->writev(t, v, n, more);
    size_t left = sent > 0 ? (size_t)sent : 0;

    for (int i = 0; i < n && left > 0; i++) {
        size_t of_this = v[i].iov_len < left ? v[i].iov_len : left;

        if (is_ours(v[i].iov_base))
            moved_out += of_this;
        left -= of_this;
    }
    return sent;
}

/* ---- the apps ---- */

static size_t size; /* of the body */

static weir_body say_bytes(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_bytes(memory, size);
}

static weir_body say_copy(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_copy(env, memory, size);
}

static weir_body say_written(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    weir_write(env, memory, size);
    return weir_empty();
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    bool *has_said = arg;

    (void)env;
    if (*has_said)
        return WEIR_END;
    *has_said = true;
    chunk->data = memory;
    chunk->size = size;
    return WEIR_CHUNK;
}

static weir_body say_chunk(weir_environ *env, weir_start_response *start_response)
{
    static bool has_said;

    has_said = false;
    start_response(env, 200, NULL);
    return weir_iterable(next, NULL, &has_said);
}

/* Into memory, and says how much there was. */
static int32_t read_on(weir_environ *env, void *arg, weir_chunk *chunk)
{
    size_t *n = arg;
    int64_t got;

    while ((got = weir_read(env, memory + *n, sizeof memory - *n)) > 0)
        *n += (size_t)got;
    if (got < 0)
        return (int32_t)got;
    if (*n == 0)
        return WEIR_END;
    chunk->data = memory;
    chunk->size = 1;
    *n = 0;
    return WEIR_CHUNK;
}

static weir_body read_all(weir_environ *env, weir_start_response *start_response)
{
    static size_t n;

    n = 0;
    start_response(env, 200, NULL);
    return weir_iterable(read_on, NULL, &n);
}

static weir_body (*act)(weir_environ *env, weir_start_response *start_response);

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    return act(env, start_response);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "copies",
                                   .app = app,
                                   .runs = WEIR_ON_LOOP};

/* ---- one request ---- */

struct site {
    struct test_server server;
    struct test_client client;
    struct wr_transport_ops original;
};

static void open_site(struct site *s)
{
    test_server_init(&s->server);
    assert_non_null(test_server_mount(&s->server, &plugin, NULL, NULL));
    test_client_open(&s->server, &s->client);
    s->original = s->client.transport.ops;
    original = &s->original;
    s->client.transport.ops.read = read_and_look;
    s->client.transport.ops.write = write_and_look;
    s->client.transport.ops.writev = writev_and_look;
    moved_in = moved_out = 0;
}

static void close_site(struct site *s)
{
    assert_string_equal(s->server.log_text, "");
    close_both(&s->server, &s->client);
}

static void check_answered(const struct site *s)
{
    struct test_responses r;

    test_client_responses(&s->client, "", &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].status, 200);
    test_responses_free(&r);
}

/* ---- what the tables of docs/copies.md say ---- */

static void sent__by_kind_and_size__from_where_it_lies_or_by_a_copy(void **state)
{
    static const struct {
        weir_body (*act)(weir_environ *env, weir_start_response *start_response);
        size_t size, sent_from_memory;
    } rows[] = {
        {say_bytes, LARGE, LARGE}, {say_bytes, SMALL, 0}, {say_chunk, LARGE, LARGE},
        {say_chunk, SMALL, 0},     {say_copy, LARGE, 0},  {say_written, LARGE, 0},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct site s;

        act = rows[i].act;
        size = rows[i].size;
        open_site(&s);
        test_client_send(&s.client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        check_answered(&s);
        if (moved_out != rows[i].sent_from_memory)
            fail_msg("row %zu: %zu bytes were sent from where they lay", i, moved_out);
        close_site(&s);
    }
}

/* The same content in three ways: what comes with the head, and what is framed, is copied once more. */
static void read__by_framing__straight_into_the_apps_memory_or_by_a_copy(void **state)
{
    static char content[LARGE + 1], chunked[LARGE + 32], with_head[LARGE + 100];
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n";
    static const char chunked_head[] =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const struct {
        const char *first, *second;
        size_t read_into_memory;
    } rows[] = {{head, content, 10000}, {with_head, NULL, 0}, {chunked_head, chunked, 0}};

    (void)state;
    act = read_all;
    memset(content, 'x', 10000);
    snprintf(with_head, sizeof with_head, "%s%s", head, content);
    snprintf(chunked, sizeof chunked, "2710\r\n%s\r\n0\r\n\r\n", content);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct site s;

        open_site(&s);
        test_client_send(&s.client, rows[i].first);
        if (rows[i].second)
            test_client_send(&s.client, rows[i].second);
        check_answered(&s);
        if (moved_in != rows[i].read_into_memory)
            fail_msg("row %zu: %zu bytes were read to where they were wanted", i, moved_in);
        close_site(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sent__by_kind_and_size__from_where_it_lies_or_by_a_copy),
        cmocka_unit_test(read__by_framing__straight_into_the_apps_memory_or_by_a_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
