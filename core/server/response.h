/*
 * response.h — the answer as a handler sees it: status, fields, body.
 *
 * Framing (Content-Length, Transfer-Encoding) and Connection are the protocol's to add; a handler
 * never sets them. Date and Server are too, unless the handler says that it has.
 */
#ifndef WR_SERVER_RESPONSE_H
#define WR_SERVER_RESPONSE_H

#include "server/body.h"
#include "server/ready.h"

#define WR_RESPONSE_FIELDS_INLINE 12

struct wr_response_field {
    struct wr_slice name, value;
};

/*
 * Fields that are the same in many answers: as pairs, and as the lines that HTTP/1 sends, with which it
 * copies them at once. Whoever makes one checks them before, and keeps it until the last response that
 * has it is over. None of them is Date or Server.
 */
struct wr_field_block {
    const struct wr_response_field *fields;
    struct wr_slice lines; /* "Name: value\r\n" of each, one behind the other */
    uint16_t n;
    struct wr_ready_answer *ready; /* that has them; NULL: none */
};

struct wr_response {
    int status;
    uint16_t n, cap;
    bool out_of_memory : 1;             /* sticky: a field was lost, the response becomes a 503 */
    bool has_date : 1, has_server : 1;  /* among the fields: the protocol adds none */
    bool may_have_trailers : 1;         /* known with the head: there may be some */
    struct wr_slice reason;             /* absent: the registered one */
    const struct wr_field_block *block; /* in front of `fields`; NULL: none */
    struct wr_body *body;               /* NULL: none */
    /* All of the content, where it lies in memory until the response is over: then nobody asks the body
     * for it, which is there to be closed. p NULL: the body gives it. */
    struct wr_slice content;
    int64_t length; /* of the content, also where HEAD or 304 leaves it out; -1: not known */

    /* Behind the content (RFC 9110 6.5), where the protocol and the client have a place for it. */
    struct wr_slice trailer_names; /* the value of the field Trailer; absent: none is announced */
    const struct wr_response_field *trailers; /* when the body has ended */
    size_t trailers_n;
    struct wr_response_field *fields;
    struct wr_response_field inline_fields[WR_RESPONSE_FIELDS_INLINE];
};

#endif
