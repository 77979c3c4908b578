#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "temp_folder.h"
#include "test_checks.h"

#define ASK(method) method " /p?q HTTP/1.1\r\nHost: a\r\n\r\n"

/* What next does in one call. */
struct step {
    int32_t says;
    const char *piece; /* for WEIR_CHUNK */
    void (*does)(weir_environ *env);
};

/* The app and its iterable; the loop is the test's own thread. */
static struct {
    const struct step *steps; /* behind the last: WEIR_END */
    size_t n, at;
    int32_t status; /* of start_response in the app; 0: not called there */
    const char *length;
    weir_next_fn *next; /* instead of the steps */
    weir_environ *env;
    weir_start_response *start_response;
    unsigned calls, nexts, closes, nexts_after_close;
    int32_t result; /* of what a step did */
} it;

static int32_t take_step(weir_environ *env, void *arg, weir_chunk *chunk)
{
    const struct step *step;

    (void)arg;
    it.nexts++;
    it.nexts_after_close += it.closes > 0;
    if (it.at == it.n)
        return WEIR_END;
    step = &it.steps[it.at++];
    if (step->does)
        step->does(env);
    if (step->says == WEIR_CHUNK)
        *chunk = (weir_chunk){.data = step->piece, .size = step->piece ? strlen(step->piece) : 0};
    return step->says;
}

static void count_close(void *arg)
{
    (void)arg;
    it.closes++;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    it.calls++;
    it.env = env;
    it.start_response = start_response;
    if (it.status > 0)
        start_response(env, it.status, NULL);
    if (it.length)
        weir_header_add(env, "Content-Length", it.length, strlen(it.length));
    return weir_iterable(it.next, count_close, NULL);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "steps",
                                   .app = app,
                                   .runs = WEIR_ON_LOOP};

static void open_both(struct test_server *s, struct test_client *c)
{
    test_server_init(s);
    assert_non_null(test_server_mount(s, &plugin, NULL, NULL));
    test_client_open(s, c);
}

static void prepare(const struct step *steps, size_t n, int32_t status, const char *length)
{
    memset(&it, 0, sizeof it);
    it.steps = steps;
    it.n = n;
    it.status = status;
    it.length = length;
    it.next = take_step;
}

#define PREPARE(steps) prepare(steps, WR_COUNT(steps), 200, NULL)

static void check_closed_once(void)
{
    assert_int_equal(it.calls, 1);
    assert_int_equal(it.closes, 1);
    assert_int_equal(it.nexts_after_close, 0);
}

/* One line, with `why`; NULL: none. */
static void check_log(const struct test_server *s, const char *why)
{
    const char *end = strchr(s->log_text, '\n');

    if (why ? !strstr(s->log_text, why) || !end || end[1] != '\0' : s->log_n > 0)
        fail_msg("the log says %s, expected %s", s->log_text, why ? why : "nothing");
}

static void wake(weir_environ *env)
{
    it.result = weir_wake(env);
}

static void start_205(weir_environ *env)
{
    it.result = it.start_response(env, 205, NULL);
}

static void start_200(weir_environ *env)
{
    it.result = it.start_response(env, 200, NULL);
}

static void replace_by_404(weir_environ *env)
{
    it.result = it.start_response(env, 404 | WEIR_REPLACE, WEIR_HEADERS({"X-1", "1"}));
}

static void start_badly(weir_environ *env)
{
    it.result = it.start_response(env, 200, WEIR_HEADERS({"X-1", "\n"}));
}

/* ---- what the client gets, and how often next is asked ---- */

#define CHUNK(text)                                                                                \
    {                                                                                              \
        WEIR_CHUNK, text, NULL                                                                     \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        WEIR_CHUNK, NULL, NULL                                                                     \
    }
#define FOUR(x) x, x, x, x
#define SAY(what)                                                                                  \
    {                                                                                              \
        what, NULL, NULL                                                                           \
    }
#define STEPS_MAX 48

