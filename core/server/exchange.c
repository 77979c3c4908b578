#include "server/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "server/error_page.h"
#include "server/router.h"
#include "server/worker.h"

#define OWN_HEAD_MAX 1024 /* bytes: half an arena's block, and most heads */

/* ---- response ---- */

/* From member `first` up to member `end`, which are few: gcc makes wide stores of so many bytes, and one
 * store a member or a `rep stos`, which takes longer to begin than all of it should, of other ways to say
 * the same. */
#define CLEAR(struct_, first, end)                                                                 \
    memset(&(struct_)->first, 0,                                                                   \
           offsetof(__typeof__(*(struct_)), end) - offsetof(__typeof__(*(struct_)), first))

static void init_response(struct wr_response *r)
{
    CLEAR(r, status, reason);
    CLEAR(r, reason, trailer_names);
    CLEAR(r, trailer_names, fields);
    r->cap = WR_RESPONSE_FIELDS_INLINE;
    r->fields = r->inline_fields;
}

static bool grow_fields(struct wr_exchange *x)
{
    struct wr_response *r = &x->response;
    size_t bytes = r->cap * sizeof *r->fields;
    struct wr_response_field *fields = wr_arena_alloc(&x->arena, 2 * bytes);

    if (!fields)
        return false;
    memcpy(fields, r->fields, bytes);
    r->fields = fields;
    r->cap = (uint16_t)(2 * r->cap);
    return true;
}

void wr_exchange_add_field_slowly(struct wr_exchange *x, struct wr_slice name,
                                  struct wr_slice value)
{
    struct wr_response *r = &x->response;

    if (!value.p || (r->n == r->cap && !grow_fields(x))) {
        r->out_of_memory = true;
        return;
    }
    r->fields[r->n++] = (struct wr_response_field){name, value};
}

void wr_exchange_add_field_copy(struct wr_exchange *x, struct wr_slice name, struct wr_slice value)
{
    wr_exchange_add_field(x, name, wr_arena_dup(&x->arena, value));
}

void wr_exchange_spread_block(struct wr_exchange *x)
{
    struct wr_response *r = &x->response;
    const struct wr_field_block *block = r->block;
    uint16_t own = r->n;

    r->block = NULL;
    for (unsigned i = 0; block && i < block->n; i++)
        wr_exchange_add_field(x, block->fields[i].name, block->fields[i].value);
    if (!block || r->n != own + block->n)
        return;
    for (unsigned i = 0; i < own; i++) { /* those of the block first, as before */
        struct wr_response_field first = r->fields[0];

        memmove(r->fields, r->fields + 1, (r->n - 1) * sizeof *r->fields);
        r->fields[r->n - 1] = first;
    }
}

void wr_exchange_set_content(struct wr_exchange *x, struct wr_slice content, struct wr_body *owner)
{
    assert(!x->response.body);
    x->response.body = owner;
    x->response.content = content;
    x->response.length = (int64_t)content.n;
}

void wr_exchange_set_body(struct wr_exchange *x, struct wr_body *body, int64_t length)
{
    assert(!x->response.body);
    x->response.body = body;
    x->response.length = length;
    if (!body)
        x->response.out_of_memory = true;
}

static void close_body(struct wr_response *r)
{
    struct wr_body *body = r->body;

    r->body = NULL;
    r->content = wr_slice(NULL, 0);
    if (body)
        body->ops->close(body);
}

void wr_exchange_clear_response(struct wr_exchange *x)
{
    close_body(&x->response);
    init_response(&x->response);
}

void wr_exchange_respond_slowly(struct wr_exchange *x)
{
    if (x->state == WR_EXCHANGE_CANCELLED)
        return;
    assert(x->state == WR_EXCHANGE_PARSED || x->state == WR_EXCHANGE_RUNNING);
    if (x->response.out_of_memory) {
        x->on_input = NULL;
        wr_exchange_clear_response(x);
        wr_error_page(x, 503);
    }
    x->state = WR_EXCHANGE_RESPONDING;
    if (!x->is_called)
        x->stream->respond(x);
}

void wr_exchange_respond_error(struct wr_exchange *x, int status)
{
    if (x->state == WR_EXCHANGE_CANCELLED)
        return;
    x->on_input = NULL; /* nobody reads on */
    close_body(&x->response);
    wr_error_page(x, status);
    wr_exchange_respond(x);
}

/* ---- content ---- */

ssize_t wr_exchange_read(struct wr_exchange *x, void *dst, size_t n)
{
    return x->stream ? x->stream->read(x, dst, n) : -ECONNABORTED;
}

