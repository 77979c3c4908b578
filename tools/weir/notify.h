/*
 * notify.h — tells the service manager how it goes, by the protocol of sd_notify(3).
 *
 * Without NOTIFY_SOCKET in the environment every function does nothing. What fails is said on
 * stderr, and the program goes on. One thread at a time.
 */
#ifndef WEIR_TOOLS_NOTIFY_H
#define WEIR_TOOLS_NOTIFY_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    struct sockaddr_un address;
    socklen_t address_n; /* 0: nobody wants to know */
};

/* Reads the variable and removes it: what plugins start is not to speak for us. Call it before
 * there are threads. */
void notify_init(struct notify *n);

/* `status` is for people: its first line is sent. */
__attribute__((format(printf, 2, 3))) void notify_ready(const struct notify *n, const char *status,
                                                        ...);

/* Has to be followed by notify_ready(), however the reload ended. */
void notify_reloading(const struct notify *n);

void notify_stopping(const struct notify *n);

#endif
