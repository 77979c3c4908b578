/*
 * location.h — parts of an address for the field Location, as RFC 3986 allows them.
 *
 * Whatever goes in, what comes out is visible ASCII, and only its delimiters are the caller's.
 *
 * Room:   three bytes for each that goes in.
 * Errors: sticky, as those of the buffer.
 */
#ifndef WR_HANDLERS_LOCATION_H
#define WR_HANDLERS_LOCATION_H

#include "base/buf.h"

/* Appends a decoded path: '%', '?' and '#' are octets like others in it, and are escaped. */
void wr_location_path(struct wr_buf *b, struct wr_slice decoded);

/* Appends a path, query or fragment as it was written, for instance by a client: escapes in it
 * stay, and a '?' does; a '%' that begins none is escaped as well. */
void wr_location_written(struct wr_buf *b, struct wr_slice written);

#endif
