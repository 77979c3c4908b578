#include "app/input.h"

#include <errno.h>
#include <stdlib.h>

#include "app/events.h"
#include "app/mount.h"
#include "app/remote.h"

#define GATHER_MIN ((size_t)4 * 1024)
#define FETCH_MAX  ((size_t)16 * 1024)

static void on_input(struct wr_exchange *x);

/* A result of wr_exchange_read() as an app gets it. */
static int64_t public_result(const struct wr_exchange *x, ssize_t n)
{
    if (n >= 0)
        return n;
    if (n == -EAGAIN)
        return WEIR_AGAIN;
    switch (x->input_status) {
    case 0:
        return WEIR_EGONE;
    case 408:
        return WEIR_ETIMEDOUT;
    case 413:
        return WEIR_ETOOBIG;
    default:
        return WEIR_EBADMSG;
    }
}

/* ---- all of it, before the app is called ---- */

/* Room for more, as it arrives: a client is not given memory for what it only promises. */
static bool grow(struct wr_environ *e, uint64_t max)
{
    size_t cap = e->content_cap > 0 ? 2 * e->content_cap : GATHER_MIN;
    char *content;

    if (cap > max + 1)
        cap = (size_t)max + 1; /* one more, to see that there is more */
    content = realloc(e->content, cap);
    if (!content)
        return false;
    e->content = content;
    e->content_cap = cap;
    return true;
}

/* 1: all is there; 0: more is to come; or a status to answer with. */
static int gather(struct wr_environ *e)
{
    struct wr_exchange *x = e->x;
    uint64_t max = e->mount->plugin.body_buffer_max;
    ssize_t n;

    do {
        if (e->content_n > max)
            return 413;
        if (e->content_n == e->content_cap && !grow(e, max))
            return 503;
        n = wr_exchange_read(x, e->content + e->content_n, e->content_cap - e->content_n);
        if (n > 0)
            e->content_n += (size_t)n;
    } while (n > 0);
    if (n == -EAGAIN) {
        x->on_input = on_input;
        return 0;
    }
    if (n < 0)
        return x->input_status ? x->input_status : 400;
    e->is_gathered = true;
    return 1;
}

bool wr_input_gather(struct wr_environ *e)
{
    uint64_t max = e->mount->plugin.body_buffer_max;
    int64_t length = e->x->request.content_length;
    int result;

    if (length == 0)
        e->is_gathered = true;
    if (e->is_gathered) /* or by an app that has declined, which took more */
        result = e->content_n > max ? 413 : 1;
    else
        result = length > 0 && (uint64_t)length > max ? 413 : gather(e);
    e->is_gathering = result == 0;
    if (result > 1)
        wr_exchange_respond_error(e->x, result);
    return result == 1;
}

/* ---- for an app elsewhere that does not wait: a piece between its calls ---- */

/* Fetches, unless there is something that was not read. True: there is something, or the end. */
static bool fetch(struct wr_environ *e)
{
    ssize_t n = -ENOMEM;

    if (e->content_read < e->content_n || (e->has_fetched && e->fetched <= 0) || e->is_gathered)
        return true;
    if (!e->content)
        e->content = malloc(FETCH_MAX);
    if (e->content)
        n = wr_exchange_read(e->x, e->content, FETCH_MAX);
    if (n == -EAGAIN) {
        e->x->on_input = on_input;
        return false;
    }
    e->content_n = n > 0 ? (size_t)n : 0;
    e->content_read = 0;
    e->fetched = n == -ENOMEM ? WEIR_ENOMEM : public_result(e->x, n);
    e->has_fetched = true;
    return true;
}

void wr_input_fetch(struct wr_environ *e)
{
    bool wants_pull, wants_call;

    if (!fetch(e))
        return;
    wants_pull = e->is_awaiting && e->wants_input;
    wants_call = e->wants_call; /* all before the first job is out */
    e->wants_call = false;
    if (wants_pull)
        wr_remote_pull(e);
    if (wants_call) /* not in this call, which a callback in a coroutine may have led to: else each piece
                     * of the content would be one within the other */
        wr_events_post(e, WR_EVENT_INPUT);
}

