/*
 * mime.h — the media type of a file by the ending of its name.
 *
 * The table is generated from mime-db by tools/gen-mime; see mime_table.inc for its licence.
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

#endif
