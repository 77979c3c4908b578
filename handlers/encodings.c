#include "handlers/encodings.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "codec/encoder.h"

#define BUCKETS   2048 /* a power of two */
#define ITEMS_MAX 8192 /* those that were not worth it count as well */
#define SHARE     4    /* no item has more than this part of the room */

enum state { MAKING, MADE, WORTHLESS, FAILED };

struct item {
    struct item *hash_next;
    struct wr_list lru; /* in no list while it is made */
    struct wr_file_info version;
    enum wr_coding coding;
    enum state state;
    unsigned refs;              /* of the table, and of who waits for it to be made */
    int err;                    /* with FAILED */
    struct wr_encoded *encoded; /* with MADE */
};

struct wr_encodings {
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t made;
    size_t bytes_max, bytes, items_n;
    struct wr_list lru; /* the one used last is at the end */
    struct item *buckets[BUCKETS];
};

/* ---- hash ---- */

static uint64_t stir(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15U;
    return h ^ h >> 32;
}

/* Each step can be undone, and words are little-endian: what the header says comes of that. */
uint64_t wr_content_hash(struct wr_slice content)
{
    const char *p = content.p;
    size_t n = content.n, i = 0;
    uint64_t h = 0x2545f4914f6cdd1dU ^ n, word;

    for (; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        h = stir(h, le64toh(word));
    }
    word = 0;
    if (i < n)
        memcpy(&word, p + i, n - i);
    h = stir(h, le64toh(word));
    return stir(stir(h, 0), h >> 29);
}

static struct item **bucket_of(struct wr_encodings *s, const struct wr_file_info *v,
                               enum wr_coding coding)
{
    uint64_t h = stir((uint64_t)v->dev << 8 | (uint64_t)coding, (uint64_t)v->ino);

    h = stir(h, (uint64_t)v->mtime_s ^ (uint64_t)v->mtime_ns << 32);
    h = stir(h, (uint64_t)v->ctime_s ^ (uint64_t)v->ctime_ns << 32);
    return &s->buckets[stir(h, (uint64_t)v->size) & (BUCKETS - 1)];
}

/* ---- what has been made ---- */

void wr_encoded_unref(struct wr_encoded *e)
{
    /* acq_rel: what others did with it comes before it is freed. */
    if (atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) > 1)
        return;
    free(e->content);
    free(e);
}

/* ---- the table; all of it under the lock ---- */

static void unref_item(struct item *item)
{
    if (--item->refs > 0)
        return;
    if (item->encoded)
        wr_encoded_unref(item->encoded);
    free(item);
}

static size_t bytes_of(const struct item *item)
{
    return sizeof *item + (item->encoded ? sizeof *item->encoded + item->encoded->n : 0);
}

/* Takes the item, which is in the list, out of it. */
static void unlist(struct wr_encodings *s, struct item *item)
{
    wr_list_remove(&item->lru);
    s->items_n--;
    s->bytes -= bytes_of(item);
}

static void unhash(struct wr_encodings *s, struct item *item)
{
    struct item **at = bucket_of(s, &item->version, item->coding);

    while (*at != item)
        at = &(*at)->hash_next;
    *at = item->hash_next;
}

static struct item *oldest(struct wr_encodings *s)
{
    /* Never freed: the list is of what is in the table. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    return WR_CONTAINER_OF(s->lru.next, struct item, lru);
}

static void drop_oldest(struct wr_encodings *s)
{
    struct item *item = oldest(s);

    unlist(s, item);
    unhash(s, item);
    unref_item(item);
}

/* Puts what is concluded into the list, and others out of it. */
static void list(struct wr_encodings *s, struct item *item)
{
    size_t n = bytes_of(item);

    while (!wr_list_is_empty(&s->lru) && (s->items_n >= ITEMS_MAX || s->bytes + n > s->bytes_max))
        drop_oldest(s);
    wr_list_append(&s->lru, &item->lru);
    s->items_n++;
    s->bytes += n;
}

static struct item *find(struct wr_encodings *s, const struct wr_file_info *version,
                         enum wr_coding coding)
{
    struct item *item = *bucket_of(s, version, coding);

    while (item && (item->coding != coding || !wr_file_info_same(&item->version, version)))
        item = item->hash_next;
    return item;
}

/* NULL: no memory. */
static struct item *begin(struct wr_encodings *s, const struct wr_file_info *version,
                          enum wr_coding coding)
{
    struct item **bucket = bucket_of(s, version, coding), *item = calloc(1, sizeof *item);

