/*
 * method.h — request methods. RFC 9110 9, RFC 5789; tokens are case-sensitive.
 */
#ifndef WR_HTTP_METHOD_H
#define WR_HTTP_METHOD_H

#include "base/slice.h"

enum wr_method {
    WR_METHOD_GET,
    WR_METHOD_HEAD,
    WR_METHOD_POST,
    WR_METHOD_PUT,
    WR_METHOD_DELETE,
    WR_METHOD_CONNECT,
    WR_METHOD_OPTIONS,
    WR_METHOD_TRACE,
    WR_METHOD_PATCH,
    WR_METHOD_OTHER, /* a valid token that this server does not know: 501 unless an app does */
};

/* `token` is a valid token (RFC 9110 5.6.2). */
enum wr_method wr_method_of(struct wr_slice token);

/* Absent for WR_METHOD_OTHER, which has many. */
struct wr_slice wr_method_name(enum wr_method method);

#endif
