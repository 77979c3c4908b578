#include <assert.h>
#include <stdlib.h>

#include "handlers/disposition.h"
#include "handlers/static_request.h"

#define FIELDS_MAX 9 /* of a file, beside those of rules */

static_assert(WR_FILE_ROOM_MAX == WR_READY_CONTENT_MAX,
              "room in front of what is sent with a head");

/* ---- single fields ---- */

void wr_static_add_rules(const struct wr_static_request *r)
{
    /* Server and Date take the place of the server's own, so they go by the interface that knows. */
    for (size_t i = 0; i < r->verdict.fields_n; i++) {
        const struct wr_static_pair *field = r->verdict.fields[i];

        if (field->value)
            weir_header_add(r->env, field->name, field->value, strlen(field->value));
    }
}

static struct wr_slice vary_of(const struct wr_static_request *r, bool by_coding)
{
    static const struct wr_slice values[] = {
        {"Accept", 6}, {"Accept-Encoding", 15}, {"Accept, Accept-Encoding", 23}};

    if (!by_coding && !r->varies_by_accept)
        return wr_slice(NULL, 0);
    return values[by_coding ? 1 + r->varies_by_accept : 0];
}

void wr_static_add_vary(const struct wr_static_request *r, bool by_coding)
{
    struct wr_slice value = vary_of(r, by_coding);

    if (value.p)
        wr_builtin_add(r->env, WR_SLICE("Vary"), value);
}

static bool needs_nosniff(const struct wr_static_request *r)
{
    return !wr_static_verdict_has(&r->verdict, "X-Content-Type-Options");
}

void wr_static_add_nosniff(const struct wr_static_request *r)
{
    if (needs_nosniff(r))
        wr_builtin_add(r->env, WR_SLICE("X-Content-Type-Options"), WR_SLICE("nosniff"));
}

struct wr_slice wr_static_type_of(const struct wr_static_request *r, const struct wr_file *f)
{
    return r->verdict.type ? wr_slice_of(r->verdict.type) : f->type;
}

/* ---- all fields of a file ---- */

struct fields {
    struct wr_response_field v[FIELDS_MAX];
    size_t n;
};

static void add(struct fields *to, struct wr_slice name, struct wr_slice value)
{
    to->v[to->n++] = (struct wr_response_field){name, value};
}

/* What a 200 has and a 304 tells again (RFC 9110 15.4.5). They point into the entry. */
static void list_validators(const struct wr_static_request *r, const struct wr_file *f,
                            const struct wr_representation *rep, struct fields *to)
{
    const char *cache_control = r->verdict.cache_control;
    struct wr_slice vary = vary_of(r, f->varies);

    if (f->validators.last_modified_s != -1)
        add(to, WR_SLICE("Last-Modified"), wr_slice(f->last_modified, WR_DATE_LEN));
    add(to, WR_SLICE("ETag"), rep->etag);
    if (vary.p)
        add(to, WR_SLICE("Vary"), vary);
    if (cache_control)
        add(to, WR_SLICE("Cache-Control"), wr_slice_of(cache_control));
}

/* In the arena; absent: no memory, which makes of the answer a 503. */
static struct wr_slice write_disposition(const struct wr_static_request *r, struct wr_slice path)
{
    const char *slash = memrchr(path.p, '/', path.n);
    struct wr_slice name = slash ? wr_slice_from(path, (size_t)(slash - path.p) + 1) : path;
    size_t room = WR_DISPOSITION_ROOM(name.n);
    char *memory = weir_alloc(r->env, room);
    struct wr_buf b = wr_buf_on(memory, memory ? room : 0);

    wr_disposition_attachment(&b, name);
    return wr_buf_slice(&b);
}

