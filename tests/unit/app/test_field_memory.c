#include "app/field_memory.h"

#include <stdio.h>

#include "field_lists.h"
#include "support.h"
#include "test_checks.h"

#define ROUNDS     6 /* more than a list needs to be found */
#define LISTS_MANY 200

/* ---- what is found ---- */

static void list__that_comes_again__is_a_block_from_the_third_time_on(void **state)
{
    static const weir_header list[] = {{"X-1", "one"}, {"X-2", ""}, {NULL, NULL}};
    struct wr_field_memory *m = wr_field_memory_new(NULL);
    const struct wr_field_block *block;

    (void)state;
    assert_non_null(m);
    assert_null(give(m, list));
    assert_null(give(m, list));
    block = give(m, list);
    check_block(block, "X-1: one\r\nX-2: \r\n");
    assert_int_equal(block->n, 2);
    assert_true(wr_slice_eq(block->fields[0].name, WR_SLICE("X-1")));
    assert_true(wr_slice_eq(block->fields[0].value, WR_SLICE("one")));
    assert_true(wr_slice_eq(block->fields[1].name, WR_SLICE("X-2")));
    assert_true(wr_slice_eq(block->fields[1].value, WR_SLICE("")));
    for (int i = 0; i < 100; i++)
        assert_ptr_equal(give(m, list), block);
    wr_field_memory_free(m);
}

static void text__that_has_changed_at_its_address__is_not_found(void **state)
{
    char name[] = "X-1", value[] = "one";
    const weir_header list[] = {{"X-0", "0"}, {name, value}, {NULL, NULL}};
    static const char *const other_names[] = {"X-2", "X-", "", "Y-1"};
    static const char *const other_values[] = {"onE", "on", "", "two"};
    struct wr_field_memory *m = wr_field_memory_new(NULL);

    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        give(m, list);
    check_block(give(m, list), "X-0: 0\r\nX-1: one\r\n");
    for (size_t i = 0; i < WR_COUNT(other_names); i++) {
        snprintf(name, sizeof name, "%s", other_names[i]);
        assert_null(wr_field_memory_find(m, list));
        memcpy(name, "X-1", sizeof name);
        snprintf(value, sizeof value, "%s", other_values[i]);
        assert_null(wr_field_memory_find(m, list));
        memcpy(value, "one", sizeof value);
        check_block(give(m, list), "X-0: 0\r\nX-1: one\r\n");
    }
    wr_field_memory_free(m);
}

static void list__that_is_shorter_or_longer__is_another(void **state)
{
    static weir_header list[4] = {{"X-1", "1"}, {"X-2", "2"}, {"X-3", "3"}, {NULL, NULL}};
    static const char *const lines[] = {"X-1: 1\r\n", "X-1: 1\r\nX-2: 2\r\n",
                                        "X-1: 1\r\nX-2: 2\r\nX-3: 3\r\n"};
    struct wr_field_memory *m = wr_field_memory_new(NULL);
    size_t found = 0;

    (void)state;
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t n = 1; n <= WR_COUNT(lines); n++) {
            const weir_header end = list[n];
            const struct wr_field_block *block;

            list[n] = (weir_header){NULL, NULL};
            block = give(m, list);
            list[n] = end;
            found += block != NULL;
            if (block)
                check_block(block, lines[n - 1]);
        }
    assert_true(found >= ROUNDS - 2); /* of one; others may want the same place */
    wr_field_memory_free(m);
}

/* ---- what is not learned ---- */

static void field__that_is_left_out_or_changed_or_the_servers__is_never_learned(void **state)
{
    static const weir_header list[] = {{"X-1", "1"}, {"X-2", "2"}, {NULL, NULL}};
    static const weir_header blank[] = {{"X-1", " 1"}, {NULL, NULL}};
    struct wr_field_memory *m = wr_field_memory_new(NULL);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct wr_response r;
        const weir_header *it = i % 5 == 4 ? blank : list;

        assert_null(wr_field_memory_find(m, it));
        fill(&r, it);
        r.has_date = i % 5 == 0;
        r.has_server = i % 5 == 1;
        r.n = i % 5 == 2 ? 1 : r.n;
        if (i % 5 == 3)
            r.fields[1].value = WR_SLICE("3");
        if (i % 5 == 4)
            r.fields[0].value = WR_SLICE("1"); /* without the blank */
        wr_field_memory_learn(m, it, &r);
    }
    wr_field_memory_free(m);
}

