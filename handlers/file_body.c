#include "handlers/file_body.h"

#include <errno.h>
#include <stdlib.h>

#include "app/builtin.h"

#define WINDOW ((uint64_t)2 * 1024 * 1024) /* two turns of the protocol */

/* ---- reading ahead ---- */

struct reading {
    struct wr_chore chore; /* first */
    struct wr_file_entry *entry;
    int fd;
    uint64_t offset, n;
};

static void read_ahead(struct wr_chore *c)
{
    const struct reading *r = WR_CONTAINER_OF(c, struct reading, chore);

    wr_file_read_ahead(r->fd, r->offset, r->n);
}

static void finish_reading(struct wr_chore *c)
{
    struct reading *r = WR_CONTAINER_OF(c, struct reading, chore);

    wr_file_entry_unref(r->entry);
    free(r);
}

static const struct wr_chore_ops reading_ops = {read_ahead, finish_reading};

static bool is_same_window(const struct wr_chore *c, const void *key)
{
    const struct reading *r = (const struct reading *)c, *wanted = key;

    return r->entry == wanted->entry && r->fd == wanted->fd && r->offset == wanted->offset &&
           r->n >= wanted->n;
}

/* Lets a thread read the window; false: it cannot, so the loop has to. */
static bool begin_reading(struct wr_file_body *b, uint64_t offset, uint64_t n)
{
    const struct reading wanted = {.entry = b->entry, .fd = b->fd, .offset = offset, .n = n};
    struct wr_chore *c = wr_chores_find(b->chores, &reading_ops, is_same_window, &wanted);
    struct reading *r;

    if (!c) {
        r = malloc(sizeof *r);
        if (!r)
            return false;
        *r = wanted;
        r->chore.ops = &reading_ops;
        if (!wr_chore_begin(b->chores, &r->chore, wr_builtin_helpers(b->env))) {
            free(r);
            return false;
        }
        wr_file_entry_ref(b->entry);
        c = &r->chore;
    }
    wr_chore_join(c, &b->waiter);
    return true;
}

static void on_read(struct wr_waiter *w, struct wr_chore *c)
{
    struct wr_file_body *b = WR_CONTAINER_OF(w, struct wr_file_body, waiter);

    b->is_read = wr_chore_is_worked(c);
    wr_exchange_body_ready(wr_environ_of(b->env)->x);
}

/* ---- the body ---- */

static struct wr_file_body *file_body_of(struct wr_body *base)
{
    return WR_CONTAINER_OF(base, struct wr_file_body, base);
}

static struct wr_loop *loop_of(const struct wr_file_body *b)
{
    return wr_environ_of(b->env)->x->worker->loop;
}

/* May the window at the place that is reached go out without waiting for the disk? -EAGAIN: a thread
 * reads it. */
static int make_warm(struct wr_file_body *b)
{
    const struct wr_file_piece *p = b->pieces;
    uint64_t n = p->n - b->at < WINDOW ? p->n - b->at : WINDOW;
    const struct wr_file_window w = {b->fd, b->info, p->offset + b->at, n};

    if (!b->is_read && !wr_file_windows_has(b->windows, &w, wr_loop_now_ms(loop_of(b))) &&
        begin_reading(b, w.offset, n))
        return -EAGAIN;
    b->is_read = false;
    b->warm = b->at + n;
    return 0;
}

/* Written over, so that what was sent, be it the head alone, and what comes are of two versions? One
 * that has grown, as a log does, has what was promised; one that has shrunk has not, which shows where
 * it ends. One look in a turn is enough, as for the cache, whose look the first is; but what was waited
 * for may have taken any time. */
static bool is_rewritten(struct wr_file_body *b)
{
    struct wr_file_info now;
    uint64_t turn = wr_loop_turn(loop_of(b));

    if (b->looked_turn == turn && !b->is_read)
        return false;
    b->looked_turn = turn;
    return wr_file_info_of(b->fd, &now) == 0 && now.size == b->info->size &&
           (now.mtime_s != b->info->mtime_s || now.mtime_ns != b->info->mtime_ns);
}

static int peek_file(struct wr_file_body *b, struct wr_piece *out)
{
    const struct wr_file_piece *p = b->pieces;
    int err;

    if (is_rewritten(b)) {
        weir_log(b->env, WEIR_LOG_WARN,
                 "%.*s was written over while it was sent: the answer is broken off",
                 (int)wr_file_of(b->entry)->path.n, wr_file_of(b->entry)->path.p);
        return -EIO;
    }
    if (wr_waiter_waits(&b->waiter)) /* another event of the connection */
        return -EAGAIN;
    err = b->at < b->warm ? 0 : make_warm(b);
    if (err < 0)
        return err;
    *out = (struct wr_piece){
        .fd = b->fd, .off = (off_t)(p->offset + b->at), .len = (size_t)(b->warm - b->at)};
    return 1;
}

static int peek(struct wr_body *base, struct wr_piece *out, int max)
{
    struct wr_file_body *b = file_body_of(base);
    const struct wr_file_piece *p;

    (void)max;
    while (b->pieces_n > 0 && b->at == b->pieces->n) {
        b->pieces++;
        b->pieces_n--;
        b->at = b->warm = 0;
    }
    p = b->pieces;
    if (b->pieces_n == 0)
        return 0;
    if (!p->mem)
        return peek_file(b, out);
    *out = (struct wr_piece){.mem = p->mem + b->at, .fd = -1, .len = (size_t)(p->n - b->at)};
    return 1;
}

static void advance(struct wr_body *base, size_t n)
{
    file_body_of(base)->at += n;
}

/* Its memory is the request's, and so is what it points to. */
static void close_nothing(struct wr_body *base)
{
    (void)base;
}

static const struct wr_body_ops ops = {peek, advance, close_nothing};

void wr_file_body_init(struct wr_file_body *b, const struct wr_file_body_setup *setup)
{
    *b = (struct wr_file_body){.base = {&ops},
                               .env = setup->env,
                               .chores = setup->chores,
                               .windows = setup->windows,
                               .entry = setup->entry,
                               .fd = setup->fd,
                               .info = setup->info,
                               .pieces = setup->pieces,
                               .pieces_n = setup->pieces_n,
                               .waiter.resume = on_read};
    b->looked_turn = wr_loop_turn(loop_of(b));
}

void wr_file_body_end(struct wr_file_body *b)
{
    wr_waiter_leave(&b->waiter);
}
