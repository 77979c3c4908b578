/*
 * h1_parse.h — the head of an HTTP/1 request, read as it arrives. RFC 9112 2 to 5.
 *
 * A finite state machine over the bytes received so far: nothing is copied, allocated or written
 * to; what is found are slices of the caller's buffer. What is ambiguous is refused, never mended:
 * bare CR and LF, white space before a colon, line folding, anything but one space between the
 * parts of the request line.
 *
 * Every refusal of a request by the HTTP/1 core has a reason in WR_H1_REASONS, and this list is the
 * one place that says which status it is answered with and which rule it broke.
 */
#ifndef WR_HTTP_H1_PARSE_H
#define WR_HTTP_H1_PARSE_H

#include "http/fields.h"
#include "http/method.h"

/* id, status of the answer, what the log says */
#define WR_H1_REASONS(X)                                                                           \
    X(OK, 200, "no error")                                                                         \
    X(METHOD, 400, "method is not a token (RFC 9112 3.1)")                                         \
    X(METHOD_LONG, 501, "method is longer than any (RFC 9112 3)")                                  \
    X(TARGET_CHAR, 400, "request target has a control character, a blank or '#' (RFC 9112 3.2)")   \
    X(TARGET_LONG, 414, "request target is longer than the limit (RFC 9110 15.5.15)")              \
    X(TARGET_FORM, 400, "request target has none of the four forms (RFC 9112 3.2)")                \
    X(TARGET_PATH, 400, "path has a bad escape, %00, or climbs above the root (RFC 3986 5.2.4)")   \
    X(VERSION, 400, "request line does not end in HTTP/digit.digit (RFC 9112 2.3)")                \
    X(VERSION_OTHER, 505, "HTTP major version is not 1 (RFC 9110 15.6.6)")                         \
    X(BARE_LF, 400, "line ends in LF without CR (RFC 9112 2.2)")                                   \
    X(BARE_CR, 400, "CR without LF (RFC 9112 2.2)")                                                \
    X(LEADING_SPACE, 400, "white space before the first field (RFC 9112 2.2)")                     \
    X(FOLDING, 400, "obsolete line folding (RFC 9112 5.2)")                                        \
    X(FIELD_NAME, 400, "field name is empty or not a token (RFC 9112 5.1)")                        \
    X(FIELD_COLON, 400, "white space before the colon (RFC 9112 5.1)")                             \
    X(FIELD_VALUE, 400, "field value has a control character (RFC 9110 5.5)")                      \
    X(FIELD_LONG, 431, "field line is longer than the limit (RFC 6585 5)")                         \
    X(FIELDS_MANY, 431, "more fields than the limit (RFC 6585 5)")                                 \
    X(HEAD_LONG, 431, "head is longer than the limit (RFC 6585 5)")                                \
    X(HOST_MISSING, 400, "HTTP/1.1 without a Host field (RFC 9112 3.2)")                           \
    X(HOST_MANY, 400, "more than one Host field (RFC 9112 3.2)")                                   \
    X(HOST_VALUE, 400, "Host is not host[:port] (RFC 9112 3.2)")                                   \
    X(MISDIRECTED, 421, "https target on a connection that is not secured (RFC 9110 7.4)")         \
    X(AUTHORITY, 400, "authority of the target is not host[:port] (RFC 9110 4.2.4)")               \
    X(LENGTH_MANY, 400, "Content-Length more than once (RFC 9112 6.3)")                            \
    X(LENGTH_VALUE, 400, "Content-Length is not a number (RFC 9112 6.3)")                          \
    X(LENGTH_LARGE, 413, "Content-Length is above 2^63-1 (RFC 9110 8.6)")                          \
    X(CODING_10, 400, "Transfer-Encoding in HTTP/1.0 (RFC 9112 6.1)")                              \
    X(CODING_LENGTH, 400, "Transfer-Encoding and Content-Length (RFC 9112 6.1)")                   \
    X(CODING_FINAL, 400, "chunked is not the final transfer coding (RFC 9112 6.3)")                \
    X(CODING_TWICE, 400, "chunked is applied more than once (RFC 9112 6.1)")                       \
    X(CODING_OTHER, 501, "transfer coding other than chunked (RFC 9112 6.1)")                      \
    X(CHUNK_SIZE, 400, "bad chunk size line (RFC 9112 7.1)")                                       \
    X(CHUNK_LARGE, 413, "chunk size is above 2^63-1 (RFC 9112 7.1)")                               \
    X(CHUNK_EXTENSION, 400, "bad chunk extension (RFC 9112 7.1.1)")                                \
    X(CHUNK_END, 400, "chunk data does not end in CRLF (RFC 9112 7.1)")                            \
    X(CHUNK_EXTRA, 431, "chunk extensions and trailers are longer than the limit (RFC 9112 7.1)")  \
    X(TRAILER, 400, "bad trailer field (RFC 9112 7.1.2)")                                          \
    X(EXPECTATION, 417, "expectation other than 100-continue (RFC 9110 10.1.1)")                   \
    X(BODY_LARGE, 413, "content is longer than the limit (RFC 9110 15.5.14)")                      \
    X(BODY_CUT, 400, "connection ended inside the content (RFC 9112 8)")                           \
    X(HEAD_TIMEOUT, 408, "head did not arrive in time (RFC 9110 15.5.9)")                          \
    X(BODY_TIMEOUT, 408, "content did not arrive in time (RFC 9110 15.5.9)")                       \
    X(BODY_SLOW, 408, "content arrives more slowly than the limit (RFC 9110 15.5.9)")              \
    X(REQUEST_CONTENT, 408, "request took too long, waiting for its content (RFC 9110 15.5.9)")    \
    X(REQUEST_ANSWER, 503, "request took too long, waiting for its answer (RFC 9110 15.6.4)")      \
    X(MEMORY, 503, "out of memory")

