/*
 * error_page.h — the page for a status: that of the request's host, of the wildcards that have it,
 * or of the site (vhosts.h, error_pages.h), or else the server's own, which never repeats what the
 * client sent, but for what of it is in the Location of a redirect. A request that is refused before
 * its host is known has none.
 */
#ifndef WR_SERVER_ERROR_PAGE_H
#define WR_SERVER_ERROR_PAGE_H

#include "server/exchange.h"

/* Sets status, Content-Type and body of a response that has no body yet; fields stay. */
void wr_error_page(struct wr_exchange *x, int status);

#endif
