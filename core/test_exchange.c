#include "test_exchange.h"

#include <errno.h>
#include <stdlib.h>

#include "server/dispatch.h"

#define MOVE_BYTES ((size_t)256 * 1024)       /* of a body, before others have their turn */
#define BODY_MAX   ((size_t)64 * 1024 * 1024) /* one that is larger has no end */

static const char *target_of(const weir_test_exchange *s)
{
    return s->x->request.target.p;
}

static void log_fault(const weir_test_exchange *s, const char *what)
{
    const struct wr_request *r = &s->x->request;

    wr_log(&s->t->site.log, WR_LOG_ERROR, "test: %.*s %.*s: %s", (int)r->method_token.n,
           r->method_token.p, (int)r->target.n, target_of(s), what);
}

static void fail_memory(weir_test_exchange *s)
{
    log_fault(s, "out of memory");
    s->response.is_cut = 1;
}

/* ---- the stream: content ---- */

/* What comes now is the last, and all of it is read. */
static bool is_at_end(const weir_test_exchange *s)
{
    return s->has_ended && s->read == s->content.n;
}

static ssize_t fail_content(weir_test_exchange *s, int status, ssize_t err)
{
    s->x->input_status = status;
    return err;
}

static bool is_too_large(const weir_test_exchange *s)
{
    return wr_exchange_is_too_large(s->x) ||
           (s->read >= s->x->body_bytes_max && s->arrived > s->read);
}

/* Nothing is there to be read. */
static ssize_t read_nothing(weir_test_exchange *s)
{
    if (is_at_end(s)) {
        if (s->trailers.n > 0)
            s->x->request.trailers = &s->trailers;
        return 0;
    }
    if (s->is_half_closed)
        return fail_content(s, 400, -ECONNABORTED);
    if (s->owes_continue) {
        s->owes_continue = s->awaits_continue = false;
        if (!wr_test_keep_interim(s, 100, NULL, 0))
            fail_memory(s);
    }
    s->wants_input = true;
    return -EAGAIN;
}

static ssize_t on_read(struct wr_exchange *x, void *dst, size_t n)
{
    weir_test_exchange *s = x->stream_data;
    size_t there = s->arrived - s->read;
    uint64_t room = x->body_bytes_max - s->read;

    s->wants_input = false;
    if (x->input_status)
        return -EBADMSG;
    if (n == 0)
        return 0;
    if (is_too_large(s))
        return fail_content(s, 413, -EBADMSG);
    if (there == 0)
        return read_nothing(s);
    s->owes_continue = false; /* the client has not waited */
    n = n < there ? n : there;
    n = s->declared < 0 && n > room ? (size_t)room : n;
    memcpy(dst, s->content.p + s->read, n);
    s->read += n;
    s->t->news++;
    return (ssize_t)n;
}

/* ---- the stream: the response ---- */

static void on_respond(struct wr_exchange *x)
{
    weir_test_exchange *s = x->stream_data;

    s->is_responding = s->may_pull = true;
}

static void on_body_ready(struct wr_exchange *x)
{
    weir_test_exchange *s = x->stream_data;

    s->may_pull = true;
}

static int on_inform(struct wr_exchange *x, int status, const struct wr_response_field *fields,
                     size_t n)
{
    weir_test_exchange *s = x->stream_data;

    if (!s->is_11)
        return -ENOTSUP;
    return wr_test_keep_interim(s, status, fields, n) ? 0 : -ENOMEM;
}

static const struct wr_stream_ops stream_ops = {
    .respond = on_respond, .body_ready = on_body_ready, .read = on_read, .inform = on_inform};

void wr_test_let_go(weir_test_exchange *s, bool is_cut)
{
    if (!s->is_open)
        return;
    s->is_open = false;
    s->response.is_done = 1;
    s->response.is_cut |= is_cut;
    s->t->news++;
    wr_exchange_end(s->x);
}

static void finish(weir_test_exchange *s, bool is_cut)
{
    if (!is_cut && !wr_test_keep_trailers(s))
        fail_memory(s);
    s->x->is_complete = !is_cut;
    wr_test_let_go(s, is_cut);
}

