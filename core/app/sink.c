#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/events.h"
#include "app/input.h"
#include "app/mount.h"
#include "app/remote.h"
#include "server/site.h"

#define MEMORY_MIN ((size_t)4 * 1024)
#define FILE_PIECE ((size_t)64 * 1024)

static struct wr_sink *sink_of(struct wr_environ *e)
{
    return &e->s->sink;
}

/* ---- where the app runs ---- */

static int32_t begin(struct wr_environ *e, const struct wr_sink *setup)
{
    struct wr_streaming *s = wr_streaming_of(e);
    int64_t length = e->x->request.content_length;

    if (e->error < 0)
        return WEIR_EFAILED;
    if (wr_remote_is_over(e)) /* done would be called by nobody */
        return WEIR_EGONE;
    if (!s)
        return WEIR_ENOMEM;
    if (s->sink.done.all) /* one for a request, whatever came of it */
        return WEIR_ESTATE;
    s->sink = *setup;
    s->sink.is_too_large = !e->has_read && length > 0 && (uint64_t)length > setup->max;
    e->has_asked = e->has_read = true;
    wr_events_post(e, WR_EVENT_SINK);
    return 0;
}

int32_t wr_sink_read_all(weir_environ *env, size_t max, weir_read_all_fn *done, void *arg,
                         weir_read_all_guard *guard)
{
    const struct wr_sink setup = {.kind = WR_SINK_MEMORY,
                                  .max = max,
                                  .done.all = done,
                                  .guard.all = guard,
                                  .arg = arg,
                                  .fd = -1};

    return done ? begin(wr_environ_of(env), &setup) : WEIR_EINVAL;
}

int32_t wr_sink_read_file(weir_environ *env, int32_t fd, uint64_t max, weir_read_file_fn *done,
                          void *arg, weir_read_file_guard *guard)
{
    const struct wr_sink setup = {.kind = WR_SINK_FILE,
                                  .max = max,
                                  .done.file = done,
                                  .guard.file = guard,
                                  .arg = arg,
                                  .fd = fd};

    return done && fd >= 0 ? begin(wr_environ_of(env), &setup) : WEIR_EINVAL;
}

static void tell_all(struct wr_environ *e, int64_t result)
{
    struct wr_sink *k = sink_of(e);
    const void *data = result < 0 ? NULL : k->data ? k->data : "";

    if (k->guard.all)
        k->guard.all(k->done.all, &e->base, k->arg, data, result);
    else
        k->done.all(&e->base, k->arg, data, result);
}

void wr_sink_tell(struct wr_environ *e)
{
    struct wr_sink *k = sink_of(e);
    enum wr_sink_kind kind = k->kind;
    int64_t result = k->is_due ? k->result : WEIR_EGONE;

    if (kind == WR_SINK_NONE)
        return;
    k->kind = WR_SINK_NONE;
    k->has_begun = k->is_due = false;
    wr_input_note(e, result);
    if (result == WEIR_ETOOBIG &&
        k->total > 0) /* what was taken is lost: the rest is not the content */
        e->is_too_large = true;
    if (kind == WR_SINK_MEMORY)
        tell_all(e, result);
    else if (k->guard.file)
        k->guard.file(k->done.file, &e->base, k->arg, result);
    else
        k->done.file(&e->base, k->arg, result);
}

/* ---- on the loop ---- */

static bool end(struct wr_sink *k, int64_t result)
{
    k->result = result;
    k->is_due = true;
    return true;
}

/* Room for more, as it comes: a client is not given memory for what it only promises. */
static bool grow(struct wr_sink *k)
{
    size_t cap = k->cap > 0 ? 2 * k->cap : MEMORY_MIN;
    char *data;

    if (k->kind == WR_SINK_FILE)
        cap = FILE_PIECE;
    else if (cap > k->max)
        cap = k->max < SIZE_MAX ? (size_t)k->max + 1 : SIZE_MAX; /* to see that there is more */
    data = realloc(k->data, cap);
    if (!data)
        return false;
    k->data = data;
    k->cap = cap;
    return true;
}

static bool is_full(const struct wr_sink *k)
{
    return k->n == k->cap;
}

/* All of it, on a thread that may wait for a disk. */
static void run_job(struct wr_job *job, void *thread_data)
{
    struct wr_sink *k = WR_CONTAINER_OF(job, struct wr_sink, job);
    size_t at = 0;

    (void)thread_data;
    while (at < k->n && k->job_error == 0) {
        ssize_t n = write(k->fd, k->data + at, k->n - at);

        if (n > 0)
            at += (size_t)n;
        else if (n == 0 || errno != EINTR)
            k->job_error = n == 0 ? EIO : errno;
    }
}

static void tell_written(struct wr_job *job)
{
    struct wr_sink *k = WR_CONTAINER_OF(job, struct wr_sink, job);

    wr_loop_post(WR_CONTAINER_OF(k, struct wr_streaming, sink)->e->x->worker->loop, &k->back);
}

static void on_written(struct wr_task *task)
{
    struct wr_sink *k = WR_CONTAINER_OF(task, struct wr_sink, back);
    struct wr_environ *e = WR_CONTAINER_OF(k, struct wr_streaming, sink)->e;

    k->is_writing = false;
    k->n = 0;
    if (e->is_ended)
        wr_mount_end_waited(e);
    else if (wr_sink_go_on(e))
        wr_input_sink_done(e);
}

static void write_out(struct wr_environ *e)
{
    struct wr_sink *k = sink_of(e);

    k->is_writing = true;
    k->job.run = run_job;
    k->job.tell = tell_written;
    k->back.run = on_written;
    wr_pool_push(e->x->lease->site->helpers, &k->job);
}

/* What is in the buffer is all there is for now. True: the result is known. */
static bool use_file(struct wr_environ *e)
{
    struct wr_sink *k = sink_of(e);

    if (k->job_error != 0) {
        weir_log(&e->base, WEIR_LOG_ERROR, "weir_read_file: %s", strerrordesc_np(k->job_error));
        return end(k, WEIR_ESYSTEM);
    }
    if (k->n == 0)
        return end(k, (int64_t)k->total);
    write_out(e);
    return false;
}

bool wr_sink_go_on(struct wr_environ *e)
{
    struct wr_sink *k = sink_of(e);
    int64_t n;

    k->has_begun = true;
    if (k->is_writing || k->is_due)
        return false;
    if (k->is_too_large) /* nobody need send it: no 100 */
        return end(k, WEIR_ETOOBIG);
    while (!k->is_at_end && k->job_error == 0) {
        if (is_full(k) && k->kind == WR_SINK_FILE && k->cap > 0)
            break;
        if (is_full(k) && !grow(k))
            return end(k, WEIR_ENOMEM);
        n = wr_input_read_for_sink(e, k->data + k->n, k->cap - k->n);
        if (n == WEIR_AGAIN)
            return false;
        if (n < 0)
            return end(k, n);
        k->is_at_end = n == 0;
        k->n += (size_t)n;
        k->total += (uint64_t)n;
        if (k->total > k->max)
            return end(k, WEIR_ETOOBIG);
    }
    return k->kind == WR_SINK_FILE ? use_file(e) : end(k, (int64_t)k->total);
}
