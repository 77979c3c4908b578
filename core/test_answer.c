/*
 * test_answer.c — what a client of weir/test.h has got.
 */
#include "test_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "http/status.h"

static const weir_header none = {NULL, NULL};

bool wr_test_append(struct wr_test_text *t, const void *p, size_t n)
{
    size_t cap = t->cap > 0 ? t->cap : 1024;
    char *grown;

    while (cap - t->n <= n)
        cap *= 2;
    if (cap > t->cap) {
        grown = realloc(t->p, cap);
        if (!grown)
            return false;
        t->p = grown;
        t->cap = cap;
    }
    if (n > 0)
        memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
    return true;
}

/* ---- fields ---- */

static void free_field(const weir_header *h)
{
    free((char *)(uintptr_t)h->name);  /* NOLINT(performance-no-int-to-ptr) */
    free((char *)(uintptr_t)h->value); /* NOLINT(performance-no-int-to-ptr) */
}

bool wr_test_keep_field(struct wr_test_fields *f, struct wr_slice name, struct wr_slice value)
{
    weir_header *grown = realloc(f->v, (f->n + 2) * sizeof *grown);
    weir_header field;

    if (!grown)
        return false;
    f->v = grown;
    field = (weir_header){strndup(name.p, name.n), strndup(value.p ? value.p : "", value.n)};
    grown[f->n] = none;
    if (!field.name || !field.value) {
        free_field(&field);
        return false;
    }
    grown[f->n++] = field;
    grown[f->n] = none;
    return true;
}

bool wr_test_keep_fields(struct wr_test_fields *f, const weir_header *fields)
{
    for (const weir_header *h = fields; h && h->name; h++)
        if (!wr_test_keep_field(f, wr_slice_of(h->name), wr_slice_of(h->value)))
            return false;
    return true;
}

void wr_test_forget_fields(struct wr_test_fields *f)
{
    for (size_t i = 0; i < f->n; i++)
        free_field(&f->v[i]);
    free(f->v);
    *f = (struct wr_test_fields){0};
}

static bool keep_response_fields(struct wr_test_fields *f, const struct wr_response_field *fields,
                                 size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!wr_test_keep_field(f, fields[i].name, fields[i].value))
            return false;
    return true;
}

const char *weir_test_find(const weir_header *fields, const char *name)
{
    for (const weir_header *h = fields; h && h->name; h++)
        if (wr_slice_ieq(wr_slice_of(h->name), wr_slice_of(name)))
            return h->value;
    return NULL;
}

const char *weir_test_field(const weir_test_response *r, const char *name)
{
    return weir_test_find(r->fields, name);
}

/* ---- the parts of a response ---- */

static bool has_place_for_content(const weir_test_exchange *s)
{
    return s->x->request.method != WR_METHOD_HEAD && !wr_status_is_bodiless(s->x->response.status);
}

bool wr_test_has_trailers(const weir_test_exchange *s)
{
    const struct wr_response *r = &s->x->response;

    return r->may_have_trailers && wr_response_has_body(r) && s->is_11 &&
           has_place_for_content(s) && (r->length < 0 || (s->takes_trailers && r->status != 205));
}

bool wr_test_has_content(const weir_test_exchange *s)
{
    const struct wr_response *r = &s->x->response;

    return has_place_for_content(s) && wr_response_has_body(r) &&
           (r->length != 0 || wr_test_has_trailers(s));
}

bool wr_test_keep_head(weir_test_exchange *s)
{
    const struct wr_response *r = &s->x->response;
    char length[24];

    s->has_head = true;
    s->response.status = r->status;
    wr_exchange_spread_block(s->x);
    if (!keep_response_fields(&s->fields, r->fields, r->n))
        return false;
    if (wr_test_has_trailers(s))
        return !r->trailer_names.p ||
               wr_test_keep_field(&s->fields, WR_SLICE("Trailer"), r->trailer_names);
    if (r->length < 0 || r->status == 304 || r->status == 204)
        return true;
    snprintf(length, sizeof length, "%lld", (long long)r->length);
    return wr_test_keep_field(&s->fields, WR_SLICE("Content-Length"), wr_slice_of(length));
}

