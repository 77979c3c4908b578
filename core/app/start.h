/*
 * start.h — start_response: status and fields of an app, checked before HTTP sees them.
 *
 * Faults of an app end here: they stick to its environ, and the log names plugin, route and request
 * once. Source: PEP 3333, RFC 9110 5 and 7.6.1.
 */
#ifndef WR_APP_START_H
#define WR_APP_START_H

#include "app/environ.h"

/* The functions that an app calls, as in weir/app.h. */
int32_t wr_start_response(weir_environ *env, int32_t status, const weir_header *fields);
int32_t wr_start_header_add(weir_environ *env, const char *name, const char *value, size_t n);
int32_t wr_start_reason(weir_environ *env, const char *text);

/* Does a field of this name belong to one connection, so that no answer may have it from an app? */
bool wr_start_is_hop_by_hop(struct wr_slice name);

/* What holds for every field of an app, wherever it is sent: the name is a token, the value, with the
 * blanks around it gone, has no control character, and it is not the connection's. 0, or the error that
 * has become the app's fault. */
int32_t wr_start_check_field(struct wr_environ *e, struct wr_slice name, struct wr_slice value);

/* Forgets what was started: status, fields, reason, trailers. */
void wr_start_clear(struct wr_environ *e);

/* Forgets the fields of this name. */
void wr_start_drop_field(struct wr_environ *e, struct wr_slice name);

/* The app has broken a rule: nothing it does from now on counts. Returns `error`. */
int32_t wr_start_fault(struct wr_environ *e, int32_t error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
