/*
 * process.c — a process for each connection.
 *
 *     process READY_FD DOCUMENTS_ROOT
 *
 * The kernel lets all take their turns, and what one breaks, it breaks for itself alone. Each costs a
 * fork, and then what a process is: its own page tables, a kernel stack, copies of pages it writes.
 */
#include "server.h"

#include <err.h>
#include <signal.h>
#include <unistd.h>

/* Children that have ended leave nothing behind that would be waited for. */
static void forget_children(void)
{
    struct sigaction act = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};

    if (sigaction(SIGCHLD, &act, NULL))
        err(1, "sigaction");
}

int main(int argc, char **argv)
{
    struct wsgi_server server;

    wsgi_server_begin(&server, argc, argv);
    forget_children();
    for (;;) {
        int client = wsgi_server_accept(&server);
        pid_t child = fork();

        if (child == 0) {
            close(server.listener);
            wsgi_server_serve(&server, client);
            _exit(0);
        }
        if (child < 0)
            warn("a client is turned away: fork");
        close(client); /* the child has it */
    }
}
