#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_TERMINAL (-1)

static atomic_bool is_over;

/* What wakes signals_obey() to look at is_over. */
static int wake_signal(void)
{
    return SIGRTMIN;
}

static bool is_init(void)
{
    return getpid() == 1;
}

static sigset_t obeyed(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, wake_signal());
    if (is_init())
        sigaddset(&set, SIGCHLD);
    return set;
}

void signals_block(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set = obeyed();

    /* A reader of our messages that has gone is no reason to die. */
    sigaction(SIGPIPE, &ignore, NULL);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* As if the signal had never been blocked. */
_Noreturn static void die_of(int number)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t set;

    sigaction(number, &usual, NULL);
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    /* Process 1 is still here: the kernel spares it default actions. */
    _exit(128 + number);
}

/*
 * As process 1 we inherit whoever loses its parent, and nobody but us can let them go. A child of a
 * plugin looks the same: as process 1 its waitpid() may find that there is none (ECHILD), and such
 * a plugin wants a small init in front (docker run --init). Elsewhere children are the plugins'.
 */
static void reap(void)
{
    while (is_init() && waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* A standard descriptor that is a terminal. */
static int find_terminal(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (isatty(fd))
            return fd;
    return NO_TERMINAL;
}

/* SIGHUP, from before there were daemons, also tells that the terminal has gone: its window was
 * closed, and a server that nobody sees any more would stay behind. */
static enum order of_hangup(int terminal)
{
    return terminal != NO_TERMINAL && !isatty(terminal) ? ORDER_STOP : ORDER_RELOAD;
}

static enum order order_of(int number, int terminal)
{
    switch (number) {
    case SIGINT:
    case SIGTERM:
        return ORDER_STOP;
    case SIGHUP:
        return of_hangup(terminal);
    case SIGUSR1:
        return ORDER_REOPEN;
    default:
        return ORDER_NONE;
    }
}

void signals_obey(struct orders *orders)
{
    int number = 0, terminal = find_terminal();
    bool is_stopping = false;
    sigset_t set = obeyed();

    reap(); /* who died while SIGCHLD was not blocked yet */
    while (!atomic_load(&is_over)) {
        enum order order;

        if (sigwait(&set, &number) != 0)
            continue;
        reap();
        order = order_of(number, terminal);
        /* A terminal's end is told by the kernel and by the shell: that is one order. */
        if (order == ORDER_STOP && is_stopping && number != SIGHUP)
            die_of(number);
        is_stopping = is_stopping || order == ORDER_STOP;
        if (order != ORDER_NONE)
            orders_give(orders, order);
    }
}

void signals_end_obeying(pthread_t obeying)
{
    atomic_store(&is_over, true);
    pthread_kill(obeying, wake_signal());
}
