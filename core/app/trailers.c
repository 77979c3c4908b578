#include "app/trailers.h"

#include "app/start.h"
#include "app/streaming.h"

#define NAMES_MIN ((size_t)64) /* bytes of memory for the names; it grows with what comes */
#define LIST_MIN  8

struct wr_trailer_list {
    uint32_t n, cap;
    size_t bytes;
    struct wr_response_field v[];
};

static int32_t refuse_memory(struct wr_environ *e, struct wr_slice name)
{
    return wr_start_fault(e, WEIR_ENOMEM, "no memory for the trailer %.*s", (int)name.n, name.p);
}

static int32_t refuse_size(struct wr_environ *e, const char *what)
{
    return wr_start_fault(e, WEIR_ETOOBIG, "more than %zu bytes of %s", WR_RESPONSE_FIELDS_MAX,
                          what);
}

/* A list of tokens; NULL: no memory. */
static struct wr_buf *names_of(struct wr_environ *e)
{
    wr_environ_set_more(e);
    if (!e->trailer_names) {
        e->trailer_names = wr_arena_alloc(&e->x->arena, sizeof *e->trailer_names);
        if (e->trailer_names)
            *e->trailer_names = (struct wr_buf){0};
    }
    return e->trailer_names;
}

static bool make_room_for_name(struct wr_environ *e, struct wr_buf *b, size_t n)
{
    size_t wanted = b->n + n, cap = wanted > NAMES_MIN / 2 ? 2 * wanted : NAMES_MIN;
    char *larger;

    if (n <= wr_buf_room(b))
        return true;
    larger = wr_arena_alloc(&e->x->arena, cap);
    if (!larger)
        return false;
    if (b->n > 0)
        memcpy(larger, b->p, b->n);
    b->p = larger;
    b->cap = cap;
    return true;
}

/* The name goes out with the head, and counts as a part of it. */
static int32_t add_name(struct wr_environ *e, struct wr_slice name)
{
    struct wr_buf *b = names_of(e);
    size_t size = name.n + strlen(", ");

    if (b && wr_list_has_token(wr_buf_slice(b), name))
        return 0;
    e->head_bytes += size;
    if (e->head_bytes > WR_RESPONSE_FIELDS_MAX)
        return refuse_size(e, "fields");
    if (!b || !make_room_for_name(e, b, size))
        return refuse_memory(e, name);
    if (b->n > 0)
        WR_BUF_LITERAL(b, ", ");
    wr_buf_slice_append(b, name);
    return 0;
}

/* With room for one more; NULL: no memory. */
static struct wr_trailer_list *list_of(struct wr_environ *e)
{
    struct wr_trailer_list *old = e->trailer_list, *l;
    uint32_t cap = old ? 2 * old->cap : LIST_MIN;

    wr_environ_set_more(e);
    if (old && old->n < old->cap)
        return old;
    l = wr_arena_alloc(&e->x->arena, sizeof *l + cap * sizeof *l->v);
    if (!l)
        return NULL;
    *l = (struct wr_trailer_list){.cap = cap};
    if (old) {
        l->n = old->n;
        l->bytes = old->bytes;
        memcpy(l->v, old->v, old->n * sizeof *l->v);
    }
    return e->trailer_list = l;
}

static int32_t add_field(struct wr_environ *e, struct wr_slice name, struct wr_slice value)
{
    struct wr_trailer_list *l = list_of(e);

    if (!l)
        return refuse_memory(e, name);
    l->bytes += name.n + value.n + strlen(": \r\n");
    if (l->bytes > WR_RESPONSE_FIELDS_MAX)
        return refuse_size(e, "trailers");
    l->v[l->n] = (struct wr_response_field){wr_arena_dup(&e->x->arena, name),
                                            wr_arena_dup(&e->x->arena, value)};
    if (!l->v[l->n].name.p || !l->v[l->n].value.p)
        return refuse_memory(e, name);
    l->n++;
    return 0;
}

static int32_t check(struct wr_environ *e, struct wr_slice name, struct wr_slice value)
{
    int32_t err = wr_start_check_field(e, name, value);

    if (err == 0 && !wr_field_may_trail(name))
        err = wr_start_fault(e, WEIR_EINVAL, "the field %.*s cannot be a trailer (RFC 9110 6.5.1)",
                             (int)name.n, name.p);
    return err;
}

static int32_t add(weir_environ *env, const char *name_text, const char *value_text, size_t n)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_slice name = wr_slice_of(name_text ? name_text : "");
    struct wr_slice value =
        wr_slice_trim(wr_slice(value_text ? value_text : "", value_text ? n : 0));
    int32_t err;

    if (e->error < 0)
        return WEIR_EFAILED;
    if (wr_streaming_has_last_body(e) || (e->is_started && !value_text))
        return WEIR_ESTATE;
    if (!value_text && n > 0)
        return wr_start_fault(e, WEIR_EINVAL, "the trailer %.*s has no value (NULL)", (int)name.n,
                              name.p);
    err = check(e, name, value);
    if (err == 0 && !e->is_started)
        err = add_name(e, name);
    return err == 0 && value_text ? add_field(e, name, value) : err;
}

static int32_t each(weir_environ *env,
                    int32_t (*fn)(void *arg, const char *name, size_t name_n, const char *value,
                                  size_t value_n),
                    void *arg)
{
    const struct wr_fields *f = wr_environ_of(env)->x->request.trailers;
    int32_t r = fn ? 0 : WEIR_EINVAL;

    for (unsigned i = 0; f && i < f->n && r == 0; i++)
        r = fn(arg, f->v[i].name.p, f->v[i].name.n, f->v[i].value.p, f->v[i].value.n);
    return r;
}

const weir_trailers wr_trailers_table = {.size = sizeof(weir_trailers), .add = add, .each = each};

/* ---- on the loop ---- */

void wr_trailers_announce(struct wr_environ *e)
{
    struct wr_response *r = &e->x->response;

    if (!e->trailer_names)
        return;
    r->may_have_trailers = true;
    r->trailer_names = wr_buf_slice(e->trailer_names);
}

void wr_trailers_close(struct wr_environ *e)
{
    struct wr_response *r = &e->x->response;

    if (!e->trailer_list)
        return;
    r->trailers = e->trailer_list->v;
    r->trailers_n = e->trailer_list->n;
}
