#include <errno.h>
#include <stdlib.h>

#include "handlers/file_body.h"
#include "handlers/static_request.h"
#include "http/range.h"

#define METHODS "GET, HEAD, OPTIONS"

/* ---- what the rules say ---- */

static bool has_rules(const struct wr_static_request *r)
{
    return r->loop->folder->options.setup.rules_n > 0;
}

static __attribute__((noinline)) bool judge_by_rules(struct wr_static_request *r,
                                                     struct wr_slice served, weir_body *refusal)
{
    const struct wr_static_options *o = &r->loop->folder->options;
    struct wr_static_verdict *v = &r->verdict;

    *v = (struct wr_static_verdict){0};
    v->fields = weir_alloc(r->env, (o->fields_max + 1) * sizeof(const struct wr_static_pair *));
    if (!v->fields) {
        *refusal = weir_error(r->env, 503);
        return false;
    }
    wr_static_options_judge(o, r->path, served, v);
    if (!v->deny)
        return true;
    wr_static_add_rules(r);
    wr_static_add_vary(r, false); /* a fallback, which Accept has led to, may be what is denied */
    *refusal = weir_error(r->env, 403);
    return false;
}

/* The rules' say about the path, and the file that answers (absent: none): r->verdict. False: *refusal is
 * the answer. Most folders have no rules. */
static inline bool judge(struct wr_static_request *r, struct wr_slice served, weir_body *refusal)
{
    return !has_rules(r) || judge_by_rules(r, served, refusal);
}

/* The same of an answer without a file, with the rules' fields. */
static bool judge_path(struct wr_static_request *r, weir_body *refusal)
{
    if (!judge(r, wr_slice(NULL, 0), refusal))
        return false;
    wr_static_add_rules(r);
    return true;
}

/* ---- parts ---- */

/* Content-Range: "bytes 0-9/100", or "bytes *" with the size alone (RFC 9110 14.4). */
static void write_content_range(struct wr_buf *b, const struct wr_range *part, uint64_t size)
{
    WR_BUF_LITERAL(b, "bytes ");
    if (part) {
        wr_buf_u64(b, part->start);
        wr_buf_char(b, '-');
        wr_buf_u64(b, part->start + part->length - 1);
    } else {
        wr_buf_char(b, '*');
    }
    wr_buf_char(b, '/');
    wr_buf_u64(b, size);
}

static void add_content_range(weir_environ *env, const struct wr_range *part, uint64_t size)
{
    char text[80];
    struct wr_buf b = wr_buf_on(text, sizeof text);

    write_content_range(&b, part, size);
    weir_header_add(env, "Content-Range", b.p, b.n);
}

/* ---- bodies ---- */

static void release_entry(void *arg)
{
    wr_file_entry_unref(arg);
}

static void end_file_body(void *arg)
{
    wr_file_body_end(arg);
}

/* Pieces that are not all in memory. The entry is held by the request. */
static weir_body pieces_body(struct wr_static_request *r, struct wr_file_entry *e,
                             const struct wr_representation *rep,
                             const struct wr_file_piece *pieces, size_t n)
{
    const struct wr_file_body_setup setup = {.env = r->env,
                                             .chores = r->loop->chores,
                                             .windows = r->loop->windows,
                                             .entry = e,
                                             .fd = rep->fd,
                                             .info = rep->info,
                                             .pieces = pieces,
                                             .pieces_n = n};
    struct wr_file_body *b = weir_alloc(r->env, sizeof *b);
    uint64_t size = 0;

    if (!b)
        return weir_error(r->env, 503);
    for (size_t i = 0; i < n; i++)
        size += pieces[i].n;
    wr_file_body_init(b, &setup);
    weir_defer(r->env, end_file_body, b); /* at once, when memory runs out */
    wr_builtin_free_head(r->env);
    return wr_builtin_body(r->env, &b->base, size);
}

/* One part, or the whole. Takes the entry. */
static weir_body part_body(struct wr_static_request *r, struct wr_file_entry *e,
                           const struct wr_representation *rep, struct wr_range part)
{
    struct wr_file_piece *piece;

    if (rep->content) {
        wr_builtin_free_head(r->env);
        return wr_builtin_content(r->env, wr_slice(rep->content + part.start, part.length),
                                  wr_file_entry_owner(e));
    }
    weir_defer(r->env, release_entry, e);
    piece = weir_alloc(r->env, sizeof *piece);
    if (!piece)
        return weir_error(r->env, 503);
    *piece = (struct wr_file_piece){.offset = part.start, .n = part.length};
    return pieces_body(r, e, rep, piece, 1);
}

