/*
 * conclude.c — from what an app returned to a response.
 */
#include "app/mount.h"

#include <assert.h>

#include "app/app_body.h"
#include "app/hints.h"
#include "app/input.h"
#include "app/remote.h"
#include "app/resume.h"
#include "app/start.h"
#include "app/streaming.h"
#include "app/trailers.h"
#include "base/branch.h"
#include "http/status.h"
#include "server/dispatch.h"

/* ---- from what an app returned to a response ---- */

/* RFC 9110 15.3.6: a 205 has no content, whatever the app gives. */
static int64_t length_of_response(const struct wr_environ *e, int64_t length)
{
    return e->status == 205 ? 0 : length;
}

static void respond(struct wr_environ *e, int64_t length)
{
    struct wr_exchange *x = e->x;

    if (!e->is_started) /* else it is so, and the app may be looking at it */
        e->is_started = true;
    e->is_responding = true;
    x->response.status = e->status;
    wr_hints_flush(e);
    wr_trailers_announce(e);
    wr_app_body_open(e);
    wr_exchange_set_body(x, e->ours ? e->ours : &e->out, length_of_response(e, length));
    wr_exchange_respond(x);
}

/* Has the app returned all there is? What is ours may be there to be closed alone. */
static bool is_alone(const struct wr_environ *e)
{
    return !e->s && (!e->ours || e->x->response.content.p) && !e->trailer_names &&
           !e->trailer_list && !e->is_responding;
}

/* It is in memory, where it stays until `close`, at the end of the exchange: nobody asks for it. */
static inline void respond_at_once(struct wr_environ *e, struct wr_slice content, int64_t length)
{
    struct wr_exchange *x = e->x;

    e->is_started = e->is_responding = e->has_body = true;
    x->response.status = e->status;
    wr_exchange_set_content(x, content, e->ours);
    x->response.length = length_of_response(e, length); /* HEAD, 304: not of what is sent */
    wr_exchange_respond(x);
}

/* What is to be pulled is known: all of it are `length` bytes, -1 where that is not. */
static void give_body(struct wr_environ *e, int64_t length)
{
    e->has_body = true;
    if (e->is_responding)
        wr_exchange_body_ready(e->x);
    else
        respond(e, length);
}

void wr_mount_respond_early(struct wr_environ *e)
{
    respond(e, e->declared);
}

void wr_mount_respond_page(struct wr_environ *e, int status)
{
    e->is_started = e->is_responding = true;
    wr_exchange_respond_error(e->x, status);
}

static int status_of_broken(const struct wr_environ *e)
{
    if (e->broken == WEIR_ETOOBIG)
        return 413;
    return e->x->input_status ? e->x->input_status : 400;
}

/* Nothing was sent yet: the client gets a page. Else it sees that this is not all. */
static void respond_failed(struct wr_environ *e)
{
    int status = e->error == WEIR_ENOMEM ? 503 : 500;

    if (e->is_responding) {
        e->is_failed = true;
        wr_exchange_body_ready(e->x);
        return;
    }
    if (e->error == e->broken && !e->has_logged) /* the content is broken, and not the app */
        status = status_of_broken(e);
    wr_exchange_clear_response(e->x);
    if (e->remote && e->remote->is_without_stack) /* others leave theirs soon */
        wr_exchange_add_field(e->x, WR_SLICE("Retry-After"), WR_SLICE("1"));
    wr_mount_respond_page(e, status);
}

bool wr_mount_is_unread(const struct wr_environ *e)
{
    return e->x->request.method == WR_METHOD_HEAD || wr_status_is_bodiless(e->status) ||
           e->status == 205;
}

/* An iterable of which nothing is wanted: unless it is still to call start_response. */
static bool is_never_asked(const struct wr_environ *e)
{
    return e->status != 0 && wr_mount_is_unread(e);
}

/* A body whose size is known. */
static void conclude_sized(struct wr_environ *e, uint64_t size)
{
    bool is_head = e->x->request.method == WR_METHOD_HEAD;
    int64_t length = (int64_t)(e->given + size);

    if (e->status == 0) {
        wr_start_fault(e, WEIR_ESTATE, "it returned without start_response");
    } else if (size > INT64_MAX - e->given) {
        wr_start_fault(e, WEIR_EINVAL, "a body of %llu bytes", (unsigned long long)size);
    } else if (e->declared >= 0 && e->declared != length && !wr_mount_is_unread(e)) {
        wr_start_fault(e, WEIR_EINVAL, "the body has %lld bytes, its Content-Length is %lld",
                       (long long)length, (long long)e->declared);
    }
    if (e->error < 0) {
        respond_failed(e);
        return;
    }
    if (e->declared >= 0)
        length = e->declared;
    else if (is_head && length == 0 && e->body.kind == WEIR_BODY_EMPTY)
        length = -1; /* an app that knows HEAD and leaves the content out: its size is not 0 */
    if (is_alone(e) && e->body.kind != WEIR_BODY_FILE) {
        respond_at_once(e, wr_slice(size > 0 ? e->body.data : "", (size_t)size), length);
        return;
    }
    e->left = size;
    give_body(e, length);
}