static void next__every_course__has_its_outcome(void **state)
{
    static const struct {
        const char *request;
        int32_t status;
        const char *length;
        struct step steps[STEPS_MAX];
        size_t n;
        const char *expected, *log;
        unsigned nexts;
    } rows[] = {
        {ASK("GET"), 200, NULL, {CHUNK("a"), CHUNK("bc")}, 2, "200~ abc", NULL, 3},
        {ASK("GET"), 200, NULL, {SAY(WEIR_END)}, 1, "200", NULL, 1},
        {"GET / HTTP/1.0\r\n\r\n",
         200,
         NULL,
         {CHUNK("a"), CHUNK("bc")},
         2,
         "200!$ abc|END",
         NULL,
         3},
        /* pieces without content are no end */
        {ASK("GET"),
         200,
         NULL,
         {NOTHING, CHUNK("a"), NOTHING, CHUNK("b"), NOTHING},
         5,
         "200~ ab",
         NULL,
         6},
        {ASK("GET"), 200, NULL, {FOUR(FOUR(NOTHING)), NOTHING, CHUNK("a")}, 18, "200~ a", NULL, 19},
        {ASK("GET"),
         200,
         NULL,
         {CHUNK("a"), FOUR(FOUR(NOTHING)), FOUR(FOUR(NOTHING)), CHUNK("b")},
         34,
         "200~ ab",
         NULL,
         35},
        {ASK("GET"),
         200,
         NULL,
         {FOUR(FOUR(NOTHING)), FOUR(FOUR(NOTHING)), NOTHING},
         33,
         "200",
         NULL,
         34},
        {ASK("GET"),
         200,
         "2",
         {CHUNK("a"), FOUR(FOUR(NOTHING)), NOTHING, CHUNK("b")},
         19,
         "200 ab",
         NULL,
         19},
        /* Content-Length: not asked again when all of it has come */
        {ASK("GET"), 200, "3", {CHUNK("a"), CHUNK("bc")}, 2, "200 abc", NULL, 2},
        {ASK("GET"), 200, "0", {SAY(WEIR_END)}, 1, "200", NULL, 1},
        {ASK("GET"), 200, "4", {CHUNK("a"), CHUNK("bc")}, 2, "200? abc|END", "Content-Length", 3},
        {ASK("GET"), 200, "4", {SAY(WEIR_END)}, 1, "500", "Content-Length", 1},
        {ASK("GET"), 200, "1", {CHUNK("ab")}, 1, "500", "Content-Length", 1},
        {ASK("GET"), 200, "0", {CHUNK("ab")}, 1, "500", "Content-Length", 1},
        {ASK("GET"), 200, "3", {CHUNK("ab"), CHUNK("cd")}, 2, "200? ab|END", "Content-Length", 2},
        /* it fails */
        {ASK("GET"), 200, NULL, {SAY(WEIR_FAIL)}, 1, "500", "-2", 1},
        {ASK("GET"), 200, NULL, {NOTHING, SAY(WEIR_EBADMSG)}, 2, "500", "-5014", 2},
        {ASK("GET"), 200, NULL, {CHUNK("a"), SAY(WEIR_FAIL)}, 2, "200~? a|END", "-2", 2},
        {ASK("GET"), 200, "3", {CHUNK("a"), SAY(WEIR_FAIL)}, 2, "200? a|END", "-2", 2},
        {ASK("GET"), 200, NULL, {SAY(2)}, 1, "500", "2", 1},
        {ASK("GET"), 200, NULL, {CHUNK("a"), SAY(99)}, 2, "200~? a|END", "99", 2},
        {ASK("GET"), 0, NULL, {{WEIR_CHUNK, "a", start_badly}}, 1, "500", "X-1", 1},
        /* start_response inside next */
        {ASK("GET"), 0, NULL, {{WEIR_CHUNK, "a", start_200}, CHUNK("b")}, 2, "200~ ab", NULL, 3},
        {ASK("GET"),
         0,
         NULL,
         {NOTHING, {WEIR_CHUNK, NULL, start_200}, CHUNK("b")},
         3,
         "200~ b",
         NULL,
         4},
        {ASK("GET"), 0, NULL, {{WEIR_END, NULL, start_200}}, 1, "200", NULL, 1},
        {ASK("GET"), 0, NULL, {CHUNK("a")}, 1, "500", "start_response", 1},
        {ASK("GET"), 0, NULL, {SAY(WEIR_END)}, 1, "500", "start_response", 1},
        {ASK("GET"), 200, NULL, {NOTHING, {WEIR_CHUNK, "a", replace_by_404}}, 2, "404~ a", NULL, 3},
        {ASK("GET"), 200, NULL, {{WEIR_CHUNK, "a", start_200}}, 1, "500", "second", 1},
        {ASK("GET"),
         200,
         NULL,
         {CHUNK("a"), {WEIR_CHUNK, "b", replace_by_404}},
         2,
         "200~? a|END",
         "sent",
         2},
        /* content that nobody gets is not asked for */
        {ASK("HEAD"), 200, NULL, {CHUNK("a")}, 1, "200", NULL, 0},
        {ASK("HEAD"), 200, "7", {CHUNK("a")}, 1, "200", NULL, 0},
        {ASK("HEAD"), 0, NULL, {{WEIR_CHUNK, "a", start_200}, CHUNK("b")}, 2, "200", NULL, 1},
        {ASK("HEAD"), 0, NULL, {NOTHING, {WEIR_END, NULL, start_200}}, 2, "200", NULL, 2},
        {ASK("GET"), 204, NULL, {CHUNK("a")}, 1, "204", NULL, 0},
        {ASK("GET"), 205, NULL, {CHUNK("a")}, 1, "205", NULL, 0},
        {ASK("GET"), 0, NULL, {{WEIR_CHUNK, "a", start_205}, CHUNK("b")}, 2, "205", NULL, 1},
        {ASK("GET"), 0, NULL, {{WEIR_AGAIN, NULL, start_205}}, 1, "205", NULL, 1},
        {ASK("GET"), 304, NULL, {CHUNK("a")}, 1, "304", NULL, 0},
    };
    struct test_server s;
    struct test_client c;
    char got[TEST_DESCRIPTION_MAX];

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        prepare(rows[i].steps, rows[i].n, rows[i].status, rows[i].length);
        open_both(&s, &c);
        test_client_send(&c, rows[i].request);
        for (int k = 0; k < 8; k++) /* others had their turn in between */
            test_server_step(&s);
        test_client_describe(&c, rows[i].request[0] == 'H' ? "H" : "", got);
        if (strcmp(got, rows[i].expected) != 0)
            fail_msg("row %zu: %s, expected %s", i, got, rows[i].expected);
        check_log(&s, rows[i].log);
        if (it.nexts != rows[i].nexts)
            fail_msg("row %zu: next was called %u times, expected %u", i, it.nexts, rows[i].nexts);
        check_closed_once();
        close_both(&s, &c);
        check_closed_once();
    }
}

