#include <errno.h>
#include <stdlib.h>

#include "app/events.h"
#include "app/mount.h"
#include "app/remote.h"
#include "app/start.h"
#include "http/status.h"

#define BLOCK_MIN ((size_t)4 * 1024) /* small writes share a block */

static uint64_t limit_of(const struct wr_environ *e)
{
    return e->x->lease->site->config.app_queue_bytes;
}

/* What is larger than all that may wait is taken when nothing does. */
static bool has_room(const struct wr_environ *e, size_t n)
{
    size_t waiting = e->s->output.waiting;

    return waiting == 0 || (n <= limit_of(e) && waiting <= limit_of(e) - n);
}

/* ---- writing, where the app runs ---- */

/* Under the lock. */
static bool append(struct wr_output *o, const char *p, size_t n)
{
    struct wr_output_block *last = o->last;
    size_t shared = last ? last->cap - last->n : 0;
    struct wr_output_block *block = NULL;

    if (shared > n)
        shared = n;
    if (shared < n) { /* first: all of it is taken, or nothing */
        size_t cap = n - shared > BLOCK_MIN ? n - shared : BLOCK_MIN;

        block = malloc(sizeof *block + cap);
        if (!block)
            return false;
        *block = (struct wr_output_block){.n = n - shared, .cap = cap};
        memcpy(block->data, p + shared, block->n);
    }
    if (shared > 0) {
        memcpy(last->data + last->n, p, shared);
        last->n += shared;
    }
    if (block && last)
        last->next = block;
    else if (block)
        o->first = block;
    if (block)
        o->last = block;
    o->waiting += n;
    return true;
}

/* In a thread: until there is room, or nobody is there any more. Under the lock. */
static void wait_for_room(struct wr_environ *e, size_t n)
{
    struct wr_remote *r = e->remote;

    wr_remote_wait_begin(e);
    while (!has_room(e, n) && !atomic_load(&r->is_over)) {
        e->s->output.room_wanted = n;
        r->is_waiting = true;
        wr_remote_suspend(e);
    }
    r->is_waiting = false;
    wr_remote_wait_end(e);
}

/* 0, WEIR_AGAIN or WEIR_E*. Under the lock. */
static int32_t queue(struct wr_environ *e, const char *p, size_t n)
{
    struct wr_output *o = &e->s->output;

    if (!has_room(e, n) && wr_remote_may_wait(e))
        wait_for_room(e, n);
    if (e->remote && atomic_load(&e->remote->is_over))
        return WEIR_EGONE;
    if (!has_room(e, n)) {
        o->room_wanted = n;
        return WEIR_AGAIN;
    }
    return append(o, p, n) ? 0 : WEIR_ENOMEM;
}

/* The same of bytes that nobody gets, with HEAD for one. But on the loop the head goes out, and
 * all ends, only when the app has returned: one that writes until it is told to wait must be
 * told. */
static int32_t drop(struct wr_environ *e, size_t n)
{
    struct wr_output *o = &e->s->output;

    if (!e->remote && e->is_started && e->given + n > limit_of(e)) {
        o->room_wanted = n;
        return WEIR_AGAIN;
    }
    return 0;
}

/* Is there a body that bytes could go before? */
static int32_t check_open(struct wr_environ *e)
{
    if (e->error < 0)
        return e->error == WEIR_EGONE ? WEIR_EGONE : WEIR_EFAILED;
    if (wr_remote_is_over(e))
        return WEIR_EGONE;
    if (wr_streaming_has_last_body(e))
        return WEIR_ESTATE;
    if (e->status == 0)
        return wr_start_fault(e, WEIR_ESTATE, "weir_write before start_response");
    return 0;
}

static int32_t check_bytes(struct wr_environ *e, const void *p, size_t n)
{
    if (!p || n > PTRDIFF_MAX)
        return wr_start_fault(e, WEIR_EINVAL, "weir_write of %zu bytes at %p", n, p);
    if (e->declared >= 0 && n > (uint64_t)e->declared - e->given)
        return wr_start_fault(e, WEIR_EINVAL, "the body is larger than its Content-Length, %lld",
                              (long long)e->declared);
    return 0;
}

