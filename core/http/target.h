/*
 * target.h — the request target and the one policy for paths. RFC 9112 3.2, RFC 3986 5.2.4.
 *
 * Decided once, before routing, with the same result for static files and for apps; for users it is
 * told in docs/configuration.md, "Paths and methods":
 *   1. Percent escapes are decoded once. A broken escape in the path, %00, or '#' is refused. Other
 *      control characters are taken when they are escaped, for a name may have them, and as nginx
 *      and Apache do; who writes a path into a log, a field or a page escapes it there.
 *   2. %2F decodes to '/' and counts as one, as in CGI and WSGI; a backslash, also as %5C, is an
 *      ordinary character.
 *   3. Runs of '/' become one. Then "." and ".." segments are removed; a path that would climb
 *      above "/" is refused, not clamped.
 *   4. A path that ends in "/." or "/.." ends in "/".
 *   5. The query is not decoded and not checked. Bytes above 0x7F are taken as they are, UTF-8 or
 *      not: an overlong '/' (%C0%AF) is two bytes of a name, here and for the file system.
 *   6. ';' has no meaning here.
 */
#ifndef WR_HTTP_TARGET_H
#define WR_HTTP_TARGET_H

#include "base/slice.h"

enum wr_target_form {
    WR_TARGET_ORIGIN,    /* /path?query */
    WR_TARGET_ABSOLUTE,  /* http://host/path?query */
    WR_TARGET_AUTHORITY, /* host:port, with CONNECT only */
    WR_TARGET_ASTERISK,  /* *, with OPTIONS only */
};

struct wr_target {
    enum wr_target_form form;
    struct wr_slice scheme; /* of the absolute form, as it came; else absent */
    struct wr_slice
        authority; /* of the absolute and authority forms, not yet checked; else absent */
    struct wr_slice raw_path; /* as it came: begins with '/' (absent: asterisk, authority, or an
                                 absolute form without a path, which means "/") */
    struct wr_slice query; /* behind the '?'; absent when there is none, empty after a bare '?' */
};

/*
 * Splits `text`; every octet of it has passed wr_is_target_char(). `is_connect` and `is_options`
 * tell which forms the method allows. False when it is none of them, e.g. "file.txt" or "?x".
 * The absolute form is taken with http and https in any case; another scheme is refused.
 */
bool wr_target_split(struct wr_slice text, bool is_connect, bool is_options, struct wr_target *out);

static inline bool wr_target_is_https(const struct wr_target *target)
{
    return wr_slice_ieq(target->scheme, WR_SLICE("https"));
}

/*
 * Rules 1 to 4. `out` has room for raw_path.n + 1 bytes and may not overlap; the result is in
 * *path, with a NUL behind it. An absent raw_path gives "/", which is not in `out`. False: refuse
 * with 400.
 */
bool wr_target_decode_path(struct wr_slice raw_path, char *out, struct wr_slice *path);

#endif