/* What an answer with content has; `type` first. */
static void list_content(const struct wr_static_request *r, struct wr_slice type,
                         const struct wr_file *f, const struct wr_representation *rep,
                         struct fields *to)
{
    add(to, WR_SLICE("Content-Type"), type);
    if (rep->coding != WR_CODING_IDENTITY)
        add(to, WR_SLICE("Content-Encoding"), wr_coding_name(rep->coding));
    list_validators(r, f, rep, to);
    add(to, WR_SLICE("Accept-Ranges"), WR_SLICE("bytes"));
    if (needs_nosniff(r))
        add(to, WR_SLICE("X-Content-Type-Options"), WR_SLICE("nosniff"));
    if (r->verdict.download && !wr_static_verdict_has(&r->verdict, "Content-Disposition"))
        add(to, WR_SLICE("Content-Disposition"), write_disposition(r, f->path));
}

static void add_all(const struct wr_static_request *r, const struct fields *fields)
{
    wr_static_add_rules(r);
    for (size_t i = 0; i < fields->n; i++)
        wr_builtin_add(r->env, fields->v[i].name, fields->v[i].value);
}

/* ---- as blocks ---- */

/* The rules' fields first, as they are added. False: one of them is not for a block. */
static bool list_rules(const struct wr_static_verdict *v, struct wr_response_field *out, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < v->fields_n; i++) {
        struct wr_slice name = wr_slice_of(v->fields[i]->name), value;

        if (!v->fields[i]->value)
            continue;
        value = wr_slice_trim(wr_slice_of(v->fields[i]->value));
        if (!wr_builtin_may_stand_in_block(name, value))
            return false;
        out[(*n)++] = (struct wr_response_field){name, value};
    }
    return true;
}

/* Bytes as lines; 0: a value is missing. */
static size_t lines_of(const struct wr_response_field *fields, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++) {
        if (!fields[i].value.p)
            return 0;
        bytes += fields[i].name.n + fields[i].value.n + strlen(": \r\n");
    }
    return bytes;
}

static struct wr_slice append(struct wr_buf *b, struct wr_slice text)
{
    struct wr_slice copy = {b->p + b->n, text.n};

    wr_buf_slice_append(b, text);
    return copy;
}

/* Pairs that point into their own lines, of both of which there is room. */
static struct wr_field_block write_block(struct wr_response_field *to, struct wr_buf *lines,
                                         const struct wr_response_field *from, size_t n)
{
    size_t begin = lines->n;

    for (size_t i = 0; i < n; i++) {
        to[i].name = append(lines, from[i].name);
        WR_BUF_LITERAL(lines, ": ");
        to[i].value = append(lines, from[i].value);
        WR_BUF_LITERAL(lines, "\r\n");
    }
    return (struct wr_field_block){
        .fields = to, .lines = {lines->p + begin, lines->n - begin}, .n = (uint16_t)n};
}

/* Fields, and the bytes that they take as lines. */
struct list {
    struct wr_response_field *v;
    size_t n, lines;
};

struct plan {
    struct list content, not_modified;
};

/* A list as a block, in the answer that has it, which begins at `p`. */
static struct wr_field_block write_answer(struct wr_ready_answer *answer, int status, char *p,
                                          struct wr_response_field *to, const struct list *list,
                                          struct wr_slice content)
{
    struct wr_buf b = wr_buf_on(p, (size_t)(content.p - p));
    struct wr_field_block block;

    wr_ready_start(&b, status);
    block = write_block(to, &b, list->v, list->n);
    wr_ready_end(&b, status, content.n);
    *answer = wr_ready_answer(status, p, content);
    block.ready = answer;
    return block;
}

/* Where the answer with the content begins, in the room in front of that; NULL: there is too little. */
static char *place_of_head(const struct wr_representation *rep, const struct plan *p)
{
    size_t room = rep->room ? (size_t)(rep->content - rep->room) : 0;
    size_t n = p->content.lines + wr_ready_around(200, rep->size);

    return n <= room ? rep->room + (room - n) : NULL;
}

/* One piece of memory: the struct, the pairs, the 304, and the lines of the 200, unless those stand in front of
 * the content. NULL: no memory. */
