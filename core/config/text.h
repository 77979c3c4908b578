/*
 * text.h — from what people write to what a parser of JSON reads.
 */
#ifndef WR_CONFIG_TEXT_H
#define WR_CONFIG_TEXT_H

#include "app/json_place.h"
#include "base/arena.h"

/*
 * Copies a text without a byte order mark, and with a space for each character of its comments but
 * for LF: so lines and columns of the copy are those of the text. A NUL is behind it.
 *
 * false with *what, which is static, and its place: it is not UTF-8, has a NUL, or a comment does
 * not end; or with *what NULL: memory has run out.
 */
bool wr_config_make_text(struct wr_arena *arena, struct wr_slice text, struct wr_slice *out,
                         struct wr_json_place *place, const char **what);

#endif