/* ---- several ranges: RFC 9110 14.6 ---- */

struct multipart {
    struct wr_slice type;
    uint64_t size;
    char boundary[WR_EXCHANGE_ID_MAX];
    size_t boundary_n;
};

/* No content has it: it is made of a random number of this process. */
static void make_boundary(const struct wr_static_request *r, struct multipart *m)
{
    m->boundary_n = wr_exchange_id(wr_environ_of(r->env)->x, m->boundary);
}

static void write_delimiter(struct wr_buf *b, const struct multipart *m)
{
    WR_BUF_LITERAL(b, "\r\n--");
    wr_buf_append(b, m->boundary, m->boundary_n);
}

static void write_part_head(struct wr_buf *b, const struct multipart *m,
                            const struct wr_range *part)
{
    write_delimiter(b, m);
    WR_BUF_LITERAL(b, "\r\nContent-Type: ");
    wr_buf_slice_append(b, m->type);
    WR_BUF_LITERAL(b, "\r\nContent-Range: ");
    write_content_range(b, part, m->size);
    WR_BUF_LITERAL(b, "\r\n\r\n");
}

/* The texts between the parts, in one piece of memory. */
static bool write_pieces(const struct wr_static_request *r, const struct multipart *m,
                         const struct wr_representation *rep, const struct wr_ranges *ranges,
                         struct wr_file_piece *out)
{
    size_t room = (ranges->n + 1) * (160 + m->boundary_n + m->type.n), from = 0;
    char *memory = weir_alloc(r->env, room);
    struct wr_buf b = wr_buf_on(memory, room);

    if (!memory)
        return false;
    for (size_t i = 0; i < ranges->n; i++) {
        const struct wr_range *part = &ranges->v[i];

        write_part_head(&b, m, part);
        *out++ = (struct wr_file_piece){.mem = memory + from, .n = b.n - from};
        *out++ = (struct wr_file_piece){.mem = rep->content ? rep->content + part->start : NULL,
                                        .offset = part->start,
                                        .n = part->length};
        from = b.n;
    }
    write_delimiter(&b, m);
    WR_BUF_LITERAL(&b, "--\r\n");
    *out = (struct wr_file_piece){.mem = memory + from, .n = b.n - from};
    return !b.overflow;
}

/* Takes the entry. */
static weir_body answer_parts(struct wr_static_request *r, struct wr_file_entry *e,
                              const struct wr_representation *rep, const struct wr_ranges *ranges)
{
    const struct wr_file *f = wr_file_of(e);
    struct multipart m = {.type = wr_static_type_of(r, f), .size = rep->size};
    size_t n = 2 * ranges->n + 1;
    struct wr_file_piece *pieces = weir_alloc(r->env, n * sizeof *pieces);
    size_t room = 64 + WR_EXCHANGE_ID_MAX;
    char *memory = weir_alloc(r->env, room);
    struct wr_buf type = wr_buf_on(memory, memory ? room : 0);

    make_boundary(r, &m);
    WR_BUF_LITERAL(&type, "multipart/byteranges; boundary=");
    if (!memory || !pieces || !write_pieces(r, &m, rep, ranges, pieces)) {
        wr_file_entry_unref(e);
        return weir_error(r->env, 503);
    }
    wr_buf_append(&type, m.boundary, m.boundary_n);
    wr_static_start_parts(r, wr_buf_slice(&type), e, rep);
    weir_defer(r->env, release_entry, e); /* at once, when memory runs out: so it is last */
    return pieces_body(r, e, rep, pieces, n);
}

/* ---- a file ---- */

static int64_t wall_s(const struct wr_static_request *r)
{
    return wr_loop_wall_s(r->loop->loop->worker->loop);
}

static bool has_conditions(weir_environ *env)
{
    return wr_builtin_has_field(env, WR_FIELD_IF_NONE_MATCH) ||
           wr_builtin_has_field(env, WR_FIELD_IF_MODIFIED_SINCE) ||
           wr_builtin_has_field(env, WR_FIELD_IF_MATCH) ||
           wr_builtin_has_field(env, WR_FIELD_IF_UNMODIFIED_SINCE);
}

