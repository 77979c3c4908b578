#include "handlers/file_known.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS    ((size_t)1 << 17)
#define KNOWN_NS 10000000000LL

/* Never 0, which is that of a free slot. */
static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

static uint32_t *slot_of(const struct wr_file_known *k, uint64_t hash)
{
    return &k->tags[hash & (SLOTS - 1)];
}

void wr_file_known_forget(struct wr_file_known *k)
{
    if (k->tags)
        memset(k->tags, 0, SLOTS * sizeof *k->tags);
}

static void forget_old(struct wr_file_known *k, int64_t wall_ns)
{
    int64_t age_ns = wall_ns - k->since_ns;

    if (age_ns >= 0 && age_ns <= KNOWN_NS)
        return;
    wr_file_known_forget(k);
    k->since_ns = wall_ns;
}

void wr_file_known_add(struct wr_file_known *k, uint64_t hash, int64_t wall_ns)
{
    if (k->tags) {
        forget_old(k, wall_ns);
    } else {
        k->tags = calloc(SLOTS, sizeof *k->tags);
        k->since_ns = wall_ns;
    }
    if (!k->tags)
        return;
    *slot_of(k, hash) = tag_of(hash);
}

bool wr_file_known_has(struct wr_file_known *k, uint64_t hash, int64_t wall_ns)
{
    if (!k->tags)
        return false;
    forget_old(k, wall_ns);
    return *slot_of(k, hash) == tag_of(hash);
}

void wr_file_known_free(struct wr_file_known *k)
{
    free(k->tags);
    k->tags = NULL;
}
