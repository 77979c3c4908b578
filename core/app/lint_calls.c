/*
 * lint_calls.c — the plugin's own functions, called by way of the checker: app, next, close,
 * deferred functions; and what holds when a request begins and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/lint_request.h"
#include "app/remote.h"

#define BLOCKS_NS   ((int64_t)50 * 1000000)
#define COMPUTES_NS ((int64_t)200 * 1000000)
#define HOLDS_NS    ((int64_t)5000 * 1000000)
#define NO_WAIT_NS  ((int64_t)1000000)

#define PAGES_AT_ONCE 256 /* that are looked at: this is on that stack, too */
#define GONE_WAITS    8   /* calls in a row that say WEIR_EGONE */

/* ---- time ---- */

static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* How often this thread has waited for something, and was not merely interrupted. */
static long switches(void)
{
    struct rusage u;

    return getrusage(RUSAGE_THREAD, &u) == 0 ? u.ru_nvcsw : 0;
}

void wr_lint_clock_read(struct wr_lint_clock *clock)
{
    *clock = (struct wr_lint_clock){wr_lint_now_ns(), cpu_ns(), switches()};
}

const char *wr_lint_clock_fault(const struct wr_lint_clock *began, enum wr_lint_rule *rule)
{
    struct wr_lint_clock now;
    int64_t cpu;

    wr_lint_clock_read(&now);
    cpu = now.cpu_ns - began->cpu_ns;
    if (now.switches > began->switches && now.wall_ns - began->wall_ns - cpu > BLOCKS_NS) {
        *rule = WR_LINT_BLOCKS;
        return "waited for more than 50 ms";
    }
    *rule = WR_LINT_COMPUTES;
    return cpu > COMPUTES_NS ? "computed for more than 200 ms" : NULL;
}

/* ---- what a coroutine has used of its stack ---- */

/* Is any page of these bytes there? */
static bool is_touched(uintptr_t low, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = n / page;
    unsigned char there[PAGES_AT_ONCE];

    for (size_t at = 0; at < pages; at += PAGES_AT_ONCE) {
        size_t some = pages - at < PAGES_AT_ONCE ? pages - at : PAGES_AT_ONCE;

        if (mincore((void *)(low + at * page), some * page, there) != 0) /* NOLINT */
            return false;
        for (size_t i = 0; i < some; i++)
            if (there[i] & 1)
                return true;
    }
    return false;
}

/* By the pages that are there, which stay: what another coroutine has touched of this stack
 * counts too, and is of the same app. */
static void check_depth(struct wr_lint_request *r, const void *frame)
{
    size_t size = r->lint->mount->in_coroutine.stack_bytes - WR_LINT_STACK_BYTES;
    uintptr_t low;

    if (wr_lint_stack_of(frame, &low) == WR_LINT_COROUTINE_STACK &&
        is_touched(low, size / 4 + WR_LINT_STACK_BYTES)) /* with ours */
        wr_lint_found(r, WR_LINT_DEEP,
                      "a coroutine has used more than three quarters of its stack, of %zu KiB",
                      size / 1024);
}

/* ---- a call of the plugin ---- */

void wr_lint_begin(struct wr_lint_request *r, enum wr_lint_where where, const char *what,
                   struct wr_lint_call *call)
{
    *call = (struct wr_lint_call){.where = r->where,
                                  .thread = atomic_exchange(&r->thread, gettid()),
                                  .frame = r->frame,
                                  .what = atomic_exchange(&r->what, what),
                                  .busy_since = atomic_load(&r->busy_since),
                                  .segment = r->segment,
                                  .wall_ns = wr_lint_now_ns(),
                                  .waited_ns = r->waited_ns};
    r->where = where;
    r->frame = call; /* it is a variable of who calls the plugin */
    if (call->busy_since == 0)
        atomic_store(&r->busy_since, call->wall_ns);
    wr_lint_clock_read(&r->segment);
}

/* Of what has just run without a wait. */
static void check_segment(struct wr_lint_request *r)
{
    enum wr_lint_rule rule;
    const char *fault = wr_lint_clock_fault(&r->segment, &rule);

    if (!fault)
        return;
    wr_lint_found(r, rule, "%s %s on the event loop%s", atomic_load(&r->what), fault,
                  wr_lint_runs(r->lint) == WEIR_IN_COROUTINE ? ", and all coroutines there" : "");
    wr_lint_clock_read(&r->segment); /* once is enough */
}

