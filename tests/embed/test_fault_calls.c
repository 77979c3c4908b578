/*
 * Each system call of a server that serves fails in each way that its manual names: the answer is
 * whole, says so or is visibly cut; no descriptor is lost, nothing spins, and the next is served.
 */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault_calls.h"
#include "fault_clock.h"
#include "temp_folder.h"

#define LARGE      300000 /* goes by sendfile */
#define ANSWER_MAX (LARGE + 10000)
#define STEP_MS    1
#define IDLE_MS    25  /* that pass for the server in a step without an event */
#define LATE       3   /* steps after which a client goes on */
#define STEPS_MAX  400 /* of one talk: what then still hangs, hangs */
#define CALLS_MORE 150 /* than undisturbed: past it something spins */

static struct temp_folder folder;
static char answer[ANSWER_MAX], expected[ANSWER_MAX], small[ANSWER_MAX];

/* ---- a server ---- */

static weir_body echo(weir_environ *env, weir_start_response *start_response)
{
    size_t n = 0;
    const void *content = weir_content(env, &n);

    start_response(env, 200, NULL);
    return weir_copy(env, content, n);
}

static weir_body tell_much(weir_environ *env, weir_start_response *start_response)
{
    static const char much[20000];

    start_response(env, 200, NULL);
    return weir_bytes(much, sizeof much);
}

#define PLUGIN(name_, app_)                                                                        \
    {                                                                                              \
        .magic = WEIR_PLUGIN_MAGIC, .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,      \
        .size = sizeof(weir_plugin), .name = name_, .app = app_, .runs = WEIR_ON_LOOP,             \
        .body_buffer_max = 1000                                                                    \
    }

static weir_server *new_server(void)
{
    static const weir_plugin echoing = PLUGIN("echo", echo), much = PLUGIN("much", tell_much);
    weir_server *s = weir_server_new();
    char path[100];

    assert_non_null(s);
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    snprintf(path, sizeof path, "unix:%s/socket", folder.path);
    assert_int_equal(weir_server_listen(s, path), 0);
    assert_int_equal(weir_server_set_folder(s, folder.path), 0);
    assert_int_equal(weir_server_mount(s, "/echo", &echoing, NULL, NULL), 0);
    assert_int_equal(weir_server_mount(s, "/much", &much, NULL, NULL), 0);
    return s;
}

/* ---- what is said ---- */

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define CLOSE    "Host: x\r\nConnection: close\r\n"
#define SMALL    "GET /small.txt HTTP/1.1\r\n" CLOSE "\r\n"

static const struct talk {
    const char *name, *request, *status;
    const char *rest;  /* of the request, when the server has had its first turns */
    bool is_read_late; /* by a Unix socket, whose buffer is smaller: the server has to wait */
} talks[] = {
    {"small file", SMALL, "200", NULL, false},
    {"large file", "GET /large.bin HTTP/1.1\r\n" CLOSE "\r\n", "200", NULL, false},
    {"large file, read late", "GET /large.bin HTTP/1.1\r\n" CLOSE "\r\n", "200", NULL, true},
    {"two", "GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n" SMALL, "200", NULL, false},
    {"one after the other", "GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n", "200", SMALL, false},
    {"request in parts", "GET /small.txt HT", "200", "TP/1.1\r\n" CLOSE "\r\n", false},
    {"no file", "GET /no HTTP/1.1\r\n" CLOSE "\r\n", "404", NULL, false},
    {"content", "POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\nhello", "200", NULL,
     false},
    {"content, expected",
     "POST /echo HTTP/1.1\r\n" CLOSE "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "100",
     "hello", false},
    {"large memory", "GET /much HTTP/1.1\r\n" CLOSE "\r\n", "200", NULL, false},
    {"refused", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" SMALL, "400", NULL, false},
};

/* ---- a client, in the same thread ---- */

/* Dates are of the moment. */
static void hide_dates(char *text)
{
    for (char *at = strstr(text, "Date: "); at; at = strstr(at, "Date: ")) {
        at += strlen("Date: ");
        memset(at, '#', strcspn(at, "\r"));
    }
}

static void step(weir_server *s)
{
    int32_t n;

    fault_arm(true);
    n = weir_server_step(s, STEP_MS);
    fault_arm(false);
    if (n < 0)
        fail_msg("a step says %d", n);
    if (n == 0)
        fault_pass_ms(IDLE_MS);
}

/* What is there to read, behind `n` bytes. False: the connection has ended, however it did. */
static bool read_more(int fd, char *out, size_t *n)
{
    ssize_t got;

    do {
        got = recv(fd, out + *n, ANSWER_MAX - 1 - *n, MSG_DONTWAIT);
        *n += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    return got < 0 && errno == EAGAIN;
}

/* What the server answers until the connection ends. False: it does not end. */
static bool talk_to(weir_server *s, const struct talk *talk, char *out)
{
    int fd = client_connect(weir_server_address(s, talk->is_read_late));
    size_t n = 0;
    bool is_open = true;

    client_send(fd, talk->request);
    for (int i = 0; i < STEPS_MAX && is_open; i++) {
        step(s);
        if (i >= LATE || !talk->is_read_late)
            is_open = read_more(fd, out, &n);
        if (i == LATE && talk->rest) /* it may have been closed by now */
            send(fd, talk->rest, strlen(talk->rest), MSG_NOSIGNAL);
    }
    out[n] = '\0';
    hide_dates(out);
    close(fd);
    return !is_open;
}

/* Nothing is left to do: the server waits. */
static bool comes_to_rest(weir_server *s)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        int32_t n;

        fault_arm(true);
        n = weir_server_step(s, 0);
        fault_arm(false);
        if (n == 0)
            return true;
    }
    return false;
}

