/*
 * h1_format.h — the bytes of a response head. RFC 9112 4 and 5.
 *
 * Only puts together what others decided and checked: no field is dropped or added here.
 */
#ifndef WR_HTTP_H1_FORMAT_H
#define WR_HTTP_H1_FORMAT_H

#include "base/buf.h"

/* "HTTP/1.1 200 OK\r\n"; an absent reason (p NULL) is the registered one. */
void wr_h1_format_status(struct wr_buf *b, int status, struct wr_slice reason);

/* "Name: value\r\n" */
void wr_h1_format_field(struct wr_buf *b, struct wr_slice name, struct wr_slice value);

/* "Content-Length: 123\r\n" */
void wr_h1_format_length(struct wr_buf *b, uint64_t length);

/* Size line of a chunk, with the CRLF that ends it. */
void wr_h1_format_chunk(struct wr_buf *b, uint64_t size);

#endif
