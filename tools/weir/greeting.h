/*
 * greeting.h — where the server listens: to people, scripts and service managers.
 */
#ifndef WEIR_TOOLS_GREETING_H
#define WEIR_TOOLS_GREETING_H

#include <stddef.h>
#include <weir/server.h>

#include "options.h"

/* To --ready-fd, one address a line; then it is closed. An exit status. */
int greeting_report(const weir_server *s, int fd);

/* To stderr. */
void greeting_say(const weir_server *s, const struct options *o);

/* "127.0.0.1:80, [::1]:80", cut where `n` ends. */
void greeting_list(const weir_server *s, char *out, size_t n);

#endif
