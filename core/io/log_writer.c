#include "io/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "io/thread.h"

#define PIPE_CHUNK    4096  /* PIPE_BUF: what POLLOUT promises to take without blocking */
#define FILE_CHUNK    65536 /* files take all; more only holds the page cache's lock longer */
#define STOP_WAIT_MS  1000
#define POLL_PAUSE_MS 50
#define REPORT_MAX    1024 /* bytes of one, with its newline */

struct output {
    int fd;
    bool is_own;    /* fd is a description of our own, non-blocking where that matters */
    bool can_stall; /* a pipe, terminal or socket */
};

struct wr_log_writer {
    char *path; /* NULL: the descriptor is the caller's */
    pthread_t thread;

    /* Under lock. */
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct wr_buf filling;
    uint64_t dropped;   /* lines that found no room since the thread last looked */
    int64_t give_up_ms; /* when to drop what is left; 0: not stopping */
    int fresh_fd;       /* to be switched to before the next batch; -1: none */
    wr_log_report_fn *report;
    void *report_ctx;
    wr_log_alarm_fn *alarm; /* NULL: none */
    void *alarm_ctx;

    /* The thread's. */
    struct output out;
    struct wr_buf writing;
    bool is_failing;          /* writing has failed in this batch: the next tries again */
    bool is_alarmed;          /* and it has been told that nothing is written */
    bool is_torn;             /* the file ends within a line */
    int write_error;          /* the last one */
    uint64_t late, unwritten; /* lines lost that have not been reported: no room, write error */
};

/* What the thread has to do next. */
struct batch {
    struct wr_slice lines;
    uint64_t dropped; /* behind them */
    int fresh_fd;
    bool is_last;
};

static int64_t now_ms(void)
{
    return wr_clock_system.monotonic_ms(wr_clock_system.ctx);
}

static bool is_late(struct wr_log_writer *w)
{
    int64_t give_up_ms;

    pthread_mutex_lock(&w->lock);
    give_up_ms = w->give_up_ms;
    pthread_mutex_unlock(&w->lock);
    return give_up_ms > 0 && now_ms() >= give_up_ms;
}

/* Waits until the descriptor takes something; false when stopping took too long. */
static bool wait_writable(struct wr_log_writer *w)
{
    struct pollfd p = {.fd = w->out.fd, .events = POLLOUT};

    do
        if (is_late(w))
            return false;
    while (poll(&p, 1, POLL_PAUSE_MS) == 0);
    return true;
}

/* The next piece to write: whole lines where they fit, for others may write to the same file. */
static size_t chunk_of(const char *p, size_t n, size_t most)
{
    const char *newline;

    if (n <= most)
        return n;
    newline = memrchr(p, '\n', most);
    return newline ? (size_t)(newline - p) + 1 : most;
}

static void raise_alarm(struct wr_log_writer *w)
{
    wr_log_alarm_fn *alarm;
    void *ctx;

    pthread_mutex_lock(&w->lock);
    alarm = w->alarm;
    ctx = w->alarm_ctx;
    pthread_mutex_unlock(&w->lock);
    if (alarm && !w->is_alarmed)
        alarm(ctx, w->path, -w->write_error);
    w->is_alarmed = true;
}

/* Returns how many bytes were taken; less than n after an error, or when stopping took too long. */
static size_t write_all(struct wr_log_writer *w, const char *p, size_t n)
{
    size_t most = w->out.can_stall ? PIPE_CHUNK : FILE_CHUNK, at = 0;

    while (at < n && !w->is_failing) {
        ssize_t done;

        if (w->out.can_stall && !wait_writable(w)) {
            w->is_failing = true;
            break;
        }
        done = write(w->out.fd, p + at, chunk_of(p + at, n - at, most));
        if (done > 0) {
            at += (size_t)done;
            continue;
        }
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN) { /* another writer was faster, or a terminal is picky */
            poll(NULL, 0, POLL_PAUSE_MS);
            continue;
        }
        w->write_error = done < 0 ? errno : EIO;
        w->is_failing = true;
        raise_alarm(w);
    }
    if (at == n)
        w->is_alarmed = false;
    if (at > 0)
        w->is_torn = p[at - 1] != '\n';
    return at;
}

