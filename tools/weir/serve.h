/*
 * serve.h — the life of a server in the weir program, from the command line to the last signal.
 */
#ifndef WEIR_TOOLS_SERVE_H
#define WEIR_TOOLS_SERVE_H

#include "options.h"

/* An exit status. */
int serve(const struct options *o);

#endif
