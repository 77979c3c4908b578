/*
 * private_copy.h — a copy of a plugin's file in a folder of its own, from which it is loaded.
 *
 * The folder is "weir-plugin-" and six characters in the first of $XDG_RUNTIME_DIR, $TMPDIR, /tmp
 * and /var/tmp that takes it, and locked as long as the copy is there: one that nobody has locked
 * was left by a process that was killed, and is removed by the next that makes a copy.
 *
 * Threads: one at a time for one copy.
 * Errors:  0 or -errno.
 */
#ifndef WR_APP_PRIVATE_COPY_H
#define WR_APP_PRIVATE_COPY_H

#include <limits.h>

struct wr_private_copy {
    char folder[PATH_MAX], file[PATH_MAX]; /* "": not there */
    int lock_fd;                           /* of the folder; -1: none */
};

/* The folders to try, in order: index from 0; NULL: no more. */
const char *wr_private_copy_parent(int index);

/* Copies what is in `fd` to a file with the last part of the name `name`. On failure nothing is
 * left. */
int wr_private_copy_make(struct wr_private_copy *c, const char *parent, const char *name, int fd);

/* Removes file and folder. Harmless when they are not there. */
void wr_private_copy_remove(struct wr_private_copy *c);

#endif
