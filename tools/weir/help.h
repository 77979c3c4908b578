/*
 * help.h — the help of the weir program, and its version.
 */
#ifndef WEIR_TOOLS_HELP_H
#define WEIR_TOOLS_HELP_H

void help_print(void);
void version_print(void);

#endif
