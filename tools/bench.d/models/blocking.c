/*
 * blocking.c — the first model: one client at a time.
 *
 *     blocking READY_FD DOCUMENTS_ROOT
 *
 * Ten lines, and nothing can happen twice at once. But as long as a client keeps its connection,
 * asking or not, all others wait in the kernel's queue: accepted by nobody.
 */
#include "server.h"

int main(int argc, char **argv)
{
    struct wsgi_server server;

    wsgi_server_begin(&server, argc, argv);
    for (;;)
        wsgi_server_serve(&server, wsgi_server_accept(&server));
}
