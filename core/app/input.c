#include "app/input.h"

#include <errno.h>
#include <stdlib.h>

#include "app/mount.h"
#include "app/remote.h"

#define GATHER_MIN ((size_t)4 * 1024)
#define FETCH_MAX  ((size_t)16 * 1024)

static void on_input(struct wr_exchange *x);

static bool is_at_home(const struct wr_environ *e)
{
    return e->remote && e->mount->home;
}

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

/* ---- for an app on its home loop: a piece between its calls ---- */

static void fetch(struct wr_environ *e)
{
    ssize_t n = -ENOMEM;

    if (!e->content)
        e->content = malloc(FETCH_MAX);
    if (e->content)
        n = wr_exchange_read(e->x, e->content, FETCH_MAX);
    if (n == -EAGAIN) {
        e->x->on_input = on_input;
        return;
    }
    e->is_awaiting = false;
    e->content_n = n > 0 ? (size_t)n : 0;
    e->content_read = 0;
    e->fetched = n == -ENOMEM ? WEIR_ENOMEM : public_result(e->x, n);
    e->has_fetched = true;
    wr_remote_pull(e);
}

static int64_t read_fetched(struct wr_environ *e)
{
    if (e->has_fetched && e->fetched <= 0)
        return e->fetched; /* the end, or why there is none */
    e->has_fetched = false;
    e->wants_input = e->is_in_next;
    return WEIR_AGAIN;
}

/* ---- for a thread ---- */

static void read_for_thread(struct wr_environ *e)
{
    struct wr_remote *r = e->remote;
    ssize_t n = wr_exchange_read(e->x, r->into, r->room);

    if (n == -EAGAIN) {
        e->x->on_input = on_input;
        return;
    }
    pthread_mutex_lock(&r->lock);
    r->result = public_result(e->x, n);
    r->is_reading = false;
    pthread_cond_signal(&r->has_read);
    pthread_mutex_unlock(&r->lock);
}

void wr_input_on_read(struct wr_task *task)
{
    struct wr_remote *r = WR_CONTAINER_OF(task, struct wr_remote, read);

    if (!atomic_load(&r->is_gone)) /* else the thread has given up, and its buffer may be gone */
        read_for_thread(r->e);
}

static int64_t read_on_thread(struct wr_environ *e, void *buf, size_t n)
{
    struct wr_remote *r = e->remote;
    int64_t result;

    r->into = buf;
    r->room = n;
    pthread_mutex_lock(&r->lock);
    r->is_reading = true;
    if (!atomic_load(&r->is_gone))
        wr_loop_post(e->x->worker->loop, &r->read);
    while (r->is_reading && !atomic_load(&r->is_gone))
        pthread_cond_wait(&r->has_read, &r->lock);
    result = r->is_reading ? WEIR_EGONE : r->result;
    r->is_reading = false;
    pthread_mutex_unlock(&r->lock);
    return result;
}

/* ---- all ways ---- */

static int64_t read_here(struct wr_environ *e, void *buf, size_t n)
{
    int64_t result = public_result(e->x, wr_exchange_read(e->x, buf, n));

    if (result == WEIR_AGAIN)
        e->wants_input = e->is_in_next;
    return result;
}

int64_t wr_input_read(weir_environ *env, void *buf, size_t n)
{
    struct wr_environ *e = wr_environ_of(env);
    size_t left = e->content_n - e->content_read;
    int64_t result;

    if (e->error < 0)
        return WEIR_EFAILED;
    if (n == 0)
        return 0;
    if (left > 0) {
        n = n < left ? n : left;
        memcpy(buf, e->content + e->content_read, n);
        e->content_read += n;
        return (int64_t)n;
    }
    if (e->is_gathered)
        return 0;
    e->has_read = true;
    result = is_at_home(e) ? read_fetched(e)
             : e->remote   ? read_on_thread(e, buf, n)
                           : read_here(e, buf, n);
    if (result == WEIR_EBADMSG || result == WEIR_ETOOBIG || result == WEIR_ETIMEDOUT)
        e->broken = (int32_t)result;
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

/* There is more of what somebody waits for. */
static void on_input(struct wr_exchange *x)
{
    struct wr_environ *e = x->handler_data;

    x->on_input = NULL;
    if (is_at_home(e) && e->remote->is_busy) /* a wake was faster; it asks again when it is back */
        return;
    if (e->is_gathering) {
        if (wr_input_gather(e))
            wr_mount_serve_gathered(e);
    } else if (is_at_home(e)) {
        fetch(e);
    } else if (e->remote) {
        read_for_thread(e);
    } else {
        wr_mount_resume(e);
    }
}

void wr_input_await(struct wr_environ *e)
{
    if (is_at_home(e))
        fetch(e);
    else
        e->x->on_input = on_input;
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
}
