/*
 * pattern.h — patterns of paths, as rules of a static route have them; and names that have a hash.
 *
 * A pattern is matched with a decoded path, which begins with '/', in time of at most the one's length
 * times the other's. It is written like one of .gitignore:
 *
 *     *     any characters but '/', or none
 *     **    any characters, or none; between two '/' it may have no folder: / ** /a has /a and /b/c/a
 *     ?     one character but '/'
 *     \     the next character stands for itself
 *
 *     *.css          without '/': the last segment, in any folder
 *     /a/ *.css      with a '/' in front: the whole path
 *     /a/ **         everything beneath /a, and not /a itself; also /a/, the address of the folder
 *     /a/            with a '/' at the end: /a itself and everything beneath
 *     a/             with a '/' at the end alone: the same, for every segment that is called so
 *
 * (Without the blanks, which are for C.) Nothing else is special: no '!', no dot in front. Nor are '['
 * and '{', but wr_pattern_check() wants a '\' in front of them: who writes *.{bak,old} means something
 * else, and a rule that denies would be none.
 * Characters are bytes; case matters.
 *
 * Pure functions. A pattern that wr_pattern_check() refuses matches what it matches: nothing is read
 * or written that should not be.
 */
#ifndef WR_HANDLERS_PATTERN_H
#define WR_HANDLERS_PATTERN_H

#include "base/slice.h"

#define WR_PATTERN_MAX 255 /* bytes; a longer one is refused, and matches nothing */

/* NULL, or what was expected ("a pattern without \"//\""): for errors of the configuration. */
const char *wr_pattern_check(const char *pattern);

bool wr_pattern_matches(struct wr_slice pattern, struct wr_slice path);

/*
 * Does the last segment carry a hash of the content, as bundlers write it, so that its content never
 * changes under this name? The hash is what stands behind a '.', or at the end of such a part behind a
 * '-' or '_', and an ending has to follow, which is none of a page (html, htm, xhtml). It is one of:
 *
 *   - hexadecimal digits in one case: 8, 10, 12, 16, 20, 32, 40, 64, 96 or 128 of them, which change at
 *     least twice between letters and digits; from 16 on, they may be all of the name (without its
 *     ending). Right behind a '.' also 6 or 7, which change three times. Not the end of a UUID.
 *   - 8 characters of base64url (Vite, Rollup), not behind '_': with letters in both cases, which change
 *     four times between capitals, small letters and digits; or three times, with a digit in front of a
 *     letter.
 *   - 8 capitals and digits from 2 to 7 (base32: esbuild), not behind '_': they change twice.
 *
 * Who says yes too often has clients keep an old file for a year, so this errs on the side of no:
 * words, dates, versions, numbers and names in CamelCase are none. The price is that hashes are missed
 * that happen to look like one of these: 1 in 10 of eight hexadecimal digits, 1 in 4 of Vite's, 3 in 10
 * of esbuild's. A pattern of the folder that has them all is sure where this guesses.
 */
bool wr_name_is_hashed(struct wr_slice path);

#endif
