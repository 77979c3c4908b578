/*
 * Each allocation of a server's life fails once, and all from each one on: it is made, configured,
 * started, asked, reloaded and stopped. An error is told, nothing changes halfway, nothing leaks
 * (AddressSanitizer and a count of descriptors look), and it goes on when there is memory again.
 */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault_clock.h"
#include "fault_memory.h"
#include "temp_folder.h"

#define LARGE      400000 /* more than the buffers of a Unix socket take */
#define ANSWER_MAX (LARGE + 10000)
#define STEP_MS    1
#define IDLE_MS    5    /* that pass for the server in a step without an event */
#define STEPS_MAX  2000 /* what then still hangs, hangs */

#ifdef __SANITIZE_THREAD__
#    define STRIDE 5
#else
#    define STRIDE 1
#endif

static struct temp_folder folder;
static char answer[ANSWER_MAX];
static bool is_jansson_short;

/* ---- apps ---- */

/* What came, in as many pieces as it has bytes. */
struct letters {
    const char *text;
    size_t n, at;
};

static int32_t next_letter(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct letters *l = arg;

    (void)env;
    if (l->at == l->n)
        return WEIR_END;
    *chunk = (weir_chunk){.data = l->text + l->at++, .size = 1};
    return WEIR_CHUNK;
}