/* ---- what fails ---- */

#define ERRORS_MAX 18

static const struct failing {
    enum fault_call call;
    bool is_harmless; /* it must not show */
    int errors[ERRORS_MAX];
} failing[] = {
    {CALL_ACCEPT4,
     true,
     {EINTR, EAGAIN, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTO, ENETDOWN, ENOPROTOOPT,
      EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM, ETIMEDOUT}},
    {CALL_EPOLL_WAIT, true, {EINTR}},
    {CALL_EPOLL_CTL, false, {ENOMEM, ENOSPC}},
    {CALL_RECV, true, {EINTR, EAGAIN}},
    {CALL_RECV, false, {ECONNRESET, ETIMEDOUT, ENOMEM, EIO, EPIPE}},
    {CALL_SEND, true, {EINTR, EAGAIN}},
    {CALL_SEND, false, {ECONNRESET, EPIPE, ETIMEDOUT, ENOBUFS, ENOMEM}},
    {CALL_SENDMSG, true, {EINTR, EAGAIN}},
    {CALL_SENDMSG, false, {ECONNRESET, EPIPE, ETIMEDOUT, ENOBUFS, ENOMEM}},
    {CALL_SENDFILE, true, {EINTR, EAGAIN}},
    {CALL_SENDFILE, false, {ECONNRESET, EPIPE, EIO, ENOMEM, ETIMEDOUT}},
    {CALL_OPENAT2, true, {EINTR, EAGAIN, ENOSYS, EPERM}},
    {CALL_OPENAT2, false, {EMFILE, ENFILE, ENOMEM, EIO, EACCES, ELOOP}},
    {CALL_OPENAT, false, {EMFILE, ENFILE, ENOMEM, EIO, EACCES}},
    {CALL_OPEN, false, {EMFILE, ENFILE, ENOMEM, EIO, EACCES}},
    {CALL_FSTAT, false, {EIO, ENOMEM, EOVERFLOW}},
    {CALL_FSTATAT, false, {EIO, ENOMEM, EACCES, ENOENT}},
    {CALL_FCNTL, false, {EMFILE, EINVAL}},
    {CALL_PREAD, false, {EINTR, EIO}},
    {CALL_IOCTL, true, {EINVAL, ENOTTY}},
    {CALL_SHUTDOWN, false, {ENOTCONN, ENOBUFS}},
    {CALL_SETSOCKOPT, true, {ENOMEM, EINVAL}},
};

struct fault {
    const struct talk *talk;
    const struct failing *as;
    int nth, times, error;
};

static void complain(const struct fault *f, const char *what)
{
    fail_msg("%s, %s number %d fails %d times with %s: %s: %.100s", f->talk->name,
             fault_call_name(f->as->call), f->nth, f->times, strerrorname_np(f->error), what,
             answer);
}

/* Besides 5xx: a file that is not there, or not for us; content that is cut. */
static bool is_allowed(const struct fault *f, const char *status)
{
    bool is_about_files = f->error == EACCES || f->error == ELOOP || f->error == ENOENT;

    if (strcmp(status, "403") == 0 || strcmp(status, "404") == 0)
        return is_about_files;
    return status[0] == '5' || (strcmp(status, "400") == 0 && f->as->call == CALL_RECV);
}

static void check_answer(const struct fault *f)
{
    const char *final = answer;
    char status[4] = "";

    if (f->as->is_harmless && strcmp(answer, expected) != 0)
        complain(f, "it shows");
    if (strncmp(answer, expected, strlen(answer)) == 0) /* whole, or cut */
        return;
    if (strncmp(final, CONTINUE, strlen(CONTINUE)) == 0)
        final += strlen(CONTINUE);
    memcpy(status, final + strlen("HTTP/1.1 "), 3);
    if (!is_allowed(f, status))
        complain(f, "another answer came");
}

