#include "handlers/file_windows.h"

#include <stdlib.h>

#include "handlers/file_cache.h"

#define SLOTS 64 /* windows of 2 MiB of 128 MiB that are in demand, in 2.5 KiB; a power of two */

/* A file is its device and inode: what the kernel has in memory is of these, not of a descriptor. */
struct slot {
    dev_t dev;
    ino_t ino;
    uint64_t offset, n; /* n 0: free */
    int64_t asked_ms;
};

struct wr_file_windows {
    struct slot slots[SLOTS];
};

struct wr_file_windows *wr_file_windows_new(void)
{
    return calloc(1, sizeof(struct wr_file_windows));
}

void wr_file_windows_free(struct wr_file_windows *s)
{
    free(s);
}

static struct slot *slot_of(struct wr_file_windows *s, const struct wr_file_window *w)
{
    uint64_t key = (w->info->ino ^ w->info->dev << 32) * 31 + w->offset;

    return &s->slots[key * 0x9e3779b97f4a7c15ULL >> 58];
}

static bool is_remembered(const struct slot *slot, const struct wr_file_window *w, int64_t now_ms)
{
    int64_t age_ms = now_ms - slot->asked_ms;

    return slot->n >= w->n && slot->offset == w->offset && slot->ino == w->info->ino &&
           slot->dev == w->info->dev && age_ms >= 0 && age_ms < WR_FILE_WINDOW_MS;
}

bool wr_file_windows_has(struct wr_file_windows *s, const struct wr_file_window *w, int64_t now_ms)
{
    struct slot *slot = slot_of(s, w);

    if (w->n > 0 && is_remembered(slot, w, now_ms))
        return true;
    if (!wr_file_is_warm(w->fd, w->offset, w->n))
        return false;
    *slot = (struct slot){w->info->dev, w->info->ino, w->offset, w->n, now_ms};
    return true;
}