static int32_t give_null(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    *chunk = (weir_chunk){.data = NULL, .size = 5};
    return WEIR_CHUNK;
}

static void next__that_is_wrong__is_a_500(void **state)
{
    static weir_next_fn *const rows[] = {NULL, give_null};
    struct test_server s;
    struct test_client c;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        prepare(NULL, 0, 200, NULL);
        it.next = rows[i];
        open_both(&s, &c);
        test_client_send(&c, ASK("GET"));
        check_description(&c, "500");
        check_log(&s, i == 0 ? "without next" : "5 bytes");
        check_closed_once();
        close_both(&s, &c);
    }
}

/* ---- waiting ---- */

static void again__until_it_is_woken__is_not_asked(void **state)
{
    static const struct step steps[] = {SAY(WEIR_AGAIN), SAY(WEIR_AGAIN), CHUNK("a"),
                                        SAY(WEIR_AGAIN), SAY(WEIR_AGAIN), CHUNK("b"),
                                        SAY(WEIR_AGAIN)};
    /* after so many calls of weir_wake() */
    static const char *const expected[] = {"", "", "200~? a", "200~? a", "200~? ab", "200~ ab"};
    static const unsigned nexts[] = {1, 2, 4, 5, 7, 8};
    struct test_server s;
    struct test_client c;

    (void)state;
    PREPARE(steps);
    open_both(&s, &c);
    test_client_send(&c, ASK("GET"));
    for (size_t i = 0; i < WR_COUNT(expected); i++) {
        if (i > 0) {
            assert_int_equal(weir_wake(it.env), 0);
            if (it.closes == 0)
                assert_int_equal(weir_wake(it.env), 0); /* twice is once */
        }
        for (int k = 0; k < 4; k++)
            test_server_step(&s);
        check_description(&c, expected[i]);
        assert_int_equal(it.nexts, nexts[i]);
        assert_int_equal(it.closes, i == WR_COUNT(expected) - 1);
    }
    check_log(&s, NULL);
    check_closed_once();
    close_both(&s, &c);
}

/* Neither a client that can take more nor one that sends the next request is a wake. */
static void again__events_of_the_client__do_not_ask(void **state)
{
    static const struct step steps[] = {CHUNK("a"), SAY(WEIR_AGAIN), CHUNK("b")};
    struct test_server s;
    struct test_client c;

    (void)state;
    PREPARE(steps);
    open_both(&s, &c);
    test_client_send(&c, ASK("GET"));
    assert_int_equal(it.nexts, 2);
    for (int i = 0; i < 3; i++)
        test_client_event(&c, EPOLLOUT);
    test_client_send(&c, "GET / HTTP/1.1\r\n");
    test_server_advance_ms(&s, 1000);
    assert_int_equal(it.nexts, 2);
    close_both(&s, &c);
}

