/*
 * request.h — what a client asked, whatever protocol brought it.
 *
 * Knows no descriptor, parser, keep-alive, chunked or Connection field: those are the protocol's.
 * Lifetime: all slices are valid as long as the exchange is held. Behind the method, the target and the value
 * of a field, unless it is empty, is an octet of the request's memory that means nothing: who serves it ends a
 * text there, on whatever thread that is, so nobody else may look at it.
 */
#ifndef WR_SERVER_REQUEST_H
#define WR_SERVER_REQUEST_H

#include "http/fields.h"
#include "http/method.h"
#include "http/target.h"
#include "io/address.h"

struct wr_request {
    enum wr_method method;
    enum wr_target_form form;
    bool is_https;          /* the scheme of the target URI; else it is http */
    int64_t content_length; /* -1: not known before the end */
    struct wr_slice method_token;
    struct wr_slice target;  /* as it came */
    struct wr_slice path;    /* decoded and normal, begins with '/'; "*" for the asterisk form;
                                absent for CONNECT. NUL-terminated */
    struct wr_slice query;   /* behind the '?'; p NULL: none */
    struct wr_slice host;    /* host[:port] as the client named it; may be absent in HTTP/1.0 */
    struct wr_slice version; /* "HTTP/1.1" */
    /* Behind the content, once that has been read; NULL: none. Of names that wr_field_may_trail() alone.
     * Atomic, for an app elsewhere may look too early. */
    const struct wr_fields *_Atomic trailers;
    struct wr_peer peer;
    struct wr_fields fields;
};

#endif