static void check_held(struct wr_lint_request *r, const struct wr_lint_call *call)
{
    int64_t wall = wr_lint_now_ns() - call->wall_ns - (r->waited_ns - call->waited_ns);

    if (wall > HOLDS_NS)
        wr_lint_found(r, WR_LINT_HOLDS, "%s held its thread for more than %lld s",
                      atomic_load(&r->what), (long long)(HOLDS_NS / 1000000000));
}

void wr_lint_leave(struct wr_lint_request *r, const struct wr_lint_call *call)
{
    int32_t runs = wr_lint_runs(r->lint);

    if (runs == WEIR_IN_THREAD)
        check_held(r, call);
    else
        check_segment(r);
    if (r->where != WR_LINT_IN_END)
        wr_lint_check_watches(r);
    if (runs == WEIR_IN_COROUTINE && call->where == WR_LINT_NOWHERE)
        check_depth(r, call);
    r->where = call->where;
    r->frame = call->frame;
    r->segment = call->segment;
    atomic_store(&r->what, call->what);
    atomic_store(&r->busy_since, call->busy_since);
    atomic_store(&r->thread, call->thread);
}

static uint64_t turn_of(const struct wr_lint_request *r)
{
    return wr_lint_runs(r->lint) == WEIR_IN_COROUTINE
               ? wr_loop_turn(wr_remote_loop(wr_lint_real(r)))
               : 0;
}

/* A coroutine is left: who uses its environ on this thread meanwhile is another. */
void wr_lint_wait_begin(struct wr_lint_request *r, struct wr_lint_wait *wait)
{
    *wait = (struct wr_lint_wait){.thread = atomic_load(&r->thread), .turn = turn_of(r)};
    wr_lint_clock_read(&wait->began);
    if (wr_lint_runs(r->lint) == WEIR_IN_COROUTINE) {
        check_segment(r);
        atomic_store(&r->thread, 0);
    }
    if (r->gone_waits == 0)
        atomic_store(&r->busy_since, 0);
}

/* Did others run on the loop meanwhile? What is there at once is had without a wait. */
static bool has_waited(const struct wr_lint_request *r, const struct wr_lint_wait *wait,
                       const struct wr_lint_clock *now)
{
    return turn_of(r) != wait->turn || now->switches > wait->began.switches ||
           now->cpu_ns - wait->began.cpu_ns > NO_WAIT_NS;
}

void wr_lint_wait_end(struct wr_lint_request *r, const struct wr_lint_wait *wait)
{
    struct wr_lint_clock now;

    wr_lint_clock_read(&now);
    r->waited_ns += now.wall_ns - wait->began.wall_ns;
    atomic_store(&r->thread, wait->thread);
    if (r->gone_waits == 0) /* else it does not wait any more, and is one long call */
        atomic_store(&r->busy_since, r->where == WR_LINT_NOWHERE ? 0 : now.wall_ns);
    if (wr_lint_runs(r->lint) == WEIR_IN_COROUTINE && has_waited(r, wait, &now))
        r->segment = now;
}

void wr_lint_wait_said(struct wr_lint_request *r, int64_t said)
{
    if (wr_lint_runs(r->lint) == WEIR_ON_LOOP || r->where == WR_LINT_IN_CALLBACK ||
        said != WEIR_EGONE)
        return;
    if (r->has_heard_gone && ++r->gone_waits == GONE_WAITS)
        wr_lint_found(r, WR_LINT_GONE,
                      "%s goes on waiting after WEIR_EGONE: it is to give up and return",
                      atomic_load(&r->what));
    r->has_heard_gone = true;
}

/* ---- content ---- */

static void keep(struct wr_lint_kept *kept, const void *p, size_t n)
{
    *kept = (struct wr_lint_kept){p, n, wr_lint_sum(p, n)};
}

static void check_kept(struct wr_lint_body *b, const char *what)
{
    struct wr_lint_kept kept = b->kept;
    uint64_t sum;

    b->kept = (struct wr_lint_kept){0};
    if (!kept.p)
        return;
    sum = wr_lint_sum(kept.p, kept.n);
    if (sum == 0)
        wr_lint_found(b->r, WR_LINT_CHANGED, "the memory of %s was given back too early", what);
    else if (sum != kept.sum)
        wr_lint_found(b->r, WR_LINT_CHANGED, "%s was changed or freed while it was sent", what);
}

static bool is_unread(const struct wr_environ *e)
{
    return e->x->request.method == WR_METHOD_HEAD || e->status == 204 || e->status == 205 ||
           e->status == 304;
}