/* How much of the file there is; what was promised must be there (RFC 9112 6.3). */
static void conclude_file(struct wr_environ *e)
{
    weir_body *b = &e->body;
    uint64_t size = b->size == WEIR_TO_END ? 0 : b->size;
    int64_t there = wr_app_body_check_file(e, "weir_file", (int)b->fd, b->offset, size);

    if (there >= 0 && b->size == WEIR_TO_END)
        b->size = (uint64_t)there - b->offset;
    conclude_sized(e, there < 0 ? 0 : b->size);
}

/* The first piece is a heartbeat. Where a callback is at work it may still change the head: then
 * with the next one. One that has said how long the content is has left no room for it. */
void wr_mount_begin_awaiting(struct wr_environ *e)
{
    if (e->remote && wr_remote_is_out(e)) {
        wr_app_body_set_beat(e);
    } else if (wr_app_body_has_beat(e)) {
        e->s->is_beat_due = true;
        give_body(e, -1);
    }
}

/* Some of it was written already: the head is fixed, and the body is pulled behind that. */
static void conclude_written(struct wr_environ *e)
{
    e->has_pulled = e->has_new_pull;
    e->has_new_pull = false;
    give_body(e, e->declared);
}

/* The head goes out with the first piece, since it may still change before; or with what a
 * callback writes while there is none. */
static void conclude_iterable(struct wr_environ *e)
{
    e->left = 0;
    if (e->is_started) {
        conclude_written(e);
        return;
    }
    if (is_never_asked(e)) {
        give_body(e, e->declared);
        return;
    }
    e->has_body = e->has_pulled = true;
    e->has_new_pull = false;
    switch (e->pulled) {
    case WEIR_CHUNK:
        if (e->chunk.size > 0)
            give_body(e, e->declared);
        else
            wr_events_post(e, WR_EVENT_WAKE); /* empty pieces only, so far */
        break;
    case WEIR_AGAIN:
        if (e->status != 0 && e->declared == 0) { /* there is nothing to wait for */
            give_body(e, 0);
            break;
        }
        e->has_pulled = false;
        wr_app_body_await(e);
        break;
    case WEIR_END:
        give_body(e, e->declared >= 0 ? e->declared : 0);
        break;
    default:
        respond_failed(e);
    }
}

/* Answered later. What was written by now goes out. */
static void conclude_later(struct wr_environ *e)
{
    if (e->is_started && !e->is_responding)
        wr_mount_respond_early(e);
    else if (e->is_responding)
        wr_exchange_body_ready(e->x);
}

/* What the app said of its own content does not hold for a page of ours. */
static void drop_content_fields(struct wr_environ *e, int status)
{
    static const char *const names[] = {"Content-Type",        "Content-Encoding",
                                        "Content-Language",    "Content-Location",
                                        "Content-Disposition", "ETag",
                                        "Last-Modified"};

    if (status == 304) /* it is about the content that the client has */
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        wr_start_drop_field(e, wr_slice_of(names[i]));
    if (status != 416) /* where it has the size alone, RFC 9110 14.4 */
        wr_start_drop_field(e, WR_SLICE("Content-Range"));
}

static void conclude_page(struct wr_environ *e)
{
    int64_t status = e->body.status;

    if (e->is_started)
        wr_start_fault(e, WEIR_ESTATE, "weir_error after weir_write");
    else if (status < 300 || status > 599)
        wr_start_fault(e, WEIR_EINVAL, "weir_error with the status %lld", (long long)status);
    if (e->error < 0) {
        respond_failed(e);
        return;
    }
    drop_content_fields(e, (int)status);
    e->x->response.reason = wr_slice(NULL, 0);
    wr_mount_respond_page(e, (int)status);
}

static void conclude_declined(struct wr_environ *e)
{
    struct wr_exchange *x = e->x;

    if (e->is_started)
        wr_start_fault(e, WEIR_ESTATE, "weir_decline after weir_write");
    else if (e->has_read) /* the next one would take the rest for all of it */
        wr_start_fault(e, WEIR_ESTATE, "weir_decline after weir_read");
    if (e->error < 0) {
        respond_failed(e);
        return;
    }
    wr_start_clear(e);
    e->is_started = e->is_responding = true; /* it has had its say */
    if (e->s)
        e->s->on_input.fn = e->s->on_writable.fn = NULL;
    e->wants_call = false; /* else its content would be fetched for this one */
    e->is_declined = true;
    e->due = 0;
    wr_resume_close(e);
    if (e->s && wr_remote_is_here(e))
        wr_watches_clear(&e->s->watches);
    x->on_input = NULL;
    wr_dispatch_next(x);
}