static inline struct wr_slice field_of(const struct wr_static_request *r, enum wr_field_id id,
                                       const char *key)
{
    return wr_builtin_field(r->env, id, wr_slice_of(key));
}

static enum wr_cond_result evaluate(const struct wr_static_request *r,
                                    const struct wr_validators *validators)
{
    const struct wr_conditions c = {
        .if_match = field_of(r, WR_FIELD_IF_MATCH, "HTTP_IF_MATCH"),
        .if_none_match = field_of(r, WR_FIELD_IF_NONE_MATCH, "HTTP_IF_NONE_MATCH"),
        .if_modified_since = field_of(r, WR_FIELD_IF_MODIFIED_SINCE, "HTTP_IF_MODIFIED_SINCE"),
        .if_unmodified_since =
            field_of(r, WR_FIELD_IF_UNMODIFIED_SINCE, "HTTP_IF_UNMODIFIED_SINCE"),
    };

    return wr_cond_evaluate(&c, validators, true, wall_s(r));
}

/* The Range field counts with GET only (RFC 9110 14.2). */
static inline __attribute__((always_inline)) bool asks_for_ranges(const struct wr_static_request *r)
{
    return wr_builtin_has_field(r->env, WR_FIELD_RANGE) &&
           wr_slice_eq(wr_static_get(r->env, "REQUEST_METHOD"), WR_SLICE("GET"));
}

/* Does If-Range, if there is one, let it count? What is the date of several codings at once is no
 * strong validator (RFC 9110 8.8.1): it does not tell which of them the client has a part of. */
static bool range_applies(const struct wr_static_request *r, struct wr_validators validators)
{
    if (r->is_negotiated)
        validators.last_modified_s = -1;
    return wr_cond_range_applies(field_of(r, WR_FIELD_IF_RANGE, "HTTP_IF_RANGE"), &validators,
                                 wall_s(r));
}

/* What it asks for, of the bytes of the representation that was chosen. */
static enum wr_range_result find_ranges(const struct wr_static_request *r, uint64_t size,
                                        const struct wr_validators *validators,
                                        struct wr_ranges *out)
{
    if (!asks_for_ranges(r) || !range_applies(r, *validators))
        return WR_RANGE_WHOLE;
    return wr_ranges_parse(field_of(r, WR_FIELD_RANGE, "HTTP_RANGE"), size, out);
}

/* One part, or (NULL) the whole. Takes the entry. */
static weir_body answer_part(struct wr_static_request *r, struct wr_file_entry *e,
                             const struct wr_representation *rep, const struct wr_range *part)
{
    wr_static_start_content(r, part ? 206 : 200, e, rep);
    if (part)
        add_content_range(r->env, part, rep->size);
    return part_body(r, e, rep, part ? *part : (struct wr_range){0, rep->size});
}

/* Takes the entry. */
static weir_body answer_content(struct wr_static_request *r, struct wr_file_entry *e,
                                const struct wr_representation *rep,
                                const struct wr_validators *validators)
{
    struct wr_ranges ranges;

    switch (find_ranges(r, rep->size, validators, &ranges)) {
    case WR_RANGE_WHOLE:
        return answer_part(r, e, rep, NULL);
    case WR_RANGE_PARTS:
        if (ranges.n == 1)
            return answer_part(r, e, rep, &ranges.v[0]);
        return answer_parts(r, e, rep, &ranges);
    case WR_RANGE_UNSATISFIABLE:
        break;
    }
    wr_static_add_rules(r);
    wr_static_add_vary(r, wr_file_of(e)->varies);
    r->start_response(r->env, 416, NULL);
    add_content_range(r->env, NULL, rep->size);
    wr_file_entry_unref(e);
    return weir_error(r->env, 416);
}

/* Takes the entry: the fields lie in it. */
static weir_body answer_not_modified(struct wr_static_request *r, struct wr_file_entry *e,
                                     const struct wr_representation *rep)
{
    wr_static_start_not_modified(r, e, rep);
    return wr_builtin_content(r->env, WR_SLICE(""), wr_file_entry_owner(e));
}

