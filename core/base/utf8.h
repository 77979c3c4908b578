/*
 * utf8.h — characters of UTF-8, where there are any. RFC 3629.
 */
#ifndef WR_BASE_UTF8_H
#define WR_BASE_UTF8_H

#include <stdint.h>

#include "base/slice.h"

/*
 * Length in bytes, and code, of the character that `s`, which is not empty, begins with. 0, and
 * *code is not set: it begins with none, for the form is overlong, cut short, of a surrogate or
 * above U+10FFFF; one byte is then to be passed over.
 */
size_t wr_utf8_read(struct wr_slice s, uint32_t *code);

#endif
