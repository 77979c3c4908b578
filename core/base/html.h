/*
 * html.h — text as HTML has it, in an element or in an attribute's value between quotes.
 */
#ifndef WR_BASE_HTML_H
#define WR_BASE_HTML_H

#include "base/buf.h"

#define WR_HTML_GROWTH (sizeof "&quot;" - 1) /* bytes that one of the text may become */

/* Appends `text`, with '&', '<', '>', '"' and '\'' as references; all else as it is. */
void wr_html_append(struct wr_buf *b, struct wr_slice text);

#endif