/* Takes the entry. */
static weir_body answer_representation(struct wr_static_request *r, struct wr_file_entry *e,
                                       const struct wr_representation *rep)
{
    const struct wr_file *f = wr_file_of(e);
    const struct wr_validators validators = {rep->etag, f->validators.last_modified_s};

    switch (has_conditions(r->env) ? evaluate(r, &validators) : WR_COND_PROCEED) {
    case WR_COND_PROCEED:
        return answer_content(r, e, rep, &validators);
    case WR_COND_NOT_MODIFIED:
        return answer_not_modified(r, e, rep);
    case WR_COND_FAILED:
        break;
    }
    wr_static_add_rules(r);
    wr_static_add_vary(r, f->varies);
    wr_file_entry_unref(e);
    return weir_error(r->env, 412);
}

/* ---- which representation: RFC 9110 12.5.3 ---- */

/* A client that has the identity, and would take another coding, needs neither: that it has the
 * current one is the shortest answer. "*" does not say which one it has. */
static bool has_identity(const struct wr_static_request *r, const struct wr_file *f)
{
    return wr_builtin_has_field(r->env, WR_FIELD_IF_NONE_MATCH) &&
           !wr_slice_eq(field_of(r, WR_FIELD_IF_NONE_MATCH, "HTTP_IF_NONE_MATCH"), WR_SLICE("*")) &&
           evaluate(r, &f->validators) == WR_COND_NOT_MODIFIED;
}

/* Who asks for a part, and does not say of which representation, means the file: some programs append
 * what comes to what they have, whatever its coding. If-Range and If-Match tell when it is another;
 * who sends If-None-Match knows tags, and is told of what is chosen. */
static bool wants_part_of_identity(const struct wr_static_request *r, const struct wr_file *f)
{
    return asks_for_ranges(r) && !wr_builtin_has_field(r->env, WR_FIELD_IF_NONE_MATCH) &&
           !(wr_builtin_has_field(r->env, WR_FIELD_IF_MATCH) &&
             evaluate(r, &f->validators) == WR_COND_FAILED) &&
           range_applies(r, f->validators);
}

/* 0 with *rep, which is the identity to begin with; -EAGAIN: *later is to be returned; -ENODATA: none
 * is accepted; -EBUSY: one is, but nobody has time to make it. */
static int choose(struct wr_static_request *r, struct wr_file_entry *e,
                  struct wr_representation *rep, weir_body *later)
{
    struct wr_file_moment now = wr_static_now(r);
    struct wr_accept_codings accept;
    int err, refused = -ENODATA;

    accept =
        *wr_static_accepted(r->loop, field_of(r, WR_FIELD_ACCEPT_ENCODING, "HTTP_ACCEPT_ENCODING"));
    r->is_negotiated =
        accept.q[WR_CODING_GZIP] || accept.q[WR_CODING_BR] || accept.q[WR_CODING_ZSTD];
    if (accept.q[WR_CODING_IDENTITY] > 0 &&
        (has_identity(r, wr_file_of(e)) || wants_part_of_identity(r, wr_file_of(e))))
        return 0;
    for (;;) {
        err = wr_file_cache_choose(r->loop->cache, e, &accept, now, rep);
        if (err == -EINPROGRESS) {
            if (wr_static_wait_for_coding(r, e, rep->coding, later))
                return -EAGAIN;
            accept.q[rep->coding] = 0; /* then without it */
            refused = -EBUSY;
        } else if (err == -EAGAIN) {
            if (wr_static_wait_for_disk(r, wr_file_of(e)->path, later))
                return -EAGAIN;
            now.may_wait = true;
        } else {
            return err == -ENODATA ? refused : err;
        }
    }
}

/* The path of the file, if it is not the one that was asked for, in the same form. False: no memory. */
static bool find_served(const struct wr_static_request *r, struct wr_slice path,
                        struct wr_slice *out)
{
    char *text;

    *out = wr_slice(NULL, 0);
    if (!has_rules(r) || wr_slice_eq(wr_slice_from(r->path, 1), path))
        return true;
    text = weir_alloc(r->env, path.n + 1);
    if (!text)
        return false;
    text[0] = '/';
    memcpy(text + 1, path.p, path.n);
    *out = wr_slice(text, path.n + 1);
    return true;
}