    if (!item)
        return NULL;
    wr_list_init(&item->lru);
    item->version = *version;
    item->coding = coding;
    item->state = MAKING;
    item->refs = 1;
    item->hash_next = *bucket;
    *bucket = item;
    return item;
}

/* Takes what came of it: what failed may be tried again, what is not worth it is remembered. */
static void conclude(struct wr_encodings *s, struct item *item, int err, struct wr_encoded *made)
{
    if (err == 0 && made->n > s->bytes_max / SHARE) {
        wr_encoded_unref(made); /* it would push out too much, or itself, and be made again */
        err = -E2BIG;
    }
    if (err == 0) {
        item->state = MADE;
        item->encoded = made;
    } else if (err == -E2BIG || err == -EINVAL) {
        item->state = WORTHLESS;
    } else {
        item->state = FAILED;
        item->err = err;
    }
    pthread_cond_broadcast(&s->made);
    if (item->state != FAILED) {
        list(s, item);
        return;
    }
    unhash(s, item);
    unref_item(item);
}

/* Another thread is at it: what came of that. */
static int wait_for(struct wr_encodings *s, struct item *item)
{
    int err;

    item->refs++;
    while (item->state == MAKING)
        pthread_cond_wait(&s->made, &s->lock);
    err = item->err;
    unref_item(item);
    return err;
}

/* ---- making ---- */

/* All of the file, of one version; malloc'ed. */
static int read_source(const struct wr_encodings_source *source, char **out)
{
    size_t size = (size_t)source->version.size, got = 0;
    struct wr_file_info after;
    char *p = malloc(size + 1);
    int err = 0;

    if (!p)
        return -ENOMEM;
    while (err == 0 && got < size) {
        struct wr_file_bytes to = {p + got, size - got, got};
        ssize_t n = wr_file_read(source->fd, to, true);

        if (n > 0)
            got += (size_t)n;
        else
            err = n < 0 ? (int)n : -EAGAIN; /* it has become shorter */
    }
    if (err == 0)
        err = wr_file_info_of(source->fd, &after);
    if (err == 0 && !wr_file_info_same(&source->version, &after))
        err = -EAGAIN;
    if (err == 0)
        *out = p;
    else
        free(p);
    return err;
}

static int encode_bytes(struct wr_slice bytes, enum wr_coding coding, struct wr_encoded **out)
{
    struct wr_encoded *made = malloc(sizeof *made);
    int err;

    if (!made)
        return -ENOMEM;
    *made = (struct wr_encoded){.refs = 1};
    err = wr_encode(coding, WR_LEVEL_DEFAULT, bytes, &made->content, &made->n);
    if (err < 0) {
        wr_encoded_unref(made);
        return err;
    }
    made->hash = wr_content_hash(wr_slice(made->content, made->n));
    *out = made;
    return 0;
}

static int encode(const struct wr_encodings_source *source, enum wr_coding coding,
                  struct wr_encoded **out)
{
    size_t size = (size_t)source->version.size;
    char *bytes = NULL;
    int err;

    if (source->version.size < 0 || source->version.size > WR_ENCODED_SOURCE_MAX)
        return -EINVAL;
    if (source->content)
        return encode_bytes(wr_slice(source->content, size), coding, out);
    err = read_source(source, &bytes);
    if (err == 0)
        err = encode_bytes(wr_slice(bytes, size), coding, out);
    free(bytes);
    return err;
}

int wr_encodings_make(struct wr_encodings *s, const struct wr_encodings_source *source,
                      enum wr_coding coding)
{
    struct wr_encoded *made = NULL;
    struct item *item;
    int err;

    pthread_mutex_lock(&s->lock);
    item = find(s, &source->version, coding);
    if (item) {
        err = wait_for(s, item);
        pthread_mutex_unlock(&s->lock);
        return err;
    }
    item = begin(s, &source->version, coding);
    pthread_mutex_unlock(&s->lock);
    if (!item)
        return -ENOMEM;
    err = encode(source, coding, &made);
    pthread_mutex_lock(&s->lock);
    conclude(s, item, err, made);
    pthread_mutex_unlock(&s->lock);
    return err == -E2BIG || err == -EINVAL ? 0 : err;
}

int wr_encodings_find(struct wr_encodings *s, const struct wr_file_info *version,
                      enum wr_coding coding, struct wr_encoded **out)
{
    struct item *item;
    int err = -ENOENT;

    pthread_mutex_lock(&s->lock);
    item = find(s, version, coding);
    if (item && item->state != MAKING) {
        err = item->state == MADE ? 0 : -ENODATA;
        wr_list_remove(&item->lru);
        wr_list_append(&s->lru, &item->lru);
    }
    if (err == 0) {
        atomic_fetch_add_explicit(&item->encoded->refs, 1, memory_order_relaxed);
        *out = item->encoded;
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

/* ---- life ---- */

struct wr_encodings *wr_encodings_new(size_t bytes_max)
{
    struct wr_encodings *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return NULL;
    }
    if (pthread_cond_init(&s->made, NULL) != 0) {
        pthread_mutex_destroy(&s->lock);
        free(s);
        return NULL;
    }
    s->bytes_max = bytes_max;
    wr_list_init(&s->lru);
    return s;
}

void wr_encodings_free(struct wr_encodings *s)
{
    if (!s)
        return;
    while (!wr_list_is_empty(&s->lru))
        drop_oldest(s);
    pthread_cond_destroy(&s->made);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
