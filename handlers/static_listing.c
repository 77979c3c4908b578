#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "codec/encoder.h"
#include "handlers/static_request.h"

#define ENCODED_MIN ((size_t)512) /* bytes of a listing */
#define LISTED_MAX                                                                                 \
    ((size_t)64 * 1024 * 1024) /* bytes that a loop holds, for clients that read slowly */

struct making_list {
    struct wr_chore chore;
    atomic_bool has_begun;
    const struct wr_static_setup *folder; /* which ends after all that helps it */
    struct wr_listing_setup setup;        /* its texts are behind the struct */
    enum wr_coding coding;
    struct wr_static_listing made;
    char *text; /* malloc'ed, until a request takes it: then made.text is held */
    size_t n;
};

/* ---- on a thread ---- */

/* Unless that makes it no smaller. */
static void encode_list(struct making_list *l)
{
    char *encoded;
    size_t n;

    if (l->coding == WR_CODING_IDENTITY || l->n < ENCODED_MIN ||
        wr_encode(l->coding, WR_LEVEL_DEFAULT, wr_slice(l->text, l->n), &encoded, &n) < 0)
        return;
    free(l->text);
    l->text = encoded;
    l->n = n;
    l->made.coding = l->coding;
}

static void make_list(struct wr_chore *c)
{
    struct making_list *l = WR_CONTAINER_OF(c, struct making_list, chore);
    struct wr_root root;

    atomic_store(&l->has_begun, true);
    l->made.err = wr_root_open(&root, l->folder->folder);
    if (l->made.err < 0)
        return;
    l->made.err = wr_listing_make(&root, &l->setup, &l->text, &l->n);
    wr_root_close(&root);
    if (l->made.err < 0)
        return;
    encode_list(l);
    l->made.hash = wr_content_hash(wr_slice(l->text, l->n));
}

/* ---- what was made ---- */

void wr_static_text_unref(struct wr_static_text *t)
{
    if (!t || --t->refs > 0)
        return;
    t->loop->listed -= t->n;
    free(t->p);
    free(t);
}

static void finish_list(struct wr_chore *c)
{
    struct making_list *l = WR_CONTAINER_OF(c, struct making_list, chore);

    wr_static_text_unref(l->made.text);
    free(l->text);
    free(l);
}

static const struct wr_chore_ops list_ops = {make_list, finish_list};

/* Clients that ask for long listings and do not read them are not to fill the memory. One by itself may
 * have any length. */
static int hold_text(struct making_list *l, struct wr_static_loop *loop)
{
    struct wr_static_text *t;

    if (loop->listed > 0 && loop->listed + l->n > LISTED_MAX)
        return -EBUSY;
    t = malloc(sizeof *t);
    if (!t)
        return -ENOMEM;
    *t = (struct wr_static_text){.loop = loop, .refs = 1, .p = l->text, .n = l->n};
    loop->listed += l->n;
    l->text = NULL;
    l->made.text = t;
    return 0;
}

static void take_list(struct wr_waiter *w, struct wr_chore *c)
{
    struct wr_static_request *r = WR_CONTAINER_OF(w, struct wr_static_request, waiter);
    struct making_list *l = WR_CONTAINER_OF(c, struct making_list, chore);

    r->waiter.resume = wr_static_resume;
    if (!wr_chore_is_worked(c)) { /* from the beginning */
        wr_static_resume(w, c);
        return;
    }
    if (l->made.err == 0 && !l->made.text)
        l->made.err = hold_text(l, r->loop);
    if (l->made.text)
        l->made.text->refs++;
    r->listing = l->made;
    r->listing.is_made = true;
    r->listing.format = l->setup.format;
    wr_static_resume(w, c);
}

/* ---- asking for one ---- */

/* JSON for who likes it better; and of those who like both alike, for who names it, where pages are part
 * of all there is. */