weir_body wr_static_answer_file(struct wr_static_request *r, struct wr_file_entry *e)
{
    const struct wr_file *f = wr_file_of(e);
    struct wr_representation rep = f->identity;
    weir_body body = weir_error(r->env, 503);
    struct wr_slice served;
    int err = 0;

    if (f->varies && wr_builtin_has_field(r->env, WR_FIELD_ACCEPT_ENCODING))
        err = choose(r, e, &rep, &body);
    if (err == -EAGAIN) {
        wr_file_entry_unref(e);
        return body;
    }
    if (err == 0 && find_served(r, f->path, &served)) {
        if (judge(r, served, &body))
            return answer_representation(r, e, &rep);
    } else if (err == -ENODATA && judge_path(r, &body)) {
        wr_static_add_vary(r, true);
        body = weir_error(r->env, 406);
    }
    wr_file_entry_unref(e);
    return body;
}

/* ---- answers without a file ---- */

weir_body wr_static_answer_status(struct wr_static_request *r, int status)
{
    weir_body refusal;

    if (!judge_path(r, &refusal))
        return refusal;
    wr_static_add_vary(r, false);
    if (status == 405 || status == 501)
        wr_builtin_add(r->env, WR_SLICE("Allow"), WR_SLICE(METHODS));
    if (status == 503)
        wr_builtin_add(r->env, WR_SLICE("Retry-After"), WR_SLICE("1"));
    return weir_error(r->env, status);
}

weir_body wr_static_answer_options(struct wr_static_request *r)
{
    weir_body refusal;

    if (!judge_path(r, &refusal))
        return refusal;
    r->start_response(r->env, 204, WEIR_HEADERS({"Allow", METHODS}));
    return weir_empty();
}

weir_body wr_static_answer_redirect(struct wr_static_request *r, const struct wr_buf *location)
{
    weir_body refusal;

    if (!judge_path(r, &refusal))
        return refusal;
    r->start_response(r->env, 301, NULL);
    weir_header_add(r->env, "Location", location->p, location->n);
    return weir_error(r->env, 301);
}

/* Weak: names could be made so that two texts have one hash. */
static struct wr_slice write_listing_etag(const struct wr_static_request *r, struct wr_buf *b)
{
    WR_BUF_LITERAL(b, "W/\"");
    wr_buf_hex(b, r->listing.hash);
    wr_buf_char(b, '"');
    return wr_buf_slice(b);
}

static void add_listing_validators(const struct wr_static_request *r, struct wr_slice etag)
{
    weir_header_add(r->env, "ETag", etag.p, etag.n);
    wr_static_add_vary(r, r->loop->folder->encodings != NULL);
}

static weir_body send_listing(struct wr_static_request *r, struct wr_slice etag)
{
    const bool is_html = r->listing.format == WR_LISTING_HTML;
    struct wr_static_text *text = r->listing.text;

    r->start_response(r->env, 200, NULL);
    wr_builtin_add(r->env, WR_SLICE("Content-Type"),
                   is_html ? WR_SLICE("text/html; charset=utf-8") : WR_SLICE("application/json"));
    if (r->listing.coding != WR_CODING_IDENTITY)
        wr_builtin_add(r->env, WR_SLICE("Content-Encoding"), wr_coding_name(r->listing.coding));
    add_listing_validators(r, etag);
    wr_static_add_nosniff(r);
    if (is_html && !wr_static_verdict_has(&r->verdict, "Content-Security-Policy"))
        weir_header_add(r->env, "Content-Security-Policy", WR_LISTING_POLICY,
                        strlen(WR_LISTING_POLICY));
    return weir_bytes(text->p, text->n);
}

weir_body wr_static_answer_listing(struct wr_static_request *r)
{
    char memory[32];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);
    struct wr_validators validators = {.last_modified_s = -1};
    weir_body refusal;

    if (!judge_path(r, &refusal))
        return refusal;
    r->varies_by_accept = true;
    validators.etag = write_listing_etag(r, &b);
    switch (has_conditions(r->env) ? evaluate(r, &validators) : WR_COND_PROCEED) {
    case WR_COND_PROCEED:
        return send_listing(r, validators.etag);
    case WR_COND_NOT_MODIFIED:
        r->start_response(r->env, 304, NULL);
        add_listing_validators(r, validators.etag);
        return weir_empty();
    case WR_COND_FAILED:
        break;
    }
    wr_static_add_vary(r, r->loop->folder->encodings != NULL);
    return weir_error(r->env, 412);
}
