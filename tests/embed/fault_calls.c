#include "fault_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>

#define FDS_MAX 1024

static atomic_bool armed;
static atomic_int counts[CALLS_N], hits;
static atomic_int planned = CALLS_N, plan_skip, plan_times, plan_error;

/* What is registered with epoll, and whose event a spurious EAGAIN has swallowed. One thread. */
static struct registration {
    int epoll_fd;
    struct epoll_event event;
    bool is_known, is_due;
} registered[FDS_MAX];

#define FAULT_TEXT(name, text) text,
const char *fault_call_name(enum fault_call call)
{
    static const char *const names[] = {FAULT_CALLS(FAULT_TEXT)};

    return names[call];
}

void fault_plan(enum fault_call call, int skip, int times, int error)
{
    for (int i = 0; i < CALLS_N; i++)
        atomic_store(&counts[i], 0);
    atomic_store(&hits, 0);
    planned = (int)call;
    plan_skip = skip;
    plan_times = times;
    plan_error = error;
}

void fault_plan_none(void)
{
    fault_plan(CALLS_N, 0, 0, 0);
}

void fault_arm(bool is_armed)
{
    atomic_store(&armed, is_armed);
}

int fault_hits(void)
{
    return atomic_load(&hits);
}

int fault_count(enum fault_call call)
{
    return atomic_load(&counts[call]);
}

int fault_total(void)
{
    int n = 0;

    for (int i = 0; i < CALLS_N; i++)
        n += atomic_load(&counts[i]);
    return n;
}

/* Is this the call that fails? Its errno is set then. */
static bool fails(enum fault_call call)
{
    int before;

    if (!atomic_load(&armed))
        return false;
    before = atomic_fetch_add(&counts[call], 1);
    if ((int)call != planned || before < plan_skip || before >= plan_skip + plan_times)
        return false;
    atomic_fetch_add(&hits, 1);
    errno = plan_error;
    return true;
}

/* The same of a connection's bytes, with the event that follows. */
static bool fails_on(enum fault_call call, int fd)
{
    if (!fails(call))
        return false;
    if (plan_error == EAGAIN && fd >= 0 && fd < FDS_MAX)
        registered[fd].is_due = true;
    return true;
}

/* ---- calls that need more than a number ---- */

int __real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    if (fails(CALL_EPOLL_CTL))
        return -1;
    if (fd >= 0 && fd < FDS_MAX && op == EPOLL_CTL_ADD)
        registered[fd] = (struct registration){epoll_fd, *event, true, false};
    if (fd >= 0 && fd < FDS_MAX && op == EPOLL_CTL_DEL)
        registered[fd].is_known = false;
    return __real_epoll_ctl(epoll_fd, op, fd, event);
}

int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int n, int timeout);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int n, int timeout);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int n, int timeout)
{
    for (int fd = 0; fd < FDS_MAX; fd++)
        if (registered[fd].is_due && registered[fd].is_known &&
            registered[fd].epoll_fd == epoll_fd) {
            registered[fd].is_due = false;
            __real_epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &registered[fd].event);
        }
    return fails(CALL_EPOLL_WAIT) ? -1 : __real_epoll_wait(epoll_fd, events, n, timeout);
}

/* Of those that go by number: what transport_tcp.c and root.c do. */
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    bool is_failing = false;

    if (number == SYS_recvfrom)
        is_failing = fails_on(CALL_RECV, (int)a);
    else if (number == SYS_sendto)
        is_failing = fails_on(CALL_SEND, (int)a);
    else if (number == SYS_openat2)
        is_failing = fails(CALL_OPENAT2);
    return is_failing ? -1 : __real_syscall(number, a, b, c, d, e, f);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
    return fails_on(CALL_SENDMSG, fd) ? -1 : __real_sendmsg(fd, m, flags);
}

ssize_t __real_sendfile(int to, int from, off_t *at, size_t n);
ssize_t __wrap_sendfile(int to, int from, off_t *at, size_t n);
ssize_t __wrap_sendfile(int to, int from, off_t *at, size_t n)
{
    return fails_on(CALL_SENDFILE, to) ? -1 : __real_sendfile(to, from, at, n);
}

