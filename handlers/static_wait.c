#include <stdlib.h>

#include "codec/encoder.h"
#include "handlers/static_request.h"

#define ENCODED_MIN ((size_t)512) /* bytes of a listing */

/* ---- waiting ---- */

static void resume(struct wr_waiter *w, struct wr_chore *c)
{
    struct wr_static_request *r = WR_CONTAINER_OF(w, struct wr_static_request, waiter);
    weir_body body;

    (void)c;
    body = wr_static_answer(r);
    if (body.kind != WEIR_BODY_LATER)
        wr_builtin_finish(r->env, body);
}

static void end_waiting(void *arg)
{
    struct wr_static_request *r = arg;

    r->is_kept = false;
    wr_waiter_leave(&r->waiter);
    free(r->listing.text);
}

/* A request that waits outlives the call: its copy in the arena; NULL: no memory. */
static struct wr_static_request *keep(struct wr_static_request *r)
{
    struct wr_static_request *kept;

    if (r->is_kept)
        return r;
    kept = weir_alloc(r->env, sizeof *kept);
    if (!kept)
        return NULL;
    *kept = *r;
    kept->is_kept = true;
    kept->waiter = (struct wr_waiter){.resume = resume};
    weir_defer(r->env, end_waiting, kept); /* at once, when memory runs out: nobody would leave */
    return kept->is_kept ? kept : NULL;
}

static weir_body wait_for(struct wr_static_request *r, struct wr_chore *c)
{
    r->waits++;
    wr_chore_join(c, &r->waiter);
    return wr_builtin_later(r->env);
}

static bool begin_making(struct wr_static_request *r, struct wr_chore *c)
{
    return wr_chore_begin(r->loop->chores, c, wr_builtin_makers(r->env));
}

/* ---- the disk ---- */

struct warming {
    struct wr_chore chore;
    const struct wr_static_setup *folder; /* which ends after all that helps it */
    struct wr_slice path;                 /* NUL-terminated; behind the struct */
};

static void warm(struct wr_chore *c)
{
    const struct warming *w = WR_CONTAINER_OF(c, struct warming, chore);

    wr_file_warm(w->folder->folder, w->path.p, w->folder->compress != WR_STATIC_COMPRESS_OFF);
}

static void finish_warming(struct wr_chore *c)
{
    free(WR_CONTAINER_OF(c, struct warming, chore));
}

static const struct wr_chore_ops warming_ops = {warm, finish_warming};

static bool is_of_path(const struct wr_chore *c, const void *key)
{
    const struct warming *w = (const struct warming *)c;

    return wr_slice_eq(w->path, *(const struct wr_slice *)key);
}

static struct wr_chore *begin_warming(struct wr_static_request *r, struct wr_slice path)
{
    struct warming *w = calloc(1, sizeof *w + path.n + 1);
    char *copy = (char *)(w + 1);

    if (!w)
        return NULL;
    w->chore.ops = &warming_ops;
    memcpy(copy, path.p, path.n);
    w->path = wr_slice(copy, path.n);
    w->folder = &r->loop->folder->options.setup;
    if (wr_chore_begin(r->loop->chores, &w->chore, wr_builtin_helpers(r->env)))
        return &w->chore;
    free(w);
    return NULL;
}

bool wr_static_wait_for_disk(struct wr_static_request *r, struct wr_slice path, weir_body *later)
{
    struct wr_static_request *kept = r->waits < WR_STATIC_WAITS_MAX ? keep(r) : NULL;
    struct wr_chore *c = NULL;

    if (kept)
        c = wr_chores_find(r->loop->chores, &warming_ops, is_of_path, &path);
    if (kept && !c)
        c = begin_warming(kept, path);
    if (c)
        *later = wait_for(kept, c);
    return c != NULL;
}

/* ---- codings ---- */

struct encoding {
    struct wr_chore chore;
    struct wr_encodings *encodings;
    struct wr_file_entry *entry;
    struct wr_encodings_source source;
    enum wr_coding coding;
};

static void encode(struct wr_chore *c)
{
    const struct encoding *e = WR_CONTAINER_OF(c, struct encoding, chore);

    /* What came of it the encodings know; of what failed, the next look-up. */
    (void)wr_encodings_make(e->encodings, &e->source, e->coding);
}

static void finish_encoding(struct wr_chore *c)
{
    struct encoding *e = WR_CONTAINER_OF(c, struct encoding, chore);

    wr_file_entry_unref(e->entry);
    free(e);
}

static const struct wr_chore_ops encoding_ops = {encode, finish_encoding};

static bool is_same_encoding(const struct wr_chore *c, const void *key)
{
    const struct encoding *e = (const struct encoding *)c, *wanted = key;

    return e->coding == wanted->coding &&
           wr_file_info_same(&e->source.version, &wanted->source.version);
}

static struct wr_chore *begin_encoding(struct wr_static_request *r, const struct encoding *wanted)
{
    struct encoding *e = malloc(sizeof *e);

    if (!e)
        return NULL;
    *e = *wanted;
    e->chore.ops = &encoding_ops;
    if (begin_making(r, &e->chore)) {
        wr_file_entry_ref(e->entry);
        return &e->chore;
    }
    free(e);
    return NULL;
}

