/*
 * Files that a log writer opens itself, and what becomes of lines that cannot be written: write() is
 * wrapped, so that a test decides which fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/log_writer.h"
#include "support.h"
#include "temp_folder.h"

/* ---- write() ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t failed = PTHREAD_COND_INITIALIZER;
static int error;         /* errno that the log's thread gets from write(); 0: none */
static size_t left;       /* bytes that are taken before */
static unsigned failures; /* calls that got it */

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);

static bool is_log_thread(void)
{
    char name[16];

    return pthread_getname_np(pthread_self(), name, sizeof name) == 0 &&
           strcmp(name, "weir-log") == 0;
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    bool fails = false;

    if (!is_log_thread())
        return __real_write(fd, p, n);
    pthread_mutex_lock(&lock);
    if (error != 0 && n > left)
        n = left;
    if (error != 0 && n == 0) {
        fails = true;
        failures++;
        errno = error;
        pthread_cond_signal(&failed);
    }
    left -= error != 0 ? n : 0;
    pthread_mutex_unlock(&lock);
    return fails ? -1 : __real_write(fd, p, n);
}

/* From now on: so many bytes are taken, then `err`. 0: all are. */
static void fail_after(size_t bytes, int err)
{
    pthread_mutex_lock(&lock);
    left = bytes;
    error = err;
    failures = 0;
    pthread_mutex_unlock(&lock);
}

static void await_failures(unsigned n)
{
    pthread_mutex_lock(&lock);
    while (failures < n)
        pthread_cond_wait(&failed, &lock);
    pthread_mutex_unlock(&lock);
}

/* ---- files ---- */

static struct temp_folder folder;