static void check_length(struct wr_lint_request *r, uint64_t n)
{
    const struct wr_environ *e = wr_lint_real(r);

    if (e->declared >= 0 && (uint64_t)e->declared != n && !is_unread(e))
        wr_lint_found(r, WR_LINT_WRONG_LENGTH, "a body that is %s than its Content-Length",
                      n < (uint64_t)e->declared ? "shorter" : "longer");
}

/* ---- next and close ---- */

static void take_piece(struct wr_lint_body *b, const weir_chunk *c, const void *frame)
{
    struct wr_lint_request *r = b->r;
    const struct wr_environ *e = wr_lint_real(r);
    bool is_file = !c->data && c->reserved[0] != 0;

    if (c->size == 0) {
        wr_lint_found(r, WR_LINT_EMPTY_CHUNK, "next gave a piece without a byte");
        return;
    }
    if (e->status == 0) {
        wr_lint_found(r, WR_LINT_NO_START, "next gave a piece before start_response");
        return;
    }
    if ((!c->data && !is_file) || c->size > PTRDIFF_MAX) {
        wr_lint_found(r, WR_LINT_CHUNK, "next gave a piece %s",
                      c->data ? "of more bytes than there are" : "whose data is NULL");
        return;
    }
    if (!is_file && (c->reserved[0] || c->reserved[1]))
        wr_lint_found(r, WR_LINT_CHUNK, "next set reserved words of its piece");
    b->given += c->size;
    if (e->declared >= 0 && r->written + b->given > (uint64_t)e->declared)
        wr_lint_found(r, WR_LINT_WRONG_LENGTH, "a body that is longer than its Content-Length");
    wr_lint_check_answer(r, e->status, WR_LINT_SOME_CONTENT);
    if (is_file)
        return;
    if (wr_lint_check_memory(r, c->data, frame, "a piece"))
        keep(&b->kept, c->data, (size_t)c->size);
}

static void take_end(struct wr_lint_body *b)
{
    struct wr_lint_request *r = b->r;
    const struct wr_environ *e = wr_lint_real(r);

    if (e->status == 0) {
        wr_lint_found(r, WR_LINT_NO_START, "the body ended before start_response");
        return;
    }
    if (e->declared < 0 || r->written + b->given < (uint64_t)e->declared)
        check_length(r, r->written + b->given);
    wr_lint_check_answer(r, e->status, WR_LINT_NO_CONTENT);
}

static void take_said(struct wr_lint_body *b, int32_t said, const weir_chunk *c, const void *frame)
{
    struct wr_lint_request *r = b->r;

    if (wr_lint_real(r)->error < 0)
        return;
    if (said == WEIR_CHUNK)
        take_piece(b, c, frame);
    else if (said == WEIR_END)
        take_end(b);
    else if (said > 0)
        wr_lint_found(r, WR_LINT_CHUNK, "next said %d, which means nothing", (int)said);
    else if (said == WEIR_AGAIN && r->read_said != WEIR_AGAIN)
        r->again_since = wr_lint_now_ns();
}

static int32_t call_next(weir_environ *env, const weir_body *body, weir_chunk *chunk)
{
    return body->guard ? body->guard(body->next, env, body->arg, chunk)
                       : body->next(env, body->arg, chunk);
}

static int32_t lint_next(weir_environ *real, void *arg, weir_chunk *chunk)
{
    struct wr_lint_body *b = arg;
    struct wr_lint_request *r = b->r;
    struct wr_lint_call call;
    int32_t said;

    (void)real;
    check_kept(b, "a piece");
    r->read_said = 0;
    r->again_since = 0;
    wr_lint_begin(r, WR_LINT_IN_NEXT, "next", &call);
    said = call_next(&r->base, &b->own, chunk);
    wr_lint_leave(r, &call);
    take_said(b, said, chunk, __builtin_frame_address(0));
    return said;
}

static void lint_close(void *arg)
{
    struct wr_lint_body *b = arg;
    struct wr_lint_request *r = b->r;
    struct wr_lint_call call;

    check_kept(b, b->own.kind == WEIR_BODY_MEMORY ? "the body" : "a piece");
    if (!b->own.close)
        return;
    wr_lint_begin(r, WR_LINT_IN_END, "close", &call);
    b->own.close(b->own.arg);
    wr_lint_leave(r, &call);
}

/* ---- a body that is handed over ---- */

