/*
 * lint_watch.c — descriptors that are watched: which one it is, what there is to be read, and what
 * is wrong with it.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/lint_request.h"

#define EVENTS (POLLIN | POLLOUT | POLLPRI | POLLRDHUP)

/* In a row, that left as much to be read as there was: some milliseconds of a callback that does nothing, and
 * more than one that reads finds the same. */
#define IDLE_CALLS 1000

bool wr_lint_watch_begin(struct wr_lint_watch *w, int32_t fd)
{
    struct stat st;

    *w = (struct wr_lint_watch){.fd = fd};
    if (fstat(fd, &st) < 0)
        return false;
    w->dev = st.st_dev;
    w->ino = st.st_ino;
    w->is_on = true;
    return true;
}

/* What has no inode of its own, such as an eventfd, may be another of its kind: that is not
 * seen. */
bool wr_lint_watch_is_lost(const struct wr_lint_watch *w)
{
    struct stat st;

    return w->is_on && (fstat(w->fd, &st) < 0 || st.st_dev != w->dev || st.st_ino != w->ino);
}

bool wr_lint_watch_is_another(const struct wr_lint_watch *w)
{
    return wr_lint_watch_is_lost(w) && fcntl(w->fd, F_GETFD) >= 0;
}

/* What is there first counts as well: who reads while the other end keeps the buffer full leaves as
 * much behind, but not the same. */
int64_t wr_lint_watch_measure(int32_t fd)
{
    uint32_t first[4] = {0};
    int n = 0;

    if (ioctl(fd, FIONREAD, &n) < 0)
        return -1;
    if (n > 0)
        recv(fd, first, sizeof first, MSG_PEEK | MSG_DONTWAIT); /* of what is no socket: nothing */
    return (int64_t)n << 31 ^ (first[0] ^ first[1] ^ first[2] ^ first[3]);
}

/* Room is there as long as nobody writes much: that is not looked at. */
bool wr_lint_watch_is_idle(struct wr_lint_watch *w, uint32_t ready, int64_t before)
{
    struct pollfd p = {.fd = w->fd, .events = (short)(ready & EVENTS & ~(uint32_t)POLLOUT)};
    bool is_as_before = w->is_on && (ready & ~(uint32_t)POLLOUT) != 0 && poll(&p, 1, 0) == 1 &&
                        (p.revents & POLLNVAL) == 0 && wr_lint_watch_measure(w->fd) == before;

    w->idle = is_as_before ? w->idle + 1 : 0;
    return w->idle == IDLE_CALLS;
}

const char *wr_lint_watch_fault(int32_t fd, uint32_t events, int32_t err, enum wr_lint_rule *rule)
{
    int flags = fcntl(fd, F_GETFL);

    *rule = WR_LINT_WATCH;
    if (err == WEIR_EBUSY)
        return "of a descriptor that somebody else watches";
    if (err == WEIR_EINVAL && flags < 0)
        return "of a descriptor that is not open";
    if (err == WEIR_EINVAL && events & ~(uint32_t)EVENTS)
        return "with events that are none of POLLIN, POLLOUT, POLLPRI and POLLRDHUP";
    if (err == WEIR_EINVAL)
        return "of what cannot be watched: a regular file is always ready";
    *rule = WR_LINT_BLOCKING;
    if (err >= 0 && events & POLLOUT && flags >= 0 && !(flags & O_NONBLOCK))
        return "for POLLOUT, of a descriptor without O_NONBLOCK: a write of more than there is "
               "room "
               "for holds up the loop";
    return NULL;
}
