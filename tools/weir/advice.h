/*
 * advice.h — says why something failed, and what a person can do about it.
 */
#ifndef WEIR_TOOLS_ADVICE_H
#define WEIR_TOOLS_ADVICE_H

#include <weir/server.h>

#include "options.h"

/* The last error of the server, to stderr. */
void advise(const weir_server *s, int32_t error, const struct options *o);

#endif
