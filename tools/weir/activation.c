#include "activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

#define FIRST_FD  3
#define COUNT_MAX 1024

/* A decimal number up to `max`; -1: none. */
static long parse_number(const char *text, long max)
{
    char *end;
    long n;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    n = strtol(text, &end, 10);
    return errno == 0 && !*end && n <= max ? n : -1;
}

static int read_variables(struct activation *a)
{
    // NOLINTBEGIN(concurrency-mt-unsafe): no threads yet
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS"),
               *names = getenv("LISTEN_FDNAMES");
    // NOLINTEND(concurrency-mt-unsafe)
    long count;

    /* Left over from a parent that they were meant for: not ours. */
    if (!pid || !fds || parse_number(pid, INT32_MAX) != (long)getpid())
        return 0;
    count = parse_number(fds, COUNT_MAX);
    if (count < 0) {
        say("LISTEN_FDS=%s: expected a number of descriptors, up to %d", fds, COUNT_MAX);
        return -1;
    }
    a->count = (int)count;
    a->names = names ? strdup(names) : NULL;
    return 0;
}

static int mark(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    if (flags >= 0 && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0)
        return 0;
    say("LISTEN_FDS: descriptor %d: %s", fd, strerrordesc_np(errno));
    return -1;
}

int activation_init(struct activation *a)
{
    static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
                                            "LISTEN_PIDFDID"};
    int err;

    *a = (struct activation){0};
    err = read_variables(a);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]); // NOLINT(concurrency-mt-unsafe): no threads yet
    for (int i = 0; i < a->count && err == 0; i++)
        err = mark(FIRST_FD + i);
    return err;
}

/* The name of descriptor `i`, its first character; *n: its length. */
static const char *name_of(const struct activation *a, int i, int *n)
{
    const char *name = a->names ? a->names : "";

    for (; i > 0 && *name; i--) {
        name += strcspn(name, ":");
        name += *name == ':';
    }
    *n = (int)strcspn(name, ":");
    return name;
}

int activation_adopt(const struct activation *a, weir_server *s)
{
    for (int i = 0; i < a->count; i++) {
        int n, fd = FIRST_FD + i;
        const char *name = name_of(a, i, &n);

        if (weir_server_listen_fd(s, fd) < 0) {
            say("the service manager passed descriptor %d%s%.*s%s: %s", fd, n ? " (" : "", n, name,
                n ? ")" : "", weir_server_error(s));
            return -1;
        }
        /* The server has its own: an open one here would keep clients waiting when that is closed.
         */
        close(fd);
    }
    return 0;
}

void activation_free(struct activation *a)
{
    free(a->names);
}
