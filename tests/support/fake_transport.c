#include "fake_transport.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/list.h"

#define GROWTH 256 /* the first capacity of every buffer */

static struct fake_transport *fake_of(struct wr_transport *base)
{
    struct fake_transport *t = WR_CONTAINER_OF(base, struct fake_transport, base);

    if (t->is_closed) /* what would be a use after free with a real one */
        abort();
    return t;
}

/* `memory` with room for `n` elements of `size` bytes. */
static void *grown(void *memory, size_t *cap, size_t n, size_t size)
{
    size_t wanted = *cap > 0 ? *cap : GROWTH;

    if (n <= *cap)
        return memory;
    while (wanted < n)
        wanted *= 2;
    memory = realloc(memory, wanted * size);
    if (!memory)
        abort();
    *cap = wanted;
    return memory;
}

bool fake_transport_has_input(const struct fake_transport *t)
{
    return t->part_at < t->parts;
}

static ssize_t fake_read(struct wr_transport *base, void *dst, size_t cap)
{
    struct fake_transport *t = fake_of(base);
    size_t n;

    t->reads++;
    t->reads_after_shutdown += t->is_shut_down;
    if (!fake_transport_has_input(t)) {
        if (t->read_error)
            return t->read_error;
        return t->is_eof ? 0 : -EAGAIN;
    }
    n = t->part_ends[t->part_at] - t->in_at;
    if (n > cap)
        n = cap;
    memcpy(dst, t->in + t->in_at, n);
    t->in_at += n;
    if (t->in_at == t->part_ends[t->part_at])
        t->part_at++;
    return (ssize_t)n;
}

/* How much of `n` bytes is taken now, or -errno. */
static ssize_t accept_bytes(struct fake_transport *t, size_t n)
{
    if (t->is_shut_down)
        return -EPIPE;
    if (t->out_n >= t->fail_at)
        return t->write_error;
    if (t->room == 0)
        return -EAGAIN;
    if (n > t->room)
        n = t->room;
    if (n > t->write_max)
        n = t->write_max;
    if (n > t->fail_at - t->out_n)
        n = t->fail_at - t->out_n;
    if (t->room != FAKE_NO_LIMIT)
        t->room -= n;
    t->out = grown(t->out, &t->out_cap, t->out_n + n, 1);
    return (ssize_t)n;
}

static ssize_t fake_writev(struct wr_transport *base, const struct iovec *v, int n, bool more)
{
    struct fake_transport *t = fake_of(base);
    size_t total = 0, left;
    ssize_t taken;

    (void)more;
    t->writes++;
    for (int i = 0; i < n; i++)
        total += v[i].iov_len;
    taken = accept_bytes(t, total);
    if (taken < 0)
        return taken;
    left = (size_t)taken;
    for (int i = 0; i < n && left > 0; i++) {
        size_t part = v[i].iov_len < left ? v[i].iov_len : left;

        memcpy(t->out + t->out_n, v[i].iov_base, part);
        t->out_n += part;
        left -= part;
    }
    return taken;
}

static ssize_t fake_write(struct wr_transport *base, const void *p, size_t n, bool more)
{
    const struct iovec v = {(char *)(uintptr_t)p, n}; /* only read */

    return fake_writev(base, &v, 1, more);
}

static ssize_t fake_sendfile(struct wr_transport *base, int fd, off_t *off, size_t n)
{
    struct fake_transport *t = fake_of(base);
    ssize_t taken, got;

    t->sendfiles++;
    taken = accept_bytes(t, n);
    if (taken < 0)
        return taken;
    got = pread(fd, t->out + t->out_n, (size_t)taken, *off);
    if (got < 0)
        return -errno;
    t->out_n += (size_t)got;
    *off += got;
    return got;
}

static void fake_cork(struct wr_transport *base, bool on)
{
    struct fake_transport *t = fake_of(base);

    if (t->is_corked == on) /* a system call for nothing */
        abort();
    t->is_corked = on;
    t->corks += on;
}

static bool fake_pending(const struct wr_transport *base)
{
    const struct fake_transport *t = (const struct fake_transport *)(const void *)base;

    return t->says_pending && fake_transport_has_input(t);
}

static int fake_unacknowledged(const struct wr_transport *base)
{
    return ((const struct fake_transport *)(const void *)base)->unacknowledged;
}

static int fake_shutdown(struct wr_transport *base)
{
    fake_of(base)->is_shut_down = true;
    return 0;
}

static void fake_reset(struct wr_transport *base)
{
    fake_of(base)->is_reset = true;
}

static void fake_close(struct wr_transport *base)
{
    fake_of(base)->is_closed = true;
}

_Static_assert(offsetof(struct fake_transport, base) == 0,
               "the functions of a const transport rely on it");

void fake_transport_init(struct fake_transport *t)
{
    *t = (struct fake_transport){
        .ops = {.read = fake_read,
                .write = fake_write,
                .writev = fake_writev,
                .sendfile = fake_sendfile,
                .cork = fake_cork,
                .pending = fake_pending,
                .unacknowledged = fake_unacknowledged,
                .shutdown = fake_shutdown,
                .reset = fake_reset,
                .close = fake_close},
        .room = FAKE_NO_LIMIT,
        .write_max = FAKE_NO_LIMIT,
        .fail_at = FAKE_NO_LIMIT,
        .write_error = -EPIPE,
    };
    t->base = (struct wr_transport){&t->ops, .read_wants = EPOLLIN, .write_wants = EPOLLOUT};
}

void fake_transport_fini(struct fake_transport *t)
{
    free(t->in);
    free(t->part_ends);
    free(t->out);
}

void fake_transport_put(struct fake_transport *t, struct wr_slice part)
{
    if (part.n == 0)
        return;
    t->in = grown(t->in, &t->in_cap, t->in_n + part.n, 1);
    memcpy(t->in + t->in_n, part.p, part.n);
    t->in_n += part.n;
    t->part_ends = grown(t->part_ends, &t->parts_cap, t->parts + 1, sizeof *t->part_ends);
    t->part_ends[t->parts++] = t->in_n;
}

void fake_transport_arrive(struct fake_transport *t, struct wr_slice bytes)
{
    bool is_joined = bytes.n > 0 && fake_transport_has_input(t);

    fake_transport_put(t, bytes);
    if (!is_joined)
        return;
    t->parts--;
    t->part_ends[t->parts - 1] = t->in_n;
}

struct wr_slice fake_transport_output(const struct fake_transport *t)
{
    return wr_slice(t->out ? t->out : "", t->out_n);
}
