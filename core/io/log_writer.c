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

struct wr_log_writer {
    int fd;
    bool is_own;    /* fd is a description of our own, non-blocking: see open_again() */
    bool can_stall; /* a pipe, terminal or socket */
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct wr_buf filling; /* under lock */
    uint64_t lost;         /* under lock: lines dropped since the last report */
    int64_t give_up_ms;    /* under lock: when to drop what is left; 0: not stopping */

    struct wr_buf writing; /* the thread's */
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
    struct pollfd p = {.fd = w->fd, .events = POLLOUT};

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

static void write_all(struct wr_log_writer *w, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done;

        if (w->can_stall && !wait_writable(w))
            return;
        done = write(w->fd, p, chunk_of(p, n, w->can_stall ? PIPE_CHUNK : FILE_CHUNK));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN) { /* another writer was faster, or a terminal is picky */
            poll(NULL, 0, POLL_PAUSE_MS);
            continue;
        }
        if (done < 0)
            return; /* a full disk or a closed pipe: there is nobody to tell */
        p += done;
        n -= (size_t)done;
    }
}

static void report_lost(struct wr_buf *b, uint64_t lost)
{
    WR_BUF_LITERAL(b, "weir: ");
    wr_buf_u64(b, lost);
    WR_BUF_LITERAL(b, " log lines lost: the log was not written fast enough\n");
}

static void *run(void *arg)
{
    struct wr_log_writer *w = arg;

    for (;;) {
        struct wr_buf full;
        bool is_last;

        pthread_mutex_lock(&w->lock);
        while (w->filling.n == 0 && w->give_up_ms == 0)
            pthread_cond_wait(&w->filled, &w->lock);
        full = w->filling;
        w->filling = w->writing;
        w->writing = full;
        if (w->lost > 0)
            report_lost(&w->filling, w->lost);
        w->lost = 0;
        is_last = full.n == 0;
        pthread_mutex_unlock(&w->lock);
        if (is_last)
            return NULL;
        write_all(w, full.p, full.n);
        w->writing.n = 0;
    }
}

/*
 * POLLOUT does not promise that a write will not block: a terminal says it for a single byte, and
 * another process may fill the pipe in between. The descriptor's flags are shared with others, so
 * O_NONBLOCK goes to a description of our own, where the system gives one.
 */
static void open_again(struct wr_log_writer *w, const struct stat *st)
{
    char path[32];
    int fd;

    if (!S_ISFIFO(st->st_mode) && !isatty(w->fd))
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", w->fd);
    fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return;
    w->fd = fd;
    w->is_own = true;
}

static void close_own(struct wr_log_writer *w)
{
    if (w->is_own)
        close(w->fd);
}

struct wr_log_writer *wr_log_writer_new(int fd, int *err)
{
    struct wr_log_writer *w = calloc(1, sizeof *w);
    char *memory = malloc((size_t)2 * WR_LOG_BUFFER_BYTES);
    struct stat st = {0};

    *err = -ENOMEM;
    if (!w || !memory)
        goto fail;
    w->fd = fd;
    w->can_stall = fstat(fd, &st) < 0 || !S_ISREG(st.st_mode);
    open_again(w, &st);
    w->filling = wr_buf_on(memory, WR_LOG_BUFFER_BYTES);
    w->writing = wr_buf_on(memory + WR_LOG_BUFFER_BYTES, WR_LOG_BUFFER_BYTES);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->filled, NULL);
    *err = wr_thread_start(&w->thread, "weir-log", run, w);
    if (*err == 0)
        return w;
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
    close_own(w);
fail:
    free(memory);
    free(w);
    return NULL;
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
        w->lost++;
    }
    if (was_empty && fits)
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
    close_own(w);
    free(w->filling.p < w->writing.p ? w->filling.p : w->writing.p);
    free(w);
}