static void list__beyond_the_bounds__is_never_learned(void **state)
{
    static char large[WR_FIELD_MEMORY_BYTES];
    weir_header many[WR_FIELD_MEMORY_FIELDS + 2] = {{NULL, NULL}};
    const weir_header one[] = {{"X", large}, {NULL, NULL}};
    struct wr_field_memory *m = wr_field_memory_new(NULL);

    (void)state;
    memset(large, 'x', sizeof large - 1);
    for (size_t i = 0; i <= WR_FIELD_MEMORY_FIELDS; i++)
        many[i] = (weir_header){"X", "1"};
    for (int i = 0; i < 100; i++) {
        assert_null(give(m, one));
        assert_null(wr_field_memory_find(m, many));
    }
    wr_field_memory_free(m);
}

/* ---- the bound ---- */

struct got {
    const struct wr_field_block *block;
    char lines[64];
};

/* True: it was not there yet. All that were got stay what they were. */
static bool keep(struct got *got, size_t n, const struct wr_field_block *block)
{
    for (size_t i = 0; i < n; i++)
        if (got[i].block == block)
            return false;
    got[n].block = block;
    snprintf(got[n].lines, sizeof got[n].lines, "%.*s", (int)block->lines.n, block->lines.p);
    return true;
}

static void check_kept(const struct got *got, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_block(got[i].block, got[i].lines);
}

static void lists__that_are_many__stay_within_the_bound_and_as_they_were(void **state)
{
    static struct got got[LISTS_MANY];
    static char texts[LISTS_MANY][16];
    struct wr_field_memory *m = wr_field_memory_new(NULL);
    size_t n = 0;

    (void)state;
    for (int i = 0; i < LISTS_MANY * 200; i++) {
        char *text = texts[i / 200];
        const weir_header list[] = {{"X", text}, {NULL, NULL}};
        const struct wr_field_block *block;

        snprintf(text, sizeof texts[0], "%d", i / 200);
        block = give(m, list);
        n += block && keep(got, n, block);
    }
    assert_in_range(n, WR_FIELD_MEMORY_PLACES, WR_FIELD_MEMORY_LISTS);
    check_kept(got, n);
    wr_field_memory_free(m);
}

/* Such as the time in seconds: it comes often, and then never again. */
static void text__that_changes_now_and_then__stays_within_the_bound(void **state)
{
    static struct got got[LISTS_MANY];
    struct wr_field_memory *m = wr_field_memory_new(NULL);
    char text[16];
    const weir_header list[] = {{"X-Time", text}, {NULL, NULL}};
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 1000 * 1000; i++) {
        const struct wr_field_block *block;

        snprintf(text, sizeof text, "%d", i / 1000);
        block = give(m, list);
        if (block)
            assert_true(wr_slice_eq(block->fields[0].value, wr_slice_of(text)));
        n += block && keep(got, n, block);
    }
    assert_in_range(n, 1, WR_FIELD_MEMORY_LISTS);
    check_kept(got, n);
    wr_field_memory_free(m);
}

static void text__that_is_new_each_time__leaves_room_for_others(void **state)
{
    static const weir_header good[] = {{"Content-Type", "text/plain"}, {NULL, NULL}};
    static char texts[64][16];
    struct wr_field_memory *m = wr_field_memory_new(NULL);

    (void)state;
    for (int i = 0; i < 64 * 1000; i++) {
        char *text = texts[i % 64];
        const weir_header list[] = {{"X", text}, {NULL, NULL}};

        snprintf(text, sizeof texts[0], "%d", i);
        assert_null(give(m, list));
    }
    for (int i = 0; i < 5000; i++) /* its place may be another's, and have learned for nothing */
        give(m, good);
    check_block(give(m, good), "Content-Type: text/plain\r\n");
    wr_field_memory_free(m);
}

/* ---- in answers ---- */

static weir_body (*act)(weir_environ *env, weir_start_response *start_response);
static char text[64], own_text[2][16];

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    return act(env, start_response);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "act",
                                   .app = app,
                                   .runs = WEIR_ON_LOOP};

struct site {
    struct test_server server;
    struct test_client client;
};

static void open_site(struct site *s, int32_t runs)
{
    weir_plugin it = plugin;

    it.runs = runs;
    test_server_init(&s->server);
    assert_non_null(test_server_mount(&s->server, &it, NULL, NULL));
    test_client_open(&s->server, &s->client);
}

static void close_site(struct site *s)
{
    close_both(&s->server, &s->client);
}

/* The answer is `head`, without the server's own fields, and `content`. */
static void check_answer(struct site *s, const char *method, const char *head, const char *content)
{
    char expected[1024], request[64];
    struct fake_transport *t = &s->client.transport;

    snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", method);
    snprintf(expected, sizeof expected, "%s\r\n%s", head, content);
    t->out_n = 0;
    test_client_send(&s->client, request);
    if (t->out_n != strlen(expected) || memcmp(t->out, expected, t->out_n) != 0)
        fail_msg("%.*s\nexpected\n%s", (int)t->out_n, t->out, expected);
}

#define OWN "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: Weir\r\n"

