/*
 * violations.c — the rules that a request can break, and what has to be answered.
 *
 * After any of these the connection is closed and no byte behind it is taken for a request. Where
 * a rule leaves the choice ("MAY accept"), what Weir documents counts (core/http/h1_parse.h).
 * A second status stands where the RFC names one and a more specific one is as good.
 */
#include "model.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define X10    "xxxxxxxxxx"
#define X100   X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X1000  X100 X100 X100 X100 X100 X100 X100 X100 X100 X100
#define X10000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000
#define F5     "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\n"
#define EXT100                                                                                     \
    ";aaaa=bbbb;aaaa=bbbb;aaaa=bbbb;aaaa=bbbb;aaaa=bbbb;aaaa=bbbb;aaaa=bbbb;aaaa=bbbb;aaaa=b;a=c"
#define EXT1000 EXT100 EXT100 EXT100 EXT100 EXT100 EXT100 EXT100 EXT100 EXT100 EXT100

#define LINE(rule, status, text)                                                                   \
    {                                                                                              \
        rule, status, 0, S(text), {0}, {0}, {0}, 0                                                 \
    }
#define HOST(rule, status, text)                                                                   \
    {                                                                                              \
        rule, status, 0, {0}, S(text), {0}, {0}, 0                                                 \
    }
#define FIELD(rule, status, text)                                                                  \
    {                                                                                              \
        rule, status, 0, {0}, {0}, S(text), {0}, 0                                                 \
    }
#define EITHER(rule, status, status2, text)                                                        \
    {                                                                                              \
        rule, status, status2, {0}, {0}, S(text), {0}, 0                                           \
    }
#define OLD(rule, status, text)                                                                    \
    {                                                                                              \
        rule, status, 0, S("POST /never HTTP/1.0\r\n"), {0}, S(text), {0}, 0                       \
    }

