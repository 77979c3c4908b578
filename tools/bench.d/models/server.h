/*
 * server.h — what the models have in common: a server of one port and one folder, without a model.
 *
 * A model is who calls wsgi_server_accept() and wsgi_server_serve(), and where: one after the other
 * in a loop (blocking.c), in a child for each connection (process.c), in a thread for each
 * (thread.c). Each of them is the whole main program of a server; these functions are the rest.
 *
 * /hello is answered by an application, called with an environ and a start_response as in Python's
 * WSGI; everything else by the files below documents_root. Methods are GET and HEAD, connections of
 * HTTP/1.1 stay open. There is no timeout: the models wait, which is their subject.
 *
 * The server is read only once it is initialised, so all threads share it. wsgi_server_serve()
 * blocks its thread until the client has gone, and owns and closes the descriptor.
 *
 * Errors: what cannot be set up ends the program with a message. What a client does wrong is
 * answered with its status; then its connection is closed.
 */
#ifndef MODELS_SERVER_H
#define MODELS_SERVER_H

#include <stdint.h>

struct wsgi_server {
    uint16_t port;
    int documents_root; /* a descriptor of the folder */
    int listener;
};

/* Listens on 127.0.0.1; with port 0 on one that is free, which is then in server->port. */
void wsgi_server_init(struct wsgi_server *server, uint16_t port, const char *documents_root);

/* The same by the program's arguments, READY_FD DOCUMENTS_ROOT: "address:port\n" goes to READY_FD. */
void wsgi_server_begin(struct wsgi_server *server, int argc, char **argv);

/* Waits for the next client: its connection. */
int wsgi_server_accept(const struct wsgi_server *server);

/* Answers all requests of a client, one after the other, until it goes. */
void wsgi_server_serve(const struct wsgi_server *server, int client);

#endif
