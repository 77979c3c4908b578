#include "http/status.h"

#include <stdint.h>

/*
 * https://www.iana.org/assignments/http-status-codes, whose phrases are those of RFC 9110 15 where
 * both define a code. Left out: 306 and 418, registered as "(Unused)", and 104, a temporary
 * registration of a draft.
 */
#define STATUSES(X)                                                                                \
    X(100, "Continue")                                                                             \
    X(101, "Switching Protocols")                                                                  \
    X(102, "Processing")                                                                           \
    X(103, "Early Hints")                                                                          \
    X(200, "OK")                                                                                   \
    X(201, "Created")                                                                              \
    X(202, "Accepted")                                                                             \
    X(203, "Non-Authoritative Information")                                                        \
    X(204, "No Content")                                                                           \
    X(205, "Reset Content")                                                                        \
    X(206, "Partial Content")                                                                      \
    X(207, "Multi-Status")                                                                         \
    X(208, "Already Reported")                                                                     \
    X(226, "IM Used")                                                                              \
    X(300, "Multiple Choices")                                                                     \
    X(301, "Moved Permanently")                                                                    \
    X(302, "Found")                                                                                \
    X(303, "See Other")                                                                            \
    X(304, "Not Modified")                                                                         \
    X(305, "Use Proxy")                                                                            \
    X(307, "Temporary Redirect")                                                                   \
    X(308, "Permanent Redirect")                                                                   \
    X(400, "Bad Request")                                                                          \
    X(401, "Unauthorized")                                                                         \
    X(402, "Payment Required")                                                                     \
    X(403, "Forbidden")                                                                            \
    X(404, "Not Found")                                                                            \
    X(405, "Method Not Allowed")                                                                   \
    X(406, "Not Acceptable")                                                                       \
    X(407, "Proxy Authentication Required")                                                        \
    X(408, "Request Timeout")                                                                      \
    X(409, "Conflict")                                                                             \
    X(410, "Gone")                                                                                 \
    X(411, "Length Required")                                                                      \
    X(412, "Precondition Failed")                                                                  \
    X(413, "Content Too Large")                                                                    \
    X(414, "URI Too Long")                                                                         \
    X(415, "Unsupported Media Type")                                                               \
    X(416, "Range Not Satisfiable")                                                                \
    X(417, "Expectation Failed")                                                                   \
    X(421, "Misdirected Request")                                                                  \
    X(422, "Unprocessable Content")                                                                \
    X(423, "Locked")                                                                               \
    X(424, "Failed Dependency")                                                                    \
    X(425, "Too Early")                                                                            \
    X(426, "Upgrade Required")                                                                     \
    X(428, "Precondition Required")                                                                \
    X(429, "Too Many Requests")                                                                    \
    X(431, "Request Header Fields Too Large")                                                      \
    X(451, "Unavailable For Legal Reasons")                                                        \
    X(500, "Internal Server Error")                                                                \
    X(501, "Not Implemented")                                                                      \
    X(502, "Bad Gateway")                                                                          \
    X(503, "Service Unavailable")                                                                  \
    X(504, "Gateway Timeout")                                                                      \
    X(505, "HTTP Version Not Supported")                                                           \
    X(506, "Variant Also Negotiates")                                                              \
    X(507, "Insufficient Storage")                                                                 \
    X(508, "Loop Detected")                                                                        \
    X(510, "Not Extended")                                                                         \
    X(511, "Network Authentication Required")

#define START "HTTP/1.1 100 " /* as long as with every code */

/* Of one size, so that a line is found without a pointer that the loader would have to fill in. */
struct line {
    uint8_t n;
    char text[WR_STATUS_LINE_MAX];
};

static const struct line lines[] = {
#define X(code, phrase)                                                                            \
    {sizeof("HTTP/1.1 " #code " " phrase "\r\n") - 1, "HTTP/1.1 " #code " " phrase "\r\n"},
    STATUSES(X)
#undef X
};

enum number {
#define X(code, phrase) NUMBER_##code,
    STATUSES(X)
#undef X
};

/* 1 + the number of the line; 0: there is none. */
static const uint8_t numbers[] = {
#define X(code, phrase) [(code)-100] = NUMBER_##code + 1,
    STATUSES(X)
#undef X
};

struct wr_slice wr_status_line(int status)
{
    unsigned at = (unsigned)status - 100U;
    const struct line *line;

    if (at >= sizeof numbers || numbers[at] == 0)
        return wr_slice(NULL, 0);
    line = &lines[numbers[at] - 1];
    return wr_slice(line->text, line->n);
}

struct wr_slice wr_status_reason(int status)
{
    struct wr_slice line = wr_status_line(status);
    size_t around = strlen(START) + strlen("\r\n");

    return line.p ? wr_slice(line.p + strlen(START), line.n - around) : WR_SLICE("");
}
