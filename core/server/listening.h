/*
 * listening.h — an address that is bound, with an acceptor for each loop.
 *
 * Ownership: whoever made it; a server borrows it while it runs, and closes the socket of each loop
 *            on that loop when it stops listening there.
 * Threads:   the acceptor of a loop belongs to that loop; all else to the thread of the server.
 */
#ifndef WR_SERVER_LISTENING_H
#define WR_SERVER_LISTENING_H

#include "io/address.h"
#include "io/loop.h"

struct wr_loop_thread;

struct wr_acceptor {
    struct wr_source source;
    struct wr_list link; /* among those of its loop */
    struct wr_loop_thread *owner;
    int fd; /* -1: closed */
    unsigned short port;
    bool is_shared; /* one queue for all loops */
};

struct wr_listening {
    struct wr_address wanted;       /* as it was asked for; of an adopted one as it is bound */
    struct wr_address address;      /* as it is bound: port 0 has become a number */
    char text[WR_ADDRESS_TEXT_MAX]; /* of that */
    bool is_adopted;                /* the socket came from elsewhere, and so does its path */
    int n;
    struct wr_acceptor acceptors[]; /* n: one a loop */
};

struct wr_listenings {
    struct wr_listening **v;
    size_t n;
};

/* Binds. NULL with `why`, of WR_WHY_MAX bytes, filled and *err set to -errno. */
struct wr_listening *wr_listening_open(const struct wr_address *wanted, int loops, char *why,
                                       int *err);

/* The same with a socket that listens already; `fd` is duplicated and stays the caller's. */
struct wr_listening *wr_listening_adopt(int fd, int loops, char *why, int *err);

/* Can clients still come to it by its path? See wr_listener_has_path(). */
bool wr_listening_has_path(const struct wr_listening *l);

/* Gives its path other permissions; of addresses without a path, and adopted ones, nothing changes.
 * 0, or -errno: -ENOTSUP for 0, what the umask leaves, which only a new socket gets. */
int wr_listening_set_mode(struct wr_listening *l, unsigned unix_mode);

/* Removes its path, unless it was adopted or another has bound it since; harmless for others, and
 * once more. To be called before its sockets are closed. */
void wr_listening_remove_path(struct wr_listening *l);

/* Closes what is open. The path is left. */
void wr_listening_close(struct wr_listening *l);

/* The same, and frees; NULL is allowed. */
void wr_listening_free(struct wr_listening *l);

#endif