static bool check_file(struct wr_lint_request *r, const weir_body *b, uint64_t *size)
{
    struct stat st;

    if (fstat((int)b->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        wr_lint_found(r, WR_LINT_BODY, "weir_file: the descriptor is not that of a regular file");
        return false;
    }
    if (b->offset > (uint64_t)st.st_size ||
        (b->size != WEIR_TO_END && b->size > (uint64_t)st.st_size - b->offset)) {
        wr_lint_found(r, WR_LINT_BODY, "weir_file: the file is shorter than that");
        return false;
    }
    *size = b->size == WEIR_TO_END ? (uint64_t)st.st_size - b->offset : b->size;
    return true;
}

static void check_sized(struct wr_lint_request *r, const weir_body *b, uint64_t size)
{
    const struct wr_environ *e = wr_lint_real(r);

    if (e->status == 0) {
        if (!r->has_heard_gone && !wr_host_table.is_gone(r->real)) /* else nobody sees it */
            wr_lint_found(r, WR_LINT_NO_START, "it returned without start_response");
        return;
    }
    if (b->kind != WEIR_BODY_EMPTY || e->x->request.method != WR_METHOD_HEAD)
        check_length(r, r->written + size);
    wr_lint_check_answer(r, e->status, size > 0 ? WR_LINT_SOME_CONTENT : WR_LINT_NO_CONTENT);
}

static void check_declined(struct wr_lint_request *r)
{
    const struct wr_environ *e = wr_lint_real(r);

    if (r->has_read && e->has_read)
        wr_lint_found(r, WR_LINT_LOST, "weir_decline after weir_read: nobody else can read it");
    else if (e->status != 0 || e->x->response.n > 0 || e->x->response.block)
        wr_lint_found(r, WR_LINT_LOST, "weir_decline after start_response: what it said is lost");
}

static void check_body(struct wr_lint_request *r, const weir_body *b, const void *frame)
{
    uint64_t size;

    switch (b->kind) {
    case WEIR_BODY_EMPTY:
        check_sized(r, b, 0);
        break;
    case WEIR_BODY_MEMORY:
        if (!b->data && b->size > 0) {
            wr_lint_found(r, WR_LINT_BODY, "a body of memory at NULL");
            break;
        }
        if (wr_lint_check_memory(r, b->data, frame, "the body") && !r->has_body)
            keep(&r->body.kept, b->data, (size_t)b->size);
        check_sized(r, b, b->size);
        break;
    case WEIR_BODY_FILE:
        if (check_file(r, b, &size))
            check_sized(r, b, size);
        break;
    case WEIR_BODY_ITERABLE:
        if (!b->next)
            wr_lint_found(r, WR_LINT_BODY, "an iterable without next");
        else if (b->flags > 0 && wr_lint_real(r)->declared >= 0)
            wr_lint_found(r, WR_LINT_WRONG_LENGTH,
                          "weir_heartbeat where there is a Content-Length");
        if (b->flags > 0)
            atomic_fetch_add(&r->waiters, 1); /* the beat keeps it going */
        break;
    case WEIR_BODY_ERROR:
        if (b->status < 300 || b->status > 599)
            wr_lint_found(r, WR_LINT_STATUS, "weir_error with the status %lld",
                          (long long)b->status);
        else
            wr_lint_check_answer(r, (int32_t)b->status, WR_LINT_ANY_CONTENT);
        break;
    case WEIR_BODY_DECLINE:
        check_declined(r);
        break;
    case WEIR_BODY_LATER:
        r->has_later = true;
        break;
    default:
        wr_lint_found(r, WR_LINT_BODY, "a body of an unknown kind");
    }
}

/* next and close come when the app has returned. */
static void check_body_argument(struct wr_lint_request *r, const weir_body *b, const void *frame)
{
    bool has_argument = b->kind == WEIR_BODY_ITERABLE || (b->kind == WEIR_BODY_MEMORY && b->close);

    if (has_argument && wr_lint_is_on_stack(b->arg, frame))
        wr_lint_found(
            r, WR_LINT_ARGUMENT,
            "the argument of the body is a local variable, which is gone when %s is called",
            b->kind == WEIR_BODY_ITERABLE ? "next" : "release");
}

weir_body wr_lint_take_body(struct wr_lint_request *r, weir_body body, const void *frame)
{
    struct wr_lint_body *b = &r->body;

    if (wr_lint_real(r)->error == 0) {
        check_body(r, &body, frame);
        check_body_argument(r, &body, frame);
    }
    if ((body.kind != WEIR_BODY_MEMORY && body.kind != WEIR_BODY_ITERABLE) || r->has_body)
        return body; /* after weir_finish() the server closes it at once */
    r->has_body = true;
    b->own = body;
    body.close = lint_close;
    body.arg = b;
    if (body.kind == WEIR_BODY_ITERABLE) {
        body.guard = NULL;
        body.next = body.next ? lint_next : NULL;
    }
    return body;
}

/* ---- begin and end of a request ---- */

/* Who keeps environs for the callbacks of its loop takes them out again when they end. */
static bool may_be_finished(struct wr_lint_request *r)
{
    return atomic_load(&r->waiters) > 0 || (r->has_deferred && atomic_load(&r->lint->has_of_loop));
}

static void check_waiting(struct wr_lint_request *r)
{
    struct wr_lint *l = r->lint;
    int64_t patience_ns = (int64_t)atomic_load(&l->patience_ms) * 1000000;

    if (r->again_since > 0 && atomic_load(&r->waiters) == 0 &&
        wr_lint_now_ns() - r->again_since > patience_ns)
        wr_lint_note_next(l, r->body.own.next, false);
    if (patience_ns > 0)
        wr_lint_check_unwoken(l);
    if (r->has_later && !r->has_finished && !may_be_finished(r) && wr_lint_real(r)->error == 0)
        wr_lint_found(r, WR_LINT_NEVER_FINISHED,
                      "weir_later, and nothing is there that would call weir_finish: no token was "
                      "asked for, no timer, watch, work or other callback waits");
}

static void check_reading(struct wr_lint_request *r)
{
    const struct wr_environ *e = wr_lint_real(r);
    int64_t length = e->x->request.content_length;

    if (r->read_n > 0 && length > 0 && r->read_n < (uint64_t)length && r->read_said >= 0 &&
        e->x->state == WR_EXCHANGE_FINISHED && e->status >= 200 && e->status < 300)
        wr_lint_found(r, WR_LINT_HALF_READ,
                      "it answered %d, and has read only a part of the content", (int)e->status);
}

static void check_copies(struct wr_lint_request *r)
{
    for (const struct wr_lint_copy *c = r->copies; c; c = c->next)
        if (wr_lint_sum(c->p, c->n) != c->sum)
            wr_lint_found(r, WR_LINT_WRITTEN_TO, "a string that the environ gave was changed");
}

/* After close and all that the app has deferred. */
static void lint_end(void *arg)
{
    struct wr_lint_request *r = arg;
    const struct wr_environ *e = wr_lint_real(r);

    check_waiting(r);
    wr_lint_check_unread(r);
    check_reading(r);
    check_copies(r);
    if (e->has_logged && atomic_load(&r->errors) == 0)
        wr_lint_found(r, WR_LINT_FAILED, "it failed: the log says why (weir lint --verbose)");
    wr_environ_of(r->real)->lint = NULL;
    wr_lint_request_keep(r);
}

static weir_body lint_app(weir_environ *real, weir_start_response *start_response)
{
    struct wr_lint *l = wr_environ_of(real)->mount->lint;
    struct wr_lint_request *r = wr_lint_request_new(l, real);
    struct wr_lint_call call;
    weir_body body;

    (void)start_response; /* the checker's calls it */
    if (!r || wr_host_table.defer(real, lint_end, r) < 0) {
        wr_lint_request_free(r);
        return weir_error(real, 503);
    }
    wr_lint_request_begin(r);
    wr_lint_note_loop(r);
    wr_lint_begin(r, WR_LINT_IN_APP, "the app", &call);
    body = l->plugin.app(&r->base, wr_lint_start_response);
    wr_lint_leave(r, &call);
    r->has_returned = true;
    return wr_lint_take_body(r, body, __builtin_frame_address(0));
}

static int32_t lint_thread_start(const weir_host *host, void *state, void **thread_state)
{
    struct wr_lint *l = wr_mount_of_host(host)->lint;

    wr_lint_add_thread(l, gettid());
    return l->plugin.thread_start ? l->plugin.thread_start(host, state, thread_state) : 0;
}

void wr_lint_wrap_plugin(struct wr_lint *l)
{
    l->plugin = l->mount->plugin;
    l->mount->plugin.app = lint_app;
    l->mount->plugin.thread_start = lint_thread_start;
    wr_lint_wrap_loop(l);
}
