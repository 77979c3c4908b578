/*
 * thread.h — threads of the library's own: every signal is blocked in them, so that a host's
 * handlers run on the host's threads, and SIGPIPE nowhere.
 */
#ifndef WR_IO_THREAD_H
#define WR_IO_THREAD_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>

/* pthread_create() with all signals blocked in the new thread; `name` has at most 15 characters.
 * 0 or -errno. */
static inline int wr_thread_start(pthread_t *thread, const char *name, void *(*run)(void *arg),
                                  void *arg)
{
    sigset_t all, before;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err == 0)
        pthread_setname_np(*thread, name);
    return -err;
}

/* For a thread that others hand work to, by itself: when it is woken it takes its turn, and the
 * core from nobody, so that who wakes it over and over is not interrupted as often. A policy
 * that somebody has chosen stays, and so does one that may not be changed. */
static inline void wr_thread_interrupt_nobody(void)
{
    struct sched_param param;
    int policy;

    if (pthread_getschedparam(pthread_self(), &policy, &param) == 0 && policy == SCHED_OTHER)
        pthread_setschedparam(pthread_self(), SCHED_BATCH, &param);
}

#endif