int wr_exchange_limit_body(struct wr_exchange *x, uint64_t n)
{
    if (n < x->body_bytes_max)
        x->body_bytes_max = n;
    return wr_exchange_is_too_large(x) ? -EMSGSIZE : 0;
}

int wr_exchange_inform(struct wr_exchange *x, int status, const struct wr_response_field *fields,
                       size_t n)
{
    if (!x->stream)
        return -ECONNABORTED;
    if (x->state != WR_EXCHANGE_PARSED && x->state != WR_EXCHANGE_RUNNING)
        return -EALREADY;
    return x->stream->inform ? x->stream->inform(x, status, fields, n) : -ENOTSUP;
}

void wr_exchange_body_ready(struct wr_exchange *x)
{
    if (x->stream)
        x->stream->body_ready(x);
}

size_t wr_exchange_id(const struct wr_exchange *x, char out[static WR_EXCHANGE_ID_MAX])
{
    struct wr_buf b = wr_buf_on(out, WR_EXCHANGE_ID_MAX);

    wr_buf_hex(&b, x->worker->random);
    wr_buf_char(&b, '-');
    wr_buf_hex(&b, x->id);
    return b.n;
}

/* ---- life ---- */

void wr_exchange_init_fields(struct wr_exchange *x)
{
    uint16_t max = x->lease->site->config.fields_max;

    wr_fields_init(&x->request.fields, x->field_store,
                   max < WR_FIELDS_USUAL ? max : WR_FIELDS_USUAL);
}

bool wr_exchange_more_fields(struct wr_exchange *x)
{
    struct wr_fields *f = &x->request.fields;
    uint16_t max = x->lease->site->config.fields_max;
    struct wr_field *v = f->cap < max ? wr_arena_alloc(&x->arena, max * sizeof *v) : NULL;

    if (!v)
        return false;
    memcpy(v, f->v, f->n * sizeof *v);
    f->v = v;
    f->cap = max;
    return true;
}

/* Whoever refuses a request before its head is read finds nothing in it. */
static void init_request(struct wr_request *r)
{
    CLEAR(r, method, method_token);
    CLEAR(r, method_token, query);
    CLEAR(r, query, trailers);
    atomic_store_explicit(&r->trailers, NULL, memory_order_relaxed);
}

inline struct wr_exchange *wr_exchange_new(struct wr_worker *w, const struct wr_stream_ops *stream,
                                           void *stream_data)
{
    struct wr_exchange *x = wr_worker_take_exchange(w);

    if (!x)
        return NULL;
    x->lease = w->lease;
    x->lease->exchanges++;
    x->stream = stream;
    x->stream_data = stream_data;
    x->id = ++w->requests;
    x->body_bytes_max = w->site->config.body_bytes_max;
    x->state = WR_EXCHANGE_PARSED;
    x->holders = 1;
    CLEAR(x, head, on_input);
    CLEAR(x, on_input, arena);
    init_request(&x->request);
    wr_exchange_init_fields(x);
    init_response(&x->response);
    return x;
}

/* From the first byte to the last of the head that a slice points to. */
static size_t head_bytes(const struct wr_request *r)
{
    const struct wr_fields *f = &r->fields;
    const struct wr_slice last = f->n > 0 ? f->v[f->n - 1].value : r->target;

    return (size_t)(last.p + last.n - r->method_token.p);
}

struct move {
    const char *from;
    char *to;
    size_t n;
    bool by_slices; /* is each copied by itself? Else all has been copied */
};

static void rebase(struct wr_slice *s, const struct move *m)
{
    if (!s->p || s->p < m->from || s->p > m->from + m->n)
        return;
    if (m->by_slices)
        memcpy(m->to + (s->p - m->from), s->p, s->n);
    s->p = m->to + (s->p - m->from);
}

/* To the arena, where the slices point from then on; what is between them only where no app has it yet, which
 * may end a text there. False: no memory. */
static bool copy_head(struct wr_exchange *x, size_t n, bool has_app)
{
    struct wr_request *r = &x->request;
    char *copy = wr_arena_alloc(&x->arena, n + 1);
    const struct move m = {.from = r->method_token.p, .to = copy, .n = n, .by_slices = has_app};

    if (!copy)
        return false;
    if (!has_app)
        memcpy(copy, m.from, n);
    copy[n] = '\0'; /* of a path that is the last of it */
    rebase(&r->method_token, &m);
    rebase(&r->target, &m);
    rebase(&r->path, &m);
    rebase(&r->query, &m);
    rebase(&r->host, &m);
    for (size_t i = 0; i < r->fields.n; i++) {
        rebase(&r->fields.v[i].name, &m);
        rebase(&r->fields.v[i].value, &m);
    }
    return true;
}

