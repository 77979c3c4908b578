/*
 * lint.h — weir lint PLUGIN: a plugin under the checker, with requests of our own or of the line's.
 */
#ifndef WEIR_TOOLS_LINT_H
#define WEIR_TOOLS_LINT_H

#include "options.h"

/* An exit status: 0 nothing was found, 1 something was, 2 it cannot be loaded. */
int lint(const struct options *o);

#endif
