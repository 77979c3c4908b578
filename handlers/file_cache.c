#include "handlers/file_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "http/mime.h"

#define ENTRIES_MAX 1024 /* of a loop */
#define BYTES_MAX   (16ULL * 1024 * 1024)
#define MEMORY_NS   (10 * WR_SECOND_NS) /* after that the kernel may have forgotten a path */
#define NO_TURN     UINT64_MAX

const struct wr_root *wr_file_cache_root(const struct wr_file_cache *c)
{
    return &c->root;
}

static inline uint64_t word_at(const char *p, size_t n)
{
    uint64_t word = 0;

    memcpy(&word, p, n);
    return word;
}

/* Up to eight bytes that it ends with: from four on, some may be there twice. */
static inline uint64_t end_of(struct wr_slice path)
{
    uint64_t word = 0;

    if (path.n >= 8)
        return word_at(path.p + path.n - 8, 8);
    if (path.n >= 4)
        return word_at(path.p, 4) << 32 | word_at(path.p + path.n - 4, 4);
    for (size_t at = 0; at < path.n; at++)
        word = word << 8 | (unsigned char)path.p[at];
    return word;
}

/* Eight bytes at once; the last ones may be mixed in twice. Names are of files that are there, so nobody
 * but who may write them could choose them. */
static inline uint64_t hash_of(struct wr_slice path)
{
    const uint64_t prime = 0x9E3779B97F4A7C15U;
    uint64_t hash = path.n * prime;

    for (size_t at = 0; at + 8 < path.n; at += 8)
        hash = ((hash ^ word_at(path.p + at, 8)) * prime) ^ hash >> 29;
    hash = (hash ^ end_of(path)) * prime;
    return hash ^ hash >> 32;
}

/* In the same steps: of a short path its end is all. */
static inline bool has_path(const struct wr_file_entry *e, struct wr_slice path)
{
    const char *own = e->file.path.p;

    if (e->path_end != end_of(path) || e->file.path.n != path.n)
        return false;
    for (size_t at = 0; at + 8 < path.n; at += 8)
        if (word_at(own + at, 8) != word_at(path.p + at, 8))
            return false;
    return true;
}

/* ---- what is kept ---- */

static struct wr_file_entry **bucket_of(struct wr_file_cache *c, uint32_t hash)
{
    return &c->buckets[hash & (WR_FILE_CACHE_BUCKETS - 1)];
}

static size_t bytes_of(const struct wr_file_entry *e)
{
    size_t name_n = (size_t)(e->file.path.p - e->name) + e->file.path.n + 1;

    return sizeof *e + name_n + e->kept_bytes +
           (e->content ? e->room + (size_t)e->file.info.size : 0);
}

/* The entry of which it is a variant, if that is kept, too; NULL: none. */
static struct wr_file_entry *drop_one(struct wr_file_cache *c, struct wr_file_entry *e)
{
    struct wr_file_entry **at = bucket_of(c, e->hash), *parent = e->parent;

    while (*at != e)
        at = &(*at)->hash_next;
    *at = e->hash_next;
    wr_list_remove(&e->lru);
    c->entries--;
    c->bytes -= bytes_of(e);
    c->encoded_bytes -= e->encoded_bytes;
    c->fds -= e->fd >= 0;
    e->cache = NULL;
    e->parent = NULL;
    for (const struct wr_file_variant *v = e->variants; v; v = v->next)
        if (v->sibling && v->sibling->parent == e)
            v->sibling->parent = NULL;
    wr_file_entry_unref(e);
    return parent;
}

/* What is kept holds nothing that is not, or limits would not limit. */
void wr_file_cache_drop(struct wr_file_cache *c, struct wr_file_entry *e)
{
    while (e)
        e = drop_one(c, e);
}

static struct wr_file_entry *oldest(struct wr_file_cache *c)
{
    /* Never freed: the list holds a reference. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    return WR_CONTAINER_OF(c->lru.next, struct wr_file_entry, lru);
}

static void drop_all(struct wr_file_cache *c)
{
    while (!wr_list_is_empty(&c->lru))
        wr_file_cache_drop(c, oldest(c));
}

/* For lack of room: it is asked for again, maybe. */
static void push_out(struct wr_file_cache *c, struct wr_file_entry *e, int64_t wall_ns)
{
    int64_t age_ns = wall_ns - e->checked_ns;

    if (age_ns >= 0 && age_ns <= MEMORY_NS) /* else it may be another by now */
        wr_file_known_add(&c->known, hash_of(e->file.path), wall_ns);
    wr_file_cache_drop(c, e);
}

static bool has_room(const struct wr_file_cache *c, const struct wr_file_entry *e)
{
    return c->entries < ENTRIES_MAX && c->bytes + bytes_of(e) <= BYTES_MAX &&
           (e->fd < 0 || c->fds < c->setup.fds_max);
}

static void insert(struct wr_file_cache *c, struct wr_file_entry *e, int64_t wall_ns)
{
    struct wr_file_entry **bucket = bucket_of(c, e->hash);

    while (!wr_list_is_empty(&c->lru) && !has_room(c, e))
        push_out(c, oldest(c), wall_ns);
    if (!has_room(c, e))
        return;
    e->refs++;
    e->cache = c;
    e->hash_next = *bucket;
    *bucket = e;
    wr_list_append(&c->lru, &e->lru);
    c->entries++;
    c->bytes += bytes_of(e);
    c->fds += e->fd >= 0;
}

static struct wr_file_entry *find(struct wr_file_cache *c, struct wr_slice path)
{
    uint32_t hash = (uint32_t)hash_of(path);
    struct wr_file_entry *e = *bucket_of(c, hash);

