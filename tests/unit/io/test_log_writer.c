#include "io/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "support.h"

#define BOUND_MS 20000
#define FREE_MS  2000 /* a second is promised; the rest is for a machine that is busy */

/* All that a descriptor gives up to its end, or `most` bytes of it. */
struct text {
    char *p;
    size_t n;
};

static size_t read_some(int fd, char *p, size_t n)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t got;

    assert_int_equal(poll(&ready, 1, BOUND_MS), 1);
    got = read(fd, p, n);
    assert_true(got >= 0);
    return (size_t)got;
}

static struct text read_n(int fd, size_t n)
{
    struct text t = {.p = malloc(n + 1)};

    assert_non_null(t.p);
    while (t.n < n) {
        size_t got = read_some(fd, t.p + t.n, n - t.n);

        if (got == 0)
            break;
        t.n += got;
    }
    t.p[t.n] = '\0';
    return t;
}

static void expect_text(int fd, const char *want)
{
    struct text t = read_n(fd, strlen(want));

    assert_string_equal(t.p, want);
    free(t.p);
}

static struct wr_log_writer *new_writer(int fd)
{
    int err = 1;
    struct wr_log_writer *w = wr_log_writer_new(fd, &err);

    assert_non_null(w);
    assert_int_equal(err, 0);
    return w;
}

static bool put(struct wr_log_writer *w, const char *line)
{
    return wr_log_writer_put(w, line, strlen(line));
}

static int64_t now_ms(void)
{
    return wr_clock_system.monotonic_ms(NULL);
}

static void free_in_time(struct wr_log_writer *w)
{
    int64_t start_ms = now_ms();

    wr_log_writer_free(w);
    assert_in_range(now_ms() - start_ms, 0, FREE_MS);
}

static void log_writer__regular_file__has_every_line_after_free(void **state)
{
    int fd = memfd_create("weir-test", MFD_CLOEXEC);
    struct wr_log_writer *w = new_writer(fd);

    (void)state;
    assert_true(put(w, "first"));
    assert_true(put(w, ""));
    assert_true(wr_log_writer_put(w, "third, and more", 5));
    wr_log_writer_free(w);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 5 + 1 + 1 + 5 + 1);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    expect_text(fd, "first\n\nthird\n");
    close(fd);
}

static void log_writer__line__comes_without_a_further_one(void **state)
{
    struct wr_log_writer *w;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    w = new_writer(fds[1]);
    assert_true(put(w, "one"));
    expect_text(fds[0], "one\n");
    assert_true(put(w, "two"));
    expect_text(fds[0], "two\n");
    wr_log_writer_free(w);
    wr_log_writer_free(NULL);
    assert_true(fcntl(fds[1], F_GETFD) >= 0); /* it stays the caller's */
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    close(fds[1]);
    assert_int_equal(read_some(fds[0], (char[1]){0}, 1), 0); /* and no other is left behind */
    close(fds[0]);
}

/* ---- many threads ---- */

#define PUTTERS 4
#define LINES   4000 /* of 40 bytes at most: they fit into the buffer together */

struct putter {
    pthread_t thread;
    struct wr_log_writer *writer;
    int id;
    bool has_lost;
};

static void *put_lines(void *arg)
{
    struct putter *p = arg;
    char line[64];

    for (int i = 0; i < LINES; i++) {
        int n = snprintf(line, sizeof line, "thread %d line %d %.*s", p->id, i, i % 20,
                         "....................");

        if (!wr_log_writer_put(p->writer, line, (size_t)n))
            p->has_lost = true;
    }
    return NULL;
}

static void start_putters(struct putter p[PUTTERS], struct wr_log_writer *w)
{
    for (int i = 0; i < PUTTERS; i++) {
        p[i] = (struct putter){.writer = w, .id = i};
        assert_int_equal(pthread_create(&p[i].thread, NULL, put_lines, &p[i]), 0);
    }
}

static void join_putters(struct putter p[PUTTERS])
{
    for (int i = 0; i < PUTTERS; i++) {
        assert_int_equal(pthread_join(p[i].thread, NULL), 0);
        assert_false(p[i].has_lost);
    }
}

