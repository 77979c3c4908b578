#include "handlers/static_request.h"

#define INDEX_PATH_MAX 512 /* bytes of the path of an index; longer ones are found the other way */

/* ---- what a client accepts ---- */

static unsigned slot_of(struct wr_slice text)
{
    return (unsigned)(text.n * 5 + (unsigned char)text.p[text.n - 1]) % WR_STATIC_ACCEPTS;
}

const struct wr_accept_codings *wr_static_accepted(struct wr_static_loop *l, struct wr_slice text)
{
    struct wr_static_accept *last;

    if (text.n == 0 || text.n > sizeof last->text) {
        wr_accept_codings_parse(text, &l->accepted);
        return &l->accepted;
    }
    last = &l->accepts[slot_of(text)];
    if (last->n != text.n || memcmp(last->text, text.p, text.n) != 0) {
        wr_accept_codings_parse(text, &last->codings);
        memcpy(last->text, text.p, text.n);
        last->n = text.n;
    }
    return &last->codings;
}

/* ---- the file ---- */

/* The first index of a folder. noinline: its room is no other request's. */
static __attribute__((noinline)) struct wr_file_entry *
find_index(struct wr_static_loop *l, struct wr_slice folder, struct wr_file_moment now)
{
    const struct wr_static_options *o = &l->folder->options;
    char memory[INDEX_PATH_MAX];
    struct wr_buf path = wr_buf_on(memory, sizeof memory);

    /* What the rules deny to the folder, they need not deny to its index. */
    if (o->setup.index.n == 0 || o->has_denials || wr_static_options_hides(o, folder))
        return NULL;
    wr_buf_slice_append(&path, folder);
    wr_buf_slice_append(&path, wr_slice_of(o->setup.index.v[0]));
    return path.overflow ? NULL : wr_file_cache_find(l->cache, wr_buf_slice(&path), now);
}

static struct wr_file_entry *find(struct wr_static_loop *l, struct wr_slice path)
{
    const struct wr_loop *loop = l->loop->worker->loop;
    const struct wr_file_moment now = {.turn = wr_loop_turn(loop),
                                       .wall_ns = wr_loop_wall_ns(loop)};
    struct wr_file_entry *e;

    if (path.n == 0)
        return NULL;
    if (path.p[path.n - 1] == '/')
        return find_index(l, wr_slice_from(path, 1), now);
    e = wr_file_cache_find(l->cache, wr_slice_from(path, 1), now);
    return e && wr_file_of(e)->is_open ? e : NULL;
}

/* ---- the representation, and what it is answered with ---- */

/* NULL: to be chosen. */
static const struct wr_representation *
find_representation(weir_environ *env, struct wr_static_loop *l, const struct wr_file_entry *e)
{
    const struct wr_file *f = wr_file_of(e);
    const struct wr_accept_codings *accept;

    if (!f->varies || !wr_builtin_has_field(env, WR_FIELD_ACCEPT_ENCODING))
        return &f->identity;
    accept = wr_static_accepted(
        l, wr_builtin_field(env, WR_FIELD_ACCEPT_ENCODING, WR_SLICE("HTTP_ACCEPT_ENCODING")));
    return wr_file_cache_chosen(e, accept, wr_loop_turn(l->loop->worker->loop));
}

/* How the conditions are met at first sight. */
enum sight { NO_CONDITIONS, IS_KNOWN, IS_UNCLEAR };

/* The client sends back, alone, what it was given. */
static enum sight look_at_conditions(weir_environ *env, const struct wr_file *f,
                                     const struct wr_representation *rep)
{
    struct wr_slice known, own = rep->etag;

    if (wr_builtin_has_field(env, WR_FIELD_IF_MATCH) ||
        wr_builtin_has_field(env, WR_FIELD_IF_UNMODIFIED_SINCE) ||
        wr_builtin_has_field(env, WR_FIELD_RANGE))
        return IS_UNCLEAR;
    if (wr_builtin_has_field(env, WR_FIELD_IF_NONE_MATCH)) {
        known = wr_builtin_field(env, WR_FIELD_IF_NONE_MATCH, WR_SLICE("HTTP_IF_NONE_MATCH"));
    } else if (wr_builtin_has_field(env, WR_FIELD_IF_MODIFIED_SINCE)) {
        known =
            wr_builtin_field(env, WR_FIELD_IF_MODIFIED_SINCE, WR_SLICE("HTTP_IF_MODIFIED_SINCE"));
        own = wr_slice(f->last_modified, f->validators.last_modified_s != -1 ? WR_DATE_LEN : 0);
    } else {
        return NO_CONDITIONS;
    }
    return own.n > 0 && wr_slice_eq(known, own) ? IS_KNOWN : IS_UNCLEAR;
}

bool wr_static_find_quickly(weir_environ *env, struct wr_static_loop *l,
                            struct wr_static_quick *out)
{
    enum wr_method method = wr_builtin_method(env);
    const struct wr_representation *rep;
    const struct wr_static_heads *heads;
    struct wr_file_entry *e;
    enum sight sight;

    if (!wr_builtin_is_as_it_came(env) || (method != WR_METHOD_GET && method != WR_METHOD_HEAD))
        return false;
    e = find(l, wr_builtin_path(env));
    rep = e ? find_representation(env, l, e) : NULL;
    heads = rep ? wr_static_heads_of(rep) : NULL;
    if (!heads)
        return false;
    sight = look_at_conditions(env, wr_file_of(e), rep);
    if (sight == IS_UNCLEAR || (sight == NO_CONDITIONS && !rep->content))
        return false;
    if (sight == IS_KNOWN)
        *out = (struct wr_static_quick){e, 304, &heads->not_modified,
                                        heads->ready_not_modified.content};
    else
        *out = (struct wr_static_quick){e, 200, &heads->content, wr_slice(rep->content, rep->size)};
    return true;
}