bool wr_test_keep_trailers(weir_test_exchange *s)
{
    const struct wr_response *r = &s->x->response;

    return !wr_test_has_trailers(s) ||
           keep_response_fields(&s->got_trailers, r->trailers, r->trailers_n);
}

/* Room for one more. */
static bool grow_interims(weir_test_exchange *s)
{
    weir_test_interim *interims = realloc(s->interims, (s->interims_n + 1) * sizeof *interims);
    struct wr_test_fields *fields;

    if (!interims)
        return false;
    s->interims = interims;
    fields = realloc(s->interim_fields, (s->interims_n + 1) * sizeof *fields);
    if (!fields)
        return false;
    s->interim_fields = fields;
    return true;
}

bool wr_test_keep_interim(weir_test_exchange *s, int status, const struct wr_response_field *fields,
                          size_t n)
{
    struct wr_test_fields kept = {0};

    if (!grow_interims(s) || !keep_response_fields(&kept, fields, n)) {
        wr_test_forget_fields(&kept);
        return false;
    }
    s->interim_fields[s->interims_n] = kept;
    s->interims[s->interims_n++] = (weir_test_interim){.status = status,
                                                       .fields = kept.v ? kept.v : &none,
                                                       .content_sent = s->arrived,
                                                       .at_ms = weir_test_now(s->t)};
    s->t->news++;
    return true;
}

ssize_t wr_test_keep_piece(weir_test_exchange *s, const struct wr_piece *piece, size_t n)
{
    char buffer[4096];
    ssize_t got;

    if (piece->mem || n == 0)
        return wr_test_append(&s->body, piece->mem, n) ? (ssize_t)n : -ENOMEM;
    do
        got = pread(piece->fd, buffer, n < sizeof buffer ? n : sizeof buffer, piece->off);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got < 0 ? -errno : -EIO; /* shorter than was promised */
    return wr_test_append(&s->body, buffer, (size_t)got) ? got : -ENOMEM;
}

/* ---- all of it ---- */

void wr_test_show(weir_test_exchange *s)
{
    weir_test_response *r = &s->response;

    r->fields = s->fields.v ? s->fields.v : &none;
    r->body = s->body.p;
    r->body_size = s->body.n;
    r->trailers = s->got_trailers.v ? s->got_trailers.v : &none;
    r->interims = s->interims;
    r->interims_n = s->interims_n;
    r->content_read = s->read;
}

static bool is_same_text(const char *a, const char *b)
{
    return wr_slice_eq(wr_slice_of(a), wr_slice_of(b));
}

/* The server gives a Content-Length where it knows it, which may be a matter of luck. */
static const weir_header *skip_framing(const weir_header *h)
{
    while (h->name && wr_slice_ieq(wr_slice_of(h->name), WR_SLICE("Content-Length")))
        h++;
    return h;
}

static bool are_equal(const weir_header *a, const weir_header *b)
{
    for (;; a++, b++) {
        a = skip_framing(a);
        b = skip_framing(b);
        if (!a->name || !b->name)
            return a->name == b->name;
        if (!is_same_text(a->name, b->name) || !is_same_text(a->value, b->value))
            return false;
    }
}

const char *wr_test_compare(const weir_test_response *a, const weir_test_response *b)
{
    if (a->status != b->status)
        return "status";
    if (!wr_slice_eq(wr_slice(a->body, a->body_size), wr_slice(b->body, b->body_size)))
        return "content";
    if (!are_equal(a->fields, b->fields))
        return "fields";
    if (!are_equal(a->trailers, b->trailers))
        return "trailers";
    return a->is_cut != b->is_cut ? "end" : NULL;
}