/* Every line whole, and those of a thread in their order. */
static void check_lines(const struct text *t)
{
    int next[PUTTERS] = {0};
    const char *p = t->p;

    while (*p) {
        const char *newline = strchr(p, '\n');
        int id = -1, number = -1, used = 0;
        char want[64];

        assert_non_null(newline);
        assert_int_equal(sscanf(p, "thread %d line %d %n", &id, &number, &used), 2);
        assert_in_range(id, 0, PUTTERS - 1);
        assert_int_equal(number, next[id]++);
        snprintf(want, sizeof want, "thread %d line %d %.*s\n", id, number, number % 20,
                 "....................");
        assert_int_equal(newline + 1 - p, strlen(want));
        assert_memory_equal(p, want, strlen(want));
        p = newline + 1;
    }
    for (int i = 0; i < PUTTERS; i++)
        assert_int_equal(next[i], LINES);
}

static void log_writer__four_threads_to_a_file__lines_whole_and_in_order(void **state)
{
    int fd = memfd_create("weir-test", MFD_CLOEXEC);
    struct wr_log_writer *w = new_writer(fd);
    struct putter p[PUTTERS];
    struct text t;
    struct stat st;

    (void)state;
    start_putters(p, w);
    join_putters(p);
    wr_log_writer_free(w);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    t = read_n(fd, (size_t)st.st_size);
    check_lines(&t);
    free(t.p);
    close(fd);
}

static void *read_to_the_end(void *arg)
{
    const int *fd = arg;
    struct text *t = malloc(sizeof *t);

    *t = read_n(*fd, (size_t)PUTTERS * LINES * 64);
    return t;
}

static void log_writer__four_threads_to_a_pipe__lines_whole_and_in_order(void **state)
{
    struct wr_log_writer *w;
    struct putter p[PUTTERS];
    pthread_t reader;
    void *got;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_to_the_end, &fds[0]), 0);
    w = new_writer(fds[1]);
    start_putters(p, w);
    join_putters(p);
    wr_log_writer_free(w);
    close(fds[1]);
    assert_int_equal(pthread_join(reader, &got), 0);
    check_lines(got);
    free(((struct text *)got)->p);
    free(got);
    close(fds[0]);
}

/* ---- a reader that does not read ---- */

/* The first is more than the 64 KiB of a pipe, pipe(7), so that the thread gets stuck in it; the
 * others are, with their newline, a 1024th part of the buffer each. */
#define FIRST_LINE (200 * 1024)
#define LINE       1023

/* Has the thread stuck in the middle of the first line, and the buffer full to the last byte. */
static void fill(struct wr_log_writer *w, int reader)
{
    struct pollfd ready = {.fd = reader, .events = POLLIN};
    char *line = malloc(FIRST_LINE);

    memset(line, 'f', FIRST_LINE);
    assert_true(wr_log_writer_put(w, line, FIRST_LINE));
    assert_int_equal(poll(&ready, 1, BOUND_MS), 1); /* taken: the whole buffer is free again */
    memset(line, 'l', LINE);
    for (int i = 0; i < 1024; i++)
        assert_true(wr_log_writer_put(w, line, LINE));
    for (int i = 0; i < 7; i++)
        assert_false(wr_log_writer_put(w, line, LINE));
    free(line);
}

static void log_writer__nobody_reads__put_drops_and_free_returns(void **state)
{
    struct wr_log_writer *w;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    w = new_writer(fds[1]);
    fill(w, fds[0]);
    assert_false(put(w, ""));
    free_in_time(w);
    close(fds[0]);
    close(fds[1]);
}

static void expect_run(const struct text *t, size_t at, size_t n, char c)
{
    for (size_t i = 0; i < n; i++)
        if (t->p[at + i] != c)
            fail_msg("byte %zu is '%c' instead of '%c'", at + i, t->p[at + i], c);
    assert_int_equal(t->p[at + n], '\n');
}

static void log_writer__reader_resumes__the_loss_is_reported_in_its_place(void **state)
{
    struct wr_log_writer *w;
    struct text t;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    w = new_writer(fds[1]);
    fill(w, fds[0]);
    t = read_n(fds[0], FIRST_LINE + 1 + 1024 * 1024);
    expect_run(&t, 0, FIRST_LINE, 'f');
    for (size_t i = 0; i < 1024; i++)
        expect_run(&t, FIRST_LINE + 1 + i * 1024, LINE, 'l');
    free(t.p);
    expect_text(fds[0], "weir: 7 log lines lost: the log was not written fast enough\n");
    assert_true(put(w, "after"));
    expect_text(fds[0], "after\n");
    wr_log_writer_free(w);
    close(fds[1]);
    assert_int_equal(read_some(fds[0], (char[1]){0}, 1), 0);
    close(fds[0]);
}