static weir_body start_with_text(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"X-1", "1"}, {"X-Text", text}));
    return weir_text("Hello");
}

static void answer__with_text_in_the_same_place__has_what_is_there_now(void **state)
{
    struct site s;
    char head[256];

    (void)state;
    open_site(&s, WEIR_ON_LOOP);
    act = start_with_text;
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof text, "%d", i % 100 < 20 ? i : 1000); /* now new, now the same */
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\n" OWN "X-1: 1\r\nX-Text: %s\r\nContent-Length: 5\r\n", text);
        check_answer(&s, "GET", head, "Hello");
    }
    close_site(&s);
}

static weir_body start_with_a_break(weir_environ *env, weir_start_response *start_response)
{
    int32_t err = start_response(env, 200, WEIR_HEADERS({"X-1", "1"}, {"X-Text", text}));

    assert_int_equal(err, strchr(text, '\n') ? WEIR_EINVAL : 0);
    return weir_text("Hello");
}

static void text__that_became_wrong_in_its_place__is_a_500(void **state)
{
    struct site s;

    (void)state;
    open_site(&s, WEIR_ON_LOOP);
    act = start_with_a_break;
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "%s", i % 8 == 7 ? "a\r\nX-Evil: 1" : "a");
        s.client.transport.out_n = 0;
        test_client_send(&s.client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_memory_equal(s.client.transport.out, i % 8 == 7 ? "HTTP/1.1 500" : "HTTP/1.1 200",
                            12);
        assert_null(memmem(s.client.transport.out, s.client.transport.out_n, "Evil", 4));
    }
    close_site(&s);
}

static weir_body replace(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"X-1", "1"}, {"X-2", "2"}));
    weir_header_add(env, "X-3", "3", 1);
    start_response(env, 404 | WEIR_REPLACE, WEIR_HEADERS({"X-4", "4"}));
    weir_header_add(env, "X-5", "5", 1);
    return weir_text("Hello");
}

static weir_body add_before(weir_environ *env, weir_start_response *start_response)
{
    weir_header_add(env, "X-0", "0", 1);
    start_response(env, 200, WEIR_HEADERS({"X-1", "1"}));
    weir_header_add(env, "X-2", "2", 1);
    return weir_text("Hello");
}

/* weir_error() drops what describes the content. */
static weir_body give_page(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200,
                   WEIR_HEADERS({"Allow", "GET"}, {"Content-Type", "text/plain"}, {"X-1", "1"}));
    return weir_error(env, 304);
}

static weir_body give_own_page(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"ETag", "\"x\""}, {"X-1", "1"}));
    weir_header_add(env, "X-2", "2", 1);
    return weir_error(env, 404);
}

static weir_body reset_content(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 205, WEIR_HEADERS({"X-1", "1"}));
    return weir_text("Hello");
}

static weir_body with_length(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"X-1", "1"}, {"Content-Length", "5"}, {"X-2", "2"}));
    return weir_text("Hello");
}

static weir_body with_date(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"X-1", "1"}, {"Date", "then"}, {"Server", "mine"}));
    return weir_text("Hello");
}

static void answers__that_come_again__are_what_they_were(void **state)
{
    static const struct {
        const char *method;
        weir_body (*act)(weir_environ *env, weir_start_response *start_response);
        const char *head, *content;
    } rows[] = {
        {"GET", replace,
         "HTTP/1.1 404 Not Found\r\n" OWN "X-4: 4\r\nX-5: 5\r\nContent-Length: 5\r\n", "Hello"},
        {"GET", add_before,
         "HTTP/1.1 200 OK\r\n" OWN "X-0: 0\r\nX-1: 1\r\nX-2: 2\r\nContent-Length: 5\r\n", "Hello"},
        {"HEAD", add_before,
         "HTTP/1.1 200 OK\r\n" OWN "X-0: 0\r\nX-1: 1\r\nX-2: 2\r\nContent-Length: 5\r\n", ""},
        {"GET", give_page,
         "HTTP/1.1 304 Not Modified\r\n" OWN "Allow: GET\r\nContent-Type: text/plain\r\nX-1: 1\r\n",
         ""},
        {"GET", reset_content,
         "HTTP/1.1 205 Reset Content\r\n" OWN "X-1: 1\r\nContent-Length: 0\r\n", ""},
        {"GET", with_length, "HTTP/1.1 200 OK\r\n" OWN "X-1: 1\r\nX-2: 2\r\nContent-Length: 5\r\n",
         "Hello"},
        {"GET", with_date,
         "HTTP/1.1 200 OK\r\nX-1: 1\r\nDate: then\r\nServer: mine\r\nContent-Length: 5\r\n",
         "Hello"},
    };
    struct site s;

    (void)state;
    for (int runs = WEIR_ON_LOOP; runs <= WEIR_IN_COROUTINE; runs++) {
        if (runs != WEIR_ON_LOOP && runs != WEIR_IN_COROUTINE)
            continue;
        open_site(&s, runs);
        for (int round = 0; round < ROUNDS; round++)
            for (size_t i = 0; i < WR_COUNT(rows); i++) {
                act = rows[i].act;
                check_answer(&s, rows[i].method, rows[i].head, rows[i].content);
            }
        close_site(&s);
    }
}