/* A body that is shorter than it was said to be, or longer, is cut. */
static bool has_all(const weir_test_exchange *s)
{
    int64_t length = s->x->response.length;

    return length < 0 || s->body.n == (uint64_t)length;
}

static bool has_too_much(const weir_test_exchange *s, size_t n)
{
    int64_t length = s->x->response.length;

    return length >= 0 && n > (uint64_t)length - s->body.n;
}

/* Of the piece, what the client takes now. */
static size_t share(const weir_test_exchange *s, size_t n)
{
    uint64_t room = s->may_take - s->body.n;

    if (n > room)
        n = (size_t)room;
    return n < MOVE_BYTES ? n : MOVE_BYTES;
}

/* A piece of the body, or its end. False: there is nothing for now. */
static bool pull_once(weir_test_exchange *s)
{
    struct wr_piece piece;
    ssize_t n;
    int count;

    s->may_pull = false; /* first: it may say at once that there is more */
    count = wr_exchange_peek(s->x, &piece);
    if (count == -EAGAIN)
        return false;
    s->may_pull = true;
    if (count <= 0) {
        finish(s, count < 0 || !has_all(s));
        return true;
    }
    n = has_too_much(s, piece.len) ? -EMSGSIZE : wr_test_keep_piece(s, &piece, share(s, piece.len));
    if (n < 0) {
        finish(s, true);
        return true;
    }
    wr_exchange_advance(s->x, (size_t)n);
    if (n > 0)
        s->t->news++;
    if (s->body.n > BODY_MAX) {
        log_fault(s, "a response of more than 64 MiB, which has no end");
        finish(s, true);
    }
    return true;
}

/* As long as it is known to be; what is to have trailers is asked for its end, which has them. */
static bool is_whole(const weir_test_exchange *s)
{
    int64_t length = s->x->response.length;

    return length >= 0 && s->body.n == (uint64_t)length && !wr_test_has_trailers(s);
}

/* The body as far as it goes, as a protocol pulls it that never blocks. */
static bool pull(weir_test_exchange *s)
{
    size_t start = s->body.n;
    bool has_moved = false;

    while (s->is_open && s->may_pull && s->body.n - start < MOVE_BYTES) {
        if (!wr_test_has_content(s) || is_whole(s)) {
            finish(s, false);
            return true;
        }
        if (s->body.n >= s->may_take)
            break;
        has_moved = pull_once(s) || has_moved;
    }
    return has_moved;
}

/* ---- what happens by itself ---- */

/* A client that half-closed has left, where its route says so, when what it sent before is read.
 * What it has cut is broken content. */
static bool has_left_by_half_close(const weir_test_exchange *s)
{
    return s->is_half_closed && is_at_end(s) && wr_exchange_ends_with_input(s->x);
}

bool wr_test_move(weir_test_exchange *s)
{
    bool has_moved = false;

    if (!s->is_open)
        return false;
    if (has_left_by_half_close(s)) {
        wr_test_let_go(s, true);
        return true;
    }
    if (s->wants_input && s->x->on_input &&
        (s->arrived > s->read || is_at_end(s) || s->is_half_closed)) {
        s->wants_input = false;
        s->x->on_input(s->x);
        has_moved = true;
    }
    if (s->is_open && s->is_responding && !s->has_head) {
        s->awaits_continue = false;
        if (!wr_test_keep_head(s))
            fail_memory(s);
        s->t->news++;
        has_moved = true;
    }
    if (s->is_open && s->has_head)
        has_moved = pull(s) || has_moved;
    return has_moved;
}

/* The next piece of content arrives. */
static bool arrive(weir_test_exchange *s)
{
    size_t left = s->content.n - s->arrived;
    size_t piece = s->arrived == 0 && s->first > 0 ? s->first : s->piece;

    if (left == 0 || s->awaits_continue)
        return false;
    if (s->leave_at_content > 0 && left > s->leave_at_content - s->arrived)
        left = (size_t)(s->leave_at_content - s->arrived);
    s->arrived += piece > 0 && piece < left ? piece : left;
    return left > 0;
}