    while (e && (e->hash != hash || !has_path(e, path)))
        e = e->hash_next;
    return e;
}

/* ---- loading ---- */

static bool is_named_as_a_sibling(struct wr_slice path)
{
    for (enum wr_coding coding = WR_CODING_GZIP; coding < WR_CODINGS; coding++) {
        struct wr_slice ending = wr_file_sibling_ending(coding);

        if (path.n > ending.n && wr_slice_eq(wr_slice_from(path, path.n - ending.n), ending))
            return true;
    }
    return false;
}

/* By what never changes with the file: a cache that has stored an answer without Vary would go on to
 * give it to everybody. */
static bool varies(const struct wr_file_cache *c, const struct wr_file *f)
{
    return (c->setup.has_siblings || c->setup.encodings) && wr_mime_is_compressible(f->type) &&
           !is_named_as_a_sibling(f->path);
}

/* An entry without content; takes fd. NULL: no memory. */
static struct wr_file_entry *new_entry(const struct wr_file_cache *c, struct wr_slice path, int fd,
                                       const struct wr_file_info *info)
{
    size_t folder_n = strlen(c->folder), name_n = folder_n + 1 + path.n;
    struct wr_file_entry *e = calloc(1, sizeof *e + name_n + 1);
    char *name;

    if (!e) {
        close(fd);
        return NULL;
    }
    name = (char *)(e + 1);
    memcpy(name, c->folder, folder_n);
    name[folder_n] = '/';
    memcpy(name + folder_n + 1, path.p, path.n);
    e->name = name;
    e->file.path = wr_slice(name + folder_n + 1, path.n);
    e->file.type = c->setup.type_of ? c->setup.type_of(c->setup.ctx, e->file.path)
                                    : wr_mime_of_path(e->file.path);
    e->file.varies = varies(c, &e->file);
    e->file.is_open = !c->setup.is_open || c->setup.is_open(c->setup.ctx, e->file.path);
    e->file.info = *info;
    e->refs = 1;
    e->fd = fd;
    e->room = c->setup.room;
    wr_list_init(&e->lru);
    return e;
}

static int open_file(struct wr_file_cache *c, struct wr_slice path, struct wr_file_moment now,
                     struct wr_file_info *info)
{
    if (now.may_wait)
        return wr_root_open_file(&c->root, path.p, info);
    if (wr_file_known_has(&c->known, hash_of(path), now.wall_ns))
        return wr_root_reopen_file_cached(&c->root, path.p, info);
    return wr_root_open_file_cached(&c->root, path.p, info);
}

static int open_entry(struct wr_file_cache *c, struct wr_slice path, struct wr_file_moment now,
                      struct wr_file_entry **out)
{
    struct wr_file_info info;
    int fd = open_file(c, path, now, &info);
    struct wr_file_entry *e;
    int err = 0;

    if (fd < 0)
        return fd;
    e = new_entry(c, path, fd, &info);
    if (!e)
        return -ENOMEM;
    if (info.size <= WR_FILE_CONTENT_MAX)
        err = wr_file_entry_load(e, now);
    if (err < 0) {
        wr_file_entry_unref(e);
        return err;
    }
    *out = e;
    return 0;
}

static int load(struct wr_file_cache *c, struct wr_slice path, struct wr_file_moment now,
                struct wr_file_entry **out)
{
    struct wr_file_entry *e = NULL;
    int err = open_entry(c, path, now, &e);