static int64_t read_fetched(struct wr_environ *e)
{
    if (e->has_fetched && e->fetched <= 0)
        return e->fetched; /* the end, or why there is none */
    e->has_fetched = false;
    if (e->is_in_next) /* else the loop may be looking at it */
        e->wants_input = true;
    e->wants_call = e->s && e->s->on_input.fn;
    return WEIR_AGAIN;
}

/* ---- for a thread or a coroutine that waits ---- */

static void read_for_waiter(struct wr_environ *e)
{
    struct wr_remote *r = e->remote;
    ssize_t n = wr_exchange_read(e->x, r->into, r->room);

    r->is_asked = n == -EAGAIN;
    if (r->is_asked) {
        e->x->on_input = on_input;
        return;
    }
    wr_remote_lock(e);
    r->result = public_result(e->x, n);
    r->is_reading = r->is_waiting = false;
    wr_remote_signal(e);
    wr_remote_unlock(e);
}

void wr_input_on_read(struct wr_task *task)
{
    struct wr_remote *r = WR_CONTAINER_OF(task, struct wr_remote, read);

    if (!atomic_load(&r->is_over)) /* else it has given up, and its buffer may be gone */
        read_for_waiter(r->e);
}

/* Under the lock, which is free meanwhile where this is the loop. */
static void ask_loop(struct wr_environ *e)
{
    if (!wr_remote_is_here(e)) {
        wr_loop_post(e->x->worker->loop, &e->remote->read);
        return;
    }
    wr_remote_unlock(e);
    read_for_waiter(e);
    wr_remote_lock(e);
}

static int64_t read_and_wait(struct wr_environ *e, void *buf, size_t n)
{
    struct wr_remote *r = e->remote;
    int64_t result;

    r->into = buf;
    r->room = n;
    wr_remote_lock(e);
    r->is_reading = r->is_waiting = true;
    if (!atomic_load(&r->is_over))
        ask_loop(e);
    wr_remote_wait_begin(e);
    while (r->is_reading && !atomic_load(&r->is_over))
        wr_remote_suspend(e);
    wr_remote_wait_end(e);
    result = r->is_reading ? WEIR_EGONE : r->result;
    r->is_reading = r->is_waiting = false;
    wr_remote_unlock(e);
    return result;
}

/* ---- all ways ---- */

/* On the loop: has next said WEIR_AGAIN because there was no content? Nobody may have looked at
 * it yet, where something that was written goes before. */
static bool is_next_starved(const struct wr_environ *e)
{
    return e->wants_input && (e->is_awaiting || (e->has_pulled && e->pulled == WEIR_AGAIN));
}

static int64_t read_here(struct wr_environ *e, void *buf, size_t n)
{
    int64_t result = public_result(e->x, wr_exchange_read(e->x, buf, n));

    e->is_starved = result == WEIR_AGAIN;
    if (!e->is_starved) {
        if (!e->is_in_next && is_next_starved(e)) /* a callback has taken what next waits for */
            wr_events_post(e, WR_EVENT_WAKE);
        return result;
    }
    e->wants_input |= e->is_in_next;
    if (e->s && e->s->on_input.fn)
        e->x->on_input = on_input;
    return result;
}

void wr_input_note(struct wr_environ *e, int64_t result)
{
    if (result == WEIR_EBADMSG || result == WEIR_ETOOBIG || result == WEIR_ETIMEDOUT)
        e->broken = (int32_t)result;
}

/* What was gathered or fetched, and not read. */
static size_t read_kept(struct wr_environ *e, void *buf, size_t n)
{
    size_t left = e->content_n - e->content_read;

    if (n > left)
        n = left;
    if (n > 0)
        memcpy(buf, e->content + e->content_read, n);
    e->content_read += n;
    return n;
}

