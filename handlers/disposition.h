/*
 * disposition.h — the field Content-Disposition of a download. RFC 6266, RFC 8187.
 *
 * Whatever the name has in it, what is written is visible ASCII and blanks, well-formed: no name can
 * end the field or add a parameter.
 *
 * Room:   WR_DISPOSITION_ROOM(n) bytes for a name of n.
 * Errors: sticky, as those of the buffer.
 */
#ifndef WR_HANDLERS_DISPOSITION_H
#define WR_HANDLERS_DISPOSITION_H

#include "base/buf.h"

#define WR_DISPOSITION_ROOM(n) (64 + 10 * (size_t)(n)) /* a byte that is no UTF-8 becomes ten */

/*
 * Appends one of these, for the last segment of `name`:
 *
 *     attachment; filename="name of the file.txt"
 *     attachment; filename="na_ve.txt"; filename*=UTF-8''na%C3%AFve.txt
 *     attachment                                                        (when it is empty)
 *
 * The first form is for visible ASCII and blanks. What else there is, is '_' in `filename`, one for each
 * character, and is told by `filename*`, which clients that know it prefer (RFC 6266 4.3). It is told
 * there as well of a name with '"', '\' or '%', since some clients do not unescape the first two, and
 * others do unescape the last. A byte that is not UTF-8 is U+FFFD there.
 */
void wr_disposition_attachment(struct wr_buf *b, struct wr_slice name);

#endif