static weir_body spell(weir_environ *env, weir_start_response *start_response)
{
    struct letters *l = weir_alloc(env, sizeof *l);
    char *text = weir_alloc(env, 5000);
    int64_t got = 1;

    if (!l || !text)
        return weir_error(env, 503);
    *l = (struct letters){.text = text};
    while (got > 0 && l->n < 100) {
        got = weir_read(env, text + l->n, 100 - l->n);
        l->n += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        return weir_error(env, 503);
    start_response(env, 200,
                   WEIR_HEADERS({"X-A", "1"}, {"X-B", "2"}, {"Content-Type", "text/plain"}));
    return weir_iterable(next_letter, NULL, l);
}

static weir_body tell(weir_environ *env, weir_start_response *start_response)
{
    size_t n = 0;
    const void *content = weir_content(env, &n);

    start_response(env, 200, NULL);
    return weir_printf(env, "%s %.*s", weir_get(env, "PATH_INFO"), (int)n,
                       content ? (const char *)content : "");
}

#define PLUGIN(name_, app_, runs_, max)                                                            \
    {                                                                                              \
        .magic = WEIR_PLUGIN_MAGIC, .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,      \
        .size = sizeof(weir_plugin), .name = name_, .app = app_, .runs = runs_,                    \
        .body_buffer_max = max                                                                     \
    }

static const weir_plugin in_thread = PLUGIN("spell", spell, WEIR_IN_THREAD, 0),
                         on_loop = PLUGIN("tell", tell, WEIR_ON_LOOP, 1000);

/* ---- a server ---- */

/* The first error, or 0. */
static int32_t configure(weir_server *s)
{
    char json[1500], path[200];
    int32_t error;

    snprintf(
        json, sizeof json,
        "{\"listen\": [\"127.0.0.1:0\"], \"threads\": 1,\n"
        " \"log\": {\"file\": \"%s/log\"},\n"
        " \"access_log\": {\"file\": \"%s/access\", \"format\": \"json\"},\n"
        " \"error_pages\": {\"404\": \"%s/page.html\"},\n"
        " \"hosts\": [{\"names\": [\"b.example\", \"*.c.example\"],\n"
        "   \"error_pages\": {\"404\": \"%s/page.html\"},\n"
        "   \"routes\": [{\"path\": \"/\", \"static\": \"%s\", \"types\": {\"wat\": \"a/b\"},\n"
        "    \"rules\": [{\"match\": [\"*.a\"], \"fields\": {\"X-A\": \"b\", \"X-B\": "
        "null}}]}]}],\n"
        " \"routes\": [{\"path\": \"/old\", \"redirect\": \"/new\"},\n"
        "   {\"path\": \"/\", \"static\": \"%s\"}]}",
        folder.path, folder.path, folder.path, folder.path, folder.path, folder.path);
    snprintf(path, sizeof path, "unix:%s/socket", folder.path);
    error = weir_server_configure(s, json, "test");
    if (error == 0)
        error = weir_server_set(s, "limits.fields_max", "50");
    if (error == 0)
        error = weir_server_listen(s, path);
    if (error == 0)
        error = weir_server_set_folder(s, folder.path);
    if (error == 0)
        error = weir_server_set_folder_options(s, "{\"rules\": [{\"fields\": {\"X-A\": \"b\"}}]}");
    if (error == 0)
        error = weir_server_mount(s, "/spell", &in_thread, NULL, NULL);
    if (error == 0)
        error = weir_server_mount(s, "/tell", &on_loop, "{}", NULL);
#ifdef WR_TEST_PLUGIN
    if (error == 0)
        error = weir_server_mount_file(s, "/hello", WR_TEST_PLUGIN, "{\"greeting\": \"Hi\"}");
#endif
    return error;
}

static weir_server *new_server(void)
{
    weir_server *s = weir_server_new();

    assert_non_null(s);
    if (configure(s) < 0)
        fail_msg("%s", weir_server_error(s));
    return s;
}

static void step(weir_server *s)
{
    int32_t n;

    fault_memory_arm(true);
    n = weir_server_step(s, STEP_MS);
    fault_memory_arm(false);
    assert_true(n >= 0);
    if (n == 0)
        fault_pass_ms(IDLE_MS);
}

/* Reads what there is; false: the connection has ended. */
static bool read_more(int fd, char *out, size_t *n)
{
    ssize_t got;

    do {
        got = recv(fd, out + *n, ANSWER_MAX - 1 - *n, MSG_DONTWAIT);
        *n += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    out[*n] = '\0';
    return got < 0 && errno == EAGAIN;
}

static void read_to_end(weir_server *s, int fd, size_t n)
{
    bool is_open = true;

    for (int i = 0; i < STEPS_MAX && is_open; i++) {
        step(s);
        is_open = read_more(fd, answer, &n);
    }
    if (is_open)
        fail_msg("it hangs after %.100s", answer);
    close(fd);
}

static void ask(weir_server *s, const char *request)
{
    int fd = client_connect(weir_server_address(s, 0));

    client_send(fd, request);
    read_to_end(s, fd, 0);
}

/* ---- what is asked ---- */

#define CLOSE "Host: a\r\nConnection: close\r\n"

static const struct request {
    const char *text;
    int status;
    const char *content; /* that is in the answer; NULL: any */
} requests[] = {
    {"GET /small.txt HTTP/1.1\r\n" CLOSE "\r\n", 200, "0123456789"},
    {"GET /large.bin HTTP/1.1\r\n" CLOSE "\r\n", 200, NULL},
    {"GET /folder HTTP/1.1\r\n" CLOSE "\r\n", 301, NULL},
    {"GET /old/x HTTP/1.1\r\n" CLOSE "\r\n", 301, "/new/x"},
    {"GET /no HTTP/1.1\r\n" CLOSE "\r\n", 404, "a page"},
    {"GET /no HTTP/1.1\r\n" CLOSE "Accept-Encoding: x\r\nAccept-Encoding: br\r\n\r\n", 404,
     "Content-Encoding: br"},
    {"GET /%zz HTTP/1.1\r\n" CLOSE "\r\n", 400, NULL},
    {"GET /small.txt HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n", 200, "0123456789"},
    {"POST /spell/a HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\nhello", 200, "1\r\nh\r\n1\r\ne"},
    {"POST /tell/a HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
     200, "/a abc"},
};

static int status_of(const char *text)
{
    return strncmp(text, "HTTP/1.1 ", 9) == 0 ? (int)strtol(text + 9, NULL, 10) : 0;
}

static bool is_whole(const struct request *r)
{
    return status_of(answer) == r->status && (!r->content || strstr(answer, r->content));
}

static void expect_all(weir_server *s, int at, const char *what)
{
    for (size_t i = 0; i < WR_COUNT(requests); i++) {
        ask(s, requests[i].text);
        if (!is_whole(&requests[i]))
            fail_msg("%s, allocation %d: %.30s is answered %.200s", what, at, requests[i].text,
                     answer);
    }
}

static void expect_first(weir_server *s, int at, const char *what)
{
    ask(s, requests[0].text);
    if (!is_whole(&requests[0]))
        fail_msg("%s, allocation %d: answered %.200s", what, at, answer);
}

/* Whole, a 503, a status without its content, cut, or nothing at all. */
static void check_request(const struct request *r, int at, bool all)
{
    int status = status_of(answer);

    if (answer[0] && status != r->status && status != 503)
        fail_msg("%.30s, allocation %d%s: %.200s", r->text, at, all ? " and on" : "", answer);
}

/* False: there are not so many allocations. */
static bool request_once(const struct request *r, int at, bool all)
{
    int before = open_descriptors();
    weir_server *s = new_server();
    bool was_hit;

    assert_int_equal(weir_server_start_stepping(s), 0);
    fault_memory_plan(at, all);
    ask(s, r->text);
    was_hit = fault_memory_hits() > 0;
    fault_memory_plan(1 << 30, false);
    if (was_hit)
        check_request(r, at, all);
    else if (!is_whole(r))
        fail_msg("%.30s is answered %.200s", r->text, answer);
    expect_first(s, at, "after a request");
    weir_server_free(s);
    assert_int_equal(open_descriptors(), before);
    return was_hit;
}

static void request__without_memory__is_the_only_one_that_suffers(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(requests); i++)
        for (int all = 0; all < 2; all++)
            for (int at = 0; request_once(&requests[i], at, all);)
                at++;
}

/* ---- what is called ---- */

/* An error that says so; jansson calls it a syntax error, as a rule. */
static void check_error(weir_server *s, int32_t error, int at, const char *what)
{
    const char *text = weir_server_error(s);
    bool says_so = strstr(text, "memory") || strstr(text, "(-5001)") /* WEIR_ENOMEM */ ||
                   (is_jansson_short && *text);
    bool is_kind = error == WEIR_ENOMEM || error == WEIR_ECONFIG || error == WEIR_EPLUGIN;

    if (error < 0 && (!says_so || !is_kind))
        fail_msg("%s, allocation %d: %d, %s", what, at, error, weir_server_error(s));
}

static bool configure_once(int at, bool all)
{
    weir_server *s;
    int32_t error = WEIR_ENOMEM;
    bool was_hit;

    fault_memory_plan(at, all);
    fault_memory_arm(true);
    s = weir_server_new();
    if (s)
        error = configure(s);
    fault_memory_arm(false);
    was_hit = fault_memory_hits() > 0;
    if (!was_hit && error < 0)
        fail_msg("%s", weir_server_error(s));
    if (s)
        check_error(s, error, at, "configure");
    weir_server_free(s);
    return was_hit;
}

static bool start_once(int at, bool all)
{
    int before = open_descriptors();
    weir_server *s = new_server();
    int32_t error;
    bool was_hit;

    fault_memory_plan(at, all);
    fault_memory_arm(true);
    error = weir_server_start_stepping(s);
    fault_memory_arm(false);
    was_hit = fault_memory_hits() > 0;
    check_error(s, error, at, "start");
    fault_memory_plan(1 << 30, false);
    if (error < 0 && weir_server_start_stepping(s) < 0)
        fail_msg("start, allocation %d: not again: %s", at, weir_server_error(s));
    if (at % 16 == 0 || !was_hit)
        expect_all(s, at, "after a start");
    else
        expect_first(s, at, "after a start");
    weir_server_free(s);
    assert_int_equal(open_descriptors(), before);
    return was_hit;
}

/* An answer is on its way meanwhile, which its reader has not taken yet. */
static bool reload_once(int at, bool all)
{
    int before = open_descriptors(), fd;
    weir_server *s = new_server();
    size_t n = 0;
    int32_t error;
    bool was_hit;

    assert_int_equal(weir_server_start_stepping(s), 0);
    fault_memory_plan(1 << 30, false);
    fd = client_connect(weir_server_address(s, 1));
    client_send(fd, requests[1].text);
    step(s);
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    fault_memory_plan(at, all);
    fault_memory_arm(true);
    error = weir_server_reload(s);
    fault_memory_arm(false);
    was_hit = fault_memory_hits() > 0;
    check_error(s, error, at, "reload");
    if ((error == 0) != (weir_server_address(s, 2) != NULL))
        fail_msg("reload, allocation %d: it is between old and new", at);
    fault_memory_plan(1 << 30, false);
    read_more(fd, answer, &n);
    read_to_end(s, fd, n);
    if (strlen(answer) < LARGE)
        fail_msg("reload, allocation %d: what was on its way is cut", at);
    expect_first(s, at, "after a reload");
    if (weir_server_reload(s) < 0)
        fail_msg("reload, allocation %d: not again: %s", at, weir_server_error(s));
    expect_first(s, at, "after a second reload");
    weir_server_free(s);
    assert_int_equal(open_descriptors(), before);
    return was_hit;
}

/* With threads of its own, which is where loops are called from another thread. */
static bool reload_in_threads_once(int at, bool all)
{
    int before = open_descriptors();
    weir_server *s = new_server();
    int32_t error;
    bool was_hit;

    assert_int_equal(weir_server_set_loops(s, 2), 0);
    assert_int_equal(weir_server_start(s), 0);
    fault_memory_plan(at, all);
    fault_memory_arm(true);
    error = weir_server_reload(s);
    fault_memory_arm(false);
    was_hit = fault_memory_hits() > 0;
    check_error(s, error, at, "reload in threads");
    client_expect(s, "/small.txt", 200, "0123456789");
    weir_server_free(s);
    assert_int_equal(open_descriptors(), before);
    return was_hit;
}

static bool start_in_threads_once(int at, bool all)
{
    int before = open_descriptors();
    weir_server *s = new_server();
    int32_t error;
    bool was_hit;

    assert_int_equal(weir_server_set_loops(s, 2), 0);
    fault_memory_plan(at, all);
    fault_memory_arm(true);
    error = weir_server_start(s);
    fault_memory_arm(false);
    was_hit = fault_memory_hits() > 0;
    check_error(s, error, at, "start in threads");
    if (error == 0)
        client_expect(s, "/small.txt", 200, "0123456789");
    weir_server_free(s);
    assert_int_equal(open_descriptors(), before);
    return was_hit;
}

static bool describe_once(int at, bool all)
{
    weir_server *s = new_server();
    bool was_hit;

    fault_memory_plan(at, all);
    fault_memory_arm(true);
    for (int what = WEIR_DESCRIBE_DEFAULTS; what <= WEIR_DESCRIBE_SCHEMA; what++) {
        int hits = fault_memory_hits();
        char *text = weir_server_describe(s, (enum weir_describe)what);

        if (!text && fault_memory_hits() == hits)
            fail_msg("describe: %s", weir_server_error(s));
        free(text);
    }
    check_error(s, weir_server_check(s), at, "check");
    fault_memory_arm(false);
    was_hit = fault_memory_hits() > 0;
    weir_server_free(s);
    return was_hit;
}

static bool stop_once(int at, bool all)
{
    int before = open_descriptors(), idle;
    weir_server *s = new_server();
    bool was_hit;

    assert_int_equal(weir_server_start_stepping(s), 0);
    fault_memory_plan(1 << 30, false);
    idle = client_connect(weir_server_address(s, 0));
    client_send(idle, "POST /spell HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    step(s);
    fault_memory_plan(at, all);
    fault_memory_arm(true);
    weir_server_stop(s, 0);
    for (int i = 0; i < STEPS_MAX && !weir_server_is_stopped(s); i++)
        assert_true(weir_server_step(s, STEP_MS) >= 0);
    assert_true(weir_server_is_stopped(s));
    weir_server_wait(s);
    weir_server_free(s);
    fault_memory_arm(false);
    was_hit = fault_memory_hits() > 0;
    close(idle);
    assert_int_equal(open_descriptors(), before);
    return was_hit;
}

static void sweep_as(bool (*run)(int at, bool all), bool of_jansson)
{
    int stride = STRIDE, all_stride = 7 * STRIDE, at = 0;

    if (getenv("WEIR_LONG"))
        stride = all_stride = 1;
    is_jansson_short = of_jansson;
    fault_memory_init(of_jansson);
    while (run(at, false))
        at += stride;
    for (int k = 0; run(k, true);)
        k += all_stride;
}

/* Every one, and all from each seventh one on; with WEIR_LONG=1 from each one on. ThreadSanitizer looks for
 * something else, and takes its time: there it is every fifth. */
static void sweep(bool (*run)(int at, bool all))
{
    sweep_as(run, false);
    sweep_as(run, true);
}

static void configure__without_memory__says_so(void **state)
{
    (void)state;
    sweep(configure_once);
}

static void describe__without_memory__says_so(void **state)
{
    (void)state;
    sweep(describe_once);
}

static void start__without_memory__says_so_and_can_be_repeated(void **state)
{
    (void)state;
    sweep(start_once);
    sweep(start_in_threads_once);
}

static void reload__without_memory__changes_nothing(void **state)
{
    (void)state;
    sweep(reload_once);
    sweep(reload_in_threads_once);
}

static void stop__without_memory__ends_all_the_same(void **state)
{
    (void)state;
    sweep(stop_once);
}

static int make_folder(void **state)
{
    char page[1000] = "a page"; /* large enough to be encoded */

    (void)state;
    memset(page + 6, ' ', sizeof page - 6);
    fault_memory_init(false);
    temp_folder_init(&folder);
    temp_file_write(&folder, "small.txt", WR_SLICE("0123456789"));
    temp_file_write(&folder, "page.html", wr_slice(page, sizeof page));
    temp_file_fill(&folder, "large.bin", LARGE);
    temp_folder_add(&folder, "folder");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_fini(&folder);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

WR_TESTS(TEST(configure__without_memory__says_so), TEST(describe__without_memory__says_so),
         TEST(start__without_memory__says_so_and_can_be_repeated),
         TEST(request__without_memory__is_the_only_one_that_suffers),
         TEST(reload__without_memory__changes_nothing),
         TEST(stop__without_memory__ends_all_the_same));