static bool is_to_leave(const weir_test_exchange *s)
{
    return (s->leave_at_content > 0 && s->arrived >= s->leave_at_content) ||
           (s->leave_at_body > 0 && s->body.n >= s->leave_at_body);
}

static void bound_take(weir_test_exchange *s)
{
    if (s->leave_at_body > 0 && s->may_take > s->leave_at_body)
        s->may_take = s->leave_at_body;
}

/* It has taken all that it would, and takes more. */
static bool take_more(weir_test_exchange *s)
{
    if (s->take == 0 || s->take == WEIR_TEST_BY_HAND || s->body.n < s->may_take)
        return false;
    s->may_take = s->body.n + s->take;
    bound_take(s);
    return true;
}

bool wr_test_turn(weir_test_exchange *s)
{
    bool has_arrived;

    if (!s->is_open)
        return false;
    if (is_to_leave(s)) {
        wr_test_let_go(s, false);
        s->is_half_closed = true;
        return true;
    }
    has_arrived = arrive(s);
    return take_more(s) || has_arrived;
}

/* ---- life ---- */

static void free_exchange(weir_test_exchange *s)
{
    wr_list_remove(&s->link);
    for (size_t i = 0; i < s->interims_n; i++)
        wr_test_forget_fields(&s->interim_fields[i]);
    free(s->interim_fields);
    free(s->interims);
    wr_test_forget_fields(&s->fields);
    wr_test_forget_fields(&s->got_trailers);
    wr_test_forget_fields(&s->sent_trailers);
    free(s->trailer_list);
    free(s->content.p);
    free(s->body.p);
    free(s);
}

void wr_test_reap(weir_test *t)
{
    WR_LIST_FOREACH_SAFE (it, &t->exchanges) {
        weir_test_exchange *s = WR_CONTAINER_OF(it, struct weir_test_exchange, link);

        if (s->x && !s->is_open && s->x->holders == 1) {
            wr_exchange_unref(s->x);
            s->x = NULL;
        }
        if (!s->x && s->is_given_up)
            free_exchange(s);
    }
}

static weir_test_exchange *make(weir_test *t)
{
    weir_test_exchange *s = calloc(1, sizeof *s);
    struct wr_worker *worker = &t->workers[t->begun_n % (uint64_t)t->workers_n];

    if (!s)
        return NULL;
    wr_list_init(&s->link);
    s->t = t;
    s->x = wr_exchange_new(worker, &stream_ops, s);
    if (!s->x || !wr_test_append(&s->body, "", 0) || !wr_test_append(&s->content, "", 0)) {
        if (s->x)
            wr_exchange_end(s->x);
        free_exchange(s);
        return NULL;
    }
    wr_list_append(&t->exchanges, &s->link);
    t->begun_n++;
    return s;
}

/* Of names that may be there alone: others a server drops. */
static bool set_trailers(weir_test_exchange *s, const weir_header *trailers)
{
    const struct wr_test_fields *sent = &s->sent_trailers;

    if (!wr_test_keep_fields(&s->sent_trailers, trailers) || sent->n > WR_FIELDS_LIMIT)
        return false;
    if (sent->n == 0)
        return true;
    s->trailer_list = calloc(sent->n, sizeof *s->trailer_list);
    if (!s->trailer_list)
        return false;
    wr_fields_init(&s->trailers, s->trailer_list, (uint16_t)sent->n);
    for (size_t i = 0; i < sent->n; i++) {
        struct wr_slice name = wr_slice_of(sent->v[i].name);

        if (wr_field_may_trail(name))
            wr_fields_add(&s->trailers, name, wr_slice_of(sent->v[i].value));
    }
    return true;
}