/* False: the call was not made so often. */
static bool run_one(const struct fault *f, int calls)
{
    int before = open_descriptors(), total;
    weir_server *s = new_server();
    bool is_over, was_hit;

    assert_int_equal(weir_server_start_stepping(s), 0);
    fault_plan(f->as->call, f->nth, f->times, f->error);
    is_over = talk_to(s, f->talk, answer);
    was_hit = fault_hits() > 0;
    total = fault_total();
    if (!is_over)
        complain(f, "it hangs");
    if (total > calls + CALLS_MORE)
        complain(f, "it spins");
    check_answer(f);
    fault_plan_none();
    if (!talk_to(s, &talks[0], answer) || strcmp(answer, small) != 0)
        complain(f, "the next is not served");
    if (!comes_to_rest(s))
        complain(f, "it does not come to rest");
    weir_server_free(s);
    if (open_descriptors() != before)
        complain(f, "descriptors are lost");
    return was_hit;
}

/* What comes undisturbed; the number of calls that it takes. */
static int record(const struct talk *talk, char *out)
{
    char start[20];
    weir_server *s = new_server();
    int calls;

    assert_int_equal(weir_server_start_stepping(s), 0);
    fault_plan_none();
    assert_true(talk_to(s, talk, out));
    calls = fault_total();
    weir_server_free(s);
    snprintf(start, sizeof start, "HTTP/1.1 %s ", talk->status);
    assert_int_equal(strncmp(out, start, strlen(start)), 0);
    return calls;
}

static void run_each(const struct talk *talk, const struct failing *as)
{
    int calls = record(talk, expected);

    for (int i = 0; as->errors[i]; i++) {
        struct fault f = {talk, as, .times = 1, .error = as->errors[i]};

        while (run_one(&f, calls))
            f.nth++;
        f = (struct fault){talk, as, .times = 3, .error = as->errors[i]};
        if (as->is_harmless)
            run_one(&f, calls);
    }
}

static void call__that_fails__costs_its_own_connection_at_most(void **state)
{
    (void)state;
    record(&talks[0], small);
    for (size_t i = 0; i < WR_COUNT(talks); i++)
        for (size_t k = 0; k < WR_COUNT(failing); k++)
            if (i == 0 || failing[k].call != CALL_ACCEPT4) /* before anything is said, and slow */
                run_each(&talks[i], &failing[k]);
}

/* A second in which none can be had: it is tried ten times, not without end. What is of one connection
 * alone, by its name, may be of all: then a whole batch of 64 is tried each time. */
static void accept__that_fails_each_time__is_tried_now_and_then(void **state)
{
    static const int shortages[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EOPNOTSUPP};
    static const int tries[] = {1, 1, 1, 1, 64, 64};

    (void)state;
    record(&talks[0], small);
    for (size_t i = 0; i < WR_COUNT(shortages); i++) {
        weir_server *s = new_server();
        int fd;

        assert_int_equal(weir_server_start_stepping(s), 0);
        fd = client_connect(weir_server_address(s, 0));
        fault_plan(CALL_ACCEPT4, 0, 1000000, shortages[i]);
        for (int k = 0; k < 1000 / IDLE_MS; k++)
            step(s);
        assert_in_range(fault_hits(), 5 * tries[i], 12 * tries[i]);
        fault_plan_none();
        close(fd);
        assert_true(talk_to(s, &talks[0], answer));
        assert_string_equal(answer, small);
        weir_server_free(s);
    }
}

/* ---- starting ---- */

static const int start_errors[] = {EMFILE, ENOMEM, EACCES};

static weir_server *new_whole_server(void)
{
    static const weir_plugin threaded = {.magic = WEIR_PLUGIN_MAGIC,
                                         .abi_major = WEIR_ABI_MAJOR,
                                         .abi_minor = WEIR_ABI_MINOR,
                                         .size = sizeof(weir_plugin),
                                         .name = "threaded",
                                         .app = echo,
                                         .body_buffer_max = 1000};
    char json[1000];
    weir_server *s = new_server();

    assert_int_equal(weir_server_set_threads(s, 2, 0), 0);
    assert_int_equal(weir_server_mount(s, "/threaded", &threaded, NULL, NULL), 0);

    snprintf(json, sizeof json,
             "{\"listen\": [], \"log\": {\"file\": \"%s/log\"},"
             " \"access_log\": {\"file\": \"%s/access\"},"
             " \"error_pages\": {\"404\": \"%s/small.txt\"},"
             " \"routes\": [{\"path\": \"/r\", \"redirect\": \"/small.txt\"}]}",
             folder.path, folder.path, folder.path);
    assert_int_equal(weir_server_configure(s, json, "test"), 0);
#ifdef WR_TEST_PLUGIN
    assert_int_equal(weir_server_mount_file(s, "/hello", WR_TEST_PLUGIN, NULL), 0);
#endif
    return s;
}