    if (err == -EMFILE && c->fds > 0) { /* those that are only kept can be spared */
        drop_all(c);
        err = open_entry(c, path, now, &e);
    }
    if (err < 0)
        return err;
    e->hash = (uint32_t)hash_of(path);
    e->path_end = end_of(path);
    e->checked_turn = now.turn;
    e->checked_ns = now.wall_ns;
    wr_file_entry_describe(e, now.wall_ns);
    if (e->is_settled)
        insert(c, e, now.wall_ns);
    *out = e;
    return 0;
}

/* ---- the folder ---- */

static int open_root(struct wr_file_cache *c)
{
    struct wr_root root;
    struct wr_file_info info;
    int err = wr_root_open(&root, c->folder);

    if (err < 0)
        return err;
    err = wr_file_info_of(root.fd, &info);
    if (err < 0) {
        wr_root_close(&root);
        return err;
    }
    wr_root_close(&c->root);
    c->root = root;
    c->root_info = info;
    return 0;
}

static bool is_gone(int err)
{
    return err == -ENOENT || err == -ENOTDIR || err == -ELOOP;
}

/* The root becomes the folder that is at its path now; all entries are of another one then. While
 * there is none, the root stays, for it may have been moved, and its successor come in a moment. */
static int follow(struct wr_file_cache *c)
{
    struct stat st;
    int err;

    if (fstatat(AT_FDCWD, c->folder, &st, AT_NO_AUTOMOUNT) < 0)
        return is_gone(-errno) ? 0 : -errno;
    if (!S_ISDIR(st.st_mode) || (st.st_dev == c->root_info.dev && st.st_ino == c->root_info.ino))
        return 0;
    drop_all(c);
    wr_file_known_forget(&c->known);
    err = open_root(c);
    return is_gone(err) ? 0 : err;
}

static int follow_once(struct wr_file_cache *c, uint64_t turn)
{
    if (c->followed_turn != turn) {
        c->followed_turn = turn;
        c->followed = follow(c);
    }
    return c->followed;
}

/* ---- looking up ---- */

int wr_file_cache_look(const struct wr_file_cache *c, struct wr_file_entry *e,
                       struct wr_file_moment now)
{
    int64_t age_ns = now.wall_ns - e->checked_ns;

    if (e->checked_turn == now.turn)
        return 0;
    /* An open file keeps its path in the kernel's memory. */
    if (!now.may_wait && e->fd < 0 && (age_ns > MEMORY_NS || age_ns < 0) &&
        !wr_root_is_cached(&c->root, e->file.path.p))
        return -EAGAIN;
    if (!wr_file_is_unchanged(e->name, &e->file.info))
        return -ESTALE;
    e->checked_turn = now.turn;
    e->checked_ns = now.wall_ns;
    return 0;
}

void wr_file_cache_touch(struct wr_file_cache *c, struct wr_file_entry *e)
{
    wr_list_remove(&e->lru);
    wr_list_append(&c->lru, &e->lru);
}

int wr_file_cache_get(struct wr_file_cache *c, struct wr_slice path, struct wr_file_moment now,
                      struct wr_file_entry **out)
{
    struct wr_file_entry *e = find(c, path);
    int err = e ? wr_file_cache_look(c, e, now) : -ESTALE;

    if (e && err == 0) {
        e->refs++;
        wr_file_cache_touch(c, e);
        *out = e;
        return 0;
    }
    if (err == -EAGAIN)
        return err;
    if (e)
        wr_file_cache_drop(c, e);
    err = follow_once(c, now.turn);
    return err < 0 ? err : load(c, path, now, out);
}

/* noinline: its room is not needed by most. */
static __attribute__((noinline)) struct wr_file_entry *
look_anew(struct wr_file_cache *c, struct wr_file_entry *e, struct wr_file_moment now)
{
    if (wr_file_cache_look(c, e, now) < 0)
        return NULL;
    wr_file_cache_touch(c, e);
    return e;
}

struct wr_file_entry *wr_file_cache_find(struct wr_file_cache *c, struct wr_slice path,
                                         struct wr_file_moment now)
{
    struct wr_file_entry *e = find(c, path);

    if (!e || e->checked_turn == now.turn)
        return e; /* used in this turn already, so it is among the last */
    return look_anew(c, e, now);
}

/* ---- life ---- */

struct wr_file_cache *wr_file_cache_new(const struct wr_file_cache_setup *setup, int *err)
{
    size_t n = strlen(setup->folder);
    struct wr_file_cache *c = calloc(1, sizeof *c + n + sizeof "/");

    if (!c) {
        *err = -ENOMEM;
        return NULL;
    }
    while (n > 0 && setup->folder[n - 1] == '/') /* a '/' follows in every name */
        n--;
    memcpy(c->folder, setup->folder, n);
    if (n == 0)
        c->folder[0] = '/';
    c->setup = *setup;
    c->setup.folder = c->folder;
    c->root.fd = -1;
    c->followed_turn = NO_TURN;
    wr_list_init(&c->lru);
    *err = open_root(c);
    if (*err < 0) {
        free(c);
        return NULL;
    }
    return c;
}

void wr_file_cache_free(struct wr_file_cache *c)
{
    if (!c)
        return;
    drop_all(c);
    wr_file_known_free(&c->known);
    wr_root_close(&c->root);
    free(c);
}