static int set_up(void **state)
{
    (void)state;
    temp_folder_init(&folder);
    fail_after(0, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_fini(&folder);
    return 0;
}

static struct wr_log_writer *open_writer(const char *name)
{
    int err = 1;
    struct wr_log_writer *w = wr_log_writer_open(temp_path(&folder, name), &err);

    assert_non_null(w);
    assert_int_equal(err, 0);
    return w;
}

static void put(struct wr_log_writer *w, const char *line)
{
    assert_true(wr_log_writer_put(w, line, strlen(line)));
}

static void move(const char *from, const char *to)
{
    char old[512];

    snprintf(old, sizeof old, "%s", temp_path(&folder, from));
    assert_int_equal(rename(old, temp_path(&folder, to)), 0);
}

/* To be freed. */
static char *read_file(const char *name)
{
    int fd = open(temp_path(&folder, name), O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *text;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    text = calloc(1, (size_t)st.st_size + 1);
    assert_non_null(text);
    assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
    close(fd);
    return text;
}

static void expect_file(const char *name, const char *want)
{
    char *text = read_file(name);

    if (strcmp(text, want) != 0)
        fail_msg("%s\ngot      %s\nexpected %s", name, text, want);
    free(text);
}

static void log_file__missing__is_made_and_appended_to(void **state)
{
    mode_t before = umask(022);
    struct wr_log_writer *w = open_writer("log");
    struct stat st;

    (void)state;
    umask(before);
    put(w, "one");
    wr_log_writer_free(w);
    assert_int_equal(stat(temp_path(&folder, "log"), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0644);
    w = open_writer("log");
    put(w, "two");
    wr_log_writer_free(w);
    expect_file("log", "one\ntwo\n");
}

/* open(2) */
static void log_file__cannot_be_opened__says_why(void **state)
{
    int err = 0;

    (void)state;
    assert_null(wr_log_writer_open(temp_path(&folder, "none/log"), &err));
    assert_int_equal(err, -ENOENT);
    assert_null(wr_log_writer_open(folder.path, &err));
    assert_int_equal(err, -EISDIR);
    assert_int_equal(mkfifo(temp_path(&folder, "pipe"), 0600), 0);
    assert_null(wr_log_writer_open(temp_path(&folder, "pipe"), &err)); /* at once */
    assert_int_equal(err, -ENXIO);
}

/* ---- reopening ---- */

static void reopen__file_moved_away__lines_after_it_are_in_the_new_one(void **state)
{
    struct wr_log_writer *w = open_writer("log");
    char *old, *fresh, both[64];

    (void)state;
    put(w, "before");
    move("log", "log.1");
    assert_int_equal(wr_log_writer_reopen(w), 0);
    put(w, "after");
    wr_log_writer_free(w);
    old = read_file("log.1");
    fresh = read_file("log");
    snprintf(both, sizeof both, "%s%s", old, fresh);
    assert_string_equal(both, "before\nafter\n");
    assert_non_null(strstr(fresh, "after\n"));
    free(old);
    free(fresh);
}

static void reopen__file_still_there__is_appended_to(void **state)
{
    struct wr_log_writer *w = open_writer("log");

    (void)state;
    for (int i = 0; i < 3; i++) {
        put(w, "line");
        assert_int_equal(wr_log_writer_reopen(w), 0);
    }
    wr_log_writer_free(w);
    expect_file("log", "line\nline\nline\n");
}

static void reopen__cannot_be_opened__old_file_is_written_on(void **state)
{
    struct wr_log_writer *w;

    (void)state;
    temp_folder_add(&folder, "logs");
    w = open_writer("logs/log");
    put(w, "before");
    move("logs", "away");
    assert_int_equal(wr_log_writer_reopen(w), -ENOENT);
    put(w, "after");
    wr_log_writer_free(w);
    expect_file("away/log", "before\nafter\n");
}

static void reopen__descriptor_of_the_callers__stays(void **state)
{
    int fd = open(temp_path(&folder, "log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), err;
    struct wr_log_writer *w = wr_log_writer_new(fd, &err);

    (void)state;
    assert_non_null(w);
    put(w, "before");
    move("log", "log.1");
    assert_int_equal(wr_log_writer_reopen(w), 0);
    put(w, "after");
    wr_log_writer_free(w);
    close(fd);
    expect_file("log.1", "before\nafter\n");
    assert_int_equal(access(temp_path(&folder, "log"), F_OK), -1);
}

/* Whoever packs the old file needs its end: without a line that comes. */
static void reopen__old_pipe__is_closed_soon_and_the_new_one_written(void **state)
{
    struct wr_log_writer *w;
    char got[8] = {0};
    int old, fresh;

    (void)state;
    assert_int_equal(mkfifo(temp_path(&folder, "log"), 0600), 0);
    old = open(temp_path(&folder, "log"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    w = open_writer("log");
    assert_int_equal(fcntl(old, F_SETFL, 0), 0);
    put(w, "old");
    assert_int_equal(read(old, got, 4), 4);
    assert_string_equal(got, "old\n");
    move("log", "log.1");
    assert_int_equal(mkfifo(temp_path(&folder, "log"), 0600), 0);
    assert_int_equal(wr_log_writer_reopen(w), -ENXIO); /* nobody reads it */
    fresh = open(temp_path(&folder, "log"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(wr_log_writer_reopen(w), 0);
    assert_int_equal(read(old, got, 4), 0); /* waits for it */
    assert_int_equal(fcntl(fresh, F_SETFL, 0), 0);
    put(w, "new");
    assert_int_equal(read(fresh, got, 4), 4);
    assert_string_equal(got, "new\n");
    wr_log_writer_free(w);
    close(old);
    close(fresh);
}

/* ---- under load ---- */

#define PUTTERS   4
#define ROTATIONS 50
#define STEP      400 /* lines of each thread from one rotation to the next: all fit the buffer */

struct load {
    struct wr_log_writer *writer;
    pthread_mutex_t lock;
    pthread_cond_t more;
    int allowed; /* lines of each thread by now */
};

struct putter {
    pthread_t thread;
    struct load *load;
    int id;
    bool has_lost;
};

static void allow_more(struct load *l)
{
    pthread_mutex_lock(&l->lock);
    l->allowed += STEP;
    pthread_cond_broadcast(&l->more);
    pthread_mutex_unlock(&l->lock);
}

static int await_more(struct load *l, int done)
{
    int allowed;

    pthread_mutex_lock(&l->lock);
    while (l->allowed == done)
        pthread_cond_wait(&l->more, &l->lock);
    allowed = l->allowed;
    pthread_mutex_unlock(&l->lock);
    return allowed;
}

/* Puts numbered lines. */
static void *put_lines(void *arg)
{
    struct putter *p = arg;
    int allowed = 0;

    for (int i = 0; i < ROTATIONS * STEP; i++) {
        char line[32];
        int n = snprintf(line, sizeof line, "%d %d.", p->id, i);

        if (i == allowed)
            allowed = await_more(p->load, i);
        if (!wr_log_writer_put(p->load->writer, line, (size_t)n))
            p->has_lost = true;
    }
    return NULL;
}

/* Counts on from where the file before has ended. */
static void check_line(const char *line, int next[PUTTERS])
{
    char want[32];
    int id = -1, number = -1;

    assert_int_equal(sscanf(line, "%d %d", &id, &number), 2);
    assert_in_range(id, 0, PUTTERS - 1);
    snprintf(want, sizeof want, "%d %d.", id, number);
    assert_string_equal(line, want);
    if (number != next[id]++)
        fail_msg("thread %d: line %d in the place of %d", id, number, next[id] - 1);
}

static void check_file(const char *name, int next[PUTTERS])
{
    char *text = read_file(name), *line = text, *newline;

    while ((newline = strchr(line, '\n'))) {
        *newline = '\0';
        check_line(line, next);
        line = newline + 1;
    }
    assert_int_equal(*line, '\0'); /* no line is torn */
    free(text);
}

/* Moves the file away as soon as there is a line in it. */
static void rotate(struct load *l, const char *to)
{
    struct stat st = {0};

    allow_more(l);
    while (st.st_size == 0)
        assert_int_equal(stat(temp_path(&folder, "log"), &st), 0);
    move("log", to);
    assert_int_equal(wr_log_writer_reopen(l->writer), 0);
}

static void reopen__fifty_times_under_load__every_line_once_and_in_order(void **state)
{
    struct load load = {open_writer("log"), PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    struct putter p[PUTTERS];
    int next[PUTTERS] = {0};
    char name[16];

    (void)state;
    for (int i = 0; i < PUTTERS; i++) {
        p[i] = (struct putter){.load = &load, .id = i};
        assert_int_equal(pthread_create(&p[i].thread, NULL, put_lines, &p[i]), 0);
    }
    for (int i = 0; i < ROTATIONS; i++) {
        snprintf(name, sizeof name, "log.%d", i);
        rotate(&load, name);
    }
    for (int i = 0; i < PUTTERS; i++) {
        assert_int_equal(pthread_join(p[i].thread, NULL), 0);
        assert_false(p[i].has_lost);
    }
    wr_log_writer_free(load.writer);
    for (int i = 0; i < ROTATIONS; i++) {
        snprintf(name, sizeof name, "log.%d", i);
        check_file(name, next);
    }
    check_file("log", next);
    for (int i = 0; i < PUTTERS; i++)
        assert_int_equal(next[i], ROTATIONS * STEP);
}

/* ---- lines that cannot be written ---- */

static void write_error__over__the_loss_is_reported_in_its_place(void **state)
{
    struct wr_log_writer *w = open_writer("log");

    (void)state;
    fail_after(0, ENOSPC);
    put(w, "lost 1");
    await_failures(1);
    put(w, "lost 2");
    await_failures(2);
    fail_after(0, 0);
    put(w, "written");
    wr_log_writer_free(w);
    expect_file("log", "weir: 2 log lines lost: writing failed: No space left on device\n"
                       "written\n");
}

static void write_error__within_a_line__leaves_the_part_on_a_line_of_its_own(void **state)
{
    struct wr_log_writer *w = open_writer("log");

    (void)state;
    fail_after(strlen("whole\nto"), EIO);
    put(w, "whole");
    put(w, "torn");
    await_failures(1);
    fail_after(0, 0);
    put(w, "written");
    wr_log_writer_free(w);
    expect_file("log", "whole\nto\n"
                       "weir: 1 log lines lost: writing failed: Input/output error\n"
                       "written\n");
}

/* Also of the report itself. */
static void write_error__within_the_report__counts_on(void **state)
{
    struct wr_log_writer *w = open_writer("log");

    (void)state;
    fail_after(2, EIO);
    put(w, "torn");
    await_failures(1);
    fail_after(strlen("\nweir: 1"), EFBIG);
    put(w, "lost");
    await_failures(1);
    fail_after(0, 0);
    put(w, "written");
    wr_log_writer_free(w);
    expect_file("log", "to\n"
                       "weir: 1\n"
                       "weir: 2 log lines lost: writing failed: File too large\n"
                       "written\n");
}

static void write_error__over_at_the_end__is_reported_then(void **state)
{
    struct wr_log_writer *w = open_writer("log");

    (void)state;
    fail_after(0, ENOSPC);
    put(w, "lost");
    await_failures(1);
    fail_after(0, 0);
    wr_log_writer_free(w);
    expect_file("log", "weir: 1 log lines lost: writing failed: No space left on device\n");
}

static void write_error__until_reopened__is_reported_in_the_new_file(void **state)
{
    struct wr_log_writer *w;
    char *text;

    (void)state;
    if (access("/dev/full", W_OK) < 0) {
        print_message("no /dev/full here\n");
        skip();
    }
    assert_int_equal(symlink("/dev/full", temp_path(&folder, "log")), 0);
    w = open_writer("log");
    fail_after(0, ENOSPC); /* as the device says itself; to know when */
    put(w, "lost");
    await_failures(1);
    fail_after(0, 0);
    put(w, "lost or written");
    assert_int_equal(unlink(temp_path(&folder, "log")), 0);
    assert_int_equal(wr_log_writer_reopen(w), 0);
    put(w, "written");
    wr_log_writer_free(w);
    text = read_file("log");
    if (strstr(text, "lost or written"))
        expect_file("log", "weir: 1 log lines lost: writing failed: No space left on device\n"
                           "lost or written\nwritten\n");
    else
        expect_file("log", "weir: 2 log lines lost: writing failed: No space left on device\n"
                           "written\n");
    free(text);
}

static void write_error__to_the_end__free_returns(void **state)
{
    struct wr_log_writer *w = open_writer("log");

    (void)state;
    fail_after(0, EIO);
    put(w, "lost");
    wr_log_writer_free(w);
    expect_file("log", "");
}

static void as_json(void *ctx, struct wr_buf *b, const char *text, size_t n)
{
    wr_buf_slice_append(b, wr_slice_of(ctx));
    wr_buf_append(b, text, n);
    wr_buf_char(b, '}');
}

static void report__with_a_format__has_it(void **state)
{
    struct wr_log_writer *w = open_writer("log");
    char open[] = "{", *line = calloc(1, WR_LOG_BUFFER_BYTES);

    (void)state;
    wr_log_writer_set_report(w, as_json, open);
    assert_false(wr_log_writer_put(w, line, WR_LOG_BUFFER_BYTES)); /* longer than the buffer */
    wr_log_writer_free(w);
    expect_file("log", "{1 log lines lost: the log was not written fast enough}\n");
    free(line);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

WR_TESTS(TEST(log_file__missing__is_made_and_appended_to),
         TEST(log_file__cannot_be_opened__says_why),
         TEST(reopen__file_moved_away__lines_after_it_are_in_the_new_one),
         TEST(reopen__file_still_there__is_appended_to),
         TEST(reopen__cannot_be_opened__old_file_is_written_on),
         TEST(reopen__descriptor_of_the_callers__stays),
         TEST(reopen__old_pipe__is_closed_soon_and_the_new_one_written),
         TEST(reopen__fifty_times_under_load__every_line_once_and_in_order),
         TEST(write_error__over__the_loss_is_reported_in_its_place),
         TEST(write_error__within_a_line__leaves_the_part_on_a_line_of_its_own),
         TEST(write_error__within_the_report__counts_on),
         TEST(write_error__over_at_the_end__is_reported_then),
         TEST(write_error__until_reopened__is_reported_in_the_new_file),
         TEST(write_error__to_the_end__free_returns), TEST(report__with_a_format__has_it));
