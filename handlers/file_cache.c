#include "handlers/file_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "http/mime.h"

#define BUCKETS     1024 /* a power of two */
#define ENTRIES_MAX 1024 /* of a loop */
#define BYTES_MAX   (16ULL * 1024 * 1024)
#define READS_MAX   4 /* of a file that changes while it is read */

/* How young a change may be for a second one not to show in the time stamp: the kernel's tick, with
 * room; whole seconds where the file system counts in those. */
#define FINE_NS   50000000LL
#define COARSE_NS 2500000000LL

struct wr_file_cache {
    const struct wr_root *root;
    struct wr_list lru; /* the one used last is at the end */
    size_t entries, bytes, fds, fds_max;
    struct wr_file_entry *buckets[BUCKETS];
};

struct wr_file_cache *wr_file_cache_new(const struct wr_root *root, size_t fds_max)
{
    struct wr_file_cache *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->root = root;
    c->fds_max = fds_max;
    wr_list_init(&c->lru);
    return c;
}

void wr_file_entry_unref(struct wr_file_entry *e)
{
    if (--e->refs > 0)
        return;
    if (e->fd >= 0)
        close(e->fd);
    free(e->content);
    free(e);
}

static uint32_t hash_of(struct wr_slice path) /* FNV-1a */
{
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < path.n; i++)
        hash = (hash ^ (unsigned char)path.p[i]) * 16777619U;
    return hash;
}

static struct wr_file_entry **bucket_of(struct wr_file_cache *c, uint32_t hash)
{
    return &c->buckets[hash & (BUCKETS - 1)];
}

static size_t bytes_of(const struct wr_file_entry *e)
{
    return sizeof *e + e->path.n + 1 + (e->content ? (size_t)e->info.size : 0);
}

static void drop(struct wr_file_cache *c, struct wr_file_entry *e)
{
    struct wr_file_entry **at = bucket_of(c, e->hash);

    while (*at != e)
        at = &(*at)->hash_next;
    *at = e->hash_next;
    wr_list_remove(&e->lru);
    c->entries--;
    c->bytes -= bytes_of(e);
    c->fds -= e->fd >= 0;
    wr_file_entry_unref(e);
}

