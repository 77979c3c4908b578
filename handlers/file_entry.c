#include "handlers/file_entry.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define READS_MAX 4 /* of a file that changes while it is read */

/* How young a change may be for a second one not to show in the time stamp: the kernel's tick, with
 * room; whole seconds where the file system counts in those. */
#define FINE_NS   50000000LL
#define COARSE_NS 2500000000LL

#define OLD_S                                                                                      \
    10 /* past either, and counted in seconds: a file system may tell any number of them */

/* An mtime before 1990 is a constant: 0 or 1 of reproducible builds, 1980 of archives. */
#define FIRST_TIME_S 631152000

const struct wr_file *wr_file_of(const struct wr_file_entry *e)
{
    return &e->file;
}

void wr_file_entry_ref(struct wr_file_entry *e)
{
    e->refs++;
}

static void free_entry(struct wr_file_entry *e)
{
    if (e->fd >= 0)
        close(e->fd);
    free(e->kept);
    free(e->memory);
    free(e);
}

/* It may outlive the variant, kept in the cache: then its room is for the next one, or for itself. */
static void let_go_of_sibling(const struct wr_file_variant *v)
{
    if (--v->sibling->refs == 0)
        free_entry(v->sibling);
    else if (v->rep.room)
        v->sibling->file.identity.room = v->rep.room;
}

/* A sibling has no variants, so this goes one deep. */
static void free_variants(struct wr_file_variant *v)
{
    while (v) {
        struct wr_file_variant *next = v->next;

        if (v->encoded)
            wr_encoded_unref(v->encoded);
        if (v->sibling)
            let_go_of_sibling(v);
        free(v->memory);
        free(v->kept);
        free(v);
        v = next;
    }
}

void wr_file_entry_unref(struct wr_file_entry *e)
{
    if (--e->refs > 0)
        return;
    free_variants(e->variants);
    free_entry(e);
}

/* ---- as the body of a response ---- */

static int give_nothing(struct wr_body *base, struct wr_piece *out, int max)
{
    (void)base;
    (void)out;
    (void)max;
    return 0;
}

static void take_nothing(struct wr_body *base, size_t n)
{
    (void)base;
    (void)n;
}

static void let_go(struct wr_body *base)
{
    wr_file_entry_unref(WR_CONTAINER_OF(base, struct wr_file_entry, owner));
}

static const struct wr_body_ops owner_ops = {give_nothing, take_nothing, let_go};

struct wr_body *wr_file_entry_owner(struct wr_file_entry *e)
{
    e->owner.ops = &owner_ops; /* for several responses at once, each of which has a hold */
    return &e->owner;
}

bool wr_file_is_kept(const struct wr_file_entry *e)
{
    return e->cache != NULL;
}

void wr_file_keep(struct wr_file_entry *e, const struct wr_representation *rep, void *memory,
                  size_t n)
{
    *rep->kept = memory;
    e->kept_bytes += n;
    e->cache->bytes += n;
}

/* ---- reading ---- */

/* All of a small file, as it was in one moment; -ESTALE when it changed meanwhile. */
static int read_content(struct wr_file_entry *e, bool may_wait)
{
    size_t size = (size_t)e->file.info.size, got = 0;
    struct wr_file_info after;
    int err;

    while (got < size) {
        struct wr_file_bytes to = {e->content + got, size - got, got};
        ssize_t n = wr_file_read(e->fd, to, may_wait);

        if (n < 0)
            return (int)n;
        if (n == 0)
            return -ESTALE;
        got += (size_t)n;
    }
    err = wr_file_info_of(e->fd, &after);
    return err < 0 ? err : wr_file_info_same(&e->file.info, &after) ? 0 : -ESTALE;
}

/* The kernel sets the time of a change before it copies what is written: of a file that has just changed
 * one read may show half of it, under its new time. Another one shows whether it did. */
static int read_twice(struct wr_file_entry *e, struct wr_file_moment now)
{
    size_t size = (size_t)e->file.info.size;
    int err = read_content(e, now.may_wait);
    char *before;

    if (err < 0 || size == 0 || wr_file_has_settled(&e->file.info, now.wall_ns))
        return err;
    before = malloc(size);
    if (!before)
        return -ENOMEM;
    memcpy(before, e->content, size);
    err = read_content(e, now.may_wait);
    if (err == 0 && memcmp(before, e->content, size) != 0)
        err = -ESTALE;
    free(before);
    return err;
}

