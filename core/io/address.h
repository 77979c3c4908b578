/*
 * address.h — where to listen, and who connected.
 */
#ifndef WR_IO_ADDRESS_H
#define WR_IO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <netinet/in.h>

struct wr_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } sa;
    socklen_t len;
    bool is_wildcard;   /* ":PORT": IPv6 and IPv4 where the machine has both */
    unsigned unix_mode; /* permissions of a unix socket's path; 0: what the umask leaves */
    dev_t socket_dev;   /* of a unix address that was bound: whose path it is */
    ino_t socket_ino;
};

#define WR_ADDRESS_TEXT_MAX (sizeof "unix:" + sizeof(((struct sockaddr_un *)0)->sun_path))

/*
 * "ADDR:PORT", "[V6]:PORT", ":PORT", "localhost:PORT" or "unix:/path". 0, or -EINVAL with *why set
 * to a static text that says what was expected.
 */
int wr_address_parse(const char *text, struct wr_address *out, const char **why);

/* "127.0.0.1:80", "[::1]:80", "unix:/path", "unix:@abstract". Returns out. */
const char *wr_address_format(const struct wr_address *a, char out[static WR_ADDRESS_TEXT_MAX]);

/* Do they name the same place, whatever the permissions? */
bool wr_address_is_same(const struct wr_address *a, const struct wr_address *b);

/* 0 of a unix socket. */
unsigned short wr_address_port(const struct wr_address *a);

/* Port 0, which may be asked for several times. */
bool wr_address_takes_any_port(const struct wr_address *a);

/* What is kept of a connection's other end: small, since every idle connection has one. */
struct wr_peer {
    unsigned char ip[16];
    unsigned char family; /* AF_INET, AF_INET6, AF_UNIX */
    unsigned short port;
    unsigned short own_port; /* that it connected to; 0: of a unix socket */
};

void wr_peer_of(const struct sockaddr_storage *from, struct wr_peer *out);

#define WR_PEER_TEXT_MAX 46 /* INET6_ADDRSTRLEN */

/* The address without its port; "unix" for a unix socket. Returns its length. */
size_t wr_peer_format(const struct wr_peer *p, char out[static WR_PEER_TEXT_MAX]);

#endif