static struct wr_file_entry *oldest(struct wr_file_cache *c)
{
    /* Never freed: the list holds a reference. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    return WR_CONTAINER_OF(c->lru.next, struct wr_file_entry, lru);
}

static void drop_all(struct wr_file_cache *c)
{
    while (!wr_list_is_empty(&c->lru))
        drop(c, oldest(c));
}

void wr_file_cache_free(struct wr_file_cache *c)
{
    if (!c)
        return;
    drop_all(c);
    free(c);
}

static bool has_room(const struct wr_file_cache *c, const struct wr_file_entry *e)
{
    return c->entries < ENTRIES_MAX && c->bytes + bytes_of(e) <= BYTES_MAX &&
           (e->fd < 0 || c->fds < c->fds_max);
}

static void insert(struct wr_file_cache *c, struct wr_file_entry *e)
{
    struct wr_file_entry **bucket = bucket_of(c, e->hash);

    while (!wr_list_is_empty(&c->lru) && !has_room(c, e))
        drop(c, oldest(c));
    if (!has_room(c, e))
        return;
    e->refs++;
    e->hash_next = *bucket;
    *bucket = e;
    wr_list_append(&c->lru, &e->lru);
    c->entries++;
    c->bytes += bytes_of(e);
    c->fds += e->fd >= 0;
}

static struct wr_file_entry *find(struct wr_file_cache *c, struct wr_slice path, uint32_t hash)
{
    struct wr_file_entry *e = *bucket_of(c, hash);

    while (e && (e->hash != hash || !wr_slice_eq(e->path, path)))
        e = e->hash_next;
    return e;
}

/* All of a small file, as it was in one moment; -EAGAIN when it changed meanwhile. */
static int read_content(struct wr_file_entry *e)
{
    size_t size = (size_t)e->info.size, got = 0;
    struct wr_file_info after;
    int err;

    while (got < size) {
        ssize_t n = pread(e->fd, e->content + got, size - got, (off_t)got);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EAGAIN;
        if (n > 0)
            got += (size_t)n;
    }
    err = wr_file_info_of(e->fd, &after);
    return err < 0 ? err : wr_file_info_same(&e->info, &after) ? 0 : -EAGAIN;
}

/* A small file's content comes into memory; one that will not hold still is sent from its fd. */
static int load_content(struct wr_file_entry *e)
{
    int err = -EAGAIN;

    e->content = malloc((size_t)e->info.size + 1);
    if (!e->content)
        return -ENOMEM;
    for (int i = 0; i < READS_MAX && err == -EAGAIN; i++) {
        err = wr_file_info_of(e->fd, &e->info);
        if (err == 0 && e->info.size > WR_FILE_CONTENT_MAX)
            break;
        if (err == 0) {
            char *resized = realloc(e->content, (size_t)e->info.size + 1);

            if (!resized)
                return -ENOMEM;
            e->content = resized;
            err = read_content(e);
        }
    }
    if (err == 0 && e->info.size <= WR_FILE_CONTENT_MAX) {
        close(e->fd);
        e->fd = -1;
        return 0;
    }
    free(e->content);
    e->content = NULL;
    return err == -EAGAIN ? 0 : err;
}

/* A change that came right after this one would carry the same time stamps. */
static bool is_settled(const struct wr_file_info *info, int64_t wall_ns)
{
    int64_t changed_ns = info->ctime_s * 1000000000 + info->ctime_ns;
    int64_t margin_ns = info->ctime_ns == 0 ? COARSE_NS : FINE_NS;

    return wall_ns - changed_ns > margin_ns;
}

/* The date is never from the future (RFC 9110 8.8.2.1). The tag is weak as long as a second change
 * could leave the time as it is: what comes then would have it too (8.8.3). */
static void set_validators(struct wr_file_entry *e, int64_t wall_ns)
{
    struct wr_buf etag = wr_buf_on(e->etag, sizeof e->etag);
    int64_t now_s = wall_ns / 1000000000;
    int64_t modified_s = e->info.mtime_s < now_s ? e->info.mtime_s : now_s;

    if (!is_settled(&e->info, wall_ns))
        WR_BUF_LITERAL(&etag, "W/");
    wr_buf_char(&etag, '"');
    wr_buf_hex(&etag, (uint64_t)e->info.mtime_s * 1000000000 + (uint64_t)e->info.mtime_ns);
    wr_buf_char(&etag, '-');
    wr_buf_hex(&etag, (uint64_t)e->info.size);
    wr_buf_char(&etag, '"');
    wr_date_format(modified_s, e->last_modified);
    e->validators = (struct wr_validators){wr_buf_slice(&etag), modified_s};
}

static int open_entry(const struct wr_root *root, struct wr_slice path, struct wr_file_entry **out)
{
    struct wr_file_info info;
    int fd = wr_root_open_file(root, path.p, &info), err = 0;
    struct wr_file_entry *e;
    char *path_copy;

    if (fd < 0)
        return fd;
    e = calloc(1, sizeof *e + path.n + 1);
    if (!e) {
        close(fd);
        return -ENOMEM;
    }
    path_copy = (char *)(e + 1);
    memcpy(path_copy, path.p, path.n);
    e->path = wr_slice(path_copy, path.n);
    e->type = wr_mime_of_path(path);
    e->refs = 1;
    e->fd = fd;
    e->info = info;
    wr_list_init(&e->lru);
    if (info.size <= WR_FILE_CONTENT_MAX)
        err = load_content(e);
    if (err < 0) {
        wr_file_entry_unref(e);
        return err;
    }
    *out = e;
    return 0;
}

int wr_file_cache_get(struct wr_file_cache *c, struct wr_slice path, struct wr_file_moment now,
                      struct wr_file_entry **out)
{
    uint32_t hash = hash_of(path);
    struct wr_file_entry *e = find(c, path, hash);
    int err;

    if (e && (e->checked_turn == now.turn || wr_root_is_unchanged(c->root, path.p, &e->info))) {
        e->checked_turn = now.turn;
        e->refs++;
        wr_list_remove(&e->lru);
        wr_list_append(&c->lru, &e->lru);
        *out = e;
        return 0;
    }
    if (e)
        drop(c, e);
    err = open_entry(c->root, path, &e);
    if (err == -EMFILE && c->fds > 0) { /* those that are only kept can be spared */
        drop_all(c);
        err = open_entry(c->root, path, &e);
    }
    if (err < 0)
        return err;
    e->hash = hash;
    e->checked_turn = now.turn;
    set_validators(e, now.wall_ns);
    if (is_settled(&e->info, now.wall_ns))
        insert(c, e);
    *out = e;
    return 0;
}
