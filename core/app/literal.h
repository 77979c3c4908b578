/*
 * literal.h — values of C and C++ source text: `.name = "hel" "lo"`, R"(raw)", 0x10.
 *
 * For the text that WEIR_PLUGIN() leaves in the note .note.weir. What a preprocessor has not yet
 * replaced, and expressions, are no literals; parentheses around one are allowed.
 */
#ifndef WR_APP_LITERAL_H
#define WR_APP_LITERAL_H

#include "base/slice.h"

/* Whether text is the initialiser `.NAME = value`; it is the value then. */
bool wr_literal_field(struct wr_slice *text, const char *name);

/* One or more string literals side by side, to memory of text.n + 1 bytes: as a C string, which
 * ends at the first NUL. */
bool wr_literal_string(struct wr_slice text, char *to);

/* Of an integer that is not negative and not above INT32_MAX; else -1. */
int wr_literal_int(struct wr_slice text);

#endif
