/*
 * json_text.h — bytes of any origin as a JSON string. RFC 8259 7, RFC 3629.
 *
 * What comes out is valid JSON and UTF-8 whatever went in, is one line, and does nothing to a
 * terminal. Characters of UTF-8 stay as they are, but for these:
 *
 *     \" \\     quote and backslash
 *     \u00XX    controls: below U+0020, U+007F to U+009F
 *     \u2028 \u2029    line and paragraph separator, at which some readers end a line
 *     \u00XX    each byte that is not part of valid UTF-8 (of an overlong form, a surrogate, a
 *               character that is cut short): the character that the byte is in ISO 8859-1
 *
 * So above U+009F, an escape in the text tells a stray byte from the character.
 */
#ifndef WR_BASE_JSON_TEXT_H
#define WR_BASE_JSON_TEXT_H

#include "base/buf.h"

#define WR_JSON_GROWTH ((size_t)6) /* times as long it becomes at most */

/* Appends `text` in quotes. What stands between them is cut to `most` bytes, at the end of a
 * character or escape. */
void wr_json_text(struct wr_buf *b, struct wr_slice text, size_t most);

#endif
