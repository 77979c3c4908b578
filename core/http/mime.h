/*
 * mime.h — the media type of a file by the ending of its name, and what is worth compressing.
 *
 * Pure functions. The tables are generated from mime-db by tools/gen-mime; see mime_table.inc for its
 * licence.
 */
#ifndef WR_HTTP_MIME_H
#define WR_HTTP_MIME_H

#include "base/slice.h"

/*
 * The whole Content-Type value ("text/html; charset=utf-8" for text), for ever valid;
 * application/octet-stream when the ending is unknown or there is none. Case does not matter.
 * `path` may have directories; a name that only begins with a dot has no ending.
 */
struct wr_slice wr_mime_of_path(struct wr_slice path);

/*
 * Does content of this type become much smaller by gzip and its kind? Of any value of Content-Type,
 * also of an app's; parameters and case do not matter. It is mime-db's answer; for a type that it does
 * not know, text and what is built on JSON, XML or text (RFC 6839) are, others are not. Nor is
 * application/octet-stream, which may be anything, nor an absent value.
 */
bool wr_mime_is_compressible(struct wr_slice content_type);

#endif