static void page__instead_of_the_answer__drops_fields_of_a_block_too(void **state)
{
    struct site s;
    char first[4096];
    size_t first_n = 0;

    (void)state;
    open_site(&s, WEIR_ON_LOOP);
    act = give_own_page;
    for (int round = 0; round < ROUNDS; round++) {
        const struct fake_transport *t = &s.client.transport;

        s.client.transport.out_n = 0;
        test_client_send(&s.client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_null(memmem(t->out, t->out_n, "ETag", 4));
        assert_non_null(memmem(t->out, t->out_n, "X-1: 1\r\nX-2: 2\r\n", 16));
        assert_in_range(t->out_n, 100, sizeof first);
        if (round == 0)
            memcpy(first, t->out, first_n = t->out_n);
        assert_int_equal(t->out_n, first_n);
        assert_memory_equal(t->out, first, first_n);
    }
    close_site(&s);
}

/* How many fields there is room for counts those of a block, too. */
static size_t added;

static weir_body add_until_full(weir_environ *env, weir_start_response *start_response)
{
    char value[100];

    start_response(env, 200, WEIR_HEADERS({"X-1", "1"}, {"X-2", "a somewhat longer text"}));
    memset(value, 'x', sizeof value);
    for (added = 0; weir_header_add(env, "X", value, sizeof value) == 0;)
        added++;
    return weir_text("Hello");
}

static void room__for_fields__is_the_same_with_a_block(void **state)
{
    /* Each takes its name, ": ", its value and CRLF. */
    const size_t room =
        WR_RESPONSE_FIELDS_MAX - strlen("X-1: 1\r\n") - strlen("X-2: a somewhat longer text\r\n");
    struct site s;

    (void)state;
    open_site(&s, WEIR_ON_LOOP);
    act = add_until_full;
    for (int round = 0; round < ROUNDS; round++) {
        test_client_send(&s.client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(added, room / (100 + strlen("X: \r\n")));
    }
    close_site(&s);
}

/* ---- two mounts ---- */

static unsigned asked;

static weir_body start_with_own(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"X-Own", own_text[asked]}, {"X-Text", text}));
    return weir_text("Hello");
}

static void mounts__two_of_them__do_not_share_and_may_go_one_by_one(void **state)
{
    struct site s[2];
    char head[256];

    (void)state;
    act = start_with_own;
    for (int generation = 0; generation < 3; generation++) {
        for (asked = 0; asked < 2; asked++)
            open_site(&s[asked], WEIR_ON_LOOP);
        for (int i = 0; i < 2 * ROUNDS; i++) {
            asked = (unsigned)i % 2;
            snprintf(text, sizeof text, "%d of %u", generation, asked);
            snprintf(own_text[asked], sizeof own_text[0], "%u", asked);
            snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\n" OWN "X-Own: %u\r\nX-Text: %s\r\nContent-Length: 5\r\n",
                     asked, text);
            check_answer(&s[asked], "GET", head, "Hello");
        }
        close_site(&s[0]);
        asked = 1;
        check_answer(&s[1], "GET", head, "Hello");
        close_site(&s[1]);
    }
}

WR_TESTS(cmocka_unit_test(list__that_comes_again__is_a_block_from_the_third_time_on),
         cmocka_unit_test(text__that_has_changed_at_its_address__is_not_found),
         cmocka_unit_test(list__that_is_shorter_or_longer__is_another),
         cmocka_unit_test(field__that_is_left_out_or_changed_or_the_servers__is_never_learned),
         cmocka_unit_test(list__beyond_the_bounds__is_never_learned),
         cmocka_unit_test(lists__that_are_many__stay_within_the_bound_and_as_they_were),
         cmocka_unit_test(text__that_changes_now_and_then__stays_within_the_bound),
         cmocka_unit_test(text__that_is_new_each_time__leaves_room_for_others),
         cmocka_unit_test(answer__with_text_in_the_same_place__has_what_is_there_now),
         cmocka_unit_test(text__that_became_wrong_in_its_place__is_a_500),
         cmocka_unit_test(answers__that_come_again__are_what_they_were),
         cmocka_unit_test(page__instead_of_the_answer__drops_fields_of_a_block_too),
         cmocka_unit_test(room__for_fields__is_the_same_with_a_block),
         cmocka_unit_test(mounts__two_of_them__do_not_share_and_may_go_one_by_one));