static enum wr_listing_format format_of(weir_environ *env)
{
    const struct wr_slice html = WR_SLICE("text/html"), json = WR_SLICE("application/json");
    struct wr_slice accept = wr_static_get(env, "HTTP_ACCEPT");
    uint16_t of_html = wr_accept_quality(accept, html), of_json = wr_accept_quality(accept, json);

    if (of_json != of_html)
        return of_json > of_html ? WR_LISTING_JSON : WR_LISTING_HTML;
    return wr_accept_names(accept, json) && !wr_accept_names(accept, html) ? WR_LISTING_JSON
                                                                           : WR_LISTING_HTML;
}

static enum wr_coding coding_of(const struct wr_static_request *r)
{
    static const unsigned all =
        1U << WR_CODING_IDENTITY | 1U << WR_CODING_GZIP | 1U << WR_CODING_BR | 1U << WR_CODING_ZSTD;
    struct wr_accept_codings accept;
    int best;

    if (!r->loop->folder->encodings)
        return WR_CODING_IDENTITY;
    wr_accept_codings_parse(wr_static_get(r->env, "HTTP_ACCEPT_ENCODING"), &accept);
    best = wr_accept_codings_best(&accept, all);
    return best < 0 ? WR_CODING_IDENTITY : (enum wr_coding)best;
}

static bool denies(const void *ctx, struct wr_slice path)
{
    return wr_static_options_denies(ctx, path);
}

/* The folder's address as the client has it. */
static struct making_list *new_list(const struct wr_static_request *r, struct wr_slice path)
{
    struct wr_slice script = wr_static_get(r->env, "SCRIPT_NAME");
    struct making_list *l = calloc(1, sizeof *l + path.n + 1 + script.n + r->path.n);
    char *text;

    if (!l)
        return NULL;
    text = (char *)(l + 1);
    l->chore.ops = &list_ops;
    atomic_init(&l->has_begun, false);
    memcpy(text, path.p, path.n);
    l->folder = &r->loop->folder->options.setup;
    l->setup.path = text;
    text += path.n + 1;
    if (script.n > 0)
        memcpy(text, script.p, script.n);
    memcpy(text + script.n, r->path.p, r->path.n);
    l->setup.address = wr_slice(text, script.n + r->path.n);
    l->setup.order = wr_listing_order(wr_static_get(r->env, "QUERY_STRING"));
    l->setup.format = format_of(r->env);
    l->setup.shows_hidden = l->folder->dot_files;
    if (l->folder->rules_n > 0)
        l->setup.hides = denies;
    l->setup.ctx = &r->loop->folder->options;
    l->coding = coding_of(r);
    return l;
}

/* One that has begun may have read the folder before the last change to it. */
static bool is_same_list(const struct wr_chore *c, const void *key)
{
    const struct making_list *l = (const struct making_list *)c, *wanted = key;
    const struct wr_listing_setup *a = &l->setup, *b = &wanted->setup;

    return l->folder == wanted->folder && l->coding == wanted->coding && a->format == b->format &&
           a->order.key == b->order.key && a->order.is_descending == b->order.is_descending &&
           wr_slice_eq(a->address, b->address) && strcmp(a->path, b->path) == 0 &&
           !atomic_load(&l->has_begun);
}

bool wr_static_wait_for_listing(struct wr_static_request *r, struct wr_slice path, weir_body *later)
{
    struct wr_static_request *kept = wr_static_keep(r);
    struct making_list *l = kept ? new_list(kept, path) : NULL;
    struct wr_chore *c = NULL;

    if (l)
        c = wr_chores_find(r->loop->chores, &list_ops, is_same_list, l);
    if (l && !c && wr_chore_begin(r->loop->chores, &l->chore, wr_builtin_makers(r->env))) {
        c = &l->chore;
        l = NULL;
    }
    free(l);
    if (!c)
        return false;
    kept->waiter.resume = take_list;
    *later = wr_static_wait_for(kept, c);
    return true;
}
