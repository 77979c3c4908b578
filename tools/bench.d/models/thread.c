/*
 * thread.c — a thread for each connection.
 *
 *     thread READY_FD DOCUMENTS_ROOT
 *
 * As process.c, but all share one memory: a thread is a stack and what the kernel keeps of it. So it
 * is cheaper, and one that breaks breaks all.
 */
#include "server.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct visit {
    const struct wsgi_server *server;
    int client;
};

static void *serve(void *arg)
{
    struct visit visit = *(struct visit *)arg;

    free(arg);
    wsgi_server_serve(visit.server, visit.client);
    return NULL;
}

/* Its thread owns the client from then on. 0; else there is none. */
static int begin_thread(const struct wsgi_server *server, int client)
{
    struct visit *visit = malloc(sizeof *visit);
    pthread_t thread;

    if (!visit)
        return -1;
    *visit = (struct visit){server, client};
    errno = pthread_create(&thread, NULL, serve, visit);
    if (errno) {
        free(visit);
        return -1;
    }
    pthread_detach(thread);
    return 0;
}

int main(int argc, char **argv)
{
    struct wsgi_server server;

    wsgi_server_begin(&server, argc, argv);
    for (;;) {
        int client = wsgi_server_accept(&server);

        if (begin_thread(&server, client)) {
            warn("a client is turned away");
            close(client);
        }
    }
}
