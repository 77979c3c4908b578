/*
 * static.h — the files beneath a folder.
 *
 * GET and HEAD, with conditions and one byte range (RFC 9110 13, 14); OPTIONS says so. A folder is
 * its index.html, and without its slash a redirect to it. Names that begin with a dot are not
 * there, but for .well-known at the top (RFC 8615).
 */
#ifndef WR_HANDLERS_STATIC_H
#define WR_HANDLERS_STATIC_H

#include "server/exec.h"

/* `loops` workers may call it, each with its own index. NULL with *err set to -errno. */
struct wr_handler *wr_static_new(const char *folder, int loops, int *err);

#endif
