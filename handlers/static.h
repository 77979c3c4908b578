/*
 * static.h — the files beneath a folder, as an app: written against weir/app.h like any plugin.
 *
 * GET and HEAD, with conditions and one byte range (RFC 9110 13, 14); OPTIONS says so. A folder is
 * its index.html, and without its slash a redirect to it. Names that begin with a dot are not
 * there, but for .well-known at the top (RFC 8615).
 */
#ifndef WR_HANDLERS_STATIC_H
#define WR_HANDLERS_STATIC_H

#include <weir/app.h>

/* Mounted with the folder's path, a string, as its state; load copies what it needs of it. */
extern const weir_plugin wr_static_plugin;

#endif
