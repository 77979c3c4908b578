/*
 * response.h — the answer as a handler sees it: status, fields, body.
 *
 * Framing (Content-Length, Transfer-Encoding) and Connection are the protocol's to add; a handler
 * never sets them. Date and Server are too, unless the handler says that it has.
 */
#ifndef WR_SERVER_RESPONSE_H
#define WR_SERVER_RESPONSE_H

#include "server/body.h"

#define WR_RESPONSE_FIELDS_INLINE 12

struct wr_response_field {
    struct wr_slice name, value;
};

struct wr_response {
    int status;
    uint16_t n, cap;
    bool out_of_memory;        /* sticky: a field was lost, the response becomes a 503 */
    bool has_date, has_server; /* among the fields: the protocol adds none */
    struct wr_slice reason;    /* absent: the registered one */
    struct wr_response_field *fields;
    struct wr_response_field inline_fields[WR_RESPONSE_FIELDS_INLINE];
    struct wr_body *body; /* NULL: none */
    int64_t length;       /* of the content, also where HEAD or 304 leaves it out; -1: not known */

    /* Behind the content (RFC 9110 6.5), where the protocol and the client have a place for it. */
    bool may_have_trailers;        /* known with the head: there may be some */
    struct wr_slice trailer_names; /* the value of the field Trailer; absent: none is announced */
    const struct wr_response_field *trailers; /* when the body has ended */
    size_t trailers_n;
};

#endif
