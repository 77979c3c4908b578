/*
 * activation.h — sockets that a service manager has opened for us, as by sd_listen_fds(3).
 */
#ifndef WEIR_TOOLS_ACTIVATION_H
#define WEIR_TOOLS_ACTIVATION_H

#include <weir/server.h>

struct activation {
    int count;   /* descriptors, from 3 on; 0: none */
    char *names; /* "http:admin", one for each, malloc'ed; NULL: none */
};

/* Reads the variables, if they are meant for this process, and removes them; marks the descriptors
 * close-on-exec. -1 when it has said on stderr what is wrong. Call it before there are threads. */
int activation_init(struct activation *a);

/* Hands all of them to the server, and closes them here. An error has been said on stderr. */
int activation_adopt(const struct activation *a, weir_server *s);

void activation_free(struct activation *a);

#endif
