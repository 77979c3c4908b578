/*
 * fault_calls.h — system calls of the server that fail when a test wants it; linked with --wrap.
 *
 *     fault_plan(CALL_ACCEPT4, 2, 1, EMFILE);     the third call fails, once
 *     fault_arm(true);  weir_server_step(...);  fault_arm(false);
 *     fault_hits()                                how often one has failed
 *
 * Counted and failed are calls while armed, of any thread. A spurious EAGAIN of a connection is
 * followed by the event that the kernel would send.
 */
#ifndef WR_TESTS_EMBED_FAULT_CALLS_H
#define WR_TESTS_EMBED_FAULT_CALLS_H

#include <stdbool.h>

#define FAULT_CALLS(X)                                                                             \
    X(ACCEPT4, "accept4")                                                                          \
    X(BIND, "bind")                                                                                \
    X(CHMOD, "fchmodat")                                                                           \
    X(EPOLL_CREATE, "epoll_create1")                                                               \
    X(EPOLL_CTL, "epoll_ctl")                                                                      \
    X(EPOLL_WAIT, "epoll_wait")                                                                    \
    X(EVENTFD, "eventfd")                                                                          \
    X(FCNTL, "fcntl")                                                                              \
    X(FSTAT, "fstat")                                                                              \
    X(FSTATAT, "fstatat")                                                                          \
    X(GETRANDOM, "getrandom")                                                                      \
    X(GETRLIMIT, "getrlimit")                                                                      \
    X(GETSOCKNAME, "getsockname")                                                                  \
    X(GETSOCKOPT, "getsockopt")                                                                    \
    X(IOCTL, "ioctl")                                                                              \
    X(LISTEN, "listen")                                                                            \
    X(LSTAT, "lstat")                                                                              \
    X(OPEN, "open")                                                                                \
    X(OPENAT, "openat")                                                                            \
    X(OPENAT2, "openat2")                                                                          \
    X(POLL, "poll")                                                                                \
    X(PREAD, "pread")                                                                              \
    X(PTHREAD_CREATE, "pthread_create")                                                            \
    X(READ, "read")                                                                                \
    X(RECV, "recv")                                                                                \
    X(SEND, "send")                                                                                \
    X(SENDFILE, "sendfile")                                                                        \
    X(SENDMSG, "sendmsg")                                                                          \
    X(SETSOCKOPT, "setsockopt")                                                                    \
    X(SHUTDOWN, "shutdown")                                                                        \
    X(SOCKET, "socket")                                                                            \
    X(STAT, "stat")                                                                                \
    X(WRITE, "write")

#define FAULT_NAME(name, text) CALL_##name,
enum fault_call { FAULT_CALLS(FAULT_NAME) CALLS_N };
#undef FAULT_NAME

const char *fault_call_name(enum fault_call call);

/* From now on calls are counted anew; `times` of this call fail with `error` after `skip` of them. */
void fault_plan(enum fault_call call, int skip, int times, int error);

/* Only counts. */
void fault_plan_none(void);

void fault_arm(bool is_armed);

int fault_hits(void);
int fault_count(enum fault_call call);
int fault_total(void);

#endif