/* A wake that comes before WEIR_AGAIN is not lost. */
static void again__woken_inside_next__is_asked_again(void **state)
{
    static const struct step steps[] = {
        {WEIR_AGAIN, NULL, wake}, {WEIR_CHUNK, "a", wake}, {WEIR_AGAIN, NULL, wake}, CHUNK("b")};
    struct test_server s;
    struct test_client c;

    (void)state;
    PREPARE(steps);
    open_both(&s, &c);
    test_client_send(&c, ASK("GET"));
    for (int k = 0; k < 8; k++)
        test_server_step(&s);
    check_description(&c, "200~ ab");
    assert_int_equal(it.nexts, 5);
    check_closed_once();
    close_both(&s, &c);
}

static void again__client_gone__is_closed_once(void **state)
{
    static const struct step early[] = {SAY(WEIR_AGAIN)}, late[] = {CHUNK("a"), SAY(WEIR_AGAIN)};

    (void)state;
    for (int i = 0; i < 8; i++) {
        struct test_server s;
        struct test_client c;

        if (i & 1)
            PREPARE(early);
        else
            PREPARE(late);
        open_both(&s, &c);
        test_client_send(&c, ASK("GET"));
        assert_int_equal(it.closes, 0);
        if (i & 2)
            weir_wake(it.env); /* is posted when the client goes */
        if (i & 4)
            wr_conn_close(c.conn); /* as when the server stops */
        else
            test_client_reset(&c);
        check_closed_once();
        test_server_step(&s);
        check_closed_once();
        close_both(&s, &c);
    }
}

static void wake_and_count(void *arg)
{
    weir_wake(it.env);
    count_close(arg);
}

static weir_body app_that_wakes_in_close(weir_environ *env, weir_start_response *start_response)
{
    it.env = env;
    it.calls++;
    start_response(env, 200, NULL);
    return weir_iterable(take_step, wake_and_count, NULL);
}

static void wake__in_close__does_no_harm(void **state)
{
    static const struct step steps[] = {CHUNK("a")};
    struct test_server s;
    struct test_client c;
    weir_plugin p = plugin;

    (void)state;
    PREPARE(steps);
    p.app = app_that_wakes_in_close;
    test_server_init(&s);
    assert_non_null(test_server_mount(&s, &p, NULL, NULL));
    test_client_open(&s, &c);
    test_client_send(&c, ASK("GET"));
    test_server_step(&s);
    check_description(&c, "200~ a");
    check_closed_once();
    close_both(&s, &c);
}

/* ---- the request's content, read in next ---- */

static int64_t read_end; /* what the last weir_read() said that was not more than 0 */

static int32_t echo(weir_environ *env, void *arg, weir_chunk *chunk)
{
    static char buffer[64];
    int64_t n = weir_read(env, buffer, 8);

    (void)arg;
    it.nexts++;
    if (n > 0) {
        *chunk = (weir_chunk){.data = buffer, .size = (uint64_t)n};
        return WEIR_CHUNK;
    }
    read_end = n;
    return n == 0 ? WEIR_END : (int32_t)n;
}

static void prepare_echo(void)
{
    prepare(NULL, 0, 200, NULL);
    it.next = echo;
}

static void read__in_next__waits_for_the_client(void **state)
{
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nHello, World",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nHello\r\n7\r\n, World\r\n0\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(requests); i++)
        for (size_t piece = 1; piece < 200; piece = piece * 2 + 1) {
            struct test_server s;
            struct test_client c;
            struct wr_slice rest = wr_slice_of(requests[i]);

            prepare_echo();
            open_both(&s, &c);
            while (rest.n > 0) {
                size_t n = piece < rest.n ? piece : rest.n;

                test_client_send_slice(&c, wr_slice(rest.p, n));
                rest = wr_slice_from(rest, n);
            }
            check_description(&c, "200~ Hello, World");
            assert_int_equal(read_end, 0);
            check_closed_once();
            check_log(&s, NULL);
            close_both(&s, &c);
        }
}

