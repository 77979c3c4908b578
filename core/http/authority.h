/*
 * authority.h — host and port of a Host field or an absolute target. RFC 3986 3.2.2, RFC 9110 7.2.
 */
#ifndef WR_HTTP_AUTHORITY_H
#define WR_HTTP_AUTHORITY_H

#include <stdint.h>

#include "base/slice.h"

struct wr_authority {
    struct wr_slice host; /* with its brackets when it is an IP literal; may be empty */
    int32_t port;         /* -1: none, or an empty one */
};

/*
 * `uri-host [ ":" port ]`, no user information (RFC 9110 4.2.4); false for anything else. The host
 * is a reg-name (unreserved, sub-delims, well-formed percent escapes) or an IP literal in brackets
 * (an IPv6 address without a zone, or IPvFuture); a port above 65535 is refused. An empty text is
 * valid and has an empty host: RFC 9112 3.2 sends that when a target has no authority.
 */
bool wr_authority_parse(struct wr_slice text, struct wr_authority *out);

#endif