/* The reader takes a little, and never enough: the bound is on all of it, not on each piece. */
static void *read_slowly(void *arg)
{
    const int *fd = arg;
    char piece[4096];

    while (read(*fd, piece, sizeof piece) > 0)
        poll(NULL, 0, 100);
    return NULL;
}

static void log_writer__slow_reader__free_returns(void **state)
{
    struct wr_log_writer *w;
    pthread_t reader;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    w = new_writer(fds[1]);
    fill(w, fds[0]);
    assert_int_equal(pthread_create(&reader, NULL, read_slowly, &fds[0]), 0);
    free_in_time(w);
    close(fds[1]);
    while (read(fds[0], (char[65536]){0}, 65536) > 0) /* help it to the end */
        ;
    assert_int_equal(pthread_join(reader, NULL), 0);
    close(fds[0]);
}

static int open_terminal(int *master)
{
    char name[64];

    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*master < 0 || grantpt(*master) < 0 || unlockpt(*master) < 0 ||
        ptsname_r(*master, name, sizeof name) != 0)
        return -1;
    return open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* A terminal says that it is writable as soon as it takes a byte; a longer write then blocks. */
static void log_writer__stopped_terminal__free_returns(void **state)
{
    struct wr_log_writer *w;
    int master, fd = open_terminal(&master);

    (void)state;
    if (fd < 0) {
        print_message("no terminal here: %s\n", strerror(errno));
        if (master >= 0)
            close(master);
        skip();
    }
    w = new_writer(fd);
    fill(w, master);
    free_in_time(w);
    close(fd);
    close(master);
}

/* signal(7): SIGPIPE would end the process; the thread has it blocked. */
static void log_writer__reader_gone__nothing_happens(void **state)
{
    struct sigaction action = {.sa_handler = SIG_DFL}, before;
    struct wr_log_writer *w;
    int fds[2];

    (void)state;
    assert_int_equal(sigaction(SIGPIPE, &action, &before), 0);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    w = new_writer(fds[1]);
    assert_true(put(w, "read"));
    expect_text(fds[0], "read\n");
    close(fds[0]);
    for (int i = 0; i < 100; i++)
        assert_true(put(w, "not read"));
    free_in_time(w);
    close(fds[1]);
    assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
}

static void log_writer__full_disk__nothing_happens(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct wr_log_writer *w;

    (void)state;
    if (fd < 0) {
        print_message("no /dev/full here\n");
        skip();
    }
    w = new_writer(fd);
    for (int i = 0; i < 100; i++)
        assert_true(put(w, "not written"));
    free_in_time(w);
    close(fd);
}

static void log_writer__line_longer_than_the_buffer__is_dropped(void **state)
{
    int fd = memfd_create("weir-test", MFD_CLOEXEC);
    struct wr_log_writer *w = new_writer(fd);
    char *line = calloc(1, WR_LOG_BUFFER_BYTES);

    (void)state;
    assert_false(wr_log_writer_put(w, line, WR_LOG_BUFFER_BYTES)); /* no room for the newline */
    assert_false(wr_log_writer_put(w, line, SIZE_MAX));
    wr_log_writer_free(w);
    free(line);
    close(fd);
}

WR_TESTS(cmocka_unit_test(log_writer__regular_file__has_every_line_after_free),
         cmocka_unit_test(log_writer__line__comes_without_a_further_one),
         cmocka_unit_test(log_writer__four_threads_to_a_file__lines_whole_and_in_order),
         cmocka_unit_test(log_writer__four_threads_to_a_pipe__lines_whole_and_in_order),
         cmocka_unit_test(log_writer__nobody_reads__put_drops_and_free_returns),
         cmocka_unit_test(log_writer__reader_resumes__the_loss_is_reported_in_its_place),
         cmocka_unit_test(log_writer__slow_reader__free_returns),
         cmocka_unit_test(log_writer__stopped_terminal__free_returns),
         cmocka_unit_test(log_writer__reader_gone__nothing_happens),
         cmocka_unit_test(log_writer__full_disk__nothing_happens),
         cmocka_unit_test(log_writer__line_longer_than_the_buffer__is_dropped));
