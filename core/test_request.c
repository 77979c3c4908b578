/*
 * test_request.c — from a weir_test_request to an exchange's request. All lies in its arena.
 */
#include "test_exchange.h"

#include <assert.h>
#include <stdio.h>

static struct wr_slice method_of(const weir_test_request *r)
{
    if (r->method)
        return wr_slice_of(r->method);
    return r->body_size > 0 || r->content_length != 0 ? WR_SLICE("POST") : WR_SLICE("GET");
}

static bool set_target(struct wr_exchange *x, const char *text)
{
    struct wr_request *r = &x->request;
    struct wr_target target;
    char *path;

    r->target = wr_arena_dup(&x->arena, wr_slice_of(text));
    if (!r->target.p || !wr_target_split(r->target, r->method == WR_METHOD_CONNECT,
                                         r->method == WR_METHOD_OPTIONS, &target))
        return false;
    r->form = target.form;
    r->host = target.authority; /* else that of the field */
    r->is_https = wr_target_is_https(&target);
    r->query = target.query;
    if (target.form == WR_TARGET_AUTHORITY || target.form == WR_TARGET_ASTERISK)
        return true;
    path = wr_arena_alloc(&x->arena, target.raw_path.n + 1);
    return path && wr_target_decode_path(target.raw_path, path, &r->path);
}

static bool add_field(struct wr_exchange *x, const char *name, const char *value)
{
    struct wr_slice own_name = wr_arena_dup(&x->arena, wr_slice_of(name));
    struct wr_slice own_value = wr_arena_dup(&x->arena, wr_slice_of(value));

    if (!own_name.p || !own_value.p)
        return false;
    return wr_fields_add(&x->request.fields, own_name, own_value) ||
           (wr_exchange_more_fields(x) && wr_fields_add(&x->request.fields, own_name, own_value));
}

static bool add_length(struct wr_exchange *x, int64_t declared)
{
    char length[24];

    if (declared < 0)
        return add_field(x, "Transfer-Encoding", "chunked");
    if (declared == 0 || wr_fields_find(&x->request.fields, WR_FIELD_CONTENT_LENGTH))
        return true;
    snprintf(length, sizeof length, "%lld", (long long)declared);
    return add_field(x, "Content-Length", length);
}

static bool set_fields(weir_test_exchange *s, const weir_header *fields)
{
    struct wr_exchange *x = s->x;
    struct wr_fields *f = &x->request.fields;

    assert(f->v); /* wr_exchange_new() */
    for (const weir_header *h = fields; h && h->name; h++)
        if (!add_field(x, h->name, h->value))
            return false;
    if (!wr_fields_find(f, WR_FIELD_HOST) && !add_field(x, "Host", "localhost"))
        return false;
    if (!x->request.host.p)
        x->request.host = wr_fields_get(f, WR_FIELD_HOST);
    return add_length(x, s->declared);
}

/* What fields ask of the protocol. */
static void read_fields(weir_test_exchange *s)
{
    const struct wr_fields *f = &s->x->request.fields;
    const struct wr_field *expect = wr_fields_find(f, WR_FIELD_EXPECT);

    for (size_t i = 0; i < f->n; i++)
        if (wr_slice_ieq(f->v[i].name, WR_SLICE("TE")) &&
            wr_list_has_token(f->v[i].value, WR_SLICE("trailers")))
            s->takes_trailers = true;
    s->owes_continue = s->is_11 && s->declared != 0 && expect &&
                       wr_slice_ieq(expect->value, WR_SLICE("100-continue"));
    s->awaits_continue = s->owes_continue;
}

static bool set_framing(weir_test_exchange *s, const weir_test_request *request)
{
    int64_t length = request->content_length;

    if (request->body_size > INT64_MAX || length < -1 ||
        (length > 0 && (uint64_t)length < request->body_size))
        return false;
    s->declared = length == 0 ? (int64_t)request->body_size : length;
    return s->is_11 || s->declared >= 0; /* HTTP/1.0 knows no chunks */
}

bool wr_test_set_request(weir_test_exchange *s, const weir_test_request *request)
{
    struct wr_exchange *x = s->x;
    struct wr_request *r = &x->request;
    struct wr_slice version = wr_slice_of(request->version ? request->version : "HTTP/1.1");

    s->is_11 = !wr_slice_eq(version, WR_SLICE("HTTP/1.0"));
    r->version = wr_arena_dup(&x->arena, version);
    r->method_token = wr_arena_dup(&x->arena, method_of(request));
    if (!r->version.p || !wr_is_token(r->method_token) || !set_framing(s, request))
        return false;
    r->method = wr_method_of(r->method_token);
    r->content_length = s->declared;
    r->peer =
        (struct wr_peer){.ip = {127, 0, 0, 1}, .family = AF_INET, .port = 50000, .own_port = 80};
    if (!set_target(x, request->target ? request->target : "/") || !set_fields(s, request->fields))
        return false;
    read_fields(s);
    return true;
}
