#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define MESSAGE_MAX  2048
#define PATIENCE_SEC 5 /* for a manager that does not read */

/* 0, or -errno: -EAFNOSUPPORT for a kind of address that we do not speak. */
static int parse_address(const char *text, struct notify *n)
{
    size_t length = strlen(text);

    if (text[0] != '/' && text[0] != '@')
        return -EAFNOSUPPORT;
    if (length < 2)
        return -EINVAL;
    if (length >= sizeof n->address.sun_path)
        return -ENAMETOOLONG;
    n->address.sun_family = AF_UNIX;
    memcpy(n->address.sun_path, text, length);
    n->address_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (text[0] == '@')
        n->address.sun_path[0] = '\0'; /* abstract: no NUL behind it */
    else
        n->address_n++;
    return 0;
}

void notify_init(struct notify *n)
{
    const char *text = getenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): no threads yet
    int err;

    *n = (struct notify){0};
    if (!text)
        return;
    err = parse_address(text, n);
    /* vsock: and what may come are for virtual machines, whose manager runs elsewhere. */
    if (err < 0 && err != -EAFNOSUPPORT)
        say("cannot use NOTIFY_SOCKET=%s: %s", text, strerrordesc_np(-err));
    unsetenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): no threads yet
}

/* A socket for each message: the manager may have made its own anew. */
static int send_message(const struct notify *n, const char *text)
{
    struct timeval patience = {.tv_sec = PATIENCE_SEC};
    int err = 0, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&n->address,
               n->address_n) < 0)
        err = -errno;
    close(fd);
    return err;
}

static void tell(const struct notify *n, const char *text)
{
    int err = n->address_n > 0 ? send_message(n, text) : 0;

    if (err < 0)
        say("cannot tell the service manager %.*s: %s", (int)strcspn(text, "\n"), text,
            strerrordesc_np(-err));
}

void notify_ready(const struct notify *n, const char *status, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;
    int begin = snprintf(text, sizeof text, "READY=1\nSTATUS=");

    va_start(ap, status);
    vsnprintf(text + begin, sizeof text - (size_t)begin, status, ap);
    va_end(ap);
    text[(size_t)begin + strcspn(text + begin, "\n")] = '\0';
    tell(n, text);
}

void notify_reloading(const struct notify *n)
{
    char text[MESSAGE_MAX];
    struct timespec now = {0};

    /* With Type=notify-reload the manager compares this to the time of its signal. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading",
             (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    tell(n, text);
}

void notify_stopping(const struct notify *n)
{
    tell(n, "STOPPING=1\nSTATUS=stopping: what is in flight may finish");
}
