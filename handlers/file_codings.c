#include "handlers/file_entry.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* What entries may hold of what was made on the fly: `encodings` may have dropped it long ago. */
#define ENCODED_MAX (16ULL * 1024 * 1024)

#define ABSENCE_NS WR_SECOND_NS /* for so long a sibling that was not there is not looked for */

struct wr_slice wr_file_sibling_ending(enum wr_coding coding)
{
    switch (coding) {
    case WR_CODING_GZIP:
        return WR_SLICE(".gz");
    case WR_CODING_BR:
        return WR_SLICE(".br");
    case WR_CODING_ZSTD:
        return WR_SLICE(".zst");
    case WR_CODING_IDENTITY:
    case WR_CODINGS:
        break;
    }
    return WR_SLICE("");
}

#define CODINGS (1U << WR_CODING_GZIP | 1U << WR_CODING_BR | 1U << WR_CODING_ZSTD)

/* The variant in this coding that was found last, beside the file or made. */
static struct wr_file_variant *variant_of(const struct wr_file_entry *e, enum wr_coding coding,
                                          bool is_made)
{
    struct wr_file_variant *v = e->variants;

    while (v && (v->rep.coding != coding || is_made != !v->sibling))
        v = v->next;
    return v;
}

static struct wr_file_variant *add_variant(struct wr_file_entry *e, struct wr_representation rep)
{
    struct wr_file_variant *v = calloc(1, sizeof *v);

    if (!v)
        return NULL;
    v->rep = rep;
    v->rep.kept = &v->kept;
    v->next = e->variants;
    e->variants = v;
    return v;
}

static void end_etag(struct wr_file_variant *v, struct wr_buf *etag)
{
    wr_buf_char(etag, '"');
    v->rep.etag = wr_buf_slice(etag);
}

/* ---- codings that lie beside the file ---- */

/* Those that are worth a look at the disk. */
static unsigned siblings_of(const struct wr_file_cache *c, const struct wr_file_entry *e,
                            int64_t wall_ns)
{
    unsigned found = c->setup.has_siblings && e->file.varies ? CODINGS : 0;

    for (enum wr_coding coding = WR_CODING_GZIP; coding < WR_CODINGS; coding++) {
        int64_t age_ns = wall_ns - e->looked_ns[coding];

        if (e->looked_for & 1U << coding && age_ns >= 0 && age_ns < ABSENCE_NS)
            found &= ~(1U << coding);
    }
    return found;
}

/* An older one is of what the file was before. */
static bool is_usable(const struct wr_file_entry *e, const struct wr_file_entry *sibling)
{
    const struct wr_file_info *of = &e->file.info, *info = &sibling->file.info;

    return info->size > 0 && (info->mtime_s > of->mtime_s ||
                              (info->mtime_s == of->mtime_s && info->mtime_ns >= of->mtime_ns));
}

static int get_sibling(struct wr_file_cache *c, const struct wr_file_entry *e,
                       enum wr_coding coding, struct wr_file_moment now, struct wr_file_entry **out)
{
    char memory[PATH_MAX];
    struct wr_buf path = wr_buf_on(memory, sizeof memory);

    wr_buf_slice_append(&path, e->file.path);
    wr_buf_slice_append(&path, wr_file_sibling_ending(coding));
    wr_buf_char(&path, '\0');
    if (path.overflow)
        return -ENAMETOOLONG;
    return wr_file_cache_get(c, wr_slice(path.p, path.n - 1), now, out);
}

/* The room in front of its content is rather for answers with the file that it is a coding of than for
 * those with itself, unless that has been used. */
static char *take_room(struct wr_file_entry *sibling)
{
    char *room = sibling->kept ? NULL : sibling->file.identity.room;

    sibling->file.identity.room = NULL;
    return room;
}

/* Takes the sibling; NULL: no memory. */
static const struct wr_file_variant *add_sibling(struct wr_file_cache *c, struct wr_file_entry *e,
                                                 enum wr_coding coding,
                                                 struct wr_file_entry *sibling)
{
    struct wr_representation rep = sibling->file.identity;
    struct wr_file_variant *v;
    struct wr_buf etag;