int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    return fails(CALL_PTHREAD_CREATE) ? plan_error : __real_pthread_create(t, attr, fn, arg);
}

/* With an argument that may be there. */
#define WRAP_VARIADIC(name, call, type, decl, last, ...)                                           \
    int __real_##name(decl, ...);                                                                  \
    int __wrap_##name(decl, ...);                                                                  \
    int __wrap_##name(decl, ...)                                                                   \
    {                                                                                              \
        va_list ap;                                                                                \
        type value;                                                                                \
                                                                                                   \
        if (fails(call))                                                                           \
            return -1;                                                                             \
        va_start(ap, last);                                                                        \
        value = va_arg(ap, type);                                                                  \
        va_end(ap);                                                                                \
        return __real_##name(__VA_ARGS__, value);                                                  \
    }
#define TWO(a, b)      a, b
#define THREE(a, b, c) a, b, c

WRAP_VARIADIC(fcntl, CALL_FCNTL, long, TWO(int fd, int op), op, fd, op)
WRAP_VARIADIC(ioctl, CALL_IOCTL, void *, TWO(int fd, unsigned long op), op, fd, op)
WRAP_VARIADIC(open, CALL_OPEN, mode_t, TWO(const char *path, int flags), flags, path, flags)
WRAP_VARIADIC(openat, CALL_OPENAT, mode_t, THREE(int fd, const char *path, int flags), flags, fd,
              path, flags)

/* ---- all others ---- */

#define WRAP(type, name, call, decl, args)                                                         \
    type __real_##name decl;                                                                       \
    type __wrap_##name decl;                                                                       \
    type __wrap_##name decl                                                                        \
    {                                                                                              \
        return fails(call) ? -1 : __real_##name args;                                              \
    }

WRAP(int, accept4, CALL_ACCEPT4, (int fd, struct sockaddr *a, socklen_t *n, int flags),
     (fd, a, n, flags))
WRAP(int, bind, CALL_BIND, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, fchmodat, CALL_CHMOD, (int fd, const char *path, mode_t mode, int flags),
     (fd, path, mode, flags))
WRAP(int, epoll_create1, CALL_EPOLL_CREATE, (int flags), (flags))
WRAP(int, eventfd, CALL_EVENTFD, (unsigned count, int flags), (count, flags))
WRAP(int, fstat, CALL_FSTAT, (int fd, struct stat *st), (fd, st))
WRAP(int, fstatat, CALL_FSTATAT, (int fd, const char *path, struct stat *st, int flags),
     (fd, path, st, flags))
WRAP(ssize_t, getrandom, CALL_GETRANDOM, (void *p, size_t n, unsigned flags), (p, n, flags))
WRAP(int, getrlimit, CALL_GETRLIMIT, (int what, struct rlimit *limit), (what, limit))
WRAP(int, getsockname, CALL_GETSOCKNAME, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
WRAP(int, getsockopt, CALL_GETSOCKOPT, (int fd, int level, int name, void *p, socklen_t *n),
     (fd, level, name, p, n))
WRAP(int, listen, CALL_LISTEN, (int fd, int backlog), (fd, backlog))
WRAP(int, lstat, CALL_LSTAT, (const char *path, struct stat *st), (path, st))
WRAP(int, poll, CALL_POLL, (struct pollfd * v, nfds_t n, int timeout), (v, n, timeout))
WRAP(ssize_t, pread, CALL_PREAD, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(ssize_t, read, CALL_READ, (int fd, void *p, size_t n), (fd, p, n))
WRAP(int, setsockopt, CALL_SETSOCKOPT, (int fd, int level, int name, const void *p, socklen_t n),
     (fd, level, name, p, n))
WRAP(int, shutdown, CALL_SHUTDOWN, (int fd, int how), (fd, how))
WRAP(int, socket, CALL_SOCKET, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, stat, CALL_STAT, (const char *path, struct stat *st), (path, st))
WRAP(ssize_t, write, CALL_WRITE, (int fd, const void *p, size_t n), (fd, p, n))
