/*
 * traps.h — a tree with traps, what is right to be served of it, and whether that was served.
 *
 * Nothing here asks the disk or shares code with the server. The tree is made of a table (tree.c) that
 * stays in memory, and a resolver of its own (resolve.c), written from path_resolution(7), says what a
 * path leads to; the oracle (oracle.c) says from that, and from docs/configuration.md, what each
 * request has to be answered with. fuzz_static.c brings the requests.
 *
 *     TOP/www             the root that is served
 *     TOP/outside, …      beside it: not a byte of it may come, and none of its files be opened
 *
 * Every file has its own name as its content, again and again. Those outside, and those that nobody
 * may read, have TRAP_SECRET in it; those with a hidden name TRAP_HIDDEN.
 */
#ifndef WR_TESTS_FUZZ_TRAPS_H
#define WR_TESTS_FUZZ_TRAPS_H

#include <stddef.h>
#include <stdint.h>

#include "test_server.h"

/* In no address, field or page, whatever a request says: controls are escaped there. */
#define TRAP_SECRET "\x01SECRET\x01"
#define TRAP_HIDDEN "\x01HIDDEN\x01"

#define TRAP_LONG_N   250 /* 'L', the name of each of 16 folders in one another … */
#define TRAP_DEEP     16
#define TRAP_WIDEST_N 255 /* 'N', a name as long as they get */
#define TRAP_LAST_N   79  /* 'm': in the last of the folders the longest path that there is */

/* ---- tree.c ---- */

enum trap_kind { TRAP_FOLDER, TRAP_FILE, TRAP_LINK, TRAP_FIFO, TRAP_SOCKET, TRAP_DEVICE };

struct trap_node {
    const struct trap_node *parent; /* NULL: what is served, and what is beside it */
    struct wr_slice name;           /* NUL-terminated */
    enum trap_kind kind;
    unsigned mode;
    struct wr_slice content; /* of a file; of a link what it leads to */
    bool is_inside;          /* beneath the root, or the root */
    bool is_hidden;          /* its name, or one above it, has to be asked for with dot_files */
    bool is_missing;         /* it could not be made: a device without the right to */
    int watch;               /* of inotify, or -1 */
};

/* The root's path. Made once, and removed at the end of the process. */
const char *trap_tree_make(void);

const struct trap_node *trap_root(void);

/* The child; NULL: none of that name. */
const struct trap_node *trap_child(const struct trap_node *folder, struct wr_slice name);

/* One after another, in the order of the table; NULL at the end. */
const struct trap_node *trap_next_child(const struct trap_node *folder,
                                        const struct trap_node *before);

/* A node that was opened or read since the last call and never may be; NULL: none. */
const struct trap_node *trap_opened(bool may_open_hidden);

/* ---- resolve.c ---- */

enum trap_outcome {
    TRAP_IS_FILE,
    TRAP_IS_FOLDER,
    TRAP_IS_NOT_THERE, /* nothing, a special file, a loop, or it would leave the root */
    TRAP_IS_DENIED     /* a folder on the way may not be searched */
};

struct trap_place {
    enum trap_outcome outcome;
    const struct trap_node *node; /* of a file or folder */
};

/* What a path beneath the root leads to, which has no '/' in front. "" is the root. */
struct trap_place trap_resolve(struct wr_slice path);

static inline bool trap_is_readable(const struct trap_node *n)
{
    return (n->mode & 0444) != 0;
}

static inline bool trap_is_searchable(const struct trap_node *n)
{
    return (n->mode & 0111) != 0;
}

/* The path of a target as the policy of docs/configuration.md has it, decoded, into `out` with room
 * for all of it; false: 400. `path` ends where the query begins. */
bool trap_decode(struct wr_slice path, char *out, size_t *n);

/* ---- oracle.c ---- */

enum trap_route { TRAP_AT_TOP, TRAP_AT_PREFIX, TRAP_EXACT_TOP, TRAP_EXACT_PREFIX, TRAP_ROUTES };

#define TRAP_PREFIX   "/prefix"
#define TRAP_FALLBACK "/fallback.html"
#define TRAP_ABSENT   "absent.html" /* a name for an index that no folder has */
#define TRAP_TARGET   12000         /* bytes; no longer one is sent */

struct trap_options {
    enum trap_route route;
    bool has_listing, has_dot_files, has_fallback, has_attempts, has_no_index;
    bool compresses, has_siblings; /* the former only with the latter */
};

/* What attempts there are; NULL behind the last. */
extern const char *const trap_attempts[];

struct trap_request {
    char method; /* 'G'ET, 'H'EAD, 'O'PTIONS, 'P'OST */
    bool accepts[WR_CODINGS];
    bool refuses_identity;
    bool names_html, accepts_json; /* in Accept */
    const char *range;             /* value of the field; NULL: none */
    bool has_none_match, is_absolute;
    struct wr_slice target; /* as in the request line, without scheme and authority */
};

/* Aborts, telling why, unless the response is right. True: the connection closes behind it. */
bool trap_check_response(const struct trap_options *o, const struct trap_request *q,
                         const struct test_response *r);

/* Tells `claim` and the request that it is about, if there is one, and aborts. */
_Noreturn void trap_fail(const char *claim, const struct trap_request *q);

#endif