    rep.coding = coding;
    rep.room = e->cache ? take_room(sibling) : NULL; /* else no head will be written there */
    v = add_variant(e, rep);
    if (!v) {
        wr_file_entry_unref(sibling);
        return NULL;
    }
    v->sibling = sibling;
    etag = wr_buf_on(v->etag, sizeof v->etag);
    wr_file_etag_begin(&etag, !e->is_settled || !sibling->is_settled);
    wr_file_etag_version(&etag, &sibling->file.info);
    wr_buf_char(&etag, '-');
    wr_file_etag_version(&etag, &e->file.info);
    wr_buf_char(&etag, '-');
    wr_buf_slice_append(&etag, wr_coding_name(coding));
    end_etag(v, &etag);
    if (e->cache && sibling->cache)
        sibling->parent = e;
    else if (e->cache)
        wr_file_cache_drop(c, e);
    return v;
}

/* Nothing came of it through no fault of the sibling's. */
static bool is_shortage(int err)
{
    return err == -ENOMEM || err == -EMFILE || err == -ENFILE;
}

/* 0; -ENODATA: there is none, or none that counts; -EAGAIN. */
static int choose_sibling(struct wr_file_cache *c, struct wr_file_entry *e, enum wr_coding coding,
                          struct wr_file_moment now, const struct wr_representation **out)
{
    const struct wr_file_variant *v = variant_of(e, coding, false);
    struct wr_file_entry *sibling;
    int err;

    if (v && v->sibling->cache && wr_file_cache_look(c, v->sibling, now) == 0) {
        wr_file_cache_touch(c, v->sibling);
        *out = &v->rep;
        return 0;
    }
    err = get_sibling(c, e, coding, now, &sibling);
    if (err == -EAGAIN)
        return err;
    /* The file is looked at once more: what lies beside another release is not of this one. */
    if (err == 0 && is_usable(e, sibling) && wr_file_is_unchanged(e->name, &e->file.info)) {
        v = add_sibling(c, e, coding, sibling);
        if (!v)
            return -ENODATA;
        *out = &v->rep;
        return 0;
    }
    if (err == 0)
        wr_file_entry_unref(sibling);
    if (!is_shortage(err)) {
        e->looked_for |= 1U << coding;
        e->looked_ns[coding] = now.wall_ns;
    }
    return -ENODATA;
}

/* ---- codings that are made on the fly ---- */

static unsigned makeable(const struct wr_file_cache *c, const struct wr_file_entry *e)
{
    int64_t size = e->file.info.size;

    /* What is made is known by the version of the file, which must tell it from the next. */
    if (!c->setup.encodings || !e->file.varies || !e->is_settled || size < WR_ENCODED_SOURCE_MIN ||
        size > WR_ENCODED_SOURCE_MAX)
        return 0;
    return CODINGS & ~e->not_made;
}

/* Room for so much more of what was made; the entry itself stays. */
static void make_room_for_encoded(struct wr_file_cache *c, const struct wr_file_entry *e, size_t n)
{
    struct wr_list *at = c->lru.next;

    while (at != &c->lru && c->encoded_bytes + n > ENCODED_MAX) {
        struct wr_file_entry *other = WR_CONTAINER_OF(at, struct wr_file_entry, lru);

        at = at->next; /* what has such content is nobody's sibling: no other goes with it */
        if (other != e && other->encoded_bytes > 0)
            wr_file_cache_drop(c, other);
    }
}

/* What was made is shared by all loops; of what is small each has a copy, with room in front of it: an
 * answer is sent from there, if the entry is kept. Takes `made`; the bytes that are held. */
static size_t hold_made(const struct wr_file_entry *e, struct wr_file_variant *v,
                        struct wr_encoded *made)
{
    size_t room = e->cache ? e->cache->setup.room : 0, n = made->n;
    char *copy = room > 0 && n <= (size_t)WR_FILE_ROOM_MAX ? malloc(room + n) : NULL;

    if (!copy) {
        v->encoded = made;
        return n;
    }
    memcpy(copy + room, made->content, n);
    v->memory = v->rep.room = copy;
    v->rep.content = copy + room;
    wr_encoded_unref(made);
    return room + n;
}