enum wr_h1_reason {
#define X(id, status, text) WR_H1_##id,
    WR_H1_REASONS(X)
#undef X
        WR_H1_REASON_COUNT
};

int wr_h1_reason_status(enum wr_h1_reason reason);
const char *wr_h1_reason_text(enum wr_h1_reason reason);

struct wr_h1_scan;

#define WR_H1_SLACK 64 /* bytes: no scan loads more than that behind the end */

struct wr_h1_limits {
    uint32_t head_max;   /* bytes to the empty line's end; empty lines in front count too */
    uint32_t target_max; /* bytes */
    uint32_t field_max;  /* bytes of one field line without its CRLF */

    /* How it is read, which does not change what comes of it: the first choice of h1_scan.h, NULL for
     * none; and so many bytes behind those that have come may be loaded, whatever they hold.
     * Without WR_H1_SLACK of them the end of a head takes longer. */
    uint32_t slack;
    const struct wr_h1_scan *scan;
};

struct wr_h1_head {
    struct wr_slice method_token;
    struct wr_slice target;
    enum wr_method method;
    int minor;           /* 0 or 1: HTTP/1.2 to 1.9 are read as 1.1 (RFC 9110 2.5) */
    uint32_t plain_path; /* length of the path that the target, of any method, begins with, when it
                            is what wr_target_decode_path() makes of it; 0: not known to be */
    struct wr_fields *fields; /* the caller's, initialised */
};

enum wr_h1_result { WR_H1_DONE, WR_H1_MORE, WR_H1_BAD };

struct wr_h1_parser {
    uint32_t line;    /* offset of the line or, of the request line, the part that is not read yet;
                         after DONE: length of the head */
    uint32_t scanned; /* offset up to which it is read, so that slow input costs no rescan; not set
                         by DONE */
    uint32_t value;   /* of a field line: length up to its value, 0 while in the name */
    uint8_t stage;    /* which part is due */
    uint8_t reason;   /* enum wr_h1_reason, after BAD */
};

void wr_h1_parser_init(struct wr_h1_parser *p);

/*
 * Reads on. `head_bytes` is all that has come since the start of the message, each time from the
 * same address with bytes added at its end; move it, and both parser and head start anew. Empty
 * lines in front of the request line are skipped (RFC 9112 2.2).
 *
 * WR_H1_DONE: `out` is complete and p->line is the number of bytes read. WR_H1_MORE: call again
 * with more. WR_H1_BAD: p->reason says why; out->method_token and out->target are set as far as
 * they were read.
 */
enum wr_h1_result wr_h1_parse(struct wr_h1_parser *p, const struct wr_h1_limits *limits,
                              struct wr_slice head_bytes, struct wr_h1_head *out);

#endif
