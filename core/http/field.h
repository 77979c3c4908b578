/*
 * field.h — names of fields and characters of names and values. RFC 9110 5.
 *
 * Fields that the core or the static handler reads get a number when they are parsed, so that
 * looking one up is an index and not a search.
 */
#ifndef WR_HTTP_FIELD_H
#define WR_HTTP_FIELD_H

#include <stdint.h>

#include "base/slice.h"

/* id, name in lower case; wr_field_id_of() has them again, by their lengths */
#define WR_FIELDS(X)                                                                               \
    X(HOST, "host")                                                                                \
    X(RANGE, "range")                                                                              \
    X(COOKIE, "cookie")                                                                            \
    X(EXPECT, "expect")                                                                            \
    X(REFERER, "referer")                                                                          \
    X(IF_MATCH, "if-match")                                                                        \
    X(IF_RANGE, "if-range")                                                                        \
    X(CONNECTION, "connection")                                                                    \
    X(USER_AGENT, "user-agent")                                                                    \
    X(CONTENT_TYPE, "content-type")                                                                \
    X(IF_NONE_MATCH, "if-none-match")                                                              \
    X(CONTENT_LENGTH, "content-length")                                                            \
    X(ACCEPT_ENCODING, "accept-encoding")                                                          \
    X(IF_MODIFIED_SINCE, "if-modified-since")                                                      \
    X(TRANSFER_ENCODING, "transfer-encoding")                                                      \
    X(IF_UNMODIFIED_SINCE, "if-unmodified-since")

enum wr_field_id {
#define X(id, name) WR_FIELD_##id,
    WR_FIELDS(X)
#undef X
        WR_FIELD_COUNT,
    WR_FIELD_OTHER = WR_FIELD_COUNT
};

struct wr_field {
    struct wr_slice name;  /* as it came */
    struct wr_slice value; /* without white space around it */
    enum wr_field_id id;
};

/* Of a token in any case; WR_FIELD_OTHER for those not in the table above. */
enum wr_field_id wr_field_id_of(struct wr_slice name);

/* Classes of octets, one look-up each. */
enum {
    WR_CHAR_TOKEN = 1,
    WR_CHAR_VALUE = 2,
    WR_CHAR_TARGET = 4,
    WR_CHAR_NAME = 8,
    WR_CHAR_SEGMENT = 16 /* of a target, and means nothing there: not '/', '%', '#' */
};
extern const uint8_t wr_char_class[256];

/* tchar of RFC 9110 5.6.2 */
static inline bool wr_is_tchar(char c)
{
    return wr_char_class[(unsigned char)c] & WR_CHAR_TOKEN;
}

/* field-vchar, SP, HTAB and obs-text of RFC 9110 5.5 */
static inline bool wr_is_value_char(char c)
{
    return wr_char_class[(unsigned char)c] & WR_CHAR_VALUE;
}

/* What a request target may have: every octet above 0x20 but DEL and '#', so also raw UTF-8. */
static inline bool wr_is_target_char(char c)
{
    return wr_char_class[(unsigned char)c] & WR_CHAR_TARGET;
}

/* unreserved and sub-delims of RFC 3986 2.2 and 2.3: a reg-name without its percent escapes */
static inline bool wr_is_name_char(char c)
{
    return wr_char_class[(unsigned char)c] & WR_CHAR_NAME;
}

/* The first octet from p on that is not of the class, or end. For values see below. */
static inline const char *wr_skip_class(const char *p, const char *end, uint8_t class_bits)
{
    const unsigned char *s = (const unsigned char *)p;

    for (; end - p >= 4; p += 4, s += 4) {
        if (!(wr_char_class[s[0]] & class_bits))
            return p;
        if (!(wr_char_class[s[1]] & class_bits))
            return p + 1;
        if (!(wr_char_class[s[2]] & class_bits))
            return p + 2;
        if (!(wr_char_class[s[3]] & class_bits))
            return p + 3;
    }
    while (p < end && wr_char_class[(unsigned char)*p] & class_bits)
        p++;
    return p;
}

/* wr_skip_class() of WR_CHAR_VALUE, for values are long: eight octets at once, as long as none is
 * below 0x20 or DEL. One above 0x7F passes, as it should, or is looked at by itself. */
static inline const char *wr_skip_value(const char *p, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;

    while (end - p >= 8) {
        uint64_t eight, del;

        memcpy(&eight, p, sizeof eight);
        del = eight ^ ones * 0x7F;
        if ((((eight - ones * 0x20) & ~eight) | ((del - ones) & ~del)) & highs)
            break;
        p += 8;
    }
    return wr_skip_class(p, end, WR_CHAR_VALUE);
}

bool wr_is_token(struct wr_slice s); /* at least one character */

/*
 * May a field of this name stand behind the content? Not one that frames, routes, authenticates, changes
 * what is asked or answered, or says how to read the content (RFC 9110 6.5.1, the lists of RFC 7230
 * 4.1.2): whoever has dealt with the header would be told too late.
 */
bool wr_field_may_trail(struct wr_slice name);

/* Does a list of tokens (Connection, Transfer-Encoding …) have `token`, in any case? */
bool wr_list_has_token(struct wr_slice list, struct wr_slice token);

#endif