static struct wr_static_heads *write_heads(const struct plan *p,
                                           const struct wr_representation *rep, size_t *bytes)
{
    size_t pairs = p->content.n + p->not_modified.n;
    size_t not_modified_n = p->not_modified.lines + wr_ready_around(304, 0);
    char *head = place_of_head(rep, p), *memory;
    struct wr_static_heads *h;
    struct wr_response_field *to;

    *bytes = sizeof *h + pairs * sizeof *to + not_modified_n + (head ? 0 : p->content.lines);
    h = calloc(1, *bytes);
    if (!h)
        return NULL;
    to = (struct wr_response_field *)(h + 1);
    memory = (char *)(to + pairs);
    h->not_modified = write_answer(&h->ready_not_modified, 304, memory, to, &p->not_modified,
                                   wr_slice(memory + not_modified_n, 0));
    to += p->not_modified.n;
    if (head) {
        h->content = write_answer(&h->ready_content, 200, head, to, &p->content,
                                  wr_slice(rep->content, rep->size));
    } else {
        struct wr_buf lines = wr_buf_on(memory + not_modified_n, p->content.lines);

        h->content = write_block(to, &lines, p->content.v, p->content.n);
    }
    return h;
}

/* The rules' fields, and others behind them. */
static struct list join(struct wr_response_field *v, size_t rules_n, const struct fields *others)
{
    size_t n = rules_n + others->n;

    memcpy(v + rules_n, others->v, others->n * sizeof *v);
    return (struct list){v, n, lines_of(v, n)};
}

/* In memory of the request; false: not as blocks. */
static bool plan_heads(const struct wr_static_request *r, const struct wr_file *f,
                       const struct wr_representation *rep, struct plan *p)
{
    size_t room = r->verdict.fields_n + FIELDS_MAX, rules_n;
    struct wr_response_field *v = weir_alloc(r->env, 2 * room * sizeof *v);
    struct fields content = {.n = 0}, not_modified = {.n = 0};

    if (!v || !list_rules(&r->verdict, v, &rules_n))
        return false;
    memcpy(v + room, v, rules_n * sizeof *v);
    list_content(r, wr_static_type_of(r, f), f, rep, &content);
    list_validators(r, f, rep, &not_modified);
    p->content = join(v, rules_n, &content);
    p->not_modified = join(v + room, rules_n, &not_modified);
    return p->content.lines > 0 && p->content.lines <= WR_STATIC_LINES_MAX;
}

/* Those that are kept, or from now on; NULL: none can be. What a fallback varies by is the request's, so
 * that is written anew. */
static const struct wr_static_heads *heads_for(const struct wr_static_request *r,
                                               struct wr_file_entry *e,
                                               const struct wr_representation *rep)
{
    struct wr_static_heads *made;
    struct plan plan;
    size_t bytes;

    if (r->varies_by_accept)
        return NULL;
    if (*rep->kept || !wr_file_is_kept(e) || !plan_heads(r, wr_file_of(e), rep, &plan))
        return wr_static_heads_of(rep);
    made = write_heads(&plan, rep, &bytes);
    if (made)
        wr_file_keep(e, rep, made, bytes);
    return made;
}

/* ---- beginning a response ---- */

void wr_static_start_content(struct wr_static_request *r, int status, struct wr_file_entry *e,
                             const struct wr_representation *rep)
{
    const struct wr_static_heads *heads = heads_for(r, e, rep);
    struct fields fields = {.n = 0};

    wr_builtin_start(r->env, status, heads ? &heads->content : NULL);
    if (heads)
        return;
    list_content(r, wr_static_type_of(r, wr_file_of(e)), wr_file_of(e), rep, &fields);
    add_all(r, &fields);
}

void wr_static_start_parts(struct wr_static_request *r, struct wr_slice type,
                           struct wr_file_entry *e, const struct wr_representation *rep)
{
    struct fields fields = {.n = 0};

    wr_builtin_start(r->env, 206, NULL);
    list_content(r, type, wr_file_of(e), rep, &fields);
    add_all(r, &fields);
}

void wr_static_start_not_modified(struct wr_static_request *r, struct wr_file_entry *e,
                                  const struct wr_representation *rep)
{
    const struct wr_static_heads *heads = heads_for(r, e, rep);
    struct fields fields = {.n = 0};

    wr_builtin_start(r->env, 304, heads ? &heads->not_modified : NULL);
    if (heads)
        return;
    list_validators(r, wr_file_of(e), rep, &fields);
    add_all(r, &fields);
}