static void expect_small(weir_server *s, const struct fault *f)
{
    fault_plan_none();
    if (!talk_to(s, &talks[0], answer) || strcmp(answer, small) != 0)
        complain(f, "it does not serve");
}

/* False: the call was not made so often. */
static bool start_once(const struct fault *f)
{
    int before = open_descriptors();
    weir_server *s = new_whole_server();
    int32_t error;
    bool was_hit;

    fault_plan(f->as->call, f->nth, f->times, f->error);
    fault_arm(true);
    error = weir_server_start_stepping(s);
    fault_arm(false);
    was_hit = fault_hits() > 0;
    if (error < 0 && (!was_hit || !*weir_server_error(s)))
        complain(f, "it does not start, and says nothing");
    if (error < 0 && weir_server_start_stepping(s) < 0)
        complain(f, "it does not start again");
    expect_small(s, f);
    weir_server_free(s);
    if (open_descriptors() != before)
        complain(f, "descriptors are lost");
    return was_hit;
}

/* After a failure the old serves on, after none the new: both have the file. */
static bool reload_once(const struct fault *f)
{
    int before = open_descriptors();
    weir_server *s = new_whole_server();
    int32_t error;
    bool was_hit;

    assert_int_equal(weir_server_start_stepping(s), 0);
    assert_int_equal(weir_server_listen(s, "127.0.0.1:0"), 0);
    fault_plan(f->as->call, f->nth, f->times, f->error);
    fault_arm(true);
    error = weir_server_reload(s);
    fault_arm(false);
    was_hit = fault_hits() > 0;
    if (error < 0 && (!was_hit || !*weir_server_error(s)))
        complain(f, "it does not reload, and says nothing");
    if ((error == 0) != (weir_server_address(s, 2) != NULL))
        complain(f, "it is between old and new");
    expect_small(s, f);
    if (weir_server_reload(s) < 0)
        complain(f, "it does not reload again");
    expect_small(s, f);
    weir_server_free(s);
    if (open_descriptors() != before)
        complain(f, "descriptors are lost");
    return was_hit;
}

static bool stop_once(const struct fault *f)
{
    int before = open_descriptors(), idle, waiting;
    weir_server *s = new_whole_server();
    bool was_hit;

    assert_int_equal(weir_server_start_stepping(s), 0);
    idle = client_connect(weir_server_address(s, 0));
    client_send(idle, "GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < LATE; i++)
        step(s);
    waiting = client_connect(weir_server_address(s, 0)); /* in the queue */
    fault_plan(f->as->call, f->nth, f->times, f->error);
    fault_arm(true);
    weir_server_stop(s, 0);
    for (int i = 0; i < STEPS_MAX && !weir_server_is_stopped(s); i++)
        weir_server_step(s, STEP_MS);
    weir_server_wait(s);
    fault_arm(false);
    was_hit = fault_hits() > 0;
    weir_server_free(s);
    close(idle);
    close(waiting);
    if (open_descriptors() != before)
        complain(f, "descriptors are lost");
    return was_hit;
}

static void sweep(const char *name, bool (*run)(const struct fault *f))
{
    const struct talk talk = {.name = name};

    record(&talks[0], small);
    answer[0] = '\0';
    for (int call = 0; call < CALLS_N; call++) {
        const struct failing as = {.call = (enum fault_call)call};

        for (size_t i = 0; i < WR_COUNT(start_errors); i++) {
            struct fault f = {&talk, &as, .times = 1, .error = start_errors[i]};

            if (call == CALL_EPOLL_WAIT) /* which fails in no such way */
                continue;
            while (run(&f) && f.nth < 1000)
                f.nth++;
        }
    }
}

static void start__when_a_call_fails__says_so_and_can_be_repeated(void **state)
{
    (void)state;
    sweep("start", start_once);
}

static void reload__when_a_call_fails__changes_nothing(void **state)
{
    (void)state;
    sweep("reload", reload_once);
}

static void stop__when_a_call_fails__ends_all_the_same(void **state)
{
    (void)state;
    sweep("stop", stop_once);
}

static int make_folder(void **state)
{
    (void)state;
    temp_folder_init(&folder);
    temp_file_write(&folder, "small.txt", WR_SLICE("0123456789"));
    temp_file_fill(&folder, "large.bin", LARGE);
    fault_pass_ms(1000); /* old enough to be kept in the cache */
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_fini(&folder);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

WR_TESTS(TEST(call__that_fails__costs_its_own_connection_at_most),
         TEST(accept__that_fails_each_time__is_tried_now_and_then),
         TEST(start__when_a_call_fails__says_so_and_can_be_repeated),
         TEST(reload__when_a_call_fails__changes_nothing),
         TEST(stop__when_a_call_fails__ends_all_the_same));