__attribute__((noinline)) static void conclude_other(struct wr_environ *e)
{
    e->is_concluding = false;
    if (e->error < 0) {
        respond_failed(e);
        return;
    }
    switch (e->body.kind) {
    case WEIR_BODY_EMPTY:
        conclude_sized(e, 0);
        break;
    case WEIR_BODY_MEMORY:
        if (!e->body.data && e->body.size > 0 && !e->ours)
            wr_start_fault(e, WEIR_EINVAL, "a body of %llu bytes at NULL",
                           (unsigned long long)e->body.size);
        conclude_sized(e, e->body.size);
        break;
    case WEIR_BODY_FILE:
        conclude_file(e);
        break;
    case WEIR_BODY_ITERABLE:
        conclude_iterable(e);
        break;
    case WEIR_BODY_ERROR:
        conclude_page(e);
        break;
    case WEIR_BODY_DECLINE:
        conclude_declined(e);
        break;
    case WEIR_BODY_LATER:
        conclude_later(e);
        break;
    default:
        wr_start_fault(e, WEIR_EINVAL, "a body of the unknown kind %u", (unsigned)e->body.kind);
        respond_failed(e);
    }
}

/* What most apps do: content in memory, and nothing else said of it. */
static bool is_usual(const struct wr_environ *e)
{
    return e->body.kind == WEIR_BODY_MEMORY && e->body.data && e->body.size <= INT64_MAX &&
           e->status != 0 && e->declared < 0 && e->error == 0 && is_alone(e);
}

void wr_mount_conclude(struct wr_environ *e)
{
    if (is_usual(e))
        respond_at_once(e, wr_slice(e->body.data, (size_t)e->body.size), (int64_t)e->body.size);
    else
        conclude_other(e);
}

void wr_builtin_finish(weir_environ *env, weir_body body)
{
    struct wr_environ *e = wr_environ_of(env);

    e->body = body;
    wr_mount_conclude(e);
}

/* ---- where the app runs ---- */

void wr_mount_take_body(struct wr_environ *e)
{
    if (e->body.kind != WEIR_BODY_ITERABLE)
        return;
    e->pulled = WEIR_AGAIN;
    if (!e->body.next)
        wr_start_fault(e, WEIR_EINVAL, "an iterable without next");
    if (e->error == 0 && !e->is_started && !is_never_asked(e))
        wr_app_body_pull(e);
}

/* The app has returned, and its body is where it belongs. */
static void take_returned(struct wr_environ *e)
{
    struct wr_streaming *s = e->s;

    if (s && s->has_finished && e->body.kind == WEIR_BODY_LATER) {
        e->body = s->finished;
        s->has_finished = false;
    } else if (s && s->has_finished) {
        wr_start_fault(e, WEIR_ESTATE, "it has called weir_finish, and returned a body");
    }
    wr_mount_take_body(e);
}

void wr_mount_call(struct wr_environ *e)
{
    e->body = e->mount->plugin.app(&e->base, wr_start_response);
    e->has_returned = true;
    take_returned(e);
}

__attribute__((noinline)) static void conclude_returned(struct wr_environ *e, weir_body body)
{
    wr_environ_set_more(e); /* it may have to be closed */
    e->has_returned = true;
    e->body = body;
    take_returned(e);
    wr_mount_conclude(e);
}

/* Is this content all that the app has said, but for status and fields? */
static inline bool is_plain(const struct wr_environ *e, const weir_body *body)
{
    uintptr_t other = e->has_more | (body->kind ^ WEIR_BODY_MEMORY) | (uintptr_t)body->close;

    return WR_LIKELY(other == 0) && e->status != 0 && body->data && body->size <= INT64_MAX;
}

/* Content in memory that need not be closed is not kept as a body: nobody asks for it again. */
void wr_mount_run(struct wr_environ *e)
{
    weir_body body;

    body = e->mount->plugin.app(&e->base, wr_start_response);
    if (!is_plain(e, &body)) {
        conclude_returned(e, body);
        return;
    }
    assert(is_alone(e) && e->error == 0 && e->declared < 0);
    e->has_returned = true;
    respond_at_once(e, wr_slice(body.data, (size_t)body.size), (int64_t)body.size);
}

/* ---- going on ---- */

/* An iterable that had nothing has more, says a wake, before the head. */
static void pull_again(struct wr_environ *e)
{
    if (e->remote) {
        wr_remote_pull(e);
        return;
    }
    wr_app_body_pull(e);
    wr_mount_conclude(e);
}

void wr_mount_go_on(struct wr_environ *e, bool is_woken)
{
    if (e->is_concluding || (e->error < 0 && !e->is_failed)) {
        wr_mount_conclude(e);
        return;
    }
    if (is_woken) {
        e->is_awaiting = false;
        if (e->has_pulled && e->pulled == WEIR_AGAIN) /* said before, and not looked at yet */
            e->has_pulled = false;
    }
    if (e->is_responding) {
        wr_exchange_body_ready(e->x);
    } else if (e->is_started && !e->remote) {
        wr_mount_respond_early(e);
    } else if (is_woken && e->has_returned && e->body.kind == WEIR_BODY_ITERABLE) {
        pull_again(e);
    }
}
