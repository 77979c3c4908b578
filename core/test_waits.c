/*
 * test_waits.c — who works, and who waits for what.
 *
 * What happens on a loop has happened when that has nothing to do. Here is what happens elsewhere:
 * threads of the app, which may wait in a call for what the test does, and those that work for it.
 */
#include "test_exchange.h"

#include <stdio.h>

#include "app/offload.h"
#include "app/remote.h"

static struct wr_environ *environ_of(const weir_test_exchange *s)
{
    return s->x ? s->x->handler_data : NULL;
}

/* ---- does anybody work? ---- */

/* Does its job wait in a call of the app's for what the client does, for time, or for a
 * descriptor? */
static bool is_waiting(struct wr_remote *r)
{
    bool is_waiting;

    wr_remote_lock(r->e);
    is_waiting = r->is_waiting;
    wr_remote_unlock(r->e);
    return is_waiting || r->wait.loop;
}

/* Jobs of an exchange that are out, and those of them that wait. Of apps that have declined one
 * after the other ends. */
static void count_jobs(const weir_test_exchange *s, size_t *out, size_t *waiting)
{
    for (struct wr_environ *e = environ_of(s); e; e = e->previous) {
        if (!e->remote || !wr_remote_is_out(e))
            continue;
        ++*out;
        *waiting += is_waiting(e->remote);
    }
}

/* A job that waits for a thread alone does not count: only the end of another helps it. A thread
 * may be about to take one, being done with a job that is back. */
static bool is_pool_working(weir_test *t)
{
    bool is_beginning;
    size_t running = wr_pool_running(t->mount->pool, &is_beginning), out = 0, waiting = 0;

    WR_LIST_FOREACH (it, &t->exchanges)
        count_jobs(WR_CONTAINER_OF(it, struct weir_test_exchange, link), &out, &waiting);
    return out > waiting && (running > waiting || is_beginning);
}

static bool is_helper_busy(const weir_test *t)
{
    return (t->site.helpers && wr_pool_is_busy(t->site.helpers)) ||
           (t->site.makers && wr_pool_is_busy(t->site.makers));
}

bool wr_test_is_working(weir_test *t)
{
    struct wr_mount *m = t->mount;

    return is_helper_busy(t) || (m->offload && wr_pool_is_busy(m->offload)) ||
           (m->pool && is_pool_working(t));
}

bool wr_test_is_busy(const weir_test *t)
{
    return is_helper_busy(t) || (t->mount && t->mount->base.ops->is_busy(&t->mount->base));
}

/* ---- what is waited for ---- */

/* A call of the app's, in a thread or a coroutine, has not returned. Under the lock of the
 * remote. */
static const char *say_call(const struct wr_environ *e)
{
    const struct wr_remote *r = e->remote;

    if (r->wait.loop)
        return r->wait.fd < 0 ? "time, in weir_sleep()" : "a descriptor, in weir_wait_fd()";
    if (r->is_waiting)
        return r->is_reading ? "content, in weir_read()"
                             : "its client to take something, in weir_write()";
    if (e->mount->pool)
        return "a thread, which is at work or waits for what is not Weir's";
    if (!wr_list_is_empty(&r->in_turn))
        return "its turn, which another request of this serial app has";
    return "its work, in weir_offload()";
}

/* Of an app that has returned, or of its body. */
static const char *say_body(const weir_test_exchange *s, const struct wr_environ *e)
{
    if (e->is_gathering)
        return "the end of the content, of which the app gets all";
    if (wr_sink_is_open(e))
        return e->s->sink.kind == WR_SINK_FILE ? "the end of the content, for weir_read_file()"
                                               : "the end of the content, for weir_read_all()";
    if (s->has_head && s->body.n >= s->may_take)
        return "its client to take something";
    if (wr_offload_is_out(e))
        return "its work, by weir_offload()";
    if (e->body.kind == WEIR_BODY_LATER && !(e->s && e->s->has_finished))
        return "weir_finish()";
    if (e->is_awaiting || e->pulled == WEIR_AGAIN)
        return e->wants_input ? "content, after WEIR_AGAIN of next"
                              : "weir_wake(), after WEIR_AGAIN of next";
    return "nothing";
}

static bool is_watching(const struct wr_watches *ws)
{
    return ws->loop && !wr_list_is_empty(&ws->fds);
}

bool wr_test_hears_outside(const weir_test_exchange *s)
{
    const struct wr_environ *e = environ_of(s);
    const struct wr_mount *m = s->t->mount;

    if (e && e->s && (e->s->token.is_open || is_watching(&e->s->watches)))
        return true;
    if (e && e->remote && e->remote->wait.loop && e->remote->wait.fd >= 0)
        return true;
    for (int i = 0; i < m->loops_n; i++)
        if (is_watching(&m->loops[i].watches))
            return true;
    return false;
}

static const char *say_wait(const weir_test_exchange *s)
{
    struct wr_environ *e = environ_of(s);
    const char *what;

    if (!e)
        return "nothing";
    if (!e->remote || !wr_remote_is_out(e))
        return say_body(s, e);
    wr_remote_lock(e);
    what = say_call(e);
    wr_remote_unlock(e);
    return what;
}

void wr_test_log_wait(const weir_test_exchange *s)
{
    const struct wr_request *r;

    if (!s->x || s->response.is_done)
        return;
    r = &s->x->request;
    wr_log(&s->t->site.log, WR_LOG_ERROR, "test: %.*s %.*s waits for %s", (int)r->method_token.n,
           r->method_token.p, (int)r->target.n, r->target.p, say_wait(s));
}

void wr_test_print_held(const weir_test_exchange *s)
{
    const struct wr_request *r;

    if (!s->x)
        return;
    r = &s->x->request;
    fprintf(stderr, "    %.*s %.*s\n", (int)r->method_token.n, r->method_token.p, (int)r->target.n,
            r->target.p);
}
