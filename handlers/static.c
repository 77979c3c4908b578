#include "handlers/static.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "handlers/file_cache.h"
#include "http/range.h"
#include "server/worker.h"

#define INDEX            "index.html"
#define CACHED_FDS_MAX   512
#define CACHED_FDS_SHARE 8 /* an eighth of what the process may have, over all loops */

struct static_handler {
    struct wr_handler base;
    struct wr_root root;
    int loops;
    struct wr_file_cache **caches; /* one a loop */
};

static struct static_handler *static_of(struct wr_handler *h)
{
    return WR_CONTAINER_OF(h, struct static_handler, base);
}

/* ---- answers without a file ---- */

static void add_allow(struct wr_exchange *x)
{
    wr_exchange_add_field(x, WR_SLICE("Allow"), WR_SLICE("GET, HEAD, OPTIONS"));
}

static void answer_options(struct wr_exchange *x)
{
    x->response.status = 204;
    add_allow(x);
    wr_exchange_respond(x);
}

static void refuse_method(struct wr_exchange *x)
{
    add_allow(x);
    wr_exchange_respond_error(x, x->request.method == WR_METHOD_OTHER ? 501 : 405);
}

static int status_of_error(int err)
{
    switch (err) {
    case -ENOENT:
    case -ENOTDIR:
    case -EISDIR:
    case -ELOOP:
    case -EXDEV:
    case -ENAMETOOLONG:
        return 404;
    case -EACCES:
    case -EPERM:
        return 403;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static void answer_error(struct wr_exchange *x, int err)
{
    int status = status_of_error(err);

    if (status >= 500)
        wr_log(x->worker->log, WR_LOG_ERROR, "static: %.*s: %s", (int)x->request.path.n,
               x->request.path.p, strerrordesc_np(-err));
    wr_exchange_respond_error(x, status);
}

/* Octets that stand for themselves in a path: RFC 3986 3.3, and the slash between segments. */
static bool is_path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@/", c));
}

/* The folder's own address: the decoded path written anew, never what the client sent, so that a
 * path like //elsewhere cannot become another site's address. */
static void redirect_to_folder(struct wr_exchange *x)
{
    const struct wr_request *r = &x->request;
    size_t room = 3 * r->path.n + sizeof "/?" + r->query.n;
    char *memory = wr_arena_alloc(&x->arena, room);
    struct wr_buf location = wr_buf_on(memory, memory ? room : 0);

    for (size_t i = 0; i < r->path.n; i++) {
        if (is_path_char(r->path.p[i]))
            wr_buf_char(&location, r->path.p[i]);
        else
            wr_buf_printf(&location, "%%%02X", (unsigned char)r->path.p[i]);
    }
    wr_buf_char(&location, '/');
    if (r->query.p) {
        wr_buf_char(&location, '?');
        wr_buf_slice_append(&location, r->query);
    }
    wr_exchange_add_field(x, WR_SLICE("Location"), wr_buf_slice(&location));
    wr_exchange_respond_error(x, 301);
}

/* ---- answers with a file ---- */

static void release_entry(void *arg)
{
    wr_file_entry_unref(arg);
}

/* A list field that may come in several lines, joined (RFC 9110 5.3). */
static struct wr_slice joined_field(struct wr_exchange *x, enum wr_field_id id)
{
    const struct wr_fields *fields = &x->request.fields;
    const struct wr_field *first = wr_fields_find(fields, id);
    size_t n = 0;
    char *memory;
    struct wr_buf b;

    if (!first || !wr_fields_next(fields, first))
        return first ? first->value : wr_slice(NULL, 0);
    for (const struct wr_field *f = first; f; f = wr_fields_next(fields, f))
        n += f->value.n + strlen(", ");
    memory = wr_arena_alloc(&x->arena, n);
    b = wr_buf_on(memory, memory ? n : 0);
    for (const struct wr_field *f = first; f; f = wr_fields_next(fields, f)) {
        if (f != first)
            WR_BUF_LITERAL(&b, ", ");
        wr_buf_slice_append(&b, f->value);
    }
    return memory ? wr_buf_slice(&b) : first->value;
}

static enum wr_cond_result evaluate(struct wr_exchange *x, const struct wr_file_entry *e)
{
    const struct wr_fields *f = &x->request.fields;
    const struct wr_conditions c = {
        .if_match = joined_field(x, WR_FIELD_IF_MATCH),
        .if_none_match = joined_field(x, WR_FIELD_IF_NONE_MATCH),
        .if_modified_since = wr_fields_get(f, WR_FIELD_IF_MODIFIED_SINCE),
        .if_unmodified_since = wr_fields_get(f, WR_FIELD_IF_UNMODIFIED_SINCE),
    };

    return wr_cond_evaluate(&c, &e->validators, true, wr_loop_wall_s(x->worker->loop));
}

/* What the Range field asks for; it counts with GET only, and once (RFC 9110 14.2). */
static enum wr_range_result find_range(const struct wr_exchange *x, const struct wr_file_entry *e,
                                       struct wr_range *part)
{
    const struct wr_fields *f = &x->request.fields;
    const struct wr_field *range = wr_fields_find(f, WR_FIELD_RANGE);
    struct wr_slice if_range = wr_fields_get(f, WR_FIELD_IF_RANGE);

    if (!range || x->request.method != WR_METHOD_GET || wr_fields_next(f, range))
        return WR_RANGE_WHOLE;
    if (if_range.p &&
        !wr_cond_range_applies(if_range, &e->validators, wr_loop_wall_s(x->worker->loop)))
        return WR_RANGE_WHOLE;
    return wr_range_parse(range->value, (uint64_t)e->info.size, part);
}

static void add_validators(struct wr_exchange *x, const struct wr_file_entry *e)
{
    wr_exchange_add_field(x, WR_SLICE("Last-Modified"), wr_slice(e->last_modified, WR_DATE_LEN));
    wr_exchange_add_field(x, WR_SLICE("ETag"), e->validators.etag);
}

/* Content-Range: "bytes 0-9/100", or "bytes *" with the size alone (RFC 9110 14.4). */
static void add_content_range(struct wr_exchange *x, const struct wr_range *part, uint64_t size)
{
    char text[80];
    struct wr_buf b = wr_buf_on(text, sizeof text);

    WR_BUF_LITERAL(&b, "bytes ");
    if (part) {
        wr_buf_u64(&b, part->start);
        wr_buf_char(&b, '-');
        wr_buf_u64(&b, part->start + part->length - 1);
    } else {
        wr_buf_char(&b, '*');
    }
    wr_buf_char(&b, '/');
    wr_buf_u64(&b, size);
    wr_exchange_add_field_copy(x, WR_SLICE("Content-Range"), wr_buf_slice(&b));
}

/* Takes the entry: it stays until the response, whose fields point into it, is over. */
static void set_file_body(struct wr_exchange *x, struct wr_file_entry *e, struct wr_range part)
{
    struct wr_body *body;

    if (e->content)
        body = wr_body_memory(&x->arena, wr_slice(e->content + part.start, part.length),
                              release_entry, e);
    else
        body = wr_body_file(&x->arena, e->fd, (off_t)part.start, part.length, release_entry, e);
    if (!body)
        wr_file_entry_unref(e);
    wr_exchange_set_body(x, body, (int64_t)part.length);
}

/* An answer that is about the file and does not carry it: 304. */
static void answer_not_modified(struct wr_exchange *x, struct wr_file_entry *e)
{
    x->response.status = 304;
    add_validators(x, e);
    set_file_body(x, e, (struct wr_range){0, 0});
    wr_exchange_respond(x);
}

static void answer_file(struct wr_exchange *x, struct wr_file_entry *e)
{
    uint64_t size = (uint64_t)e->info.size;
    struct wr_range whole = {0, size}, part = whole;
    enum wr_range_result range = find_range(x, e, &part);

    if (range == WR_RANGE_UNSATISFIABLE) {
        add_content_range(x, NULL, size);
        wr_file_entry_unref(e);
        wr_exchange_respond_error(x, 416);
        return;
    }
    x->response.status = range == WR_RANGE_PART ? 206 : 200;
    wr_exchange_add_field(x, WR_SLICE("Content-Type"), e->type);
    add_validators(x, e);
    wr_exchange_add_field(x, WR_SLICE("Accept-Ranges"), WR_SLICE("bytes"));
    wr_exchange_add_field(x, WR_SLICE("X-Content-Type-Options"), WR_SLICE("nosniff"));
    if (range == WR_RANGE_PART)
        add_content_range(x, &part, size);
    set_file_body(x, e, range == WR_RANGE_PART ? part : whole);
    wr_exchange_respond(x);
}

/* Takes the entry. */
static void answer_entry(struct wr_exchange *x, struct wr_file_entry *e)
{
    switch (evaluate(x, e)) {
    case WR_COND_PROCEED:
        answer_file(x, e);
        break;
    case WR_COND_NOT_MODIFIED:
        answer_not_modified(x, e);
        break;
    case WR_COND_FAILED:
        wr_file_entry_unref(e);
        wr_exchange_respond_error(x, 412);
        break;
    }
}

/* ---- look-up ---- */

/* Any part that begins with a dot, but for .well-known in first place. */
static bool is_hidden(struct wr_slice path)
{
    bool is_well_known = wr_slice_starts(path, WR_SLICE("/.well-known/")) ||
                         wr_slice_eq(path, WR_SLICE("/.well-known"));

    for (size_t i = is_well_known ? 1 : 0; i + 1 < path.n; i++)
        if (path.p[i] == '/' && path.p[i + 1] == '.')
            return true;
    return false;
}

/* The file's name beneath the root, NUL-terminated; p NULL: no memory. */
static struct wr_slice file_name(struct wr_exchange *x)
{
    struct wr_slice path = x->request.path, name = wr_slice_from(path, 1);
    char *memory;

    if (path.p[path.n - 1] != '/')
        return name;
    memory = wr_arena_alloc(&x->arena, name.n + sizeof INDEX);
    if (!memory)
        return wr_slice(NULL, 0);
    memcpy(memory, name.p, name.n);
    memcpy(memory + name.n, INDEX, sizeof INDEX);
    return wr_slice(memory, name.n + strlen(INDEX));
}

static void serve(struct wr_handler *base, struct wr_exchange *x)
{
    struct static_handler *h = static_of(base);
    struct wr_worker *w = x->worker;
    struct wr_file_moment now = {wr_loop_turn(w->loop), wr_loop_wall_ns(w->loop)};
    struct wr_file_entry *e = NULL;
    struct wr_slice name;
    int err;

    if (x->request.method == WR_METHOD_OPTIONS) {
        answer_options(x);
        return;
    }
    if (x->request.method != WR_METHOD_GET && x->request.method != WR_METHOD_HEAD) {
        refuse_method(x);
        return;
    }
    name = file_name(x);
    if (!name.p)
        err = -ENOMEM;
    else if (is_hidden(x->request.path))
        err = -ENOENT;
    else
        err = wr_file_cache_get(h->caches[w->index], name, now, &e);
    if (err == 0)
        answer_entry(x, e);
    else if (err == -EISDIR && x->request.path.p[x->request.path.n - 1] != '/')
        redirect_to_folder(x);
    else
        answer_error(x, err);
}

/* ---- life ---- */

static void free_static(struct wr_handler *base)
{
    struct static_handler *h = static_of(base);

    for (int i = 0; i < h->loops && h->caches; i++)
        wr_file_cache_free(h->caches[i]);
    free(h->caches);
    wr_root_close(&h->root);
    free(h);
}

static const struct wr_handler_ops static_ops = {"static", serve, free_static};

/* Descriptors that the cache of one loop may keep: connections need the most of them. */
static size_t cached_fds(int loops)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    limit.rlim_cur /= (rlim_t)(CACHED_FDS_SHARE * loops);
    return limit.rlim_cur < CACHED_FDS_MAX ? (size_t)limit.rlim_cur : CACHED_FDS_MAX;
}

struct wr_handler *wr_static_new(const char *folder, int loops, int *err)
{
    struct static_handler *h = calloc(1, sizeof *h);

    *err = -ENOMEM;
    if (!h)
        return NULL;
    h->base = (struct wr_handler){&static_ops, &wr_exec_loop};
    h->root.fd = -1;
    h->loops = loops;
    h->caches = calloc((size_t)loops, sizeof(struct wr_file_cache *));
    *err = h->caches ? wr_root_open(&h->root, folder) : -ENOMEM;
    for (int i = 0; i < loops && *err == 0; i++) {
        h->caches[i] = wr_file_cache_new(&h->root, cached_fds(loops));
        if (!h->caches[i])
            *err = -ENOMEM;
    }
    if (*err == 0)
        return &h->base;
    free_static(&h->base);
    return NULL;
}