int64_t wr_input_read(weir_environ *env, void *buf, size_t n)
{
    struct wr_environ *e = wr_environ_of(env);
    int64_t result;

    if (e->error < 0)
        return WEIR_EFAILED;
    if (wr_sink_is_open(e))
        return WEIR_ESTATE;
    e->has_asked = true;
    if (n == 0)
        return 0;
    if (e->content_read < e->content_n)
        return (int64_t)read_kept(e, buf, n);
    if (e->is_gathered)
        return 0;
    e->has_read = true;
    if (e->is_too_large)
        result = WEIR_ETOOBIG;
    else if (!e->remote)
        result = read_here(e, buf, n);
    else
        result = wr_remote_may_wait(e) ? read_and_wait(e, buf, n) : read_fetched(e);
    wr_input_note(e, result);
    return result;
}

int64_t wr_input_read_for_sink(struct wr_environ *e, void *buf, size_t n)
{
    int64_t result;

    if (e->is_too_large)
        return WEIR_ETOOBIG;
    if (e->content_read < e->content_n)
        return (int64_t)read_kept(e, buf, n);
    if (e->is_gathered)
        return 0;
    if (e->has_fetched && e->fetched <= 0)
        return e->fetched;
    result = public_result(e->x, wr_exchange_read(e->x, buf, n));
    if (result == WEIR_AGAIN)
        e->x->on_input = on_input;
    return result;
}

const void *wr_input_content(weir_environ *env, size_t *n)
{
    struct wr_environ *e = wr_environ_of(env);

    *n = 0;
    if (!e->is_gathered || e->mount->plugin.body_buffer_max == 0)
        return NULL;
    *n = e->content_n;
    return e->content ? e->content : "";
}

int32_t wr_input_body_limit(weir_environ *env, uint64_t n)
{
    struct wr_environ *e = wr_environ_of(env);

    if (e->error < 0)
        return WEIR_EFAILED;
    if (e->has_asked || e->is_gathered)
        return WEIR_ESTATE;
    e->is_too_large = wr_exchange_limit_body(e->x, n) < 0;
    return e->is_too_large ? WEIR_ETOOBIG : 0;
}

void wr_input_want_call(struct wr_environ *e)
{
    if (e->remote)
        e->wants_call = true; /* seen when the job is back */
    else if (e->is_starved)
        e->x->on_input = on_input;
    else
        wr_events_post(e, WR_EVENT_INPUT);
}

void wr_input_sink_done(struct wr_environ *e)
{
    if (e->remote)
        wr_remote_on_events(e, WR_EVENT_READ_DONE);
    else
        wr_events_call_here(e, WR_EVENT_READ_DONE, false);
}

/* There is more of what somebody waits for. */
static void on_input(struct wr_exchange *x)
{
    struct wr_environ *e = x->handler_data;

    x->on_input = NULL;
    if (e->is_gathering) {
        if (wr_input_gather(e))
            wr_mount_serve_gathered(e);
    } else if (wr_sink_is_reading(e)) {
        if (wr_sink_go_on(e))
            wr_input_sink_done(e);
    } else if (!e->remote) {
        e->is_starved = false; /* who asks to be called from now on is not to wait for still more */
        wr_events_call_here(e, e->s && e->s->on_input.fn ? WR_EVENT_INPUT : 0, is_next_starved(e));
    } else if (e->remote->is_asked) {
        read_for_waiter(e);
    } else if (!wr_remote_is_out(e)) { /* else it asks again when it is back */
        wr_input_fetch(e);
    }
}

void wr_input_await(struct wr_environ *e)
{
    if (!e->remote)
        e->x->on_input = on_input;
    else if (!wr_remote_is_out(e)) /* else when it is back */
        wr_input_fetch(e);
}

void wr_input_pass_on(struct wr_environ *from, struct wr_environ *to)
{
    if (!from->is_gathered)
        return;
    to->is_gathered = to->is_content_lent = true;
    to->content = from->content;
    to->content_n = from->content_n;
}

void wr_input_free(struct wr_environ *e)
{
    if (!e->is_content_lent)
        free(e->content);
    e->content = NULL;
    e->content_n = e->content_read = 0;
    if (!e->s)
        return;
    free(e->s->sink.data);
    e->s->sink.data = NULL;
    wr_output_free(e);
}