int wr_file_entry_load(struct wr_file_entry *e, struct wr_file_moment now)
{
    struct wr_file_info *info = &e->file.info;
    const size_t room = e->room;
    int err = -ESTALE;

    for (int i = 0; i < READS_MAX && err == -ESTALE; i++) {
        char *resized;

        err = i > 0 ? wr_file_info_of(e->fd, info) : 0;
        if (err < 0 || info->size > WR_FILE_CONTENT_MAX)
            break;
        e->room = info->size <= WR_FILE_ROOM_MAX ? room : 0;
        resized = realloc(e->memory, e->room + (size_t)info->size + 1);
        if (!resized)
            return -ENOMEM;
        e->memory = resized;
        e->content = resized + e->room;
        err = read_twice(e, now);
    }
    if (err == 0 && info->size <= WR_FILE_CONTENT_MAX) {
        close(e->fd);
        e->fd = -1;
        return 0;
    }
    free(e->memory);
    e->memory = e->content = NULL;
    return err == -ESTALE ? 0 : err;
}

/* ---- validators ---- */

bool wr_file_has_settled(const struct wr_file_info *info, int64_t wall_ns)
{
    int64_t margin_ns = info->ctime_ns == 0 ? COARSE_NS : FINE_NS;
    int64_t now_s = wall_ns / WR_SECOND_NS;

    if (info->ctime_s > now_s || info->ctime_s < now_s - OLD_S)
        return info->ctime_s < now_s;
    return wall_ns - (info->ctime_s * WR_SECOND_NS + info->ctime_ns) > margin_ns;
}

static bool has_constant_mtime(const struct wr_file_info *info)
{
    return info->mtime_s < FIRST_TIME_S;
}

/* What tells the versions of a file apart: mtime and size, on which the nodes of a cluster agree; where
 * mtime is a constant, two releases of equal size would have the same, so ctime and inode. */
void wr_file_etag_version(struct wr_buf *etag, const struct wr_file_info *info)
{
    if (has_constant_mtime(info)) {
        wr_buf_hex(etag, (uint64_t)info->ctime_s * WR_SECOND_NS + (uint64_t)info->ctime_ns);
        wr_buf_char(etag, '-');
        wr_buf_hex(etag, (uint64_t)info->ino);
    } else {
        wr_buf_hex(etag, (uint64_t)info->mtime_s * WR_SECOND_NS + (uint64_t)info->mtime_ns);
    }
    wr_buf_char(etag, '-');
    wr_buf_hex(etag, (uint64_t)info->size);
}

/* The tag is weak as long as a second change could leave the time as it is: what comes then would
 * have it too (RFC 9110 8.8.3). */
void wr_file_etag_begin(struct wr_buf *etag, bool is_weak)
{
    if (is_weak)
        WR_BUF_LITERAL(etag, "W/");
    wr_buf_char(etag, '"');
}

/* The date is never from the future (RFC 9110 8.8.2.1). */
void wr_file_entry_describe(struct wr_file_entry *e, int64_t wall_ns)
{
    const struct wr_file_info *info = &e->file.info;
    struct wr_buf etag = wr_buf_on(e->etag, sizeof e->etag);
    int64_t now_s = wall_ns / WR_SECOND_NS;
    int64_t modified_s = info->mtime_s < now_s ? info->mtime_s : now_s;

    e->is_settled = wr_file_has_settled(info, wall_ns);
    wr_file_etag_begin(&etag, !e->is_settled);
    wr_file_etag_version(&etag, info);
    wr_buf_char(&etag, '"');
    wr_date_format(modified_s, e->file.last_modified);
    e->file.validators = (struct wr_validators){
        wr_buf_slice(&etag),
        has_constant_mtime(info) ? -1 : modified_s,
    };
    e->file.identity = (struct wr_representation){
        .coding = WR_CODING_IDENTITY,
        .etag = e->file.validators.etag,
        .content = e->content,
        .room = e->memory,
        .fd = e->fd,
        .info = &e->file.info,
        .size = (uint64_t)e->file.info.size,
        .kept = &e->kept,
    };
}