void wr_exchange_own_head(struct wr_exchange *x)
{
    size_t n = x->head ? head_bytes(&x->request) : 0;

    if (!x->head || n > OWN_HEAD_MAX || !copy_head(x, n, false))
        return;
    wr_worker_unref_buffer(x->worker, x->head);
    x->head = NULL;
}

void wr_exchange_ref(struct wr_exchange *x)
{
    x->holders++;
}

static void free_trailers(struct wr_exchange *x)
{
    free(x->trailers);
    free(x->trailer_lines);
}

inline void wr_exchange_unref(struct wr_exchange *x)
{
    assert(x->holders > 0);
    if (--x->holders > 0)
        return;
    if (x->response.body) /* one that was set when nobody waited any more */
        close_body(&x->response);
    if (x->head)
        wr_worker_unref_buffer(x->worker, x->head);
    if (x->trailer_lines)
        free_trailers(x);
    wr_arena_reset(&x->arena);
    wr_worker_give_lease(x->worker, x->lease);
    wr_worker_give_exchange(x->worker, x);
}

bool wr_exchange_ends_with_input(const struct wr_exchange *x)
{
    const struct wr_handler_limits *limits = x->route ? x->route->handler->limits : NULL;

    return limits && limits->is_half_closed_gone;
}

/* One that was refused before it had a method has none that is known. */
static void count(const struct wr_exchange *x)
{
    struct wr_metrics *m = &x->worker->metrics;
    const struct wr_request *r = &x->request;

    if (x->state == WR_EXCHANGE_RESPONDING)
        wr_metrics_answer(m, r->method_token.n > 0 ? r->method : WR_METHOD_OTHER,
                          x->response.status);
    else
        wr_metrics_count(m, WR_METRIC_UNANSWERED);
}

inline void wr_exchange_tell(struct wr_exchange *x)
{
    const struct wr_access_log *log = &x->lease->site->access_log;

    if (x->is_told)
        return;
    x->is_told = true;
    if (log->write && x->state == WR_EXCHANGE_RESPONDING)
        wr_access_log_write(log, x, wr_loop_wall_ns(x->worker->loop));
    count(x);
}

inline void wr_exchange_end(struct wr_exchange *x)
{
    x->state = x->state == WR_EXCHANGE_RESPONDING ? WR_EXCHANGE_FINISHED : WR_EXCHANGE_CANCELLED;
    x->stream = NULL; /* first: closing a body may call back */
    x->on_input = NULL;
    if (x->response.body)
        close_body(&x->response);
    if (x->on_end)
        x->on_end(x);
    wr_exchange_unref(x);
}

/* The request as the other has it, with what lies in the other's own memory copied. */
static bool copy_request(struct wr_exchange *x, const struct wr_exchange *from)
{
    const struct wr_fields *fields = &from->request.fields;
    struct wr_slice path = from->request.path;

    x->request = from->request;
    x->request.trailers = NULL; /* the other's, of content that nobody reads on */
    x->request.fields.v = x->field_store;
    if (fields->cap > WR_FIELDS_USUAL)
        x->request.fields.v = wr_arena_alloc(&x->arena, fields->cap * sizeof *fields->v);
    if (!x->request.fields.v)
        return false;
    memcpy(x->request.fields.v, fields->v, fields->n * sizeof *fields->v);
    if (!from->head && !copy_head(x, head_bytes(&from->request), true))
        return false;
    if (path.p)
        x->request.path = wr_arena_dup(&x->arena, path);
    return !path.p || x->request.path.p;
}

struct wr_exchange *wr_exchange_replace(struct wr_exchange *old)
{
    struct wr_exchange *x = wr_exchange_new(old->worker, old->stream, old->stream_data);

    if (!x)
        return NULL;
    if (!copy_request(x, old)) {
        wr_exchange_unref(x);
        return NULL;
    }
    wr_worker_give_lease(x->worker, x->lease);
    x->lease = old->lease;
    x->lease->exchanges++;
    x->head = old->head;
    if (x->head)
        x->head->refs++;
    x->route = old->route;
    x->id = old->id;
    x->began_us = old->began_us;
    x->is_last = old->is_last;
    x->is_half_closed = old->is_half_closed;
    x->state = old->state;
    wr_exchange_end(old);
    return x;
}