bool wr_static_wait_for_coding(struct wr_static_request *r, struct wr_file_entry *entry,
                               enum wr_coding coding, weir_body *later)
{
    const struct wr_file *f = wr_file_of(entry);
    const struct encoding wanted = {
        .encodings = r->loop->folder->encodings,
        .entry = entry,
        .source = {.version = f->info, .content = f->identity.content, .fd = f->identity.fd},
        .coding = coding,
    };
    struct wr_static_request *kept = r->waits < WR_STATIC_WAITS_MAX ? keep(r) : NULL;
    struct wr_chore *c = NULL;

    if (kept)
        c = wr_chores_find(r->loop->chores, &encoding_ops, is_same_encoding, &wanted);
    if (kept && !c)
        c = begin_encoding(kept, &wanted);
    if (c) {
        *later = wait_for(kept, c);
        return true;
    }
    return false;
}

/* ---- listings ---- */

struct making_list {
    struct wr_chore chore;
    const char *folder;
    struct wr_listing_setup setup; /* its texts are behind the struct */
    struct wr_accept_codings accept;
    struct wr_static_listing made;
};

/* In the best coding that makes it smaller. */
static void encode_list(struct making_list *l)
{
    unsigned available =
        1U << WR_CODING_IDENTITY | 1U << WR_CODING_GZIP | 1U << WR_CODING_BR | 1U << WR_CODING_ZSTD;
    int coding = wr_accept_codings_best(&l->accept, available);
    char *encoded;
    size_t n;

    if (coding <= WR_CODING_IDENTITY || l->made.n < ENCODED_MIN ||
        wr_encode((enum wr_coding)coding, WR_LEVEL_DEFAULT, wr_slice(l->made.text, l->made.n),
                  &encoded, &n) < 0)
        return;
    free(l->made.text);
    l->made.text = encoded;
    l->made.n = n;
    l->made.coding = (enum wr_coding)coding;
}

static void make_list(struct wr_chore *c)
{
    struct making_list *l = WR_CONTAINER_OF(c, struct making_list, chore);

    struct wr_root root;

    l->made.err = wr_root_open(&root, l->folder);
    if (l->made.err < 0)
        return;
    l->made.err = wr_listing_make(&root, &l->setup, &l->made.text, &l->made.n);
    wr_root_close(&root);
    if (l->made.err < 0)
        return;
    encode_list(l);
    l->made.hash = wr_content_hash(wr_slice(l->made.text, l->made.n));
}

static void finish_list(struct wr_chore *c)
{
    struct making_list *l = WR_CONTAINER_OF(c, struct making_list, chore);

    free(l->made.text);
    free(l);
}

static const struct wr_chore_ops list_ops = {make_list, finish_list};

static void take_list(struct wr_waiter *w, struct wr_chore *c)
{
    struct wr_static_request *r = WR_CONTAINER_OF(w, struct wr_static_request, waiter);
    struct making_list *l = WR_CONTAINER_OF(c, struct making_list, chore);

    r->listing = l->made;
    r->listing.is_made = true;
    r->listing.format = l->setup.format;
    l->made.text = NULL;
    r->waiter.resume = resume;
    resume(w, c);
}

static enum wr_listing_format format_of(weir_environ *env)
{
    struct wr_slice accept = wr_static_get(env, "HTTP_ACCEPT");
    uint16_t html = wr_accept_quality(accept, WR_SLICE("text/html"));

    return wr_accept_quality(accept, WR_SLICE("application/json")) > html ? WR_LISTING_JSON
                                                                          : WR_LISTING_HTML;
}

/* The folder's address as the client has it. */
static struct making_list *new_list(const struct wr_static_request *r, struct wr_slice path)
{
    struct wr_slice script = wr_static_get(r->env, "SCRIPT_NAME");
    struct making_list *l = calloc(1, sizeof *l + path.n + 1 + script.n + r->path.n);
    char *text = (char *)(l + 1);

    if (!l)
        return NULL;
    l->chore.ops = &list_ops;
    memcpy(text, path.p, path.n);
    l->folder = r->loop->folder->options.setup.folder;
    l->setup.path = text;
    text += path.n + 1;
    if (script.n > 0)
        memcpy(text, script.p, script.n);
    memcpy(text + script.n, r->path.p, r->path.n);
    l->setup.address = wr_slice(text, script.n + r->path.n);
    l->setup.order = wr_listing_order(wr_static_get(r->env, "QUERY_STRING"));
    l->setup.format = format_of(r->env);
    l->setup.shows_hidden = r->loop->folder->options.setup.dot_files;
    if (r->loop->folder->encodings)
        wr_accept_codings_parse(wr_static_get(r->env, "HTTP_ACCEPT_ENCODING"), &l->accept);
    return l;
}

bool wr_static_wait_for_listing(struct wr_static_request *r, struct wr_slice path, weir_body *later)
{
    struct wr_static_request *kept = keep(r);
    struct making_list *l = kept ? new_list(kept, path) : NULL;

    if (l && begin_making(kept, &l->chore)) {
        kept->waiter.resume = take_list;
        *later = wait_for(kept, &l->chore);
        return true;
    }
    free(l);
    return false;
}
