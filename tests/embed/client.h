/*
 * client.h — a client for tests of host programs: it knows addresses as weir_server_address() says
 * them, and reads a whole answer.
 *
 * Every function fails the test when something cannot be, so none is to be called from a thread
 * that cmocka does not know.
 */
#ifndef WR_TESTS_EMBED_CLIENT_H
#define WR_TESTS_EMBED_CLIENT_H

#include "support.h"

#include <stdbool.h>

#include <weir/server.h>

#define CLIENT_ANSWER_MAX 8192

/* A connection to "127.0.0.1:PORT", or "unix:PATH". */
int client_connect(const char *address);

void client_send(int fd, const char *text);

/* GET `path`, closing afterwards. */
void client_ask(int fd, const char *path);

/* Reads to the end, and closes; NUL-terminated. Bytes read. */
size_t client_read(int fd, char *out, size_t cap);

/* The same while stepping the server in this thread, as a host with a loop of poll(2). */
size_t client_read_stepping(weir_server *s, int fd, char *out, size_t cap);

/* The answer has this status and, unless NULL, this content. */
void client_check(const char *answer, int status, const char *content);

/* Asks a server that does not need this thread. */
void client_expect_from(const char *address, const char *path, int status, const char *content);

/* The same of the server's address number `i`. */
void client_expect_at(weir_server *s, uint32_t i, const char *path, int status,
                      const char *content);
void client_expect(weir_server *s, const char *path, int status, const char *content);

#define CLIENT_OWN_MAX sizeof "127.255.255.254:0"

/* A free port of a loopback address that is this process's own: on 127.0.0.1 a port that has just
 * been given back may at once be that of another test. */
const char *client_own_address(char out[CLIENT_OWN_MAX]);

/* Nobody listens there any more. */
bool client_is_refused(const char *address);

/* Steps until the server has stopped. */
void client_step_to_stop(weir_server *s);

/* Open descriptors of this process. */
int open_descriptors(void);

#endif