int32_t wr_output_write(weir_environ *env, const void *p, size_t n)
{
    struct wr_environ *e = wr_environ_of(env);
    int32_t err = check_open(e);

    if (err == 0 && n > 0)
        err = check_bytes(e, p, n);
    if (err < 0 || n == 0)
        return err;
    if (!wr_streaming_of(e))
        return wr_start_fault(e, WEIR_ENOMEM, "no memory for weir_write");
    if (wr_mount_is_unread(e)) {
        err = drop(e, n);
    } else {
        wr_remote_lock(e);
        err = queue(e, p, n);
        wr_remote_unlock(e);
    }
    if (err == WEIR_ENOMEM)
        return wr_start_fault(e, err, "no memory for %zu bytes of weir_write", n);
    if (err < 0)
        return err;
    e->given += n;
    if (!e->is_started) /* else the loop may be looking at it */
        e->is_started = true;
    if (e->remote || !wr_environ_is_in_call(e))
        wr_events_post(e, WR_EVENT_OUTPUT);
    return 0;
}

int32_t wr_output_on_writable(weir_environ *env, weir_event_fn *fn, void *arg,
                              weir_event_guard *guard)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_streaming *s = wr_streaming_of(e);
    bool has_room_now;

    if (e->error < 0)
        return WEIR_EFAILED;
    if (!s)
        return WEIR_ENOMEM;
    s->on_writable = (struct wr_callback){fn, arg, guard};
    wr_remote_lock(e);
    has_room_now = s->output.room_wanted == 0;
    wr_remote_unlock(e);
    if (fn && has_room_now)
        wr_events_post(e, WR_EVENT_WRITABLE);
    return 0;
}

void wr_output_mark(struct wr_environ *e)
{
    if (!e->s)
        return;
    wr_remote_lock(e);
    e->s->output.before = e->s->output.waiting;
    wr_remote_unlock(e);
}

/* ---- sending, on the loop ---- */

bool wr_output_peek(struct wr_environ *e, struct wr_piece *out)
{
    bool has_chunk = e->has_pulled && e->pulled == WEIR_CHUNK;
    struct wr_output *o = &e->s->output;
    size_t n;

    wr_remote_lock(e);
    n = has_chunk ? o->before : o->waiting;
    if (n > 0) {
        size_t rest = o->first->n - o->start;

        *out = (struct wr_piece){
            .mem = o->first->data + o->start, .fd = -1, .len = n < rest ? n : rest};
    }
    wr_remote_unlock(e);
    return n > 0;
}

/* Not for every byte: when there is room for what was refused, and for half of all. */
static bool is_room_news(const struct wr_environ *e)
{
    size_t wanted = e->s->output.room_wanted, half = (size_t)limit_of(e) / 2;

    return wanted > 0 && has_room(e, wanted > half ? wanted : half);
}

void wr_output_advance(struct wr_environ *e, size_t n)
{
    struct wr_output *o = &e->s->output;
    struct wr_output_block *done = NULL;
    bool is_news;

    wr_remote_lock(e);
    o->start += n;
    o->waiting -= n;
    o->before -= n < o->before ? n : o->before;
    if (o->start == o->first->n) {
        done = o->first;
        o->first = done->next;
        if (!o->first)
            o->last = NULL;
        o->start = 0;
    }
    is_news = is_room_news(e);
    if (is_news) {
        o->room_wanted = 0;
        if (e->remote) {
            e->remote->is_waiting = false;
            wr_remote_signal(e);
        }
    }
    wr_remote_unlock(e);
    free(done);
    if (is_news)
        wr_events_post(e, WR_EVENT_WRITABLE);
}

void wr_output_free(struct wr_environ *e)
{
    struct wr_output *o = &e->s->output;

    while (o->first) {
        struct wr_output_block *block = o->first;

        o->first = block->next;
        free(block);
    }
    o->last = NULL;
    o->start = o->waiting = o->before = 0;
}
