#include "say.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_bool must_not_wait;

void say_without_waiting(void)
{
    atomic_store(&must_not_wait, true);
}

/* A pipe that polls writable takes PIPE_BUF bytes without blocking. */
static bool has_room(void)
{
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    int n;

    do
        n = poll(&fd, 1, atomic_load(&must_not_wait) ? 0 : -1);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

/* At most PIPE_BUF bytes, so that lines of several threads do not mix. */
static void put(const char *line, size_t n)
{
    while (n > 0 && has_room()) {
        ssize_t written = write(STDERR_FILENO, line, n);

        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return; /* nobody is there to be told */
        if (written > 0) {
            line += written;
            n -= (size_t)written;
        }
    }
}

__attribute__((format(printf, 2, 0))) static void put_line(const char *prefix, const char *fmt,
                                                           va_list ap)
{
    char line[PIPE_BUF];
    size_t n = (size_t)snprintf(line, sizeof line, "%s", prefix);
    int m = vsnprintf(line + n, sizeof line - n, fmt, ap);

    if (m < 0)
        return;
    n = n + (size_t)m < sizeof line - 1 ? n + (size_t)m : sizeof line - 1;
    line[n++] = '\n';
    put(line, n);
}

void say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_line("weir: ", fmt, ap);
    va_end(ap);
}

void say_plain(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_line("", fmt, ap);
    va_end(ap);
}

void say_lines(const char *file, const char *text, const char *more)
{
    size_t label_n = file ? strlen(file) : 0;

    for (;;) {
        size_t n = strcspn(text, "\n");
        bool has_place =
            label_n > 0 && n > label_n && text[label_n] == ':' && strncmp(text, file, label_n) == 0;

        (has_place ? say_plain : say)("%.*s%s", (int)n, text, text[n] ? "" : more);
        if (!text[n])
            return;
        text += n + 1;
    }
}