const struct model_violation model_head_violations[] = {
    /* request line */
    LINE("9112 3: single spaces", 400, "GET  /never HTTP/1.1\r\n"),
    LINE("9112 3: single spaces", 400, "GET /never  HTTP/1.1\r\n"),
    LINE("9112 3: spaces, no tabs", 400, "GET\t/never HTTP/1.1\r\n"),
    LINE("9112 3: nothing behind the version", 400, "GET /never HTTP/1.1 \r\n"),
    LINE("9112 3: nothing before the method", 400, " GET /never HTTP/1.1\r\n"),
    LINE("9112 3.1: a token", 400, "G(T /never HTTP/1.1\r\n"),
    LINE("9112 3.1: a token, not empty", 400, " /never HTTP/1.1\r\n"),
    LINE("9112 3.1: a token", 400, "GET\xff /never HTTP/1.1\r\n"),
    LINE("9112 2.3: name of the protocol in capitals", 400, "GET /never http/1.1\r\n"),
    LINE("9112 2.3: one digit", 400, "GET /never HTTP/1.10\r\n"),
    LINE("9112 2.3: digits", 400, "GET /never HTTP/1.\r\n"),
    LINE("9112 2.3: digits", 400, "GET /never HTTP/+1.1\r\n"),
    LINE("9112 3: no HTTP/0.9", 400, "GET /never\r\n"),
    LINE("9110 15.6.6: another major version", 505, "GET /never HTTP/2.0\r\n"),
    LINE("9110 15.6.6: another major version", 505, "GET /never HTTP/0.9\r\n"),
    LINE("9113 3.4: preface of HTTP/2", 505, "PRI * HTTP/2.0\r\n"),
    LINE("9112 3.2: a form of target", 400, "GET never HTTP/1.1\r\n"),
    LINE("9112 3.2.4: the asterisk is of OPTIONS", 400, "GET * HTTP/1.1\r\n"),
    LINE("9112 3.2: no control characters", 400, "GET /ne\x01ver HTTP/1.1\r\n"),
    LINE("9112 3.2: no control characters", 400, "GET /ne\0ver HTTP/1.1\r\n"),
    LINE("9112 3.2: no control characters", 400, "GET /ne\x7fver HTTP/1.1\r\n"),
    LINE("9112 3.2: no fragment", 400, "GET /never#a HTTP/1.1\r\n"),
    LINE("3986 2.1: two hex digits", 400, "GET /never%0g HTTP/1.1\r\n"),
    LINE("target.h: no NUL", 400, "GET /never%00 HTTP/1.1\r\n"),
    LINE("target.h: not above the root", 400, "GET /../never HTTP/1.1\r\n"),
    LINE("9110 4.2.1: a host", 400, "GET http:///never HTTP/1.1\r\n"),
    LINE("9110 4.2.4: no user information", 400, "GET http://u@a/never HTTP/1.1\r\n"),
    LINE("9112 3.2.2: a scheme of ours", 400, "GET ftp://a/never HTTP/1.1\r\n"),
    LINE("9112 2.2: CRLF", 400, "GET /never HTTP/1.1\n"),
    LINE("9112 2.2: CRLF", 400, "GET /never HTTP/1.1\r"),
    LINE("9112 2.2: CRLF", 400, "GET /never\rHTTP/1.1\r\n"),
    LINE("9110 15.5.15: target too long", 414, "GET /" X1000 " HTTP/1.1\r\n"),

    /* Host */
    HOST("9112 3.2: a Host", 400, ""),
    HOST("9112 3.2: one Host", 400, "Host: a\r\nHost: a\r\n"),
    HOST("9112 3.2: one Host", 400, "Host: a\r\nhost: b\r\n"),
    HOST("9112 3.2: a valid Host", 400, "Host: a b\r\n"),
    HOST("9112 3.2: a valid Host", 400, "Host: a/b\r\n"),
    HOST("9112 3.2: one Host", 400, "Host: a\r\nHost:\r\n"),
    HOST("9112 3.2: a valid Host", 400, "Host: a:b\r\n"),
    HOST("9112 3.2: a valid Host", 400, "Host: a:65536\r\n"),
    HOST("9112 3.2: a valid Host", 400, "Host: u@a\r\n"),
    HOST("9112 3.2: a valid Host", 400, "Host: [::1\r\n"),

    /* field lines */
    FIELD("9112 5: a colon", 400, "Never\r\n"),
    FIELD("9112 5.1: no white space before the colon", 400, "Content-Length : 3\r\n"),
    FIELD("9112 5.1: no white space before the colon", 400, "Transfer-Encoding\t: chunked\r\n"),
    FIELD("9112 5.1: a name", 400, ": never\r\n"),
    FIELD("9112 5.1: a token", 400, "Ne ver: a\r\n"),
    FIELD("9112 5.1: a token", 400, "Ne(er: a\r\n"),
    FIELD("9112 5.1: a token", 400, "Ne\0er: a\r\n"),
    FIELD("9112 5.1: a token", 400, "Ne\xe9r: a\r\n"),
    FIELD("9112 5.2: no folding", 400, "Never: a\r\n Content-Length: 3\r\n"),
    FIELD("9112 5.2: no folding", 400, "Never:\r\n\ta\r\n"),
    FIELD("9110 5.5: no NUL", 400, "Never: a\0b\r\n"),
    FIELD("9110 5.5: no control characters", 400, "Never: a\x1b\r\n"),
    FIELD("9110 5.5: no control characters", 400, "Never: a\x7f\r\n"),
    FIELD("9112 2.2: no bare CR", 400, "Never: a\rb\r\n"),
    FIELD("9112 2.2: no bare CR", 400, "Never: a\r\r\n"),
    FIELD("9112 2.2: CRLF", 400, "Never: a\n"),
    FIELD("9112 2.2: CRLF", 400, "Never: a\nContent-Length: 3\r\n"),
    FIELD("9112 2.2: CRLF", 400, "Never: a\r\n\nGET /never HTTP/1.1\r\n"),
    FIELD("6585 5: fields too many", 431, F5 F5 F5 F5 "z:\r\n"),
    FIELD("6585 5: head too long", 431, "Never: " X1000 X1000 X1000 X1000 "\r\n"),

    /* framing */
    FIELD("9112 6.3: digits", 400, "Content-Length: +3\r\n"),
    FIELD("9112 6.3: digits", 400, "Content-Length: -3\r\n"),
    FIELD("9112 6.3: digits", 400, "Content-Length: 3 3\r\n"),
    FIELD("9112 6.3: digits", 400, "Content-Length: 0x3\r\n"),
    FIELD("9112 6.3: digits", 400, "Content-Length: 3.0\r\n"),
    FIELD("9112 6.3: digits", 400, "Content-Length: \"3\"\r\n"),
    FIELD("9112 6.3: digits", 400, "Content-Length: three\r\n"),
    FIELD("9112 6.3: digits", 400, "Content-Length:\r\n"),
    FIELD("9112 6.3: a list is invalid", 400, "Content-Length: 3, 4\r\n"),
    FIELD("9112 6.3: a list may be refused", 400, "Content-Length: 3, 3\r\n"),
    FIELD("9112 6.3: once", 400, "Content-Length: 3\r\nContent-Length: 4\r\n"),
    FIELD("9112 6.3: once", 400, "Content-Length: 3\r\ncontent-length: 3\r\n"),
    FIELD("9110 8.6: larger than anything", 413, "Content-Length: 9223372036854775808\r\n"),
    FIELD("9110 8.6: larger than anything", 413, "Content-Length: 18446744073709551619\r\n"),
    FIELD("9110 15.5.14: content too large", 413, "Content-Length: 20006\r\n"),
    FIELD("9112 6.1: not both", 400, "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
    FIELD("9112 6.1: not both", 400, "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
    EITHER("9112 6.1: a coding of ours", 400, 501, "Transfer-Encoding: gzip\r\n"),
    EITHER("9112 6.1: a coding of ours", 501, 400, "Transfer-Encoding: gzip, chunked\r\n"),
    EITHER("9112 6.3: chunked comes last", 400, 0, "Transfer-Encoding: chunked, gzip\r\n"),
    EITHER("9112 6.1: a coding of ours", 400, 501, "Transfer-Encoding: identity\r\n"),
    EITHER("9112 6.1: a coding of ours", 400, 501, "Transfer-Encoding: xchunked\r\n"),
    EITHER("9112 6.1: a coding of ours", 400, 501, "Transfer-Encoding: chunked;q=1\r\n"),
    EITHER("9112 6.1: a coding of ours", 400, 501, "Transfer-Encoding: \"chunked\"\r\n"),
    FIELD("9112 6.1: chunked once", 400, "Transfer-Encoding: chunked, chunked\r\n"),
    FIELD("9112 6.1: chunked once", 400,
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    EITHER("9112 6.1: a coding of ours", 400, 501,
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"),
    FIELD("9112 6.1: a coding", 400, "Transfer-Encoding:\r\n"),
    FIELD("9112 5.1: no vertical tab", 400,
          "Transfer-Encoding: \x0b"
          "chunked\r\n"),
    OLD("9112 6.1: none in HTTP/1.0", 400, "Transfer-Encoding: chunked\r\n"),
    OLD("9112 6.1: none in HTTP/1.0", 400, "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),

    /* expectations */
    FIELD("9110 10.1.1: another expectation", 417, "Expect: 200-ok\r\n"),
    FIELD("9110 10.1.1: another expectation", 417, "Expect: 100-continue, x\r\n"),
};
const size_t model_head_violations_n =
    sizeof model_head_violations / sizeof model_head_violations[0];

#define CHUNK(rule, status, text, delivered)                                                       \
    {                                                                                              \
        rule, status, 0, {0}, {0}, {0}, S(text), delivered                                         \
    }

const struct model_violation model_chunk_violations[] = {
    CHUNK("9112 7.1: a size", 400, "\r\n", 0),
    CHUNK("9112 7.1: a size", 400, ";a=b\r\n", 0),
    CHUNK("9112 7.1: hex digits", 400, "g\r\nnever", 0),
    CHUNK("9112 7.1: hex digits", 400, "0x5\r\nnever\r\n", 0),
    CHUNK("9112 7.1: hex digits", 400, "-5\r\nnever\r\n", 0),
    CHUNK("9112 7.1: hex digits", 400, "+5\r\nnever\r\n", 0),
    CHUNK("9112 7.1: hex digits", 400, " 5\r\nnever\r\n", 0),
    CHUNK("9112 7.1: hex digits", 400, "5_0\r\nnever\r\n", 0),
    CHUNK("9112 7.1: CRLF", 400, "5\nnever\r\n", 0),
    CHUNK("9112 7.1: CRLF", 400, "5\rnever\r\n", 0),
    CHUNK("9112 7.1: CRLF", 400, "5\r\rnever\r\n", 0),
    CHUNK("9112 7.1: not beyond any number", 413, "8000000000000000\r\n", 0),
    CHUNK("9112 7.1: not beyond any number", 413, "10000000000000000\r\n", 0),
    CHUNK("9112 7.1: not beyond any number", 413, "fffffffffffffffff5\r\nnever\r\n", 0),
    CHUNK("9112 7.1: CRLF behind the data", 400, "3\r\nnever\r\n", 3),
    CHUNK("9112 7.1: CRLF behind the data", 400, "5\r\nnever0\r\n\r\n", 5),
    CHUNK("9112 7.1: CRLF behind the data", 400, "5\r\nnever\n0\r\n\r\n", 5),
    CHUNK("9112 7.1: CRLF behind the data", 400, "5\r\nnever\r0\r\n\r\n", 5),
    CHUNK("9110 15.5.14: content too large", 413, "4e26\r\n" X10000 X10000 "xxxxxx\r\n0\r\n\r\n",
          20006),
    CHUNK("9112 7.1.1: a name", 400, "5;\r\nnever\r\n", 0),
    CHUNK("9112 7.1.1: a name", 400, "5;=a\r\nnever\r\n", 0),
    CHUNK("9112 7.1.1: a value", 400, "5;a=\r\nnever\r\n", 0),
    CHUNK("9112 7.1.1: a quoted string ends", 400, "5;a=\"b\r\nnever\r\n", 0),
    CHUNK("9112 7.1.1: no control characters", 400, "5;a=\"\x01\"\r\nnever\r\n", 0),
    CHUNK("9112 7.1.1: no bare LF", 400, "5;a\nnever\r\n", 0),
    CHUNK("9112 7.1.1: a semicolon between", 400, "5 a\r\nnever\r\n", 0),
    CHUNK("9112 7.1.1: bounded", 431,
          "5" EXT1000 EXT1000 EXT1000 EXT1000 EXT1000 EXT1000 EXT1000 EXT1000 EXT1000 EXT1000
              EXT1000 EXT1000 EXT1000 EXT1000 EXT1000 EXT1000 EXT1000 EXT1000 EXT1000 EXT1000
          "\r\nnever\r\n",
          0),
    CHUNK("9112 7.1.2: a colon", 400, "0\r\nNever\r\n\r\n", 0),
    CHUNK("9112 7.1.2: a name", 400, "0\r\n: never\r\n\r\n", 0),
    CHUNK("9112 7.1.2: no white space before the colon", 400, "0\r\nNever : a\r\n\r\n", 0),
    CHUNK("9112 7.1.2: no folding", 400, "0\r\nNever: a\r\n b\r\n\r\n", 0),
    CHUNK("9112 7.1.2: no NUL", 400, "0\r\nNever: \0\r\n\r\n", 0),
    CHUNK("9112 7.1.2: CRLF", 400, "0\r\nNever: a\n\r\n", 0),
    CHUNK("9112 7.1: CRLF", 400, "0\r\n\n", 0),
    CHUNK("9112 7.1: CRLF", 400, "0\r\n\rGET /never HTTP/1.1\r\n", 0),
    CHUNK("9112 7.1: CRLF", 400, "0\n\n", 0),
};
const size_t model_chunk_violations_n =
    sizeof model_chunk_violations / sizeof model_chunk_violations[0];