static void read__content_cut_or_broken__says_so(void **state)
{
    static const struct {
        const char *content;
        bool is_reset;
        int32_t says;
        const char *gets; /* RFC 9110 15.5: the fault is the client's, and not a 500 */
    } rows[] = {
        {"5\r\nHello\r\n", true, WEIR_EGONE, NULL},
        {"5\r\nHello\r\nxyz\r\n", false, WEIR_EBADMSG, NULL},
        {"xyz\r\n", false, WEIR_EBADMSG, "400!|END"},
        {"0\r\nno field\r\n", false, WEIR_EBADMSG, "400!|END"},
        {"8000000000000000\r\n", false, WEIR_ETOOBIG, "413!|END"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_server s;
        struct test_client c;

        prepare_echo();
        read_end = 0;
        open_both(&s, &c);
        test_client_send(&c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        test_client_send(&c, rows[i].content);
        if (rows[i].is_reset)
            test_client_reset(&c);
        else
            assert_int_equal(read_end, rows[i].says);
        if (rows[i].gets)
            check_description(&c, rows[i].gets);
        assert_null(strstr(s.log_text, "its body failed"));
        check_closed_once();
        close_both(&s, &c);
        check_closed_once();
    }
}

/* Nothing was sent yet, so the client hears what is wrong. */
static void read__client_sends_nothing_more__ends(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    prepare_echo();
    open_both(&s, &c);
    test_client_send(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n");
    for (int i = 0; i < 4 && it.closes == 0; i++)
        test_server_advance_ms(&s, s.site.config.body_idle_ms);
    assert_int_equal(read_end, WEIR_ETIMEDOUT);
    check_description(&c, "408!|END");
    check_closed_once();
    close_both(&s, &c);
}

/* ---- a client that does not take ---- */

#define PIECE ((size_t)100 * 1000)

static char large[PIECE];

static int32_t give_for_ever(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    it.nexts++;
    *chunk = (weir_chunk){.data = large, .size = sizeof large};
    return WEIR_CHUNK;
}

/* At most one piece, and what the server collects of one batch, are ahead of the client. */
static void back_pressure__next_is_asked_as_the_client_takes(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    prepare(NULL, 0, 200, NULL);
    it.next = give_for_ever;
    open_both(&s, &c);
    c.transport.room = 0;
    test_client_send(&c, ASK("GET"));
    assert_int_equal(it.nexts, 1);
    for (int i = 0; i < 5; i++)
        test_server_step(&s);
    assert_int_equal(it.nexts, 1);
    for (int i = 0; i < 200; i++) {
        test_client_take(&c, 20 * 1000, 1);
        assert_true(it.nexts <= c.transport.out_n / PIECE + 2);
    }
    assert_true(it.nexts >= 200 * 20 / 100);
    test_client_reset(&c);
    check_closed_once();
    close_both(&s, &c);
}

static int32_t give_small_for_ever(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    it.nexts++;
    *chunk = (weir_chunk){.data = large, .size = 1000};
    return WEIR_CHUNK;
}

static void back_pressure__small_pieces__are_bounded_by_one_batch(void **state)
{
    struct test_server s;
    struct test_client c;
    unsigned before;

    (void)state;
    prepare(NULL, 0, 200, NULL);
    it.next = give_small_for_ever;
    open_both(&s, &c);
    c.transport.room = 0;
    test_client_send(&c, ASK("GET"));
    assert_true(it.nexts <= WR_WORKER_OUT / 1000 + 1);
    before = it.nexts;
    for (int i = 0; i < 5; i++) {
        test_client_take(&c, 100, 1); /* less than what is pending */
        assert_int_equal(it.nexts, before);
    }
    test_server_fini(&s);
    check_closed_once();
    fake_transport_fini(&c.transport);
}

/* Others are served in between, however fast the pieces come. */
static void turn__body_without_end__lets_others_in(void **state)
{
    struct test_server s;
    struct test_client c, other;

    (void)state;
    prepare(NULL, 0, 200, NULL);
    it.next = give_for_ever;
    open_both(&s, &c);
    test_client_send(&c, ASK("GET")); /* returns */
    test_client_open(&s, &other);
    it.next = take_step;
    test_client_send(&other, ASK("GET"));
    check_description(&other, "200");
    assert_int_equal(it.closes, 1);
    test_client_reset(&c);
    assert_int_equal(it.closes, 2);
    test_client_fini(&c);
    close_both(&s, &other);
}

WR_TESTS(cmocka_unit_test(next__every_course__has_its_outcome),
         cmocka_unit_test(next__that_is_wrong__is_a_500),
         cmocka_unit_test(again__until_it_is_woken__is_not_asked),
         cmocka_unit_test(again__events_of_the_client__do_not_ask),
         cmocka_unit_test(again__woken_inside_next__is_asked_again),
         cmocka_unit_test(again__client_gone__is_closed_once),
         cmocka_unit_test(wake__in_close__does_no_harm),
         cmocka_unit_test(read__in_next__waits_for_the_client),
         cmocka_unit_test(read__content_cut_or_broken__says_so),
         cmocka_unit_test(read__client_sends_nothing_more__ends),
         cmocka_unit_test(back_pressure__next_is_asked_as_the_client_takes),
         cmocka_unit_test(back_pressure__small_pieces__are_bounded_by_one_batch),
         cmocka_unit_test(turn__body_without_end__lets_others_in));