/* Content, and what the client does of itself. False: no memory. */
static bool set_ways(weir_test_exchange *s, const weir_test_request *request,
                     const struct wr_test_way *way)
{
    s->first = way->first;
    s->piece = request->piece;
    s->leave_at_content = request->leave_at_content;
    s->leave_at_body = request->leave_at_body;
    s->take = request->take;
    s->may_take = s->take == WEIR_TEST_BY_HAND ? 0 : s->take > 0 ? s->take : UINT64_MAX;
    bound_take(s);
    if (!wr_test_append(&s->content, request->body, request->body_size))
        return false;
    s->has_ended = s->declared < 0 ? way->ends : (uint64_t)s->declared == s->content.n;
    if (s->declared < 0 && way->ends && !set_trailers(s, request->trailers))
        return false;
    if (s->piece == 0 && s->first == 0) /* it is there with the header */
        arrive(s);
    return true;
}

weir_test_exchange *wr_test_begin(weir_test *t, const weir_test_request *request,
                                  const struct wr_test_way *way)
{
    weir_test_exchange *s = make(t);

    if (!s)
        return NULL;
    s->is_open = true;
    wr_exchange_ref(s->x);
    if (wr_test_set_request(s, request) && set_ways(s, request, way)) {
        wr_dispatch(s->x);
        wr_test_run(t);
        return s;
    }
    wr_log(&t->site.log, WR_LOG_ERROR, "there is no such request: %s %s",
           request->method ? request->method : "GET", request->target ? request->target : "/");
    weir_test_end(s);
    return NULL;
}

weir_test_exchange *weir_test_begin(weir_test *t, const weir_test_request *request)
{
    const struct wr_test_way way = {.ends = false};

    return t->error || t->is_stopped ? NULL : wr_test_begin(t, request, &way);
}

void weir_test_end(weir_test_exchange *s)
{
    weir_test *t;

    if (!s)
        return;
    t = s->t;
    wr_test_let_go(s, false);
    s->is_given_up = true;
    wr_test_run(t);
}

const weir_test_response *weir_test_answer(const weir_test_exchange *s)
{
    return &s->response;
}

/* ---- what the client does ---- */

/* 0: it may send that much more. */
static int32_t check_send(const weir_test_exchange *s, size_t n)
{
    if (s->is_half_closed || (s->has_ended && s->declared < 0))
        return WEIR_ESTATE;
    if (s->declared >= 0 && n > (uint64_t)s->declared - s->content.n)
        return WEIR_EINVAL;
    return 0;
}

int32_t weir_test_send(weir_test_exchange *s, const void *p, size_t n)
{
    int32_t err = check_send(s, n);

    if (err < 0)
        return err;
    if (!wr_test_append(&s->content, p, n))
        return WEIR_ENOMEM;
    s->awaits_continue = false;
    s->has_ended = s->declared >= 0 && s->content.n == (uint64_t)s->declared;
    wr_test_run(s->t);
    return 0;
}

int32_t weir_test_send_end(weir_test_exchange *s, const weir_header *trailers)
{
    int32_t err = check_send(s, 0);

    if (err < 0)
        return err;
    if (s->declared >= 0)
        return s->has_ended && (!trailers || !trailers->name) ? 0 : WEIR_EINVAL;
    if (!set_trailers(s, trailers))
        return WEIR_ENOMEM;
    s->awaits_continue = false;
    s->has_ended = true;
    wr_test_run(s->t);
    return 0;
}

void weir_test_take(weir_test_exchange *s, size_t n)
{
    if (s->take != WEIR_TEST_BY_HAND)
        s->may_take = s->body.n;
    s->take = WEIR_TEST_BY_HAND;
    s->may_take = n == WEIR_TEST_ALL || s->may_take > UINT64_MAX - n ? UINT64_MAX : s->may_take + n;
    bound_take(s);
    wr_test_run(s->t);
}

void weir_test_half_close(weir_test_exchange *s)
{
    if (!s->is_open || s->is_half_closed)
        return;
    s->is_half_closed = s->x->is_half_closed = true;
    s->awaits_continue = false;
    if (!s->has_ended || s->arrived < s->content.n) {
        s->content.n = s->arrived; /* what was still to come */
        s->has_ended = false;
    }
    if (s->x->on_half_close && !has_left_by_half_close(s))
        s->x->on_half_close(s->x);
    wr_test_run(s->t);
}

void weir_test_leave(weir_test_exchange *s)
{
    wr_test_let_go(s, false);
    s->is_half_closed = true;
    wr_test_run(s->t);
}
