#include <stdlib.h>

#include "handlers/static_request.h"

/* ---- waiting ---- */

void wr_static_resume(struct wr_waiter *w, struct wr_chore *c)
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
    wr_static_text_unref(r->listing.text);
}

struct wr_static_request *wr_static_keep(struct wr_static_request *r)
{
    struct wr_static_request *kept;

    if (r->is_kept)
        return r;
    kept = weir_alloc(r->env, sizeof *kept);
    if (!kept)
        return NULL;
    *kept = *r;
    kept->is_kept = true;
    kept->waiter = (struct wr_waiter){.resume = wr_static_resume};
    weir_defer(r->env, end_waiting, kept); /* at once, when memory runs out: nobody would leave */
    return kept->is_kept ? kept : NULL;
}

weir_body wr_static_wait_for(struct wr_static_request *r, struct wr_chore *c)
{
    r->waits++;
    wr_chore_join(c, &r->waiter);
    return wr_builtin_later(r->env);
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
    char *copy;

    if (!w)
        return NULL;
    copy = (char *)(w + 1);
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
    struct wr_static_request *kept = r->waits < WR_STATIC_WAITS_MAX ? wr_static_keep(r) : NULL;
    struct wr_chore *c = NULL;

    if (kept)
        c = wr_chores_find(r->loop->chores, &warming_ops, is_of_path, &path);
    if (kept && !c)
        c = begin_warming(kept, path);
    if (c)
        *later = wr_static_wait_for(kept, c);
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
    if (wr_chore_begin(r->loop->chores, &e->chore, wr_builtin_makers(r->env))) {
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
    struct wr_static_request *kept = r->waits < WR_STATIC_WAITS_MAX ? wr_static_keep(r) : NULL;
    struct wr_chore *c = NULL;

    if (kept)
        c = wr_chores_find(r->loop->chores, &encoding_ops, is_same_encoding, &wanted);
    if (kept && !c)
        c = begin_encoding(kept, &wanted);
    if (c) {
        *later = wr_static_wait_for(kept, c);
        return true;
    }
    return false;
}