static uint64_t count_lines(const char *p, size_t n)
{
    const char *end = p + n;
    uint64_t lines = 0;

    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        lines++;
        p++;
    }
    return lines;
}

/* Ends a line of which an error let only the beginning through: what follows is not glued to it. */
static void mend(struct wr_log_writer *w)
{
    if (w->is_torn)
        write_all(w, "\n", 1);
}

static void write_lines(struct wr_log_writer *w, struct wr_slice lines)
{
    size_t done;

    if (lines.n == 0)
        return;
    mend(w);
    done = write_all(w, lines.p, lines.n);
    w->unwritten += count_lines(lines.p + done, lines.n - done);
}

/* ---- what was lost ---- */

static void report_as_text(void *ctx, struct wr_buf *b, const char *text, size_t n)
{
    (void)ctx;
    WR_BUF_LITERAL(b, "weir: ");
    wr_buf_append(b, text, n);
}

/* True when the line is in the file. */
static bool write_report(struct wr_log_writer *w, uint64_t lost, const char *why, const char *error)
{
    char text[256], line[REPORT_MAX];
    struct wr_buf t = wr_buf_on(text, sizeof text), b = wr_buf_on(line, sizeof line - 1);
    wr_log_report_fn *format;
    void *ctx;

    pthread_mutex_lock(&w->lock);
    format = w->report;
    ctx = w->report_ctx;
    pthread_mutex_unlock(&w->lock);
    wr_buf_u64(&t, lost);
    wr_buf_printf(&t, " log lines lost: %s%s", why, error);
    format(ctx, &b, t.p, t.n);
    b.p[b.n++] = '\n'; /* has its place behind cap */
    mend(w);
    return write_all(w, b.p, b.n) == b.n;
}

static void report_lost(struct wr_log_writer *w)
{
    const char *error = strerrordesc_np(w->write_error);

    if (w->unwritten > 0 &&
        write_report(w, w->unwritten, "writing failed: ", error ? error : "error"))
        w->unwritten = 0;
    if (w->late > 0 && write_report(w, w->late, "the log was not written fast enough", ""))
        w->late = 0;
}

/* ---- the thread ---- */

static bool has_work(const struct wr_log_writer *w)
{
    return w->filling.n > 0 || w->dropped > 0 || w->fresh_fd >= 0 || w->give_up_ms > 0;
}

/* Lines and a fresh descriptor are taken under one lock: those that were put after it had come are
 * in this batch or behind it. */
static struct batch take_batch(struct wr_log_writer *w)
{
    struct wr_buf full;
    struct batch batch;

    pthread_mutex_lock(&w->lock);
    while (!has_work(w))
        pthread_cond_wait(&w->filled, &w->lock);
    full = w->filling;
    w->filling = w->writing;
    w->filling.n = 0;
    w->writing = full;
    batch = (struct batch){.lines = wr_buf_slice(&full),
                           .dropped = w->dropped,
                           .fresh_fd = w->fresh_fd,
                           .is_last = w->give_up_ms > 0 && full.n == 0};
    w->dropped = 0;
    w->fresh_fd = -1;
    pthread_mutex_unlock(&w->lock);
    return batch;
}

static void close_own(struct output *out)
{
    if (out->is_own)
        close(out->fd);
}

static bool can_stall(int fd)
{
    struct stat st;

    return fstat(fd, &st) < 0 || !S_ISREG(st.st_mode);
}

static void switch_to(struct wr_log_writer *w, int fd)
{
    close_own(&w->out);
    w->out = (struct output){.fd = fd, .is_own = true, .can_stall = can_stall(fd)};
    w->is_torn = false;
}

static void *run(void *arg)
{
    struct wr_log_writer *w = arg;
    struct batch batch;

    do {
        batch = take_batch(w);
        if (batch.fresh_fd >= 0)
            switch_to(w, batch.fresh_fd);
        w->is_failing = false;
        report_lost(w); /* what could not be written before */
        write_lines(w, batch.lines);
        w->late += batch.dropped;
        report_lost(w);
    } while (!batch.is_last);
    return NULL;
}

