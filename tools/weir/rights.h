/*
 * rights.h — becoming another user, for good.
 */
#ifndef WEIR_TOOLS_RIGHTS_H
#define WEIR_TOOLS_RIGHTS_H

#include <stddef.h>
#include <sys/types.h>

struct identity {
    uid_t uid;
    gid_t gid;
    char name[256]; /* for the other groups; "": unknown, a number alone */
};

#define RIGHTS_WHY_MAX 512

/* Who a user is, by name or number. A number that the system has no user for is its own group, as
 * in containers without /etc/passwd. 0, or -1 with `why`. */
int rights_find(const char *user, struct identity *out, char why[RIGHTS_WHY_MAX]);

/*
 * All threads of this process become that user, with the groups of that user and without
 * capabilities; there is no way back. Nothing happens when they are that user already. 0, or -1
 * with `why`: then the process must end, for it may have become a part of it.
 */
int rights_become(const struct identity *id, char why[RIGHTS_WHY_MAX]);

#endif
