/*
 * redirect.h — sends clients elsewhere, as an app: written against weir/app.h like any plugin.
 *
 * Of a route with all below it, what follows the route's path is appended to the path of the
 * target, which loses a '/' at its end for that; for an exact route, or when nothing follows, the
 * target stands as it is. A query of the request is added when the target has none, not even an
 * empty one ("/new?"). Both go before a fragment of the target.
 *
 *     /old to /new             /old/a%20b?c    becomes  /new/a%20b?c
 *     / to https://b.example/  /a              becomes  https://b.example/a
 *     /old to /new?x=1#y       /old/a?c        becomes  /new/a?x=1#y
 *
 * Nothing that a client sends can become the host of the address, or begin another field. Methods
 * are not looked at; content of the request is not read.
 */
#ifndef WR_HANDLERS_REDIRECT_H
#define WR_HANDLERS_REDIRECT_H

#include <weir/app.h>

/* Mounted with one of these as its state; load copies it. */
struct wr_redirect_target {
    const char *target; /* a path that begins with one '/', or an http or https URL */
    int status;         /* 301, 302, 303, 307 or 308 */
};

extern const weir_plugin wr_redirect_plugin;

#endif