/* ---- descriptors ---- */

/*
 * POLLOUT does not promise that a write will not block: a terminal says it for a single byte, and
 * another process may fill the pipe in between. The descriptor's flags are shared with others, so
 * O_NONBLOCK goes to a description of our own, where the system gives one.
 */
static struct output output_on(int fd)
{
    struct output out = {.fd = fd, .can_stall = can_stall(fd)};
    char path[32];
    struct stat st;
    int own;

    if ((fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)) && !isatty(fd))
        return out;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) {
        out.fd = own;
        out.is_own = true;
    }
    return out;
}

/* O_NONBLOCK is for pipes and devices: neither opening nor writing them waits. Files ignore it. */
static int open_path(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                  S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);

    return fd < 0 ? -errno : fd;
}

/* ---- life ---- */

/* Takes `out`, and `path`, which may be NULL; lets them go on an error. */
static struct wr_log_writer *start(struct output out, char *path, int *err)
{
    struct wr_log_writer *w = calloc(1, sizeof *w);
    char *memory = malloc((size_t)2 * WR_LOG_BUFFER_BYTES);

    *err = -ENOMEM;
    if (!w || !memory)
        goto fail;
    w->out = out;
    w->path = path;
    w->fresh_fd = -1;
    w->report = report_as_text;
    w->filling = wr_buf_on(memory, WR_LOG_BUFFER_BYTES);
    w->writing = wr_buf_on(memory + WR_LOG_BUFFER_BYTES, WR_LOG_BUFFER_BYTES);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->filled, NULL);
    *err = wr_thread_start(&w->thread, "weir-log", run, w);
    if (*err == 0)
        return w;
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
fail:
    free(memory);
    free(w);
    close_own(&out);
    free(path);
    return NULL;
}

struct wr_log_writer *wr_log_writer_new(int fd, int *err)
{
    return start(output_on(fd), NULL, err);
}

struct wr_log_writer *wr_log_writer_open(const char *path, int *err)
{
    char *copy = strdup(path);
    int fd;

    if (!copy) {
        *err = -ENOMEM;
        return NULL;
    }
    fd = open_path(copy);
    if (fd < 0) {
        free(copy);
        *err = fd;
        return NULL;
    }
    return start((struct output){.fd = fd, .is_own = true, .can_stall = can_stall(fd)}, copy, err);
}

void wr_log_writer_set_report(struct wr_log_writer *w, wr_log_report_fn *report, void *ctx)
{
    pthread_mutex_lock(&w->lock);
    w->report = report ? report : report_as_text;
    w->report_ctx = ctx;
    pthread_mutex_unlock(&w->lock);
}

void wr_log_writer_set_alarm(struct wr_log_writer *w, wr_log_alarm_fn *alarm, void *ctx)
{
    pthread_mutex_lock(&w->lock);
    w->alarm = alarm;
    w->alarm_ctx = ctx;
    pthread_mutex_unlock(&w->lock);
}

int wr_log_writer_reopen(struct wr_log_writer *w)
{
    int fd, unused;

    if (!w->path)
        return 0;
    fd = open_path(w->path);
    if (fd < 0)
        return fd;
    pthread_mutex_lock(&w->lock);
    unused = w->fresh_fd; /* of a call before, that the thread has not come to */
    w->fresh_fd = fd;
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
    if (unused >= 0)
        close(unused);
    return 0;
}

bool wr_log_writer_put(struct wr_log_writer *w, const char *line, size_t n)
{
    bool fits, was_empty;

    pthread_mutex_lock(&w->lock);
    was_empty = w->filling.n == 0;
    fits = n < wr_buf_room(&w->filling);
    if (fits) {
        wr_buf_append(&w->filling, line, n);
        wr_buf_char(&w->filling, '\n');
    } else {
        w->dropped++;
    }
    if (was_empty)
        pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
    return fits;
}

void wr_log_writer_free(struct wr_log_writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->give_up_ms = now_ms() + STOP_WAIT_MS;
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
    close_own(&w->out);
    free(w->path);
    free(w->filling.p < w->writing.p ? w->filling.p : w->writing.p);
    free(w);
}