/* Takes `made`; NULL: no memory. */
static const struct wr_file_variant *add_made(struct wr_file_cache *c, struct wr_file_entry *e,
                                              enum wr_coding coding, struct wr_encoded *made)
{
    const struct wr_representation rep = {
        .coding = coding,
        .content = made->content,
        .fd = -1,
        .info = &e->file.info,
        .size = made->n,
    };
    struct wr_file_variant *v = add_variant(e, rep);
    struct wr_buf etag;
    size_t bytes;

    if (!v) {
        wr_encoded_unref(made);
        return NULL;
    }
    etag = wr_buf_on(v->etag, sizeof v->etag);
    wr_file_etag_begin(&etag, false);
    wr_file_etag_version(&etag, &e->file.info);
    wr_buf_char(&etag, '-');
    wr_buf_slice_append(&etag, wr_coding_name(coding));
    wr_buf_char(&etag, '-');
    wr_buf_hex(&etag, made->hash);
    end_etag(v, &etag);
    bytes = hold_made(e, v, made);
    if (e->cache) {
        make_room_for_encoded(c, e, bytes);
        c->encoded_bytes += bytes;
    }
    e->encoded_bytes += bytes;
    return v;
}

/* 0; -ENODATA: not in this coding; -EINPROGRESS: it has to be made. */
static int choose_made(struct wr_file_cache *c, struct wr_file_entry *e, enum wr_coding coding,
                       const struct wr_representation **out)
{
    const struct wr_file_variant *v = variant_of(e, coding, true);
    struct wr_encoded *made;
    int err;

    if (!v) {
        err = wr_encodings_find(c->setup.encodings, &e->file.info, coding, &made);
        if (err == -ENODATA)
            e->not_made |= 1U << coding;
        if (err == -ENOENT)
            return -EINPROGRESS;
        if (err == 0)
            v = add_made(c, e, coding, made);
        if (!v)
            return -ENODATA;
    }
    *out = &v->rep;
    return 0;
}

struct choice {
    const struct wr_representation *rep;
    enum wr_coding coding;
};

/* As wr_file_cache_choose(). */
static int choose(struct wr_file_cache *c, struct wr_file_entry *e,
                  const struct wr_accept_codings *accept, struct wr_file_moment now,
                  struct choice *out)
{
    unsigned beside = siblings_of(c, e, now.wall_ns), made = makeable(c, e);
    int err = -ENODATA;

    while (err == -ENODATA) {
        int best = wr_accept_codings_best(accept, beside | made | 1U << WR_CODING_IDENTITY);
        int sibling = wr_accept_codings_best(accept, beside);

        if (best < 0)
            return -ENODATA;
        out->coding = (enum wr_coding)best;
        if (best == WR_CODING_IDENTITY) {
            out->rep = &e->file.identity;
            return 0;
        }
        if (sibling >= 0 && accept->q[sibling] == accept->q[best]) {
            err = choose_sibling(c, e, (enum wr_coding)sibling, now, &out->rep);
            beside &= ~(1U << sibling);
        } else {
            err = choose_made(c, e, (enum wr_coding)best, &out->rep);
            made &= ~(1U << best);
        }
    }
    return err;
}

const struct wr_representation *wr_file_cache_chosen(const struct wr_file_entry *e,
                                                     const struct wr_accept_codings *accept,
                                                     uint64_t turn)
{
    const struct wr_file_choice *last = &e->choice;

    if (last->turn != turn || memcmp(last->accept.q, accept->q, sizeof accept->q) != 0)
        return NULL;
    return last->rep;
}

int wr_file_cache_choose(struct wr_file_cache *c, struct wr_file_entry *e,
                         const struct wr_accept_codings *accept, struct wr_file_moment now,
                         struct wr_representation *out)
{
    struct choice chosen = {0};
    int err = choose(c, e, accept, now, &chosen);

    if (err == 0) {
        e->choice = (struct wr_file_choice){chosen.rep, *accept, now.turn};
        *out = *chosen.rep;
    } else if (err == -EINPROGRESS) {
        *out = (struct wr_representation){.coding = chosen.coding, .fd = -1};
    }
    return err;
}
