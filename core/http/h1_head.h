/*
 * h1_head.h — what a well-formed request head means: its target, host, framing and persistence.
 */
#ifndef WR_HTTP_H1_HEAD_H
#define WR_HTTP_H1_HEAD_H

#include "http/h1_body.h"
#include "http/target.h"

struct wr_h1_message {
    bool has_plain_path; /* target.raw_path is what it will be decoded to, and in the origin form */
    struct wr_target target; /* OPTIONS of an URI without path and query has the asterisk form */
    struct wr_slice host;    /* authority of the target, else the Host field; may be empty or, in
                             HTTP/1.0, absent */
    struct wr_h1_framing framing;
    bool keep_alive;       /* RFC 9112 9.3, as far as the client is asked */
    bool expects_continue; /* RFC 9110 10.1.1 */
};

/* WR_H1_OK, or the first rule that the head breaks: refuse and close the connection. is_host_known:
 * the first Host has a value that was found right before, as most have. */
enum wr_h1_reason wr_h1_interpret(const struct wr_h1_head *head, bool is_host_known,
                                  struct wr_h1_message *out);

#endif
