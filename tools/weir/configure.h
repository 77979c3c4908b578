/*
 * configure.h — from the command line to a server that knows what to do.
 */
#ifndef WEIR_TOOLS_CONFIGURE_H
#define WEIR_TOOLS_CONFIGURE_H

#include <stdbool.h>
#include <weir/server.h>

#include "options.h"

#define EXIT_LINE 2 /* the command line is not understood */

/* The file and --set. An exit status; what is wrong has been said. */
int configure_file(weir_server *s, const struct options *o);

/* All of it. `has_sockets`: some were passed, so that none is opened unless one is asked for. */
int configure_all(weir_server *s, const struct options *o, bool has_sockets);

#endif
